from django.db import transaction
from django.utils import timezone

from posts.checks import stopping_findings
from posts.models import Review, Revision
from posts.operations.audit import note_audit
from posts.operations.flag import clear_open_flags
from posts.operations.refusals import HeadMoved, Refused, locked, require
from posts.operations.release import make_live, refresh_listing

OUTCOME_STATUS = {
    Review.Outcome.APPROVED: Revision.Status.APPROVED,
    Review.Outcome.CHANGES_REQUESTED: Revision.Status.CHANGES_REQUESTED,
    Review.Outcome.REJECTED: Revision.Status.REJECTED,
}


def approval_obstacles(post, *, by, ticks=(), flags_seen=(), own_text_reason="", is_bulk=False):
    """Everything that stands in the way of approving the proposed text of `post`, in words; empty when nothing does.

    ticks: texts of the checklist items that the reviewer ticked. flags_seen: primary keys of the open flags that
    the reviewer was shown: an approval answers those, and a flag raised since must be read first.
    """
    revision = post.head_revision
    obstacles = []
    if revision.status not in Revision.UNDECIDED and not is_confirmation(post):
        obstacles.append(
            f"{revision.version} is {revision.get_status_display().lower()}; submit it again or change the text first."
        )
    if unseen := [flag for flag in post.review_flags.filter(cleared_at=None) if flag.pk not in set(flags_seen)]:
        obstacles.append("A flag is open: " + "; ".join(map(str, unseen)) + ".")
    obstacles += [finding.message for finding in stopping_findings(revision.snapshot)]
    if is_bulk:
        return obstacles
    if unticked := [item for item in revision.snapshot.get("checklist", ()) if item not in set(ticks)]:
        obstacles.append(f"{len(unticked)} of the checklist not ticked: " + "; ".join(unticked) + ".")
    if by is not None and is_own_text(post, by) and not (by.is_superuser and own_text_reason.strip()):
        hint = " Give the reason why you approve it all the same." if by.is_superuser else ""
        obstacles.append(f"You wrote {revision.version}. Somebody else must approve it.{hint}")
    return obstacles


def is_confirmation(post):
    """Whether the proposed text is live and approved already: deciding again confirms it and clears its flags."""
    return post.is_live and post.live_revision_id == post.head_revision_id and post.live_approval_id is not None


def is_own_text(post, by):
    """Whether every person's revision since the last approval or import is by this person: four eyes are missing."""
    authors = []
    for revision in post.revisions.order_by("-number").only("status", "batch_id", "author_id"):
        if revision.status == Revision.Status.APPROVED or revision.batch_id:
            break
        authors.append(revision.author_id)
    return bool(authors) and all(author == by.pk for author in authors)


@transaction.atomic
def decide(
    post,
    *,
    by,
    outcome,
    fingerprint,
    ticks=(),
    flags_seen=(),
    reason_code="",
    comment="",
    own_text_reason="",
    release=True,
    owner=None,
    expected_result="",
    rollback_note="",
    is_bulk=False,
):
    """Decide about the proposed text of `post`, which must have `fingerprint`; return the Review.

    An approval releases the text in the same transaction unless `release` is False. Raises HeadMoved when another
    text is proposed meanwhile, Refused naming all obstacles.
    """
    require(by, "review_post")
    post = locked(post)
    revision = post.head_revision
    if revision.fingerprint != fingerprint:
        raise HeadMoved(post)
    outcome = Review.Outcome(outcome)
    approving = outcome == Review.Outcome.APPROVED
    if approving:
        if obstacles := approval_obstacles(
            post, by=by, ticks=ticks, flags_seen=flags_seen, own_text_reason=own_text_reason, is_bulk=is_bulk
        ):
            raise Refused(*obstacles)
    elif revision.status not in Revision.UNDECIDED:
        raise Refused(f"{revision.version} is {revision.get_status_display().lower()} already.")
    elif not (reason_code or comment.strip()):
        raise Refused("Say why: choose a reason or write a comment.")
    review = Review.objects.create(
        revision=revision,
        fingerprint=revision.fingerprint,
        outcome=outcome,
        reason_code=reason_code,
        comment=comment,
        ticks=[item for item in revision.snapshot.get("checklist", ()) if item in set(ticks)],
        own_text_reason=own_text_reason,
        reviewer=by,
        is_bulk=is_bulk,
    )
    revision.status = OUTCOME_STATUS[outcome]
    revision.save(update_fields=["status"])
    post.head_revision = revision
    post.awaits_review = False
    post.save(update_fields=["awaits_review"])
    note_audit(outcome.value, post=post, by=by, revision=revision, detail=comment or reason_code or own_text_reason)
    if not approving:
        refresh_listing(post)
        return review
    clear_open_flags(post, by=by, note=f"Answered by the approval of {revision.version}.")
    if is_live_text(post, revision):
        post.live_approval = review
        post.save(update_fields=["live_approval"])
        refresh_listing(post)
    elif release:
        make_live(
            post,
            revision,
            review,
            by=by,
            owner=owner or by,
            expected_result=expected_result,
            rollback_note=rollback_note,
        )
    return review


def is_live_text(post, revision):
    return post.is_live and post.live_revision_id == revision.pk


def revoke_approvals(revision, *, by):
    """Take back every approval of `revision` that still stands."""
    revision.reviews.filter(outcome=Review.Outcome.APPROVED, revoked_at=None).update(
        revoked_at=timezone.now(), revoked_by=by
    )
