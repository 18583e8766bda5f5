"""The text of a record as readers see it, without Markdown, and the passage that answers a query."""

import html
import re
from collections import deque
from typing import NamedTuple

from posts.records.schema import RecordDict
from posts.rendering.template_comments import without_template_comments
from posts.search.tokens import hits_in

_FENCE = re.compile(r"^(`{3,}+|~{3,}+)[^\n]*\n(.*?)(?:^\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
# The parts of the same, for a text in which it is looked for again and again.
_FENCE_LINE = re.compile(r"\n(?:```|~~~)")
_FENCE_BEGINS = re.compile(r"(`{3,}+|~{3,}+)[^\n]*\n")
_FENCE_ENDS = re.compile(r"[`~]*[ \t]*$", re.MULTILINE)
# Each alternative ends at the next character of its kind, so that no text makes it start again and again.
# Tags that begin or end a block of HTML divide words; others are within a sentence. In code they are words.
_TAG = re.compile(
    r"(?P<code>`[^`\n]*`)|</?(?:(?P<block>p|h[1-6]|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|td|th|blockquote|pre|div|section|"
    r"article)|a|abbr|b|br|cite|code|em|font|i|img|kbd|mark|s|small|span|strong|sub|sup|u)(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_PLACED = re.compile(r"!\[[^\[\]\n]{0,1000}\]\([^()\n]{0,2000}\)|^\[checklist\]$", re.MULTILINE)
_LINK = re.compile(r"\[([^\[\]\n]{0,1000})\]\([^()\n]{0,2000}\)")
# What Markdown puts before the words of a line: items with their boxes to tick, headings; and quotations.
_LINE_MARKS = re.compile(r"(?:(?:[-+*]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?|#{1,6}[ \t]+)+")
_QUOTATION = re.compile(r"^(?:>[ \t]?)+")
_BEGINS_BLOCK = re.compile(r"[-+*][ \t]|[|#]|\d{1,9}[.)][ \t]|:::|!!!")
# Lines that only say what the lines around them are: the kind of a box, a rule, the line below a heading.
_NO_WORDS = re.compile(r"(?:\[!\w{1,20}\]|:::.*|!!!.*|[|:\- \t]*-[|:\- \t]*|=+)$")
_ATTRIBUTES = re.compile(r"(?:[ \t]+#{1,6})?(?:[ \t]*\{[^{}]{0,200}\})?$")
_NOTE = re.compile(r"\[\^[^\s\[\]]{1,100}\]:?")
# After these a reader sees that something ended.
_ENDS = (".", "!", "?", ":", ";", ",", "…", "。", "！", "？", "؟", "·")
_STARS = re.compile(r"\*+")
_UNDERLINES = re.compile(r"__+")
_RULES = re.compile(r"---+:?")
SNIPPET_LENGTH = 240
# From here on, a passage does not begin with the first word.
BEFORE_HIT = SNIPPET_LENGTH // 4
# The first hundred pages of a longer text contain everything worth finding.
MAX_TEXT = 400_000
# A passage in order: (words, whether they are a hit).
Marked = list[tuple[str, bool]]


class PlainWords(NamedTuple):
    """The words of a record as readers see them, each part in one line. prose: without code."""

    summary: str
    prose: str
    code: str


def plain_words(record: RecordDict) -> PlainWords:
    """Return the PlainWords of a record."""
    summary, code = (" ".join(text.split()) for text in (record.get("summary", ""), code_of(record)))
    return PlainWords(summary, prose_of(record), code)


def prose_of(record: RecordDict) -> str:
    """Return the running text of a record, in one line."""
    return _plain(without_code("\n".join(record.get(field, "") for field in ("intro", "body"))[:MAX_TEXT]))


def plain_text(text: str) -> str:
    """Return the running text of Markdown in one line, without code."""
    return _plain(without_code(text))


def without_code(text: str) -> str:
    """Return Markdown without what is not running text: code blocks and comments."""
    return without_template_comments(_without_comments(_without_fences(text)))


def _without_fences(text: str) -> str:
    """Return text without what _FENCE finds, which looks at each character of it."""
    if "```" not in text and "~~~" not in text:
        return text
    parts, place, line = [], 0, 0
    while True:
        if (begins := _FENCE_BEGINS.match(text, line)) is not None:
            parts += [text[place:line], " "]
            place = line = _end_of_fence(text, begins)
        if (following := _FENCE_LINE.search(text, line)) is None:
            return "".join([*parts, text[place:]])
        line = following.start() + 1


def _end_of_fence(text: str, begins: re.Match[str]) -> int:
    """Return where the code block with this beginning ends: after its closing line, or with the text."""
    closing = f"\n{begins[1]}"
    # The line break before its first line, which may be its last one.
    at = text.find(closing, begins.end() - 1)
    while at >= 0:
        if (ends := _FENCE_ENDS.match(text, at + len(closing))) is not None:
            return ends.end()
        at = text.find(closing, at + 1)
    return len(text)


def _without_comments(text: str) -> str:
    """Return text without HTML comments, which no reader sees; an unclosed one is text."""
    if "<!--" not in text:
        return text
    parts, place = [], 0
    while (start := text.find("<!--", place)) >= 0 and (end := text.find("-->", start + 2)) >= 0:
        parts += [text[place:start], " "]
        place = end + 3
    return "".join([*parts, text[place:]])


def _plain(text: str) -> str:
    """Return Markdown in one line, without its markup. A dot divides what would run together, such as a heading."""
    if "</" in text:
        text = html.unescape(_TAG.sub(lambda tag: tag["code"] or ("\n\n" if tag["block"] else ""), text))
    if "[" in text:
        if "![" in text or "[checklist]" in text:
            text = _PLACED.sub(" ", text)
        text = _NOTE.sub("", _LINK.sub(r"\1", text))
    lines = [line.strip() for line in text.split("\n")]
    if ">" in text:
        lines = [_QUOTATION.sub("", line) for line in lines]
    text = " ".join(filter(None, map(_words_of, lines, [*lines[1:], ""])))
    # Single characters are replaced in the fast way: one pattern for all of them takes ten times as long.
    if "*" in text:
        text = _STARS.sub(_space_within_word, text)
    text = text.replace("`", "").replace("|", " ").replace(":---", "---")
    if "__" in text:
        text = _UNDERLINES.sub(" ", text)
    if "---" in text:
        text = _RULES.sub(" ", text)
    # Of all white space, only the space is printable.
    text = text.strip() if "  " not in text and text.isprintable() else " ".join(text.split())
    return text.removesuffix(" ·")


def _space_within_word(stars: re.Match[str]) -> str:
    """Return what replaces characters of emphasis: nothing, except between two letters."""
    around = stars.string[max(0, stars.start() - 1) : stars.start()], stars.string[stars.end() : stars.end() + 1]
    return " " if all(sign.isalnum() for sign in around) else ""


def _words_of(line: str, following: str) -> str:
    """Return the words of a line of Markdown; with a dot after them if the next line begins something else."""
    words = line
    # No mark is a letter, and most lines begin with one.
    if not line[:1].isalpha():
        if not line or _NO_WORDS.match(line):
            return ""
        if (marks := _LINE_MARKS.match(line)) is not None:
            words = line[marks.end() :]
        if line.startswith("#"):
            words = _ATTRIBUTES.sub("", words)
        elif line.startswith("|"):
            words = " · ".join(cell.strip() for cell in words.strip("|").split("|"))
    if following[:1].isalpha() and not line.startswith("#"):
        return words
    ends = line.startswith("#") or not following or _BEGINS_BLOCK.match(following) or _NO_WORDS.match(following)
    return f"{words} ·" if ends and words and not words.rstrip("*_`").endswith(_ENDS) else words


def code_of(record: RecordDict) -> str:
    """Return the code blocks of a record, one after the other."""
    return "\n".join(block[2] for block in _FENCE.finditer(record.get("body", "")[:MAX_TEXT]))


def marked(text: str, stems: frozenset[str]) -> Marked:
    """Return `text` as Marked; hits are the words with a stem in `stems`."""
    parts, at = [], 0
    for start, end, _ in hits_in(text, stems):
        parts += [(text[at:start], False), (text[start:end], True)]
        at = end
    parts.append((text[at:], False))
    return [part for part in parts if part[0]]


def snippet(words: PlainWords, stems: frozenset[str]) -> Marked:
    """Return the passage with the most different `stems`, in the form of marked().

    If none has any, return the summary or the beginning of the text.
    """
    text = words.summary
    most, at = _window(text, stems)
    # Otherwise nothing in the text could be better.
    if most < len(stems):
        count, begin = _window(words.prose, stems)
        if count > most:
            text, most, at = words.prose, count, begin
        elif not most:
            text = words.code
            most, at = _window(text, stems)
    if not most:
        text = words.summary or words.prose
    return marked(_cut(text, at), stems)


def _cut(text: str, at: int) -> str:
    """Return the passage of `text` with the hit at a place."""
    begin = _word_start(text, at - SNIPPET_LENGTH // 5) if at > BEFORE_HIT else 0
    end = len(text) if len(text) - begin <= SNIPPET_LENGTH else _word_end(text, begin + SNIPPET_LENGTH)
    words = text[begin:end].lstrip("· ")
    if end < len(text):
        words = f"{words.rstrip(' ·,;:')}…"
    return words if begin == 0 else f"… {words}"


def _window(text: str, stems: frozenset[str]) -> tuple[int, int]:
    """Return (how many different stems, the position of the first words close together that have that many)."""
    most, begin = 0, 0
    hits: deque[tuple[int, str]] = deque()
    for at, _, stem in hits_in(text, stems):
        hits.append((at, stem))
        while at - hits[0][0] > SNIPPET_LENGTH * 3 // 4:
            hits.popleft()
        count = len({stem for _, stem in hits})
        if count > most:
            most, begin = count, hits[0][0]
            if most == len(stems):
                break
    return most, begin


def _word_start(text: str, at: int) -> int:
    space = text.find(" ", at, at + 40)
    return space + 1 if space >= 0 else at


def _word_end(text: str, at: int) -> int:
    space = text.rfind(" ", at - 40, at)
    return space if space >= 0 else at
