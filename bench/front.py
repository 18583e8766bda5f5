"""Measure nginx with kept pages before the site: an article beside a static file, and how soon a flag shows through it.

Usage: python bench/front.py [--seconds N] [--rounds N] [--flags N]

The configuration of nginx is the one of docs/scaling.md. See README.md beside this file.
"""

import argparse
import contextlib
import http.client
import itertools
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENT_SECONDS = 120
LINES = """
    keepalive_requests 1000000;
    {around}
    server {{
        listen 127.0.0.1:{port};
        {server}
        location /file/ {{ alias {folder}/file/; default_type text/html; add_header Content-Encoding br; }}
        location / {{ proxy_pass http://127.0.0.1:{site}; proxy_set_header Host $http_host; }}
    }}
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def documented_lines(pages):
    """Return what docs/scaling.md puts around the server, and into it. pages: the folder of kept pages."""
    text = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    block = textwrap.dedent(re.search(r"    # around the server\n((?:    .*\n)+)", text)[1])
    return block.replace("/var/cache/nginx/pages", str(pages)).partition("# in the server\n")[::2]


@contextlib.contextmanager
def running(*arguments, **environment):
    process = subprocess.Popen(
        [*map(str, arguments)], cwd=ROOT, env=os.environ | environment, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=PATIENT_SECONDS)


def asked(port, path):
    """Return (what nginx says of its cache, the body) of an article, compressed."""
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(server):
        server.request("GET", path, headers={"Accept-Encoding": "br"})
        answer = server.getresponse()
        return answer.headers.get("X-Cache"), answer.read()


def until(condition):
    """Wait until `condition()` is true; return the seconds that it took."""
    began = time.perf_counter()
    while time.perf_counter() < began + PATIENT_SECONDS:
        with contextlib.suppress(OSError):
            if condition():
                return time.perf_counter() - began
        time.sleep(0.02)
    raise SystemExit("waited in vain")


def fill(folder):
    """Make a site with a few released posts; return their slugs."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    from bench.fill import fill as fill_site
    from posts.models import Post

    fill_site(listed=60, waiting=6, texts=60, say=lambda line: None)
    return list(Post.objects.listed().order_by("pk").values_list("slug", flat=True))


def measure_rates(port, path, *, seconds, rounds):
    """Ask for the kept article and for the file in turns, and print the ratio."""
    from bench.load import run_load

    rates = {"kept article": [], "static file": []}
    for _ in range(rounds):
        for name, asked_for in (("kept article", path), ("static file", "/file/article")):
            rates[name].append(run_load(port, itertools.repeat(asked_for), seconds=seconds, encodings="br").rate)
    for name, found in rates.items():
        print(f"{name:28}{statistics.median(found):>10,.0f} /s   ({', '.join(f'{rate:,.0f}' for rate in found)})")
    ratios = [kept / static for kept, static in zip(*rates.values(), strict=True)]
    ratio = statistics.median(ratios)
    print(f"{'kept article / static file':28}{ratio:>10.2f}      goal 0.80: {'met' if ratio >= 0.8 else 'not met'}")


def measure_flags(port, slugs):
    """Flag one post after the other, and print how long nginx still showed it to search engines."""
    from django.contrib.auth.models import User

    from posts.models import Post
    from posts.operations import flag_post

    person = User.objects.create_superuser("flagger")
    found = []
    for slug in slugs:
        path = f"/posts/{slug}/"
        until(lambda path=path: asked(port, path)[0] == "HIT")
        before = asked(port, path)[1]
        flag_post(Post.objects.get(slug=slug), by=person, note="Look.")
        found.append(until(lambda path=path, before=before: asked(port, path)[1] != before))
    shown = f"{statistics.median(found):.2f} s, {max(found):.2f} s at most, of {len(found)}"
    print(f"{'a flag shows through nginx':28}{shown:>10}   goal 2 s: {'met' if max(found) <= 2 else 'not met'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (2)")
    parser.add_argument("--rounds", type=int, default=5, help="of article and file in turns (5)")
    parser.add_argument("--flags", type=int, default=20, help="posts to flag (20)")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from tests.own_nginx import MISSING, NGINX, nginx_command

    if NGINX is None:
        raise SystemExit(MISSING)
    with tempfile.TemporaryDirectory(prefix="alphanode-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        port, site, receiver = free_port(), free_port(), free_port()
        purging = secrets.token_urlsafe()
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "alphanode.settings", "DEBUG": "off", "ENV_FILE": "", "LOG_LEVEL": "ERROR",
            "SITE_URL": f"http://127.0.0.1:{port}", "ALLOWED_HOSTS": "127.0.0.1",
            "SECRET_KEY": secrets.token_urlsafe(50), "STATIC_ROOT": str(folder / "static"),
            "CDN_MAX_AGE": "86400", "CDN_PURGE_URL": f"http://127.0.0.1:{receiver}/", "CDN_PURGE_TOKEN": purging,
            "OUTGOING_NETWORKS": "127.0.0.0/8",
        }  # fmt: skip
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
        slugs = fill(folder)
        around, server = documented_lines(folder / "pages")
        lines = LINES.format(folder=folder, port=port, site=site, around=around, server=server)
        for part in ("pages", "file"):
            (folder / part).mkdir()
        site_command = ("-m", "gunicorn", "--no-control-socket", "--threads", "4", "--bind", f"127.0.0.1:{site}")
        with (
            running(sys.executable, *site_command, "alphanode.wsgi"),
            running(*nginx_command(folder, lines)),
            running(sys.executable, "deploy/nginx/purge.py", folder / "pages", receiver, PURGE_TOKEN=purging),
            running(sys.executable, "manage.py", "run_worker"),
        ):
            path = f"/posts/{slugs[0]}/"
            until(lambda: asked(port, path)[0] == "HIT")
            (folder / "file" / "article").write_bytes(asked(port, path)[1])
            print(
                f"Load at the start {os.getloadavg()[0]:.1f}; the article has {len(asked(port, path)[1]):,} bytes (br)"
            )
            measure_rates(port, path, seconds=options.seconds, rounds=options.rounds)
            measure_flags(port, slugs[1 : options.flags + 1])
            print(f"Load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
