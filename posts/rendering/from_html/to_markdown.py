"""Converts HTML of articles to Markdown that renders to the same words in the same order, for any HTML.

Written for what WordPress stores: block markup between comments, classic texts whose blank lines are paragraphs,
captions as figures or shortcodes. The Markdown is CommonMark 0.31 with tables and strikethrough
(https://spec.commonmark.org/0.31.2/, https://github.github.com/gfm/), which posts.rendering.markdown reads.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from posts.records.schema import MAX_IMAGES
from posts.rendering.from_html.addresses import Addresses, images_of, is_hidden
from posts.rendering.from_html.lines import (
    SPACE,
    Piece,
    begins_with_image,
    code_span,
    destination,
    longest_run,
    marked,
    set_line,
    shifted_to,
    split_paragraphs,
)
from posts.rendering.from_html.tables import MAX_COLUMNS, as_wide_as_shown, columns_of, is_more_than_a_line, rows_of
from posts.rendering.from_html.tree import BLOCKS, Element, Node, parse_html
from posts.rendering.from_html.words import HIDDEN, has_words, one_line, spaced_text

# Deeper lists and quotations stay at this level: the renderer shows a deeper text as written.
MAX_NESTING = 30
MAX_FIGURES = 4
MAX_ALT = MAX_CAPTION = 1000
MAX_URL = 2000

_EMPHASIS = {
    "b": "**", "strong": "**", "i": "*", "em": "*", "cite": "*", "dfn": "*", "var": "*", "del": "~~", "s": "~~",
    "strike": "~~",
}  # fmt: skip
_CODE = frozenset("code kbd samp tt".split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")

_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|brush)[-:]\s*([\w+#.-]{1,40})", re.IGNORECASE)
_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".svg", ".bmp", ".tif", ".tiff")
# What generators put behind a heading, so that people can copy its address. Each heading has such a link here.
_LINKS_OF_HEADINGS = frozenset("anchorjs-link header-anchor headerlink heading-anchor".split())
_SMILEY = frozenset(("emoji", "wp-smiley"))


# One of a record's `image_sources`.
ImageDict = dict[str, Any]
# Returns what else is known of an `img`: caption, alt, url.
ImageLookup = Callable[[Element], dict[str, str]]
# (kind, lines of Markdown)
Block = tuple[str, str]


@dataclass(frozen=True)
class Converted:
    """Markdown, and the images that its `![](image:N)` place, as `image_sources` of a record."""

    markdown: str
    images: list[ImageDict] = field(default_factory=list)


def html_to_markdown(
    text: str,
    *,
    base: str = "",
    keeps_addresses: bool = False,
    keeps_lines: bool = False,
    image_of: ImageLookup | None = None,
    linked: frozenset[str] = frozenset(),
) -> Converted:
    """Return the Converted text of an HTML fragment.

    base: the base of relative addresses. keeps_addresses: leave them relative. keeps_lines: line ends are line breaks
    and blank lines are paragraphs, as in texts of WordPress's classic editor. linked: the ids that links lead to, which
    stay as empty anchors. Every word that a browser would show is in the Markdown or in a caption.
    """
    return Converter(base, keeps_addresses, keeps_lines, image_of, linked).convert(parse_html(text))


def html_to_text(text: str) -> str:
    """Return the words of an HTML fragment on one line."""
    return one_line(spaced_text(parse_html(text)))


class Converter:
    """One conversion. posts.rendering.from_html.passages has one for HTML inside of Markdown."""

    def __init__(
        self,
        base: str,
        keeps_addresses: bool,
        keeps_lines: bool,
        image_of: ImageLookup | None,
        linked: frozenset[str] = frozenset(),
    ) -> None:
        self.linked = linked
        self.addresses = Addresses(base, keeps_addresses)
        self.keeps_lines = keeps_lines
        self.image_of: ImageLookup = image_of or (lambda element: {})
        self.images: list[ImageDict] = []
        self.waiting: list[int] = []  # numbers of images inside an element, to be placed after it
        self.nesting = 0
        self.figures = 0
        self.explained: set[tuple[str, str]] = set()  # abbreviations with their meanings
        self.marks: list[str] = []  # those that are open
        self.is_fallback = False  # inside the fallback for browsers without scripts

    def convert(self, root: Element) -> Converted:
        self.addresses.settle_fallbacks(root)
        self.addresses.places = {_id_of(element) for element in root.walk() if element.tag in _HEADINGS}
        return Converted(joined(self._blocks(root.children)), self.images)

    # Blocks

    def _blocks(self, children: Sequence[Node], href: str = "") -> list[Block]:
        """Return the blocks of a run of nodes. href: the address of a link around all of it."""
        blocks: list[Block] = []
        line: list[Node] = []

        def end_line() -> None:
            if line:
                blocks.extend(self._paragraphs(line, href))
                line.clear()
            if not self.nesting:
                blocks.extend(self._placed())

        for child in children:
            if isinstance(child, str) or not (child.tag in BLOCKS or child.has_block):
                line.append(child)
                continue
            end_line()
            if child.attributes.get("id", "") in self.linked and child.tag not in _HEADINGS:
                blocks.append(("p", f'<a id="{child.attributes["id"]}"></a>'))
            blocks += self._block(child, href, blocks[-1][0] if blocks else "")
            if not self.nesting:
                blocks += self._placed()
        end_line()
        return blocks

    def _block(self, element: Element, href: str, before: str) -> list[Block]:
        tag = element.tag
        if tag in _HEADINGS:
            return self._heading(element, href)
        if tag == "pre":
            return self._code(element)
        if tag in ("ul", "ol", "menu", "dir"):
            return self._list(element, before)
        if tag == "blockquote":
            return self._quotation(element, href)
        if tag == "table":
            return self._table(element, href)
        if tag == "figure":
            return self._figure(element, href)
        if tag == "hr":
            return [("hr", "___")]
        if tag in HIDDEN:
            return self._media(element)
        if tag in ("dt", "summary", "legend"):
            return self._blocks([Element("strong", {}, element.children, element.has_block)], href)
        if tag == "a" and not href:
            href = self.addresses.of_link(element.attributes.get("href", ""))
        return self._blocks(element.children, href)

    def _nested(self, children: Sequence[Node], href: str = "") -> list[Block]:
        self.nesting += 1
        try:
            return self._blocks(children, href)
        finally:
            self.nesting -= 1

    def _placed(self) -> list[Block]:
        """Return blocks for the images that waited for the end of their container."""
        blocks = [("image", f"![](image:{number})") for number in self.waiting]
        self.waiting.clear()
        return blocks

    def _paragraphs(self, nodes: Sequence[Node], href: str) -> list[Block]:
        pieces = self._inline(nodes)
        if href:
            pieces = self._linked(pieces, href)
        blocks = []
        for paragraph in split_paragraphs(pieces):
            numbers = [piece[1] for piece in paragraph if piece[0] == "image"]
            words = set_line(paragraph)
            leads = numbers and begins_with_image(paragraph)
            images = [("image", f"![](image:{number})") for number in numbers]
            if self.nesting:
                self.waiting += numbers
                images = []
            blocks += images if leads else []
            if words.strip():
                blocks.append(("p", "**[checklist]**" if words == "[checklist]" else words))
            blocks += [] if leads else images
        return blocks

    def _line(self, nodes: Sequence[Node], href: str = "") -> str:
        """Return inline Markdown on one line, for a heading or a cell; its images wait."""
        pieces = [("text", " ") if piece[0] in ("break", "paragraph") else piece for piece in self._inline(nodes)]
        if href:
            pieces = self._linked(pieces, href)
        self.waiting += [piece[1] for piece in pieces if piece[0] == "image"]
        return set_line(pieces)

    def _heading(self, element: Element, href: str) -> list[Block]:
        words = self._line([unblocked(element)], href)
        if not words.strip():
            return []
        if words.endswith("#"):
            # In Markdown, trailing # of a heading are not part of its words.
            start = len(words.rstrip("#"))
            words = f"{words[:start]}\\{words[start:]}"
        name = _id_of(element)
        return [("heading", f"{'#' * _HEADINGS[element.tag]} {words}{f' {{#{name}}}' if name else ''}")]

    def _code(self, element: Element) -> list[Block]:
        code = element.text().replace("\r\n", "\n").removeprefix("\n").rstrip()
        self._images_in(element)
        if not code.strip():
            return []
        fence = "`" * max(3, 1 + longest_run(code, "`"))
        return [("code", f"{fence}{_language(element)}\n{code}\n{fence}")]

    def _list(self, element: Element, before: str) -> list[Block]:
        is_ordered = element.tag == "ol"
        items: list[list[Node]] = []
        loose: list[Node] = []
        for child in element.children:
            if isinstance(child, Element) and child.tag == "li":
                items.append(child.children)
                loose = []
            elif isinstance(child, Element) or child.strip():
                # A list directly inside a list, or words outside of any item, belong to the item before.
                if not loose:
                    loose = [*items.pop()] if items else []
                    items.append(loose)
                loose.append(child)
        if self.nesting >= MAX_NESTING:
            return [block for item in items for block in self._nested(item)]
        kind = element.tag if is_ordered else "ul"
        is_second = before == kind
        number = _start(element)
        lines, is_loose = [], False
        for item in items:
            blocks = self._nested(item)
            if not blocks:
                continue
            marker = f"{number}{')' if is_second else '.'}" if is_ordered else "*" if is_second else "-"
            number += 1
            text = joined(blocks, is_tight=True)
            is_loose |= "\n\n" in text
            lines.append(indented(text, f"{marker} "))
        if not lines:
            return []
        return [(f"{kind}, second" if is_second else kind, ("\n\n" if is_loose else "\n").join(lines))]

    def _quotation(self, element: Element, href: str) -> list[Block]:
        if self.nesting >= MAX_NESTING:
            return self._blocks(element.children, href)
        text = joined(self._nested(element.children, href))
        quoted = "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))
        return [("quotation", quoted)] if text else []

    def _table(self, element: Element, href: str) -> list[Block]:
        rows, captions = rows_of(element)
        blocks = [block for caption in captions for block in self._blocks(caption.children, href)]
        cells = [cell for row in rows for cell in row]
        if any(is_more_than_a_line(cell) for cell in cells) or max(map(len, rows), default=0) <= 1:
            # A layout table, or more than a Markdown table can hold: the contents of the cells, one after the other.
            return blocks + [block for cell in cells for block in self._blocks(cell.children, href)]
        # A first row with one wide cell is not a header: it says what the table is about.
        while len(rows) > 1 and len(rows[0]) == 1 and columns_of(rows[0][0]) > 1:
            blocks += self._blocks(rows.pop(0)[0].children, href)
        lines = self._table_lines([as_wide_as_shown(row) for row in rows], href)
        return [*blocks, ("table", "\n".join(lines))] if lines else blocks

    def _table_lines(self, rows: list[list[Element]], href: str) -> list[str]:
        """Return the lines of a Markdown table; none if no cell has words."""
        width = min(max(map(len, rows)), MAX_COLUMNS)
        lines = []
        for row in rows:
            words = [self._line([unblocked(cell)], href).replace("|", r"\|") for cell in row]
            if len(words) > width:
                words[width - 1 :] = [" ".join(words[width - 1 :])]
            words += [""] * (width - len(words))
            if any(words):
                lines.append(f"| {' | '.join(words)} |")
        if lines:
            lines.insert(1, f"|{' --- |' * width}")
        return lines

    def _figure(self, element: Element, href: str) -> list[Block]:
        captions = [child for child in element.children if _is_caption(child)]
        content = [child for child in element.children if not _is_caption(child)]
        self.figures += 1
        try:
            # Each figure around others searches all that is in it.
            if len(captions) == 1 and self.figures <= MAX_FIGURES:
                pictures = [node for child in content if isinstance(child, Element) for node in images_of(child)]
                if len(pictures) == 1 and not has_words(content):
                    return self._captioned(pictures[0], content, captions[0], href)
            blocks = self._blocks(content, href)
            return blocks + [block for caption in captions for block in self._blocks(caption.children, href)]
        finally:
            self.figures -= 1

    def _captioned(self, picture: Element, content: Sequence[Node], caption: Element, href: str) -> list[Block]:
        words = " ".join(spaced_text(caption).split())
        link = next((self.addresses.of_link(node.attributes.get("href", "")) for node in _links_of(content)), href)
        number, rest = self._image(picture, words if len(words) <= MAX_CAPTION else "", link)
        blocks = []
        if number and self.nesting:
            self.waiting.append(number)
        elif number:
            blocks.append(("image", f"![](image:{number})"))
        elif rest:
            blocks += self._paragraphs_of(rest)
        is_said = number and self.images[number - 1].get("caption", "") == words
        return blocks if is_said else blocks + self._blocks(caption.children)

    def _paragraphs_of(self, pieces: list[Piece]) -> list[Block]:
        words = set_line(pieces)
        return [("p", words)] if words else []

    def _media(self, element: Element) -> list[Block]:
        """Return what a browser plays or frames: its address, and its fallback words."""
        sources = [element, *(child for child in element.children if is_hidden(child))]
        addresses = (node.attributes.get("src") or node.attributes.get("data") or "" for node in sources)
        address = next(filter(None, map(self.addresses.of_link, addresses)), "")
        title = " ".join(element.attributes.get("title", "").split())
        blocks = []
        if address:
            blocks = self._paragraphs_of(self._linked([("text", title or address)], address))
        return blocks + self._blocks([child for child in element.children if not is_hidden(child)])

    # Inline

    def _inline(self, nodes: Sequence[Node]) -> list[Piece]:
        """Return the pieces of inline nodes; block elements in them (too deep to matter) count as spaced text."""
        pieces = []
        for node in nodes:
            if isinstance(node, str):
                pieces += self._words(node)
            else:
                pieces += self._inline_element(node)
        return pieces

    def _words(self, text: str) -> list[Piece]:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not self.keeps_lines or "\n" not in text:
            return [("text", SPACE.sub(" ", text))]
        pieces: list[Piece] = []
        for number, paragraph in enumerate(_BLANK_LINE.split(text)):
            pieces += [("paragraph",)] if number else []
            for place, line in enumerate(paragraph.split("\n")):
                pieces += [("break", "line")] if place else []
                pieces.append(("text", SPACE.sub(" ", line)))
        return pieces

    def _inline_element(self, element: Element) -> list[Piece]:
        tag = element.tag
        if tag == "br":
            return [("break", "br")]
        if tag == "img":
            return self._inline_image(element)
        if tag in _CODE:
            self._images_in(element)
            return code_span(element.text())
        if tag in HIDDEN or (tag == "a" and not _LINKS_OF_HEADINGS.isdisjoint(element.classes())):
            return []
        if tag == "noscript":
            # The image that a script loads is here a second time.
            before, self.is_fallback = self.is_fallback, True
            pieces = self._inline(element.children)
            self.is_fallback = before
            return pieces
        mark = _EMPHASIS.get(tag)
        # Text that is already bold gets no second mark.
        if mark and mark not in self.marks:
            self.marks.append(mark)
            pieces = self._inline(element.children)
            self.marks.pop()
            return marked(pieces, ("open", mark), ("close", mark))
        return self._around(element, self._inline(element.children))

    def _around(self, element: Element, pieces: list[Piece]) -> list[Piece]:
        """Return the pieces inside an element with what the element itself adds to them."""
        match element.tag:
            case tag if tag in BLOCKS:
                return [("text", " "), *pieces, ("text", " ")]
            case "a":
                return self._linked(pieces, self.addresses.of_link(element.attributes.get("href", "")), element)
            case "sup" | "sub":
                return shifted_to(pieces, _RAISED if element.tag == "sup" else _LOWERED)
            case "abbr" | "acronym":
                return [*pieces, *self._explained(element)]
            case "q":
                return [("text", "“"), *pieces, ("text", "”")]
        return pieces

    def _explained(self, element: Element) -> list[Piece]:
        """Return the meaning of an abbreviation after its first use: touch and paper show no tooltips."""
        meaning = " ".join(element.attributes.get("title", "").split())
        words = " ".join(spaced_text(element).split())
        if not meaning or meaning == words or (words, meaning) in self.explained:
            return []
        self.explained.add((words, meaning))
        return [("text", f" ({meaning})")]

    def _linked(self, pieces: list[Piece], address: str, element: Element | None = None) -> list[Piece]:
        for piece in pieces:
            if piece[0] == "image" and address:
                self._note_link(piece[1], address)
        if not address or any(piece[0] == "link" for piece in pieces):
            return pieces
        return marked(pieces, ("link", "["), ("link", f"]({destination(address)}{self._title_of(element)})"))

    def _title_of(self, element: Element | None) -> str:
        """Return what stands behind the address of a link in Markdown: nothing, since sites repeat its words there."""
        return ""

    def _note_link(self, number: int, address: str) -> None:
        image = self.images[number - 1]
        # A thumbnail that opens the image itself links to nothing else.
        if len(address) <= MAX_URL and not urlsplit(address).path.lower().endswith(_PICTURES):
            image.setdefault("link", address)

    def _inline_image(self, element: Element) -> list[Piece]:
        if _SMILEY & set(element.classes()):
            return [("text", element.attributes.get("alt", ""))]
        number, rest = self._image(element)
        return [("image", number)] if number else rest

    def _image(self, element: Element, caption: str = "", link: str = "") -> tuple[int, list[Piece]]:
        """Return (its number, []) if an image was added; else (0, pieces with what can be kept of it)."""
        known = self.image_of(element)
        alt = " ".join((element.attributes.get("alt") or known.get("alt") or "").split())[:MAX_ALT]
        caption = caption or " ".join(known.get("caption", "").split())[:MAX_CAPTION]
        url = self.addresses.of_image(element) or known.get("url", "")
        if not self.addresses.is_of_a_picture(url) or len(url) > MAX_URL:
            return 0, [("text", alt)] if alt else []
        image: ImageDict = {"source": urlsplit(url).netloc[:300], "url": url}
        image |= {key: value for key, value in (("caption", caption), ("alt", alt)) if value}
        for key in ("width", "height"):
            pixels = element.attributes.get(key, "").removesuffix("px").strip()
            if pixels.isascii() and pixels.isdigit() and 1 <= int(pixels[:7]) <= 100_000:
                image[key] = int(pixels[:7])
        if self.is_fallback and any(other["url"] == url for other in self.images):
            return 0, []
        if len(self.images) >= MAX_IMAGES:
            return 0, self._linked([("text", alt or url)], url)
        self.images.append(image)
        number = len(self.images)
        if link:
            self._note_link(number, link)
        return number, []

    def _images_in(self, element: Element) -> None:
        """Queue images inside code, where Markdown can't have them, until its end."""
        for picture in images_of(element):
            number, _ = self._image(picture)
            self.waiting += [number] if number else []


def _id_of(heading: Element) -> str:
    """Return the id of a heading in Markdown's form for the end of its text, or ""."""
    name = heading.attributes.get("id", "")
    return name if re.fullmatch(r"[\w:.-]{1,100}", name) else ""


def _links_of(nodes: Sequence[Node]) -> Iterator[Element]:
    for node in nodes:
        if isinstance(node, Element):
            yield from (found for found in (node, *node.walk()) if found.tag == "a")


def _is_caption(node: Node) -> TypeGuard[Element]:
    return isinstance(node, Element) and node.tag == "figcaption"


def unblocked(element: Element) -> Element:
    """Return `element` as an inline one, for places where Markdown has no blocks."""
    return Element("span", {}, element.children)


def _start(element: Element) -> int:
    start = element.attributes.get("start", "").strip()
    return int(start) if start.isascii() and start.isdigit() and len(start) <= 6 else 1


def _language(element: Element) -> str:
    for node in (element, *element.walk()):
        values = node.attributes
        for name in ("data-language", "data-enlighter-language", "lang"):
            if re.fullmatch(r"[\w+#.-]{1,40}", values.get(name, "")):
                return values[name].lower()
        if match := _LANGUAGE.search(values.get("class", "")):
            return match[1].lower()
    return ""


def joined(blocks: list[Block], is_tight: bool = False) -> str:
    """Return blocks as Markdown. is_tight: a list follows its line without a blank one, as inside an item."""
    text, before = "", ""
    for kind, words in blocks:
        if text:
            # A numbered list that doesn't begin with 1 needs the blank line.
            follows = is_tight and before == "p" and words.startswith(("- ", "1. ")) and kind in ("ul", "ol")
            text += "\n" if follows else "\n\n"
        text += words
        before = kind
    return text


def indented(text: str, marker: str) -> str:
    first, *rest = text.split("\n")
    space = " " * len(marker)
    return "\n".join([marker + first, *(space + line if line else "" for line in rest)])
