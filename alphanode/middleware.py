"""What every response gets: a request id, a line in the log, and security headers."""

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseNotFound, JsonResponse
from django.http.response import HttpResponseBase, ResponseHeaders
from django.middleware.http import ConditionalGetMiddleware
from django.urls import reverse
from django.utils.crypto import constant_time_compare

import posts
from alphanode.headers import Headers, header_table
from alphanode.postgresql.replicas import chosen, leave, reading_from, replicas_of_site
from posts.logs import Place, log_requests, request_id, request_id_for
from posts.measures import measures
from posts.monitoring.metrics import CONTENT_TYPE, metrics_text
from posts.monitoring.readiness import readiness
from posts.outages import API_PATH, AWAY, PREVIEW_PATH, first_line, outage_of, unavailable
from posts.page_cache.policy import BY_BACKGROUND
from posts.page_cache.tags import tag_headers

logger = logging.getLogger("alphanode.request")

GetResponse = Callable[[HttpRequest], HttpResponseBase]

HEALTH_PATH, READY_PATH, METRICS_PATH = "/healthz", "/readyz", "/metrics"
# Programs ask for them all the time: they are neither logged nor counted.
PROBES = (HEALTH_PATH, READY_PATH, METRICS_PATH)
METHODS = ["GET", "HEAD", "POST", "OPTIONS"]
# Pages of other sites may read whatever the API answers, and these headers of it.
OF_API = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, Link, Retry-After"}


class RequestLogMiddleware:
    """Gives each request an id (also in the response) and one line in the log, without query values.

    An incoming id is used only behind a proxy, which sets it itself; otherwise anybody could write into the log.
    Requests of probes are not logged.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.misses_address = False

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        self._look_for_address(request)
        sent = request.META.get("HTTP_X_REQUEST_ID", "") if settings.BEHIND_PROXY else ""
        own = request_id_for(sent)
        request.request_id = own  # type: ignore[attr-defined]  # a request takes any attribute
        token = request_id.set(own)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            response.headers["X-Request-ID"] = own
            if request.path_info not in PROBES and BY_BACKGROUND not in request.META:
                self._note(request, response.status_code, (time.perf_counter() - started) * 1000)
            return response
        finally:
            request_id.reset(token)

    def _note(self, request: HttpRequest, status: int, ms: float) -> None:
        """Log a request, and count it for operators."""
        route = request.resolver_match.view_name if request.resolver_match else ""
        place, more = Place(_path_for_log(request), route), {}
        if (database := getattr(request, "database", None)) is not None:
            more["database"] = database
        log_requests([(time.time(), request_id.get(), request.method or "", place, status, ms)], **more)
        # Files take no work and would hide how long pages take.
        if not request.path_info.startswith(settings.STATIC_URL):
            measures.note(route, status, ms)
        if settings.SLOW_REQUEST_MS and ms >= settings.SLOW_REQUEST_MS:
            values = {"method": request.method, "path": place.path, "route": route, "status": status}
            logger.warning("slow request", extra=values | {"ms": round(ms, 1)} | more)

    def _look_for_address(self, request: HttpRequest) -> None:
        """Warn once if the proxy doesn't send readers' addresses. Health probes have none."""
        if self.misses_address or not settings.BEHIND_PROXY or request.path_info in PROBES:
            return
        if not request.META.get("HTTP_X_FORWARDED_FOR"):
            self.misses_address = True
            logger.warning(
                "BEHIND_PROXY is on, but a request came without X-Forwarded-For. Set this header in the proxy as "
                "docs/operations.md shows. Until then reports are counted for each article, not for each reader."
            )


class UnreadBodyMiddleware:
    """Reads, behind a proxy, what an answer left unread of a request's body, and keeps none of it.

    The server closes the connection after its answer. A proxy that still sends would then see an error before it sees
    the answer, and say 502 to the reader. It has the whole body already, so this takes no time; clients without a proxy
    could take any time.
    """

    # The documented proxy lets 1 GB through at most.
    MOST_BYTES = 1025 * 1024 * 1024
    CHUNK = 64 * 1024

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if settings.BEHIND_PROXY:
            # A body that breaks off leaves nobody who waits for the answer.
            with suppress(OSError):
                self._read_rest(request)
        return response

    def _read_rest(self, request: HttpRequest) -> None:
        left = self.MOST_BYTES
        while left > 0 and (read := request.read(self.CHUNK)):
            left -= len(read)


class HeadersMiddleware:
    """Sets the headers of alphanode.headers on every response, including errors and files."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.ready = {kind: _ready(headers) for kind, headers in header_table().items()}
        self.desk = reverse("admin:index")
        self.root_files = {f"/{file.name}" for file in settings.WHITENOISE_ROOT.iterdir()}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        kind = self.kind_of(request, response)
        stored, removed = self.ready[kind]
        response.headers._store.update(stored)
        for name in removed:
            response.headers._store.pop(name, None)
        # Only a view can open its answer to search engines, and only a page for readers or the picture of one.
        if kind in ("public", "picture") and response.status_code == 200 and getattr(response, "is_indexable", False):
            del response.headers["X-Robots-Tag"]
        policy = getattr(response, "cache_policy", None)
        if policy is not None and settings.CDN_MAX_AGE and response.status_code == 200:
            for name, value in tag_headers(policy).items():
                response.headers[name] = value
        if request.path_info.startswith(API_PATH):
            _open_to_other_sites(response)
        # For responses without a policy of their own: caches revalidate.
        response.headers.setdefault("Cache-Control", "public, max-age=0, must-revalidate")
        return response

    def kind_of(self, request: HttpRequest, response: HttpResponseBase) -> str:
        """Return the kind of `response` in the table; an error in place of a file counts as a page."""
        if request.path_info.startswith(self.desk):
            return getattr(response, "page_kind", "desk")
        if request.path_info.startswith(PREVIEW_PATH):
            return "link"
        is_file = request.path_info.startswith(settings.STATIC_URL) or request.path_info in self.root_files
        if is_file and response.status_code in (200, 206, 304):
            return "static"
        return getattr(response, "page_kind", "public")


def _ready(headers: Headers) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return headers as Django stores them, and the names of those to remove.

    Django encodes and checks each name and value of each answer, which takes longer than all else that is done here.
    """
    checked = ResponseHeaders({name: value for name, value in headers.items() if value is not None})
    return dict(checked._store), [name.lower() for name, value in headers.items() if value is None]


class NotModifiedMiddleware(ConditionalGetMiddleware):
    """Django's answer "not modified", which a page of another site may read too if it comes from the API."""

    CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_MATCH", "HTTP_IF_UNMODIFIED_SINCE")

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.method == "GET" and self.needs_etag(response) and not response.has_header("ETag"):
            _set_etag(response)
        if not any(name in request.META for name in self.CONDITIONS):
            return response
        answer = super().process_response(request, response)
        if answer is not response and request.path_info.startswith(API_PATH):
            _open_to_other_sites(answer)
        return answer

    def needs_etag(self, response: HttpResponseBase) -> bool:
        return "no-store" not in response.headers.get("Cache-Control", "")


def _set_etag(response: HttpResponseBase) -> None:
    """Name an answer by its bytes. Processors compute SHA-256 in half the time of Django's MD5."""
    if isinstance(response, HttpResponse) and (content := response.content):
        response.headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:32]}"'


class HealthMiddleware:
    """Answers probes before hosts and sessions are used.

    /healthz: the process itself is alive; it touches nothing. /readyz: readers can be served, or with ?for=write
    anything can be saved. /metrics: for Prometheus, with the token of the settings.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PROBES or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        if request.path_info == READY_PATH:
            response: HttpResponse = self._readiness(request)
        elif request.path_info == METRICS_PATH:
            response = self._metrics(request)
        else:
            response = HttpResponse("ok", content_type="text/plain")
        response.headers["Cache-Control"] = "no-store"
        return response

    def _readiness(self, request: HttpRequest) -> HttpResponse:
        found = readiness()
        is_enough = found.is_writable if request.GET.get("for") == "write" else found.is_ready
        response = JsonResponse({"version": posts.__version__} | found.as_json(), status=200 if is_enough else 503)
        # Otherwise Django logs each answer of 503 as an error of ours.
        response._has_been_logged = True  # type: ignore[attr-defined]  # not in the stubs
        return response

    def _metrics(self, request: HttpRequest) -> HttpResponse:
        """Return the metrics. Without the token nothing has this address, wherever the request comes from."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        is_known = scheme.lower() == "bearer" and constant_time_compare(token, settings.METRICS_TOKEN)
        if not (is_known if settings.METRICS_TOKEN else settings.DEBUG):
            return HttpResponseNotFound("Nothing has this address.\n", content_type="text/plain")
        try:
            return HttpResponse(metrics_text(), content_type=CONTENT_TYPE)
        except DatabaseError as error:
            return unavailable(request, error) or HttpResponse(status=500)


class OutageMiddleware:
    """Answers 503 if a view finds the database away, busy or read-only, or the disk of files full.

    For other middleware posts.public.views.server_error does the same.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return unavailable(request, exception)


class ReplicaMiddleware:
    """Lets a replica of the database answer readers, and the primary if it can't.

    Whoever has a session or a token may just have changed something, and the desk shows what is true now: these read
    from the primary.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.replicas = replicas_of_site()
        if self.replicas is None:
            raise MiddlewareNotUsed
        self.desk = reverse("admin:index")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        alias = self.replicas.choose() if self.replicas and self.is_of_reader(request) else None
        request.database = alias  # type: ignore[attr-defined]  # a request takes any attribute; for the log
        with reading_from(alias):
            return self.get_response(request)

    def is_of_reader(self, request: HttpRequest) -> bool:
        """Return whether somebody only reads, whom nobody can know."""
        return (
            request.method in ("GET", "HEAD")
            and settings.SESSION_COOKIE_NAME not in request.COOKIES
            and "Authorization" not in request.headers
            and not request.path_info.startswith((self.desk, PREVIEW_PATH))
        )

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Ask the primary if a replica failed: it ended, gave up a query or was promoted meanwhile."""
        if (alias := chosen()) is None or not isinstance(exception, DatabaseError | InterfaceError):
            return None
        if outage_of(exception) is AWAY:
            leave(alias, first_line(exception))
        connection.close()
        match = request.resolver_match
        if match is None:
            return None
        request.database = "primary"  # type: ignore[attr-defined]
        with reading_from(None):
            try:
                answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
            except DatabaseError as error:
                return unavailable(request, error)
        return answer


class MethodsMiddleware:
    """Refuses TRACE and every method that no page accepts. The API has its own methods for each address."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method not in METHODS and not request.path_info.startswith(API_PATH):
            return HttpResponseNotAllowed(METHODS)
        return self.get_response(request)


def _path_for_log(request: HttpRequest) -> str:
    """Return the path of a request, but only the beginning of a preview link: the rest of it opens the preview."""
    if request.path_info.startswith(PREVIEW_PATH):
        return f"{PREVIEW_PATH}…/"
    return quote(request.path)


def _open_to_other_sites(response: HttpResponseBase) -> None:
    for name, value in OF_API.items():
        response.headers[name] = value
