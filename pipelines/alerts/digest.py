"""One e-mail per person: which facts, in which words, sent once a day for the same fact.

What is about to be sent is written down first, twice, so that no single fault lets anybody get more
than seven a day. A server that is down is tried three times, then said in the answer.
"""

from __future__ import annotations

import html
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from urllib.parse import urlencode

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from dashboards.language import Words, read_words
from dashboards.language.decisions import write_sentence
from pipelines.alerts.facts import Fact, list_facts
from pipelines.alerts.rules import AlertRules, Person, Server
from pipelines.settings import Settings, SettingsError, now
from pipelines.store import AlertLog, hold_lock, read_alerts_of_day

A_DAY = 7


@dataclass(frozen=True)
class Digest:
    """What a person gets: `shown` at most seven a day, `more` counts the rest."""

    person: Person
    shown: tuple[Fact, ...]
    more: int


def choose_facts(
    person: Person, facts: Sequence[Fact], rules: AlertRules, sent: Sequence[str]
) -> Digest:
    """The facts of a person's tasks and food bank that were not sent today, up to the cap."""
    own = [
        fact
        for fact in facts
        if rules.find_owner(fact.kind) in person.tasks
        and fact.key not in sent
        and (person.food_bank_id is None or person.food_bank_id in fact.food_bank_ids)
    ]
    room = max(A_DAY - len(sent), 0)
    return Digest(person, tuple(own[:room]), len(own[room:]))


def write_message(digest: Digest, rules: AlertRules) -> EmailMessage:
    """The e-mail, as plain text and HTML; values are one line each and are never markup."""
    person, words = digest.person, read_words(digest.person.language)
    lines = [
        (_write_line(fact, rules, person, words), _write_address(fact, rules, person))
        for fact in digest.shown
    ]
    more = words.count("alert.more", digest.more, count=digest.more) if digest.more else ""
    message = EmailMessage()
    message["From"], message["To"] = rules.server.sender, person.email
    count = len(digest.shown) + digest.more
    message["Subject"] = words.count("alert.subject", count, count=count)
    message.set_content("\n\n".join([*(f"{t}\n{a}" for t, a in lines), more]).strip() + "\n")
    items = "".join(f'<li><a href="{html.escape(a)}">{html.escape(t)}</a></li>' for t, a in lines)
    message.add_alternative(f"<ul>{items}</ul><p>{html.escape(more)}</p>", subtype="html")
    return message


def _write_line(fact: Fact, rules: AlertRules, person: Person, words: Words) -> str:
    """Of which food bank, what, what to do where a page says it, and whose it is."""
    parts = [
        *(fact.food_bank_ids if person.food_bank_id is None else ()),
        write_sentence(words, fact.text_id, fact.values, fact.places),
        words.texts.get(f"{fact.text_id}.do", ""),
        words(f"owner.{rules.find_owner(fact.kind)}"),
    ]
    return " ".join(" · ".join(filter(None, parts)).split())


def _write_address(fact: Fact, rules: AlertRules, person: Person) -> str:
    bank = person.food_bank_id or next(iter(fact.food_bank_ids), None)
    query = {"lang": person.language, **({"food_bank": bank} if bank else {})}
    # Who has a part in an edition only may not open it.
    if fact.option and (person.food_bank_id is None or fact.food_bank_ids == (bank,)):
        query[fact.option[0]] = fact.option[1]
    return f"{rules.pages}/{fact.page}?{urlencode(query)}"


def send_alerts(
    settings: Settings, rules: AlertRules, at: datetime | None = None, dry_run: bool = False
) -> dict[str, str]:
    """Send what is new today; by address, what was done. Never raises for a mail server's fault.

    `at`: the clock, UTC. A damaged file of what was sent is put aside and its copy read; the answer
    then holds under the file's name what is known. Raises SettingsError where the server has a user
    and no password is set.
    """
    at = at or now()
    if rules.server.user and settings.smtp_password is None and not dry_run:
        raise SettingsError(f"COLLECTO_SMTP_PASSWORD is not set for {rules.server.user}")
    facts = list_facts(settings, rules, at)
    with hold_lock(settings.alerts_file.with_suffix(".lock")):
        log = read_alerts_of_day(settings.alerts_file, at, is_kept=not dry_run)
        answers = {settings.alerts_file.name: log.damage} if log.damage else {}
        for person in rules.people:
            sent = log.sent.get(person.email, [])
            digest = choose_facts(person, facts, rules, sent)
            if not digest.shown:
                answers[person.email] = "nothing new"
            elif dry_run:
                body = write_message(digest, rules).get_body(("plain",))
                answers[person.email] = body.get_content() if body else ""
            else:
                answers[person.email] = _send_digest(settings, rules, digest, log)
        if not dry_run:
            log.write(settings.alerts_file)
    return answers


def _send_digest(settings: Settings, rules: AlertRules, digest: Digest, log: AlertLog) -> str:
    email = digest.person.email
    before = log.sent.get(email, [])
    log.sent[email] = [*before, *(fact.key for fact in digest.shown)]
    log.write(settings.alerts_file)
    try:
        _send(rules.server, settings, write_message(digest, rules))
    except (OSError, smtplib.SMTPException) as error:
        log.sent[email] = before
        log.failures[email] = " ".join(str(error).split())
        log.write(settings.alerts_file)
        return f"not sent: {log.failures[email]}"
    return f"{len(digest.shown)} sent"


def _send(server: Server, settings: Settings, message: EmailMessage) -> None:
    """Hand one message over, once; only the way to the server is tried again."""
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
    with trials(_connect, server, settings) as smtp:
        smtp.send_message(message)


def _connect(server: Server, settings: Settings) -> smtplib.SMTP:
    context = ssl.create_default_context()
    smtp = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=20, context=context)
        if server.security == "tls"
        else smtplib.SMTP(server.host, server.port, timeout=20)
    )
    try:
        if server.security == "starttls":
            smtp.starttls(context=context)
        if server.user and settings.smtp_password is not None:
            smtp.login(server.user, settings.smtp_password.get_secret_value())
    except BaseException:
        smtp.close()
        raise
    return smtp
