"""The files of a folder, a zip or a tar archive, one after the other. Nothing is ever unpacked to disk.

An archive is checked as a whole first: too many files or bytes refuse all of it. A problem with one file is reported
for that file, and the rest is read. Formats: PKWARE's APPNOTE.TXT for zip (through zipfile), POSIX.1-2001 pax and GNU
tar for tar (headers through tarfile.TarInfo).
"""

import contextlib
import gzip
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from posts.importing.sources import GZIP_MAGIC, Source, SourceUnreadable

ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
MAX_ENTRIES = 10_000
MAX_UNPACKED = 1024**3
MAX_RATIO = 100
# Below this size any ratio is allowed.
RATIO_ALLOWANCE = 64 * 1024
# The list of files at the end of a zip: 46 bytes and the name for each.
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
MAX_TAR_HEADER = 64 * 1024
TAR_BLOCK = 512


@dataclass(slots=True)
class Entry:
    """A file of a source. path: inside of it, with slashes. problem: why it can't be read, else ""."""

    path: str
    size: int = 0
    problem: str = ""
    is_link: bool = False
    is_folder: bool = False  # a folder that is skipped
    read: Callable[[int], bytes] = lambda limit: b""  # at most so many bytes; may raise EntryUnreadable


class EntryUnreadable(Exception):
    """One file can't be read; the message says why."""


class Entries:
    """The entries of a source.

    name: the source's name at the start of paths. is_named_by_file: this is the archive's name, because it has no top
    folder. position(): bytes read of it.
    """

    def __init__(
        self,
        name: str,
        entries: Iterable[Entry],
        position: Callable[[], int] = lambda: 0,
        *,
        is_named_by_file: bool = False,
    ) -> None:
        self.name, self._entries, self.position = name, entries, position
        self.is_named_by_file = is_named_by_file

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)


@contextlib.contextmanager
def open_entries(
    source: Source, *, is_text: Callable[[str], bool], passes_by: Callable[[str], bool] = lambda path: False
) -> Iterator[Entries]:
    """Yield the Entries of a Source: a folder, .zip, .tar, .tar.gz, or one file that is_text(name).

    passes_by(path): whether to skip a folder. Raises SourceUnreadable for anything else or beyond a limit.
    """
    if not source.path:
        raise SourceUnreadable("Markdown is read from a folder, an archive or a file. Name one instead of “-”.")
    stem = os.path.basename(source.name.rstrip("/"))
    stem = re.sub(r"\.(zip|tar|tgz|tar\.gz)$", "", stem, flags=re.IGNORECASE) or "site"
    if source.is_folder:
        yield Entries(stem, _folder_entries(source.path, passes_by))
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(source.path, "rb"))
            head = file.read(4)
            file.seek(0)
        except OSError as error:
            raise SourceUnreadable(f"{source.path} can't be read: {error.strerror or error}.") from error
        if head in ZIP_MAGICS:
            archive = stack.enter_context(_opened_zip(file, source.name))
            infos = [info for info in archive.infolist() if not info.is_dir()]
            top = _common_folder([info.filename for info in infos])
            entries = _zip_entries(archive, infos, top, is_text)
            yield Entries(top or stem, entries, file.tell, is_named_by_file=not top)
        elif _is_tar(file):
            top = _checked_tar(file, source.name)
            file.seek(0)
            entries = _tar_entries(_Unpacked(file, source.name), top)
            yield Entries(top or stem, entries, file.tell, is_named_by_file=not top)
        elif is_text(source.name):
            size = os.fstat(file.fileno()).st_size
            yield Entries("", [Entry(os.path.basename(source.name), size, read=file.read)], file.tell)
        else:
            raise SourceUnreadable(f"{source.name} is not a folder, a .zip, a .tar.gz or a Markdown file.")


def inner_path(name: str) -> str | None:
    """Return the path of a name inside an archive, or None if it leads outside."""
    name = name.replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in parts:
        return None
    return "/".join(part for part in parts if part not in ("", "."))


def _common_folder(names: Iterable[str]) -> str:
    """Return the folder that contains everything in an archive, or ""."""
    paths = [path for path in map(inner_path, names) if path]
    tops = {path.partition("/")[0] for path in paths}
    return tops.pop() if len(tops) == 1 and all("/" in path for path in paths) else ""


def _entry(name: str, top: str, **columns: Any) -> Entry:
    """Return an Entry of an archive; a name that leads outside is refused and shown unchanged."""
    path = inner_path(name)
    if path is None:
        return Entry(name.replace("\\", "/"), problem="has a name that leads out of the archive.")
    return Entry(path.removeprefix(f"{top}/") if top else path, **columns)


# Folders


def _folder_entries(root: str, passes_by: Callable[[str], bool]) -> Iterator[Entry]:
    """Yield entries in the order of names, without following links. Uses a stack: folders may nest very deeply."""
    waiting = [""]
    while waiting:
        path = waiting.pop()
        if path and not path.endswith("/"):
            yield _file_entry(root, path)
            continue
        if path and passes_by(path.rstrip("/")):
            yield Entry(path.rstrip("/"), is_folder=True)
            continue
        try:
            with os.scandir(os.path.join(root, path)) as scanned:
                names = [item.name + ("/" if item.is_dir(follow_symlinks=False) else "") for item in scanned]
        except OSError as error:
            yield Entry(path.rstrip("/") or ".", problem=f"can't be opened: {error.strerror}.")
            continue
        waiting += [path + name for name in sorted(names, reverse=True)]


def _file_entry(root: str, path: str) -> Entry:
    place = os.path.join(root, path)
    try:
        state = os.lstat(place)
    except OSError as error:
        return Entry(path, problem=f"can't be read: {error.strerror}.")
    if stat.S_ISLNK(state.st_mode):
        return Entry(path, problem="is a link; links are not followed.", is_link=True)
    if not stat.S_ISREG(state.st_mode):
        return Entry(path, problem="is a pipe or device, not a file.")

    def read(limit: int) -> bytes:
        try:
            # Opened only as a regular file: a pipe in its place would block, and a link would lead elsewhere.
            with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise EntryUnreadable("is no longer a file.")
                return file.read(limit)
        except OSError as error:
            raise EntryUnreadable(f"can't be read: {error.strerror}.") from error

    return Entry(path, state.st_size, read=read)


# Zip


def _opened_zip(file: BinaryIO, name: str) -> zipfile.ZipFile:
    """Return the ZipFile of a file whose directory is within the limits."""
    # Checked first, because zipfile reads the whole list into memory.
    size = os.fstat(file.fileno()).st_size
    tail_size = min(size, 65557)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise SourceUnreadable(f"{name} is a damaged zip archive. Download it again.")
    count, directory_size = struct.unpack("<HL", tail[at + 10 : at + 16])
    if count > MAX_ENTRIES or directory_size > MAX_DIRECTORY_BYTES:
        raise SourceUnreadable(_too_many(name))
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError) as error:
        raise SourceUnreadable(f"{name} is a damaged zip archive ({error}). Download it again.") from error
    if len(archive.infolist()) > MAX_ENTRIES:
        raise SourceUnreadable(_too_many(name))
    return archive


def _zip_entries(
    archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], top: str, is_text: Callable[[str], bool]
) -> Iterator[Entry]:
    taken = 0
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        problem = ""
        if stat.S_ISLNK(kind):
            problem = "is a link; links are not followed."
        elif kind and not stat.S_ISREG(kind):
            problem = "is a pipe or device, not a file."
        elif info.flag_bits & 0x1:
            problem = "is encrypted. Pack it without a password."
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            problem = "is compressed with an unsupported method. Use deflate, the default of zip."
        elif info.file_size > RATIO_ALLOWANCE and info.file_size > MAX_RATIO * info.compress_size:
            problem = f"unpacks to more than {MAX_RATIO} times its size."
        entry = _entry(info.filename, top, size=info.file_size, problem=problem, is_link=stat.S_ISLNK(kind))
        if not entry.problem and is_text(entry.path):
            # Files of a zip may overlap, so their unpacked size is counted.
            taken += info.file_size
            if taken > MAX_UNPACKED:
                raise SourceUnreadable(_too_large(archive.filename or "The archive"))
            entry.read = _zip_read(archive, info)
        yield entry


def _zip_read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        try:
            with archive.open(info) as file:
                return file.read(limit)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
            ValueError,
        ) as error:
            raise EntryUnreadable(f"is damaged in the archive: {error}.") from error

    return read


# Tar


class _Unpacked:
    """The bytes of a tar archive, unpacked if it is gzip, up to MAX_UNPACKED."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._name = name
        self._given = 0
        is_gzip = file.read(2) == GZIP_MAGIC
        file.seek(0)
        self._file = gzip.GzipFile(fileobj=file) if is_gzip else file

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        try:
            piece = self._file.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceUnreadable(f"{self._name} is a damaged archive ({error}). Download it again.") from error
        self._given += len(piece)
        if self._given > MAX_UNPACKED:
            raise SourceUnreadable(_too_large(self._name))
        return piece

    def exactly(self, size: int) -> bytes:
        piece = self.read(size)
        if len(piece) < size:
            raise SourceUnreadable(f"{self._name} ends in the middle of a file. Download it again.")
        return piece

    def skip(self, size: int) -> None:
        while size:
            size -= len(self.exactly(min(size, 1 << 16)))

    def damaged(self, what: str) -> SourceUnreadable:
        return SourceUnreadable(f"{self._name} is a damaged tar archive: {what}. Download it again.")


def _is_tar(file: BinaryIO) -> bool:
    try:
        head = gzip.GzipFile(fileobj=file).read(TAR_BLOCK) if file.read(2) == GZIP_MAGIC and not file.seek(0) else None
        if head is None:
            file.seek(0)
            head = file.read(TAR_BLOCK)
    except (OSError, EOFError, zlib.error):
        head = b""
    file.seek(0)
    return looks_like_tar(head)


def looks_like_tar(head: bytes) -> bool:
    """Return whether unpacked bytes begin with the header of a tar archive."""
    return head[257:262] == b"ustar"


def _checked_tar(file: BinaryIO, name: str) -> str:
    """Check a whole archive; return the folder that contains everything. Raises SourceUnreadable."""
    stream, names = _Unpacked(file, name), []
    for info, member_name, size in _tar_members(stream):
        stream.skip(_padded(size))
        if not info.isdir():
            names.append(member_name)
        if len(names) > MAX_ENTRIES:
            raise SourceUnreadable(_too_many(name))
    return _common_folder(names)


def _tar_members(stream: _Unpacked) -> Iterator[tuple[tarfile.TarInfo, str, int]]:
    """Yield (TarInfo, name, length) of each member; the caller reads or skips the content, padded to blocks."""
    longer: dict[str, bytes] = {}
    while (block := stream.read(TAR_BLOCK)) and block.strip(b"\0"):
        if len(block) < TAR_BLOCK:
            raise stream.damaged("it ends in the middle of a header")
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError) as error:
            raise stream.damaged(str(error)) from error
        if info.size < 0:
            raise stream.damaged("a file has a negative size")
        if info.type in b"xgLK":
            if info.size > MAX_TAR_HEADER:
                raise stream.damaged(f"a name takes {info.size:,} bytes")
            said = stream.exactly(_padded(info.size))[: info.size]
            if info.type == b"x":
                longer |= _pax_words(said)
            elif info.type == b"L":
                longer["path"] = said.rstrip(b"\0")
            continue
        has_bytes = info.isreg() or info.type not in tarfile.SUPPORTED_TYPES
        try:
            size = int(longer.get("size", info.size)) if has_bytes else 0
        except ValueError as error:
            raise stream.damaged("a size is not a number") from error
        if size < 0:
            raise stream.damaged("a file has a negative size")
        name = longer["path"].decode("utf-8", "surrogateescape") if "path" in longer else info.name
        longer = {}
        yield info, name, size


def _pax_words(said: bytes) -> dict[str, bytes]:
    """Return {keyword: value} of a pax header, whose records are "length keyword=value" and a line end."""
    words = {}
    while said:
        length, _, _ = said.partition(b" ")
        if not length.isdigit() or not 0 < int(length[:9]) <= len(said):
            break
        record, said = said[: int(length)], said[int(length) :]
        keyword, _, value = record[len(length) + 1 : -1].partition(b"=")
        words[keyword.decode("ascii", "replace")] = value
    return words


def _tar_entries(stream: _Unpacked, top: str) -> Iterator[Entry]:
    for info, name, size in _tar_members(stream):
        if info.isdir():
            stream.skip(_padded(size))
            continue
        problem = ""
        if info.issym() or info.islnk():
            problem = "is a link; links are not followed."
        elif info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            problem = "is a pipe, a device or a file with holes."
        left = _padded(size)

        def read(limit: int, size: int = size) -> bytes:
            nonlocal left
            wanted = min(limit, size)
            left -= wanted
            return stream.exactly(wanted)

        yield _entry(name, top, size=size, problem=problem, is_link=info.issym() or info.islnk(), read=read)
        stream.skip(left)


def _padded(size: int) -> int:
    return (size + TAR_BLOCK - 1) // TAR_BLOCK * TAR_BLOCK


def _too_many(name: str) -> str:
    return f"{name} holds more than {MAX_ENTRIES:,} files. Unpack it and import the folder."


def _too_large(name: str) -> str:
    return f"{name} unpacks to more than {MAX_UNPACKED >> 30} GB. Unpack it and import the folder."
