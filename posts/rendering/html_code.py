"""HTML whose content is code, with every character: `<pre>`, `<code>`, `<?php … ?>`, scripts."""

import html
import re

from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from posts.rendering.block_ends import add_rest, closing_line, line_of
from posts.rendering.left_out_tags import ATTRIBUTE

# The content of these is code: every character stays.
CODE = ("code", "samp", "tt")
_RAW = ("pre", "script", "style", "svg", "textarea", "xmp")

_NAME = r"[A-Za-z][A-Za-z0-9.-]*+"
TAG = re.compile(rf"<(/?)({_NAME})((?:{ATTRIBUTE})*+)\s*+/?>")
# Tags that style code; any other tag is part of the code.
_TAGS_IN_CODE = re.compile(r"</?(?:code|span|font|b|i|em|strong|var|mark|a)(?:\s[^<>]*+)?>|<br\s*+/?>", re.IGNORECASE)
_CODE_TAGS = re.compile(r"<code(?:\s[^<>]*+)?>|</code\s*+>", re.IGNORECASE)
_LANGUAGE = re.compile(r"""\b(?:language|lang|brush)(?:[-:]\s*+|=["']?)(?:language-)?([\w+#.-]{1,40})""", re.IGNORECASE)
_RAW_START = re.compile(rf"<({'|'.join(_RAW)})(?=[\s>]|$)", re.IGNORECASE)
_DOCTYPE = re.compile(r"<!doctype\s[^<>]{0,300}>\s*", re.IGNORECASE)
_DECLARATIONS = {"<![CDATA[": "]]>", "<?": "?>"}
# Within a line, none is longer.
MAX_DECLARATION = 2000


def raw_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse `pre` and other tags with literal content as a block of code."""
    if state.is_code_block(start):
        return False
    line = line_of(state, start)
    if line.startswith(("<?", "<!")):
        return _declaration_block(state, start, end, silent, line)
    if not (opening := _RAW_START.match(line)):
        return False
    name = opening[1].lower()
    # One script may follow another on a line.
    again = rf"(?!\s*+<{name}[\s>])" if name in ("script", "style") else ""
    closing = re.compile(rf"</{name}\s*+>{again}", re.IGNORECASE)
    last = closing_line(state, start, end, lambda text, _: closing.search(text), name)
    if last is None or silent:
        return last is not None
    text = state.getLines(start, last + 1, state.blkIndent, False).lstrip()
    close = closing.search(text)
    close_start, close_end = close.span() if close else (len(text), len(text))
    tag = TAG.match(text)
    if name == "svg":
        # A drawing. A finding names it.
        token = state.push("left_out", "", 0)
        token.content, token.map = tag[0] if tag else "<svg>", [start, last + 1]
        state.line = last + 1
        add_rest(state, text[close_end:], last)
        return True
    token = state.push("fence", "code", 0)
    token.map, token.markup = [start, last + 1], "<"
    if name in ("pre", "xmp") and tag:
        token.content = code_text(text[tag.end() : close_start]).removeprefix("\n").rstrip("\n") + "\n"
        if language := _LANGUAGE.search(text[: tag.end() + 300]):
            token.info = language[1]
    else:
        token.content = text[:close_end] + "\n"
    state.line = last + 1
    add_rest(state, text[close_end:], last)
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
    add_rest(state, text[close:], last)
    return True


def code_text(text: str) -> str:
    """Return the characters that HTML of code shows."""
    text = _CODE_TAGS.sub("", text)
    return html.unescape(_TAGS_IN_CODE.sub(lambda tag: "\n" if tag[0][1:3].lower() == "br" else "", text))


def declaration(state: StateInline, silent: bool) -> bool:
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


def inline_code(state: StateInline, name: str) -> str | None:
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
        return " ".join(code_text(code).split("\n"))
    return None


def push_code(state: StateInline, name: str, code: str) -> None:
    if name == "kbd":
        state.push("kbd_open", "kbd", 1)
        state.push("text", "", 0).content = code
        state.push("kbd_close", "kbd", -1)
    elif code.strip():
        state.push("code_inline", "code", 0).content = code
