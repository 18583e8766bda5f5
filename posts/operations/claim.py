from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from posts.audit.log import note_audit
from posts.errors import Refused, require_person
from posts.models import Post, QueueEntry
from posts.operations.frame import lock_post, operation
from posts.review_queue.claims import HOLD, claimed_by_another


@operation
def claim_post(post: Post, *, by: User, take_over: bool = False, now: datetime | None = None) -> QueueEntry:
    """Let `by` claim a pending post for HOLD from now; return its QueueEntry. Others see who claimed it.

    A second claim by the same person extends the first and is not recorded again. Raises ClaimedByAnother unless
    `take_over`, Refused for a post that is not pending.
    """
    require_person(by, "review_post")
    now = now or timezone.now()
    entry = waiting_entry(post)
    standing = claimed_by_another(entry, by=by, now=now)
    if standing and not take_over:
        raise standing
    was_mine = entry.held_by_id == by.pk and entry.held_until is not None and entry.held_until > now
    entry.held_by, entry.held_until = by, now + HOLD
    entry.save(update_fields=["held_by", "held_until"])
    if not was_mine:
        detail = f"from {standing.holder}" if standing else ""
        action = "taken over" if standing else "claimed"
        note_audit(action, post=entry.post, by=by, revision=entry.post.head_revision, detail=detail)
    return entry


@operation
def unclaim(post: Post, *, by: User) -> QueueEntry:
    """End the claim of `by` on a post; return its QueueEntry. Refused if somebody else has claimed it meanwhile."""
    require_person(by, "review_post")
    entry = waiting_entry(post)
    if standing := claimed_by_another(entry, by=by):
        raise standing
    if entry.held_by_id == by.pk:
        entry.held_by = entry.held_until = None
        entry.save(update_fields=["held_by", "held_until"])
        note_audit("let go", post=entry.post, by=by, revision=entry.post.head_revision)
    return entry


def waiting_entry(post: Post) -> QueueEntry:
    """Return the QueueEntry of `post`, which this locks. What is done with it changes no page."""
    post = lock_post(post)
    entry = QueueEntry.objects.select_related("held_by", "assigned_to").filter(pk=post.pk).first()
    if entry is None:
        raise Refused("This post is no longer pending review.")
    entry.post = post
    return entry
