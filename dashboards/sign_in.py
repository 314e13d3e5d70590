"""Signing in by OpenID Connect: settings, who signed in, and whether they still are.

Streamlit does the exchange with the provider and keeps the identity in a signed cookie for thirty
days; it checks neither the end of the token nor idle time. Here lives what is checked on every run
of a page and on every export, the addresses `/sign-in` and `/sign-out`, and the sign-ins that this
process knows. Which role an identity has is in `data_contracts/access_rules.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.user_info import AUTH_LOGOUT_ENDPOINT, generate_login_redirect_url
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import (
    create_signed_value,
    decode_signed_value,
)
from streamlit.web.server.starlette.starlette_server_config import (
    TOKENS_COOKIE_NAME,
    USER_COOKIE_NAME,
)

from dashboards.access import Principal, read_local_principal
from dashboards.access_log import NotLoggedError, log_access
from dashboards.pages import PAGES
from data_contracts.access_log import name_reader
from data_contracts.access_rules import AccessRules, AccessRulesError, load_access_rules, read_claim

AUTH_MODE_VARIABLE = "COLLECTO_AUTH_MODE"
PROVIDER = "default"
SHORTEST_SECRET = 32
DEFAULT_IDLE_MINUTES = 30
# An identity of which the provider's clock is a little ahead.
CLOCK_SKEW_SECONDS = 120
# Signed by the provider's own key: "none" and keys that both sides share are refused, even where
# the provider says that it offers them.
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
RETURN_COOKIE = "collecto_return"
RETURN_SECONDS = 900
Reason = Literal["needed", "expired", "idle", "ended", "refused", "no_role", "rules"]


class SignInError(Exception):
    """Nobody may read: `reason` says why, `contact` whom to ask where it is known."""

    def __init__(self, reason: Reason, contact: str = "", reader: str = "", name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.contact = contact
        self.reader = reader
        self.name = name


@dataclass(frozen=True)
class SignInSettings:
    """How readers sign in. `public_url`: the address at which they reach the dashboards."""

    public_url: str
    issuer: str
    metadata_url: str
    client_id: str
    client_secret: str = field(repr=False)
    cookie_secret: str = field(repr=False)
    claim: str
    access_file: Path
    idle_seconds: float

    @property
    def secrets(self) -> dict[str, Any]:
        """The section of `st.secrets` that Streamlit reads: given in memory, never written."""
        return {
            "auth": {
                "redirect_uri": f"{self.public_url}/oauth2callback",
                "cookie_secret": self.cookie_secret,
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "server_metadata_url": self.metadata_url,
                # Read here for its algorithm only; pages never show it.
                "expose_tokens": ["id"],
            }
        }

    def load_rules(self) -> AccessRules:
        """The file of roles as it stands now."""
        return load_access_rules(self.access_file)


def needs_sign_in() -> bool:
    """Whether readers of this server sign in."""
    return os.environ.get(AUTH_MODE_VARIABLE, "none") == "oidc"


def read_sign_in_settings() -> SignInSettings:
    """The settings of the environment.

    Raises ValueError that names the setting, never its value, where one is missing or weak.
    """

    def read(name: str, default: str | None = None) -> str:
        value = os.environ.get(f"COLLECTO_{name}", "").strip() or default
        if value is None:
            raise ValueError(f"COLLECTO_{name} is needed with COLLECTO_AUTH_MODE=oidc")
        return value

    public_url = read("PUBLIC_URL").rstrip("/")
    issuer = read("OIDC_ISSUER")
    for name, url in (("PUBLIC_URL", public_url), ("OIDC_ISSUER", issuer)):
        _check_address(name, url)
    if urlsplit(public_url).path:
        raise ValueError("COLLECTO_PUBLIC_URL has a path: the dashboards stand at the root")
    metadata = read("OIDC_METADATA_URL", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    _check_address("OIDC_METADATA_URL", metadata)
    cookie_secret = read("COOKIE_SECRET")
    if len(cookie_secret.encode()) < SHORTEST_SECRET:
        raise ValueError(
            f"COLLECTO_COOKIE_SECRET is shorter than {SHORTEST_SECRET} bytes; make one: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    try:
        minutes = float(read("IDLE_MINUTES", str(DEFAULT_IDLE_MINUTES)))
    except ValueError:
        minutes = math.nan
    if not 0 < minutes <= 24 * 60:
        raise ValueError("COLLECTO_IDLE_MINUTES is no number of minutes up to a day")
    return SignInSettings(
        public_url=public_url,
        issuer=issuer,
        metadata_url=metadata,
        client_id=read("OIDC_CLIENT_ID"),
        client_secret=read("OIDC_CLIENT_SECRET"),
        cookie_secret=cookie_secret,
        claim=read("OIDC_CLAIM", "groups"),
        access_file=Path(read("ACCESS_FILE")),
        idle_seconds=minutes * 60,
    )


def _check_address(name: str, url: str) -> None:
    """Secrets and identities travel by TLS, but for what does not leave this machine."""
    parts = urlsplit(url)
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise ValueError(f"COLLECTO_{name} must begin with https://")
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"COLLECTO_{name} is no address")


class SignIns:
    """The sign-ins that this process knows: when each was last active, and which have ended.

    A sign-in that it does not know (the process is new) counts from when its token was issued.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: dict[str, tuple[float, float]] = {}
        self._ended: dict[str, float] = {}

    def check(
        self, key: str, issued: float, expires: float, now: float, idle: float, is_activity: bool
    ) -> Literal["new", "known", "idle", "ended"]:
        """The state of a sign-in; `is_activity` notes it as active where it still stands."""
        with self._lock:
            self._forget(now)
            if key in self._ended:
                return "ended"
            seen = self._active.get(key, (issued, expires))[0]
            if now - seen > idle:
                return "idle"
            is_new = key not in self._active
            if is_activity:
                self._active[key] = (now, expires)
            return "new" if is_new and is_activity else "known"

    def end(self, key: str, expires: float) -> None:
        """Nobody reads with this sign-in any more, whoever has its cookie."""
        with self._lock:
            self._active.pop(key, None)
            self._ended[key] = expires

    def _forget(self, now: float) -> None:
        """What has expired is refused by its end."""
        for key in [key for key, (_, expires) in self._active.items() if expires < now]:
            del self._active[key]
        for key in [key for key, expires in self._ended.items() if expires < now]:
            del self._ended[key]


SIGN_INS = SignIns()


@dataclass(frozen=True)
class Identity:
    """Who the provider says somebody is, once its claims were checked."""

    issuer: str
    subject: str
    issued: float
    expires: float
    name: str
    values: frozenset[str]
    key: str


def read_identity(claims: Mapping[str, Any], settings: SignInSettings, now: float) -> Identity:
    """The identity of the claims that Streamlit's cookie holds.

    Raises SignInError: `needed` without claims, `expired` after the end of the token, `refused`
    where issuer, audience, algorithm or a claim is not what it must be.
    """
    if not claims.get("is_logged_in"):
        raise SignInError("needed")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    issuer, subject = claims.get("iss"), claims.get("sub")
    issued, expires = claims.get("iat"), claims.get("exp")
    tokens = claims.get("tokens")
    token = tokens.get("id") if isinstance(tokens, Mapping) else None
    if (
        issuer != settings.issuer
        or settings.client_id not in audiences
        or not isinstance(subject, str)
        or not subject
        or not _is_moment(issued)
        or not _is_moment(expires)
        or _read_algorithm(token) not in ALGORITHMS
    ):
        raise SignInError("refused")
    assert isinstance(issued, int | float) and isinstance(expires, int | float)  # nosec B101
    if now >= expires or issued - now > CLOCK_SKEW_SECONDS:
        raise SignInError("expired")
    parts = [issuer, subject, issued, claims.get("nonce"), claims.get("sid")]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    names = [claims.get(name) for name in ("name", "preferred_username", "email")]
    name = next((" ".join(n.split())[:120] for n in names if isinstance(n, str) and n.strip()), "")
    return Identity(
        str(issuer), subject, issued, expires, name or subject[:120],
        read_claim(claims, settings.claim), key,
    )  # fmt: skip


def find_principal(
    claims: Mapping[str, Any], settings: SignInSettings, now: float, *, is_activity: bool = True
) -> Principal:
    """Who reads, with the role that the file of roles gives at this moment.

    Raises SignInError, also where the sign-in was idle or ended, or no role is theirs.
    """
    try:
        rules = settings.load_rules()
    except AccessRulesError as error:
        raise SignInError("rules") from error
    try:
        identity = read_identity(claims, settings, now)
    except SignInError as error:
        if error.reason == "needed" and rules.public:
            return Principal("public", reader="public")
        raise SignInError(error.reason, rules.contact) from None
    reader = name_reader(settings.cookie_secret, identity.issuer, identity.subject)
    state = SIGN_INS.check(
        identity.key, identity.issued, identity.expires, now, settings.idle_seconds, is_activity
    )
    if state in ("idle", "ended"):
        raise SignInError("idle" if state == "idle" else "ended", rules.contact, reader)
    found = rules.find_role(identity.issuer, identity.subject, identity.values)
    if state == "new":
        log_access("sign_in", reader, found[0] if found else "", found[1] if found else ())
    if found is None:
        raise SignInError("no_role", rules.contact, reader, identity.name)
    role, scope = found
    return Principal(role, scope, reader, identity.name)


def identify_run(*, is_activity: bool = True) -> Principal:
    """Who reads this run of a page. Raises SignInError."""
    if not needs_sign_in():
        return read_local_principal()
    claims = dict(st.user.to_dict())
    return find_principal(claims, read_sign_in_settings(), _now(), is_activity=is_activity)


def read_contact() -> str:
    """Whom to ask for access; empty where nobody signs in, or the file cannot be read."""
    if not needs_sign_in():
        return ""
    try:
        return read_sign_in_settings().load_rules().contact
    except AccessRulesError:
        return ""


def identify_request(request: Request) -> Principal:
    """Who asks for a file. Raises SignInError."""
    if not needs_sign_in():
        return read_local_principal()
    settings = read_sign_in_settings()
    return find_principal(read_request_claims(request, settings), settings, _now())


def read_request_claims(request: Request, settings: SignInSettings) -> dict[str, Any]:
    """The claims of the cookies of a request, as Streamlit signed them; empty without any.

    Streamlit reads them so for its websocket; a cookie that another secret signed, or another
    address, is none.
    """
    user = _read_cookie(request, USER_COOKIE_NAME)
    if user.pop("origin", None) != settings.public_url:
        return {}
    tokens = _read_cookie(request, TOKENS_COOKIE_NAME)
    return {**user, "tokens": {"id": tokens.get("id_token")}}


def _read_cookie(request: Request, cookie: str) -> dict[str, Any]:
    def read_part(name: str) -> bytes | None:
        value = request.cookies.get(name)
        if not value:
            return None
        return decode_signed_value(get_cookie_secret(), name, value.encode("latin-1"))

    signed = get_cookie_with_chunks(read_part, cookie)
    try:
        content = json.loads(signed) if signed else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


async def answer_sign_in(request: Request) -> Response:
    """`GET /sign-in?to=ADDRESS`: to the provider, and afterwards back to a page of ours."""
    answer = RedirectResponse(generate_login_redirect_url(PROVIDER), status_code=302)
    to = clean_return(request.query_params.get("to", ""))
    signed = create_signed_value(get_cookie_secret(), RETURN_COOKIE, to).decode()
    answer.set_cookie(
        RETURN_COOKIE, signed, max_age=RETURN_SECONDS, path="/", httponly=True, samesite="lax"
    )
    return answer


async def answer_sign_out(request: Request) -> Response:
    """`GET /sign-out`: ends the sign-in on this server, then with Streamlit and the provider."""
    await run_in_threadpool(end_sign_in, request)
    return RedirectResponse(AUTH_LOGOUT_ENDPOINT, status_code=302)


def end_sign_in(request: Request) -> None:
    """Ends the sign-in of a request, where it has one; a log that cannot be written keeps nobody
    in."""
    settings = read_sign_in_settings()
    with suppress(SignInError, NotLoggedError):
        identity = read_identity(read_request_claims(request, settings), settings, _now())
        SIGN_INS.end(identity.key, identity.expires)
        reader = name_reader(settings.cookie_secret, identity.issuer, identity.subject)
        log_access("sign_out", reader, "", ())


def read_return(request: Request) -> str:
    """The address to go back to after signing in; the first page where none was kept."""
    value = request.cookies.get(RETURN_COOKIE, "")
    signed = decode_signed_value(
        get_cookie_secret(), RETURN_COOKIE, value.encode("latin-1"), RETURN_SECONDS / 86400
    )
    return clean_return(signed.decode("utf-8", "replace") if signed else "")


def clean_return(address: str) -> str:
    """An address within the pages, `/` for any other: nobody is sent elsewhere."""
    parts = urlsplit(address)
    paths = {entry.path for entry in PAGES.values()}
    if parts.scheme or parts.netloc or parts.path not in paths or len(address) > 1500:
        return "/"
    if any(ord(letter) < 33 or ord(letter) > 126 or letter == "\\" for letter in address):
        return "/"
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _read_algorithm(token: Any) -> str | None:
    """The algorithm that the head of a token names; its signature was checked when it came."""
    if not isinstance(token, str) or token.count(".") != 2:
        return None
    head = token.split(".", 1)[0]
    try:
        algorithm = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("alg")
    except (ValueError, AttributeError):
        return None
    return algorithm if isinstance(algorithm, str) else None


def _is_moment(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _now() -> float:
    return datetime.now(UTC).timestamp()
