"""How much the engines read for each page: it depends on the page, not on the size of the site."""

import functools
import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from posts.listing.site_stats import store_site_stats
from posts.models import Post, SketchBand, Term, TextTwin
from posts.public.sitemaps import URLS_PER_FILE
from posts.related.near_duplicates import sketch_posts
from posts.related.related_posts import find_stale_related_posts
from tests.factories import RecordFactory, approve, import_records, person
from tests.long_tables import lengthen

pytestmark = pytest.mark.django_db

ADDRESSES = """
    / /articles/ /articles/?{older} /articles/?{newer} /articles/?stack=go-services&difficulty=advanced
    /stacks/ /stacks/go-services/ /stacks/go-services/?{older} /search/?q=draining+workers
    /search/?q=draining&stack=go-services /search/?q=draining+-workers /search/?q=%22the+queue%22+-%22no+such%22+-zebra
    /api/posts/?q=draining+-workers&stack=go-services&reviewed_since=2026-01-01 /how-this-site-is-made/
    /posts/{slug}/ /posts/{slug}.json /posts/{waiting}/ /feed/ /feed.json /stacks/go-services/feed/
    /sitemap.xml /sitemaps/pages.xml /sitemaps/lists-{terms}.xml /sitemaps/articles-{file}.xml
    /api/posts/ /api/posts/?cursor=1700000000000000-5 /api/posts/?stack=go-services
    /api/posts/?stack=go-services&tool=make /api/posts/?reviewed_since=2026-01-01 /api/posts/{slug}/
""".split()
# Of 12,000 posts and 58,000 rows that put them into lists: facets are counted on a sample of a thousand, each with its
# terms, and a file of the sitemap is read a thousand rows at a time.
MOST_ROWS = 10_000
# Small sorts in SQLite: the open flags of a post, its near-duplicates, its revisions with the same text, how often
# each term occurs in at most a thousand posts, the posts that share the rarest terms of one and those terms, a text
# for each file of the sitemap, and the lines of a page of a list.
SORTING = (
    "raised_at", "similarity", '"batch_id" DESC NULLS LAST', "COUNT(*)", "SUM(", 'AS "walked"',
    '"posts_listedtext"."id" IN (SELECT value',
)  # fmt: skip


_FIRST_ROWS = re.compile(r'SELECT [^()]* FROM "\w+" ORDER BY [\w."]+(?: DESC)? LIMIT \d{1,3}')


def explained(sql, how):
    with connection.cursor() as cursor:
        cursor.execute(f"{how} {sql.replace('%', '%%')}", [])
        return cursor.fetchall()


def rows_read(step):
    """Return how many rows PostgreSQL looked at for a step of a plan and all below it, whether it took them or not."""
    below = sum(rows_read(part) for part in step.get("Plans", ()))
    removed = sum(count for name, count in step.items() if name.startswith("Rows Removed"))
    own = 0 if "Scan" not in step["Node Type"] and "Sort" not in step["Node Type"] else step["Actual Rows"] + removed
    return below + own * step["Actual Loops"]


def reads_too_much(sql):
    """Return why a statement costs what the site has, in words; None if it costs what the page shows."""
    if connection.vendor == "postgresql":
        [[plan]] = explained(sql, "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)")
        read = rows_read((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
        return f"reads {read:.0f} rows" if read > MOST_ROWS else None
    # Lists of numbers, what was gathered before, and one row are tables to SQLite too; those of its search are indexes.
    whole = re.compile(
        "SCAN (?!json_each|walk_|places|newer|now|files|first_of_all|CONSTANT ROW)"
        "(?!.* USING )(?!.*VIRTUAL TABLE INDEX)"
    )
    sorts = not any(part in sql for part in SORTING)
    steps = [step for *_, step in explained(sql, "EXPLAIN QUERY PLAN")]
    if not any("TEMP B-TREE" in step for step in steps) and _FIRST_ROWS.fullmatch(sql):
        # In the order of the table, without a condition: it ends after these rows.
        return None
    return next((step for step in steps if whole.match(step) or (sorts and "TEMP B-TREE" in step)), None)


def page_of(client, address):
    response = client.get(address)
    assert response.status_code == 200 and response.getvalue(), address


def test_what_a_page_reads_does_not_grow_with_the_site(client):
    # Each text has words of its own, or they would count as near-duplicates and have no related posts.
    bodies = (" ".join(f"word{number}x{place}" for place in range(60)) for number in range(30))
    import_records(*(RecordFactory(body=body) for body in bodies))
    waiting, *posts = Post.objects.order_by("pk")
    reviewer = person()
    for post in posts:
        approve(post, by=reviewer)
    find_stale_related_posts()
    sketch_posts([post.pk for post in posts])
    store_site_stats()
    lengthen()
    older = re.search("older=[0-9-]+", client.get("/articles/").content.decode())[0]
    names = {"slug": posts[9].slug, "waiting": waiting.slug, "older": older, "newer": older.replace("older", "newer")}
    names |= {
        "file": posts[0].pk // URLS_PER_FILE,
        "terms": Term.objects.indexable().earliest("pk").pk // URLS_PER_FILE,
    }
    asked = {address: functools.partial(page_of, client, address.format(**names)) for address in ADDRESSES}
    asked |= {
        "near-duplicates of a post": TextTwin.objects.filter(post=posts[0]).order_by("-similarity")[:10].__iter__,
        "posts with the same passages": SketchBand.objects.filter(key__in=[1, 2, 3]).__iter__,
    }
    looked_at, found = 0, []
    for name, ask in asked.items():
        with CaptureQueriesContext(connection) as queries:
            ask()
        for query in queries:
            if query["sql"].startswith(("SELECT", "WITH", "\n")):
                looked_at += 1
                if too_much := reads_too_much(query["sql"]):
                    found.append((name, query["sql"][:80], too_much))
    assert found == []
    assert looked_at > 80
