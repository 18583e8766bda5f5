"""The import pipeline: a source is read in chunks, each planned and written in one transaction with its checkpoint."""

import contextlib
import gc
import hashlib
import itertools
import os
import socket
import time
from collections import abc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.db import Error, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from posts.errors import require
from posts.importing.backlog import WAITS, BacklogFull, claim_room, room_of
from posts.importing.checking import Checked, Checker
from posts.importing.generators import holds_of_paused, known_generators, origin_by
from posts.importing.link_ledger import LinkLedger
from posts.importing.locks import AlreadyRunning, source_lock
from posts.importing.mapping import Mapping
from posts.importing.plan import (
    ChunkPlan,
    Incoming,
    NothingSeen,
    Settled,
    known_line_hashes,
    plan_chunk,
)
from posts.importing.readers import READERS
from posts.importing.readers.base import Row
from posts.importing.readers.markdown import MarkdownReader
from posts.importing.seen import SeenIds
from posts.importing.sources import Source
from posts.importing.writers import encoder_for, writer_for
from posts.models import Generator, HoldReason, ImportBatch, ImportIssue, Notification, Origin, Post
from posts.models.import_batch import COUNTS
from posts.models.origin import spoken
from posts.notifications import tell
from posts.operations.frame import note, operating
from posts.operations.source_links import resolve_site
from posts.outbox import announce_import
from posts.records.schema import canonical_text

# One transaction a chunk. On SQLite it is small enough that an editor's save never waits long for the write lock.
# Bytes are limited too, so that memory stays flat with the largest records.
CHUNK_ROWS = {"sqlite": 200, "postgresql": 1000}
CHUNK_BYTES = 8 * 1024 * 1024
FIRST_ROWS = 125
# Settings for writing many rows: see bulk_settings().
BULK_SETTINGS: dict[str, dict[str, int | str]] = {
    "sqlite": {"mmap_size": 0, "synchronous": "NORMAL", "wal_autocheckpoint": 8000},
    "postgresql": {"synchronous_commit": "off", "enable_seqscan": "off"},
}
# How much must be left to read so that a second process for the checks pays. To start it takes a twentieth of a second.
BYTES_FOR_CHILD = 4 * 1024 * 1024
# How often the garbage collector looks.
CHUNKS_BETWEEN = 8
# Another writer may take a source id or an address between SELECT and INSERT; then try again.
ATTEMPTS = 5
# How many records a rehearsal shows, and how many kinds, refusals and warnings a report tells apart.
SAMPLES = 5
MAX_LISTED = 100
SHOWN_CHARACTERS, SHOWN_ITEMS = 300, 10


OnChunk = Callable[[ImportBatch], object]
OnIssue = Callable[[ImportIssue], object]
# Gives a context in which nothing may interrupt.
Shield = Callable[[], contextlib.AbstractContextManager[object]]


class ImportStopped(Exception):
    """The run was stopped on purpose; `batch` says how far it is. Run it again to continue."""

    def __init__(self, batch: ImportBatch, message: str) -> None:
        self.batch = batch
        super().__init__(message)


class TooManyRefused(ImportStopped):
    """More rows were refused than allowed."""


class SourceBusy(Exception):
    """Another process is importing this source; the message says who, since when and how far."""


class ResumeRefused(Exception):
    """The source or its options differ from those of the stopped run."""


def import_posts(stream: BinaryIO, *, name: str, **options: Any) -> ImportBatch:
    """Import every record of a binary `stream`; return the ImportBatch. For options see import_source()."""
    return import_source(Source(name, stream), **options)


def import_source(
    source: Source,
    *,
    by: User | None = None,
    format: str = "jsonl",
    batch: ImportBatch | None = None,
    dry_run: bool = False,
    restart: bool = False,
    only_new: bool = False,
    mapping: Mapping | None = None,
    origin: str | None = None,
    generator: Generator | None = None,
    max_errors: int | None = None,
    keeps_backlog: bool = False,
    on_chunk: OnChunk | None = None,
    on_issue: OnIssue | None = None,
    shield: Shield = contextlib.nullcontext,
    run_by: Callable[..., "ImportRun"] | None = None,
) -> ImportBatch:
    """Import every record of `source`; return the ImportBatch with its counts.

    Works in chunks of CHUNK_ROWS records, each one transaction that also moves the checkpoint. If killed and run
    again (a source with a path, or with its `batch`, which may be new), it continues after the last whole chunk. A
    bad record is refused with line (from 1) and JSON Pointer, and the others still come in. Of equal identities in
    one run, the first valid one counts.

    dry_run: count exactly what the real run would do and write nothing. The batch stays unsaved and has `samples`,
    the first records, and `mapped`, the targets of foreign keys in words. restart: begin again instead of continuing.
    only_new: leave existing posts alone. mapping: a Mapping, for formats with foreign keys. origin: an Origin, who
    wrote the posts (None: not stated, or as when the continued run began). generator: the Generator that made them, if
    one made them all; if it says who writes its posts, that counts.

    keeps_backlog: stop before more posts of the batch's generator are pending than its limit allows.

    on_chunk is called after each chunk, on_issue for every row that was not taken as it came. run_by: how the run is
    made; None: in this process.

    Raises SourceBusy, ResumeRefused and ImportStopped; TooManyRefused if more than max_errors rows are refused, and
    then nothing of that chunk is written.
    """
    require(by, "import_posts")
    with _locked(source) if not dry_run else contextlib.nullcontext():
        if batch is None:
            read_as = options_of(only_new, mapping)
            batch = _batch_for(source, format, by, restart=restart, options=read_as, origin=origin, generator=generator)
        elif batch.pk:
            # Read again under the lock: another attempt may have made progress meanwhile.
            batch = ImportBatch.objects.get(pk=batch.pk)
        limited = batch.generator if keeps_backlog else None
        run = (run_by or ImportRun)(
            source, batch, max_errors=max_errors, limited=limited, dry_run=dry_run, on_issue=on_issue, shield=shield
        )
        return run.to_the_end(on_chunk)


@contextlib.contextmanager
def _locked(source: Source) -> Iterator[None]:
    if not source.path:
        yield
        return
    try:
        with source_lock(source.path):
            yield
    except AlreadyRunning:
        raise SourceBusy(busy_message(source.path)) from None


def _this_process() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"[:200]


def busy_message(path: str) -> str:
    """Return who is importing or rolling back the source at `path`, since when and how far."""
    batch = ImportBatch.objects.filter(source_path=path).exclude(runner="").order_by("-pk").first()
    if batch is None:
        return "Another process has just started to import this source. Try again when it has ended."
    who = f"started by {batch.started_by}" if batch.started_by else "started by a command"
    return (
        f"Import {batch.pk} of this source is running: {who} on {batch.runner}, since "
        f"{batch.attempt_at:%Y-%m-%d %H:%M:%S} UTC, after line {batch.checkpoint_line:,}. Wait until it has ended."
    )


def options_of(only_new: bool, mapping: Mapping | None) -> dict[str, Any]:
    """Return the options that a batch stores, so that every attempt reads the source alike."""
    options = {"only_new": True} if only_new else {}
    return options | {"mapping": mapping.to_dict()} if mapping else options


def _batch_for(
    source: Source,
    format: str,
    by: User | None,
    *,
    restart: bool,
    options: dict[str, Any],
    origin: str | None,
    generator: Generator | None,
) -> ImportBatch:
    """Return the stopped batch of this source that continues, else a new one (unsaved)."""
    if source.path and not restart:
        latest = ImportBatch.objects.filter(source_path=source.path, format=format).order_by("-pk").first()
        # If nothing is in yet, the options of the earlier attempt don't matter.
        if latest and latest.can_resume and (latest.options == options or latest.checkpoint_line):
            if latest.options != options:
                began = "with" if latest.options.get("only_new") else "without"
                rest = "" if latest.options.get("mapping") == options.get("mapping") else " and with another mapping"
                raise ResumeRefused(
                    f"Import {latest.pk} of this source stopped after line {latest.checkpoint_line:,} and was started "
                    f"{began} --only-new{rest}. Use the same options to continue, or --restart to start again."
                )
            if generator not in (None, latest.generator):
                raise ResumeRefused(
                    f"Import {latest.pk} of this source stopped after line {latest.checkpoint_line:,} and was started "
                    f"for {latest.generator or 'no generator'}. Name the same one to continue, or use --restart to "
                    f"start again."
                )
            if origin not in (None, latest.origin):
                raise ResumeRefused(
                    f"Import {latest.pk} of this source stopped after line {latest.checkpoint_line:,} and was started "
                    f"with --written-by {spoken(latest.origin)}. Use the same option to continue, or --restart to "
                    f"start again."
                )
            return latest
    name = source.name if len(source.name) <= 500 else "…" + source.name[-499:]
    return ImportBatch(
        source_name=name, source_path=source.path, format=format, options=options, started_by=by,
        started_at=timezone.now(), origin=origin_by(generator, origin or Origin.NOT_STATED), generator=generator
    )  # fmt: skip


class ImportRun:
    """One attempt at one batch, in this process."""

    # Whether it can continue after writers that were killed between two chunks.
    takes_parts = False

    def __init__(
        self,
        source: Source,
        batch: ImportBatch,
        *,
        max_errors: int | None,
        limited: Generator | None,
        dry_run: bool,
        on_issue: OnIssue | None,
        shield: Shield,
    ) -> None:
        self.source = source
        self.batch = batch
        self.max_errors = max_errors
        self.limited = limited
        self.dry_run = dry_run
        self.on_issue = on_issue
        self.shield = shield
        self.only_new = bool(batch.options.get("only_new"))
        self.reader = READERS[batch.format](source, Mapping.from_dict(batch.options.get("mapping", {})))
        self.links = LinkLedger()
        if dry_run:
            batch.samples, batch.mapped = [], self.reader.mapping.lines()
        self.began = time.monotonic() - batch.seconds

    def to_the_end(self, on_chunk: OnChunk | None) -> ImportBatch:
        """Read and write chunk by chunk; return the finished batch."""
        batch = self.batch
        if batch.parts and not self.takes_parts:
            raise ResumeRefused(
                f"Import {batch.pk} of this source was split over several processes and stopped. Use --shards to "
                f"continue it, or --restart to start again."
            )
        self._begin()
        try:
            with SeenIds() as self.seen, _calm_collector() as collect, bulk_settings():
                rows = self.reader.rows()
                if batch.checkpoint_line:
                    self._read_again(rows)
                self.bring_in(rows, on_chunk, collect)
        except BaseException as error:
            self._end(ImportBatch.State.STOPPED, str(error) or type(error).__name__)
            raise
        self._find_links()
        self._end(ImportBatch.State.FINISHED, "", source_sha256=self.reader.mark()[1])
        return batch

    def bring_in(self, rows: Iterator[Row], on_chunk: OnChunk | None, collect: Callable[[], object]) -> None:
        """Read and write all rows. collect: to be called between chunks."""
        with contextlib.closing(self._one_ahead(rows)) as chunks:
            for chunk in chunks:
                self._take(chunk)
                collect()
                if on_chunk:
                    on_chunk(self.batch)
                if not self.dry_run:
                    self.stop_if_asked()

    def ended(self) -> None:
        """Bring the batch up to date before its end is stored."""

    def _find_links(self) -> None:
        """Find the posts that links between the files of the source lead to, now that all of them are here."""
        if not isinstance(self.reader, MarkdownReader):
            return
        if self.dry_run:
            lost = self.links.unresolved(self.reader.site)
        else:
            with self.shield():
                lost = resolve_site(self.reader.site, batch_id=self.batch.pk)
        counts = {f"{kind}, for example {example}": posts for kind, (posts, example) in lost.items()}
        self._set(breakdown=self.batch.breakdown | merged_breakdown(self.batch.breakdown, {"warnings": counts}))

    def _begin(self) -> None:
        now = timezone.now()
        self._set(
            state=ImportBatch.State.RUNNING,
            attempts=self.batch.attempts + 1,
            attempt_at=now,
            progress_at=now,
            runner=_this_process(),
            source_bytes=self.source.size,
            stop_requested=False,
            message="",
        )
        if not self.dry_run:
            with self.shield(), operating():
                self.batch.save()
                again = f", again after line {self.batch.checkpoint_line}" if self.batch.checkpoint_line else ""
                self._note("import started", again)

    def _end(self, state: ImportBatch.State, message: str, **columns: Any) -> None:
        self.ended()
        self._set(state=state, message=message[:2000], seconds=time.monotonic() - self.began, **columns)
        if state == ImportBatch.State.FINISHED:
            self._set(finished_at=timezone.now(), bytes_read=self.reader.position())
        if self.dry_run:
            return
        # If the database is gone, this can't be stored; the next run sees that nobody holds the lock.
        spoken = contextlib.suppress(Error) if message else contextlib.nullcontext()
        with self.shield(), spoken, operating():
            names = ["state", "message", "seconds", "source_sha256", "finished_at", "bytes_read", "breakdown"]
            self.batch.save(update_fields=names)
            counts = _counts_of(self.batch)
            self._note(f"import {state.value}", f": {counts}")
            if state == ImportBatch.State.FINISHED:
                announce_import(self.batch)
            if state == ImportBatch.State.FINISHED and self.batch.started_by:
                text = f"The import of {self.batch.source_name} is finished: {counts}"
                tell(Notification.Kind.IMPORT_FINISHED, [self.batch.started_by], text=text, by=None, batch=self.batch)

    def _note(self, action: str, detail: str) -> None:
        note(action, by=self.batch.started_by, detail=f"{self.batch}{detail}")

    def _set(self, **columns: Any) -> None:
        for name, value in columns.items():
            setattr(self.batch, name, value)

    def _read_again(self, rows: Iterator[Row]) -> None:
        """Skip what is committed, remember its identities, and check that the source has not changed."""
        batch = self.batch
        last = 0
        while last < batch.checkpoint_line and (chunk := next_chunk(rows, until=batch.checkpoint_line)):
            self.remember(chunk)
            last = chunk[-1].line
        if (last, *self.reader.mark()) != (batch.checkpoint_line, batch.checkpoint_offset, batch.checkpoint_sha256):
            raise ResumeRefused(
                f"The source changed since import {batch.pk} stopped after line {batch.checkpoint_line:,}: the rows "
                f"already read are different now, so the import can't continue from there. Restore the old file, or "
                f"start again with --restart: posts that are already imported then count as unchanged."
            )

    def remember(self, rows: list[Row]) -> None:
        """Note the identities of rows that an earlier attempt has committed."""
        if not rows:
            return
        refused = self.batch.issues.filter(
            kind=ImportIssue.Kind.REFUSED, line__range=(rows[0].line, rows[-1].line)
        ).values_list("line", flat=True)
        passed = set(refused)
        lines: dict[str, int] = {}
        for row in rows:
            if row.identity and row.line not in passed and not row.skip_reason and not row.problem:
                lines.setdefault(canonical_identity(row.identity), row.line)
        self.seen.add(lines)

    def _one_ahead(self, rows: Iterator[Row]) -> abc.Generator["_Chunk"]:
        """Yield _Chunks. While the database writes one, the next is validated, and the one after it may be read."""
        encode = None if self.dry_run else encoder_for(connection)
        with (
            ThreadPoolExecutor(1, thread_name_prefix="alphanode-read") as reading,
            Checker(self.batch, only_new=self.only_new, encode=encode) as checker,
        ):
            chunk = ahead = None
            sizes = self._sizes()
            while True:
                coming = None
                if ahead:
                    read, mark, position = ahead.result()
                else:
                    read, mark, position = self._read(rows, self._most_rows(chunk) if self.limited else next(sizes))
                ahead = None
                if read:
                    known = known_line_hashes(read)
                    paused = holds_of_paused(self.batch)
                    more = self._has_much_more(read, position)
                    checked = checker.submit(read, known, paused=paused, more=more)
                    coming = _Chunk(read, mark, position, checked)
                    # A pipe could let it wait for ever, and a limit depends on what is written until then.
                    if more and self.reader.reads_ahead and self.source.path and not self.limited:
                        ahead = reading.submit(self._read, rows, next(sizes))
                if chunk:
                    yield chunk
                if not coming:
                    return
                chunk = coming

    def _sizes(self) -> Iterator[int | None]:
        """Yield how many rows the next chunk may have; None: any number.

        Nothing is written while the first chunk is checked, so that of a long import is short. A chunk is written in
        twice the time in which it is checked.
        """
        rows = FIRST_ROWS
        while self._has_much_more([], self.reader.position()) and rows < CHUNK_ROWS[connection.vendor]:
            yield rows
            rows *= 2
        while True:
            yield None

    def _read(self, rows: Iterator[Row], most: int | None) -> tuple[list[Row], tuple[int, str], int]:
        """Return the next rows with the mark and the position of the reader behind them."""
        read = next_chunk(rows, most=most)
        return read, self.reader.mark(), self.reader.position()

    def _has_much_more(self, read: list[Row], position: int) -> bool:
        """Return whether many rows are likely to follow those that were read last."""
        if self.source.size is None:
            return len(read) >= CHUNK_ROWS[connection.vendor]
        return self.source.size - position > BYTES_FOR_CHILD

    def _most_rows(self, before: "_Chunk | None") -> int | None:
        """Return how many rows the limit allows in the next chunk; None: any. before: one that is not written."""
        room = room_of(self.limited) if self.limited else None
        return None if room is None else max(1, room - len(before.rows if before else ()))

    def _take(self, chunk: "_Chunk") -> None:
        """Plan one chunk and write it with its checkpoint."""
        batch = self.batch
        incoming, refused = chunk.checked()
        if self.dry_run:
            samples = [sample_of(item) for item in incoming if isinstance(item, Incoming)]
            batch.samples += samples[: SAMPLES - len(batch.samples)]
        if self.max_errors is not None and batch.refused + len(refused) > self.max_errors:
            self.report(refused)
            raise TooManyRefused(
                batch,
                f"{batch.refused + len(refused):,} rows are refused, more than the limit of {self.max_errors:,}. "
                f"Nothing after line {batch.checkpoint_line:,} was written.",
            )
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.shield():
                    plan, first_lines, columns = self._write(chunk, incoming, refused)
                break
            except BacklogFull as full:
                message = f"{WAITS}, after line {batch.checkpoint_line:,}. {full}"
                raise ImportStopped(batch, message) from None
            except (IntegrityError, OperationalError) as error:
                if attempt == ATTEMPTS or not may_pass(error):
                    raise
        self._set(**columns)
        self.seen.add(first_lines)
        self.report(plan.issues)

    def report(self, issues: list[ImportIssue]) -> None:
        """Tell whoever wants to know of rows that were not taken as they came."""
        if self.on_issue:
            for issue in issues:
                self.on_issue(issue)

    def _write(
        self, chunk: "_Chunk", incoming: list[Incoming | Settled], refused: list[ImportIssue]
    ) -> tuple[ChunkPlan, dict[str, int], dict[str, Any]]:
        with transaction.atomic() if not self.dry_run else contextlib.nullcontext():
            plan, first_lines = plan_chunk(
                self.batch,
                chunk.rows,
                incoming,
                refused,
                self.seen,
                only_new=self.only_new,
                lock=not self.dry_run,
                unstated_site=self.reader.unstated_site,
            )
            columns = self._columns_after(plan, chunk)
            if self.dry_run:
                self.links.add(plan)
            if self.limited and not self.dry_run:
                claim_room(self.limited, plan.new_pending)
            if not self.dry_run:
                write_plan(plan)
                move_checkpoint(self.batch, columns)
        return plan, first_lines, columns

    def _columns_after(self, plan: ChunkPlan, chunk: "_Chunk") -> dict[str, Any]:
        batch = self.batch
        columns = {count: getattr(batch, count) + plan.counts[count] for count in COUNTS}
        if plan.skip_reasons:
            before = batch.skip_reasons
            columns["skip_reasons"] = before | {
                reason: before.get(reason, 0) + count for reason, count in plan.skip_reasons.items()
            }
        return columns | {
            "breakdown": merged_breakdown(batch.breakdown, plan.breakdown),
            "checkpoint_line": chunk.rows[-1].line,
            "checkpoint_offset": chunk.mark[0],
            "checkpoint_sha256": chunk.mark[1],
            "bytes_read": chunk.position,
            "progress_at": timezone.now(),
            "seconds": time.monotonic() - self.began,
        }

    def stop_if_asked(self) -> None:
        """Raise ImportStopped if somebody has asked the run to stop."""
        asked = ImportBatch.objects.filter(pk=self.batch.pk).values_list("stop_requested", flat=True).first()
        if asked:
            raise ImportStopped(self.batch, f"Stopped on request after line {self.batch.checkpoint_line:,}.")


def import_record(batch: ImportBatch, incoming: Incoming, post: Post | None) -> ChunkPlan:
    """Import one checked record in the caller's transaction; return what became of it.

    It goes the way of each row of a file. Its import, `batch`, is stored only once, when it is finished. post: the post
    that it is about, from locked_posts(). Raises BacklogFull, and IntegrityError if a key was taken meanwhile.
    """
    began = time.monotonic()
    row, source_id = incoming.row, incoming.source_id
    item: Incoming | Settled = incoming
    if post is not None and post.import_line_hash == incoming.line_hash:
        item = Settled(row, source_id, "unchanged")
    posts = {} if post is None else {source_id: post}
    plan, _ = plan_chunk(batch, [row], [item], [], NothingSeen(), posts=posts)
    if batch.generator is not None:
        claim_room(batch.generator, plan.new_pending)
    now, size, digest = timezone.now(), len(row.raw), hashlib.sha256(row.raw).hexdigest()
    columns = plan.counts | {
        "breakdown": merged_breakdown({}, plan.breakdown),
        "state": ImportBatch.State.FINISHED,
        "attempts": 1,
        "runner": _this_process(),
        **dict.fromkeys(("started_at", "attempt_at", "progress_at", "finished_at"), now),
        **dict.fromkeys(("source_bytes", "bytes_read", "checkpoint_offset"), size),
        **dict.fromkeys(("source_sha256", "checkpoint_sha256"), digest),
        "checkpoint_line": row.line,
        "seconds": time.monotonic() - began,
    }
    for name, value in columns.items():
        setattr(batch, name, value)
    batch.save(force_insert=True)
    write_plan(plan)
    note("import finished", by=None, detail=f"{batch}: {_counts_of(batch)}")
    return plan


def _counts_of(batch: ImportBatch) -> str:
    return ", ".join(f"{getattr(batch, count)} {count}" for count in COUNTS)


def sample_of(incoming: Incoming) -> dict[str, Any]:
    """Return what a rehearsal shows of a row: its record and its other results."""
    row = incoming.row
    return {
        "line": row.line,
        "label": row.label,
        "held": [HoldReason(hold.reason).label for hold in incoming.holds],
        "former_addresses": list(row.former_slugs),
        "record": incoming.record,
    }


def shortened(value: Any) -> Any:
    """Return a JSON value shortened for display: long texts cut, long lists after their first items."""
    if isinstance(value, str):
        return value if len(value) <= SHOWN_CHARACTERS else f"{value[: SHOWN_CHARACTERS - 1]}…"
    if isinstance(value, list):
        return [shortened(item) for item in value[:SHOWN_ITEMS]] + (["…"] if len(value) > SHOWN_ITEMS else [])
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value


def merged_breakdown(before: dict[str, Any], after: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return two breakdowns as one; kinds beyond the limit are counted together."""
    result: dict[str, dict[str, Any]] = {part: dict(before.get(part, {})) for part in after}
    for part, counts in after.items():
        for name, count in counts.items():
            name = name[:300]
            if name not in result[part] and len(result[part]) >= MAX_LISTED:
                name = "others"
            if part == "kinds":
                kind = result[part].get(name, {})
                result[part][name] = kind | {key: kind.get(key, 0) + number for key, number in count.items()}
            else:
                result[part][name] = result[part].get(name, 0) + count
    return result


@dataclass
class _Chunk:
    """Rows read together, how far the source was read with them, and their check, which runs in parallel."""

    rows: list[Row]
    mark: tuple[int, str]
    position: int
    checked: Callable[[], Checked]


@contextlib.contextmanager
def _calm_collector() -> Iterator[Callable[[], object]]:
    """Switch the garbage collector off, and call it after every CHUNKS_BETWEEN chunks.

    A chunk makes a hundred thousand objects and no cycle; scanning them repeatedly costs a fifth of the time.
    """
    if not gc.isenabled():
        yield lambda: None
        return
    gc.disable()
    try:
        rounds = itertools.cycle(range(CHUNKS_BETWEEN))
        yield lambda: next(rounds) or gc.collect(1)
    finally:
        gc.enable()


@contextlib.contextmanager
def bulk_settings() -> Iterator[None]:
    """Configure the connection for a run of many chunks.

    Commits of chunks don't wait for the disk. If the machine loses power, the last chunks and their checkpoints are
    lost together, and the import continues from there. The last commit of the run waits for the disk, and with it all
    before. PostgreSQL checks references by index: it would read a small table, such as that of imports, for each one.
    SQLite's file is not memory-mapped, because mapped pages count as memory of the process, up to 256 MB.
    """
    if connection.in_atomic_block:  # in a caller's transaction no chunk is committed
        yield
        return
    read, write = ("PRAGMA", "PRAGMA") if connection.vendor == "sqlite" else ("SHOW", "SET")
    with connection.cursor() as cursor:
        before = {}
        for name, value in BULK_SETTINGS[connection.vendor].items():
            cursor.execute(f"{read} {name}")
            before[name] = cursor.fetchone()[0]
            cursor.execute(f"{write} {name} = {value}")
    try:
        yield
    finally:
        with contextlib.suppress(Error), connection.cursor() as cursor:
            for name, value in before.items():
                cursor.execute(f"{write} {name} = {value}")


def write_plan(plan: ChunkPlan) -> None:
    """Write what a chunk does, in the caller's transaction."""
    if plan.batch.generator_id is None:
        plan.generators = known_generators(plan.named_generators)
    writer_for(connection).write(plan)
    conflicts = [issue.post_id for issue in plan.issues if issue.kind == ImportIssue.Kind.CONFLICT]
    if conflicts:
        # A person settles the newest incoming text, once.
        ImportIssue.objects.filter(
            post__in=conflicts, kind=ImportIssue.Kind.CONFLICT, resolution=ImportIssue.Resolution.OPEN
        ).update(resolution=ImportIssue.Resolution.OVERTAKEN, resolved_at=timezone.now())
    ImportIssue.objects.bulk_create(plan.issues)


def move_checkpoint(batch: ImportBatch, columns: dict[str, Any]) -> None:
    """Record that a chunk is committed, in the chunk's own transaction.

    Earlier, a killed run would lose the chunk; later, the chunk would be counted twice.
    """
    ImportBatch.objects.filter(pk=batch.pk).update(**columns)


def may_pass(error: Exception) -> bool:
    """Return whether a retry can help: a key was taken meanwhile, or two writers waited for each other."""
    return isinstance(error, IntegrityError) or getattr(error.__cause__, "sqlstate", "") in ("40P01", "40001")


def next_chunk(rows: Iterator[Row], until: int | None = None, most: int | None = None) -> list[Row]:
    """Return the next rows, as many as one transaction takes, or `most`. until: no rows after this line."""
    chunk: list[Row] = []
    size = 0
    limit = CHUNK_ROWS[connection.vendor]
    if most is not None:
        limit = min(limit, most)
    for row in rows:
        chunk.append(row)
        size += len(row.raw)
        if len(chunk) >= limit or size >= CHUNK_BYTES or row.line == until:
            break
    return chunk


def canonical_identity(identity: str) -> str:
    """Return an identity as a record would have it, whether it is acceptable or not."""
    try:
        return canonical_text(identity)
    except ValueError:
        return identity
