"""Claims: who is reviewing a post right now."""

from datetime import timedelta

from django.utils import timezone

from posts.errors import Refused

HOLD = timedelta(minutes=15)


class ClaimedByAnother(Refused):
    """Somebody else is reviewing this post: `holder` until `until`."""

    def __init__(self, holder, until):
        self.holder, self.until = holder, until
        at = timezone.localtime(until)
        super().__init__(f"{holder.get_short_name() or holder.get_username()} has claimed this until {at:%H:%M}.")


def claimed_by_another(entry, *, by, now=None):
    """Return the ClaimedByAnother that keeps `by` from a QueueEntry (with held_by), or None."""
    if entry.held_by_id in (None, by.pk) or entry.held_until <= (now or timezone.now()):
        return None
    return ClaimedByAnother(entry.held_by, entry.held_until)
