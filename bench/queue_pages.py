"""Measure the pages of the admin with a large number of pending posts.

Usage: python bench/queue_pages.py [--count N] [--visits N] [--explain]

The database is the one of DATABASE_URL if that is PostgreSQL (it is filled; use scripts/with_postgres.sh), else a
fresh SQLite file. See README.md beside this file.
"""

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SET = 5_000
ZEROS = "0" * 64
NUMBERS = "WITH RECURSIVE numbers(i) AS (SELECT CAST(%s AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i < %s) "
TEXT = "Four workers are busy, and two of them are busy with the same receipt. " * 20
REASONS = '[{"code":"source","points":50,"detail":""},{"code":"code","points":30,"detail":"2 times"}]'
# i → a risk reason: every post has one or two, with points that spread them over the queue.
CODES = ("source", "origin", "twin", "check", "code", "claims", "images", "reports")


def number(low, prime):
    """Return SQL for a pseudo-random number from 0 to below `low`."""
    return f"((i * {prime}) %% {low})"


FILL = (
    (
        "posts_post",
        "id, source_id, slug, title, title_key, body, stack, generator, head_revision_id, awaits_review, "
        "first_batch_id, last_batch_id",
        "i, 'bench-' || CAST(i AS TEXT), 'bench-' || CAST(i AS TEXT), 'Draining workers, part ' || CAST(i AS TEXT), "
        f"'draining workers, part ' || CAST(i AS TEXT), '{TEXT}', '[\"Go services\"]', "
        f"'generator ' || CAST({number(7, 31)} AS TEXT), NULL, TRUE, 1, 1",
    ),
    (
        "posts_revision",
        "id, post_id, number, version, snapshot, fingerprint, status",
        f"i, i, 1, '1.0.0', '{{\"title\":\"Draining\",\"body\":\"{TEXT}\"}}', {{fingerprint}}, 'drafted'",
    ),
    (
        "posts_queueentry",
        "post_id, fingerprint, points, text_points, reasons, waiting_since, status, version, stack, words, generator, "
        "batch_id, is_complete",
        f"i, {{fingerprint}}, {number(240, 7919)}, {number(240, 7919)}, "
        f"'{REASONS}', "
        f"%s, 'drafted', '1.0.0', '[\"Go services\"]', 700, 'generator ' || CAST({number(7, 31)} AS TEXT), 1, TRUE",
    ),
    (
        "posts_queuelabel",
        "kind, name, entry_id",
        "'reason', CASE " + " ".join(f"WHEN i %% 8 = {at} THEN '{code}'" for at, code in enumerate(CODES)) + " END, i",
    ),
    (
        "posts_queuelabel",
        "kind, name, entry_id",
        f"'stack', 'stack ' || CAST({number(300, 104_729)} AS TEXT), i",
    ),
)  # fmt: skip


def fill(count, connection, now):
    """Put `count` waiting posts with their entries and labels into an empty site, in sets of SET."""
    from django.db import transaction

    fingerprint = f"substr('{ZEROS}', 1, 64 - length(CAST(i AS TEXT))) || CAST(i AS TEXT)"
    with connection.cursor() as cursor:
        for first in range(1, count + 1, SET):
            last = min(count, first + SET - 1)
            since = connection.ops.adapt_datetimefield_value(now - timedelta(hours=first / 2000))
            with transaction.atomic():
                for table, columns, values in FILL:
                    into = f"INSERT INTO {table} ({columns}) "
                    chosen = f"SELECT {values.replace('{fingerprint}', fingerprint)} FROM numbers"
                    # Each engine needs the numbers in another place of the statement.
                    sql = into + NUMBERS + chosen if connection.vendor == "sqlite" else NUMBERS + into + chosen
                    cursor.execute(sql, [first, last, since] if "%s" in values else [first, last])
                cursor.execute("UPDATE posts_post SET head_revision_id = id WHERE id BETWEEN %s AND %s", [first, last])
        cursor.execute("ANALYZE")


def pages(connection):
    """Return {name: address} of what is measured."""
    from django.urls import reverse

    from posts.models import QueueEntry
    from posts.review_queue.order import ORDER

    queue, total = reverse("admin:queue"), QueueEntry.objects.count()
    deep = ORDER.after(QueueEntry.objects, None)[total // 2]
    return {
        "queue": queue,
        "queue, by reason": f"{queue}?reason=code",
        "queue, by stack (a rare one)": f"{queue}?stack=stack+7",
        "queue, by generator and age": f"{queue}?generator=generator+3&days=1",
        "queue, by import and reason": f"{queue}?batch=1&reason=twin",
        "queue, from the middle on": f"{queue}?after={ORDER.cursor_of(deep)}",
        "queue, nothing matches": f"{queue}?stack=none&reason=code",
        "list of posts": reverse("admin:posts_post_changelist"),
        "desk": reverse("admin:index"),
    }


def measure(visits, connection):
    """Print milliseconds and queries of each page, asked for in turn so that noise meets all alike."""
    from django.contrib.auth.models import Group, User
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    person = User.objects.create_user("bench", is_staff=True)
    person.groups.add(Group.objects.get(name="Reviewers"))
    browser = Client()
    browser.force_login(person)
    addresses, walls, works, queries = pages(connection), {}, {}, {}
    for visit in range(visits + 2):
        for name, address in addresses.items():
            began, worked = time.perf_counter(), time.process_time()
            assert browser.get(address).status_code == 200, address
            if visit >= 2:
                walls.setdefault(name, []).append((time.perf_counter() - began) * 1000)
                works.setdefault(name, []).append((time.process_time() - worked) * 1000)
    for name, address in addresses.items():
        with CaptureQueriesContext(connection) as captured:
            browser.get(address)
        queries[name] = len(captured)
    print(f"{'page':32}{'p50':>8}{'p95':>8}{'work':>8}{'queries':>9}   (ms)")
    for name in addresses:
        wall = sorted(walls[name])
        p95 = wall[max(0, round(len(wall) * 0.95) - 1)]
        print(
            f"{name:32}{statistics.median(wall):8.1f}{p95:8.1f}{statistics.median(works[name]):8.1f}{queries[name]:9}"
        )


def explain(connection):
    """Print how the engine walks the pages that matter."""
    from posts.models import QueueEntry
    from posts.review_queue.order import ORDER, QueueView

    everything = QueueEntry.objects.all()
    deep = ORDER.after(QueueEntry.objects, None)[everything.count() // 2]
    for name, rows in {
        "the first page": ORDER.after(everything, None)[:51],
        "from the middle on": ORDER.after(everything, ORDER.cursor_of(deep))[:51],
        "by reason": ORDER.after(QueueView(reason="code").entries(by=None), None)[:51],
        "by generator": ORDER.after(QueueView(generator="generator 3").entries(by=None), None)[:51],
    }.items():
        print(f"\n{name}\n{rows.explain()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--visits", type=int, default=30)
    parser.add_argument("--explain", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
            os.environ["DATABASE_URL"] = f"sqlite:///{folder}/bench.sqlite3"
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connection
        from django.utils import timezone

        from posts.models import ImportBatch

        # What a page costs in production, without the overhead of DEBUG.
        settings.DEBUG = False
        settings.ALLOWED_HOSTS = ["testserver"]
        logging.getLogger("alphanode.request").disabled = True
        call_command("migrate", verbosity=0)
        ImportBatch.objects.create(pk=1, source_name="bench", created=arguments.count)
        began = time.perf_counter()
        fill(arguments.count, connection, timezone.now())
        print(
            f"{connection.display_name}: {arguments.count:,} posts wait (filled in {time.perf_counter() - began:.0f} s)"
        )
        measure(arguments.visits, connection)
        if arguments.explain:
            explain(connection)
        connection.close()


if __name__ == "__main__":
    main()
