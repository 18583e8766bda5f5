"""Markdown to tokens, and tokens to HTML that is not yet sanitized.

markdown-it-py reads CommonMark 0.31, tables, strikethrough and what the rules beside this module add; other HTML stays
text. A text that would cost too much is refused before its inline text is parsed.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from posts.rendering.attribute_lists import add_attribute_lists
from posts.rendering.code_blocks import code_block
from posts.rendering.file_links import add_file_links, wiki_link_html
from posts.rendering.html_passages import add_html_passages
from posts.rendering.inline_marks import add_inline_marks
from posts.rendering.left_out_tags import add_left_out_tags
from posts.rendering.markdown_boxes import add_boxes
from posts.rendering.markdown_extras import add_extras
from posts.rendering.markdown_notes import add_notes
from posts.rendering.markdown_rules import add_rules
from posts.rendering.math_text import math_text
from posts.rendering.sanitizer import ID_PREFIX
from posts.rendering.shortcodes import add_shortcodes
from posts.rendering.template_comments import add_template_comments

# A text beyond any of these limits is shown as written: rendered, it would lose its inner levels or take minutes.
MAX_DEPTH = 200
MAX_TEXT = 1024 * 1024
# Each bracket may start a link and is compared with all that follow it on its level.
MAX_BRACKETS = 10_000
# The parser stops at each special character and tries all its rules: a million of them take fifteen seconds. A
# mebibyte of prose, including line ends, has half as many as this.
MAX_SPECIAL_CHARACTERS = 200_000
# Paragraphs, headings and items cost more than the words in them: a mebibyte of short ones takes twenty seconds. A
# mebibyte of prose has a tenth as many as this.
MAX_BLOCKS = 25_000
MAX_LINES = 100_000
# A cell of a table is three, a paragraph too.
MAX_TOKENS = 200_000
# A long address that is defined once and used many times multiplies the text.
MAX_REFERENCED = 8 * MAX_TEXT
# The line below the first row of a table.
_DELIMITERS = re.compile(r"[ \t>]*+\|?[ \t]*+:?-[-:| \t]*+$", re.MULTILINE)
PLACED_IMAGE = re.compile(r"image:([1-9][0-9]{0,2})")


class TextTooCostly(ValueError):
    """Rendering the text would take minutes or gigabytes, or lose words. It is shown as written instead."""


# HTML for tokens where markdown-it's own would not do. Each function gets the tokens, the index of the one to write,
# and what it needs of the text's other parts.


def _code_html(tokens: Sequence[Token], index: int, env: dict[str, Any]) -> str:
    if tokens[index].info.strip() in ("math", "{math}"):
        return _formula_html(tokens, index, env)
    return code_block(tokens[index].content, tokens[index].info, env)


def _formula_html(tokens: Sequence[Token], index: int, env: dict[str, Any]) -> str:
    return f'<div class="formula">{escape(math_text(tokens[index].content))}</div>'


def _cell_html(tokens: Sequence[Token], index: int, env: dict[str, Any]) -> str:
    # markdown-it writes style="text-align:…", which the Content-Security-Policy forbids.
    style = str(tokens[index].attrGet("style") or "")
    side = next((name for side, name in (("right", "number"), ("center", "centre")) if side in style), "")
    spans = "".join(
        f' {name}="{count}"' for name in ("colspan", "rowspan") if (count := tokens[index].attrGet(name)) is not None
    )
    kind = f' class="{side}"' if side else ""
    return f"<{tokens[index].tag}{kind}{spans}>"


def _heading_html(tokens: Sequence[Token], index: int, env: dict[str, Any]) -> str:
    return heading_start(tokens[index].tag, str(tokens[index].attrGet("id") or ""))


_HtmlOf = Callable[[Sequence[Token], int, dict[str, Any]], str]
_HTML_OF: dict[str, _HtmlOf] = {
    "anchor": lambda tokens, index, env: f'<span id="{escape(tokens[index].meta["id"])}"></span>',
    "box_close": lambda tokens, index, env: "</div>\n",
    "box_open": lambda tokens, index, env: f'<div class="box box--{tokens[index].meta["kind"]}">',
    "code_block": _code_html,
    "comment": lambda tokens, index, env: "",
    "fence": _code_html,
    "formula": lambda tokens, index, env: f'<span class="formula">{escape(math_text(tokens[index].content))}</span>',
    "formula_block": _formula_html,
    "heading_open": _heading_html,
    "image": lambda tokens, index, env: _inline_image(tokens[index], env),
    "left_out": lambda tokens, index, env: " " if tokens[index].meta.get("is_apart") else "",
    "note_backs": lambda tokens, index, env: _note_backs(tokens[index]),
    "note_close": lambda tokens, index, env: "",
    "note_mark": lambda tokens, index, env: _note_mark(tokens[index]),
    "note_open": lambda tokens, index, env: "",
    "picture_address": lambda tokens, index, env: f' (<a href="{escape(tokens[index].attrGet("src"))}">picture</a>)',
    "placed": lambda tokens, index, env: f'<div class="placed">{tokens[index].meta["place"]}</div>\n',
    # A wide table scrolls in a box of its own, which must be reachable by keyboard.
    "table_close": lambda tokens, index, env: "</table></div>",
    "table_open": lambda tokens, index, env: '<div class="table" tabindex="0" role="group" aria-label="Table"><table>',
    # The sanitizer ends in each cell what begins there.
    "tag_of_cell": lambda tokens, index, env: f"<{'/' if tokens[index].meta['closes'] else ''}{tokens[index].tag}>",
    "task": lambda tokens, index, env: escape(tokens[index].content),
    "td_open": _cell_html,
    "th_open": _cell_html,
    "wiki_link": lambda tokens, index, env: wiki_link_html(tokens[index], env),
}


def _markdown() -> MarkdownIt:
    # Two more levels than allowed: the parser silently drops what exceeds its own limit.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_DEPTH + 2}).enable(["table", "strikethrough"])
    add_rules(parser)
    add_notes(parser)
    add_boxes(parser)
    add_shortcodes(parser)
    add_attribute_lists(parser)
    add_extras(parser)
    add_file_links(parser)
    add_left_out_tags(parser)
    add_html_passages(parser)
    add_inline_marks(parser)
    add_template_comments(parser)
    parser.block.ruler.at("table", _bounded_table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before(parser.block.ruler.get_all_rules()[0], "count", _count_blocks)
    parser.core.ruler.before("inline", "cost", _refuse_costly)
    for name, html_of in _HTML_OF.items():
        parser.add_render_rule(name, _render_rule(html_of))
    return parser


def _render_rule(html_of: _HtmlOf) -> Callable[..., str]:
    return lambda renderer, tokens, index, options, env: html_of(tokens, index, env)


def _count_blocks(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Refuse a text of too many blocks while they are read. Every block begins here."""
    state.env["blocks"] = state.env.get("blocks", 0) + 1
    if state.env["blocks"] > MAX_BLOCKS:
        raise TextTooCostly(f"it has more than {MAX_BLOCKS:,} paragraphs, headings and other parts")
    return False


def _bounded_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a table, unless it has too many cells."""
    if start + 2 <= end and _DELIMITERS.match(state.src, state.bMarks[start + 1], state.eMarks[start + 1]):
        last = state.src.find("\n\n", state.eMarks[start + 1])
        if state.src.count("|", state.bMarks[start], None if last < 0 else last) > MAX_TOKENS // 3:
            raise TextTooCostly(f"it has a table of more than {MAX_TOKENS // 3:,} cells")
    return table(state, start, end, silent)


def _refuse_costly(state: StateCore) -> None:
    """Refuse a text whose nesting, searches or size would cost too much, before its inline text is parsed."""
    if any(token.level > MAX_DEPTH for token in state.tokens):
        raise TextTooCostly(f"it nests deeper than {MAX_DEPTH} levels")
    if len(state.tokens) > MAX_TOKENS:
        raise TextTooCostly(f"it has more than {MAX_TOKENS // 3:,} cells, paragraphs and other parts")
    inline = [token.content for token in state.tokens if token.type == "inline"]
    brackets = sum(text.count("[") for text in inline)
    if brackets > MAX_BRACKETS:
        raise TextTooCostly(f"it has more than {MAX_BRACKETS:,} opening brackets")
    if sum(map(len, inline)) > MAX_SPECIAL_CHARACTERS and _signs(inline) > MAX_SPECIAL_CHARACTERS:
        raise TextTooCostly(f"it has more than {MAX_SPECIAL_CHARACTERS:,} characters with a meaning in Markdown")
    references = state.env.get("references", {}).values()
    longest = max((len(reference["href"]) + len(reference["title"]) for reference in references), default=0)
    if brackets * longest > MAX_REFERENCED:
        raise TextTooCostly("it repeats a long address too often")


def _signs(texts: Iterable[str]) -> int:
    """Return how many characters in these texts the parser would stop at."""
    return sum(len(MARKDOWN.inline.terminator_re.findall(text)) for text in texts)


def _inline_image(token: Token, env: dict[str, Any]) -> str:
    """Return an inline image as its alternative text and address; it is never loaded."""
    url = str(token.attrGet("src") or "")
    # The description as plain words, as in CommonMark: links and emphasis in it don't count.
    words = cast(RendererHTML, MARKDOWN.renderer).renderInlineAsText(token.children or [], MARKDOWN.options, env)
    if match := PLACED_IMAGE.fullmatch(url):
        number = int(match[1])
        if number <= len(env["images"]):
            words = words or env["images"][number - 1].get("caption", "")
            return f"<em>(Image {number}{': ' if words else ''}{escape(words)})</em>"
        return f"<em>(Image {number} does not exist{': ' if words else ''}{escape(words)})</em>"
    title = str(token.attrGet("title") or "")
    # A picture that is not shown has no tooltip.
    behind = f" ({escape(title)})" if title and title.strip() != words.strip() else ""
    if token.meta.get("in_link"):
        return f"{escape(words or url)}{behind}"
    return f'<a href="{escape(url)}">{escape(words or url)}</a>{behind}'


def _note_mark(token: Token) -> str:
    """Return the raised number that leads to a note; the text as written if the note is missing."""
    mark = token.meta
    if "number" not in mark:
        return escape(token.content)
    number = mark["number"]
    return (
        f'<sup class="note-mark"><a href="#{ID_PREFIX}note_{number}" id="{_back_id(number, mark["time"])}" '
        f'aria-label="Note {number}">{number}</a></sup>'
    )


def _note_backs(token: Token) -> str:
    """Return the links from a note back to its references in the text."""
    number, times = token.meta["number"], token.meta["times"]
    return "".join(
        f' <a href="#{_back_id(number, time)}" aria-label="Back to where note {number} is referred to'
        f'{f", {time}" if times > 1 else ""}">↩\ufe0e</a>'
        for time in range(1, times + 1)
    )


def _back_id(number: int, time: int) -> str:
    """Return the id of a reference to a note. Heading ids have no underscore, so they can't collide."""
    return f"{ID_PREFIX}back_{number}{f'_{time}' if time > 1 else ''}"


MARKDOWN = _markdown()


def markdown_tokens(text: str, env: dict[str, Any] | None = None) -> list[Token]:
    """Return the block tokens of a Markdown text from markdown-it. env: values for the renderer.

    Raises TextTooCostly.
    """
    if len(text) > MAX_TEXT:
        raise TextTooCostly(f"it is longer than {MAX_TEXT:,} characters")
    if text.count("\n") > MAX_LINES:
        raise TextTooCostly(f"it has more than {MAX_LINES:,} lines")
    env = {"images": ()} if env is None else env
    env["blocks"] = 0
    return MARKDOWN.parse(text, env)


def heading_start(tag: str, identifier: str) -> str:
    """Return the beginning of a heading, with a link to it. The style sheet draws its sign, so that it is no word."""
    return f'<{tag} id="{identifier}"><a class="permalink" href="#{identifier}" aria-label="Link to this section"></a>'
