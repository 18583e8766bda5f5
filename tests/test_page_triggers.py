"""What somebody changes in the database by hand, with no code of ours, shows on every kept page at the next look."""

import re
from collections import defaultdict

import pytest
from django.apps import apps
from django.core import serializers
from django.core.checks import run_checks
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, migrations, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import post_migrate, pre_migrate
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse

from alphanode.with_page_cache import with_page_cache
from posts.db.page_triggers import WATCHED, installed_triggers, triggers
from posts.importing.index_switch import follow_batch_switch, switch_batch_index
from posts.listing.site_stats import store_site_stats
from posts.models import ImportBatch, Neighbour, PageChange, Post, Term
from posts.public.finish_articles import finish_articles
from posts.public.sitemaps import URLS_PER_FILE
from posts.related.related_posts import find_stale_related_posts
from tests.factories import make_post, person
from tests.wsgi_site import Clock, WsgiSite

pytestmark = pytest.mark.django_db
ON = {"stack": ["Rust"], "tools": ["cargo"], "tags": ["queues"]}


@pytest.fixture
def library(settings, monkeypatch):
    """Make a site with a page of every kind; give the numbers of rows that a test changes."""
    monkeypatch.setattr("posts.public.views.HOME_NEWEST", 1)
    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["testserver"]
    listed = make_post(released=True, title="Draining slowly", authors=["Jane Doe"], origin="people", **ON)
    other = make_post(released=True, title="Draining fast", **ON)
    # Its generator is one that nobody has described yet.
    third = make_post(released=True, title="Draining twice", payload={"generator": "penwright 3"}, **ON)
    find_stale_related_posts()
    # Nobody has looked for its related posts yet.
    alone = make_post(released=True, title="Draining alone", stack=["Go"], tools=["cargo"])
    waiting = make_post(title="Draining later", view_count=7, hash="0" * 64, **ON)
    flagged = make_post(released=True, title="Draining again", flagged=True, **ON)
    store_site_stats()
    finish_articles()
    # Requests are asked within the transaction of the test.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield {
        "listed": listed.pk,
        "other": other.pk,
        "third": third.pk,
        "alone": alone.pk,
        "waiting": waiting.pk,
        "flagged": flagged.pk,
        "text": listed.live_revision_id,
        "proposed": waiting.head_revision_id,
        "approval": listed.live_approval_id,
        "import": listed.last_batch_id,
        "closed": ImportBatch.objects.create(source_name="x", origin="trained_model", index_open=False).pk,
        "flag": flagged.review_flags.get().pk,
        "stack": Term.objects.get(kind="stack", key="rust").pk,
        "person": person().pk,
    }
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


# Nothing in the database changes them.
SAME_FOR_EVER = ("robots", "security-txt", "api", "api-openapi", "api-missing", "upload")
# No cache keeps the answers of preview links.
NEVER_KEPT = ("preview",)


def every_address():
    """Yield the address of each public page, of its other pages for one post in lists and one that waits."""
    posts, stack = list(Post.objects.order_by("pk")), Term.objects.get(kind="stack", key="rust")
    for route in get_resolver("posts.urls").url_patterns:
        # Generators have addresses of their own, whose answers no cache keeps.
        if route.name in (*SAME_FOR_EVER, *NEVER_KEPT) or str(route.pattern).startswith("api/v1/"):
            continue
        name, arguments = f"posts:{route.name}", set(route.pattern.converters)
        if not arguments:
            yield reverse(name)
        elif arguments == {"slug"}:
            shown = posts if route.name == "detail" else (posts[0], posts[4])
            yield from (reverse(name, args=[post.slug]) for post in shown)
        elif arguments == {"kinds"}:
            yield reverse(name, args=["stacks"])
        elif arguments == {"number"}:
            # Numbers of posts and terms are far apart after other tests on PostgreSQL.
            rows = Term.objects.indexable() if route.name == "sitemap-lists" else posts
            yield from {reverse(name, args=[row.pk // URLS_PER_FILE]) for row in rows}
        else:
            yield reverse(name, args=[stack.plural, stack.slug])
    yield f"{reverse('posts:search')}?q=draining"


class Remembered:
    """Django, which renders each page of one state of the database once, also for caches that begin in it later."""

    def __init__(self):
        self.django = WSGIHandler()
        self.answers = {}
        self.is_in_first_state = True

    def __call__(self, environ, start_response):
        if not self.is_in_first_state:
            return self.django(environ, start_response)
        address = environ["PATH_INFO"], environ["QUERY_STRING"]
        if address not in self.answers:
            started = []
            response = self.django(environ, lambda *start: started.append(start))
            policy = getattr(response, "cache_policy", None)
            self.answers[address] = (*started[0], b"".join(response), policy)
            response.close()
        status, headers, body, policy = self.answers[address]
        start_response(status, list(headers))
        answer = HttpResponse(body)
        if policy is not None:
            answer.cache_policy = policy
        return answer


class Kept:
    """All pages that are kept, in a process that is asked again and again."""

    def __init__(self, remembered=None):
        remembered, clock = remembered or Remembered(), Clock()
        self.site = WsgiSite(with_page_cache(remembered, clock=clock), clock)
        remembered.is_in_first_state = True
        answers = {address: self.site.get(address) for address in sorted(set(every_address()))}
        remembered.is_in_first_state = False
        self.pages = {address: answer for address, answer in answers.items() if answer.is_stored}

    def after(self, change):
        """(addresses whose pages `change` changes, those of them that this process shows as they were)."""
        change()
        self.site.later()
        new, changed, old = WsgiSite(), [], []
        for address, before in self.pages.items():
            shown = self.site.get(address)
            true = new.get(address) if shown.is_hit else shown
            if (before.status, before.content) != (true.status, true.content):
                changed.append(address)
                if shown.is_hit:
                    old.append(address)
        return changed, old


def test_a_post_that_its_import_opens_again_follows_its_stack_before_lists_have_it(library):
    post, staff = make_post(released=True, stack=["Zig"]), person("Staff")
    # The lists lose it. When its import is open again, the background has not brought it back yet.
    switch_batch_index(post.last_batch, is_open=False, by=staff)
    follow_batch_switch(post.last_batch)
    switch_batch_index(post.last_batch, is_open=True, by=staff)
    Neighbour.objects.create(post=post, neighbour_id=library["listed"], rank=1, shared=[])
    clock = Clock()
    site = WsgiSite(with_page_cache(WSGIHandler(), clock=clock), clock)
    assert site.get(post.get_absolute_url()).is_stored
    make_post(released=True, title="Draining late", stack=["Zig"])
    site.later()
    assert "Draining late" in site.get(post.get_absolute_url()).text


def by_hand(sql, rows):
    """Change the database as an operator does."""
    with connection.cursor() as cursor:
        cursor.execute(sql.format(**rows))


# A text that a person edited, with the imported one below it.
EDITED = (
    "UPDATE posts_revision SET number = 2, batch_id = NULL, author_id = {person} WHERE id = {text}",
    "INSERT INTO posts_revision (post_id, number, version, snapshot, fingerprint, batch_id)"
    f" SELECT post_id, 1, version, snapshot, '{'b' * 64}', {{import}} FROM posts_revision WHERE id = {{text}}",
)
# A text that its author approved in part.
IN_PART = (
    "UPDATE posts_post SET live_approval_id = NULL WHERE id = {listed}",
    "UPDATE posts_review SET outcome = 'approved_in_part' WHERE id = {approval}",
)
LATER, EARLIER = "'2031-01-02 03:04:05+00'", "'2020-01-02 03:04:05+00'"
# For each column that pages read, a change of it that a page shows; with others before it that make it one.
UPDATES = {
    "posts_post": {
        "slug": "UPDATE posts_post SET slug = 'elsewhere' WHERE id = {listed}",
        "needs_human_review": "UPDATE posts_post SET needs_human_review = TRUE WHERE id = {listed}",
        "needs_human_review again": "UPDATE posts_post SET needs_human_review = FALSE WHERE id = {flagged}",
        "held": "UPDATE posts_post SET held = TRUE WHERE id = {listed}",
        "held while it waits": "UPDATE posts_post SET held = TRUE WHERE id = {waiting}",
        "closed_until_decided": "UPDATE posts_post SET closed_until_decided = TRUE WHERE id = {alone}",
        "withdrawn_at": "UPDATE posts_post SET withdrawn_at = '2026-01-02 03:04:05+00' WHERE id = {listed}",
        "first_published_at": f"UPDATE posts_post SET first_published_at = {EARLIER} WHERE id = {{listed}}",
        "last_published_at": f"UPDATE posts_post SET last_published_at = {LATER} WHERE id = {{listed}}",
        "live_revision_id": "UPDATE posts_post SET live_approval_id = NULL, live_revision_id = NULL"
        " WHERE id = {listed}",
        "live_approval_id": "UPDATE posts_post SET live_approval_id = NULL WHERE id = {listed}",
        "first_batch_id": "UPDATE posts_post SET first_batch_id = {import} WHERE id = {waiting}",
        "last_batch_id": "UPDATE posts_post SET last_batch_id = {closed} WHERE id = {listed}",
        "known_generator_id": (
            "INSERT INTO posts_generator (name, kind) VALUES ('a machine', 'trained_model')",
            "UPDATE posts_post SET known_generator_id = (SELECT id FROM posts_generator WHERE name = 'a machine')"
            " WHERE id = {third}",
        ),
        "created_at": f"UPDATE posts_post SET created_at = {EARLIER} WHERE id = {{listed}}",
        "head_revision_id": "UPDATE posts_post SET head_revision_id = NULL WHERE id = {waiting}",
        "view_count": "UPDATE posts_post SET view_count = 41 WHERE id = {waiting}",
        "claimed_revision": """UPDATE posts_post SET claimed_revision = '{{"version":"9.9"}}' WHERE id = {waiting}""",
        "claimed_hash": f"UPDATE posts_post SET claimed_hash = '{'1' * 64}' WHERE id = {{waiting}}",
        "flags": """UPDATE posts_post SET flags = '{{"needs_human_review":1}}' WHERE id = {waiting}""",
    },
    "posts_revision": {
        "status": "UPDATE posts_revision SET status = 'rejected' WHERE id = {text}",
        "number": (*EDITED, "UPDATE posts_revision SET number = 9 WHERE number = 1 AND post_id = {listed}"),
        "version": "UPDATE posts_revision SET version = '9.9.9' WHERE id = {text}",
        "fingerprint": f"UPDATE posts_revision SET fingerprint = '{'a' * 64}' WHERE id = {{text}}",
        "canonical_version": "UPDATE posts_revision SET canonical_version = 99 WHERE id = {text}",
        "author_id": "UPDATE posts_revision SET author_id = {person} WHERE id = {text}",
        "batch_id": "UPDATE posts_revision SET batch_id = NULL WHERE id = {text}",
        "created_at": (*EDITED, f"UPDATE posts_revision SET created_at = {EARLIER} WHERE id = {{text}}"),
        "snapshot": "UPDATE posts_revision SET snapshot = replace(snapshot, 'Draining', 'Emptying') WHERE id = {text}",
        "snapshot while it waits": "UPDATE posts_revision SET snapshot = replace(snapshot, 'Draining', 'Emptying')"
        " WHERE id = {proposed}",
        "post_id": (
            *EDITED,
            "UPDATE posts_revision SET number = 9 WHERE post_id = {third}",
            "UPDATE posts_revision SET post_id = {third} WHERE number = 1 AND post_id = {listed}",
        ),
    },
    "posts_review": {
        "revision_id": "UPDATE posts_review SET revision_id = {proposed} WHERE id = {approval}",
        "fingerprint": f"UPDATE posts_review SET fingerprint = '{'a' * 64}' WHERE id = {{approval}}",
        "outcome": "UPDATE posts_review SET outcome = 'rejected' WHERE id = {approval}",
        "claims": """UPDATE posts_review SET claims = '{{"view_count":77}}' WHERE id = {approval}""",
        "is_bulk": "UPDATE posts_review SET is_bulk = TRUE, guideline_id = NULL WHERE id = {approval}",
        "guideline_id": "UPDATE posts_review SET guideline_id = NULL WHERE id = {approval}",
        "answers": """UPDATE posts_review SET answers = '{{"harm":"not_applicable"}}' WHERE id = {approval}""",
        "created_at": f"UPDATE posts_review SET created_at = {EARLIER} WHERE id = {{approval}}",
        "revoked_at": f"UPDATE posts_review SET revoked_at = {EARLIER} WHERE id = {{approval}}",
        "undone_at": (*IN_PART, f"UPDATE posts_review SET undone_at = {EARLIER} WHERE id = {{approval}}"),
    },
    "posts_reviewflag": {
        "raised_at": f"UPDATE posts_reviewflag SET raised_at = {EARLIER} WHERE id = {{flag}}",
        "cleared_at": f"UPDATE posts_reviewflag SET cleared_at = {EARLIER} WHERE id = {{flag}}",
        "reason": "UPDATE posts_reviewflag SET reason = 'source' WHERE id = {flag}",
        "post_id": "UPDATE posts_reviewflag SET post_id = {waiting} WHERE id = {flag}",
    },
    "posts_generator": {"kind": "UPDATE posts_generator SET kind = 'trained_model' WHERE name = 'penwright 3'"},
    "posts_importbatch": {
        "origin": "UPDATE posts_importbatch SET origin = 'trained_model' WHERE id = {import}",
        "index_open": "UPDATE posts_importbatch SET index_open = FALSE WHERE id = {import}",
    },
    "posts_listedtext": {
        "post_id": (
            "DELETE FROM posts_listedtext WHERE post_id = {third}",
            "UPDATE posts_listedtext SET post_id = {third} WHERE post_id = {listed}",
        ),
        "published_at": f"UPDATE posts_listedtext SET published_at = {LATER} WHERE post_id = {{listed}}",
        "reviewed_at": f"UPDATE posts_listedtext SET reviewed_at = {LATER} WHERE post_id = {{listed}}",
        "changed_at": f"UPDATE posts_listedtext SET changed_at = {EARLIER} WHERE post_id = {{listed}}",
        "source_batch_id": "UPDATE posts_listedtext SET source_batch_id = {closed} WHERE post_id = {listed}",
        "pictures": """UPDATE posts_listedtext SET pictures = '["https://images.unsplash.com/a"]'
            WHERE post_id = {listed}""",
        "line": "UPDATE posts_listedtext SET line = replace(line, 'Draining', 'Emptying') WHERE post_id = {listed}",
    },
    "posts_postterm": {
        "term_id": "UPDATE posts_postterm SET term_id = (SELECT id FROM posts_term WHERE key = 'go' AND kind = 'stack')"
        " WHERE post_id = {listed} AND term_id = {stack}",
        "post_id": "UPDATE posts_postterm SET post_id = {alone} WHERE post_id = {listed} AND term_id = {stack}",
        "published_at": f"UPDATE posts_postterm SET published_at = {LATER} WHERE post_id = {{listed}}",
    },
    "posts_term": {
        "kind": "UPDATE posts_term SET kind = 'topic' WHERE id = {stack}",
        "key": "UPDATE posts_term SET key = 'rusty' WHERE id = {stack}",
        "name": "UPDATE posts_term SET name = 'RUST' WHERE id = {stack}",
        "slug": "UPDATE posts_term SET slug = 'rusty' WHERE id = {stack}",
        "listed_count": "UPDATE posts_term SET listed_count = 77 WHERE id = {stack}",
    },
    "posts_neighbour": {
        "post_id": (
            "DELETE FROM posts_neighbour WHERE post_id = {third}",
            "UPDATE posts_neighbour SET post_id = {third} WHERE post_id = {listed} AND neighbour_id <> {third}",
        ),
        "neighbour_id": (
            "DELETE FROM posts_neighbour WHERE post_id = {listed} AND neighbour_id = {third}",
            "UPDATE posts_neighbour SET neighbour_id = {alone} WHERE post_id = {listed}",
        ),
        "rank": "UPDATE posts_neighbour SET rank = 9 WHERE post_id = {listed} AND rank = 0",
        "shared": """UPDATE posts_neighbour SET shared = '["Nothing"]' WHERE post_id = {listed}""",
    },
    "posts_renderedarticle": {
        "html": "UPDATE posts_renderedarticle SET html = '<p>Mended.'"
        " WHERE fingerprint = (SELECT fingerprint FROM posts_revision WHERE id = {text})",
        "contents": """UPDATE posts_renderedarticle SET contents = '[[2,"a","A"],[2,"b","B"],[2,"c","C"],[2,"d","D"]]'
            WHERE fingerprint = (SELECT fingerprint FROM posts_revision WHERE id = {text})""",
    },
    "posts_sitefigure": {
        "value": """UPDATE posts_sitefigure SET value = replace(value, '"waiting":1', '"waiting":5151')
            WHERE name = 'states and origins'""",
    },
}
# Rows that come or go.
ROWS = {
    "a decision": "INSERT INTO posts_review (revision_id, fingerprint, outcome, reviewer_id)"
    " SELECT id, fingerprint, 'changes_requested', {person} FROM posts_revision WHERE id = {proposed}",
    "a decision that goes": (*IN_PART, "DELETE FROM posts_review WHERE id = {approval}"),
    "an earlier flag": "INSERT INTO posts_reviewflag (post_id, reason, fingerprint, raised_at)"
    f" VALUES ({{flagged}}, 'facts', '', {EARLIER})",
    "a flag that goes": "DELETE FROM posts_reviewflag WHERE id = {flag}",
    "a text below another": (
        f"UPDATE posts_revision SET number = 5, fingerprint = '{'c' * 64}' WHERE id = {{text}}",
        "INSERT INTO posts_revision (post_id, number, version, snapshot, fingerprint, batch_id)"
        f" SELECT post_id, 1, version, snapshot, '{'c' * 64}', {{closed}} FROM posts_revision WHERE id = {{text}}",
    ),
    "a text below another that goes": (*EDITED, "DELETE FROM posts_revision WHERE number = 1 AND post_id = {listed}"),
    "a place in lists that goes": "DELETE FROM posts_listedtext WHERE post_id = {listed}",
    "a place in lists": (
        "DELETE FROM posts_listedtext WHERE post_id = {listed}",
        "INSERT INTO posts_listedtext (post_id, revision_id, published_at, reviewed_at)"
        f" VALUES ({{listed}}, {{text}}, {LATER}, {LATER})",
    ),
    "a term that goes": "DELETE FROM posts_postterm WHERE post_id = {listed} AND term_id = {stack}",
    "a term": f"INSERT INTO posts_postterm (post_id, term_id, published_at) VALUES ({{alone}}, {{stack}}, {EARLIER})",
    "a list": "INSERT INTO posts_term (kind, key, name, slug, listed_count) VALUES ('stack', 'c', 'C', 'c', 5)",
    "a list that goes": (
        "INSERT INTO posts_term (kind, key, name, slug, listed_count) VALUES ('stack', 'c', 'C', 'c', 5)",
        "DELETE FROM posts_term WHERE slug = 'c'",
    ),
    "a related post that goes": "DELETE FROM posts_neighbour WHERE post_id = {listed} AND rank = 0",
    "a related post": "INSERT INTO posts_neighbour (post_id, neighbour_id, rank, shared)"
    " VALUES ({listed}, {alone}, 9, '[]')",
    "a near-duplicate": "INSERT INTO posts_texttwin (post_id, twin_id, similarity) VALUES ({listed}, {other}, 0.9)",
    "a near-duplicate that is none": (
        "INSERT INTO posts_texttwin (post_id, twin_id, similarity) VALUES ({listed}, {other}, 0.9)",
        "UPDATE posts_texttwin SET twin_id = {flagged} WHERE post_id = {listed}",
    ),
    "a near-duplicate that goes": (
        "INSERT INTO posts_texttwin (post_id, twin_id, similarity) VALUES ({listed}, {other}, 0.9)",
        "DELETE FROM posts_texttwin",
    ),
    "a post without related ones": "DELETE FROM posts_staleneighbours WHERE post_id = {alone}",
    "a post whose related ones are looked for": (
        "DELETE FROM posts_staleneighbours WHERE post_id = {alone}",
        "INSERT INTO posts_staleneighbours (post_id, spreads) VALUES ({alone}, FALSE)",
    ),
    "stored HTML that goes": (
        "UPDATE posts_renderedarticle SET html = '<p>Odd.'",
        "DELETE FROM posts_renderedarticle",
    ),
    "an import's text that a person took": (
        "UPDATE posts_revision SET author_id = {person} WHERE id = {text}",
        "INSERT INTO posts_importissue (batch_id, kind, line, post_id, fingerprint)"
        " SELECT batch_id, 'conflict', 1, post_id, fingerprint FROM posts_revision WHERE id = {text}",
    ),
    "an import's text that a person edited": (
        "UPDATE posts_revision SET author_id = {person} WHERE id = {text}",
        "INSERT INTO posts_importissue (batch_id, kind, line, post_id, fingerprint)"
        " SELECT batch_id, 'conflict', 1, post_id, fingerprint FROM posts_revision WHERE id = {text}",
        "UPDATE posts_importissue SET kind = 'refused'",
    ),
}


def what_stays_old(changes, library):
    """(names of changes that no page shows, {name of a change: addresses of pages that still show what was before})."""
    changes_nothing, stays_old = [], {}
    remembered = Remembered()
    for name, statements in changes.items():
        *before, change = (statements,) if isinstance(statements, str) else statements
        with transaction.atomic():
            for statement in before:
                by_hand(statement, library)
            kept = Kept(None if before else remembered)
            changed, old = kept.after(lambda sql=change: by_hand(sql, library))
            transaction.set_rollback(True)
        if old:
            stays_old[name] = old
        elif not changed:
            changes_nothing.append(name)
    return changes_nothing, stays_old


@pytest.mark.parametrize("table", UPDATES)
def test_a_column_that_somebody_changes_by_hand_shows_on_every_cached_page(library, table):
    assert what_stays_old(UPDATES[table], library) == ([], {})


def test_a_row_that_somebody_adds_or_deletes_by_hand_shows_on_every_cached_page(library):
    assert what_stays_old(ROWS, library) == ([], {})


# Columns that pages read and never show.
NOT_SHOWN = {
    # What only the working copy shows: feeds and the API read it along with the live text.
    "posts_post": "source_id reference title title_key topic code_language difficulty reading_time language"
    " published_on generator awaits_review import_fingerprint import_line_hash changed_at"
    # It says where the address of a post without a page leads, and redirects are not kept.
    " replaced_by_id",
    "posts_revision": "suggested_by_id why",
    "posts_review": "ticks reason_code comment own_text_reason reviewer_id seconds_spent way_back revoked_by_id"
    " undone_by_id statements is_own_text",
    "posts_listedtext": "generator",
    "posts_importbatch": " ".join(field.column for field in ImportBatch._meta.fields),
}
# Tables that no kept page shows anything of.
NO_PAGE = {
    "posts_formerslug": "redirects are not kept",
    "posts_formertermslug": "its term gets another slug at the same time",
    "posts_search": "posts.search.index notes what it writes there: SQLite has no triggers on a virtual table",
    "posts_search_head": "the same",
    "posts_spellingkey": "the same",
    "posts_pagechange": "the log itself",
    "posts_finishedarticle": "what is stored is shown only with the values that it was made from",
    "posts_storedpagestate": "how far stored pages are; the log alone says what is outdated",
}


def columns_read(sql):
    """Yield {"table.column", …} for each column that a statement reads.

    Several where an alias stands for one table in one part of the statement and for another in the next.
    """
    names = defaultdict(set)
    for table, alias in re.findall(r'"?(posts_\w+)"?(?: "?([A-Z]\w*)"?)?', sql):
        names[table].add(table)
        names[alias].add(table)
    columns = {model._meta.db_table: {field.column for field in model._meta.fields} for model in apps.get_models()}
    for name, column in re.findall(r'"?(\w+)"?\."(\w+)"', sql):
        if of := {f"{table}.{column}" for table in names.get(name, ()) if column in columns.get(table, ())}:
            yield of


def test_every_column_that_a_cached_page_reads_is_watched_or_said_not_to_be_shown(library):
    site, addresses = WsgiSite(), list(every_address())
    with CaptureQueriesContext(connection) as queries:
        answers = {address: site.get(address) for address in addresses}
    assert sum(answer.is_stored for answer in answers.values()) > 20
    # An address that leads nowhere is looked for among the former ones.
    assert [address for address, answer in answers.items() if answer.status == 404] == []
    known = {
        f"{watched.table}.{column}"
        for watched in WATCHED
        for column in [watched.key, *watched.columns.split(), *watched.more_columns.split()]
    }
    known |= {f"{table}.{column}" for table, columns in NOT_SHOWN.items() for column in columns.split()}
    known |= {
        f"{table}.{field.column}"
        for table in NO_PAGE
        for model in apps.get_models()
        if model._meta.db_table == table
        for field in model._meta.fields
    }
    read = [of for query in queries for of in columns_read(query["sql"])]
    assert sorted({" or ".join(sorted(of)) for of in read if not of & known}) == []


def test_the_database_has_the_triggers_that_the_module_describes(db):
    wanted = {trigger.name: (trigger.table, trigger.digest) for trigger in triggers(connection.vendor)}
    assert installed_triggers(connection) == wanted


def test_migrate_puts_back_what_is_missing_or_of_another_version(db):
    whole = installed_triggers(connection)
    missing, older = [trigger for trigger in triggers(connection.vendor) if trigger.table == "posts_texttwin"][:2]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"DROP TRIGGER {missing.name}")
            cursor.execute(f"DROP TRIGGER {older.name}")
            cursor.execute(f"CREATE TRIGGER {older.name} AFTER DELETE ON posts_texttwin BEGIN SELECT 1; END")
        else:
            cursor.execute(f"DROP TRIGGER {missing.name} ON posts_texttwin")
            cursor.execute(f"COMMENT ON TRIGGER {older.name} ON posts_texttwin IS 'of another version'")
    call_command("migrate", verbosity=0)
    assert installed_triggers(connection) == whole


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite makes tables anew")
def test_a_table_that_a_migration_makes_anew_keeps_its_triggers(transactional_db):
    posts, whole = apps.get_app_config("posts"), installed_triggers(connection)
    signal = {"sender": posts, "app_config": posts, "using": "default", "verbosity": 0, "interactive": False}
    pre_migrate.send(**signal, plan=[("a migration", False)])
    with connection.schema_editor() as editor:
        editor._remake_table(Post)
    assert not any(table == "posts_post" for table, _ in installed_triggers(connection).values())
    post_migrate.send(**signal, plan=[("a migration", False)])
    assert installed_triggers(connection) == whole


class Fails(migrations.Migration):
    def apply(self, *args, **options):
        raise RuntimeError("This migration fails.")


@pytest.fixture
def failing_migration(monkeypatch):
    """Add to the migrations of posts one that fails."""
    build = MigrationLoader.build_graph

    def build_with_one_more(loader):
        build(loader)
        newest, failing = loader.graph.leaf_nodes("posts")[0], ("posts", "9999_fails")
        loader.graph.add_node(failing, Fails(failing[1], failing[0]))
        loader.graph.add_dependency(None, failing, newest)
        loader.disk_migrations[failing] = loader.graph.nodes[failing]

    monkeypatch.setattr(MigrationLoader, "build_graph", build_with_one_more)


def test_a_migration_that_fails_leaves_every_trigger_in_place(transactional_db, failing_migration):
    whole, lines = installed_triggers(connection), PageChange.objects.count()
    with pytest.raises(RuntimeError, match="This migration fails"):
        call_command("migrate", verbosity=0)
    assert installed_triggers(connection) == whole
    # SQLite had none meanwhile, so another process may have changed what pages show.
    assert PageChange.objects.count() - lines == (connection.vendor == "sqlite")


def test_what_reports_the_state_of_the_site_says_that_triggers_are_missing(db, admin_client):
    def said():
        found = {found.id: found.msg for found in run_checks(include_deployment_checks=True)}
        return found.get("posts.E001", ""), "Readers may see outdated pages" in admin_client.get("/admin/").text

    assert said() == ("", False)
    of = "" if connection.vendor == "sqlite" else " ON posts_texttwin"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER page_change_texttwin_update{of}")
    message, on_dashboard = said()
    assert "page_change_texttwin_update" in message and on_dashboard


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no types to alter")
@pytest.mark.parametrize("watched", WATCHED, ids=lambda watched: f"{watched.table} {watched.name}".strip())
def test_a_migration_may_alter_the_type_of_each_watched_column(db, watched):
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, watched.table)
        types = {column.name: column.type_code for column in columns}
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in f"{watched.columns} {watched.more_columns}".split():
            cursor.execute("SELECT format_type(%s, NULL)", [types[name]])
            # To the type that it has: what names the column prevents that too.
            cursor.execute(f"ALTER TABLE {watched.table} ALTER COLUMN {name} TYPE {cursor.fetchone()[0]}")


def test_loaddata_renews_pages(library, tmp_path):
    post = Post.objects.get(pk=library["listed"])
    post.slug = "elsewhere"
    file = tmp_path / "posts.json"
    file.write_text(serializers.serialize("json", [post]))
    changed, old = Kept().after(lambda: call_command("loaddata", str(file), verbosity=0))
    assert (old, "/" in changed, "/articles/" in changed) == ([], True, True)


def test_one_statement_about_many_posts_is_one_line_of_the_log_on_postgresql(library):
    lines = PageChange.objects.count()
    by_hand("UPDATE posts_post SET needs_human_review = NOT needs_human_review", library)
    noted = PageChange.objects.count() - lines
    assert noted == (1 if connection.vendor == "postgresql" else Post.objects.count())


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL has TRUNCATE")
@pytest.mark.parametrize("table", sorted({watched.table for watched in WATCHED} - {"posts_post", "posts_revision"}))
def test_a_table_that_is_emptied_renews_pages(library, table):
    # PostgreSQL empties no table that still has references to check.
    by_hand("SET CONSTRAINTS ALL IMMEDIATE", library)
    # It refuses to be emptied, and some tables would empty it too.
    by_hand("ALTER TABLE posts_auditentry DISABLE TRIGGER audit_guard_auditentry_truncate", library)
    assert Kept().after(lambda: by_hand(f"TRUNCATE {table} CASCADE", library))[1] == []
