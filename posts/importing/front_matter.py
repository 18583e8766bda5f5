"""Front matter: the YAML, TOML or JSON head of a text file, read as data.

Dates stay texts in every format; the caller interprets them. Which keys hold a post is decided in publication.py.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from posts.importing.front_matter_keys import (
    FENCE,
    MAX_HEAD_LINES,
    PLAIN_KEYS,
    WORDS_ALONE,
    begins_like_a_head,
    is_of_head,
)
from posts.importing.front_matter_unread import unread_line
from posts.importing.front_matter_values import both_of, json_values, object_noting, toml_values
from posts.importing.front_matter_yaml import FrontMatterRefused, read_yaml
from posts.importing.publication import MAX_DETAIL, Hold, Words, plain_key, rule_of
from posts.models.post_hold import HoldReason

MAX_BYTES = 128 * 1024

_LANGUAGES = {"-": {"": "YAML", "yaml": "YAML", "yml": "YAML", "toml": "TOML", "json": "JSON"},
              "+": {"": "TOML", "toml": "TOML"}, ";": {"": "JSON", "json": "JSON"}}  # fmt: skip
_PROGRAMS = ("js", "javascript", "ts", "typescript", "coffee", "cson", "json5", "ruby", "lua", "php", "python", "xml",
             "ini")  # fmt: skip
_COMMENT = re.compile(r"<!--(.*?)-->[ \t]*\n?", re.DOTALL)
# One of these must be present: a text may also begin with “Summary: …” or “Author: …”.
_STRONG_KEYS = {"title", "date", "slug", "tags", "category", "categories", "permalink", "saveas"}
_PLAIN_LINE = re.compile(r" {0,3}(?:\.\. )?([A-Za-z][\w-]{0,40}):(?:[ \t]+(.*)|)")
# At most three lines with a percent sign, each with lines that go on; more are comments of LaTeX.
_TITLE_BLOCK = re.compile(
    r"%[ \t]+(\S[^\n]{0,300}(?:\n[ \t]+\S[^\n]{0,300}){0,3})"
    r"(?:\n%[ \t]*([^\n]{0,300}(?:\n[ \t]+\S[^\n]{0,300}){0,20}))?(?:\n%[ \t]*([^\n]{0,300}))?[ \t]*"
    r"(?:\n[ \t]*(?:\n|\Z)|\Z)"
)
# The end of front matter without an opening fence, as in Hexo and Bear.
_END_ALONE = re.compile(r"-{3,}|_{3,}")


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
        head = _fenced_head(rest, line) or _title_block(rest) or _plain_head(rest) or _head_with_an_end(rest, line)
    if head is None:
        return _with_unread(FrontMatter(body=text), text)
    return _with_unread(_at_its_end(head, lead + head.body if lead.strip() else head.body), text)


def _with_unread(head: FrontMatter, text: str) -> FrontMatter:
    """Return `head` with the line where its body begins like front matter that says whether the text is public."""
    if found := unread_line(head.body, bool(head.values)):
        before = text.count("\n") - head.body.count("\n")
        head.unread_line, head.unread = before + found, head.body.split("\n", found)[found - 1].strip()
    return head


def _at_its_end(head: FrontMatter, body: str) -> FrontMatter:
    head.body = body
    return head


def _line_of(text: str, rest: str, offset: int) -> int:
    """Return the line number of `offset` characters into `rest`, the end of `text`."""
    return text.count("\n", 0, len(text) - len(rest) + offset) + 1


def _fenced_head(text: str, line: int) -> FrontMatter | None:
    """Return the FrontMatter of a text that begins with a fence on line `line` of its file; None if it has none."""
    first, _, rest = text.partition("\n")
    fence = FENCE.fullmatch(first.rstrip())
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
        if signs[0] == "-" and not language and not begins_like_a_head(lines):
            return None
        raise FrontMatterRefused(f"The front matter that begins on line {line} with {first.strip()} has no end.")
    head, body = "\n".join(lines[:end]), "\n".join(lines[end + 1 :])
    if len(head.encode(errors="surrogatepass")) > MAX_BYTES:
        raise FrontMatterRefused(f"The front matter is longer than {MAX_BYTES:,} bytes.")
    if kind == "YAML":
        return None if len(signs) > 3 and not begins_like_a_head(lines[:end]) else _yaml_head(head, line, body)
    if kind == "TOML":
        return FrontMatter(*toml_values(head, line), body)
    # Hexo writes the members of the object without its braces.
    whole = head if head.lstrip().startswith("{") or signs[0] == "-" else f"{{{head}}}"
    repeated: list[str] = []
    values = json_values(whole, line, repeated)
    return FrontMatter(*both_of(values), body, repeated=tuple(repeated))


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


def _json_head(text: str, line: int) -> FrontMatter | None:
    """Return the FrontMatter of Hugo's JSON head, an object at the very beginning; None for template syntax."""
    repeated: list[str] = []
    decoder = json.JSONDecoder(parse_constant=str, object_pairs_hook=object_noting(repeated))
    try:
        values, end = decoder.raw_decode(text[: MAX_BYTES + 1])
    except FrontMatterRefused:
        raise
    except (ValueError, RecursionError) as error:
        if not re.match(r'\{\s*"[^"\n]{1,80}"\s*:', text):
            return None
        where = line + getattr(error, "lineno", 1) - 1
        raise FrontMatterRefused(f"The front matter is not valid JSON (line {where}).") from None
    return FrontMatter(*both_of(values), text[end:].removeprefix("\n"), repeated=tuple(repeated))


def _title_block(text: str) -> FrontMatter | None:
    """Return the title, authors and date of Pandoc's title block; None if there is none.

    Source of the form: https://pandoc.org/MANUAL.html#extension-pandoc_title_block.
    """
    found = _TITLE_BLOCK.match(text)
    if not found:
        return None
    title, names, date = (" ".join((part or "").split()) for part in found.groups())
    authors = [name.strip() for name in names.split(";") if name.strip()]
    said: dict[str, Any] = {"title": title, "authors": authors, "date": date}
    said = {key: value for key, value in said.items() if value}
    return FrontMatter(said, said.copy(), text[found.end() :])


def _plain_head(text: str) -> FrontMatter | None:
    """Return the FrontMatter of a head without fences, ended by a blank line or a rule; None if it is text."""
    values: dict[str, list[str]] = {}
    key, at, end = "", 0, len(text)
    for count, match in enumerate(re.finditer(r"(.*)\n|(.+)$", text)):
        line, at = (match[1] if match[1] is not None else match[2]), match.end()
        if count > MAX_HEAD_LINES:
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
    known = PLAIN_KEYS | stated
    first, lines = next(iter(values.items()), ("", []))
    first = plain_key(first)
    if first not in known or not names & (_STRONG_KEYS | stated):
        return False
    if not names <= known and len(names & known) <= 1:
        return False
    return len(values) > 1 or first == "title" or len(" ".join(lines).split()) <= WORDS_ALONE


def _head_with_an_end(text: str, line: int) -> FrontMatter | None:
    """Return the FrontMatter of YAML without an opening fence, which Hexo reads; None if it is text."""
    lines = text.split("\n", MAX_HEAD_LINES)[:MAX_HEAD_LINES]
    end = next((number for number, text in enumerate(lines) if _END_ALONE.fullmatch(text.rstrip())), 0)
    if (
        not end
        or not _PLAIN_LINE.fullmatch(lines[0].rstrip())
        or not all(map(is_of_head, filter(str.strip, lines[:end])))
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
    words = " ".join(filter(None, lines)) if plain_key(key) not in ("tags", "keywords") else ", ".join(lines)
    # People who know YAML quote a date or a title here too.
    return words[1:-1] if len(words) > 2 and words[0] == words[-1] in "'\"" and words[0] not in words[1:-1] else words
