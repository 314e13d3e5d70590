"""Who may ask, in which language, and how compressed."""

from __future__ import annotations

import gzip
from html import escape
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit import file_util

from dashboards.language import LANGUAGES, read_words
from dashboards.middlewares import (
    FORWARDING_HEADERS,
    CompressedStatic,
    HtmlLanguage,
    LoopbackOnly,
    SecurityHeaders,
    host_of,
    is_loopback,
)
from dashboards.server import check_binding, serve

PAGE = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
WORDS = {language: read_words(language) for language in LANGUAGES}
LOCAL = "http://127.0.0.1:8501"


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "big.js").write_text("let a = 1;\n" * 10_000)

    async def answer(request: Request) -> Response:
        if request.url.path.endswith(".txt"):
            return PlainTextResponse("text")
        return HTMLResponse(PAGE, headers={"ETag": '"1"'})

    application = Starlette(
        routes=[Route("/{path:path}", answer)],
        middleware=[
            Middleware(LoopbackOnly),
            Middleware(SecurityHeaders),
            Middleware(CompressedStatic, folder=tmp_path),
            Middleware(HtmlLanguage, words=WORDS, style_sheet="<style>p{}</style>"),
        ],
    )
    return TestClient(application, base_url=LOCAL)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org", ""])
def test_without_login_no_address_beyond_this_machine_is_served(host: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="loopback"):
        serve(tmp_path, host, 8501, "none")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_loopback_is_served_without_login(host: str) -> None:
    check_binding(host, "none")


def test_an_unknown_login_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="auth_mode"):
        check_binding("127.0.0.1", "password")


@pytest.mark.parametrize(
    ("header", "host"),
    [("127.0.0.1:8501", "127.0.0.1"), ("[::1]:8501", "[::1]"), ("localhost", "localhost")],
)
def test_the_host_is_read_without_its_port(header: str, host: str) -> None:
    assert host_of(header) == host
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.4:8501"])
def test_a_foreign_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("header", FORWARDING_HEADERS)
def test_any_forwarding_header_is_refused(client: TestClient, header: str) -> None:
    assert client.get("/", headers={header: "127.0.0.1"}).status_code == 403


def test_the_language_of_the_address_is_that_of_the_page(client: TestClient) -> None:
    for path, language in (("/", "fr"), ("/mise-a-disposition?lang=en", "en"), ("/?lang=de", "fr")):
        answer = client.get(path, headers={"accept-encoding": "gzip", "if-none-match": '"1"'})
        assert f'<html lang="{language}">' in answer.text
        assert f"<title>{escape(WORDS[language]('site.name'))}</title>" in answer.text
        # before the first run, and where no script may run
        assert escape(WORDS[language]("state.loading")) in answer.text
        assert escape(WORDS[language]("state.no_script")) in answer.text
        assert answer.text.count("<noscript>") == 1
        assert "MCP" not in answer.text
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert "etag" not in answer.headers


def test_other_answers_are_left_alone(client: TestClient) -> None:
    assert client.get("/a.txt").text == "text"


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http:" not in policy and "https:" not in policy
    assert client.get("/a.txt").headers["x-content-type-options"] == "nosniff"


def test_scripts_are_sent_compressed(client: TestClient, tmp_path: Path) -> None:
    path = "/static/big.js"
    with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as answer:
        sent = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
    whole = (tmp_path / "static" / "big.js").read_bytes()
    assert gzip.decompress(sent) == whole
    assert len(sent) / len(whole) <= 0.35
    plain = client.get(path, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_no_file_outside_the_static_folder_is_sent(client: TestClient) -> None:
    answer = client.get("/static/%2e%2e/%2e%2e/etc/passwd.js")
    assert "content-encoding" not in answer.headers
