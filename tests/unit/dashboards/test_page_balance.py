"""The mass balance closes, to the gram."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from dashboards.page_models.balance import (
    Balance,
    Node,
    build_balance,
    group_small_kinds,
    link_transfers,
)
from data_contracts.publications import Publication, open_current
from tests.fixtures.publication import FOOD_BANK, build_flows, write_publication
from tests.fixtures.publication import build_balance as build_terms

SPANS = [
    (date(2024, 1, 1), date(2024, 6, 1)),
    (date(2023, 1, 1), date(2023, 12, 1)),
    (date(2024, 3, 1), date(2024, 3, 1)),
]


def _flow_through(balance: Balance, node: Node) -> tuple[Decimal, Decimal]:
    incoming = sum((link.weight_kg for link in balance.links if link.target == node), Decimal(0))
    outgoing = sum((link.weight_kg for link in balance.links if link.source == node), Decimal(0))
    return incoming, outgoing


@pytest.mark.parametrize(("first", "last"), SPANS)
def test_every_site_receives_as_much_as_it_gives(
    publication: Publication, first: date, last: date
) -> None:
    balance = build_balance(publication, FOOD_BANK, first, last)
    middle = {
        node
        for link in balance.links
        for node in (link.source, link.target)
        if node.layer in (1, 2, 3)
    }
    assert len(middle) == 2  # one site sends to the other
    for node in middle:
        incoming, outgoing = _flow_through(balance, node)
        assert incoming == outgoing
    assert balance.total_kg == balance.outgoing_kg
    assert balance.unbalanced_kg == 0
    assert all(link.weight_kg > 0 for link in balance.links)


def test_the_terms_are_those_worked_out_by_hand(publication: Publication) -> None:
    # January to June 2024 is five and a half months of the fixture's flows.
    balance = build_balance(publication, FOOD_BANK, *SPANS[0])
    months = Decimal("5.5")
    assert balance.received_kg == months * (66_000 + 30_000 + 20_000)
    assert balance.distributed_kg == months * (44_000 + 20_000 + 25_000 - 1_000)
    assert balance.parcels_kg == months * 400
    assert balance.removed_kg == months * 9_000
    assert balance.unexplained_kg == Decimal("20") - Decimal("50.250")
    assert balance.transferred_kg == months * 5_000
    assert balance.stock_change_kg == (
        balance.received_kg
        - balance.distributed_kg
        - balance.parcels_kg
        - balance.removed_kg
        + balance.unexplained_kg
    )


def test_hygiene_is_left_out(publication: Publication) -> None:
    balance = build_balance(publication, FOOD_BANK, *SPANS[1])
    assert "wholesale" not in {link.source.code for link in balance.links}


def test_without_a_full_count_the_gap_is_unknown_not_zero(publication: Publication) -> None:
    assert build_balance(publication, FOOD_BANK, *SPANS[1]).unexplained_kg is None


def test_what_a_mart_does_not_explain_is_shown_not_hidden(tmp_path: Path) -> None:
    flows = build_flows()
    terms = build_terms(flows)
    broken = [row for row in flows if not (row["flow"] == "removed" and row["month"].year == 2024)]
    write_publication(
        tmp_path,
        changes={"mart_flows_monthly": broken, "mart_mass_balance_monthly": terms},
    )
    balance = build_balance(open_current(tmp_path), FOOD_BANK, *SPANS[0])
    assert balance.unbalanced_kg == Decimal("49500")
    assert balance.total_kg == balance.outgoing_kg
    assert "unbalanced_out" in {link.target.code for link in balance.links}


def test_a_period_without_movements_has_no_links(publication: Publication) -> None:
    balance = build_balance(publication, FOOD_BANK, date(2020, 1, 1), date(2020, 12, 1))
    assert balance.links == ()
    assert balance.total_kg == 0


def test_transfers_of_several_senders_to_several_receivers_pass_through_one_node() -> None:
    net = {"a": Decimal(-5), "b": Decimal(-7), "c": Decimal(4), "d": Decimal(9)}
    links = link_transfers(net)
    between = Node("balance", "transfers", 2)
    assert {link.source.code for link in links if link.target == between} == {
        "a",
        "b",
        "elsewhere_in",
    }
    assert sum(link.weight_kg for link in links if link.target == between) == 13
    assert sum(link.weight_kg for link in links if link.source == between) == 13


def test_what_is_on_its_way_leaves_the_balance_by_its_sender() -> None:
    links = link_transfers({"a": Decimal("-5.000"), "b": Decimal("4.978")})
    assert [(link.source.code, link.target.code, link.weight_kg) for link in links] == [
        ("a", "b", Decimal("4.978")),
        ("a", "elsewhere_out", Decimal("0.022")),
    ]


def test_grouping_small_kinds_loses_nothing(publication: Publication) -> None:
    balance = build_balance(publication, FOOD_BANK, *SPANS[0])
    grouped = group_small_kinds(balance, Decimal("0.9"))
    assert grouped.total_kg == balance.total_kg
    assert grouped.outgoing_kg == balance.outgoing_kg
    assert {link.source.code for link in grouped.links if link.source.layer == 0} == {
        "grouped",
        "unexplained_in",
    }
    assert group_small_kinds(balance, Decimal("0.001")) == balance
