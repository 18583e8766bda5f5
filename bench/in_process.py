"""Requests to a WSGI application in this process, measured in batches. Nothing else runs between them."""

import io
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote, unquote

ROOT = Path(__file__).resolve().parent.parent
# Production settings without a file of the machine.
SITE = {
    "DJANGO_SETTINGS_MODULE": "bench.settings",
    "SECRET_KEY": "a key for measuring alone, as long as a real one has to be",
    "ALLOWED_HOSTS": "127.0.0.1",
    "SITE_URL": "http://127.0.0.1:8000",
    "ENV_FILE": "",
    "DEBUG": "off",
}


def environ(address):
    """Return a request for an address: that of a reader without a session."""
    path, _, query = address.partition("?")
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": unquote(path).encode().decode("latin-1"),
        "RAW_URI": quote(path),
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "text/html",
        "HTTP_ACCEPT_ENCODING": "br, gzip",
        "HTTP_USER_AGENT": "bench",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def get(application, address):
    """Ask a WSGI application for an address; return the bytes of the answer, which must be 200."""
    said = []
    answer = application(environ(address), lambda status, headers, error=None: said.append(status))
    size = sum(map(len, answer))
    # The page cache answers with a list.
    if hasattr(answer, "close"):
        answer.close()
    assert said[0].startswith("200"), (address, said)
    return size


def batch(ask, count):
    """Call ask() `count` times; return milliseconds of processor time and of the clock for one, and its last result."""
    worked, began = time.process_time(), time.perf_counter()
    for _ in range(count):
        result = ask()
    return (time.process_time() - worked) / count * 1000, (time.perf_counter() - began) / count * 1000, result


def use_settings(**more):
    """Make this process, and those that it starts, the web process of a site with these settings."""
    sys.path.insert(0, str(ROOT))
    os.environ.update(SITE, ALPHANODE_PROCESS="web", **more)
