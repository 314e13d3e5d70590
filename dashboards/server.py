"""Serves the dashboards: the ASGI application and its middlewares, in the process that asks.

Here lives how the pages are reached: address, login mode, routes, order of the middlewares. What
is on a page belongs in `app.py` and `views/`; the middlewares themselves in `middlewares.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st
import uvicorn
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit import config, file_util

from dashboards.access import read_local_principal
from dashboards.exports import answer_example, answer_export, answer_health
from dashboards.language import LANGUAGES, read_words
from dashboards.middlewares import (
    CompressedStatic,
    HtmlLanguage,
    LoopbackOnly,
    SecurityHeaders,
    is_loopback,
)
from dashboards.published import PUBLISHED_DIR_VARIABLE

AUTH_MODES = ("none",)
STREAMLIT_OPTIONS = {
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "runner.magicEnabled": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
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
            f"{host!r} is not a loopback address, use 127.0.0.1"
        )


def create_app(published_dir: Path, auth_mode: str) -> st.App:
    """The ASGI application over a folder of publications."""
    os.environ[PUBLISHED_DIR_VARIABLE] = str(published_dir.resolve())
    read_local_principal()
    for name, value in STREAMLIT_OPTIONS.items():
        config.set_option(name, value)
    words = {language: read_words(language) for language in LANGUAGES}
    guards = [Middleware(LoopbackOnly)] if auth_mode == "none" else []
    return st.App(
        Path(__file__).with_name("app.py"),
        routes=[
            Route("/export/example/{record}.csv", answer_example, methods=["GET"]),
            Route("/export/{file}", answer_export, methods=["GET"]),
            Route("/health", answer_health, methods=["GET"]),
        ],
        middleware=[
            *guards,
            Middleware(SecurityHeaders),
            Middleware(CompressedStatic, folder=Path(file_util.get_static_dir())),
            Middleware(HtmlLanguage, words=words),
        ],
    )


def serve(published_dir: Path, host: str, port: int, auth_mode: str) -> None:
    """Serves the dashboards until stopped, and prints their address.

    Raises ValueError where `auth_mode` is `none` and `host` is not a loopback address.
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
