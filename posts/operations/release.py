from django.conf import settings
from django.db import transaction
from django.utils import timezone

from posts.articles import store_article
from posts.models import Release, Review, Revision
from posts.operations.audit import note_audit
from posts.operations.listing import refresh_listing
from posts.operations.refusals import Refused, locked, require


def standing_approval(revision):
    """The approval of exactly this text that was not revoked, a single decision before a bulk one; or None."""
    return (
        revision.reviews.filter(outcome=Review.Outcome.APPROVED, revoked_at=None, fingerprint=revision.fingerprint)
        .order_by("is_bulk", "-pk")
        .first()
    )


def release_obstacles(post, revision):
    """Everything that stands in the way of releasing `revision`, in words; empty when nothing does."""
    obstacles = []
    if revision.post_id != post.pk:
        obstacles.append("This text belongs to another post.")
    if revision.status != Revision.Status.APPROVED or standing_approval(revision) is None:
        obstacles.append(f"{revision.version} is not approved.")
    if post.review_flags.filter(cleared_at=None).exists():
        obstacles.append("A flag is open; clear it first.")
    if post.is_live and post.live_revision_id == revision.pk:
        obstacles.append(f"{revision.version} is live already.")
    return obstacles


@transaction.atomic
def release_revision(revision, *, by, owner=None, expected_result="", rollback_note=""):
    """Make an approved `revision` what readers see from now on; return the Release.

    Raises Refused naming all obstacles at once. Ends a withdrawal.
    """
    require(by, "release_post")
    post = locked(revision.post)
    revision = Revision.objects.get(pk=revision.pk)
    if obstacles := release_obstacles(post, revision):
        raise Refused(*obstacles)
    return make_live(
        post,
        revision,
        standing_approval(revision),
        by=by,
        owner=owner or by,
        expected_result=expected_result,
        rollback_note=rollback_note,
    )


def make_live(post, revision, approval, *, by, owner, expected_result, rollback_note):
    """Move the live pointer of a locked `post` and note the Release; the caller has checked the gates."""
    release = _move_live(
        post,
        revision,
        approval,
        kind=Release.Kind.RELEASED,
        by=by,
        owner=owner,
        expected_result=expected_result or settings.RELEASE_EXPECTED_RESULT,
        rollback_note=rollback_note or settings.RELEASE_ROLLBACK_NOTE,
    )
    note_audit("released", post=post, by=by, revision=revision, detail=release.expected_result)
    return release


def rollback_target(post):
    """The approved text that readers saw before the one that is live, or None."""
    for release in post.releases.exclude(revision=None).select_related("revision"):
        candidate = release.revision
        if candidate.pk != post.live_revision_id and standing_approval(candidate):
            return candidate
    return None


@transaction.atomic
def roll_back(post, *, by, to=None, why=""):
    """Move readers back to an earlier approved text (`to`, or the one before) and revoke what is left; return the
    Release. No gate stands in the way; the working copy stays as it is."""
    require(by, "release_post")
    post = locked(post)
    left = post.live_revision
    if left is None:
        raise Refused("Nothing is live, so there is nothing to roll back.")
    target = to or rollback_target(post)
    if target is None:
        raise Refused("No earlier approved text exists. Withdraw the post instead.")
    if target.post_id != post.pk or target.pk == left.pk or standing_approval(target) is None:
        raise Refused(f"{target.version} is no earlier approved text of this post.")
    return move_back(post, target, by=by, why=why)


def move_back(post, target, *, by, why):
    """Move the live pointer of a locked `post` to an earlier approved text and revoke what it leaves; the caller has
    checked who may. Return the Release."""
    left = post.live_revision
    left.reviews.filter(outcome=Review.Outcome.APPROVED, revoked_at=None).update(
        revoked_at=timezone.now(), revoked_by=by
    )
    is_head = left.pk == post.head_revision_id
    left.status = Revision.Status.CHANGES_REQUESTED if is_head else Revision.Status.SUPERSEDED
    left.save(update_fields=["status"])
    approval = standing_approval(target)
    release = _move_live(post, target, approval, kind=Release.Kind.ROLLED_BACK, by=by, owner=by, why=why)
    note_audit("rolled back", post=post, by=by, revision=target, detail=why)
    return release


@transaction.atomic
def withdraw_post(post, *, by, why=""):
    """Take the page away (410) until a later release; return the Release that says so. Nothing is deleted."""
    require(by, "withdraw_post")
    post = locked(post)
    if post.withdrawn_at:
        raise Refused("The post is withdrawn already.")
    post.withdrawn_at = timezone.now()
    post.save(update_fields=["withdrawn_at"])
    refresh_listing(post)
    note_audit("withdrawn", post=post, by=by, revision=post.live_revision, detail=why)
    return Release.objects.create(
        post=post, kind=Release.Kind.WITHDRAWN, before=post.live_revision, owner=by, made_by=by, why=why
    )


def _move_live(post, revision, approval, *, kind, by, **words):
    before = post.live_revision
    now = timezone.now()
    post.live_revision = revision
    post.live_approval = approval
    post.withdrawn_at = None
    post.held = False
    # Feeds and sitemaps take the first date for the post's age.
    post.first_published_at = post.first_published_at or now
    post.last_published_at = now
    post.save(
        update_fields=[
            "live_revision",
            "live_approval",
            "withdrawn_at",
            "held",
            "first_published_at",
            "last_published_at",
        ]
    )
    store_article(revision)
    refresh_listing(post)
    return Release.objects.create(post=post, kind=kind, revision=revision, before=before, made_by=by, **words)
