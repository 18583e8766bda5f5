"""Checks the rows of an import while the database writes earlier ones: in a child process, else in a thread.

Python runs one thread at a time, so a thread saves only the waits for the database. A child process uses a second
processor, if one is free, but handing over its results costs a tenth of the work. A small import is over before that
pays.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from operator import attrgetter
from typing import Any, NoReturn

from posts.importing.own_pipe import SharedSheet, close_all_but, receive, send
from posts.importing.plan import Incoming, RefusedRow, Settled, checked_rows, completed
from posts.importing.publication import Hold
from posts.importing.readers.base import Row
from posts.importing.writers.rows import Encode, RecordRows
from posts.models import ImportBatch, ImportIssue

# Results are handed over in pieces of so many rows: one whole chunk takes as much memory again, and while it is read
# Python lets no other thread work.
PIECE_ROWS = 50
Verdict = Incoming | Settled | RefusedRow
# {identity: hash of the line imported last} of posts that are known already.
Known = dict[str, str]
Paused = Callable[[str], Iterable[Hold]]
# Returns the Verdict about each row that is not skipped.
Check = Callable[[list[Row], Known], list[Verdict]]
Checked = tuple[list[Incoming | Settled], list[ImportIssue]]


class Checker(contextlib.AbstractContextManager["Checker"]):
    """Checks one chunk after the other. submit() returns at once and gives a function that waits for the result."""

    def __init__(self, batch: ImportBatch, *, only_new: bool, encode: Encode | None = None) -> None:
        self._batch = batch
        self._check: Check = partial(checked_rows, only_new=only_new, encode=encode)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="alphanode-import")
        self._child: _Child | None = None

    def submit(self, rows: list[Row], known: Known, *, paused: Paused, more: bool) -> Callable[[], Checked]:
        """Begin to check a chunk. paused: from holds_of_paused(). more: many others are likely to follow it."""
        if self._child is None and more and _can_fork():
            self._child = _Child(self._check)
        # What the thread does for a child, hand over rows and results, fills the waits for the database too.
        check = self._child.check if self._child else self._check
        verdicts = self._thread.submit(check, rows, known)
        return lambda: completed(self._batch, verdicts.result(), paused)

    def __exit__(self, *exception: object) -> None:
        if self._child is not None:
            self._child.end()
        self._thread.shutdown()
        if self._child is not None:
            self._child.close()


def _can_fork() -> bool:
    """Return whether a child can help. A process with threads must not fork: what they have locked stays locked."""
    if sys.platform != "linux":
        # The libraries of other systems start threads of their own.
        return False
    return threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1 and _has_free_processor()


def _has_free_processor() -> bool:
    """Return whether fewer processes want to run than there are processors, as a mean of the last minute."""
    return os.getloadavg()[0] < (os.cpu_count() or 1)


class _Child:
    """A process that checks rows and does nothing else. It ends with its parent, however that ends."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._is_ended = False
        self._pipe, theirs = Pipe()
        self._sheet = SharedSheet()
        self._pid = os.fork()
        if self._pid == 0:
            _check_until_the_end(theirs, self._sheet, check)
        theirs.close()

    def check(self, rows: list[Row], known: Known) -> list[Verdict]:
        """Return what the function in the child returns for a chunk; to be called by one thread."""
        try:
            send(self._pipe, ([_OF_ROW(row) for row in rows], known))
            sizes = receive(self._pipe)
        except (EOFError, OSError):
            sizes = None
        if sizes is not None:
            found: list[Verdict] = []
            for some in self._sheet.read(sizes):
                found += [_unpacked(rows[at], kind, parts) for at, kind, *parts in some]
            return found
        # The system ended it, or the check itself failed. The same here says why, or helps.
        return [] if self._is_ended else self._check(rows, known)

    def end(self) -> None:
        """End it, with the chunk that it may be checking."""
        self._is_ended = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def close(self) -> None:
        """Close what led to it, once nobody uses it any more."""
        self._pipe.close()
        self._sheet.close()


def _check_until_the_end(pipe: Connection, sheet: SharedSheet, check: Check) -> NoReturn:
    """Check what comes through the pipe until nobody holds its other end; this process never returns.

    A result goes to the sheet, in pieces, and their sizes go through the pipe.
    """
    try:
        # The parent decides what a signal means.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        close_all_but(pipe.fileno(), sheet.number)
        while True:
            sent, known = receive(pipe)
            try:
                rows = [Row(*parts) for parts in sent]
                found = _parts(rows, check(rows, known))
                sizes = sheet.write(found[at : at + PIECE_ROWS] for at in range(0, len(found), PIECE_ROWS))
            except Exception:  # the parent meets it again, and reports it
                sizes = None
            send(pipe, sizes)
    finally:
        # Nothing of the parent may be ended here: no connection, no temporary file.
        os._exit(0)


def _parts(rows: list[Row], verdicts: list[Verdict]) -> list[tuple[Any, ...]]:
    """Return (place of its row, place of its kind in _KINDS, what else it has …) of each verdict."""
    places = {id(row): at for at, row in enumerate(rows)}
    return [(places[id(verdict.row)], _KINDS.index(type(verdict)), *_parts_of(verdict)) for verdict in verdicts]


def _parts_of(verdict: Verdict) -> tuple[Any, ...]:
    """Return what makes a verdict beside its row, which the parent has."""
    if isinstance(verdict, Incoming):
        others = (getattr(verdict, name) for name in _OF_INCOMING)
        return (verdict.row.warnings, verdict.rows.packed(), *others)
    return tuple(verdict[1:])


# Names of classes would cost more to hand over than what they stand for.
_KINDS: tuple[type[Any], ...] = (Incoming, Settled, RefusedRow)
_OF_ROW = attrgetter(*(field.name for field in fields(Row)))
_OF_INCOMING = ("line_hash", "source_id", "fingerprint", "holds", "links")


def _unpacked(row: Row, kind: int, parts: list[Any]) -> Verdict:
    if _KINDS[kind] is Incoming:
        row.warnings, packed, line_hash, source_id, *others = parts
        return Incoming(row, line_hash, source_id, RecordRows.unpacked(packed), *others)
    verdict: Verdict = _KINDS[kind](row, *parts)
    return verdict
