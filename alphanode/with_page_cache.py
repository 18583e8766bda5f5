"""The page cache of this site, from its settings."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.urls import reverse

from alphanode.middleware import PROBES
from alphanode.postgresql.replicas import reading_from, replicas_of_site
from posts.db.change_log import Changes, changes_since
from posts.page_cache import Freshness, PageCache
from posts.page_cache.page import Address, Page
from posts.page_cache.shared import SharedPages
from posts.page_cache.stored import StoredPages, place_to_begin

Value = TypeVar("Value")


def with_page_cache(
    application: WSGIHandler, *, clock: Callable[[], float] = time.monotonic
) -> WSGIHandler | PageCache:
    """Return Django's WSGI application behind the page cache, or alone if PAGE_CACHE_MB is 0.

    Django must be set up.
    """
    if not settings.PAGE_CACHE_MB:
        return application
    # Using this process's memory twice would gain nothing.
    is_shared = not str(settings.CACHES["default"]["BACKEND"]).endswith(("LocMemCache", "DummyCache"))
    return PageCache(
        application,
        freshness=Freshness(look=_between_requests(_look), begin=_between_requests(place_to_begin), clock=clock),
        max_bytes=settings.PAGE_CACHE_MB * 1024 * 1024,
        shared=SharedPages() if is_shared else None,
        stored=StoredPagesOfReplicas() if settings.STORED_PAGES else None,
        session_cookie=settings.SESSION_COOKIE_NAME,
        untouched=(reverse("admin:index"), settings.STATIC_URL, *PROBES),
        trusts_proxy=settings.BEHIND_PROXY,
        clock=clock,
    )


class StoredPagesOfReplicas(StoredPages):
    """Stored pages, read from a replica that is provably fresh, if there is one."""

    def get(self, address: Address) -> tuple[Page, int] | None:
        """Return what StoredPages returns."""
        if (replicas := replicas_of_site()) is None:
            return super().get(address)
        with reading_from(replicas.choose()):
            return super().get(address)


def _look(position: int) -> Changes:
    """Return the changes since a position; then learn which replicas have all of them."""
    changes = changes_since(position)
    if (replicas := replicas_of_site()) is not None:
        replicas.look()
    return changes


def _between_requests(ask: Callable[..., Value]) -> Callable[..., Value]:
    """Return `ask`, a query outside of requests, so that it gives its connection back at once."""

    @wraps(ask)
    def asked(*arguments: Any) -> Value:
        try:
            return ask(*arguments)
        finally:
            if not connection.in_atomic_block:
                connection.close()

    return asked
