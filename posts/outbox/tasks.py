"""The jobs of the outbox."""

from datetime import timedelta

from django.utils import timezone

from posts.jobs import job, stop_if_asked
from posts.models import OutgoingMessage
from posts.outbox.send import send_due_messages

KEPT_AFTER_SENDING = timedelta(days=30)
KEPT_AFTER_GIVING_UP = timedelta(days=90)
CHUNK = 1000


@job("send outgoing messages", label="Send mail and chat messages", every=timedelta(minutes=1), is_urgent=True)
def send_outgoing_messages() -> None:
    """Send what is due."""
    send_due_messages(stop=stop_if_asked)


@job("forget old messages", label="Delete old mail and chat messages", every=timedelta(days=1))
def forget_old_messages() -> None:
    """Delete messages that were sent thirty days ago, or given up ninety days ago."""
    now = timezone.now()
    for old in (
        OutgoingMessage.objects.filter(sent_at__lt=now - KEPT_AFTER_SENDING).order_by("sent_at"),
        OutgoingMessage.objects.filter(parked_at__lt=now - KEPT_AFTER_GIVING_UP).order_by("pk"),
    ):
        while chunk := list(old.values_list("pk", flat=True)[:CHUNK]):
            OutgoingMessage.objects.filter(pk__in=chunk).delete()
            stop_if_asked()
