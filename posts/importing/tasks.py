"""The jobs that run imports, rehearsals and roll-backs in a worker."""

import contextlib
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django_tasks.base import Task

from posts.errors import Refused
from posts.importing.answered_once import forget_old_answers
from posts.importing.backlog import WAITS, room_of
from posts.importing.generators import follow_generator
from posts.importing.index_switch import follow_batch_switch
from posts.importing.pipeline import ImportStopped, ResumeRefused, import_source, shortened
from posts.importing.rollback import roll_back_batch
from posts.importing.sources import SourceUnreadable, open_source
from posts.importing.uploads import remove_old_uploads
from posts.jobs import enqueue_once, job, stop_if_asked
from posts.models import Generator, ImportBatch, ImportIssue, JobRun, Notification
from posts.models.import_batch import COUNTS
from posts.notifications import tell
from posts.operations.lift_hold import lift_hold
from posts.outbox import announce_import

SHOWN_ISSUES = 50
# Imports of one generator that continue in one minute.
CONTINUED = 100
# Running again fixes these only after somebody changes something.
FINAL = (SourceUnreadable, ResumeRefused, ImportStopped)


@job("import posts", label="Import posts")
def run_import(*, batch_id: int) -> None:
    """Import the source of a batch, or the rest of it. It continues the run of a killed worker."""
    batch = ImportBatch.objects.get(pk=batch_id)
    if batch.state not in (ImportBatch.State.WAITING, ImportBatch.State.STOPPED, ImportBatch.State.RUNNING):
        return
    if batch.stop_requested:
        ImportBatch.objects.filter(pk=batch_id).update(state=ImportBatch.State.STOPPED)
        return
    try:
        with open_source(batch.source_path, name=batch.source_name) as source:
            import_source(
                source,
                batch=batch,
                by=batch.started_by,
                format=batch.format,
                keeps_backlog=batch.token_id is not None,
                on_chunk=lambda batch: stop_if_asked(),
            )
    except FINAL as error:
        with transaction.atomic():
            ImportBatch.objects.filter(pk=batch_id).exclude(state=ImportBatch.State.RUNNING).update(
                state=ImportBatch.State.STOPPED, message=str(error)[:2000]
            )
            batch.refresh_from_db()
            # It only waits, or a person stopped it: nothing failed.
            if not batch.message.startswith(WAITS) and not batch.stop_requested:
                announce_import(batch, failed=True)
            if batch.started_by:
                text = f"The import of {batch.source_name} stopped: {error}"
                tell(Notification.Kind.IMPORT_FAILED, [batch.started_by], text=text, by=None, batch=batch)


@job("continue imports of generators", label="Continue imports that wait for reviewers", every=timedelta(minutes=1))
def continue_imports() -> None:
    """Continue imports of generators that stopped because of too many pending posts, once people have reviewed some."""
    stopped = ImportBatch.objects.filter(state=ImportBatch.State.STOPPED, token__isnull=False, stop_requested=False)
    waiting = stopped.filter(message__startswith=WAITS)
    for generator in Generator.objects.filter(pk__in=waiting.values("generator")):
        room = room_of(generator)
        most = CONTINUED if room is None else min(CONTINUED, room)
        for batch in waiting.filter(generator=generator).order_by("pk")[:most]:
            begin(run_import, batch, by=None)


@job("rehearse an import", label="Rehearse an import")
def rehearse_import(*, batch_id: int) -> None:
    """Find out what an import would do, and store that with the batch."""
    batch = ImportBatch.objects.get(pk=batch_id)
    issues: list[dict[str, Any]] = []

    def note(issue: ImportIssue) -> None:
        if len(issues) < SHOWN_ISSUES:
            issues.append(
                {"kind": issue.kind, "line": issue.line, "first_line": issue.first_line, "problems": issue.problems}
            )

    try:
        with open_source(batch.source_path, name=batch.source_name) as source:
            seen = import_source(
                source,
                batch=batch,
                by=batch.started_by,
                format=batch.format,
                dry_run=True,
                on_chunk=lambda batch: stop_if_asked(),
                on_issue=note,
            )
        found = {
            "counts": {count: getattr(seen, count) for count in COUNTS},
            "skip_reasons": seen.skip_reasons,
            "breakdown": seen.breakdown,
            "mapped": seen.mapped,
            "samples": [sample | {"record": shortened(sample["record"])} for sample in seen.samples],
            "seconds": round(seen.seconds, 1),
            "issues": issues,
        }
    except FINAL as error:
        found = {"error": str(error)[:2000]}
    ImportBatch.objects.filter(pk=batch_id).update(rehearsal=found)


@job("roll an import back", label="Roll back an import")
def run_rollback(*, batch_id: int, by_id: int | None = None, why: str = "") -> None:
    """Roll back an import, or the rest of it."""
    by = User.objects.get(pk=by_id) if by_id else None
    roll_back_batch(ImportBatch.objects.get(pk=batch_id), by=by, why=why, on_chunk=lambda batch: stop_if_asked())


@job("lift a hold of an import", label="Lift a hold of an import")
def run_lift(*, batch_id: int, reason: str, by_id: int | None = None, why: str = "") -> None:
    """Lift one hold reason for all posts of an import, or for the rest of them."""
    by = User.objects.get(pk=by_id) if by_id else None
    with contextlib.suppress(Refused):  # another run lifted it meanwhile
        batch = ImportBatch.objects.get(pk=batch_id)
        lift_hold(batch, reason, by=by, why=why, on_chunk=lambda posts: stop_if_asked())


@job("follow the switch of an import", label="Open or close an import", is_urgent=True)
def follow_switch(*, batch_id: int) -> None:
    """Update lists after an import was closed or opened to search engines, or its origin was declared."""
    follow_batch_switch(ImportBatch.objects.get(pk=batch_id), on_chunk=stop_if_asked)


@job("follow a generator", label="Update the posts of a generator")
def run_follow_generator(*, generator_id: int) -> None:
    """Give a generator its posts, and update lists after it said who writes them."""
    follow_generator(Generator.objects.get(pk=generator_id), on_chunk=stop_if_asked)


@job("forget old uploads", label="Delete old uploads", every=timedelta(days=1))
def forget_old_uploads() -> None:
    """Delete uploaded files after IMPORT_UPLOAD_DAYS."""
    remove_old_uploads()


@job("forget old answers", label="Delete old answers of the API", every=timedelta(days=1))
def forget_answers() -> None:
    """Delete answers to requests with an Idempotency-Key after two days."""
    forget_old_answers(on_chunk=stop_if_asked)


def begin(task: Task[..., Any], batch: ImportBatch, *, by: User | None, **arguments: Any) -> JobRun:
    """Request an import, a rehearsal or a roll-back of `batch` from a worker; a second request changes nothing."""
    return enqueue_once(task, key=f"batch {batch.pk}", by=by, batch_id=batch.pk, **arguments)


def begin_lifting(batch: ImportBatch, reason: str, *, by: User, why: str) -> JobRun:
    """Request that a worker lift a hold reason of `batch`; a second request changes nothing."""
    return enqueue_once(
        run_lift, key=f"batch {batch.pk} {reason}", by=by, batch_id=batch.pk, reason=reason, by_id=by.pk, why=why
    )


def begin_following_generator(generator: Generator, *, by: User | None) -> JobRun:
    """Request that a worker follow what a generator says now. A run for earlier values may still be working."""
    key = f"generator {generator.pk} {generator.kind} {generator.batches.count()}"
    return enqueue_once(run_follow_generator, key=key, by=by, generator_id=generator.pk)


def begin_following(batch: ImportBatch, *, by: User | None) -> JobRun:
    """Request that a worker follow the switch and origin of `batch` as they are now.

    A run for earlier values may still be working.
    """
    state = f"{'open' if batch.index_open else 'closed'} {batch.origin}"
    return enqueue_once(follow_switch, key=f"batch {batch.pk} {state}", by=by, batch_id=batch.pk)
