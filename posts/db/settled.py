"""Where a walk over new revisions begins, so that it misses none that was committed late."""

from datetime import timedelta

from django.utils import timezone

from posts.models import Revision

# Read again each time, whichever is more: a slow transaction may commit smaller numbers after a larger one was seen,
# and parallel imports take a thousand at once. A text that was already read costs one index lookup.
OVERLAP = 1_000
OVERLAP_TIME = timedelta(minutes=2)


def begin_of_scan(seen: int) -> int:
    """Return the number after which a scan starts that has seen everything up to `seen`."""
    settled = Revision.objects.filter(pk__lte=seen, created_at__lt=timezone.now() - OVERLAP_TIME).order_by("-pk")
    return max(0, min(seen - OVERLAP, settled.values_list("pk", flat=True).first() or 0))
