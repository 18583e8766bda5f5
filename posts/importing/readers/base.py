"""The interface of readers, which the pipeline uses."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar

from posts.importing.mapping import Mapping
from posts.importing.publication import Hold
from posts.importing.sources import Source, SourceUnreadable
from posts.records.clean import record_in
from posts.records.schema import Problem, RecordDict, repeats_a_key, validate_record

SAME_KEY_TWICE = "a key that was given twice with the same value was used once"


@dataclass(slots=True)
class Row:
    """One row of a source, in the order of the source."""

    line: int  # from 1, increasing: the line of a file, the number of an item
    raw: bytes  # what is stored for repair if the row is refused; equal bytes are an equal row
    identity: str | None = None  # the source_id that the row seems to have, unchecked
    record: RecordDict | None = None  # the record of the row; None: `raw` is a record in JSON
    problem: Problem | None = None  # set if the row can't be read; then `raw` is its beginning
    is_cut: bool = False  # `raw` is incomplete
    skip_reason: str = ""  # set if the row is understood and is not a post
    label: str = ""  # where it is, if its number says too little (a path inside an archive)
    holds: tuple[Hold, ...] = ()  # how the source says that it is not public; nothing is, before a person releases it
    former_slugs: tuple[str, ...] = ()  # former addresses: slugs, or paths of its old site that begin with /
    kind: str = ""  # its type and status there, for the report: "post, draft"
    warnings: tuple[str, ...] = ()  # what was changed on the way in, in the words of the report
    context: bytes = (
        b""  # what else decides about the record, such as a mapping; unchanged means equal `raw` and equal context
    )
    place: tuple[str, str] | None = None  # (site, path there), where files of a source link to each other
    left_out: dict[str, int] = field(
        default_factory=dict
    )  # what belongs to it and is not stored, counted: {"comments": 3}

    @property
    def held(self) -> bool:
        return bool(self.holds)

    def parse(self) -> RecordDict:
        """Return the checked record of this row as a dict; RecordRefused if it is not one."""
        return record_in(self.raw) if self.record is None else validate_record(self.record).to_dict()

    def check_keys(self, quotes: int) -> None:
        """Refuse a JSON text with two values for one key; note a key that was given twice with the same value.

        quotes: how many its record has as JSON.
        """
        if self.record is None and repeats_a_key(self.raw, quotes):
            self.warnings += (SAME_KEY_TWICE,)


class Reader:
    """Reads one source from its beginning. Subclasses set `format` and `label` and write `rows` and `looks_like`.

    A resumed run reads the source again up to the checkpoint and compares `mark`. So `rows` must yield the same rows
    for the same bytes, and must read no further than it needs for the current row. source: from open_source().
    mapping: a Mapping, for formats with foreign keys.
    """

    format = ""
    label = ""
    takes_folders = False
    # Whether another thread can read while this one writes. It pays where reading is little but hashing.
    reads_ahead = False
    # {foreign key: target} for keys that the mapping file doesn't name. Of two for one field the first counts.
    default_fields: ClassVar[dict[str, str]] = {}

    def __init__(self, source: Source, mapping: Mapping | None = None) -> None:
        if source.is_folder and not self.takes_folders:
            raise SourceUnreadable(f"{source.name} is a folder, and {self.label} takes a file.")
        self.source = source
        self.mapping = (mapping or Mapping()).with_defaults(self.default_fields)
        self.stream = HashedStream(source.stream)

    @property
    def unstated_site(self) -> str | None:
        """None if its identities belong to exactly one site.

        Otherwise the accidental name of the source (a folder, a developer's host), which must not lead to posts of
        another source; "" without even that.
        """
        return None

    def position(self) -> int:
        """Return the bytes of the source read so far, for the progress."""
        return self.source.position()

    def rows(self) -> Iterator[Row]:
        """Yield a Row for everything in the source that could be a post, with flat memory."""
        raise NotImplementedError

    def mark(self) -> tuple[int, str]:
        """Return (bytes read so far, their SHA-256 in hex)."""
        return self.stream.offset, self.stream.sha256()

    @staticmethod
    def looks_like(head: bytes) -> bool:
        """Return whether bytes that begin like `head` may be of this format."""
        raise NotImplementedError


class HashedStream:
    """A binary stream that counts and hashes (SHA-256) the bytes read from it."""

    # Python gives up its lock in every call with more than 2 KB, so hash many lines in few calls.
    HASHED_AT_ONCE = 1 << 20

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.offset = 0
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._size = 0

    def readline(self, limit: int = -1) -> bytes:
        return self._noted(self._stream.readline(limit))

    def read(self, size: int = -1) -> bytes:
        return self._noted(self._stream.read(size))

    def sha256(self) -> str:
        """Return the SHA-256 of all bytes read so far, in hex."""
        self._digest.update(b"".join(self._pieces))
        self._pieces, self._size = [], 0
        return self._digest.hexdigest()

    def _noted(self, piece: bytes) -> bytes:
        self.offset += len(piece)
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= self.HASHED_AT_ONCE:
            self.sha256()
        return piece
