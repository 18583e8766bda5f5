from dataclasses import dataclass

from django.db import transaction

from posts.audit.log import note_audit
from posts.content_checks import failed_required, stopping_results
from posts.errors import LONG_WORDS, HeadMoved, PageMoved, Refused, checked_words, require_person
from posts.listing.refresh import refresh_listing
from posts.models import Post, Review, Revision
from posts.models.claims import claims_to_keep
from posts.models.four_eyes import PART, eyes_on, own_text_obstacles, weight_of
from posts.operations.base import locked
from posts.operations.flag import clear_open_flags
from posts.operations.new_head import is_text_of_page
from posts.operations.release import active_approval, make_live
from posts.operations.rolled_back import rolled_back_import
from posts.operations.transitions import may_step, take_step
from posts.operations.undo import state_of, store_undo_data
from posts.review_queue.ranking import refresh_queue

STEPS = {
    Review.Outcome.APPROVED: "approve",
    Review.Outcome.CHANGES_REQUESTED: "ask for edits",
    Review.Outcome.REJECTED: "reject",
}


# Without the version, because refusals are grouped by their text.
WOULD_CLOSE = "The post is open to search engines, and an approval in bulk would close it. Approve it individually."


def repeats_live(post):
    """Return whether the proposed text is exactly the live, approved one: deciding then confirms it."""
    return is_text_of_page(post, post.head_revision.fingerprint)


def asks_for_confirmation(post):
    """Return whether the approval of the live text needs a confirmation.

    A flag is open, it was approved in bulk only, or its import was rolled back since.
    """
    return (
        post.is_live
        and post.live_approval_id is not None
        and (
            post.live_approval.is_bulk
            or post.closed_until_decided
            or post.review_flags.filter(cleared_at=None).exists()
        )
    )


def can_be_decided(post):
    """Return whether a decision about the proposed text is due: none exists, or the live text needs confirmation."""
    return may_step(post.head_revision, "approve") or (repeats_live(post) and asks_for_confirmation(post))


def approval_obstacles(post, *, by, ticks=(), flags_seen=(), own_text_reason="", is_bulk=False, release=True):
    """Return in words everything that prevents an approval of the proposed text; empty if nothing does.

    ticks: texts of the checklist items that the reviewer ticked. flags_seen: primary keys of the open flags that the
    reviewer was shown; an approval answers those, and a newer flag must be read first. release: whether the approval
    also releases the text at once.
    """
    revision = post.head_revision
    obstacles = []
    if not can_be_decided(post):
        state = revision.status_words
        advice = "" if revision.status == Revision.Status.APPROVED else "; submit it again or change the post first"
        obstacles.append(f"{revision.version} is already {state}{advice}.")
    elif is_bulk and not may_step(revision, "approve"):
        obstacles.append(f"{revision.version} is live. Only an individual decision can confirm it.")
    if release and post.withdrawn_at:
        obstacles.append("The post is withdrawn. Approve it for a later release; that release ends the withdrawal.")
    if is_bulk and post.held:
        obstacles.append("The post was imported held back (a draft or private). Decide about it individually.")
    if is_bulk and not obstacles and post.is_listable:
        obstacles.append(WOULD_CLOSE)
    return obstacles + _text_obstacles(
        post, revision, by=by, ticks=ticks, flags_seen=flags_seen, own_text_reason=own_text_reason, is_bulk=is_bulk
    )


def _text_obstacles(post, revision, *, by, ticks, flags_seen, own_text_reason, is_bulk=False):
    """Return what prevents any approval of this very text."""
    obstacles = []
    # Clearing a flag can open a page, so nobody does it for many posts at once.
    seen = set() if is_bulk else set(flags_seen)
    if unseen := [flag for flag in post.review_flags.filter(cleared_at=None) if flag.pk not in seen]:
        obstacles.append("A flag is open: " + "; ".join(map(str, unseen)) + ".")
    found, unread = stopping_results(revision.snapshot)
    obstacles += [finding.message for finding in found]
    # A person who approves in bulk saw no screen with failed or slow checks.
    if is_bulk and (failed := failed_required(unread)):
        obstacles.append(f"Required checks were not completed: {', '.join(failed)}. Approve it individually.")
    # A bulk approval confirms no checklist item and makes nothing indexable.
    unticked = [item for item in revision.snapshot.get("checklist", ()) if item not in set(ticks)]
    if unticked and not is_bulk:
        obstacles.append(f"{len(unticked)} of the checklist not confirmed: " + "; ".join(unticked) + ".")
    if by is not None:
        obstacles += own_text_obstacles(
            revision, eyes_on(post, revision), by=by, own_text_reason=own_text_reason, is_bulk=is_bulk
        )
    return obstacles


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
    seconds_spent=None,
):
    """Record a decision about the proposed text of `post`, which must have `fingerprint`; return the Review.

    seconds_spent: how long the text was open; None if unknown. An approval releases the text in the same transaction
    unless `release` is False. Approving the live text confirms it, if a flag or a bulk approval needs that. An
    approval by one of several reviewers who wrote the text is kept as an approval in part: the text stays pending for
    another person. Raises HeadMoved if another text is proposed meanwhile, Refused with all obstacles.
    """
    require_person(by, "review_post")
    outcome, reason_code = _choices(outcome, reason_code)
    comment = checked_words(comment, name="The comment", limit=LONG_WORDS)
    own_text_reason = _own_text_reason(own_text_reason, by=by)
    post = locked(post)
    revision = post.head_revision
    if revision.fingerprint != fingerprint:
        raise HeadMoved(post)
    before = state_of(post)
    if outcome != Review.Outcome.APPROVED:
        review = _turn_down(
            post,
            by=by,
            outcome=outcome,
            reason_code=reason_code,
            comment=comment,
            is_bulk=is_bulk,
            seconds_spent=seconds_spent,
        )
        store_undo_data(review, post=post, before=before)
        return review
    if obstacles := approval_obstacles(
        post,
        by=by,
        ticks=ticks,
        flags_seen=flags_seen,
        own_text_reason=own_text_reason,
        is_bulk=is_bulk,
        release=release,
    ):
        raise Refused(*obstacles)
    # The approval of a text that is already live belongs to the live revision: same text, same fingerprint.
    confirms = repeats_live(post)
    if release and not confirms:
        require_person(by, "release_post")
    subject = post.live_revision if confirms else revision
    if _is_part(post, subject, by=by, own_text_reason=own_text_reason):
        review = _approve_in_part(post, subject, by=by, comment=comment, ticks=ticks, seconds_spent=seconds_spent)
        store_undo_data(review, post=post, before=before)
        return review
    review = _note_review(
        post,
        subject,
        by=by,
        outcome=outcome,
        reason_code=reason_code,
        comment=comment,
        ticks=ticks,
        own_text_reason=own_text_reason,
        is_bulk=is_bulk,
        seconds_spent=seconds_spent,
    )
    if may_step(revision, "approve"):
        take_step(revision, "approve")
    post.head_revision = revision
    post.awaits_review = False
    post.save(update_fields=["awaits_review"])
    refresh_queue(post)
    note_audit(
        "approved", post=post, by=by, revision=subject, detail=comment or _reason(reason_code) or own_text_reason
    )
    if confirms:
        _confirm(post, by=by)
    elif release:
        clear_open_flags(post, by=by, note=f"Answered by the approval of {revision.version}.")
        make_live(
            post,
            revision,
            review,
            by=by,
            owner=owner or by,
            expected_result=expected_result,
            rollback_note=rollback_note,
        )
    elif post.live_revision_id is None:
        # If another text is live, the flags may be about that one; they stay open until somebody answers.
        clear_open_flags(post, by=by, note=f"Answered by the approval of {revision.version}.")
    store_undo_data(review, post=post, before=before)
    return review


def confirm_obstacles(post, *, by, ticks=(), flags_seen=(), own_text_reason=""):
    """Return everything that prevents a confirmation of the live text, whatever is proposed meanwhile."""
    if not post.is_live or post.live_approval_id is None:
        return ["No approved revision is live, so there is nothing to confirm."]
    obstacles = []
    if not asks_for_confirmation(post):
        obstacles.append(f"{post.live_revision.version} is already approved, and nothing about it needs confirmation.")
    return obstacles + _text_obstacles(
        post, post.live_revision, by=by, ticks=ticks, flags_seen=flags_seen, own_text_reason=own_text_reason
    )


@transaction.atomic
def confirm_live(post, *, by, fingerprint, ticks=(), flags_seen=(), comment="", own_text_reason=""):
    """Approve the live text again, with a new decision on the same `fingerprint`; return the Review.

    For a page that was flagged or approved in bulk while a newer text is being edited. The proposed text and its
    queue entry stay as they are. Raises PageMoved if another text is live meanwhile.
    """
    require_person(by, "review_post")
    comment = checked_words(comment, name="The comment", limit=LONG_WORDS)
    own_text_reason = _own_text_reason(own_text_reason, by=by)
    post = locked(post)
    if not post.is_live or post.live_revision.fingerprint != fingerprint:
        raise PageMoved(post)
    if obstacles := confirm_obstacles(post, by=by, ticks=ticks, flags_seen=flags_seen, own_text_reason=own_text_reason):
        raise Refused(*obstacles)
    before = state_of(post)
    if _is_part(post, post.live_revision, by=by, own_text_reason=own_text_reason):
        review = _approve_in_part(post, post.live_revision, by=by, comment=comment, ticks=ticks)
        store_undo_data(review, post=post, before=before)
        return review
    review = _note_review(
        post,
        post.live_revision,
        by=by,
        outcome=Review.Outcome.APPROVED,
        comment=comment,
        ticks=ticks,
        own_text_reason=own_text_reason,
    )
    note_audit("confirmed", post=post, by=by, revision=post.live_revision, detail=comment or own_text_reason)
    _confirm(post, by=by)
    store_undo_data(review, post=post, before=before)
    return review


def _confirm(post, *, by):
    clear_open_flags(post, by=by, note=f"Answered by the approval of {post.live_revision.version}.")
    post.live_approval = active_approval(post.live_revision)
    post.closed_until_decided = rolled_back_import(post.live_revision, post.live_approval) is not None
    post.save(update_fields=["live_approval", "closed_until_decided"])
    refresh_listing(post)
    refresh_queue(post)


def _own_text_reason(words, *, by):
    """Return the reason why a superuser approves their own text; "" for everybody else."""
    return checked_words(words, name="The reason", limit=LONG_WORDS) if by.is_superuser else ""


def _is_part(post, revision, *, by, own_text_reason):
    """Return whether an approval by `by` without obstacles still needs a decision by another person."""
    return weight_of(eyes_on(post, revision), by=by, own_text_reason=own_text_reason) == PART


def _approve_in_part(post, revision, *, by, comment, ticks, seconds_spent=None):
    """Keep the approval of one of several authors: release nothing, answer no flag, stay pending."""
    review = _note_review(
        post,
        revision,
        by=by,
        outcome=Review.Outcome.APPROVED_IN_PART,
        comment=comment,
        ticks=ticks,
        seconds_spent=seconds_spent,
    )
    if revision.pk == post.head_revision_id and may_step(revision, "approve in part"):
        take_step(revision, "approve in part")
        post.head_revision = revision
        post.awaits_review = True
        post.save(update_fields=["awaits_review"])
    refresh_queue(post)
    note_audit("approved in part", post=post, by=by, revision=revision, detail=comment)
    return review


def _turn_down(post, *, by, outcome, reason_code, comment, is_bulk, seconds_spent):
    """Request changes or reject: readers' pages stay as they are."""
    revision = post.head_revision
    if repeats_live(post):
        raise Refused(f"Readers see {revision.version}. Roll back or withdraw it instead.")
    if not may_step(revision, STEPS[outcome]):
        raise Refused(f"{revision.version} is already {revision.status_words}.")
    if not (reason_code or comment):
        raise Refused("Say why: choose a reason or write a comment.")
    review = _note_review(
        post,
        revision,
        by=by,
        outcome=outcome,
        reason_code=reason_code,
        comment=comment,
        is_bulk=is_bulk,
        seconds_spent=seconds_spent,
    )
    take_step(revision, STEPS[outcome])
    post.awaits_review = False
    post.save(update_fields=["awaits_review"])
    refresh_queue(post)
    note_audit(outcome.value, post=post, by=by, revision=revision, detail=comment or _reason(reason_code))
    return review


def _reason(code):
    """Return the label of a reason code; "" without one."""
    return str(Review.ReasonCode(code).label) if code else ""


def _note_review(
    post,
    revision,
    *,
    by,
    outcome,
    reason_code="",
    comment="",
    ticks=(),
    own_text_reason="",
    is_bulk=False,
    seconds_spent=None,
):
    ticked = set() if is_bulk else set(ticks)
    return Review.objects.create(
        revision=revision,
        fingerprint=revision.fingerprint,
        outcome=outcome,
        reason_code=reason_code,
        comment=comment,
        ticks=[item for item in revision.snapshot.get("checklist", ()) if item in ticked],
        own_text_reason=own_text_reason,
        claims=claims_to_keep(post, revision) if outcome == Review.Outcome.APPROVED else None,
        reviewer=by,
        is_bulk=is_bulk,
        seconds_spent=seconds_spent,
    )


def _choices(outcome, reason_code):
    """Return (Outcome, reason code) as the model has them; Refused for anything else."""
    if outcome not in Review.CHOICES:
        raise Refused("Choose a decision: approved, changes_requested or rejected.")
    if reason_code not in Review.ReasonCode.values:
        raise Refused("Choose a reason from the list.")
    return Review.Outcome(outcome), reason_code


@dataclass(frozen=True)
class RowOutcome:
    """The outcome for one post of many: the Review, or the obstacles that refused it."""

    post_id: int
    review: Review | None = None
    obstacles: tuple = ()


def decide_many(choices, *, by, outcome, reason_code="", comment="", release=True):
    """Decide about many proposed texts in bulk; return a RowOutcome for each, in order.

    choices: pairs of primary key and the fingerprint that the person was shown. Each is a transaction of its own and
    passes the gates of decide(). Its decision is marked as bulk, clears no flag and makes nothing indexable.
    """
    require_person(by, "review_post")
    outcomes = []
    for post_id, fingerprint in choices:
        try:
            review = decide(
                Post(pk=post_id),
                by=by,
                outcome=outcome,
                fingerprint=fingerprint,
                reason_code=reason_code,
                comment=comment,
                release=release,
                is_bulk=True,
            )
        except Post.DoesNotExist:
            outcomes.append(RowOutcome(post_id, obstacles=("No post has this number.",)))
        except Refused as refusal:
            outcomes.append(RowOutcome(post_id, obstacles=refusal.obstacles))
        else:
            outcomes.append(RowOutcome(post_id, review=review))
    return outcomes
