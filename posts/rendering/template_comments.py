"""Comments of site generators, which no reader sees: `{/* … */}` (MDX), `{{/* … */}}` (Hugo), `{% comment %}` (Jekyll).

Like those of HTML they become tokens of their own. A comment without an end, and one in code, stays text. `{/* #id */}`
at the end of a heading is its id.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from posts.rendering.block_ends import closing_line, line_of, remember_in_vain

# (how a comment begins, how it ends)
_KINDS = (
    (re.compile(r"\{/\*"), re.compile(r"\*/\}")),
    (re.compile(r"\{\{-?\s{0,9}/\*"), re.compile(r"\*/\s{0,9}-?\}\}")),
    (re.compile(r"\{%-?\s{0,9}comment\s{0,9}-?%\}"), re.compile(r"\{%-?\s{0,9}endcomment\s{0,9}-?%\}")),
)
# Obsidian's. Within a line alone: two per cent signs are also in formats and magics.
_OF_OBSIDIAN = re.compile(r"%%(?![\s%])([^%\n]{1,500}?)(?<!\s)%%(?![\w%])")
_IS_ID = re.compile(r"\{/\*\s{0,9}#\S{1,200}\s{0,9}\*/\}[ \t]*$", re.MULTILINE)
_MARKS = re.compile(
    r"^(?:<!--|%%|\{/\*|\{\{-?\s*/\*|\{%-?\s*comment\s*-?%\})|(?:-->|%%|\*/\}|\*/\s*-?\}\}|\{%-?\s*endcomment\s*-?%\})$"
)


def add_template_comments(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules of this module."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("html_block", "template_comment", _block, ends)
    parser.inline.ruler.before("link", "template_comment", _inline)
    parser.inline.ruler.before("link", "comment_of_obsidian", _inline_of_obsidian)


def without_marks(comment: str) -> str:
    """Return the words of a comment of any kind."""
    return _MARKS.sub("", comment)


def without_template_comments(text: str) -> str:
    """Return a text without the comments of generators."""
    if "{" not in text:
        return text
    for opening, closing in _KINDS:
        parts, place = [], 0
        for begin, end in _found(text, opening, closing):
            parts += [text[place:begin], " "]
            place = end
        text = "".join([*parts, text[place:]])
    return text


def _found(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    place = 0
    while (first := opening.search(text, place)) and (last := closing.search(text, first.end())):
        yield first.start(), last.end()
        place = last.end()


def _kind_at(text: str, begin: int, end: int) -> tuple[re.Pattern[str], int] | None:
    """Return (how the comment that begins at `begin` ends, where its words begin), or None if there is none."""
    if text[begin : begin + 1] != "{" or _IS_ID.match(text, begin, end):
        return None
    for opening, closing in _KINDS:
        if found := opening.match(text, begin, end):
            return closing, found.end()
    return None


def _inline_of_obsidian(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("%%", state.pos) or (state.pos and re.match(r"[\w%]", state.src[state.pos - 1])):
        return False
    found = _OF_OBSIDIAN.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        state.push("comment", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _inline(state: StateInline, silent: bool) -> bool:
    kind = _kind_at(state.src, state.pos, state.posMax)
    if not kind:
        return False
    closing, inside = kind
    begins, ends = _closings(state, closing)
    place = bisect_left(begins, inside)
    if place == len(ends) or ends[place] > state.posMax:
        return False
    if not silent:
        state.push("comment", "", 0).content = state.src[state.pos : ends[place]]
    state.pos = ends[place]
    return True


def _closings(state: StateInline, closing: re.Pattern[str]) -> tuple[list[int], list[int]]:
    """Return where the marks that end comments of a kind begin and end, searched once in each text."""
    known: dict[tuple[str, str], tuple[list[int], list[int]]] = state.env.setdefault("ends_of_comments", {})
    key = (closing.pattern, state.src)
    if key not in known:
        found = list(closing.finditer(state.src))
        known[key] = ([mark.start() for mark in found], [mark.end() for mark in found])
    return known[key]


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a comment that begins a line and ends one, in the same list or quotation."""
    line = line_of(state, start)
    kind = _kind_at(line, 0, len(line))
    if not kind or state.is_code_block(start):
        return False
    closing, inside = kind

    def closes(text: str, is_first: bool) -> object:
        return closing.search(text, inside if is_first else 0)

    last = closing_line(state, start, end, closes, closing.pattern)
    if last is None:
        return False
    text = state.getLines(start, last + 1, state.blkIndent, False).strip()
    found = closing.search(text, inside)
    if not found or found.end() < len(text):
        # It is in a paragraph, as is each other one that the same mark would end.
        remember_in_vain(state, start, last + 1, closing.pattern)
        return False
    if not silent:
        token = state.push("comment", "", 0)
        token.content, token.map = text, [start, last + 1]
        state.line = last + 1
    return True
