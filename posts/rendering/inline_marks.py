"""Marks within a line that many generators know: `==mark==`, `H~2~O`, `x^2^`, `~struck~`, `:tada:` and abbreviations.

Sources: https://pandoc.org/MANUAL.html (superscripts and subscripts),
https://github.github.com/gfm/#strikethrough-extension-,
https://michelf.ca/projects/php-markdown/extra/#abbr and https://help.obsidian.md/syntax (highlights). Code, prices,
paths and comparisons have these characters too: a mark counts only where it stands as people write it.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from posts.rendering.block_ends import line_of
from posts.rendering.emoji_names import EMOJI

MAX_MARKED = 300
MAX_SHIFTED = 50
MAX_ABBREVIATIONS = 100
MAX_MEANING = 300
# Beyond so many, further uses of abbreviations stay plain.
MAX_USES = 5_000

_MARKED = re.compile(rf"==(?![\s=])((?:[^=\n]|=(?!=)){{1,{MAX_MARKED}}}?)(?<![\s=])==(?![=\w])")
_RAISED = re.compile(rf"\^([^\s^\[\]~]{{1,{MAX_SHIFTED}}})\^(?!\w)")
_LOWERED = re.compile(rf"~([^\s~]{{1,{MAX_SHIFTED}}})~(?!~)")
# GitHub strikes out with one tilde too. Behind the first one is no digit (“~5 minutes”) and no path (“~/bin”).
_STRUCK = re.compile(rf"~(?![\s~/\d.])([^~\n]{{1,{MAX_MARKED}}})(?<!\s)~(?![~\w])")
_EMOJI = re.compile(r":([a-z0-9_+-]{1,40}):")
_ABBREVIATION = re.compile(rf"\*\[([^\[\]\n]{{1,60}})\]:[ \t]+([^\n]{{1,{MAX_MEANING}}}?)[ \t]*$")


def add_inline_marks(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules of this module."""
    inline = parser.inline.ruler
    inline.before("escape", "marked", _marked)
    inline.before("escape", "raised", _raised)
    inline.before("strikethrough", "one_tilde", _one_tilde)
    inline.before("escape", "emoji", _emoji)
    parser.block.ruler.before("reference", "abbreviation", _abbreviation)
    parser.core.ruler.after("text_join", "abbreviations", _explain)


def _is_behind_a_word(state: StateInline) -> bool:
    before = state.src[state.pos - 1] if state.pos else ""
    return before.isalnum() or (before != "" and before in "_)")


def _push(state: StateInline, tag: str, first: int, last: int, end: int) -> None:
    """Add a pair of tags around what stands between two places, and move behind it."""
    old_end, state.pos, state.posMax = state.posMax, first, last
    state.push(f"{tag}_open", tag, 1)
    state.md.inline.tokenize(state)
    state.push(f"{tag}_close", tag, -1)
    state.pos, state.posMax = end, old_end


def _found(state: StateInline, pattern: re.Pattern[str], tag: str, *, silent: bool) -> bool:
    found = pattern.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if silent:
        state.pos = found.end()
    else:
        _push(state, tag, *found.span(1), found.end())
    return True


def _marked(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("==", state.pos) or _is_behind_a_word(state):
        return False
    if state.pos and state.src[state.pos - 1] in "=!<>":
        return False
    return _found(state, _MARKED, "mark", silent=silent)


def _raised(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "^" or not _is_behind_a_word(state):
        return False
    return _found(state, _RAISED, "sup", silent=silent)


def _one_tilde(state: StateInline, silent: bool) -> bool:
    """Read `H~2~O` as lowered, and `~words~` apart from other words as struck out."""
    source, begin = state.src, state.pos
    if source[begin] != "~" or source.startswith("~~", begin) or (begin and source[begin - 1] in "~\\"):
        return False
    if _is_behind_a_word(state):
        return _found(state, _LOWERED, "sub", silent=silent)
    return _found(state, _STRUCK, "s", silent=silent)


def _emoji(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != ":" or _is_behind_a_word(state):
        return False
    found = _EMOJI.match(state.src, state.pos, state.posMax)
    if not found or found[1] not in EMOJI or state.src[found.end() : found.end() + 1].isalnum():
        return False
    if not silent:
        state.pending += EMOJI[found[1]]
    state.pos = found.end()
    return True


def _abbreviation(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `*[HTML]: Hypertext Markup Language`, which says what a word means wherever it stands."""
    line = line_of(state, start)
    if not line.startswith("*[") or state.is_code_block(start) or not (found := _ABBREVIATION.match(line)):
        return False
    known: dict[str, str] = state.env.setdefault("abbreviations", {})
    if len(known) >= MAX_ABBREVIATIONS:
        return False
    if not silent:
        known.setdefault(found[1].strip(), found[2])
        token = state.push("left_out", "", 0)
        token.content, token.map = line, [start, start + 1]
        state.line = start + 1
    return True


def _explain(state: StateCore) -> None:
    """Put the meanings of abbreviations at their uses in the text."""
    meanings: dict[str, str] = state.env.pop("abbreviations", {})
    if not meanings:
        return
    words = "|".join(re.escape(word) for word in sorted(meanings, key=len, reverse=True))
    pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)")
    uses = 0
    for token in state.tokens:
        if token.type != "inline" or not token.children:
            continue
        made: list[Token] = []
        for child in token.children:
            parts = _explained(child, pattern, meanings) if child.type == "text" and uses < MAX_USES else [child]
            uses += len(parts) // 4
            made += parts
        token.children = made


def _explained(text: Token, pattern: re.Pattern[str], meanings: dict[str, str]) -> list[Token]:
    made, place = [], 0
    for use in pattern.finditer(text.content):
        if use.start() > place:
            made.append(Token("text", "", 0, content=text.content[place : use.start()]))
        made += [
            Token("abbr_open", "abbr", 1, attrs={"title": meanings[use[0]]}),
            Token("text", "", 0, content=use[0]),
            Token("abbr_close", "abbr", -1),
        ]
        place = use.end()
    if not made:
        return [text]
    return [*made, Token("text", "", 0, content=text.content[place:])] if place < len(text.content) else made
