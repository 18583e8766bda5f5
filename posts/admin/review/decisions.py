"""From the queue to the screen where a text is decided about, and back out of a decision."""

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from posts.models import Review
from posts.operations.undo import UNDO_FOR, undo_ends_at, undo_warning


def review_address(post_id, view):
    """The address of the review screen for a waiting post, within a QueueView."""
    address = reverse("admin:review", args=[post_id])
    return f"{address}?{QueryDict.fromkeys(['view'], view.query()).urlencode()}" if view.query() else address


def undoable_decisions(person, *, now=None):
    """The latest decisions of a person that may still be taken back, each with `undo_until`; at most five."""
    now = now or timezone.now()
    decisions = (
        Review.objects.filter(reviewer=person, created_at__gt=now - UNDO_FOR, undone_at=None, revoked_at=None)
        .exclude(way_back=None)
        .select_related("revision__post")
        .defer("revision__snapshot", "revision__post__body", "revision__post__intro")
    )
    found = list(decisions.order_by("-pk")[:5])
    for decision in found:
        decision.undo_until = undo_ends_at(decision)
        decision.undo_warning = undo_warning(decision)
    return found
