"""How well pages show Markdown that other people wrote: `make corpora FOLDER=…`.

Every file of each folder goes through the reader of Markdown and the renderer, without a database. Printed are the
figures that count for readers; the exit status says whether they reach their goals.
"""

import argparse
import html as html_entities
import os
import re
import sys
import time
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

# The figures and their goals.
IN_PAGE_PERCENT, TAGS_PERCENT = 99, 1
SHOWN = 8
_WORD = re.compile(r"[^\W\d_]{3,}")
_FENCE = re.compile(r"^[ >\t*+\-\d.)]{0,40}(?:`{3,}|~{3,}).*$", re.MULTILINE)
# What a page may leave out: comments, templates and the tags of HTML and of components with their attributes.
_LEFT_OUT = (
    re.compile(r"\[![\w-]+\][+-]?|^[ \t]*(?::::+|!!!|\?\?\?\+?)[ \t]*[\w-]*", re.MULTILINE),
    re.compile(r"<!--.*?-->|\{/\*.*?\*/\}|%%.*?%%|\{#.*?#\}", re.DOTALL),
    re.compile(r"\{%-?\s*comment\s*-?%\}.*?\{%-?\s*endcomment\s*-?%\}", re.DOTALL),
    re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>", re.DOTALL),
    re.compile(r"^(?:import|export)\s[^\n]*(?:\n[ \t}][^\n]*)*", re.MULTILINE),
    re.compile(r"<(script|style|svg|iframe)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE),
    re.compile(r"\{:?\s*(?:[.#:]|[\w-]+=)[^{}\n]*\}"),
    re.compile(r"^[ \t]*(?:\[\[?_?toc_?\]?\]|.*\n\{:[ \t]*toc.*\})[ \t]*$", re.MULTILINE | re.IGNORECASE),
    re.compile(r"""^[ ]{0,3}\[(?://|comment|#)\]:.*$""", re.MULTILINE | re.IGNORECASE),
)


_OTHER_FILE = re.compile(r"\.(?!md|mkd|mdown|markdown|html?\b)[a-z0-9]{2,5}(?:$|[?#])", re.IGNORECASE)
_INLINE_TAGS = re.compile(r"</?(?:span|font|b|i|em|strong|u|small|code|a|sup|sub|kbd|mark)\b[^<>]*>", re.IGNORECASE)
_INLINE = frozenset("a abbr b code del em i ins kbd mark s span strong sub sup".split())
_HEAD = re.compile(r"\A\ufeff?\s*(?:---|\+\+\+)\s*\n.*?\n(?:---|\+\+\+|\.\.\.)[ \t\r]*(?:\n|\Z)", re.DOTALL)
# Of a link whose address a template makes.
_ADDRESS = re.compile(r"(?<=\])\([^()\s]*\{[{%][^(){}]*[}%]\}[^()\s]*\)")
# A tag that the author wrote as text.
_MEANT_AS_TEXT = re.compile(r"(?:\\<|&lt;|&#60;)/?([\w.-]+)", re.IGNORECASE)
_TAGS = re.compile(r"""</?[A-Za-z](?:[^<>"']|"[^"\n]*"|'[^'\n]*')*>|</?[A-Za-z][^<>]*>""")
# Lines that a link within a page may lead to.
_PLACES = re.compile(
    r"^.*(?:\n[ >]{0,9}(?:===|---|: ).*)$|^[ >*+\d.-]{0,9}#.*$|^.*(?:<h\d|\b(?:id|name)\s*=|\{:?\s*#|\{[%{]|/\* #).*$",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass
class Figures:
    """What was counted of one folder."""

    posts: int = 0
    refused: int = 0
    in_page: int = 0
    in_page_dead: list[str] = field(default_factory=list)
    without_place: list[str] = field(default_factory=list)
    to_files: int = 0
    to_files_lost: list[str] = field(default_factory=list)
    with_tags: list[str] = field(default_factory=list)
    words: int = 0
    missing: list[str] = field(default_factory=list)
    syntax: Counter[str] = field(default_factory=Counter)

    def failures(self) -> list[str]:
        """Return the names of the figures below their goals."""
        found = []
        if self.in_page and 100 * len(self.in_page_dead) > (100 - IN_PAGE_PERCENT) * self.in_page:
            found.append("links within a page")
        if 100 * len(self.with_tags) > TAGS_PERCENT * self.posts:
            found.append("tags as text")
        if self.missing:
            found.append("missing words")
        return found

    def lines(self) -> list[str]:
        """Return the figures as lines for a person."""
        leading, found = self.in_page - len(self.in_page_dead), self.to_files - len(self.to_files_lost)
        others = ", ".join(f"{count:,} × {kind}" for kind, count in self.syntax.most_common(12))
        lines = [
            f"posts: {self.posts:,}, refused: {self.refused:,}",
            f"links within a page that lead somewhere: {_share(leading, self.in_page)}",
            *_examples(self.in_page_dead),
            f"  with those to a place that the source does not have: "
            f"{_share(leading, self.in_page + len(self.without_place))}",
            *_examples(self.without_place),
            f"links to other files that lead to a post: {_share(found, self.to_files)}",
            *_examples(self.to_files_lost),
            f"posts that show tags as text: {_share(len(self.with_tags), self.posts)}",
            *_examples(self.with_tags),
            f"words of the source missing on the page: {len(self.missing):,} of {self.words:,}",
            *_examples(self.missing),
            f"other syntax shown as text: {others or 'none'}",
        ]
        return lines


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" + (f" ({100 * part / whole:.1f} %)" if whole else "")


def _examples(found: list[str]) -> list[str]:
    return [f"    {one[:160]}" for one in found[:SHOWN]]


class _Page(HTMLParser):
    """What a browser makes of an article: ids, links, words, and the text outside of code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.words: set[str] = set()
        self.prose = ""
        self._text = ""
        self._code = 0
        self.feed(html)
        self.close()
        # Colours and other marks may begin and end within a word.
        self.words.update(_words_shown(self._text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a" and values.get("class") != "permalink" and "href" in values:
            self.links.append(values["href"])
        self._code += tag in ("pre", "code", "span") and (tag != "span" or values.get("class") == "formula")
        self.prose += " " if tag in ("code", "pre", "br") else ""
        self._text += "" if tag in _INLINE else " "
        for value in values.values():
            self.words.update(_words(value))

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("pre", "code") and self._code > 0
        self._text += "" if tag in _INLINE else " "

    def handle_data(self, data: str) -> None:
        self.words.update(_words_shown(data))
        self._text += data
        if not self._code:
            self.prose += data


def _words(text: str) -> list[str]:
    return _words_shown(html_entities.unescape(text))


def _words_shown(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def has_place(text: str, fragment: str) -> bool:
    """Return whether a source may have the place that a link within it leads to, whatever its generator calls it.

    It may if a heading, a term, an id or a template on any line has all letters and digits of the fragment. Some
    generators give signs at the end of a heading names in words.
    """
    wanted = _letters(re.sub(r"[-_]\d+$", "", unquote(fragment)))
    lines = {line: _letters(line) for line in _PLACES.findall(text)}
    return not wanted or any(
        wanted in letters or (letters and _has_a_sign(line) and wanted.startswith(letters))
        for line, letters in lines.items()
    )


def _has_a_sign(line: str) -> bool:
    return any(unicodedata.category(character) == "So" for character in line)


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character.isalnum())


def words_of_source(text: str) -> set[str]:
    """Return the words in a Markdown text that readers must find on its page."""
    from posts.rendering.emoji_names import EMOJI

    text = re.sub(r"\[\^[^\[\]]*\]", " ", _FENCE.sub("", text))
    text = html_entities.unescape(text.replace("&lt;", " "))
    # A page shows the character that a short name stands for.
    text = re.sub(r":([\w+-]{1,40}):", lambda found: " " if found[1] in EMOJI else found[0], text)
    # In code everything stays; templates and tags there are words too, but the ones outside must not hide others.
    text = _INLINE_TAGS.sub("", text)
    text = _ADDRESS.sub(" ", text)
    for pattern in _LEFT_OUT:
        text = pattern.sub(" ", text)
    text = _TAGS.sub(" ", text)
    # The address of a link is in the page, perhaps as another one.
    text = re.sub(r"(?<=\])\[[^\[\]]*\]", " ", text)
    text = re.sub(
        r"\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*|^\s*\[[^\]\n]+\]:\s*\S+|https?://\S+", " ", text, flags=re.MULTILINE
    )
    return set(_words(text))


def figures_of(folder: Path) -> Figures:
    """Return the Figures of a folder of Markdown files."""
    from posts.importing.readers.markdown import MarkdownReader
    from posts.importing.sources import open_source
    from posts.operations.source_links import Known, Place

    counted, known, links = Figures(), Known(), []
    with open_source(str(folder)) as source:
        reader = MarkdownReader(source)
        for row in reader.rows():
            if row.skip_reason or row.record is None:
                continue
            if row.problem:
                counted.refused += 1
                continue
            counted.posts += 1
            known.add(Place(row.label, row.label))
            known.by_former |= dict.fromkeys(row.former_slugs, row.label)
            links += [(address, row.label) for address in _count_page(counted, row)]
    for address, path in links:
        counted.to_files += 1
        if known.find(address, path, reader.site) is None:
            counted.to_files_lost.append(f"{path}: {address}")
    return counted


def _count_page(counted: Figures, row) -> list[str]:
    """Count what the page of a row shows; return the addresses of its links to other files."""
    from posts.rendering.file_links import kind_of
    from posts.rendering.markdown import links_in, render_text
    from posts.rendering.shown_syntax import shown_syntax

    record = row.record
    page = _Page(str(render_text(record, image_hosts=()).html))
    places = page.ids | {""}
    text = row.raw.decode(errors="replace")
    for address in page.links:
        if not address.startswith("#"):
            continue
        if address[1:] not in places and not has_place(text, address[1:]):
            counted.without_place.append(f"{row.label}: {address}")
            continue
        counted.in_page += 1
        if address[1:] not in places:
            counted.in_page_dead.append(f"{row.label}: {address}")
    syntax = shown_syntax(page.prose)
    meant = {f"<{name.lower()}>" for name in _MEANT_AS_TEXT.findall(text)}
    tags = [kind for kind in syntax if kind.startswith("<") and kind != "<% %>" and kind.lower() not in meant]
    if tags:
        counted.with_tags.append(f"{row.label}: {' '.join(tags[:6])}")
    counted.syntax += Counter({kind: count for kind, count in syntax.items() if kind not in tags})
    body = re.sub(r"\A\s*(?:[A-Za-z][\w -]{0,30}:[^\n]*(?:\n|\Z))+(?:---+[ \t]*)?(?:\n|\Z)", "", text)
    body = _HEAD.sub("", body)
    shown = page.words | set(_words(record["title"])) | set(_words(record.get("summary", "")))
    for image in record.get("image_sources", ()):
        shown.update(_words(" ".join(str(value) for value in image.values())))
    wanted = words_of_source(body)
    counted.words += len(wanted)
    counted.missing += [f"{row.label}: {word}" for word in sorted(wanted - shown)]
    return [address for address in links_in(record) if kind_of(address) and not _OTHER_FILE.search(address)]


def main() -> bool:
    """Print the figures of each folder; return whether all reach their goals."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpora.figures", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--all", action="store_true", help="print every example")
    options = parser.parse_args()
    if options.all:
        global SHOWN
        SHOWN = 100_000
    import django

    django.setup()
    all_reached = True
    for folder in options.folders:
        began = time.monotonic()
        counted = figures_of(folder)
        failures = counted.failures()
        print(f"{folder.name} ({time.monotonic() - began:.0f} s)")
        for line in counted.lines():
            print(f"  {line}")
        print(f"  goals missed: {', '.join(failures) or 'none'}")
        all_reached &= not failures
    return all_reached


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
