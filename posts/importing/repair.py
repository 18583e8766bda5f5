"""Refused and duplicate rows of an import, settled by hand: repaired and brought in, or left out."""

from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from posts.errors import Refused, require
from posts.importing.generators import holds_of_paused
from posts.importing.locks import AlreadyRunning, source_lock_of_operation
from posts.importing.pipeline import busy_message, write_plan
from posts.importing.plan import NothingSeen, checked_record, plan_chunk, validated
from posts.importing.publication import Hold
from posts.importing.readers.base import Row
from posts.models import HoldReason, ImportBatch, ImportIssue
from posts.models.import_batch import COUNTS
from posts.operations.frame import note, operation

MENDABLE = (ImportIssue.Kind.REFUSED, ImportIssue.Kind.DUPLICATE)


def repair_row(issue: ImportIssue, text: str, *, by: User | None) -> str:
    """Import the fixed `text` of a refused or duplicate row, as part of its import; return its outcome.

    The outcome is one of COUNTS. Raises RecordRefused while the text is still invalid, and Refused; then nothing
    changes.
    """
    require(by, "import_posts")
    raw = text.strip().encode()
    checked_record(Row(issue.line, raw))
    batch = issue.batch
    try:
        # A running import writes its counts as a whole; two writers would overwrite each other.
        with source_lock_of_operation(batch.source_path or f"import {batch.pk}"):
            return _bring_in(issue, raw, by)
    except AlreadyRunning:
        raise Refused(busy_message(batch.source_path)) from None


def _bring_in(issue: ImportIssue, raw: bytes, by: User | None) -> str:
    batch = ImportBatch.objects.select_for_update().get(pk=issue.batch_id)
    issue = _mendable(issue)
    if batch.state in (ImportBatch.State.ROLLING_BACK, ImportBatch.State.ROLLED_BACK):
        raise Refused(f"Import {batch.pk} was rolled back. Import the repaired row as a separate file.")
    row = Row(issue.line, raw, label=issue.label, holds=_holds_of(issue))
    incoming, refused = validated(batch, [row], {}, paused=holds_of_paused(batch))
    plan, _ = plan_chunk(batch, [row], incoming, refused, NothingSeen())
    plan.author_id = by.pk if by else None
    write_plan(plan)
    became = next(count for count in COUNTS if plan.counts[count])
    _close(issue, ImportIssue.Resolution.REPAIRED, by)
    ImportBatch.objects.filter(pk=batch.pk).update(**{issue.kind: F(issue.kind) - 1, became: F(became) + 1})
    note("row repaired", by=by, detail=f"{batch}, line {issue.line}: {became}")
    return became


def _holds_of(issue: ImportIssue) -> tuple[Hold, ...]:
    """Return why the row is held; for rows from before reasons were recorded, only that it is."""
    if issue.held and not issue.holds:
        return (Hold(HoldReason.NOT_RECORDED),)
    return tuple(Hold(*hold) for hold in issue.holds)


@operation
def leave_row_out(issue: ImportIssue, *, by: User | None) -> None:
    """Settle a refused or duplicate row without importing it."""
    require(by, "import_posts")
    issue = _mendable(issue)
    _close(issue, ImportIssue.Resolution.LEFT_OUT, by)
    note("row left out", by=by, detail=f"{issue.batch}, line {issue.line}")


def _mendable(issue: ImportIssue) -> ImportIssue:
    issue = ImportIssue.objects.select_for_update(of=("self",)).select_related("batch").get(pk=issue.pk)
    if issue.kind not in MENDABLE:
        raise Refused("Only refused and duplicate rows can be repaired.")
    if issue.resolution:
        raise Refused(f"This row is already settled: {issue.get_resolution_display().lower()}.")
    return issue


def _close(issue: ImportIssue, resolution: ImportIssue.Resolution, by: User | None) -> None:
    issue.resolution, issue.resolved_by, issue.resolved_at = resolution, by, timezone.now()
    issue.save(update_fields=["resolution", "resolved_by", "resolved_at"])
