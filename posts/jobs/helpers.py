"""Further runs of a job whose work other workers can share."""

from typing import Any

from django.db.models.functions import Now
from django_tasks.base import Task

from posts.jobs.backend import enqueue_once
from posts.jobs.registry import HELPER, definition_of
from posts.models import JobRun, JobWorker


def ask_for_help(task: Task[..., Any], **arguments: Any) -> None:
    """Request one more run of the job `task`, unless as many are open as there are other workers.

    Each helper asks for the next one, so a short walk gets few. A helper does not keep other jobs waiting: see
    Lane.renew().
    """
    others = JobWorker.objects.filter(seen_at__gt=Now() - JobWorker.SILENT_AFTER).count() - 1
    definition = definition_of(task.module_path)
    if others < 1 or definition is None:
        return
    open_runs = JobRun.objects.open().filter(job_name=definition.name, key__startswith=HELPER)
    keys = set(open_runs.values_list("key", flat=True))
    free = next((key for number in range(1, others + 1) if (key := f"{HELPER} {number}") not in keys), None)
    if free:
        enqueue_once(task, key=free, **arguments)
