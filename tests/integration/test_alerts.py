"""Alerts reach their people through a real mail server: once, at most seven, of their food bank."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.message import Message as AnyMessage
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from dashboards.pages import PAGES
from data_contracts.loader import ContractError
from pipelines.alerts.digest import choose_facts, send_alerts, write_message
from pipelines.alerts.facts import URGENCY, Fact
from pipelines.alerts.rules import AlertRules, load_rules
from pipelines.health import examine
from pipelines.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "docs" / "alerts.example.yaml"


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


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box, port = Mailbox(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, port
    server.stop()


def make_rules(port: int, **person: object) -> AlertRules:
    return AlertRules.model_validate(
        {
            "server": {"host": "127.0.0.1", "port": port, "security": "none",
                       "sender": "observatoire@example.org"},
            "pages": "https://observatoire.example.org",
            "people": [{"email": "a@example.org", "food_bank_id": None, "language": "en",
                        "rules": ["publication"], **person}],
        }
    )  # fmt: skip


def late(bank: str, record: str = "receipts") -> Fact:
    return Fact("late", (bank,), {"record": record, "last_date": "2024-06-01"})


def test_a_fact_is_sent_once_a_day(tmp_path: Path, mailbox: tuple[Mailbox, int]) -> None:
    box, port = mailbox
    settings = Settings(data_dir=tmp_path, _env_file=None)
    assert send_alerts(settings, make_rules(port)) == {"a@example.org": "1 sent"}
    assert send_alerts(settings, make_rules(port)) == {"a@example.org": "nothing new"}
    (message,) = box.received
    assert message["To"] == "a@example.org"
    assert message["Subject"] == "Observatory: 1 alerts"
    assert "nothing is published yet" in message.get_body(("plain",)).get_content()
    assert message.get_body(("html",)) is not None


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


def test_seven_a_day_and_only_of_the_own_food_bank() -> None:
    person = make_rules(1, food_bank_id="bourgogne", rules=["late"]).people[0]
    facts = [late("bourgogne", f"record{n}") for n in range(10)] + [late("savoie")]
    digest = choose_facts(person, facts, [])
    assert (len(digest.shown), digest.more) == (7, 3)
    assert {fact.food_bank_ids for fact in digest.shown} == {("bourgogne",)}
    later = choose_facts(person, facts, [fact.key for fact in digest.shown])
    assert (later.shown, later.more) == ((), 3)
    platform = Fact("publication", (), {"detail": "refused"})
    allowed = person.model_copy(update={"rules": ("publication",)})
    assert choose_facts(allowed, [platform], []).shown == ()


def test_values_are_text_in_the_language_of_the_person() -> None:
    rules = make_rules(1, food_bank_id="bourgogne", language="fr", rules=["late"])
    bad = late("bourgogne", "<script>x</script>\r\nBcc: evil@example.org")
    message = write_message(choose_facts(rules.people[0], [bad], []), rules)
    assert message["Bcc"] is None and message["Subject"] == "Observatoire : 1 alertes"
    plain = message.get_body(("plain",)).get_content()
    assert "Envoi en retard" in plain and "\nBcc" not in plain
    assert "<script" not in message.get_body(("html",)).get_content()
    link = urlsplit(re.findall(r"https://\S+", plain)[0])
    assert parse_qs(link.query) == {"lang": ["fr"], "food_bank": ["bourgogne"]}


def test_links_lead_to_pages_that_exist() -> None:
    known = {entry.path for entry in PAGES.values()}
    assert {Fact(kind).path for kind in URGENCY} <= known


def test_the_example_can_be_read_and_errors_name_their_line(tmp_path: Path) -> None:
    assert len(load_rules(EXAMPLE).people) == 2
    wrong = tmp_path / "alerts.yaml"
    wrong.write_text(EXAMPLE.read_text("utf-8").replace("port: 587", "port: many"), "utf-8")
    with pytest.raises(ContractError, match=r"alerts.yaml, line 4: server.port"):
        load_rules(wrong)
    wrong.write_text(EXAMPLE.read_text("utf-8").replace("starttls #", "none #"), "utf-8")
    with pytest.raises(ContractError, match="without TLS only"):
        load_rules(wrong)
