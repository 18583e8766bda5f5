from typing import Any

from django.contrib.auth.models import User
from django_tasks_db.compat import TaskResultStatus
from django_tasks_db.models import DBTaskResult, get_date_max

from posts.errors import Refused, require
from posts.jobs.backend import enqueue_once
from posts.jobs.registry import JobDefinition, definition_of, label_of, registered_jobs
from posts.jobs.runs import PERIODIC
from posts.models import JobRun
from posts.operations.frame import note, operation


@operation
def run_job(name: str, *, by: User | None) -> JobRun:
    """Let the job `name` run as soon as a worker is free; return its JobRun.

    A periodic job needs no arguments; any other repeats its newest run. A run that waits for a later time starts now.
    Raises Refused if the job is running, or never ran and so has no arguments to repeat.
    """
    require(by, "run_job")
    definition = registered_jobs().get(name)
    if definition is None:
        raise Refused(f"There is no job “{name}”.")
    if definition.every is not None:
        return _start(definition, key=PERIODIC, arguments={}, by=by)
    newest = JobRun.objects.select_related("task").filter(job_name=name).first()
    if newest is None:
        raise Refused(f"“{name}” has never run. There is nothing to repeat.")
    return repeat_run(newest, by=by)


@operation
def repeat_run(run: JobRun, *, by: User | None) -> JobRun:
    """Repeat `run`, with its arguments and key; return the JobRun. Refuses like run_job()."""
    require(by, "run_job")
    definition = definition_of(run.task.task_path)
    if definition is None:
        raise Refused(f"This version of the site no longer has a job “{label_of(run.job_name)}”.")
    return _start(definition, key=run.key or f"again {run.pk}", arguments=run.arguments, by=by)


def _start(definition: JobDefinition, *, key: str, arguments: dict[str, Any], by: User | None) -> JobRun:
    run = enqueue_once(definition.task, key=key, by=by, **arguments)
    if run.state == "running":
        raise Refused(f"“{definition.label}” is already running.")
    DBTaskResult.objects.filter(pk=run.pk, status=TaskResultStatus.READY).update(run_after=get_date_max())
    note("job started", by=by, detail=f"{definition.label} ({run.pk})")
    return run
