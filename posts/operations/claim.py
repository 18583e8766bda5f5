import contextlib
from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from posts.errors import Refused, require_person, require_within_limits
from posts.models import Post, QueueEntry
from posts.operations.frame import Change, changing, operation
from posts.review_queue.claims import HOLD, claimed_by_another


@operation
def claim_post(post: Post, *, by: User, take_over: bool = False, now: datetime | None = None) -> QueueEntry:
    """Let `by` claim a pending post for HOLD from now; return its QueueEntry. Others see who claimed it.

    A second claim by the same person extends the first and is not recorded again. Raises ClaimedByAnother unless
    `take_over`, Refused for a post that is not pending.
    """
    require_person(by, "review_post")
    now = now or timezone.now()
    with pending_entry(post, by=by) as (change, entry):
        require_within_limits(by, change.post)
        standing = claimed_by_another(entry, by=by, now=now)
        if standing and not take_over:
            raise standing
        was_mine = entry.held_by_id == by.pk and entry.held_until is not None and entry.held_until > now
        entry.held_by, entry.held_until = by, now + HOLD
        entry.save(update_fields=["held_by", "held_until"])
        if not was_mine:
            detail = f"from {standing.holder}" if standing else ""
            action = "taken over" if standing else "claimed"
            change.note(action, revision=entry.post.head_revision, detail=detail)
        return entry


@operation
def unclaim(post: Post, *, by: User) -> QueueEntry:
    """End the claim of `by` on a post; return its QueueEntry. Refused if somebody else has claimed it meanwhile."""
    require_person(by, "review_post")
    with pending_entry(post, by=by) as (change, entry):
        if standing := claimed_by_another(entry, by=by):
            raise standing
        if entry.held_by_id == by.pk:
            entry.held_by = entry.held_until = None
            entry.save(update_fields=["held_by", "held_until"])
            change.note("let go", revision=entry.post.head_revision)
        return entry


@contextlib.contextmanager
def pending_entry(post: Post, *, by: User) -> Iterator[tuple[Change, QueueEntry]]:
    """Lock `post` and give its QueueEntry. Who works on a post changes no page, and not its place in the queue."""
    with changing(post, by=by, ranks=False) as change:
        entry = QueueEntry.objects.select_related("held_by", "assigned_to").filter(pk=post.pk).first()
        if entry is None:
            raise Refused("This post is no longer pending review.")
        entry.post = change.post
        yield change, entry
