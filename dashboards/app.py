"""The script that Streamlit runs for every page: language, publication, filters, navigation.

Here lives what all pages share, in the order in which a reader meets it. A page is in `views/`; the
server around it in `server.py`. `CURRENT` is resolved once a run and kept for the whole page.
"""

from __future__ import annotations

from functools import partial
from html import escape
from urllib.parse import urlsplit

import streamlit as st

from dashboards.blocks import show_html, write_notice
from dashboards.figure_models import read_provenance
from dashboards.filters import (
    Choices,
    Filters,
    FoodBank,
    IgnoredValue,
    label_choice,
    order_choices,
    read_language,
    resolve_filters,
    write_query,
)
from dashboards.language import LANGUAGES, Words, read_words
from dashboards.language.formats import write_date
from dashboards.published import is_stale, open_asked, published_dir, read_choices
from dashboards.theme import style_sheet
from dashboards.views.context import Context
from dashboards.views.essentiel import show_essentiel
from dashboards.views.mise_a_disposition import show_mise_a_disposition
from data_contracts.publications import (
    NoPublicationError,
    Publication,
    PublicationError,
    read_refusal,
)

PAGES = (
    ("essentiel", "", show_essentiel),
    ("disposition", "mise-a-disposition", show_mise_a_disposition),
)
ADDRESS = "address"
PATH = "path"


def run() -> None:
    """One run of the script."""
    _restore_address()
    parameters = st.query_params.to_dict()
    words = read_words(read_language(parameters))
    st.set_page_config(page_title=words("site.name"), layout="wide")
    show_html(style_sheet())
    try:
        publication, is_archive = open_asked(parameters)
    except NoPublicationError:
        _show_message(words, "no_publication", {})
        return
    except PublicationError:
        if parameters.get("pub"):
            _show_message(words, "not_kept", {"pub": parameters["pub"]})
        else:
            _show_message(words, "unreadable", {})
        return
    choices = read_choices(publication)
    if not choices.food_banks:
        _show_message(words, "empty", {})
        return
    filters, ignored = resolve_filters(parameters, choices)
    st.session_state[ADDRESS] = dict(parameters)
    bank = filters.food_bank
    context = Context(
        publication,
        filters,
        words,
        read_provenance(publication, bank.name, bank.data_date),
    )
    pages = [
        st.Page(
            partial(show, context),
            title=words(f"{name}.title"),
            url_path=path or name,
            default=not path,
        )
        for name, path, show in PAGES
    ]
    page = st.navigation(pages, position="top")
    st.set_page_config(page_title=f"{page.title} · {words('site.name')}")
    path = "/" if page.url_path in ("", "essentiel") else f"/{page.url_path}"
    _show_masthead(words, filters, path)
    _show_notices(words, publication, filters, is_archive, ignored)
    _show_filters(words, choices, filters)
    page.run()
    _show_footer(words, filters)


def _restore_address() -> None:
    """The menu drops every parameter: put back those of the page before.

    A bare address on the same page is a step back in the history, and is left bare.
    """
    path = urlsplit(st.context.url or "").path
    has_changed_page = st.session_state.get(PATH, path) != path
    st.session_state[PATH] = path
    if has_changed_page and not st.query_params and st.session_state.get(ADDRESS):
        st.query_params.from_dict(st.session_state[ADDRESS])


def _show_masthead(words: Words, filters: Filters, path: str) -> None:
    other = next(language for language in LANGUAGES if language != words.language)
    query = escape(write_query(filters, lang=other))
    same = escape(write_query(filters))
    links = "".join(
        f'<a href="/{page_path}?{same}"'
        + (' aria-current="page"' if f"/{page_path}" == path else "")
        + f">{escape(words(f'{name}.title'))}</a>"
        for name, page_path, _ in PAGES
    )
    place = f" · {filters.territory_name}" if filters.territory_name else ""
    show_html(
        '<div class="masthead"><div><p class="wordmark">'
        f"{escape(words('site.name'))}</p>"
        f'<p class="place">{escape(filters.food_bank.name)}{escape(place)}</p></div>'
        f'<a class="language" lang="{other}" hreflang="{other}" href="{path}?{query}">'
        f"{escape(read_words(other)('language.name'))}</a></div>"
        f'<nav class="menu" aria-label="{escape(words("site.menu"))}">{links}</nav>'
    )


def _show_notices(
    words: Words,
    publication: Publication,
    filters: Filters,
    is_archive: bool,
    ignored: tuple[IgnoredValue, ...],
) -> None:
    notices = []
    if filters.food_bank.is_demonstration:
        notices.append(_write_demonstration(words))
    if is_archive:
        notices.append(
            write_notice("archive", words("notice.archive.title"), words("notice.archive"))
        )
    elif is_stale(publication) and publication.published_at:
        day = write_date(words, publication.published_at.date())
        notices.append(
            write_notice("stale", words("notice.stale.title"), words("notice.stale", date=day))
        )
    if not is_archive and _is_refused():
        notices.append(
            write_notice("refused", words("notice.refused.title"), words("notice.refused"))
        )
    for value in ignored:
        notices.append(
            write_notice(
                "ignored",
                words("notice.ignored.title"),
                words(
                    "notice.ignored",
                    parameter=value.parameter,
                    value=value.value[:60],
                    shown=value.shown,
                ),
            )
        )
    if notices:
        show_html("".join(notices))


def _is_refused() -> bool:
    """Whether the last refresh was refused; a status that cannot be read is for `doctor`."""
    try:
        return read_refusal(published_dir()) is not None
    except PublicationError:
        return False


def _show_filters(words: Words, choices: Choices, filters: Filters) -> None:
    """The widgets, set to what the address says; a choice writes the address."""
    bank_id = filters.food_bank.food_bank_id
    periods = {period.code: period for period in order_choices(choices.periods[bank_id])}
    periods.setdefault(filters.period.code, filters.period)
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        _select(
            words,
            "period",
            tuple(periods),
            filters.period.code,
            {code: label_choice(words, period) for code, period in periods.items()},
        )
        if len(choices.food_banks) > 1:
            names = {bank.food_bank_id: bank.name for bank in choices.food_banks}
            _select(words, "food_bank", tuple(names), bank_id, names)
        if len(filters.food_bank.territory_codes) > 1 and filters.territory_code:
            codes = filters.food_bank.territory_codes
            labels = {code: choices.territories.get(code, code) for code in codes}
            _select(words, "territory", codes, filters.territory_code, labels)
        _show_data_date(words, filters.food_bank)


def _select(
    words: Words, name: str, options: tuple[str, ...], value: str, labels: dict[str, str]
) -> None:
    """One list. Its key holds the language: labels of another language would stay otherwise."""
    key = f"select-{name}-{words.language}"
    if st.session_state.get(key) != value:
        st.session_state[key] = value

    def write_address() -> None:
        st.query_params[name] = st.session_state[key]
        if name == "food_bank":
            st.query_params.pop("territory", None)

    st.selectbox(
        words(f"filter.{name}"),
        options,
        format_func=lambda code: labels[code],
        key=key,
        on_change=write_address,
        width=340 if name != "food_bank" else 440,
    )


def _show_data_date(words: Words, bank: FoodBank) -> None:
    if bank.data_date:
        day = write_date(words, bank.data_date)
        show_html(f'<p class="status">{escape(words("status.provisional", date=day))}</p>')


def _show_footer(words: Words, filters: Filters) -> None:
    text_id = "footer.demonstration" if filters.food_bank.is_demonstration else "footer.plain"
    show_html(
        f'<footer class="footer"><p>{escape(words(text_id))}</p>'
        f"<p>{escape(words('footer.accessibility'))}</p></footer>"
    )


def _show_message(words: Words, state: str, values: dict[str, str]) -> None:
    """A page that has nothing to show but a message and what to do."""
    if _is_demonstration():
        show_html(_write_demonstration(words))
    st.title(words(f"message.{state}.title"), anchor=False)
    show_html(
        f'<div class="message" role="alert"><p>{escape(words(f"message.{state}", **values))}</p>'
        f"<p><code>{escape(words(f'message.{state}.do'))}</code></p></div>"
    )


def _is_demonstration() -> bool:
    """Whether the current publication, if there is one, holds a demonstration."""
    try:
        current, _ = open_asked({})
        return any(bank.is_demonstration for bank in read_choices(current).food_banks)
    except PublicationError:
        return False


def _write_demonstration(words: Words) -> str:
    return write_notice(
        "demonstration",
        words("notice.demonstration.title"),
        words("notice.demonstration"),
        role="note",
    )


run()
