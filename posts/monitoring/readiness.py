"""Whether this process can serve readers, and what does not work."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection, connections

from posts.db.migration_plan import NeedsPostDeployment, missing_migrations

ANSWER_SECONDS = 0.9
LEAST_FREE_SHARE = 0.05


class NotReady(Exception):
    """A check failed; the text says what is wrong."""


@dataclass(frozen=True)
class Check:
    """One question. for_readers: readers' pages need it. for_writing: saving needs it."""

    name: str
    ask: Callable[[], None]
    for_readers: bool = False
    for_writing: bool = True


@dataclass(frozen=True)
class Readiness:
    """The answers. problems: {name of a check: what is wrong}."""

    problems: dict[str, str]
    is_ready: bool
    is_writable: bool
    names: list[str]

    @property
    def state(self) -> str:
        """One word: ready, degraded or unavailable."""
        return "unavailable" if not self.is_ready else "degraded" if self.problems else "ready"

    def as_json(self) -> dict[str, object]:
        """Return what /readyz answers."""
        return {"state": self.state, "checks": {name: self.problems.get(name, "ok") for name in self.names}}


def readiness() -> Readiness:
    """Ask every check at once, and wait a second at most: what has not answered then counts as a problem."""
    problems = dict.fromkeys((check.name for check in CHECKS), "did not answer in time")
    askers = [
        threading.Thread(target=_ask, args=(check, problems), name=f"readiness {check.name}", daemon=True)
        for check in CHECKS
        if _begin(check)
    ]
    for asker in askers:
        asker.start()
    until = time.monotonic() + ANSWER_SECONDS
    for asker in askers:
        asker.join(max(0.0, until - time.monotonic()))
    found = {name: words for name, words in list(problems.items()) if words}
    return Readiness(
        found,
        is_ready=not any(check.for_readers and check.name in found for check in CHECKS),
        is_writable=not any((check.for_readers or check.for_writing) and check.name in found for check in CHECKS),
        names=[check.name for check in CHECKS],
    )


# The checks that still wait for an answer: probes must not pile up behind a database that hangs.
_waiting: set[str] = set()
_lock = threading.Lock()


def _begin(check: Check) -> bool:
    with _lock:
        if check.name in _waiting:
            return False
        _waiting.add(check.name)
        return True


def _ask(check: Check, problems: dict[str, str]) -> None:
    try:
        check.ask()
        problems[check.name] = ""
    except NotReady as error:
        problems[check.name] = str(error)
    except Exception as error:
        # Without details: they may name hosts and accounts.
        problems[check.name] = f"failed ({type(error).__name__})"
    finally:
        with _lock:
            _waiting.discard(check.name)
        connections.close_all()


def _read_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _write_database() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'")
            if cursor.fetchone()[0]:
                raise NotReady("read-only")
        else:
            path = Path(connection.settings_dict["NAME"])
            cursor.execute("PRAGMA query_only")
            if cursor.fetchone()[0] or not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                raise NotReady("read-only")


_complete_schema = threading.Event()


def _schema() -> None:
    if _complete_schema.is_set():
        return
    try:
        missing = missing_migrations(connection)
    except NeedsPostDeployment as error:
        raise NotReady(str(error)) from None
    if missing:
        raise NotReady(f"{len(missing)} missing; run: manage.py migrate")
    # No version takes migrations back while a process of it serves.
    _complete_schema.set()


def _static_files() -> None:
    has_manifest = isinstance(staticfiles_storage, ManifestFilesMixin)
    if has_manifest and not (settings.STATIC_ROOT / "staticfiles.json").exists():
        raise NotReady("missing; run: manage.py collectstatic --noinput")


def _shared_cache() -> None:
    cache.set("readiness", 1, 10)
    if cache.get("readiness") != 1:
        raise NotReady("does not keep what it is given")


def _upload_disk() -> None:
    folders = [Path(settings.IMPORT_UPLOADS)]
    if isinstance(default_storage, FileSystemStorage):
        folders.append(Path(default_storage.location))
    for folder in folders:
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if not os.access(there, os.W_OK):
            raise NotReady("not writable")
        usage = shutil.disk_usage(there)
        if usage.free < LEAST_FREE_SHARE * usage.total:
            raise NotReady(f"{usage.free / usage.total:.0%} free")


CHECKS = (
    Check("database", _read_database, for_readers=True),
    Check("schema", _schema, for_readers=True),
    Check("static_files", _static_files, for_readers=True),
    Check("database_writable", _write_database),
    Check("shared_cache", _shared_cache, for_writing=False),
    Check("upload_disk", _upload_disk),
)
