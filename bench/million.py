"""Measure a site with a million posts beside one with 25,000, through the servers that docs/scaling.md describes.

Usage: python bench/million.py [--base N] [--small N] [--large N] [--requests N] [--filled URL]
       [--without-replica]

A PostgreSQL with a replica, Redis, and for each size two web processes and one that keeps pages, behind nginx. It needs
PostgreSQL, nginx and Redis, and about 33 kB of disk for each post, twice. See README.md beside this file.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# What a page may take of a million posts, as a multiple of what it takes of 25,000.
MOST = 1.25
# The same for an article from the store, and how many more of them are asked for: each takes two milliseconds.
MOST_STORED, MORE_STORED = 1.1, 5
FILES = 4
APPROVED = 0.3
IMPORTED = 1_000
SAMPLE = 100
WARM = 5
NGINX_SITE = """
    upstream site{port} {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://site{port};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $http_x_reader;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
"""
FROM_STORE = "article, from the store"
WORST = ("search, many words", "search, no hit, misspelled", "search, letters of all scripts")
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "alphanode.settings",
    "ENV_FILE": "",
    "SECRET_KEY": "a key for measuring alone, as long as a real one has to be",
    "ALLOWED_HOSTS": "127.0.0.1",
    "SITE_URL": "http://127.0.0.1",
    "LOG_LEVEL": "ERROR",
    "PYTHONUTF8": "1",
}


def said(words):
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)


# In a process of its own for each database, because Django keeps one


def make_base(count):
    """Fill an empty database: files through the import, approvals in sets, jobs by a worker."""
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.utils import timezone

    from bench.fill import records, release_all
    from posts.models import ImportBatch, StaleNeighbours
    from posts.related.related_posts import mark_all_stale

    call_command("migrate", verbosity=0)
    reviewer = User.objects.create_user("bench-reviewer", is_staff=True)
    reviewer.groups.add(Group.objects.get(name="Reviewers"))
    for number in range(FILES):
        path = Path(os.environ["MILLION_FOLDER"]) / f"posts-{number + 1}.jsonl"
        _write(path, records(count // FILES, count // FILES, first=number * (count // FILES)))
        call_command("import_posts", str(path), verbosity=0, stdout=io.StringIO())
    said(f"{count:,} posts imported from {FILES} files by import_posts")
    done = release_all(reviewer, timezone.now(), most=int(count * APPROVED))
    said(f"{done:,} of them approved and released, written in sets")
    StaleNeighbours.objects.all().delete()
    mark_all_stale()
    call_command("run_worker", until_idle=True, verbosity=0)
    said("checks, near-duplicates, related posts, ranking, links and counts worked off by a worker")
    assert ImportBatch.objects.count() == FILES


def _write(path, records):
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def multiply_base(copies):
    """Multiply the posts of a database by SQL, and count what jobs count of all posts."""
    from django.db import connection

    from bench.multiplied import multiply
    from posts.listing.image_stats import store_image_stats
    from posts.listing.site_stats import store_site_stats
    from posts.models import ListedText, Post
    from posts.review_queue.days import count_days
    from posts.review_queue.ranking import _count_choices

    began = time.perf_counter()
    base = Post.objects.count()
    # Releases of the originals are a minute apart.
    count = multiply(copies, hours_apart=max(1, round(base * APPROVED / 60)))
    store_site_stats()
    store_image_stats()
    count_days()
    _count_choices()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT pg_database_size(current_database())")
        octets = cursor.fetchone()[0]
    listed = ListedText.objects.count()
    said(
        f"{count:,} posts, {listed:,} of them listed: {copies:,} copies of each of {base:,} by SQL in "
        f"{time.perf_counter() - began:.0f} s; {octets / count / 1000:.1f} kB on disk for each post"
    )


def find_paths(requests):
    """Print as JSON {row: paths} and the cookie of a person who may see the whole admin."""
    from bench.pages import session_cookie

    chance = random.Random(7)
    print(json.dumps({"public": _public(chance, requests), "desk": _desk(chance), "cookie": session_cookie()}))


def _some(chance, rows, count):
    return chance.sample(rows, min(count, len(rows)))


def _public(chance, requests):
    from urllib.parse import urlencode

    from django.urls import reverse

    from posts.db.keyset import Cursor
    from posts.models import ListedText, Post, Term
    from tests.costly_requests import worst_requests

    newest = ListedText.objects.order_by("-published_at", "-post")
    numbers = list(newest.values_list("post", flat=True))
    # From all over the site.
    chosen = _some(chance, numbers, MORE_STORED * requests + WARM)
    listed = list(Post.objects.filter(pk__in=chosen).values_list("slug", "title"))
    chance.shuffle(listed)
    slugs = [slug for slug, _ in listed]
    places = [newest.values_list("published_at", "post")[at] for at in _some(chance, range(24, len(numbers)), 20)]
    terms = list(Term.objects.filter(kind__in=("stack", "tool"), listed_count__gt=0).order_by("-listed_count")[:10])
    files = sorted({pk // 1_000 for pk in numbers})
    searches = []
    for _, title in listed:
        words = [word for word in title.split() if word.isalpha() and len(word) > 3] or title.split()
        searches.append(f"{reverse('posts:search')}?{urlencode({'q': ' '.join(_some(chance, words, 2))})}")
    return {
        "article": [reverse("posts:detail", args=[slug]) for slug in slugs],
        "list, first page": [reverse("posts:articles")],
        "list, deep page": [f"{reverse('posts:articles')}?older={Cursor(place)}" for place in places],
        "search, two words": searches,
        "search, worst requests": [path for name, path in worst_requests(slugs[0], {}) if name in WORST],
        "list of a stack or tool": [term.get_absolute_url() for term in terms],
        "list of a stack, deep page": [f"{term.get_absolute_url()}?older={Cursor(places[0])}" for term in terms],
        "home": [reverse("posts:home")],
        "sitemap index": [reverse("posts:sitemap")],
        "sitemap file": [reverse("posts:sitemap-articles", args=[file]) for file in _some(chance, files, 5)],
        "feed": [reverse("posts:feed")],
        "API, list": [f"/api/posts/?limit=50&cursor={Cursor(place)}" for place in places],
        "API, post": [f"/api/posts/{slug}/" for slug in slugs],
    }


def _desk(chance):
    from urllib.parse import urlencode

    from django.urls import reverse

    from posts.models import Post, QueueEntry, Term

    stacks = Term.objects.filter(kind="stack").order_by("-listed_count").values_list("name", flat=True)[:3]
    waiting = list(QueueEntry.objects.order_by("-points", "waiting_since", "post").values_list("pk", flat=True)[:200])
    posts = list(Post.objects.order_by("-pk").values_list("pk", flat=True)[:200])
    changelist = reverse("admin:posts_post_changelist")
    filters = {
        "in a state": {"place": ("live", "waiting", "open")},
        "with a status": {"status": ("approved", "rejected", "in_review")},
        "of a difficulty": {"difficulty": ("intermediate", "expert")},
    }
    return {
        "desk: dashboard": [reverse("admin:index")],
        "desk: queue": [reverse("admin:queue")],
        "desk: queue of a stack": [f"{reverse('admin:queue')}?{urlencode({'stack': name})}" for name in stacks],
        "desk: review screen": [reverse("admin:review", args=[pk]) for pk in _some(chance, waiting, 20)],
        "desk: list of posts": [changelist],
        **{
            f"desk: posts {words}": [f"{changelist}?{name}={value}" for value in values]
            for words, chosen in filters.items()
            for name, values in chosen.items()
        },
        "desk: form of a post": [reverse("admin:posts_post_change", args=[pk]) for pk in _some(chance, posts, 20)],
        "desk: audit trail": [reverse("admin:posts_auditentry_changelist")],
    }


def in_process(act, database, *arguments, **environment):
    """Carry out one of the acts above on a database; return what it printed."""
    ended = subprocess.run(
        [sys.executable, __file__, "--act", act, *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **SETTINGS, **environment, "DATABASE_URL": database}, text=True, check=False,
        stdout=subprocess.PIPE if act == "find_paths" else None,
    )  # fmt: skip
    if ended.returncode:
        sys.exit(f"{act} did not come to its end.")
    return ended.stdout


def manage(database, *arguments, may_fail=False):
    """Run manage.py; return (seconds, what it printed)."""
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)], cwd=ROOT, env={**os.environ, **SETTINGS, "DATABASE_URL":
        database}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode and not may_fail:
        sys.exit(f"manage.py {' '.join(map(str, arguments))}: {ended.stdout[-500:]}{ended.stderr[-1500:]}")
    return time.perf_counter() - began, ended.stdout + ended.stderr


# The servers


@contextlib.contextmanager
def serving(folder, databases, replicas, redis_url):
    """Serve each database by two web processes and one that keeps pages; yield ([port], [port of kept pages])."""
    from tests.own_nginx import nginx_command
    from tests.ports import free_port

    with contextlib.ExitStack() as stack:
        sites, ports = [], []
        for number, (database, replica) in enumerate(zip(databases, replicas, strict=True)):
            common = {
                "DATABASE_URL": database,
                "DATABASE_REPLICA_URLS": replica,
                "BEHIND_PROXY": "on",
                "STATIC_ROOT": f"{folder}/static",
            }
            unkept = [_web(stack, common | {"PAGE_CACHE_MB": "0"}) for _ in range(2)]
            kept = [_web(stack, common | {"CACHE_URL": f"{redis_url.rpartition('/')[0]}/{number}"})]
            for servers in (unkept, kept):
                ports.append(free_port())
                upstream = " ".join(f"server 127.0.0.1:{port};" for port in servers)
                sites.append(NGINX_SITE.format(port=ports[-1], servers=upstream))
        _start(stack, *nginx_command(folder, "".join(sites)))
        for port in ports:
            _wait_for(port)
        yield ports[0::2], ports[1::2]


def _web(stack, environment):
    from tests.ports import free_port

    port = free_port()
    gunicorn = ("-m", "gunicorn", "--no-control-socket", "--threads", "4", "--keep-alive", "60", "alphanode.wsgi")
    _start(stack, sys.executable, *gunicorn, "--bind", f"127.0.0.1:{port}", **environment)
    return port


def _start(stack, *command, **environment):
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **SETTINGS, **environment}, stderr=subprocess.DEVNULL
    )
    stack.callback(process.wait, 60)
    stack.callback(process.terminate)


def _wait_for(port):
    for _ in range(600):
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask(port, "/")[0] == 200:
                return
        time.sleep(0.1)
    sys.exit("A web process does not answer.")


def ask(port, path, cookie=""):
    """Return (status, milliseconds, Cache-Status) of one request."""
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(server):
        server.connect()
        began = time.perf_counter()
        # Readers of different networks: one alone can't search as often as is measured.
        reader = ".".join(str(random.randrange(1, 250)) for _ in range(4))
        server.request("GET", path, headers={"Cookie": cookie, "Accept-Encoding": "br, gzip", "X-Reader": reader})
        answer = server.getresponse()
        answer.read()
        return answer.status, (time.perf_counter() - began) * 1000, answer.headers["Cache-Status"] or ""


# Measuring


class Table:
    """The rows of the result."""

    def __init__(self):
        self.missed = []
        print(f"\n{'p95 in milliseconds':38}{'small':>10}{'large':>10}{'ratio':>8}  goal", flush=True)

    def add(self, name, small, large, note="", goal=MOST):
        ratio = large / small
        is_met = ratio <= goal
        if not is_met:
            self.missed.append(name)
        print(
            f"{name:38}{small:10.1f}{large:10.1f}{ratio:8.2f}  {goal:4} {'met' if is_met else 'NOT MET'} {note}",
            flush=True,
        )


def percentile(times, part=0.95):
    return sorted(times)[min(len(times) - 1, int(part * len(times)))]


def measure_pages(table, ports, kept_ports, found, counts, requests, only):
    """Ask both sizes for each page in turn, so that noise meets both alike."""
    rows = [(name, name, ports, "public", "") for name in found[0]["public"]]
    rows += [(name, name, ports, "desk", "") for name in found[0]["desk"]]
    # Each once, and then the same ones again: the web process keeps what it has read.
    rows += [(name, "article", kept_ports, "public", "; hit") for name in (FROM_STORE, "article, kept")]
    rows = [row for row in rows if any(word in row[0] for word in only.split(","))]
    for name, kind, at, part, cache_status in rows:
        times = [[], []]
        for number in range(-WARM, requests * (MORE_STORED if cache_status else 1)):
            for size in (0, 1):
                paths = found[size][part][kind]
                path = paths[(number + WARM) % len(paths)]
                cookie = found[size]["cookie"] if part == "desk" else ""
                status, took, said_of_cache = ask(at[size], path, cookie)
                if status != 200 or cache_status not in said_of_cache:
                    said(f"{path} answers {status} {said_of_cache}, with {counts[size]:,} posts.")
                    table.missed.append(name)
                if number >= 0:
                    times[size].append(took)
        table.add(name, *map(percentile, times), goal=MOST_STORED if name == FROM_STORE else MOST)


def measure_acts(table, databases, counts, folder):
    """Import and take back the same posts at both sizes; audit both."""
    from bench.fill import records

    path = folder / "more.jsonl"
    _write(path, records(IMPORTED, IMPORTED, first=8_000_000))
    took = {act: [[], []] for act in ("import", "roll back")}
    for _ in range(2):
        for size, database in enumerate(databases):
            seconds, _ = manage(database, "import_posts", path)
            took["import"][size].append(seconds)
            _, words = manage(database, "shell", "-v0", "-c", "from posts.models import ImportBatch as B; "
                              "print('batch', B.objects.order_by('-pk')[0].pk)")  # fmt: skip
            batch = re.search(r"batch (\d+)", words)[1]
            seconds, _ = manage(database, "roll_back_import", batch)
            took["roll back"][size].append(seconds)
    for act, (small, large) in took.items():
        table.add(f"{act} 1,000 posts, whole command, s", min(small), min(large))
    print("\nThese read every post or entry, so their time grows with them. Compared is the time of a thousand.")
    table = Table()
    small, large = (manage(database, "audit_indexing", "--sample", SAMPLE)[0] for database in databases)
    note = f"(whole: {small:.0f} s and {large:.0f} s)"
    table.add("audit_indexing, ms of 1,000 posts", small * 1e6 / counts[0], large * 1e6 / counts[1], note)
    entries = []
    for database in databases:
        manage(database, "verify_audit")
        seconds, words = manage(database, "verify_audit")
        entries.append((seconds, int(re.search(r"([\d,]+) entries", words)[1].replace(",", ""))))
    (small, few), (large, many) = entries
    note = f"(whole: {few:,} in {small:.0f} s, {many:,} in {large:.0f} s)"
    table.add("verify_audit, ms of 1,000 entries", small * 1e6 / few, large * 1e6 / many, note)


def run(arguments, folder):
    """Fill, serve, measure."""
    from bench.pages import own_database
    from tests.own_postgres import OwnPostgres, own_postgres
    from tests.own_redis import own_redis
    from tests.own_replicas import own_replica

    counts = [arguments.small, arguments.large]
    with contextlib.ExitStack() as stack:
        server = OwnPostgres(arguments.filled) if arguments.filled else stack.enter_context(own_postgres())
        base = server.url
        databases = [f"{base.rpartition('/')[0]}/posts_{count}" for count in counts]
        manage(base, "collectstatic", "--no-input", "--verbosity", "0")
        if not arguments.filled:
            in_process("make_base", base, arguments.base, MILLION_FOLDER=str(folder))
            for count, database in zip(counts, databases, strict=True):
                stack.enter_context(own_database(base, f"posts_{count}", template="alphanode"))
                in_process("multiply_base", database, max(1, count // arguments.base - 1))
        replica = None
        if not arguments.without_replica:
            replica = stack.enter_context(own_replica(server))
            said("the replica has followed")
        redis = stack.enter_context(own_redis(folder))
        found = [json.loads(in_process("find_paths", database, arguments.requests)) for database in databases]
        replicas = [
            f"{replica.url.rpartition('/')[0]}/{database.rpartition('/')[2]}" if replica else ""
            for database in databases
        ]
        with serving(folder, databases, replicas, redis.url) as (ports, kept_ports):
            said(f"serving; load of the machine {os.getloadavg()[0]:.1f}")
            table = Table()
            measure_pages(table, ports, kept_ports, found, counts, arguments.requests, arguments.only)
            measure_acts(table, databases, counts, folder)
        said(f"load of the machine {os.getloadavg()[0]:.1f}")
        print(f"\nNot met: {', '.join(table.missed) or 'none'}.")


ACTS = {"make_base": make_base, "multiply_base": multiply_base, "find_paths": find_paths}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=int, default=5_000, help="posts that are imported; the others are copies")
    parser.add_argument("--small", type=int, default=25_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="words of which the names of pages must have one")
    parser.add_argument("--without-replica", action="store_true", help="takes half of the disk")
    parser.add_argument("--filled", default="", help="the DATABASE_URL of a server that has both sizes already")
    parser.add_argument("--requests", type=int, default=60, help="for each page and size")
    parser.add_argument("--act", choices=ACTS, help=argparse.SUPPRESS)
    parser.add_argument("number", type=int, nargs="?", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.act:
        import django

        django.setup()
        ACTS[arguments.act](arguments.number)
        return
    from tests.own_nginx import NGINX

    if not NGINX or not shutil.which("redis-server"):
        sys.exit("nginx or redis-server is missing. On Debian and Ubuntu: apt-get install nginx redis-server")
    folder = Path(tempfile.mkdtemp(prefix="alphanode-million."))
    folder.chmod(0o755)
    # The servers of the tests need settings of some site.
    os.environ |= SETTINGS | {"STATIC_ROOT": f"{folder}/static", "DATABASE_URL": f"sqlite:///{folder}/none"}
    import django

    django.setup()
    try:
        run(arguments, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
