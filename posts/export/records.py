"""Posts and decisions as JSON Lines or CSV, for other sites, spreadsheets and the generator.

Everything is read in small sets by key and passed on at once: memory stays flat, and no query stays open while a slow
reader takes its time.
"""

import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from django.db.models import QuerySet

from posts.db.keyset import in_chunks
from posts.diff.anchors import Anchor
from posts.export.csv import csv_lines
from posts.models import ImportBatch, ImportIssue, Post, Remark, Review, Revision
from posts.models.claims import claims_of_approval, claims_of_columns, with_claims
from posts.models.fields import dump_json

Result = TypeVar("Result")

CHUNK = 500
# The most whole texts in memory at once: each may be as large as a record may be.
TEXTS = 50
CSV_COLUMNS = (
    "source_id",
    "reference",
    "slug",
    "title",
    "topic",
    "stack",
    "tools",
    "difficulty",
    "version",
    "status",
    "live_version",
    "waits",
    "flagged",
    "withdrawn",
    "first_published_at",
    "changed_at",
    "fingerprint",
)


def export_posts(stream: IO[bytes], *, live: bool = False) -> int:
    """Write one record a line to a binary `stream`, in the order of source ids; return the number.

    By default the proposed text of every post, with today's claims and view count. With `live`, what readers see:
    released posts that are not withdrawn.
    """
    return _write(stream, json_lines(Post.objects.all(), live=live, key="source_id"))


def json_lines(posts: QuerySet[Post], *, live: bool = False, key: str = "pk") -> Iterator[bytes]:
    """Yield the records of a queryset of posts as lines of JSON (bytes), in the order of `key`."""
    if live:
        posts = posts.filter(live_revision__isnull=False, withdrawn_at__isnull=True)
    pointer = "live_revision_id" if live else "head_revision_id"
    claimed = ("live_approval__claims",) if live else ("view_count", "claimed_revision", "claimed_hash", "flags")
    for chunk in in_chunks(posts.values_list(key, pointer, "slug", *claimed), key=key, size=TEXTS):
        snapshots = dict(Revision.objects.filter(pk__in=[row[1] for row in chunk]).values_list("pk", "snapshot"))
        for _, pk, slug, *values in chunk:
            snapshot = snapshots[pk]
            claims = claims_of_approval(values[0], snapshot) if live else claims_of_columns(*values)
            yield json_line(with_claims(snapshot, claims, slug=slug))


def posts_as_csv(posts: QuerySet[Post]) -> Iterator[str]:
    """Yield a queryset of posts as lines of CSV, one row of CSV_COLUMNS each; no cell can run as a formula."""
    columns = (
        "source_id",
        "reference",
        "slug",
        "title",
        "topic",
        "stack",
        "tools",
        "difficulty",
        "head_revision__version",
        "head_revision__status",
        "live_revision__version",
        "awaits_review",
        "needs_human_review",
        "withdrawn_at",
        "first_published_at",
        "changed_at",
        "head_revision__fingerprint",
    )
    return csv_lines(CSV_COLUMNS, read_rows(posts, columns))


def export_reviews(stream: IO[bytes]) -> int:
    """Write every decision that was not undone, oldest first, as JSON Lines to a binary `stream`.

    Returns their number. Fields: source_id, fingerprint, version, outcome (approved, approved_in_part,
    changes_requested, rejected), reason, comment, guideline (the version, null if no point was answered), answers (met,
    not_met or not_applicable, by the keys of points), statements (those that the reviewer verified, each with kind,
    words, and whether a source stood beside it), is_bulk, decided_at and revoked_at (UTC, ISO 8601), and remarks, as
    remark_json() makes them. The generator can learn from these; no person is named.
    """
    columns = {
        "source_id": "revision__post__source_id",
        "fingerprint": "fingerprint",
        "version": "revision__version",
        "outcome": "outcome",
        "reason": "reason_code",
        "comment": "comment",
        "guideline": "guideline",
        "answers": "answers",
        "statements": "statements",
        "is_bulk": "is_bulk",
        "decided_at": "created_at",
        "revoked_at": "revoked_at",
        "revision": "revision_id",
    }
    return _write(stream, _decision_lines(columns))


def _decision_lines(columns: dict[str, str]) -> Iterator[bytes]:
    """Yield decisions as lines of JSON, with the remarks on their texts. columns: {name in JSON: column}."""
    rows = Review.objects.filter(undone_at=None).values_list("pk", *columns.values())
    for chunk in in_chunks(rows, size=CHUNK):
        decisions = [dict(zip(columns, map(_plain, row[1:]), strict=True)) for row in chunk]
        remarks = remarks_on({decision["revision"] for decision in decisions})
        for decision in decisions:
            decision["remarks"] = remarks.get(decision.pop("revision"), [])
            yield json_line(decision)


def decision_json(review: Review, remarks: dict[int, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return what a decision says, as JSON for programs; no person is named. remarks: as remarks_on() returns them."""
    return {
        "outcome": review.outcome,
        "reason": review.reason_code,
        "comment": review.comment,
        "guideline": review.guideline_id,
        "answers": review.answers,
        "statements": review.statements,
        "is_bulk": review.is_bulk,
        "remarks": remarks.get(review.revision_id, []),
    }


def remarks_on(revisions: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    """Return {primary key of a revision: its remarks as JSON}, in one query."""
    remarks: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for remark in Remark.objects.filter(revision__in=revisions):
        remarks[remark.revision_id].append(remark_json(remark))
    return dict(remarks)


def remark_json(remark: Remark) -> dict[str, Any]:
    """Return a remark as JSON for programs; no person is named.

    path and selector name the passage as Anchor.as_selectors() does. suggestion: None for none.
    """
    return {
        **Anchor(**remark.anchor).as_selectors(),
        "reason": remark.reason_code,
        "comment": remark.comment,
        "suggestion": remark.suggestion,
        "made_at": _plain(remark.made_at),
        "closed": remark.closing or None,
    }


def json_line(value: dict[str, Any]) -> bytes:
    """Return `value` as one line of JSON (bytes), also for programs that split lines at Unicode line ends."""
    text = dump_json(value)
    if not text.isascii():
        text = text.replace("\x85", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return text.encode() + b"\n"


def issue_lines(batch: ImportBatch, kind: ImportIssue.Kind) -> Iterator[bytes]:
    """Yield the open rows of one kind that an import kept, unchanged (bytes, one a line)."""
    issues = batch.issues.filter(kind=kind, resolution=ImportIssue.Resolution.OPEN)
    for (raw,) in read_rows(issues, ("raw",)):
        # Readers would take a line end for the end of the row.
        yield raw.replace("\r", " ").replace("\n", " ").encode(errors="backslashreplace") + b"\n"


def written_issues(stream: IO[bytes], batch: ImportBatch, kind: ImportIssue.Kind) -> int:
    """Write the result of issue_lines() to `stream`; return the number of rows."""
    return _write(stream, issue_lines(batch, kind))


def write_to_file(output: str, write: Callable[[IO[bytes]], Result]) -> Result:
    """Call `write` with a binary stream to the file `output` ("-": standard output); return its result.

    The file is written under another name and renamed at the end, so that nobody reads half of it. Raises OSError.
    """
    if output == "-":
        return write(sys.stdout.buffer)
    target = Path(output)
    part = tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False)  # noqa: SIM115
    try:
        with part:
            result = write(part)
        os.replace(part.name, target)
    except BaseException:
        os.unlink(part.name)
        raise
    return result


def read_rows(queryset: QuerySet[Any], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a queryset as tuples of `columns`, in the order of their numbers."""
    for chunk in in_chunks(queryset.values_list("pk", *columns), size=CHUNK):
        yield from (row[1:] for row in chunk)


def _write(stream: IO[bytes], lines: Iterable[bytes]) -> int:
    count = 0
    for line in lines:
        stream.write(line)
        count += 1
    return count


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
