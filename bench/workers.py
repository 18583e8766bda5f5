"""Measure what a second worker adds to the walks that workers share: text scan, related posts, ranking.

Usage: sh scripts/with_postgres.sh --durable .venv/bin/python bench/workers.py [--listed N] [--texts N] [--rounds N]

Each walk is done by one worker process and by two, in turns. See README.md beside this file.
"""

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL = 1.7


def scan_texts():
    """Check and compare the texts of all posts."""
    from posts.content_checks.scan import scan_new_texts

    return sum(scan_new_texts()) / 2


def find_related():
    """Find the related posts of all listed posts."""
    from posts.related.related_posts import find_stale_related_posts

    return find_stale_related_posts()


def rank():
    """Rank all pending posts."""
    from posts.review_queue.ranking import rank_read_texts

    return rank_read_texts()


def forget_texts():
    from posts.models import CheckResult, ParagraphCount, SketchBand, TextScan, TextSketch, TextTwin

    for model in (CheckResult, ParagraphCount, SketchBand, TextSketch, TextTwin):
        model.objects.all().delete()
    TextScan.objects.filter(name="texts").delete()


def forget_related():
    from posts.models import Neighbour
    from posts.related.related_posts import mark_all_stale

    Neighbour.objects.all().delete()
    mark_all_stale()


def forget_ranks():
    from posts.models import QueueEntry

    # Only texts that were read can be ranked.
    scan_texts()
    QueueEntry.objects.update(is_complete=False)


WALKS = {
    "text scan": (scan_texts, forget_texts),
    "related posts": (find_related, forget_related),
    "ranking": (rank, forget_ranks),
}


def be_a_worker(walk):
    """Do a walk as soon as a line comes in; print the number of posts and the seconds of processor time."""
    import django
    from django.db import connection

    django.setup()
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    before = time.process_time()
    count = WALKS[walk][0]()
    print(int(count), time.process_time() - before, flush=True)


def rate_of(walk, workers):
    """Return (posts a second, seconds of processor time of all worker processes for 1,000 posts)."""
    from django.db import connection

    WALKS[walk][1]()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--as-worker", walk], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(workers)
    ]  # fmt: skip
    for process in processes:
        process.stdout.readline()
    began = time.perf_counter()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.stdout.readline().split() for process in processes]
    seconds = time.perf_counter() - began
    if any(process.wait() for process in processes):
        sys.exit(f"A worker failed at: {walk}")
    count = sum(int(count) for count, _ in said)
    return count / seconds, 1000 * sum(float(used) for _, used in said) / count


def measure(rounds, only):
    from bench.goals import note

    print(f"Load at the start {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print(f"{'posts/s':16}{'one worker':>12}{'two':>12}{'ratio':>8}  goal {GOAL}")
    for walk in WALKS:
        if not any(word in walk for word in only.split(",")):
            continue
        ratios = []
        for turn in range(rounds):
            (alone, used), (both, used_by_both) = rate_of(walk, 1), rate_of(walk, 2)
            ratios.append(both / alone)
            beside = f"{used:.1f} and {used_by_both:.1f} s of processor time in the workers for 1,000 posts"
            print(f"{walk:16}{alone:12,.0f}{both:12,.0f}{ratios[-1]:8.2f}  {beside}; {turn + 1}/{rounds}", flush=True)
        ratio = statistics.median(ratios)
        print(f"{walk:16}{'':24}{ratio:8.2f}  the median: {'met' if ratio >= GOAL else 'NOT MET'}", flush=True)
        note(f"two workers, {walk}", f"{both:,.0f} posts/s", ratio=ratio, limit="x one worker", least=GOAL)
    print(f"Load at the end {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listed", type=int, default=6_000, help="listed posts (6,000)")
    parser.add_argument("--waiting", type=int, default=6_000, help="pending posts (6,000)")
    parser.add_argument("--texts", type=int, default=2_000, help="different articles (2,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of one worker and two in turns (3)")
    parser.add_argument("--only", default="", help="words of which the names of walks must have one")
    parser.add_argument("--as-worker", choices=WALKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if options.as_worker:
        be_a_worker(options.as_worker)
        return
    if "postgres" not in os.environ.get("DATABASE_URL", ""):
        sys.exit("One worker serves a SQLite file. Run it in scripts/with_postgres.sh --durable.")
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "alphanode.settings", "DEBUG": "off", "ENV_FILE": "", "LOG_LEVEL": "ERROR",
        "SITE_URL": "https://bench.example", "ALLOWED_HOSTS": "bench.example",
        "SECRET_KEY": secrets.token_urlsafe(50),
    }  # fmt: skip
    import django
    from django.core.management import call_command

    from bench.fill import fill

    django.setup()
    call_command("migrate", verbosity=0)
    fill(listed=options.listed, waiting=options.waiting, texts=options.texts)
    measure(options.rounds, options.only)


if __name__ == "__main__":
    main()
