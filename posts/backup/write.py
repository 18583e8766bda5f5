"""Writes a backup."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

import posts
from posts.backup.engines import PictureRows, check_tools, copy_to
from posts.backup.manifest import DATABASES, PICTURES, BackupError, Manifest, file_digest, picture_digest


def write_backup(folder: Path) -> Manifest:
    """Write a backup of the whole site into a new folder; return its Manifest.

    The folder gets its name when the backup is whole, so it is never a part of one. Raises BackupError.
    """
    if folder.exists():
        raise BackupError(f"{folder} exists already. A backup never overwrites anything: choose another name.")
    if not folder.parent.is_dir():
        raise BackupError(f"The folder {folder.parent} does not exist.")
    check_tools()
    # For its owner alone, as the database is.
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        manifest = _fill(partial)
        manifest.write(partial)
        _store_for_good(partial)
        if folder.exists():
            raise BackupError(f"{folder} was made by somebody else meanwhile.")
        partial.rename(folder)
    except OSError as error:
        raise BackupError(f"The backup can't be written: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _fill(folder: Path) -> Manifest:
    taken_at = timezone.now()
    file = folder / DATABASES[connection.vendor]
    facts, rows = copy_to(file)
    # After the database: a picture is stored before a text can name it, and then never changes.
    pictures, missing = _copy_pictures(rows, folder / PICTURES)
    return Manifest(
        version=posts.__version__,
        engine=connection.vendor,
        taken_at=taken_at.isoformat(timespec="seconds"),
        database=file.name,
        database_bytes=file.stat().st_size,
        database_sha256=file_digest(file),
        facts=facts,
        pictures=pictures,
        missing=missing,
    )


def _copy_pictures(rows: PictureRows, folder: Path) -> tuple[list[str], list[str]]:
    """Copy the files of pictures; return the names of those copied, and of those without a whole file."""
    copied, missing = [], []
    for name, is_used in rows:
        content = _content_of(name)
        if content is not None:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            copied.append(name)
        elif is_used or default_storage.exists(name):
            missing.append(name)
        # Otherwise the background has deleted an unused picture since.
    return copied, missing


def _content_of(name: str) -> bytes | None:
    """Return the content of a stored picture; None if it is not what its name promises."""
    try:
        with default_storage.open(name) as file:
            content: bytes = file.read()
    except FileNotFoundError:
        return None
    return content if hashlib.sha256(content).hexdigest() == picture_digest(name) else None


def _store_for_good(folder: Path) -> None:
    """Wait until everything in a folder is on the disk."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
