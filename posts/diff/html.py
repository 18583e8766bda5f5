"""The newer text as HTML with its changes marked: additions in `ins`, removals in `del`, marks numbered.

Every text is escaped, and the whole goes through the sanitizer of posts.rendering.
"""

from collections.abc import Iterable

from django.conf import settings
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from posts.diff.comparison import Comparison
from posts.diff.texts import Label, Row, Segment
from posts.records.schema import RecordDict
from posts.rendering.blocks import Block
from posts.rendering.figures import figure_html
from posts.rendering.sanitizer import sanitize_marked

_TAGS = {
    "bold": "strong", "italic": "em", "struck": "s", "code": "code", "comment": "code", "key": "kbd", "lowered": "sub",
    "raised": "sup", "note": "sup", "highlighted": "mark", "abbreviation": "abbr",
}  # fmt: skip


def marked_html(comparison: Comparison, record: RecordDict) -> SafeString:
    """Return the texts of a Comparison as HTML of one article. record: the newer record dict, for images.

    Every changed block has a frame with the id "mark-N" and its number. No text can make it raise.
    """
    return _MarkedText(comparison, record).html()


class _MarkedText:
    def __init__(self, comparison: Comparison, record: RecordDict) -> None:
        self.texts = {text.key: text for text in comparison.texts}
        self.images = record.get("image_sources", [])
        self.hosts = tuple(settings.IMAGE_HOSTS)
        self.image_rows = {row.new.place: row for row in self.texts["image_sources"].rows if row.new}
        self.placed: set[int] = set()
        self.checklist_placed = False
        self.parts: list[SafeString] = []
        self.pending: list[str] = []
        self.framed: set[int] = set()

    def html(self) -> SafeString:
        """Return the result of marked_html()."""
        if self.texts["title"].is_changed:
            self._add_rows(self.texts["title"].rows)
        for key in ("intro", "body"):
            self._add_rows(self.texts[key].rows)
        for place in self.image_rows:
            self._add_image(place)
        for row in self.texts["image_sources"].rows:
            if row.new is None:
                self.pending.append(self._framed(row, f"<p>{self._text(row)}</p>"))
        if not self.checklist_placed and self.texts["checklist"].rows:
            self.pending.append("<h2>Checklist</h2>")
            self._add_rows(self.texts["checklist"].rows)
        self._flush()
        return format_html_join("\n", "{}", ((part,) for part in self.parts))

    def _flush(self) -> None:
        if self.pending:
            self.parts.append(sanitize_marked("\n".join(self.pending)))
            self.pending = []

    def _add_rows(self, rows: Iterable[Row]) -> None:
        group = None
        for row in rows:
            block = row.block
            container = self._container(block)
            if container != group:
                self._close(group)
                self._open(container)
                group = container
            # A list stays whole here; its images follow the text.
            if row.new and block.placed and container is None and self._place(row, block.placed):
                continue
            self.pending.append(self._row(row))
        self._close(group)

    def _container(self, block: Block) -> tuple[str, int] | None:
        if block.kind == "item":
            return ("ol" if block.setting.startswith("numbered") else "ul", block.list_number)
        return ("table", 0) if block.kind == "row" else None

    def _open(self, container: tuple[str, int] | None) -> None:
        if container:
            self.pending.append("<table><tbody>" if container[0] == "table" else f"<{container[0]}>")

    def _close(self, container: tuple[str, int] | None) -> None:
        if container:
            self.pending.append("</tbody></table>" if container[0] == "table" else f"</{container[0]}>")

    def _place(self, row: Row, placed: str) -> bool:
        """Add the image or checklist that a block places; return False if there is none."""
        number = placed.removeprefix("image:")
        if placed == "checklist" and not self.checklist_placed and self.texts["checklist"].rows:
            self.checklist_placed = True
            if row.mark:
                self.pending.append(self._framed(row, f"<p>{self._text(row)}</p>"))
            self._add_rows(self.texts["checklist"].rows)
            return True
        if number.isdigit() and len(number) < 4 and int(number) in self.image_rows and int(number) not in self.placed:
            if row.mark:
                self.pending.append(self._framed(row, f"<p>{self._text(row)}</p>"))
            self._add_image(int(number))
            return True
        return False

    def _add_image(self, place: int) -> None:
        if place in self.placed:
            return
        self.placed.add(place)
        row = self.image_rows[place]
        if row.mark:
            self.pending.append(self._framed(row, f"<p>{self._text(row)}</p>"))
        self._flush()
        figure = figure_html(self.images[place - 1], place, self.hosts)
        self.parts.append(format_html('<div class="figures">{}</div>', figure))

    def _row(self, row: Row) -> str:
        block = row.block
        if block.kind == "item":
            return self._framed(row, self._text(row), tag="li", depth=block.depth)
        if block.kind == "row":
            return self._framed(row, f"<td>{self._text(row)}</td>", tag="tr")
        if block.is_code:
            return self._framed(row, f'<div class="code"><pre tabindex="0"><code>{self._lines(row)}</code></pre></div>')
        if block.kind == "rule":
            return self._framed(row, "<hr>")
        tag = f"h{max(2, block.level)}" if block.kind == "heading" else "p"
        return self._framed(row, f"<{tag}>{self._text(row)}</{tag}>")

    def _framed(self, row: Row, inner: str, tag: str = "div", depth: int = 0) -> str:
        """Return a changed block in its frame with number and labels; an equal one as it is."""
        deep = f' class="depth-{min(depth, 4)}"' if tag == "li" and depth > 1 else ""
        if row.mark:
            if row.kind == "stood":
                inner = _change_label("stood here", f" {escape(row.block.text[:120])}")
            elif tag == "tr":
                inner = inner.removeprefix("<td>").removesuffix("</td>")
            labels = "".join(label_html(label) for label in row.labels)
            if row.kind == "moved":
                labels = _change_label("moved", f" from {row.from_place} to {row.to_place}") + labels
            # The old place of a moved block has the number too, but an id must be unique.
            name = "" if row.mark in self.framed else f' id="mark-{row.mark}"'
            self.framed.add(row.mark)
            number = f'<span class="mark-number"><span class="hidden-text">Change </span>{row.mark}</span>'
            inner = f'<div class="marked"{name}>{number}{inner}{labels}</div>'
            if tag == "tr":
                inner = f"<td>{inner}</td>"
        return inner if tag == "div" else f"<{tag}{deep}>{inner}</{tag}>"

    def _text(self, row: Row) -> str:
        return "".join(segment_html(segment) for segment in row.segments)

    def _lines(self, row: Row) -> str:
        if not row.mark:
            return escape(row.block.text)
        lines = []
        for segment in row.segments:
            for line in segment.text.splitlines():
                text = escape(line) or " "
                if segment.is_kept:
                    lines.append(f'<span class="line">{text}\n</span>')
                else:
                    tag, words = ("ins", "added") if segment.is_added else ("del", "removed")
                    lines.append(f'<{tag} class="line"><span class="hidden-text">{words}: </span>{text}\n</{tag}>')
        return "".join(lines)


def segment_html(segment: Segment) -> str:
    """Return a Segment as HTML: escaped text in its formats, inside `ins` or `del` with a hidden word."""
    style = segment.style
    html = escape(segment.text).replace("\n", "<br>\n")
    if style.is_image:
        html = f"{html} ({escape(style.address)})"
    for name in sorted(style.formats):
        html = f"<{_TAGS[name]}>{html}</{_TAGS[name]}>"
    if style.address and not style.is_image:
        html = f'<a href="{escape(style.address.split(" “")[0])}">{html}</a>'
    if segment.is_kept:
        return html
    tag, words = ("ins", "added") if segment.is_added else ("del", "removed")
    return f'<{tag}><span class="hidden-text">{words}: </span>{html}<span class="hidden-text"> (end)</span></{tag}>'


def label_html(label: Label) -> str:
    """Return a Label as HTML: what changed, in which words, and how."""
    about = f" {escape(label.text.strip()[:80])}" if label.text.strip() else ""
    segments = "".join(segment_html(segment) for segment in label.segments)
    return _change_label(label.says, f"{about}{': ' if segments else ''}{segments}")


def _change_label(says: str, html: str) -> str:
    return f'<span class="change-label"><strong>{escape(says)}</strong>{html}</span>'
