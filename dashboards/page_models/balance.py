"""The closed mass balance of a food bank as nodes and links, to the gram.

Here lives the arithmetic: every site receives as much as it gives, stock changes and what stays
unexplained included. Transfers between sites are netted by site: linked from sender to receiver
where only one pairing is possible, through one node where several are. How it is drawn belongs in
`figures.py`, what is said about it in `mise_a_disposition.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import polars as pl

from data_contracts.publications import Publication

ZERO = Decimal("0.000")
HYGIENE = "hygiene"
TRANSFERS = "transfers"
GROUPED = "grouped"
ALL_SITES = "all"


@dataclass(frozen=True)
class Node:
    """A place of the balance. `layer`: 0 origins, 1 sites that send, 2 transfers, 3 sites, 4 ends.

    `group` and `code` name it: `supplier_kind`, `site`, `partner_kind` or `balance`.
    """

    group: str
    code: str
    layer: int


@dataclass(frozen=True)
class Link:
    """Kilograms from one node to another, always above zero."""

    source: Node
    target: Node
    weight_kg: Decimal


@dataclass(frozen=True)
class Balance:
    """The balance of a span of months.

    `unexplained_kg` is counted less theoretical (None without a full count); `unbalanced_kg` is
    what the published terms of the sites do not explain: zero, unless a mart is wrong.
    """

    links: tuple[Link, ...]
    received_kg: Decimal
    distributed_kg: Decimal
    parcels_kg: Decimal
    removed_kg: Decimal
    stock_change_kg: Decimal
    transferred_kg: Decimal
    unexplained_kg: Decimal | None
    unbalanced_kg: Decimal
    initial_count_kg: Decimal

    @property
    def total_kg(self) -> Decimal:
        """Kilograms that enter the balance."""
        return sum_kg(link.weight_kg for link in self.links if link.source.layer == 0)

    @property
    def outgoing_kg(self) -> Decimal:
        """Kilograms that leave it: the same."""
        return sum_kg(link.weight_kg for link in self.links if link.target.layer == 4)


def sum_kg(weights: Iterable[Decimal]) -> Decimal:
    """Exact sum, zero for none."""
    return sum(weights, ZERO)


def build_balance(publication: Publication, food_bank_id: str, first: date, last: date) -> Balance:
    """The balance of the months `first` to `last`, food only."""
    flows = _sum_flows(publication, food_bank_id, first, last)
    terms = _sum_terms(publication, food_bank_id, first, last)
    site_ids = sorted({key[0] for key in flows} | set(terms))
    net_transfers = {
        site: terms.get(site, {}).get("transfers_in_kg", ZERO)
        - terms.get(site, {}).get("transfers_out_kg", ZERO)
        for site in site_ids
    }
    links: list[Link] = []
    unbalanced = ZERO
    for site in site_ids:
        node = Node("site", site, 1 if net_transfers[site] < 0 else 3)
        movements = _movements_of_site(site, flows, terms.get(site, {}))
        gap = sum_kg(weight for _, weight in movements) + net_transfers[site]
        if gap:
            unbalanced += gap
            movements.append((_end("balance", "unbalanced", gap < 0), -gap))
        links.extend(_link(node, other, weight) for other, weight in movements if weight)
    links.extend(link_transfers(net_transfers))
    return Balance(
        links=_merge(links),
        received_kg=_total(flows, "received"),
        distributed_kg=_total(flows, "delivered") - _total(flows, "returned"),
        parcels_kg=_total(flows, "parcels"),
        removed_kg=_total(flows, "removed"),
        stock_change_kg=sum_kg(_stock_change(term) for term in terms.values()),
        transferred_kg=sum_kg(weight for weight in net_transfers.values() if weight > 0),
        unexplained_kg=_sum_known(terms),
        unbalanced_kg=unbalanced,
        initial_count_kg=sum_kg(term["initial_count_kg"] for term in terms.values()),
    )


Terms = dict[str, Decimal]
FlowKey = tuple[str, str, str]


def has_sites(publication: Publication) -> bool:
    """Whether the audience may know sites and donors' kinds.

    Outside the food bank the balance has one node for all sites, origins are channels, hygiene
    products are in it (their stock is published with the rest) and protected cells leave a gap.
    """
    return not publication.audience.startswith(("metropole/", "public"))


def _scan_by_site(
    publication: Publication, mart: str, food_bank_id: str, first: date, last: date
) -> pl.LazyFrame:
    """Rows of the months; food only where the audience's rows tell it for the whole balance."""
    rows = publication.scan(mart).filter(
        pl.col("food_bank_id") == food_bank_id, pl.col("month").is_between(first, last)
    )
    if has_sites(publication):
        return rows.filter(pl.col("network_family") != HYGIENE)
    return rows.with_columns(site_id=pl.lit(ALL_SITES))


def _sum_flows(
    publication: Publication, food_bank_id: str, first: date, last: date
) -> dict[FlowKey, Decimal]:
    """Kilograms by (site, flow, kind of donor or partner)."""
    frame = (
        _scan_by_site(publication, "mart_flows_monthly", food_bank_id, first, last)
        .with_columns(
            other=pl.when(pl.col("flow") == "received")
            .then("supplier_kind" if has_sites(publication) else "channel")
            .otherwise("partner_kind")
        )
        .group_by("site_id", "flow", "other")
        .agg(pl.col("weight_kg").sum())
        .sort("site_id", "flow", "other")
        .collect()
    )
    return {(site, flow, other): weight for site, flow, other, weight in frame.iter_rows()}


def _sum_terms(
    publication: Publication, food_bank_id: str, first: date, last: date
) -> dict[str, Terms]:
    """Terms of the balance by site that the flows do not hold."""
    rows = _scan_by_site(publication, "mart_mass_balance_monthly", food_bank_id, first, last)
    month = pl.col("month")
    frame = (
        rows.group_by("site_id")
        .agg(
            pl.col("opening_kg").filter(month == first).sum(),
            pl.col("closing_kg").filter(month == last).sum(),
            pl.col(
                "transfers_in_kg",
                "transfers_out_kg",
                "transformation_output_kg",
                "transformation_input_kg",
                "initial_count_kg",
                "unexplained_kg",
            ).sum(),
            counts=pl.col("unexplained_kg").count().cast(pl.Int64),
        )
        .sort("site_id")
        .collect()
    )
    return {
        row.pop("site_id"): {key: Decimal(value) for key, value in row.items()}
        for row in frame.iter_rows(named=True)
    }


def _movements_of_site(
    site: str, flows: dict[FlowKey, Decimal], terms: Terms
) -> list[tuple[Node, Decimal]]:
    """What enters a site (above zero) and what leaves it (below zero), by the other end."""
    movements: list[tuple[Node, Decimal]] = []
    net_deliveries: dict[str, Decimal] = {}
    for (flow_site, flow, other), weight in flows.items():
        if flow_site != site:
            continue
        if flow == "received":
            group = "channel" if site == ALL_SITES else "supplier_kind"
            movements.append((Node(group, other, 0), weight))
        elif flow in ("delivered", "returned"):
            sign = -1 if flow == "delivered" else 1
            net_deliveries[other] = net_deliveries.get(other, ZERO) + sign * weight
        elif flow == "parcels":
            movements.append((Node("balance", "households", 4), -weight))
        elif flow == "removed":
            movements.append((Node("balance", "removed", 4), -weight))
    for kind, weight in net_deliveries.items():
        code = Node("balance", "returns", 0) if weight > 0 else Node("partner_kind", kind, 4)
        movements.append((code, weight))
    if terms:
        stock = -_stock_change(terms)
        unexplained = terms["unexplained_kg"]
        movements += [
            (_end("balance", "stock", stock > 0), stock),
            (_end("balance", "unexplained", unexplained > 0), unexplained),
            (Node("balance", "transformed", 0), terms["transformation_output_kg"]),
            (Node("balance", "transformation", 4), -terms["transformation_input_kg"]),
        ]
    return movements


def _stock_change(terms: Terms) -> Decimal:
    return terms["closing_kg"] - terms["opening_kg"] - terms["initial_count_kg"]


def _end(group: str, code: str, is_origin: bool) -> Node:
    return Node(group, f"{code}_{'in' if is_origin else 'out'}", 0 if is_origin else 4)


def _link(site: Node, other: Node, weight: Decimal) -> Link:
    return Link(other, site, weight) if weight > 0 else Link(site, other, -weight)


def link_transfers(net_kg: Mapping[str, Decimal]) -> list[Link]:
    """Links for what each site received (above zero) or sent (below zero) on balance.

    What the sites together received more, or less, than they sent comes from other food banks, goes
    to them, or is on its way.
    """
    senders = [(Node("site", site, 1), -weight) for site, weight in net_kg.items() if weight < 0]
    receivers = [(Node("site", site, 3), weight) for site, weight in net_kg.items() if weight > 0]
    rest = sum_kg(net_kg.values())
    if rest > 0:
        senders.append((Node("balance", "elsewhere_in", 0), rest))
    elif rest < 0:
        receivers.append((Node("balance", "elsewhere_out", 4), -rest))
    if len(senders) == 1:
        return [Link(senders[0][0], node, weight) for node, weight in receivers]
    if len(receivers) == 1:
        return [Link(node, receivers[0][0], weight) for node, weight in senders]
    between = Node("balance", TRANSFERS, 2)
    return [Link(node, between, weight) for node, weight in senders] + [
        Link(between, node, weight) for node, weight in receivers
    ]


def group_small_kinds(balance: Balance, share: Decimal) -> Balance:
    """The same balance with kinds of donors and partners below a share of the total in one node.

    A kind stands alone where it would be the only one of its group.
    """
    weights: dict[Node, Decimal] = {}
    for link in balance.links:
        for node in (link.source, link.target):
            if node.group in ("supplier_kind", "channel", "partner_kind"):
                weights[node] = weights.get(node, ZERO) + link.weight_kg
    limit = balance.total_kg * share
    small = [node for node, weight in weights.items() if weight < limit]
    grouped = {
        node: Node(node.group, GROUPED, node.layer)
        for node in small
        if sum(other.group == node.group for other in small) > 1
    }
    links = [
        Link(
            grouped.get(link.source, link.source),
            grouped.get(link.target, link.target),
            link.weight_kg,
        )
        for link in balance.links
    ]
    return replace(balance, links=_merge(links))


def _merge(links: list[Link]) -> tuple[Link, ...]:
    """One link per pair of nodes, in the order of layers then weight."""
    weights: dict[tuple[Node, Node], Decimal] = {}
    for link in links:
        pair = (link.source, link.target)
        weights[pair] = weights.get(pair, ZERO) + link.weight_kg
    merged = [Link(source, target, weight) for (source, target), weight in weights.items()]
    merged.sort(
        key=lambda link: (
            link.source.layer,
            link.target.layer,
            -link.weight_kg,
            link.source.code,
            link.target.code,
        )
    )
    return tuple(merged)


def _total(flows: dict[FlowKey, Decimal], flow: str) -> Decimal:
    return sum_kg(weight for (_, name, _), weight in flows.items() if name == flow)


def _sum_known(terms: dict[str, Terms]) -> Decimal | None:
    if not any(term["counts"] for term in terms.values()):
        return None
    return sum_kg(term["unexplained_kg"] for term in terms.values())
