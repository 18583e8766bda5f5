"""What authors can write beyond CommonMark: HTML, comments, ids of headings, tasks, as rules for markdown-it.

Each rule turns source into tokens. No token carries HTML of a text: only markdown.py writes HTML, and every tag here
is from a short list, opened and closed in pairs. Comments become tokens of their own, which readers never see.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from posts.rendering.html_code import CODE, TAG, declaration, inline_code, push_code, raw_block
from posts.rendering.html_comments import comment_block, comment_end
from posts.rendering.html_folds import details
from posts.rendering.left_out_tags import runs
from posts.rendering.tag_pairs import MAX_ID, pair_over_blocks, paired, without_links_in_links

# A heading's own id: {#id}, {: #id}, {#id .class}, and in MDX {/* #id */}.
_HEADING_ID = re.compile(r"[ \t]*+\{(?::|/\*)?[ \t]*+#([^\s{}#]{1,200})(?:[ \t][^{}]{0,200})?(?:\*/)?\}[ \t]*+$")
# Classes and the like at the end of a heading mean nothing here.
_ONE = r"""(?:\.[\w-]+|-|[\w-]{1,60}="[^"{}\n]{0,200}")"""
_HEADING_ATTRIBUTES = re.compile(rf"[ \t]++\{{:?[ \t]*+{_ONE}(?:[ \t]++{_ONE})*+[ \t]*+\}}[ \t]*$")
_LIST_IN_CELL = re.compile(r"<(?:ul|ol)[\s>]", re.IGNORECASE)
_TASK = re.compile(r"\[([ xX])\](?=\s)")


def add_rules(parser: MarkdownIt) -> None:
    """Add the rules of this module to a MarkdownIt parser."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    block, inline = parser.block.ruler, parser.inline.ruler
    block.before("html_block", "comment", comment_block, ends)
    block.before("html_block", "raw", raw_block, ends)
    block.before("html_block", "details", details, ends)
    inline.before("html_inline", "tag", _tag)
    parser.core.ruler.after("text_join", "as_written", _finish)


def _tag(state: StateInline, silent: bool) -> bool:
    """Parse a comment, HTML code or a tag. _finish() pairs the tags once all are known."""
    begin, source = state.pos, state.src
    if source[begin] != "<":
        return False
    if source.startswith("<!--", begin):
        if state.html_terminator_last("-->") < begin + 2:
            return False
        close = comment_end(source, begin + 4, state.posMax)
        if close < 0:
            return False
        if not silent:
            state.push("comment", "", 0).content = source[begin:close]
        state.pos = close
        return True
    if source.startswith(("<?", "<!["), begin):
        return declaration(state, silent)
    found = TAG.match(source, begin, state.posMax)
    if not found:
        return False
    name = found[2].lower()
    state.pos = found.end()
    if not found[1] and _whole_element(state, name, found[0], silent):
        return True
    if not silent:
        token = state.push("tag", "", 0)
        token.content = found[0]
        token.meta = {"name": name, "closes": bool(found[1]), "attributes": found[3]}
    return True


def _whole_element(state: StateInline, name: str, tag: str, silent: bool) -> bool:
    """Read code and drawings up to their end; return whether there was one."""
    if (name in CODE or name in ("kbd", "pre")) and (code := inline_code(state, name)) is not None:
        if not silent:
            push_code(state, name, code)
        return True
    close = _end_of_drawing(state) if name == "svg" else 0
    if close and not silent:
        state.push("left_out", "", 0).content = tag
    state.pos = close or state.pos
    return bool(close)


def _end_of_drawing(state: StateInline) -> int:
    """Return the place behind the `</svg>` that ends the drawing begun before state.pos, or 0."""
    if state.html_terminator_last("</svg>") < state.pos:
        return 0
    close = state.src.find("</svg>", state.pos, state.posMax)
    return close + len("</svg>") if close >= 0 else 0


def _finish(state: StateCore) -> None:
    """Pair the tags of each text line, take ids off headings, mark linked images and tasks."""
    tokens = state.tokens
    pair_over_blocks([token.children for token in tokens if token.type == "inline" and token.children], state.md)
    for index, token in enumerate(tokens):
        if token.type != "inline" or token.children is None:
            continue
        if tokens[index - 1].type in ("td_open", "th_open") and _LIST_IN_CELL.search(token.content):
            token.children = [_of_cell(child) for child in token.children]
        if any(child.type == "tag" for child in token.children):
            token.children = paired(without_links_in_links(token.children), state)
        if anchor := token.meta.get("anchor"):
            token.children.insert(0, Token("anchor", "span", 0, meta={"id": anchor[:MAX_ID]}))
        if token.content.find("![") >= 0 or "<img" in token.content:
            token.children = _with_linked_pictures(token.children)
        if tokens[index - 1].type == "paragraph_open" and _is_empty(token.children):
            # Nothing of it is shown; its tags and comments are for the reviewer.
            tokens[index - 1].hidden = tokens[index + 1].hidden = True
        if tokens[index - 1].type == "heading_open":
            _take_id(tokens[index - 1], token.children)
        elif index >= 2 and tokens[index - 2].type == "list_item_open":
            _mark_task(token.children)


def _of_cell(child: Token) -> Token:
    """Return the tag of a list as what it means in a cell, where Markdown has no lists; anything else unchanged."""
    if child.type != "tag" or child.meta["name"] not in ("ul", "ol", "li") or runs(child.meta["attributes"]):
        return child
    return Token("tag_of_cell", child.meta["name"], 0, meta={"closes": child.meta["closes"]})


def _with_linked_pictures(children: list[Token]) -> list[Token]:
    """Return children in which a linked image gives the link its words and its own link follows."""
    made, waiting, depth = [], [], 0
    for child in children:
        depth += child.nesting if child.type in ("link_open", "link_close") else 0
        made.append(child)
        if child.type == "image" and depth:
            child.meta["in_link"] = True
            if not str(child.attrGet("src") or "").startswith("image:"):
                waiting.append(child)
        elif child.type == "link_close" and not depth and waiting:
            made += [
                Token("picture_address", "", 0, attrs={"src": str(picture.attrGet("src") or "")}) for picture in waiting
            ]
            waiting = []
    return made


def _is_empty(children: list[Token]) -> bool:
    return bool(children) and all(
        child.type in ("left_out", "comment", "softbreak") or (child.type == "text" and not child.content.strip())
        for child in children
    )


def _take_id(heading: Token, children: list[Token]) -> None:
    """Move `{#id}` from the end of a heading's text to the heading."""
    last = next((child for child in reversed(children) if child.type not in ("comment", "left_out")), None)
    if last is None or last.type != "text":
        return
    if found := _HEADING_ID.search(last.content):
        heading.meta["id"] = found[1]
    elif not (found := _HEADING_ATTRIBUTES.search(last.content)):
        return
    last.content = last.content[: found.start()]


def _mark_task(children: list[Token]) -> None:
    """Turn `[ ]` and `[x]` at the start of a list item into an empty or ticked box."""
    first = children[0] if children else None
    if first is not None and first.type == "text" and (found := _TASK.match(first.content)):
        first.content = first.content[found.end() :]
        children.insert(0, Token("task", "", 0, content="☐" if found[1] == " " else "☑"))
