"""Who gets in: settings, identities, idle time, roles taken away, cookies, the way back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit import config
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import (
    TOKENS_COOKIE_NAME,
    USER_COOKIE_NAME,
)

from dashboards import access_log
from dashboards.access import Principal
from dashboards.access_log import (
    ACCESS_LOG_VARIABLE,
    ANONYMOUS_A_MINUTE,
    NotLoggedError,
    clean_text,
)
from dashboards.exports import answer_example, answer_export
from dashboards.middlewares import PublicAddress, SignInReturn
from dashboards.server import create_app
from dashboards.sign_in import (
    RETURN_COOKIE,
    SIGN_INS,
    SignInError,
    SignInSettings,
    answer_sign_out,
    clean_return,
    find_principal,
    read_return,
    read_sign_in_settings,
)
from data_contracts.access_log import find_access_breaks, name_reader, read_accesses
from data_contracts.publications import Publication

NOW = 1_800_000_000.0
ISSUER = "https://login.example.org"
URL = "https://observatory.example.org"
SECRET = "a cookie secret of more than thirty-two bytes"
ENVIRONMENT = {
    "COLLECTO_AUTH_MODE": "oidc",
    "COLLECTO_PUBLIC_URL": URL,
    "COLLECTO_OIDC_ISSUER": ISSUER,
    "COLLECTO_OIDC_CLIENT_ID": "observatory",
    "COLLECTO_OIDC_CLIENT_SECRET": "client secret",
    "COLLECTO_COOKIE_SECRET": SECRET,
}
RULES = """\
contact: Data office
access:
  - {role: food_bank, claim: bourgogne, food_banks: [bourgogne]}
  - {role: metropole, claim: dijon, territories: ["242100410"]}
  - {role: data_team, claim: data}
"""
Environment = Callable[..., None]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "access.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access_log"


@pytest.fixture
def settings(rules: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignInSettings]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLLECTO_ACCESS_FILE", str(rules))
    monkeypatch.setenv(ACCESS_LOG_VARIABLE, str(log))
    former = config.get_option("server.cookieSecret")
    config.set_option("server.cookieSecret", SECRET)
    yield read_sign_in_settings()
    config.set_option("server.cookieSecret", former)


def write_token(algorithm: str = "RS256") -> str:
    """A token of which only the head is read: its signature was checked when it came."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm}).encode()).decode()
    return f"{head.rstrip('=')}.e30.c2ln"


_counter = iter(range(10**6))


def make_claims(**changes: Any) -> dict[str, Any]:
    """What Streamlit's cookie says of somebody who just signed in."""
    return {
        "is_logged_in": True, "iss": ISSUER, "sub": "42", "aud": "observatory", "iat": NOW,
        "exp": NOW + 3600, "nonce": f"n{next(_counter)}", "groups": ["bourgogne"],
        "name": "Direction", "tokens": {"id": write_token()}, **changes,
    }  # fmt: skip


def find_reason(settings: SignInSettings, now: float = NOW, **changes: Any) -> str:
    """Why somebody is turned away; empty where they are not."""
    try:
        find_principal(make_claims(**changes), settings, now)
    except SignInError as error:
        return error.reason
    return ""


# settings


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        *((name, "", f"{name} is needed") for name in (
            "COLLECTO_PUBLIC_URL", "COLLECTO_OIDC_ISSUER", "COLLECTO_OIDC_CLIENT_ID",
            "COLLECTO_OIDC_CLIENT_SECRET", "COLLECTO_COOKIE_SECRET", "COLLECTO_ACCESS_FILE")),
        ("COLLECTO_COOKIE_SECRET", "x" * 31, "shorter than 32 bytes"),
        ("COLLECTO_PUBLIC_URL", "http://observatory.example.org", "https://"),
        ("COLLECTO_PUBLIC_URL", "https://example.org/observatory", "path"),
        ("COLLECTO_OIDC_ISSUER", "http://login.example.org", "https://"),
        ("COLLECTO_OIDC_METADATA_URL", "http://login.example.org/m", "https://"),
        ("COLLECTO_PUBLIC_URL", "https://user@example.org", "no address"),
        ("COLLECTO_IDLE_MINUTES", "0", "IDLE_MINUTES"),
        ("COLLECTO_IDLE_MINUTES", "soon", "IDLE_MINUTES"),
        ("COLLECTO_IDLE_MINUTES", "nan", "IDLE_MINUTES"),
    ],
)  # fmt: skip
def test_a_setting_that_is_missing_or_weak_stops_the_start(
    settings: SignInSettings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    value: str,
    text: str,
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=text) as refusal:
        create_app(tmp_path, "oidc")
    assert not value or value not in str(refusal.value).replace("https://", "")


def test_rules_that_are_wrong_stop_the_start(
    settings: SignInSettings, rules: Path, tmp_path: Path
) -> None:
    rules.write_text(RULES.replace("data_team", "everybody"))
    with pytest.raises(ValueError, match=r"COLLECTO_ACCESS_FILE: access\.yaml, line 5"):
        create_app(tmp_path, "oidc")


def test_without_a_log_nobody_is_served(
    settings: SignInSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(ACCESS_LOG_VARIABLE)
    with pytest.raises(ValueError, match="accesses are logged"):
        create_app(tmp_path, "oidc")


def test_secrets_are_not_in_what_is_printed(settings: SignInSettings) -> None:
    assert SECRET not in repr(settings) and "client secret" not in repr(settings)
    assert settings.secrets["auth"]["redirect_uri"] == f"{URL}/oauth2callback"


# identities


def test_a_role_and_its_scope_come_from_the_claim(settings: SignInSettings) -> None:
    principal = find_principal(make_claims(), settings, NOW)
    reader = name_reader(SECRET, ISSUER, "42")
    assert principal == Principal("food_bank", ("bourgogne",), reader, "Direction")
    assert find_principal(make_claims(groups="data", name=None), settings, NOW).name == "42"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_logged_in": False}, "needed"),
        ({"iss": "https://elsewhere.example"}, "refused"),
        ({"aud": "another"}, "refused"),
        ({"aud": ["another"], "azp": "observatory"}, "refused"),
        ({"aud": None}, "refused"),
        ({"sub": ""}, "refused"),
        ({"sub": 42}, "refused"),
        ({"exp": None}, "refused"),
        ({"exp": "2100-01-01"}, "refused"),
        ({"exp": True}, "refused"),
        ({"exp": float("inf")}, "refused"),
        ({"iat": None}, "refused"),
        ({"tokens": {"id": write_token("none")}}, "refused"),
        ({"tokens": {"id": write_token("HS256")}}, "refused"),
        ({"tokens": {"id": "no token"}}, "refused"),
        ({"tokens": {}}, "refused"),
        ({"tokens": None}, "refused"),
        ({"exp": NOW}, "expired"),
        ({"exp": NOW - 1}, "expired"),
        ({"iat": NOW + 600, "exp": NOW + 4000}, "expired"),
        ({"groups": ["visitors"]}, "no_role"),
        ({"groups": None}, "no_role"),
        ({"aud": ["another", "observatory"]}, ""),
    ],
)
def test_an_identity_is_checked_on_every_run(
    settings: SignInSettings, changes: dict[str, Any], reason: str
) -> None:
    assert find_reason(settings, **changes) == reason


def test_nobody_is_told_whose_page_it_is(settings: SignInSettings) -> None:
    with pytest.raises(SignInError) as refusal:
        find_principal({}, settings, NOW)
    assert (refusal.value.reason, refusal.value.contact) == ("needed", "Data office")


def test_the_public_reads_without_signing_in_where_the_rules_say_so(
    settings: SignInSettings, rules: Path
) -> None:
    rules.write_text("public: true\n" + RULES)
    assert find_principal({}, settings, NOW) == Principal("public", reader="public")
    # who has signed in is told when it ends, not shown less without a word
    assert find_reason(settings, exp=NOW - 1) == "expired"


def test_a_sign_in_ends_when_its_token_does_or_when_nothing_happens(
    settings: SignInSettings,
) -> None:
    idle = settings.idle_seconds
    claims = make_claims(exp=NOW + 4 * idle)

    def find(now: float, is_activity: bool = True) -> str:
        try:
            find_principal(claims, settings, now, is_activity=is_activity)
        except SignInError as error:
            return error.reason
        return ""

    assert [find(NOW), find(NOW + idle), find(NOW + 2 * idle - 1)] == ["", "", ""]
    # looking after an open page is no activity
    assert find(NOW + 3 * idle - 2, False) == ""
    assert find(NOW + 3 * idle, False) == "idle"
    # and what happens does not put off the end of the token
    claims = make_claims(exp=NOW + idle)
    assert [find(NOW), find(NOW + idle - 1), find(NOW + idle)] == ["", "", "expired"]
    claims = make_claims(exp=NOW + 10 * idle)
    assert [find(NOW), find(NOW + idle + 1), find(NOW + idle + 2)] == ["", "idle", "idle"]
    # the same person signs in again: another sign-in
    claims = make_claims(iat=NOW + idle + 3, exp=NOW + 10 * idle)
    assert find(NOW + idle + 4) == ""


def test_a_cookie_from_before_this_process_counts_from_its_token(settings: SignInSettings) -> None:
    old = make_claims(iat=NOW - settings.idle_seconds - 1)
    with pytest.raises(SignInError, match="idle"):
        find_principal(old, settings, NOW)


def test_a_role_that_is_taken_away_is_gone_at_the_next_run(
    settings: SignInSettings, rules: Path
) -> None:
    claims = make_claims()
    assert find_principal(claims, settings, NOW).role == "food_bank"
    rules.write_text(RULES.replace("claim: bourgogne", "claim: formerly"))
    with pytest.raises(SignInError, match="no_role"):
        find_principal(claims, settings, NOW + 1)
    rules.write_text("access: [")
    with pytest.raises(SignInError, match="rules"):
        find_principal(claims, settings, NOW + 2)
    rules.write_text(RULES)
    assert find_principal(claims, settings, NOW + 3).role == "food_bank"


# cookies: exports behind the same gate


def sign(claims: dict[str, Any], secret: str = SECRET, origin: str = URL) -> dict[str, str]:
    """The cookies that Streamlit sets, for a request."""
    user = {name: value for name, value in claims.items() if name != "tokens"}
    tokens = {"id_token": (claims.get("tokens") or {}).get("id")}
    return {
        name: create_signed_value(secret, name, json.dumps(value)).decode()
        for name, value in (
            (USER_COOKIE_NAME, {**user, "origin": origin, "provider": "default"}),
            (TOKENS_COOKIE_NAME, tokens),
        )
    }


@pytest.fixture
def client(
    settings: SignInSettings, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> TestClient:
    monkeypatch.setattr("dashboards.sign_in._now", lambda: NOW)
    routes = [
        Route("/export/example/{record}.csv", answer_example),
        Route("/export/{file}", answer_export),
        Route("/sign-out", answer_sign_out),
    ]
    return TestClient(Starlette(routes=routes), base_url=URL, follow_redirects=False)


def ask(client: TestClient, path: str, cookies: dict[str, str]) -> Response:
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return client.get(path, headers={"cookie": header})


@pytest.mark.parametrize(
    ("cookies", "status"),
    [
        ({}, 401),
        (sign(make_claims(groups=["data"])), 200),
        (sign(make_claims(groups=["visitors"])), 403),
        (sign(make_claims(groups=["dijon"])), 403),
        (sign(make_claims(exp=NOW - 1, groups=["data"])), 401),
        (sign(make_claims(iss="https://x.example", groups=["data"])), 401),
        (sign(make_claims(tokens={"id": write_token("none")}, groups=["data"])), 401),
        (sign(make_claims(groups=["data"]), secret="another secret of thirty-two bytes!"), 401),
        (sign(make_claims(groups=["data"]), origin="https://elsewhere.example"), 401),
        ({USER_COOKIE_NAME: sign(make_claims(groups=["data"]))[USER_COOKIE_NAME]}, 401),
        ({USER_COOKIE_NAME: "nonsense", TOKENS_COOKIE_NAME: "x"}, 401),
        ({USER_COOKIE_NAME: json.dumps({"is_logged_in": True, "sub": "42"})}, 401),
        # the cookie of one name does not stand for another
        ({USER_COOKIE_NAME: create_signed_value(SECRET, TOKENS_COOKIE_NAME, "{}").decode()}, 401),
    ],
)
def test_an_export_is_for_whom_a_page_is(
    client: TestClient, log: Path, cookies: dict[str, str], status: int
) -> None:
    answer = ask(client, "/export/decisions.csv?period=2023", cookies)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.text in ("sign in first\n", "forbidden\n")
    entries = list(read_accesses(log))
    assert entries[-1]["event"] == ("export" if status == 200 else "refused")
    assert (entries[-1]["figure"], entries[-1]["format"]) == ("decisions", "csv")
    assert entries[-1]["filters"] == {"period": "2023"}
    assert find_access_breaks(log) == []


def test_a_cookie_that_was_altered_is_none(client: TestClient) -> None:
    cookies = sign(make_claims(groups=["data"]))
    value = cookies[USER_COOKIE_NAME]
    for place in (3, len(value) // 2, len(value) - 3):
        letter = "A" if value[place] != "A" else "B"
        altered = {**cookies, USER_COOKIE_NAME: value[:place] + letter + value[place + 1 :]}
        assert ask(client, "/export/decisions.csv", altered).status_code == 401
    assert ask(client, "/export/example/receipts.csv", {}).status_code == 401
    assert ask(client, "/export/example/receipts.csv", cookies).status_code == 200


def test_who_signs_out_leaves_no_cookie_that_works(client: TestClient, log: Path) -> None:
    cookies = sign(make_claims(groups=["data"]))
    assert ask(client, "/export/decisions.csv", cookies).status_code == 200
    left = ask(client, "/sign-out", cookies)
    assert (left.status_code, left.headers["location"]) == (302, "/auth/logout")
    assert ask(client, "/export/decisions.csv", cookies).status_code == 401
    assert ask(client, "/sign-out", {}).status_code == 302
    events = [entry["event"] for entry in read_accesses(log)]
    assert events == ["sign_in", "export", "sign_out", "refused"]


def test_what_cannot_be_logged_is_not_given(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv(ACCESS_LOG_VARIABLE, str(tmp_path / "a file"))
    answer = ask(client, "/export/decisions.csv", sign(make_claims(groups=["data"])))
    assert answer.status_code == 503 and "weight" not in answer.text


def test_the_log_holds_no_name_no_secret_and_no_long_text(client: TestClient, log: Path) -> None:
    cookies = sign(make_claims(groups=["data"], email="camille@example.org"))
    path = f"/export/decisions.csv?period=2023&site={quote('x' * 500)}&partner=%0A%1b[2J&token=abc"
    ask(client, path, cookies)
    text = (next(log.glob("*.jsonl"))).read_text()
    for hidden in (
        "Direction",
        "camille@",
        SECRET,
        "client secret",
        "abc",
        cookies[USER_COOKIE_NAME],
    ):
        assert hidden not in text
    entry = list(read_accesses(log))[-1]
    assert len(entry["filters"]["site"]) == 80
    assert entry["filters"]["partner"] == "\ufffd\ufffd[2J"
    assert entry["reader"] == name_reader(SECRET, ISSUER, "42")


def test_who_did_not_sign_in_fills_no_disk(
    client: TestClient, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "_ANONYMOUS", access_log._Anonymous())
    for _ in range(ANONYMOUS_A_MINUTE * 2 + 5):
        ask(client, "/export/decisions.csv", {})
    # the minute may turn in between
    assert ANONYMOUS_A_MINUTE <= len(list(read_accesses(log))) <= 2 * ANONYMOUS_A_MINUTE


def test_texts_are_cleaned_before_they_are_kept() -> None:
    assert clean_text("é ✓ \ud800\u202e") == "é ✓ \ufffd\ufffd"


def test_a_log_that_cannot_be_written_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(ACCESS_LOG_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(NotLoggedError):
        access_log.log_access("view", "local", "data_team", ())
    monkeypatch.delenv(ACCESS_LOG_VARIABLE)
    access_log.log_access("view", "local", "data_team", ())


# the address: host, origin, cookies, the way back


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("/pilotage?site=dijon&lang=en", "/pilotage?site=dijon&lang=en"), ("/", "/"),
        ("/?pub=abc", "/?pub=abc"),
        ("https://evil.example/", "/"), ("//evil.example/pilotage", "/"),
        ("/\\evil.example", "/"), ("/pilotage\r\nSet-Cookie: a=b", "/"), ("/sign-out", "/"),
        ("/auth/logout", "/"), ("javascript:alert(1)", "/"), ("pilotage", "/"), ("", "/"),
        (f"/pilotage?site={'x' * 2000}", "/"), ("/pilotage?site=é", "/"), ("/pilotage/../x", "/"),
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(address: str, kept: str) -> None:
    assert clean_return(address) == kept


@pytest.fixture
def outside(settings: SignInSettings) -> Iterator[tuple[TestClient, list[str]]]:
    """The middlewares in front of answers like Streamlit's."""
    refused: list[str] = []

    async def answer_callback(request: Request) -> Response:
        answer = RedirectResponse("/", status_code=302)
        if request.query_params.get("code") == "good":
            answer.set_cookie(USER_COOKIE_NAME, "signed", httponly=True, samesite="lax")
        else:
            answer.delete_cookie(USER_COOKIE_NAME)
        return answer

    async def answer_page(request: Request) -> Response:
        answer = PlainTextResponse("page")
        answer.set_cookie("first", "1", samesite="lax")
        answer.set_cookie("second", "2", secure=True)
        return answer

    async def open_socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    application = Starlette(
        routes=[
            Route("/oauth2callback", answer_callback),
            WebSocketRoute("/_stcore/stream", open_socket),
            Route("/{path:path}", answer_page, methods=["GET", "POST"]),
        ],
        middleware=[
            Middleware(PublicAddress, public_url=URL),
            Middleware(
                SignInReturn, user_cookie=USER_COOKIE_NAME, return_cookie=RETURN_COOKIE,
                read_return=read_return, note_refusal=lambda: refused.append("refused"),
            ),
        ],
    )  # fmt: skip
    with TestClient(application, base_url=URL, follow_redirects=False) as client:
        yield client, refused


def test_cookies_are_secure_and_browsers_come_by_https(
    outside: tuple[TestClient, list[str]],
) -> None:
    answer = outside[0].get("/")
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2 and all(cookie.lower().count("secure") == 1 for cookie in cookies)
    assert "SameSite=lax" in cookies[0] and "max-age" in answer.headers["strict-transport-security"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:8501", f"{URL[8:]}.evil.example", ""])
def test_another_address_is_refused(outside: tuple[TestClient, list[str]], host: str) -> None:
    assert outside[0].get("/", headers={"host": host}).status_code == 403


def test_what_watches_over_the_server_may_ask_this_machine(
    outside: tuple[TestClient, list[str]],
) -> None:
    assert outside[0].get("/health", headers={"host": "127.0.0.1:8501"}).status_code == 200
    assert outside[0].get("/health", headers={"host": "evil.example"}).status_code == 403


def test_pages_of_others_open_no_socket_and_change_nothing(
    outside: tuple[TestClient, list[str]],
) -> None:
    client, stream = outside[0], f"wss://{URL[8:]}/_stcore/stream"
    for origin in ("https://evil.example", "null", f"{URL}.evil.example", "http://127.0.0.1"):
        with (
            pytest.raises(WebSocketDisconnect),
            client.websocket_connect(stream, headers={"origin": origin}),
        ):
            pass
        assert client.post("/x", headers={"origin": origin}).status_code == 403
        assert client.get("/x", headers={"origin": origin}).status_code == 200
    assert client.post("/x", headers={"origin": URL}).status_code == 200
    with client.websocket_connect(stream, headers={"origin": URL}):
        pass


def test_signing_in_leads_back_to_the_page_that_was_asked_for(
    outside: tuple[TestClient, list[str]],
) -> None:
    client, refused = outside
    kept = create_signed_value(SECRET, RETURN_COOKIE, "/stock?lang=en").decode()
    cookie = {"cookie": f"{RETURN_COOKIE}={kept}"}
    good = client.get("/oauth2callback?code=good&state=s", headers=cookie)
    assert good.headers["location"] == "/stock?lang=en" and not refused
    assert any(
        text.startswith(f"{RETURN_COOKIE}=;") for text in good.headers.get_list("set-cookie")
    )
    bad = client.get("/oauth2callback?code=bad&state=s", headers=cookie)
    assert bad.headers["location"] == "/stock?lang=en&sign_in=failed" and refused == ["refused"]
    forged = create_signed_value("x" * 40, RETURN_COOKIE, "/stock").decode()
    for value in ("/stock", forged, kept[:-2] + "AA"):
        again = client.get(
            "/oauth2callback?code=good&state=s", headers={"cookie": f"{RETURN_COOKIE}={value}"}
        )
        assert again.headers["location"] == "/"
    # back from the provider's own page after signing out
    assert client.get("/oauth2callback").headers["location"] == "/"
    assert refused == ["refused"]


def test_sign_ins_that_have_expired_are_forgotten() -> None:
    key = "forgotten"
    SIGN_INS.check(key, NOW, NOW + 10, NOW, 60, True)
    SIGN_INS.end("ended", NOW + 10)
    SIGN_INS.check("other", NOW + 20, NOW + 99, NOW + 20, 60, True)
    assert key not in SIGN_INS._active and "ended" not in SIGN_INS._ended
