"""What stands between the browser and Streamlit: who may ask, in which language, how compressed.

Here live the ASGI middlewares: refusal of foreign hosts, origins and forwarding headers, security
headers and cookies, the way back after signing in, `<html lang>`, compression of the static
scripts. Their order is set in `server.py`; nothing here knows a page.
"""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.filters import read_language
from dashboards.language import Words

FORWARDING_HEADERS = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
    "x-original-host",
    "cf-connecting-ip",
    "true-client-ip",
)
COMPRESSED_SUFFIXES = (".js", ".css", ".json", ".svg", ".html")
CONTENT_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
NO_SCRIPT = re.compile(rb"<noscript>.*?</noscript>", re.DOTALL)
# Streamlit's own styles are not there yet.
SHELL = 'style="font: 1.1rem system-ui, sans-serif; color: #16212C; padding: 2rem"'
# Pages come after the document: the browser has looked for the anchor of the address in vain.
FIND_ANCHOR = """<script>
new MutationObserver((_, observer) => {
  const anchor = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (anchor || !location.hash) observer.disconnect();
  if (anchor) requestAnimationFrame(() => anchor.scrollIntoView());
}).observe(document.getElementById("root"), {childList: true, subtree: true});
</script>"""
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self' ws: wss:; worker-src 'self' blob:; frame-ancestors 'none'; "
        "base-uri 'self'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine only."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_of(header: str) -> str:
    """The host of a `Host` header, without its port."""
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.rsplit(":", 1)[0] if header.count(":") == 1 else header


def find_origin(scope: Scope) -> str | None:
    """The Origin of what may change something or opens a websocket, None where none is named.

    Checked before Streamlit does: that asks a server elsewhere for its own address first.
    """
    if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
        return None
    return Headers(scope=scope).get("origin")


class LoopbackOnly:
    """Without login: answers this machine only, and nothing that came through a proxy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses a foreign Host and any forwarding header, for pages and for websockets."""
        if scope["type"] not in ("http", "websocket") or self._is_local(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = PlainTextResponse(
                "refused: without login these pages answer this machine only\n", status_code=403
            )
            await refusal(scope, receive, send)

    @staticmethod
    def _is_local(scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if any(name in headers for name in FORWARDING_HEADERS):
            return False
        origin = find_origin(scope)
        if origin is not None and not is_loopback(urlsplit(origin).hostname or ""):
            return False
        return is_loopback(host_of(headers.get("host", "")))


class PublicAddress:
    """With login: answers under the public address only, and keeps cookies on it.

    `/health` answers on this machine's own address too, for what watches over it. Where the public
    address is https, every cookie is marked so and browsers are told to come by https.
    """

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self.app = app
        self.public_url = public_url
        self.host = urlsplit(public_url).netloc.lower()
        self.is_secure = public_url.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses a foreign Host or Origin, for pages and for websockets."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if self._is_ours(scope):
            await self.app(scope, receive, self._secure(send) if self.is_secure else send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = PlainTextResponse(
                "refused: not the address of these pages\n", status_code=403
            )
            await refusal(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        origin, host = find_origin(scope), Headers(scope=scope).get("host", "").lower()
        if origin is not None and origin.lower() != self.public_url.lower():
            return False
        if host == self.host:
            return True
        return scope["path"] == "/health" and is_loopback(host_of(host))

    @staticmethod
    def _secure(send: Send) -> Send:
        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                cookies = headers.getlist("set-cookie")
                if cookies:
                    del headers["set-cookie"]
                for cookie in cookies:
                    is_marked = "secure" in [p.strip().lower() for p in cookie.split(";")[1:]]
                    headers.append("set-cookie", cookie if is_marked else f"{cookie}; Secure")
                headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        return send_secured


class SignInReturn:
    """After signing in, sends the reader to the address that was asked for before.

    `read_return`: that address; `note_refusal` is told when a sign-in failed, and the page is
    asked to say so.
    """

    CALLBACK = "/oauth2callback"

    def __init__(
        self,
        app: ASGIApp,
        user_cookie: str,
        return_cookie: str,
        read_return: Callable[[Request], str],
        note_refusal: Callable[[], None],
    ) -> None:
        self.app = app
        self.user_cookie = user_cookie
        self.return_cookie = return_cookie
        self.read_return = read_return
        self.note_refusal = note_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Changes where the answer to the provider's redirection leads, nothing else."""
        if scope["type"] != "http" or scope["path"] != self.CALLBACK:
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        # Without a state it is the way back from the provider's own page after signing out.
        is_answer = "state" in request.query_params

        async def send_back(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 302 and is_answer:
                headers = MutableHeaders(scope=message)
                address = self.read_return(request)
                if not self._has_signed_in(headers):
                    await asyncio.to_thread(self.note_refusal)
                    address += ("&" if "?" in address else "?") + "sign_in=failed"
                headers["location"] = address
                headers.append(
                    "set-cookie",
                    f"{self.return_cookie}=; Max-Age=0; Path=/; HttpOnly; SameSite=lax",
                )
            await send(message)

        await self.app(scope, receive, send_back)

    def _has_signed_in(self, headers: MutableHeaders) -> bool:
        """Whether the answer sets the cookie of an identity, and does not take it away."""
        start = f"{self.user_cookie}="
        return any(
            cookie.startswith(start) and "max-age=0" not in cookie.lower()
            for cookie in headers.getlist("set-cookie")
        )


class SecurityHeaders:
    """Adds the security headers to every answer; the policy lets no request leave the server."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Adds what the answer does not set itself."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class HtmlLanguage:
    """Writes language, title, styles, the way to an anchor and the state of loading into the page.

    `words`: the texts of each language. Title and state stand until the first run of the script;
    the style sheet stands in the body, behind Streamlit's own, and is not sent again by each run.

    The inner application must not compress the page nor answer 304, or there is nothing to write
    into: the request's headers that allow it are taken away.
    """

    STRIPPED = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")

    def __init__(self, app: ASGIApp, words: Mapping[str, Words], style_sheet: str) -> None:
        self.app = app
        self.words = words
        self.style_sheet = style_sheet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrites HTML answers, passes others on."""
        if scope["type"] != "http" or scope["path"].startswith(("/static/", "/_stcore/")):
            await self.app(scope, receive, send)
            return
        asked_headers = [item for item in scope["headers"] if item[0] not in self.STRIPPED]
        query = parse_qs(scope["query_string"].decode("latin-1"))
        language = read_language({name: values[-1] for name, values in query.items()})
        start: Message = {}
        body: list[bytes] = []

        async def send_rewritten(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                if not _is_html(message["headers"]):
                    await send(message)
                return
            if not _is_html(start["headers"]):
                await send(message)
                return
            body.append(message.get("body", b""))
            if message.get("more_body"):
                return
            page = self._rewrite(b"".join(body), language)
            headers = MutableHeaders(raw=list(start["headers"]))
            for name in ("etag", "last-modified", "accept-ranges"):
                if name in headers:
                    del headers[name]
            headers["content-length"] = str(len(page))
            headers["content-language"] = language
            headers["cache-control"] = "no-store"
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": page})

        await self.app({**scope, "headers": asked_headers}, receive, send_rewritten)

    def _rewrite(self, page: bytes, language: str) -> bytes:
        words = self.words[language]
        title, loading, scripts = (
            escape(words(text)) for text in ("site.name", "state.loading", "state.no_script")
        )
        page = NO_SCRIPT.sub(f"<noscript><p {SHELL}>{scripts}</p></noscript>".encode(), page, 1)
        for old, new in (
            ('<html lang="en">', f'<html lang="{language}">'),
            ("<title>Streamlit</title>", f"<title>{title}</title>"),
            (
                '<div id="root"></div>',
                f'<div id="root"><p class="loading" role="status" {SHELL}>{loading}</p></div>'
                f"{self.style_sheet}{FIND_ANCHOR}",
            ),
        ):
            page = page.replace(old.encode(), new.encode(), 1)
        return page


class CompressedStatic:
    """Sends Streamlit's own scripts and styles compressed, each compressed once."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app = app
        self.folder = folder.resolve()
        self.compressed: dict[Path, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers `/static/` for who accepts gzip, passes everything else on."""
        path = self._find(scope)
        if path is None:
            await self.app(scope, receive, send)
            return
        if path not in self.compressed:
            self.compressed[path] = await asyncio.to_thread(_compress, path)
        body = b"" if scope["method"] == "HEAD" else self.compressed[path]
        response = Response(
            body,
            media_type=None,
            headers={
                "Content-Type": CONTENT_TYPES[path.suffix],
                "Content-Encoding": "gzip",
                "Content-Length": str(len(self.compressed[path])),
                "Cache-Control": "public, immutable, max-age=31536000",
                "Vary": "Accept-Encoding",
            },
        )
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Path | None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return None
        asked = scope["path"]
        if not asked.startswith("/static/") or not asked.endswith(COMPRESSED_SUFFIXES):
            return None
        if not _accepts_gzip(Headers(scope=scope).getlist("accept-encoding")):
            return None
        path = (self.folder / asked.lstrip("/")).resolve()
        return path if path.is_relative_to(self.folder) and path.is_file() else None


def _accepts_gzip(values: Iterable[str]) -> bool:
    for part in ",".join(values).split(","):
        name, _, quality = part.strip().partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return quality.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _compress(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)


def _is_html(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html")
        for name, value in headers
    )
