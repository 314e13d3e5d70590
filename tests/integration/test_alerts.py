"""Alerts reach their people through a real mail server: once, at most seven, of their food bank."""

from __future__ import annotations

import json
import os
import re
import socket
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.message import Message as AnyMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult, LoginPassword

from dashboards.access import Principal
from dashboards.language import read_words
from dashboards.pages import PAGES
from dashboards.published import (
    PUBLISHED_DIR_VARIABLE,
    open_asked,
    read_choices,
    read_filters,
    read_page,
)
from data_contracts.loader import ContractError, load_marts
from data_contracts.reasons import Reason
from pipelines import runs
from pipelines.alerts.digest import choose_facts, send_alerts, write_message
from pipelines.alerts.facts import Fact, list_facts
from pipelines.alerts.rules import KINDS, AlertRules, load_rules
from pipelines.health import examine
from pipelines.publish.pointer import refuse_draft
from pipelines.settings import Settings, SettingsError, now
from pipelines.store import AlertLog, read_alerts_of_day
from tests.conftest import TEST_KEY, BuildOnce, DataFolder
from tests.fixtures.certificate import Certificate, write_certificate
from tests.integration.conftest import FILES, REMOVALS

EXAMPLE = Path(__file__).parents[2] / "docs" / "alerts.example.yaml"
TERRITORY = "242100410"
AT = datetime(2024, 6, 26, 6, tzinfo=UTC)
USER, PASSWORD = "observatoire", "a password of tests only"


class Mailbox(Message):
    def __init__(self) -> None:
        super().__init__()
        self.received: list[EmailMessage] = []

    def handle_message(self, message: AnyMessage) -> None:
        self.received.append(message_from_bytes(message.as_bytes(), policy=policy.default))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Serve = Callable[..., tuple[Mailbox, int]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a mail server, with the options of aiosmtpd; its mailbox and port."""
    started: list[Controller] = []

    def start(**options: Any) -> tuple[Mailbox, int]:
        box, port = Mailbox(), free_port()
        started.append(Controller(box, hostname="127.0.0.1", port=port, **options))
        started[-1].start()
        return box, port

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def mailbox(serve: Serve) -> tuple[Mailbox, int]:
    return serve()


def make_rules(port: int, *people: dict[str, Any], **server: Any) -> AlertRules:
    """The rules of the example, with other people and another server."""
    written = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    written["server"] = {"host": "127.0.0.1", "port": port, "security": "none",
                         "sender": "observatoire@example.org", **server}  # fmt: skip
    somebody = {"email": "a@example.org", "food_bank_id": None, "language": "en", "tasks": ["data"]}
    written["people"] = [{**somebody, **person} for person in people or ({},)]
    held = {task for person in written["people"] for task in person["tasks"]}
    written["rules"] = {k: rule for k, rule in written["rules"].items() if rule["owner"] in held}
    return AlertRules.model_validate(written)


def read_plain(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return body.get_content().replace("\u00a0", " ").replace("\u202f", " ")


def late(bank: str, record: str = "receipts") -> Fact:
    return Fact("late", "decision.late", (bank,), (("record", record), ("date", date(2024, 6, 1))))


# what is told, once and no more than seven times


def test_a_fact_is_sent_once_a_day(tmp_path: Path, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    settings, rules = Settings(data_dir=tmp_path, _env_file=None), make_rules(port)
    assert send_alerts(settings, rules, AT) == {"a@example.org": "1 sent"}
    assert send_alerts(settings, rules, AT) == {"a@example.org": "nothing new"}
    (message,) = box.received
    assert message["To"] == "a@example.org"
    assert message["Subject"] == "Observatory: 1 alert"
    assert "Nothing is published yet · data" in read_plain(message)
    assert message.get_body(("html",)) is not None
    assert send_alerts(settings, rules, AT + timedelta(1)) == {"a@example.org": "1 sent"}


def test_a_server_that_is_down_is_said_and_the_alert_goes_later(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    settings = Settings(data_dir=tmp_path, _env_file=None)
    said = send_alerts(settings, make_rules(free_port()))
    assert said["a@example.org"].startswith("not sent: ")
    told = settings.model_copy(update={"alerts": EXAMPLE})
    assert [e["ok"] for e in examine(told) if e["check"] == "alerts"] == [False]
    assert send_alerts(settings, make_rules(mailbox[1])) == {"a@example.org": "1 sent"}
    assert [e["ok"] for e in examine(told) if e["check"] == "alerts"] == [True]


def test_seven_a_day_and_only_of_the_own_task_and_food_bank() -> None:
    rules = make_rules(1, {"food_bank_id": "bourgogne"})
    person = rules.people[0]
    facts = [late("bourgogne", f"record{n}") for n in range(10)] + [late("savoie")]
    digest = choose_facts(person, facts, rules, [])
    assert (len(digest.shown), digest.more) == (7, 3)
    assert {fact.food_bank_ids for fact in digest.shown} == {("bourgogne",)}
    later = choose_facts(person, facts, rules, [fact.key for fact in digest.shown])
    assert (later.shown, later.more) == ((), 3)
    platform = Fact("publication", "alert.publication.none")
    assert choose_facts(person, [platform], rules, []).shown == ()
    team = person.model_copy(update={"food_bank_id": None})
    assert choose_facts(team, [platform], rules, []).shown == (platform,)
    silent = replace(late("bourgogne"), kind="partner_silent")
    assert choose_facts(person, [silent], rules, []).shown == ()


def test_values_are_text_in_the_language_of_the_person() -> None:
    rules = make_rules(1, {"food_bank_id": "bourgogne", "language": "fr"})
    bad = late("bourgogne", "<script>x</script>\r\nBcc: evil@example.org")
    message = write_message(choose_facts(rules.people[0], [bad], rules, []), rules)
    assert message["Bcc"] is None
    assert message["Subject"] == "Observatoire : 1 alerte".replace(" :", "\u00a0:")
    plain = read_plain(message)
    assert "Rien reçu depuis le 1er juin 2024 :" in plain and "\nBcc" not in plain
    html = message.get_body(("html",))
    assert html is not None and "<script" not in html.get_content()


def test_why_a_publication_is_refused_is_told_in_the_language_of_the_person(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    """A reason that has no code, as those of earlier versions, is told as it was written."""
    box, port = mailbox
    settings = Settings(data_dir=tmp_path, _env_file=None)
    rules = make_rules(port, {"language": "fr"})

    def read_next(at: datetime) -> str:
        send_alerts(settings, rules, at)
        return read_plain(box.received[-1])

    reason = Reason("and 2 more", "more", count=2)
    refuse_draft(settings, "a" * 32, AT, [reason])
    written = settings.published / "STATUS.json"
    assert json.loads(written.read_text())["refusal"]["reasons"] == ["and 2 more"]
    assert "reste en place : et d'autres (2)" in read_next(AT)
    refusal = json.loads(written.read_text())["refusal"]
    written.write_text(json.dumps({"refusal": {k: refusal[k] for k in refusal if k != "codes"}}))
    assert "reste en place : and 2 more" in read_next(AT + timedelta(1))
    written.write_text("{")
    said = read_next(AT + timedelta(2))
    assert f"Publication endommagée : {written} ne se lit plus ; à restaurer" in said


# the ten kinds, on published records


@pytest.fixture(scope="module")
def troubled(build_once: BuildOnce) -> DataFolder:
    """A food bank to which everything happened, published, with an edition of April, corrected.

    At its data date (4 June): a lot of 50 kg of milk to be drunk by the 7th that nobody ordered,
    two of three pickups in May missed at a store, a partner that took 20 kg a month until April, an
    accreditation that ends in July, no edition of May.
    """
    files = dict(FILES)
    files["partners"] = (
        "partner_id,name,kind,insee_code,stores_chilled,stores_frozen,uses_platform,active_from,"
        "accreditation_expires_on\n"
        "P1,Épicerie,social_grocery,21231,true,false,true,2023-01-01,2024-07-15\n"
        "P2,Association,independent_charity,21171,false,false,false,2023-01-01,\n"
        "P3,Secours,independent_charity,21171,false,false,false,2023-01-01,\n"
    )
    files["products"] += "LAI,Lait,dairy_fresh,chilled,true,1\n"
    head, *rows = files["receipts"].splitlines()
    rows = [f"{row},,," for row in rows]
    rows += ["R0,1,2024-02-01T09:00:00,S1,D2,farm,RIZ,200,kg,,,,",
             "R9,1,2024-06-03T09:00:00,S1,D2,farm,LAI,50,kg,,LOT1,use_by,2024-06-07"]  # fmt: skip
    files["receipts"] = "\n".join([f"{head},lot_id,date_kind,expires_on", *rows]) + "\n"
    files["deliveries"] += "".join(
        f"M{month},1,2024-0{month}-10T10:00:00,S1,P3,delivered,RIZ,20,\n" for month in (2, 3, 4)
    )
    files["vehicles"] = (
        "vehicle_id,kind,energy,is_refrigerated,refrigerant,payload_kg\n"
        "V1,van,diesel_b7,false,none,800\n"
    )
    stops = ((2, 0, "missed"), (3, 0, "missed"), (6, 90, "done"))
    files["rounds"] = (
        "round_id,kind,vehicle_id,site_id,planned_on,started_at,ended_at,distance_km,people\n"
        + "".join(f"T{day},pickup,V1,S1,2024-05-0{day},2024-05-0{day}T07:00:00,"
                  f"2024-05-0{day}T11:00:00,20,2\n" for day, *_ in stops)
    )  # fmt: skip
    files["round_stops"] = (
        "round_id,stop_no,place_kind,place_id,loaded_kg,unloaded_kg,outcome\n"
        + "".join(f"T{day},1,supplier,D1,{kg},0,{outcome}\nT{day},2,site,S1,0,{kg},done\n"
                  for day, kg, outcome in stops)
    )  # fmt: skip

    def fill(folder: DataFolder) -> None:
        for record, text in files.items():
            folder.deliver(f"petite/{record}/{record}.csv", text)
        answer = folder.collecto("refresh", "--json")
        assert answer.status == 0 and answer.json["rows"]["quarantined"] == 0, answer.out
        day = ("--to", "2024-04-30")
        name = ("--food-bank", "petite", "--by", "Essai")
        for step in (
            ("close", *day, *name),
            ("editions", "propose", TERRITORY, *day),
            ("editions", "approve", TERRITORY, *name),
            ("editions", "publish", TERRITORY),
            ("editions", "propose", TERRITORY, *day, "--reason", "un bon oublié"),
            ("editions", "approve", TERRITORY, *name),
            ("editions", "publish", TERRITORY),
        ):
            answer = folder.collecto(*step)
            assert answer.status == 0, (step, answer.err)

    return build_once("troubled", fill)


PEOPLE: tuple[dict[str, Any], ...] = (
    {"email": "data@example.org", "tasks": ["data", "platform"]},
    {"email": "donnees@example.org", "tasks": ["data"], "language": "fr"},
    {"email": "direction@example.org", "food_bank_id": "petite", "tasks": ["director"],
     "language": "fr"},
    {"email": "entrepot@example.org", "food_bank_id": "petite", "language": "fr",
     "tasks": ["warehouse", "logistics", "partners"]},
    {"email": "autre@example.org", "food_bank_id": "autre",
     "tasks": ["warehouse", "logistics", "partners", "director", "data"]},
)  # fmt: skip
TOLD = {
    "data@example.org": {
        "Publication refused, the one before stands: mart_fresh_monthly": "publication",
        "Disk: ": "disk",
        "petite · Nothing received since 4 June 2024: receipts · Ask for the file": "late",
        "petite · Nothing received since 4 June 2024: deliveries to partners": "late",
        "No backup was ever made · operations": "backup",
    },
    "donnees@example.org": {
        "Publication refusée, la précédente reste en place : mart_fresh_monthly a trop peu de"
        " lignes : ": "publication",
        "petite · Rien reçu depuis le 4 juin 2024 : réceptions": "late",
    },
    "direction@example.org": {
        "mai 2024 reste à clore et à approuver": "closing",
        f"L'édition {TERRITORY}-2 corrige la n° 1 : un bon oublié · direction": "edition_corrected",
    },
    "entrepot@example.org": {
        "1 lot, 50 kg sans débouché avant le 7 juin · entrepôt": "use_by",
        "Magasin : 2 ramasses manquées en mai 2024": "store_missed",
        "Secours : plus rien pris depuis avril 2024": "partner_silent",
        "1 habilitation arrive à échéance": "accreditation",
    },
}


def test_a_refused_refresh_tells_of_everything_at_once(
    troubled: DataFolder, tmp_path: Path, mailbox: tuple[Mailbox, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The mails come from the refresh that was refused, without timer: all ten kinds."""
    box, port = mailbox
    folder = troubled.copy_to(tmp_path / "data")
    rules = make_rules(port, *PEOPLE)
    written = rules.model_dump(mode="json")
    written["rules"]["disk"]["gigabytes"] = "1e6"
    written["rules"]["closing"]["days"] = 3
    rules_file = tmp_path / "alerts.yaml"
    rules_file.write_text(json.dumps(written), "utf-8")
    settings = Settings(
        data_dir=folder.path, pseudonym_key=TEST_KEY, as_of=date(2024, 6, 26), alerts=rules_file,
        _env_file=None,
    )  # fmt: skip
    marts = load_marts()
    marts = {**marts, "mart_fresh_monthly": replace(marts["mart_fresh_monthly"], minimum_rows=999)}
    folder.deliver("petite/removals/juin.csv", REMOVALS)
    standing = (folder.path / "published" / "CURRENT").read_bytes()
    summary = runs.refresh(settings, marts=marts)
    assert summary.exit_status == 4, summary
    assert (folder.path / "published" / "CURRENT").read_bytes() == standing

    assert {str(message["To"]) for message in box.received} == set(TOLD)
    assert len(box.received) == len(TOLD)
    monkeypatch.setenv(PUBLISHED_DIR_VARIABLE, str(folder.path / "published"))
    kinds = set()
    for message in box.received:
        plain = read_plain(message)
        expected = TOLD[str(message["To"])]
        person = next(p for p in PEOPLE if p["email"] == message["To"])
        lines = plain.strip().split("\n\n")
        for text, kind in expected.items():
            (line,) = [line for line in lines if line.startswith(text)]
            kinds.add(kind)
            follow(line.split("\n")[1], person, kind)
        told = [line for line in lines if "\nhttp" in line]
        assert len(expected) <= len(told) <= 7, told
    assert kinds == set(KINDS)

    # told once: a second run of the day has only what did not fit
    later = send_alerts(settings, load_rules(rules_file))
    assert set(later.values()) == {"nothing new"}


def follow(address: str, person: dict[str, Any], kind: str) -> None:
    """The link opens a page that its reader may see, with nothing of it ignored."""
    link = urlsplit(address)
    assert f"{link.scheme}://{link.netloc}" == "https://observatoire.example.org"
    (page,) = [entry for entry in PAGES.values() if entry.path == link.path]
    parameters = dict(parse_qsl(link.query))
    bank = person.get("food_bank_id")
    principal = Principal("food_bank", (bank,)) if bank else Principal("data_team")
    opened = open_asked(parameters, principal)
    filters, ignored = read_filters(parameters, opened, read_choices(opened.source))
    assert ignored == ()
    assert filters.language == person.get("language", "en")
    model = repr(read_page(opened, page.code, filters))
    shown = {"use_by": "LOT1", "store_missed": "Magasin", "partner_silent": "Secours",
             "edition_corrected": "un bon oublié"}  # fmt: skip
    assert shown.get(kind, "") in model, kind
    options = {"store_missed": ("donor", "D1"), "partner_silent": ("partner", "P3")}
    if kind in options:
        assert filters.option(options[kind][0]) == options[kind][1]
    if kind == "edition_corrected":
        assert opened.publication.edition is not None and opened.publication.edition.number == 2


def test_thresholds_are_those_of_the_file(troubled: DataFolder) -> None:
    settings = Settings(data_dir=troubled.path, as_of=date(2024, 6, 26), _env_file=None)
    everything = make_rules(1, {"tasks": [
        "warehouse", "logistics", "partners", "donors", "data", "director", "platform"
    ]})  # fmt: skip

    def kinds(at: datetime | None = None, **changes: dict[str, Any]) -> set[str]:
        rules = everything.model_dump()
        for kind, change in changes.items():
            rules["rules"][kind] |= change
        found = list_facts(settings, AlertRules.model_validate(rules), at or now())
        return {fact.kind for fact in found}

    # five days after the end of May is the 6th; the data date is 4 June
    told = set(KINDS) - {"publication", "disk", "closing"}
    assert kinds() == told
    assert kinds(closing={"days": 3}) == told | {"closing"}
    assert kinds(disk={"gigabytes": Decimal(10**6)}) == told | {"disk"}
    assert kinds(use_by={"days": 2}) == told - {"use_by"}
    assert kinds(use_by={"days": 3}) == told
    assert kinds(late={"days": 60}) == told - {"late"}
    assert kinds(store_missed={"pickups": 3}) == told - {"store_missed"}
    assert kinds(partner_silent={"kg": Decimal(20)}) == told
    assert kinds(partner_silent={"kg": Decimal(21)}) == told - {"partner_silent"}
    assert kinds(accreditation={"partners": 2}) == told - {"accreditation"}
    assert kinds(now() + timedelta(2)) == told - {"edition_corrected"}
    assert kinds(now() + timedelta(2), edition_corrected={"days": 2}) == told
    off = everything.model_dump()
    off["rules"] = dict.fromkeys(KINDS)
    assert list_facts(settings, AlertRules.model_validate(off), now()) == []


def test_every_kind_is_among_the_seven_of_a_day(troubled: DataFolder) -> None:
    """Many late records leave room for what else there is."""
    settings = Settings(data_dir=troubled.path, as_of=date(2024, 6, 26), _env_file=None)
    rules = make_rules(1, {"food_bank_id": "petite", "tasks": ["data", "warehouse", "partners"]})
    facts = list_facts(settings, rules, now())
    assert sum(fact.kind == "late" for fact in facts) > 1
    shown = [fact.kind for fact in choose_facts(rules.people[0], facts, rules, []).shown]
    assert shown[:4] == ["use_by", "late", "partner_silent", "accreditation"]


# the way to the server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return write_certificate(tmp_path_factory.mktemp("certificate"))


class Doorman:
    """Asks for the password and remembers who tried."""

    def __init__(self) -> None:
        self.tried: list[tuple[bytes, bytes]] = []

    def __call__(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.tried.append((data.login, data.password))
        is_right = self.tried[-1] == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mails_go_encrypted_to_a_server_that_asks_for_a_password(
    tmp_path: Path, serve: Serve, certificate: Certificate, security: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    doorman = Doorman()
    options: dict[str, Any] = {"authenticator": doorman, "auth_required": True}
    if security == "starttls":
        box, port = serve(tls_context=certificate.context, require_starttls=True, **options)
    else:
        # of a listener that speaks TLS from the first byte aiosmtpd does not know that it does
        box, port = serve(ssl_context=certificate.context, auth_require_tls=False, **options)
    rules = make_rules(port, security=security, user=USER)
    settings = Settings(data_dir=tmp_path, smtp_password=PASSWORD, _env_file=None)

    without = settings.model_copy(update={"smtp_password": None})
    with pytest.raises(SettingsError, match="COLLECTO_SMTP_PASSWORD"):
        send_alerts(without, rules, AT)

    # a certificate that nobody vouches for: the password is not told
    said = send_alerts(settings, rules, AT)["a@example.org"]
    assert said.startswith("not sent") and "certificate verify failed" in said
    assert (box.received, doorman.tried) == ([], [])

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    wrong = settings.model_copy(update={"smtp_password": type(settings.smtp_password)("other")})
    said = send_alerts(wrong, rules, AT)["a@example.org"]
    assert said.startswith("not sent") and "535" in said and "other" not in said
    assert "other" not in settings.alerts_file.read_text()
    assert send_alerts(settings, rules, AT) == {"a@example.org": "1 sent"}
    assert doorman.tried[-1] == (USER.encode(), PASSWORD.encode())
    assert [message["To"] for message in box.received] == ["a@example.org"]


def test_without_encryption_nothing_is_said_to_a_server_that_should_have_it(
    tmp_path: Path, serve: Serve
) -> None:
    doorman = Doorman()
    box, port = serve(authenticator=doorman, auth_require_tls=False)
    settings = Settings(data_dir=tmp_path, smtp_password=PASSWORD, _env_file=None)
    rules = make_rules(port, security="starttls", user=USER)
    assert "STARTTLS" in send_alerts(settings, rules, AT)["a@example.org"]
    assert (box.received, doorman.tried) == ([], [])


# what was sent is remembered, twice


DAMAGES = (
    b"", b"{", b"\xff\xfe", b"[]", b'{"day": "then"}',
    b'{"day": "2024-06-26", "sent": {"a@example.org": 7}, "failures": {}}',
)  # fmt: skip


def damage_it(file: Path, damage: bytes, day: datetime = AT) -> None:
    file.write_bytes(damage)
    os.utime(file, (day.timestamp(), day.timestamp()))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["alerts.json", "alerts.copy.json"])
def test_a_damaged_file_is_put_aside_and_the_other_one_read(
    tmp_path: Path, mailbox: tuple[Mailbox, int], damage: bytes, name: str
) -> None:
    """What was sent today is not sent again; a new alert is, and no more than seven in all."""
    box, port = mailbox
    settings, rules = Settings(data_dir=tmp_path, _env_file=None), make_rules(port)
    file = settings.alerts_file.with_name(name)
    assert send_alerts(settings, rules, AT) == {"a@example.org": "1 sent"}
    damage_it(file, damage)
    said = send_alerts(settings, rules, AT, dry_run=True)
    assert said["a@example.org"] == "nothing new"
    assert file.read_bytes() == damage

    (settings.published / "STATUS.json").parent.mkdir()
    (settings.published / "STATUS.json").write_text("{")
    said = send_alerts(settings, rules, AT)
    assert said["a@example.org"] == "1 sent"
    assert said["alerts.json"] == (
        f"damaged, kept as {name}.damaged-20240626T060000;"
        " what was sent today is known from the other copy"
    )
    (aside,) = file.parent.glob("*.damaged-*")
    assert aside.read_bytes() == damage
    assert send_alerts(settings, rules, AT)["a@example.org"] == "nothing new"
    assert len(box.received) == 2
    # it is said all day, and no longer
    assert "damaged" in send_alerts(settings, rules, AT)["alerts.json"]
    assert set(send_alerts(settings, rules, AT + timedelta(1))) == {"a@example.org"}


def test_seven_a_day_hold_over_a_damaged_file(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, _env_file=None)
    sent = [f"fact{n}" for n in range(7)]
    AlertLog(day=AT.date(), sent={"a@example.org": sent}).write(settings.alerts_file)
    damage_it(settings.alerts_file, b"{")
    assert read_alerts_of_day(settings.alerts_file, AT).sent["a@example.org"] == sent
    # a second damage on the same day: the copy was written again
    damage_it(settings.alerts_file, b"")
    assert read_alerts_of_day(settings.alerts_file, AT).sent["a@example.org"] == sent


def test_mails_go_out_where_nobody_knows_what_was_sent(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    """Both files damaged: the same day up to seven more, once; of a day before nothing is lost."""
    box, port = mailbox
    settings, rules = Settings(data_dir=tmp_path, _env_file=None), make_rules(port)
    files = [settings.alerts_file.with_name(n) for n in ("alerts.json", "alerts.copy.json")]
    assert send_alerts(settings, rules, AT) == {"a@example.org": "1 sent"}
    for file in files:
        damage_it(file, b"{")
    said = send_alerts(settings, rules, AT)
    assert said["a@example.org"] == "1 sent"
    assert said["alerts.json"].endswith(
        "what was sent today is not known: each person may get up to seven more"
    )
    assert len(list(files[0].parent.glob("*.damaged-*"))) == 2
    assert send_alerts(settings, rules, AT)["a@example.org"] == "nothing new"
    for file in files:
        damage_it(file, b"{")
    said = send_alerts(settings, rules, AT + timedelta(1))
    assert said["a@example.org"] == "1 sent"
    assert said["alerts.json"].endswith("nothing was sent today before")
    assert len(box.received) == 3


def test_the_doctor_names_a_damaged_file(
    folder: DataFolder, mailbox: tuple[Mailbox, int], tmp_path: Path
) -> None:
    settings = Settings(data_dir=folder.path, _env_file=None)
    settings.alerts_file.parent.mkdir(parents=True)
    settings.alerts_file.write_text("{")
    answer = folder.collecto("doctor", COLLECTO_ALERTS=str(EXAMPLE))
    said = " ".join(answer.out.split())
    assert answer.status == 1
    assert "WRONG alerts" in said and "alerts.json was damaged" in said

    # put aside by the command, which says so and succeeds: it goes on being said that day
    file = tmp_path / "alerts.yaml"
    file.write_text(json.dumps(make_rules(mailbox[1]).model_dump(mode="json")), "utf-8")
    answer = folder.collecto("alerts", COLLECTO_ALERTS=str(file))
    assert answer.status == 0, answer.err
    assert "alerts.json: damaged, kept as alerts.json.damaged-" in answer.out
    assert "a@example.org: 1 sent" in answer.out
    told = settings.model_copy(update={"alerts": EXAMPLE})
    (entry,) = [entry for entry in examine(told) if entry["check"] == "alerts"]
    assert not entry["ok"] and "kept as alerts.json.damaged-" in entry["detail"]


def test_nothing_is_sent_that_cannot_be_remembered(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    settings = Settings(data_dir=tmp_path, _env_file=None)
    settings.alerts_file.mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        send_alerts(settings, make_rules(mailbox[1]), AT)
    assert mailbox[0].received == []


def test_two_at_once_send_once(tmp_path: Path, mailbox: tuple[Mailbox, int]) -> None:
    settings, rules = Settings(data_dir=tmp_path, _env_file=None), make_rules(mailbox[1])
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: send_alerts(settings, rules, AT), range(4)))
    assert sorted(answer["a@example.org"] for answer in said) == ["1 sent", *["nothing new"] * 3]
    assert len(mailbox[0].received) == 1


# the file, and what is printed


def test_what_would_be_sent_steers_no_terminal(folder: DataFolder, tmp_path: Path) -> None:
    published = folder.path / "published"
    published.mkdir()
    reason = "\x1b[2J\x9b31m\u202eexe\u2028next\nline"
    (published / "STATUS.json").write_text(json.dumps({"refusal": {
        "publication_id": "0" * 32, "refused_at": "2024-06-26T04:00:00+00:00", "reasons": [reason],
    }}))  # fmt: skip
    file = tmp_path / "alerts.yaml"
    file.write_text(json.dumps(make_rules(1).model_dump(mode="json")), "utf-8")
    answer = folder.collecto("alerts", "--dry-run", COLLECTO_ALERTS=str(file))
    assert answer.status == 0, answer.err
    unusual = {c for c in answer.out if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
    assert unusual == {"\n"}
    assert r"Publication refused, the one before stands: \u001b[2J\u009b31m\u202eexe next line" in (
        answer.out
    )


def test_the_example_can_be_read_and_errors_name_their_line(tmp_path: Path) -> None:
    example = load_rules(EXAMPLE)
    assert all(example.find_owner(kind) for kind in KINDS)
    text, wrong = EXAMPLE.read_text("utf-8"), tmp_path / "alerts.yaml"
    for before, after, said in (
        ("port: 587", "port: many", r"alerts.yaml, line 4: server.port"),
        ("starttls #", "none #", "without TLS only"),
        ("{owner: platform, gigabytes: 5}", "{owner: platform, gigabytes: 0}", "rules.disk.giga"),
        ("tasks: [warehouse, logistics]", "tasks: [logistics]", "nobody has the task warehouse"),
        ("direction@", "data@", "stands twice"),
        ("store_missed:", "store_mist:", "rules.store_mist"),
    ):
        assert before in text
        wrong.write_text(text.replace(before, after), "utf-8")
        with pytest.raises(ContractError, match=said):
            load_rules(wrong)


def test_every_kind_and_task_has_its_words() -> None:
    tasks = {str(load_rules(EXAMPLE).find_owner(kind)) for kind in KINDS}
    for language in ("fr", "en"):
        texts = read_words(language).texts
        assert {f"owner.{task}" for task in tasks} <= set(texts)
        assert re.search("refus", texts["alert.publication"])
