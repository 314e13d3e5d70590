"""Serves the dashboards: the ASGI application and its middlewares, in the process that asks.

Here lives how the pages are reached: address, login mode, routes, order of the middlewares. What
is on a page belongs in `app.py` and `views/`; the middlewares themselves in `middlewares.py`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit import config, file_util
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from dashboards.access import read_local_principal
from dashboards.access_log import ACCESS_LOG_VARIABLE, ANONYMOUS, NotLoggedError, log_access
from dashboards.exports import answer_example, answer_export, answer_health
from dashboards.language import LANGUAGES, read_words
from dashboards.middlewares import (
    CompressedStatic,
    HtmlLanguage,
    LoopbackOnly,
    PublicAddress,
    SecurityHeaders,
    SignInReturn,
    is_loopback,
)
from dashboards.published import PUBLISHED_DIR_VARIABLE
from dashboards.reports.downloads import answer_report
from dashboards.sign_in import (
    AUTH_MODE_VARIABLE,
    RETURN_COOKIE,
    answer_sign_in,
    answer_sign_out,
    read_return,
    read_sign_in_settings,
)
from dashboards.theme import style_sheet
from data_contracts.access_rules import AccessRulesError

AUTH_MODES = ("none", "oidc")
STREAMLIT_OPTIONS = {
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "runner.magicEnabled": False,
    # Python collects when it is due: doing so after each run costs more than most pages do.
    "runner.postScriptGC": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.enableAgentApi": False,
    "logger.hideWelcomeMessage": True,
}


def check_binding(host: str, auth_mode: str) -> None:
    """Raises ValueError where this address may not be served in this login mode."""
    if auth_mode not in AUTH_MODES:
        raise ValueError(
            f"auth_mode {auth_mode!r} is not known here; use one of: {', '.join(AUTH_MODES)}"
        )
    if auth_mode == "none" and not is_loopback(host):
        raise ValueError(
            f"without login (auth_mode none) the dashboards answer this machine only: "
            f"{host!r} is not a loopback address, use 127.0.0.1 or COLLECTO_AUTH_MODE=oidc"
        )


def create_app(published_dir: Path, auth_mode: str) -> st.App:
    """The ASGI application over a folder of publications.

    Raises ValueError where a setting of the login mode is missing or wrong.
    """
    os.environ[PUBLISHED_DIR_VARIABLE] = str(published_dir.resolve())
    os.environ[AUTH_MODE_VARIABLE] = auth_mode
    guards, secrets, routes = _prepare_login(auth_mode)
    for name, value in STREAMLIT_OPTIONS.items():
        config.set_option(name, value)
    words = {language: read_words(language) for language in LANGUAGES}
    return st.App(
        Path(__file__).with_name("script.py"),
        secrets=secrets,
        routes=[
            *routes,
            Route("/export/example/{record}.csv", answer_example, methods=["GET"]),
            Route("/export/report/{file}", answer_report, methods=["GET"]),
            Route("/export/{file}", answer_export, methods=["GET"]),
            Route("/health", answer_health, methods=["GET"]),
        ],
        middleware=[
            *guards,
            Middleware(SecurityHeaders),
            Middleware(CompressedStatic, folder=Path(file_util.get_static_dir())),
            Middleware(HtmlLanguage, words=words, style_sheet=style_sheet()),
        ],
    )


def _prepare_login(
    auth_mode: str,
) -> tuple[list[Middleware], dict[str, Any] | None, list[Route]]:
    """Middlewares that stand first, what Streamlit is told of the provider, and our addresses."""
    if auth_mode == "none":
        read_local_principal()
        return [Middleware(LoopbackOnly)], None, []
    settings = read_sign_in_settings()
    if not os.environ.get(ACCESS_LOG_VARIABLE):
        raise ValueError(f"{ACCESS_LOG_VARIABLE} is needed with login: accesses are logged")
    try:
        settings.load_rules()
    except AccessRulesError as error:
        raise ValueError(f"COLLECTO_ACCESS_FILE: {error}") from error
    guards = [
        Middleware(PublicAddress, public_url=settings.public_url),
        Middleware(
            SignInReturn,
            user_cookie=USER_COOKIE_NAME,
            return_cookie=RETURN_COOKIE,
            read_return=read_return,
            note_refusal=_note_refused_sign_in,
        ),
    ]
    routes = [
        Route("/sign-in", answer_sign_in, methods=["GET"]),
        Route("/sign-out", answer_sign_out, methods=["GET"]),
    ]
    return guards, settings.secrets, routes


def _note_refused_sign_in() -> None:
    with suppress(NotLoggedError):  # nobody got in
        log_access("sign_in_refused", ANONYMOUS, "", ())


def serve(published_dir: Path, host: str, port: int, auth_mode: str) -> None:
    """Serves the dashboards until stopped, and prints their address.

    Raises ValueError where `auth_mode` is `none` and `host` is not a loopback address, or a
    setting of the login is missing or wrong.
    """
    check_binding(host, auth_mode)
    application = create_app(published_dir, auth_mode)
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    sys.stdout.write(f"dashboards on http://{shown}:{port}\n")
    sys.stdout.flush()
    uvicorn.run(
        application,
        host=host.strip("[]"),
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
