"""The page of one import: its progress, what it refused, and what it would do."""

import json
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from posts.admin.imports.trail import imports_trail
from posts.admin.lookup import found
from posts.admin.pages import AdminPage
from posts.export.records import issue_lines
from posts.importing.declaring import named_generators
from posts.models import Generator, ImportBatch, ImportIssue, JobRun, ListedText, Origin, Post
from posts.models.import_batch import COUNTS
from posts.models.origin import MACHINES
from posts.operations.lift_hold import held_by_reason
from posts.records.schema import problem_sentence

State = ImportBatch.State


# How many refused rows the page of an import looks at to group them, and how many of a group it shows.
GROUPED_ROWS, SHOWN_OF_GROUP = 1000, 3
# More posts are not counted.
MOST_OPENED = 1000


NOTES = {
    "created": "new posts, pending review",
    "updated": "new revisions, pending review; approved pages stay as they are",
    "unchanged": "no change; an approval stays",
    "conflict": "edited by people since the last import; nothing was overwritten",
    "duplicate": "an earlier row has the same source id; that one counts",
    "skipped": "not a post, so not imported",
    "refused": "not valid; kept here for repair",
}


class ImportPage(AdminPage):
    """One import: its progress, what it refused, and its actions."""

    http_method_names = ["get", "head"]
    permissions: ClassVar[tuple[str, ...]] = ("view_importbatch",)
    model = ImportBatch
    template = "posts/importbatch/change_form"

    def find(self, object_id: str, **names: str) -> ImportBatch:
        return found(ImportBatch.objects.select_related("started_by", "generator"), object_id, "import")

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        issues = batch.issues.filter(resolution="")
        kept = batch.issues.filter(line=0).select_related("post").defer("raw", "post__body", "post__intro")
        return self.render(
            title=batch.source_name,
            trail=imports_trail(f"#{batch.pk}"),
            batch=batch,
            may_import=self.person.has_perm("posts.import_posts"),
            cells=[(name, getattr(batch, name), NOTES[name]) for name in COUNTS],
            kinds=kind_rows(batch.breakdown),
            names=COUNTS,
            held=held_by_reason(batch),
            progress=progress_of(batch),
            open_runs=JobRun.objects.open().filter(key=f"batch {batch.pk}").select_related("task"),
            refused_groups=refused_groups(issues.filter(kind=ImportIssue.Kind.REFUSED)),
            open_refused=issues.filter(kind=ImportIssue.Kind.REFUSED).count(),
            conflicts=issues.filter(kind=ImportIssue.Kind.CONFLICT)
            .select_related("post")
            .defer("raw", "post__body", "post__intro")[:20],
            rehearsal=rehearsal_rows(batch.rehearsal),
            origins=Origin.choices,
            described=Generator.objects.filter(is_described=True),
            follows_generator=batch.generator is not None and batch.generator.kind != Origin.NOT_STATED,
            generators=named_generators(batch.breakdown or batch.rehearsal.get("breakdown", {})),
            is_by_machine=batch.origin in MACHINES,
            opened=opened_by(batch),
            kept=kept[:50],
            can_start=batch.state in (State.WAITING, State.STOPPED) and batch.source_path,
            can_stop=batch.state == State.RUNNING and not batch.stop_requested,
            can_roll_back=batch.state in (State.STOPPED, State.FINISHED, State.ROLLING_BACK),
        )


def opened_by(batch: ImportBatch) -> int:
    """Return how many posts are open to search engines while this import is, MOST_OPENED + 1 if more.

    Their texts are of the import. Of posts with another text whose newest proposal is of the import, the first are
    looked at.
    """
    listed = ListedText.objects.filter(source_batch=batch).values_list("post", flat=True)
    proposed = Post.objects.approved().filter(last_batch=batch).order_by().values("pk")[: 2 * MOST_OPENED]
    others = ListedText.objects.filter(post__in=proposed).values_list("post", flat=True)
    return min(MOST_OPENED + 1, len({*listed[: MOST_OPENED + 1], *others[: MOST_OPENED + 1]}))


class ImportProgress(ImportPage):
    """The progress of an import as JSON."""

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        return JsonResponse(progress_of(batch))


class ImportRows(ImportPage):
    """The open rows of a kind unchanged, to be edited and imported again."""

    permissions = ("view_importbatch", "import_posts")

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        """Return the file."""
        kind = self.kwargs["kind"]
        if kind not in ("refused", "duplicate", "conflict"):
            raise Http404("No rows have this outcome.")
        response = StreamingHttpResponse(issue_lines(batch, kind), content_type="application/jsonl")
        response.headers["Content-Disposition"] = f'attachment; filename="import-{batch.pk}-{kind}.jsonl"'
        return response


def progress_of(batch: ImportBatch) -> dict[str, Any]:
    """Return the progress of an import: state, rows, per cent, rows a second, seconds left (None: unknown)."""
    percent = rate = left = None
    if batch.source_bytes and batch.state in (State.RUNNING, State.STOPPED, State.FINISHED):
        # The end of an archive is never read, so the position says less than the state.
        is_read = batch.state == State.FINISHED
        percent = 100 if is_read else min(100, batch.bytes_read * 100 // batch.source_bytes)
    if batch.rows and batch.seconds:
        rate = round(batch.rows / batch.seconds)
        if batch.state == State.RUNNING and batch.bytes_read and batch.source_bytes:
            left = round(batch.seconds * (batch.source_bytes - batch.bytes_read) / batch.bytes_read)
    moving = batch.state in (State.RUNNING, State.ROLLING_BACK) or JobRun.objects.open().filter(
        key=f"batch {batch.pk}"
    ).exists()  # fmt: skip
    return {
        "state": batch.get_state_display(),
        "is_moving": moving,
        "rows": batch.rows,
        "percent": percent,
        "rate": rate,
        "seconds_left": left,
        "counts": {name: getattr(batch, name) for name in COUNTS},
        "shown_at": f"{timezone.now():%H:%M:%S}",
    }


def refused_groups(issues: QuerySet[ImportIssue]) -> list[tuple[str, int, list[ImportIssue]]]:
    """Return [(reason, count, rows)]: refused rows by their first problem, most frequent first.

    A few rows of each, with the value at the place.
    """
    groups: dict[str, list[ImportIssue]] = {}
    for issue in issues.defer("raw").order_by("line", "pk")[:GROUPED_ROWS]:
        pointer, message = issue.problems[0] if issue.problems else ("", "is not valid.")
        reason = problem_sentence(pointer, message, numbers=False)
        groups.setdefault(reason, []).append(issue)
    shown = [row for rows in groups.values() for row in rows[:SHOWN_OF_GROUP]]
    raws = dict(issues.filter(pk__in=[row.pk for row in shown]).values_list("pk", "raw"))
    for row in shown:
        pointer = row.problems[0][0] if row.problems else ""
        row.pointer = pointer  # type: ignore[attr-defined]  # for the template
        row.stood = stood_at(raws[row.pk], pointer)  # type: ignore[attr-defined]  # for the template
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return [(reason, len(rows), rows[:SHOWN_OF_GROUP]) for reason, rows in ordered]


def stood_at(raw: str, pointer: str) -> str:
    """Return the value at a JSON Pointer (RFC 6901) of a raw row, shortened; the start of a row that isn't JSON."""
    text = raw
    try:
        value = json.loads(raw)
        for part in pointer.split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            value = value[int(part)] if isinstance(value, list) else value[part]
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    return text if len(text) <= 80 else text[:79] + "…"


def rehearsal_rows(rehearsal: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result of a rehearsal for a template; None if there was none."""
    if not rehearsal:
        return None
    counts = rehearsal.get("counts", {})
    samples = [
        sample
        | {
            "text": json.dumps(sample["record"], ensure_ascii=False, indent=2),
            # Older rehearsals kept only whether it was held.
            "held_words": ", ".join(sample["held"]) if isinstance(sample["held"], list) else "not recorded",
        }
        for sample in rehearsal.get("samples", ())
    ]
    issues = [
        issue | {"problems": [problem_sentence(pointer, message) for pointer, message in issue["problems"]]}
        for issue in rehearsal.get("issues", ())
    ]
    return rehearsal | {
        "issues": issues,
        "cells": [(name, counts[name]) for name in COUNTS if name in counts],
        "samples": samples,
        "kinds": kind_rows(rehearsal.get("breakdown", {})),
    }


def kind_rows(breakdown: dict[str, Any]) -> list[tuple[str, list[int], int]]:
    """Return [(kind, [rows of each of COUNTS], all)] by type and status; empty if the source has no kinds."""
    return [
        (kind, [numbers.get(name, 0) for name in COUNTS], sum(numbers.values()))
        for kind, numbers in breakdown.get("kinds", {}).items()
    ]
