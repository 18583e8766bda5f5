"""What authors can write beyond CommonMark, as rules for markdown-it: notes, HTML, comments, heading ids.

Each rule turns source into tokens. No token carries HTML of a text: only markdown.py writes HTML, and every tag here
is from a short list, opened and closed in pairs. Comments become tokens of their own, which readers never see.
"""

import html
import re
from typing import Literal, cast

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from posts.rendering.block_ends import closing_line, line_of
from posts.rendering.left_out_tags import ALONE, APART, ATTRIBUTE, EMBEDS, NEUTRAL, is_component, tags_with_more

# Tag pairs that keep their meaning, or that Markdown has markup for.
_PAIRS = {
    **{tag: tag for tag in ("kbd", "sub", "sup", "mark", "abbr")},
    **dict.fromkeys(["b", "strong"], "strong"),
    **dict.fromkeys(["i", "em", "cite", "dfn", "var"], "em"),
    **dict.fromkeys(["s", "strike", "del"], "s"),
    "a": "a",
}
# The content of these is code: every character stays.
_CODE = ("code", "samp", "tt")
_RAW = ("pre", "script", "style", "textarea", "xmp")
# Browsers need no end of these.
_WITHOUT_END = frozenset("dd dt li option p td th tr".split())
# Tags that, without a partner in their paragraph, have one in another, or none by mistake; no browser shows them. Bare
# ones that begin an element are text: authors name elements in this way.
_ENDS_ALONE = frozenset(_PAIRS) | frozenset(_CODE) | (NEUTRAL - frozenset("body head html main".split()))
_FOLDS = frozenset(("details", "summary"))
# What may begin in one paragraph and end in another.
_OVER_BLOCKS = frozenset("a b del em i mark s strike strong".split())
MAX_PAIRS_OVER_BLOCKS = 20_000
_TURNS: tuple[tuple[str, Literal[-1, 1]], ...] = (("open", 1), ("close", -1))
MAX_PAIRS_DEEP = 20
MAX_DETAILS_DEEP = 10
MAX_LABEL = 200
MAX_TITLE = 300

_NAME = r"[A-Za-z][A-Za-z0-9.-]*+"
_TAG = re.compile(rf"<(/?)({_NAME})((?:{ATTRIBUTE})*+)\s*+/?>")
_ATTRIBUTES = re.compile(r"""([A-Za-z_:@][\w:.@-]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'=<>`]++))?""")
# A tag that would run something stays visible text.
_RUNS = re.compile(r"\bon\w+\s*+=", re.IGNORECASE)
# Tags that style code; any other tag is part of the code.
_TAGS_IN_CODE = re.compile(r"</?(?:code|span|font|b|i|em|strong|var|mark|a)(?:\s[^<>]*+)?>|<br\s*+/?>", re.IGNORECASE)
_CODE_TAGS = re.compile(r"<code(?:\s[^<>]*+)?>|</code\s*+>", re.IGNORECASE)
_LANGUAGE = re.compile(r"""\b(?:language|lang|brush)[-:]\s*+([\w+#.-]{1,40})""", re.IGNORECASE)
_RAW_START = re.compile(rf"<({'|'.join(_RAW)})(?=[\s>]|$)", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!doctype\s[^<>]{0,300}>\s*", re.IGNORECASE)
_DECLARATIONS = {"<![CDATA[": "]]>", "<?": "?>"}
# Within a line, none is longer.
MAX_DECLARATION = 2000
_DETAILS_START = re.compile(rf"<details((?:{ATTRIBUTE})*+)\s*+>", re.IGNORECASE)
_DETAILS = re.compile(rf"<(/?)details(?:{ATTRIBUTE})*+\s*+>", re.IGNORECASE)
_SUMMARY = re.compile(rf"\s*+<summary(?:{ATTRIBUTE})*+\s*+>(.*?)</summary\s*+>", re.IGNORECASE | re.DOTALL)
# Obsidian and Pandoc: a note where it is referred to. Brackets in it are in pairs.
_NOTE_IN_PLACE = re.compile(r"\^\[((?:[^\[\]\\`\n]|\\[^\n]|`[^`\n]{1,300}`|\[[^\[\]\n]{0,300}\]){1,1000}+)\]")
_NOTE = re.compile(rf"\[\^([^\[\]\n]{{1,{MAX_LABEL}}})\]")
# A heading's own id: {#id}, {: #id}, {#id .class}, and in MDX {/* #id */}.
_HEADING_ID = re.compile(r"[ \t]*+\{(?::|/\*)?[ \t]*+#([^\s{}#]{1,200})(?:[ \t][^{}]{0,200})?(?:\*/)?\}[ \t]*+$")
# Classes and the like at the end of a heading mean nothing here.
_ONE = r"""(?:\.[\w-]+|-|[\w-]{1,60}="[^"{}\n]{0,200}")"""
_HEADING_ATTRIBUTES = re.compile(rf"[ \t]++\{{:?[ \t]*+{_ONE}(?:[ \t]++{_ONE})*+[ \t]*+\}}[ \t]*$")
_TASK = re.compile(r"\[([ xX])\](?=\s)")


def add_rules(parser: MarkdownIt) -> None:
    """Add the rules of this module to a MarkdownIt parser."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    block, inline = parser.block.ruler, parser.inline.ruler
    block.before("reference", "note", _note, {"alt": ["paragraph", "reference"]})
    block.before("html_block", "comment", _comment_block, ends)
    block.before("html_block", "raw", _raw_block, ends)
    block.before("html_block", "details", _details, ends)
    inline.before("link", "note_mark", _note_mark)
    inline.before("link", "note_in_place", _note_in_place)
    inline.before("html_inline", "tag", _tag)
    parser.core.ruler.after("inline", "notes_in_place", _add_notes_in_place)
    parser.core.ruler.after("text_join", "as_written", _finish)


def note_key(label: str) -> str:
    """Return the normal form of a label, by which a reference finds its note."""
    return " ".join(label.casefold().split())


# Blocks


def _add_rest(state: StateBlock, text: str, number: int) -> None:
    """Add the text after the end of a block on its last line as a paragraph."""
    if not text.strip():
        return
    state.push("paragraph_open", "p", 1).map = [number, number + 1]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = text.strip(), [number, number + 1], []
    state.push("paragraph_close", "p", -1)


def _comment_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start) or not line_of(state, start).startswith("<!--"):
        return False
    last = closing_line(
        state, start, end, lambda text, is_first: _comment_end(text, 4 if is_first else 0) >= 0, "comment"
    )
    if last is None or silent:
        return last is not None
    text = state.getLines(start, last + 1, state.blkIndent, False).lstrip()
    close = _comment_end(text, 4)
    token = state.push("comment", "", 0)
    token.content, token.map = text[:close], [start, last + 1]
    state.line = last + 1
    _add_rest(state, text[close:], last)
    return True


def _comment_end(text: str, inside: int, last: int | None = None) -> int:
    """Return the end of the comment whose words begin at `inside`, or -1."""
    for short in (">", "->"):
        # <!--> and <!---> are complete comments.
        if inside >= 4 and text.startswith(f"<!--{short}", inside - 4):
            return inside + len(short)
    close = text.find("-->", inside, len(text) if last is None else last)
    return close + 3 if close >= 0 else -1


def _raw_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse `pre` and other tags with literal content as a block of code."""
    if state.is_code_block(start):
        return False
    line = line_of(state, start)
    if line.startswith(("<?", "<!")):
        return _declaration_block(state, start, end, silent, line)
    if not (opening := _RAW_START.match(line)):
        return False
    name = opening[1].lower()
    closing = re.compile(rf"</{name}\s*+>", re.IGNORECASE)
    last = closing_line(state, start, end, lambda text, _: closing.search(text), name)
    if last is None or silent:
        return last is not None
    text = state.getLines(start, last + 1, state.blkIndent, False).lstrip()
    close = closing.search(text)
    close_start, close_end = close.span() if close else (len(text), len(text))
    token = state.push("fence", "code", 0)
    token.map, token.markup = [start, last + 1], "<"
    tag = _TAG.match(text)
    if name in ("pre", "xmp") and tag:
        token.content = _code_text(text[tag.end() : close_start]).removeprefix("\n").rstrip("\n") + "\n"
        if language := _LANGUAGE.search(text[: tag.end() + 300]):
            token.info = language[1]
    else:
        token.content = text[:close_end] + "\n"
    state.line = last + 1
    _add_rest(state, text[close_end:], last)
    return True


def _declaration_block(state: StateBlock, start: int, end: int, silent: bool, line: str) -> bool:
    """Parse `<?php … ?>` and `<![CDATA[ … ]]>` as code. `<!DOCTYPE html>` is for browsers alone."""
    if _DOCTYPE.fullmatch(line):
        if not silent:
            token = state.push("left_out", "", 0)
            token.content, token.map = line.strip(), [start, start + 1]
            state.line = start + 1
        return True
    closing = next((mark for opening, mark in _DECLARATIONS.items() if line.startswith(opening)), "")
    last = closing_line(state, start, end, lambda text, _: closing in text, closing) if closing else None
    if last is None or silent:
        return last is not None
    text = state.getLines(start, last + 1, state.blkIndent, False)
    close = text.index(closing) + len(closing)
    token = state.push("fence", "code", 0)
    token.content, token.map, token.markup = text[:close].strip() + "\n", [start, last + 1], "<"
    token.info = "php" if line.startswith("<?php") else ""
    state.line = last + 1
    _add_rest(state, text[close:], last)
    return True


def _code_text(text: str) -> str:
    """Return the characters that HTML of code shows."""
    text = _CODE_TAGS.sub("", text)
    return html.unescape(_TAGS_IN_CODE.sub(lambda tag: "\n" if tag[0][1:3].lower() == "br" else "", text))


def _details(state: StateBlock, start: int, end: int, silent: bool) -> bool:
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
    _add_rest(state, rest, last)
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


# Inline text


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


def _tag(state: StateInline, silent: bool) -> bool:
    """Parse a comment, HTML code or a tag. _finish() pairs the tags once all are known."""
    begin, source = state.pos, state.src
    if source[begin] != "<":
        return False
    if source.startswith("<!--", begin):
        if state.html_terminator_last("-->") < begin + 2:
            return False
        close = _comment_end(source, begin + 4, state.posMax)
        if close < 0:
            return False
        if not silent:
            state.push("comment", "", 0).content = source[begin:close]
        state.pos = close
        return True
    if source.startswith(("<?", "<!["), begin):
        return _declaration(state, silent)
    found = _TAG.match(source, begin, state.posMax)
    if not found:
        return False
    name = found[2].lower()
    state.pos = found.end()
    if not found[1] and (name in _CODE or name in ("kbd", "pre")) and (code := _inline_code(state, name)) is not None:
        if not silent:
            _push_code(state, name, code)
        return True
    if not silent:
        token = state.push("tag", "", 0)
        token.content = found[0]
        token.meta = {"name": name, "closes": bool(found[1]), "attributes": found[3]}
    return True


def _declaration(state: StateInline, silent: bool) -> bool:
    """Parse `<?php … ?>` and `<![CDATA[…]]>` in a line as text with every character."""
    begin, source = state.pos, state.src
    closing = next((mark for opening, mark in _DECLARATIONS.items() if source.startswith(opening, begin)), "")
    close = source.find(closing, begin, min(state.posMax, begin + MAX_DECLARATION)) if closing else -1
    if close < 0:
        return False
    state.pos = close + len(closing)
    if not silent:
        state.pending += source[begin : state.pos]
    return True


def _inline_code(state: StateInline, name: str) -> str | None:
    """Return the text of a code element at state.pos and move behind it; None if there is none."""
    for closing in (f"</{name}>", f"</{name.upper()}>"):
        if state.html_terminator_last(closing) < state.pos:
            continue
        # Keys with another tag between theirs are read as other pairs are.
        close = state.src.find("<" if name == "kbd" else closing, state.pos, state.posMax)
        if close < 0 or not state.src.startswith(closing, close):
            continue
        code = state.src[state.pos : close]
        state.pos = close + len(closing)
        return " ".join(_code_text(code).split("\n"))
    return None


def _push_code(state: StateInline, name: str, code: str) -> None:
    if name == "kbd":
        state.push("kbd_open", "kbd", 1)
        state.push("text", "", 0).content = code
        state.push("kbd_close", "kbd", -1)
    elif code.strip():
        state.push("code_inline", "code", 0).content = code


# After all tokens exist


def _finish(state: StateCore) -> None:
    """Pair the tags of each text line, take ids off headings, mark linked images and tasks."""
    tokens = state.tokens
    _pair_over_blocks([token.children for token in tokens if token.type == "inline" and token.children], state.md)
    for index, token in enumerate(tokens):
        if token.type != "inline" or token.children is None:
            continue
        if any(child.type == "tag" for child in token.children):
            token.children = _paired(_without_links_in_links(token.children), state)
        if anchor := token.meta.get("anchor"):
            token.children.insert(0, Token("anchor", "span", 0, meta={"id": anchor[:MAX_LABEL]}))
        if token.content.find("![") >= 0 or "<img" in token.content:
            token.children = _with_linked_pictures(token.children)
        if tokens[index - 1].type == "paragraph_open" and _is_empty(token.children):
            # Nothing of it is shown; its tags and comments are for the reviewer.
            tokens[index - 1].hidden = tokens[index + 1].hidden = True
        if tokens[index - 1].type == "heading_open":
            _take_id(tokens[index - 1], token.children)
        elif index >= 2 and tokens[index - 2].type == "list_item_open":
            _mark_task(token.children)


def _pair_over_blocks(lines: list[list[Token]], parser: MarkdownIt) -> None:
    """Close what a tag at the beginning of a line opens, and a tag in a later paragraph ends, in each one between.

    So `<del>` on a line of its own strikes out the paragraphs below it, up to `</del>`.
    """
    waiting: dict[str, tuple[int, Token]] = {}
    made = 0
    for number, children in enumerate(lines):
        if all(child.type != "tag" for child in children):
            continue
        for tag in _tags_without_partner(children, parser):
            name = tag.meta["name"]
            if not tag.meta["closes"]:
                waiting.setdefault(name, (number, tag))
            elif name in waiting:
                first, opening = waiting.pop(name)
                made += number - first
                if number > first and made <= MAX_PAIRS_OVER_BLOCKS:
                    _pair_between(lines[first : number + 1], opening, tag)


def _tags_without_partner(children: list[Token], parser: MarkdownIt) -> list[Token]:
    """Return the tags outside of Markdown's own pairs that end something, then those that begin a line, unpaired.

    The first of each name that ends something, and the last elements that begin, are enough to find partners.
    """
    endings: dict[str, Token] = {}
    begun: dict[str, Token] = {}
    depth = 0
    for place, child in enumerate(children):
        if child.type != "tag":
            depth += child.nesting
        elif depth or child.meta["name"] not in _OVER_BLOCKS or child.content.endswith("/>"):
            continue
        elif child.meta["closes"]:
            name = child.meta["name"]
            if not begun.pop(name, None):
                endings.setdefault(name, child)
        elif not _RUNS.search(child.meta["attributes"]) and (child.meta["name"] != "a" or _target(child, parser)):
            child.meta["begins"] = not place or children[place - 1].type in ("softbreak", "hardbreak", "tag")
            begun.setdefault(child.meta["name"], child)
    return [*endings.values(), *(tag for tag in begun.values() if tag.meta["begins"])]


def _pair_between(lines: list[list[Token]], opening: Token, closing: Token) -> None:
    """Give each text between two tags both of them; at an end without words, the tag is left out."""
    for children in lines:
        first, last = 0, len(children)
        if children is lines[0]:
            first = _place_of(children, opening)
            del children[first]
            last -= 1
        if children is lines[-1]:
            last = _place_of(children, closing)
            del children[last]
        if any(child.type not in ("softbreak", "hardbreak", "comment", "left_out") for child in children[first:last]):
            children[first:last] = [_copy(opening), *children[first:last], _copy(closing)]
        elif children is lines[0] or children is lines[-1]:
            children.insert(first, _left_out(opening if children is lines[0] else closing))


def _place_of(children: list[Token], token: Token) -> int:
    return next(place for place, child in enumerate(children) if child is token)


def _copy(tag: Token) -> Token:
    return Token("tag", "", 0, content=tag.content, meta=dict(tag.meta))


def _without_links_in_links(children: list[Token]) -> list[Token]:
    """Return children without the links that bare addresses became between `<a href>` and `</a>`."""
    made, closings = [], 0
    for child in reversed(children):
        if child.type == "tag" and child.meta["name"] == "a":
            closings = closings + 1 if child.meta["closes"] else max(0, closings - 1)
        if not (closings and child.markup == "linkify" and child.type in ("link_open", "link_close")):
            made.append(child)
    # Without its first tag, the last one closes nothing.
    return made[::-1] if not closings else children


def _paired(children: list[Token], state: StateCore) -> list[Token]:
    """Return children with allowed tags as paired tokens; every other tag stays text."""
    parser = state.md
    open_tags: list[tuple[str, int]] = []
    closings: dict[int, int] = {}
    for number, child in enumerate(children):
        is_tag = child.type == "tag"
        if is_tag and not _has_meaning(child):
            continue
        if child.nesting > 0 or (is_tag and not child.meta["closes"]):
            _open(child, number, open_tags, parser)
        elif child.nesting < 0 or is_tag:
            opening = _close(child, open_tags)
            if is_tag and opening is not None:
                closings[opening] = number
        elif child.type == "note_mark":
            _unlink(open_tags)
    return _as_tokens(children, closings, state)


def _has_meaning(tag: Token) -> bool:
    """Return whether a pair of these tags is no text: it has markup here, or is left out."""
    if tag.content.endswith("/>"):
        return False
    return tag.meta["name"] in _PAIRS or tag.meta["name"] in NEUTRAL or is_component(tag.content)


def _open(child: Token, number: int, open_tags: list[tuple[str, int]], parser: MarkdownIt) -> None:
    """Note a tag, or the beginning of a Markdown pair (without a name), as open."""
    if child.type == "link_open":
        _unlink(open_tags)
    if child.type != "tag":
        open_tags.append(("", number))
    elif len(open_tags) < MAX_PAIRS_DEEP and _may_open(child, open_tags, parser):
        open_tags.append((child.meta["name"], number))


def _close(child: Token, open_tags: list[tuple[str, int]]) -> int | None:
    """Take what a tag or the end of a Markdown pair closes off `open_tags`; return its number, or None."""
    wanted = child.meta["name"] if child.type == "tag" else ""
    for place in range(len(open_tags) - 1, -1, -1):
        name, opening = open_tags[place]
        if name == wanted:
            del open_tags[place:]
            return opening
        if not name:
            # A tag can't close anything outside of its Markdown pair.
            break
    return None


def _names(open_tags: list[tuple[str, int]]) -> list[str]:
    return [name for name, _ in open_tags]


def _unlink(open_tags: list[tuple[str, int]]) -> None:
    """Forget open links, since a link can't contain a link; an outer one stays text."""
    # No tag opens behind so many; Markdown's own pairs may be thousands.
    open_tags[:MAX_PAIRS_DEEP] = [pair for pair in open_tags[:MAX_PAIRS_DEEP] if pair[0] != "a"]


def _may_open(tag: Token, open_tags: list[tuple[str, int]], parser: MarkdownIt) -> bool:
    if _RUNS.search(tag.meta["attributes"]):
        return False
    if tag.meta["name"] != "a":
        return True
    if "a" in _names(open_tags):
        return False
    return _target(tag, parser) is not None or bool(_anchor_of(tag)) or _has_no_address(tag)


def _has_no_address(tag: Token) -> bool:
    """Return whether a link is of a template, or none."""
    return "{" in (address := attributes_of(tag).get("href", "").strip()) or not address


def attributes_of(tag: Token) -> dict[str, str]:
    """Return {name: value} of the attributes of a tag token; the first of each name counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTES.finditer(tag.meta["attributes"]):
        value = match[2] or ""
        found.setdefault(match[1].lower(), html.unescape(value[1:-1] if value[:1] in ("'", '"') else value))
    return found


def _target(tag: Token, parser: MarkdownIt) -> str | None:
    """Return the address of an `a` if Markdown accepts it."""
    address = attributes_of(tag).get("href", "").strip()
    address = parser.normalizeLink(address) if address and "{" not in address else ""
    return address if address and parser.validateLink(address) else None


def _anchor_of(tag: Token) -> str:
    values = attributes_of(tag)
    return "" if "href" in values else values.get("id") or values.get("name") or ""


def _as_tokens(children: list[Token], closings: dict[int, int], state: StateCore) -> list[Token]:
    made: list[Token] = []
    parser = state.md
    ends = {closing: opening for opening, closing in closings.items()}
    # A tag that only ends such an element belongs to it, though Markdown's own pairs stand between them.
    begun = {
        child.meta["name"]
        for number, child in enumerate(children)
        if child.type == "tag" and not child.meta["closes"] and number not in closings
    }
    for number, child in enumerate(children):
        if child.type != "tag":
            made.append(child)
        elif number in closings:
            made += _opened(child, parser)
        elif number in ends:
            opened = _opened(children[ends[number]], parser)[-1]
            closed = opened.type.replace("_open", "_close")
            made.append(Token(closed, opened.tag, -1) if opened.nesting else _left_out(child))
        elif _is_of_block(child, children, number) or _is_markup(child, begun, state):
            made.append(_left_out(child))
        else:
            made += _alone(child, parser)
    return made


def _is_of_block(tag: Token, children: list[Token], number: int) -> bool:
    """Return whether a tag without a partner in its paragraph has it in another one: it begins or ends a line."""
    if tag.meta["name"] not in APART or _RUNS.search(tag.meta["attributes"]):
        return False
    before = children[number - 1].type if number else "softbreak"
    after = children[number + 1].type if number + 1 < len(children) else "softbreak"
    ends = ("softbreak", "hardbreak", "tag")
    return before in ends or (tag.meta["closes"] and after in ends)


def _is_markup(tag: Token, begun: set[str], state: StateCore) -> bool:
    """Return whether a tag without a partner in its paragraph is markup all the same, and not the name of an element.

    It is if it needs no partner, ends an element, or has attributes; so is a component or a fold that has them
    elsewhere. begun: the names of the elements of its paragraph that nothing ends.
    """
    name, attributes = tag.meta["name"], tag.meta["attributes"].strip()
    if _RUNS.search(tag.meta["attributes"]) or tag.content.endswith("/>") or (tag.meta["closes"] and attributes):
        return False
    if name in _WITHOUT_END:
        return True
    if tag.meta["closes"] and name in begun and name not in _FOLDS:
        return False
    if name in _FOLDS or is_component(tag.content):
        return bool(tag.meta["closes"] or attributes) or name in tags_with_more(state.src, state.env)
    if name == "a":
        return bool(tag.meta["closes"])
    return name in _ENDS_ALONE and bool(tag.meta["closes"] or attributes)


def _left_out(tag: Token) -> Token:
    """Return a tag as one that is left out. A word of one cell does not touch that of the next."""
    return Token("left_out", "", 0, content=tag.content, meta={"is_apart": tag.meta["name"] in APART})


def _opened(child: Token, parser: MarkdownIt) -> list[Token]:
    """Return the tokens for the first tag of a pair; the last one says what the other tag becomes."""
    tag = _PAIRS.get(child.meta["name"], "") if not is_component(child.content) else ""
    values = attributes_of(child)
    if not tag or (tag == "a" and _target(child, parser) is None):
        anchor = values.get("id") or (values.get("name") if tag == "a" else "") or ""
        place = [Token("anchor", "span", 0, meta={"id": anchor[:MAX_LABEL]})] if anchor else []
        return [*place, _left_out(child)]
    if tag == "a":
        token = Token("link_open", "a", 1, attrs={"href": _target(child, parser) or ""})
    else:
        token = Token(f"{tag}_open", tag, 1)
    title = " ".join(values.get("title", "").split())[:MAX_TITLE]
    if title and tag in ("a", "abbr"):
        token.attrSet("title", title)
    return [token]


def _alone(child: Token, parser: MarkdownIt) -> list[Token]:
    """Return the tokens for a tag without a partner: what it means, or the text that it is."""
    name = child.meta["name"]
    if not _RUNS.search(child.meta["attributes"]):
        if name == "br":
            return [Token("hardbreak", "br", 0)]
        if name == "img" and (picture := _picture(child, parser)):
            return [picture]
        if name in EMBEDS:
            return _embedded(child, parser)
        if name in ALONE or (child.content.endswith("/>") and (name in _PAIRS or name in NEUTRAL)):
            return _opened(child, parser)[:1] if name in NEUTRAL else [_left_out(child)]
        if child.content.endswith("/>") and is_component(child.content):
            return [_left_out(child)]
    return [_text_of(child)]


def _text_of(tag: Token) -> Token:
    return Token("text", "", 0, content=tag.content)


def _embedded(child: Token, parser: MarkdownIt) -> list[Token]:
    """Return a link to what a tag would embed from another place."""
    values = attributes_of(child)
    address = parser.normalizeLink(values.get("src", "").strip())
    if child.meta["closes"]:
        return [_left_out(child)]
    if not re.match(r"https?://[^/]", address) or not parser.validateLink(address):
        return [_text_of(child)]
    words = " ".join(values.get("title", "").split())[:MAX_TITLE] or address
    return [
        Token("link_open", "a", 1, attrs={"href": address}),
        Token("text", "", 0, content=words),
        Token("link_close", "a", -1),
        _left_out(child),
    ]


def _picture(child: Token, parser: MarkdownIt) -> Token | None:
    """Return an `img` as a Markdown image token, if its address is one on the web or of the same site."""
    values = attributes_of(child)
    address = values.get("src", "").strip()
    address = "" if "{" in address else parser.normalizeLink(address)
    words = " ".join(values.get("alt", "").split())
    if not re.match(r"https?://[^/]|(?![a-zA-Z][a-zA-Z0-9+.-]*:)[^\s]", address) or not parser.validateLink(address):
        return Token("text", "", 0, content=words) if "{" in values.get("src", "") and words else None
    token = Token("image", "img", 0, attrs={"src": address, "alt": ""}, content=words)
    token.children = [Token("text", "", 0, content=words)] if words else []
    if title := " ".join(values.get("title", "").split())[:MAX_TITLE]:
        token.attrSet("title", title)
    return token


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
