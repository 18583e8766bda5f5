from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from posts.db.prepared_query import prepared
from posts.errors import LONG_WORDS, PageMoved, Refused, checked_words, require, require_within_limits
from posts.listing.article_html import store_article
from posts.models import DecisionEvent, Post, Release, Review, Revision
from posts.models.four_eyes import eyes_on, unread_obstacles
from posts.operations.decision_events import note_decisions
from posts.operations.frame import Change, changing, operation
from posts.operations.rolled_back import rolled_back_import, rolled_back_obstacles
from posts.operations.transitions import LIVE, PAGE_STEPS, WITHDRAWN, page_state, take_step


def active_approval(revision: Revision) -> Review | None:
    """Return the approval of exactly this text of its post that is not revoked; or None.

    An individual decision comes before a bulk one. Two revisions with one fingerprint share an approval: the text is
    the same.
    """
    return (
        Review.objects.filter(
            revision__post=revision.post_id,
            fingerprint=revision.fingerprint,
            outcome=Review.Outcome.APPROVED,
            revoked_at=None,
        )
        .select_related("revision__batch")
        .order_by("is_bulk", "-pk")
        .first()
    )


def release_obstacles(post: Post, revision: Revision) -> list[str]:
    """Return in words everything that prevents the release of `revision`; empty if nothing does."""
    obstacles = []
    if revision.post_id != post.pk:
        obstacles.append("This revision belongs to another post.")
    if revision.status != Revision.Status.APPROVED or active_approval(revision) is None:
        obstacles.append(f"{revision.version} is not approved.")
    else:
        obstacles += unread_obstacles(revision, eyes_on(post, revision))
    if post.review_flags.filter(cleared_at=None).exists():
        obstacles.append("A flag is open; clear it first.")
    if post.is_live and post.released_revision.fingerprint == revision.fingerprint:
        obstacles.append(f"{revision.version} is already live.")
    elif post.is_live and post.released_revision.number > revision.number:
        obstacles.append(f"{post.released_revision.version} is newer and live; roll back or restore instead.")
    return obstacles


def releasable_revision(post: Post) -> Revision | None:
    """Return the newest approved text that could be released now or once open flags are cleared; or None."""
    texts = post.revisions.filter(status=Revision.Status.APPROVED).order_by("-number")
    if post.is_live:
        live = post.released_revision
        texts = texts.filter(number__gt=live.number).exclude(fingerprint=live.fingerprint)
    return next((text for text in texts[:20] if active_approval(text)), None)


@operation
def release_revision(
    revision: Revision,
    *,
    by: User | None,
    owner: User | None = None,
    expected_result: str = "",
    rollback_note: str = "",
    ends_withdrawal: bool = False,
    despite_rollback: bool = False,
    expected_live_id: int | None = None,
) -> Release:
    """Make an approved `revision` what readers see from now on; return the Release.

    ends_withdrawal: whether it may bring a withdrawn page back; a form opened before the withdrawal must not.

    despite_rollback: whether the person was told that the import of the text was rolled back. Readers then see it,
    and it stays closed to search engines until a new individual decision.

    expected_live_id: the live revision that the form showed (0 for none); PageMoved if another one is live.

    Raises Refused with all obstacles.
    """
    require(by, "release_post")
    with changing(revision.post, by=by) as change:
        post = change.post
        require_within_limits(by, post)
        _check_live(post, expected_live_id)
        revision = Revision.objects.get(pk=revision.pk)
        obstacles = release_obstacles(post, revision)
        if post.withdrawn_at and not ends_withdrawal:
            obstacles.append("The post is withdrawn. Confirm that the release ends the withdrawal.")
        approval = active_approval(revision)
        obstacles += rolled_back_obstacles(revision, approval, despite_rollback=despite_rollback)
        if obstacles or approval is None:
            raise Refused(*obstacles)
        return make_live(
            change,
            approval.revision,
            approval,
            owner=owner or by,
            expected_result=expected_result,
            rollback_note=rollback_note,
        )


def make_live(
    change: Change,
    revision: Revision,
    approval: Review,
    *,
    owner: User | None,
    expected_result: str,
    rollback_note: str,
) -> Release:
    """Move the live pointer of the post and create the Release; the caller has checked the gates."""
    before = change.post.live_revision
    expected_result = checked_words(expected_result, name="The expected result", limit=LONG_WORDS)
    rollback_note = checked_words(rollback_note, name="The rollback note", limit=LONG_WORDS)
    change.post.held = False
    release = _move_live(
        change,
        revision,
        approval,
        step="release",
        kind=Release.Kind.RELEASED,
        owner=owner,
        expected_result=expected_result or settings.RELEASE_EXPECTED_RESULT,
        rollback_note=rollback_note or settings.RELEASE_ROLLBACK_NOTE,
    )
    change.note("released", revision=revision, before=before, detail=release.expected_result)
    return release


def rollback_targets(post: Post) -> list[Revision]:
    """Return the approved texts that readers saw before the live one, latest first: a list of Revision."""
    if post.live_revision_id is None:
        return []
    releases = _approved_releases.rows(post=post.pk, but=post.released_revision.fingerprint)
    latest_first = list(dict.fromkeys(revision for (revision,) in releases))
    texts = Revision.objects.in_bulk(latest_first)
    return [texts[pk] for pk in latest_first]


@prepared(post=int, but=str)
def _approved_releases(post: int, but: str) -> QuerySet[Release, tuple[int]]:
    approvals = Review.objects.filter(
        revision=OuterRef("revision"),
        fingerprint=OuterRef("revision__fingerprint"),
        outcome=Review.Outcome.APPROVED,
        revoked_at=None,
    )
    releases = Release.objects.filter(Exists(approvals), post=post, revision__status=Revision.Status.APPROVED)
    return releases.exclude(revision__fingerprint=but).order_by("-pk").values_list("revision")


def rollback_target(post: Post) -> Revision | None:
    """Return the approved text that readers saw before the live one, or None."""
    return next(iter(rollback_targets(post)), None)


@operation
def roll_back(
    post: Post,
    *,
    by: User | None,
    to: Revision | None = None,
    why: str = "",
    despite_rollback: bool = False,
    expected_live_id: int | None = None,
) -> Release:
    """Show readers an earlier approved text (`to`, or the one before) again, and revoke the later approval.

    Returns the Release. Nothing prevents a roll-back; the working copy stays as it is.

    despite_rollback: as in release_revision().

    expected_live_id: the live revision that the form showed; PageMoved if another one is live, so that a second click
    doesn't go back twice.
    """
    require(by, "release_post")
    why = checked_words(why, name="The reason")
    with changing(post, by=by) as change:
        post = change.post
        require_within_limits(by, post)
        _check_live(post, expected_live_id)
        if page_state(post) == WITHDRAWN:
            raise Refused("The post is withdrawn: readers see nothing. Release the revision that they should see.")
        if post.live_revision is None:
            raise Refused("Nothing is live, so there is nothing to roll back.")
        targets = rollback_targets(post)
        if to is not None:
            targets = [target for target in targets if target.pk == to.pk]
            if not targets:
                raise Refused(f"{to.version} is not an earlier approved revision of this post.")
        if not targets:
            raise Refused("No earlier approved revision exists. Withdraw the post instead.")
        approval = active_approval(targets[0])
        if obstacles := rolled_back_obstacles(targets[0], approval, despite_rollback=despite_rollback):
            raise Refused(*obstacles)
        return move_back(change, targets[0], why=why)


def move_back(change: Change, target: Revision, *, why: str) -> Release:
    """Move the live pointer of the post to an earlier approved text and revoke the approval it leaves.

    Returns the Release. The caller has checked the permission. A withdrawn page stays withdrawn.
    """
    left = change.post.released_revision
    _leave(change, left)
    release = _move_live(
        change,
        target,
        active_approval(target),
        step="set back" if change.post.withdrawn_at else "roll back",
        kind=Release.Kind.ROLLED_BACK,
        owner=change.by,
        why=why,
    )
    change.note("rolled back", revision=target, before=left, detail=why)
    return release


def revoke_approvals(revision: Revision, *, by: User | None) -> None:
    """Revoke every active approval of this text, on all revisions of the post that have it."""
    approvals = Review.objects.filter(
        revision__post=revision.post_id,
        fingerprint=revision.fingerprint,
        outcome=Review.Outcome.APPROVED,
        revoked_at=None,
    )
    revoked = list(approvals.values_list("pk", flat=True))
    Review.objects.filter(pk__in=revoked).update(revoked_at=timezone.now(), revoked_by=by)
    note_decisions(revoked, DecisionEvent.Kind.REVOKED)


def _leave(change: Change, left: Revision) -> None:
    """Revoke the approval of `left`, whose text no revision of the post keeps as approved."""
    revoke_approvals(left, by=change.by)
    for text in change.post.revisions.filter(fingerprint=left.fingerprint, status=Revision.Status.APPROVED):
        is_head = text.pk == change.post.head_revision_id
        take_step(text, "roll back the proposed text" if is_head else "roll back an older text")
        if is_head:
            # It may have waited for a confirmation, as after a link in it died.
            change.post.awaits_review = False


@operation
def withdraw_post(post: Post, *, by: User | None, why: str = "") -> Release:
    """Withdraw the page (410) until a later release; return the Release that records it. Nothing is deleted."""
    require(by, "withdraw_post")
    why = checked_words(why, name="The reason")
    with changing(post, by=by) as change:
        post = change.post
        if page_state(post) not in PAGE_STEPS["withdraw"]:
            raise Refused("The post is already withdrawn.")
        post.withdrawn_at = timezone.now()
        change.note("withdrawn", revision=post.live_revision, detail=why)
        return Release.objects.create(
            post=post, kind=Release.Kind.WITHDRAWN, before=post.live_revision, owner=by, made_by=by, why=why
        )


@operation
def note_observed_result(release: Release, *, by: User | None, observed_result: str) -> Release:
    """Record the result of a release, beside the expected one; return the Release.

    The audit trail keeps what was recorded before.
    """
    require(by, "release_post")
    observed_result = checked_words(observed_result, name="The observed result", limit=LONG_WORDS)
    if not observed_result:
        raise Refused("Write the observed result.")
    with changing(release.post, by=by) as change:
        release = Release.objects.select_related("revision", "before").get(pk=release.pk)
        if release.observed_result != observed_result:
            release.observed_result = observed_result
            release.save(update_fields=["observed_result"])
            change.note("result observed", revision=release.revision or release.before, detail=observed_result)
    return release


def _check_live(post: Post, expected_live_id: int | None) -> None:
    if expected_live_id is not None and (post.live_revision_id or 0) != expected_live_id:
        raise PageMoved(post)


def _move_live(
    change: Change,
    revision: Revision,
    approval: Review | None,
    *,
    step: str,
    kind: str,
    owner: User | None,
    **words: Any,
) -> Release:
    post = change.post
    if page_state(post) not in PAGE_STEPS[step]:
        raise Refused(f"The page is {page_state(post)}; it can't {step}.")
    before = post.live_revision
    now = timezone.now()
    if PAGE_STEPS[step][page_state(post)] == LIVE:
        post.withdrawn_at = None
    post.live_revision = revision
    post.live_approval = approval
    post.closed_until_decided = rolled_back_import(revision, approval) is not None
    # Feeds and sitemaps use the first date as the post's age.
    post.first_published_at = post.first_published_at or now
    post.last_published_at = now
    store_article(revision)
    return Release.objects.create(
        post=post, kind=kind, revision=revision, before=before, owner=owner, made_by=change.by, **words
    )
