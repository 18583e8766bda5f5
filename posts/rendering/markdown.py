"""Markdown to safe HTML. Admin, import and pages all use render_text(); nothing else makes HTML from a text.

parser.py reads a text and writes its HTML, sanitizer.py cleans that, and the flow of an article here puts figures and
the checklist between the parts, so that no body text can forge one. docs/markdown.md says what authors can write.
"""

import contextlib
import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.conf import settings
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from markdown_it.token import Token

from posts.records.schema import RecordDict
from posts.rendering.figures import checklist_html, figure_html, figures_html, rows
from posts.rendering.file_links import addresses_in
from posts.rendering.heading_names import Targets, plain_name
from posts.rendering.images import is_loaded_picture
from posts.rendering.notes import Notes
from posts.rendering.parser import MARKDOWN, PLACED_IMAGE, TextTooCostly, heading_start, markdown_tokens
from posts.rendering.sanitizer import ID_PREFIX, sanitize

# Raise it when the same text would give other HTML: stored articles depend on it.
RENDERER_VERSION = 20

_TEMPLATE = re.compile(r"\{\{[^{}]{0,300}\}\}|\{%[^{}]{0,300}%\}")
_EMOJI = re.compile(r":[a-z0-9_+-]{1,40}:")
_PLACED_INSIDE = re.compile(r'<div class="placed">([0-9]+)</div>')


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
        self.notes, self.targets, self.title = Notes(), Targets(), Targets()
        self.title.add_heading(record.get("title", ""), "")
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
            match = PLACED_IMAGE.fullmatch(str(child.attrGet("src") or "")) if child.type == "image" else None
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
            html = figures_html(map(self._figure, dict.fromkeys(placement)))
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
        html = sanitize(MARKDOWN.renderer.render(tokens, MARKDOWN.options, self.env))
        if self.inside:
            # Only a token becomes such a tag: a tag that a text has is escaped.
            html = mark_safe(_PLACED_INSIDE.sub(lambda place: self.inside[int(place[1])], html))  # noqa: S308
        self.parts.append(html)

    def _close_figures(self) -> None:
        if self.figures:
            self.parts.append(figures_html(self.figures))
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
                if _EMOJI.search(tokens[index + 1].content):
                    self.targets.add_written(tokens[index + 1].content, identifier)
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
                    for name in filter(None, (given, child.meta.get("also", ""))):
                        self.targets.add_given(name, child.meta["id"])

    def _set_links(self, tokens: Sequence[Token]) -> None:
        """Point links within the text at the ids of their headings, and mark those whose words are their address."""
        for token in tokens:
            for child in token.children or ():
                address = str(child.attrGet("href") or "") if child.type == "link_open" else ""
                if address.startswith("#") and (identifier := self.targets.find(address[1:])):
                    child.attrSet("href", f"#{identifier}")
                elif len(address) > 1 and address[0] == "#" and self.title.find(address[1:]) is not None:
                    # The title stands above the article, and has no id: the page begins with it.
                    child.attrSet("href", "#")
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
        return format_html_join("\n", "{}", rows(self.parts))

    def _add_heading(self, words: str, identifier: str) -> None:
        self.contents.append(Heading(2, identifier, words))
        self.parts.append(sanitize(f"{heading_start('h2', identifier)}{escape(words)}</h2>"))


def _plain(inline: Token) -> str:
    return "".join(
        child.content for child in inline.children or () if child.type in ("text", "code_inline", "formula")
    ).strip()


def as_written_html(text: str, reason: str) -> SafeString:
    """Return a text that can't be rendered, exactly as written, below a line with the reason."""
    return format_html('<p class="text-note">Shown as source: {}.</p><pre class="as-written">{}</pre>', reason, text)


def render_text(record: RecordDict, *, image_hosts: Iterable[str] | None = None) -> RenderedText:
    """Return the RenderedText of a record dict: intro, body, figures and checklist.

    image_hosts: the hosts that images may be loaded from. A text that costs too much (over MAX_DEPTH, MAX_TEXT,
    MAX_LINES, MAX_BLOCKS, MAX_TOKENS, MAX_BRACKETS, MAX_SPECIAL_CHARACTERS or MAX_REFERENCED) is returned as written.
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
