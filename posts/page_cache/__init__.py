"""Public pages, cached as they were sent and answered before Django starts.

A view marks a page that is the same for everybody with `cache_page`. Django answers the first request; later ones are
answered from this process's memory or from the cache that processes share (CACHE_URL), in an accepted encoding, or as
"not modified". Requests with a session neither read nor fill this cache.

What a process does not have yet, it looks for among the finished pages that the background stores in the database
(posts.page_cache.stored).

A page depends on keys in the change log (posts.db.change_log). A process reads the log when a request arrives, at
most every 0.3 seconds, and never answers from knowledge older than a second. If the log can't be read, every page
comes from Django. If the shared cache is down, each process uses its own.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus
from wsgiref.types import StartResponse, WSGIEnvironment

from django.http import HttpResponseBase

from posts.logs import Place, request_id_for
from posts.page_cache.freshness import Freshness, Snapshot
from posts.page_cache.hits import Hits
from posts.page_cache.memory import Memory
from posts.page_cache.page import Address, Headers, Page
from posts.page_cache.policy import ANYTHING, CachePolicy, cache_page

if TYPE_CHECKING:
    from posts.page_cache.shared import SharedPages
    from posts.page_cache.stored import StoredPages

__all__ = ["ANYTHING", "CachePolicy", "Freshness", "PageCache", "cache_page", "may_be_cached"]

CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE")
# A streamed page is cached up to so many bytes: a file of the sitemap has half a million, and ten times as many if
# its posts are full of images.
MAX_STREAMED = 5_000_000
# A host as Django reads it: port and trailing dot don't change the page.
_HOST = re.compile(r"([a-z0-9.-]+?|\[[a-f0-9:.]+\])\.?(?::[0-9]+)?", re.IGNORECASE)
# The most addresses whose read parameters are remembered; each is a text and a pointer.
MAX_ADDRESSES = 10_000
HIT = "AlphaNode; hit"


class PageCache:
    """A WSGI application around Django's.

    freshness: what is known of changes. max_bytes: memory for pages. shared: the pages that other processes see too, if
    any. stored: the finished pages in the database, if any. session_cookie: its name. untouched: prefixes of paths that
    are never cached. trusts_proxy: whether X-Forwarded-Proto and X-Request-ID come from a proxy.
    """

    def __init__(
        self,
        application: Callable[[WSGIEnvironment, StartResponse], HttpResponseBase],
        *,
        freshness: Freshness,
        max_bytes: int,
        shared: "SharedPages | None" = None,
        stored: "StoredPages | None" = None,
        session_cookie: str = "sessionid",
        untouched: Iterable[str] = (),
        trusts_proxy: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application = application
        self._freshness = freshness
        self._memory = Memory(max_bytes)
        self.hits = Hits()
        self._shared = shared
        self._stored = stored
        self._session = f"{session_cookie}="
        self._untouched = tuple(untouched)
        self._trusts_proxy = trusts_proxy
        self._clock = clock
        # path → names of the query parameters that its page reads, known once it was rendered.
        self._takes: dict[str, frozenset[str]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = self._clock()
        address = self._address(environ)
        # The moment is asked before rendering: the page can't contain later changes.
        if address is None or (moment := self._freshness.current(began)) is None:
            return self._application(environ, start_response)
        page = self._memory.get(address)
        if page is None or page.fresh_in != moment.generation or began >= page.expires_at:
            page = self._kept(address, page, moment)
        if page is not None:
            return self._answer(address, page, environ, start_response, began)
        if environ["REQUEST_METHOD"] == "HEAD":
            return self._application(environ, start_response)
        return self._rendered(address, moment, environ, start_response)

    def _address(self, environ: WSGIEnvironment) -> Address | None:
        """Return the cache key of a request; None if it can't be cached: another method, a session, no host.

        Django decides which hosts are valid: for others it returns no page that could be cached.
        """
        path = environ["PATH_INFO"]
        if (
            environ["REQUEST_METHOD"] not in ("GET", "HEAD")
            or path.startswith(self._untouched)
            or ("HTTP_COOKIE" in environ and self._session in environ["HTTP_COOKIE"])
            or "HTTP_AUTHORIZATION" in environ
            or not (host := _host(environ.get("HTTP_HOST", "")))
        ):
            return None
        scheme = environ["wsgi.url_scheme"]
        if self._trusts_proxy:
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", scheme)
        query = environ.get("QUERY_STRING", "")
        return scheme, host, path, query and self._read_part(path, query)

    def _read_part(self, path: str, query: str) -> str:
        """Return the part of a query that the page at `path` reads; all of it while that is unknown."""
        if not query or (takes := self._takes.get(path)) is None:
            return query
        return part_read(query, takes)

    def _kept(self, address: Address, page: Page | None, moment: Snapshot) -> Page | None:
        """Return a cached page that is still fresh, or None. page: the one in memory."""
        now = self._clock()
        if page is not None and now < page.expires_at:
            if page.fresh_in == moment.generation or self._freshness.is_fresh(page):
                page.fresh_in = moment.generation
                return page
        elif page is not None:
            self._memory.forget(address)
        if self._shared is not None and (found := self._shared.get(address)) is not None:
            page, seconds = found
            if self._freshness.is_fresh_everywhere(page):
                page.expires_at, page.fresh_in = now + seconds, moment.generation
                self._memory.put(address, page)
                return page
        if self._stored is not None and (found := self._stored.get(address)) is not None:
            page, seconds = found
            # It may have been read later than the log; changes since then are then noticed twice.
            page.position = min(page.position, moment.horizon)
            if self._freshness.is_fresh_everywhere(page):
                page.expires_at, page.fresh_in = now + seconds, moment.generation
                self._memory.put(address, page)
                return page
        return None

    def _rendered(
        self, address: Address, moment: Snapshot, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Return Django's answer, and cache it if allowed."""
        sent: list[tuple[Any, ...]] = []
        # Conditional requests are answered here: Django's "not modified" could not be cached.
        inner = {name: value for name, value in environ.items() if name not in CONDITIONS}
        # Django writes nothing by what start_response() returns.
        response = self._application(inner, lambda *start: sent.append(start))  # type: ignore[arg-type]
        (status, headers, *_) = sent[0]
        policy = getattr(response, "cache_policy", None)
        if policy is None or not may_be_cached(status, headers):
            if policy is not None and status.startswith("200 ") and any(name in environ for name in CONDITIONS):
                # Nothing to cache after all, and only Django can say whether the client has it.
                response.close()
                return self._application(environ, start_response)
            start_response(status, headers)
            return response
        parts, is_whole = _read(response, MAX_STREAMED)
        if not is_whole:
            start_response(status, headers)
            return _rest(parts, response)
        body = b"".join(parts)
        response.close()
        page = Page.of(headers, body, policy=policy, moment=moment)
        request_id = next((value for name, value in headers if name.lower() == "x-request-id"), "")
        page.expires_at = self._clock() + policy.seconds
        encoding, made = page.body(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if policy.vary_on is not None:
            address = self._learn(address, policy.vary_on)
        # Not if it changed while it was rendered: the next request tries again.
        is_stored = self._freshness.is_fresh(page) and self._memory.put(address, page)
        if is_stored and self._shared is not None:
            self._shared.put(address, page, policy.seconds)
        told = f"AlphaNode; fwd=uri-miss{'; stored' if is_stored else ''}"
        if page.is_known(environ):
            _say_known(page, start_response, request_id, told)
            return []
        start_response("200 OK", [*page.head(encoding, made, told), ("X-Request-ID", request_id)])
        return [made]

    def _learn(self, address: Address, takes: frozenset[str]) -> Address:
        """Remember which part of the query counts at this path; return the address with only that part."""
        if len(self._takes) >= MAX_ADDRESSES:
            self._takes.clear()
        scheme, host, path, query = address
        self._takes[path] = takes
        return scheme, host, path, self._read_part(path, query)

    def _answer(
        self, address: Address, page: Page, environ: WSGIEnvironment, start_response: StartResponse, began: float
    ) -> Iterable[bytes]:
        request_id = request_id_for(environ.get("HTTP_X_REQUEST_ID", "") if self._trusts_proxy else "")
        bodies, method = page.bodies, environ["REQUEST_METHOD"]
        encoding, body = page.body(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if page.bodies is not bodies:
            # It uses more memory now.
            self._memory.put(address, page)
        if page.is_known(environ):
            status, sent = _say_known(page, start_response, request_id, HIT), []
        else:
            if (head := page.heads.get(encoding)) is None:
                head = page.heads[encoding] = page.head(encoding, body, HIT)
            start_response("200 OK", [*head, ("X-Request-ID", request_id)])
            status, sent = 200, [] if method == "HEAD" else [body]
        if (place := page.place) is None:
            place = page.place = Place(quote(address[2].encode("latin-1")), page.route)
        ms = (self._clock() - began) * 1000
        self.hits.note((time.time(), request_id, method, place, status, ms))
        return sent


def _read(response: HttpResponseBase, limit: int) -> tuple[list[bytes], bool]:
    """Return (the parts of a response's body, whether they are complete).

    Of a streamed response, at most about `limit` bytes are read.
    """
    if not response.streaming:
        return list(response), True
    parts: list[bytes] = []
    size = 0
    for part in response:
        parts.append(part)
        size += len(part)
        if size > limit:
            return parts, False
    return parts, True


def _rest(parts: list[bytes], response: HttpResponseBase) -> Iterator[bytes]:
    """Yield the parts already read of a response, then the rest of it."""
    try:
        yield from parts
        yield from response
    finally:
        response.close()


def part_read(query: str, takes: Collection[str]) -> str:
    """Return the parts of a query string whose names are in `takes`, unchanged.

    Names are decoded as Django decodes them: an encoded name must not drop out of the key of a page that it changes.
    """
    return "&".join(part for part in query.split("&") if unquote_plus(part.partition("=")[0]) in takes)


def may_be_cached(status: str, headers: Headers) -> bool:
    """Return whether an answer marked by a view is complete, successful, and the same for everybody."""
    if not status.startswith("200 "):
        return False
    cache_control = ""
    for name, value in headers:
        lower = name.lower()
        if lower == "set-cookie" or (lower == "vary" and value.lower() != "accept-encoding"):
            return False
        if lower == "cache-control":
            cache_control = value
    return "public" in cache_control


def _say_known(page: Page, start_response: StartResponse, request_id: str, cache_status: str) -> int:
    """Say "not modified"; return the status."""
    headers = [*page.repeated_headers(), ("Cache-Status", cache_status), ("X-Request-ID", request_id)]
    start_response("304 Not Modified", headers)
    return 304


@lru_cache(maxsize=64)
def _host(sent: str) -> str:
    """Return the host of a Host header without port and trailing dot; "" if it can't be one."""
    found = _HOST.fullmatch(sent)
    return found[1].lower() if found else ""
