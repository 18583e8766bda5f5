"""Jobs that keep the tables of sessions, the change log and the jobs themselves small."""

from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from posts.db.keyset import in_chunks
from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.models import JobWorker, PageChange
from posts.retention import kept

CHUNK = 500


def old_job_runs() -> "QuerySet[DBTaskResult[..., Any]]":
    """Return runs that succeeded long ago."""
    return DBTaskResult.objects.successful().filter(finished_at__lt=Now() - kept("jobs"))


def old_failed_runs() -> "QuerySet[DBTaskResult[..., Any]]":
    """Return runs that failed long ago."""
    return DBTaskResult.objects.failed().filter(finished_at__lt=Now() - kept("failed-jobs"))


@job("forget old sessions", label="Delete expired sessions", every=timedelta(days=1))
def forget_old_sessions() -> None:
    """Delete expired sessions, also from the table that versions before 0.2.0 used."""
    call_command("clearsessions")
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@job("forget old job runs", label="Delete old job runs", every=timedelta(days=1))
def forget_old_job_runs() -> None:
    """Delete runs that ended long ago, and workers silent since yesterday."""
    for old in (old_job_runs(), old_failed_runs()):
        for chunk in in_chunks(old.values_list("pk", flat=True), size=CHUNK):
            stop_if_asked()
            DBTaskResult.objects.filter(pk__in=chunk).delete()
    JobWorker.objects.filter(seen_at__lt=Now() - timedelta(days=1)).delete()


@job("forget old page changes", label="Delete old entries of the change log", every=timedelta(days=1))
def forget_old_page_changes() -> None:
    """Delete rows of the change log older than a day; no cache keeps a page nearly as long.

    The newest row stays, because positions continue from it.
    """
    newest = PageChange.objects.order_by("-position").values_list("position", flat=True).first()
    old = PageChange.objects.filter(noted_at__lt=Now() - timedelta(days=1), position__lt=newest or 0)
    for chunk in in_chunks(old.values_list("pk", flat=True), size=CHUNK):
        stop_if_asked()
        PageChange.objects.filter(pk__in=chunk).delete()
