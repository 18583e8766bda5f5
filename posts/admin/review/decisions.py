"""Links from the queue to the review screen, and decisions that can be undone."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from posts.db.prepared_query import prepared
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
    found: list[Review] = _undoable.objects(person=person.pk, since=now - UNDO_FOR)
    for decision in found:
        # For the template.
        decision.undo_until = undo_ends_at(decision)  # type: ignore[attr-defined]
        decision.undo_warning = undo_warning(decision)  # type: ignore[attr-defined]
    return found


@prepared(person=int, since=datetime)
def _undoable(person: int, since: datetime) -> QuerySet[Review]:
    decisions = Review.objects.filter(reviewer=person, created_at__gt=since, undone_at=None, revoked_at=None)
    decisions = decisions.exclude(way_back=None).select_related("revision__post")
    return decisions.defer("revision__snapshot", "revision__post__body", "revision__post__intro").order_by("-pk")[:5]
