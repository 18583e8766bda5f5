"""HTML with blocks in it, as a rule for markdown-it: tables, lists, headings, quotations and paragraphs in tags.

What stands between the tags is converted as posts.rendering.from_html does for files of other sites, so that a text
reads the same whether a file, a program or a person brought it.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from posts.rendering.block_ends import closing_line, line_of
from posts.rendering.from_html.passages import TABLE_PLACE, Cell, read_passage
from posts.rendering.from_html.tree import VOID
from posts.rendering.html_code import TAG
from posts.rendering.left_out_tags import closed_in, runs

_BLOCKS = frozenset("table ul ol menu dir dl blockquote h1 h2 h3 h4 h5 h6 p".split())
# Their tags mean nothing themselves.
_BOXES = frozenset(
    "address article aside center div fieldset figure footer form header hgroup main nav section".split()
)
_MAY_STAY_OPEN = frozenset("li dt dd tr td th thead tbody tfoot caption colgroup option".split())
_OPENING = re.compile(rf"<({'|'.join(sorted(_BLOCKS | _BOXES))})(?=[\s/>])", re.IGNORECASE)
_CLOSING = re.compile(rf"</(?:{'|'.join(sorted(_BLOCKS | _BOXES))})\s*>", re.IGNORECASE)
_ONLY_BOXES = re.compile(rf"(?:\s*</?(?:{'|'.join(sorted(_BOXES))})(?:\s[^<>]*)?>)+\s*", re.IGNORECASE)
_HAS_BLOCKS = re.compile(rf"<(?:pre|{'|'.join(sorted(_BLOCKS))})(?=[\s/>])", re.IGNORECASE)
# The content of such a paragraph begins behind a blank line, as that of a box does: it is Markdown.
_AROUND_MARKDOWN = re.compile(r"<p(?:\s[^<>]*)?>[ \t]*\n[ \t]*(?:\n|$)", re.IGNORECASE)
_CODE = re.compile(r"`[^`\n]+`")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
MAX_PASSAGES_DEEP = 8
# How often a text may be searched for the ends of passages.
MAX_SEARCHED = 12


def add_html_passages(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules of this module."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("left_out", "html_passage", _passage, ends)
    parser.block.ruler.before("html_passage", "html_table", _table, ends)


class _Ends:
    """Finds the line on which all that a passage opens is closed."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.fence = ""
        self.is_in_pre = False

    def closes(self, line: str, is_first: bool) -> bool:
        """Return whether a line ends the passage. is_first: whether it begins it."""
        if not self.is_in_pre and (mark := _FENCE.match(line)) and not self.fence:
            self.fence = mark[1]
            return False
        if self.fence:
            if line.strip().startswith(self.fence) and not line.strip().strip(self.fence[0]):
                self.fence = ""
            return False
        if not line.strip():
            # A paragraph needs no end.
            return all(name == "p" for name in self.open)
        for tag in TAG.finditer(_CODE.sub("", line)):
            self._take(tag[2].lower(), is_end=bool(tag[1]), is_alone=tag[0].endswith("/>"))
        return not self.open

    def _take(self, name: str, *, is_end: bool, is_alone: bool) -> None:
        if self.is_in_pre and not (is_end and name == "pre"):
            return
        if (
            name in VOID
            or name in _MAY_STAY_OPEN
            or is_alone
            or not (name in _BLOCKS or name in _BOXES or name == "pre")
        ):
            return
        if not is_end:
            self.open.append(name)
        elif name in self.open[-100:]:
            while self.open.pop() != name:
                pass
        self.is_in_pre = name == "pre" and not is_end


def _passage(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    name = _begins(state, start)
    budget = state.env.setdefault("passages_budget", MAX_SEARCHED * len(state.src)) if name else 0
    last = _last_line(state, start, end, name) if budget > 0 else None
    if last is None:
        return False
    text = state.getLines(start, last + 1, state.blkIndent, False)
    state.env["passages_budget"] = budget - len(text)
    if not _HAS_BLOCKS.search(text) or (name == "p" and _AROUND_MARKDOWN.match(text)):
        return False
    text, rest = _without_rest(text)
    found = read_passage(text, closed_in(state))
    if found is None or silent:
        return found is not None
    lines = [start, last + 1]
    deep, before = state.env.get("passages_deep", 0), state.env.get("html_tables")
    state.env["passages_deep"], state.env["html_tables"] = deep + 1, found.tables
    _add_blocks(state, found.markdown, lines)
    state.env["passages_deep"], state.env["html_tables"] = deep, before
    for kind, content in [*(("comment", one) for one in found.comments), ("left_out", " ".join(found.left_out))]:
        if content:
            token = state.push(kind, "", 0)
            token.content, token.map = content, lines
    state.line = last + 1
    _add_blocks(state, rest.strip(), [last, last + 1])
    return True


def _begins(state: StateBlock, start: int) -> str:
    """Return the name of the tag that begins a passage on a line, or ""."""
    line = line_of(state, start)
    opening, tag = _OPENING.match(line), TAG.match(line)
    if not opening or not tag or (state.is_code_block(start) and not state.env.get("left_out")):
        return ""
    name = opening[1].lower()
    # Lines of boxes alone are left out, and what they hold is read as any other text.
    is_apart = name in _BOXES and _ONLY_BOXES.fullmatch(line)
    is_deep = state.env.get("passages_deep", 0) >= MAX_PASSAGES_DEEP
    return "" if is_apart or is_deep or runs(tag[3]) or "<" in tag[3] else name


def _last_line(state: StateBlock, start: int, end: int, name: str) -> int | None:
    """Return the line on which a passage ends, or None."""
    ends = _Ends()
    last = closing_line(state, start, end, ends.closes, f"passage {name}")
    if last is None and ends.open and set(ends.open) == {"p"}:
        # A paragraph ends with the text or the container that it is in.
        return next((at for at in range(start + 1, end) if state.sCount[at] < state.blkIndent), end) - 1
    return last


def _without_rest(text: str) -> tuple[str, str]:
    """Return the text up to the end of its last block, and the words behind that on the same line."""
    last = text.rstrip("\n").rfind("\n") + 1
    close = max((tag.end() for tag in _CLOSING.finditer(text, last)), default=len(text))
    return text[:close], text[close:]


def _add_blocks(state: StateBlock, markdown: str, lines: list[int]) -> None:
    """Add the tokens of Markdown that stands for the lines of a passage."""
    made: list[Token] = []
    state.md.block.parse(markdown, state.md, state.env, made)
    for token in made:
        token.level += state.level
        token.map = list(lines)
    state.tokens += made


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read the line that stands for a table of a passage."""
    place = TABLE_PLACE.fullmatch(line_of(state, start).rstrip())
    tables = state.env.get("html_tables")
    if not place or not tables:
        return False
    if silent:
        return True
    lines = [start, start + 1]
    rows: list[list[Cell]] = tables[int(place[1])]
    heads = 0
    while heads < len(rows) and all(cell.is_head for cell in rows[heads]):
        heads += 1
    state.push("table_open", "table", 1).map = lines
    for part, some in (("thead", rows[:heads]), ("tbody", rows[heads:])):
        if not some:
            continue
        state.push(f"{part}_open", part, 1)
        for row in some:
            state.push("tr_open", "tr", 1).map = lines
            for cell in row:
                _add_cell(state, cell, lines)
            state.push("tr_close", "tr", -1)
        state.push(f"{part}_close", part, -1)
    state.push("table_close", "table", -1)
    state.line = start + 1
    return True


def _add_cell(state: StateBlock, cell: Cell, lines: list[int]) -> None:
    tag = "th" if cell.is_head else "td"
    opened = state.push(f"{tag}_open", tag, 1)
    if cell.side:
        opened.attrSet("style", f"text-align:{cell.side}")
    for name, count in (("colspan", cell.columns), ("rowspan", cell.rows)):
        if count > 1:
            opened.attrSet(name, str(count))
    first = len(state.tokens)
    _add_blocks(state, cell.markdown, lines)
    added = state.tokens[first:]
    if [token.type for token in added] == ["paragraph_open", "inline", "paragraph_close"]:
        # Words alone are no paragraph.
        state.tokens[first:] = added[1:2]
    elif not added:
        inline = state.push("inline", "", 0)
        inline.content, inline.map, inline.children = "", lines, []
    state.push(f"{tag}_close", tag, -1)
