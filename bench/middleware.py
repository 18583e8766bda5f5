"""Measure what each middleware adds to a public GET, in process: microseconds of processor time.

Usage: python bench/middleware.py [--rounds N] 2>/dev/null

Handlers with one middleware more each, from the outermost on, answer the same request in alternating turns; a row is
what the handler of this middleware takes above the one before it. The view sends 8 KB. The least of all rounds counts.
"""

import argparse
import io
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BATCH = 100


def environ():
    """Return the request: that of a reader without a session."""
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/bench/trivial/",
        "QUERY_STRING": "",
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


def handler_with(names):
    """Return Django as a WSGI application with these middlewares."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    settings.MIDDLEWARE = names
    return WSGIHandler()


def batch(handler):
    """Return microseconds of processor time for each of BATCH requests."""
    began = time.process_time()
    for _ in range(BATCH):
        said = []
        answer = handler(environ(), lambda status, headers, said=said: said.append(status))
        b"".join(answer)
        answer.close()
        assert said == ["200 OK"], said
    return (time.process_time() - began) / BATCH * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            DATABASE_URL=f"sqlite:///{folder}/empty.sqlite3",
            DJANGO_SETTINGS_MODULE="bench.settings",
            SECRET_KEY="a key for measuring alone, as long as a real one has to be",  # noqa: S106 (protects nothing)
            ALLOWED_HOSTS="127.0.0.1",
            SITE_URL="http://127.0.0.1:8000",
            STATIC_ROOT=f"{folder}/static",
            ENV_FILE="",
            DEBUG="off",
            ALPHANODE_PROCESS="web",
        )
        sys.path.insert(0, str(ROOT))
        import django
        from django.conf import settings
        from django.core.management import call_command

        django.setup()
        call_command("collectstatic", interactive=False, verbosity=0)
        names = list(settings.MIDDLEWARE)
        handlers = [handler_with(names[:at]) for at in range(len(names) + 1)]
        least = [float("inf")] * len(handlers)
        for _ in range(arguments.rounds):
            for at, handler in enumerate(handlers):
                least[at] = min(least[at], batch(handler))
    print(f"{'no middleware':45}{least[0]:8.1f} µs")
    for name, before, after in zip(names, least, least[1:], strict=False):
        print(f"{name.removeprefix('django.').rpartition('.')[2]:45}{after - before:+8.1f}")
    sys.path.insert(0, str(ROOT))
    from bench.goals import note

    figure = f"{least[-1] - least[0]:.0f} µs"
    # What Django takes for the view alone is the limit of the same run.
    note("all middleware", figure, ratio=(least[-1] - least[0]) / least[0], limit="x no middleware", most=1.7)
    print(f"{'all':45}{least[-1]:8.1f}   {least[-1] / least[0]:.1f} times the handler without any")


if __name__ == "__main__":
    main()
