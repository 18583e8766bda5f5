"""Measure lists and search with a large number of listed posts.

Usage: python bench/lists.py [--count N] [--texts N] [--visits N] [--explain]

The database is the one of DATABASE_URL if that is PostgreSQL (it is filled; use scripts/with_postgres.sh), else a
fresh SQLite file. Posts are rows written in sets; what search keeps of them are the words of `texts` synthesized
articles, over and over with another title. See README.md beside this file.
"""

import argparse
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SET = 5_000
NUMBERS = "WITH RECURSIVE numbers(i) AS (SELECT CAST(%s AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i < %s) "
FINGERPRINT = "substr('{}', 1, 64 - length(CAST(i AS TEXT))) || CAST(i AS TEXT)".format("0" * 64)
SNAPSHOT = (
    """'{"title":"Draining workers, part ' || CAST(i AS TEXT) || '","summary":"How a worker leaves.","body":"' """
    """|| %s || '","difficulty":"advanced","stack":["Go"]}'"""
)
# Kinds of terms: how many there are of each. A post has one of each, chosen by its number.
TERMS = {"difficulty": 3, "stack": 60, "tool": 400, "topic": 5_000}
PRIMES = {"difficulty": 7_919, "stack": 104_729, "tool": 1_299_709, "topic": 15_485_863}


def seconds_before(connection, i):
    """Return SQL for the time `i` seconds before %s."""
    if connection.vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', %s, '-' || {i} || ' seconds')"
    return f"CAST(%s AS timestamptz) - {i} * interval '1 second'"


def fill(count, texts, connection, now):
    """Return list `count` posts in an empty site, in sets of SET."""
    from django.contrib.auth.models import User
    from django.db import transaction

    from posts.models import Term
    from posts.search.backends import engine_for
    from posts.search.index import document_of
    from posts.search.snippets import plain_words
    from posts.search.tokens import words_in
    from posts.synthesis import synthesize_record

    records = [synthesize_record(seed) for seed in range(texts)]
    documents = [document_of(record, plain_words(record), []) for record in records]
    terms = {}
    for kind, number in TERMS.items():
        made = Term.objects.bulk_create(
            [
                Term(
                    kind=kind,
                    key=f"{kind} {at}",
                    name=f"{kind} {at}",
                    slug=f"{kind}-{at}",
                    listed_count=count // number,
                )
                for at in range(number)
            ]
        )
        terms[kind] = [term.pk for term in made]
    # As ListedText.terms has them: without topics, which no filter of a search offers.
    counted = " || ' ' || ".join(
        f"'{kind}:' || CAST({ids[0]} + (i * {PRIMES[kind]}) %% {len(ids)} AS TEXT)"
        for kind, ids in terms.items()
        if kind != "topic"
    )
    at = seconds_before(connection, "(%s - i)")
    now = now.strftime("%Y-%m-%d %H:%M:%S")
    reviewer = User.objects.create_user("bench")
    text = "A worker takes a job, and leaves when it has none. " * 60
    rows = [
        (
            "posts_revision (id, post_id, number, version, snapshot, fingerprint, status)",
            f"i, i, 1, '1.0.0', {SNAPSHOT}, {FINGERPRINT}, 'approved'",
            [text],
        ),
        (
            "posts_review (id, revision_id, fingerprint, outcome, is_bulk, reviewer_id, created_at)",
            f"i, i, {FINGERPRINT}, 'approved', FALSE, {reviewer.pk}, {at}",
            [now, count],
        ),
        (
            "posts_listedtext (id, post_id, revision_id, published_at, reviewed_at, generator, terms)",
            f"i, i, i, {at}, {at}, 'bench', {counted}",
            [now, count, now, count],
        ),
        (
            "posts_plaintext (post_id, number, summary, prose, code)",
            "i, i, 'How a worker leaves.', CAST(%s AS TEXT), ''",
            [text],
        ),
    ]
    engine = engine_for(connection)
    for first in range(1, count + 1, SET):
        last = min(count, first + SET - 1)
        with transaction.atomic(), connection.cursor() as cursor:

            def insert(into, chosen, values, span=(first, last), cursor=cursor):
                select = f"SELECT {chosen} FROM numbers"
                if connection.vendor == "sqlite":
                    cursor.execute(f"INSERT INTO {into} {NUMBERS}{select}", [*span, *values])
                else:
                    cursor.execute(f"{NUMBERS}INSERT INTO {into} {select}", [*span, *values])

            insert(
                "posts_post (id, source_id, slug, title, title_key, body, first_published_at, last_published_at)",
                f"i, 'bench-' || CAST(i AS TEXT), 'bench-' || CAST(i AS TEXT), 'Draining', 'draining', 'x', {at}, {at}",
                [now, count, now, count],
            )
            for into, chosen, values in rows:
                insert(into, chosen, values)
            cursor.execute(
                "UPDATE posts_post SET head_revision_id = id, live_revision_id = id, live_approval_id = id "
                "WHERE id BETWEEN %s AND %s",
                [first, last],
            )
            for kind, ids in terms.items():
                insert(
                    "posts_postterm (term_id, post_id, published_at)",
                    f"{ids[0]} + (i * {PRIMES[kind]}) %% {len(ids)}, i, {at}",
                    [now, count],
                )
            engine.write(
                cursor,
                [(i, _told(documents[i % texts], i, terms, words_in)) for i in range(first, last + 1)],
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return documents, terms


def _told(document, i, terms, words_in):
    from dataclasses import replace

    facets = [ids[(i * PRIMES[kind]) % len(ids)] for kind, ids in terms.items()]
    return replace(document, title=[*document.title, *words_in(f"part {i}")], facets=facets)


def questions(documents, chance, many=60):
    """Return {how frequent: [two words of one text]}, by the number of texts with the rarer word."""
    holders = {}
    for document in documents:
        for word in {*document.title, *document.summary, *document.body}:
            holders[word] = holders.get(word, 0) + 1
    bands = {"rare (under 1 %)": (0, 0.01), "mid (1 to 10 %)": (0.01, 0.1), "common (over 30 %)": (0.3, 1.01)}
    found = {}
    for name, (low, high) in bands.items():
        pairs = []
        # Rare words may be missing from a small site.
        for _ in range(20 * many):
            words = sorted(set(chance.choice(documents).body))
            chosen = [
                word for word in words
                if low * len(documents) < holders[word] <= high * len(documents) and word.isascii() and len(word) > 2
            ]  # fmt: skip
            if len(chosen) >= 2:
                pairs.append(" ".join(chance.sample(chosen, 2)))
        if not pairs:
            raise SystemExit(f"No words are {name} in so few texts; take more (--texts).")
        found[name] = pairs[:many]
    return found


def addresses_of(count, documents, now):
    """Return {name: [addresses]} of the pages that are measured."""
    from datetime import UTC

    from posts.db.keyset import Cursor

    chance = random.Random(4711)

    def place(part):
        number = int(count * part)
        moment = (now - timedelta(seconds=count - number)).replace(microsecond=0).astimezone(UTC)
        return Cursor((moment, number))

    searches = questions(documents, chance)
    pages = {f"search, {name}": [f"/search/?q={pair.replace(' ', '+')}" for pair in pairs]
             for name, pairs in searches.items()}  # fmt: skip
    mid = searches["mid (1 to 10 %)"]
    pages["search, mid, with a filter"] = [
        f"/search/?q={pair.replace(' ', '+')}&difficulty=difficulty-1" for pair in mid
    ]
    pages["search, a slip"] = ["/search/?q=kuberntes+zzqx", "/search/?q=postgrseql+zzqx"]
    pages["articles, page 1"] = ["/articles/"]
    pages["articles, from the far end on"] = [f"/articles/?older={place(0.001)}"]
    pages["stack, page 1"] = ["/stacks/stack-7/"]
    pages["stack, from the far end on"] = [f"/stacks/stack-7/?older={place(0.05)}"]
    pages["level (a third of all), page 1"] = ["/difficulties/difficulty-1/"]
    pages["level, from the far end on"] = [f"/difficulties/difficulty-1/?older={place(0.001)}"]
    pages["stack and level"] = ["/stacks/stack-7/?difficulty=difficulty-1"]
    pages["tool and stack"] = ["/tools/tool-7/?stack=stack-7"]
    pages["all stacks"] = ["/stacks/"]
    pages["home"] = ["/"]
    pages["how this site is made"] = ["/how-this-site-is-made/"]
    return pages


def measure(pages, visits, connection):
    """Print milliseconds, work of the process, and queries of each page."""
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    browser = Client()
    print(f"{'page':34}{'p50':>8}{'p95':>8}{'work':>8}{'queries':>9}   (ms)")
    for name, addresses in pages.items():
        asked = (addresses * visits)[: max(visits, len(addresses))]
        walls, works = [], []
        for address in [addresses[0], *asked]:
            began, worked = time.perf_counter(), time.process_time()
            assert browser.get(address).status_code == 200, address
            walls.append((time.perf_counter() - began) * 1000)
            works.append((time.process_time() - worked) * 1000)
        with CaptureQueriesContext(connection) as captured:
            browser.get(addresses[0])
        wall = sorted(walls[1:])
        p95 = wall[max(0, round(len(wall) * 0.95) - 1)]
        print(
            f"{name:34}{statistics.median(wall):8.1f}{p95:8.1f}{statistics.median(works[1:]):8.1f}{len(captured):9}",
            flush=True,
        )


def explain(terms, connection):
    """Print how the engine walks the lists."""
    from posts.listing.facets import places_with
    from posts.models import Term
    from posts.public.lists import NEWEST_FIRST

    level = Term.objects.get(pk=terms["difficulty"][1])
    stack = Term.objects.get(pk=terms["stack"][7])
    for name, chosen in {"all": [], "a level": [level], "a stack and a level": [stack, level]}.items():
        rows = NEWEST_FIRST.after(places_with(chosen), None).values_list("published_at", "post_id")[:25]
        print(f"\n{name}\n{rows.explain()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=25_000)
    parser.add_argument("--texts", type=int, default=1_000)
    parser.add_argument("--visits", type=int, default=40)
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

        from posts.listing.rebuild import _name_terms
        from posts.listing.site_stats import store_site_stats
        from posts.search.index import _learn

        settings.DEBUG = False
        settings.ALLOWED_HOSTS = ["testserver"]
        logging.getLogger("alphanode.request").disabled = True
        call_command("migrate", verbosity=0)
        began, now = time.perf_counter(), timezone.now().replace(microsecond=0)
        documents, terms = fill(arguments.count, arguments.texts, connection, now)
        seconds = time.perf_counter() - began
        _learn({"kubernetes", "postgresql", "django", "queue", "worker"})
        _name_terms()
        began = time.perf_counter()
        store_site_stats()
        counted = time.perf_counter() - began
        print(
            f"{connection.display_name}: {arguments.count:,} posts are listed (filled in {seconds:.0f} s, "
            f"{arguments.count / seconds:,.0f} a second; figures of the site counted in {counted * 1000:.0f} ms)"
        )
        measure(addresses_of(arguments.count, documents, now), arguments.visits, connection)
        if arguments.explain:
            explain(terms, connection)
        connection.close()


if __name__ == "__main__":
    main()
