import datetime
import logging
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from posts.errors import LONG_WORDS, NotAllowed, Refused, checked_words, require_person, require_within_limits
from posts.jobs import enqueue_once, registered_jobs
from posts.models import Notification, Post, Release, Revision, ScheduledRelease
from posts.notifications import tell
from posts.operations.frame import changing, operation
from posts.operations.release import active_approval, release_obstacles, release_revision, withdraw_post
from posts.operations.rolled_back import rolled_back_obstacles
from posts.operations.transitions import NEW, PLAN_STEPS, WAITING, WITHDRAWN, page_state, settle

logger = logging.getLogger("posts.schedule")
RIGHTS: dict[str, str] = {
    ScheduledRelease.Kind.RELEASE: "release_post",
    ScheduledRelease.Kind.WITHDRAW: "withdraw_post",
}


@dataclass(frozen=True)
class Plan:
    """What is to happen to a post later.

    kind: of ScheduledRelease. due_at: aware, in the future. zone: the name of the zone that it was typed in. revision:
    the text to release. ends_withdrawal, despite_rollback: as in release_revision().
    """

    kind: str
    due_at: datetime.datetime
    zone: str
    revision: Revision | None = None
    owner: User | None = None
    expected_result: str = ""
    rollback_note: str = ""
    why: str = ""
    ends_withdrawal: bool = False
    despite_rollback: bool = False


def moment_in_zone(day: datetime.date, time: datetime.time, zone: str) -> datetime.datetime:
    """Return the aware datetime of `day` (date) and `time` in `zone` (a name such as Europe/Zagreb).

    Refused for an unknown zone and for a time that the clocks skip on that day. Of a time that comes twice it is the
    first.
    """
    try:
        moment = datetime.datetime.combine(day, time, tzinfo=ZoneInfo(zone))
        there_and_back = moment.astimezone(datetime.UTC).astimezone(moment.tzinfo)
    except (KeyError, ValueError, OSError):
        raise Refused(f"“{zone}” is not a known time zone.") from None
    except OverflowError:
        raise Refused("This date is out of range. Choose another.") from None
    if there_and_back.replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise Refused(f"On {day:%d %b %Y} the clocks of {zone} skip {time:%H:%M}. Choose another time.")
    return moment


@operation
def schedule_release(post: Post, plan: Plan, *, by: User, now: datetime.datetime | None = None) -> ScheduledRelease:
    """Plan a release or a withdrawal; return the ScheduledRelease.

    The gates of a release are checked now, and again when the time comes. A post has at most one waiting plan of a
    kind. If the import of the text is rolled back later, the plan is refused.
    """
    kind = ScheduledRelease.Kind(plan.kind)
    require_person(by, RIGHTS[kind])
    with changing(post, by=by) as change:
        post = change.post
        # Withdrawing protects readers, so nobody's limits stand in its way.
        if kind == ScheduledRelease.Kind.RELEASE:
            require_within_limits(by, post)
        if obstacles := _plan_obstacles(post, plan, now or timezone.now()):
            raise Refused(*obstacles)
        made = ScheduledRelease.objects.create(
            post=post,
            kind=kind,
            revision=plan.revision if kind == ScheduledRelease.Kind.RELEASE else None,
            due_at=plan.due_at,
            zone=plan.zone,
            state=PLAN_STEPS["schedule"][NEW],
            ends_withdrawal=bool(post.withdrawn_at),
            despite_rollback=plan.despite_rollback,
            owner=plan.owner or by,
            expected_result=checked_words(plan.expected_result, name="The expected result", limit=LONG_WORDS),
            rollback_note=checked_words(plan.rollback_note, name="The rollback note", limit=LONG_WORDS),
            why=checked_words(plan.why, name="The reason"),
            after=post.releases.order_by("-pk").first(),
            made_by=by,
        )
        change.note("planned", revision=made.revision or post.live_revision, detail=str(made))
        # The periodic run of this job would be up to a minute late.
        enqueue_once(registered_jobs()["run planned releases"].task, key=f"plan {made.pk}", run_after=made.due_at)
        return made


def _plan_obstacles(post: Post, plan: Plan, now: datetime.datetime) -> list[str]:
    """Return in words everything that prevents a plan for a locked post."""
    waiting = post.scheduled_releases.filter(state=WAITING)
    obstacles = []
    if plan.due_at <= now:
        obstacles.append("This time has passed. Choose a later one.")
    if (same := waiting.filter(kind=plan.kind).first()) is not None:
        obstacles.append(f"“{same}” is already planned. Cancel it first.")
    if plan.kind == ScheduledRelease.Kind.RELEASE:
        if plan.revision is None:
            raise ValueError("A plan to release names the revision.")
        obstacles += release_obstacles(post, plan.revision)
        approval = active_approval(plan.revision)
        obstacles += rolled_back_obstacles(plan.revision, approval, despite_rollback=plan.despite_rollback)
        if post.withdrawn_at and not plan.ends_withdrawal:
            obstacles.append("The post is withdrawn. Confirm that the release ends the withdrawal.")
        return obstacles
    if page_state(post) == WITHDRAWN and not waiting.exists():
        obstacles.append("The post is already withdrawn.")
    first = waiting.filter(kind=ScheduledRelease.Kind.RELEASE).first()
    if first is not None and plan.due_at <= first.due_at:
        obstacles.append(f"“{first}” is planned after that. Choose a later time.")
    return obstacles


@operation
def cancel_schedule(plan: ScheduledRelease, *, by: User, why: str = "") -> ScheduledRelease:
    """Cancel a waiting plan; return it. It stays in the log as cancelled."""
    require_person(by, RIGHTS[ScheduledRelease.Kind(plan.kind)])
    why = checked_words(why, name="The reason")
    with changing(plan.post, by=by) as change:
        post = change.post
        require_within_limits(by, post)
        plan = post.scheduled_releases.select_related("revision").get(pk=plan.pk)
        settle(plan, "cancel", at=timezone.now(), by=by, refusal=why)
        change.note("plan cancelled", revision=plan.revision or post.live_revision, detail=str(plan))
        return plan


def run_due(now: datetime.datetime | None = None) -> list[ScheduledRelease]:
    """Carry out every due plan, in the order of their times; return the list of settled ScheduledReleases.

    Each is a transaction of its own that checks everything again under lock, and is done or refused for good. It may
    run at any time in any number of processes. If a plan fails for another reason (the database is away), it stays
    waiting, is logged, and the others still run; the first such error is raised at the end.
    now: by default what the database's clock says, because that of a worker may be ahead.
    """
    due = ScheduledRelease.objects.filter(state=WAITING, due_at__lte=now or Now()).order_by("due_at", "pk")
    now = now or timezone.now()
    settled: list[ScheduledRelease] = []
    errors: list[Exception] = []
    for pk in list(due.values_list("pk", flat=True)):
        try:
            plan = _run_one(pk, now)
        except Exception as error:
            logger.exception("A planned release could not be run; it stays planned.")
            errors.append(error)
        else:
            if plan is not None:
                settled.append(plan)
    if errors:
        raise errors[0]
    return settled


@operation
def _run_one(pk: int, now: datetime.datetime) -> ScheduledRelease | None:
    plan = ScheduledRelease.objects.select_related("made_by").get(pk=pk)
    with changing(plan.post, by=plan.made_by) as change:
        # Read again under the lock of its post: another process may have done it meanwhile.
        plan = ScheduledRelease.objects.select_related("revision", "owner", "made_by").get(pk=pk)
        if plan.state != WAITING:
            return None
        try:
            with transaction.atomic():
                release = _do(plan, change.post)
        except (Refused, NotAllowed) as refusal:
            settle(plan, "refuse", at=now, refusal=str(refusal))
            subject = plan.revision or change.post.live_revision
            change.note("plan refused", revision=subject, detail=f"{plan}: {refusal}")
            text = f"A planned release of “{change.post.title}” was refused: {refusal}"
            tell(Notification.Kind.PLAN_REFUSED, {plan.made_by, plan.owner}, text=text, by=None, post=change.post)
        else:
            settle(plan, "run", at=now, release=release)
        return plan


def _do(plan: ScheduledRelease, post: Post) -> Release:
    """Return the release or withdrawal of `plan`, carried out as the person who planned it and with their rights."""
    if not plan.made_by.is_active:
        raise NotAllowed(f"The account of {plan.made_by}, who planned this, is closed.")
    if not plan.made_by.has_perm(f"posts.{RIGHTS[plan.kind]}"):
        raise NotAllowed(f"{plan.made_by}, who planned this, no longer has the right “{RIGHTS[plan.kind]}”.")
    if plan.revision is None:
        return withdraw_post(post, by=plan.made_by, why=plan.why or f"Planned for {plan.moment}.")
    since = post.releases.filter(pk__gt=plan.after_id or 0)
    if post.withdrawn_at and since.filter(kind=Release.Kind.WITHDRAWN).exists():
        raise Refused("The post was withdrawn after this was planned.")
    # Counts even if it was rolled back: the person who planned this did not know of it.
    newer = since.filter(kind=Release.Kind.RELEASED, revision__number__gt=plan.revision.number)
    overtaking = newer.select_related("revision").first()
    if overtaking is not None and overtaking.revision is not None:
        raise Refused(f"Superseded: {overtaking.revision.version} was released after this was planned.")
    return release_revision(
        plan.revision,
        by=plan.made_by,
        owner=plan.owner,
        expected_result=plan.expected_result,
        rollback_note=plan.rollback_note,
        ends_withdrawal=plan.ends_withdrawal,
        despite_rollback=plan.despite_rollback,
    )
