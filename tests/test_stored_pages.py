"""Finished pages in the database: made by the background, shown before Django starts, never outdated."""

import logging

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alphanode.with_page_cache import with_page_cache
from posts.db.change_log import note_changes, post_key
from posts.jobs.housekeeping import forget_old_page_changes
from posts.measures import measures
from posts.models import ImportBatch, PageChange, Post, StoredPage, StoredPageKey, StoredPageState
from posts.page_cache import stored
from posts.public import stored_pages
from posts.public.index_audit import Answer, Scope, audit_indexing
from posts.public.stored_pages import forget_other_pages, store_pages
from posts.public.tasks import forget_pages, make_pages_ready
from posts.related.related_posts import find_stale_related_posts
from tests.changed_posts import closed, flagged, renamed, rewritten, withdrawn
from tests.factories import make_post
from tests.wsgi_site import Clock, WsgiSite

pytestmark = pytest.mark.usefixtures("transactional_db")
ON = {"stack": ["Rust"], "tools": ["cargo"], "tags": ["queues"]}


@pytest.fixture(autouse=True)
def _open_site(settings):
    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["testserver"]
    settings.SITE_URL = "http://testserver"


@pytest.fixture
def listed():
    """Make posts with related posts, all stored."""
    posts = [make_post(released=True, title=f"Draining {name}", **ON) for name in ("slowly", "fast", "twice")]
    find_stale_related_posts()
    store_pages()
    return posts


def asleep(environ, start_response):
    raise AssertionError(f"Django was asked for {environ['PATH_INFO']}")


def new_process(application=None):
    """Return a web process that has just started. Without an application it may not ask Django."""
    clock = Clock()
    return WsgiSite(with_page_cache(application or asleep, clock=clock), clock)


def paths():
    return set(StoredPage.objects.filter(is_stale=False).values_list("path", flat=True))


def test_a_new_process_shows_what_the_background_made_without_asking_django(listed):
    for path in (listed[0].get_absolute_url(), "/", "/articles/", "/feed/", "/feed.json", "/rss.xml", "/stacks/rust/"):
        found = new_process().get(path, accept_encoding="br")
        assert found.is_hit, path
        made = WsgiSite(WSGIHandler()).get(path)
        assert found.content == made.body
        of_request = {"cache-status", "x-request-id", "content-length", "content-encoding", "date", "etag", "vary"}
        assert {k: v for k, v in found.headers.items() if k not in of_request} == {
            k: v for k, v in made.headers.items() if k not in of_request
        }


def test_records_and_files_of_the_sitemap_are_stored_too(listed):
    files = {path for path in paths() if path.startswith("/sitemap")}
    assert {"/sitemap.xml", "/sitemaps/pages.xml", f"/sitemaps/articles-{listed[0].pk // 1000}.xml"} <= files
    for path in {reverse("posts:record", args=[listed[0].slug]), *files}:
        assert new_process().get(path).is_hit


def test_a_reader_without_brotli_and_one_who_has_the_page_are_served(listed):
    path = listed[0].get_absolute_url()
    assert b"Draining slowly" in new_process().get(path, accept_encoding="identity").body
    etag = new_process().get(path).headers["etag"]
    assert new_process().get(path, if_none_match=etag).status == 304


def test_reading_a_stored_page_is_one_query_that_writes_nothing(listed):
    site = new_process()
    site.get("/")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert site.get(listed[0].get_absolute_url()).is_hit
    assert [query["sql"].split()[0] for query in queries if "posts_" in query["sql"]] == ["SELECT"]


def changed_by_hand(post):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE posts_post SET needs_human_review = TRUE WHERE id = %s", [post.pk])


@pytest.mark.parametrize("change", [flagged, withdrawn, renamed, closed, changed_by_hand, rewritten])
def test_a_change_shows_at_once_before_the_background_knows_of_it_and_after(listed, change):
    old = listed[1].get_absolute_url()
    running = new_process(WSGIHandler())
    running.get("/robots.txt")
    change(listed[1])
    addresses = [post.get_absolute_url() for post in Post.objects.all()]
    addresses += [old, "/", "/articles/", "/feed/", "/stacks/rust/", f"/sitemaps/articles-{listed[0].pk // 1000}.xml"]
    true = {address: WsgiSite(WSGIHandler()).get(address) for address in addresses}
    for _ in range(2):
        for site in (running.later(), new_process(WSGIHandler())):
            for address, expected in true.items():
                shown = site.get(address)
                assert (shown.status, shown.content) == (expected.status, expected.body), address
                assert shown.headers.get("x-robots-tag") == expected.headers.get("x-robots-tag")
        store_pages()
    assert new_process().get("/").is_hit
    assert new_process().get(listed[0].get_absolute_url()).is_hit


def test_pages_of_a_changed_post_are_made_again_by_the_next_run(listed):
    flagged(listed[1])
    store_pages()
    assert listed[1].get_absolute_url() not in paths()
    assert {post.get_absolute_url() for post in (listed[0], listed[2])} <= paths()


def test_a_new_post_is_stored_once_its_related_posts_are_known(listed):
    new = make_post(released=True, title="Draining later", **ON)
    store_pages()
    assert new.get_absolute_url() not in paths()
    find_stale_related_posts()
    store_pages()
    assert new.get_absolute_url() in paths()


def test_an_address_that_leads_elsewhere_goes_from_the_store(listed):
    old = listed[1].get_absolute_url()
    renamed(listed[1])
    store_pages()
    assert old not in StoredPage.objects.values_list("path", flat=True)
    assert Post.objects.get(pk=listed[1].pk).get_absolute_url() in paths()


def test_what_changes_while_a_page_is_made_ends_the_page(listed, monkeypatch):
    post, made = listed[1], stored_pages._made
    StoredPage.objects.update(is_stale=True)

    def changing(own, path, horizon):
        row = made(own, path, horizon)
        if path == post.get_absolute_url():
            flagged(Post.objects.get(pk=post.pk))
        return row

    monkeypatch.setattr(stored_pages, "_made", changing)
    store_pages()
    monkeypatch.undo()
    for _ in range(2):
        shown = new_process(WSGIHandler()).get(post.get_absolute_url())
        assert "noindex" in shown.headers["x-robots-tag"]
        store_pages()


def test_a_worker_that_was_overtaken_while_it_made_pages_stores_none(listed, monkeypatch):
    StoredPage.objects.all().delete()
    made = stored_pages._made

    def overtaken(own, path, horizon):
        row = made(own, path, horizon)
        StoredPageState.objects.update(horizon=horizon + 1)
        return row

    monkeypatch.setattr(stored_pages, "_made", overtaken)
    assert store_pages() == 0
    assert paths() == set()


@pytest.mark.parametrize(
    "request_",
    [
        {"path": "/?page=2"},
        {"path": "/", "host": "elsewhere.test"},
        {"path": "/", "cookie": "sessionid=x"},
        {"path": "/", "authorization": "Bearer x"},
        {"path": "/nothing/here/"},
    ],
)
def test_other_requests_are_answered_by_django(listed, request_):
    asked = []

    def django(environ, start_response):
        asked.append(environ["PATH_INFO"])
        return WSGIHandler()(environ, start_response)

    new_process(django).get(request_.pop("path"), **request_)
    assert len(asked) == 1


def test_pages_of_another_edition_are_not_shown_and_go_a_day_after_all_are_stored(listed, settings):
    settings.SITE_NAME = "Another name"
    path = listed[0].get_absolute_url()
    shown = new_process(WSGIHandler()).get(path)
    assert not shown.is_hit
    store_pages()
    assert "Another name" in new_process().get(path).text
    count = StoredPage.objects.count()
    assert forget_other_pages() == 0
    StoredPageState.objects.update(walked_at=timezone.now() - timezone.timedelta(days=2))
    forget_pages.func()
    assert StoredPage.objects.count() == count / 2
    assert new_process().get(path).is_hit
    assert StoredPageState.objects.count() == 1


def test_without_the_setting_nothing_is_stored_or_shown_and_what_was_stored_goes(listed, settings):
    settings.STORED_PAGES = False
    assert not new_process(WSGIHandler()).get("/").is_hit
    make_pages_ready.func()
    forget_other_pages()
    assert not StoredPage.objects.exists()
    assert not StoredPageKey.objects.exists()


def test_a_process_that_can_not_know_all_changes_since_the_last_run_asks_django(listed, monkeypatch):
    monkeypatch.setattr(stored, "MOST_ROWS", 3)
    monkeypatch.setattr("posts.db.change_log.place_to_begin", lambda rows=2: _newest(rows))
    for number in range(8):
        note_changes([f"other:{number}"])
    assert not new_process(WSGIHandler()).get("/").is_hit
    store_pages()
    assert new_process().get("/").is_hit


def _newest(rows):
    return next(iter(PageChange.objects.order_by("-position").values_list("position", flat=True)[rows : rows + 1]), 0)


def test_too_many_changes_for_a_run_end_every_page(listed, monkeypatch):
    monkeypatch.setattr(stored_pages, "MOST_CHANGES", 3)
    before = set(StoredPage.objects.values_list("pk", "made_at"))
    for number in range(8):
        note_changes([f"other:{number}"])
    store_pages()
    assert not before & set(StoredPage.objects.values_list("pk", "made_at"))
    assert new_process().get(listed[0].get_absolute_url()).is_hit


def test_a_database_that_was_restored_elsewhere_gets_new_pages(listed):
    StoredPageState.objects.update(horizon=10**12)
    StoredPage.objects.update(position=10**12)
    assert not new_process(WSGIHandler()).get("/").is_hit
    store_pages()
    assert new_process().get("/").is_hit
    assert new_process().get(listed[0].get_absolute_url()).is_hit


def test_a_page_is_made_again_after_a_week(listed):
    StoredPage.objects.update(made_at=timezone.now() - timezone.timedelta(days=8))
    StoredPageState.objects.update(walked_at=timezone.now() - timezone.timedelta(days=8))
    store_pages()
    oldest = StoredPage.objects.get(path=listed[0].get_absolute_url())
    assert oldest.made_at > timezone.now() - timezone.timedelta(days=1)


def test_a_run_that_ends_early_goes_on_in_the_next(listed):
    StoredPage.objects.all().delete()
    StoredPageState.objects.all().delete()
    while not StoredPageState.objects.filter(next_post=None).exists():
        store_pages(seconds=0)
    assert new_process().get(listed[0].get_absolute_url()).is_hit


def test_pages_that_the_background_makes_are_neither_logged_nor_counted(listed, caplog):
    flagged(listed[0])
    measures.take()
    with caplog.at_level(logging.INFO, logger="alphanode.request"):
        store_pages()
    assert not caplog.records
    assert not measures.take()


def test_an_import_without_an_approval_is_in_no_stored_list(listed):
    assert ImportBatch.objects.exists()
    make_post(title="Draining unread", **ON)
    store_pages()
    for path in paths():
        assert b"Draining unread" not in new_process().get(path).content


def test_the_audit_finds_a_stored_page_that_is_open_against_the_rule(listed):
    def mismatches():
        report = audit_indexing(of_this_site, Scope(sample=0))
        return {(address, words) for address, words in report.mismatches if "stored" in words}

    assert mismatches() == set()
    path = listed[0].get_absolute_url()
    page = StoredPage.objects.get(path=path)
    page.headers = [["X-Robots-Tag", "noindex"]]
    page.save()
    assert mismatches() == {(path, f"X-Robots-Tag of the stored page {path} says closed, the rule open")}
    # The log says that it is outdated, and nobody is shown it.
    note_changes([post_key(listed[0].pk)])
    assert mismatches() == set()


def of_this_site(path):
    answer = WsgiSite(WSGIHandler()).get(path)
    return Answer(answer.status, answer.headers, answer.content.decode(errors="replace"))


def test_without_the_host_of_the_site_among_the_allowed_ones_nothing_is_made_and_nothing_logged(settings, caplog):
    make_post(released=True)
    settings.SITE_URL = "http://elsewhere.test"
    assert store_pages() == 0
    assert not caplog.records and not StoredPage.objects.exists()


def test_pages_that_missed_a_change_before_it_was_forgotten_are_not_shown_again(listed):
    path = listed[1].get_absolute_url()
    flagged(listed[1])
    PageChange.objects.update(noted_at=timezone.now() - timezone.timedelta(days=2))
    StoredPageState.objects.update(read_at=timezone.now() - timezone.timedelta(days=2))
    note_changes(["newest"])
    forget_old_page_changes.func()
    for _ in range(2):
        assert "noindex" in new_process(WSGIHandler()).get(path).headers.get("x-robots-tag", "")
        assert listed[1].title not in new_process(WSGIHandler()).get("/articles/").text
        store_pages()
    assert new_process().get("/articles/").is_hit
    assert new_process().get(listed[0].get_absolute_url()).is_hit
