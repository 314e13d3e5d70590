"""Identifiers of people are replaced, and columns that nobody knows dropped, before all else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.loader import ContractError, SourceProfile
from pipelines.ingest.parsing import ParsedTable, parse_table
from pipelines.ingest.redaction import normalise_identity, redact
from pipelines.ingest.targets import find_targets
from pipelines.settings import Settings, SettingsError
from pipelines.store import Pseudonymizer, load_pseudonymizer, make_key_file

PETITE, GRANDE = Pseudonymizer((b"p" * 32,), b"c" * 32), Pseudonymizer((b"g" * 32,), b"d" * 32)


def redact_own(text: str, key: Pseudonymizer = PETITE, record: str = "parcels") -> ParsedTable:
    return redact(parse_table(text.encode()), find_targets(f"{record}/x.csv", None), key)[0]


def make_profile(columns: dict[str, Any], **file: Any) -> SourceProfile:
    described = {"name": "colis", "match": "*", "record": "parcels", "columns": columns, **file}
    return SourceProfile.model_validate(
        {"food_bank_id": "petite", "version": "1", "files": [described]}
    )


def test_personal_values_leave_the_table_and_the_others_stay() -> None:
    table = redact_own("parcel_id,line_no,household_id,insee_code\nC1,1,Durand-7,21231\n")
    row = table.frame.row(0, named=True)
    assert row["household_id"] == PETITE.hash_identity("Durand-7")
    assert len(row["household_id"]) == 32
    assert (row["parcel_id"], row["insee_code"]) == ("C1", "21231")


@pytest.mark.parametrize("name", ["nom", "téléphone", "_nom", "_source_column", "_encoding"])
def test_a_column_that_nobody_knows_is_dropped_and_named(name: str) -> None:
    text = f"parcel_id,line_no,{name}\nC1,1,Durand\n"
    targets = find_targets("parcels/x.csv", None)
    table, dropped, differs = redact(parse_table(text.encode()), targets, PETITE)
    assert (table.columns, dropped, differs) == (["parcel_id", "line_no"], [name], True)
    assert "Durand" not in str(table.frame.rows())


def test_a_file_of_known_columns_without_people_is_kept_as_it_was_sent() -> None:
    text = "receipt_id,line_no,quantity\nR1,1,5\n"
    targets = find_targets("receipts/x.csv", None)
    table, dropped, differs = redact(parse_table(text.encode()), targets, PETITE)
    assert (dropped, differs) == ([], False)
    assert table.frame.equals(parse_table(text.encode()).frame)


def test_a_personal_column_is_known_in_any_case() -> None:
    table = redact_own("PARCEL_ID,Line_No,Household_ID\nC1,1,Durand\n")
    assert table.frame["Household_ID"].to_list() == [PETITE.hash_identity("Durand")]


@pytest.mark.parametrize(
    ("written", "same"),
    [("7", "007"), ("7", " 7 "), ("é", "e\u0301"), ("0", "000"), ("F-07", "F-07\u00a0")],
)
def test_spellings_of_one_identifier_hash_the_same(written: str, same: str) -> None:
    table = redact_own(f"parcel_id,line_no,household_id\nC1,1,{written}\nC2,1,{same}\n")
    first, second = table.frame["household_id"].to_list()
    assert first == second


@pytest.mark.parametrize(("one", "other"), [("7", "70"), ("F-7", "F-07"), ("0", "1"), ("a", "A")])
def test_different_identifiers_hash_differently(one: str, other: str) -> None:
    assert PETITE.hash_identity(normalise_identity(one)) != PETITE.hash_identity(
        normalise_identity(other)
    )


def test_two_food_banks_hash_the_same_household_differently() -> None:
    text = "parcel_id,line_no,household_id\nC1,1,7\n"
    assert redact_own(text).frame["household_id"][0] != redact_own(text, GRANDE).frame[
        "household_id"
    ][0]  # fmt: skip


def test_an_absent_identifier_stays_absent() -> None:
    table = redact_own("parcel_id,line_no,household_id\nC1,1,\nC2,1,  \n")
    assert table.frame["household_id"].to_list() == ["", ""]


def test_rows_keep_their_order_and_lines() -> None:
    table = redact_own("parcel_id,line_no,household_id\nC1,1,b\n\nC2,1,a\nC3,1,b\n")
    assert table.frame["_source_line"].to_list() == [2, 4, 5]
    assert table.frame["household_id"].n_unique() == 2
    assert table.frame["household_id"][0] == table.frame["household_id"][2]


@pytest.mark.parametrize("order", [1, -1])
def test_a_source_column_that_is_read_twice_is_still_an_identifier(order: int) -> None:
    columns = {"household_id": {"source": "Foyer"}, "parcel_id": {"source": "Foyer"},
               "line_no": {"constant": "1"}, "lot_id": {"template": "L{Foyer}"}}  # fmt: skip
    profile = make_profile(dict(list(columns.items())[::order]))
    table, _, differs = redact(
        parse_table(b"Foyer,Note\nDurand,x\n"), find_targets("x.csv", profile), PETITE
    )
    assert differs
    assert table.columns == ["Foyer"]
    assert "Durand" not in str(table.frame.rows())


@pytest.mark.parametrize(
    "source",
    [{"template": "{nom}-{ville}"}, {"constant": "x"}, {"source": "valeur"}, {"source": "rang"},
     {"source": "foyer"}],
)  # fmt: skip
def test_a_profile_that_would_read_people_past_the_redaction_is_refused(
    source: dict[str, str],
) -> None:
    unpivot = {"columns": r"^(?P<foyer>\w+) kg$", "value": "valeur", "position": "rang"}
    profile = make_profile({"household_id": source}, unpivot=unpivot)
    with pytest.raises(ContractError, match="household_id is personal"):
        find_targets("x.csv", profile)


@given(st.text(min_size=1, max_size=12))
def test_a_normalised_identifier_is_its_own_normal_form(identifier: str) -> None:
    once = normalise_identity(identifier)
    assert normalise_identity(once) == once


def settings_of(folder: Path, key: str | None) -> Settings:
    return Settings(data_dir=folder, pseudonym_key=key, _env_file=None)  # type: ignore[arg-type, call-arg]


def test_keys_are_derived_from_the_secret_for_each_food_bank_and_use(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "s" * 32)
    one, other = (load_pseudonymizer(settings, name) for name in ("petite", "grande"))
    assert one == load_pseudonymizer(settings, "petite")
    assert len({*one.identity_keys, one.content_key, *other.identity_keys, other.content_key}) == 4
    changed = load_pseudonymizer(settings_of(tmp_path, "t" * 32), "petite")
    assert changed.hash_identity("7") != one.hash_identity("7")


def test_without_a_key_or_with_a_short_one_nothing_is_hashed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="COLLECTO_PSEUDONYM_KEY is not set"):
        load_pseudonymizer(settings_of(tmp_path, None), "petite")
    with pytest.raises(SettingsError, match="at least 32 characters"):
        load_pseudonymizer(settings_of(tmp_path, "short-secret"), "petite")


def test_the_key_of_a_demonstration_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, None)
    make_key_file(settings)
    first = settings.key_file.read_text(encoding="utf-8")
    make_key_file(settings)
    assert settings.key_file.read_text(encoding="utf-8") == first
    assert settings.key_file.stat().st_mode & 0o077 == 0
    assert load_pseudonymizer(settings, "petite").hash_identity("7")
