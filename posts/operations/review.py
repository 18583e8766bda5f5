from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.contrib.auth.models import User

from posts.content_checks import failed_required
from posts.content_checks.registry import Results
from posts.content_checks.statements import statements_of
from posts.content_checks.stored import stopping_results_of_post
from posts.errors import (
    LONG_WORDS,
    GuidelineMoved,
    HeadMoved,
    PageMoved,
    Refused,
    SecondFactorMissing,
    checked_words,
    require_person,
    require_within_limits,
)
from posts.models import DecisionEvent, Notification, Post, Review, Revision
from posts.models.claims import claims_to_keep
from posts.models.four_eyes import PART, Eyes, eyes_on, own_text_obstacles, weight_of
from posts.models.review_limit import outside_words
from posts.models.second_factor import waits_for_second_factor
from posts.operations.decision_events import note_decisions
from posts.operations.flag import clear_open_flags
from posts.operations.frame import Change, changing, operation
from posts.operations.guideline import Answers, Asked, answer_obstacles, points_asked, version_that_counts
from posts.operations.new_head import is_text_of_page
from posts.operations.release import active_approval, make_live
from posts.operations.rolled_back import rolled_back_import
from posts.operations.transitions import may_step, take_step
from posts.operations.undo import state_of, store_undo_data

STEPS: dict[str, str] = {
    Review.Outcome.APPROVED: "approve",
    Review.Outcome.CHANGES_REQUESTED: "ask for edits",
    Review.Outcome.REJECTED: "reject",
}


# Without the version, because refusals are grouped by their text.
WOULD_CLOSE = "The post is open to search engines, and an approval in bulk would close it. Approve it individually."


@dataclass(frozen=True)
class Decision:
    """What a person says about one text of a post, or might say.

    fingerprint: of the text that they read; "" where only obstacles are asked for. answers: to the points of the review
    guideline; a bulk approval answers none. flags_seen: primary keys of the open flags that they were shown; an
    approval answers those. own_text_reason: why a superuser approves their own changes. release: whether an approval
    also releases the text at once, with owner, expected_result and rollback_note. seconds_spent: how long the text was
    open; None if unknown. is_bulk: one decision about many posts.
    """

    outcome: str
    fingerprint: str = ""
    answers: Answers = field(default_factory=Answers)
    flags_seen: Iterable[int] = ()
    statements: Iterable[str] = ()
    reason_code: str = ""
    comment: str = ""
    own_text_reason: str = ""
    release: bool = True
    owner: User | None = None
    expected_result: str = ""
    rollback_note: str = ""
    is_bulk: bool = False
    seconds_spent: int | None = None

    def checked(self, *, by: User) -> "Decision":
        """Return it with what the model has, without surrounding white space; Refused for anything else."""
        if self.outcome not in Review.CHOICES:
            raise Refused("Choose a decision: approved, changes_requested or rejected.")
        if self.reason_code not in Review.ReasonCode.values:
            raise Refused("Choose a reason from the list.")
        own_text_reason = checked_words(self.own_text_reason, name="The reason", limit=LONG_WORDS)
        return replace(
            self,
            answers=self.answers.checked(),
            outcome=Review.Outcome(self.outcome),
            comment=checked_words(self.comment, name="The comment", limit=LONG_WORDS),
            own_text_reason=own_text_reason if by.is_superuser else "",
        )

    @property
    def says(self) -> str:
        """The words of it that the audit trail repeats."""
        reason = str(Review.ReasonCode(self.reason_code).label) if self.reason_code else ""
        return self.comment or reason or self.own_text_reason


def repeats_live(post: Post) -> bool:
    """Return whether the proposed text is exactly the live, approved one: deciding then confirms it."""
    return is_text_of_page(post, post.head_revision.fingerprint)


def asks_for_confirmation(post: Post) -> bool:
    """Return whether the approval of the live text needs a confirmation.

    A flag is open, it was approved in bulk only, its import was rolled back since, or a link in it died or a
    picture of another host changed.
    """
    return (
        post.is_live
        and post.live_approval is not None
        and (
            post.live_approval.is_bulk
            or post.closed_until_decided
            or (post.awaits_review and repeats_live(post))
            or post.review_flags.filter(cleared_at=None).exists()
        )
    )


def can_be_decided(post: Post) -> bool:
    """Return whether a decision about the proposed text is due: none exists, or the live text needs confirmation."""
    return may_step(post.head_revision, "approve") or (repeats_live(post) and asks_for_confirmation(post))


def approval_obstacles(
    post: Post, decision: Decision, *, by: User | None, eyes: Eyes | None = None, checked: Results | None = None
) -> list[str]:
    """Return in words what prevents an approval of the proposed text, except for missing answers to the guideline.

    decision: what a reviewer says. An approval answers the flags that they were shown; a newer one must be read
    first. eyes, checked: for a page that has read them already; a decision itself reads and checks again.
    """
    revision = post.head_revision
    obstacles = []
    if not can_be_decided(post):
        state = revision.status_words
        advice = "" if revision.status == Revision.Status.APPROVED else "; submit it again or change the post first"
        obstacles.append(f"{revision.version} is already {state}{advice}.")
    elif decision.is_bulk and not may_step(revision, "approve"):
        obstacles.append(f"{revision.version} is live. Only an individual decision can confirm it.")
    if decision.release and post.withdrawn_at:
        obstacles.append("The post is withdrawn. Approve it for a later release; that release ends the withdrawal.")
    if decision.is_bulk and post.held:
        obstacles.append("The post was imported held back (a draft or private). Decide about it individually.")
    if decision.is_bulk and not obstacles and post.is_listable:
        obstacles.append(WOULD_CLOSE)
    return obstacles + _text_obstacles(post, revision, decision, by=by, eyes=eyes, checked=checked)


def _text_obstacles(
    post: Post,
    revision: Revision,
    decision: Decision,
    *,
    by: User | None,
    eyes: Eyes | None = None,
    checked: Results | None = None,
) -> list[str]:
    """Return what prevents any approval of this very text."""
    is_bulk = decision.is_bulk
    obstacles = [SecondFactorMissing.WORDS] if waits_for_second_factor(by) else []
    if outside := outside_words(by, post):
        obstacles.append(outside)
    # Clearing a flag can open a page, so nobody does it for many posts at once.
    seen = set() if is_bulk else set(decision.flags_seen)
    if unseen := [flag for flag in post.review_flags.filter(cleared_at=None) if flag.pk not in seen]:
        obstacles.append("A flag is open: " + "; ".join(map(str, unseen)) + ".")
    found, unread = checked or stopping_results_of_post(post)
    obstacles += [finding.message for finding in found if finding.stops]
    # A person who approves in bulk saw no screen with failed or slow checks.
    if is_bulk and (failed := failed_required(unread)):
        obstacles.append(f"Required checks were not completed: {', '.join(failed)}. Approve it individually.")
    if by is not None:
        obstacles += own_text_obstacles(
            revision, eyes or eyes_on(post, revision), by=by, own_text_reason=decision.own_text_reason, is_bulk=is_bulk
        )
    return obstacles


@operation
def decide(post: Post, decision: Decision, *, by: User) -> Review:
    """Record a person's decision about the proposed text of `post`; return the Review.

    An approval releases the text in the same transaction unless `decision.release` is False. Approving the live text
    confirms it, if a flag or a bulk approval needs that. An approval by one of several reviewers who wrote the text is
    kept as an approval in part: the text stays pending for another person. Raises HeadMoved if another text is proposed
    meanwhile, Refused with all obstacles.
    """
    require_person(by, "review_post")
    decision = decision.checked(by=by)
    with changing(post, by=by) as change:
        if change.post.head_revision.fingerprint != decision.fingerprint:
            raise HeadMoved(change.post)
        require_within_limits(by, change.post)
        before = state_of(change.post)
        carry_out = _approve if decision.outcome == Review.Outcome.APPROVED else _turn_down
        review = carry_out(change, decision)
        store_undo_data(review, post=change.post, before=before)
        return review


def _approve(change: Change, decision: Decision) -> Review:
    """Approve the proposed text, in part or wholly, and release it if the decision says so."""
    post, by = change.post, change.person
    asked = _answered(post.head_revision, decision, approval_obstacles(post, decision, by=by))
    # The approval of a text that is live already belongs to the revision that is live: same words, same fingerprint.
    confirms, revision = repeats_live(post), post.head_revision
    if decision.release and not confirms:
        require_person(by, "release_post")
    subject = post.released_revision if confirms else revision
    eyes = eyes_on(post, subject)
    if _is_part(eyes, by=by, own_text_reason=decision.own_text_reason):
        return _approve_in_part(change, subject, decision, asked)
    review = _note_review(change, subject, decision, asked, eyes=eyes)
    if may_step(revision, "approve"):
        take_step(revision, "approve")
    post.awaits_review = False
    change.note("approved", revision=subject, detail=decision.says)
    if confirms:
        _confirm(change)
    # With another text on the page the flags may be about that one; they stay open until somebody answers.
    elif decision.release or post.live_revision_id is None:
        clear_open_flags(change, note=f"Answered by the approval of {revision.version}.")
    if decision.release and not confirms:
        make_live(
            change,
            revision,
            review,
            owner=decision.owner or by,
            expected_result=decision.expected_result,
            rollback_note=decision.rollback_note,
        )
    return review


def _answered(revision: Revision, decision: Decision, obstacles: list[str]) -> Asked | None:
    """Return the points of the guideline that an approval answers, None in bulk; raise Refused with all obstacles."""
    if decision.is_bulk:
        if obstacles:
            raise Refused(*obstacles)
        return None
    try:
        asked = version_that_counts(revision.snapshot, decision.answers)
    except GuidelineMoved as moved:
        raise GuidelineMoved(moved.added, obstacles=obstacles) from None
    except Refused as refusal:
        raise Refused(*obstacles, *refusal.obstacles) from None
    if obstacles := obstacles + answer_obstacles(asked, decision.answers):
        raise Refused(*obstacles)
    return asked


def confirm_obstacles(post: Post, decision: Decision, *, by: User | None) -> list[str]:
    """Return what prevents a confirmation of the live text, whatever is proposed meanwhile.

    Missing answers to the guideline are not among it.
    """
    if not post.is_live or post.live_approval_id is None:
        return ["No approved revision is live, so there is nothing to confirm."]
    obstacles = []
    if not asks_for_confirmation(post):
        obstacles.append(
            f"{post.released_revision.version} is already approved, and nothing about it needs confirmation."
        )
    return obstacles + _text_obstacles(post, post.released_revision, decision, by=by)


@operation
def confirm_live(post: Post, decision: Decision, *, by: User) -> Review:
    """Approve the live text again, with a new decision on the same fingerprint; return the Review.

    For a page that was flagged or approved in bulk while a newer text is being edited. The proposed text and its
    queue entry stay as they are. Raises PageMoved if another text is live meanwhile.
    """
    require_person(by, "review_post")
    decision = decision.checked(by=by)
    if decision.outcome != Review.Outcome.APPROVED or decision.is_bulk:
        raise Refused("A live revision can only be confirmed, individually. To reject it, roll back or withdraw it.")
    with changing(post, by=by) as change:
        post = change.post
        if not post.is_live or post.released_revision.fingerprint != decision.fingerprint:
            raise PageMoved(post)
        before, live = state_of(post), post.released_revision
        asked = _answered(live, decision, confirm_obstacles(post, decision, by=by))
        eyes = eyes_on(post, live)
        if _is_part(eyes, by=by, own_text_reason=decision.own_text_reason):
            review = _approve_in_part(change, live, decision, asked)
        else:
            review = _note_review(change, live, decision, asked, eyes=eyes)
            change.note("confirmed", revision=live, detail=decision.says)
            _confirm(change)
        store_undo_data(review, post=post, before=before)
        return review


def _confirm(change: Change) -> None:
    post, live = change.post, change.post.released_revision
    clear_open_flags(change, note=f"Answered by the approval of {live.version}.")
    post.live_approval = active_approval(live)
    if repeats_live(post):
        post.awaits_review = False
    post.closed_until_decided = rolled_back_import(live, post.live_approval) is not None


def _is_part(eyes: Eyes, *, by: User, own_text_reason: str) -> bool:
    """Return whether an approval by `by` without obstacles still needs a decision by another person."""
    return weight_of(eyes, by=by, own_text_reason=own_text_reason) == PART


def _approve_in_part(change: Change, revision: Revision, decision: Decision, asked: Asked | None) -> Review:
    """Keep the approval of one of several authors: release nothing, answer no flag, stay pending."""
    post = change.post
    decision = replace(decision, outcome=Review.Outcome.APPROVED_IN_PART, reason_code="")
    review = _note_review(change, revision, decision, asked)
    if revision.pk == post.head_revision_id and may_step(post.head_revision, "approve in part"):
        take_step(post.head_revision, "approve in part")
        post.awaits_review = True
    change.note("approved in part", revision=revision, detail=decision.comment)
    return review


def _turn_down(change: Change, decision: Decision) -> Review:
    """Request changes or reject: readers' pages stay as they are."""
    post, step = change.post, STEPS[decision.outcome]
    revision = post.head_revision
    if repeats_live(post):
        raise Refused(f"Readers see {revision.version}. Roll back or withdraw it instead.")
    if not may_step(revision, step):
        raise Refused(f"{revision.version} is already {revision.status_words}.")
    asked = None
    if decision.answers.given and not decision.is_bulk:
        asked = points_asked(revision.snapshot, decision.answers.version)
        if not decision.reason_code and (failed := asked.failed(decision.answers)):
            decision = replace(decision, reason_code=failed[0].reason_code)
    if not (decision.reason_code or decision.comment):
        raise Refused("Say why: choose a reason or write a comment.")
    review = _note_review(change, revision, decision, asked)
    take_step(revision, step)
    post.awaits_review = False
    change.note(str(decision.outcome), revision=revision, detail=decision.says)
    if revision.author is not None:
        did = "rejected" if decision.outcome == Review.Outcome.REJECTED else "asked for changes to"
        text = f"{change.person} {did} “{post.title}”: {decision.says}"
        change.tell(Notification.Kind.RETURNED, [revision.author], text)
    return review


def _note_review(
    change: Change, revision: Revision, decision: Decision, asked: Asked | None, *, eyes: Eyes | None = None
) -> Review:
    """Keep a decision. eyes: of an approval; only there, a superuser's reason can stand for a second person."""
    answers = asked.kept(decision.answers) if asked else {}
    is_approved = decision.outcome == Review.Outcome.APPROVED
    review = Review.objects.create(
        revision=revision,
        fingerprint=revision.fingerprint,
        outcome=decision.outcome,
        reason_code=decision.reason_code,
        comment=decision.comment,
        guideline_id=asked.version if asked and answers else None,
        answers=answers,
        statements=[] if decision.is_bulk else verified_statements(revision, decision.statements),
        own_text_reason=decision.own_text_reason if is_approved else "",
        is_own_text=bool(eyes and decision.own_text_reason and change.person.pk in eyes.authors),
        claims=claims_to_keep(change.post, revision) if is_approved else None,
        reviewer=change.person,
        is_bulk=decision.is_bulk,
        seconds_spent=decision.seconds_spent,
    )
    note_decisions([review.pk], DecisionEvent.Kind.MADE)
    return review


def verified_statements(revision: Revision, keys: Iterable[str]) -> list[dict[str, str | bool]]:
    """Return the statements of a text with these keys, as a decision keeps them; other keys are left out."""
    wanted = set(keys)
    return [
        {"kind": statement.kind, "words": statement.words, "source": statement.has_source}
        for statement in (statements_of(revision.snapshot) if wanted else ())
        if statement.key in wanted
    ]


def without_individual_review(count: int) -> str:
    """Return what a bulk approval of `count` posts confirms."""
    posts, they = ("post", "It stays") if count == 1 else ("posts", "They stay")
    return f"{count:,} {posts} approved without individual review; {they.lower()} closed to search engines."


@dataclass(frozen=True)
class RowOutcome:
    """The outcome for one post of many: the Review, or the obstacles that refused it."""

    post_id: int
    review: Review | None = None
    obstacles: tuple[str, ...] = ()


def decide_many(
    choices: Iterable[tuple[int, str]],
    *,
    by: User,
    outcome: str,
    reason_code: str = "",
    comment: str = "",
    release: bool = True,
) -> list[RowOutcome]:
    """Decide about many proposed texts in bulk; return a RowOutcome for each, in order.

    choices: pairs of primary key and the fingerprint that the person was shown. Each is a transaction of its own and
    passes the gates of decide(). Its decision is marked as bulk, clears no flag and makes nothing indexable.
    """
    require_person(by, "review_post")
    outcomes = []
    for post_id, fingerprint in choices:
        decision = Decision(
            outcome, fingerprint, reason_code=reason_code, comment=comment, release=release, is_bulk=True
        )
        try:
            review = decide(Post(pk=post_id), decision, by=by)
        except Post.DoesNotExist:
            outcomes.append(RowOutcome(post_id, obstacles=("No post has this number.",)))
        except Refused as refusal:
            outcomes.append(RowOutcome(post_id, obstacles=refusal.obstacles))
        else:
            outcomes.append(RowOutcome(post_id, review=review))
    return outcomes
