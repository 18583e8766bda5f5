"""How the engines find what pages show: along indexes, whatever the size of the site."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from posts.models import Post
from posts.neighbours import find_stale_neighbours
from posts.site_figures import store_figures
from tests.factories import RecordFactory, approve, import_records, person

pytestmark = pytest.mark.django_db

ADDRESSES = """
    / /articles/ /articles/?{older} /articles/?{newer} /articles/?stack=go-services&difficulty=advanced
    /stacks/ /stacks/go-services/ /stacks/go-services/?{older} /search/?q=draining+workers
    /search/?q=draining&stack=go-services /how-this-site-is-made/
    /posts/{slug}/ /posts/{slug}.json /posts/{waiting}/ /feed/ /feed.json /stacks/go-services/feed/
    /sitemap.xml /sitemaps/pages.xml /sitemaps/lists-0.xml /sitemaps/articles-0.xml /api/posts/ /api/posts/{slug}/
""".split()
# What is sorted, because there is little of it: the open flags of a post, how often each term stands in at most a
# thousand posts, the posts that share the rarest terms of one and those terms, and a text for each file of the sitemap.
SORTED = ("raised_at", "(count(*))", "(sum((", "listed_count, u", "Key: posts_listedtext.post_id")
SORTING = ("raised_at", "COUNT(*)", "SUM(", '"posts_listedtext"."id" IN (SELECT value')

# The steps that PostgreSQL takes gladly while a table is short, or while it takes it to be so.
AVOIDED = ("seqscan", "bitmapscan", "sort", "incremental_sort")


def plan_of(sql):
    """The steps that the engine at hand takes for a statement, as lines; on PostgreSQL as if each table were long."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql.replace('%', '%%')}", [])
            return [line for *_, line in cursor.fetchall()]
        for step in AVOIDED:
            cursor.execute(f"SET LOCAL enable_{step} = off")
        cursor.execute(f"EXPLAIN {sql.replace('%', '%%')}", [])
        plan = [line.strip() for (line,) in cursor.fetchall()]
        for step in AVOIDED:
            cursor.execute(f"RESET enable_{step}")
        return plan


def costs_of_size(sql):
    """The steps of a statement that read a table as a whole, or sort one."""
    plan = plan_of(sql)
    if connection.vendor == "sqlite":
        # Lists of numbers, and what was gathered before, are tables to SQLite too; those of its search are indexes.
        whole = re.compile("SCAN (?!json_each|walk_|files|first_of_all)(?!.* USING )(?!.*VIRTUAL TABLE INDEX)")
        sorts = not any(part in sql for part in SORTING)
        return [step for step in plan if whole.match(step) or (sorts and "TEMP B-TREE" in step)]
    keys = [step for step in plan if step.startswith("Sort Key") and not any(part in step for part in SORTED)]
    return keys + [step for step in plan if "Seq Scan" in step]


def test_no_page_reads_a_table_as_a_whole_or_sorts_one(client):
    import_records(*(RecordFactory() for _ in range(30)))
    waiting, *posts = Post.objects.order_by("pk")
    reviewer = person()
    for post in posts:
        approve(post, by=reviewer)
    find_stale_neighbours()
    store_figures()
    older = re.search("older=[0-9-]+", client.get("/articles/").content.decode())[0]
    names = {"slug": posts[9].slug, "waiting": waiting.slug, "older": older, "newer": older.replace("older", "newer")}
    looked_at, found = 0, []
    for address in ADDRESSES:
        address = address.format(**names)
        with CaptureQueriesContext(connection) as queries:
            response = client.get(address)
            assert response.status_code == 200 and response.getvalue(), address
        for query in queries:
            if query["sql"].startswith(("SELECT", "WITH", "\n")):
                looked_at += 1
                found += [(address, query["sql"][:80], step) for step in costs_of_size(query["sql"])]
    assert found == []
    assert looked_at > 60
