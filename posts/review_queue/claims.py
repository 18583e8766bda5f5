"""Claims: who is reviewing a post right now."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from posts.errors import Refused
from posts.models import QueueEntry

HOLD = timedelta(minutes=15)


class ClaimedByAnother(Refused):
    """Somebody else is reviewing this post: `holder` until `until`."""

    def __init__(self, holder: User, until: datetime) -> None:
        self.holder, self.until = holder, until
        at = timezone.localtime(until)
        super().__init__(f"{holder.get_short_name() or holder.get_username()} has claimed this until {at:%H:%M}.")


def claimed_by_another(entry: QueueEntry, *, by: User, now: datetime | None = None) -> ClaimedByAnother | None:
    """Return the ClaimedByAnother that keeps `by` from a QueueEntry (with held_by), or None."""
    until = entry.held_until
    if entry.held_by_id in (None, by.pk) or until is None or until <= (now or timezone.now()):
        return None
    holder = entry.held_by
    return ClaimedByAnother(holder, until) if holder is not None else None
