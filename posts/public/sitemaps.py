"""The sitemap: an index, and files of at most URLS_PER_FILE indexable addresses.

A file covers a range of primary keys, so that an address always stays in its file and a file costs the same at any
size of the site. Format and limits: sitemaps.org, "Sitemaps XML format"; images: Google, "Image sitemaps".
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import quote
from xml.sax.saxutils import escape

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.encoding import iri_to_uri

from posts.db.change_log import LISTS, SWITCHES, file_key, is_file_key, number_of_file
from posts.db.kept_parts import KeptParts, Parts
from posts.db.keyset import in_chunks
from posts.db.prepared_query import planned_rows
from posts.listing.picture_copies import are_copied, copies_of
from posts.models import ImportBatch, ListedText, Term
from posts.models.listed_text import URLS_PER_FILE
from posts.models.lookups import list_parameter
from posts.models.term import INDEXABLE_FROM
from posts.public.lists import KINDS
from posts.public.views import public
from posts.public.xml_files import Answer, as_machine_file
from posts.rendering.images import loaded_pictures
from posts.rendering.picture_copies import Copies, record_with_copies
from posts.reverse import address, prefix

CHUNK = 500
# For one post, so that a file stays within bounds.
MAX_PICTURE_BYTES = 4_000
Rows = TypeVar("Rows", bound=QuerySet[Any, Any])
MAX_FILE = 2**63 // URLS_PER_FILE - 1

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_URLSET = f'<urlset xmlns="{_NAMESPACE}" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">\n'

# Addresses that need no percent-encoding; most don't, and a file has tens of thousands.
_URI = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=%._~-]*")


@public
def index(request: HttpRequest) -> HttpResponse:
    """Return the files of the sitemap; files of articles with their newest change."""
    pages, parts = _other_files(), _files_of_articles()
    # A million posts have a thousand files: what is sent is made once for as long as none of them changes.
    key = settings.SITE_URL, prefix(), tuple(pages)
    return _file(HttpResponse, [parts.made(key, lambda: _index(pages, parts))])


def _index(pages: Iterable[str], parts: Parts[str]) -> bytes:
    entries = [_entry("sitemap", path) for path in pages]
    # One text of thousands, so the address of the site is looked up once.
    before, after = f"<sitemap><loc>{settings.SITE_URL}", "</lastmod></sitemap>\n"
    entries += [f"{before}{path}</loc><lastmod>{moment}{after}" for path, moment in _paths_of(parts)]
    return f'{_HEAD}<sitemapindex xmlns="{_NAMESPACE}">\n{"".join(entries)}</sitemapindex>\n'.encode()


def files() -> list[str]:
    """Return the path of each file of the sitemap."""
    return [*_other_files(), *(path for path, _ in _paths_of(_files_of_articles()))]


def _other_files() -> list[str]:
    """Return the paths of the files without articles."""
    if not settings.INDEXING:
        return []
    return [address("posts:sitemap-pages"), *(address("posts:sitemap-lists", number) for number in _list_files())]


def _paths_of(parts: Parts[str]) -> Iterator[tuple[str, str]]:
    """Yield (path, newest change) of each file of articles, in order."""
    before, after = address("posts:sitemap-articles", 0).rsplit("0", 1)
    for key in sorted(parts.values, key=number_of_file):
        yield f"{before}{number_of_file(key)}{after}", parts.values[key]


@public
def pages(request: HttpRequest) -> HttpResponse:
    """Return the pages that are neither articles nor lists of one term."""
    if not settings.INDEXING:
        raise Http404
    paths = [reverse("posts:home"), reverse("posts:how")]
    # From the newest on: exists() might scan all posts for a listed one.
    if ListedText.objects.listed().order_by("-published_at", "-post").first():
        paths.append(reverse("posts:articles"))
    lists = Term.objects.with_list()
    paths += [
        reverse("posts:kind", args=[plural]) for plural, kind in KINDS.items() if lists.filter(kind=kind).exists()
    ]
    return _file(HttpResponse, [_HEAD, _URLSET, *(_entry("url", path) for path in paths), "</urlset>\n"])


@public
def facets(request: HttpRequest, number: int) -> HttpResponseBase:
    """Return the lists of one file: those of each term with enough posts, without a date of change."""
    return _streamed(_list_entries(number), keys=[LISTS])


@public
def articles(request: HttpRequest, number: int) -> HttpResponseBase:
    """Return the articles of one file, each with its images and the last change of its live text."""
    return _streamed(_article_entries(number), keys=[file_key(number), SWITCHES])


def _streamed(entries: Iterator[str], *, keys: Iterable[str]) -> StreamingHttpResponse:
    """Return a file that is read and sent in sets: memory stays flat, and no query waits for a slow reader.

    keys: what it shows, for caches.
    """
    first = next(entries, None)
    if first is None:
        raise Http404
    return _file(StreamingHttpResponse, chain([_HEAD, _URLSET, first], entries, ["</urlset>\n"]), keys=keys)


def _list_files() -> list[int]:
    # TermQuerySet.indexable in the words of its partial index.
    files = _with_files(Term._meta.db_table, "id", f"listed_count >= {INDEXABLE_FROM} AND NOT (slug = '')")
    sql = f"{files} SELECT first FROM files WHERE first IS NOT NULL"  # noqa: S608 (our own names)
    return [first // URLS_PER_FILE for (first,) in planned_rows(connection, sql, ())]


def _files_of_articles() -> Parts[str]:
    """Return the newest change of every file with a listed article, by the file's key in the change log."""
    return _kept_files.now() if settings.INDEXING else Parts({})


def _newest_changes(keys: Collection[str] | None) -> dict[str, str]:
    """Return {key of a file: newest change, as the index says it} of those files, or of all, with a listed article."""
    found = {number: moment for number, moment in _newest("changed_at", keys) if moment is not None}
    if ImportBatch.objects.filter(index_open=False).exists():
        # Rows of a closed import are removed one by one, and until then a file may be empty.
        listed = ListedText.objects.listed()
        newest = dict(_newest("post_id", keys))
        known = set(listed.filter(post__among=newest.values()).values_list("post_id", flat=True))
        found = {
            number: moment
            for number, moment in found.items()
            if newest.get(number) in known or _in_file(listed, number, "post_id").exists()
        }
    return {file_key(number): _moment(_read_moment(moment)) for number, moment in found.items()}


def _newest(column: str, keys: Iterable[str] | None) -> list[tuple[int, Any]]:
    """Return (number, a column of the text that changed last, or None) of those files, or of all that have texts."""
    texts, values = ListedText._meta.db_table, []
    if keys is None:
        numbers = f"{_with_files(texts, 'post_id')} SELECT first / {URLS_PER_FILE} AS number FROM files"  # noqa: S608
        numbers = f"{numbers} WHERE first IS NOT NULL"
    else:
        each = {
            "sqlite": "SELECT value AS number FROM json_each(%s)",
            "postgresql": "SELECT unnest(%s::bigint[]) AS number",
        }
        numbers = each[connection.vendor]
        values = [list_parameter(map(number_of_file, keys), connection)]
    # Two index steps for each.
    sql = f"""SELECT number, (
            SELECT {column} FROM {texts} WHERE (post_id / {URLS_PER_FILE}) = number ORDER BY changed_at DESC LIMIT 1
        ) FROM ({numbers}) numbers"""  # noqa: S608 (our own names)
    return planned_rows(connection, sql, values)


_kept_files = KeptParts(_newest_changes, is_part=is_file_key, ends_all=SWITCHES)


def _read_moment(moment: datetime | str) -> datetime:
    """Return a datetime of the database, which SQLite has as text in UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC) if isinstance(moment, str) else moment


def _with_files(table: str, key: str, condition: str = "TRUE") -> str:
    """Return the start of a statement that reads the `first` key of each file, and a NULL, from `files`.

    It takes index steps instead of reading every row ("Loose indexscan", wiki.postgresql.org).
    """
    return f"""
        WITH RECURSIVE files (first) AS (
            SELECT * FROM (SELECT {key} FROM {table} WHERE {condition} ORDER BY {key} LIMIT 1) AS first_of_all
            UNION ALL
            SELECT (
                SELECT {key} FROM {table} WHERE {condition} AND {key} >= (first / {URLS_PER_FILE} + 1) * {URLS_PER_FILE}
                ORDER BY {key} LIMIT 1
            ) FROM files WHERE first IS NOT NULL
        )
    """  # noqa: S608 (our own names)


def _list_entries(number: int) -> Iterator[str]:
    rows = _in_file(Term.objects.indexable(), number, "pk")
    for chunk in in_chunks(rows.values_list("pk", "kind", "slug"), size=CHUNK):
        paths = (reverse("posts:facet", args=[Term.PLURALS[kind], slug]) for _, kind, slug in chunk)
        yield "".join(_entry("url", path) for path in paths)


def _article_entries(number: int) -> Iterator[str]:
    before, after = reverse("posts:detail", args=["SLUG"]).split("SLUG")
    before = settings.SITE_URL + before
    rows = _in_file(ListedText.objects.listed(), number, "post_id")
    columns = rows.values_list("post_id", "post__slug", "changed_at", "pictures")
    for chunk in in_chunks(columns, key="post_id", size=CHUNK):
        copies = copies_of([pk for pk, *_ in chunk]) if are_copied() else None
        yield "".join(
            f"<url><loc>{before}{slug}{after}</loc><lastmod>{_moment(changed_at)}</lastmod>{_pictures(pictures)}</url>\n"
            for slug, changed_at, pictures in (
                (
                    slug if slug.isascii() else quote(slug),
                    changed_at,
                    pictures if copies is None else _copied(pictures, copies.get(pk, {})),
                )
                for pk, slug, changed_at, pictures in chunk
            )
        )


def _copied(urls: Iterable[str], copies: Copies) -> list[str]:
    """Return the addresses of the copies of pictures, and of this site's own ones."""
    record = record_with_copies({"image_sources": [{"url": url} for url in urls]}, copies)
    return [image["url"] for image in record["image_sources"]]


def _in_file(rows: Rows, number: int, key: str) -> Rows:
    """Return those rows of a queryset whose `key` belongs to the file with this number."""
    if number > MAX_FILE:
        return rows.none()
    start = number * URLS_PER_FILE
    return rows.filter(**{f"{key}__gte": start, f"{key}__lt": start + URLS_PER_FILE})


def _pictures(urls: Iterable[str]) -> str:
    found, left = [], MAX_PICTURE_BYTES
    for url in loaded_pictures(urls):
        address = escape(url if _URI.fullmatch(url) else iri_to_uri(url))
        element = f"<image:image><image:loc>{address}</image:loc></image:image>"
        left -= len(element)
        if left < 0:
            break
        found.append(element)
    return "".join(found)


def _entry(name: str, path: str) -> str:
    return f"<{name}><loc>{settings.SITE_URL}{path}</loc></{name}>\n"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _file(answer: Callable[..., Answer], lines: Iterable[str | bytes], *, keys: Iterable[str] = (LISTS,)) -> Answer:
    return as_machine_file(answer(lines, content_type="application/xml; charset=utf-8"), keys=keys)
