"""The dashboard: the backlog and its trend, problems of the site, and your own work."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from posts.admin.dashboard.day_chart import day_chart
from posts.admin.my_work import task_lists
from posts.admin.people import person_of
from posts.admin.review.decisions import review_address, undoable_decisions
from posts.db.page_triggers import missing_triggers
from posts.db.prepared_query import prepared
from posts.jobs.overview import jobs_overview, living_workers
from posts.models import ImportBatch, Notification, QueueEntry, Release, Review, ScheduledRelease
from posts.models.review_limit import limits_of
from posts.review_queue.counts import (
    came_in_by_day,
    capped_counts,
    change_of_backlog,
    decided_by_day,
    decisions_of,
    reasons_for_waiting,
    said_count,
)
from posts.review_queue.days import MEMORY, DayCounts, start_of
from posts.review_queue.order import QueueView, next_item, within_limits
from posts.review_queue.weights import Weight

LAST = 5
GENERATORS_SHOWN = 10
BAR_WIDTH = 280
REFUSED_PLANS = timedelta(days=7)
OWN_TEXTS = timedelta(days=30)
OWN_TEXTS_SHOWN = 10


@dataclass(frozen=True)
class SiteStatus:
    """One statement about the state of the site: level (stops, warns, fine), words, details and a link."""

    kind: str
    words: str
    more: str = ""
    address: str = ""

    @property
    def icon(self) -> str:
        return {"stops": "✕", "warns": "!", "fine": "✓"}[self.kind]


@dataclass(frozen=True)
class GeneratorRate:
    """The decisions about the texts of one generator."""

    name: str
    approved: int
    edits: int
    rejected: int

    @property
    def decided(self) -> int:
        return self.approved + self.edits + self.rejected

    @property
    def percent(self) -> int:
        """The percentage of approvals, rounded."""
        return round(100 * self.approved / self.decided)


def dashboard_context(request: HttpRequest) -> dict[str, Any]:
    """Return the context of admin/index.html, except for the frame. The number of queries is fixed."""
    person = person_of(request)
    if not person.has_perm("posts.view_post"):
        return {"sees_posts": False}
    now = timezone.now()
    today = timezone.localdate(now)
    limits = limits_of(person)
    waiting, mine, held, unread, *theirs = capped_counts(
        [
            QueueEntry.objects.all(),
            QueueEntry.objects.filter(assigned_to=person),
            QueueEntry.objects.filter(held_by=person, held_until__gt=now),
            Notification.objects.unread_by(person),
            *([within_limits(QueueEntry.objects.all(), by=person)] if limits else []),
        ]
    )
    pending = theirs[0] if theirs else waiting
    request.nav_counts = {"queue": pending, "my_work": unread}  # type: ignore[attr-defined]  # a request takes any attribute
    oldest = QueueEntry.objects.order_by("waiting_since").values_list("waiting_since", flat=True).first()
    counts = DayCounts()
    came_in, decided = came_in_by_day(today, counts), decided_by_day(today, counts)
    change, other = change_of_backlog(waiting, counts, came_in=came_in[today][0], decided=decided[today], today=today)
    sees_imports = person.has_perm("posts.view_importbatch")
    return {
        "sees_posts": True,
        "waiting": waiting,
        "waiting_words": said_count(waiting),
        "limits": limits.words if limits else "",
        "theirs": said_count(pending),
        "oldest_days": (now - oldest).days if oldest else None,
        "came_in_today": came_in[today][0],
        "decided_today": decided[today],
        "growth": change,
        "shrinkage": change and -change,
        "other_changes": f"{other:+,}".replace("-", "−") if other else "",
        "last_decision": None if waiting else Review.objects.select_related("reviewer").order_by("-pk").first(),
        "start": _start(person, now) if person.has_perm("posts.review_post") else "",
        "may_add": person.has_perm("posts.add_post"),
        "may_import": person.has_perm("posts.import_posts"),
        "tasks": [] if person.has_perm("posts.review_post") else task_lists(person),
        "chart": day_chart(came_in, decided),
        "statuses": site_statuses(person, now),
        "reasons": _reasons(),
        "generators": generator_rates(counts, now),
        "sees_generators": person.has_perm("posts.view_generator"),
        "mine": mine,
        "mine_words": said_count(mine),
        "held": held,
        "my_day": _my_day(person, today),
        "undoable": undoable_decisions(person, now=now),
        "may_decide": person.has_perm("posts.review_post"),
        "sees_imports": sees_imports,
        "own_texts": own_text_approvals(now) if person.has_perm("posts.view_review") else [],
        "last_imports": _last_imports.objects() if sees_imports else [],
        "last_releases": _last_releases.objects(),
    }


@prepared()
def _last_imports() -> QuerySet[ImportBatch]:
    return ImportBatch.objects.order_by("-pk")[:LAST]


@prepared()
def _last_releases() -> QuerySet[Release]:
    releases = Release.objects.select_related("post", "revision", "owner").order_by("-pk")
    return releases.only("kind", "made_at", "post__title", "revision__version", "owner__username")[:LAST]


def own_text_approvals(now: datetime) -> list[Review]:
    """Return the newest approvals of the last 30 days that a superuser made of their own text, with the reason.

    Revoked ones too: readers saw the text. One that was undone within its ten minutes is none.
    """
    return _own_text_approvals.objects(since=now - OWN_TEXTS)


@prepared(since=datetime)
def _own_text_approvals(since: datetime) -> QuerySet[Review]:
    approvals = Review.objects.filter(is_own_text=True, undone_at=None, created_at__gt=since)
    shown = "own_text_reason", "created_at", "reviewer__username", "revision__version", "revision__post__title"
    return approvals.select_related("reviewer", "revision__post").order_by("-pk").only(*shown)[:OWN_TEXTS_SHOWN]


def _start(person: User, now: datetime) -> str:
    entry = next_item(QueueView(), by=person, now=now)
    return review_address(entry.pk, QueueView()) if entry else ""


def _reasons() -> list[tuple[Weight, str, float]]:
    """Return [(Weight, count in words, width of its bar)] of the risk reasons of pending posts."""
    found = reasons_for_waiting()
    most = max([1, *(count for _, count in found)])
    return [(weight, said_count(count), round(max(1, BAR_WIDTH * count / most), 1)) for weight, count in found]


def generator_rates(counts: DayCounts, now: datetime) -> list[GeneratorRate]:
    """Return the [GeneratorRate] of those with most decisions in the time that ranking looks back."""
    outcomes = Review.Outcome
    rates = [
        GeneratorRate(
            name,
            counts.get(outcomes.APPROVED, 0),
            counts.get(outcomes.CHANGES_REQUESTED, 0),
            counts.get(outcomes.REJECTED, 0),
        )
        for name, counts in counts.by_generator(now - MEMORY).items()
    ]
    return sorted(rates, key=lambda rate: (-rate.decided, rate.name))[:GENERATORS_SHOWN]


def _my_day(person: User, today: date) -> dict[str, int]:
    """Return this person's decisions today: {"total": …, "approved": …, "edits": …, "rejected": …}."""
    counts = decisions_of(person, since=start_of(today))
    return {
        "total": sum(counts.values()),
        "approved": counts.get(Review.Outcome.APPROVED, 0),
        "edits": counts.get(Review.Outcome.CHANGES_REQUESTED, 0),
        "rejected": counts.get(Review.Outcome.REJECTED, 0),
    }


def site_statuses(person: User, now: datetime) -> list[SiteStatus]:
    """Return the [SiteStatus] of the site, worst first."""
    statuses = []
    if person.has_perm("posts.view_job"):
        jobs = reverse("admin:posts_job_changelist")
        overview = jobs_overview()
        failed = [job for job in overview if job.has_failed]
        late = [job for job in overview if job.is_overdue and not job.has_failed]
        for job in failed:
            at = timezone.localtime(job.job.last_failure_at)
            statuses.append(
                SiteStatus(
                    "stops", f"“{job.definition.label}” failed", f"{at:%d %b %H:%M}: {job.job.last_failure}", jobs
                )
            )
        if late:
            names = ", ".join(job.definition.label for job in late)
            statuses.append(SiteStatus("warns", f"{len(late)} jobs are overdue", names, jobs))
        if workers := living_workers():
            seen = timezone.localtime(max(worker.seen_at for worker in workers))
            statuses.append(
                SiteStatus(
                    "fine", "Background workers are running", f"{len(workers)}, last heartbeat {seen:%H:%M:%S}", jobs
                )
            )
        else:
            statuses.append(SiteStatus("stops", "No background worker is running", "Jobs are not processed.", jobs))
        if not failed and not late:
            statuses.append(SiteStatus("fine", "No job has failed", "", jobs))
    statuses += [
        SiteStatus("warns", f"Refused: {plan}", plan.refusal, reverse("admin:posts_post_releases", args=[plan.post_id]))
        for plan in _refused_plans.objects(since=now - REFUSED_PLANS)
    ]
    if missing_triggers(connection):
        statuses.append(
            SiteStatus(
                "stops",
                "Readers may see outdated pages",
                "Triggers are missing in the database. Run: manage.py migrate",
            )
        )
    if not settings.INDEXING:
        statuses.append(SiteStatus("warns", "The site is closed to search engines", "The setting INDEXING is off."))
    order = ["stops", "warns", "fine"]
    return sorted(statuses, key=lambda status: order.index(status.kind))


@prepared(since=datetime)
def _refused_plans(since: datetime) -> QuerySet[ScheduledRelease]:
    refused = ScheduledRelease.objects.filter(state=ScheduledRelease.State.REFUSED, settled_at__gt=since)
    return refused.select_related("post").order_by("-settled_at")[:3]
