"""Every rule of every contract, by mutation: a good row passes, a row broken once says which rule.

The mutations are made from the contracts, column by column, so that a new record or column brings
its tests. Wording and limits are never repeated here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from data_contracts.loader import Column, Contract, load_records
from pipelines.quality.contract_check import check_contracts
from tests.fixtures.records import GOOD_ROWS, good_row
from tests.unit.pipelines.quality.conftest import Judge

RECORDS = list(load_records())
NOT_OF_TYPE = {
    "number": ["douze", "1,234", "NaN", "inf", "1e3", "0x10", "1.2.3", "--1", "٣"],
    "integer": ["un", "1.5", "1e1", "9999999999"],
    "date": ["2024-02-30", "05/06/2024", "20240605", "2024-6-5", "0024-06-05", "2024-06-05T08:00"],
    "timestamp": [
        "2024-02-30T08:00:00", "05/06/2024 08:00", "2024-06-05T25:00:00", "2024-06-05T08",
        "0024-06-05T08:00:00", "2024-06-05T08:00:00+99:00", "hier",
    ],
    "boolean": ["peut-être", "2", "tru"],
}  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One cell of a good row made bad, and the rule that it breaks."""

    column: str
    value: str
    rule: str


def break_column(column: Column) -> Iterator[Mutation]:
    """Ways of breaking one rule of a column and, as far as rules are independent, no other."""
    for value in NOT_OF_TYPE.get(column.logical_type, []):
        yield Mutation(column.name, value, "type")
    if column.is_required:
        yield Mutation(column.name, "", "required")
        yield Mutation(column.name, "  ", "required")
    if column.codes:
        yield Mutation(column.name, "no_such_code", "code")
        yield Mutation(column.name, column.codes[0].swapcase(), "code")
    if column.pattern:
        yield Mutation(column.name, "a|b\tc|", "pattern")
    if column.max_length is not None and column.logical_type == "string":
        yield Mutation(column.name, "x" * (column.max_length + 1), "max_length")
    if column.minimum is not None:
        yield Mutation(column.name, str(column.minimum - 1), "minimum")
    if column.maximum is not None:
        yield Mutation(column.name, str(column.maximum + 1), "maximum")


def list_mutations(contract: Contract) -> list[Mutation]:
    return [
        mutation
        for column in contract.columns
        if column.name != "food_bank_id"
        for mutation in break_column(column)
    ]


# Breaking a rule over several columns of one row, by the name of the rule.
BROKEN_ROWS: dict[tuple[str, str], dict[str, str]] = {
    ("food_banks", "timezone_exists"): {"timezone": "Mars/Olympus"},
    ("partners", "active_to_after_active_from"): {"active_to": "2022-12-31"},
    ("suppliers", "active_to_after_active_from"): {"active_to": "2022-12-31"},
    ("receipts", "refused_at_dock_within_weight"): {"refused_at_dock_kg": "12.501"},
    ("receipts", "eu_programme_has_lot"): {"lot_id": ""},
    ("receipts", "dated_food_has_date"): {"expires_on": ""},
    ("deliveries", "refused_within_weight"): {"refused_kg": "18.001"},
    ("parcels", "handed_over_after_request"): {"requested_at": "2024-06-05T09:00:01"},
    ("parcels", "fewer_children_than_people"): {"children": "3"},
    ("transfers", "has_one_destination"): {"to_site_id": ""},
    ("transfers", "received_after_shipping"): {"received_at": "2024-06-06T07:59:59"},
    ("transfers", "received_weight_has_date"): {"received_at": ""},
    ("transfers", "leaves_its_site"): {"to_site_id": "S1"},
    ("rounds", "ends_after_start"): {"ended_at": "2024-06-05T06:59:59"},
    ("rounds", "has_a_date"): {"started_at": "", "planned_on": "", "ended_at": ""},
    ("rounds", "energy_has_unit"): {"energy_unit": ""},
    ("round_stops", "leaves_after_arrival"): {"left_at": "2024-06-05T07:29:59"},
    ("sorting_sessions", "ends_after_start"): {"ended_at": "2024-06-05T08:59:59"},
    ("beneficiary_reports", "is_first_day_of_month"): {"month": "2024-05-02"},
    ("beneficiary_reports", "households_within_people"): {"households": "101"},
    ("beneficiary_reports", "women_and_men_within_people"): {"women": "56"},
    ("beneficiary_reports", "age_bands_within_people"): {"people_65_plus": "13"},
    ("beneficiary_reports", "single_parents_within_households"): {"single_parent_households": "41"},
    ("beneficiary_reports", "new_within_households"): {"new_households": "41"},
    ("vouchers", "redeemed_after_issue"): {"redeemed_at": "2024-05-13T08:59:59"},
    ("vouchers", "redeemed_within_amount"): {"redeemed_eur": "50.01"},
    ("vouchers", "redeemed_has_date"): {"redeemed_at": ""},
    ("vouchers", "redeemed_has_amount"): {"redeemed_eur": ""},
    ("site_energy", "ends_after_start"): {"period_end": "2024-04-30"},
    ("refrigerant_top_ups", "has_one_place"): {"vehicle_id": ""},
    ("funding", "ends_after_start"): {"ends_on": "2023-12-31"},
    ("offers", "closes_after_publication"): {"closes_at": "2024-06-02T14:59:59"},
    ("volunteer_shifts", "ends_after_start"): {"ended_at": "2024-06-05T07:59:59"},
    ("volunteer_shifts", "within_a_day"): {"ended_at": "2024-06-06T08:00:01"},
    ("expenses", "is_first_day_of_month"): {"month": "2024-05-02"},
    ("monthly_history", "is_first_day_of_month"): {"month": "2021-05-02"},
}


def test_there_is_a_good_row_of_every_record_with_every_column() -> None:
    assert set(GOOD_ROWS) == set(RECORDS)
    for record, contract in load_records().items():
        assert set(good_row(record)) == {column.name for column in contract.columns}


def test_every_rule_over_several_columns_has_a_row_that_breaks_it() -> None:
    declared = {
        (record, rule.name)
        for record, contract in load_records().items()
        for rule in contract.row_rules
    }
    assert set(BROKEN_ROWS) == declared


@pytest.mark.parametrize("record", RECORDS)
def test_a_good_row_is_accepted(record: str, judge: Judge) -> None:
    judged = judge(record, [good_row(record)])
    assert judged.rules == []
    assert judged.accepted.height == 1


@pytest.mark.parametrize("record", RECORDS)
def test_a_row_of_required_values_only_is_accepted(record: str, judge: Judge) -> None:
    contract = load_records()[record]
    needed = {column.name for column in contract.columns if column.is_required}
    # Rules over several columns need these as well.
    needed |= {"to_site_id", "started_at", "vehicle_id"}
    row = {name: value for name, value in good_row(record).items() if name in needed}
    if record == "receipts":
        row["channel"] = "farm"
    judged = judge(record, [row])
    assert judged.rules == []


@pytest.mark.parametrize("record", RECORDS)
def test_a_row_broken_in_one_cell_names_its_rule_and_column(record: str, judge: Judge) -> None:
    mutations = list_mutations(load_records()[record])
    # Each mutation is a document of its own, so that lines of one document do not disagree.
    first_key = load_records()[record].keys[1:2]
    rows = []
    for number, mutation in enumerate(mutations):
        row = good_row(record, **dict.fromkeys(first_key, f"K{number}"))
        rows.append({**row, mutation.column: mutation.value})
    judged = judge(record, [*rows, good_row(record)])
    assert judged.outcome.rows_accepted == 1
    found = {row.source_line - 2: row.rules for row in judged.held_back}
    missed = [
        mutation
        for number, mutation in enumerate(mutations)
        if (mutation.rule, mutation.column)
        not in {(rule["rule"], rule["column"]) for rule in found.get(number, [])}
    ]
    assert missed == []
    # No other cell is blamed, but by rules over several columns and the weight that they share.
    shared = {rule.name for rule in load_records()[record].row_rules} | {"unit_factor"}
    blamed = [
        (mutation, rule["rule"], rule["column"])
        for number, mutation in enumerate(mutations)
        for rule in found[number]
        if rule["column"] != mutation.column and rule["rule"] not in shared
    ]
    assert blamed == []
    for number, mutation in enumerate(mutations):
        for rule in found[number]:
            assert rule["message"]
            if rule["column"] == mutation.column and not load_records()[record].is_personal:
                assert rule["value"] == mutation.value


@pytest.mark.parametrize(("record", "rule"), BROKEN_ROWS)
def test_a_row_whose_cells_contradict_each_other_breaks_exactly_that_rule(
    record: str, rule: str, judge: Judge
) -> None:
    judged = judge(record, [good_row(record, **BROKEN_ROWS[record, rule])])
    assert [name for name, _ in judged.rules[0]] == [rule]
    declared = next(r for r in load_records()[record].row_rules if r.name == rule)
    assert judged.held_back[0].rules[0]["message"] == declared.message_en
    assert declared.message_fr


def test_limits_belong_to_what_is_accepted(judge: Judge) -> None:
    rows = [
        good_row("receipts", receipt_id="R1", line_no="1", quantity="0", refused_at_dock_kg="0"),
        good_row("receipts", receipt_id="R2", line_no="1000000"),
        good_row("receipts", receipt_id="x" * 64),
        good_row("receipts", receipt_id="R3", refused_at_dock_kg="12.5"),
    ]
    assert judge("receipts", rows).rules == []
    children = good_row("parcels", children="2", requested_at="2024-06-05T09:00:00")
    assert judge("parcels", [children]).rules == []


def test_every_broken_rule_of_a_row_is_reported(judge: Judge) -> None:
    contract = load_records()["receipts"]
    row = dict.fromkeys(good_row("receipts"), "?|" * 200)
    (rules,) = judge("receipts", [row]).rules
    broken = {column for _, column in rules}
    assert broken >= {column.name for column in contract.columns} - {"food_bank_id"}
    assert len(rules) > 30


def test_a_row_that_does_not_fit_its_header_is_held_back_for_that(judge: Judge) -> None:
    reason = "9 cells where the header has 10"
    judged = judge("removals", [good_row("removals")], errors=[reason])
    assert judged.rules == [[("field_count", None)]]
    assert judged.held_back[0].rules[0]["message"] == reason


def test_an_event_later_than_the_day_that_begins_somewhere_is_held_back(judge: Judge) -> None:
    rows = [
        good_row("removals", removal_id="E1", removed_at="2024-06-27T23:59:59"),
        good_row("removals", removal_id="E2", removed_at="2024-06-28T00:00:00"),
        good_row("removals", removal_id="E3", removed_at="2024-06-27T22:00:00Z"),
    ]
    judged = judge("removals", rows)
    assert [row.source_line for row in judged.held_back] == [3, 4]
    assert judged.rules == [[("not_in_the_future", "removed_at")]] * 2


def test_a_date_is_judged_as_the_day_that_it_is(judge: Judge) -> None:
    rows = [
        good_row("beneficiary_reports", month="2024-06-01"),
        good_row("beneficiary_reports", month="2024-07-01"),
    ]
    judged = judge("beneficiary_reports", rows)
    assert judged.rules == [[("not_in_the_future", "month")]]
    assert judged.outcome.profile["first_date"] == judged.outcome.profile["last_date"]
    assert judged.outcome.profile["last_date"] == "2024-06-01"
    late = judge("site_energy", [good_row("site_energy", period_start="2024-06-28",
                                          period_end="2024-06-30")])  # fmt: skip
    assert late.rules == [[("not_in_the_future", "period_start")]]


def test_a_target_may_lie_ahead_and_has_no_day_of_its_own(judge: Judge) -> None:
    judged = judge("targets", [good_row("targets", period_start="2035-01-01")])
    assert judged.rules == []
    assert "last_date" not in judged.outcome.profile


@pytest.mark.parametrize(
    ("record", "column", "other"),
    [
        ("orders", "wanted_on", "2024-06-07"),
        ("orders", "partner_id", "P2"),
        ("parcels", "household_size", "4"),
        ("parcels", "household_size", ""),
        ("parcels", "household_id", "ffff"),
    ],
)
def test_lines_that_disagree_hold_their_document_back_and_no_other(
    record: str, column: str, other: str, judge: Judge
) -> None:
    document = load_records()[record].keys[1]
    rows = [
        good_row(record, line_no="1"),
        good_row(record, **{"line_no": "2", column: other}),
        good_row(record, **{document: "other", "line_no": "1"}),
    ]
    judged = judge(record, rows)
    assert [row.source_line for row in judged.held_back] == [2, 3]
    assert {rule for row in judged.rules for rule in row} == {("same_on_every_line", column)}


@pytest.mark.parametrize("record", RECORDS)
def test_columns_that_were_not_delivered_are_missing_where_they_are_required(
    record: str, judge: Judge
) -> None:
    contract = load_records()[record]
    others = [column for column in contract.columns if column.name not in contract.keys]
    required = {column.name for column in others if column.is_required}
    row = {name: value for name, value in good_row(record).items() if name not in required}
    judged = judge(record, [row])
    found = {column for rules in judged.rules for rule, column in rules if rule == "required"}
    assert found == required


def test_an_unknown_reference_is_accepted(judge: Judge) -> None:
    row = good_row("receipts", product_code="no_such_product", site_id="?", supplier_id="?")
    assert judge("receipts", [row]).rules == []


def test_names_with_quotes_and_sql_are_text(judge: Judge) -> None:
    name = "L'épicerie \"du\" coin'); drop table judged; --"
    judged = judge("partners", [good_row("partners", name=name)])
    assert judged.accepted["name"].to_list() == [name]


def test_the_contracts_of_the_project_pass_their_own_check() -> None:
    assert [result for result in check_contracts() if not result["ok"]] == []
