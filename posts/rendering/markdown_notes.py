"""Footnotes as rules for markdown-it: `[^1]` with its note below, and `^[a note in its place]`."""

import re
from typing import Literal, cast

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

MAX_LABEL = 200
_TURNS: tuple[tuple[str, Literal[-1, 1]], ...] = (("open", 1), ("close", -1))
# Obsidian and Pandoc: a note where it is referred to. Brackets in it are in pairs.
_NOTE_IN_PLACE = re.compile(r"\^\[((?:[^\[\]\\`\n]|\\[^\n]|`[^`\n]{1,300}`|\[[^\[\]\n]{0,300}\]){1,1000}+)\]")
_NOTE = re.compile(rf"\[\^([^\[\]\n]{{1,{MAX_LABEL}}})\]")


def add_notes(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules for notes."""
    parser.block.ruler.before("reference", "note", _note, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.before("link", "note_mark", _note_mark)
    parser.inline.ruler.before("link", "note_in_place", _note_in_place)
    parser.core.ruler.after("inline", "notes_in_place", _add_notes_in_place)


def note_key(label: str) -> str:
    """Return the normal form of a label, by which a reference finds its note."""
    return " ".join(label.casefold().split())


def _note(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse a note: `[^label]:` with its text, and further paragraphs indented by four spaces."""
    if state.is_code_block(start):
        return False
    begin = state.bMarks[start] + state.tShift[start]
    opening = _NOTE.match(state.src, begin, state.eMarks[start])
    if not opening or not opening[1].strip() or state.src[opening.end() : opening.end() + 1] != ":":
        return False
    if silent:
        return True
    token = state.push("note_open", "", 1)
    token.meta = {"label": opening[1].strip()}
    state.env.setdefault("notes", set()).add(note_key(opening[1]))
    marks, shift, count, parent = state.bMarks[start], state.tShift[start], state.sCount[start], state.parentType
    at = opening.end() + 1
    width = count + at - begin
    indent = width
    while at < state.eMarks[start] and state.src[at] in " \t":
        indent += 4 - indent % 4 if state.src[at] == "\t" else 1
        at += 1
    state.bMarks[start] = opening.end() + 1
    state.tShift[start] = at - opening.end() - 1
    state.sCount[start] = indent - width
    state.blkIndent += 4
    state.parentType = "footnote"
    if state.sCount[start] < state.blkIndent:
        state.sCount[start] += state.blkIndent
    state.md.block.tokenize(state, start, end)
    state.bMarks[start], state.tShift[start], state.sCount[start] = marks, shift, count
    state.blkIndent -= 4
    state.parentType = parent
    token.map = [start, state.line]
    state.push("note_close", "", -1)
    return True


def _note_mark(state: StateInline, silent: bool) -> bool:
    """Parse `[^label]`, a reference to a note."""
    # In silent mode the parser looks for the end of a link around it, which a reference must not prevent.
    if silent or state.linkLevel or state.src[state.pos] != "[":
        return False
    found = _NOTE.match(state.src, state.pos, state.posMax)
    if not found or note_key(found[1]) not in state.env.get("notes", ()):
        return False
    token = state.push("note_mark", "", 0)
    token.content, token.meta = found[0], {"label": found[1].strip()}
    state.pos = found.end()
    return True


def _note_in_place(state: StateInline, silent: bool) -> bool:
    """Parse `^[Words.]`, a note that stands in the text."""
    if silent or state.linkLevel or state.env.get("in_note") or not state.src.startswith("^[", state.pos):
        return False
    found = _NOTE_IN_PLACE.match(state.src, state.pos, state.posMax)
    # What follows in round or square brackets is a link.
    if not found or not found[1].strip() or state.src[found.end() : found.end() + 1] in ("(", "["):
        return False
    number = state.env["notes_in_place"] = state.env.get("notes_in_place", 0) + 1
    token = state.push("note_mark", "", 0)
    # No label that an author writes has a bracket.
    token.content, token.meta = found[0], {"label": f"[{number}]", "words": found[1].strip()}
    state.pos = found.end()
    return True


def _add_notes_in_place(state: StateCore) -> None:
    """Add the notes that stand in the text behind it, as those below it are."""
    state.env["in_note"] = True
    for token in list(state.tokens):
        for child in token.children or ():
            if child.type != "note_mark" or "words" not in child.meta:
                continue
            opened = Token("note_open", "", 1, map=token.map, block=True, meta={"label": child.meta["label"]})
            text = Token("inline", "", 0, map=token.map, content=child.meta["words"], children=[], block=True, level=1)
            state.md.inline.parse(text.content, state.md, state.env, cast(list[Token], text.children))
            paragraph, end = (Token(f"paragraph_{name}", "p", turn, block=True) for name, turn in _TURNS)
            paragraph.map = token.map
            state.tokens += [opened, paragraph, text, end, Token("note_close", "", -1, block=True)]
    state.env["in_note"] = False
