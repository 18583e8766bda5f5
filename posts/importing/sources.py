"""Opens what an import reads: a file, a gzipped file, a folder, or standard input."""

import contextlib
import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP_MAGIC = b"\x1f\x8b"
# Text compresses ten to thirty times; a far higher ratio is an attack.
MAX_GZIP_RATIO = 250
GZIP_ALLOWANCE = 16 * 1024 * 1024
READ_AT_ONCE = 1 << 20


class SourceUnreadable(Exception):
    """The source can't be read to its end; the message says what to do."""


@dataclass
class Source:
    """An opened source: its name, its bytes, its size and how much of it was read."""

    name: str
    stream: BinaryIO
    size: int | None = None  # size in bytes as stored, compressed or not; None: unknown
    position: Callable[[], int] = lambda: 0  # how many bytes of `size` were read
    path: str = ""  # set if it can be read again from the start, so that a stopped run can continue
    is_folder: bool = False  # then the stream is empty and the reader walks the path


@contextlib.contextmanager
def open_source(path: str, *, name: str | None = None) -> Iterator[Source]:
    """Yield `path` ("-" is standard input) as a Source, unpacked if its content is gzip. A folder stays closed.

    Raises SourceUnreadable, also for errors while the caller reads.
    """
    try:
        if path == "-":
            yield Source(name or "standard input", _unpacked(cast(io.BufferedReader, sys.stdin.buffer)))
        else:
            path = str(Path(path).resolve())
            if os.path.isdir(path):
                yield Source(name or path, io.BytesIO(), path=path, is_folder=True)
                return
            with _open_file(path) as raw:
                size = os.fstat(raw.fileno()).st_size
                yield Source(name or path, _unpacked(raw), size, raw.raw.tell, path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceUnreadable(f"{path} is a damaged gzip file ({error}). Download it again.") from error
    except SourceError as error:
        raise SourceUnreadable(f"{path} can't be read: {error}.") from error.__cause__


class SourceError(OSError):
    """Reading the source failed, not something else that the run touches."""


def _open_file(path: str) -> io.BufferedReader:
    try:
        # A pipe or device in place of a file would block the import for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SourceUnreadable(f"{path} is not a regular file. Name a file, or “-” for standard input.")
        return io.BufferedReader(_File(path), buffer_size=READ_AT_ONCE)
    except OSError as error:
        raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}.") from error


class _File(io.FileIO):
    """A file whose read errors can be told apart from other errors of a run."""

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise SourceError(error.errno, error.strerror) from error


def _unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    return io.BufferedReader(_Gzip(raw), buffer_size=1 << 18) if raw.peek(2)[:2] == GZIP_MAGIC else raw


class _Gzip(io.RawIOBase):
    """gzip, unpacked while it is read, up to MAX_GZIP_RATIO times its packed size."""

    def __init__(self, packed: io.BufferedReader) -> None:
        self._counted = _Counted(packed)
        self._gzip = gzip.GzipFile(fileobj=self._counted)  # type: ignore[call-overload]  # read() is all it needs
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        count: int = self._gzip.readinto(buffer)
        self._given += count
        if self._given > GZIP_ALLOWANCE + MAX_GZIP_RATIO * self._counted.taken:
            raise SourceUnreadable(
                f"The file unpacks to more than {MAX_GZIP_RATIO} times its size. Unpack it and check what it contains."
            )
        return count


class _Counted:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        self.taken += len(piece)
        return piece
