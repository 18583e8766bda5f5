"""Sends the messages of the outbox, each at least once."""

import smtplib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from posts.models import OutgoingMessage
from posts.outbox.purge import purge_headers
from posts.outbox.webhooks import signed_headers
from posts.outgoing import Limits, OutgoingError, fetch

Kind = OutgoingMessage.Kind
# While a worker sends a message, no other one does. A worker that was killed has lost it after this time.
LEASE = timedelta(minutes=2)
FIRST_WAIT = timedelta(minutes=1)
# Readers see an outdated page as long as a purge waits.
FIRST_WAIT_OF_PURGES = timedelta(seconds=2)
LONGEST_WAIT = timedelta(hours=6)
LIMITS = Limits(seconds=10, body_bytes=2000, redirects=0)


class NotSent(Exception):
    """The message was not taken. The text says why. is_of_the_server: whether others of its kind would fare alike."""

    def __init__(self, why: str, *, is_of_the_server: bool) -> None:
        self.is_of_the_server = is_of_the_server
        super().__init__(why)


def send_due_messages(*, only: str = "", stop: Callable[[], None] = lambda: None) -> int:
    """Send every message that is due, or those of one kind; return how many were sent.

    A failure delays the message: one minute, then twice as long each time, at most six hours. After 72 hours it is
    parked. If a server does not answer, the other messages for it wait for the next run. stop: is called between two
    messages, and may raise.
    """
    sent, silent = 0, set[tuple[str, str]]()
    while message := _take(only, not_for=silent):
        try:
            _SENDERS[message.kind](message)
        except NotSent as error:
            _postpone(message, str(error))
            if error.is_of_the_server:
                silent.add(_server_of(message))
        else:
            sent += 1
            _note_sent(message)
        stop()
    return sent


def _server_of(message: OutgoingMessage) -> tuple[str, str]:
    """Return which server takes the message: its kind, and of webhooks the receiver."""
    return message.kind, message.recipient if message.kind == Kind.WEBHOOK else ""


def _take(only: str, *, not_for: Iterable[tuple[str, str]]) -> OutgoingMessage | None:
    """Return the next due message, which no other worker takes for the time of the lease.

    A message waits for the earlier ones of its lane.
    """
    now = timezone.now()
    waiting = OutgoingMessage.objects.waiting()
    before = waiting.filter(lane=OuterRef("lane"), recipient=OuterRef("recipient"), pk__lt=OuterRef("pk"))
    due = waiting.filter(Q(lane="") | ~Exists(before.exclude(lane="")), due_at__lte=now)
    if only:
        due = due.filter(kind=only)
    for kind, recipient in not_for:
        due = due.exclude(kind=kind, recipient=recipient) if recipient else due.exclude(kind=kind)
    with transaction.atomic():
        message = due.select_for_update(skip_locked=True).order_by("due_at", "pk").first()
        if message is not None:
            message.due_at = now + LEASE
            message.attempts += 1
            message.save(update_fields=["due_at", "attempts"])
    return message


def _note_sent(message: OutgoingMessage) -> None:
    now = timezone.now()
    columns = {"answer_status": message.answer_status, "answer": message.answer}
    OutgoingMessage.objects.filter(pk=message.pk).update(sent_at=now, last_error="", **columns)
    if message.kind == Kind.WEBHOOK and message.attempts > 1:
        # The receiver is back: what waits for it need not wait longer.
        waiting = OutgoingMessage.objects.waiting().filter(kind=Kind.WEBHOOK, recipient=message.recipient)
        waiting.filter(attempts__gt=0, due_at__gt=now + LEASE).update(due_at=now)


def _postpone(message: OutgoingMessage, why: str) -> None:
    now: datetime = timezone.now()
    message.last_error = why[:500]
    first = FIRST_WAIT_OF_PURGES if message.kind == Kind.PURGE else FIRST_WAIT
    message.due_at = now + min(first * 2 ** min(message.attempts - 1, 20), LONGEST_WAIT)
    if now - message.made_at > OutgoingMessage.TRIED_FOR:
        message.parked_at = now
    message.save(update_fields=["last_error", "due_at", "parked_at", "answer_status", "answer"])


def _send_mail(message: OutgoingMessage) -> None:
    # A worker that sends a message a second time uses the same Message-ID, so mail programs show it once.
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    mail = EmailMessage(
        message.subject,
        message.body,
        to=[message.recipient],
        headers={"Message-ID": f"<outbox-{message.pk}@{domain}>", "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        raise NotSent(f"The mail server refused {message.recipient}.", is_of_the_server=False) from error
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"The mail server: {error}", is_of_the_server=True) from error
    except ValueError as error:
        raise NotSent(f"The mail can't be written: {error}", is_of_the_server=False) from error


def _send_chat_message(message: OutgoingMessage) -> None:
    if not settings.CHAT_WEBHOOK_URL:
        raise NotSent("CHAT_WEBHOOK_URL is no longer set.", is_of_the_server=True)
    try:
        answer = fetch(
            settings.CHAT_WEBHOOK_URL,
            method="POST",
            headers={"content-type": "application/json"},
            body=message.body.encode(),
            limits=LIMITS,
            allowed_networks=settings.OUTGOING_NETWORKS,
        )
    except OutgoingError as error:
        raise NotSent(str(error), is_of_the_server=True) from error
    if not 200 <= answer.status < 300:
        words = " ".join(answer.body.decode("utf-8", "replace").split())[:200]
        raise NotSent(f"The chat answered {answer.status}: {words}", is_of_the_server=True)


def _send_webhook(message: OutgoingMessage) -> None:
    if message.recipient not in settings.WEBHOOK_URLS:
        raise NotSent("This address is no longer in WEBHOOK_URLS.", is_of_the_server=True)
    message.answer_status, message.answer = None, ""
    try:
        answer = fetch(
            message.recipient,
            method="POST",
            headers=signed_headers(message, now=timezone.now()),
            body=message.body.encode(),
            limits=LIMITS,
            allowed_networks=settings.OUTGOING_NETWORKS,
        )
    except OutgoingError as error:
        raise NotSent(str(error), is_of_the_server=True) from error
    message.answer_status = answer.status
    message.answer = " ".join(answer.body.decode("utf-8", "replace").replace("\x00", "").split())[:500]
    if not 200 <= answer.status < 300:
        # What it refuses alone keeps no other message waiting.
        is_away = answer.status >= 500 or answer.status == 429
        raise NotSent(f"The receiver answered {answer.status}: {message.answer[:200]}", is_of_the_server=is_away)


def _send_purge(message: OutgoingMessage) -> None:
    if message.recipient != settings.CDN_PURGE_URL:
        raise NotSent("This address is no longer CDN_PURGE_URL.", is_of_the_server=True)
    try:
        answer = fetch(
            message.recipient,
            method="POST",
            headers=purge_headers(message),
            body=message.body.encode(),
            limits=LIMITS,
            allowed_networks=settings.OUTGOING_NETWORKS,
        )
    except OutgoingError as error:
        raise NotSent(str(error), is_of_the_server=True) from error
    if not 200 <= answer.status < 300:
        words = " ".join(answer.body.decode("utf-8", "replace").replace("\x00", "").split())[:200]
        raise NotSent(f"The CDN answered {answer.status}: {words}", is_of_the_server=True)


_SENDERS: dict[str, Callable[[OutgoingMessage], None]] = {
    Kind.MAIL: _send_mail,
    Kind.CHAT: _send_chat_message,
    Kind.WEBHOOK: _send_webhook,
    Kind.PURGE: _send_purge,
}
