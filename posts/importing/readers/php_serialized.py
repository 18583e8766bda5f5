"""Values that PHP wrote with serialize(), read as data.

The format is https://www.php.net/manual/function.serialize.php: `N;` `b:1;` `i:5;` `d:0.5;` `s:3:"abc";`
`a:1:{i:0;N;}`. Lengths count bytes. Objects, enumerations and references mean something only to the program that
wrote them; they are never built.
"""

import math
import re
from typing import Any

MAX_DEPTH = 8
MAX_INTEGER = 2**63 - 1

_LOOKS = re.compile(r"N;$|(?:b:[01]|i:[+-]?\d+|d:[^;]+);$|[sSaOCErR]:\d+(?:;|:)", re.ASCII)
_HEAD = re.compile(rb"N;|b:([01]);|i:([+-]?\d{1,20});|d:([^;]{1,40});|s:(\d{1,10}):\"|a:(\d{1,10}):\{")
_FOREIGN = {b"O": "an object", b"C": "an object", b"E": "an enumeration", b"R": "a reference", b"r": "a reference",
            b"S": "an escaped text"}  # fmt: skip


class NotReadable(ValueError):
    """It looks like PHP's format but can't be read as data; the message says why."""


def looks_serialized(text: str) -> bool:
    """Return whether PHP would take `text` for output of serialize()."""
    return len(text) >= 2 and bool(_LOOKS.match(text)) and text.rstrip()[-1] in ";}"


def read_serialized(text: str) -> Any:
    """Return the value in `text`: None, bool, int, float, str, list (keys 0, 1, 2 … in order) or dict.

    Keys of a dict are text. Raises NotReadable for objects, references, wrong lengths, more than MAX_DEPTH levels,
    and trailing text.
    """
    raw = text.strip().encode()
    value, end = _value(raw, 0, 1)
    if end != len(raw):
        raise NotReadable("there is something after its end")
    return value


def _value(raw: bytes, place: int, depth: int) -> tuple[Any, int]:
    head = _HEAD.match(raw, place)
    if not head:
        foreign = _FOREIGN.get(raw[place : place + 1]) if raw[place + 1 : place + 2] == b":" else None
        raise NotReadable(
            f"it contains {foreign}" if foreign else f"its lengths are wrong, or it is cut off (byte {place:,})"
        )
    truth, whole, fraction, length, count = head.groups()
    place = head.end()
    if truth:
        return truth == b"1", place
    if whole:
        if abs(int(whole)) > MAX_INTEGER:
            raise NotReadable("it contains a number of more than 64 bits")
        return int(whole), place
    if fraction:
        return _fraction(fraction), place
    if length:
        return _text(raw, place, int(length))
    return _array(raw, place, int(count), depth) if count else (None, place)


def _fraction(raw: bytes) -> float:
    try:
        value = float(raw)
    except ValueError:
        raise NotReadable("it contains an invalid number") from None
    if not math.isfinite(value):
        raise NotReadable("it contains a number that is not finite")
    return value


def _text(raw: bytes, place: int, length: int) -> tuple[str, int]:
    end = place + length
    if raw[end : end + 2] != b'";':
        raise NotReadable(f"its lengths are wrong, or it is cut off (byte {place:,})")
    try:
        return raw[place:end].decode(), end + 2
    except UnicodeDecodeError:
        raise NotReadable(f"its lengths are wrong (byte {place:,})") from None


def _array(raw: bytes, place: int, count: int, depth: int) -> tuple[list[Any] | dict[str, Any], int]:
    if depth > MAX_DEPTH:
        raise NotReadable(f"it is nested more than {MAX_DEPTH} levels deep")
    pairs = {}
    for _ in range(count):
        key, place = _value(raw, place, depth + 1)
        if type(key) not in (int, str):
            raise NotReadable("a key is neither a number nor a text")
        pairs[key], place = _value(raw, place, depth + 1)
    if raw[place : place + 1] != b"}":
        raise NotReadable(f"its lengths are wrong, or it is cut off (byte {place:,})")
    if list(pairs) == list(range(len(pairs))):
        return list(pairs.values()), place + 1
    return {str(key): value for key, value in pairs.items()}, place + 1
