"""The proxy as it is deployed: nginx with the file of `deploy/`, the dashboards behind it.

nginx itself comes from the distribution (`make sweep` brings it).
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import find_free_port, wait_for_page, wait_until_ready
from tests.fixtures.certificate import write_certificate
from tests.fixtures.scopes import find_canaries, write_scopes

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.sweep,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed (make sweep installs it)"),
]

ROOT = Path(__file__).parents[2]
DEPLOYED = ROOT / "deploy" / "nginx" / "collecto.conf"
MAIN = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/collecto.conf;
}}
"""
NAMES = {"observatoire.example.org": "localhost", "dagster.example.org": "dagster.localhost"}


@dataclass(frozen=True)
class Proxy:
    """Ports of the proxy (http, https) and of the dashboards behind it."""

    plain: int
    secure: int
    behind: int

    @property
    def address(self) -> str:
        return f"https://localhost:{self.secure}"

    def ask(self, path: str, host: str | None = None, **headers: str) -> http.client.HTTPResponse:
        """One answer over TLS; `host`: what the request says that it is sent to."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self.secure, context=context)
        connection.request("GET", path, headers={"Host": host or f"localhost:{self.secure}",
                                                 **headers})  # fmt: skip
        return connection.getresponse()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("proxy")
    certificate = write_certificate(folder)
    data = folder / "data"
    write_scopes(data / "published")
    (folder / "access.yaml").write_text("contact: data@example.org\npublic: true\naccess: []\n")
    (folder / "passwords").write_text("")
    found = Proxy(find_free_port(), find_free_port(), find_free_port())
    changes = {
        **NAMES, r"listen 80;": f"listen 127.0.0.1:{found.plain};",
        r"listen 443 ssl http2;": f"listen 127.0.0.1:{found.secure} ssl http2;",
        "/etc/ssl/certs/observatoire.pem": str(certificate.file),
        "/etc/ssl/private/observatoire.key": str(certificate.key),
        "/etc/nginx/collecto.htpasswd": str(folder / "passwords"),
        "127.0.0.1:8501": f"127.0.0.1:{found.behind}",
    }  # fmt: skip
    text = DEPLOYED.read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "collecto.conf").write_text(text)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COLLECTO_")},
        "COLLECTO_DATA_DIR": str(data), "COLLECTO_AUTH_MODE": "oidc",
        "COLLECTO_PUBLIC_URL": found.address, "COLLECTO_ACCESS_FILE": str(folder / "access.yaml"),
        "COLLECTO_OIDC_ISSUER": "https://login.example.org", "COLLECTO_OIDC_CLIENT_ID": "client",
        "COLLECTO_OIDC_CLIENT_SECRET": "a secret of tests only",
        "COLLECTO_COOKIE_SECRET": "a cookie secret of more than thirty-two bytes, for tests only",
    }  # fmt: skip
    serve = ["serve", "--port", str(found.behind)]
    assert NGINX is not None
    checked = subprocess.run(
        [NGINX, "-t", "-p", str(folder), "-c", str(folder / "nginx.conf")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    with (folder / "said.log").open("w") as log:
        processes = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            for command in (
                [sys.executable, "-m", "pipelines.cli", *serve],
                [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")],
            )
        ]
        wait_until_ready(f"http://127.0.0.1:{found.behind}/health", processes[0])
        for _ in range(50):
            try:
                found.ask("/health")
                break
            except OSError:
                time.sleep(0.1)
        yield found
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=20)


def test_a_page_comes_through_the_proxy_with_its_websocket(
    proxy: Proxy, browser: BrowserContext
) -> None:
    assert browser.browser is not None
    context = browser.browser.new_context(ignore_https_errors=True)
    try:
        page = context.new_page()
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"{proxy.address}/?lang=en")
        wait_for_page(page)
        assert page.locator("h1").inner_text() == "In brief"
        assert find_canaries(page.content()).folders == {"public"}
        assert sockets == [f"wss://localhost:{proxy.secure}/_stcore/stream"]
        # the page answers what is done on it
        page.goto(f"{proxy.address}/methode?lang=fr")
        wait_for_page(page)
        assert page.locator("h1").inner_text() == "Méthode"
    finally:
        context.close()


def test_an_export_comes_through_the_proxy(proxy: Proxy) -> None:
    answer = proxy.ask("/export/tonnes-par-mois.csv")
    assert (answer.status, answer.getheader("content-type")) == (
        200,
        "text/csv; charset=utf-8; header=present",
    )
    # a heading, and January to June 2024
    head, *months = answer.read().decode("utf-8-sig").splitlines()
    assert head.startswith("month,") and len(months) == 6


def test_browsers_are_told_once_to_come_by_https(proxy: Proxy) -> None:
    for path in ("/", "/export/tonnes-par-mois.csv", "/health"):
        answer = proxy.ask(path)
        names = [name.lower() for name, _ in answer.getheaders()]
        assert answer.status == 200, path
        for name in ("strict-transport-security", "content-security-policy", "x-frame-options"):
            assert names.count(name) == 1, (path, name)
    dagster = proxy.ask("/", host="dagster.localhost")
    assert dagster.status == 401
    assert [name.lower() for name, _ in dagster.getheaders()].count(
        "strict-transport-security"
    ) == 1


def test_another_host_is_refused_and_plain_http_sent_on(proxy: Proxy) -> None:
    # nginx answers every name by its first server: the dashboards refuse what is not theirs
    for host in ("evil.example", f"127.0.0.1:{proxy.secure}", f"localhost:{proxy.secure + 1}"):
        assert proxy.ask("/", host=host).status == 403, host
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    ours, other = f"https://localhost:{proxy.secure}", "https://evil.example"
    assert proxy.ask("/_stcore/stream", **upgrade, Origin=ours).status == 101
    assert proxy.ask("/_stcore/stream", **upgrade, Origin=other).status == 403
    plain = http.client.HTTPConnection("127.0.0.1", proxy.plain)
    plain.request("GET", "/stock?lang=en", headers={"Host": "localhost"})
    answer = plain.getresponse()
    assert answer.status == 308
    assert re.fullmatch(r"https://localhost/stock\?lang=en", answer.getheader("location") or "")
