"""Reads records that are canonical already, as nearly all are, without calling Python for each of their texts.

The schema of the record is used with patterns in place of the functions that make text canonical. A pattern matches
only what its function would return unchanged. All else is left to posts.records.schema, which also says what is wrong.
"""

from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Required, Union, get_args, get_origin

from pydantic import AfterValidator, ConfigDict, StringConstraints, TypeAdapter, ValidationError, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from posts.records import schema
from posts.records.schema import MAX_RECORD_BYTES, Record, RecordDict, parse_record

# Characters that are in NFC beside each other (UAX #15): each is itself in NFC, starts a sequence and continues none.
# No control character, no direction control, and no white space but the plain one.
STABLE = (
    r"!-~\u{a1}-\u{2ff}\u{391}-\u{3a1}\u{3a3}-\u{3ce}\u{400}-\u{482}\u{48a}-\u{52f}\u{2010}-\u{2027}\u{2030}-\u{205e}"
    r"\u{20a0}-\u{20bf}\u{2122}\u{2190}-\u{2328}\u{232b}-\u{23ff}\u{2500}-\u{27bf}\u{3001}-\u{3029}\u{3041}-\u{3096}"
    r"\u{30a1}-\u{30fa}\u{4e00}-\u{9fef}\u{ac00}-\u{d7a3}\u{ff01}-\u{ff5e}\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6d2}"
)
_WORDS = rf"[ \t{STABLE}]*[{STABLE}]"
_LINE = rf"^(?:{_WORDS})?$"
# Two spaces at the end of a line break it.
_LINES = rf"^(?:(?:(?:{_WORDS}(?:  )?)?\n)*{_WORDS})?$"

_PATTERN_OF: dict[Any, StringConstraints] = {
    schema.canonical_text: StringConstraints(pattern=_LINES),
    schema._line: StringConstraints(pattern=_LINE),
    schema._item: StringConstraints(pattern=_LINES, min_length=1),
    schema._filled: StringConstraints(min_length=1),
}


def record_in(line: bytes) -> RecordDict:
    """Return the record in `line` (bytes of one JSON object, UTF-8) as a dict; RecordRefused names all its problems."""
    record = clean_record(line) if len(line) <= MAX_RECORD_BYTES else None
    return parse_record(line).to_dict() if record is None else record


def clean_record(line: bytes) -> RecordDict | None:
    """Return what parse_record(line).to_dict() returns, or None if it takes the whole schema to know."""
    try:
        record = _reader().validate_json(line)
        for name, part in _parts():
            if value := record.get(name):
                whole = type(value) is list
                record[name] = [_filled(item, part) for item in value] if whole else _filled(value, part)
        return _filled(record, Record)
    except (ValidationError, PydanticCustomError):
        return None


def _filled(values: dict[str, Any], part: type[schema._Part]) -> dict[str, Any]:
    """Return an object as to_dict() of its part does: without empty known keys, and with canonical unknown ones."""
    known = part.model_fields
    if values.keys() <= known.keys() and all(values.values()):
        return values
    filled = {key: value for key, value in values.items() if key in known and not schema._is_empty(value)}
    unknown = {key: value for key, value in values.items() if key not in known}
    return filled | schema._canonical_object(unknown, part.depth_in_record)


@cache
def _parts() -> list[tuple[str, type[schema._Part]]]:
    """Return (key, part) of the known keys of a record whose values are parts, or lists of parts."""
    return [(name, part) for name, field in Record.model_fields.items() if (part := _part_in(field.annotation))]


def _part_in(hint: Any) -> type[schema._Part] | None:
    if isinstance(hint, type) and issubclass(hint, schema._Part):
        return hint
    return next((part for inner in get_args(hint) if (part := _part_in(inner))), None)


@cache
def _reader() -> TypeAdapter[dict[str, Any]]:
    return TypeAdapter(_typed_dict(Record))


def _typed_dict(part: type[schema._Part]) -> Any:
    """Return a TypedDict with the keys of a part, and patterns in place of its functions for text."""
    hints = {}
    for name, field in part.model_fields.items():
        hint = _clean(Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation)
        hints[name] = Required[hint] if field.is_required() else hint
    made: Any = TypedDict(f"Clean{part.__name__}", hints, total=False)  # type: ignore[misc]  # made while it runs
    return with_config(ConfigDict(extra="allow", strict=True))(made)


def _clean(hint: Any) -> Any:
    if _part_in(hint) is hint and hint is not None:
        return _typed_dict(hint)
    inner = get_args(hint)
    if get_origin(hint) is Annotated:
        return Annotated[(_clean(inner[0]), *map(_clean_note, inner[1:]))]
    if get_origin(hint) in (Union, UnionType):
        return reduce(or_, map(_clean, inner))
    return get_origin(hint)[tuple(map(_clean, inner))] if inner else hint


def _clean_note(note: Any) -> Any:
    return _PATTERN_OF.get(note.func, note) if isinstance(note, AfterValidator) else note
