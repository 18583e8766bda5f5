"""Front matter: the YAML, TOML or JSON head of a text file, read as data and nothing else.

YAML is read from the events of libyaml: no object is built, no tag followed, an alias is counted each time it is
used. Plain scalars have the types of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), in which
`no` and `190:20:30` are texts; dates stay texts in every format, for whoever knows what they are about.
"""

import json
import math
import re
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, time

import yaml

MAX_BYTES = 128 * 1024
MAX_BITS = 4096
MAX_DEPTH = 10
MAX_VALUES = 10_000
MAX_KEY_PARTS = 500

_FENCES = {"---": "YAML", "+++": "TOML", "---yaml": "YAML", "---yml": "YAML", "---toml": "TOML", "---json": "JSON"}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None,
          "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}  # fmt: skip


class FrontMatterRefused(ValueError):
    """The head of a file can't be read; the message says where and why."""


@dataclass
class FrontMatter:
    """The head of a file.

    values: {key: JSON value}, with types; words: the same shape, with every scalar as the text that stood there
    (None for null), for fields that are texts whatever they look like; body: what follows the head.
    """

    values: dict = field(default_factory=dict)
    words: dict = field(default_factory=dict)
    body: str = ""


def split_front_matter(text):
    """The FrontMatter of `text`, with an empty head if there is none. Raises FrontMatterRefused."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("{"):
        return _json_head(text)
    first, _, rest = text.partition("\n")
    kind = _FENCES.get(first.rstrip())
    if kind is None:
        return FrontMatter(body=text)
    ends = ("---", "...") if first.startswith("---") and kind == "YAML" else (first.rstrip()[:3],)
    lines = rest.split("\n")
    end = next((number for number, line in enumerate(lines) if line.rstrip() in ends), None)
    if end is None:
        return FrontMatter(body=text)
    head, body = "\n".join(lines[:end]), "\n".join(lines[end + 1 :])
    if len(head.encode(errors="surrogatepass")) > MAX_BYTES:
        raise FrontMatterRefused(f"The front matter is longer than {MAX_BYTES:,} bytes.")
    if kind == "TOML":
        return FrontMatter(*_toml(head), body)
    if kind == "JSON":
        return FrontMatter(*_both(_json(head)), body)
    values, words = read_yaml(head, first_line=2)
    if isinstance(values, dict):
        return FrontMatter(values, words, body)
    if values is None:
        return FrontMatter(body=body)
    # Words between two rules are a text that begins with a rule.
    return FrontMatter(body=text)


def _json_head(text):
    """Hugo's JSON head: an object at the very beginning. Template syntax begins with a brace too and is text."""
    try:
        values, end = json.JSONDecoder(parse_constant=str).raw_decode(text[: MAX_BYTES + 1])
    except (ValueError, RecursionError):
        return FrontMatter(body=text)
    return FrontMatter(*_both(values), text[end:].removeprefix("\n"))


def _json(head):
    try:
        values = json.loads(head, parse_constant=str)
    except json.JSONDecodeError as error:
        raise FrontMatterRefused(f"The front matter is no JSON: {error.msg} (line {error.lineno + 1}).") from None
    except (ValueError, RecursionError):
        raise FrontMatterRefused("The front matter is no JSON that can be read.") from None
    if not isinstance(values, dict):
        raise FrontMatterRefused("The front matter is JSON, but no object {…}.")
    return values


def _toml(head):
    # Python's parser takes time and memory by the square of the parts of a key: a.b.c.
    pieces = re.split(r"[\n=,{}\[\]\"'#]", re.sub(r"[ \t]+", "", head))
    if max(piece.count(".") for piece in pieces) > MAX_KEY_PARTS:
        raise FrontMatterRefused(f"The front matter has a key of more than {MAX_KEY_PARTS} parts.")
    try:
        values = tomllib.loads(head)
    except tomllib.TOMLDecodeError as error:
        reason = re.sub(r"at line (\d+)", lambda match: f"at line {int(match[1]) + 1}", str(error))
        raise FrontMatterRefused(f"The front matter is no TOML: {reason}.") from None
    except (ValueError, RecursionError):
        raise FrontMatterRefused("The front matter is no TOML that can be read.") from None
    return _both(values)


def _both(values):
    """(typed values, the same as texts) of a head that a parser of Python's read."""
    count = 0

    def copied(value, depth):
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
            pairs = [copied(item, depth + 1) for item in value]
            return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        if value is None or isinstance(value, str):
            return value, value
        if isinstance(value, bool):
            return value, str(value).lower()
        if isinstance(value, datetime | date | time):
            # As TOML writes it; a space between day and time reads better than the T.
            words = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
            return words, words
        if isinstance(value, int) and value.bit_length() > 63:
            if value.bit_length() > MAX_BITS:
                raise FrontMatterRefused("The front matter holds a number that is too long.")
            return str(value), str(value)
        if isinstance(value, float) and not math.isfinite(value):
            return str(value), str(value)
        return value, str(value)

    return copied(values, 0)


def read_yaml(text, *, first_line=1):
    """(typed value, the same with every scalar as its text) of one YAML document; (None, None) of an empty one.

    Limits: MAX_BYTES is the caller's; MAX_DEPTH, MAX_VALUES counting each use of an alias. Raises FrontMatterRefused
    with the line, counted from `first_line`.
    """
    reader = _YAML(first_line)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + first_line})" if mark else ""
        raise FrontMatterRefused(f"The front matter is no YAML: {error.problem or error.context}{where}.") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, FrontMatterRefused):
            raise
        raise FrontMatterRefused(f"The front matter is no YAML: {str(error).partition(chr(10))[0][:200]}.") from None
    return reader.result


class _YAML:
    """Builds values from the events of a parser. A value is a pair: typed, and as texts."""

    def __init__(self, first_line):
        self.first_line = first_line
        self.result = (None, None)
        self.open = []  # [typed, words, key that waits for its value, anchor, values before it]
        self.anchors = {}  # name: (pair, number of values in it); None while it is open
        self.count = 0
        self.documents = 0

    def refuse(self, event, reason):
        raise FrontMatterRefused(f"The front matter {reason} (line {event.start_mark.line + self.first_line}).")

    def take(self, event):
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.refuse(event, "holds more than one document")
        elif isinstance(event, yaml.ScalarEvent):
            self._check_tag(event, "str")
            self._note(event, self._scalar(event), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                self.refuse(event, f"uses *{event.anchor}, which stands nowhere")
            if self.anchors[event.anchor] is None:
                self.refuse(event, f"has *{event.anchor} inside itself")
            pair, size = self.anchors[event.anchor]
            self._grow(event, size)
            self._add(event, pair)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._check_tag(event, "seq" if isinstance(event, yaml.SequenceStartEvent) else "map")
            self._grow(event, 1)
            if len(self.open) >= MAX_DEPTH:
                self.refuse(event, f"nests deeper than {MAX_DEPTH} levels")
            empty = [] if isinstance(event, yaml.SequenceStartEvent) else {}
            if event.anchor:
                self.anchors[event.anchor] = None
            self.open.append([empty, empty.copy(), None, event.anchor, self.count])
        elif isinstance(event, yaml.CollectionEndEvent):
            typed, words, _, anchor, before = self.open.pop()
            if anchor:
                self.anchors[anchor] = ((typed, words), self.count - before + 1)
            self._add(event, (typed, words))

    def _check_tag(self, event, plain):
        if event.tag and event.tag not in ("!", f"tag:yaml.org,2002:{plain}"):
            self.refuse(event, f"uses the tag {event.tag}; only plain values are read")

    def _grow(self, event, count):
        self.count += count
        if self.count > MAX_VALUES:
            self.refuse(event, f"holds more than {MAX_VALUES:,} values")

    def _note(self, event, pair, anchor):
        self._grow(event, 1)
        if anchor:
            self.anchors[anchor] = (pair, 1)
        self._add(event, pair)

    def _scalar(self, event):
        words = event.value
        # Of a text in quotes, or with the tag of a text, the first is false.
        if event.implicit[0]:
            typed = plain_scalar(words)
            return typed, None if typed is None else words
        return words, words

    def _add(self, event, pair):
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
                self.refuse(event, "has a key that is no text")
            name = "" if pair[1] is None else pair[1]
            if name in typed:
                self.refuse(event, f"has the key “{name[:80]}” twice")
            holder[2] = name
        else:
            typed[key], words[key] = pair
            holder[2] = None


def plain_scalar(text):
    """The value of a scalar without quotes: null, true or false, a number, else the text. Numbers with leading zeros,
    and those that JSON can't hold, stay texts."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        number = int(text, 0) if len(text) < 40 else None
        return text if number is None or abs(number) > 2**63 - 1 else number
    if _FLOAT.fullmatch(text) and not text.lstrip("+-").startswith(tuple(f"0{digit}" for digit in range(10))):
        number = float(text) if len(text) < 40 else math.inf
        return number if math.isfinite(number) else text
    return text
