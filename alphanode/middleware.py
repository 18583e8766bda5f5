"""What every response gets: an id, a line in the log, and the headers that Django has no setting for."""

import logging
import re
import time
import uuid

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotAllowed

from alphanode.logs import request_id

logger = logging.getLogger("alphanode.request")

METHODS = ["GET", "HEAD", "POST", "OPTIONS"]
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer autoplay camera display-capture encrypted-media fullscreen geolocation gyroscope magnetometer "
        "microphone midi payment publickey-credentials-get usb browsing-topics"
    ).split()
)


class HealthMiddleware:
    """Answers /healthz before anything else runs: it must say “this process answers” whatever else is broken."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info == "/healthz":
            response = HttpResponse("ok", content_type="text/plain")
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response
        return self.get_response(request)


class RequestLogMiddleware:
    """Gives each request an id (also in the response) and one line in the log, without query values."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        sent = request.headers.get("X-Request-ID", "") if settings.BEHIND_PROXY else ""
        identifier = sent if _SANE_ID.fullmatch(sent) else uuid.uuid4().hex
        token = request_id.set(identifier)
        started = time.perf_counter()
        try:
            response = self.get_response(request) if request.method in METHODS else HttpResponseNotAllowed(METHODS)
            response.headers["X-Request-ID"] = identifier
            route = request.resolver_match.view_name if getattr(request, "resolver_match", None) else ""
            logger.info(
                "request",
                extra={
                    "method": request.method,
                    "path": request.path,
                    "route": route,
                    "status": response.status_code,
                    "ms": round((time.perf_counter() - started) * 1000, 1),
                },
            )
            return response
        finally:
            request_id.reset(token)


class HeadersMiddleware:
    """Sets what a page of its kind must carry; a view may have said something stricter already."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        headers = response.headers
        if request.path_info.startswith(settings.STATIC_URL) and response.status_code in (200, 304):
            return response
        headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if request.path_info.startswith("/admin/"):
            headers["Cache-Control"] = "private, no-store"
            headers["X-Robots-Tag"] = "noindex, nofollow"
            headers["Referrer-Policy"] = "same-origin"
            # Django's admin draws its icons as data: addresses.
            headers["Content-Security-Policy"] = headers["Content-Security-Policy"].replace(
                "img-src 'self'", "img-src 'self' data:"
            )
        elif response.status_code != 200:
            headers.setdefault("X-Robots-Tag", "noindex")
        return response
