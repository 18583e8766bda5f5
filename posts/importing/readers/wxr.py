"""WordPress exports: WXR, RSS 2.0 with WordPress's own elements, in all versions (1.0 to 1.2 and later).

See https://developer.wordpress.org/advanced-administration/wordpress/import/.

The source is read to its end before the first row: a file that is broken anywhere brings nothing in, and what an
article needs from elsewhere in the file (images, authors' names) is known by then. The needed parts of each item
wait, compressed, in a temporary file. Comments, passwords and mail addresses never get there.
"""

import contextlib
import json
import re
import sqlite3
import zlib
from collections.abc import Iterator
from xml.parsers import expat

from posts.importing.mapping import Mapping
from posts.importing.readers.base import HashedStream, Reader, Row
from posts.importing.readers.wordpress import DEFAULT_FIELDS, MAX_ITEM, Attachment, ItemDict, Site, row_of
from posts.importing.readers.xml_repairs import XmlRepairs
from posts.importing.sources import Source, SourceUnreadable

READ_BYTES = 256 * 1024
# Exports have four levels; deeper ones are attacks.
MAX_DEPTH = 30
# The parser holds a tag, a comment or an instruction as a whole, but not text.
MAX_TOKEN = 4 * 1024 * 1024
MAX_SHORT = 4096
MAX_AUTHORS = 100_000

_NAMESPACES = (
    (re.compile(r"https?://wordpress\.org/export/[\w.]+/excerpt/?"), "excerpt:"),
    (re.compile(r"https?://wordpress\.org/export/[\w.]+/?"), "wp:"),
    (re.compile(r"https?://purl\.org/rss/1\.0/modules/content/?"), "content:"),
    (re.compile(r"https?://purl\.org/dc/elements/1\.1/?"), "dc:"),
)
_OF_CHANNEL = {
    "link": "link", "language": "language", "wp:base_site_url": "base_site_url", "wp:base_blog_url": "base_blog_url",
}  # fmt: skip
_OF_AUTHOR = {
    "wp:author_login": "login", "wp:author_display_name": "display_name", "wp:author_first_name": "first_name",
    "wp:author_last_name": "last_name",
}  # fmt: skip
_OF_ITEM = {
    "title": "title", "link": "link", "pubDate": "pubDate", "dc:creator": "creator", "guid": "guid",
    "content:encoded": "content", "excerpt:encoded": "excerpt", "wp:post_id": "post_id", "wp:post_date": "post_date",
    "wp:post_date_gmt": "post_date_gmt", "wp:post_modified": "post_modified", "wp:post_name": "post_name",
    "wp:status": "status", "wp:post_parent": "post_parent", "wp:post_type": "post_type",
    "wp:post_password": "post_password", "wp:is_sticky": "is_sticky", "wp:attachment_url": "attachment_url",
}  # fmt: skip


# May have any number of characters and occur any number of times.
_LONG = ("content:encoded", "excerpt:encoded", "dc:creator")


class WxrReader(Reader):
    """Yields a Row for each item of an export: posts and pages as records, everything else skipped with a reason."""

    format = "wxr"
    label = "WordPress (WXR)"
    default_fields = DEFAULT_FIELDS

    def __init__(self, source: Source, mapping: Mapping | None = None) -> None:
        super().__init__(source, mapping)
        self._share = 0.0
        self._site: Site | None = None

    @property
    def unstated_site(self) -> str | None:
        is_stated = self.mapping.site or (self._site is not None and not self._site.is_anywhere)
        return None if is_stated else self._site.name if self._site else ""

    def position(self) -> int:
        """Return the progress by rows, because the whole source is read before the first one."""
        return int(self._share * (self.source.size or 0))

    def rows(self) -> Iterator[Row]:
        with _Spool() as spool:
            channel, authors = _Export(self.source.name, self.stream, spool).read()
            site = self._site = Site(channel, authors, spool, self.mapping)
            if not site.name:
                raise SourceUnreadable(
                    f"{self.source.name} does not say which site it comes from, so its posts could be mistaken for "
                    f"those of another site. Name the site: --site, “site” in a mapping file, or Site in the form. "
                    f"Nothing was imported."
                )
            count, last = spool.count, 0
            for number, item in enumerate(spool.items(), 1):
                # The line in the file, if every item begins on a new line.
                last = max(last + 1, item["line"])
                self._share = number / count
                yield row_of(item, last, site)
        self._share = 1.0

    @staticmethod
    def looks_like(head: bytes) -> bool:
        encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = head[: len(head) & ~1].decode(encoding, errors="replace").lstrip()
        return text.startswith("<") and "<rss" in text


class _Refused(Exception):
    """The source is not an export that can be read; the message is the end of a sentence."""


class _Export:
    """One pass over an export: finished items go to the spool; the rest is small."""

    def __init__(self, name: str, stream: HashedStream, spool: "_Spool") -> None:
        self.name = name
        self.stream = stream
        self.spool = spool
        self.channel: dict[str, str] = {}
        self.authors: dict[str, str] = {}
        self.path: list[str] = []  # short names of the open elements
        self.names: dict[str, str] = {}
        self.item: ItemDict | None = None
        self.author: dict[str, str] | None = None
        self.meta: dict[str, str] | None = None
        self.text: list[str] | None = None  # parts of the text that is being collected
        self.size = 0
        self.is_export = False
        self.repairs = XmlRepairs()
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def read(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return ({name: text} of the channel, {login: name} of its authors). Raises SourceUnreadable."""
        try:
            given = 0
            while piece := self.stream.read(READ_BYTES):
                piece = self.repairs.feed(piece)
                given += len(piece)
                self.parser.Parse(piece, False)
                if given - self.parser.CurrentByteIndex > MAX_TOKEN:
                    raise _Refused(f"has a tag or comment of more than {MAX_TOKEN >> 20} MB")
            self.parser.Parse(self.repairs.feed(b"", is_last=True), True)
            if not self.is_export:
                raise _Refused("is a feed, not an export: it has no WordPress elements")
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code).removeprefix("not well-formed (").rstrip(")")
            where = f"line {self._line(error.lineno):,}, column {error.offset:,}"
            message = f"{self.name} is not well-formed XML: {said}, {where}."
        except (LookupError, ValueError) as error:
            # The file names an encoding that Python doesn't know or that has multi-byte characters.
            message = f"{self.name} can't be read: {error}."
        except _Refused as refusal:
            line, column = self._line(), self.parser.CurrentColumnNumber
            message = f"{self.name} {refusal} (line {line:,}, column {column:,})."
        else:
            return self.channel, self.authors
        raise SourceUnreadable(f"{message} Nothing was imported. Fix the file, or export it again.")

    def _line(self, number: int | None = None) -> int:
        """Return the line in the file for the parser's position, or for its line `number`."""
        return (number or self.parser.CurrentLineNumber) + self.repairs.lines

    def _doctype(self, name: str, system_id: str | None, public_id: str | None, has_internal_subset: bool) -> None:
        raise _Refused("has a DOCTYPE, which is not allowed because it can change what the file means")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = self._short(name)
        path = self.path
        path.append(name)
        depth = len(path)
        if depth > MAX_DEPTH:
            raise _Refused(f"nests deeper than {MAX_DEPTH} levels")
        if depth == 1 and name != "rss":
            raise _Refused(f"is XML, but not a WordPress export: it begins with <{name[:60]}>, not with <rss>")
        self.is_export = self.is_export or name.startswith("wp:")
        if depth < 3 or path[1] != "channel":
            return
        if depth == 3:
            if name == "item":
                self.item = {"line": self._line(), "terms": [], "meta": [], "comments": 0}
                self.size = 0
            elif name == "wp:author":
                self.author = {}
            elif name in _OF_CHANNEL:
                self._collect()
        elif self.item is not None:
            self._start_in_item(self.item, name, attributes, depth)
        elif self.author is not None and depth == 4 and name in _OF_AUTHOR:
            self._collect()

    def _start_in_item(self, item: ItemDict, name: str, attributes: dict[str, str], depth: int) -> None:
        if depth == 4:
            if name == "category":
                self.terms_of = [attributes.get("domain", ""), attributes.get("nicename", "")]
                self.size += sum(map(len, self.terms_of))
                self._collect()
            elif name == "wp:postmeta":
                self.meta = {}
            elif name == "wp:comment":
                item["comments"] += 1
            elif name in _OF_ITEM:
                self._collect(is_short=name not in _LONG)
        elif depth == 5 and self.meta is not None and name in ("wp:meta_key", "wp:meta_value"):
            self._collect()

    def _collect(self, is_short: bool = False) -> None:
        self.text, self.length, self.is_short = [], 0, is_short
        self.collecting = len(self.path)

    def _characters(self, text: str) -> None:
        if self.text is None or len(self.path) != self.collecting:
            return
        self.size += len(text)
        self.length += len(text)
        # Short values are also needed of an item that is too large to import.
        if self.size <= MAX_ITEM or (self.is_short and self.length <= MAX_SHORT):
            self.text.append(text)
        elif self.item is None:
            raise _Refused(f"has a head of more than {MAX_ITEM >> 20} MB")

    def _end(self, name: str) -> None:
        path = self.path
        depth, name = len(path), path.pop()
        text = None
        if self.text is not None and depth == self.collecting:
            text, self.text = "".join(self.text), None
        if depth == 3:
            self._end_in_channel(name, text)
        elif self.item is not None:
            self._end_in_item(self.item, name, text, depth)
        elif depth == 4 and self.author is not None and text is not None:
            self.author[_OF_AUTHOR[name]] = " ".join(text.split())[:300]

    def _end_in_channel(self, name: str, text: str | None) -> None:
        if name == "item" and self.item is not None:
            if self.size > MAX_ITEM:
                self.item = {key: value for key, value in self.item.items() if key not in ("content", "excerpt")}
                self.item |= {"is_cut": True, "meta": [], "terms": []}
            # Repairs before the first item, and between two, are counted for the next one.
            self.item["removed"], self.item["replaced"] = self.repairs.taken(self.parser.CurrentByteIndex)
            self.spool.add(self.item)
            self.item = self.meta = None
            self.size = 0
        elif name == "wp:author" and self.author is not None:
            self._add_author(self.author)
            self.author = None
            self.size = 0
        elif text is not None:
            self.channel.setdefault(_OF_CHANNEL[name], text.strip()[:2000])
            self.size = 0

    def _add_author(self, author: dict[str, str]) -> None:
        names = (author.get("display_name"), f"{author.get('first_name', '')} {author.get('last_name', '')}".strip())
        # A mail address is not a name.
        name = next((name for name in names if name and "@" not in name), "")
        if name and author.get("login") and len(self.authors) < MAX_AUTHORS:
            self.authors[author["login"]] = name

    def _end_in_item(self, item: ItemDict, name: str, text: str | None, depth: int) -> None:
        if name == "wp:postmeta" and depth == 4:
            if self.meta and self.meta.get("key"):
                item["meta"].append([self.meta["key"], self.meta.get("value", "")])
                # Many small parts cost more than their characters.
                self.size += 100
            self.meta = None
        elif text is None:
            return
        elif depth == 5 and self.meta is not None:
            self.meta["key" if name == "wp:meta_key" else "value"] = text
        elif name == "category":
            item["terms"].append([*self.terms_of, text.strip()])
            self.size += 100
        elif name == "wp:post_password":
            item["has_password"] = bool(text)
        elif name == "dc:creator":
            item.setdefault("creators", []).append(text.strip())
        else:
            item.setdefault(_OF_ITEM[name], text if name.endswith(":encoded") else text.strip())

    def _short(self, name: str) -> str:
        """Return `wp:post_id` for the full name of an element, for any version and prefix."""
        short = self.names.get(name)
        if short is None:
            address, _, local = name.rpartition(" ")
            prefix = next((prefix for pattern, prefix in _NAMESPACES if pattern.fullmatch(address)), "?:")
            short = f"{prefix if address else ''}{local}"
            # A file may have any number of names.
            if len(self.names) < 1000:
                self.names[name] = short
        return short


class _Spool(contextlib.AbstractContextManager["_Spool"]):
    """The items of an export in a temporary file, with an index of images and reusable blocks."""

    def __init__(self) -> None:
        # Without a name SQLite uses a file that disappears with the process.
        self._database = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE item (number INTEGER PRIMARY KEY, packed BLOB NOT NULL)",
            "CREATE TABLE attachment (id TEXT PRIMARY KEY, parent TEXT, url TEXT, said TEXT)",
            "CREATE INDEX attachment_parent ON attachment (parent)",
            "CREATE INDEX attachment_url ON attachment (url)",
            "CREATE TABLE block (id TEXT PRIMARY KEY, content TEXT NOT NULL)",
            "BEGIN",
        ):
            self._database.execute(statement)
        self.count = 0

    def add(self, item: ItemDict) -> None:
        self.count += 1
        packed = zlib.compress(json.dumps(item).encode(), 1)
        self._database.execute("INSERT INTO item VALUES (?, ?)", (self.count, packed))
        kind, identity = item.get("post_type"), item.get("post_id")
        if kind == "attachment" and identity:
            url = item.get("attachment_url") or item.get("guid", "")
            alt = next((value for key, value in item["meta"] if key == "_wp_attachment_image_alt"), "")
            said = {"title": item.get("title", ""), "caption": item.get("excerpt", ""), "alt": alt}
            said["caption"] = said["caption"] or item.get("content", "")
            row = (
                identity,
                item.get("post_parent", ""),
                url[:2000],
                json.dumps({k: v[:4000] for k, v in said.items()}),
            )
            self._database.execute("INSERT OR IGNORE INTO attachment VALUES (?, ?, ?, ?)", row)
        elif kind == "wp_block" and identity:
            self._database.execute("INSERT OR IGNORE INTO block VALUES (?, ?)", (identity, item.get("content", "")))

    def items(self) -> Iterator[ItemDict]:
        """Yield every item, in the order of the file."""
        for (packed,) in self._database.execute("SELECT packed FROM item ORDER BY number"):
            yield json.loads(zlib.decompress(packed))

    def attachment(self, *, identity: str = "", url: str = "") -> Attachment | None:
        """Return an attachment by number or else by address."""
        column, value = ("id", identity) if identity else ("url", url)
        return next(self._attachments(f"{column} = ? ORDER BY rowid LIMIT 1", value), None)

    def attachments_of(self, parent: str, limit: int) -> list[Attachment]:
        """Return the first attachments uploaded to a post."""
        return list(self._attachments(f"parent = ? ORDER BY rowid LIMIT {int(limit)}", parent))

    def _attachments(self, condition: str, value: str) -> Iterator[Attachment]:
        query = f"SELECT id, url, said FROM attachment WHERE {condition}"  # noqa: S608 (our own words)
        for identity, url, said in self._database.execute(query, (value,)):
            yield {"id": identity, "url": url, **json.loads(said)}

    def block(self, identity: str) -> str:
        """Return the content of a reusable block, or ""."""
        found = self._database.execute("SELECT content FROM block WHERE id = ?", (identity,)).fetchone()
        return found[0] if found else ""

    def __exit__(self, *exception: object) -> None:
        self._database.close()
