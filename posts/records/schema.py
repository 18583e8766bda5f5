"""The record: one schema for imports, exports, snapshots inside revisions, the API and the admin's checks.

A record is one post as a JSON object. Known keys are typed and checked. Unknown keys, at the top and inside objects,
are kept and come after the known ones. Text is made canonical on input, so that what is stored is what is hashed:
Unicode NFC (UAX #15), LF line ends, no white space at the end of a text or of a line. The two spaces that make a hard
line break in Markdown stay.
"""

import contextlib
import hashlib
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Protocol, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from posts.records.slugs import is_slug

# A post as a dict, as json.loads gives it: the keys of the schema and whatever else it carries.
RecordDict = dict[str, Any]

SCHEMA_VERSION = 1
# Raise it when the same content would hash differently; revisions keep the version with which they were hashed.
CANONICAL_VERSION = 1

MAX_RECORD_BYTES = 1024 * 1024
# Python keeps its lock while it hashes fewer bytes than 2,048.
HASHED_AT_ONCE = 2047
MAX_DEPTH = 16
MAX_IMAGES = 50
# How many problems a refusal names. If there are many, only the beginnings of lists and objects are validated again:
# a record of 1 MiB has room for hundreds of thousands of invalid values, and each takes a thousand bytes to describe.
MAX_PROBLEMS, MANY_PROBLEMS = 50, 1000
LOOKED_AT = 100
MAX_INTEGER = 2**63 - 1

# Claims and counters: changing them changes no text that a person approved. flags.needs_human_review is a claim too;
# posts/models/claims.py says where each is shown.
CLAIMS = ("view_count", "revision", "hash")
OUTSIDE_FINGERPRINT = frozenset({"source_id", "slug", *CLAIMS})
MAX_DIGEST = 128

_LINE_END_SPACE = re.compile(r"[ \t]+(?=\n)")
_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_DIGEST = re.compile(r"[A-Za-z0-9:+/=_-]*")
_SPACE_BEFORE_ZONE = re.compile(r" +(?=[+-]\d\d:?\d\d$|Z$)")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}.*")
_JSON_PLACE = re.compile(r" at line (\d+) column (\d+)$")
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


@dataclass(frozen=True)
class Problem:
    """One problem to fix: `pointer` is a JSON Pointer (RFC 6901, "" is the whole record)."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return problem_sentence(self.pointer, self.message)


def problem_sentence(pointer: str, message: str, *, numbers: bool = True) -> str:
    """Return a problem as a sentence that names the field, such as "title is missing. Add it.".

    numbers: also say which item of a list the problem is about. Without them, rows with the same problem get the same
    sentence.
    """
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    places = [int(part) + 1 for part in parts if part.isdecimal()]
    subject = ".".join(part[:100] for part in parts if not part.isdecimal()) or "The row"
    if numbers and places:
        subject += f" (item {', '.join(map(str, places))})"
    # A reader's own sentence already has a subject.
    if message[:1].islower():
        return f"{subject} {message}"
    return f"{subject}: {message}" if parts else message


class RecordRefused(ValueError):
    """The input is not an acceptable record.

    problems: what is wrong, MAX_PROBLEMS of them at most, then how many more there are. count: the number of all
    problems, if `problems` has only some.
    """

    def __init__(self, problems: list[Problem], count: int = 0) -> None:
        self.problems = problems[:MAX_PROBLEMS]
        if more := max(count, len(problems)) - len(self.problems):
            self.problems.append(Problem("", f"has {more:,} more {'problem' if more == 1 else 'problems'}."))
        super().__init__("; ".join(map(str, self.problems)))


def canonical_text(text: str) -> str:
    """Return `text` in NFC with LF line ends and without trailing white space; refuse NUL and lone surrogates."""
    if "\x00" in text:
        raise PydanticCustomError("text_nul", "contains a NUL character (\\u0000). Remove it.")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise PydanticCustomError(
                "text_surrogate", "contains half of a surrogate pair (\\ud800–\\udfff). Write the whole character."
            ) from None
        text = unicodedata.normalize("NFC", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\n" in text and (" \n" in text or "\t\n" in text):
        text = _LINE_END_SPACE.sub(lambda run: "  " if run[0].endswith("  ") else "", text)
    return text.rstrip()


def _line(text: str) -> str:
    """Return a title, name or reference as one canonical line without direction overrides.

    An override could make the text read as something else.
    """
    text = canonical_text(text)
    if "\n" in text:
        text = " ".join(text.split())
    return text if text.isascii() else _BIDI_CONTROLS.sub("", text)


def _filled(text: str) -> str:
    if not text:
        raise PydanticCustomError("text_empty", "is empty. Enter a text, or remove the item.")
    return text


def _item(text: str) -> str:
    return _filled(canonical_text(text))


def _source_id(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise PydanticCustomError("source_id", "can't contain control characters, or spaces at its beginning or end.")
    return text


def _slug(text: str) -> str:
    if text and not is_slug(text):
        raise PydanticCustomError(
            "slug", "can only have lowercase letters, digits and single hyphens, for example safe-job-retries."
        )
    return text


def _image_url(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise PydanticCustomError("image_url", "must be an http or https address, for example https://host/a.jpg.")
    if not url.isprintable() or " " in url:
        raise PydanticCustomError("image_url", "can't contain spaces or control characters. Percent-encode them.")
    return url


def _day(text: str) -> str:
    """Return a day, or the local day of an ISO 8601 timestamp."""
    if text:
        try:
            if _MOMENT.fullmatch(text):
                return datetime.fromisoformat(_SPACE_BEFORE_ZONE.sub("", text)).date().isoformat()
            if date.fromisoformat(text).isoformat() != text:
                raise ValueError
        except ValueError:
            raise PydanticCustomError(
                "day", "must be an existing date, written YYYY-MM-DD. A time may follow, as in 2024-05-06T23:30Z."
            ) from None
    return text


def is_digest(text: str) -> bool:
    """Return whether `text` can be the `hash` of a record: a digest, with the name of its algorithm at most."""
    return len(text) <= MAX_DIGEST and _DIGEST.fullmatch(text) is not None


def _digest(text: str) -> str:
    if not is_digest(text):
        raise PydanticCustomError(
            "digest", "must be a digest: only letters, digits and : + / = _ -, for example sha256:9f86d081884c7d65."
        )
    return text


def _flag(value: bool | int) -> int:
    return int(value)


def canonical_json(value: Any, depth: int = 1) -> Any:
    """Return a JSON value with canonical text in keys and values; refuse what the engines store differently.

    depth: how deep `value` is nested in the record, 1 for a value at the top; at most MAX_DEPTH.
    """
    kind = type(value)
    if kind is str:
        return canonical_text(value)
    if kind is bool or value is None:
        return value
    if kind is int:
        if abs(value) > MAX_INTEGER:
            raise PydanticCustomError("integer_size", "is a whole number of more than 64 bits. Write it as text.")
        return value
    if kind is float:
        if not math.isfinite(value):
            raise PydanticCustomError("not_finite", "is not a finite number. JSON has no NaN and no Infinity.")
        return value
    if depth > MAX_DEPTH:
        raise PydanticCustomError("depth", f"is nested more than {MAX_DEPTH} levels deep. Make it flatter.")
    if kind is list:
        return [_canonical_member(index, item, depth) for index, item in enumerate(value)]
    if kind is dict:
        return _canonical_object(value, depth)
    raise PydanticCustomError("not_json", "is not a JSON value.")


def _canonical_object(value: dict[str, Any], depth: int) -> dict[str, Any]:
    result = {_canonical_member(key, key, depth): _canonical_member(key, item, depth) for key, item in value.items()}
    if len(result) < len(value):
        raise PydanticCustomError("same_key", "has two keys that are the same text. Rename one.")
    return result


def _canonical_member(key: str | int, value: Any, depth: int) -> Any:
    """Return one canonical item of a list or object; add its key to the path of a refusal."""
    try:
        return canonical_json(value, depth + 1)
    except PydanticCustomError as error:
        path = [key, *(error.context or {}).get("path", [])]
        raise PydanticCustomError(error.type, error.message_template, {"path": path}) from None


Text = Annotated[str, AfterValidator(canonical_text)]
Line = Annotated[str, AfterValidator(_line)]
ShortLine = Annotated[str, Field(max_length=100), AfterValidator(_line)]
MediumLine = Annotated[str, Field(max_length=300), AfterValidator(_line)]
Item = Annotated[str, Field(max_length=2000), AfterValidator(_item)]
Flag = Annotated[bool | Annotated[int, Field(ge=0, le=1)], AfterValidator(_flag)]
Score = Annotated[int | float, Field(ge=0, le=100)]
Pixels = Annotated[int, Field(ge=1, le=100_000)]


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


class _Part(BaseModel):
    """Typed keys in the schema's order, then the unknown keys of the object."""

    model_config = ConfigDict(extra="allow", strict=True)
    depth_in_record: ClassVar[int] = 2

    @model_validator(mode="after")
    def _canonical_extra(self) -> Self:
        if extra := self.__pydantic_extra__:
            self.__pydantic_extra__ = _canonical_object(extra, self.depth_in_record)
        return self

    def to_dict(self) -> RecordDict:
        """Return a dict in the schema's order, without empty known keys and with unknown keys at the end."""
        result = {}
        for name, value in self.__dict__.items():
            if not value and _is_empty(value):
                continue
            if isinstance(value, _Part):
                value = value.to_dict()
                if not value:
                    continue
            elif type(value) is list and isinstance(value[0], _Part):
                value = [item.to_dict() for item in value]
            result[name] = value
        if self.__pydantic_extra__:
            result.update(self.__pydantic_extra__)
        return result


class Scores(_Part):
    """The generator's own scores."""

    quality: Score | None = None
    freshness: Score | None = None
    depth: Score | None = None
    clarity: Score | None = None


class RevisionClaim(_Part):
    """What the record says of its own review. It is shown as a claim and makes nothing indexable."""

    status: ShortLine | None = None
    version: ShortLine | None = None
    last_reviewed: ShortLine | None = None


class Flags(_Part):
    """The record's own flags, kept as 0 or 1."""

    ai_generated_style: Flag | None = None
    has_images: Flag | None = None
    image_heavy: Flag | None = None
    needs_human_review: Flag | None = None


class Entity(_Part):
    """A thing that the article is about."""

    depth_in_record: ClassVar[int] = 3
    name: Annotated[str, Field(max_length=300), AfterValidator(_line), AfterValidator(_filled)]
    type: ShortLine | None = None


class ImageRecord(_Part):
    """An image with its source and its caption."""

    depth_in_record: ClassVar[int] = 3
    source: MediumLine | None = None
    url: Annotated[str, Field(max_length=2000), AfterValidator(canonical_text), AfterValidator(_image_url)]
    caption: Annotated[str, Field(max_length=1000), AfterValidator(_line)] | None = None
    alt: Annotated[str, Field(max_length=1000), AfterValidator(_line)] | None = None
    licence: MediumLine | None = None
    width: Pixels | None = None
    height: Pixels | None = None


class Record(_Part):
    """One post in the format of imports and exports. The meta box shows the fields in this order."""

    depth_in_record: ClassVar[int] = 1
    source_id: Annotated[
        str, Field(min_length=1, max_length=200), AfterValidator(canonical_text), AfterValidator(_source_id)
    ]
    reference: Annotated[str, Field(max_length=200), AfterValidator(_line)] | None = None
    title: Annotated[str, Field(max_length=300), AfterValidator(_line), AfterValidator(_filled)]
    slug: Annotated[str, Field(max_length=200), AfterValidator(_slug)] | None = None
    intro: Text | None = None
    body: Annotated[str, AfterValidator(canonical_text), AfterValidator(_filled)]
    topic: MediumLine | None = None
    summary: Text | None = None
    ai_outline: dict[Line, Text] | None = None
    ai_brief: Text | None = None
    stack: list[Item] | None = None
    tools: list[Item] | None = None
    code_language: ShortLine | None = None
    difficulty: ShortLine | None = None
    reading_time: Annotated[int, Field(ge=0, le=100_000)] | None = None
    view_count: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    score: Scores | None = None
    revision: RevisionClaim | None = None
    hash: (
        Annotated[
            str,
            Field(max_length=MAX_DIGEST, json_schema_extra={"pattern": f"^{_DIGEST.pattern}$"}),
            AfterValidator(canonical_text),
            AfterValidator(_digest),
        ]
        | None
    ) = None
    flags: Flags | None = None
    checklist: list[Item] | None = None
    entities: list[Entity] | None = None
    image_sources: Annotated[list[ImageRecord], Field(max_length=MAX_IMAGES)] | None = None
    payload: Annotated[dict[str, Any], AfterValidator(lambda value: _canonical_object(value, 2))] | None = None
    notes: list[Item] | None = None
    published_on: (
        Annotated[
            str,
            Field(
                description="A date, YYYY-MM-DD, or an ISO 8601 timestamp, of which the date is kept as it is written.",
                examples=["2024-05-06", "2024-05-06T23:30:00-07:00"],
            ),
            AfterValidator(_day),
        ]
        | None
    ) = None
    authors: list[Item] | None = None
    tags: list[Item] | None = None
    language: ShortLine | None = None


FIELDS = tuple(Record.model_fields)


def parse_record(line: bytes) -> Record:
    """Return the Record in `line` (bytes of one JSON object, UTF-8); RecordRefused names all its problems."""
    if len(line) > MAX_RECORD_BYTES:
        raise RecordRefused(
            [Problem("", f"is {len(line):,} bytes long; a record can have at most {MAX_RECORD_BYTES:,}.")]
        )
    try:
        return Record.model_validate_json(line)
    except ValidationError as error:
        raise _refused(error, line) from None


def repeats_a_key(line: bytes, quotes: int) -> bool:
    """Return whether an object in a JSON text has a key twice with equal values.

    RecordRefused if the values differ. quotes: how many the parsed record has as JSON. The text is read a second time
    only if it seems to have more keys than the record. A key given twice adds two quotes, and only an escaped quote
    hides one.
    """
    if line.count(b'"') <= quotes and b"\\u0022" not in line:
        return False
    is_repeated = False

    def of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_repeated
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key in made:
                is_repeated = True
                if made[key] != value:
                    message = f"has the key “{key[:80]}” twice, with different values. Keep one of them."
                    raise RecordRefused([Problem("", message)])
            made[key] = value
        return made

    json.loads(line, object_pairs_hook=of_pairs)
    return is_repeated


def validate_record(data: RecordDict) -> Record:
    """Return the Record in `data` (a dict, as json.loads gives it); RecordRefused names all its problems."""
    try:
        record = Record.model_validate(data)
    except ValidationError as error:
        raise _refused(error, data=data) from None
    size = len(json.dumps(record.to_dict(), ensure_ascii=False).encode())
    if size > MAX_RECORD_BYTES:
        raise RecordRefused([Problem("", f"is {size:,} bytes long; a record can have at most {MAX_RECORD_BYTES:,}.")])
    return record


def canonical_bytes(record: RecordDict) -> bytes:
    """Return the bytes that are hashed: the record as JSON with sorted keys, without claims and counts.

    `ai_outline` is hashed as ordered pairs, because its order is content. Source of the idea: RFC 8785.
    """
    content = {key: value for key, value in record.items() if key not in OUTSIDE_FINGERPRINT}
    if "ai_outline" in content:
        content["ai_outline"] = [[key, value] for key, value in content["ai_outline"].items()]
    if "flags" in content:
        flags = {key: value for key, value in content["flags"].items() if key != "needs_human_review"}
        content["flags"] = flags
        if not flags:
            del content["flags"]
    if _is_plain(content):
        with contextlib.suppress(orjson.JSONEncodeError):  # nested too deep, or half of a surrogate pair
            return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return _encode(content).encode()


# What orjson writes with the same bytes as Python's own module. It writes some floats otherwise: 1e+16 as 1e16.
_PLAIN = {str, int, bool, type(None), dict, list}


def _is_plain(value: dict[str, Any]) -> bool:
    """Return whether a JSON value has no floats, and nothing that is not JSON."""
    waiting: list[Any] = [value]
    while waiting:
        node = waiting.pop()
        items = node.values() if type(node) is dict else node
        kinds = set(map(type, items))
        if not kinds <= _PLAIN:
            return False
        if dict in kinds or list in kinds:
            waiting += [item for item in items if type(item) is dict or type(item) is list]
    return True


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def fingerprint_of(record: RecordDict) -> str:
    """Return the SHA-256 (64 hex digits) of a record dict as Record.to_dict() returns it."""
    return digest_in_pieces(hashlib.sha256(), canonical_bytes(record))


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


def digest_in_pieces(digest: _Digest, data: bytes) -> str:
    """Return the digest of `data` in hex, without giving up Python's lock: it would come back late from a thread."""
    for at in range(0, len(data), HASHED_AT_ONCE):
        digest.update(data[at : at + HASHED_AT_ONCE])
    return digest.hexdigest()


def version_parts(version: Any) -> tuple[int, int, int] | None:
    """Return (major, minor, patch) of a plain semantic version, or None for any other text."""
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def record_json_schema() -> dict[str, Any]:
    """Return the format of a record as a JSON Schema (2020-12)."""
    schema = Record.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "AlphaNode record",
        "version": SCHEMA_VERSION,
        **{key: value for key, value in schema.items() if key != "title"},
    }


_MESSAGES_OF_SIZE = {
    "string_too_long": "can have at most {max_length:,} characters.",
    "too_long": "can have at most {max_length:,} items.",
    "string_too_short": "is empty. Enter a text.",
}
_MESSAGES_OF_FIELDS = {
    "/score/": "must be a number from 0 to 100.",
    "/flags/": "must be 1 or 0, true or false.",
}
_MESSAGES_OF_RANGE = {
    "greater_than_equal": "must be at least {ge}.",
    "less_than_equal": "must be at most {le:,}.",
}
_MESSAGES = {
    "missing": "is missing. Add it.",
    "string_type": "must be text, in double quotes.",
    "string_unicode": "contains half of a surrogate pair (\\ud800–\\udfff). Write the whole character.",
    "int_type": "must be a whole number, without quotes.",
    "int_from_float": "must be a whole number, without a decimal part.",
    "int_parsing_size": "is too long for a number. Write it as text.",
    "float_type": "must be a number, without quotes.",
    "bool_type": "must be 1 or 0, true or false.",
    "list_type": "must be a list: […].",
    "dict_type": "must be an object: {…}.",
    "model_type": "must be an object: {…}.",
    "model_attributes_type": "must be an object: {…}.",
    "finite_number": "is not a finite number. JSON has no NaN and no Infinity.",
}


def _where(reason: str, line: bytes) -> str:
    """Return a parser's message with the position: the character, and the line if there are several."""
    match = _JSON_PLACE.search(reason)
    if match is None:
        return reason
    row, column = int(match[1]), int(match[2])
    lines = line.split(b"\n")
    column = len(lines[row - 1][:column].decode(errors="replace")) if row <= len(lines) else column
    of_record = f"line {row:,} of the record, " if len(lines) > 1 else ""
    return f"{reason[: match.start()]} ({of_record}character {column:,})"


def _refused(error: ValidationError, line: bytes = b"", data: RecordDict | None = None) -> RecordRefused:
    """Return the RecordRefused for pydantic's error about a line of JSON, or about a parsed value."""
    count = error.error_count()
    if count <= MANY_PROBLEMS:
        return RecordRefused(_problems(error, line))
    value = json.loads(line) if data is None else data
    try:
        Record.model_validate({key: _beginning_of(part) for key, part in value.items()})
    except ValidationError as part_of_it:
        return RecordRefused(_problems(part_of_it), count)
    message = f"has {count:,} wrong values, all of them after the first {LOOKED_AT} of a list."
    return RecordRefused([Problem("", message)])


def _beginning_of(value: Any) -> Any:
    if type(value) is list:
        return value[:LOOKED_AT]
    return dict(list(value.items())[:LOOKED_AT]) if type(value) is dict else value


def _problems(error: ValidationError, line: bytes = b"") -> list[Problem]:
    """Return pydantic's errors as Problems, in words for authors."""
    problems: dict[str, Problem] = {}
    for item in error.errors(include_url=False, include_input=False):
        # A union adds the names of its branches to the path; they mean nothing to an author.
        path = [part for part in item["loc"] if isinstance(part, int) or not part.startswith(_UNION_PARTS)]
        path += item.get("ctx", {}).get("path", [])
        pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
        problems.setdefault(pointer, Problem(pointer, _message_of(item, pointer, line)))
    return list(problems.values())


def _message_of(item: ErrorDetails, pointer: str, line: bytes) -> str:
    kind, limits = item["type"], item.get("ctx", {})
    if kind == "json_invalid":
        message = f"is not JSON: {_where(limits.get('error', 'it cannot be read'), line)}."
        if "hex escape" in message:
            message += " A \\u escape is incomplete, or is half of a surrogate pair. Write the whole character."
        return message
    if kind in _MESSAGES_OF_SIZE:
        return _MESSAGES_OF_SIZE[kind].format(**limits)
    if field := next((field for field in _MESSAGES_OF_FIELDS if pointer.startswith(field)), None):
        return _MESSAGES_OF_FIELDS[field]
    if kind in _MESSAGES_OF_RANGE:
        return _MESSAGES_OF_RANGE[kind].format(**limits)
    if not pointer and kind in {"model_type", "model_attributes_type"}:
        return "is JSON, but not a record: a record is an object {…}."
    return _MESSAGES.get(kind, item["msg"])


_UNION_PARTS = ("constrained-", "function-after", "bool", "int", "float", "[key]")
