"""Comments of site generators, which no reader sees: `{/* … */}` (MDX), `{{/* … */}}` (Hugo), `{% comment %}` (Jekyll).

Like those of HTML they become tokens of their own. A comment without an end, and one in code, stays text. `{/* #id */}`
at the end of a heading is its id.
"""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

# (how a comment begins, how it ends)
_KINDS = (
    (re.compile(r"\{/\*"), re.compile(r"\*/\}")),
    (re.compile(r"\{\{-?\s{0,9}/\*"), re.compile(r"\*/\s{0,9}-?\}\}")),
    (re.compile(r"\{%-?\s{0,9}comment\s{0,9}-?%\}"), re.compile(r"\{%-?\s{0,9}endcomment\s{0,9}-?%\}")),
)
_IS_ID = re.compile(r"\{/\*\s{0,9}#\S{1,200}\s{0,9}\*/\}[ \t]*$", re.MULTILINE)
_MARKS = re.compile(
    r"^(?:<!--|\{/\*|\{\{-?\s*/\*|\{%-?\s*comment\s*-?%\})|(?:-->|\*/\}|\*/\s*-?\}\}|\{%-?\s*endcomment\s*-?%\})$"
)


def add_template_comments(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules of this module."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("html_block", "template_comment", _block, ends)
    parser.inline.ruler.before("link", "template_comment", _inline)


def without_marks(comment: str) -> str:
    """Return the words of a comment of any kind."""
    return _MARKS.sub("", comment)


def without_template_comments(text: str) -> str:
    """Return a text without the comments of generators."""
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


def _end_of(text: str, begin: int, end: int, env: MutableMapping[str, Any]) -> int:
    """Return the end of the comment that begins at `begin`, or -1. A search in vain is not repeated."""
    if text[begin : begin + 1] != "{" or _IS_ID.match(text, begin, end):
        return -1
    # {kind: (text, position from which on no comment of the kind ends)}
    vain = env.setdefault("comments_without_end", {})
    for kind, (opening, closing) in enumerate(_KINDS):
        if not (found := opening.match(text, begin, end)):
            continue
        searched, place = vain.get(kind, ("", 0))
        if searched is text and begin >= place:
            continue
        last = closing.search(text, found.end())
        if last is None:
            vain[kind] = (text, begin)
        elif last.end() <= end:
            return last.end()
    return -1


def _inline(state: StateInline, silent: bool) -> bool:
    end = _end_of(state.src, state.pos, state.posMax, state.env)
    if end < 0:
        return False
    if not silent:
        state.push("comment", "", 0).content = state.src[state.pos : end]
    state.pos = end
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a comment that begins a line and ends one, in the same list or quotation."""
    if state.is_code_block(start):
        return False
    begin = state.bMarks[start] + state.tShift[start]
    close = _end_of(state.src, begin, state.eMarks[end - 1], state.env)
    if close < 0:
        return False
    last = start
    while state.eMarks[last] < close:
        last += 1
        if last >= end or (state.sCount[last] < state.blkIndent and not state.isEmpty(last)):
            return False
    if state.src[close : state.eMarks[last]].strip():
        return False
    if silent:
        return True
    token = state.push("comment", "", 0)
    token.content, token.map = state.src[begin:close], [start, last + 1]
    state.line = last + 1
    return True
