"""Tags that a page leaves out, with what they hold on it: those that only style, and components of site generators.

`<small>`, `<span class="x">` and `<div>` mean nothing here, `<Tabs>` and `<my-box>` nothing outside of their own site.
Their words stay. What is left out is a finding for the reviewer (posts.content_checks.residue).
"""

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

NEUTRAL = frozenset(
    """address article aside bdi bdo big button center data div fieldset figcaption figure font footer form header ins
    label legend main meter nav nobr option output p picture progress q section select small source span template time u
    wbr""".split()
) | frozenset(
    "blockquote body caption dd dl dt head html h1 h2 h3 h4 h5 h6 li ol table tbody td tfoot th thead tr ul".split()
)
# Without a partner they are left out too.
ALONE = frozenset("base col hr input link meta source track wbr".split())
# What a browser shows on lines of its own, or in cells.
APART = NEUTRAL - frozenset(
    "bdi bdo big button data font ins label meter nobr progress output q small source span time u wbr".split()
)
# Their address is worth a link.
EMBEDS = frozenset("audio embed iframe video".split())
MAX_LINES = 40
_COMPONENT = re.compile(r"</?(?:[A-Z][A-Za-z0-9]*[A-Za-z0-9.]+|[a-z][a-z0-9]*(?:-[a-z0-9]+)+|[A-Z])(?=[\s/>])")
# What a model writes for itself stays text, so that readers and checks see it.
_OF_A_MODEL = re.compile(
    r"</?(?:ant_?|final_?|inner_?)?(?:think|thinking|thoughts?|thought_process|reasoning|reflection|scratchpad|monologue|"
    r"answer|artifact|tool_?\w*|function_?\w*)(?=[\s/>])",
    re.IGNORECASE,
)
# Objects within lists within objects, as values of components have them.
_IN_BRACES = r"[^{}]*+"
for _ in range(8):
    _IN_BRACES = rf"(?:[^{{}}]++|\{{{_IN_BRACES}\}})*+"
_VALUE = rf"""(?:[^\s"'=<>`{{]++|'[^']*+'|"(?:\{{\{{[^{{}}]*+\}}\}}|[^"])*+"|\{{{_IN_BRACES}\}})"""
ATTRIBUTE = rf"\s++(?:[A-Za-z_:@#*][\w:.@#*-]*+(?:\s*+=\s*+{_VALUE})?|\{{\.\.\.[^{{}}]*+\}})"
_TAG_OF_LINE = re.compile(rf"\s*+</?([A-Za-z][\w.-]*+)((?:{ATTRIBUTE})*+)\s*+/?>")
_CLOSING = re.compile(r"</([A-Za-z][\w.-]*+)")
_WITH_MORE = re.compile(r"<(?:/([A-Za-z][\w.-]*+)|([A-Za-z][\w.-]*+)\s++[a-z@:#])")
# A page has no use for them, but what they would do is lost.
MISSED = frozenset(("form", "template"))
_IMPORT = re.compile(
    r"import\s+(?:(?:type\s+)?[\w$*{][\w$*{},\s]{0,500}?\sfrom\s*|\{[\w$,\s]{0,500}\}\s*from\s*)?"
    r"""["'][^"'\n]{1,300}["'][ \t]*;?"""
)
_WORDS = re.compile(r"""\s(?:title|label|summary|heading)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|\{["`']([^{}]*+)["`']\})""")
_ID = re.compile(r"""\sid\s*+=\s*+["']?([^\s"'<>]{1,200})""")
_ANY_TAG = re.compile(rf"</?[A-Za-z][\w.-]*+(?:{ATTRIBUTE})*+\s*+/?>")
# Of an address. Those of hints, folds and code are shown as what they mean.
_TEMPLATE = re.compile(r"\{\{(?![<%])[^{}\n]{1,100}\}\}")
_RUNS = re.compile(r"\bon\w+\s*+=", re.IGNORECASE)
_VALUES = re.compile(rf"=\s*+{_VALUE}")


def is_component(tag: str) -> bool:
    """Return whether a tag as written is one of a component: `<Tabs>`, `<my-box>`."""
    return _COMPONENT.match(tag) is not None and not _OF_A_MODEL.match(tag)


def runs(attributes: str, tag: str = "") -> bool:
    """Return whether attributes would run something, as `onclick` would. Such a tag stays visible text.

    tag: the tag as written. What a component is given as a value may be a whole program.
    """
    if _RUNS.search(attributes) is None:
        return False
    return not is_component(tag) or _RUNS.search(_VALUES.sub("=", attributes)) is not None


def add_left_out_tags(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rule for lines of tags."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("html_block", "left_out", _left_out, ends)
    parser.block.ruler.before("html_block", "imports", _imports)


def _left_out(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read lines that are tags alone: nothing of them is shown but their titles."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.src[begin : begin + 1] != "<":
        return False
    last = min(end, start + MAX_LINES)
    if state.is_code_block(start) and not state.env.get("left_out"):
        return False
    at, line, found = begin, start, []
    while True:
        tag = _TAG_OF_LINE.match(state.src, at, state.eMarks[last - 1])
        if not tag or not _is_left_out(tag[0].strip(), tag[1], tag[2], closed_in(state)):
            return False
        found.append(tag)
        at = tag.end()
        while line < last and state.eMarks[line] < at:
            line += 1
        if line >= last:
            return False
        if not state.src[at : state.eMarks[line]].strip():
            break
    if silent:
        return True
    state.env["left_out"] = True
    token = state.push("left_out", "", 0)
    token.content, token.map = state.src[begin:at], [start, line + 1]
    for tag in found:
        _push_words(state, tag[2], start, line + 1)
    state.line = line + 1
    _unindent(state, line + 1, end)
    return True


def _unindent(state: StateBlock, first: int, end: int) -> None:
    """Take the common indentation off the lines right below a tag, which in HTML makes no code of them."""
    last = first
    while last < end and not state.isEmpty(last) and state.sCount[last] - state.blkIndent >= 4:
        last += 1
    if last == first:
        return
    indent = min(state.sCount[first:last]) - state.blkIndent
    for line in range(first, last):
        # A tab is not a part of an indentation.
        has_spaces = state.src.startswith(" " * indent, state.bMarks[line])
        taken = indent if has_spaces else state.tShift[line]
        state.sCount[line] = state.sCount[line] - indent if has_spaces else state.blkIndent
        state.bMarks[line] += taken
        state.tShift[line] -= taken


def _imports(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read the imports of MDX, which bring in components: `import { Tabs } from "theme"`."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.blkIndent or state.is_code_block(start) or not state.src.startswith("import", begin):
        return False
    at, line, last = begin, start, min(end, start + MAX_LINES)
    while line < last and (found := _IMPORT.match(state.src, at, state.eMarks[last - 1])):
        while state.eMarks[line] < found.end():
            line += 1
        if state.src[found.end() : state.eMarks[line]].strip():
            return False
        line += 1
        at = state.bMarks[line]
    if line == start:
        return False
    if not silent:
        token = state.push("left_out", "", 0)
        token.content, token.map = state.src[begin : state.eMarks[line - 1]], [start, line]
        state.line = line
    return True


def tags_with_more(source: str, env: MutableMapping[str, Any]) -> frozenset[str]:
    """Return the names, in lower case, of all tags of a text that end an element or have attributes, found once."""
    known, names = env.get("tags_with_more", ("", frozenset()))
    if known is not source:
        names = frozenset(name.lower() for pair in _WITH_MORE.findall(source) for name in pair if name)
        env["tags_with_more"] = (source, names)
    found: frozenset[str] = names
    return found


def closed_in(state: StateBlock) -> frozenset[str]:
    """Return the names of all closing tags of the text, found once."""
    source, names = state.env.get("closing_tags", ("", frozenset()))
    if source is not state.src:
        names = frozenset(_CLOSING.findall(state.src))
        state.env["closing_tags"] = (state.src, names)
    found: frozenset[str] = names
    return found


def _is_left_out(tag: str, name: str, attributes: str, closed: frozenset[str]) -> bool:
    if runs(attributes, tag):
        return False
    if name.lower() in NEUTRAL | ALONE and not is_component(tag):
        return True
    if not is_component(tag):
        return False
    # `<your-name>` alone is a place to fill.
    return tag.endswith("/>") or tag.startswith("</") or name in closed


def _push_words(state: StateBlock, attributes: str, first: int, last: int) -> None:
    """Add the title of a component as a line, and its id as a place to link to."""
    words = _WORDS.search(attributes)
    title = " ".join(next(filter(None, words.groups()), "").split()) if words else ""
    given = _ID.search(attributes)
    if not title and not given:
        return
    opened = state.push("paragraph_open", "p", 1)
    opened.map = [first, last]
    if title:
        opened.attrSet("class", "box__title")
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = title, [first, last], []
    if given:
        inline.meta["anchor"] = given[1]
    state.push("paragraph_close", "p", -1)


def left_out_of(tokens: Iterable[Token]) -> list[str]:
    """Return the tags in tokens that a page leaves out though they say more than their words do: not `<small>`."""
    found = []
    for token in tokens:
        for tag in (token, *(token.children or ())):
            if tag.type == "left_out" and tag.content.startswith(":::"):
                # A container of a kind that only its own site has; what ends it says nothing more.
                found += [tag.content] if tag.content.strip(":") else []
            elif tag.type == "left_out":
                found += [one for one in _ANY_TAG.findall(tag.content) if _says_more(one)]
                found += _TEMPLATE.findall(tag.content)
                found += [" ".join(one.split()) for one in _IMPORT.findall(tag.content)]
    return found


def _says_more(tag: str) -> bool:
    name = re.sub(r"[\s/>].*", "", tag.lstrip("</"), flags=re.DOTALL).lower()
    return is_component(tag) or name in MISSED or name not in NEUTRAL | {"a", "wbr", "hr", "col"}
