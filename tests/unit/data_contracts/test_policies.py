"""What an audience may rely on, and what policies and profiles may say."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from data_contracts.disclosure import (
    SUPPRESSED,
    DonorPolicy,
    PeoplePolicy,
    contract_for,
    load_policy,
    read_policy,
)
from data_contracts.loader import (
    CONTRACTS_DIR,
    MAX_YAML_BYTES,
    Adjustment,
    ContractError,
    Control,
    Expected,
    Join,
    SentAt,
    load_marts,
    read_yaml,
)

PEOPLE = "mart_households_yearly"


def test_inside_a_contract_is_whole_and_a_food_bank_may_have_no_row() -> None:
    whole = load_marts()[PEOPLE]
    assert contract_for(PEOPLE, "data_team") == whole
    own = contract_for(PEOPLE, "food_banks/bourgogne")
    assert own.columns == whole.columns
    assert own.minimum_rows == 0
    # A publication has indicators; a food bank that delivered nothing yet has none.
    assert contract_for("mart_indicators", "data_team").minimum_rows == 1
    assert contract_for("mart_indicators", "food_banks/bourgogne").minimum_rows == 0
    assert contract_for("mart_indicators", "public").minimum_rows == 0


@pytest.mark.parametrize("audience", ["public", "metropole/242100410"])
def test_outside_counts_of_people_may_be_hidden_and_keys_may_not(audience: str) -> None:
    contract = contract_for(PEOPLE, audience)
    assert contract.minimum_rows == 0
    assert contract.columns[-1].name == SUPPRESSED and contract.columns[-1].is_required
    assert "anonymous_parcels" not in [column.name for column in contract.columns]
    for column in contract.columns[:-1]:
        inside = load_marts()[PEOPLE].column(column.name)
        assert column.is_required == (inside.is_required and inside.is_key), column.name


def test_outside_flows_have_a_code_for_what_was_merged() -> None:
    merged = load_policy().donors.merged_code
    contract = contract_for("mart_flows_monthly", "public")
    assert merged in contract.column("channel").codes
    assert merged not in load_marts()["mart_flows_monthly"].column("channel").codes
    assert not contract.column("weight_kg").is_required
    assert "site_id" not in [column.name for column in contract.columns]


def test_a_mart_shown_as_it_is_keeps_its_columns() -> None:
    inside = load_marts()["mart_orders_weekly"]
    assert contract_for("mart_orders_weekly", "public").columns == inside.columns


@pytest.mark.parametrize(
    ("name", "refused", "accepted"),
    [("threshold", 1, 2), ("rounding", 0, 1), ("possible_values", 1, 2),
     ("hidden_parcels_rounding_kg", 0, 1), ("household_kg", 0, 1), ("household_eur", 0, 1),
     ("edition_months", 0, 1)],
)  # fmt: skip
def test_a_policy_that_protects_nothing_is_refused(name: str, refused: int, accepted: int) -> None:
    values = {
        "threshold": 11, "rounding": 5, "possible_values": 5, "hidden_parcels_rounding_kg": 500,
        "household_kg": 10, "household_eur": 100, "edition_months": 24,
    }  # fmt: skip
    assert getattr(PeoplePolicy.model_validate(values | {name: accepted}), name) == accepted
    with pytest.raises(ValidationError, match=name):
        PeoplePolicy.model_validate(values | {name: refused})


POLICY = (CONTRACTS_DIR / "disclosure.yaml").read_text(encoding="utf-8")


def test_every_mart_has_its_line_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"

    def refuse(*changes: tuple[str, str]) -> str:
        text = POLICY
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ContractError) as error:
            read_policy(path)
        return str(error.value)

    assert refuse(("  mart_targets:", "  mart_aims:"), ("  mart_events:", "  mart_feasts:")) == (
        "policy.yaml: the policy: mart_aims: every mart, and no other, has its line"
    )
    assert refuse(("dropped: [site_id, made_by]", "dropped: [weight, site_id, aim]")) == (
        "policy.yaml: the policy: mart_transformations_monthly has no column aim"
    )
    assert refuse(("maximum_share: 0.85", "maximum_share: 1.1")).startswith(
        "policy.yaml: donors.maximum_share: "
    )


def test_audiences_read_their_marts_in_order() -> None:
    policy = load_policy()
    assert policy.marts_of("data_team") == policy.marts_of("food_banks/x") == sorted(load_marts())
    public, metropole = (policy.marts_of(name) for name in ("public", "metropole/242100410"))
    assert public == sorted(public) and set(public) < set(metropole) < set(load_marts())
    assert set(metropole) - set(public) == {"mart_funding_monthly", "mart_partners_monthly"}


def test_a_donor_policy_asks_for_a_donor_and_a_share() -> None:
    donors = {"minimum_donors": 1, "maximum_share": 1.0, "merged_code": "protected",
              "channels_without_donors": []}  # fmt: skip
    assert DonorPolicy.model_validate(donors).minimum_donors == 1
    for wrong in ({"minimum_donors": 0}, {"maximum_share": 0.0}, {"maximum_share": 1.01}):
        with pytest.raises(ValidationError, match=next(iter(wrong))):
            DonorPolicy.model_validate(donors | wrong)


def test_a_file_is_expected_every_day_of_the_week_unless_the_profile_says_which() -> None:
    assert Expected(every="day").weekdays == [1, 2, 3, 4, 5, 6, 7]
    assert Expected(every="day").days == 1
    assert Expected(every="day", weekdays=[1, 7]).weekdays == [1, 7]
    for weekdays in ([], [0], [8], [1, 8]):
        with pytest.raises(ValidationError, match="weekdays"):
            Expected(every="day", weekdays=weekdays)
    assert [Expected(every="week", days=days).days for days in (0, 60)] == [0, 60]
    for days in (-1, 61):
        with pytest.raises(ValidationError, match="days"):
            Expected(every="day", days=days)


def test_a_tare_ends_on_its_first_day_or_later() -> None:
    first, last = date(2024, 3, 1), date(2024, 3, 2)
    tare = {"column": "weight_kg", "add": -0.1, "reason": "crates weighed with the food"}
    for one, other in ((first, last), (first, first), (first, None), (None, last)):
        read = Adjustment.model_validate(tare | {"first_day": one, "last_day": other})
        assert (read.first_day, read.last_day, read.add) == (one, other, Decimal("-0.1"))
    with pytest.raises(ValidationError, match="last_day lies before first_day"):
        Adjustment.model_validate(tare | {"first_day": last, "last_day": first})


def test_a_join_names_keys_and_columns() -> None:
    assert Join(lookup="a.csv", by={"x": "y"}, columns=["z"]).columns == ["z"]
    with pytest.raises(ValidationError, match="columns"):
        Join(lookup="a.csv", by={"x": "y"}, columns=[])
    with pytest.raises(ValidationError, match="by"):
        Join(lookup="a.csv", by={}, columns=["z"])


def test_a_control_checks_something() -> None:
    assert Control(rows={"label": ["Total"]}, count="n").sums == []
    with pytest.raises(ValidationError, match="sums, count or both"):
        Control(rows={"label": ["Total"]})
    with pytest.raises(ValidationError, match="rows"):
        Control(rows={}, count="n")


def test_when_a_file_was_sent_comes_from_one_place() -> None:
    with pytest.raises(ValidationError, match="one of name and column"):
        SentAt(date_format="%Y")
    with pytest.raises(ValidationError, match="one of name and column"):
        SentAt(name="(x)", column="y", date_format="%Y")
    with pytest.raises(ValidationError, match="one group"):
        SentAt(name="x", date_format="%Y")
    assert SentAt(name="(x)", date_format="%Y").column is None


def test_an_error_of_yaml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\nb: [1\nc: 2\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"x\.yaml, line 3"):
        read_yaml(path)
    path.write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"x\.yaml, line 2"):
        read_yaml(path)
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(ContractError, match="not plain YAML"):
        read_yaml(path)
    path.write_text("#" * (MAX_YAML_BYTES + 1), encoding="utf-8")
    with pytest.raises(ContractError, match="larger than"):
        read_yaml(path)
    path.write_text("#" * MAX_YAML_BYTES, encoding="utf-8")
    assert read_yaml(path) is None
