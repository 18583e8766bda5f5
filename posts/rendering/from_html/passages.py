"""A passage of HTML in a Markdown text, as Markdown that reads as a browser would show it.

Tables stay tables, whatever their cells hold: for each there is a line that no author can write, and a Table beside
the Markdown. Marks of Markdown in the words of a passage are read, as they are everywhere else in a text.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from posts.rendering.from_html.lines import Piece, destination
from posts.rendering.from_html.tables import columns_of, rows_of
from posts.rendering.from_html.to_markdown import Block, Converter, indented, joined
from posts.rendering.from_html.tree import BLOCKS, VOID, Element, Node, parse_html
from posts.rendering.from_html.words import has_words
from posts.rendering.html_code import TAG
from posts.rendering.left_out_tags import ALONE, EMBEDS, MISSED, NEUTRAL, is_component, runs
from posts.rendering.tag_pairs import attributes_in

# Tables in tables beyond this are their cells, one after the other.
MAX_TABLES_DEEP = 4
MAX_SPAN = 1000
# No text has a NUL: the parser replaces it before any rule reads the text.
TABLE_PLACE = re.compile(r"\x00(\d+)\x00")
# Stands for a part of the passage that is Markdown. No author can write it: as a tag that is not known it is text.
_CHUNK = "search"
_TAGS = (NEUTRAL | ALONE | EMBEDS | BLOCKS) - {_CHUNK} | frozenset(
    """a abbr acronym b br cite code del dfn em i img kbd mark noscript object param pre q s samp strike strong sub
    summary sup tt u var""".split()
)
# Their content is none of a text: the passage is read as other tags are.
_NOT_READ = re.compile(
    r"<(?:script|style|textarea|xmp|title|template|math|canvas|noframes|noembed|plaintext)[\s>]", re.IGNORECASE
)
_KEPT = frozenset(
    """align alt checked class colspan data-language data-lazy-src data-original data-src data-srcset height href id
    lang name rowspan src srcset start style title type width""".split()
)
_DRAWING = re.compile(r"<svg(?=[\s>])[^<>]*>", re.IGNORECASE)
_DRAWING_WITH_ALL = re.compile(r"<svg(?=[\s>])(?:(?!<svg[\s>])[\s\S])*?</svg\s*>", re.IGNORECASE)
_FENCE = re.compile(r"\s*(`{3,}(?=[^`\n]*$)|~{3,})")
_PRE = re.compile(r"<(/?)pre(?=[\s>])", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"</?(?:{'|'.join(sorted(BLOCKS))})(?=[\s/>])", re.IGNORECASE)
# Marks that nobody writes in HTML by chance: others are words.
_MARKDOWN = re.compile(
    r"""(?:`[^`\n]+`|\*\*[^*\n]+\*\*|__[^_\n]*\s[^_\n]*__|(?<![\w*])\*[^\s*](?:[^*\n]*[^\s*])?\*(?![\w*])
    |(?<![\w_])_[^\s_](?:[^_\n]*[^\s_])?_(?![\w_])|~~[^~\n]+~~|!?\[[^\[\]\n]*\](?:\([^()\s]*(?:\s"[^"\n]*")?\)|\[[^\[\]\n]*\])
    |(?<![\w=])==[^\s=][^=\n]*==|(?<=\w)~[^\s~]+~|(?<=\w)\^[^\s^]+\^|(?<![\w:]):[a-z0-9_+-]{1,40}:
    |\[\^[^\[\]\n]+\]|\$\$?[^$\s][^$\n]*\$|\\[!-/:-@\[-`{-~])""",
    re.VERBOSE,
)
# In code of Markdown no tag is one.
_CODE_OR_TAG = re.compile(rf"(?P<code>`[^`\n]+`)|{TAG.pattern}")
_CLOSING_LINES = re.compile(r"(?:\n[ \t]*(?:</[\w-]+\s*>[ \t]*)+)+$")
_SIDE = re.compile(r"text-align\s*:\s*(left|center|right)", re.IGNORECASE)


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its Markdown, and what of its tag counts. side: "", "center" or "right"."""

    markdown: str
    is_head: bool = False
    side: str = ""
    columns: int = 1
    rows: int = 1


@dataclass
class Passage:
    """The Markdown of a passage, its tables, its comments, and the tags in it that say more than their words do."""

    markdown: str
    tables: list[list[list[Cell]]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_passage(text: str, closed: frozenset[str]) -> Passage | None:
    """Return the Passage of HTML, or None if it is none that this module reads.

    closed: the names of all closing tags of the text around it. Without one, a component is the name of something.
    """
    if _NOT_READ.search(text):
        return None
    source = _Source(text, closed)
    converter = _PassageConverter(source.chunks)
    markdown = converter.convert(parse_html(source.html)).markdown
    return Passage(markdown, converter.tables, source.comments, source.left_out)


class _Source:
    """The source of a passage as HTML alone: its parts that are Markdown are kept beside it."""

    def __init__(self, text: str, closed: frozenset[str]) -> None:
        self.closed = closed
        self.chunks: list[str] = []
        self.comments: list[str] = []
        self.left_out: list[str] = []
        self.html = "\n".join(self._parts(text.split("\n")))

    def _parts(self, lines: list[str]) -> list[str]:
        parts: list[str] = []
        number, is_in_pre, after_blank = 0, False, False
        while number < len(lines):
            fence = None if is_in_pre else _FENCE.match(lines[number])
            if fence and (close := _fence_end(lines, number, fence[1])):
                parts.append(self._keep("\n".join(lines[number:close])))
                number, after_blank = close, False
                continue
            piece, end = _piece_from(lines, number, is_in_pre=is_in_pre)
            may_be_markdown = after_blank and not is_in_pre
            if may_be_markdown and (closing := _CLOSING_LINES.search(piece)) and closing.start():
                # What ends the element is no part of the Markdown above it.
                end -= closing[0].count("\n", 1) + 1
                piece = piece[: closing.start()]
            if may_be_markdown and not piece.lstrip().startswith("<") and not _BLOCK_TAG.search(piece):
                parts.append(self._keep(piece))
            else:
                parts.append(self._html_of(piece))
                for tag in _PRE.finditer(piece):
                    is_in_pre = not tag[1]
            after_blank = end < len(lines) and not lines[end].strip()
            if after_blank:
                parts.append("")
                end += 1
            number = end
        return parts

    def _keep(self, markdown: str) -> str:
        self.chunks.append(textwrap.dedent(markdown).strip("\n"))
        return f'<{_CHUNK} id="{len(self.chunks) - 1}"></{_CHUNK}>'

    def _html_of(self, piece: str) -> str:
        """Return HTML with its known tags, with what counts of their attributes; other tags are text."""
        made, place = [], 0
        for drawing in _DRAWING.findall(piece):
            self.left_out.append(drawing)
        piece = _DRAWING_WITH_ALL.sub("", piece)
        while (start := piece.find("<!--", place)) >= 0 and (end := piece.find("-->", start + 4)) >= 0:
            made.append(self._tags_of(piece[place:start]))
            self.comments.append(piece[start : end + 3])
            place = end + 3
        return "".join([*made, self._tags_of(piece[place:])])

    def _tags_of(self, html: str) -> str:
        made, place = [], 0
        for tag in _CODE_OR_TAG.finditer(html):
            if tag["code"]:
                made += [html[place : tag.start()].replace("<", "&lt;"), escape(tag[0], quote=False)]
                place = tag.end()
                continue
            made += [html[place : tag.start()].replace("<", "&lt;"), self._tag(tag[0], tag[2], tag[3].lower(), tag[4])]
            place = tag.end()
        return "".join([*made, html[place:].replace("<", "&lt;")])

    def _tag(self, tag: str, slash: str, name: str, attributes: str) -> str:
        if runs(attributes, tag) or ("<" in attributes and not is_component(tag)):
            return escape(tag, quote=False)
        if is_component(tag):
            if slash or tag.endswith("/>") or name in self.closed:
                self.left_out.append(tag)
                return ""
            return escape(tag, quote=False)
        if name not in _TAGS:
            return escape(tag, quote=False)
        if slash:
            return f"</{name}>"
        values = attributes_in(attributes)
        if name in MISSED or "{" in values.get("href", "") + values.get("src", ""):
            self.left_out.append(tag)
        kept = "".join(
            f' {key}="{escape(value)}"' for key, value in values.items() if key in _KEPT and "{" not in value
        )
        return f"<{name}{kept}>" + ("" if name in VOID or not tag.endswith("/>") else f"</{name}>")


def _piece_from(lines: list[str], number: int, *, is_in_pre: bool) -> tuple[str, int]:
    """Return the lines from `number` up to a blank one or to code, and the number behind them."""
    end = number + 1
    while end < len(lines) and lines[end].strip() and (is_in_pre or not _FENCE.match(lines[end])):
        end += 1
    piece = "\n".join(lines[number:end])
    # A comment may have blank lines.
    while end < len(lines) and piece.count("<!--") > piece.count("-->"):
        piece += f"\n{lines[end]}"
        end += 1
    return piece, end


def _fence_end(lines: list[str], number: int, mark: str) -> int:
    """Return the number behind the last line of the code that begins on a line, or 0."""
    closing = re.compile(rf"\s*{mark[0]}{{{len(mark)},}}\s*$")
    return next((at + 1 for at in range(number + 1, len(lines)) if closing.match(lines[at])), 0)


class _PassageConverter(Converter):
    """Converts a passage to Markdown of this site: it has more than the Markdown of files."""

    def __init__(self, chunks: Sequence[str]) -> None:
        super().__init__(base="", keeps_addresses=True, keeps_lines=False, image_of=None)
        self.chunks = chunks
        self.tables: list[list[list[Cell]]] = []
        self.tables_deep = 0

    # Blocks

    def _block(self, element: Element, href: str, before: str) -> list[Block]:
        tag = element.tag
        if tag == _CHUNK:
            return [("markdown", self.chunks[int(element.attributes["id"])])]
        places = [] if tag in _OWN_IDS else self._place(element)
        if tag == "details":
            return [*places, *self._fold(element, href)]
        if tag == "dl":
            return [*places, *self._definitions(element, href)]
        if tag == "li":
            return [*places, *self._blocks(element.children, href)]
        return [*places, *super()._block(element, href, before)]

    def _place(self, element: Element) -> list[Block]:
        """Return a block for the id of an element, which links may lead to."""
        place = _place_of(element)
        return [("p", place)] if place else []

    def _list(self, element: Element, before: str) -> list[Block]:
        for child in element.children:
            if isinstance(child, Element) and child.tag == "li" and (name := child.attributes.get("id")):
                child.children.insert(0, Element("a", {"id": name}))
        return super()._list(element, before)

    def _fold(self, element: Element, href: str) -> list[Block]:
        summary = next(
            (child for child in element.children if isinstance(child, Element) and child.tag == "summary"), None
        )
        words = self._line([Element("span", {}, summary.children)]) if summary else ""
        rest = [child for child in element.children if child is not summary]
        inner = joined(self._nested(rest, href))
        return [("fold", f"<details>\n<summary>{words or 'Details'}</summary>\n\n{inner}\n\n</details>")]

    def _definitions(self, element: Element, href: str) -> list[Block]:
        lines: list[str] = []
        before = ""
        for child in _terms_of(element):
            if child.tag == "dt":
                place = _place_of(child)
                words = self._line([Element("span", {}, child.children)], href)
                if before == "dt" and lines:
                    # A term without a definition of its own shares that of the next.
                    lines[-1] += f", {words}"
                else:
                    lines += ["", f"{place}{words}"]
            else:
                text = joined(self._nested(child.children, href)) or "–"
                if not lines:
                    lines.append("–")
                lines.append(indented(text, ": "))
            before = child.tag
        if before == "dt":
            lines.append(": –")
        return [("dl", "\n".join(lines).strip("\n"))] if lines else []

    def _table(self, element: Element, href: str) -> list[Block]:
        rows, captions = rows_of(element)
        if not rows or self.tables_deep >= MAX_TABLES_DEEP:
            return super()._table(element, href)
        blocks = [block for caption in captions for block in self._blocks(caption.children, href)]
        self.tables_deep += 1
        made = [[self._cell(cell, href) for cell in row] for row in rows]
        self.tables_deep -= 1
        if not any(cell.markdown for row in made for cell in row):
            return blocks
        self.tables.append(made)
        return [*blocks, ("table", f"\x00{len(self.tables) - 1}\x00")]

    def _cell(self, cell: Element, href: str) -> Cell:
        values = cell.attributes
        side = values.get("align", "") or next(iter(_SIDE.findall(values.get("style", ""))), "")
        span = values.get("rowspan", "")
        return Cell(
            f"{_place_of(cell)}{joined(self._nested(cell.children, href))}",
            cell.tag == "th",
            side.lower() if side.lower() in ("center", "right") else "",
            columns_of(cell),
            min(int(span), MAX_SPAN) if span.isascii() and span.isdigit() and len(span) < 5 and int(span) else 1,
        )

    # Inline

    def _words(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        place = 0
        for mark in _MARKDOWN.finditer(text):
            pieces += [*super()._words(text[place : mark.start()]), ("raw", mark[0])]
            place = mark.end()
        return [*pieces, *super()._words(text[place:])] if pieces else super()._words(text)

    def _inline_element(self, element: Element) -> list[Piece]:
        if element.tag == _CHUNK:
            # In a heading or a summary, which are one line.
            return [("raw", " ".join(self.chunks[int(element.attributes["id"])].split()))]
        place = _place_of(element)
        pieces = self._meant(element)
        return [("raw", place), *pieces] if place else pieces

    def _meant(self, element: Element) -> list[Piece]:
        tag = element.tag
        if tag in ("kbd", "sub", "sup", "mark", "abbr") and has_words(element.children):
            title = escape(element.attributes.get("title", "")) if tag == "abbr" else ""
            opening = f'<{tag} title="{title}">' if title else f"<{tag}>"
            return [("raw", opening), *self._inline(element.children), ("raw", f"</{tag}>")]
        if tag == "input":
            is_box = element.attributes.get("type", "").lower() == "checkbox"
            return [("raw", "[x]" if "checked" in element.attributes else "[ ]"), ("text", " ")] if is_box else []
        return super()._inline_element(element)

    def _title_of(self, element: Element | None) -> str:
        title = " ".join(element.attributes.get("title", "").split()) if element else ""
        title = re.sub(r"([\\\"])", r"\\\1", title)
        return f' "{title}"' if title else ""

    def _inline_image(self, element: Element) -> list[Piece]:
        alt = " ".join(element.attributes.get("alt", "").split())
        address = self.addresses.of_image(element)
        words = re.sub(r"([\\\[\]`*_<&])", r"\\\1", alt)
        if not address:
            return [("text", alt)] if alt else []
        title = " ".join(element.attributes.get("title", "").split()).replace('"', "&quot;")
        title = f' "{title}"' if title else ""
        return [("raw", f"![{words}](<{destination(address).strip('<>')}>{title})")]

    def _captioned(self, picture: Element, content: Sequence[Node], caption: Element, href: str) -> list[Block]:
        return [*self._blocks(content, href), *self._blocks(caption.children, href)]


# What reads its own id.
_OWN_IDS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "pre"))


def _place_of(element: Element) -> str:
    """Return an empty anchor for the id of an element, or ""."""
    name = element.attributes.get("id") or (element.tag == "a" and element.attributes.get("name")) or ""
    return f'<a id="{escape(name)}"></a>' if name and not re.search(r"[\s<>]", name) else ""


def _terms_of(element: Element) -> list[Element]:
    """Return the terms and definitions of a list, also those in a `div`."""
    found: list[Element] = []
    for child in element.children:
        if isinstance(child, str):
            if child.strip():
                found.append(Element("dd", {}, [child]))
        elif child.tag in ("dt", "dd"):
            found.append(child)
        elif child.tag == "div":
            found += _terms_of(child)
        else:
            found.append(Element("dd", {}, [child], child.has_block or child.tag in BLOCKS))
    return found
