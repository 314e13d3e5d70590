"""What the two pages say, for a small world worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashboards.figure_models import count_checks, write_table
from dashboards.filters import Filters, resolve_filters
from dashboards.kpis import Kpi, judge
from dashboards.language import Words, read_words
from dashboards.page_models.donnees import build_donnees
from dashboards.page_models.essentiel import (
    build_essentiel,
    build_key_figures,
    judge_key_figure,
)
from dashboards.page_models.mise_a_disposition import build_mise_a_disposition
from dashboards.page_models.page import PageModel, Sentences
from dashboards.page_models.territoire import build_territoire
from dashboards.pages import PAGES
from dashboards.published import Source, read_choices
from data_contracts.publications import Publication, open_current
from pipelines.publish.log import append_log
from pipelines.publish.pointer import cite, refuse_draft
from pipelines.settings import Settings
from tests.fixtures.publication import build_indicators, build_marts, write_publication
from tests.fixtures.publication import build_key_figures as build_figure_rows

NARROW = "\u202f"
ALL_PERIODS = ("2024-to-date", "2023", "2023-Q4", "2024-Q2", "2023-11", "2024-06")


@pytest.fixture
def page(publication: Publication, to_date: Filters, french: Words) -> PageModel:
    return build_essentiel(publication, to_date, french)


def sentences(page: PageModel) -> Sentences:
    return next(section for section in page.sections if isinstance(section, Sentences))


def plain(text: str) -> str:
    """Without the no-break spaces of French."""
    return text.replace("\u00a0", " ").replace(NARROW, " ")


def _card(page: PageModel, code: str) -> Kpi:
    return next(kpi for kpi in page.kpis if kpi.code == code)


def test_tonnes_are_compared_with_the_same_days_of_the_year_before(page: PageModel) -> None:
    # 5.5 x 88.4 t = 486.2 t against 5.5 x 84.4 t = 464.2 t: + 4.7 %
    card = _card(page, "tonnes_distributed")
    assert (card.value, card.unit) == ("486,2", "t")
    assert card.difference is not None
    assert card.difference.text == f"+4,7{NARROW}%"
    assert card.difference.judgement == "favourable"
    assert card.difference.basis == "contre 464,2 t du 1er janvier au 25 juin 2023"
    # Dijon: 5.5 x (44 + 20 + 0.4) t = 354.2 t of 486.2 t
    assert card.territory == f"dont Dijon Métropole\u00a0: 354,2 t (73{NARROW}%)"


def test_a_share_changes_in_points(page: PageModel) -> None:
    # 242 / 486.2 = 49.8 % against 220 / 464.2 = 47.4 %
    card = _card(page, "fresh_share_distributed")
    assert card.value == f"49,8{NARROW}%"
    assert card.difference is not None
    assert card.difference.text == "+2,4 points"


def test_fewer_emissions_are_favourable(page: PageModel) -> None:
    card = _card(page, "induced_kg_per_tonne")
    assert card.difference is not None
    assert (card.difference.direction, card.difference.judgement) == ("down", "favourable")
    assert judge("up", "down") == "unfavourable"
    assert judge("up", "none") == "neutral"


def test_what_is_not_supplied_says_what_is_missing_and_shows_no_zero(page: PageModel) -> None:
    for code in ("people_declared", "cost_per_tonne"):
        card = _card(page, code)
        assert card.state == "not_supplied"
        assert card.value == "Non fourni"
        assert card.raw_value is None
        assert "manque" in card.notes[0]


def test_before_the_records_begin_there_is_no_difference_and_a_reason(
    publication: Publication, whole_2023: Filters, french: Words
) -> None:
    page = build_essentiel(publication, whole_2023, french)
    card = _card(page, "tonnes_distributed")
    assert card.value == f"1{NARROW}012,8"
    assert card.difference is None
    assert card.no_difference == (
        "Pas de comparaison\u00a0: les enregistrements commencent le 2 janvier 2023."
    )
    assert all(row[5] is None for row in page.figure("tonnes-par-mois").rows)
    assert page.figure("tonnes-par-mois").title == "Tonnes distribuées par mois"


def test_a_partial_quarter_takes_the_same_days_from_the_monthly_flows(
    publication: Publication, french: Words
) -> None:
    filters, _ = resolve_filters({"period": "2024-Q2"}, read_choices(Source.of(publication)))
    page = build_essentiel(publication, filters, french)
    # 2.5 x 88.4 = 221.0 t against 2.5 x 84.4 = 211.0 t; households cannot be derived
    tonnes, households = _card(page, "tonnes_distributed"), _card(page, "households_helped")
    assert tonnes.difference is not None
    assert tonnes.difference.basis.startswith("contre 211,0 t")
    assert households.difference is None
    assert households.no_difference is not None
    assert "mêmes jours" in households.no_difference


def test_a_partial_month_has_no_difference(page: PageModel) -> None:
    assert page.figure("tonnes-par-mois").values("is_partial") == [False] * 5 + [True]
    assert page.figure("tonnes-par-mois").values("tonnes_this_year") == [Decimal(88_400)] * 5 + [
        Decimal(44_200)
    ]
    assert page.figure("tonnes-par-mois").values("tonnes_year_before") == [Decimal(84_400)] * 6
    assert page.figure("tonnes-par-mois").values("difference_share")[-1] is None
    _, rows = write_table(read_words("fr"), page.figure("tonnes-par-mois"))
    assert rows[-1] == ["juin 2024 (mois en cours)", "44,2", "84,4", "n.d."]


@pytest.mark.parametrize("code", ALL_PERIODS)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_titles_have_ten_words_or_fewer_and_alt_has_a_number(
    publication: Publication, code: str, language: str
) -> None:
    choices = read_choices(Source.of(publication))
    filters, _ = resolve_filters({"period": code, "lang": language}, choices)
    words = read_words(language)
    pages = (
        build_essentiel(publication, filters, words),
        build_mise_a_disposition(publication, filters, words),
    )
    for page in pages:
        for figure in page.exported:
            assert 0 < len(figure.title.split(" ")) <= 10, figure.title
            assert figure.state == "ok"
            assert any(character.isdigit() for character in figure.alt), figure.alt


@pytest.mark.parametrize(
    ("code", "months"),
    [("2024-to-date", 6), ("2023", 12), ("2023-Q4", 3), ("2023-11", 11), ("2024-06", 6)],
)
def test_the_period_sets_the_months_of_the_figure(
    publication: Publication, french: Words, code: str, months: int
) -> None:
    filters, _ = resolve_filters({"period": code}, read_choices(Source.of(publication)))
    assert (
        len(build_essentiel(publication, filters, french).figure("tonnes-par-mois").rows) == months
    )


def test_a_missing_indicator_is_not_a_zero(tmp_path: Path, french: Words) -> None:
    rows = [row for row in build_indicators() if row["indicator_code"] != "households_helped"]
    write_publication(tmp_path, changes={"mart_indicators": rows})
    publication = open_current(tmp_path)
    choices = read_choices(Source.of(publication))
    page = build_essentiel(publication, resolve_filters({}, choices)[0], french)
    card = _card(page, "households_helped")
    assert (card.state, card.value, card.difference) == ("missing", "n.d.", None)
    assert not any("foyers différents" in quote.sentence for quote in sentences(page).quotes)


@pytest.mark.parametrize(
    ("values", "asked", "code", "value", "notes"),
    [
        ({2024: "0.092"}, {}, "least_served_share", "n.d.",
         ("Calculée pour toute la banque alimentaire, pas par territoire : 9,2 %.",)),
        ({2024: None}, {}, "least_served_share", "n.d.",
         ("Calculée pour toute la banque alimentaire, pas par territoire.",)),
        ({2024: "0.092"}, {"territory": "none"}, "least_served_share", "9,2 %", ()),
        ({2024: None}, {"territory": "none"}, "least_served_share", "n.d.",
         ("Les enregistrements ne permettent pas de la calculer pour cette période.",)),
        ({2023: "0.1"}, {"territory": "none"}, "least_served_share", "n.d.",
         ("Aucune valeur publiée pour cette période.",)),
        ({}, {"territory": "none"}, "least_served_share", "n.d.",
         ("Les enregistrements fournis ne donnent pas cette valeur.",)),
        ({}, {"territory": "none"}, "tonnes_per_1000_inhabitants", "n.d.",
         ("Calculée pour un territoire : choisissez-en un.",)),
    ],
)  # fmt: skip
def test_a_card_without_a_value_says_why(
    tmp_path: Path, french: Words, values: dict[int, str | None], asked: dict[str, str],
    code: str, value: str, notes: tuple[str, ...],
) -> None:  # fmt: skip
    """Of how evenly food reaches the communes there is a value of the whole food bank only."""
    rows = build_indicators()
    of_shares = [row for row in rows if row["indicator_code"] == "fresh_share_distributed"]
    rows += [
        {**row, "indicator_code": "least_served_share", "variant": "",
         "value": Decimal(share) if (share := values[row["period_start"].year]) else None}
        for row in of_shares
        if row["scope_kind"] == "food_bank" and row["period_start"].year in values
    ]  # fmt: skip
    write_publication(tmp_path, changes={"mart_indicators": rows})
    publication = open_current(tmp_path)
    filters, ignored = resolve_filters(asked, read_choices(Source.of(publication)))
    card = _card(build_territoire(publication, filters, french), code)
    assert ignored == ()
    assert plain(card.value) == value
    assert tuple(map(plain, card.notes)) == notes


@pytest.mark.parametrize("period", ALL_PERIODS)
def test_no_card_is_without_a_value_and_a_reason(
    publication: Publication, french: Words, period: str
) -> None:
    filters, _ = resolve_filters({"period": period}, read_choices(Source.of(publication)))
    cards = [kpi for entry in PAGES.values()
             for kpi in entry.build(publication, filters, french).kpis]  # fmt: skip
    missing = [kpi for kpi in cards if kpi.state == "missing"]
    assert missing and all(kpi.notes for kpi in missing)


def test_a_suppressed_value_is_an_s(tmp_path: Path, french: Words) -> None:
    rows = build_indicators()
    for row in rows:
        row["is_suppressed"] = row["indicator_code"] == "households_helped"
    write_publication(tmp_path, changes={"mart_indicators": rows})
    publication = open_current(tmp_path)
    choices = read_choices(Source.of(publication))
    page = build_essentiel(publication, resolve_filters({}, choices)[0], french)
    assert _card(page, "households_helped").value == "s"


def test_sentences_carry_their_period_and_the_warning_its_sum(page: PageModel) -> None:
    assert len(sentences(page).quotes) == 4
    assert all(
        "2024" in quote.sentence or "2023" in quote.sentence for quote in sentences(page).quotes
    )
    # 250 households in 2023, 300 to date in 2024: the sum that must not be said
    assert sentences(page).warnings[0].sentence == "250 + 300 = 550 foyers sur deux ans."


def test_a_published_figure_is_equal_to_its_own_precision() -> None:
    assert judge_key_figure("equal", "t", Decimal("493.4"), Decimal("493")) == "equal"
    assert judge_key_figure("equal", "t", Decimal("2.44"), Decimal("2.4")) == "equal"
    assert judge_key_figure("equal", "share", Decimal("0.03649"), Decimal("0.036")) == "equal"
    assert judge_key_figure("equal", "count", Decimal("659"), Decimal("660")) == "apart"
    assert judge_key_figure("at_least", "count", Decimal("214"), Decimal("200")) == "reached"
    assert judge_key_figure("at_least", "count", Decimal("44"), Decimal("45")) == "apart"
    assert judge_key_figure("equal", "count", None, Decimal("45")) == "missing"


def test_the_title_counts_the_published_figures_that_are_found(
    tmp_path: Path, to_date: Filters, french: Words, publication: Publication
) -> None:
    assert build_key_figures(publication, to_date, french).title.startswith("Les 3 chiffres")
    rows = build_figure_rows()
    rows[0]["value"] = Decimal(125)
    write_publication(tmp_path, changes={"mart_key_figures": rows})
    figure = build_key_figures(open_current(tmp_path), to_date, french)
    assert figure.title == "2 chiffres publiés sur 3 se retrouvent"


def test_partner_kinds_are_ranked_net_of_refusals(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    figure = build_mise_a_disposition(publication, to_date, french).figure("par-type-de-partenaire")
    assert figure.values("partner_kind") == ["social_grocery", "independent_charity", "ccas"]
    assert figure.values("weight_kg") == [Decimal(242_000), Decimal(132_000), Decimal(110_000)]
    assert figure.values("weight_kg_same_days")[0] == Decimal(220_000)
    assert sum(figure.values("weight_share")) == 1


def test_households_by_month_are_a_figure_of_their_own_and_are_not_added(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    page = build_mise_a_disposition(publication, to_date, french)
    assert page.figure("foyers-par-mois").values("count_this_year") == [120] * 6
    assert page.figure("foyers-par-mois").title.startswith("300 foyers")
    assert "ne s'additionnent pas" in page.figure("foyers-par-mois").notes[0]
    assert page.figure("personnes-declarees").state == "not_supplied"
    assert page.figure("personnes-declarees").rows == ()


def test_the_balance_says_that_it_closes(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    page = build_mise_a_disposition(publication, to_date, french)
    assert page.figure("bilan-matiere").notes[0].startswith("Le bilan ferme")
    assert "Transferts entre sites" in page.figure("bilan-matiere").notes[1]


def test_checks_are_counted_in_any_form() -> None:
    assert count_checks([{"has_passed": True}, {"has_passed": False}]) == (1, 2)
    assert count_checks({"passed": 3, "failed": 1}) == (3, 4)
    assert count_checks({"mass": True, "keys": "passed"}) == (2, 2)
    assert count_checks(None) == (None, None)


def test_pages_are_the_same_twice(
    publication: Publication, to_date: Filters, french: Words
) -> None:
    assert build_essentiel(publication, to_date, french) == build_essentiel(
        publication, to_date, french
    )
    assert to_date.period.start == date(2024, 1, 1)


def test_a_new_method_is_a_break_without_comparison_on_cards_and_by_month(
    tmp_path: Path, to_date: Filters, french: Words
) -> None:
    changed_on = date(2024, 3, 1)
    rows = [
        row | {"method_version": "1.1"}
        if row["indicator_code"] == "tonnes_distributed" and row["period_end"] >= changed_on
        else row
        for row in build_indicators()
    ]
    write_publication(tmp_path, changes={"mart_indicators": rows})
    page = build_essentiel(open_current(tmp_path), to_date, french)
    card = _card(page, "tonnes_distributed")
    assert (card.value, card.method, card.difference) == ("486,2", "1.1", None)
    assert card.no_difference == (
        "Pas de comparaison\u00a0: la méthode de calcul a changé entre les deux périodes."
    )
    monthly = page.figure("tonnes-par-mois")
    growths = dict(zip(monthly.values("month"), monthly.values("difference_share"), strict=True))
    assert growths[date(2024, 2, 1)] is not None
    assert growths[changed_on] is None
    breaks = [
        note for note in page.figure("tonnes-par-mois").notes if note.startswith("Rupture de série")
    ]
    assert breaks == [
        "Rupture de série\u00a0: méthode 1.1 à partir de mars 2024, sans comparaison avec la"
        " précédente."
    ]
    # Other indicators keep their comparison.
    assert _card(page, "fresh_share_distributed").difference is not None


def test_declared_people_are_shown_by_month_with_the_share_that_declared(
    tmp_path: Path, to_date: Filters, french: Words
) -> None:
    supplied = build_marts()["mart_supplied_records"]
    rows = build_indicators()
    for row in [row for row in rows if row["indicator_code"] == "tonnes_distributed"]:
        people = Decimal(14_000 + row["period_start"].month * 100)
        rows.append(row | {"indicator_code": "people_declared", "value": people, "unit": "people"})
        rows.append(
            row
            | {"indicator_code": "reporting_coverage", "value": Decimal("0.87"), "unit": "share"}
        )
    write_publication(
        tmp_path,
        changes={
            "mart_indicators": rows,
            "mart_supplied_records": [
                *supplied,
                supplied[0] | {"record": "beneficiary_reports"},
            ],
        },
    )
    publication = open_current(tmp_path)
    card = _card(build_essentiel(publication, to_date, french), "people_declared")
    assert (card.state, card.value) == ("ok", f"14{NARROW}100")
    assert card.notes == (f"Déclarées par 87,0{NARROW}% des partenaires actifs.",)
    page = build_mise_a_disposition(publication, to_date, french)
    assert page.figure("personnes-declarees") in page.exported
    assert page.figure("personnes-declarees").title.startswith(f"14{NARROW}100 personnes déclarées")
    assert page.figure("personnes-declarees").values("count_this_year") == [
        14_000 + n * 100 for n in range(1, 7)
    ]
    assert any(
        "ne s'ajoute pas aux foyers" in note for note in page.figure("personnes-declarees").notes
    )


def test_the_data_page_tells_every_event_of_the_log(tmp_path: Path, french: Words) -> None:
    settings = Settings(data_dir=tmp_path)
    write_publication(settings.published)
    at = datetime(2024, 6, 26, 3, tzinfo=UTC)
    append_log(settings, {"event": "published", "publication_id": "a" * 32, "at": at, "epoch": 1})
    refuse_draft(settings, "b" * 32, at, ["trop de pertes"])
    cite(settings, "a" * 32, "Essai", at)
    publication = open_current(settings.published)
    filters = resolve_filters({}, read_choices(Source.of(publication)))[0]
    table = build_donnees(publication, filters, french).figure("publications")
    assert table.values("at") == ["2024-06-26 03:00"] * 3
    assert table.values("event") == ["citée", "refusée", "publiée"]
