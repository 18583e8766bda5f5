import json
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_tasks_db.models import DBTaskResult, get_date_max

from posts.admin.pages import AdminAction, AdminPage, page_paths
from posts.admin.records import ReadOnlyAdmin
from posts.jobs.overview import jobs_overview, living_workers, startable_jobs, walks_in_work
from posts.jobs.registry import definition_of, label_of
from posts.models import Job, JobRun
from posts.operations.run_job import repeat_run, run_job

RECENT = 30
BADGES = {
    "waiting": ("drafted", "○"),
    "running": ("running", "◐"),
    "failed": ("rejected", "✕"),
    "done": ("approved", "✓"),
}
UNITS = [("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)]

# The page of jobs shows what people need; Django's page shows tracebacks.
admin.site.unregister(DBTaskResult)


def state_badge(run: JobRun) -> SafeString:
    """Return the state of a run as an icon and a word in a box."""
    kind, sign = BADGES[run.state]
    return format_html(
        '<span class="badge badge--{}"><span aria-hidden="true">{}</span> {}</span>', kind, sign, run.state
    )


def period_words(every: timedelta | None) -> str:
    """Return a timedelta in words: every day, every 15 minutes; "" for None."""
    if every is None:
        return ""
    seconds = int(every.total_seconds())
    unit, size = next((unit, size) for unit, size in UNITS if seconds % size == 0)
    count = seconds // size
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def argument_words(run: JobRun) -> str:
    """Return the arguments of a run in one line."""
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in run.arguments.items())


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """One page: every registered job with its last and next run, and the newest runs."""

    def get_urls(self) -> list[URLPattern]:
        return page_paths(PAGES)


class JobsPage(AdminPage):
    """Every registered job with its last and next run, and the newest runs."""

    http_method_names = ["get", "head"]
    permissions = ("view_job",)
    model = Job
    template = "posts/job/change_list"
    title = "Jobs"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        runs = list(JobRun.objects.select_related("task", "requested_by")[:RECENT])
        startable, walks = startable_jobs(), walks_in_work()
        return self.render(
            trail=[],
            workers=living_workers(),
            jobs=[
                {
                    "shown": shown,
                    "period": period_words(shown.definition.every),
                    "can_be_started": shown.definition.name in startable,
                    "walks": [walks[name] for name in shown.definition.walks if name in walks],
                }
                for shown in jobs_overview()
            ],
            runs=[
                {
                    "run": run,
                    "badge": state_badge(run),
                    "arguments": argument_words(run),
                    "can_be_repeated": run.finished_at is not None and definition_of(run.task.task_path) is not None,
                }
                for run in runs
            ],
            recent=RECENT,
            may_start=self.person.has_perm("posts.run_job"),
            may_see_runs=self.person.has_perm("posts.view_jobrun"),
        )


class StartJob(AdminAction):
    """Start the job in the field `job`, or repeat the run whose id is in `run`."""

    permissions = ()

    def act(self, subject: None) -> str:
        if "run" in self.request.POST:
            started = repeat_run(self._run(self.request.POST["run"]), by=self.person)
        else:
            started = run_job(self.request.POST.get("job", ""), by=self.person)
        return f"“{label_of(started.job_name)}” starts when a worker is free."

    def next_address(self, subject: None) -> str:
        """Return the page of jobs."""
        return reverse("admin:posts_job_changelist")

    def _run(self, identifier: str) -> JobRun:
        try:
            return JobRun.objects.select_related("task").get(pk=UUID(identifier))
        except (JobRun.DoesNotExist, ValueError) as error:
            raise Http404("No run has this number.") from error


PAGES = [("", JobsPage, "posts_job_changelist"), ("start/", StartJob, "posts_job_start")]


def _moment(moment: datetime | None) -> str:
    """Return a moment as the other columns show theirs; a dash for none."""
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else "–"


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """All stored runs."""

    list_display = ["requested_at", "job", "badge", "attempt", "argument_line", "error", "requested_by"]
    list_filter = ["task__status", "job_name"]
    list_select_related = ["task", "requested_by"]
    fields = ["job", "badge", "key", "argument_line", "requested_at", "requested_by", "not_before", "started_at",
              "finished_at", "attempt", "failures", "losses", "worker", "error"]  # fmt: skip
    readonly_fields = ["job", "badge", "argument_line", "not_before", "started_at"]

    @admin.display(description="Job", ordering="job_name")
    def job(self, run: JobRun) -> str:
        """Return the label of the job."""
        return label_of(run.job_name)

    @admin.display(description="State")
    def badge(self, run: JobRun) -> SafeString:
        return state_badge(run)

    @admin.display(description="Arguments")
    def argument_line(self, run: JobRun) -> str:
        return argument_words(run) or "–"

    @admin.display(description="Not before")
    def not_before(self, run: JobRun) -> str:
        return _moment(None if run.task.run_after == get_date_max() else run.task.run_after)

    @admin.display(description="Started at")
    def started_at(self, run: JobRun) -> str:
        return _moment(run.task.started_at)
