"""Read boxes in Markdown: alerts, callouts, containers, admonitions and tabs.

Those of GitHub, of Obsidian, of Docusaurus and VitePress, and of MkDocs. Sources:
https://docs.github.com/en/get-started/writing-on-github (alerts), https://help.obsidian.md/callouts,
https://docusaurus.io/docs/markdown-features/admonitions, https://vitepress.dev/guide/markdown,
https://python-markdown.github.io/extensions/admonition/ and https://facelessuser.github.io/pymdown-extensions/.

A box becomes the tokens box_open, a paragraph with its title, what it holds, box_close; one that folds becomes those of
`details`; parser.py (_HTML_OF) writes their HTML. Of the kinds that a site invents for itself only the marks are left
out.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from posts.rendering.block_ends import closing_line, line_of

MAX_BOXES_DEEP = 10
MAX_TITLE = 300
# Each container that never ends is searched to the end of the text; beyond so many lines no more are looked for.
MAX_VAIN_LINES = 50_000
# The words that name a kind of box, and its look: note, tip, warning or danger.
KINDS = {
    **dict.fromkeys(["note", "info", "abstract", "summary", "tldr", "seealso", "example", "quote", "cite"], "note"),
    **dict.fromkeys(["question", "help", "faq", "details", "todo", "definition"], "note"),
    **dict.fromkeys(["tip", "hint", "success", "check", "done", "important"], "tip"),
    **dict.fromkeys(["warning", "caution", "attention"], "warning"),
    **dict.fromkeys(["danger", "error", "failure", "fail", "missing", "bug"], "danger"),
}
_FOLDS = ("details", "faq")

_ALERT = re.compile(r"\[!([A-Za-z]{1,20})\]([+-]?)(?:[ \t]+([^\n]*))?(?:\n|$)")
_CONTAINER = re.compile(r"(:{3,})[ \t]*([a-z]{1,20})(?:\[([^\]\n]*)\]|[ \t]+([^\n]*?))?[ \t]*(\{[^{}\n]*\})?[ \t]*$")
# MyST and Quarto: `:::{note} Title`, a fence of backticks with `{note}`, `::: {.callout-note title="Title"}`.
_DIRECTIVE = re.compile(
    r"(:{3,}|`{3,}|~{3,})[ \t]*\{[ \t]*\.?(?:callout-)?([a-z]{1,20})((?:[ \t][^{}\n]*)?)\}[ \t]*([^\n]*?)[ \t]*$"
)
# The blocks of PyMdown: `/// note | Title` … `///`, with options in indented lines below.
_SLASHES = re.compile(r"(/{3,})[ \t]*([a-z]{1,20})(?:[ \t]*\|[ \t]*([^\n]*?))?[ \t]*$")
_OPTION_OF_SLASHES = re.compile(r"[a-z_]{1,20}:(?:[ \t]|$)")
_OPTION = re.compile(r":([\w-]{1,40}):(?:[ \t]|$)")
_TITLE_ATTRIBUTE = re.compile(r"""\btitle[ \t]*=[ \t]*(?:"([^"]*)"|'([^']*)')""")
# Of any other kind: `::: code-group` in VitePress, `::: {layout-ncol=2}` in Quarto.
_OTHER = re.compile(
    r"(:{3,})[ \t]*(?:[\w-]{1,60}|(?=\{))(?:\[([^\]\n]*)\]|[ \t]+([^\n{}]*?))?[ \t]*(?:\{[^{}\n]*\})?[ \t]*$"
)
_CONTAINER_END = re.compile(r"(:{3,})[ \t]*$")
_ADMONITION = re.compile(r"(!!!|\?\?\?\+?|===[+!]?)[ \t]+([^\n]+)$")
_NAMES_AND_TITLE = re.compile(r"([a-z][a-z0-9 _-]*)?(?:(?:^|[ \t])\"([^\"]*)\")?[ \t]*$")
_TAB = re.compile(r"\"([^\"]+)\"[ \t]*$")


def add_boxes(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules of this module."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("fence", "container", _container, ends)
    parser.block.ruler.before("fence", "admonition", _admonition, ends)
    parser.block.ruler.before("fence", "slashes", _slashes, ends)
    parser.core.ruler.before("inline", "alerts", _alerts)


def begin_box(state: StateBlock, number: int, words: str, kind: str, *, folds: bool) -> None:
    """Add the beginning of a box, or of a fold, and its title, which stands on the line `number`."""
    tag = "details" if folds else "div"
    opened = state.push("details_open" if folds else "box_open", tag, 1)
    opened.map, opened.meta = [number, number + 1], {"kind": kind}
    name, tag = ("summary", "summary") if folds else ("paragraph", "p")
    title = state.push(f"{name}_open", tag, 1)
    title.map = [number, number + 1]
    if not folds:
        title.attrSet("class", "box__title")
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = words[:MAX_TITLE], [number, number + 1], []
    state.push(f"{name}_close", tag, -1)


def end_box(state: StateBlock, *, folds: bool) -> None:
    """Add the end of a box, or of a fold."""
    state.push("details_close" if folds else "box_close", "details" if folds else "div", -1)


def fill_box(state: StateBlock, start: int, end: int) -> None:
    """Read the lines `start` to `end` as what a box holds."""
    old_end, old_parent = state.lineMax, state.parentType
    state.lineMax, state.parentType = end, "root"
    state.env["boxes"] = state.env.get("boxes", 0) + 1
    state.md.block.tokenize(state, start, end)
    state.env["boxes"] -= 1
    state.lineMax, state.parentType = old_end, old_parent


def _container(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `:::note Title` … `:::`, with more colons around others."""
    if state.is_code_block(start) or state.env.get("boxes", 0) >= MAX_BOXES_DEEP:
        return False
    line = line_of(state, start)
    if not (opening := _CONTAINER.match(line)):
        return _directive(state, start, end, silent)
    if opening[2] not in KINDS:
        return _other(state, start, end, silent)
    last = _container_end(state, start, end, len(opening[1]))
    if last is None or silent:
        return last is not None
    words = opening[3] or opening[4] or _title_in(opening[5] or "")
    _add_box(state, start, start + 1, last, opening[2], words, folds=opening[2] in _FOLDS)
    return True


def _other(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a container of a kind that a site has for itself: its title, and what it holds. Its marks are left out."""
    line = line_of(state, start).rstrip()
    opening = _OTHER.match(line)
    last = _container_end(state, start, end, len(opening[1])) if opening else None
    if opening is None or last is None or silent:
        return opening is not None and last is not None
    _leave_out(state, start)
    if words := (opening[2] or opening[3] or _title_in(line)).strip():
        title = state.push("paragraph_open", "p", 1)
        title.map = [start, start + 1]
        title.attrSet("class", "box__title")
        inline = state.push("inline", "", 0)
        inline.content, inline.map, inline.children = words[:MAX_TITLE], [start, start + 1], []
        state.push("paragraph_close", "p", -1)
    fill_box(state, start + 1, last)
    _leave_out(state, last)
    state.line = last + 1
    return True


def _leave_out(state: StateBlock, number: int) -> None:
    token = state.push("left_out", "", 0)
    token.content, token.map = line_of(state, number).strip(), [number, number + 1]


def _slashes(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `/// note | Title` … `///`, with more slashes around others, and tabs."""
    line = line_of(state, start)
    if line[:3] != "///" or state.is_code_block(start) or state.env.get("boxes", 0) >= MAX_BOXES_DEEP:
        return False
    opening = _SLASHES.match(line)
    if not opening or (opening[2] not in KINDS and opening[2] not in ("admonition", "tab")):
        return False
    last = closing_line(state, start, end, lambda text, _: text.rstrip() == opening[1], opening[1])
    if last is None or silent:
        return last is not None
    first = start + 1
    while first < last and state.sCount[first] >= 4 and _OPTION_OF_SLASHES.match(line_of(state, first)):
        first += 1
    options = state.getLines(start + 1, first, 0, False)
    named = next((kind for kind in KINDS if f"type: {kind}" in options), "note")
    name = opening[2] if opening[2] in KINDS else named
    words = (opening[3] or "").strip() or opening[2].capitalize()
    look = "tab" if opening[2] == "tab" else KINDS[name]
    begin_box(state, start, words, look, folds=name in _FOLDS)
    fill_box(state, first, last)
    end_box(state, folds=name in _FOLDS)
    state.line = last + 1
    return True


def _title_in(attributes: str) -> str:
    found = _TITLE_ATTRIBUTE.search(attributes)
    return next(filter(None, found.groups()), "") if found else ""


def _add_box(state: StateBlock, start: int, first: int, last: int, name: str, words: str, *, folds: bool) -> None:
    """Add a box that begins on the line `start`, holds the lines from `first`, and ends on the line `last`."""
    begin_box(state, start, words.strip() or name.capitalize(), KINDS[name], folds=folds)
    fill_box(state, first, last)
    end_box(state, folds=folds)
    state.line = last + 1


def _directive(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a box whose kind is in braces, with the options of MyST below its first line."""
    opening = _DIRECTIVE.match(line_of(state, start))
    if not opening or opening[2] not in KINDS:
        return _other(state, start, end, silent)
    mark = opening[1]
    last = _container_end(state, start, end, len(mark)) if mark[0] == ":" else _fence_end(state, start, end, mark)
    if last is None or silent:
        return last is not None
    first = start + 1
    while first < last and _OPTION.match(line_of(state, first)):
        first += 1
    options = state.getLines(start + 1, first, 0, False)
    folds = opening[2] in _FOLDS or "dropdown" in options or 'collapse="true"' in opening[3]
    _add_box(state, start, first, last, opening[2], opening[4] or _title_in(opening[3]), folds=folds)
    return True


def _fence_end(state: StateBlock, start: int, end: int, mark: str) -> int | None:
    """Return the line that ends a fence, or None."""

    def closes(text: str, is_first: bool) -> bool:
        line = text.rstrip()
        return not is_first and len(line) >= len(mark) and not line.strip(mark[0])

    return closing_line(state, start, end, closes, mark)


def _container_end(state: StateBlock, start: int, end: int, colons: int) -> int | None:
    """Return the line that ends a container; None if there is none, or if the text has cost too much search in vain."""
    vain = state.env.get("vain_lines", 0)
    if vain > MAX_VAIN_LINES:
        return None
    depth, number = 1, start
    for number in range(start + 1, end):
        if state.sCount[number] < state.blkIndent and not state.isEmpty(number):
            break
        line = line_of(state, number)
        if line[:3] != ":::":
            continue
        if (closing := _CONTAINER_END.match(line)) and (depth == 1 or len(closing[1]) == colons):
            if len(closing[1]) < colons:
                continue
            depth -= 1
            if not depth:
                return number
        elif (inner := _CONTAINER.match(line) or _DIRECTIVE.match(line) or _OTHER.match(line)) and len(
            inner[1]
        ) == colons:
            depth += 1
    state.env["vain_lines"] = vain + number - start
    return None


def _admonition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `!!! note "Title"`, `??? note` and `=== "Tab"` with the lines below that are indented by four."""
    line = line_of(state, start)
    if line[:3] not in ("!!!", "???", "===") or state.is_code_block(start):
        return False
    if state.env.get("boxes", 0) >= MAX_BOXES_DEEP or not (found := _ADMONITION.match(line)):
        return False
    named = _named(found[1], found[2])
    last = _indented_end(state, start, end)
    # Without content it is not a box but a line that looks like one.
    if named is None or last == start + 1:
        return False
    if silent:
        return True
    kind, words = named
    folds = found[1].startswith("???")
    begin_box(state, start, words, kind, folds=folds)
    indent = state.blkIndent
    state.blkIndent = state.sCount[start] + 4
    fill_box(state, start + 1, last)
    state.blkIndent = indent
    end_box(state, folds=folds)
    state.line = last
    return True


def _named(mark: str, rest: str) -> tuple[str, str] | None:
    """Return (look, title) of what stands behind the mark of an admonition or tab; None if it is neither."""
    if mark.startswith("==="):
        tab = _TAB.match(rest)
        return ("tab", tab[1]) if tab else None
    found = _NAMES_AND_TITLE.match(rest)
    if not found or not (found[1] or found[2]):
        return None
    names = (found[1] or "").split()
    known = next((name for name in names if name in KINDS), None)
    if known is None and names:
        # A kind of the source site needs a title to mean anything to readers.
        return ("note", found[2] or names[0].capitalize())
    return (KINDS[known] if known else "note", found[2] or (known or "note").capitalize())


def _indented_end(state: StateBlock, start: int, end: int) -> int:
    """Return the line behind the last one below `start` that is indented by four more than it."""
    last = start + 1
    for number in range(start + 1, end):
        if state.isEmpty(number):
            continue
        if state.sCount[number] < state.sCount[start] + 4:
            break
        last = number + 1
    return last


def _alerts(state: StateCore) -> None:
    """Turn quotations that begin with `[!NOTE]` into boxes, before their text is read."""
    tokens, made, ends = state.tokens, [], []
    for index, token in enumerate(tokens):
        if token.type == "blockquote_open":
            alert = _alert_of(tokens, index)
            ends.append(alert)
            if alert is None:
                made.append(token)
            else:
                made += alert
        elif token.type == "blockquote_close":
            alert = ends.pop()
            if alert is None:
                made.append(token)
            else:
                tag = alert[0].tag
                name = "box_close" if tag == "div" else "details_close"
                made.append(Token(name, tag, -1, block=True, level=token.level))
        else:
            made.append(token)
    # The marker was the first line of a paragraph; a paragraph with nothing else is now empty.
    state.tokens = [token for index, token in enumerate(made) if not _is_of_empty_paragraph(made, index)]


def _alert_of(tokens: list[Token], index: int) -> list[Token] | None:
    """Return the tokens that begin an alert, and take its mark off its text; None if it is none."""
    if index + 2 >= len(tokens) or tokens[index + 1].type != "paragraph_open":
        return None
    quote, paragraph, inline = tokens[index : index + 3]
    found = _ALERT.match(inline.content)
    name = found[1].lower() if found else ""
    if found is None or name not in KINDS or quote.map is None or paragraph.map is None:
        return None
    at = paragraph.map[0]
    words = (found[3] or "").strip() or name.capitalize()
    inline.content = inline.content[found.end() :]
    # One line has become the title.
    paragraph.map = [min(at + 1, paragraph.map[1]), paragraph.map[1]]
    inline.map = paragraph.map
    # Obsidian folds a callout with a minus behind its kind.
    box, tag = ("details", "details") if found[2] == "-" else ("box", "div")
    part, tag_of_title = ("summary", "summary") if found[2] == "-" else ("paragraph", "p")
    opened = Token(f"{box}_open", tag, 1, map=quote.map, block=True, level=quote.level, meta={"kind": KINDS[name]})
    title = Token(f"{part}_open", tag_of_title, 1, map=[at, at + 1], level=quote.level + 1, block=True)
    if part == "paragraph":
        title.attrSet("class", "box__title")
    text = Token("inline", "", 0, map=[at, at + 1], level=quote.level + 2, content=words[:MAX_TITLE], children=[])
    return [opened, title, text, Token(f"{part}_close", tag_of_title, -1, block=True, level=quote.level + 1)]


def _is_of_empty_paragraph(tokens: list[Token], index: int) -> bool:
    """Return whether the token is one of the three of a paragraph without text."""
    for first in range(max(0, index - 2), index + 1):
        run = tokens[first : first + 3]
        if [token.type for token in run] == ["paragraph_open", "inline", "paragraph_close"] and not (
            run[1].content or run[1].meta
        ):
            return True
    return False
