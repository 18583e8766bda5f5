"""Measure how fast a web process starts and how much memory processes use: on SQLite, or with DATABASE_URL PostgreSQL.

Usage: python bench/processes.py [--requests N] [--posts N]

A worker does what waits. Then a server with one web process is started several times: from its start to its first
article, the least counts. At last it answers mixed requests. Memory is what is resident (VmRSS), also at its peak.
"""

import argparse
import http.client
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.goals import note  # noqa: E402 (a script, from whatever folder)
from bench.load import run_load  # noqa: E402

STARTS = 5
# Of ten requests: what readers ask for, each without a page cache that would answer everything from memory at once.
MIX = ("article",) * 5 + ("record", "list", "search", "stack", "feed")


def resident(pid, name="VmRSS"):
    """Return the megabytes that a process has in memory, or had at its peak (VmHWM)."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def processor_seconds(pid):
    """Return the seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    """Return the processes that a process started and that run Python."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()]


@contextmanager
def server(environment, slug):
    """Run the server with one web process; yield (port, pid of the web process, seconds to the first article).

    The seconds are a pair: on the clock, and of processor time.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = environment | {"WEB_BIND": f"127.0.0.1:{port}", "WEB_WORKERS": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "deploy/serve.py"], cwd=ROOT, env={**os.environ, **own}, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            with suppress(OSError):
                asked = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                asked.request("GET", f"/posts/{slug}/")
                answer = asked.getresponse()
                assert answer.status == 200, answer.status
                answer.read()
                break
            if process.poll() is not None:
                sys.exit("The server did not start.")
            time.sleep(0.01)
        took = time.perf_counter() - began
        child = children(process.pid)[-1]
        yield port, child, (took, processor_seconds(process.pid) + processor_seconds(child))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def mixed(slugs, chance):
    """Yield addresses as readers ask for them, without end."""
    from posts.models import Term

    stacks = [term.get_absolute_url() for term in Term.objects.with_list().filter(kind=Term.Kind.STACK)[:20]]
    words = ["cache", "queue", "token", "index", "retry", "schema", "worker", "page"]
    for kind in itertools.cycle(MIX):
        slug = chance.choice(slugs)
        yield {
            "article": f"/posts/{slug}/",
            "record": f"/posts/{slug}.json",
            "list": "/articles/",
            "search": f"/search/?q={chance.choice(words)}+{chance.choice(words)}",
            "stack": chance.choice(stacks),
            "feed": "/feed/",
        }[kind]


def measure(environment, count):
    """Print and note the three figures."""
    from django.db import connections

    from posts.models import Post

    slugs = list(Post.objects.listed().order_by("pk").values_list("slug", flat=True)[:2_000])
    chance = random.Random(7)
    paths = list(itertools.islice(mixed(slugs, chance), count))
    connections.close_all()
    # First, as on a site: what a worker has rendered and stored, no web process renders again.
    command = [sys.executable, "manage.py", "run_worker", "--until-idle"]
    worker = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    highest = 0.0
    while worker.poll() is None:
        with suppress(OSError):
            highest = max(highest, resident(worker.pid, "VmHWM"))
        time.sleep(0.2)
    starts = []
    for _ in range(STARTS):
        with server(environment, slugs[0]) as (_, _, took):
            starts.append(took)
    with server(environment, slugs[0]) as (port, pid, _):
        fresh = resident(pid)
        run_load(port, iter(paths), seconds=3_600)
        web, peak = resident(pid), resident(pid, "VmHWM")
    took, taken = min(starts)
    listed = ", ".join(f"{seconds:.2f}" for seconds, _ in starts)
    print(f"start to the first article: {took:.2f} s, {taken:.2f} s of processor time (all: {listed})")
    print(f"web process: {fresh:.0f} MB fresh, {web:.0f} MB after {count:,} mixed requests, peak {peak:.0f} MB")
    print(f"worker: peak {highest:.0f} MB")
    note("start to first answer", f"{took:.2f} s", ratio=took, limit="s", most=1.5)
    note(f"web process after {count:,} requests", f"{web:.0f} MB", ratio=web, limit="MB", most=120)
    note("worker, peak", f"{highest:.0f} MB", ratio=highest, limit="MB", most=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--posts", type=int, default=300, help="listed posts (300)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alphanode-bench-") as folder:
        environment = {
            "DATABASE_URL": os.environ.get("DATABASE_URL") or f"sqlite:///{folder}/site.sqlite3",
            "DJANGO_SETTINGS_MODULE": "alphanode.settings",
            "SECRET_KEY": "a key for measuring alone, as long as a real one has to be",
            "ALLOWED_HOSTS": "127.0.0.1",
            "SITE_URL": "http://127.0.0.1",
            "STATIC_ROOT": f"{folder}/static",
            "METRICS_DIR": f"{folder}/metrics",
            "METRICS_TOKEN": "a-token-for-measuring-alone",
            "ENV_FILE": "",
            "DEBUG": "off",
        }
        os.environ |= environment
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        from bench.fill import fill

        fill(listed=arguments.posts, waiting=arguments.posts // 10, texts=arguments.posts, say=lambda line: None)
        measure(environment, arguments.requests)


if __name__ == "__main__":
    main()
