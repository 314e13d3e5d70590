"""A run of the script, the same for every page: language, publication, filters, navigation.

Here lives what all pages share, in the order in which a reader meets it. A page is in `views/`; the
server around it in `server.py`. `CURRENT` is resolved once a run and kept for the whole page.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

import polars as pl
import streamlit as st

from dashboards.access import (
    DATA_PAGES,
    FOOD_BANK_PAGES,
    TERRITORY_PAGES,
    ForbiddenError,
    Principal,
    check_page,
)
from dashboards.access_log import ANONYMOUS, NotLoggedError, log_access, log_reading
from dashboards.blocks import (
    Heading,
    show_html,
    show_parts,
    write_message,
    write_notice,
)
from dashboards.figure_models import read_provenance
from dashboards.filters import (
    Choices,
    Filters,
    IgnoredValue,
    label_choice,
    order_choices,
    read_language,
    write_query,
)
from dashboards.language import LANGUAGES, Words, read_words
from dashboards.language.formats import write_date
from dashboards.pages import PAGES
from dashboards.published import (
    Opened,
    Source,
    find_latest_edition,
    is_stale,
    list_edition_territories,
    name_food_banks,
    open_asked,
    published_dir,
    read_choices,
    read_filters,
    write_edition_code,
)
from dashboards.sign_in import (
    SignInError,
    identify_run,
    needs_sign_in,
    read_contact,
    read_sign_in_settings,
)
from dashboards.views.context import Context
from dashboards.views.page import show_page
from data_contracts.publications import (
    NoEditionError,
    NoPublicationError,
    PublicationError,
    read_refusal,
)

ADDRESS = "address"
PATH = "path"
LOGGED = "logged"
# An open page is looked after so often (oftener where idle time is shorter): what it shows goes
# when its reader may see it no longer.
WATCH_SECONDS = 60


def run() -> None:
    """One run of the script."""
    _restore_address()
    parameters = st.query_params.to_dict()
    words = read_words(read_language(parameters))
    try:
        principal = identify_run()
    except SignInError as error:
        _show_closed(words, error)
        return
    except NotLoggedError:
        _show_message(words, "unlogged", {})
        return
    code = _choose_page(words, principal)
    try:
        _run_page(words, parameters, principal, code)
    except ForbiddenError:
        _show_forbidden(words, parameters, principal, code)
    except NotLoggedError:
        _show_message(words, "unlogged", {}, principal)
    if needs_sign_in():
        _watch_sign_in(principal)


def _choose_page(words: Words, principal: Principal) -> str:
    """The page of the address. Every page has its address, also those that are refused."""
    pages = _list_pages(words, principal.pages)
    chosen = st.navigation(list(pages), position="hidden")
    return pages[chosen]


@lru_cache(maxsize=64)
def _list_pages(words: Words, open_pages: tuple[str, ...]) -> dict[st.Page, str]:
    """The pages by Streamlit's own objects, of which nothing but the address is asked."""
    return {
        st.Page(
            _do_nothing,
            title=words(f"{code}.title") if code in open_pages else words("site.name"),
            url_path=code,
            default=entry.path == "/",
        ): code
        for code, entry in PAGES.items()
    }


def _run_page(words: Words, parameters: dict[str, str], principal: Principal, code: str) -> None:
    """What was opened, and the page over it. Raises ForbiddenError, NotLoggedError."""
    check_page(principal, code)
    try:
        opened = open_asked(parameters, principal)
        choices = read_choices(opened.source)
    except NoEditionError:
        _show_message(words, "no_edition", {}, principal)
        return
    except NoPublicationError:
        _show_message(words, "no_publication", {}, principal)
        return
    except PublicationError:
        if parameters.get("pub"):
            _show_message(words, "not_kept", {"pub": parameters["pub"]}, principal)
        else:
            _show_message(words, "unreadable", {}, principal)
        return
    except (KeyError, pl.exceptions.PolarsError):
        # A publication of another version of the contracts holds other columns.
        _show_message(words, "other_version", {}, principal)
        return
    if not choices.food_banks:
        _show_message(words, "empty", {}, principal)
        return
    filters, ignored = read_filters(parameters, opened, choices)
    st.session_state[ADDRESS] = dict(parameters)
    bank = filters.food_bank
    context = Context(
        opened,
        filters,
        words,
        read_provenance(opened.publication, bank.name, bank.data_date),
    )
    _log_view(context, code)
    path = PAGES[code].path
    _name_page(words, words(f"{code}.title"))
    show_html(
        _write_masthead(words, filters, path, principal.pages, _write_reader(words, principal)),
        _write_notices(context, ignored),
    )
    _show_filters(context, choices)
    _show_page(context, code, _write_footer(words, filters, principal.may_open("methode")))


def _name_page(words: Words, title: str = "") -> None:
    """The title of the window; what is no page has the name of the site only."""
    name = " · ".join(filter(None, (title, words("site.name"))))
    st.set_page_config(page_title=name, layout="wide")


def _do_nothing() -> None:
    """Pages are run by `_run_page`, once it is known what the reader may see."""


def _log_view(context: Context, code: str) -> None:
    """One entry for what is shown, not for each run of it. Raises NotLoggedError."""
    publication = context.opened.publication
    parameters = dict(parse_qsl(write_query(context.filters)))
    edition = publication.edition and write_edition_code(publication.edition)
    shown = (code, publication.publication_id, edition, parameters)
    if st.session_state.get(LOGGED) != shown:
        log_reading(
            "view", context.opened.principal, page=code, parameters=parameters,
            publication=publication,
        )  # fmt: skip
        st.session_state[LOGGED] = shown


def _watch_sign_in(principal: Principal) -> None:
    """Clears the screen of who was signed out, was away for too long or lost the role."""
    idle = read_sign_in_settings().idle_seconds
    st.fragment(_look_after, run_every=min(WATCH_SECONDS, idle / 2))(principal)


def _look_after(principal: Principal) -> None:
    try:
        stands = identify_run(is_activity=False) == principal
    except (SignInError, NotLoggedError):
        stands = False
    if not stands:
        st.rerun()


def _show_closed(words: Words, error: SignInError) -> None:
    """Nobody who may read: why, and the way in or whom to ask."""
    _name_page(words)
    st.session_state.pop(ADDRESS, None)
    _log_closed(error)
    _show_wordmark(words)
    st.title(words(f"closed.{error.reason}.title"), anchor=False)
    texts = [words(f"closed.{error.reason}")]
    if st.query_params.get("sign_in") == "failed" and error.reason == "needed":
        texts.insert(0, words("closed.failed"))
    if error.name:
        texts.insert(0, words("closed.signed_in_as", name=error.name))
    if error.contact:
        texts.append(words("closed.contact", contact=error.contact))
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in texts)
    link = (
        _write_link("/sign-out", words("sign_out"))
        if error.reason == "no_role"
        else _write_link(_address_of_sign_in(), words("sign_in"), "sign-in")
        if error.reason != "rules"
        else ""
    )
    show_html(
        f'<div class="message" role="alert">{paragraphs}'
        f'<p class="way-in">{link} {_write_other_language(words)}</p></div>'
    )


def _log_closed(error: SignInError) -> None:
    """One entry for an identity that was turned away; nothing is shown, so it may also fail."""
    if error.reason in ("refused", "no_role") and st.session_state.get(LOGGED) != error.reason:
        with suppress(NotLoggedError):
            log_access("refused", error.reader or ANONYMOUS, "", (), reason=error.reason)
        st.session_state[LOGGED] = error.reason


def _show_forbidden(
    words: Words, parameters: dict[str, str], principal: Principal, code: str
) -> None:
    """A page or data that are not the reader's: said in their language, with whom to ask."""
    try:
        log_reading("refused", principal, page=code, parameters=parameters, reason="forbidden")
    except NotLoggedError:
        _show_message(words, "unlogged", {}, principal)
        return
    _name_page(words)
    st.session_state.pop(ADDRESS, None)
    _show_wordmark(words, principal)
    st.title(words("message.forbidden.title"), anchor=False)
    contact = read_contact()
    ask = words("closed.contact", contact=contact) if contact else words("message.forbidden.do")
    lines = [words("message.forbidden"), ask]
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines)
    first = _write_link(f"/?lang={words.language}", words("message.forbidden.back"))
    show_html(
        f'<div class="message" role="alert">{paragraphs}'
        f'<p class="way-in">{first} {_write_other_language(words)}</p></div>'
    )


def _show_wordmark(words: Words, principal: Principal | None = None) -> None:
    """The name of the site above what is no page, and who reads."""
    reader = "" if principal is None else _write_reader(words, principal)
    show_html(
        f'<div class="masthead"><div><p class="wordmark">{escape(words("site.name"))}</p>'
        f"{reader}</div></div>"
    )


def _write_other_language(words: Words) -> str:
    other = next(language for language in LANGUAGES if language != words.language)
    path = urlsplit(st.context.url or "").path or "/"
    query = urlencode({**st.query_params.to_dict(), "lang": other})
    label = escape(read_words(other)("language.name"))
    return (
        f'<a class="language" lang="{other}" hreflang="{other}" href="{escape(path)}?'
        f'{escape(query)}">{label}</a>'
    )


def _address_of_sign_in() -> str:
    """The way to the provider, and back to the page that was asked for."""
    query = {name: value for name, value in st.query_params.to_dict().items() if name != "sign_in"}
    path = urlsplit(st.context.url or "").path or "/"
    return f"/sign-in?{urlencode({'to': f'{path}?{urlencode(query)}' if query else path})}"


def _write_link(address: str, label: str, kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<a{name} href="{escape(address)}" target="_self">{escape(label)}</a>'


def _write_reader(words: Words, principal: Principal) -> str:
    """Who reads and in which role, with the way out; nothing where nobody signs in."""
    if not needs_sign_in():
        return ""
    if not principal.name:
        link = _write_link(_address_of_sign_in(), words("sign_in"))
        return f'<p class="reader">{escape(words("role.public"))} · {link}</p>'
    return (
        f'<p class="reader">{escape(principal.name)} · {escape(words(f"role.{principal.role}"))}'
        f" · {_write_link('/sign-out', words('sign_out'))}</p>"
    )


def _show_page(context: Context, code: str, footer: str) -> None:
    """A page; what it cannot read is said on the page, and the others still open."""
    try:
        show_page(context, code, footer)
    except PublicationError:
        _show_instead(context.words, code, "unreadable", footer)
    except (KeyError, pl.exceptions.PolarsError):
        logging.getLogger(__name__).exception("page %s cannot be shown", code)
        _show_instead(context.words, code, "other_version", footer)


def _show_instead(words: Words, code: str, state: str, footer: str) -> None:
    title = Heading(words(f"{code}.title"), level=1)
    show_parts(words, (title, write_message(words, state, {}), footer))


def _restore_address() -> None:
    """The menu drops every parameter: put back those of the page before.

    A bare address on the same page is a step back in the history, and is left bare.
    """
    path = urlsplit(st.context.url or "").path
    has_changed_page = st.session_state.get(PATH, path) != path
    st.session_state[PATH] = path
    if has_changed_page and not st.query_params and st.session_state.get(ADDRESS):
        st.query_params.from_dict(st.session_state[ADDRESS])


@lru_cache(maxsize=256)
def _write_masthead(
    words: Words, filters: Filters, path: str, open_pages: tuple[str, ...], reader: str
) -> str:
    """The name of the site, the place, the other language, and the menu by the reader's task."""
    other = next(language for language in LANGUAGES if language != words.language)
    query = escape(write_query(filters, lang=other))
    shared = escape(write_query(replace(filters, options=())))
    groups = []
    for group, codes in (
        ("territory", TERRITORY_PAGES), ("food_bank", FOOD_BANK_PAGES), ("data", DATA_PAGES),
    ):  # fmt: skip
        links = "".join(
            f'<li><a href="{PAGES[code].path}?{shared}"'
            + (' aria-current="page"' if PAGES[code].path == path else "")
            + f">{escape(words(f'{code}.title'))}</a></li>"
            for code in codes
            if code in open_pages
        )
        if links:
            label = escape(words(f"menu.{group}"))
            groups.append(f'<div><p class="menu-group">{label}</p><ul>{links}</ul></div>')
    place = f" · {filters.territory_name}" if filters.territory_name else ""
    current = next((code for code in open_pages if PAGES[code].path == path), "essentiel")
    menu = "".join(groups)
    return (
        '<div class="masthead"><div><p class="wordmark">'
        f"{escape(words('site.name'))}</p>"
        f'<p class="place">{escape(filters.food_bank.name)}{escape(place)}</p>'
        f"{reader}</div>"
        f'<a class="language" lang="{other}" hreflang="{other}" href="{path}?{query}">'
        f"{escape(read_words(other)('language.name'))}</a></div>"
        f'<nav class="menu" aria-label="{escape(words("site.menu"))}">'
        f'<details class="menu-narrow"><summary>{escape(words("site.menu"))} · '
        f"{escape(words(f'{current}.title'))}</summary>{menu}</details>"
        f'<div class="menu-wide">{menu}</div></nav>'
    )


def _write_notices(context: Context, ignored: tuple[IgnoredValue, ...]) -> str:
    words, filters, opened = context.words, context.filters, context.opened
    publication = opened.publication
    notices = []
    if filters.food_bank.is_demonstration:
        notices.append(_write_demonstration(words))
    if publication.edition is not None:
        notices.append(_write_edition(words, opened))
    elif opened.is_archive:
        notices.append(
            write_notice("archive", words("notice.archive.title"), words("notice.archive"))
        )
    elif is_stale(publication) and publication.published_at:
        day = write_date(words, publication.published_at.date())
        notices.append(
            write_notice("stale", words("notice.stale.title"), words("notice.stale", date=day))
        )
    if not opened.is_archive and not opened.principal.reads_editions_only and _is_refused():
        notices.append(
            write_notice("refused", words("notice.refused.title"), words("notice.refused"))
        )
    passed, total = context.provenance.passed_checks, context.provenance.all_checks
    if passed is not None and total is not None and passed < total:
        notices.append(
            write_notice(
                "warning",
                words("notice.warning.title"),
                words.count("notice.warning", total - passed, count=total - passed),
            )
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
    return "".join(notices)


def _write_edition(words: Words, opened: Opened) -> str:
    """Which edition is read, who approved it, and whether a later one corrects it."""
    edition = opened.publication.edition
    assert edition is not None  # nosec B101
    signers = ", ".join(str(approval["by"]) for approval in edition.approvals)
    text = words(
        "notice.edition", date=write_date(words, edition.end), signers=signers or words("unsigned")
    )
    title = words("notice.edition.title", number=edition.number)
    if edition.replaces is not None:
        text += " " + words("notice.edition.corrects", number=edition.replaces,
                            reason=edition.reason or "")  # fmt: skip
    if opened.corrected_by is not None:
        correction = opened.corrected_by
        return write_notice(
            "corrected",
            words("notice.corrected.title", number=edition.number),
            words(
                "notice.corrected", number=correction.number, reason=correction.reason or "",
            ),
        )  # fmt: skip
    return write_notice("archive" if opened.is_archive else "edition", title, text)


def _is_refused() -> bool:
    """Whether the last refresh was refused; a status that cannot be read is for `doctor`."""
    try:
        return read_refusal(published_dir()) is not None
    except PublicationError:
        return False


def _show_filters(context: Context, choices: Choices) -> None:
    """The widgets, set to what the address says; a choice writes the address."""
    words, filters = context.words, context.filters
    bank_id = filters.food_bank.food_bank_id
    periods = dict(_label_periods(words, context.opened.source, bank_id))
    periods.setdefault(filters.period.code, label_choice(words, filters.period))
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        _select(words, "period", tuple(periods), filters.period.code, periods)
        principal = context.opened.principal
        names = {bank.food_bank_id: bank.name for bank in choices.food_banks}
        if principal.role == "food_bank" and context.opened.publication.edition is None:
            # Each of a director's food banks has a folder of its own.
            names = name_food_banks(principal)
        if len(names) > 1:
            _select(words, "food_bank", tuple(names), bank_id, names)
        territories = list_edition_territories(principal) if principal.reads_editions_only else []
        if len(territories) > 1 and filters.territory_code:
            labels = {code: choices.territories.get(code, code) for code in territories}
            _select(words, "territory", tuple(territories), filters.territory_code, labels)
        elif (
            not principal.reads_editions_only
            and len(filters.food_bank.territory_codes) > 1
            and filters.territory_code
        ):
            codes = filters.food_bank.territory_codes
            labels = {code: choices.territories.get(code, code) for code in codes}
            _select(words, "territory", codes, filters.territory_code, labels)
        _show_status(context)


@lru_cache(maxsize=256)
def _label_periods(words: Words, source: Source, food_bank_id: str) -> dict[str, str]:
    """The periods that are offered, by code in the order of the list."""
    periods = order_choices(read_choices(source).periods[food_bank_id])
    return {period.code: label_choice(words, period) for period in periods}


def _select(
    words: Words, name: str, options: tuple[str, ...], value: str, labels: dict[str, str]
) -> None:
    """One list. Its key holds the language: labels of another language would stay otherwise."""
    key = f"select-{name}-{words.language}"
    if st.session_state.get(key) != value:
        st.session_state[key] = value

    def write_address() -> None:
        st.query_params[name] = st.session_state[key]
        for other in {"food_bank": ("territory",), "territory": ("food_bank", "edition")}.get(
            name, ()
        ):
            st.query_params.pop(other, None)

    st.selectbox(
        words(f"filter.{name}"),
        options,
        format_func=lambda code: labels[code],
        key=key,
        on_change=write_address,
        width=340 if name != "food_bank" else 440,
    )


def _show_status(context: Context) -> None:
    """What is read (provisional figures or an edition) and the way to the other."""
    words, filters = context.words, context.filters
    bank, publication = filters.food_bank, context.opened.publication
    text, link = "", ""
    if publication.edition is not None:
        day = write_date(words, publication.edition.end)
        text = words("status.edition", number=publication.edition.number, date=day)
        if not context.opened.principal.reads_editions_only:
            query = escape(write_query(filters, edition=None))
            link = f'<a href="?{query}">{escape(words("status.to_provisional"))}</a>'
    elif bank.data_date:
        text = words("status.provisional", date=write_date(words, bank.data_date))
        latest = find_latest_edition(context.opened.source, filters.territory_code)
        if latest is not None:
            query = escape(write_query(filters, edition=write_edition_code(latest), pub=None))
            label = words("status.to_edition", number=latest.number)
            link = f'<a href="?{query}">{escape(label)}</a>'
    if text:
        show_html(f'<p class="status">{escape(text)} {link}</p>')


@lru_cache(maxsize=256)
def _write_footer(words: Words, filters: Filters, has_methods: bool) -> str:
    text_id = "footer.demonstration" if filters.food_bank.is_demonstration else "footer.plain"
    query = escape(write_query(replace(filters, options=())))
    links = "".join(
        f'<a href="{PAGES["methode"].path}?{query}#{anchor}">{escape(words(text))}</a>'
        for anchor, text in (
            ("registre", "footer.method"),
            ("accessibilite", "footer.statement"),
            ("citer", "footer.cite"),
        )
        if has_methods
    )
    return (
        f'<footer class="footer"><p>{escape(words(text_id))}</p>'
        f"<p>{escape(words('footer.accessibility'))}</p>"
        f'<p class="footer-links">{links}</p></footer>'
    )


def _show_message(
    words: Words, state: str, values: dict[str, str], principal: Principal | None = None
) -> None:
    """A page that has nothing to show but a message and what to do."""
    _name_page(words)
    if principal is not None and _is_demonstration(principal):
        show_html(_write_demonstration(words))
    st.title(words(f"message.{state}.title"), anchor=False)
    reader = "" if principal is None else _write_reader(words, principal)
    show_html(write_message(words, state, values) + reader)


def _is_demonstration(principal: Principal) -> bool:
    """Whether the current publication, if there is one, holds a demonstration."""
    try:
        opened = open_asked({}, principal)
        return any(bank.is_demonstration for bank in read_choices(opened.source).food_banks)
    except (PublicationError, ForbiddenError, KeyError, pl.exceptions.PolarsError):
        return False


def _write_demonstration(words: Words) -> str:
    return write_notice(
        "demonstration",
        words("notice.demonstration.title"),
        words("notice.demonstration"),
        role="note",
    )
