"""Front matter: the YAML, TOML or JSON head of a text file, read as data.

YAML is read from the events of libyaml: no object is built, no tag followed, and an alias counts each time it is
used. Plain scalars have the types of YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), in which
`no` and `190:20:30` are texts. Dates stay texts in every format; the caller interprets them.

Which keys hold a post is decided in publication.py.
"""

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import takewhile
from typing import Any, NoReturn

import yaml

from posts.importing.publication import MAX_DETAIL, Hold, Words, hold_of, plain_key, rule_of
from posts.models.post_hold import HoldReason

MAX_BYTES = 128 * 1024
MAX_BITS = 4096
MAX_DEPTH = 10
MAX_VALUES = 10_000
MAX_KEY_PARTS = 500

# Three or more of the same character, and the language if the generator allows it (gray-matter, Eleventy).
_FENCE = re.compile(r"(-{3,}|\+{3,}|;{3,})[ \t]*(\w*)")
_LANGUAGES = {"-": {"": "YAML", "yaml": "YAML", "yml": "YAML", "toml": "TOML", "json": "JSON"},
              "+": {"": "TOML", "toml": "TOML"}, ";": {"": "JSON", "json": "JSON"}}  # fmt: skip
_PROGRAMS = ("js", "javascript", "ts", "typescript", "coffee", "cson", "json5", "ruby", "lua", "php", "python", "xml",
             "ini")  # fmt: skip
_COMMENT = re.compile(r"<!--(.*?)-->[ \t]*\n?", re.DOTALL)
# Keys that identify front matter without fences (Pelican, MultiMarkdown, Nikola, old Hexo), besides those of the
# table.
_PLAIN_KEYS = {plain_key(key) for key in (
    "title", "date", "author", "authors", "category", "categories", "tags", "keywords", "slug", "summary",
    "description", "modified", "lang", "language", "translation", "template", "save_as", "url", "subtitle", "copyright",
    "email", "affiliation", "css", "layout", "permalink", "link", "updated", "image", "thumbnail",
)}  # fmt: skip
# One of these must be present: a text may also begin with “Summary: …” or “Author: …”.
_STRONG_KEYS = {"title", "date", "slug", "tags", "category", "categories", "permalink", "saveas"}
# The most words after a lone key for it to be front matter: a text may begin with “Status: …” and continue.
_WORDS_ALONE = 3
_PLAIN_LINE = re.compile(r" {0,3}(?:\.\. )?([A-Za-z][\w-]{0,40}):(?:[ \t]+(.*)|)")
# A key may be bold; Logseq writes two colons, and some keyboards a wide one. Without a space after the colon only yes
# and no are values, because `https:` is not a key.
_KEY_LINE = re.compile(
    r"[\s\u200b\ufeff]*(?:\.\.\s|:|#\+|//\s*|[%;@>{,-]\s*)?(?:(?:export\s+)?(?:const|let|var)\s+)?"
    r"[\"'*_]{0,2}([A-Za-z_][\w.-]{0,40}?)[\"'*_]{0,2}\s*(?:：\s*(.*)|(?::=|::|[:=])[*_]{0,2}"
    r"(?:\s+(.*)|(?=[\"'\[{]|(?:true|false|yes|no)\b)(.*)|))$",
    re.IGNORECASE,
)
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+\S.*")
# The end of front matter without an opening fence, as in Hexo and Bear.
_END_ALONE = re.compile(r"-{3,}|_{3,}")
# A JavaScript object on one line, whose members are keys as well.
_EXPORTED = re.compile(r"\s*export\s+(?:default\s*|(?:const|let|var)\s+\w+[^={]*=\s*)\{(.+)")
# Lines of front matter that are not keys: list items, deeper levels, brackets, comments, the start of an object.
_NO_KEY = re.compile(r"\s*(?:-\s.*|[\[\]{}()]+[;,]?|#.*|export\b.*[={]|import\b.*)|\s{2,}\S.*")
_BEFORE_KEYS = ("<!--", "-->", "```", "~~~", "import ", "[//]:", "[comment]:", "{%", "{#", "{/*", "%%")
_MAX_HEAD_LINES = 60
# The last line on which a fence may still open front matter.
_MAX_LINES_BEFORE = 10
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None,
          "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}  # fmt: skip


# A value with its type, and the same as words.
_Pair = tuple[Any, Words]


class FrontMatterRefused(ValueError):
    """The front matter can't be read; the message says where and why."""


@dataclass
class FrontMatter:
    """The front matter of a file.

    values: with their types, as JSON has them. words: the same as they are written, for fields that are always texts.
    body: what follows the front matter.
    """

    values: dict[str, Any] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)
    body: str = ""
    unread_line: int = 0  # the line of apparent front matter that says whether the text is public but was not read
    unread: str = ""
    repeated: tuple[str, ...] = ()  # keys repeated with the same value

    def unread_hold(self) -> Hold | None:
        """Return the Hold of a text whose front matter was not read, or None."""
        if not self.unread_line:
            return None
        return Hold(HoldReason.UNREAD, f"line {self.unread_line}: {self.unread}"[:MAX_DETAIL])


def split_front_matter(text: str) -> FrontMatter:
    """Return the FrontMatter of `text`, empty if there is none. Raises FrontMatterRefused.

    White space and comments may come first, as Hugo, Zola and Astro allow. Lines that look like front matter but
    can't be read are reported with their line number: they may say that the text is not public.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lead, rest = "", text
    while True:
        blank = len(rest) - len(rest.lstrip("\ufeff \t\n"))
        comment = _COMMENT.match(rest, blank)
        if comment is None:
            break
        # Hugo reads front matter inside a comment, and Nikola writes it there.
        inner = comment[1].strip()
        head = _fenced_head(inner, _line_of(text, rest, blank)) or _plain_head(inner + "\n")
        if head and not head.body.strip():
            return _with_unread(_at_its_end(head, lead + rest[comment.end() :]), text)
        lead, rest = lead + rest[: comment.end()], rest[comment.end() :]
    rest = rest[blank:]
    line = _line_of(text, rest, 0)
    if rest.startswith("{"):
        head = _json_head(rest, line)
    else:
        head = _fenced_head(rest, line) or _plain_head(rest) or _head_with_an_end(rest, line)
    if head is None:
        return _with_unread(FrontMatter(body=text), text)
    return _with_unread(_at_its_end(head, lead + head.body if lead.strip() else head.body), text)


def _at_its_end(head: FrontMatter, body: str) -> FrontMatter:
    head.body = body
    return head


def _line_of(text: str, rest: str, offset: int) -> int:
    """Return the line number of `offset` characters into `rest`, the end of `text`."""
    return text.count("\n", 0, len(text) - len(rest) + offset) + 1


def _fenced_head(text: str, line: int) -> FrontMatter | None:
    """Return the FrontMatter of a text that begins with a fence on line `line` of its file; None if it has none."""
    first, _, rest = text.partition("\n")
    fence = _FENCE.fullmatch(first.rstrip())
    if fence is None:
        return None
    signs, language = fence[1], fence[2].lower()
    if language in _PROGRAMS:
        raise FrontMatterRefused(f"The front matter is written in {language}, which is not supported (line {line}).")
    kind = _LANGUAGES[signs[0]].get(language)
    if kind is None:
        return None
    ends = ("---", "...") if signs == "---" and kind == "YAML" else (signs,)
    lines = rest.split("\n")
    end = next((number for number, text in enumerate(lines) if text.rstrip() in ends), None)
    if end is None:
        if signs[0] == "-" and not language and not _begins_like_a_head(lines):
            return None
        raise FrontMatterRefused(f"The front matter that begins on line {line} with {first.strip()} has no end.")
    head, body = "\n".join(lines[:end]), "\n".join(lines[end + 1 :])
    if len(head.encode(errors="surrogatepass")) > MAX_BYTES:
        raise FrontMatterRefused(f"The front matter is longer than {MAX_BYTES:,} bytes.")
    if kind == "YAML":
        return None if len(signs) > 3 and not _begins_like_a_head(lines[:end]) else _yaml_head(head, line, body)
    if kind == "TOML":
        return FrontMatter(*_toml(head, line), body)
    # Hexo writes the members of the object without its braces.
    whole = head if head.lstrip().startswith("{") or signs[0] == "-" else f"{{{head}}}"
    repeated: list[str] = []
    values = _json(whole, line, repeated)
    return FrontMatter(*_both(values), body, repeated=tuple(repeated))


def _yaml_head(head: str, line: int, body: str) -> FrontMatter | None:
    """Return the FrontMatter of YAML whose fence is on `line`; None if it is a text between two rules."""
    repeated: list[str] = []
    values, words = read_yaml(head, first_line=line + 1, repeated=repeated)
    if isinstance(values, dict):
        return FrontMatter(values, words, body, repeated=tuple(repeated))
    if values is None:
        return FrontMatter(body=body)
    # Words between two rules are text after a rule.
    return None


def _begins_like_a_head(lines: list[str]) -> bool:
    """Return whether lines after a fence are keys with values, not a text that begins with a rule."""
    block = list(_block(lines))
    found = [match[1] for line in block if (match := _KEY_LINE.match(line))]
    known = any(plain_key(key) in _PLAIN_KEYS or rule_of(key) for key in found)
    return bool(found) and (known or len(found) > 1) and all(map(_is_of_head, block))


def _is_of_head(line: str) -> bool:
    return bool(_KEY_LINE.match(line) or _NO_KEY.match(line))


def _block(lines: Iterable[str]) -> Iterator[str]:
    """Return the first lines up to a blank one."""
    count = 0
    for line in lines:
        if not line.strip():
            if count:
                return
            continue
        count += 1
        if count > _MAX_HEAD_LINES:
            return
        yield line


def _json_head(text: str, line: int) -> FrontMatter | None:
    """Return the FrontMatter of Hugo's JSON head, an object at the very beginning; None for template syntax."""
    repeated: list[str] = []
    decoder = json.JSONDecoder(parse_constant=str, object_pairs_hook=_object_noting(repeated))
    try:
        values, end = decoder.raw_decode(text[: MAX_BYTES + 1])
    except FrontMatterRefused:
        raise
    except (ValueError, RecursionError) as error:
        if not re.match(r'\{\s*"[^"\n]{1,80}"\s*:', text):
            return None
        where = line + getattr(error, "lineno", 1) - 1
        raise FrontMatterRefused(f"The front matter is not valid JSON (line {where}).") from None
    return FrontMatter(*_both(values), text[end:].removeprefix("\n"), repeated=tuple(repeated))


def _object_noting(repeated: list[str]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
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


def _plain_head(text: str) -> FrontMatter | None:
    """Return the FrontMatter of a head without fences, ended by a blank line or a rule; None if it is text."""
    values: dict[str, list[str]] = {}
    key, at, end = "", 0, len(text)
    for count, match in enumerate(re.finditer(r"(.*)\n|(.+)$", text)):
        line, at = (match[1] if match[1] is not None else match[2]), match.end()
        if count > _MAX_HEAD_LINES:
            return None
        if not line.strip() or line.rstrip() in ("---", "...", ";;;", "___"):
            end = at
            break
        if found := _PLAIN_LINE.fullmatch(line.rstrip()):
            key = found[1]
            values.setdefault(key, []).append((found[2] or "").strip())
        elif key and re.match(r" {4}|\t", line):
            values[key].append(line.strip())
        else:
            return None
    if not _are_of_head(values):
        return None
    said = {key: _plain_value(key, lines) for key, lines in values.items()}
    return FrontMatter(said, said.copy(), text[end:])


def _are_of_head(values: dict[str, list[str]]) -> bool:
    """Return whether {key: lines} without fences are front matter, not a text with a colon in its first line."""
    names = {plain_key(key) for key in values}
    stated = {name for name in names if (rule := rule_of(name)) and not rule.ignores_unknown}
    known = _PLAIN_KEYS | stated
    first, lines = next(iter(values.items()), ("", []))
    first = plain_key(first)
    if first not in known or not names & (_STRONG_KEYS | stated):
        return False
    if not names <= known and len(names & known) <= 1:
        return False
    return len(values) > 1 or first == "title" or len(" ".join(lines).split()) <= _WORDS_ALONE


def _head_with_an_end(text: str, line: int) -> FrontMatter | None:
    """Return the FrontMatter of YAML without an opening fence, which Hexo reads; None if it is text."""
    lines = text.split("\n", _MAX_HEAD_LINES)[:_MAX_HEAD_LINES]
    end = next((number for number, text in enumerate(lines) if _END_ALONE.fullmatch(text.rstrip())), 0)
    if (
        not end
        or not _PLAIN_LINE.fullmatch(lines[0].rstrip())
        or not all(map(_is_of_head, filter(str.strip, lines[:end])))
    ):
        return None
    repeated: list[str] = []
    try:
        values, words = read_yaml("\n".join(lines[:end]), first_line=line, repeated=repeated)
    except FrontMatterRefused:
        # Held, if it says something that counts.
        return None
    if not isinstance(values, dict) or not {plain_key(key) for key in values} & _STRONG_KEYS:
        return None
    body = "\n".join(text.split("\n", end + 1)[end + 1 :])
    return FrontMatter(values, words, body, repeated=tuple(repeated))


def _plain_value(key: str, lines: list[str]) -> str | list[str]:
    if plain_key(key) in ("author", "authors"):
        names = "\n".join(lines)
        return [name.strip() for name in re.split(r"[;\n]" if ";" in names else r"[,\n]", names) if name.strip()]
    return " ".join(filter(None, lines)) if plain_key(key) not in ("tags", "keywords") else ", ".join(lines)


def _with_unread(head: FrontMatter, text: str) -> FrontMatter:
    """Return `head` with the line where its body begins like front matter that says whether the text is public."""
    has_head = bool(head.values)
    before = text.count("\n") - head.body.count("\n")
    lines = head.body.split("\n")
    start = heading = 0
    while start < len(lines) and _is_before_head(lines[start], has_head, heading):
        heading = heading or start + 1 if _HEADING.fullmatch(lines[start]) else heading
        start += 1
    is_fenced = any(_FENCE.fullmatch(line.strip()) for line in lines[:start])
    if has_head and (heading or not is_fenced):
        return head
    found = _unread_line(lines, start, is_fenced=is_fenced, has_heading=bool(heading))
    if not found and not has_head and (start := _fence_below_other_lines(lines)):
        found = _unread_line(lines, start, is_fenced=True)
    if found:
        head.unread_line, head.unread = before + found, lines[found - 1].strip()
    return head


def _unread_line(lines: list[str], start: int, *, is_fenced: bool, has_heading: bool = False) -> int:
    """Return the number (from 1) of the line in apparent front matter from `start` that decides publication."""
    start = next((number for number in range(start, len(lines)) if lines[number].strip()), start)
    block = list(takewhile(lambda line: not _FENCE.fullmatch(line.strip()), _block(lines[start:])))
    found = [(number, match) for number, line in enumerate(block) for match in _key_lines(line)]
    neutral = sum(bool(_NO_KEY.match(line)) for line in block)
    if 2 * len(found) < len(block) - neutral:
        return 0
    if has_heading and not is_fenced and len({number for number, _ in found}) < len(block):
        return 0
    for number, match in found:
        if _says_whether_public(match, is_alone=len(found) == 1, is_fenced=is_fenced, has_heading=has_heading):
            return start + number + 1
    return 0


def _says_whether_public(match: re.Match[str], *, is_alone: bool, is_fenced: bool, has_heading: bool) -> bool:
    """Return whether a key line (a match of _KEY_LINE) says that a text is public or not."""
    rule = rule_of(match[1])
    value = (match[2] or match[3] or match[4] or "").strip(" \t*_,;}")
    if not rule or rule.ignores_unknown or (is_alone and len(value.split()) > _WORDS_ALONE):
        return False
    if is_fenced and not has_heading:
        return True
    # Below its heading a text may begin with “Status: …”, and anywhere with “Published: 4 May 2020”.
    hold = hold_of(match[1], value, value)
    return hold is not None and not (has_heading and hold.reason == HoldReason.UNKNOWN)


def _fence_below_other_lines(lines: list[str]) -> int:
    """Return the index of the first key of fenced front matter below other lines, or 0.

    Such lines are for example `'use client'`.
    """
    for number, line in enumerate(lines[:_MAX_LINES_BEFORE], 1):
        if _FENCE.fullmatch(line.strip()):
            block = list(takewhile(lambda line: not _FENCE.fullmatch(line.strip()), lines[number:]))
            has_end = number + len(block) < len(lines)
            return number if block and has_end and len(block) <= _MAX_HEAD_LINES and _begins_like_a_head(block) else 0
    return 0


def _key_lines(line: str) -> list[re.Match[str]]:
    """Return the matches of the keys of a line: one, or those of an object on one line."""
    exported = _EXPORTED.match(line)
    parts = exported[1].split(",") if exported else [line]
    return [match for part in parts if (match := _KEY_LINE.match(part))]


def _is_before_head(line: str, has_head: bool, heading: int) -> bool:
    """Return whether a line may come before the first key: blank, fence, comment, code, import, heading."""
    is_heading = bool(_HEADING.fullmatch(line))
    line = line.strip("\ufeff \t")
    if not re.search(r"\w", line):
        # Blank, or a rule of any characters.
        return True
    if is_heading:
        # The title of a Notion page, with its properties below.
        return not has_head and not heading
    return not has_head and line.startswith(_BEFORE_KEYS)


def _json(head: str, line: int, repeated: list[str]) -> dict[str, Any]:
    try:
        values = json.loads(head, parse_constant=str, object_pairs_hook=_object_noting(repeated))
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


def _toml(head: str, line: int) -> _Pair:
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
    return _both(values)


def _both(values: dict[str, Any]) -> _Pair:
    """Return the values of front matter that a Python parser read."""
    count = 0

    def copied(value: Any, depth: int) -> _Pair:
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


def read_yaml(text: str, *, first_line: int = 1, repeated: list[str] | None = None) -> _Pair:
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
        self.result: _Pair = (None, None)
        # [typed, words, key that waits for its value and its event, anchor, values before it]
        self.open: list[list[Any]] = []
        self.anchors: dict[
            str, tuple[_Pair, int] | None
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

    def _note(self, event: yaml.Event, pair: _Pair, anchor: str | None) -> None:
        self._grow(event, 1)
        if anchor:
            self.anchors[anchor] = (pair, 1)
        self._add(event, pair)

    def _scalar(self, event: yaml.ScalarEvent) -> _Pair:
        words = event.value
        # False for a quoted text, and for one with the tag of a text.
        if event.implicit[0]:
            typed = plain_scalar(words)
            return typed, None if typed is None else words
        return words, words

    def _add(self, event: yaml.Event, pair: _Pair) -> None:
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
