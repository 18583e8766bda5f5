"""HTML comments as tokens of their own, which readers never see and reviewers do."""

from markdown_it.rules_block import StateBlock

from posts.rendering.block_ends import add_rest, closing_line, line_of


def comment_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start) or not line_of(state, start).startswith("<!--"):
        return False
    last = closing_line(
        state, start, end, lambda text, is_first: comment_end(text, 4 if is_first else 0) >= 0, "comment"
    )
    if last is None or silent:
        return last is not None
    text = state.getLines(start, last + 1, state.blkIndent, False).lstrip()
    close = comment_end(text, 4)
    token = state.push("comment", "", 0)
    token.content, token.map = text[:close], [start, last + 1]
    state.line = last + 1
    add_rest(state, text[close:], last)
    return True


def comment_end(text: str, inside: int, last: int | None = None) -> int:
    """Return the end of the comment whose words begin at `inside`, or -1."""
    for short in (">", "->"):
        # <!--> and <!---> are complete comments.
        if inside >= 4 and text.startswith(f"<!--{short}", inside - 4):
            return inside + len(short)
    close = text.find("-->", inside, len(text) if last is None else last)
    return close + 3 if close >= 0 else -1
