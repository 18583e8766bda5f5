"""What the pipeline asks of every format."""

import hashlib
from dataclasses import dataclass

from posts.records import Problem, parse_record, validate_record


@dataclass(slots=True)
class Row:
    """One row of a source, in the order of the source."""

    line: int  # from 1, and growing: the line of a file, the number of an item
    raw: bytes  # what is kept for repair if the row is not taken; equal bytes are an equal row
    identity: str | None = None  # the source_id that the row seems to give; nothing is checked yet
    record: dict | None = None  # the record that the row means; None: `raw` is a record in JSON
    problem: Problem | None = None  # set when the row can't even be read; `raw` then holds its beginning
    is_cut: bool = False  # `raw` is only the beginning
    skip_reason: str = ""  # set when the row is understood and means no post
    label: str = ""  # where it stands, if its number says too little (a path inside an archive)
    held: bool = False  # the source says that it was not public: nothing of it is, before a person releases it
    former_slugs: tuple[str, ...] = ()  # addresses that lead to it

    def parse(self):
        """The checked Record of this row; raises RecordRefused."""
        return parse_record(self.raw) if self.record is None else validate_record(self.record)


class Reader:
    """Reads one source from its beginning. Subclasses set `format` and `label` and write `rows` and `looks_like`.

    A resumed run reads the source again up to the checkpoint and compares `mark`; so `rows` must give the same rows
    for the same bytes, and must read no further ahead than it needs for the row that it yields.
    """

    format = ""
    label = ""

    def __init__(self, stream):
        self.stream = HashedStream(stream)

    def rows(self):
        """Yield a Row for everything in the source that could be a post, in flat memory."""
        raise NotImplementedError

    def mark(self):
        """(bytes read so far, SHA-256 of them in hex)."""
        return self.stream.offset, self.stream.digest.hexdigest()

    @staticmethod
    def looks_like(head):
        """Whether bytes that begin like `head` may be of this format."""
        raise NotImplementedError


class HashedStream:
    """A binary stream that knows how many bytes were read from it and their SHA-256."""

    def __init__(self, stream):
        self._stream = stream
        self.offset = 0
        self.digest = hashlib.sha256()

    def readline(self, limit=-1):
        return self._noted(self._stream.readline(limit))

    def read(self, size=-1):
        return self._noted(self._stream.read(size))

    def _noted(self, piece):
        self.offset += len(piece)
        self.digest.update(piece)
        return piece
