"""Opening what an import reads: a file, a gzipped file, or standard input."""

import contextlib
import gzip
import io
import os
import stat
import sys
import zlib

GZIP_MAGIC = b"\x1f\x8b"


class SourceUnreadable(Exception):
    """The source can't be read to its end; the message says what to do."""


@contextlib.contextmanager
def open_source(path):
    """Yield `path` ("-" is standard input) as a buffered binary stream, unpacked if it is gzip by content."""
    try:
        with _open_raw(path) as raw:
            yield gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == GZIP_MAGIC else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceUnreadable(f"{path} is a damaged gzip file ({error}). Fetch it again.") from error
    except OSError as error:
        raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}.") from error


def _open_raw(path):
    if path == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    # A pipe or device in place of a file would make the import wait for ever.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise SourceUnreadable(f"{path} is no regular file. Name a file, or “-” for standard input.")
    return io.BufferedReader(open(path, "rb", buffering=0), buffer_size=1 << 20)
