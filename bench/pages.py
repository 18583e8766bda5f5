"""Measure pages: requests a second, milliseconds and work, beside the same server with nothing to do.

Usage: scripts/with_postgres.sh --durable python bench/pages.py [--listed 25000,200000] [--seconds N] [--only WORD,…]
       [--explain] [--server gunicorn]

Fills a database of its own for each number of posts on the server of DATABASE_URL. See README.md beside this file.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.goals import note  # noqa: E402 (a script, from whatever folder)
from bench.load import UnexpectedAnswer, run_load  # noqa: E402 (as above)

WORKERS, THREADS = 2, 4
SERVERS = {
    "granian": ("deploy/serve.py", "bench.wsgi"),
    "gunicorn": (
        *("-m", "gunicorn", "--no-control-socket", "--workers", str(WORKERS), "--threads", str(THREADS)),
        *("--keep-alive", "60", "bench.wsgi"),
    ),
}
CONNECTIONS = 8
BARE, TRIVIAL = "bare WSGI function", "trivial Django view"
FROM_STORE = "article, from the store"
DEEP_PAGE = 5_000
# So long the background makes finished parts, and then finished pages, before the first row: some thousands, the newest
# first.
STORE_SECONDS = 90
# (row, what is compared, with which row, the most, the least): what `make bench` says at its end.
GOALS = (
    ("article, from the store", "rate", BARE, None, 0.4),
    ("article, kept", "rate", BARE, None, 0.8),
    ("list, first page, kept", "rate", BARE, None, 0.8),
    ("article, rendered", "web", TRIVIAL, 3, None),
    ("list, first page", "web", TRIVIAL, 4, None),
)
IMPORTED_MEANWHILE = 20_000


# Processor time of other processes


def _stat(pid):
    """Return (parent, seconds of work, seconds of work of its ended children) of a process, as Linux counts them."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / tick, (int(fields[13]) + int(fields[14])) / tick


def parent_of(pid):
    return _stat(pid)[0]


def work_of_family(pid):
    """Return the seconds of processor time of a process and all its children; None without /proc."""
    if not Path("/proc").is_dir():
        return None
    total = 0.0
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit():
                parent, own, ended = _stat(folder.name)
                if folder.name == str(pid):
                    total += own + ended
                elif parent == pid:
                    total += own
    return total


# The server


@contextlib.contextmanager
def serving(environment):
    """Run a server with production settings; yield (port, pid)."""
    from tests.ports import free_port

    port = free_port()
    bind = f"127.0.0.1:{port}"
    own = {"WEB_BIND": bind, "WEB_WORKERS": str(WORKERS), "WEB_THREADS": str(THREADS)}
    arguments = SERVERS[environment["BENCH_SERVER"]]
    server = subprocess.Popen(
        [sys.executable, *arguments, *(["--bind", bind] if "gunicorn" in arguments else [])],
        cwd=ROOT,
        env={**os.environ, **environment, **own},
        # As in production the site writes a line for each request; here it is discarded.
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            # An open port is not enough: connections wait there until a worker has loaded the site.
            with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60):
                break
            if server.poll() is not None:
                sys.exit("The server did not start; run this with LOG_LEVEL=DEBUG and bench.wsgi by hand to see why.")
            time.sleep(0.1)
        yield port, server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(40)


@dataclass
class Row:
    """One measurement.

    It has a name, a source of paths, whether the server caches pages, whether the client is signed in, the share of
    answers that must come from the page cache, and whether no path is asked for twice.
    """

    name: str
    find: Callable
    is_kept: bool = True
    is_signed_in: bool = False
    hits: float = 0.0
    is_once: bool = False
    paths: list = field(default_factory=list)


# Paths to request


def rows_of(listed):
    """Return the measurements in the order in which they are printed."""
    from django.urls import reverse

    from posts.models import Post, Term

    chance = random.Random(7)
    newest = Post.objects.listed().order_by("-first_published_at", "-pk")
    deep = min(DEEP_PAGE, listed // 24 - 1)

    def named(name, *arguments):
        return lambda: [reverse(name, args=arguments)]

    def articles():
        return [reverse("posts:detail", args=[slug]) for slug in newest.values_list("slug", flat=True)]

    def finished():
        from posts.models import FinishedArticle

        slugs = list(FinishedArticle.objects.values_list("post__slug", flat=True))
        return [reverse("posts:detail", args=[slug]) for slug in chance.sample(slugs, len(slugs))]

    def stored():
        from posts.models import StoredPage

        pages = StoredPage.objects.filter(is_stale=False, path__startswith="/posts/", path__endswith="/")
        found = list(pages.values_list("path", flat=True))
        return chance.sample(found, len(found))

    def deep_page():
        from posts.db.keyset import Cursor

        place = Cursor(newest.values_list("first_published_at", "pk")[deep * 24 - 1])
        return [f"{reverse('posts:articles')}?older={place}"]

    def stacks():
        terms = Term.objects.filter(kind=Term.Kind.STACK, listed_count__gt=0).order_by("-listed_count")
        return [term.get_absolute_url() for term in terms[:20]]

    return [
        Row(BARE, lambda: ["/bench/bare/"]),
        Row(TRIVIAL, lambda: ["/bench/trivial/"]),
        # No path twice, because the process would have it. This is also what a process does after its start.
        Row(FROM_STORE, stored, hits=0.98, is_once=True),
        Row("article, kept", lambda: articles()[:50], hits=0.98),
        Row("article, rendered", finished, is_kept=False, is_once=True),
        Row("list, first page", named("posts:articles"), is_kept=False),
        Row(f"list, page {deep:,}", deep_page, is_kept=False),
        Row("list of a stack", stacks, is_kept=False),
        Row("list, first page, kept", named("posts:articles"), hits=0.98),
        Row("search, two words", lambda: _searches(newest, chance), is_kept=False),
        Row("sitemap index", named("posts:sitemap"), is_kept=False),
        Row("sitemap of 10,000", named("posts:sitemap-articles", 0), is_kept=False),
        Row("feed", named("posts:feed"), is_kept=False),
        Row("home", named("posts:home"), is_kept=False),
        Row("desk: list of posts", named("admin:posts_post_changelist"), is_signed_in=True),
        Row("desk: queue", named("admin:queue"), is_signed_in=True),
    ]


def _searches(newest, chance):
    """Yield searches for two words of a title each."""
    from urllib.parse import urlencode

    from django.urls import reverse

    found = []
    for title in newest.values_list("title", flat=True)[:900]:
        words = [word for word in title.split() if word.isalpha() and len(word) > 3] or title.split()
        query = urlencode({"q": " ".join(chance.sample(words, min(2, len(words))))})
        found.append(f"{reverse('posts:search')}?{query}")
    return found


def session_cookie():
    """Return the cookie of a person who may see the whole admin."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User

    from posts.accounts.session_store import SessionStore

    name = "bench-superuser"
    person = User.objects.filter(username=name).first() or User.objects.create_superuser(name)
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


# Measuring


def measure(rows, environment, *, seconds, cookie, database_pid):
    """Measure the rows and print each result; return {name: result}."""
    figures = {}
    print(
        f"\n{'':24}{'requests/s':>11}{'p50':>8}{'p95':>8}{'p99 ms':>8}{'web':>8}{'database':>10}{'load ms':>9}"
        f"{'x bare':>9}{'x trivial':>10}"
    )
    other = {**environment, "PAGE_CACHE_MB": "0"}
    with serving(environment) as kept, serving(other) as unkept:
        for row in rows:
            port, pid = kept if row.is_kept else unkept
            paths = row.paths if row.is_once else itertools.cycle(row.paths)
            # The first requests of a process compile templates and open connections, and each process renders a page
            # once before it caches it. None of this is measured.
            aside = min(60, len(row.paths) // 4)
            warm = itertools.islice(iter(paths), 600) if not row.is_once else row.paths[-aside:]
            options = {"connections": CONNECTIONS, "cookie": cookie if row.is_signed_in else ""}
            run_load(port, warm, seconds=120, **options)
            before = work_of_family(pid), work_of_family(database_pid)
            load = run_load(port, iter(paths[:-aside] if row.is_once else paths), seconds=seconds, **options)
            after = work_of_family(pid), work_of_family(database_pid)
            count = len(load.times)
            web, database = (
                (now - then) / count * 1000 if then is not None else float("nan")
                for then, now in zip(before, after, strict=True)
            )
            if not row.hits <= load.hits / count or (row.hits == 0 and load.hits > count / 20):
                sys.exit(f"{row.name} is no measure: {load.hits:,} of {count:,} answers came out of the page cache.")
            figures[row.name] = {
                "rate": load.rate,
                "p50": load.percentile(0.5),
                "p95": load.percentile(0.95),
                "p99": load.percentile(0.99),
                "web": web,
                "database": database,
            }
            bare, trivial = (
                load.rate / figures[name]["rate"] if name in figures else float("nan") for name in (BARE, TRIVIAL)
            )
            print(
                f"{row.name:24}{load.rate:11,.0f}{load.percentile(0.5):8.1f}{load.percentile(0.95):8.1f}"
                f"{load.percentile(0.99):8.1f}{web:8.2f}{database:10.2f}{load.own_cpu_seconds / count * 1000:9.3f}"
                f"{bare:9.2f}{trivial:10.2f}",
                flush=True,
            )
    return figures


def measure_during_import(rows, environment, *, seconds, folder):
    """Measure page views while an import runs on the same machine."""
    from bench.fill import records

    path = Path(folder) / "meanwhile.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for record in records(IMPORTED_MEANWHILE, 1_000, first=9_000_000):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    print("\nWhile an import of more posts runs")
    with serving(environment) as (port, _):
        command = [sys.executable, "manage.py", "import_posts", str(path)]
        importing = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
        try:
            for row in rows:
                paths = row.paths if row.is_once else itertools.cycle(row.paths)
                load = run_load(port, iter(paths), seconds=seconds, connections=CONNECTIONS)
                runs = "" if importing.poll() is None else "   (the import had ended)"
                print(
                    f"{row.name:24}{load.rate:11,.0f}{load.percentile(0.5):8.1f}{load.percentile(0.95):8.1f}"
                    f"{load.percentile(0.99):8.1f}{runs}",
                    flush=True,
                )
        finally:
            importing.terminate()
            importing.wait()


def explain(rows, cookie):
    """Print each query of each page with the way the engine takes to answer it."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    for row in rows[2:]:
        browser = Client(SERVER_NAME="127.0.0.1", headers={"cookie": cookie} if row.is_signed_in else {})
        with CaptureQueriesContext(connection) as captured:
            browser.get(row.paths[0])
        print(f"\n{row.name}: {row.paths[0]}, {len(captured)} queries")
        for query in captured:
            sql = query["sql"]
            if not sql.startswith(("SELECT", "WITH")):
                continue
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN ANALYZE {sql.replace('%', '%%')}", [])
                plan = [line for (line,) in cursor.fetchall()]
            print("  " + sql[:100])
            for line in plan:
                if "Scan" in line or "Sort" in line or "Execution Time" in line:
                    print("    " + line.strip())


# One size after the other


@contextlib.contextmanager
def own_database(url, name, template="template1"):
    """Create a database on the server of `url`, as a copy of another one; yield its address."""
    import psycopg

    base = url.rpartition("/")[0]
    person, _, place = base.removeprefix("postgres://").partition("@/")
    with psycopg.connect(host=f"/{place.lstrip('/')}", user=person, dbname="postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield f"{base}/{name}"


def run_size(listed, arguments):
    """Fill and measure one size, in this process; print and return the figures."""
    import django
    from django.core.management import call_command
    from django.db import connection
    from django.urls import NoReverseMatch

    from bench.fill import fill

    django.setup()
    from posts.public.finish_articles import finish_articles
    from posts.public.stored_pages import store_pages

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    print(f"\n{listed:,} listed posts on {connection.display_name}")
    fill(listed=listed, waiting=max(200, listed // 10), texts=2_000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        database_pid = parent_of(cursor.fetchone()[0])
    cookie = session_cookie()
    print(f"finished parts of articles stored: {finish_articles(seconds=STORE_SECONDS):,} in {STORE_SECONDS} s")
    print(f"finished pages stored: {store_pages(seconds=STORE_SECONDS):,} in {STORE_SECONDS} s")
    rows = rows_of(listed)
    if arguments.only:
        words = arguments.only.split(",")
        rows = [row for row in rows if row.name in (BARE, TRIVIAL) or any(word in row.name for word in words)]
    for row in rows:
        try:
            row.paths = row.find()
        except (NoReverseMatch, ImportError) as error:
            sys.exit(f"{row.name} can't be measured: {error}")
    if arguments.explain:
        explain(rows, cookie)
    connection.close()
    print(f"server: {os.environ['BENCH_SERVER']}; load of the machine before: {os.getloadavg()[0]:.1f}")
    environment = {name: os.environ[name] for name in ENVIRONMENT}
    figures = measure(rows, environment, seconds=arguments.seconds, cookie=cookie, database_pid=database_pid)
    meanwhile = [row for row in rows if row.name in ("article, kept", "article, rendered", "list, first page, kept")]
    with tempfile.TemporaryDirectory() as folder:
        measure_during_import(meanwhile, environment, seconds=arguments.seconds, folder=folder)
    return figures


ENVIRONMENT = (
    "DATABASE_URL DJANGO_SETTINGS_MODULE SECRET_KEY ALLOWED_HOSTS STATIC_ROOT ENV_FILE DEBUG SITE_URL PAGE_CACHE_MB "
    "BENCH_SERVER"
).split()


def compare(small, large, sizes):
    """Print what becomes of each figure when the site grows."""
    print(f"\n{'':24}{sizes[0]:>12,}{sizes[1]:>12,}{'ratio':>8}   (requests/s){'p95':>12}{'p95 ms':>8}{'ratio':>8}")
    for name in [name for name in small if name in large]:
        before, after = small[name], large[name]
        print(
            f"{name:24}{before['rate']:12,.0f}{after['rate']:12,.0f}{after['rate'] / before['rate']:8.2f}"
            f"{before['p95']:27.1f}{after['p95']:8.1f}{after['p95'] / before['p95']:8.2f}"
        )
    if FROM_STORE in small and FROM_STORE in large:
        slow, fast = large[FROM_STORE]["p95"], small[FROM_STORE]["p95"]
        limit = f"x that of {sizes[0]:,}"
        note(f"{FROM_STORE}, p95 of {sizes[1]:,}", f"{slow:.1f} ms", ratio=slow / fast, limit=limit, most=1.1)


def note_goals(figures):
    """Note the rows that have a goal."""
    for name, figure, limit, most, least in GOALS:
        if name in figures:
            value = figures[name][figure]
            words = f"{value:,.0f}/s" if figure == "rate" else f"{value:.2f} ms of processor time"
            note(name, words, ratio=value / figures[limit][figure], limit=f"x {limit}", most=most, least=least)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listed", default="25000", help="numbers of listed posts, with commas between")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each row")
    parser.add_argument("--only", default="", help="words that the names of rows must have")
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--server", choices=SERVERS, default="granian")
    parser.add_argument("--figures", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.figures:
        figures = run_size(int(arguments.listed), arguments)
        Path(arguments.figures).write_text(json.dumps(figures))
        return
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        sys.exit("DATABASE_URL names no PostgreSQL: scripts/with_postgres.sh --durable python bench/pages.py")
    sizes = [int(size) for size in arguments.listed.split(",")]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            with own_database(url, f"bench_{size}") as own:
                environment = {
                    **os.environ,
                    "DATABASE_URL": own,
                    "DJANGO_SETTINGS_MODULE": "bench.settings",
                    "SECRET_KEY": "a key for measuring alone, as long as a real one has to be",
                    "ALLOWED_HOSTS": "127.0.0.1",
                    # What workers store belongs to one SITE_URL. Servers have other ports.
                    "SITE_URL": "http://127.0.0.1:8000",
                    "BENCH_SERVER": arguments.server,
                    "STATIC_ROOT": f"{folder}/static",
                    "ENV_FILE": "",
                    "DEBUG": "off",
                    "PAGE_CACHE_MB": "64",
                }
                command = [sys.executable, __file__, "--listed", str(size), "--seconds", str(arguments.seconds)]
                command += ["--only", arguments.only, "--figures", f"{folder}/{size}.json"]
                command += ["--explain"] if arguments.explain else []
                # A process for each size, because Django keeps its database.
                if subprocess.run(command, env=environment).returncode:
                    sys.exit(f"Measuring {size:,} posts did not come to its end.")
                found.append(json.loads(Path(f"{folder}/{size}.json").read_text()))
    note_goals(found[0])
    if len(found) == 2:
        compare(*found, sizes)


if __name__ == "__main__":
    try:
        main()
    except UnexpectedAnswer as error:
        sys.exit(f"This is no measure: {error}")
