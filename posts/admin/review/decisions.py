"""Links from the queue to the review screen, and decisions that can be undone."""

from datetime import datetime

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from posts.models import Review
from posts.operations.undo import UNDO_FOR, undo_ends_at, undo_warning
from posts.review_queue.order import QueueView


def review_address(post_id: int, view: QueueView) -> str:
    """Return the address of the review screen for a pending post, within a QueueView."""
    address = reverse("admin:review", args=[post_id])
    return f"{address}?{QueryDict.fromkeys(['view'], view.query()).urlencode()}" if view.query() else address


def undoable_decisions(person: User, *, now: datetime | None = None) -> list[Review]:
    """Return a person's latest decisions that can be undone, each with `undo_until`; at most five."""
    now = now or timezone.now()
    decisions = (
        Review.objects.filter(reviewer=person, created_at__gt=now - UNDO_FOR, undone_at=None, revoked_at=None)
        .exclude(way_back=None)
        .select_related("revision__post")
        .defer("revision__snapshot", "revision__post__body", "revision__post__intro")
    )
    found = list(decisions.order_by("-pk")[:5])
    for decision in found:
        # For the template.
        decision.undo_until = undo_ends_at(decision)  # type: ignore[attr-defined]
        decision.undo_warning = undo_warning(decision)  # type: ignore[attr-defined]
    return found
