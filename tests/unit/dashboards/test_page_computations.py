"""What pages work out themselves: merged rounds, usual limits, contours, roles, texts as text."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.access import ForbiddenError, Principal, check_page, read_local_principal
from dashboards.blocks import escape_markdown
from dashboards.contours import CONTOURS_VARIABLE, read_contours
from dashboards.figure_models import Column, FigureModel
from dashboards.figures import draw_figure
from dashboards.filters import resolve_filters
from dashboards.language import Words
from dashboards.page_models.merging import (
    NEAREST,
    RecordedRound,
    choose_merges,
    great_circle_km,
    merge_rounds,
    order_stops,
    pair_rounds,
    tour_length,
)
from dashboards.page_models.page import Decisions, PageModel, mark_lacking
from dashboards.page_models.pertes import find_limits
from dashboards.pages import PAGES, page_of_figure
from dashboards.published import Source, read_choices, read_page_of
from data_contracts.publications import open_current
from tests.fixtures.earlier import take_out
from tests.fixtures.publication import write_publication

DEPOT = (47.3, 5.0)
ROUND = RecordedRound(
    round_id="R1", site_id="dijon", kind="pickup", depot=DEPOT,
    stops=((47.4, 5.0), (47.5, 5.0)), distance_km=Decimal("60.000"), kg_co2e=Decimal("30.000"),
    minutes=180, stop_minutes=60, carried_kg=Decimal(900), payload_kg=Decimal(2000),
)  # fmt: skip


def test_a_degree_of_latitude_is_111_kilometres() -> None:
    assert great_circle_km((47.0, 5.0), (48.0, 5.0)) == pytest.approx(111.195, abs=0.01)
    assert great_circle_km(DEPOT, DEPOT) == 0


def test_two_rounds_on_one_road_save_one_way_out() -> None:
    """Both go north and back: together the farther one's way is enough."""
    other = replace(ROUND, round_id="R2", stops=((47.45, 5.0),), distance_km=Decimal("45.000"),
                    kg_co2e=Decimal("22.500"), minutes=120, stop_minutes=30)  # fmt: skip
    merge = merge_rounds(ROUND, other)
    assert merge is not None
    # crow's way: 0.4 + 0.3 degrees recorded, 0.4 merged; roads keep their ratio of 105 km
    assert merge.recorded_km == Decimal("105.000")
    assert merge.merged_km == pytest.approx(Decimal("60.000"), abs=Decimal("0.01"))
    assert merge.saved_km == pytest.approx(Decimal("45.000"), abs=Decimal("0.01"))
    # 52.5 kg and 210 minutes of driving, of which 45 / 105
    assert merge.saved_kg_co2e == pytest.approx(Decimal("22.5"), abs=Decimal("0.01"))
    assert merge.saved_hours == pytest.approx(Decimal("1.5"), abs=Decimal("0.01"))
    assert (merge.stops, merge.carried_kg) == (3, 1800)


def test_what_no_vehicle_carries_is_not_merged() -> None:
    heavy = replace(ROUND, carried_kg=Decimal("1100.001"))
    assert merge_rounds(ROUND, heavy) is None
    assert merge_rounds(ROUND, replace(heavy, payload_kg=Decimal(2001))) is not None


def test_a_few_rounds_are_all_paired_and_many_with_their_nearest_only() -> None:
    """Rounds in a row to the north: pairs grow with the rounds, not with their square."""
    rounds = [
        replace(ROUND, round_id=f"R{n:03}", stops=((47.0 + n / 100, 5.0),)) for n in range(80)
    ]
    assert len(pair_rounds(rounds[: NEAREST + 1])) == NEAREST * (NEAREST + 1) // 2
    many = pair_rounds(rounds)
    assert len(many) <= 80 * NEAREST
    numbers = [(int(first.round_id[1:]), int(second.round_id[1:])) for first, second in many]
    assert max(second - first for first, second in numbers) <= NEAREST
    assert all(first < second for first, second in numbers)


@pytest.mark.parametrize("seed", range(20))
def test_the_best_merges_are_those_of_all_pairs(seed: int) -> None:
    """What is not worked out could not have been among the best."""
    random = Random(seed)

    def make_round(number: int) -> RecordedRound:
        places = [
            (47 + random.random() / 2, 4.6 + random.random()) for _ in range(random.randint(1, 6))
        ]
        return replace(
            ROUND,
            round_id=f"R{number:03}",
            kind=random.choice(["delivery", "pickup"]),
            stops=tuple(places),
            distance_km=Decimal(random.randint(10, 400)),
            carried_kg=Decimal(random.randint(0, 1500)),
            payload_kg=Decimal(2000),
        )

    rounds = [make_round(number) for number in range(24)]
    all_merges = [
        merge
        for kind in ("delivery", "pickup")
        for pair in pair_rounds([each for each in rounds if each.kind == kind])
        if (merge := merge_rounds(*pair)) is not None and merge.saved_km > 0
    ]
    best = sorted(all_merges, key=lambda merge: (-merge.saved_km, merge.first_id, merge.second_id))
    assert len(best) > 12
    assert choose_merges(rounds, 12) == best[:12]


@given(
    st.lists(
        st.tuples(st.floats(47.0, 47.6), st.floats(4.6, 5.4)), min_size=1, max_size=5, unique=True
    )
)
def test_an_order_of_stops_keeps_them_all_and_is_short(stops: list[tuple[float, float]]) -> None:
    ordered = order_stops(DEPOT, stops)
    assert sorted(ordered) == sorted(stops)
    best = min(tour_length(DEPOT, order) for order in permutations(stops))
    assert tour_length(DEPOT, ordered) <= best * 1.25 + 1e-6


def test_limits_are_those_of_an_xmr_chart() -> None:
    values = [Decimal(value) for value in (10, 12, 11, 9, 10, 12, 11, 9)]
    # mean 10.5, moving ranges 2 1 2 1 2 1 2: mean 11 / 7
    low, high = find_limits(values) or (None, None)
    assert high == pytest.approx(Decimal("10.5") + Decimal("2.66") * 11 / 7)
    assert low == pytest.approx(Decimal("10.5") - Decimal("2.66") * 11 / 7)
    assert find_limits(values[:7]) is None
    assert find_limits([Decimal(1), Decimal(9)] * 4) == (0, pytest.approx(Decimal("26.28")))


def test_contours_are_read_by_their_code_and_a_bad_file_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CONTOURS_VARIABLE, raising=False)
    assert read_contours().outlines == {}
    ring = [[5.0, 47.3], [5.1, 47.3], [5.1, 47.4], [5.0, 47.3]]
    path = tmp_path / "communes.geojson"
    features = [
        {"properties": {"code": "21231"}, "geometry": {"type": "Polygon", "coordinates": [ring]}},
        {"properties": {"insee": "21355"},
         "geometry": {"type": "MultiPolygon", "coordinates": [[ring], [ring]]}},
    ]  # fmt: skip
    path.write_text(json.dumps({"features": features}))
    monkeypatch.setenv(CONTOURS_VARIABLE, str(path))
    outlines = read_contours().outlines
    assert json.loads(outlines["21231"]) == [ring]
    assert json.loads(outlines["21355"]) == [ring, ring]
    path.write_text("{}")
    assert "KeyError" in str(read_contours().problem)
    monkeypatch.setenv(CONTOURS_VARIABLE, str(tmp_path / "none"))
    assert read_contours().problem


@pytest.mark.parametrize(
    ("value", "principal"),
    [
        ("", Principal("data_team")),
        ("public", Principal("public")),
        ("food_bank:bourgogne", Principal("food_bank", ("bourgogne",))),
        ("metropole:242100410", Principal("metropole", ("242100410",))),
    ],
)
def test_the_local_role_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, value: str, principal: Principal
) -> None:
    monkeypatch.setenv("COLLECTO_LOCAL_ROLE", value)
    assert read_local_principal() == principal


@pytest.mark.parametrize("value", ["admin", "food_bank", "food_bank:../x", "metropole:dijon"])
def test_an_unknown_role_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("COLLECTO_LOCAL_ROLE", value)
    with pytest.raises(ValueError, match="names no role"):
        read_local_principal()


def test_a_role_opens_its_pages_and_no_other() -> None:
    metropole = Principal("metropole", ("242100410",))
    check_page(metropole, "territoire")
    for page in ("pilotage", "donnees", "nowhere"):
        with pytest.raises(ForbiddenError):
            check_page(metropole, page)
    assert Principal("food_bank", ("x",)).may_open("pilotage")
    assert not Principal("food_bank", ("x",)).may_open("donnees")
    assert set(Principal("data_team").pages) == set(PAGES)


def test_a_figure_has_one_page() -> None:
    figures = [figure for entry in PAGES.values() for figure in entry.figures]
    assert len(figures) == len(set(figures))
    entry = page_of_figure("carte-des-communes")
    assert entry is not None and entry.path == "/territoire"
    assert page_of_figure("nothing") is None


@pytest.mark.parametrize("mart", ["mart_step_times", "mart_data_quality_daily", "mart_rounds"])
def test_only_figures_of_a_mart_that_did_not_exist_say_so(tmp_path: Path, mart: str) -> None:
    """The small publication has no rows of most marts: their figures are empty, which is a fact."""
    pages = []
    for folder, lacking in ((tmp_path / "now", ()), (tmp_path / "before", (mart,))):
        write_publication(folder)
        take_out(folder, lacking, ())
        source = Source.of(open_current(folder))
        filters = resolve_filters({}, read_choices(source))[0]
        pages.append({code: read_page_of(source, code, filters) for code in PAGES})
    told = set()
    for code, whole in pages[0].items():
        earlier = pages[1][code]
        for section, before in zip(earlier.sections, whole.sections, strict=True):
            if section != before:
                assert isinstance(section, FigureModel)
                assert mart in PAGES[code].figures[section.figure_id]
                assert (section.state, before.state) == ("not_in_publication", "empty")
                told.add(section.figure_id)
    expected = {
        "mart_step_times": {"temps-par-etape"},
        "mart_data_quality_daily": {"lignes-par-mois"},
        "mart_rounds": {"tournees", "simulateur"},
    }
    assert told == expected[mart]


def test_no_decision_is_found_where_what_asks_for_one_did_not_exist(french: Words) -> None:
    columns = (Column("what", "L"),)
    figure = FigureModel("decisions", "table", "t", "s", "a", columns, (), state="empty")
    section = Decisions("decisions", "t", "s", (), "rien", figure)
    page = PageModel("pilotage", "", (section,))
    shown = PAGES["pilotage"].figures
    assert mark_lacking(french, page, {"mart_step_times"}, shown) == page
    (marked,) = mark_lacking(french, page, {"mart_orders_open"}, shown).sections
    assert isinstance(marked, Decisions)
    assert marked.figure.state == "not_in_publication"
    assert marked.nothing == french("not_in_publication")


def test_mark_up_in_data_is_shown_as_text(french: Words) -> None:
    title = escape_markdown("[x](http://e) :material/home: **b** <i> $a$ 12,5 % : fin")
    assert title.replace("\\", "") == "[x](http://e) :material/home: **b** <i> $a$ 12,5 % : fin"
    assert "\\[x\\]\\(" in title and "\\:material" in title and "\\<i\\>" in title
    model = FigureModel(
        "x", "ranked", "t", "s", "1",
        (Column("label", "L", role="label"), Column("kg", "K", "kg", "value")),
        (("<a href='http://e'>magasin</a>", Decimal(3)),),
    )  # fmt: skip
    written = draw_figure(french, model).to_json()
    assert "<a href" not in written and "&lt;a href" in written.replace("\\u0026lt;", "&lt;")
