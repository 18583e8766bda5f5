"""The state of one post in words.

Every such sentence on its pages comes from here, so that none contradicts the badge beside it.
"""

import copy
from collections.abc import Sequence

from django.contrib.auth.models import User

from posts.models import HoldReason, Post, PostHold, Review, Revision
from posts.models.four_eyes import PART, Eyes, weight_of
from posts.operations.review import asks_for_confirmation, repeats_live
from posts.operations.rolled_back import rolled_back_import


def review_state(post: Post) -> str:
    """Return the review state of the proposed text, in a sentence or two."""
    head = post.head_revision
    if head.status == Revision.Status.APPROVED:
        return _approved_state(post)
    if head.status in Revision.UNDECIDED:
        if post.awaits_review and post.withdrawn_at:
            return f"{head.version} is pending review. The page is withdrawn, so it is not in the queue."
        if post.awaits_review:
            return f"{head.version} is pending review."
        return f"{head.version} is a draft. Nobody has submitted it for review."
    if head.status == Revision.Status.CHANGES_REQUESTED:
        return f"Changes are requested on {head.version}."
    return f"{head.version} is {head.status_words}."


def _approved_state(post: Post) -> str:
    head = post.head_revision
    if post.withdrawn_at:
        return f"{head.version} is approved. The page is withdrawn."
    if not post.is_live or post.released_revision.fingerprint != head.fingerprint:
        return f"{head.version} is approved. It is not released."
    if asks_for_confirmation(post):
        return f"{head.version} is approved. Readers see it. It still needs an individual decision."
    return f"{head.version} is approved. Readers see it."


def nothing_to_release(post: Post) -> str:
    """Return in words why there is nothing to release."""
    head = post.head_revision
    if head.status != Revision.Status.APPROVED:
        return review_state(post)
    if post.is_live and post.released_revision.fingerprint == head.fingerprint:
        return f"Readers see {head.version}. Nothing newer is approved."
    return f"The approval of {head.version} was revoked."


def holds_of(post: Post) -> list[PostHold]:
    """Return the hold reasons of `post`, one that says so if none was recorded, none if it is not held."""
    if not post.held:
        return []
    return list(post.holds.filter(lifted_at=None).order_by("pk")) or [PostHold(reason=HoldReason.NOT_RECORDED)]


def approving_does(post: Post, eyes: Eyes, *, by: User, holds: Sequence[PostHold]) -> str:
    """Return in a few sentences what an approval by `by` would do. holds: from holds_of()."""
    head = post.head_revision
    if weight_of(eyes, by=by) == PART:
        return f"You wrote part of {head.version}. Your approval is recorded, and another reviewer must decide too."
    confirms = repeats_live(post)
    subject = post.live_revision if confirms else head
    closed = post.import_switches(subject) + post.site_switches()
    engines = f"It stays closed to search engines: {', '.join(closed)}." if closed else ""
    if confirms:
        return f"If you approve, you confirm {head.version}, which readers see. {engines}".strip()
    held = f" Its source holds it back ({', '.join(map(str, holds))}); approval ends that." if holds else ""
    if closed:
        return f"If you approve, readers see {head.version} at once. {engines}{held}"
    return f"If you approve, readers see {head.version} at once and search engines may index it.{held}"


def closed_after(post: Post, approval: Review, *, keeps_hold: bool = False) -> list[str]:
    """Return in words why the page would stay closed once the text of `approval` is live; empty if open."""
    after = copy.copy(post)
    after.live_revision, after.live_approval, after.withdrawn_at = approval.revision, approval, None
    after.held = post.held and keeps_hold
    after.closed_until_decided = rolled_back_import(approval.revision, approval) is not None
    return after.index_obstacles
