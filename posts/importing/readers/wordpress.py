"""The items of a WordPress export: posts and pages become records; all others get a reason to skip them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from django.utils import timezone
from pydantic_core import to_json

from posts.importing.dates import UnreadableDate, read_date
from posts.importing.mapping import Fields, Mapping, matches
from posts.importing.publication import Hold, distinct, hold_of_status, texts_of
from posts.importing.readers.base import Row
from posts.importing.readers.php_serialized import NotReadable, looks_serialized, read_serialized
from posts.models.post_hold import HoldReason
from posts.operations.slugs import MAX_LENGTH, former_path
from posts.records.schema import MAX_IMAGES, MAX_RECORD_BYTES, Problem, RecordDict
from posts.records.slugs import slug_from
from posts.rendering.from_html.to_markdown import Converted, ImageDict, html_to_markdown, html_to_text
from posts.rendering.from_html.tree import Element

# In characters, for one item. Markup makes an article longer than its record, but not by this much.
MAX_ITEM = 2 * 1024 * 1024
KEPT_OF_LONG_ITEM = 4096
TITLE_LENGTH, TITLE_WORDS = 300, 12
# Keys of an item and of its post meta, and their fields; the first with a value counts. A mapping file can override
# them; a key in neither is kept under payload.
DEFAULT_FIELDS = {
    **dict.fromkeys(["postname"], "slug"),
    **dict.fromkeys(["link"], "address"),
    **dict.fromkeys(["wpoldslug"], "aliases"),
    **dict.fromkeys(["category"], "categories"),
    **dict.fromkeys(["posttag", "tag"], "tags"),
    **dict.fromkeys(["author", "creator"], "authors"),
    **dict.fromkeys(
        ["excerpt", "yoastwpseometadesc", "rankmathdescription", "aioseodescription", "aioseopdescription",
         "seopresstitlesdesc"], "summary",
    ),
    **dict.fromkeys(["postviewscount", "views"], "view_count"),
    # Jetpack's key for whether a post is for everybody.
    "jetpacknewsletteraccess": "held",
    # WordPress's internal notes: who is editing, cached embeds, page templates.
    **dict.fromkeys(
        ["postmodified", "editlock", "editlast", "pingme", "encloseme", "thumbnailid", "wpattachedfile",
         "wpattachmentmetadata", "wppagetemplate", "publicizepending", "wptrashmetatime", "wptrashmetastatus",
         "wpdesiredpostslug", "wpolddate"], "drop",
    ),
}  # fmt: skip
_CACHED = ("_oembed_", "_menu_item_", "_transient_")

TYPES = ("post", "page")
_PUBLIC = ("publish",)
_NO_POSTS = {"trash": "in WordPress's trash", "auto-draft": "an automatic draft, never saved by a person",
             "inherit": "a former revision"}  # fmt: skip
FORBIDDEN_CHARACTERS = "characters that XML forbids"
FORBIDDEN_BYTES = "characters that XML forbids in their place, such as a bare “&”, were imported as text"
_PARTS = {
    "attachment": "an attachment; posts name it among their images",
    "wp_block": "a reusable block; the posts that use it contain its text",
    "revision": "a former revision",
    "nav_menu_item": "an entry of a menu",
}
# Any program can invent types; only this many are counted separately.
MAX_TYPES = 30

_CAPTION = re.compile(r"\[(wp_caption|caption)\b([^\]]*)\]")
_CODE = re.compile(r"\[(sourcecode|code)\b([^\]]*)\]", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'\]]+))""")
_PICTURE_END = re.compile(r"<img\b[^>]*>(?:\s*</a>)?", re.IGNORECASE)
_BLOCK = re.compile(r"<!--\s+/?wp:")
_REUSED = re.compile(r"<!--\s+wp:block\s+\{[^{}<>]{0,300}?\"ref\"\s*:\s*(\d{1,20})[^{}<>]{0,300}\}\s*/-->")
_GALLERY = re.compile(r"\[gallery\b([^\]]{0,2000})\]")
_PICTURE_CLASS = re.compile(r"(?:wp-image-|attachment_)(\d{1,20})")
_PICTURE = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".svg", ".bmp", ".tif", ".tiff")
_SIZE = re.compile(r"(?:-\d+x\d+|-scaled|-e\d{10,})+(?=\.\w+$)")


# The parts of an item that the reader collected.
ItemDict = dict[str, Any]
# Its id, url, title, caption and alt.
Attachment = dict[str, str]


class Spool(Protocol):
    """What an article needs from elsewhere in its export."""

    def block(self, identity: str) -> str:
        """Return the content of a reusable block, or ""."""

    def attachment(self, *, identity: str = "", url: str = "") -> Attachment | None:
        """Return an attachment by number or else by address."""

    def attachments_of(self, parent: str, limit: int) -> list[Attachment]:
        """Return the first attachments uploaded to a post."""


@dataclass
class Site:
    """What all items of an export share."""

    channel: dict[str, str]
    authors: dict[str, str]
    spool: Spool
    mapping: Mapping
    types: set[str] = field(default_factory=set, init=False)

    @cached_property
    def address(self) -> str:
        """The site's address, for relative ones; "" if unknown."""
        if self.mapping.base:
            return self.mapping.base
        names = (self.channel.get(name, "") for name in ("base_blog_url", "link", "base_site_url"))
        return next((name for name in names if re.match(r"https?://[^/\s]", name)), "")

    @cached_property
    def name(self) -> str:
        """The site's part of identities: its address without scheme and final slash, so that https changes nothing."""
        return self.mapping.site_name or _bare(self.address)

    @property
    def is_anywhere(self) -> bool:
        """Whether the address is a local one, such as localhost, which many sites share."""
        host = _parts(self.address).hostname or ""
        return host in ("localhost", "0.0.0.0", "::1") or host.endswith(".localhost") or host.startswith("127.")  # noqa: S104

    def kind_of(self, name: str) -> str:
        """Return a type of posts in the words of a report."""
        if name not in self.types and len(self.types) >= MAX_TYPES:
            return "other"
        self.types.add(name)
        return name[:60] or "post"

    def takes(self, kind: str) -> bool:
        """Return whether items of a type are posts, by `include` and `exclude` of the mapping file."""
        if any(matches(kind, glob) for glob in self.mapping.exclude):
            return False
        return any(matches(kind, glob) for glob in self.mapping.include) or (not self.mapping.include and kind in TYPES)


def row_of(item: ItemDict, line: int, site: Site) -> Row:
    """Return the Row of an item of an export, as the reader collected it. line: where it begins."""
    kind, status = item.get("post_type") or "post", item.get("status") or "publish"
    label = f"{kind[:60]} {item.get('post_id', '')[:40]}".strip()
    has_password = bool(item.get("has_password"))
    counted = f"{site.kind_of(kind)}, {status[:40]}{', password' if has_password else ''}"
    start: dict[str, Any] = {"line": line, "label": label, "kind": counted}
    left_out = {"comments": item["comments"], FORBIDDEN_CHARACTERS: item["removed"]}
    start["left_out"] = {what: count for what, count in left_out.items() if count}
    if not site.takes(kind):
        reason = _PARTS.get(kind) or f"of the type “{site.kind_of(kind)}”; posts and pages are imported"
        return Row(raw=b"", skip_reason=reason, **start)
    if status in _NO_POSTS:
        return Row(raw=b"", skip_reason=_NO_POSTS[status], **start)
    if item.get("is_cut"):
        raw = to_json({key: item[key] for key in ("post_id", "title") if key in item})[:KEPT_OF_LONG_ITEM]
        message = f"is an item of more than {MAX_ITEM >> 20} MB; a record can have at most {MAX_RECORD_BYTES >> 20} MB."
        return Row(raw=raw, problem=Problem("", message), is_cut=True, holds=(Hold(HoldReason.UNREAD),), **start)
    holds = [Hold(HoldReason.PASSWORD)] if has_password else []
    if status not in _PUBLIC and (hold := hold_of_status(status, site.mapping.values)):
        holds.append(hold)
    elif status in _PUBLIC and (moment := _moment_to_come(item)):
        # WordPress itself makes “future” of it.
        holds.append(Hold(HoldReason.SCHEDULED, f"post_date: {moment}"))
    return _Article(item, site).row(start, holds)


def _is_date(text: str) -> bool:
    """Return whether a text is a date; WordPress writes 0000-00-00 or the year −1 for none."""
    return bool(text) and not text.startswith("0000") and "-0001" not in text


def _moment_to_come(item: ItemDict) -> str:
    """Return the first future date of an item, as written; else "".

    post_date is local time of a site whose zone the export does not say; it is read as UTC.
    """
    for name in ("post_date_gmt", "pubDate", "post_date"):
        text = item.get(name, "")
        if _is_date(text):
            try:
                _, moment = read_date(text)
            except UnreadableDate:
                continue
            return text if moment and moment > timezone.now() else ""
    return ""


class _Article:
    """One post or page that becomes a record."""

    def __init__(self, item: ItemDict, site: Site) -> None:
        self.item = item
        self.site = site
        self.fields = Fields(site.mapping)
        self.images: list[ImageDict] = []
        if item["replaced"]:
            self.fields.warnings.append(FORBIDDEN_BYTES)
        self.used: set[str] = set()  # attachments that are already images, by number

    def row(self, start: dict[str, Any], stated: list[Hold]) -> Row:
        fields = self.fields
        values = self._values()
        fields.take_all(values, {key: texts_of(value) for key, value in values.items()})
        holds = distinct((*stated, *fields.holds))
        record: RecordDict = {"source_id": self._identity(), "title": "", "slug": _slug(fields.slug)}
        converted = self._converted()
        self.images = converted.images
        body = self._with_pictures(converted.markdown)
        if not body:
            return Row(raw=b"", skip_reason="empty: neither words nor images", **start)
        payload = dict(fields.payload)
        if rest := self._other_attachments():
            payload["attachments"] = rest
        record |= {"body": body, **self._published(), **fields.record, "image_sources": self.images}
        record["title"] = self._title(converted.markdown, payload)
        record["language"] = record.get("language") or self.site.channel.get("language", "")[:100]
        record["payload"] = payload
        record = {key: value for key, value in record.items() if value not in ("", [], {}, None)}
        raw = to_json(record)
        start |= {"holds": holds, "former_slugs": self._addresses(), "warnings": tuple(dict.fromkeys(fields.warnings))}
        if fields.problem:
            key, message = fields.problem
            return Row(raw=raw, record=record, problem=Problem(f"/{key}", message), **start)
        if "source_id" not in record:
            message = "The item has no wp:post_id, guid, link or wp:post_name that identifies it. Add one of them."
            return Row(raw=raw, record=record, problem=Problem("", message), **start)
        if len(raw) > MAX_RECORD_BYTES:
            message = f"is {len(raw):,} bytes long; a record can have at most {MAX_RECORD_BYTES:,}."
            return Row(raw=raw[:KEPT_OF_LONG_ITEM], problem=Problem("", message), is_cut=True, **start)
        context = to_json([hold.reason for hold in holds]) if holds else b""
        return Row(raw=raw, identity=record.get("source_id"), context=context, **start)

    # WordPress's values under its own names

    def _values(self) -> dict[str, Any]:
        """Return {key: value} of what a mapping file can name: parts of the item, its terms, its post meta."""
        item = self.item
        values = {key: item[key] for key in ("post_name", "link", "post_modified") if item.get(key)}
        if item.get("post_type", "post") != "post":
            values["post_type"] = item["post_type"]
        if item.get("status", "publish") not in _PUBLIC:
            values["status"] = item["status"]
        if item.get("is_sticky", "0") not in ("0", ""):
            values["is_sticky"] = True
        values |= self._terms()
        names = [self.site.authors.get(name, name) for name in item.get("creators", [])]
        # A login that is a mail address must not be shown to readers.
        if "author" not in values and (names := [name for name in names if name and "@" not in name]):
            values["creator"] = names
        if excerpt := html_to_text(item.get("excerpt", "")):
            values["excerpt"] = excerpt
        for key, value in self._meta().items():
            values.setdefault(key, value)
        return values

    def _terms(self) -> dict[str, list[str]]:
        """Return {taxonomy: [name, …]}. Before version 1.1 tags were "tag", and terms came twice, once unnamed."""
        terms: dict[str, list[str]] = {}
        named = any(domain for domain, _, _ in self.item["terms"])
        for domain, nicename, name in self.item["terms"]:
            if (not domain and named) or (domain == "category" and nicename == "uncategorized"):
                continue
            name = html_to_text(name) or unquote(nicename)
            if domain == "author":
                name = self.site.authors.get(name, name)
                if "@" in name:
                    continue
            listed = terms.setdefault(domain or "category", [])
            if name and name not in listed:
                listed.append(name)
        return {domain: names for domain, names in terms.items() if names}

    def _meta(self) -> dict[str, Any]:
        """Return {key: value} of the post meta; a repeated key has a list."""
        meta: dict[str, list[Any]] = {}
        for key, text in self.item["meta"]:
            if not key.startswith(_CACHED):
                meta.setdefault(key, []).append(self._meta_value(text))
        return {key: values if len(values) > 1 else values[0] for key, values in meta.items()}

    def _meta_value(self, text: str) -> Any:
        if not looks_serialized(text):
            return text
        try:
            return read_serialized(text)
        except NotReadable as refusal:
            reason = re.sub(r" \(byte [\d,]+\)", "", str(refusal))
            self.fields.warnings.append(f"a PHP value was kept as it is written: {reason}")
            return text

    def _identity(self) -> str:
        """Return site and number; without a number in an old export, another unique value."""
        item = self.item
        where = self.site.name
        identity = self.fields.identity or item.get("post_id", "").strip()
        if not re.fullmatch(r"[\w.-]{1,40}", identity):
            told = self.fields.identity or item.get("guid") or item.get("link") or item.get("post_name") or ""
            identity = f"x-{sha256(told.encode()).hexdigest()[:20]}" if told else ""
        if not identity:
            return ""
        where = "".join(character for character in where if character.isprintable() and not character.isspace())
        if len(where) > 120:
            where = f"{where[:100]}~{sha256(where.encode()).hexdigest()[:16]}"
        return f"wordpress:{where}:{identity}"

    def _published(self) -> dict[str, str]:
        """Return the day by the site's own clock, or the next best."""
        for name in ("post_date", "post_date_gmt", "pubDate"):
            text = self.item.get(name, "")
            if _is_date(text):
                try:
                    day, _ = read_date(text)
                except UnreadableDate:
                    self.fields.warnings.append("an invalid date was left out")
                    continue
                if day:
                    return {"published_on": day}
        return {}

    def _title(self, markdown: str, payload: dict[str, Any]) -> str:
        title = self.fields.record.get("title") or html_to_text(self.item.get("title", ""))
        if not title:
            words = re.sub(r"!\[\]\(image:\d+\)|[\\*_`#>|\[\]]", " ", markdown).split()
            title = " ".join(words[:TITLE_WORDS]) + ("…" if len(words) > TITLE_WORDS else "")
            title = title or self.item.get("post_name") or f"{self.item.get('post_type', 'post')} without a title"
            self.fields.warnings.append("a post without a title got its first words as title")
        if len(title) > TITLE_LENGTH:
            self.fields.warnings.append(
                f"a title of more than {TITLE_LENGTH} characters was cut and kept under payload"
            )
            payload["title"] = title
            title = title[: TITLE_LENGTH - 1].rstrip() + "…"
        return title

    def _addresses(self) -> tuple[str, ...]:
        """Add its former slugs and paths."""
        paths: list[str | None] = []
        page = former_path(self.fields.address)
        for address in filter(None, [self.fields.address, *self.fields.aliases]):
            if address.startswith(("http://", "https://", "/")):
                parts = _parts(address)
                ours = not parts.netloc or _bare(f"//{parts.netloc}") == _bare(self.site.address).partition("/")[0]
                if ours and not parts.query and (path := former_path(address)):
                    paths.append(path)
            elif slug := _slug(address):
                paths.append(slug)
                # WordPress stores only the former slug; the rest of the address was the same.
                if page and page.endswith(f"/{unquote(self.item.get('post_name', ''))}"):
                    paths.append(former_path(f"{page.rpartition('/')[0]}/{unquote(address)}"))
        return tuple(dict.fromkeys(filter(None, paths)))

    # The text and its pictures

    def _converted(self) -> Converted:
        content = self._with_reused_blocks(self.item.get("content", ""))
        is_classic = not _BLOCK.search(content)
        content = _captions_as_figures(_code_as_code(content))
        return html_to_markdown(content, base=self._base(), keeps_lines=is_classic, image_of=self._known_of_image)

    def _base(self) -> str:
        try:
            return urljoin(self.site.address, str(self.item.get("link", "")))
        except ValueError:
            return self.site.address

    def _with_reused_blocks(self, content: str) -> str:
        size = len(content)

        def words_of(match: re.Match[str]) -> str:
            nonlocal size
            words = self.site.spool.block(match[1])
            size += len(words)
            return words if size <= MAX_ITEM else ""

        return _REUSED.sub(words_of, content)

    def _known_of_image(self, element: Element) -> dict[str, str]:
        """Return what the attachment of an `img` says: alt, caption, address."""
        match = _PICTURE_CLASS.search(element.attributes.get("class", ""))
        identity = match[1] if match else element.attributes.get("data-id", "")
        attachment = self.site.spool.attachment(identity=identity) if identity else None
        for name in ("src", "data-src", "data-lazy-src"):
            if attachment is None and (url := element.attributes.get(name, "")):
                attachment = self.site.spool.attachment(url=url)
        if attachment is None:
            return {}
        self.used.add(attachment["id"])
        return {"alt": attachment["alt"], "caption": html_to_text(attachment["caption"]), "url": attachment["url"]}

    def _with_pictures(self, markdown: str) -> str:
        """Return the Markdown with the featured image first; gallery and other own images follow it."""
        featured = next((value for key, value in self.item["meta"] if key == "_thumbnail_id"), "").strip()
        attachment = self.site.spool.attachment(identity=featured) if featured else None
        if attachment and (number := self._add_attachment(attachment)):
            markdown = f"![](image:{number})\n\n{markdown}"
        for identity in self._gallery():
            if attachment := self.site.spool.attachment(identity=identity):
                self._add_attachment(attachment)
        for number, image in enumerate(self.fields.images):
            said = {"title": "", "alt": "", "caption": "", **image}
            self._add_attachment({"id": f"mapped {number}", **said})
        for attachment in self._children:
            self._add_attachment(attachment)
        # Images alone are an article too; they need a text to follow.
        return markdown.strip() or "\n\n".join(f"![](image:{number})" for number in range(1, len(self.images) + 1))

    def _gallery(self) -> Iterator[str]:
        for match in _GALLERY.finditer(self.item.get("content", "")):
            attributes = _attributes(match[1])
            for identity in (attributes.get("ids") or attributes.get("include") or "").split(","):
                if identity.strip():
                    yield identity.strip()

    @cached_property
    def _children(self) -> list[Attachment]:
        identity = self.item.get("post_id", "")
        return self.site.spool.attachments_of(identity, 4 * MAX_IMAGES) if identity not in ("", "0") else []

    def _add_attachment(self, attachment: Attachment) -> int:
        """Return the number of the image that an attachment becomes; 0 if it is one already or none."""
        url = self._absolute(attachment["url"])
        # An address without an extension may still be an image, such as those of image services.
        name = _parts(url).path.lower().rpartition("/")[2]
        if attachment["id"] in self.used or not url or ("." in name and not name.endswith(_PICTURE)):
            return 0
        if len(self.images) >= MAX_IMAGES or _plain_name(url) in {_plain_name(image["url"]) for image in self.images}:
            return 0
        self.used.add(attachment["id"])
        said = {"caption": html_to_text(attachment["caption"]), "alt": " ".join(attachment["alt"].split())}
        said["alt"] = said["alt"] or html_to_text(attachment["title"])
        self.images.append(
            {
                "source": _parts(url).netloc[:300],
                "url": url,
                **{key: value[:1000] for key, value in said.items() if value},
            }
        )
        return len(self.images)

    def _absolute(self, url: str) -> str:
        try:
            url = urljoin(self.site.address, url.strip()).replace(" ", "%20")
        except ValueError:
            return ""
        return url if url.startswith(("http://", "https://")) and url.isprintable() else ""

    def _other_attachments(self) -> list[dict[str, str]]:
        """Return attachments that are not images of the post: documents, sounds, films."""
        names = {_plain_name(image["url"]) for image in self.images}
        return [
            {key: html_to_text(attachment[key]) if key != "url" else attachment[key]
             for key in ("url", "title", "caption") if attachment[key]}
            for attachment in self._children
            if attachment["id"] not in self.used and _plain_name(attachment["url"]) not in names
        ]  # fmt: skip


def _parts(address: str) -> SplitResult:
    """Return the parts of an address; empty ones for invalid addresses, as people type them."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _bare(address: str) -> str:
    """Return an address without scheme, "www." and final slash, in lower case."""
    parts = _parts(address)
    return f"{parts.netloc.lower().removeprefix('www.')}{parts.path.rstrip('/')}"


def _slug(text: str) -> str:
    """Return the slug that a post had, as far as ours can be the same."""
    text = re.sub(r"\.(?:html?|php|aspx?)$", "", unquote(text).strip("/ ").rpartition("/")[2])
    return slug_from(text, limit=MAX_LENGTH)


def _plain_name(url: str) -> str:
    """Return the file name of an image without the size that WordPress adds."""
    return _SIZE.sub("", unquote(_parts(url).path).rpartition("/")[2].lower())


def _attributes(text: str) -> dict[str, str]:
    return {match[1].lower(): next(filter(None, match.groups()[1:]), "") for match in _ATTRIBUTE.finditer(text)}


def _between(content: str, opening: re.Pattern[str], made: Callable[[dict[str, str], str], str]) -> str:
    """Return `content` with every [opening …]…[/opening] replaced by made(attributes, inside)."""
    parts, place = [], 0
    while match := opening.search(content, place):
        closing = re.compile(rf"\[/{match[1]}\]", re.IGNORECASE).search(content, match.end())
        if not closing:
            break
        parts += [content[place : match.start()], made(_attributes(match[2]), content[match.end() : closing.start()])]
        place = closing.end()
    return "".join([*parts, content[place:]])


def _captions_as_figures(content: str) -> str:
    """Return `content` with [caption]<img> words[/caption] of the classic editor as figures."""

    def figure(attributes: dict[str, str], inside: str) -> str:
        picture = _PICTURE_END.search(inside)
        end = picture.end() if picture else 0
        words = attributes.get("caption") or inside[end:]
        return f"<figure>{inside[:end]}<figcaption>{words}</figcaption></figure>"

    return _between(content, _CAPTION, figure)


def _code_as_code(content: str) -> str:
    """Return `content` with [code language="php"]…[/code] as code blocks with literal angle brackets."""

    def code(attributes: dict[str, str], inside: str) -> str:
        language = attributes.get("language") or attributes.get("lang") or ""
        language = language if re.fullmatch(r"[\w+#.-]{1,40}", language) else ""
        inside = inside.replace("<", "&lt;")
        return f'<pre data-language="{language}">{inside}</pre>'

    return _between(content, _CODE, code)
