"""The site, and a bare WSGI function on the same server."""

from alphanode.wsgi import application as site
from bench.urls import BODY

_BODY = BODY.encode()
_HEADERS = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(_BODY)))]


def application(environ, start_response):
    """Answer `/bench/bare/` with nothing but this function; everything else is the site's."""
    if environ["PATH_INFO"] == "/bench/bare/":
        start_response("200 OK", _HEADERS)
        return [_BODY]
    return site(environ, start_response)
