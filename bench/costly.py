"""Measure every public address with its worst parameters on a site with 20,000 listed posts.

Usage: python bench/costly.py [--listed N] [--most MILLISECONDS]

Fills a database of its own on the server of DATABASE_URL, or a file of SQLite. An answer takes at most --most (300)
milliseconds, the median of five without the page cache, or is a refusal; otherwise the run ends with an error.
"""

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
VISITS = 5


def measure(addresses, connection):
    """Return [(name, status, median milliseconds, worst, median of this process's own work, queries)] of addresses."""
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    rows = []
    for name, address in addresses:
        client = Client()
        client.raise_request_exception = False
        times, works = [], []
        for _ in range(VISITS):
            began, worked = time.perf_counter(), time.process_time()
            answer = client.get(address)
            b"".join(answer)
            times.append((time.perf_counter() - began) * 1000)
            works.append((time.process_time() - worked) * 1000)
        with CaptureQueriesContext(connection) as asked:
            b"".join(client.get(address))
        found = statistics.median(times), max(times), statistics.median(works)
        rows.append((name, answer.status_code, *found, len(asked)))
    return rows


def main():
    """Fill a site, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listed", type=int, default=20_000)
    parser.add_argument("--most", type=float, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/costly.sqlite3")
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connection

        from bench.fill import fill
        from posts.models import ListedText, Term
        from tests.costly_requests import worst_requests

        settings.DEBUG = False
        settings.ALLOWED_HOSTS = ["testserver"]
        logging.getLogger("alphanode.request").disabled = True
        call_command("migrate", verbosity=0)
        fill(listed=options.listed, waiting=100, texts=min(2000, options.listed))
        slug = ListedText.objects.select_related("post").order_by("pk")[options.listed // 2].post.slug
        terms = {Term.PLURALS[term.kind]: term.slug for term in Term.objects.order_by("listed_count") if term.slug}
        rows = measure(list(worst_requests(slug, terms)), connection)
    print(
        f"{options.listed:,} listed posts on {connection.vendor}, {VISITS} visits each; load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'address':32} {'status':>6} {'median ms':>10} {'worst ms':>9} {'work ms':>8} {'queries':>8}")
    for name, status, median, worst, work, queries in rows:
        print(f"{name:32} {status:6} {median:10.1f} {worst:9.1f} {work:8.1f} {queries:8}")
    slow = [name for name, status, median, *_ in rows if status < 400 and median > options.most]
    print(f"Over {options.most:g} ms: {', '.join(slow) or 'none'}.")
    return bool(slow)


if __name__ == "__main__":
    sys.exit(main())
