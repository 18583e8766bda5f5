"""YAML as data, from the events of libyaml.

No object is built, no tag followed, and an alias counts each time it is used. Plain scalars have the types of YAML
1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), in which `no` and `190:20:30` are texts.
"""

import math
import re
from typing import Any, NoReturn

import yaml

from posts.importing.publication import Words

MAX_DEPTH = 10
MAX_VALUES = 10_000
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None,
          "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}  # fmt: skip
# A value with its type, and the same as words.
Pair = tuple[Any, Words]


class FrontMatterRefused(ValueError):
    """The front matter can't be read; the message says where and why."""


def read_yaml(text: str, *, first_line: int = 1, repeated: list[str] | None = None) -> Pair:
    """Return the value of one YAML document; (None, None) if empty.

    Limits: the caller checks MAX_BYTES; MAX_DEPTH, and MAX_VALUES counting each use of an alias. Raises
    FrontMatterRefused with the line, counted from `first_line`. repeated: a list that gets the keys repeated with the
    same value.
    """
    reader = _YAML(first_line, [] if repeated is None else repeated)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + first_line})" if mark else ""
        raise FrontMatterRefused(
            f"The front matter is not valid YAML: {error.problem or error.context}{where}."
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, FrontMatterRefused):
            raise
        raise FrontMatterRefused(
            f"The front matter is not valid YAML: {str(error).partition(chr(10))[0][:200]}."
        ) from None
    return reader.result


class _YAML:
    """Builds values from the events of a parser."""

    def __init__(self, first_line: int, repeated: list[str]) -> None:
        self.first_line = first_line
        self.repeated = repeated
        self.result: Pair = (None, None)
        # [typed, words, key that waits for its value and its event, anchor, values before it]
        self.open: list[list[Any]] = []
        self.anchors: dict[
            str, tuple[Pair, int] | None
        ] = {}  # name: (pair, number of values in it); None while it is incomplete
        self.count = 0
        self.documents = 0

    def refuse(self, event: yaml.Event, reason: str) -> NoReturn:
        line = event.start_mark.line + self.first_line  # type: ignore[union-attr]  # every event of a parser has one
        raise FrontMatterRefused(f"The front matter {reason} (line {line}).")

    def take(self, event: yaml.Event) -> None:
        """Read the next event of the parser. Raises FrontMatterRefused."""
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    self.refuse(event, "contains more than one document")
            case yaml.ScalarEvent():
                self._check_tag(event, "str")
                self._note(event, self._scalar(event), event.anchor)
            case yaml.AliasEvent():
                self._repeat(event)
            case yaml.CollectionStartEvent():
                self._begin(event)
            case yaml.CollectionEndEvent():
                self._end(event)

    def _repeat(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self.anchors:
            self.refuse(event, f"uses *{event.anchor}, which is not defined")
        anchored = self.anchors[event.anchor]
        if anchored is None:
            self.refuse(event, f"uses *{event.anchor} inside itself")
        pair, size = anchored
        self._grow(event, size)
        self._add(event, pair)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        is_list = isinstance(event, yaml.SequenceStartEvent)
        self._check_tag(event, "seq" if is_list else "map")
        self._grow(event, 1)
        if len(self.open) >= MAX_DEPTH:
            self.refuse(event, f"nests deeper than {MAX_DEPTH} levels")
        empty: list[Any] | dict[str, Any] = [] if is_list else {}
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append([empty, empty.copy(), None, event.anchor, self.count])

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        typed, words, _, anchor, before = self.open.pop()
        if isinstance(typed, dict) and "<<" in typed:
            typed, words = _merged(typed), _merged(words)
        if anchor:
            self.anchors[anchor] = ((typed, words), self.count - before + 1)
        self._add(event, (typed, words))

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, plain: str) -> None:
        if event.tag and event.tag not in ("!", f"tag:yaml.org,2002:{plain}"):
            self.refuse(event, f"uses the tag {event.tag}; only plain values are supported")

    def _grow(self, event: yaml.Event, count: int) -> None:
        self.count += count
        if self.count > MAX_VALUES:
            self.refuse(event, f"has more than {MAX_VALUES:,} values")

    def _note(self, event: yaml.Event, pair: Pair, anchor: str | None) -> None:
        self._grow(event, 1)
        if anchor:
            self.anchors[anchor] = (pair, 1)
        self._add(event, pair)

    def _scalar(self, event: yaml.ScalarEvent) -> Pair:
        words = event.value
        # False for a quoted text, and for one with the tag of a text.
        if event.implicit[0]:
            typed = plain_scalar(words)
            return typed, None if typed is None else words
        return words, words

    def _add(self, event: yaml.Event, pair: Pair) -> None:
        if not self.open:
            self.result = pair
            return
        holder = self.open[-1]
        typed, words, key = holder[:3]
        if isinstance(typed, list):
            typed.append(pair[0])
            words.append(pair[1])
        elif key is None:
            if isinstance(pair[0], dict | list):
                self.refuse(event, "has a key that is not text")
            name = "" if pair[1] is None else pair[1]
            holder[2] = name, event
        else:
            name, of_key = key
            if name in typed:
                if (typed[name], words[name]) != pair:
                    self.refuse(of_key, f"has the key “{name[:80]}” twice, with different values")
                self.repeated.append(name)
            typed[name], words[name] = pair
            holder[2] = None


def _merged(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with missing keys taken from the key <<, an object or a list of them (YAML 1.1)."""
    own = {key: value for key, value in values.items() if key != "<<"}
    others = values["<<"] if isinstance(values["<<"], list) else [values["<<"]]
    if not all(isinstance(other, dict) for other in others):
        return values
    for other in others:
        own = own | {key: value for key, value in other.items() if key not in own}
    return own


def plain_scalar(text: str) -> str | float | bool | None:
    """Return the value of a scalar without quotes: null, true, false, a number, else the text.

    Numbers with leading zeros, and those that JSON can't hold, stay texts.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        number = int(text, 0) if len(text) < 40 else None
        return text if number is None or abs(number) > 2**63 - 1 else number
    if _FLOAT.fullmatch(text) and not text.lstrip("+-").startswith(tuple(f"0{digit}" for digit in range(10))):
        fraction = float(text) if len(text) < 40 else math.inf
        return fraction if math.isfinite(fraction) else text
    return text
