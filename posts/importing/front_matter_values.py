"""JSON and TOML front matter as data."""

import json
import math
import re
import tomllib
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from posts.importing.front_matter_yaml import MAX_DEPTH, MAX_VALUES, FrontMatterRefused, Pair

MAX_BITS = 4096
MAX_KEY_PARTS = 500


def object_noting(repeated: list[str]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """Return a hook for JSON objects that handles repeated keys.

    Keys repeated with the same value are added to `repeated`; keys with two values are refused.
    """

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values:
                if values[key] != value:
                    raise FrontMatterRefused(
                        f"The front matter has the key “{key[:80]}” twice, with different values. Keep one of them."
                    )
                repeated.append(key)
            values[key] = value
        return values

    return made


def json_values(head: str, line: int, repeated: list[str]) -> dict[str, Any]:
    try:
        values = json.loads(head, parse_constant=str, object_pairs_hook=object_noting(repeated))
    except FrontMatterRefused:
        raise
    except json.JSONDecodeError as error:
        raise FrontMatterRefused(
            f"The front matter is not valid JSON: {error.msg} (line {error.lineno + line})."
        ) from None
    except (ValueError, RecursionError):
        raise FrontMatterRefused("The front matter is not valid JSON.") from None
    if not isinstance(values, dict):
        raise FrontMatterRefused("The front matter is JSON, but not an object {…}.")
    return values


def toml_values(head: str, line: int) -> Pair:
    # The cost of Python's parser grows with the square of the parts of a key: a.b.c.
    pieces = re.split(r"[\n=,{}\[\]\"'#]", re.sub(r"[ \t]+", "", head))
    if max(piece.count(".") for piece in pieces) > MAX_KEY_PARTS:
        raise FrontMatterRefused(f"The front matter has a key of more than {MAX_KEY_PARTS} parts.")
    try:
        values = tomllib.loads(head)
    except tomllib.TOMLDecodeError as error:
        reason = re.sub(r"at line (\d+)", lambda match: f"at line {int(match[1]) + line}", str(error))
        raise FrontMatterRefused(f"The front matter is not valid TOML: {reason}.") from None
    except (ValueError, RecursionError):
        raise FrontMatterRefused("The front matter is not valid TOML.") from None
    return both_of(values)


def both_of(values: dict[str, Any]) -> Pair:
    """Return the values of front matter that a Python parser read."""
    count = 0

    def copied(value: Any, depth: int) -> Pair:
        nonlocal count
        count += 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            raise FrontMatterRefused(
                f"The front matter nests deeper than {MAX_DEPTH} levels or has more than {MAX_VALUES:,} values."
            )
        if isinstance(value, dict):
            pairs = {key: copied(item, depth + 1) for key, item in value.items()}
            return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}
        if isinstance(value, list):
            items = [copied(item, depth + 1) for item in value]
            return [item[0] for item in items], [item[1] for item in items]
        if value is None or isinstance(value, str):
            return value, value
        if isinstance(value, bool):
            return value, str(value).lower()
        if isinstance(value, datetime | date | time):
            # In TOML's form; a space between day and time is easier to read than the T.
            words = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
            return words, words
        if isinstance(value, int) and value.bit_length() > 63:
            if value.bit_length() > MAX_BITS:
                raise FrontMatterRefused("The front matter contains a number that is too long.")
            return str(value), str(value)
        if isinstance(value, float) and not math.isfinite(value):
            return str(value), str(value)
        return value, str(value)

    return copied(values, 0)
