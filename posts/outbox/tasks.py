"""The jobs of the outbox."""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from posts.jobs import job, stop_if_asked
from posts.models import OutgoingMessage
from posts.outbox.send import send_due_messages
from posts.retention import kept

CHUNK = 1000


@job("send outgoing messages", label="Send mail and chat messages", every=timedelta(minutes=1), is_urgent=True)
def send_outgoing_messages() -> None:
    """Send what is due."""
    send_due_messages(stop=stop_if_asked)


def old_messages(now: datetime) -> QuerySet[OutgoingMessage]:
    """Return messages that were sent long ago."""
    return OutgoingMessage.objects.filter(sent_at__lt=now - kept("messages"))


def old_given_up_messages(now: datetime) -> QuerySet[OutgoingMessage]:
    """Return messages that were given up long ago."""
    return OutgoingMessage.objects.filter(parked_at__lt=now - kept("given-up-messages"))


@job("forget old messages", label="Delete old mail and chat messages", every=timedelta(days=1))
def forget_old_messages() -> None:
    """Delete messages that were sent or given up long ago."""
    now = timezone.now()
    for old in (old_messages(now).order_by("sent_at"), old_given_up_messages(now).order_by("pk")):
        while chunk := list(old.values_list("pk", flat=True)[:CHUNK]):
            OutgoingMessage.objects.filter(pk__in=chunk).delete()
            stop_if_asked()
