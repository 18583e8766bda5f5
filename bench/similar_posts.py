"""Measure how fast related posts are found, and what a page pays for them, on a site with many listed posts.

Usage: python bench/similar_posts.py [--count N] [--examples N] [--explain]

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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SET = 500


def fill(count):
    """Bring `count` synthesized posts in and list them in sets, as if a person had approved each."""
    from django.contrib.auth.models import User
    from django.db import transaction
    from django.utils import timezone

    from posts.importing.pipeline import import_posts
    from posts.listing.refresh import refresh_listings
    from posts.models import Post, Review, Revision
    from posts.synthesis.lines import as_stream, record_lines

    import_posts(as_stream(record_lines(count, 1)), name="bench.jsonl")
    person, last = User.objects.create_user("bench"), 0
    while posts := list(Post.objects.filter(pk__gt=last).select_related("head_revision").order_by("pk")[:SET]):
        last, now = posts[-1].pk, timezone.now()
        with transaction.atomic():
            reviews = Review.objects.bulk_create(
                [
                    Review(
                        revision_id=post.head_revision_id,
                        fingerprint=post.head_revision.fingerprint,
                        outcome=Review.Outcome.APPROVED,
                        reviewer=person,
                    )
                    for post in posts
                ]
            )
            for post, review in zip(posts, reviews, strict=True):
                post.live_revision_id, post.live_approval, post.awaits_review = post.head_revision_id, review, False
                post.first_published_at = post.last_published_at = now
            Revision.objects.filter(pk__in=[post.head_revision_id for post in posts]).update(status="approved")
            columns = "live_revision live_approval awaits_review first_published_at last_published_at".split()
            Post.objects.bulk_update(posts, columns)
            refresh_listings(Post.objects.with_texts().filter(pk__in=[post.pk for post in posts]))


def page_cost(visits):
    """Return (milliseconds p50, p95, queries) of reading the related posts of `visits` posts across the site."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from posts.models import Post
    from posts.public.related import related_posts

    newest = Post.objects.latest("pk").pk
    posts = Post.objects.with_texts().filter(pk__in=range(1, newest + 1, max(1, newest // visits)))
    times = []
    for post in posts:
        began = time.perf_counter()
        related_posts(post, post.live_revision.snapshot, is_listed=True)
        times.append((time.perf_counter() - began) * 1000)
    with CaptureQueriesContext(connection) as captured:
        related_posts(post, post.live_revision.snapshot, is_listed=True)
    times.sort()
    return statistics.median(times), times[round(len(times) * 0.95) - 1], captured


def examples(count):
    """Print some posts with their neighbours and why."""
    from posts.models import Neighbour, Post

    for post in Post.objects.order_by("source_id")[: count * 97 : 97]:
        print(f"\n{post.title}")
        for row in Neighbour.objects.filter(post=post).select_related("neighbour").order_by("rank")[:6]:
            print(f"  {row.neighbour.title}\n      shares {', '.join(row.shared)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=25_000)
    parser.add_argument("--visits", type=int, default=200)
    parser.add_argument("--examples", type=int, default=0)
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

        from posts.models import StaleNeighbours
        from posts.related.related_posts import find_stale_related_posts, mark_all_stale

        settings.DEBUG = False
        logging.disable(logging.INFO)
        call_command("migrate", verbosity=0)
        began = time.perf_counter()
        fill(arguments.count)
        StaleNeighbours.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        name = connection.display_name
        print(f"{name}: {arguments.count:,} listed posts (filled in {time.perf_counter() - began:.0f} s)")
        for what in ("found for the first time", "found again, nothing changed"):
            mark_all_stale()
            began, worked = time.perf_counter(), time.process_time()
            found = find_stale_related_posts()
            wall, work = time.perf_counter() - began, time.process_time() - worked
            print(f"{what:30}{found / wall:8,.0f} posts/s   ({work / found * 1000:.2f} ms work of the process a post)")
        p50, p95, captured = page_cost(arguments.visits)
        print(f"{'related posts of an article':30}{p50:8.2f} ms p50, {p95:.2f} ms p95, {len(captured)} query")
        if arguments.explain:
            with connection.cursor() as cursor:
                cursor.execute(
                    ("EXPLAIN ANALYZE " if name == "PostgreSQL" else "EXPLAIN QUERY PLAN ") + captured[0]["sql"]
                )
                print("\n".join(" ".join(map(str, row)) for row in cursor.fetchall()))
        examples(arguments.examples)
        connection.close()


if __name__ == "__main__":
    main()
