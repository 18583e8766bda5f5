"""`<details>` around Markdown, as a rule for markdown-it: a disclosure with its `<summary>`."""

import re

from markdown_it.rules_block import StateBlock

from posts.rendering.block_ends import add_rest, closing_line, line_of
from posts.rendering.left_out_tags import ATTRIBUTE

MAX_DETAILS_DEEP = 10
_DETAILS_START = re.compile(rf"<details((?:{ATTRIBUTE})*+)\s*+>", re.IGNORECASE)
_DETAILS = re.compile(rf"<(/?)details(?:{ATTRIBUTE})*+\s*+>", re.IGNORECASE)
_SUMMARY = re.compile(rf"\s*+<summary(?:{ATTRIBUTE})*+\s*+>(.*?)</summary\s*+>", re.IGNORECASE | re.DOTALL)


def details(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse `details` around Markdown as a disclosure with its `summary`."""
    line = line_of(state, start)
    if state.is_code_block(start) or state.env.get("folds", 0) >= MAX_DETAILS_DEEP:
        return False
    if not (opening := _DETAILS_START.match(line)):
        return False
    depth = 0

    def closes(text: str, is_first: bool) -> bool:
        nonlocal depth
        for tag in _DETAILS.finditer(text):
            depth += -1 if tag[1] else 1
            if not depth:
                return True
        return False

    last = closing_line(state, start, end, closes, "details")
    if last is None or silent:
        return last is not None
    before = {name: list(getattr(state, name)[start : last + 1]) for name in ("bMarks", "eMarks", "tShift", "sCount")}
    old_end, old_parent = state.lineMax, state.parentType
    begin = state.bMarks[start] + state.tShift[start] + opening.end()
    close_start, close_end = _closing_tag(state.src, begin, state.eMarks[last])
    rest = state.src[close_end : state.eMarks[last]]
    state.push("details_open", "details", 1).map = [start, last + 1]
    state.eMarks[last] = close_start
    begin = _add_summary(state, start, last, begin)
    for number in range(start, last + 1):
        # What the tags removed from the lines is now empty.
        if state.bMarks[number] < begin:
            state.bMarks[number] = min(begin, max(state.eMarks[number], state.bMarks[number]))
            state.tShift[number] = 0
            while (
                state.bMarks[number] + state.tShift[number] < state.eMarks[number]
                and state.src[state.bMarks[number] + state.tShift[number]] in " \t"
            ):
                state.tShift[number] += 1
            state.sCount[number] = state.blkIndent
    state.lineMax, state.parentType = last + 1, "root"
    state.env["folds"] = state.env.get("folds", 0) + 1
    state.md.block.tokenize(state, start, last + 1)
    state.env["folds"] -= 1
    for name, values in before.items():
        getattr(state, name)[start : last + 1] = values
    state.lineMax, state.parentType = old_end, old_parent
    state.push("details_close", "details", -1)
    state.line = last + 1
    add_rest(state, rest, last)
    return True


def _closing_tag(source: str, begin: int, end: int) -> tuple[int, int]:
    """Return the beginning and the end of the tag that closes the disclosure whose first tag ends at `begin`."""
    depth = 1
    for tag in _DETAILS.finditer(source, begin, end):
        depth += -1 if tag[1] else 1
        if not depth:
            return tag.span()
    return end, end


def _add_summary(state: StateBlock, start: int, last: int, begin: int) -> int:
    """Add the tokens of a `summary` at the start of a disclosure; return the position after it."""
    found = _SUMMARY.match(state.src, begin, state.eMarks[min(last, start + 5)])
    words = " ".join(re.sub(r"</?h[1-6][^<>]*+>", " ", found[1]).split()) if found else ""
    after = found.end() if found else begin
    lines = state.src.count("\n", begin, after)
    state.push("summary_open", "summary", 1).map = [start, start + lines + 1]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = words or "Details", [start, start + lines + 1], []
    state.push("summary_close", "summary", -1)
    return after
