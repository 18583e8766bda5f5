"""Markdown to safe HTML. Admin, import and pages all use render_text(); nothing else makes HTML from a text.

markdown-it-py (CommonMark 0.31, tables, strikethrough, the rules of markdown_rules.py; other HTML stays text) →
Pygments classes → nh3. Figures and the checklist are added afterwards, between the sanitized parts, so that no body
text can forge one. docs/markdown.md says what authors can write.
"""

import contextlib
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, cast

import nh3
from django.conf import settings
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from posts.records.schema import RecordDict
from posts.rendering.code_heads import read_code_head
from posts.rendering.file_links import add_file_links, addresses_in, wiki_link_html
from posts.rendering.heading_names import Targets, plain_name
from posts.rendering.images import (
    DRAWN_HOSTS,
    DrawnImage,
    drawn_image,
    host_of,
    is_allowed_image_url,
    is_loaded_picture,
    own_picture,
    shown_size,
)
from posts.rendering.left_out_tags import add_left_out_tags
from posts.rendering.markdown_boxes import add_boxes
from posts.rendering.markdown_extras import add_extras
from posts.rendering.markdown_rules import add_rules, note_key
from posts.rendering.math_text import math_text
from posts.rendering.placeholders import placeholder_svg, tint_of
from posts.rendering.template_comments import add_template_comments

# Raise it when the same text would give other HTML: stored articles depend on it.
RENDERER_VERSION = 16
# A text beyond any of these limits is shown as written: rendered, it would lose its inner levels or take minutes.
MAX_DEPTH = 200
MAX_TEXT = 1024 * 1024
# Each bracket may start a link and is compared with all that follow it on its level.
MAX_BRACKETS = 10_000
# The parser stops at each special character and tries all its rules: a million of them take fifteen seconds. A
# mebibyte of prose, including line ends, has half as many as this.
MAX_SPECIAL_CHARACTERS = 200_000
# A long address that is defined once and used many times multiplies the text.
MAX_REFERENCED = 8 * MAX_TEXT
# The cost of Pygments' patterns grows with the square of the code; longer code has no colours.
MAX_COLOURED = 4000
MAX_COLOURED_OF_TEXT = 20_000
# Pygments' names of the languages whose patterns stay within this; others take minutes for a page of line ends.
COLOURED = frozenset(
    """
    ABNF|Ada|ApacheConf|Awk|Bash|Bash Session|Batchfile|C|C#|C++|Clojure|CMake|COBOL|CoffeeScript|Common Lisp|Crystal|
    CSS|CUDA|Cypher|D|Dart|Delphi|Diff|Django/Jinja|Docker|EBNF|Elixir|Elm|Erlang|F#|Fish|Fortran|GAS|GLSL|Go|GraphQL|
    Graphviz|Groovy|Haskell|HTML|HTML+Django/Jinja|HTTP|INI|Java|JavaScript|JSON|JSON5|JSON-LD|Jsonnet|JSX|Julia|
    Kotlin|Kusto|LessCss|LLVM|Lua|Makefile|Markdown|Matlab|MySQL|NASM|Nginx configuration file|Nimrod|Nix|Objective-C|
    OCaml|Perl|PHP|PL/pgSQL|PostgreSQL SQL dialect|PowerShell|Prolog|PromQL|Properties|Protocol Buffer|Puppet|Python|
    Python console session|Python Traceback|Racket|Rego|reStructuredText|RobotFramework|Ruby|Rust|S|Sass|Scala|Scheme|
    SCSS|Smalltalk|Solidity|SPARQL|SQL|sqlite3con|Swift|Systemd|Tcl|Terraform|TeX|TOML|Transact-SQL|TSX|Turtle|
    TypeScript|VB.net|VimL|Vue|WebAssembly|XML|XSLT|YAML|Zig
    """.replace("\n    ", "")
    .strip()
    .split("|")
)

TAGS = {
    "a", "abbr", "blockquote", "br", "code", "dd", "details", "div", "dl", "dt", "em", "h2", "h3", "h4", "h5", "h6",
    "hr", "kbd", "li", "mark", "ol", "p", "pre", "s", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td",
    "th", "thead", "tr", "ul",
}  # fmt: skip
# The prefix of every id of a text, so that none is an id of the page around it.
ID_PREFIX = "s-"
ATTRIBUTES = {
    "a": {"href", "title", "id", "aria-label", "class"},
    "abbr": {"title"},
    "code": {"class"},
    "dt": {"id"},
    "li": {"id"},
    "span": {"class", "id"},
    "sup": {"class"},
    "div": {"class", "dir", "tabindex", "role", "aria-label"},
    "p": {"class"},
    "pre": {"tabindex", "role", "aria-label"},
    "ol": {"start"},
    "th": {"class"},
    "td": {"class"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
_CLEANER = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow ugc noopener",
    strip_comments=True,
    id_prefix=ID_PREFIX,
)
# For a text with marked changes: two more tags, and the classes of marks and labels.
_MARKED_CLEANER = nh3.Cleaner(
    tags=TAGS | {"ins", "del"},
    attributes={
        **ATTRIBUTES,
        **{tag: {"class"} for tag in ("ins", "del", "li", "table", "tr")},
        "div": {"class", "id"},
    },
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow ugc noopener",
    strip_comments=True,
)
_EMPTY_LINK = re.compile(r'<a((?: title="[^"]*")?)(?: class="bare")? rel="nofollow ugc noopener">')
_PLACED_IMAGE = re.compile(r"image:([1-9][0-9]{0,2})")
_TEMPLATE = re.compile(r"\{\{[^{}]{0,300}\}\}|\{%[^{}]{0,300}%\}")
_PLACED_INSIDE = re.compile(r'<div class="placed">([0-9]+)</div>')
_FORMATTER = HtmlFormatter(nowrap=True)


class TextTooCostly(ValueError):
    """Rendering the text would take minutes or gigabytes, or lose words. It is shown as written instead."""


@dataclass(frozen=True)
class Heading:
    """An entry of the table of contents: level 2–6, prefixed id, and words."""

    level: int
    id: str
    text: str


@dataclass(frozen=True)
class RenderedText:
    """The article as HTML, and its headings in order."""

    html: SafeString
    contents: list[Heading] = field(default_factory=list)


def _code_block(code: str, info: str, env: dict[str, Any]) -> str:
    """Return a block of code with its head; `info` is the fence's info string.

    Code is coloured only where that is cheap.
    """
    code_head = read_code_head(info)
    file_name = code_head.file_name
    body, name = escape(code), code_head.name
    if code_head.lexer and (lexer := _lexer(code_head.lexer)):
        env["coloured"] = env.get("coloured", 0) + len(code)
        if len(code) <= MAX_COLOURED and env["coloured"] <= MAX_COLOURED_OF_TEXT:
            body = highlight(code, lexer, _FORMATTER)
    head = "".join(
        f'<span class="code__{part}">{escape(words)}</span>'
        for part, words in (("language", name), ("file", file_name))
        if words
    )
    head = f'<div class="code__head">{head}</div>' if head else ""
    label = escape(" ".join(part for part in ("Code", name, file_name) if part))
    return (
        f'<div class="code" dir="ltr">{head}<pre tabindex="0" role="group" aria-label="{label}">'
        f"<code>{body}</code></pre></div>"
    )


@lru_cache(maxsize=200)
def _lexer(language: str) -> Lexer | None:
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None
    return lexer if lexer.name in COLOURED else None


# HTML for tokens where markdown-it's own would not do. Each function gets the tokens, the index of the one to write,
# and what it needs of the text's other parts.


def _code_html(tokens: Sequence[Token], index: int, env: dict[str, Any]) -> str:
    return _code_block(tokens[index].content, tokens[index].info, env)


def _cell_html(tokens: Sequence[Token], index: int, env: dict[str, Any]) -> str:
    # markdown-it writes style="text-align:…", which the Content-Security-Policy forbids.
    style = str(tokens[index].attrGet("style") or "")
    side = next((name for side, name in (("right", "number"), ("center", "centre")) if side in style), "")
    return f'<{tokens[index].tag} class="{side}">' if side else f"<{tokens[index].tag}>"


def _heading_html(tokens: Sequence[Token], index: int, env: dict[str, Any]) -> str:
    return _heading_start(tokens[index].tag, str(tokens[index].attrGet("id") or ""))


_HtmlOf = Callable[[Sequence[Token], int, dict[str, Any]], str]
_HTML_OF: dict[str, _HtmlOf] = {
    "anchor": lambda tokens, index, env: f'<span id="{escape(tokens[index].meta["id"])}"></span>',
    "box_close": lambda tokens, index, env: "</div>\n",
    "box_open": lambda tokens, index, env: f'<div class="box box--{tokens[index].meta["kind"]}">',
    "code_block": _code_html,
    "comment": lambda tokens, index, env: "",
    "fence": _code_html,
    "formula": lambda tokens, index, env: f'<span class="formula">{escape(math_text(tokens[index].content))}</span>',
    "formula_block": lambda tokens, index, env: (
        f'<div class="formula">{escape(math_text(tokens[index].content))}</div>'
    ),
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
    "task": lambda tokens, index, env: escape(tokens[index].content),
    "td_open": _cell_html,
    "th_open": _cell_html,
    "wiki_link": lambda tokens, index, env: wiki_link_html(tokens[index], env),
}


def _markdown() -> MarkdownIt:
    # Two more levels than allowed: the parser silently drops what exceeds its own limit.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_DEPTH + 2}).enable(["table", "strikethrough"])
    add_rules(parser)
    add_boxes(parser)
    add_extras(parser)
    add_file_links(parser)
    add_left_out_tags(parser)
    add_template_comments(parser)
    parser.core.ruler.before("inline", "cost", _refuse_costly)
    for name, html_of in _HTML_OF.items():
        parser.add_render_rule(name, _render_rule(html_of))
    return parser


def _render_rule(html_of: _HtmlOf) -> Callable[..., str]:
    return lambda renderer, tokens, index, options, env: html_of(tokens, index, env)


def _refuse_costly(state: StateCore) -> None:
    """Refuse a text whose nesting, searches or size would cost too much, before its inline text is parsed."""
    if any(token.level > MAX_DEPTH for token in state.tokens):
        raise TextTooCostly(f"it nests deeper than {MAX_DEPTH} levels")
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
    return sum(len(_MARKDOWN.inline.terminator_re.findall(text)) for text in texts)


def _inline_image(token: Token, env: dict[str, Any]) -> str:
    """Return an inline image as its alternative text and address; it is never loaded."""
    url = str(token.attrGet("src") or "")
    # The description as plain words, as in CommonMark: links and emphasis in it don't count.
    words = cast(RendererHTML, _MARKDOWN.renderer).renderInlineAsText(token.children or [], _MARKDOWN.options, env)
    if match := _PLACED_IMAGE.fullmatch(url):
        number = int(match[1])
        if number <= len(env["images"]):
            words = words or env["images"][number - 1].get("caption", "")
            return f"<em>(Image {number}{': ' if words else ''}{escape(words)})</em>"
        return f"<em>(Image {number} does not exist{': ' if words else ''}{escape(words)})</em>"
    if token.meta.get("in_link"):
        return escape(words or url)
    return f'<a href="{escape(url)}">{escape(words or url)}</a>'


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


_MARKDOWN = _markdown()


def markdown_tokens(text: str, env: dict[str, Any] | None = None) -> list[Token]:
    """Return the block tokens of a Markdown text from markdown-it. env: values for the renderer.

    Raises TextTooCostly.
    """
    if len(text) > MAX_TEXT:
        raise TextTooCostly(f"it is longer than {MAX_TEXT:,} characters")
    return _MARKDOWN.parse(text, {"images": ()} if env is None else env)


# The numbers of the images that a paragraph places, or "checklist".
_Placement = list[int] | Literal["checklist"]


class _Flow:
    """Collects sanitized parts, with figures and the checklist between them."""

    def __init__(self, record: RecordDict, image_hosts: Container[str]) -> None:
        self.images = record.get("image_sources", [])
        self.checklist = record.get("checklist", [])
        self.hosts = image_hosts
        self.env = {"images": self.images}
        self.texts: list[list[Token] | SafeString] = []
        self.notes, self.targets = _Notes(), Targets()
        self.has_picture = False
        self.parts: list[SafeString] = []
        self.figures: list[SafeString] = []
        self.placed: set[int] = set()
        self.inside: list[SafeString] = []
        self.contents: list[Heading] = []
        self.ids: dict[str, int] = {}
        self.env["targets"] = self.targets
        self.checklist_placed = False

    def add_markdown(self, text: str, *, lede: bool = False) -> None:
        """Parse a text. It is rendered after all texts are parsed, because links may lead to later headings."""
        try:
            tokens = markdown_tokens(text, self.env)
        except TextTooCostly as refusal:
            self.texts.append(as_written_html(text, str(refusal)))
            return
        tokens = self.notes.take(tokens)
        self._set_headings(tokens)
        if lede:
            first = next((token for token in tokens if token.type == "paragraph_open" and not token.level), None)
            if first:
                first.attrSet("class", "lede")
        self.texts.append(tokens)

    def _write(self, tokens: list[Token] | SafeString) -> None:
        """Add the HTML of tokens, with figures and checklist where these place them."""
        if isinstance(tokens, str):
            self._close_figures()
            self.parts.append(tokens)
            return
        self._set_links(tokens)
        piece: list[Token] = []
        index = 0
        while index < len(tokens):
            placement = self._placement(tokens, index)
            if placement is None:
                piece.append(tokens[index])
                index += 1
                continue
            if tokens[index].level:
                # Inside a box or a list, whose tags are sanitized in one piece with all that they hold.
                piece.append(Token("placed", "div", 0, block=True, meta={"place": self._keep_placed(placement)}))
            else:
                self._add_sanitized(piece)
                piece = []
                self._place(placement)
            index += 3
        self._add_sanitized(piece)

    def _placement(self, tokens: list[Token], index: int) -> _Placement | None:
        """Return what a paragraph places, or None."""
        token = tokens[index]
        if token.type != "paragraph_open":
            return None
        children = [
            child
            for child in tokens[index + 1].children or ()
            if child.type not in ("softbreak", "comment") and not (child.type == "text" and not child.content.strip())
        ]
        if len(children) == 1 and children[0].type == "text" and children[0].content.strip() == "[checklist]":
            return None if self.checklist_placed or not self.checklist else "checklist"
        numbers = []
        for child in children:
            match = _PLACED_IMAGE.fullmatch(str(child.attrGet("src") or "")) if child.type == "image" else None
            if match is None or int(match[1]) > len(self.images) or int(match[1]) in self.placed:
                return None
            numbers.append(int(match[1]))
        return numbers or None

    def _keep_placed(self, placement: _Placement) -> int:
        """Write what a placement inside other HTML places; return its number, for _add_sanitized()."""
        if placement == "checklist":
            self.checklist_placed = True
            html = checklist_html(self.checklist)
        else:
            self.placed.update(placement)
            html = _figures_html(map(self._figure, dict.fromkeys(placement)))
        self.inside.append(html)
        return len(self.inside) - 1

    def _place(self, placement: _Placement) -> None:
        if placement == "checklist":
            self._close_figures()
            self.checklist_placed = True
            self.parts.append(checklist_html(self.checklist))
        else:
            for number in placement:
                self._add_figure(number)

    def _add_figure(self, number: int) -> None:
        if number not in self.placed:
            self.placed.add(number)
            self.figures.append(self._figure(number))

    def _figure(self, number: int) -> SafeString:
        """Return the figure of an image. The first picture of an article is loaded before all others."""
        image = self.images[number - 1]
        is_first = not self.has_picture and is_loaded_picture(image["url"], self.hosts)
        self.has_picture = self.has_picture or is_first
        return figure_html(image, number, self.hosts, is_first=is_first)

    def _add_sanitized(self, tokens: Sequence[Token]) -> None:
        if all(token.type in ("comment", "left_out") for token in tokens):
            return
        self._close_figures()
        html = sanitize(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, self.env))
        if self.inside:
            # Only a token becomes such a tag: a tag that a text has is escaped.
            html = mark_safe(_PLACED_INSIDE.sub(lambda place: self.inside[int(place[1])], html))  # noqa: S308
        self.parts.append(html)

    def _close_figures(self) -> None:
        if self.figures:
            self.parts.append(_figures_html(self.figures))
            self.figures = []

    def _set_headings(self, tokens: Sequence[Token]) -> None:
        """Give headings levels from h2 down, below the page's title, and prefixed ids.

        Levels go down one at a time, so that the outline of the page has no gaps.
        """
        above: list[int] = []
        for index, token in enumerate(tokens):
            if token.type == "heading_open":
                written = int(token.tag[1])
                above = [*(level for level in above if level < written), written]
                level = min(6, 1 + len(above))
                words = _plain(tokens[index + 1])
                # A template stands for something that generators leave out of the id.
                words_of_id = _TEMPLATE.sub("", words).strip() or words
                given = token.meta.get("id", "")
                identifier = self._free_id(given or words_of_id)
                token.tag = f"h{level}"
                token.attrSet("id", identifier)
                self.contents.append(Heading(level, identifier, words))
                self.targets.add_heading(words_of_id, identifier)
                if given:
                    self.targets.add_given(given, identifier)
            elif token.type == "dt_open" and (words := _plain(tokens[index + 1])):
                identifier = self._free_id(words)
                token.attrSet("id", identifier)
                self.targets.add_term(words, identifier)
            elif token.type == "heading_close":
                token.tag = f"h{min(6, 1 + len(above))}"
            for child in token.children or ():
                if child.type == "anchor":
                    given, child.meta["id"] = child.meta["id"], self._free_id(child.meta["id"])
                    self.targets.add_given(given, child.meta["id"])

    def _set_links(self, tokens: Sequence[Token]) -> None:
        """Point links within the text at the ids of their headings, and mark those whose words are their address."""
        for token in tokens:
            for child in token.children or ():
                address = str(child.attrGet("href") or "") if child.type == "link_open" else ""
                if address.startswith("#") and (identifier := self.targets.find(address[1:])):
                    child.attrSet("href", f"#{identifier}")
                elif child.info == "auto" and child.type == "link_open":
                    child.attrSet("class", "bare")

    def _free_id(self, words: str) -> str:
        base = ID_PREFIX + (plain_name(words) or "section")
        # From the last number on: thousands of headings with one name must not try every number.
        count = self.ids.get(base, 0) + 1
        identifier = base if count == 1 else f"{base}-{count}"
        while identifier in self.ids:
            count += 1
            identifier = f"{base}-{count}"
        self.ids[base] = count
        self.ids.setdefault(identifier, 1)
        return identifier

    def finish(self) -> SafeString:
        """Return the texts, then the images and checklist that they don't place, then the notes."""
        notes = self.notes.tokens()
        for label, note in self.notes.known.items():
            # As Python-Markdown and GitHub call it.
            for name in (f"fn:{label}", f"fn-{label}", f"user-content-fn-{label}"):
                self.targets.add_given(name, f"{ID_PREFIX}note_{note.number}")
        self._set_headings(notes)
        checklist_id = self._free_id("Checklist") if self.checklist else ""
        notes_id = self._free_id("Notes") if notes else ""
        for name, identifier in (("checklist", checklist_id), ("notes", notes_id)):
            if identifier:
                self.targets.add_heading(name, identifier)
        for tokens in self.texts:
            self._write(tokens)
        for number in range(1, len(self.images) + 1):
            self._add_figure(number)
        self._close_figures()
        if self.checklist and not self.checklist_placed:
            self._add_heading("Checklist", checklist_id)
            self.parts.append(checklist_html(self.checklist))
        if notes:
            self._add_heading("Notes", notes_id)
            self._write(notes)
        return format_html_join("\n", "{}", _rows(self.parts))

    def _add_heading(self, words: str, identifier: str) -> None:
        self.contents.append(Heading(2, identifier, words))
        self.parts.append(sanitize(f"{_heading_start('h2', identifier)}{escape(words)}</h2>"))


@dataclass
class _NoteOfText:
    tokens: list[Token] = field(default_factory=list)
    times: int = 0  # referred to
    number: int = 0  # 0 before its first reference is read


class _Notes:
    """The notes of all texts of an article, numbered by first reference, then those without a reference."""

    def __init__(self) -> None:
        self.known: dict[str, _NoteOfText] = {}  # by note_key()
        self.others: list[_NoteOfText] = []
        self.order: list[_NoteOfText] = []

    def take(self, tokens: list[Token]) -> list[Token]:
        """Return the tokens without notes, and number the references in the rest."""
        if not any(token.type == "note_open" for token in tokens):
            self._number(tokens)
            return tokens
        kept: list[Token] = []
        open_notes: list[_NoteOfText] = []
        for token in tokens:
            if token.type == "note_open":
                note = _NoteOfText()
                key = note_key(token.meta["label"])
                # Of two notes with one label the first counts; the second keeps its words in the text.
                if key in self.known:
                    self.others.append(note)
                else:
                    self.known[key] = note
                open_notes.append(note)
            elif token.type == "note_close":
                open_notes.pop()
            else:
                (open_notes[-1].tokens if open_notes else kept).append(token)
        self._number(kept)
        return kept

    def _number(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            for child in token.children or ():
                if child.type == "note_mark" and (note := self.known.get(note_key(child.meta["label"]))):
                    if not note.number:
                        self.order.append(note)
                        note.number = len(self.order)
                    note.times += 1
                    child.meta |= {"number": note.number, "time": note.times}

    def tokens(self) -> list[Token]:
        """Return the tokens of a numbered list of all notes; [] without notes."""
        # Notes refer to notes, so the list grows while it is read.
        for note in self.order:
            self._number(note.tokens)
        for note in [*self.known.values(), *self.others]:
            if not note.number:
                self.order.append(note)
                note.number = len(self.order)
                self._number(note.tokens)
        if not self.order:
            return []
        made = [Token("ordered_list_open", "ol", 1, block=True)]
        for note in self.order:
            made.append(Token("list_item_open", "li", 1, {"id": f"{ID_PREFIX}note_{note.number}"}, block=True, level=1))
            made += _with_backs(note)
            made.append(Token("list_item_close", "li", -1, block=True, level=1))
        return [*made, Token("ordered_list_close", "ol", -1, block=True)]


_TURNS: tuple[tuple[str, Literal[-1, 1]], ...] = (("open", 1), ("close", -1))


def _with_backs(note: _NoteOfText) -> list[Token]:
    """Return the tokens of a note with the links back at the end of its last paragraph, or below it."""
    tokens = note.tokens
    if not note.times:
        return tokens
    backs = Token("note_backs", "", 0, meta={"number": note.number, "times": note.times})
    if len(tokens) >= 3 and tokens[-1].type == "paragraph_close" and tokens[-2].children is not None:
        tokens[-2].children.append(backs)
        return tokens
    inline = Token("inline", "", 0, children=[backs], level=3)
    opened, closed = (Token(f"paragraph_{end}", "p", turn, level=2) for end, turn in _TURNS)
    return [*tokens, opened, inline, closed]


def _heading_start(tag: str, identifier: str) -> str:
    """Return the beginning of a heading, with a link to it. The style sheet draws its sign, so that it is no word."""
    return f'<{tag} id="{identifier}"><a class="permalink" href="#{identifier}" aria-label="Link to this section"></a>'


def _rows(parts: Iterable[str]) -> Iterator[tuple[str]]:
    return ((part,) for part in parts)


def _plain(inline: Token) -> str:
    return "".join(
        child.content for child in inline.children or () if child.type in ("text", "code_inline", "formula")
    ).strip()


def sanitize(html: str) -> SafeString:
    """Return HTML with only the tags, attributes and address schemes that an article may have."""
    return mark_safe(_without_empty_links(_CLEANER.clean(html)))  # noqa: S308 (this is the door)


def _without_empty_links(html: str) -> str:
    """Return HTML without the other attributes of links whose address was removed."""
    return _EMPTY_LINK.sub(r"<a\1>", html)


def sanitize_marked(html: str) -> SafeString:
    """Return HTML like sanitize(), and keep `ins`, `del` and the numbered frames of a marked text."""
    return mark_safe(_without_empty_links(_MARKED_CLEANER.clean(html)))  # noqa: S308 (this is the door)


def as_written_html(text: str, reason: str) -> SafeString:
    """Return a text that can't be rendered, exactly as written, below a line with the reason."""
    return format_html('<p class="text-note">Shown as source: {}.</p><pre class="as-written">{}</pre>', reason, text)


def checklist_html(items: Iterable[str]) -> SafeString:
    """Return the checklist as rows with empty boxes; readers have not done any of it."""
    return format_html('<ul class="checklist">{}</ul>', format_html_join("", '<li dir="auto">{}</li>', _rows(items)))


def figure_html(image: RecordDict, number: int, hosts: Container[str], *, is_first: bool = False) -> SafeString:
    """Return a figure: the picture in its own shape, its caption and its credit.

    image: an image of a record. number: its position among them, from 1. hosts: allowed image hosts. is_first: whether
    it is the first picture of its article.
    """
    url, caption = image["url"], image.get("caption", "")
    is_allowed = is_allowed_image_url(url, hosts)
    drawn = drawn_image(url) if is_allowed and host_of(url) in DRAWN_HOSTS else None
    alt = _alt(image, number)
    if drawn:
        frame = _drawn_frame(drawn, caption, alt)
    elif is_allowed:
        frame = _picture_frame(image, number, alt, is_first=is_first)
    else:
        # Nothing is drawn for an unknown host: only caption and link are shown.
        frame = format_html('<span class="hidden-text">{}</span>', alt) if alt else SafeString()
    return format_html(
        '<figure class="figure tint-{}{}" id="image-{}">{}<figcaption dir="auto"><b class="figure__number">{}</b> '
        "<span>{}{}</span></figcaption></figure>",
        tint_of(caption or url),
        "" if is_allowed else " figure--elsewhere",
        number,
        frame,
        number,
        f"{caption.rstrip('.')}. " if caption else "",
        _credit(image, is_allowed),
    )


def _figures_html(figures: Iterable[SafeString]) -> SafeString:
    return format_html('<div class="figures">{}</div>', format_html_join("", "{}", _rows(figures)))


def _alt(image: RecordDict, number: int) -> str:
    """Return what a picture shows, in words that are not its caption; "" if the caption is all that is known."""
    alt, caption = image.get("alt", ""), image.get("caption", "")
    if caption and _same_words(alt, caption):
        return ""
    return alt or ("" if caption else f"Image {number}")


def _same_words(one: str, other: str) -> bool:
    return one.rstrip(" .").casefold() == other.rstrip(" .").casefold()


# How browsers load a picture.
_BEFORE_OTHERS, _WHEN_NEAR = mark_safe('loading="eager" fetchpriority="high"'), mark_safe('loading="lazy"')


def _picture_frame(image: RecordDict, number: int, alt: str, *, is_first: bool) -> SafeString:
    """Return a picture that is a link to its file, with what the script of the page shows until it has loaded.

    Where the record says its size, its space is reserved.
    """
    address = own_picture(image["url"]) or image["url"]
    width, height = shown_size(image.get("width"), image.get("height"))
    return format_html(
        '<a class="figure__frame" href="{}" rel="nofollow ugc noopener">{}{}<img src="{}" alt="{}"{} {} '
        'decoding="async" referrerpolicy="no-referrer"><span class="hidden-text">Show image {} in full</span></a>',
        address,
        placeholder_svg(image.get("caption") or image["url"], *((width, height) if width else ())),
        format_html('<span class="figure__notch" aria-hidden="true">{}</span>', alt) if alt else "",
        address,
        alt,
        format_html(' width="{}" height="{}"', width, height) if width else "",
        _BEFORE_OTHERS if is_first else _WHEN_NEAR,
        number,
    )


def _drawn_frame(drawn: DrawnImage, caption: str, alt: str) -> SafeString:
    """Return the frame of an image that only shows words, drawn here in the colours of its address.

    If the words only begin its caption, which stands below, the placeholder of the caption is drawn instead.
    """
    if caption.casefold().startswith(drawn.words.casefold()):
        words = alt
        drawing = placeholder_svg(caption or alt)
    else:
        words = alt or drawn.words
        drawing = format_html(
            '<svg class="drawn{}"{} viewBox="0 0 1200 630" aria-hidden="true" focusable="false">'
            '<rect width="1200" height="630"/><foreignObject x="60" y="60" width="900" height="520">'
            '<div class="drawn__words" dir="auto"><span>{}</span></div></foreignObject></svg>',
            "" if drawn.ground else " drawn--plain",
            format_html(' fill="{}" color="{}"', drawn.ground, drawn.ink) if drawn.ground else "",
            drawn.words or alt,
        )
    hidden = format_html('<span class="hidden-text">{}</span>', words) if words else ""
    return format_html('<div class="figure__frame">{}{}</div>', hidden, drawing)


def _credit(image: RecordDict, is_allowed: bool) -> SafeString:
    source = image.get("source") or "not stated"
    licence = image.get("licence")
    return format_html(
        'Image source: <a href="{}" rel="nofollow ugc noopener">{}</a>{}{}',
        own_picture(image["url"]) or image["url"],
        source,
        f", {licence}" if licence else "",
        "" if is_allowed else ". The image is not shown: this site does not load images from that host",
    )


def render_text(record: RecordDict, *, image_hosts: Iterable[str] | None = None) -> RenderedText:
    """Return the RenderedText of a record dict: intro, body, figures and checklist.

    image_hosts: the hosts that images may be loaded from. A text that costs too much (over MAX_DEPTH, MAX_TEXT,
    MAX_BRACKETS, MAX_SPECIAL_CHARACTERS or MAX_REFERENCED) is returned as written.
    """
    flow = _flow_of(record, tuple(settings.IMAGE_HOSTS if image_hosts is None else image_hosts))
    return RenderedText(html=flow.finish(), contents=flow.contents)


def _flow_of(record: RecordDict, hosts: tuple[str, ...]) -> _Flow:
    flow = _Flow(record, hosts)
    if intro := record.get("intro"):
        flow.add_markdown(intro, lede=True)
    flow.add_markdown(record["body"])
    return flow


def heading_targets(record: RecordDict) -> Targets:
    """Return what the headings of a record are called, so that links from other posts find them."""
    return _flow_of(record, ()).targets


def links_in(record: RecordDict) -> list[str]:
    """Return the addresses in a record that may lead to other posts, in order, each once."""
    found: dict[str, None] = {}
    for text in (record.get("intro"), record["body"]):
        # Without these there is no link.
        if text and re.search(r"\]\(|\]:|\[\[|\]\[|href", text):
            with contextlib.suppress(TextTooCostly):
                found |= dict.fromkeys(addresses_in(markdown_tokens(text)))
    return list(found)
