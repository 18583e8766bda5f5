"""Of two near-duplicates keep one: the other is rejected or withdrawn, and its address redirects to the kept one."""

from dataclasses import dataclass
from typing import Self

from django.contrib.auth.models import User

from posts.errors import HeadMoved, PageMoved, Refused, require_person
from posts.models import Post, QueueEntry, Review, Revision
from posts.operations.frame import Change, changing, changing_posts, operation
from posts.operations.record_revision import submit_revision
from posts.operations.release import releasable_revision, release_revision, withdraw_post
from posts.operations.review import Decision, decide
from posts.operations.transitions import may_step
from posts.review_queue.claims import claimed_by_another

TITLE_LENGTH = 200


@dataclass(frozen=True)
class Seen:
    """What a person was shown of a post: the fingerprint of its proposed text, and its live Revision (0 for none)."""

    fingerprint: str
    live_id: int

    @classmethod
    def of(cls, post: Post) -> Self:
        return cls(post.head.fingerprint, post.live_revision_id or 0)


def is_rejected(post: Post) -> bool:
    """Return whether the post is rejected, and readers see no earlier text of it."""
    return post.live_revision_id is None and post.head.status == Revision.Status.REJECTED


def rejects(post: Post) -> bool:
    """Return whether the post is rejected in favour of another. Else it is withdrawn, because readers see it."""
    return post.live_revision_id is None and may_step(post.head, "reject")


def right_to_end(post: Post) -> str:
    """Return the codename of the right that it takes to end the post in favour of another."""
    return "review_post" if rejects(post) else "withdraw_post"


def keep_obstacles(kept: Post, other: Post, *, by: User) -> list[str]:
    """Return in words everything that prevents keeping `kept` instead of `other`; empty if nothing does."""
    if kept.pk == other.pk:
        return ["A post can't replace itself. Choose two posts."]
    obstacles = []
    if kept.withdrawn_at:
        obstacles.append(f"“{kept.title}” is withdrawn. Release it first, or keep the other one.")
    elif is_rejected(kept):
        obstacles.append(f"“{kept.title}” is rejected. Submit it again first, or keep the other one.")
    if other.withdrawn_at:
        obstacles.append(f"“{other.title}” is already withdrawn.")
    elif is_rejected(other):
        obstacles.append(f"“{other.title}” is already rejected.")
    entry = QueueEntry.objects.select_related("held_by").filter(pk=other.pk).first()
    if entry and (standing := claimed_by_another(entry, by=by)):
        obstacles.append(f"“{other.title}”: {standing}")
    return obstacles


@operation
def keep_post(kept: Post, other: Post, *, by: User, seen_kept: Seen, seen_other: Seen) -> Post:
    """Keep `kept` and end `other`, whose address redirects to `kept` from now on; return `other`.

    A post that readers see is withdrawn, any other one is rejected, by the operations and rights for that. Nothing is
    decided about `kept`. Raises HeadMoved and PageMoved if one of them is not what the person was shown, and Refused
    with all obstacles.
    """
    require_person(by, "view_post")
    # Both are locked together, in one order: somebody else may keep the other one at the same moment.
    with changing_posts(Post.objects.with_texts().filter(pk__in=[kept.pk, other.pk]), by=by) as changes:
        found = {change.post.pk: change for change in changes}
        into, out = found[kept.pk], found[other.pk]
        for change, seen in ((into, seen_kept), (out, seen_other)):
            _check_seen(change.post, seen)
        kept, other = into.post, out.post
        if obstacles := keep_obstacles(kept, other, by=by):
            raise Refused(*obstacles)
        _end(out, kept, by=by)
        other.replaced_by = kept
        into.note("kept", revision=kept.head, detail=f"instead of “{other.title}” ({other.slug})")
        out.note("replaced", revision=other.head, detail=f"by “{kept.title}” ({kept.slug})")
        return other


def _check_seen(post: Post, seen: Seen) -> None:
    if post.head.fingerprint != seen.fingerprint:
        raise HeadMoved(post)
    if (post.live_revision_id or 0) != seen.live_id:
        raise PageMoved(post)


def _end(change: Change, kept: Post, *, by: User) -> None:
    other = change.post
    why = f"Near-duplicate of “{kept.title[:TITLE_LENGTH]}”, which is kept."
    if rejects(other):
        decision = Decision(
            Review.Outcome.REJECTED,
            fingerprint=other.head.fingerprint,
            reason_code=Review.ReasonCode.REPEATS,
            comment=why,
        )
        decide(other, decision, by=by)
    else:
        withdraw_post(other, by=by, why=why)


@operation
def keep_both(post: Post, *, by: User, despite_rollback: bool = False) -> Post:
    """Bring back a post that was ended in favour of another one; return it. Its address is its own again.

    A rejected text is submitted again, a withdrawn page is released again, by the operations and rights for that.
    despite_rollback: as in release_revision().
    """
    require_person(by, "view_post")
    with changing(post, by=by) as change:
        post = change.post
        if post.replaced_by_id is None:
            raise Refused("This post was not replaced by another one.")
        if post.withdrawn_at is None:
            submit_revision(post, by=by)
        elif (revision := post.live_revision or releasable_revision(post)) is None:
            raise Refused("No text of this post is approved. Approve it for a later release, then release it.")
        else:
            release_revision(revision, by=by, ends_withdrawal=True, despite_rollback=despite_rollback)
        return post
