"""Markdown files with front matter: a folder, a .zip, a .tar.gz or one file, as site generators keep them.

Names and keys follow Jekyll (https://jekyllrb.com/docs/front-matter/), Hugo
(https://gohugo.io/content-management/front-matter/) and Eleventy (https://www.11ty.dev/docs/data-frontmatter/). HTML
becomes Markdown where that says the same. Template syntax, shortcodes, MDX and other HTML stay text: nothing is run,
nothing is left out.
"""

import contextlib
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Generator, Iterator
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from markdown_it.token import Token

from posts.importing import publication
from posts.importing.front_matter import split_front_matter
from posts.importing.front_matter_yaml import FrontMatterRefused
from posts.importing.mapping import LISTS, NUMBERS, TEXTS, Fields, Mapping
from posts.importing.publication import Hold
from posts.importing.readers.archives import ZIP_MAGICS, Entry, EntryUnreadable, looks_like_tar, open_entries
from posts.importing.readers.base import SAME_KEY_TWICE, Reader, Row
from posts.importing.readers.html_in_markdown import without_html
from posts.importing.sources import Source
from posts.models.fields import dump_json
from posts.models.post_hold import HoldReason
from posts.operations.slugs import former_path
from posts.records.schema import MAX_IMAGES, MAX_RECORD_BYTES, Problem, RecordDict
from posts.records.slugs import slug_from
from posts.rendering.from_html.to_markdown import ImageDict
from posts.rendering.left_out_tags import left_out_of
from posts.rendering.parser import TextTooCostly, markdown_tokens
from posts.rendering.shown_syntax import shown_syntax, syntax_of_tokens

# Raise it when the same file becomes another record: then equal bytes are no longer unchanged.
READER_VERSION = 3
ENDINGS = (".md", ".markdown", ".mdown", ".mkd", ".mkdn", ".mdwn", ".mdx")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
# Folders for generated files, or for making pages.
NO_POSTS_IN = {"node_modules", "_site", "_includes", "_layouts", "_data", "_sass", "__MACOSX"}
KEPT_OF_REFUSED = 4096
MAX_TEXT_WITH_LINKS = MAX_RECORD_BYTES * 3 // 4
NO_MARKDOWN = "is not a Markdown file"
IN_OTHER_FOLDER = "is hidden, or is in a folder of the site generator"
SECTION_PAGE = "is the page of a section (_index.md), not a post"
LEFT_OUT = "is left out by the mapping"
RELATIVE_PICTURES = (
    "images with relative addresses stayed links; set “site” and “permalink” in a mapping file to import them"
)
HTML_CONVERTED = "HTML was converted to Markdown"
SHOWN_AS_TEXT = "syntax that readers see as text"
TAGS_LEFT_OUT = "components that pages leave out, with their words kept"
NAMED_BY_ARCHIVE = (
    "its site was not stated, so the name of the archive is used; an archive of another name would import the posts a "
    "second time. Set --site (Site in the form)"
)
TEMPLATE_TITLE = "a title of only template syntax was kept under payload; the heading or the file name is used instead"

# A file name that is an address: lower-case words with hyphens. Other names are titles as spelled.
_ADDRESS_NAME = re.compile(r"(?=.*[^\W\d_])[^\W_]+(?:[-_]+[^\W_]+)*[-_]*")
_ONLY_TEMPLATE = re.compile(r"\s*(?:\{\{[^{}]*\}\}|\{%[^{}]*%\}|<%[^<>]*%>)\s*")
# What may come before the first heading: comments, template tags, and MDX imports.
# Enough of a text to hold its first heading.
_BEGINNING = 1000
_BEFORE_HEADING = re.compile(
    r"(?:\s*(?:<!--(?:[^-]|-(?!->))*-->|\{/\*(?:[^*]|\*(?!/))*\*/\}|\{%[^{}]*%\}|(?:import|export)\s[^\n]*(?=\n|$)))+\s*"
)

_DATED_NAME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})-(.+)", re.DOTALL)
_EXCERPT_END = re.compile(r"^[ \t]*<!--[ \t]*(?:more|excerpt)[ \t]*-->[ \t]*$\n?", re.MULTILINE | re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{|\{%|<%|\$\{")
_SYNTAX = re.compile(
    r"</?[A-Za-z%]|\{[{%:.#]|:::|^(?:im|ex)port |!\[\[|--8<--|^\[{1,2}toc\]", re.MULTILINE | re.IGNORECASE
)
_PLACEHOLDER = re.compile(r":([a-z_]+)")
# Jekyll's names for address patterns.
_PERMALINKS = {
    "date": "/:categories/:year/:month/:day/:title.html",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "none": "/:categories/:title.html",
}
_DESTINATION = re.compile(r"(\[(?:[^\[\]\\\n]|\\.)*\]\(\s*<?|^ {0,3}\[[^\]\n]+\]:[ \t]*<?)([^\s()<>]+)", re.MULTILINE)

DEFAULT_FIELDS = {
    # Keys that are also fields override these below.
    **dict.fromkeys(publication.plain_keys(), "held"),
    "title": "title",
    **dict.fromkeys(["date", "publishDate", "pubDate", "published_date", "published_at", "published_on",
                     "date_published", "pubDatetime", "created_at", "created"], "published_on"),
    **dict.fromkeys(["published", "publish"], "published"),
    **dict.fromkeys(["description", "summary", "excerpt", "abstract"], "summary"),
    **dict.fromkeys(["lang", "language", "locale"], "language"),
    **dict.fromkeys(["authors", "author", "byline"], "authors"),
    "topic": "topic",
    **dict.fromkeys(["tags", "tag", "topics"], "tags"),
    **dict.fromkeys(["categories", "category"], "categories"),
    "series": "series",
    "slug": "slug",
    **dict.fromkeys(["url", "permalink", "dg-permalink", "path", "save_as", "dg-path", "uri"], "address"),
    **dict.fromkeys(["aliases", "alias", "redirect_from", "redirectFrom", "redirects", "old_url"], "aliases"),
    **dict.fromkeys(publication.table_rule("password").keys, "password"),
    **dict.fromkeys(["image", "cover", "cover_image", "featured_image", "feature_image", "hero_image", "hero", "banner",
                     "thumbnail", "og_image"], "image"),
    **{name: name for name in (*TEXTS, *LISTS, *NUMBERS, "reference", "difficulty", "code_language")
       if name not in ("tags", "authors", "summary")},
}  # fmt: skip


def is_markdown(path: str) -> bool:
    return path.lower().endswith(ENDINGS)


class MarkdownReader(Reader):
    """Yields a Row for every file of the source: Markdown as a record, all else skipped or refused.

    The identity is the site's name and the path, or the key that the mapping calls `id`. The site's name is the
    mapping's `site`, else the name of the top folder.
    """

    format = "markdown"
    label = "Markdown with front matter (.zip, .tar.gz, a folder, a file)"
    takes_folders = True
    default_fields = DEFAULT_FIELDS

    def __init__(self, source: Source, mapping: Mapping | None = None) -> None:
        super().__init__(source, mapping)
        self._context = dump_json([READER_VERSION, self.mapping.to_dict()])
        self._digest, self._offset = hashlib.sha256(), 0
        self._position: Callable[[], int] = lambda: 0
        self.site, self._is_named_by_file = "", False

    @property
    def unstated_site(self) -> str | None:
        return None if self.mapping.site else self.site

    def mark(self) -> tuple[int, str]:
        return self._offset, self._digest.hexdigest()

    def position(self) -> int:
        return self._position()

    def rows(self) -> Iterator[Row]:
        with contextlib.closing(self._rows()) as rows:
            yield from rows

    def _rows(self) -> Generator[Row]:
        with open_entries(self.source, is_text=is_markdown, passes_by=_is_other_folder) as entries:
            self.site = self.mapping.site_name or entries.name
            self._is_named_by_file = not self.mapping.site and entries.is_named_by_file
            # A folder has no size to compare with; for an archive, the number of bytes read is known.
            self._position = entries.position
            try:
                for number, entry in enumerate(entries, 1):
                    yield self._row(number, entry)
            finally:
                here = entries.position()
                self._position = lambda: here

    @staticmethod
    def looks_like(head: bytes) -> bool:
        if head.startswith(ZIP_MAGICS) or looks_like_tar(head):
            return True
        try:
            return bool(split_front_matter(head.decode(errors="ignore")).values)
        except FrontMatterRefused:
            return True

    def _row(self, number: int, entry: Entry) -> Row:
        label = entry.path.encode(errors="backslashreplace").decode()
        if reason := self._skip_reason(entry):
            self._note(label, b"")
            return Row(number, label.encode(), skip_reason=reason, label=label, kind="other file")
        row = Row(number, b"", label=label, kind="post, unread", identity=self._identity(entry.path))
        # Until its front matter says otherwise: a row that is fixed later must not become more public.
        row.holds = (Hold(HoldReason.UNREAD),)
        problem = entry.problem
        if not problem and entry.path.lower().endswith(ARCHIVES):
            problem = "is an archive inside the source. Import it separately."
        if not problem:
            try:
                row.raw = entry.read(KEPT_OF_REFUSED if entry.size > MAX_RECORD_BYTES else MAX_RECORD_BYTES + 1)
            except EntryUnreadable as error:
                problem = str(error)
            if entry.size > MAX_RECORD_BYTES or len(row.raw) > MAX_RECORD_BYTES:
                size = f"{entry.size:,}" if entry.size > MAX_RECORD_BYTES else f"more than {MAX_RECORD_BYTES:,}"
                problem = f"is a file of {size} bytes; a record can have at most {MAX_RECORD_BYTES:,}."
                row.raw, row.is_cut = row.raw[:KEPT_OF_REFUSED], True
        self._note(label, row.raw)
        if problem:
            row.problem = Problem("", problem)
            return row
        row.context = (self._context + entry.path).encode(errors="surrogateescape")
        row.place = (self.site, label)
        self._read(row, entry.path)
        return row

    def _note(self, label: str, raw: bytes) -> None:
        """Include an entry in the mark."""
        self._offset += len(raw)
        for part in (label.encode(), raw):
            self._digest.update(len(part).to_bytes(8, "big") + part)

    def _skip_reason(self, entry: Entry) -> str:
        """Return why an entry is not a post, known without reading it; "" if it must be read."""
        folders = [part for part in entry.path.split("/")[:-1] if part not in (".", "..")]
        if entry.is_folder or any(map(_is_other_folder, folders)):
            return IN_OTHER_FOLDER
        name = os.path.basename(entry.path)
        if name.startswith("."):
            return IN_OTHER_FOLDER
        if not is_markdown(name):
            if (entry.problem and not entry.is_link) or name.lower().endswith(ARCHIVES):
                return ""
            return NO_MARKDOWN
        if not self.mapping.includes(entry.path):
            return LEFT_OUT
        return SECTION_PAGE if re.fullmatch(r"_index(\.\w+)?\.\w+", name) else ""

    def _identity(self, path: str, own: str = "") -> str:
        """Return site and path, or site and the mapping's id, as a valid source_id."""
        place = f"{self.site}:{path}" if self.site else path
        text = unicodedata.normalize("NFC", f"{self.site}#{own}" if own else place)
        text = "".join(
            character if (character.isprintable() and character != "%") or character == " "
            else quote(character.encode(errors="surrogateescape"), safe="")
            for character in text
        ).strip()  # fmt: skip
        if len(text) <= 200:
            return text
        return f"{text[:150]}…{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    def _read(self, row: Row, path: str) -> None:
        """Fill `row` with the record from its bytes."""
        stem = _Name(path)
        record: RecordDict = {"source_id": row.identity, "title": stem.title}
        try:
            text = row.raw.decode()
        except UnicodeDecodeError as error:
            row.problem = Problem("", f"is not UTF-8 (byte {error.start + 1:,}). Save it as UTF-8.")
            row.record = record | {"body": row.raw.decode(errors="backslashreplace")}
            return
        try:
            head = split_front_matter(text)
        except FrontMatterRefused as refusal:
            row.problem, row.record = Problem("", str(refusal)), record | {"body": text}
            return
        fields = Fields(self.mapping)
        fields.splits_at_spaces = stem.is_jekyll
        fields.take_all(head.values, head.words)
        if fields.problem:
            key, message = fields.problem
            row.problem = Problem(f"/{key}", message)
        if fields.identity:
            row.identity = self._identity(path, fields.identity)
        if "published_on" not in fields.record and not fields.problem and stem.day:
            fields.take("date", stem.day, stem.day)
            fields.payload.pop("date", None) if "date" not in head.values else None
        body = _Body(self, fields, stem, head.body)
        body.fill()
        row.record = {"source_id": row.identity, **fields.record}
        if fields.payload:
            row.record["payload"] = fields.payload
        if head.repeated:
            fields.warnings.append(SAME_KEY_TWICE)
        if self._is_named_by_file:
            fields.warnings.append(NAMED_BY_ARCHIVE)
        if head.unread_line:
            fields.warnings.append(
                f"line {head.unread_line} looks like front matter and was not read; the post is held"
            )
        row.warnings = tuple(dict.fromkeys(fields.warnings))
        for hold in (publication.hold_of_path(stem.folders, os.path.basename(path)), head.unread_hold()):
            fields.hold(hold)
        row.holds = tuple(fields.holds)
        # The date matters as well: a future date may be past by now, or the post expired.
        row.context += dump_json([hold.reason for hold in row.holds]).encode()
        row.kind = f"{_type_of(head.words)}, {row.holds[0].reason if row.holds else 'published'}"
        row.former_slugs = body.former_paths


def _is_other_folder(path: str) -> bool:
    name = os.path.basename(path)
    return name.startswith(".") or name in NO_POSTS_IN


def _type_of(words: dict[str, Any]) -> str:
    """Return the type that the front matter names: post, page and so on."""
    for key in ("type", "layout"):
        word = words.get(key)
        word = word.lower() if isinstance(word, str) else ""
        if re.fullmatch(r"[a-z][a-z -]{0,30}", word) and (key == "type" or word == "page"):
            return word
    return "post"


class _Name:
    """What the path of a file says: day, words, draft or not."""

    def __init__(self, path: str) -> None:
        self.folders = path.split("/")[:-1]
        stem = os.path.splitext(os.path.basename(path))[0]
        if stem.lower() in ("index", "readme") and self.folders:
            # A post with a folder of its own.
            stem = self.folders[-1]
        self.is_jekyll = any(folder in ("_posts", "_drafts") for folder in self.folders)
        self.day = ""
        if match := _DATED_NAME.fullmatch(stem):
            self.day = f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}"
            stem = match[4]
        self.stem = stem.encode(errors="replace").decode()
        if self.day or (_ADDRESS_NAME.fullmatch(self.stem) and self.stem == self.stem.lower()):
            words = re.sub(r"[-_\s]+", " ", self.stem).strip()
            words = words[:1].upper() + words[1:]
        else:
            words = " ".join(self.stem.split())
        self.title = words or "Untitled"


class _Body:
    """The text of a file; it adds its title, address and images to `fields`."""

    def __init__(self, reader: MarkdownReader, fields: Fields, stem: _Name, text: str) -> None:
        self.mapping, self.fields, self.stem = reader.mapping, fields, stem
        rewritten = without_html(_EXCERPT_END.sub("", text).strip("\n"))
        self.text, self.known_images = rewritten.text.strip("\n"), rewritten.images
        if rewritten.is_converted:
            fields.warnings.append(HTML_CONVERTED)

    def fill(self) -> None:
        record = self.fields.record
        if "title" in record and _ONLY_TEMPLATE.fullmatch(record["title"]):
            self.fields.payload.setdefault("title", record.pop("title"))
            self.fields.warnings.append(TEMPLATE_TITLE)
        if "title" not in record:
            self._parse()
            record["title"] = self._heading() or self.stem.title
        elif self.text.lstrip().startswith("# ") and _alike(record["title"]) in _alike(self.text[:_BEGINNING]):
            # The page shows the title above the text already.
            self._parse()
            whole = self.text
            if _alike(self._heading()) != _alike(record["title"]):
                self.text = whole
        self._take_addresses()
        if self.mapping.base and "]" in self.text:
            self._parse()
            self._make_links_absolute()
        if "![" in self.text:
            self._parse()
            self._place_images()
        for image in self.fields.images:
            self._add_image(**image)
        if _SYNTAX.search(self.text):
            self._parse()
            self.fields.warnings += [f"{SHOWN_AS_TEXT}: {kind}" for kind in syntax_of_tokens(self._tokens)]
            tags = shown_syntax("\n".join(left_out_of(self._tokens)))
            self.fields.warnings += [f"{TAGS_LEFT_OUT}: {kind}" for kind in tags]
        record["body"] = self.text

    def _parse(self) -> None:
        """Parse the blocks of the text; none for a text that can't be rendered."""
        # Drop the old tokens first: those of a large text take a hundred megabytes.
        self._tokens = []
        with contextlib.suppress(TextTooCostly):
            self._tokens = markdown_tokens(self.text)

    def _heading(self) -> str:
        """Return the words of a first-level heading at the start and remove it from the text; "" without one."""
        lines = self.text.split("\n")
        tokens = iter(self._tokens)
        for token in tokens:
            if token.type == "heading_open" and token.tag == "h1":
                break
            written = "\n".join(lines[slice(*token.map)]) if token.map else ""
            if not token.type.startswith(("paragraph", "inline", "comment", "left_out")):
                return ""
            if written and not _BEFORE_HEADING.fullmatch(written):
                return ""
        else:
            return ""
        words = "".join(
            child.content if child.type in ("text", "code_inline") else " " if child.type == "softbreak" else ""
            for child in next(tokens).children or ()
        )
        words = words.strip()
        begin, end = token.map or (0, 0)
        before, after = "\n".join(lines[:begin]).rstrip("\n"), "\n".join(lines[end:]).strip("\n")
        if words and after.strip():
            self.text = f"{before}\n\n{after}".strip("\n") if before.strip() else after
        return words

    # Addresses

    def _take_addresses(self) -> None:
        """Add the slug and former addresses."""
        fields = self.fields
        own = "" if _TEMPLATE.search(fields.address) else fields.address
        if own in _PERMALINKS or re.search(r"/:|^:", own) or not own:
            own = self._expanded(own or self.mapping.permalink)
        self.page = urljoin(self.mapping.base, own) if own and self.mapping.base else ""
        wish = fields.slug.rstrip("/").rpartition("/")[2] or _last_segment(own) or self.stem.stem
        if slug := _slug(wish) or _slug(self.stem.stem):
            fields.record["slug"] = slug
        base = own if own.startswith("/") else "/"
        aliases = [urljoin(base, text) for text in fields.aliases if not _TEMPLATE.search(text)]
        self.former_paths = tuple(dict.fromkeys(path for path in map(former_path, [own, *aliases]) if path))

    def _expanded(self, pattern: str) -> str:
        """Return the address that a pattern of placeholders gives; "" if a value is unknown."""
        pattern = _PERMALINKS.get(pattern, pattern)
        year, month, day = (self.fields.record.get("published_on") or "--").split("-")
        record = self.fields.record
        name = _slug(self.fields.slug) or _slug(self.stem.stem)
        known = {
            "year": year, "month": month, "day": day, "i_month": month.lstrip("0"), "i_day": day.lstrip("0"),
            "short_year": year[2:], "title": name, "slug": name, "filename": self.stem.stem,
            "contentbasename": self.stem.stem, "slugorfilename": name, "categories": _slug(record.get("topic", "")),
            "section": next((part for part in self.stem.folders if part not in ("content", "_posts")), ""),
        }  # fmt: skip
        names = _PLACEHOLDER.findall(pattern)
        if not pattern or any(not known.get(name) and name != "categories" for name in names):
            return ""
        return re.sub("/+", "/", "/" + _PLACEHOLDER.sub(lambda match: known[match[1]], pattern))

    # Links and pictures

    def _absolute(self, address: str) -> str | None:
        """Return the address on the old site that an address of the text means; None if unknown."""
        if address.startswith(("#", "?")) or _TEMPLATE.search(address) or "{<" in address:
            return None
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", address):
            return address
        if address.startswith("//"):
            return f"https:{address}"
        if self.mapping.base and (address.startswith("/") or self.page):
            return urljoin(self.page or self.mapping.base, address)
        return None

    def _make_links_absolute(self) -> None:
        lines = self.text.split("\n")
        code = {
            number
            for token in self._tokens
            if token.type in ("fence", "code_block") and token.map
            for number in range(*token.map)
        }
        self._tokens = []

        def destination(match: re.Match[str]) -> str:
            address = match[2]
            is_file = is_markdown(address.partition("#")[0])
            absolute = None if is_file or address.startswith("image:") else self._absolute(address)
            return match[1] + (absolute or address)

        for number, line in enumerate(lines):
            if number in code or "]" not in line:
                continue
            parts, end = [], 0
            for first, last in _code_spans(line):
                parts += [_DESTINATION.sub(destination, line[end:first]), line[first:last]]
                end = last
            lines[number] = "".join(parts) + _DESTINATION.sub(destination, line[end:])
        text = "\n".join(lines)
        if len(text) > max(len(self.text), MAX_TEXT_WITH_LINKS):
            self.fields.warnings.append(
                "relative links stayed as they were: complete links would make the record too large"
            )
        else:
            self.text = text

    def _place_images(self) -> None:
        """Turn images in paragraphs of their own into image sources, placed where they were."""
        lines: list[str | list[ImageDict]] = [*self.text.split("\n")]
        for index in reversed([number for number, token in enumerate(self._tokens) if token.type == "paragraph_open"]):
            token, pictures = self._tokens[index], _pictures_alone(self._tokens[index + 1].children or [])
            if token.level or not pictures:
                continue
            found = [image for child in pictures if (image := self._image_of(child))]
            if len(found) == len(pictures) and token.map:
                lines[slice(*token.map)] = [found]
            else:
                self.fields.warnings.append(RELATIVE_PICTURES)
        # Numbered in text order, once it is known which images are taken.
        self.text = "\n".join(
            line if isinstance(line, str) else "\n".join(self._placed(image) for image in line) for line in lines
        )

    def _image_of(self, token: Token) -> ImageDict | None:
        address = str(token.attrGet("src") or "")
        url = self._absolute(address)
        if not url or not _is_image_url(url):
            return None
        words = "".join(child.content for child in token.children or [] if child.type in ("text", "code_inline"))
        image = {"url": url, "alt": " ".join(words.split())[:1000]}
        if title := " ".join(str(token.attrGet("title") or "").split())[:1000]:
            image["caption"] = title
        return image | self.known_images.get(address, {})

    def _placed(self, image: ImageDict) -> str:
        if number := self._add_image(**image):
            return f"![](image:{number})"
        words = re.sub(r"([\\\[\]`*_<&])", r"\\\1", image["alt"])
        return f"![{words}](<{image['url']}>)"

    def _add_image(self, url: str, alt: str = "", caption: str = "", **more: Any) -> int | None:
        """Return the number of an image among the record's image sources; None if it can't be one."""
        url = self._absolute(url) or ""
        images = self.fields.record.setdefault("image_sources", [])
        if _is_image_url(url) and len(images) < MAX_IMAGES:
            words = {"caption": caption[:1000], "alt": alt[:1000]}
            images.append({"source": urlsplit(url).netloc[:300], "url": url}
                          | {name: text for name, text in words.items() if text} | more)  # fmt: skip
            return len(images)
        if not images:
            del self.fields.record["image_sources"]
        return None


def _alike(words: str) -> str:
    """Return letters and digits alone, by which a heading repeats a title."""
    return "".join(filter(str.isalnum, words.casefold()))


def _pictures_alone(children: list[Token]) -> list[Token]:
    """Return the images of a paragraph; none if it has anything else besides white space."""
    others = [child for child in children if child.type not in ("image", "softbreak")]
    if any(child.type != "text" or child.content.strip() for child in others):
        return []
    return [child for child in children if child.type == "image"]


def _code_spans(line: str) -> list[tuple[int, int]]:
    """Return [(first, last)] of the code spans of a line: from a run of backticks to the next of equal length."""
    runs = [match.span() for match in re.finditer("`+", line)]
    following: dict[int, int] = {}
    next_of: dict[int, int | None] = {}
    for number in reversed(range(len(runs))):
        length = runs[number][1] - runs[number][0]
        next_of[number] = following.get(length)
        following[length] = number
    spans, number = [], 0
    while number < len(runs):
        if (closing := next_of[number]) is None:
            number += 1
            continue
        spans.append((runs[number][0], runs[closing][1]))
        number = closing + 1
    return spans


def _is_image_url(url: str) -> bool:
    if not url.startswith(("https://", "http://")) or not url.isprintable() or " " in url or len(url) > 2000:
        return False
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _last_segment(address: str) -> str:
    path = former_path(address) if address else ""
    return re.sub(r"\.(html?|php)$", "", (path or "").rpartition("/")[2])


def _slug(text: str) -> str:
    return slug_from(re.sub(r"[./]", "-", text))
