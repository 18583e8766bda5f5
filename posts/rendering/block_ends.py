"""Lines of blocks that end with a mark of their own, such as `-->` or `</details>`."""

from collections.abc import Callable

from markdown_it.rules_block import StateBlock


def line_of(state: StateBlock, number: int) -> str:
    """Return a line without the marks of the lists and quotations around it."""
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def closing_line(
    state: StateBlock, start: int, end: int, closes: Callable[[str, bool], object], name: str
) -> int | None:
    """Return the line that closes the block begun at `start`, or None. closes(line, whether it is the first) finds it.

    A failed search is remembered under `name`, so that thousands of unclosed blocks don't repeat it.
    """
    indent, first, last = _vain(state).get(name, (0, 0, 0))
    if first <= start < last and state.blkIndent >= indent:
        return None
    for number in range(start, end):
        if number > start and state.sCount[number] < state.blkIndent and not state.isEmpty(number):
            end = number
            break
        if closes(line_of(state, number), number == start):
            return number
    remember_in_vain(state, start, end, name)
    return None


def remember_in_vain(state: StateBlock, start: int, end: int, name: str) -> None:
    """Have closing_line() find nothing for the blocks that begin on the lines from `start` to before `end`."""
    _vain(state)[name] = (state.blkIndent, start, end)


def _vain(state: StateBlock) -> dict[str, tuple[int, int, int]]:
    """Return {name: (indentation, first line, line behind the last)} of failed searches in the text."""
    source, vain = state.env.get("unclosed", (None, None))
    if source is not state.src:
        vain = {}
        state.env["unclosed"] = (state.src, vain)
    found: dict[str, tuple[int, int, int]] = vain
    return found


def add_rest(state: StateBlock, text: str, number: int) -> None:
    """Add the text after the end of a block on its last line as a paragraph."""
    if not text.strip():
        return
    state.push("paragraph_open", "p", 1).map = [number, number + 1]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = text.strip(), [number, number + 1], []
    state.push("paragraph_close", "p", -1)
