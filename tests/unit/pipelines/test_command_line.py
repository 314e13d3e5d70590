"""The command line: one line per error with its exit status, JSON with the keys promised."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from data_contracts.access_log import append_access, name_reader
from pipelines import answers, cli
from pipelines.answers import describe_deliveries, describe_quarantine, print_json
from pipelines.runs import RefreshSummary
from pipelines.settings import now
from pipelines.store import DeliveryStore, QuarantinedRow, RecordOutcome
from tests.conftest import DataFolder
from tests.fixtures.deliveries import add_parsed
from tests.fixtures.publication import write_publication

AT = datetime(2024, 6, 26, 3, tzinfo=UTC)
VALUE = "x[b] [/] :bread:"
RULE = {
    "rule": "type",
    "column": "ordered_kg",
    "value": VALUE,
    "expected": "",
    "message": "no",
}


@pytest.fixture
def stored(folder: DataFolder) -> DataFolder:
    """A data folder with a judged delivery, one set aside, and a duplicate of the first."""
    store = DeliveryStore(folder.path / "state" / "deliveries.sqlite")
    add_parsed(store, "d1", "orders/a.csv", AT)
    add_parsed(store, "d2", "orders/b.csv", AT, reason="the file is empty")
    held = [QuarantinedRow(3, None, "O1|2", {"order_id": "O1", "ordered_kg": VALUE}, [RULE])]
    outcome = RecordOutcome(
        "orders", "1.0.0", 3, 0, 2, 1, 12_500, {"last_date": "2024-06-20"},
        grams_delivered=13_000, grams_quarantined=500, lines_mapped=1,
    )  # fmt: skip
    store.record_judgement("d1", "own columns", [], [outcome], {"orders": held}, {})
    store.record_file("petite/orders/a.csv", 1, 1, "d1", False)
    store.record_file("petite/orders/again.csv", 1, 1, "d1", True)
    store.close()
    return folder


# exit statuses


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["indicator", "orders"], 1, "run `collecto refresh` first"),
        (["indicator", "orders", "--period", "yesterday"], 1, "refresh"),
        (["deliveries", "list", "--nonsense"], 2, "nonsense"),
        (["no-such-command"], 2, "no-such-command"),
        (["demo", "--until", "soon"], 2, "soon"),
        (["demo", "--scale", "0"], 2, "scale"),
    ],
)
def test_an_error_has_its_exit_status(
    folder: DataFolder, arguments: list[str], status: int, said: str
) -> None:
    answer = folder.collecto(*arguments)
    assert answer.status == status
    assert said in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["indicator", "no_such_code"], "collecto: 'no_such_code' is not in the register"),
        (["indicator", "orders", "--period", "hier"], "collecto: 'hier' is not a period"),
        (["indicator", "orders", "--by", "site"], "collecto: --by site"),
        (["indicator", "households_helped", "--period", "2024-01..2024-02"], "cannot be added"),
        (["indicator", "orders", "--food-bank", "x"], "'x' is not a published food bank"),
    ],
)
def test_a_question_asked_wrongly_is_one_line_and_status_2(
    folder: DataFolder, arguments: list[str], said: str
) -> None:
    write_publication(folder.path / "published")
    answer = folder.collecto(*arguments)
    assert answer.status == 2
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_a_wrong_setting_is_one_line_and_status_2(folder: DataFolder) -> None:
    answer = folder.collecto("status", COLLECTO_AS_OF="yesterday")
    assert answer.status == 2
    assert answer.err.startswith("collecto: COLLECTO_AS_OF: ")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("error", [RuntimeError("two\nlines"), ValueError("x"), OSError("full")])
def test_an_error_that_nobody_expected_is_one_line_too(
    folder: DataFolder, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(answers, "describe_deliveries", fail)
    answer = folder.collecto("deliveries", "list")
    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert " ".join(str(error).split()) in answer.err
    shown = folder.collecto("--debug", "deliveries", "list")
    assert "Traceback" in shown.err
    assert shown.status == 1


def test_a_damaged_pointer_is_one_line(folder: DataFolder) -> None:
    (folder.path / "published").mkdir(parents=True)
    (folder.path / "published" / "CURRENT").write_text("{", encoding="utf-8")
    answer = folder.collecto("status")
    assert (answer.status, answer.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("states", "refused", "status"),
    [({}, [], 0), ({"included": 3, "duplicate": 1}, [], 0), ({"set_aside": 1}, [], 3),
     ({}, ["mass"], 4), ({"set_aside": 1}, ["mass"], 4)],
)  # fmt: skip
def test_a_refusal_wins_over_a_delivery_set_aside(
    states: dict[str, int], refused: list[str], status: int
) -> None:
    assert RefreshSummary(states, {}, [], None, False, refused, []).exit_status == status


def test_every_command_has_help_with_an_example(folder: DataFolder) -> None:
    for name in ("demo", "refresh", "status", "indicator", "serve", "orchestrate"):
        answer = folder.collecto(name, "--help")
        assert answer.status == 0
        assert "Example" in answer.out, name
    assert cli.app.info.name == "collecto"


# JSON


def test_deliveries_have_the_keys_that_scripts_rely_on(stored: DataFolder) -> None:
    judged, aside, repeated = stored.collecto("deliveries", "list", "--json").json
    assert set(judged) >= {
        "delivery_id", "food_bank_id", "records", "source_name", "state", "reason", "received_at",
        "rows_delivered", "rows_accepted", "rows_quarantined", "rows_replayed", "kg_accepted",
        "contract_version", "profile_version",
    }  # fmt: skip
    assert set(judged) == set(aside) == set(repeated)
    assert (judged["state"], judged["records"], judged["kg_accepted"]) == (
        "judged", ["orders"], 12.5,
    )  # fmt: skip
    assert [judged[f"rows_{name}"] for name in ("delivered", "accepted", "quarantined")] == [
        3, 2, 1,
    ]  # fmt: skip
    assert (aside["state"], aside["reason"], aside["kg_accepted"]) == (
        "set_aside", "the file is empty", None,
    )  # fmt: skip
    assert (repeated["state"], repeated["source_name"]) == ("duplicate", "orders/again.csv")


def test_deliveries_are_chosen_by_state_and_food_bank(stored: DataFolder) -> None:
    def count(*options: str) -> int:
        return len(stored.collecto("deliveries", "list", "--json", *options).json)

    assert (count("--state", "set_aside"), count("--food-bank", "grande"), count()) == (1, 0, 3)


def test_quarantined_rows_have_the_keys_that_scripts_rely_on(stored: DataFolder) -> None:
    (row,) = stored.collecto("quarantine", "list", "--json").json
    assert set(row) >= {
        "food_bank_id", "record", "delivery_id", "source_name", "source_line", "rules", "status",
    }  # fmt: skip
    assert (row["rules"], row["source_line"], row["status"]) == ([RULE], 3, "open")


def test_what_senders_wrote_is_shown_as_text(stored: DataFolder) -> None:
    answer = stored.collecto("quarantine", "list")
    assert answer.status == 0
    assert VALUE in " ".join(answer.out.split())


def test_status_has_the_figures_over_all_deliveries(stored: DataFolder) -> None:
    status = stored.collecto("status", "--json").json
    assert status["deliveries"] == {"duplicate": 1, "judged": 1, "set_aside": 1}
    assert status["rows"] == {"delivered": 3, "accepted": 2, "quarantined": 1, "replayed": 0}
    assert status["lateness"] == [
        {
            "food_bank_id": "petite",
            "record": "orders",
            "last_date": "2024-06-20",
            "days_since": 6,
            "due_on": "2024-06-27",
            "is_late": False,
        }
    ]
    assert status["imbalances"] == []
    assert (status["publication_id"], status["refused"]) == (None, None)


def test_an_indicator_has_the_keys_that_scripts_rely_on(folder: DataFolder) -> None:
    write_publication(folder.path / "published")
    answer = folder.collecto("indicator", "orders", "--period", "2024-to-date", "--json")
    assert answer.status == 0
    assert set(answer.json[0]) >= {
        "scope_kind", "scope_id", "indicator_code", "variant", "period_kind", "period_start",
        "period_end", "value", "numerator", "denominator", "unit", "method_version", "data_date",
        "publication_id", "is_partial", "is_demonstration",
    }  # fmt: skip
    assert '"value": 1273,' in answer.out


def test_checks_of_contracts_are_listed_and_right(folder: DataFolder) -> None:
    answer = folder.collecto("contracts", "check", "--json")
    assert answer.status == 0
    assert all(set(check) >= {"check", "ok", "detail"} and check["ok"] for check in answer.json)


def test_a_wrong_profile_is_named_and_ends_with_status_1(folder: DataFolder) -> None:
    (folder.path / "petite.yaml").write_text("food_bank_id: grande\n", encoding="utf-8")
    answer = folder.collecto("contracts", "check", COLLECTO_SOURCES_DIR=str(folder.path))
    assert answer.status == 1
    assert "WRONG sources/petite.yaml" in answer.out


def test_a_refresh_answers_in_its_shape() -> None:
    summary = RefreshSummary({"included": 1}, {"delivered": 2}, [], "a" * 32, True, [], [])
    assert set(summary.as_json()) >= {"deliveries", "rows", "publication_id", "is_new", "refused"}
    assert summary.as_json()["refused"] is None


@pytest.mark.parametrize(
    ("value", "written"),
    [(Decimal("12.5"), "12.5"), (Decimal("0.1") + Decimal("0.2"), "0.3"), (None, "null"),
     (Decimal("12345678901234.123456"), "12345678901234.123456")],
)  # fmt: skip
def test_decimals_are_written_exactly(
    value: Decimal | None, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json(value)
    assert capsys.readouterr().out == f"{written}\n"


def test_kilograms_are_exact(stored: DataFolder) -> None:
    store = DeliveryStore(stored.path / "state" / "deliveries.sqlite")
    kilograms = describe_deliveries(store)[0]["kg_accepted"]
    assert json.loads(json.dumps(str(kilograms))) == "12.5"
    assert describe_quarantine(store, "corrected") == []
    store.close()


def test_the_dashboards_are_started_without_any_secret(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(
        "pipelines.cli._replace_process", lambda command, environment: started.append(environment)
    )
    for key in ("a secret of more than thirty-two characters", ""):
        answer = folder.collecto("serve", COLLECTO_PSEUDONYM_KEY=key)
        assert answer.status == 0, answer.err
        given = {name for name in started[-1] if name.startswith(("COLLECTO_", "DAGSTER_"))}
        assert given == {
            "COLLECTO_PUBLISHED_DIR", "COLLECTO_AUTH_MODE", "COLLECTO_LOCAL_ROLE",
            "COLLECTO_INBOX_DIR", "COLLECTO_ACCESS_LOG_DIR",
        }  # fmt: skip
        assert not any("secret of more" in value for value in started[-1].values())
    # with login: those of the login, and no other
    login = {
        "COLLECTO_AUTH_MODE": "oidc", "COLLECTO_COOKIE_SECRET": "c" * 40,
        "COLLECTO_OIDC_CLIENT_SECRET": "s" * 20, "COLLECTO_OIDC_CLIENT_ID": "observatory",
        "COLLECTO_OIDC_ISSUER": "https://login.example.org", "COLLECTO_IDLE_MINUTES": "7.5",
        "COLLECTO_PUBLIC_URL": "https://o.example.org", "COLLECTO_ACCESS_FILE": "/etc/a.yaml",
    }  # fmt: skip
    secret = "a secret of more than thirty-two characters"
    assert folder.collecto("serve", COLLECTO_PSEUDONYM_KEY=secret, **login).status == 0
    assert {name: started[-1][name] for name in login} == login
    assert not any("secret of more" in value for value in started[-1].values())


def test_roles_are_checked_and_accesses_listed(folder: DataFolder) -> None:
    rules = folder.path / "access.yaml"
    rules.write_text("contact: Data office\naccess:\n  - {role: data_team, claim: data}\n")
    environment = {"COLLECTO_ACCESS_FILE": str(rules), "COLLECTO_AUTH_MODE": "oidc"}
    checked = folder.collecto("access", "check", "--json", **environment)
    assert (checked.status, checked.json[0]["detail"]) == (0, "data_team")
    rules.write_text("contact: Data office\naccess:\n  - {role: king, claim: data}\n")
    wrong = folder.collecto("access", "check", "--json", **environment)
    assert wrong.status == 1 and "access.yaml, line 3" in wrong.json[0]["detail"]
    doctor = folder.collecto("doctor", "--json", **environment).json
    assert next(entry for entry in doctor if entry["check"] == "access")["ok"] is False

    log, secret = folder.path / "access_log", "c" * 40
    for subject in ("1", "2"):
        reader = name_reader(secret, "https://login.example.org", subject)
        append_access(log, {"event": "view", "reader": reader, "page": "[bold]"}, now())
    who = {"COLLECTO_COOKIE_SECRET": secret, "COLLECTO_OIDC_ISSUER": "https://login.example.org"}
    answer = folder.collecto("access", "list", "--subject", "2", "--json", **who)
    assert [entry["reader"] for entry in answer.json] == [reader]
    assert folder.collecto("access", "list", "--subject", "2").status == 2
    assert "[bold]" in folder.collecto("access", "list").out
    verified = folder.collecto("verify", "--json").json
    assert next(entry for entry in verified if entry["check"] == "access_log")["ok"] is True
    path = next(log.glob("*.jsonl"))
    path.write_text(path.read_text().replace('"view"', '"none"', 1))
    altered = folder.collecto("verify", "--json")
    assert altered.status == 1
    assert "line 1" in next(
        entry for entry in altered.json if entry["check"] == "access_log"
    )["detail"]  # fmt: skip
