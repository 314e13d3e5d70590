"""The table of delivery profiles of a record: how each delivery compares with earlier ones.

A row per delivery; the suite compiled from the contract judges it (`suites.run_suite`). Only a
shift of unit, lost keys and lines that do not add up say that a delivery is not what it claims;
the rest warns.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import polars as pl

from data_contracts.loader import Contract
from pipelines.quality.suites import Expectation, Finding

# From how many earlier deliveries, and how many lines, a delivery is compared with its history.
EARLIER_DELIVERIES = 8
LINES_COMPARED = 30
# Pounds under kilograms are a factor of 2.2 (0.34 in powers of ten), grams and tonnes of 1 000. The
# median of the products' medians moves by less than 0.05 between months of 300 lines.
LINES_FOR_POUNDS = 300
POUNDS_SHIFT = 0.25
THOUSANDS_SHIFT = 1.5
MAX_QUARANTINED_SHARE = 0.5
MAX_MISSING_SHARE_RISE = 0.5
MAX_LOST_KEY_SHARE = 0.5
MAX_UNMAPPED_SHARE_RISE = 0.2
VOLUME_RANGE = (0.2, 5.0)
MAX_SPREAD_SHIFT = 0.5

SETS_ASIDE = ("unit_shift", "lost_keys")


def compile_profile_suite(contract: Contract) -> list[Expectation]:
    """What is expected of each delivery of a record, over the table of delivery profiles."""

    def between(name: str, column: str, sentence: str, **limits: float) -> Expectation:
        return Expectation(
            "ExpectColumnValuesToBeBetween", {"column": column, **limits}, sentence, name
        )

    suite = [
        between("rows", "rows_delivered", "A delivery holds at least one row", min_value=1),
        Expectation(
            "ExpectColumnPairValuesToBeEqual",
            {"column_A": "rows_delivered", "column_B": "rows_judged"},
            "Accepted, quarantined and replayed rows add up to the rows delivered",
            "rows_add_up",
        ),
        Expectation(
            "ExpectColumnPairValuesToBeEqual",
            {"column_A": "grams_delivered", "column_B": "grams_judged"},
            "Accepted, quarantined and replayed kilograms add up to those that can be read",
            "kilograms_add_up",
        ),
        between(
            "quarantined_share",
            "quarantined_share",
            f"No more than {MAX_QUARANTINED_SHARE:.0%} of a delivery's rows are held back",
            max_value=MAX_QUARANTINED_SHARE,
        ),
        between(
            "volume",
            "volume_ratio",
            "A delivery has between a fifth and five times the rows of the food bank's usual one",
            min_value=VOLUME_RANGE[0],
            max_value=VOLUME_RANGE[1],
        ),
        between(
            "lost_keys",
            "lost_key_share",
            "Key columns are filled as in earlier deliveries",
            max_value=MAX_LOST_KEY_SHARE,
        ),
    ]
    if contract.measure:
        suite += [
            between(
                "unit_shift",
                "unit_shift",
                "Kilograms per line are of the size of earlier deliveries (another unit?)",
                max_value=1,
            ),
            between(
                "spread",
                "spread_shift",
                "Small and large lines are of the size of earlier deliveries",
                max_value=MAX_SPREAD_SHIFT,
            ),
        ]
    if any(column.name == "product_code" for column in contract.columns):
        suite.append(
            between(
                "unmapped",
                "rise_of_unmapped",
                "Products are mapped as in earlier deliveries",
                max_value=MAX_UNMAPPED_SHARE_RISE,
            )
        )
    for column in contract.columns:
        if not column.is_required and not column.is_personal:
            suite.append(
                between(
                    f"missing_{column.name}",
                    f"rise_{column.name}",
                    f"{column.name} is not missing far more often than in earlier deliveries",
                    max_value=MAX_MISSING_SHARE_RISE,
                )
            )
    return suite


def make_profile_table(contract: Contract, outcomes: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """The table of delivery profiles of one record: one row per delivery, in order of arrival.

    `outcomes`: those of the store, `profile` as a dictionary. A delivery is compared with earlier
    ones of its food bank and kind of file that count; ratios are 1 and shifts 0 where there are
    too few. `unit_shift` is the shift of kilograms per line, in powers of ten, over what its number
    of lines allows; `rise_<column>` the missing share less the mean of earlier ones.
    """
    rows: list[dict[str, Any]] = []
    histories: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for outcome in outcomes:
        stream = (outcome.get("food_bank_id", ""), outcome.get("stream", ""))
        earlier = histories.setdefault(stream, [])
        rows.append(_compare(contract, outcome, earlier))
        if outcome.get("state") != "set_aside":
            earlier.append(outcome)
    return pl.DataFrame(rows, infer_schema_length=None)


def _compare(
    contract: Contract, outcome: dict[str, Any], earlier: list[dict[str, Any]]
) -> dict[str, Any]:
    profile, accepted = outcome["profile"], outcome["rows_accepted"]
    delivered, quarantined = outcome["rows_delivered"], outcome["rows_quarantined"]
    grams = [outcome.get(f"grams_{kind}") or 0 for kind in ("accepted", "quarantined", "replayed")]
    row: dict[str, Any] = {
        "delivery_id": outcome["delivery_id"],
        "rows_delivered": delivered,
        "rows_judged": accepted + quarantined + outcome["rows_replayed"],
        "grams_delivered": outcome.get("grams_delivered") or 0,
        "grams_judged": sum(grams),
        "quarantined_share": quarantined / delivered if delivered else 0.0,
        "volume_ratio": 1.0,
        "lost_key_share": 0.0,
        "unit_shift": 0.0,
        "spread_shift": 0.0,
        "rise_of_unmapped": 0.0,
    }
    if len(earlier) >= EARLIER_DELIVERIES:
        usual = statistics.median(entry["rows_delivered"] for entry in earlier)
        row["volume_ratio"] = delivered / usual if usual else 1.0
        if delivered >= LINES_COMPARED:
            row["lost_key_share"] = _lost_key_share(contract, outcome) - statistics.mean(
                _lost_key_share(contract, entry) for entry in earlier
            )
            row["unit_shift"] = _unit_shift(outcome, earlier)
            row["spread_shift"] = _spread_shift(profile, [entry["profile"] for entry in earlier])
            row["rise_of_unmapped"] = _rise("unmapped", outcome, earlier)
    for column in contract.columns:
        if not column.is_required and not column.is_personal:
            row[f"rise_{column.name}"] = _rise(f"missing_{column.name}", outcome, earlier)
    return row


def _share(name: str, outcome: dict[str, Any]) -> float:
    accepted = outcome["rows_accepted"]
    return float(outcome["profile"].get(name, 0) / accepted) if accepted else 0.0


def _rise(name: str, outcome: dict[str, Any], earlier: list[dict[str, Any]]) -> float:
    found = _share(name, outcome)
    usual = sum(_share(name, entry) for entry in earlier) / len(earlier) if earlier else found
    return found - usual


def _lost_key_share(contract: Contract, outcome: dict[str, Any]) -> float:
    """The largest share of rows on which a key column has no readable value."""
    delivered = outcome["rows_delivered"]
    lost = [outcome["profile"].get(f"lost_{key}", 0) for key in contract.keys[1:]]
    return max(lost, default=0) / delivered if delivered else 0.0


def _unit_shift(outcome: dict[str, Any], earlier: list[dict[str, Any]]) -> float:
    """By how much kilograms per line have shifted, over what the number of lines allows.

    Products are compared each with its own history, so that another mix is no shift; of their
    shifts the median counts, weighted by lines.
    """
    usual: dict[str, list[float]] = {}
    for entry in earlier:
        for product, (_, median) in entry["profile"].get("medians", {}).items():
            usual.setdefault(product, []).append(math.log10(float(Decimal(median))))
    shifts: list[tuple[float, int]] = []
    for product, (lines, median) in outcome["profile"].get("medians", {}).items():
        if product in usual:
            shift = math.log10(float(Decimal(median))) - statistics.median(usual[product])
            shifts.append((shift, lines))
    total = sum(lines for _, lines in shifts)
    if total < LINES_COMPARED:
        return 0.0
    allowed = POUNDS_SHIFT if total >= LINES_FOR_POUNDS else THOUSANDS_SHIFT
    return abs(_weighted_median(shifts)) / allowed


def _weighted_median(values: list[tuple[float, int]]) -> float:
    half = sum(weight for _, weight in values) / 2
    passed = 0
    for value, weight in sorted(values):
        passed += weight
        if passed >= half:
            return value
    return 0.0


def _spread_shift(profile: dict[str, Any], earlier: list[dict[str, Any]]) -> float:
    """The larger of the shifts of the first and last tenths of kilograms, in powers of ten."""
    shifts = [0.0]
    for name in ("low_kg", "high_kg"):
        usual = [value for entry in earlier if (value := _positive(entry.get(name)))]
        found = _positive(profile.get(name))
        if found and len(usual) >= EARLIER_DELIVERIES:
            shifts.append(abs(math.log10(found) - math.log10(statistics.median(usual))))
    return max(shifts)


def _positive(text: str | None) -> float | None:
    value = float(Decimal(text)) if text else 0.0
    return value if value > 0 else None


def describe_finding(finding: Finding) -> str:
    """One sentence for the person who sent the delivery."""
    value = finding.value
    shown = f"{value:.2f}" if isinstance(value, float) else str(value)
    return f"{finding.expectation.sentence} (found {shown})"
