"""Measure every page of the admin on the demo: milliseconds, processor time here and in PostgreSQL, and queries.

Usage: python bench/admin_pages.py [--visits N] [--only WORD,…] [--profile WORD] [--copies N]

The database is the one of DATABASE_URL if that is PostgreSQL (it gets the demo; use scripts/with_postgres.sh), else a
fresh SQLite file. See README.md beside this file.
"""

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.goals import note  # noqa: E402 (a script, from whatever folder)

# What a page of the admin may take, of processor time, which a busy machine changes least.
LIMIT_MS = 60
# Those that people see most.
GOALS_MS = {"index": 30, "posts_post_changelist": 35, "queue": 35, "review": 35, "posts_post_change": 45}


def database_work():
    """Return the milliseconds of processor time that the server's process for this connection has taken."""
    from django.db import connection

    if connection.vendor != "postgresql" or not Path("/proc").is_dir():
        return 0.0
    connection.ensure_connection()
    # In nanoseconds; the usual file of a process counts in hundredths of a second.
    return int(Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1e6


def visit(browser, address):
    """Return (status, content type, milliseconds, those of processor time here, and in the database) of one request."""
    began, worked, database = time.perf_counter(), time.process_time(), database_work()
    answer = browser.get(address)
    # As a server does: some answers are made while they are sent.
    b"".join(answer)
    wall, work = time.perf_counter() - began, time.process_time() - worked
    kind = answer.headers.get("Content-Type", "")
    return answer.status_code, kind, wall * 1000, work * 1000, database_work() - database


def measure(browser, pages, visits):
    """Print the best of `visits` for each page, slowest first.

    Pages are asked for in turn, so that noise meets all alike.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    shown = {}
    for name, address in pages.items():
        status, kind, *_ = visit(browser, address)
        if status == 200 and kind.startswith("text/html"):
            shown[name] = address
    taken = {name: [] for name in shown}
    for _ in range(visits):
        for name, address in shown.items():
            taken[name].append(visit(browser, address)[2:])
    queries = {}
    for name, address in shown.items():
        with CaptureQueriesContext(connection) as captured:
            browser.get(address)
        queries[name] = len(captured)
    best = {name: [min(column) for column in zip(*times, strict=True)] for name, times in taken.items()}
    work = {name: own + database for name, (_, own, database) in best.items()}
    print(
        f"{'page':34}{'ms':>8}{'CPU ms':>8}{'database':>9}{'together':>9}{'queries':>8}  load {os.getloadavg()[0]:.1f}"
    )
    for name in sorted(work, key=lambda name: -work[name]):
        wall, own, database = best[name]
        over = f"  > {LIMIT_MS}" if work[name] > LIMIT_MS else ""
        print(f"{name:34}{wall:8.1f}{own:8.1f}{database:9.1f}{work[name]:9.1f}{queries[name]:8}{over}")
        if name in GOALS_MS:
            figure = f"{work[name]:.1f} ms of processor time"
            note(f"admin: {name}", figure, ratio=work[name], limit="ms", most=GOALS_MS[name])
    print(
        f"{len(best)} pages, {sum(value > LIMIT_MS for value in work.values())} above {LIMIT_MS} ms of processor time"
    )


def profile(browser, address, visits):
    """Print where the time of a page goes."""
    for _ in range(2):
        visit(browser, address)
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(visits):
        visit(browser, address)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(90)


def be_measured(arguments):
    """Measure the site of this process's environment."""
    import django

    from alphanode import collector

    # As in a web process.
    collector.rest()
    django.setup()
    collector.resume()
    from django.contrib.auth.models import User
    from django.test import Client

    from tests.every_admin_page import every_admin_page

    # The demo's own accounts open nothing in production.
    person = User.objects.create_superuser("bench-superuser")
    browser = Client()
    browser.force_login(person)
    pages = every_admin_page(person)
    if arguments.only:
        pages = {name: at for name, at in pages.items() if any(word in name for word in arguments.only.split(","))}
    if arguments.profile:
        profile(browser, pages[arguments.profile], arguments.visits)
    else:
        measure(browser, pages, arguments.visits)
    if arguments.copies:
        from bench.multiplied import multiply

        began = time.perf_counter()
        print(f"{multiply(arguments.copies):,} posts, made in {time.perf_counter() - began:.0f} s", flush=True)
        measure(browser, pages, arguments.visits)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--only", default="", help="words that the names of pages must have")
    parser.add_argument("--profile", default="", help="the name of a page: print where its time goes")
    parser.add_argument(
        "--copies", type=int, default=0, help="on PostgreSQL: measure again with so many copies of each"
    )
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        be_measured(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "alphanode.settings",
            "ENV_FILE": "",
            "SECRET_KEY": "a key for measuring alone, as long as a real one has to be",
            "STATIC_ROOT": f"{folder}/static",
            "LOG_LEVEL": "ERROR",
            "SITE_URL": "http://testserver",
        }
        if not environment.get("DATABASE_URL", "").startswith("postgres"):
            environment["DATABASE_URL"] = f"sqlite:///{folder}/bench.sqlite3"
        # The demo has accounts with a known password, so it needs DEBUG. A worker stores results of checks.
        for command in (["migrate", "--verbosity=0"], ["demo"], ["run_worker", "--until-idle"]):
            run(["manage.py", *command], environment | {"DEBUG": "on"})
        # What a page costs in production; over http, so that no page is only a redirect.
        production = environment | {"DEBUG": "off", "ALLOWED_HOSTS": "testserver"}
        run(["manage.py", "collectstatic", "--no-input", "--verbosity=0"], production)
        run([__file__, "--measure", *sys.argv[1:]], production)


def run(command, environment):
    if subprocess.run([sys.executable, *command], cwd=ROOT, env=environment).returncode:
        sys.exit(f"{' '.join(command)} failed.")


if __name__ == "__main__":
    main()
