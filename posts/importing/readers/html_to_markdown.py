"""Converts HTML of articles to Markdown that renders to the same words in the same order, for any HTML.

Written for what WordPress stores: block markup between comments, classic texts whose blank lines are paragraphs,
captions as figures or shortcodes. The Markdown is CommonMark 0.31 with tables and strikethrough
(https://spec.commonmark.org/0.31.2/, https://github.github.com/gfm/), which posts.rendering.markdown reads.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import urljoin, urlsplit

from markdown_it import MarkdownIt

from posts.importing.mapping import one_line
from posts.importing.readers.html_tree import BLOCKS, Element, Node, parse_html
from posts.records.schema import MAX_IMAGES

# Deeper lists and quotations stay at this level: the renderer shows a deeper text as written.
MAX_NESTING = 30
MAX_FIGURES = 4
MAX_COLUMNS = 50
# Longer lines are not checked for correct emphasis.
MAX_PROVED = 100_000
MAX_ALT = MAX_CAPTION = 1000
MAX_URL = 2000

_HIDDEN = frozenset("audio base head link meta object param source track video iframe embed".split())
_EMPHASIS = {
    "b": "**", "strong": "**", "i": "*", "em": "*", "cite": "*", "dfn": "*", "var": "*", "del": "~~", "s": "~~",
    "strike": "~~",
}  # fmt: skip
_CODE = frozenset("code kbd samp tt".split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")

_SPACE = re.compile(r"[ \t\n\r\f]+")
_BLANK_LINE = re.compile(r"\n[ \t]*\n\s*")
_SHORTCODE = re.compile(r"\[/?[A-Za-z][^\[\]<>`\\*]*\](?![(\[:])")
_SPECIAL = re.compile(r"[\\`*\[\]<]|~(?=~)|(?<=~)~|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
_LINE_START = re.compile(r"(?:#{1,6}|[-+>]|\d{1,9}(?=[.)](?:\s|$)))(?=[\s.)>]|$)|>|[-=|:](?=[-=|: \t]*$)")
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|brush)[-:]\s*([\w+#.-]{1,40})", re.IGNORECASE)
# The address of an image that a script loads later; `src` then has a grey or blurred one.
_IMAGE_ADDRESSES = ("data-lazy-src", "data-src", "data-original", "data-original-src", "data-lazy", "src",
                    "data-orig-file", "data-image")  # fmt: skip
_SETS_OF_ADDRESSES = ("data-lazy-srcset", "data-srcset", "srcset")
_OF_SET = re.compile(r"\s*([^\s,]\S*[^\s,]|[^\s,])(?:\s+(\d{1,6}(?:\.\d{1,3})?)([wx]))?\s*(?:,|$)")
_BLANK = ("blank.gif", "blank.png", "spacer.gif", "pixel.gif", "placeholder.gif", "placeholder.png", "placeholder.svg",
          "1x1.trans.gif", "1x1.gif", "1x1.png", "transparent.gif", "transparent.png", "grey.gif", "loading.gif",
          "lazy.png", "lazy.svg", "trans.gif")  # fmt: skip
_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".svg", ".bmp", ".tif", ".tiff")
_WORDS = frozenset(("text", "code", "break"))
_SMILEY = frozenset(("emoji", "wp-smiley"))
_PLAIN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


# One of a record's `image_sources`.
ImageDict = dict[str, Any]
# Returns what else is known of an `img`: caption, alt, url.
ImageLookup = Callable[[Element], dict[str, str]]
# (kind, lines of Markdown)
Block = tuple[str, str]
# ("text", words), ("code", Markdown, words), ("link", Markdown), ("open" or "close", mark), ("break", why),
# ("image", number) or ("paragraph",). While a line is put together its texts are ("text", [words, …]).
Piece = tuple[Any, ...]


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
) -> Converted:
    """Return the Converted text of an HTML fragment.

    base: the base of relative addresses. keeps_addresses: leave them relative. keeps_lines: line ends are line breaks
    and blank lines are paragraphs, as in texts of WordPress's classic editor. Every word that a browser would show is
    in the Markdown or in a caption.
    """
    return _Converter(base, keeps_addresses, keeps_lines, image_of).convert(parse_html(text))


def html_to_text(text: str) -> str:
    """Return the words of an HTML fragment on one line."""
    return one_line(_spaced_text(parse_html(text)))


def _spaced_text(element: Element) -> str:
    parts = []
    for child in element.children:
        if isinstance(child, str):
            parts.append(child)
        elif child.tag not in _HIDDEN:
            space = " " if child.tag in BLOCKS or child.tag == "br" else ""
            parts += [space, _spaced_text(child), space]
    return "".join(parts)


class _Converter:
    """One conversion."""

    def __init__(self, base: str, keeps_addresses: bool, keeps_lines: bool, image_of: ImageLookup | None) -> None:
        self.base = base
        self.keeps_addresses = keeps_addresses
        self.keeps_lines = keeps_lines
        self.image_of: ImageLookup = image_of or (lambda element: {})
        self.images: list[ImageDict] = []
        self.waiting: list[int] = []  # numbers of images inside an element, to be placed after it
        self.nesting = 0
        self.figures = 0
        self.explained: set[tuple[str, str]] = set()  # abbreviations with their meanings
        self.marks: list[str] = []  # those that are open
        self.is_fallback = False  # inside the fallback for browsers without scripts
        self.places: set[str] = set()  # ids of headings that links within the text lead to

    def convert(self, root: Element) -> Converted:
        self._settle_fallbacks(root)
        self.places = {_id_of(element) for element in root.walk() if element.tag in _HEADINGS}
        return Converted(_joined(self._blocks(root.children)), self.images)

    def _settle_fallbacks(self, root: Element) -> None:
        """Make one image of each pair for browsers with and without scripts (`noscript`).

        Also give an `img` the addresses of the `source` elements beside it in a `picture`.
        """
        for parent in [root, *root.walk()]:
            if parent.tag == "picture":
                sets = [child.attributes.get("srcset", "") for child in parent.children if _is_hidden(child)]
                for picture in _images_of(parent):
                    picture.attributes.setdefault("data-srcset", next(filter(None, sets), ""))
            children = [child for child in parent.children if isinstance(child, Element) or child.strip()]
            for index, child in enumerate(children):
                if isinstance(child, Element) and child.tag == "noscript":
                    beside = [*children[max(0, index - 1) : index], *children[index + 1 : index + 2]]
                    self._settle_fallback(child, [node for node in beside if isinstance(node, Element)])

    def _settle_fallback(self, noscript: Element, beside: list[Element]) -> None:
        fallbacks = _images_of(noscript)
        if len(fallbacks) != 1 or _has_words(noscript.children):
            return
        fallback = fallbacks[0]
        url = self._image_url(fallback)
        for picture in (found for node in beside if node.tag != "noscript" for found in _images_of(node)):
            own = self._image_url(picture)
            is_lazy = any(name.startswith("data-") for name in picture.attributes) or "lazy" in str(picture.attributes)
            if not own or own.partition("?")[0] == url.partition("?")[0] or (is_lazy and own.endswith(_BLANK)):
                if not own or own.endswith(_BLANK):
                    picture.attributes["data-lazy-src"] = url
                for name in ("alt", "title", "width", "height", "class"):
                    if not picture.attributes.get(name) and fallback.attributes.get(name):
                        picture.attributes[name] = fallback.attributes[name]
                noscript.children.clear()
                return

    def _image_url(self, element: Element) -> str:
        """Return the address of the image that an `img` finally shows, or ""."""
        values = element.attributes
        addresses = (self._address(values.get(name, "")) for name in _IMAGE_ADDRESSES)
        sets = (self._address(_largest(values.get(name, ""))) for name in _SETS_OF_ADDRESSES)
        urls = [url for url in (*addresses, *sets) if self._is_of_a_picture(url)]
        # An image of one grey point is only shown while the other loads.
        return next((url for url in urls if not url.partition("?")[0].endswith(_BLANK)), next(iter(urls), ""))

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
        if tag in _HIDDEN:
            return self._media(element)
        if tag in ("dt", "summary", "legend"):
            return self._blocks([Element("strong", {}, element.children, element.has_block)], href)
        if tag == "a" and not href:
            href = self._address(element.attributes.get("href", ""))
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
        for paragraph in _split_paragraphs(pieces):
            numbers = [piece[1] for piece in paragraph if piece[0] == "image"]
            words = _set_line(paragraph)
            leads = numbers and _leads(paragraph)
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
        return _set_line(pieces)

    def _heading(self, element: Element, href: str) -> list[Block]:
        words = self._line([_unblocked(element)], href)
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
        fence = "`" * max(3, 1 + _longest_run(code, "`"))
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
            text = _joined(blocks, is_tight=True)
            is_loose |= "\n\n" in text
            lines.append(_indented(text, f"{marker} "))
        if not lines:
            return []
        return [(f"{kind}, second" if is_second else kind, ("\n\n" if is_loose else "\n").join(lines))]

    def _quotation(self, element: Element, href: str) -> list[Block]:
        if self.nesting >= MAX_NESTING:
            return self._blocks(element.children, href)
        text = _joined(self._nested(element.children, href))
        quoted = "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))
        return [("quotation", quoted)] if text else []

    def _table(self, element: Element, href: str) -> list[Block]:
        rows, captions = _rows_of(element)
        blocks = [block for caption in captions for block in self._blocks(caption.children, href)]
        cells = [cell for row in rows for cell in row]
        if any(_is_more_than_a_line(cell) for cell in cells) or max(map(len, rows), default=0) <= 1:
            # A layout table, or more than a Markdown table can hold: the contents of the cells, one after the other.
            return blocks + [block for cell in cells for block in self._blocks(cell.children, href)]
        # A first row with one wide cell is not a header: it says what the table is about.
        while len(rows) > 1 and len(rows[0]) == 1 and _columns_of(rows[0][0]) > 1:
            blocks += self._blocks(rows.pop(0)[0].children, href)
        lines = self._table_lines([_as_wide_as_shown(row) for row in rows], href)
        return [*blocks, ("table", "\n".join(lines))] if lines else blocks

    def _table_lines(self, rows: list[list[Element]], href: str) -> list[str]:
        """Return the lines of a Markdown table; none if no cell has words."""
        width = min(max(map(len, rows)), MAX_COLUMNS)
        lines = []
        for row in rows:
            words = [self._line([_unblocked(cell)], href).replace("|", r"\|") for cell in row]
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
                pictures = [node for child in content if isinstance(child, Element) for node in _images_of(child)]
                if len(pictures) == 1 and not _has_words(content):
                    return self._captioned(pictures[0], content, captions[0], href)
            blocks = self._blocks(content, href)
            return blocks + [block for caption in captions for block in self._blocks(caption.children, href)]
        finally:
            self.figures -= 1

    def _captioned(self, picture: Element, content: Sequence[Node], caption: Element, href: str) -> list[Block]:
        words = " ".join(_spaced_text(caption).split())
        link = next((self._address(node.attributes.get("href", "")) for node in _links_of(content)), href)
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
        words = _set_line(pieces)
        return [("p", words)] if words else []

    def _media(self, element: Element) -> list[Block]:
        """Return what a browser plays or frames: its address, and its fallback words."""
        sources = [element, *(child for child in element.children if _is_hidden(child))]
        addresses = (node.attributes.get("src") or node.attributes.get("data") or "" for node in sources)
        address = next(filter(None, map(self._address, addresses)), "")
        title = " ".join(element.attributes.get("title", "").split())
        blocks = []
        if address:
            blocks = self._paragraphs_of(self._linked([("text", title or address)], address))
        return blocks + self._blocks([child for child in element.children if not _is_hidden(child)])

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
            return [("text", _SPACE.sub(" ", text))]
        pieces: list[Piece] = []
        for number, paragraph in enumerate(_BLANK_LINE.split(text)):
            pieces += [("paragraph",)] if number else []
            for place, line in enumerate(paragraph.split("\n")):
                pieces += [("break", "line")] if place else []
                pieces.append(("text", _SPACE.sub(" ", line)))
        return pieces

    def _inline_element(self, element: Element) -> list[Piece]:
        tag = element.tag
        if tag == "br":
            return [("break", "br")]
        if tag == "img":
            return self._inline_image(element)
        if tag in _CODE:
            self._images_in(element)
            return _code_span(element.text())
        if tag in _HIDDEN:
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
            return _marked(pieces, ("open", mark), ("close", mark))
        return self._around(element, self._inline(element.children))

    def _around(self, element: Element, pieces: list[Piece]) -> list[Piece]:
        """Return the pieces inside an element with what the element itself adds to them."""
        match element.tag:
            case tag if tag in BLOCKS:
                return [("text", " "), *pieces, ("text", " ")]
            case "a":
                return self._linked(pieces, self._address(element.attributes.get("href", "")), element)
            case "sup" | "sub":
                return _shifted(pieces, _RAISED if element.tag == "sup" else _LOWERED)
            case "abbr" | "acronym":
                return [*pieces, *self._explained(element)]
            case "q":
                return [("text", "“"), *pieces, ("text", "”")]
        return pieces

    def _explained(self, element: Element) -> list[Piece]:
        """Return the meaning of an abbreviation after its first use: touch and paper show no tooltips."""
        meaning = " ".join(element.attributes.get("title", "").split())
        words = " ".join(_spaced_text(element).split())
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
        return _marked(pieces, ("link", "["), ("link", f"]({_destination(address)})"))

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
        url = self._image_url(element) or known.get("url", "")
        if not self._is_of_a_picture(url) or len(url) > MAX_URL:
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

    def _is_of_a_picture(self, url: str) -> bool:
        if self.keeps_addresses and url and not url.startswith(("#", "mailto:")):
            return True
        return url.startswith(("http://", "https://"))

    def _images_in(self, element: Element) -> None:
        """Queue images inside code, where Markdown can't have them, until its end."""
        for picture in _images_of(element):
            number, _ = self._image(picture)
            self.waiting += [number] if number else []

    def _address(self, address: str) -> str:
        """Return `address` absolute and safe for a link; "" if readers may not follow it."""
        address = "".join(character for character in address.strip() if character.isprintable())
        if not address:
            return ""
        if address.startswith("#"):
            return address if self.keeps_addresses or address[1:] in self.places else ""
        try:
            address = urljoin(self.base, address)
            scheme = urlsplit(address).scheme.lower()
        except ValueError:
            return ""
        if scheme not in ("http", "https", "mailto") and (scheme or not self.keeps_addresses):
            return ""
        return address.replace(" ", "%20")


def _largest(text: str) -> str:
    """Return the address with the largest width or density in a `srcset`."""
    found, place = [], 0
    while match := _OF_SET.match(text, place):
        found.append((float(match[2] or 1), match[1]))
        place = match.end()
    return max(found, default=(0, ""), key=lambda pair: pair[0])[1]


def _id_of(heading: Element) -> str:
    """Return the id of a heading in Markdown's form for the end of its text, or ""."""
    name = heading.attributes.get("id", "")
    return name if re.fullmatch(r"[\w:.-]{1,100}", name) else ""


def _has_words(nodes: Sequence[Node]) -> bool:
    """Return whether these nodes contain any words."""
    return any((node if isinstance(node, str) else _spaced_text(node)).strip() for node in nodes)


def _images_of(element: Element) -> list[Element]:
    return [node for node in (element, *element.walk()) if node.tag == "img"]


def _links_of(nodes: Sequence[Node]) -> Iterator[Element]:
    for node in nodes:
        if isinstance(node, Element):
            yield from (found for found in (node, *node.walk()) if found.tag == "a")


def _is_caption(node: Node) -> TypeGuard[Element]:
    return isinstance(node, Element) and node.tag == "figcaption"


def _is_hidden(node: Node) -> TypeGuard[Element]:
    return isinstance(node, Element) and node.tag in ("source", "track", "param", "embed", "iframe")


def _unblocked(element: Element) -> Element:
    """Return `element` as an inline one, for places where Markdown has no blocks."""
    return Element("span", {}, element.children)


def _rows_of(table: Element) -> tuple[list[list[Element]], list[Element]]:
    """Return ([[cell, …], …], [caption, …]) of a table; content outside of cells is a cell of its own."""
    rows, captions = [], []
    for child in table.children:
        if isinstance(child, str):
            if child.strip():
                rows.append([Element("td", {}, [child])])
        elif child.tag == "caption":
            captions.append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            inner, more = _rows_of(child)
            rows += inner
            captions += more
        elif child.tag == "tr":
            rows.append([_cell(node) for node in child.children if isinstance(node, Element) or node.strip()])
        elif child.tag not in ("colgroup", "col"):
            rows.append([_cell(child)])
    return [row for row in rows if row], captions


def _as_wide_as_shown(row: list[Element]) -> list[Element]:
    """Return the cells of a row, with empty ones behind each that spans several columns."""
    return [part for cell in row for part in (cell, *(Element("td") for _ in range(_columns_of(cell) - 1)))]


def _columns_of(cell: Element) -> int:
    """Return the number of columns that a cell spans."""
    span = cell.attributes.get("colspan", "").strip()
    return min(max(1, int(span)), MAX_COLUMNS) if span.isascii() and span.isdigit() and len(span) < 5 else 1


def _cell(node: Node) -> Element:
    if isinstance(node, Element) and node.tag in ("td", "th"):
        return node
    return Element("td", {}, [node], isinstance(node, Element) and (node.tag in BLOCKS or node.has_block))


def _is_more_than_a_line(cell: Element) -> bool:
    """Return whether a cell holds what a Markdown cell can't."""
    if not cell.has_block:
        return False
    return any(node.tag in BLOCKS and node.tag not in ("p", "div", "center") for node in cell.walk()) or (
        sum(node.tag == "p" for node in cell.walk()) > 1
    )


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


def _longest_run(text: str, character: str) -> int:
    return max((len(run) for run in re.findall(rf"{re.escape(character)}+", text)), default=0)


def _joined(blocks: list[Block], is_tight: bool = False) -> str:
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


def _indented(text: str, marker: str) -> str:
    first, *rest = text.split("\n")
    space = " " * len(marker)
    return "\n".join([marker + first, *(space + line if line else "" for line in rest)])


def _code_span(text: str) -> list[Piece]:
    code = _SPACE.sub(" ", text)
    inner = code.strip()
    if not inner:
        return [("text", code)]
    fence = "`" * (1 + _longest_run(code, "`"))
    padded = f" {inner} " if "`" in (inner[0], inner[-1]) else inner
    lead = [("text", " ")] if code[0] == " " else []
    trail = [("text", " ")] if code[-1] == " " else []
    return [*lead, ("code", f"{fence}{padded}{fence}", inner), *trail]


def _shifted(pieces: list[Piece], table: dict[int, int]) -> list[Piece]:
    """Return raised or lowered pieces as Unicode characters if all exist; otherwise unchanged."""
    shifted = []
    for piece in pieces:
        if piece[0] != "text" or not all(ord(character) in table for character in piece[1].strip()):
            return pieces
        shifted.append(("text", piece[1].translate(table)))
    return shifted


def _marked(pieces: list[Piece], opening: Piece, closing: Piece) -> list[Piece]:
    """Return `pieces` between two marks, with spaces, breaks and images moved outside; no marks if empty."""
    start, end = 0, len(pieces)
    while start < end and not _shows(pieces[start]):
        start += 1
    while end > start and not _shows(pieces[end - 1]):
        end -= 1
    if start == end:
        return pieces
    inner = [("break", "br") if piece[0] == "paragraph" else piece for piece in pieces[start:end]]
    images = [piece for piece in inner if piece[0] == "image"]
    inner = [piece for piece in inner if piece[0] != "image"]
    lead, trail = [*pieces[:start]], [*images, *pieces[end:]]
    if inner[0][0] == "text" and inner[0][1][0] == " ":
        lead.append(("text", " "))
        inner[0] = ("text", inner[0][1][1:])
    if inner[-1][0] == "text" and inner[-1][1][-1] == " ":
        trail.insert(0, ("text", " "))
        inner[-1] = ("text", inner[-1][1][:-1])
    return [*lead, opening, *inner, closing, *trail]


def _shows(piece: Piece) -> bool:
    return piece[0] not in ("break", "paragraph", "image") and (piece[0] != "text" or bool(piece[1].strip(" ")))


def _split_paragraphs(pieces: list[Piece]) -> list[list[Piece]]:
    """Return the pieces of each paragraph; they end at blank lines and at two line breaks in a row."""
    paragraphs: list[list[Piece]] = [[]]
    breaks, is_marked, is_linked = 0, 0, False
    for piece in pieces:
        kind = piece[0]
        if kind == "paragraph":
            paragraphs.append([])
            breaks = 0
            continue
        if kind == "break":
            # A line end right after a <br> is the same break.
            breaks += 0 if breaks and piece[1] == "line" else 1
            if breaks == 2 and not is_marked and not is_linked:
                paragraphs.append([])
                continue
        elif kind != "text" or piece[1].strip(" "):
            breaks = 0
        is_marked += {"open": 1, "close": -1}.get(kind, 0)
        is_linked ^= kind == "link"
        paragraphs[-1].append(piece)
    return [paragraph for paragraph in paragraphs if paragraph]


def _leads(pieces: list[Piece]) -> bool:
    """Return whether the first image is before the first word."""
    for piece in pieces:
        if piece[0] == "image":
            return True
        if _shows(piece) and piece[0] not in ("open", "link"):
            return False
    return False


def _destination(address: str) -> str:
    for character in "<>\\":
        address = address.replace(character, f"%{ord(character):02X}")
    address = re.sub(r"&(?=#?\w+;)", "&amp;", address)
    return f"<{address}>" if "(" in address or ")" in address else address


def _set_line(pieces: list[Piece]) -> str:
    """Return the Markdown of inline pieces, without images.

    If Markdown would not read the line back as meant, emphasis is dropped, then links.
    """
    pieces = _merged(pieces)
    line = _line_of(pieces)
    for left_out in (("open", "close"), ("open", "close", "link")):
        if not any(piece[0] in left_out for piece in pieces) or len(line) > MAX_PROVED or _reads_back(line, pieces):
            return line
        pieces = _merged([piece for piece in pieces if piece[0] not in left_out])
        line = _line_of(pieces)
    return line


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Return pieces with adjacent texts joined, single spaces, and no spaces or breaks at the ends."""
    merged: list[Piece] = []
    for piece in pieces:
        if piece[0] not in ("image", "paragraph") and piece != ("text", ""):
            _append(merged, piece)
    _strip_end(merged)
    while merged and merged[-1][0] == "break":
        merged.pop()
        _strip_end(merged)
    return [("text", "".join(piece[1])) if piece[0] == "text" else piece for piece in merged]


def _append(merged: list[Piece], piece: Piece) -> None:
    """Add a piece to those of a line; its texts are lists of words until the line is complete."""
    kind, last = piece[0], merged[-1] if merged else ("", "")
    if kind == "text":
        words = piece[1][1:] if piece[1][0] == " " and _ends_with_space(merged) else piece[1]
        if last[0] == "text":
            last[1].append(words)
        elif words:
            merged.append(("text", [words]))
    elif kind == "break":
        _strip_end(merged)
        if merged and merged[-1][0] != "break":
            merged.append(piece)
    elif kind == "open" and last == ("close", piece[1]):
        # Two adjacent ones of one kind are joined.
        merged.pop()
    elif kind == "code" and last[0] == "code":
        merged += _code_span(merged.pop()[2] + piece[2])
    else:
        merged.append(piece)


def _ends_with_space(merged: list[Piece]) -> bool:
    for piece in reversed(merged):
        if piece[0] == "text":
            return str(piece[1][-1]).endswith(" ")
        if piece[0] not in ("open", "close", "link"):
            return bool(piece[0] == "break")
    return True


def _strip_end(merged: list[Piece]) -> None:
    """Remove the space at the end of a line, also before closing marks there."""
    for index in range(len(merged) - 1, -1, -1):
        kind = merged[index][0]
        if kind == "text":
            words = "".join(merged[index][1]).rstrip(" ")
            if words:
                merged[index] = ("text", [words])
            else:
                del merged[index]
            return
        if kind not in ("open", "close", "link"):
            return


def _line_of(pieces: list[Piece]) -> str:
    parts, at_start, before = [], True, ("start",)
    for piece, following in zip(pieces, [*pieces[1:], ("end",)][: len(pieces)], strict=True):
        if piece[0] == "text":
            words = _escaped(piece[1], at_start)
            if words.endswith("!") and following == ("link", "["):
                words = f"{words[:-1]}\\!"
            # Next to a mark of the same character it would become part of the mark.
            if words.startswith("~") and before[-1] == "~~":
                words = f"\\{words}"
            if words.endswith("~") and not words.endswith("\\~") and following[-1] == "~~":
                words = f"{words[:-1]}\\~"
            parts.append(words)
        else:
            parts.append("\\\n" if piece[0] == "break" else piece[1])
        at_start, before = piece[0] == "break", piece
    return "".join(parts)


def _escaped(words: str, at_start: bool) -> str:
    """Return text that Markdown reads as exactly these words.

    Brackets of shortcodes need no escape: nothing follows them that would make a link.
    """
    parts, place = [], 0
    for match in _SHORTCODE.finditer(words):
        parts += [_without_meaning(words[place : match.start()]), f"[{_without_meaning(match[0][1:-1])}]"]
        place = match.end()
    text = "".join([*parts, _without_meaning(words[place:])])
    if at_start and (start := _LINE_START.match(text)):
        # A digit can't be escaped; the character after it can.
        place = start.end() if start[0].isdigit() else 0
        text = f"{text[:place]}\\{text[place:]}"
    return text


def _without_meaning(words: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", words)


def _reads_back(line: str, pieces: list[Piece]) -> bool:
    """Return whether Markdown reads `line` as the words of `pieces`, with no mark left over."""
    meant = "".join(piece[-1] if piece[0] in ("text", "code") else " " for piece in pieces if piece[0] in _WORDS)
    read = "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for token in _PLAIN.parseInline(line)
        for child in token.children or ()
    )
    return "".join(read.split()) == "".join(meant.split())
