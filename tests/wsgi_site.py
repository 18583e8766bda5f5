"""A site behind its page cache, asked in this process as a server would."""

import io
from dataclasses import dataclass

import brotli
from django.core.handlers.wsgi import WSGIHandler

from alphanode.with_page_cache import with_page_cache


class Clock:
    """A clock that tests move by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@dataclass
class Answer:
    status: int
    headers: dict  # names in small letters
    body: bytes

    @property
    def content(self):
        """The bytes of the page or picture, whatever encoding they came in."""
        return brotli.decompress(self.body) if self.headers.get("content-encoding") == "br" else self.body

    @property
    def text(self):
        return self.content.decode()

    @property
    def is_hit(self):
        return self.headers.get("cache-status", "").endswith("; hit")

    @property
    def is_stored(self):
        return self.headers.get("cache-status", "").endswith("; stored")


class WsgiSite:
    """site.get("/posts/x/", accept_encoding="br") → Answer. A WSGI application, this site's own by default."""

    def __init__(self, application=None, clock=None):
        self.clock = clock or Clock()
        self.application = application or with_page_cache(WSGIHandler(), clock=self.clock)

    def get(self, path, method="GET", host="testserver", **headers):
        """Ask for a path with its query; headers by their names in small letters with underscores."""
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": host,
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        } | {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        started = []
        parts = self.application(environ, lambda status, headers, error=None: started.append((status, headers)))
        body = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        if hits := getattr(self.application, "hits", None):
            # A thread would do it a moment later.
            hits.tell()
        ((status, sent),) = started
        names = [name.lower() for name, _ in sent]
        assert len(names) == len(set(names)), f"a header twice: {sorted(names)}"
        return Answer(int(status[:3]), {name.lower(): value for name, value in sent}, body)

    def later(self, seconds=0.5):
        """Let time pass; by default so much that the next request looks into the log of changes."""
        self.clock.now += seconds
        return self
