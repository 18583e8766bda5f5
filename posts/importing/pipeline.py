"""The one way in: rows become decisions (created, updated, unchanged, conflict, duplicate, refused), in chunks."""

import hashlib
from dataclasses import dataclass, field
from itertools import islice

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pydantic_core import from_json

from posts.importing.readers import READERS
from posts.importing.seen import SeenIds
from posts.importing.writers import writer_for
from posts.models import ImportBatch, ImportIssue, Post
from posts.operations.record_revision import FIRST_VERSION, claimed_version, next_version
from posts.operations.refusals import require
from posts.records import RecordRefused, fingerprint_of, parse_record, version_parts
from posts.slugs import distinct_slug, taken_slugs, wished_slug

# One transaction a chunk: small enough on SQLite that an editor's save never waits long for the write lock.
CHUNK_ROWS = {"sqlite": 200, "postgresql": 1000}
COUNTS = ("created", "updated", "unchanged", "conflict", "duplicate", "refused")


@dataclass(slots=True)
class Incoming:
    """A valid row on its way in."""

    line: int
    raw: bytes
    line_hash: str
    source_id: str
    record: dict | None  # None: the very line that was imported last
    fingerprint: str = ""


@dataclass
class Decisions:
    """What a chunk will do; a writer turns it into sets of rows."""

    batch: ImportBatch
    created: list = field(default_factory=list)  # (Incoming, slug, version)
    updated: list = field(default_factory=list)  # (Incoming, Post, version)
    refreshed: list = field(default_factory=list)  # (Incoming, Post): same text, other claims or counts
    issues: list = field(default_factory=list)  # ImportIssue, unsaved
    counts: dict = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))


def import_posts(stream, *, name, by=None, format="jsonl", dry_run=False, on_chunk=None, on_issue=None):
    """Bring every record of a binary `stream` in; return the ImportBatch with its counts.

    Chunks of CHUNK_ROWS records, each one transaction that also moves the checkpoint. A bad record is refused by
    line (1-based) and JSON Pointer, and stops nothing; of equal identities in one run the first valid one wins.
    dry_run counts exactly what the real run would do and writes nothing (the batch stays unsaved).
    on_chunk(batch) is called after each chunk, on_issue(issue) for every row that was not taken as it came.
    """
    require(by, "import_posts")
    batch = ImportBatch(source_name=name, format=format, started_by=by, started_at=timezone.now())
    if not dry_run:
        batch.save()
    hashed = _HashedStream(stream)
    rows = READERS[format](hashed)
    try:
        with SeenIds() as seen:
            while chunk := list(islice(rows, CHUNK_ROWS[connection.vendor])):
                counts, issues = _import_chunk(batch, chunk, seen, dry_run)
                for name_of_count, count in counts.items():
                    setattr(batch, name_of_count, getattr(batch, name_of_count) + count)
                batch.checkpoint_line = chunk[-1].line
                for issue in issues if on_issue else ():
                    on_issue(issue)
                if on_chunk:
                    on_chunk(batch)
    except BaseException:
        batch.state = ImportBatch.State.STOPPED
        if not dry_run:
            batch.save(update_fields=["state"])
        raise
    batch.state = ImportBatch.State.FINISHED
    batch.finished_at = timezone.now()
    batch.source_sha256 = hashed.digest.hexdigest()
    if not dry_run:
        batch.save(update_fields=["state", "finished_at", "source_sha256"])
    return batch


class _HashedStream:
    """Reads lines of a stream and knows the SHA-256 of all bytes that were read."""

    def __init__(self, stream):
        self._readline = stream.readline
        self.digest = hashlib.sha256()

    def readline(self, limit):
        line = self._readline(limit)
        self.digest.update(line)
        return line


def _import_chunk(batch, rows, seen, dry_run):
    """Decide about one chunk and write it; return (counts, issues)."""
    parsed, issues = _validated(batch, rows)
    try:
        decisions, first_lines = _decide_and_write(batch, rows, parsed, issues, seen, dry_run)
    except IntegrityError:
        # Somebody took an address or an identity between our look and our write: look once more.
        decisions, first_lines = _decide_and_write(batch, rows, parsed, issues, seen, dry_run)
    seen.add(first_lines)
    return decisions.counts, decisions.issues


def _validated(batch, rows):
    """([Incoming], [ImportIssue]) of a chunk: lines that were imported last time as they stand are not even checked."""
    bare = [(row, _source_id_of(row)) for row in rows]
    known = dict(
        Post.objects.filter(source_id__in={source_id for _, source_id in bare if source_id}).values_list(
            "source_id", "import_line_hash"
        )
    )
    parsed, issues = [], []
    for row, source_id in bare:
        line_hash = hashlib.blake2b(row.raw, digest_size=16).hexdigest()
        if source_id and known.get(source_id) == line_hash:
            parsed.append(Incoming(row.line, row.raw, line_hash, source_id, None))
            continue
        try:
            if row.problem:
                raise RecordRefused([row.problem])
            record = parse_record(row.raw).to_dict()
        except RecordRefused as refusal:
            problems = [[problem.pointer, problem.message] for problem in refusal.problems]
            issues.append(_issue(batch, ImportIssue.Kind.REFUSED, row, problems=problems))
        else:
            source_id = record["source_id"]
            parsed.append(Incoming(row.line, row.raw, line_hash, source_id, record, fingerprint_of(record)))
    return parsed, issues


def _source_id_of(row):
    """The identity that a raw line gives, or None; nothing is checked here."""
    if row.problem:
        return None
    try:
        data = from_json(row.raw)
    except ValueError:
        return None
    source_id = data.get("source_id") if isinstance(data, dict) else None
    # A database would refuse these before any check could.
    return source_id if isinstance(source_id, str) and "\x00" not in source_id else None


@transaction.atomic
def _decide_and_write(batch, rows, parsed, refused, seen, dry_run):
    decisions = Decisions(batch, issues=list(refused))
    decisions.counts["refused"] = len(refused)
    first_lines, fresh = {}, []
    earlier = seen.first_lines({incoming.source_id for incoming in parsed})
    for incoming in parsed:
        first = earlier.get(incoming.source_id) or first_lines.get(incoming.source_id)
        if first:
            decisions.counts["duplicate"] += 1
            decisions.issues.append(_issue(batch, ImportIssue.Kind.DUPLICATE, incoming, first_line=first))
        else:
            first_lines[incoming.source_id] = incoming.line
            fresh.append(incoming)
    posts = _locked_posts([incoming.source_id for incoming in fresh], lock=not dry_run)
    new = []
    for incoming in fresh:
        post = posts.get(incoming.source_id)
        if post is None:
            if incoming.record is None:  # purged since we looked
                incoming.record = parse_record(incoming.raw).to_dict()
                incoming.fingerprint = fingerprint_of(incoming.record)
            new.append(incoming)
        else:
            _decide_known(decisions, incoming, post)
    _decide_new(decisions, new)
    if not dry_run:
        writer_for(connection).write(decisions)
        ImportIssue.objects.bulk_create(decisions.issues)
        counts = {count: getattr(batch, count) + decisions.counts[count] for count in COUNTS}
        ImportBatch.objects.filter(pk=batch.pk).update(checkpoint_line=rows[-1].line, **counts)
    return decisions, first_lines


def _locked_posts(source_ids, *, lock):
    """{source_id: Post} with what deciding needs; locked in one order, so that no two writers wait for each other."""
    if lock:
        # A statement of its own: a joined row that came while the lock was waited for would be missing from its answer.
        list(Post.objects.filter(source_id__in=source_ids).order_by("pk").select_for_update().values_list("pk"))
    posts = (
        Post.objects.filter(source_id__in=source_ids)
        .select_related("head_revision")
        .only(
            "source_id",
            "import_fingerprint",
            "import_line_hash",
            "live_revision_id",
            "flags",
            "head_revision__number",
            "head_revision__version",
            "head_revision__fingerprint",
            "head_revision__status",
        )
        .order_by("pk")
    )
    return {post.source_id: post for post in posts}


def _decide_known(decisions, incoming, post):
    """Against the text of the post's last import: a person's edit since then is never overwritten."""
    head = post.head_revision
    if incoming.record is None:
        decisions.counts["unchanged"] += 1
    elif incoming.fingerprint in (post.import_fingerprint, head.fingerprint):
        decisions.counts["unchanged"] += 1
        decisions.refreshed.append((incoming, post))
    elif head.fingerprint == post.import_fingerprint:
        claimed = claimed_version(incoming.record)
        is_ahead = claimed and version_parts(claimed) > (version_parts(head.version) or (0,))
        decisions.counts["updated"] += 1
        decisions.updated.append((incoming, post, claimed if is_ahead else next_version(head.version)))
    else:
        decisions.counts["conflict"] += 1
        problem = [
            "",
            f"A person changed this post since its last import (now {head.version}); nothing was overwritten.",
        ]
        issue = _issue(decisions.batch, ImportIssue.Kind.CONFLICT, incoming, problems=[problem], post=post)
        decisions.issues.append(issue)


def _decide_new(decisions, new):
    wishes = {incoming.source_id: wished_slug(incoming.record) for incoming in new}
    taken = taken_slugs(set(wishes.values())) if wishes else set()
    for incoming in new:
        slug = wishes[incoming.source_id]
        if slug in taken:
            slug = distinct_slug(slug, incoming.source_id)
        taken.add(slug)
        decisions.created.append((incoming, slug, claimed_version(incoming.record) or FIRST_VERSION))
    decisions.counts["created"] = len(new)


def _issue(batch, kind, row, **columns):
    # PostgreSQL takes no NUL in text, and a raw line may hold any byte.
    raw = row.raw.decode(errors="backslashreplace").replace("\x00", "\\x00")
    return ImportIssue(batch=batch, kind=kind, line=row.line, raw=raw, **columns)
