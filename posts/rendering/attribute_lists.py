"""Leave out what generators read and no reader sees: attribute lists, and the place of a table of contents.

`{: .wide #top}` stands behind an element of a line, or on a line of its own above or below a block. Sources:
https://kramdown.gettalong.org/syntax.html#block-ials, https://python-markdown.github.io/extensions/attr_list/ and
https://pandoc.org/MANUAL.html#extension-link_attributes. The page of an article has its contents beside it.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from posts.rendering.block_ends import line_of
from posts.rendering.markdown_boxes import KINDS, begin_box, end_box, fill_box

_VALUE = r"""(?:"[^"\n]{0,300}"|'[^'\n]{0,300}'|[^\s{}"'=]{1,300})"""
_ONE = rf"(?:[.#][\w:.-]{{1,100}}|[\w:-]{{1,60}}={_VALUE}|-)"
_LIST = re.compile(rf"\{{:?[ \t]{{0,9}}{_ONE}(?:[ \t]{{1,9}}{_ONE}){{0,20}}[ \t]{{0,9}}\}}")
_CONTENTS = re.compile(
    r"\[TOC\]|\[\[_?TOC_?\]\]|\{\{[<%][ \t]*toc[ \t]*/?[%>]\}\}|\{%-?[ \t]*toc[ \t]*-?%\}|\{:[ \t]*toc[^{}\n]{0,100}\}",
    re.IGNORECASE,
)
_LABEL_OF_CONTENTS = re.compile(r"^ {0,3}\[_?toc_?\]:", re.IGNORECASE | re.MULTILINE)
_ID = re.compile(r"[{ \t:]#([^\s{}#]{1,200})")
_CLASSES = re.compile(r"[{ \t:]\.(?:prompt-|callout-|is-)?([\w-]{1,40})")
_ALT = re.compile(r"""\b(?:fig-)?alt="([^"\n]{1,300})\"""")
MAX_WORDS = 300
_LANGUAGE = re.compile(r"\.(?:language-)([\w+#-]{1,40})")
# Behind these, and nothing else of a line, an attribute list belongs to them.
_ENDS = frozenset("code_inline image kbd_close link_close".split())
_BLOCK_OPENINGS = {"bullet_list_close": "bullet_list_open", "ordered_list_close": "ordered_list_open"}


def add_attribute_lists(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules of this module."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("fence", "attribute_list", _line, ends)
    parser.inline.ruler.before("link", "attribute_list", _inline)


def _inline(state: StateInline, silent: bool) -> bool:
    """Read a list behind an element, or `{: …}` at the beginning of a list item."""
    if state.src[state.pos] != "{":
        return False
    is_behind = not state.pending and bool(state.tokens) and state.tokens[-1].type in _ENDS
    is_marked = state.src.startswith("{:", state.pos) and (not state.pos or state.src[state.pos - 1] in "*_~`)]>")
    # Pandoc and Quarto: [words]{.class}
    opening = state.pending.rfind("[", -MAX_WORDS) if state.pending.endswith("]") else -1
    is_span = opening >= 0 and state.src.startswith(("{.", "{#"), state.pos)
    if not is_behind and not is_marked and not is_span:
        return False
    found = _LIST.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent:
        if is_span:
            state.pending = f"{state.pending[:opening]}{state.pending[opening + 1 : -1]}"
        elif is_behind and state.tokens[-1].type == "image" and not state.tokens[-1].content:
            _describe(state.tokens[-1], found[0])
        state.push("left_out", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _describe(image: Token, attributes: str) -> None:
    """Give an image without words those that its attributes have: `![](a.png){fig-alt="A chart"}` in Quarto."""
    if words := _ALT.search(attributes):
        image.content = words[1]
        image.children = [Token("text", "", 0, content=words[1])]


def _line(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a line that is a list alone, or the place of a table of contents."""
    line = line_of(state, start).rstrip()
    if line[:1] not in ("{", "[") or state.is_code_block(start):
        return False
    is_contents = _CONTENTS.fullmatch(line) is not None
    if not is_contents and not _LIST.fullmatch(line):
        return False
    if line[0] == "[" and _is_label(state):
        return False
    if silent:
        return True
    kind = next((name for name in _CLASSES.findall(line) if name in KINDS), "")
    if kind and _begins_block(state, start):
        return _box_below(state, start, end, kind)
    if is_contents:
        if line.startswith("{:") and start and not state.isEmpty(start - 1):
            _take_list_of_contents(state)
    else:
        _give(state, line, kind)
    token = state.push("left_out", "", 0)
    token.content, token.map = line, [start, start + 1]
    state.line = start + 1
    return True


def _is_label(state: StateBlock) -> bool:
    """Return whether `[toc]` is the label of a link that the text defines, found once."""
    known: dict[str, bool] = state.env.setdefault("labels_of_contents", {})
    if state.src not in known:
        known[state.src] = _LABEL_OF_CONTENTS.search(state.src) is not None
    return known[state.src]


def _begins_block(state: StateBlock, start: int) -> bool:
    """Return whether the list stands above a block, not below one."""
    is_below = start and not state.isEmpty(start - 1) and start - 1 >= state.line - 1 and state.tokens
    return not is_below and start + 1 < state.lineMax and not state.isEmpty(start + 1)


def _box_below(state: StateBlock, start: int, end: int, kind: str) -> bool:
    """Put the lines below, up to a blank one, into a box: `{: .note }` in Just the Docs."""
    last = start + 1
    while last < end and not state.isEmpty(last) and state.sCount[last] >= state.blkIndent:
        last += 1
    begin_box(state, start, kind.capitalize(), KINDS[kind], folds=False)
    fill_box(state, start + 1, last)
    end_box(state, folds=False)
    state.line = last
    return True


def _give(state: StateBlock, attributes: str, kind: str) -> None:
    """Give the block above its id, its language or the look of a box."""
    last = state.tokens[-1] if state.tokens else None
    if last is None:
        return
    if last.type == "heading_close" and (given := _ID.search(attributes)):
        state.tokens[-3].meta["id"] = given[1]
    elif last.type in ("fence", "code_block") and not last.info and (language := _LANGUAGE.search(attributes)):
        last.info = language[1]
    elif last.type in ("blockquote_close", "paragraph_close") and kind:
        _box_above(state, kind)


def _box_above(state: StateBlock, kind: str) -> None:
    """Make a box of the quotation or paragraph that ends here: `{: .prompt-tip }` in Chirpy."""
    closing = state.tokens[-1].type
    opened = _opening(state, closing.replace("_close", "_open"), closing)
    number = (state.tokens[opened].map or [0, 0])[0]
    inside = state.tokens[opened + 1 : -1] if closing == "blockquote_close" else state.tokens[opened:]
    del state.tokens[opened:]
    begin_box(state, number, kind.capitalize(), KINDS[kind], folds=False)
    state.tokens += inside
    end_box(state, folds=False)


def _take_list_of_contents(state: StateBlock) -> None:
    """Leave out the list that `{:toc}` stands below: it has one item, whose words kramdown replaces."""
    closing = state.tokens[-1].type if state.tokens else ""
    if closing not in _BLOCK_OPENINGS:
        return
    opened = _opening(state, _BLOCK_OPENINGS[closing], closing)
    inside = [token.type for token in state.tokens[opened:]]
    if inside.count("list_item_open") == 1 and inside.count("inline") == 1:
        words = next(token for token in state.tokens[opened:] if token.type == "inline")
        covered = state.tokens[opened].map
        del state.tokens[opened:]
        token = state.push("left_out", "", 0)
        token.content, token.map = words.content, covered


def _opening(state: StateBlock, opening: str, closing: str) -> int:
    """Return the place of the token that the last one closes."""
    depth = 0
    for place in range(len(state.tokens) - 1, -1, -1):
        depth += {closing: 1, opening: -1}.get(state.tokens[place].type, 0)
        if not depth:
            return place
    return 0
