"""One large file of JSON Lines, imported by several processes at once, with the end that one process would reach.

This process reads the file and deals out its chunks; forked writers check and write them, each on a connection of its
own. A chunk waits while another one is being written that it could get in the way of: one with a row of the same
identity, or with an address that could collide. A chunk that is written before an earlier one stands in
`ImportBatch.parts` until the checkpoint reaches it, so that a killed run continues with exactly the chunks that are
missing.
"""

import contextlib
import gc
import os
import re
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from pydantic_core import from_json

from posts.importing.generators import holds_of_paused
from posts.importing.locks import parts_lock
from posts.importing.own_pipe import close_all_but, receive, send
from posts.importing.pipeline import (
    ATTEMPTS,
    ImportRun,
    ImportStopped,
    OnChunk,
    ResumeRefused,
    bulk_settings,
    canonical_identity,
    import_source,
    may_pass,
    merged_breakdown,
    next_chunk,
    write_plan,
)
from posts.importing.plan import ChunkPlan, known_line_hashes, plan_chunk, validated
from posts.importing.readers.base import Row
from posts.importing.seen import SeenIds
from posts.importing.sources import Source
from posts.importing.writers import encoder_for
from posts.models import ImportBatch, ImportIssue
from posts.models.import_batch import COUNTS
from posts.operations.slugs import wished_slug

MOST_SHARDS = 16
# What posts.operations.slugs adds to an address that is taken.
_ADDED = re.compile(r"(?:-(?:[2-9]|[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{64}))+$")
# The beginning that it never cuts.
_KEPT = 60
LOST = "One of its processes ended unexpectedly."


class CannotSplit(Exception):
    """Tell why an import can't be split, in the message."""


def import_in_shards(source: Source, shards: int, **options: Any) -> ImportBatch:
    """Import `source` by so many writers; return the ImportBatch. For options see import_source().

    Raises CannotSplit too.
    """
    if connection.vendor != "postgresql":
        raise CannotSplit("SQLite has one writer at a time, so --shards needs PostgreSQL.")
    if not source.path or source.is_folder or options.get("format", "jsonl") != "jsonl":
        raise CannotSplit("Only a file of JSON Lines can be split.")
    if options.get("dry_run") or options.get("max_errors") is not None:
        raise CannotSplit("--dry-run and --max-errors need one process: leave --shards out.")
    # Children must not share a connection.
    connection.close()
    with Writers(shards) as writers:
        return import_source(
            source, run_by=lambda *parts, **more: ShardedRun(*parts, writers=writers, **more), **options
        )


@dataclass
class Chunk:
    """Rows that were read together, for one writer.

    after: the last line before them. mark, position: how far the source was read with them. earlier: {identity: line}
    of those that committed rows before them have too.
    """

    rows: list[Row]
    after: int
    mark: tuple[int, str]
    position: int
    earlier: dict[str, int]

    @property
    def last(self) -> int:
        return self.rows[-1].line


class Writers(contextlib.AbstractContextManager["Writers"]):
    """Forked processes that write one chunk after the other."""

    def __init__(self, count: int) -> None:
        self._pipes: list[Connection] = []
        self._pids: list[int] = []
        for _ in range(count):
            ours, theirs = Pipe()
            if not (pid := os.fork()):
                _write_until_the_end(theirs)
            theirs.close()
            self._pipes.append(ours)
            self._pids.append(pid)

    def __len__(self) -> int:
        return len(self._pipes)

    def send(self, number: int, message: Any) -> None:
        with contextlib.suppress(OSError):  # the answer that does not come says so
            send(self._pipes[number], message)

    def answer(self) -> tuple[int, Any]:
        """Wait for an answer of any writer; return (its number, the answer), None if it has ended."""
        ready, _, _ = select.select(self._pipes, [], [])
        number = self._pipes.index(ready[0])
        try:
            return number, receive(self._pipes[number])
        except (EOFError, OSError):
            return number, None

    def finish(self) -> None:
        """Wait until they have ended. The chunk that each has begun is written."""
        for pipe in self._pipes:
            pipe.close()
        for pid in self._pids:
            os.waitpid(pid, 0)
        self._pids = []

    def __exit__(self, *exception: object) -> None:
        self.finish()


class ShardedRun(ImportRun):
    """A run that leaves the writing to others."""

    takes_parts = True

    def __init__(self, *parts: Any, writers: Writers, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._writers = writers
        # {writer: the keys of the rows that it is writing}
        self._busy: dict[int, set[str]] = {}

    def bring_in(self, rows: Iterator[Row], on_chunk: OnChunk | None, collect: Callable[[], object]) -> None:
        for number in range(len(self._writers)):
            self._writers.send(number, (self.batch.pk, self.source.path, self.only_new, self.began))
        for _ in range(len(self._writers)):
            self._take_answer(None)
        after = self.batch.checkpoint_line
        while read := next_chunk(rows):
            chunk = Chunk(read, after, self.reader.mark(), self.reader.position(), {})
            if self._is_written(chunk):
                self.remember(read)
            else:
                self._deal(chunk, on_chunk)
            after = chunk.last
            collect()
            self.stop_if_asked()
        while self._busy:
            self._take_answer(on_chunk)
        self.follow()

    def ended(self) -> None:
        # What the writers have begun is a part of the outcome too.
        self._writers.finish()
        self.follow()

    def follow(self) -> None:
        """Read what the writers have stored."""
        names = [*COUNTS, "skip_reasons", "breakdown", "checkpoint_line", "bytes_read", "parts"]
        self.batch.refresh_from_db(fields=names)

    def _is_written(self, chunk: Chunk) -> bool:
        """Return whether an earlier attempt has committed the chunk."""
        part = self.batch.parts.get(str(chunk.after))
        if part is not None and (part["last"], *part["mark"]) != (chunk.last, *chunk.mark):
            raise ResumeRefused(
                f"The source changed since import {self.batch.pk} stopped. Restore the old file, or start again with "
                f"--restart: posts that are already imported then count as unchanged."
            )
        return part is not None

    def _deal(self, chunk: Chunk, on_chunk: OnChunk | None) -> None:
        """Give a chunk to a writer that has nothing to do, once nothing under way can get in its way."""
        keys = {key for row in chunk.rows for key in keys_of(row)}
        # Writers only wait for chunks when they are free: if both sides wrote into full pipes, both would wait.
        while len(self._busy) == len(self._writers) or any(keys & taken for taken in self._busy.values()):
            self._take_answer(on_chunk)
        writer = next(number for number in range(len(self._writers)) if number not in self._busy)
        identities = {canonical_identity(row.identity) for row in chunk.rows if row.identity}
        chunk.earlier = self.seen.first_lines(identities)
        self._writers.send(writer, chunk)
        self._busy[writer] = keys

    def _take_answer(self, on_chunk: OnChunk | None) -> None:
        writer, answer = self._writers.answer()
        if answer is None:
            raise ImportStopped(self.batch, f"{LOST} All complete chunks are imported.")
        first_lines, issues, problem = answer
        if problem:
            raise ImportStopped(self.batch, problem)
        # The first answer only says that it is ready.
        if self._busy.pop(writer, None) is None:
            return
        self.seen.add(first_lines)
        self.report([ImportIssue(batch=self.batch, **issue) for issue in issues])
        if on_chunk:
            self.follow()
            on_chunk(self.batch)


def keys_of(row: Row) -> list[str]:
    """Return what a row may not have in common with another one that is written at the same time."""
    keys = [f"identity {canonical_identity(row.identity)}"] if row.identity else []
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):  # it will be refused
        slug = wished_slug(from_json(row.raw))
        keys.append(f"address {_ADDED.sub('', slug)[:_KEPT]}")
    return keys


# In a writer


def _write_until_the_end(pipe: Connection) -> NoReturn:
    """Write the pieces that come through the pipe until nobody holds its other end; this process never returns."""
    try:
        # The parent decides what a signal means.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        close_all_but(pipe.fileno())
        gc.disable()
        batch_id, path, only_new, began = receive(pipe)
        batch = ImportBatch.objects.get(pk=batch_id)
        with parts_lock(path), SeenIds() as seen, bulk_settings():
            _answer(pipe)
            while True:
                chunk = receive(pipe)
                try:
                    plan, first_lines = _write(batch, chunk, seen, only_new=only_new, began=began)
                except Exception as error:  # the parent reports it
                    said = str(error).strip().partition("\n")[0]
                    _answer(pipe, problem=f"The import stopped: {type(error).__name__}: {said}")
                else:
                    _answer(pipe, first_lines, plan.issues)
                gc.collect(1)
    finally:
        # The server ends the session and its locks with the connection.
        os._exit(0)


def _answer(
    pipe: Connection, first_lines: dict[str, int] | None = None, issues: Iterable[ImportIssue] = (), problem: str = ""
) -> None:
    names = ("kind", "line", "first_line", "problems", "label")
    told = [{name: getattr(issue, name) for name in names} for issue in issues]
    send(pipe, (first_lines or {}, told, problem))


def _write(
    batch: ImportBatch, chunk: Chunk, seen: SeenIds, *, only_new: bool, began: float
) -> tuple[ChunkPlan, dict[str, int]]:
    """Check the rows of a chunk and write them with their part of the checkpoint, in one transaction."""
    seen.add(chunk.earlier)
    incoming, refused = validated(
        batch, chunk.rows, known_line_hashes(chunk.rows), only_new=only_new, paused=holds_of_paused(batch),
        encode=encoder_for(connection),
    )  # fmt: skip
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                plan, first_lines = plan_chunk(batch, chunk.rows, incoming, refused, seen, only_new=only_new)
                write_plan(plan)
                note_part(batch.pk, chunk, plan, began)
            break
        except (IntegrityError, OperationalError) as error:
            if attempt == ATTEMPTS or not may_pass(error):
                raise
    seen.add(first_lines)
    return plan, first_lines


def note_part(batch_id: int, chunk: Chunk, plan: ChunkPlan, began: float) -> None:
    """Record that a chunk is committed, in its own transaction; move the checkpoint as far as nothing is missing."""
    # What refers to other rows is checked now and not in the commit, for which the others would wait here.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    batch = ImportBatch.objects.select_for_update(no_key=True).get(pk=batch_id)
    batch.parts[str(chunk.after)] = {
        "last": chunk.last, "mark": list(chunk.mark), "position": chunk.position, "counts": plan.counts,
        "skip_reasons": plan.skip_reasons, "breakdown": plan.breakdown,
    }  # fmt: skip
    while part := batch.parts.pop(str(batch.checkpoint_line), None):
        for name, count in part["counts"].items():
            setattr(batch, name, getattr(batch, name) + count)
        reasons = batch.skip_reasons
        batch.skip_reasons = reasons | {
            reason: reasons.get(reason, 0) + count for reason, count in part["skip_reasons"].items()
        }
        batch.breakdown = merged_breakdown(batch.breakdown, part["breakdown"])
        batch.checkpoint_line, batch.bytes_read = part["last"], part["position"]
        batch.checkpoint_offset, batch.checkpoint_sha256 = part["mark"]
    batch.progress_at, batch.seconds = timezone.now(), time.monotonic() - began
    batch.save(update_fields=_MOVED)


_MOVED = [
    *COUNTS, "skip_reasons", "breakdown", "checkpoint_line", "checkpoint_offset", "checkpoint_sha256", "bytes_read",
    "progress_at", "seconds", "parts",
]  # fmt: skip
