"""The state machine of review: every state of a text, a page and a plan, and every step between them.

Operations take their steps only from these tables; docs/review.md draws them.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import QuerySet

from posts.errors import Refused
from posts.models import Post, Release, Revision, ScheduledRelease

NEW = "new"
DRAFTED, IN_REVIEW, CHANGES_REQUESTED, APPROVED, REJECTED, SUPERSEDED = Revision.Status

# The status of one text: step → {from: to}.
TEXT_STEPS: dict[str, dict[str, str]] = {
    "save": {NEW: DRAFTED},
    "import": {NEW: DRAFTED},
    "restore": {NEW: IN_REVIEW},
    "repeat the live text": {NEW: APPROVED},
    "replace": {DRAFTED: SUPERSEDED, IN_REVIEW: SUPERSEDED},
    "submit": {DRAFTED: IN_REVIEW, CHANGES_REQUESTED: IN_REVIEW, REJECTED: IN_REVIEW},
    "approve": {DRAFTED: APPROVED, IN_REVIEW: APPROVED},
    "approve in part": {DRAFTED: IN_REVIEW, IN_REVIEW: IN_REVIEW},
    "confirm": {APPROVED: APPROVED},
    "ask for edits": {DRAFTED: CHANGES_REQUESTED, IN_REVIEW: CHANGES_REQUESTED},
    "reject": {DRAFTED: REJECTED, IN_REVIEW: REJECTED},
    "roll back the proposed text": {APPROVED: CHANGES_REQUESTED},
    "roll back an older text": {APPROVED: SUPERSEDED},
    "undo, to drafted": {APPROVED: DRAFTED, IN_REVIEW: DRAFTED, CHANGES_REQUESTED: DRAFTED, REJECTED: DRAFTED},
    "undo, to in review": {APPROVED: IN_REVIEW, CHANGES_REQUESTED: IN_REVIEW, REJECTED: IN_REVIEW},
}

UNRELEASED, LIVE, WITHDRAWN = "unreleased", "live", "withdrawn"
# The state of a post's page.
PAGE_STEPS: dict[str, dict[str, str]] = {
    "release": {UNRELEASED: LIVE, LIVE: LIVE, WITHDRAWN: LIVE},
    "roll back": {LIVE: LIVE},
    "set back": {WITHDRAWN: WITHDRAWN},
    "withdraw": {UNRELEASED: WITHDRAWN, LIVE: WITHDRAWN},
    "undo the first release": {LIVE: UNRELEASED},
    "undo a later release": {LIVE: LIVE},
}

WAITING, DONE, REFUSED, CANCELLED = ScheduledRelease.State
# What happens to a planned release or withdrawal.
PLAN_STEPS: dict[str, dict[str, str]] = {
    "schedule": {NEW: WAITING},
    "run": {WAITING: DONE},
    "refuse": {WAITING: REFUSED},
    "cancel": {WAITING: CANCELLED},
}


def may_step(revision: Revision, step: str) -> bool:
    """Return whether the status of `revision` allows `step`."""
    return revision.status in TEXT_STEPS[step]


def take_step(revision: Revision, step: str) -> None:
    """Set and save the status that `step` leads to; raise Refused if the table has no such step."""
    if not may_step(revision, step):
        raise Refused(f"{revision.version} is already {revision.status_words}.")
    revision.status = TEXT_STEPS[step][revision.status]
    revision.save(update_fields=["status"])


def take_steps(revisions: QuerySet[Revision], step: str) -> None:
    """Take `step` with those of `revisions` whose status allows it; the others stay as they are."""
    for status in set(TEXT_STEPS[step].values()):
        starts = [start for start, end in TEXT_STEPS[step].items() if end == status]
        revisions.filter(status__in=starts).update(status=status)


def first_status(step: str) -> Revision.Status:
    """Return the status of a text that `step` creates."""
    return Revision.Status(TEXT_STEPS[step][NEW])


def page_state(post: Post) -> str:
    """Return the state of `post`'s page in PAGE_STEPS."""
    if post.withdrawn_at:
        return WITHDRAWN
    return LIVE if post.live_revision_id else UNRELEASED


def settle(
    plan: ScheduledRelease,
    step: str,
    *,
    at: datetime,
    by: User | None = None,
    refusal: str = "",
    release: Release | None = None,
) -> None:
    """End a waiting, locked ScheduledRelease by `step`; raise Refused if it has already ended."""
    if plan.state not in PLAN_STEPS[step]:
        raise Refused(f"This plan is already {plan.get_state_display().lower()}.")
    plan.state = PLAN_STEPS[step][plan.state]
    plan.settled_at, plan.settled_by, plan.refusal, plan.release = at, by, refusal, release
    plan.save(update_fields=["state", "settled_at", "settled_by", "refusal", "release"])
