"""Restores a backup into an empty place, and keeps the restored site from repeating its past."""

import hashlib
import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from posts.audit.log import note_audit
from posts.backup.engines import ask_here, check_tools, load_from
from posts.backup.manifest import PICTURES, BackupError, Facts, Manifest, facts_of, file_digest, picture_digest
from posts.db.change_log import note_restored
from posts.db.keyset import in_chunks
from posts.models import OutgoingMessage, Revision, ScheduledRelease
from posts.records.schema import CANONICAL_VERSION, fingerprint_of

logger = logging.getLogger("posts.backup")
CHUNK = 500


@dataclass(frozen=True)
class Restored:
    """What settle_past() did: messages held, people signed out, and whether the shared cache was emptied.

    due_plans: the planned releases and withdrawals that a worker carries out as soon as it runs.
    """

    held_messages: int
    sessions: int
    due_plans: int
    is_cache_empty: bool


def restore_backup(folder: Path) -> Manifest:
    """Restore pictures and database of a backup; return its Manifest. The tables are those of its version.

    Refused with BackupError, before anything is written, if the database is not empty or the backup is damaged. Fails
    with BackupError if the restored rows are not those that were backed up.
    """
    manifest = Manifest.read(folder)
    _check(manifest, folder)
    _restore_pictures(manifest, folder / PICTURES)
    load_from(folder / manifest.database)
    if problems := _differences(manifest.facts, facts_of(ask_here, manifest.facts.rows)):
        raise BackupError(f"The restored database differs from the backup: {'; '.join(problems)}. Don't use it.")
    return manifest


def _check(manifest: Manifest, folder: Path) -> None:
    if manifest.engine != connection.vendor:
        raise BackupError(f"This is a backup of {manifest.engine}, and DATABASE_URL names {connection.vendor}.")
    check_tools()
    if connection.introspection.table_names():
        raise BackupError("The database of DATABASE_URL is not empty. Restore into an empty database.")
    # Without a connection, as the tables are not there yet.
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if unknown := sorted(set(manifest.facts.migrations) - known):
        raise BackupError(
            f"Version {manifest.version} made this backup. Install it first: {unknown[-1]} is not known here."
        )
    file = folder / manifest.database
    if not file.is_file() or file_digest(file) != manifest.database_sha256:
        raise BackupError(f"{file} is damaged: its digest is not that of the manifest.")
    for name in manifest.pictures:
        path = folder / PICTURES / name
        if not path.is_file() or file_digest(path) != picture_digest(name):
            raise BackupError(f"{path} is damaged: its content is not what its name says.")


def _restore_pictures(manifest: Manifest, folder: Path) -> None:
    """Store the pictures. One that is there already stays: its name says what is in it."""
    for name in manifest.pictures:
        if default_storage.exists(name):
            with default_storage.open(name) as file:
                if hashlib.sha256(file.read()).hexdigest() == picture_digest(name):
                    continue
            default_storage.delete(name)
        if (stored := default_storage.save(name, ContentFile((folder / name).read_bytes()))) != name:
            default_storage.delete(stored)
            raise BackupError(f"The picture {name} can't be stored under its name.")


def _differences(wanted: Facts, found: Facts) -> list[str]:
    problems = [
        f"{table} has {found.rows[table]:,} rows instead of {rows:,}"
        for table, rows in wanted.rows.items()
        if found.rows[table] != rows
    ]
    if found.migrations != wanted.migrations:
        problems.append("other migrations")
    if found.fingerprints != wanted.fingerprints:
        problems.append("other fingerprints")
    return problems


def settle_past(manifest: Manifest) -> Restored:
    """Keep a restored site from repeating its past. Its tables are those of this version.

    - Messages that were waiting are given up, with the reason: the site may have sent them after the backup. A person
      can send them again.
    - Everybody signs in again: a session may have been ended after the backup.
    - No cached page of the newer database is shown.
    """
    why = f"Held because the site was restored from a backup of {manifest.taken_at}. It may have been sent since."
    with transaction.atomic(durable=True):
        held = OutgoingMessage.objects.waiting().update(parked_at=timezone.now(), last_error=why)
        sessions, _ = Session.objects.all().delete()
        plans = ScheduledRelease.objects.filter(
            state=ScheduledRelease.State.WAITING, due_at__lte=timezone.now()
        ).count()
        note_restored()
        note_audit("site restored", by=None, detail=f"from a backup of {manifest.taken_at}; {held} messages held")
    return Restored(held, sessions, plans, _empty_cache())


def _empty_cache() -> bool:
    try:
        cache.clear()
    except Exception as error:
        # Each backend has its own exceptions. The database is restored all the same.
        logger.warning("The shared cache can't be emptied: %s", error)
        return False
    return True


def fingerprint_problems(sample: int | None = None) -> Iterator[str]:
    """Yield in words each revision whose text does not have its fingerprint; of `sample` at random, None for all."""
    rows = Revision.objects.filter(canonical_version=CANONICAL_VERSION)
    if sample is not None:
        keys = list(rows.values_list("pk", flat=True))
        # Not for secrets.
        rows = rows.filter(pk__among=random.sample(keys, min(sample, len(keys))))
    for chunk in in_chunks(rows.only("pk", "post_id", "snapshot", "fingerprint"), size=CHUNK):
        for revision in chunk:
            if fingerprint_of(revision.snapshot) != revision.fingerprint:
                yield f"revision {revision.pk} of post {revision.post_id}: its text has another fingerprint"
