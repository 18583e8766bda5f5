"""What readers get at an address: articles with their record, the home page, files for programs, errors."""

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from alphanode.urls import *  # noqa: F403 (the site's own addresses and error pages, for the tests of errors)
from alphanode.urls import urlpatterns as site_addresses
from posts.listing.site_stats import store_site_stats
from posts.models import Post
from posts.operations import flag_post, record_revision, roll_back
from posts.public.sitemaps import URLS_PER_FILE
from tests.factories import RecordFactory, approve, import_records, make_post, person

pytestmark = pytest.mark.django_db

FULL_RECORD = {
    "source_id": "full-1",
    "reference": "ref-full-1-77",
    "title": "Queues that drain before a deploy",
    "intro": "Work stops in the middle when a queue is cut off.\n\n![](image:1)",
    "body": "## What happens\n\nA signal comes.\n\n## Steps to take\n\n[checklist]\n\n![](image:2)\n\n"
    "## Last words\n\nWatch it.",
    "topic": "draining queues / Go services",
    "summary": "How a queue drains, measured.",
    "ai_outline": {"setting": "before a deploy", "advice": "stop taking, finish, leave"},
    "ai_brief": "A brief that asks for signals and deadlines.",
    "stack": ["Go services", "workers"],
    "tools": ["pgx", "systemd", "make"],
    "code_language": "go",
    "difficulty": "advanced",
    "reading_time": 9,
    "view_count": 51234,
    "score": {"quality": 81, "freshness": 92, "depth": 73.5, "clarity": 64, "rhythm": 55},
    "revision": {"status": "drafted", "version": "3.1.4", "last_reviewed": "2026-02-03"},
    "hash": "0123456789abcdef01234567",
    "flags": {"ai_generated_style": 1, "has_images": 1, "image_heavy": 0, "needs_human_review": 0},
    "checklist": ["stop the intake", "wait for the last job"],
    "entities": [{"name": "Go services", "type": "platform"}, {"name": "SIGTERM", "type": "signal"}],
    "image_sources": [
        {"source": "unsplash", "url": "https://images.unsplash.com/photo-9?w=1200&q=80", "caption": "A drained queue"},
        {"source": "placehold.co", "url": "https://placehold.co/1200x630/png?text=Leave", "caption": "Leave in order"},
    ],
    "payload": {"generator": "our own hands", "seed": 4711, "steps": [{"kind": "measure", "times": [3, 5]}]},
    "notes": ["the first remark", "the second remark"],
    "published_on": "2026-01-15",
    "authors": ["A pen"],
    "tags": ["deploys", "queues"],
    "language": "en",
    "lineage": {"parent": "draft-88"},
}
# In the order in which the page shows them; what it also shows above the sheet is looked for in the sheet itself.
SHEET_FIELDS = (
    "topic summary ai_outline ai_brief stack tools code_language difficulty reading_time view_count score revision "
    "reference hash flags checklist entities image_sources payload notes published_on authors tags language lineage"
).split()


class VisibleText(HTMLParser):
    """The text of a page as eyes and ears get it: without head, scripts and what is hidden from both."""

    VOID = frozenset("area base br col embed hr img input link meta source track wbr rect path circle line".split())

    def __init__(self, html):
        super().__init__()
        self.hidden, self.parts = [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img" and not self.hidden:
            self.parts.append(attributes["alt"])
        if tag not in self.VOID and (
            self.hidden or tag in ("head", "script", "style") or attributes.get("aria-hidden") == "true"
        ):
            self.hidden.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if self.hidden and tag not in self.VOID:
            self.hidden.pop()

    def handle_data(self, words):
        if not self.hidden:
            self.parts.append(words)


def words_of(html):
    return VisibleText(html).text


def leaves(value):
    """Yield every key and leaf of a JSON value, in order, as words."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key.replace("_", " ")
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield str(value)


def assert_in_order(text, wanted):
    at = 0
    for words in wanted:
        found = text.lower().find(words.lower(), at)
        assert found >= 0, f"{words!r} is missing or out of order after {text[max(0, at - 80) : at]!r}"
        at = found + len(words)


def full_post(**fields):
    import_records(FULL_RECORD | fields)
    return Post.objects.get(source_id="full-1")


def page_of(client, post):
    return client.get(post.get_absolute_url()).content.decode()


def test_an_article_shows_every_leaf_of_its_record_in_the_order_of_the_record(client):
    text = words_of(page_of(client, full_post()))
    article, sheet = text.split("End of an article", 1)
    wanted = ["Queues that drain", "Work stops", "A drained queue. Image source: unsplash"]
    wanted += ["A signal comes", "Steps to take", "stop the intake", "wait for the last job"]
    assert_in_order(article, [*wanted, "Leave in order. Image source: placehold.co", "Watch it."])
    shown = {"flags": {key: "yes" if value else "no" for key, value in FULL_RECORD["flags"].items()}}
    wanted = ["AlphaNode post meta"]
    for key in SHEET_FIELDS:
        value = shown.get(key, FULL_RECORD[key])
        wanted += [key.replace("_", " "), *leaves("51,234" if key == "view_count" else value)]
    assert_in_order(sheet, [*wanted, "Similar Posts"])


def test_claims_stand_as_imported_until_the_first_decision_here_and_ours_after_it(client):
    post = full_post()
    sheet = words_of(page_of(client, post)).split("AlphaNode post meta")[-1]
    assert "as it was imported" in sheet and "status drafted" in sheet and "last reviewed 2026-02-03" in sheet
    approve(post)
    sheet = words_of(page_of(client, post)).split("AlphaNode post meta")[-1]
    assert "revision as set here" in sheet and "status approved" in sheet and "2026-02-03" not in sheet


def edited(post, words, by):
    record = post.head_revision.snapshot | {"body": words, "checklist": []}
    return record_revision(post, record, by=by, expected_head_id=post.head_revision_id)


def test_an_unread_list_of_more_than_twenty_items_starts_closed_and_loses_none(client):
    html = page_of(client, full_post(tools=[f"tool number {number}" for number in range(21)]))
    assert "<summary>21 items</summary>" in html
    assert_in_order(words_of(html), [f"tool number {number}" for number in range(21)])


def test_what_is_empty_leaves_no_row(client):
    html = page_of(client, make_post(payload={"nothing": {}, "void": [], "blank": "", "kept": [0, False, None]}))
    sheet = words_of(html).split("AlphaNode post meta")[-1]
    assert "kept 0 false null" in sheet
    assert not re.search(r"nothing|void|blank|Notes|AI brief", sheet)


@pytest.mark.parametrize(
    ("prepare", "sentence", "ending", "robots"),
    [
        (
            lambda: make_post(),
            "Nobody has reviewed this article yet.",
            "End of an article that nobody has reviewed",
            True,
        ),
        (
            lambda: make_post(released=True),
            "Read and approved by a reviewer on",
            "Approved exactly as shown here",
            False,
        ),
        (
            lambda: make_post(released=True, flagged=True),
            "Approved by a reviewer on",
            "and flagged since",
            True,
        ),
        (
            lambda: approve(make_post(), is_bulk=True),
            "Approved together with others on",
            "nobody has reviewed individually",
            True,
        ),
    ],
    ids=["unread", "approved", "flagged since", "bulk"],
)
def test_the_status_line_and_the_last_line_say_what_people_decided(client, prepare, sentence, ending, robots):
    post = prepare()
    response = client.get(post.get_absolute_url())
    html = response.content.decode()
    text = words_of(html)
    assert text.index(sentence) < text.index("A worker that stops") < text.index(ending)
    assert ('<meta name="robots" content="noindex">' in html) is robots
    assert (response.headers.get("X-Robots-Tag") == "noindex") is robots
    assert sentence in client.get(f"/posts/{post.slug}.json").json()["review"]["disclosure"]


def test_a_flag_raised_since_an_approval_stands_with_both_dates(client):
    post = make_post(released=True, flagged=True)
    flag, approval = post.review_flags.get(), post.live_approval
    text = words_of(page_of(client, post))
    on, since = (f"{moment.day} {moment:%B %Y}" for moment in (approval.created_at, flag.raised_at))
    assert f"on {on}; flagged on {since} for another review." in text


def test_similar_posts_say_why_or_that_there_are_none(client):
    post = make_post(released=True)
    assert "No approved post shares" in words_of(page_of(client, post))
    other = make_post(released=True, title="Another one on Go")
    similar = words_of(page_of(client, post)).split("Similar Posts")[1]
    assert "Another one on Go" in similar and "Shares" in similar and "Go services" in similar
    flag_post(other, by=person("Staff"), note="Look.")
    assert "Another one on Go" not in page_of(client, post)


PAGES = [
    "/",
    "/feed/",
    "/feed.json",
    "/sitemap.xml",
    "/api/posts/",
    "/api/posts/{slug}/",
    "{post}",
    "/articles/",
    "/stacks/",
    "/stacks/go-services/",
    "/search/?q=draining",
]


def _queries(client, address):
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address)
        assert response.status_code == 200 and response.getvalue()
    return len(queries)


def _analyze():
    """Let PostgreSQL know its tables, which it does by itself at any time."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_pages_cost_the_same_queries_at_two_posts_and_at_forty(client):
    from django.core.cache import cache

    posts = [make_post(released=True) for _ in range(2)]
    store_site_stats()
    addresses = [page.format(post=posts[0].get_absolute_url(), slug=posts[0].slug) for page in PAGES]
    _analyze()
    few = [_queries(client, address) for address in addresses]
    reviewer = person()
    import_records(*(RecordFactory() for _ in range(38)))
    for post in Post.objects.filter(live_revision=None):
        approve(post, by=reviewer)
    cache.clear()
    store_site_stats()
    _analyze()
    assert [_queries(client, address) for address in addresses] == few
    assert dict(zip(PAGES, few, strict=True)) == {
        "/": 4,
        "/feed/": 5,
        "/feed.json": 5,
        # With a look at the change log, from which on the files are kept.
        "/sitemap.xml": 4,
        "/api/posts/": 3,
        "/api/posts/{slug}/": 1,
        "{post}": 3,
        "/articles/": 2,
        "/stacks/": 1,
        "/stacks/go-services/": 6,
        # Texts about the words, then those that hold them; PostgreSQL is asked for its estimate first.
        "/search/?q=draining": {"sqlite": 5, "postgresql": 6}[connection.vendor],
    }
    # What lists have in common is read once, as long as nothing changes.
    assert [_queries(client, address) for address in ("/", "/articles/", "/stacks/go-services/")] == [1, 1, 1]


@pytest.mark.parametrize(
    "address",
    [
        "/", "/posts/here/", "/posts/here.json", "/feed/", "/feed.json", "/sitemap.xml", "/sitemaps/pages.xml",
        "/robots.txt", "/api/", "/api/posts/", "/api/posts/here/", "/api/openapi.json",
    ],
)  # fmt: skip
def test_a_public_page_sets_no_cookie_and_depends_on_none(client, address):
    make_post(slug="here", released=True)
    response = client.get(address)
    assert response.status_code == 200
    assert not response.cookies and "cookie" not in response.headers.get("Vary", "").lower()


@pytest.mark.parametrize("address", ["/", "/feed/", "/feed.json", "/sitemaps/articles-{file}.xml", "/api/posts/"])
def test_lists_name_listed_posts_and_no_others(client, address):
    make_post(slug="waits")
    make_post(slug="flagged", released=True, flagged=True)
    approve(make_post(slug="in-bulk"), is_bulk=True)
    file = make_post(slug="ready", released=True).pk // URLS_PER_FILE
    page = client.get(address.format(file=file)).getvalue().decode()
    assert "/posts/ready/" in page
    assert not re.search("/posts/(waits|flagged|in-bulk)/", page)


def test_the_home_page_counts_what_is_approved_and_what_waits(client):
    for _ in range(3):
        make_post()
    make_post(released=True)
    text = words_of(client.get("/").content.decode())
    assert "approved by a reviewer 1" in text and "pending review 3" in text


EMPTY = ["/", "/articles/", "/stacks/", "/search/?q=queues", "/api/posts/"]
BEGIN = "Sign in to import, write or review posts"
EMPTY_FEEDS = ["/feed/", "/rss.xml", "/feed.json"]


@pytest.mark.parametrize("address", EMPTY)
@pytest.mark.parametrize("number", [0, 1, 14])
def test_an_empty_site_says_how_to_begin_and_one_with_articles_does_not(client, address, number):
    for _ in range(number):
        make_post()
    says = {
        0: ("This site has no articles yet.", "Sign in to import posts or write one", "/admin/"),
        1: ("No article is approved yet.", "Sign in to review the post that waits", "/admin/review/"),
        14: ("No article is approved yet.", "Sign in to review the 14 posts that wait", "/admin/review/"),
    }[number]
    page = client.get(address).content.decode()
    assert all(words in page for words in says)
    make_post(released=True)
    cache.clear()
    assert "Sign in" not in client.get(address).content.decode()


@pytest.mark.parametrize("address", EMPTY_FEEDS)
def test_an_empty_feed_says_how_to_begin_in_words_that_stay_true(client, address):
    page = client.get(address).content.decode()
    assert f"No article is listed here yet. {BEGIN}: {settings.SITE_URL}/admin/" in page
    make_post()
    cache.clear()
    assert client.get(address).content.decode() == page
    make_post(released=True)
    cache.clear()
    assert "Sign in" not in client.get(address).content.decode()


def test_an_article_stays_small(client):
    import gzip

    post = full_post()
    assert len(gzip.compress(client.get(post.get_absolute_url()).content)) <= 25_000
    assert len(gzip.compress((settings.BASE_DIR / "static/css/site.css").read_bytes())) <= 14_000


def broken(request):
    raise RuntimeError("a secret of the code")


def refused(request):
    raise PermissionDenied


def senseless(request):
    raise BadRequest


urlpatterns = [
    *site_addresses,
    path("broken/", broken),
    path("refused/", refused),
    path("senseless/", senseless),
]


@pytest.mark.parametrize(
    ("address", "status", "title"),
    [
        ("/nothing-here/", 404, "Page not found"),
        ("/posts/nothing-here/", 404, "Page not found"),
        ("/posts/withdrawn/", 410, "This article was withdrawn"),
        ("/refused/", 403, "You don’t have permission to do that"),
        ("/broken/", 500, "Something went wrong on our side"),
        ("/senseless/", 400, "Bad request"),
        ("/bad-host/", 400, "Bad request"),
    ],
)
def test_an_error_has_its_own_page_and_code_and_no_trace_of_the_code(address, status, title, settings, caplog):
    from posts.operations import withdraw_post

    settings.DEBUG, settings.ROOT_URLCONF, settings.ALLOWED_HOSTS = False, __name__, ["testserver"]
    withdraw_post(make_post(slug="withdrawn", released=True), by=person())
    client = Client(
        raise_request_exception=False, SERVER_NAME="evil.example" if address == "/bad-host/" else "testserver"
    )
    response = client.get(address)
    html = response.content.decode()
    assert response.status_code == status
    assert f"<h1>{title}</h1>" in html and response.headers["X-Robots-Tag"] == "noindex"
    assert not re.search(r"Traceback|a secret of the code|RuntimeError|evil\.example|\.py", html)


def test_an_edit_changes_no_live_byte_until_it_is_approved_and_a_rollback_brings_them_back(client):
    post = approve(full_post())
    before = client.get(post.get_absolute_url())
    assert "X-Robots-Tag" not in before.headers
    edited(post, "Words that nobody has approved.", person("Editors"))
    assert client.get(post.get_absolute_url()).content == before.content
    post = approve(post)
    after = client.get(post.get_absolute_url())
    assert "Words that nobody has approved." in words_of(after.content.decode())
    assert "X-Robots-Tag" not in after.headers
    roll_back(post, by=person(), why="It was wrong.")
    back = words_of(page_of(client, post))
    assert "A signal comes." in back and "Words that nobody" not in back
    file = client.get(f"/sitemaps/articles-{post.pk // URLS_PER_FILE}.xml")
    assert f"/posts/{post.slug}/" in file.getvalue().decode()


@override_settings(UNREVIEWED_POSTS="hidden")
def test_a_site_may_hide_what_nobody_reviewed(client):
    assert client.get(make_post().get_absolute_url()).status_code == 404
    assert client.get(make_post(released=True).get_absolute_url()).status_code == 200
