"""Adds messages to the outbox, in the transaction of the caller."""

import json

from django.conf import settings

from posts.jobs import enqueue_once
from posts.models import OutgoingMessage


def add_mail(to: str, *, subject: str, body: str) -> OutgoingMessage | None:
    """Save an e-mail to be sent; return it, or None if the site sends no mail or there is no address.

    subject: one line; line ends become spaces, and it is cut at 200 characters.
    """
    if not settings.SENDS_MAIL or not to:
        return None
    return _add(OutgoingMessage(kind=OutgoingMessage.Kind.MAIL, recipient=to, subject=_one_line(subject), body=body))


def add_chat_message(text: str, *, link: str) -> OutgoingMessage | None:
    """Save a message for the site's chat; return it, or None if the site has no chat.

    The body is JSON as Slack's incoming webhooks take it: "&", "<" and ">" are escaped, so that no title mentions a
    channel or hides a link. https://docs.slack.dev/messaging/formatting-message-text
    """
    if not settings.CHAT_WEBHOOK_URL:
        return None
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    body = json.dumps({"text": f"{escaped} <{link}>"}, ensure_ascii=False)
    return _add(OutgoingMessage(kind=OutgoingMessage.Kind.CHAT, subject=_one_line(text), body=body))


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 200 else f"{words[:199]}…"


def _add(message: OutgoingMessage) -> OutgoingMessage:
    from posts.outbox.tasks import send_outgoing_messages

    message.save()
    enqueue_once(send_outgoing_messages, key="all")
    return message
