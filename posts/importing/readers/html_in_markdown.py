"""HTML in the Markdown of old sites, converted to Markdown: a page of it, or a passage between Markdown paragraphs.

Then what is reviewed is what is shown. A passage with a tag that has no meaning in an article (a script, a form, a
component, a template) stays as written, and so does what Markdown itself reads: code, a few inline tags, details
(posts.rendering.markdown_rules, posts.rendering.tag_pairs).
"""

import re
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from posts.rendering.from_html.to_markdown import ImageDict, html_to_markdown
from posts.rendering.from_html.tree import BLOCKS, VOID

# Containers around Markdown: their tags have no meaning themselves.
_BOXES = frozenset(
    "article aside center div figure figcaption font footer header main nav picture section span".split()
)
_MAY_STAY_OPEN = frozenset("p li dt dd tr td th thead tbody tfoot colgroup option".split())
_CONVERTED = _BOXES | frozenset(
    """a abbr acronym address audio b big blockquote br caption cite code col colgroup dd del details dfn dir dl dt em
    embed h1 h2 h3 h4 h5 h6 hr i iframe img ins kbd li mark menu noscript object ol p param pre q s samp small source
    strike strong sub summary sup table tbody td tfoot th thead tr track tt u ul var video wbr""".split()
)
# A passage without any of these is Markdown with some tags.
_MAKES_A_PASSAGE = (BLOCKS & _CONVERTED) - {"details", "summary"} | {"img"}
_TAG = re.compile(r"""<(/?)([A-Za-z][\w:.-]*+)((?:[^<>"']|"[^"]*+"|'[^']*+')*+)>""")
_TAG_LINE = re.compile(r"^ {0,3}</?[A-Za-z]", re.MULTILINE)
_COMPONENT = re.compile(r"\bclassName\s*=|=\s*\{|\{\.\.\.|\bmarkdown\s*=|\{[{%]")
_MARKDOWN_CHARACTERS = re.compile(r"[*_`]|\]\s*[(\[]|^\s*(?:[-+>#]|\d+[.)])\s", re.MULTILINE)
_PLACED = re.compile(r"!\[\]\(image:(\d+)\)")
# An empty element with an id, which links lead to: Markdown keeps it.
_PLACE = re.compile(r"""\s*<(div|p|section|span)\s[^<>]*\bid\s*=[^<>]*>\s*</\1\s*>\s*""", re.IGNORECASE)
_LINK_WITHIN = re.compile(r"""(?:\]\(|href=["']?)#([\w:.-]{1,100})""")
_FENCE = re.compile(r"`{3,}")
MAX_NESTING = 100
MAX_READ_AGAIN = 8
_PARSER = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).disable("inline")


@dataclass
class Rewritten:
    """Markdown without the HTML that could be converted. images: {address: what else is known of an image}."""

    text: str
    is_converted: bool = False
    images: dict[str, ImageDict] = field(default_factory=dict)


def without_html(text: str) -> Rewritten:
    """Return the Rewritten text of a Markdown file. Relative addresses stay relative."""
    if not _TAG_LINE.search(text):
        return Rewritten(text)
    return _Rewriter(text).rewrite()


class _Rewriter:
    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        # Without this limit, each of thousands of unclosed tags would be followed to the end of the text.
        self.budget = MAX_READ_AGAIN * len(text)
        tokens = _PARSER.parse(text)
        self.blocks = [token for token in tokens if not token.level and token.map and token.nesting >= 0]
        self.images: dict[str, ImageDict] = {}
        self.linked = frozenset(_LINK_WITHIN.findall(text))

    def rewrite(self) -> Rewritten:
        """Return the result of without_html()."""
        parts, after, number = [], 0, 0
        while number < len(self.blocks):
            end = self._passage(number)
            if end == number:
                number += 1
                continue
            # Adjacent passages are one: two lists side by side must not become one.
            while end < len(self.blocks) and (further := self._passage(end)) > end:
                end = further
            (first, _), (_, last) = _span(self.blocks[number]), _span(self.blocks[end - 1])
            parts += ["\n".join(self.lines[after:first]), self._markdown("\n".join(self.lines[first:last]))]
            after, number = last, end
        parts.append("\n".join(self.lines[after:]))
        text = "\n\n".join(filter(None, (part.strip("\n") for part in parts))) if after else parts[0]
        return Rewritten(text, bool(after), self.images)

    def _passage(self, number: int) -> int:
        """Return the number after the last block of an HTML passage that begins with a block, or `number`."""
        block = self.blocks[number]
        if block.type != "html_block" or not _TAG_LINE.match(block.content) or _starts_code(block.content):
            return number
        if _PLACE.fullmatch(block.content):
            return number
        found = _Tags()
        found.read(block.content)
        alone = found.are_boxes_around()
        end = number + 1
        while found.open and end < len(self.blocks) and self._goes_on(self.blocks[end], found):
            source = "\n".join(self.lines[slice(*_span(self.blocks[end]))])
            self.budget -= len(source)
            found.read(source)
            end += 1
        if not found.open and not found.unopened - _BOXES and found.is_passage:
            return end
        # The content is Markdown: the tags of the container go, each with its own block.
        return number + 1 if alone else number

    def _goes_on(self, block: Token, found: "_Tags") -> bool:
        """Return whether a block can belong to the HTML before it, some of which is still open."""
        if self.budget < 0:
            return False
        if block.type in ("html_block", "code_block") or found.is_in_pre:
            return True
        source = "\n".join(self.lines[slice(*_span(block))])
        return block.type == "paragraph_open" and not _MARKDOWN_CHARACTERS.search(_TAG.sub("", source))

    def _markdown(self, html: str) -> str:
        comments, rest = _split_comments(html)
        converted = html_to_markdown(rest, keeps_addresses=True, linked=self.linked)
        lines, fence = converted.markdown.split("\n"), ""
        for number, line in enumerate(lines):
            if fence:
                fence = "" if line == fence else fence
            elif opening := _FENCE.match(line):
                fence = opening[0]
            elif placed := _PLACED.fullmatch(line):
                lines[number] = self._picture(converted.images[int(placed[1]) - 1])
        return "\n\n".join(filter(None, ["\n".join(lines), *comments]))

    def _picture(self, image: ImageDict) -> str:
        address = re.sub(r"[<>\s\\]", lambda sign: f"%{ord(sign[0]):02X}", image["url"])
        self.images[address] = {key: image[key] for key in ("width", "height", "link") if key in image}
        words, title = (re.sub(r"([\\\[\]`*_<&\"])", r"\\\1", image.get(name, "")) for name in ("alt", "caption"))
        title = f' "{title}"' if title else ""
        return f"![{words}](<{address}>{title})"


class _Tags:
    """The tags of a passage, as far as it was read."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.unopened: set[str] = set()
        self.names: set[str] = set()
        self.are_known, self.is_in_pre = True, False

    def read(self, html: str) -> None:
        """Read more of the passage."""
        for tag in _TAG.finditer(_split_comments(html)[1]):
            name = tag[2].lower()
            is_component = tag[2] not in (name, name.upper()) or _COMPONENT.search(tag[3])
            self.are_known = self.are_known and name in _CONVERTED and not is_component
            self.names.add(name)
            if name in VOID or name in _MAY_STAY_OPEN or tag[3].endswith("/"):
                continue
            if not tag[1]:
                self.open.append(name)
            elif name in self.open[-MAX_NESTING:]:
                while self.open.pop() != name:
                    pass
            else:
                self.unopened.add(name)
        self.is_in_pre = "pre" in self.open[-MAX_NESTING:]

    @property
    def is_passage(self) -> bool:
        return self.are_known and not self.names.isdisjoint(_MAKES_A_PASSAGE)

    def are_boxes_around(self) -> bool:
        """Return whether all open or closing tags here are mere containers, which can be dropped."""
        return self.is_passage and _BOXES.issuperset(self.open) and _BOXES.issuperset(self.unopened)


def _span(block: Token) -> tuple[int, int]:
    """Return the first line of a block and the line after its last."""
    first, last = block.map or (0, 0)
    return first, last


def _starts_code(html: str) -> bool:
    return re.match(r"\s*<pre(?=[\s>])", html, re.IGNORECASE) is not None


def _split_comments(html: str) -> tuple[list[str], str]:
    """Return ([comment, …], the rest) of HTML; an unclosed comment stays in the rest."""
    comments, parts, place = [], [], 0
    while (start := html.find("<!--", place)) >= 0 and (end := html.find("-->", start + 2)) >= 0:
        parts.append(html[place:start])
        comments.append(html[start : end + 3])
        place = end + 3
    return comments, "".join([*parts, html[place:]])
