"""One e-mail per person: which facts, in which words, sent once a day for the same fact.

A server that is down is tried three times, then said in the answer; nothing is remembered as sent.
"""

from __future__ import annotations

import html
import json
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import urlencode

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from pipelines.alerts.facts import Fact, list_facts
from pipelines.alerts.rules import AlertRules, Person, Server
from pipelines.settings import Settings
from pipelines.store import write_json

A_DAY = 7
SENTENCES = {
    "fr": {
        "subject": "Observatoire : {count} alertes",
        "more": "et {count} autres, sur les pages",
        "publication": "Publication : {detail}",
        "disk": "Disque : {detail}",
        "backup": "Sauvegarde : {detail}",
        "use_by": "{lots} lots, {kg} kg sans débouché avant le {day}",
        "late": "Envoi en retard : {record}, dernier jour reçu {last_date}",
        "edition_corrected": "Édition corrigée : {edition}",
    },
    "en": {
        "subject": "Observatory: {count} alerts",
        "more": "and {count} more, on the pages",
        "publication": "Publication: {detail}",
        "disk": "Disk: {detail}",
        "backup": "Backup: {detail}",
        "use_by": "{lots} lots, {kg} kg without an outlet before {day}",
        "late": "Late delivery: {record}, last day received {last_date}",
        "edition_corrected": "Edition corrected: {edition}",
    },
}


@dataclass(frozen=True)
class Digest:
    """What a person gets: `shown` at most seven a day, `more` counts the rest."""

    person: Person
    shown: tuple[Fact, ...]
    more: int


def choose_facts(person: Person, facts: Sequence[Fact], sent: Sequence[str]) -> Digest:
    """The facts of a person's rules and food bank that were not sent today, up to the cap."""
    own = [
        fact
        for fact in facts
        if fact.kind in person.rules
        and fact.key not in sent
        and (person.food_bank_id is None or person.food_bank_id in fact.food_bank_ids)
    ]
    room = max(A_DAY - len(sent), 0)
    return Digest(person, tuple(own[:room]), len(own[room:]))


def write_message(digest: Digest, rules: AlertRules) -> EmailMessage:
    """The e-mail, as plain text and HTML; values are one line each and are never markup."""
    person, words = digest.person, SENTENCES[digest.person.language]
    lines = []
    for fact in digest.shown:
        values = {name: " ".join(value.split()) for name, value in fact.values.items()}
        bank = person.food_bank_id or next(iter(fact.food_bank_ids), None)
        query = {"lang": person.language, **({"food_bank": bank} if bank else {})}
        text = f"{bank} · " if bank and person.food_bank_id is None else ""
        address = f"{rules.pages}{fact.path}?{urlencode(query)}"
        lines.append((text + words[fact.kind].format(**values), address))
    more = words["more"].format(count=digest.more) if digest.more else ""
    message = EmailMessage()
    message["From"], message["To"] = rules.server.sender, person.email
    message["Subject"] = words["subject"].format(count=len(digest.shown) + digest.more)
    message.set_content("\n\n".join([*(f"{t}\n{a}" for t, a in lines), more]).strip() + "\n")
    items = "".join(f'<li><a href="{html.escape(a)}">{html.escape(t)}</a></li>' for t, a in lines)
    message.add_alternative(f"<ul>{items}</ul><p>{html.escape(more)}</p>", subtype="html")
    return message


def send_alerts(settings: Settings, rules: AlertRules, dry_run: bool = False) -> dict[str, str]:
    """Send what is new today; by address, what was done. Never raises for a server's fault."""
    today = settings.today().isoformat()
    state = settings.alerts_file
    kept = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else {}
    sent = kept["sent"] if kept.get("day") == today else {}
    answers, failures = {}, {}
    facts = list_facts(settings, rules)
    for person in rules.people:
        digest = choose_facts(person, facts, sent.get(person.email, []))
        if not digest.shown:
            answers[person.email] = "nothing new"
            continue
        message = write_message(digest, rules)
        if dry_run:
            body = message.get_body(("plain",))
            answers[person.email] = body.get_content() if body else ""
            continue
        try:
            _send(rules.server, settings, message)
        except (OSError, smtplib.SMTPException) as error:
            failures[person.email] = " ".join(str(error).split())
            answers[person.email] = f"not sent: {failures[person.email]}"
            continue
        answers[person.email] = f"{len(digest.shown)} sent"
        sent.setdefault(person.email, []).extend(fact.key for fact in digest.shown)
        write_json(state, {"day": today, "sent": sent, "failures": failures})
    if not dry_run:
        write_json(state, {"day": today, "sent": sent, "failures": failures})
    return answers


def _send(server: Server, settings: Settings, message: EmailMessage) -> None:
    trials = Retrying(
        stop=stop_after_attempt(3),
        wait=wait_exponential(multiplier=0.2, max=2),
        retry=retry_if_exception_type(
            (
                ConnectionError,
                TimeoutError,
                smtplib.SMTPServerDisconnected,
                smtplib.SMTPConnectError,
            )
        ),
        reraise=True,
    )
    for trial in trials:
        with trial:
            context = ssl.create_default_context()
            smtp = (
                smtplib.SMTP_SSL(server.host, server.port, timeout=20, context=context)
                if server.security == "tls"
                else smtplib.SMTP(server.host, server.port, timeout=20)
            )
            with smtp:
                if server.security == "starttls":
                    smtp.starttls(context=context)
                if server.user and settings.smtp_password:
                    smtp.login(server.user, settings.smtp_password.get_secret_value())
                smtp.send_message(message)
