"""Files that arrive by upload or are in a folder of the server, and how long uploads are kept."""

import gzip
import hashlib
import os
import stat
import tempfile
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload, TemporaryFileUploadHandler
from django.utils import timezone

from posts.importing.readers import READERS
from posts.importing.sources import GZIP_MAGIC
from posts.models import ImportBatch

MAX_UPLOAD_BYTES = 200 * 1024 * 1024
# What the API takes in one request. The documented proxy lets as much through.
MAX_PUSH_BYTES = 1024 * 1024 * 1024
HEAD_BYTES = 64 * 1024
LISTED_FILES = 200


class FileRefused(Exception):
    """The file can't be used; the message says why and what to do."""


class ImportUpload(TemporaryUploadedFile):
    """A file that is being uploaded into its final folder, so that storing it needs no copy."""

    def __init__(
        self,
        name: str | None,
        content_type: str | None,
        size: int,
        charset: str | None,
        content_type_extra: dict[str, bytes] | None = None,
    ) -> None:
        os.makedirs(settings.IMPORT_UPLOADS, mode=0o700, exist_ok=True)
        file = tempfile.NamedTemporaryFile(suffix=".upload", dir=settings.IMPORT_UPLOADS)  # noqa: SIM115 (closed as one)
        UploadedFile.__init__(self, file, name, content_type, size, charset, content_type_extra)


class CappedUploadHandler(TemporaryFileUploadHandler):
    """Writes every upload to disk as it arrives, at most MAX_UPLOAD_BYTES; no upload uses memory."""

    def new_file(self, *arguments: Any, **options: Any) -> None:
        FileUploadHandler.new_file(self, *arguments, **options)
        self.file = ImportUpload(self.file_name, self.content_type, 0, self.charset, self.content_type_extra)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > MAX_UPLOAD_BYTES:
            self.request.META["alphanode.upload_too_large"] = True  # type: ignore[union-attr]  # it came with one
            raise StopUpload(connection_reset=True)
        super().receive_data_chunk(raw_data, start)


def store_upload(upload: TemporaryUploadedFile) -> Path:
    """Move an uploaded file to its place outside the web root, under a name of ours; return the path.

    Its content decides its format, not its name. Raises FileRefused.
    """
    check_content(upload.temporary_file_path())
    path = Path(settings.IMPORT_UPLOADS) / f"{timezone.now():%Y%m%d}-{uuid.uuid4().hex}"
    # The temporary file is removed with the request; the second name stays.
    os.link(upload.temporary_file_path(), path)
    os.chmod(path, 0o600)
    return path


@dataclass(frozen=True)
class Received:
    """A file that came by the API: where it is, its size in bytes, and its SHA-256 in hex."""

    path: Path
    size: int
    sha256: str


class TooLarge(FileRefused):
    """The file has more bytes than are accepted."""


def receive(pieces: Iterable[bytes], *, most: int = MAX_PUSH_BYTES) -> Received:
    """Store a file while it arrives, with flat memory, and wait until the disk has it. Raises FileRefused.

    What breaks off is removed. `pieces` raises OSError then.
    """
    folder = Path(settings.IMPORT_UPLOADS)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = (folder / f"{timezone.now():%Y%m%d}-{uuid.uuid4().hex}").resolve()
    size, digest = 0, hashlib.sha256()
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for piece in pieces:
                size += len(piece)
                if size > most:
                    raise TooLarge(f"The body has more than {most >> 20:,} MB. Send it in parts.")
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if check_content(path) != "jsonl":
            raise FileRefused("The body is not JSON Lines. Send a record on each line, or one record; gzip is fine.")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Received(path, size, digest.hexdigest())


def check_content(path: str | Path) -> str:
    """Return the format of the file at `path` by its beginning; FileRefused if there is none."""
    if os.path.isdir(path):
        return next(name for name, reader in READERS.items() if reader.takes_folders)
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
        if head.startswith(GZIP_MAGIC):
            with gzip.open(path) as file:
                head = file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise FileRefused(f"The file can't be read: {error}.") from error
    for name, reader in READERS.items():
        if reader.looks_like(head):
            return name
    known = " or ".join(reader.label for reader in READERS.values())
    raise FileRefused(f"The file does not look like {known}. It was not stored.")


def server_files() -> list[tuple[str, int | None]]:
    """Return [(name, bytes)] of the files and folders (bytes: None) that may be imported from IMPORT_DIR.

    Newest first; empty if it is not set.
    """
    if not settings.IMPORT_DIR:
        return []
    try:
        with os.scandir(settings.IMPORT_DIR) as entries:
            found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries if _is_plain(entry)]
    except OSError:
        return []
    found.sort(key=lambda item: item[1].st_mtime, reverse=True)
    return [(name, None if stat.S_ISDIR(state.st_mode) else state.st_size) for name, state in found[:LISTED_FILES]]


def server_file(name: str) -> Path:
    """Return the path of a file or folder of IMPORT_DIR.

    FileRefused for any other `name`: outside the folder, a link, a device.
    """
    path = Path(settings.IMPORT_DIR or "/nowhere") / name
    try:
        is_inside = bool(settings.IMPORT_DIR) and os.path.basename(name) == name and name not in ("", ".", "..")
        if is_inside and "\x00" not in name:
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                check_content(path)
                return path
    except (OSError, ValueError):
        pass
    raise FileRefused("This file is not in the import folder. Choose one from the list.")


def _is_plain(entry: os.DirEntry[str]) -> bool:
    is_one = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
    return is_one and not entry.name.startswith(".")


def remove_old_uploads() -> int:
    """Delete uploads older than IMPORT_UPLOAD_DAYS; return their number.

    A file that an import may still need (waiting, running, or stopped) is kept for the same time again.
    """
    folder = Path(settings.IMPORT_UPLOADS).resolve()
    if not folder.is_dir():
        return 0
    now = timezone.now()
    kept = timedelta(days=settings.IMPORT_UPLOAD_DAYS)
    unfinished = set(
        ImportBatch.objects.filter(
            state__in=[ImportBatch.State.WAITING, ImportBatch.State.RUNNING, ImportBatch.State.STOPPED],
            source_path__startswith=str(folder),
        ).values_list("source_path", flat=True)
    )
    count = 0
    for path in folder.iterdir():
        age = now.timestamp() - path.stat().st_mtime
        if age > kept.total_seconds() * (2 if str(path) in unfinished else 1):
            path.unlink()
            count += 1
    return count
