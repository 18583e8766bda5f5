"""Adds messages to the outbox, in the transaction of the caller."""

import json
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from posts.jobs import enqueue_once
from posts.models import OutgoingMessage
from posts.rendering.control_characters import terminal_text

# How long the chat is left alone after a message about something.
QUIET_AFTER_CHAT = timedelta(minutes=15)


def add_mail(to: str, *, subject: str, body: str) -> OutgoingMessage | None:
    """Save an e-mail to be sent; return it, or None if the site sends no mail or there is no address.

    subject: one line; line ends become spaces, and it is cut at 200 characters. Invisible characters that could
    change what a mail program shows are written as escapes.
    """
    if not settings.SENDS_MAIL or not to:
        return None
    return _add(
        OutgoingMessage(
            kind=OutgoingMessage.Kind.MAIL, recipient=to, subject=_one_line(subject), body=terminal_text(body)
        )
    )


def add_chat_message(text: str, *, about: str, link: str) -> OutgoingMessage | None:
    """Save a message for the site's chat; return it, or None if the site has no chat or another message covers it.

    about: what happened, in the same words each time. At most one message about the same is sent in QUIET_AFTER_CHAT.
    If more happens in that time, one more message waits until it is over, and says that there may be more.

    The body is JSON as Slack's incoming webhooks take it: "&", "<" and ">" are escaped, so that no title mentions a
    channel or hides a link. https://docs.slack.dev/messaging/formatting-message-text
    """
    if not settings.CHAT_WEBHOOK_URL:
        return None
    now = timezone.now()
    earlier = OutgoingMessage.objects.filter(kind=OutgoingMessage.Kind.CHAT, subject=_one_line(about), parked_at=None)
    if earlier.filter(sent_at=None, attempts=0, due_at__gt=now).exists():
        return None
    latest = earlier.exclude(sent_at__lt=now - QUIET_AFTER_CHAT).order_by("-pk").first()
    due_at = (latest.sent_at or now) + QUIET_AFTER_CHAT if latest else now
    if latest:
        text = f"{text} There may be more. “My work” in the admin lists what is new."
    escaped = _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    body = json.dumps({"text": f"{escaped} <{link}>"}, ensure_ascii=False)
    return _add(
        OutgoingMessage(kind=OutgoingMessage.Kind.CHAT, subject=_one_line(about), body=body, made_at=now, due_at=due_at)
    )


def _one_line(text: str) -> str:
    words = terminal_text(" ".join(text.split()))
    return words if len(words) <= 200 else f"{words[:199]}…"


def _add(message: OutgoingMessage) -> OutgoingMessage:
    from posts.outbox.tasks import send_outgoing_messages

    message.save()
    enqueue_once(send_outgoing_messages, key="all")
    return message
