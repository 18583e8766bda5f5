"""A lock for each source, so that it has one run at a time. The process holds it, so it can't become stale."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from posts.db.pooler import require_own_session
from posts.db.prepared_query import planned_rows
from posts.operations.frame import operating


class AlreadyRunning(Exception):
    """Another process holds the lock of this source."""


@contextlib.contextmanager
def source_lock(name: str) -> Iterator[None]:
    """Hold the lock of the source called `name`; raise AlreadyRunning if another process holds it.

    PostgreSQL: an advisory lock of the session, which ends with the connection. It would exclude nobody behind a
    pooler that shares sessions, so WrongPooler is raised there. SQLite: a lock on a file beside the database, which
    the kernel releases with the process; a killed process leaves only an empty file.
    """
    if connection.vendor == "postgresql":
        require_own_session()
        with _advisory_lock(_key(name)):
            # Writers that a killed run has left behind finish what they have begun.
            _wait_for_parts(name)
            yield
    else:
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
        database = Path(connection.settings_dict["NAME"])
        with _file_lock(database.with_name(f".{database.name}.import-{digest.hex()[:16]}")):
            yield


@contextlib.contextmanager
def parts_lock(name: str) -> Iterator[None]:
    """Hold a lock of one writer of the source, beside other writers, for the session; on PostgreSQL alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(%s)", [_key(f"parts of {name}")])
    yield


def _wait_for_parts(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_key(f"parts of {name}")])
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_key(f"parts of {name}")])


@contextlib.contextmanager
def source_lock_of_operation(name: str) -> Iterator[None]:
    """Hold the same lock for one operation, which begins in it; raise AlreadyRunning if another process holds it.

    On PostgreSQL it is a lock of the operation's transaction, so web processes may take it behind any pooler.
    """
    if connection.vendor == "postgresql":
        with operating():
            if not transaction_lock(name, waits=False):
                raise AlreadyRunning
            yield
    else:
        with source_lock(name), operating():
            yield


def transaction_lock(name: str, *, shared: bool = False, waits: bool = True) -> bool:
    """Hold the lock called `name` until the caller's transaction ends; return whether it is held.

    shared: together with others that share it. waits: False returns at once if another transaction has it. On SQLite
    the transaction itself is the lock: one writes at a time.
    """
    if connection.vendor != "postgresql":
        return True
    call = f"pg_{'' if waits else 'try_'}advisory_xact_lock{'_shared' if shared else ''}"
    rows = planned_rows(connection, f"SELECT {call}(%s)", [_key(name)])
    return waits or bool(rows[0][0])


def _key(name: str) -> int:
    """Return the number that stands for a name among the advisory locks of PostgreSQL."""
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], signed=True)


@contextlib.contextmanager
def _advisory_lock(key: int) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise AlreadyRunning
    held_by = connection.connection
    try:
        yield
    finally:
        # After a lost connection the server has already released the lock; asking through a new one would hide the
        # first error.
        if connection.connection is held_by and not held_by.closed:
            with contextlib.suppress(Exception), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


@contextlib.contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise AlreadyRunning from None
        try:
            # The previous holder may have removed the file between our two calls; then we hold a file that nobody can
            # find.
            is_ours = os.path.samestat(os.fstat(handle), os.stat(path))
        except FileNotFoundError:
            is_ours = False
        if is_ours:
            break
        os.close(handle)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(handle)
