"""The finished pages in the database, found by path in one indexed read before Django starts.

The background makes them (posts.public.stored_pages). A page is shown only if the change log proves it fresh: the
background has marked the pages of every change below its horizon, and this process knows every change since.
"""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http.request import validate_host
from django.utils import timezone

from posts.db import change_log
from posts.db.prepared_query import planned_rows
from posts.models import StoredPage, StoredPageState
from posts.page_cache.edition import edition
from posts.page_cache.encodings import BROTLI
from posts.page_cache.page import Address, Headers, Page

# A process that starts reads at most so many rows of the change log.
MOST_ROWS = 1_500
_PAGES, _STATES = StoredPage._meta.db_table, StoredPageState._meta.db_table
_COLUMNS = "position keys headers etag last_modified route seconds body".split()


@cache
def _find(vendor: str) -> str:
    """Return the statement for one page.

    A horizon ahead of the log comes from another server, before a restoration. An edition that was
    taken back for days, or whose workers stood still, may have missed changes.
    """
    return f"""
        SELECT state.horizon, {", ".join(f"page.{column}" for column in _COLUMNS)}
        FROM {_PAGES} page JOIN {_STATES} state ON state.edition = page.edition
        WHERE page.edition = %s AND page.path = %s AND NOT page.is_stale AND page.position >= state.floor
        AND state.horizon <= {change_log.HORIZON[vendor]}
        AND state.read_at > %s
    """  # noqa: S608 (our own names)


class StoredPages:
    """Finished pages by address, for requests to any of this site's hosts in the scheme of SITE_URL."""

    def __init__(self) -> None:
        self._edition = edition()
        self._scheme = urlsplit(settings.SITE_URL).scheme

    def get(self, address: Address) -> tuple[Page, int] | None:
        """Return (Page, seconds that this process may keep it), or None.

        The position of the page is one below which it has seen every change.
        """
        scheme, host, path, query = address
        if query or scheme != self._scheme or not is_our_host(host):
            return None
        try:
            rows = _rows(self._edition, path.encode("latin-1").decode())
        except (Error, UnicodeDecodeError):
            # The view will meet the same problem and report it.
            return None
        return _page(rows[0]) if rows else None


def _rows(edition: str, path: str) -> list[tuple[Any, ...]]:
    # The connection of this thread, looked for only once.
    own: Any = connections[DEFAULT_DB_ALIAS]
    statement = _find(own.vendor)
    place = [edition, path, _oldest(own.vendor, int(time.monotonic() / 60))]
    if own.connection is None and own.settings_dict["OPTIONS"].get("pool"):
        rows: list[tuple[Any, ...]] = own.read_alone(statement, place)
        return rows
    try:
        return planned_rows(own, statement, place)
    finally:
        if not own.in_atomic_block:
            own.close_if_unusable_or_obsolete()


def shown_headers(paths: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return {path: headers by lower-case name} of those stored pages that a web process may show now."""
    state = StoredPageState.objects.filter(edition=edition()).first()
    if state is None:
        return {}
    pages = StoredPage.objects.filter(edition=state.edition, path__in=paths, is_stale=False, position__gte=state.floor)
    found = list(pages.values_list("path", "keys", "headers"))
    # After the pages: a change between the two queries is then known.
    changes = change_log.changes_since(state.horizon)
    if changes.rows is None or changes.horizon < state.horizon or state.read_at < oldest_reading():
        return {}
    changed = frozenset[str]().union(*(keys for _, _, keys in changes.rows))
    return {
        path: {name.lower(): value for name, value in headers}
        for path, keys, headers in found
        if changed.isdisjoint(keys.split())
    }


def place_to_begin() -> int:
    """Return from where a process reads the change log at first: so that it can use stored pages, if that is near."""
    usual = change_log.place_to_begin()
    state = StoredPageState.objects.filter(edition=edition()).first()
    if state is None or state.horizon >= usual:
        return usual
    return max(state.horizon, change_log.place_to_begin(MOST_ROWS))


def oldest_reading() -> datetime:
    """Return since when an edition must have read the change log: well before rows of a day ago are deleted."""
    return timezone.now() - timedelta(hours=20)


@lru_cache(maxsize=2)
def _oldest(vendor: str, minute: int) -> Any:
    """Return the same for a statement, once in each minute."""
    return connections[DEFAULT_DB_ALIAS].ops.adapt_datetimefield_value(oldest_reading())


def is_our_host(host: str) -> bool:
    """Return whether Django answers requests to `host`, a name without a port."""
    hosts = settings.ALLOWED_HOSTS or ([".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else [])
    return _is_among(host, tuple(hosts))


@lru_cache(maxsize=64)
def _is_among(host: str, hosts: tuple[str, ...]) -> bool:
    return validate_host(host, hosts)


def _page(row: tuple[Any, ...]) -> tuple[Page, int]:
    horizon, position, keys, headers, etag, last_modified, route, seconds, body = row
    page = Page(
        headers=_headers(headers),
        etag=etag,
        bodies={BROTLI: bytes(body)},
        keys=frozenset(keys.split()),
        position=max(horizon, position),
        route=route,
        last_modified=last_modified,
    )
    return page, seconds


@lru_cache(maxsize=64)
def _headers(text: str) -> Headers:
    """Return headers of their JSON. Most pages of one kind have the same, and share them: nobody changes a list."""
    return [(name, value) for name, value in orjson.loads(text)]
