"""HTML comments as tokens of their own, which readers never see and reviewers do."""

from markdown_it.rules_block import StateBlock

from posts.rendering.block_ends import closing_line, line_of


def comment_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start) or not line_of(state, start).startswith("<!--"):
        return False
    last = closing_line(
        state, start, end, lambda text, is_first: comment_end(text, 4 if is_first else 0) >= 0, "comment"
    )
    if last is None:
        return False
    text = state.getLines(start, last + 1, state.blkIndent, False).lstrip()
    close = comment_end(text, 4)
    rest = text[close:].rstrip("\n")
    if last == start and rest.strip():
        # It is in a paragraph, perhaps with another one that begins here and ends on a later line.
        return False
    if silent:
        return True
    token = state.push("comment", "", 0)
    token.content, token.map = text[:close], [start, last + 1]
    state.line = last + 1
    if rest.strip():
        # The rest of the line begins a block of its own.
        state.line = last
        state.bMarks[last] = state.eMarks[last] - len(rest)
        state.tShift[last], state.sCount[last] = len(rest) - len(rest.lstrip()), state.blkIndent
    return True


def comment_end(text: str, inside: int, last: int | None = None) -> int:
    """Return the end of the comment whose words begin at `inside`, or -1."""
    for short in (">", "->"):
        # <!--> and <!---> are complete comments.
        if inside >= 4 and text.startswith(f"<!--{short}", inside - 4):
            return inside + len(short)
    close = text.find("-->", inside, len(text) if last is None else last)
    return close + 3 if close >= 0 else -1
