"""The page cache: never an outdated page, never a private one, and small responses."""

import gzip
import json
import logging
import threading
from types import SimpleNamespace

import brotli
import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils.http import http_date
from hypothesis import given
from hypothesis import strategies as st

from posts.db.change_log import changes_since, note_changes, post_key
from posts.importing.index_switch import switch_batch_index
from posts.importing.rollback import roll_back_batch
from posts.logs import JsonFormatter
from posts.models import Post
from posts.operations import change_slug, flag_post, record_revision, roll_back, withdraw_post
from posts.page_cache import Freshness, PageCache, cache_page, part_read, shared_cache
from posts.page_cache.memory import Memory
from posts.page_cache.page import Page
from posts.page_cache.shared import deployment_name
from posts.public.sitemaps import URLS_PER_FILE
from posts.related.near_duplicates import sketch_posts
from posts.related.related_posts import find_stale_related_posts
from tests.factories import RecordFactory, approve, import_records, make_post, person
from tests.page_processes import read_while_changing
from tests.waiting import PATIENT_SECONDS, wait_until
from tests.wsgi_site import Clock, WsgiSite

with_posts = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def site(settings):
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["testserver", "other.test"]
    return WsgiSite()


class Log:
    """A log of changes that a test writes by hand, and an application whose page says how often it was made."""

    def __init__(self, clock):
        self.position, self.rows, self.looks, self.is_down = 1, [], 0, False
        # The oldest transaction that still runs, where one does.
        self.oldest = None
        self.freshness = Freshness(look=self.look, begin=lambda: 0, clock=clock)

    def look(self, position):
        if self.is_down:
            raise OSError("no way to the log")
        self.looks += 1
        found = [row for row in self.rows if row[1] >= position]
        return SimpleNamespace(horizon=self.oldest or self.position, newest=self.position - 1, rows=found)

    def note(self, *keys):
        self.rows.append((len(self.rows) + 1, self.position, frozenset(keys)))
        self.position += 1


class Small:
    """A site of one page behind a page cache; `answer(environ)` makes its response."""

    def __init__(self, answer=None, **options):
        self.clock, self.made = Clock(), 0
        self.log = Log(self.clock)
        self.answer = answer or (lambda environ: cache_page(page(f"<p>{self.made}"), keys=["a"]))
        cache = PageCache(
            self.application, freshness=self.log.freshness, clock=self.clock, **{"max_bytes": 1_000_000} | options
        )
        self.site = WsgiSite(cache, self.clock)
        self.get, self.later = self.site.get, self.site.later

    def application(self, environ, start_response):
        self.made += 1
        response = self.answer(environ)
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return response


def page(text="<p>", **headers):
    sent = {"Cache-Control": "public, max-age=0", "Content-Type": "text/html", "X-Request-ID": "0" * 32}
    return HttpResponse(text, headers=sent | {name.replace("_", "-"): value for name, value in headers.items()})


# What is kept, and for whom


@with_posts
def test_the_second_reader_of_a_page_gets_the_same_bytes_without_a_query(site):
    path = make_post(released=True).get_absolute_url()
    first = site.get(path)
    assert (first.status, first.is_hit, first.is_stored) == (200, False, True)
    with CaptureQueriesContext(connection) as queries:
        second = site.get(path)
    assert (second.status, second.is_hit) == (200, True)
    assert len(queries) == 0
    assert second.body == first.body
    own = {"cache-status", "x-request-id"}
    assert {n: v for n, v in second.headers.items() if n not in own} == {
        n: v for n, v in first.headers.items() if n not in own
    }
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert "content-security-policy" in second.headers


@with_posts
def test_a_page_that_nobody_reviewed_is_kept_with_its_notice(site):
    path = make_post().get_absolute_url()
    site.get(path)
    kept = site.get(path)
    assert kept.is_hit
    assert kept.headers["x-robots-tag"] == "noindex"
    assert "Nobody has reviewed this article yet." in kept.text


@with_posts
def test_somebody_signed_in_neither_gets_nor_leaves_a_cached_page(site, client):
    path = make_post(released=True).get_absolute_url()
    client.force_login(person())
    cookie = f"theme=dark; sessionid={client.cookies['sessionid'].value}"
    assert "cache-status" not in site.get(path, cookie=cookie).headers
    assert site.get(path).is_stored
    assert "cache-status" not in site.get(path, cookie=cookie).headers
    assert "cache-status" not in site.get(path, authorization="Basic eDp5").headers
    # A cookie that is not a session changes no page.
    assert site.get(path, cookie="csrftoken=abc").is_hit


@with_posts
@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/posts/a-post/report/"])
def test_a_page_with_a_form_is_never_kept_and_never_compressed(site, address):
    make_post(released=True, slug="a-post")
    for _ in range(2):
        answer = site.get(address, accept_encoding="br, gzip")
        assert answer.status in (200, 302)
        assert not answer.headers.keys() & {"cache-status", "content-encoding"}
    assert site.get("/posts/a-post/", accept_encoding="br, gzip").headers["content-encoding"] == "br"


@with_posts
@pytest.mark.parametrize("address", ["/posts/never-there/", "/posts/gone/", "/posts/old/", "/never/there/"])
def test_only_pages_that_are_there_are_kept(site, address):
    post = make_post(released=True, slug="old")
    change_slug(post, "new", by=person())
    withdraw_post(make_post(released=True, slug="gone"), by=person())
    for _ in range(2):
        answer = site.get(address)
        assert answer.status in (301, 404, 410)
        assert not answer.is_hit and not answer.is_stored


@with_posts
def test_a_page_is_kept_once_for_all_ports_and_spellings_of_its_host(site):
    path = make_post(released=True).get_absolute_url()
    assert site.get(path, host="testserver").is_stored
    for host in ("testserver:99999", "testserver:1", "testserver.", "testserver.:8000", "TESTSERVER"):
        assert site.get(path, host=host).is_hit, host
    for host in ("testserver:x", "testserver..", "test_server", "testserver:1:1", "testserver/", "@testserver"):
        assert not site.get(path, host=host).is_hit, host


@with_posts
def test_a_host_that_is_not_ours_gets_no_page_even_if_it_is_kept(site):
    path = make_post(released=True).get_absolute_url()
    assert site.get(path).is_stored
    assert site.get(path, host="evil.test").status == 400
    assert site.get(path, host="evil.test").status == 400
    assert not site.get(path, host="other.test").is_hit
    assert site.get(path, host="other.test").is_hit


@with_posts
def test_what_stands_in_the_query_makes_no_second_copy_of_an_article(site):
    path = make_post(released=True).get_absolute_url()
    assert site.get(f"{path}?utm_source=a").is_stored
    assert site.get(f"{path}?utm_source=b&x=1").is_hit
    assert site.get(path).is_hit


def test_a_page_that_reads_its_query_is_kept_for_each_part_that_it_reads():
    def answer(environ):
        return cache_page(page(environ["QUERY_STRING"]), keys=["a"], vary_on=["q", "page"])

    small = Small(answer)
    assert small.get("/search/?q=a&utm=1").text == "q=a&utm=1"
    assert small.get("/search/?q=a&utm=2").is_hit
    assert small.get("/search/?q=b").text == "q=b"
    assert small.get("/search/?q=a&page=2").text == "q=a&page=2"
    assert small.get("/search/?q=a&page=2").is_hit


def test_a_name_behind_percent_signs_makes_no_page_for_others():
    small = Small(lambda environ: cache_page(page(environ["QUERY_STRING"]), keys=["a"], vary_on=["q"]))
    small.get("/search/?q=a")
    assert small.get("/search/?%71=evil").text == "%71=evil"
    assert small.get("/search/").text == ""
    assert small.get("/search/?%71=evil").is_hit


@given(st.lists(st.tuples(st.sampled_from(["q", "%71", "+q", "page", "PAGE", "x", "", "q%00"]), st.text("a&=%+;71\0"))))
def test_the_part_of_a_query_that_is_read_reads_the_same(pairs):
    query = "&".join(f"{name}={value}" for name, value in pairs)
    whole, part = QueryDict(query), QueryDict(part_read(query, {"q", "page"}))
    for name in ("q", "page"):
        assert whole.getlist(name) == part.getlist(name)
    assert not part.keys() - {"q", "page"}


def test_a_page_that_says_nothing_of_its_query_is_kept_for_each_query():
    small = Small(lambda environ: cache_page(page(environ["QUERY_STRING"]), keys=["a"]))
    assert [small.get(f"/?{query}").text for query in ("a", "b", "")] == ["a", "b", ""]
    assert [small.get(f"/?{query}").text for query in ("a", "b", "")] == ["a", "b", ""]
    assert small.made == 3


@pytest.mark.parametrize(
    "response",
    [
        lambda: page(),
        lambda: cache_page(page(Set_Cookie="a=b")),
        lambda: cache_page(page(Vary="Cookie")),
        lambda: cache_page(page(Vary="Accept-Language")),
        lambda: cache_page(page(Cache_Control="private, no-store")),
        lambda: cache_page(HttpResponse("x", status=404)),
    ],
    ids=["unmarked", "cookie", "for one reader", "by language", "private", "not found"],
)
def test_what_is_not_one_whole_page_for_everybody_is_passed_on_as_it_is(response):
    small = Small(lambda environ: response())
    for count in (1, 2):
        answer = small.get("/", accept_encoding="br")
        assert small.made == count
        assert not answer.headers.keys() & {"cache-status", "content-encoding"}


def streamed(size):
    parts = (b"%d," % number for number in range(size))
    return cache_page(StreamingHttpResponse(parts, headers={"Cache-Control": "public", "Content-Type": "text/xml"}))


def test_a_page_that_is_streamed_is_kept_like_any_other():
    small = Small(lambda environ: streamed(1000))
    first = small.get("/", accept_encoding="br")
    assert first.text.startswith("0,1,2,") and first.text.endswith(",999,")
    second = small.get("/", accept_encoding="br")
    assert second.is_hit
    assert (second.body, second.headers["etag"]) == (first.body, first.headers["etag"])


def test_a_page_that_is_streamed_without_end_is_passed_on_part_by_part(monkeypatch):
    monkeypatch.setattr("posts.page_cache.MAX_STREAMED", 100)
    small = Small(lambda environ: streamed(1000))
    for count in (1, 2):
        answer = small.get("/", accept_encoding="br")
        assert small.made == count
        assert answer.text.startswith("0,1,2,") and answer.text.endswith(",999,")
        assert "cache-status" not in answer.headers


def test_only_reading_is_answered_from_memory():
    small = Small()
    small.get("/")
    assert small.get("/").is_hit
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        made = small.made
        assert not small.get("/", method=method).is_hit
        assert small.made == made + 1


# Nothing old


def flagged(post):
    flag_post(post, by=person("Staff"), note="Look at the numbers.")


def withdrawn(post):
    withdraw_post(post, by=person())


def edited_and_approved(post, title="A better title"):
    record_revision(post, Post.objects.get(pk=post.pk).working_record() | {"title": title}, by=person("Editors"))
    approve(post)


def rolled_back(post):
    roll_back(post, by=person())


def switched_off(post):
    switch_batch_index(Post.objects.get(pk=post.pk).last_batch, is_open=False, by=person("Staff"))


def moved(post):
    change_slug(post, "elsewhere", by=person())


def import_taken_back(post):
    roll_back_batch(Post.objects.get(pk=post.pk).first_batch, by=None)


@with_posts
@pytest.mark.parametrize(
    ("before", "act", "status", "has"),
    [
        (None, flagged, 200, 'content="noindex"'),
        (None, withdrawn, 410, "has been withdrawn"),
        (None, edited_and_approved, 200, "A better title"),
        (edited_and_approved, rolled_back, 200, "Retries"),
        (None, switched_off, 200, 'content="noindex"'),
        (None, moved, 301, ""),
        (None, import_taken_back, 410, "has been withdrawn"),
    ],
)
def test_a_page_follows_what_was_done_to_its_post(site, before, act, status, has):
    post = make_post(released=True, title="Retries", slug="retries")
    if before:
        before(post)
    site.later().get("/posts/retries/")
    old = site.get("/posts/retries/")
    assert old.is_hit
    assert not has or has not in old.text
    act(post)
    # Not looked yet: at most so long may the old page be shown.
    assert site.get("/posts/retries/").is_hit
    new = site.later().get("/posts/retries/")
    assert new.status == status
    assert has in new.text


@with_posts
def test_what_lists_show_follows_too(site):
    post = make_post(released=True, title="Retries", slug="retries")
    addresses = ["/", "/articles/", "/search/?q=retries", "/feed/", "/feed.json"]
    addresses.append(f"/sitemaps/articles-{post.pk // URLS_PER_FILE}.xml")
    for address in addresses:
        site.get(address)
        kept = site.get(address)
        assert kept.is_hit
        assert "/posts/retries/" in kept.text
    flagged(post)
    site.later()
    for address in addresses:
        assert "/posts/retries/" not in site.get(address).text


@with_posts
def test_an_article_follows_a_similar_post(site):
    post, similar = make_post(released=True, slug="one"), make_post(released=True, slug="two")
    assert "/posts/two/" in site.get(post.get_absolute_url()).text
    assert site.get(post.get_absolute_url()).is_hit
    flagged(similar)
    assert "/posts/two/" not in site.later().get(post.get_absolute_url()).text


@with_posts
def test_a_similar_post_that_comes_back_is_shown_again(site):
    post, similar = make_post(released=True, slug="one"), make_post(released=True, slug="two")
    find_stale_related_posts()
    flagged(similar)
    assert "/posts/two/" not in site.later().get(post.get_absolute_url()).text
    assert site.get(post.get_absolute_url()).is_hit
    approve(similar)
    assert "/posts/two/" in site.later().get(post.get_absolute_url()).text


@with_posts
def test_a_similar_post_whose_import_is_opened_again_is_shown_again(site):
    post, similar = make_post(released=True, slug="one"), make_post(released=True, slug="two")
    find_stale_related_posts()
    switched_off(similar)
    assert "/posts/two/" not in site.get(post.get_absolute_url()).text
    assert site.get(post.get_absolute_url()).is_hit
    switch_batch_index(similar.last_batch, is_open=True, by=person("Staff"))
    assert "/posts/two/" in site.later().get(post.get_absolute_url()).text


@with_posts
def test_an_article_without_related_posts_yet_follows_what_is_released_elsewhere(site):
    post = make_post(released=True, stack=["Go services"], tools=["pprof"])
    assert "/posts/two/" not in site.get(post.get_absolute_url()).text
    assert site.get(post.get_absolute_url()).is_hit
    make_post(released=True, slug="two", stack=["Rust workers"], tools=["pprof"])
    assert "/posts/two/" in site.later().get(post.get_absolute_url()).text


@with_posts
def test_a_waiting_article_leads_to_a_list_as_long_as_there_is_one(site):
    post, link = make_post(tools=["pprof"]), '<a class="meta-text" href="/tools/pprof/"'
    assert link not in site.get(post.get_absolute_url()).text
    assert site.get(post.get_absolute_url()).is_hit
    first = make_post(released=True, tools=["pprof"])
    assert link in site.later().get(post.get_absolute_url()).text
    assert site.get(post.get_absolute_url()).is_hit
    withdrawn(first)
    assert link not in site.later().get(post.get_absolute_url()).text


@with_posts
def test_a_similar_post_that_turns_out_to_be_a_near_duplicate_is_shown_no_more(site):
    text = " ".join(f"Sentence {number} is about retries." for number in range(60))
    stacks = {"one": ["Go services"], "two": ["Rust workers"]}
    post, _ = (make_post(released=True, slug=slug, title=slug, body=text, stack=stacks[slug]) for slug in stacks)
    find_stale_related_posts()
    assert "/posts/two/" in site.get(post.get_absolute_url()).text
    assert site.get(post.get_absolute_url()).is_hit
    sketch_posts(list(Post.objects.values_list("pk", flat=True)))
    assert "/posts/two/" not in site.later().get(post.get_absolute_url()).text


@with_posts
@pytest.mark.parametrize("state", [{"released": True}, {}, {"released": True, "flagged": True}])
def test_an_article_that_nobody_has_asked_for_takes_two_queries_and_the_look_for_a_stored_page(site, state):
    others = [make_post(released=True) for _ in range(3)]
    post = make_post(checklist=["Read the log", "Stop the worker"], **state)
    find_stale_related_posts()
    # What only the first page of a process asks for.
    site.get(others[0].get_absolute_url())
    with CaptureQueriesContext(connection) as queries:
        answer = site.get(post.get_absolute_url())
    assert answer.is_stored
    assert len(queries) == 3
    assert others[1].get_absolute_url() in answer.text


@with_posts
def test_an_import_ends_the_pages_of_the_posts_that_it_changes_and_of_no_others(site):
    first, second = RecordFactory(), RecordFactory()
    import_records(first, second)
    paths = [post.get_absolute_url() for post in Post.objects.order_by("pk")]
    for path in paths:
        site.get(path)
    import_records(first | {"body": "Another text."}, second, RecordFactory())
    site.later()
    assert "Another text." in site.get(paths[0]).text
    assert site.get(paths[1]).is_hit


def test_a_page_that_changes_while_it_is_rendered_is_not_shown_again():
    small = Small()
    answer = small.answer

    def changed_meanwhile(environ):
        response = answer(environ)
        small.log.note("a")
        return response

    small.answer = changed_meanwhile
    assert small.get("/").text == "<p>1"
    small.answer = answer
    assert small.later().get("/").text == "<p>2"


def test_a_page_whose_change_was_learned_while_it_was_rendered_is_not_kept():
    small = Small()
    answer = small.answer

    def changed_and_learned(environ):
        response = answer(environ)
        small.log.note("a")
        small.later()
        assert small.log.freshness.current(small.clock()) is not None
        return response

    small.answer = changed_and_learned
    assert not small.get("/").is_stored
    small.answer = answer
    assert small.get("/").text == "<p>2"
    assert small.get("/").is_hit


def test_a_change_of_something_else_ends_no_page_but_one_that_named_nothing():
    small = Small(
        lambda environ: cache_page(page(f"<p>{small.made}"), keys=["a"] if environ["PATH_INFO"] == "/named/" else None)
    )
    small.get("/named/")
    small.get("/unnamed/")
    small.log.note("b")
    small.later()
    assert small.get("/named/").is_hit
    assert not small.get("/unnamed/").is_hit


def test_the_log_is_read_three_times_a_second_at_the_most_however_many_ask():
    small = Small()
    for _ in range(50):
        small.get("/")
    assert small.log.looks == 1
    for _ in range(50):
        small.later(0.1).get("/")
    assert small.log.looks <= 1 + 5 / 0.3


def test_without_the_log_every_page_comes_from_django():
    small = Small()
    small.get("/")
    small.log.is_down = True
    # Its knowledge is still valid for a moment.
    assert small.later(0.5).get("/").is_hit
    for count in (2, 3):
        answer = small.later(0.5).get("/")
        assert (answer.status, answer.text) == (200, f"<p>{count}")
        assert "cache-status" not in answer.headers
    small.log.is_down = False
    small.later().get("/")
    assert small.get("/").is_hit


def test_a_look_that_hangs_keeps_no_other_request_from_django():
    small = Small()
    small.get("/")
    look, hangs, go_on = small.log.look, threading.Event(), threading.Event()

    def hanging(position):
        hangs.set()
        assert go_on.wait(PATIENT_SECONDS)
        return look(position)

    small.log.freshness._look = hanging
    small.later(5)
    first = threading.Thread(target=small.get, args=["/"])
    first.start()
    assert hangs.wait(PATIENT_SECONDS)
    assert "cache-status" not in small.get("/").headers
    go_on.set()
    first.join()


def test_a_transaction_that_runs_for_long_keeps_no_page_from_being_kept():
    small = Small()
    small.log.oldest = 1
    small.get("/")
    for _ in range(3):
        small.log.note("a")
        small.later()
        assert not small.get("/").is_hit
        assert small.get("/").is_hit
        # The log tells of the same change again and again.
        assert small.later().get("/").is_hit


def test_more_changes_than_can_be_told_end_every_page():
    small = Small()
    small.get("/")
    look = small.log.look
    small.log.note("other")
    small.log.freshness._look = lambda position: SimpleNamespace(**vars(look(position)) | {"rows": None})
    assert small.later().get("/").text == "<p>2"
    small.log.freshness._look = look
    small.later().get("/")
    assert small.get("/").is_hit


def test_a_database_that_went_back_ends_every_page_for_good():
    small = Small()
    small.log.position = 50
    small.get("/")
    assert small.get("/").is_hit
    small.log.position = 7
    small.later()
    assert [small.get("/").is_hit for _ in range(2)] == [False, False]
    small.log.position = 60
    small.later()
    assert [small.get("/").is_hit for _ in range(2)] == [False, False]


def test_a_page_is_kept_no_longer_than_its_view_said():
    small = Small(lambda environ: cache_page(page(f"<p>{small.made}"), keys=(), seconds=60))
    small.get("/")
    assert small.later(59).get("/").is_hit
    assert not small.later(2).get("/").is_hit


# On the wire


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("*", "br"),
        ("*;q=0", None),
        ("identity", None),
        ("identity;q=1, br;q=0.5", None),
        ("br;q=nonsense", None),
        ("BR", "br"),
        ("", None),
    ],
)
def test_a_page_travels_in_the_encoding_that_the_client_prefers(accepted, encoding):
    text = "<p>" + "A worker that stops leaves a job half done. " * 100
    small = Small(lambda environ: cache_page(page(text), keys=()))
    for is_hit in (False, True):
        answer = small.get("/", accept_encoding=accepted)
        assert answer.is_hit is is_hit
        assert answer.headers.get("content-encoding") == encoding
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert answer.headers["vary"] == "Accept-Encoding"
        plain = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding](answer.body)
        assert plain.decode() == text


def test_every_encoding_of_a_page_can_be_had_after_any_other():
    text = "words and words " * 200
    small = Small(lambda environ: cache_page(page(text), keys=()))
    sizes = {}
    for accepted in ("br", "", "gzip", "br", "", "gzip"):
        answer = small.get("/", accept_encoding=accepted)
        body = {"br": brotli.decompress, "gzip": gzip.decompress, "": bytes}[accepted](answer.body)
        assert body.decode() == text
        sizes[accepted] = len(answer.body)
    assert small.made == 1
    assert sizes["br"] < sizes["gzip"] < sizes[""]


@pytest.mark.parametrize(("kind", "text"), [("image/png", "x" * 5000), ("text/html", "short")])
def test_what_gains_nothing_is_not_compressed(kind, text):
    small = Small(lambda environ: cache_page(page(text, Content_Type=kind), keys=()))
    assert "content-encoding" not in small.get("/", accept_encoding="br").headers


@with_posts
def test_a_client_that_has_the_page_is_told_so_and_nothing_more(site):
    path = make_post(released=True).get_absolute_url()
    etag = site.get(path, accept_encoding="br").headers["etag"]
    assert etag.startswith('W/"')
    for tags in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
        answer = site.get(path, if_none_match=tags, accept_encoding="gzip")
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["vary"] == "Accept-Encoding"
        assert not answer.headers.keys() & {"content-type", "content-length", "content-encoding"}
    assert site.get(path, if_none_match='"other"').status == 200


@with_posts
def test_a_question_whether_a_page_changed_leaves_the_page_for_others(site):
    post = make_post(released=True)
    path = post.get_absolute_url()
    etag = site.get(path).headers["etag"]
    note_changes([post_key(post.pk)])
    answer = site.later().get(path, if_none_match=etag)
    assert (answer.status, answer.is_stored) == (304, True)
    assert site.get(path).is_hit


def test_a_page_with_a_date_is_compared_by_it():
    changed = http_date(1_700_000_000)
    small = Small(lambda environ: cache_page(page("x", Last_Modified=changed), keys=()))
    small.get("/")
    assert small.get("/", if_modified_since=changed).status == 304
    assert small.get("/", if_modified_since=http_date(1_600_000_000)).status == 200
    assert small.get("/", if_modified_since="the day before").status == 200


def test_what_is_no_page_after_all_is_compared_by_its_view():
    def answer(environ):
        if environ.get("HTTP_IF_NONE_MATCH") == '"v1"':
            return HttpResponse(status=304)
        return cache_page(page("a", ETag='"v1"', Cache_Control="private"))

    small = Small(answer)
    assert small.get("/", if_none_match='"v1"').status == 304
    assert small.get("/").text == "a"


@with_posts
def test_asking_for_the_headers_alone_gives_those_of_the_page(site):
    path = make_post(released=True).get_absolute_url()
    whole = site.get(path)
    head = site.get(path, method="HEAD")
    assert head.is_hit
    assert head.body == b""
    assert head.headers["content-length"] == whole.headers["content-length"]


@with_posts
def test_a_request_from_memory_leaves_its_line_in_the_log(site, caplog):
    path = make_post(released=True).get_absolute_url()
    site.get(path)
    caplog.clear()
    caplog.set_level(logging.INFO, "alphanode.request")
    caplog.handler.setFormatter(JsonFormatter())
    answer = site.get(f"{path}?token=secret")
    line = json.loads(caplog.handler.format(caplog.records[-1]))
    assert line["event"] == "request"
    assert (line["path"], line["route"], line["status"], line["cache"]) == (path, "posts:detail", 200, "hit")
    assert "secret" not in caplog.text
    assert len(answer.headers["x-request-id"]) == 32


# Bounds, and the cache that processes share


def kept(size):
    return Page([], "", {"": b"x" * size}, frozenset(), 1, "")


def test_memory_is_bounded_and_lets_go_of_what_nobody_asks_for():
    memory = Memory(100_000)
    for number in range(20):
        memory.put(number, kept(8_000))
        memory.get(0)
    assert memory.bytes <= 100_000
    assert len(memory) == 10
    assert memory.get(0) and memory.get(19) and memory.get(1) is None
    assert not memory.put("large", kept(13_000))
    assert memory.get("large") is None
    for number in range(20):
        memory.forget(number)
    assert (memory.bytes, len(memory)) == (0, 0)


def test_a_page_that_finds_no_room_is_sent_all_the_same():
    small = Small(lambda environ: cache_page(page("x" * 50_000), keys=()), max_bytes=200_000)
    for count in (1, 2):
        assert len(small.get("/").body) == 50_000
        assert small.made == count


@pytest.fixture
def shared(settings, tmp_path, monkeypatch):
    """Set the cache that processes share: shared(backend) or a folder of files."""
    settings.DEBUG = False
    settings.ALLOWED_HOSTS = ["testserver"]
    monkeypatch.setattr(shared_cache, "_silent_until", 0.0)

    def use(backend="django.core.cache.backends.filebased.FileBasedCache"):
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path / "cache")}}
        return WsgiSite(), WsgiSite()

    return use


def all_is_settled():
    """Wait until no other transaction on the server is older than what was noted; other tests may run beside these."""

    def is_settled():
        changes = changes_since(0)
        return changes.horizon > changes.newest

    wait_until(is_settled)


@with_posts
def test_a_process_takes_over_what_another_has_rendered_and_nothing_old(shared):
    one, two = shared()
    post = make_post(released=True)
    all_is_settled()
    path = post.get_absolute_url()
    first = one.get(path, accept_encoding="br")
    assert first.is_stored
    second = two.get(path, accept_encoding="br")
    assert second.is_hit
    assert second.body == first.body
    flagged(post)
    for site in (one, two):
        assert "noindex" in site.later().get(path).text


@with_posts
def test_a_process_that_starts_later_takes_nothing_that_changed_before(shared):
    one, two = shared()
    post = make_post(released=True)
    one.get(post.get_absolute_url())
    flagged(post)
    # The change is only in the log, not in its memory.
    assert "noindex" in two.get(post.get_absolute_url()).text


@with_posts
def test_processes_with_other_settings_share_no_pages(shared, settings):
    one, _ = shared()
    path = make_post(released=True).get_absolute_url()
    one.get(path)
    name = deployment_name()
    settings.SITE_NAME = "Another name"
    assert deployment_name() != name
    answer = WsgiSite().get(path)
    assert not answer.is_hit
    assert "Another name" in answer.text


class BrokenCache(LocMemCache):
    """Raises whatever it is asked."""

    def get(self, *arguments, **options):
        raise ConnectionError("no cache at this address")

    set = get


class ForgetfulCache(LocMemCache):
    """Gives back something else than was put in."""

    def get(self, *arguments, **options):
        return {"headers": 7, "bodies": "x"}


class SlowCache(LocMemCache):
    """Takes longer than rendering ever would; the time is that of the test's clock."""

    calls = 0
    clock = Clock()

    def get(self, *arguments, **options):
        type(self).calls += 1
        self.clock.now += 10

    set = get


@with_posts
@pytest.mark.parametrize("backend", [BrokenCache, ForgetfulCache])
@pytest.mark.parametrize("address", ["/", "/posts/released/", "/posts/waiting/"])
def test_pages_do_without_a_cache_that_fails(shared, backend, address):
    one, two = shared(f"{__name__}.{backend.__name__}")
    make_post(released=True, slug="released")
    make_post(slug="waiting")
    for site in (one, two, one):
        assert site.get(address).status == 200
    assert one.get(address).is_hit


@with_posts
def test_a_cache_that_hangs_is_asked_once_and_then_left_alone(shared, monkeypatch):
    monkeypatch.setattr(SlowCache, "calls", 0)
    monkeypatch.setattr(shared_cache, "_clock", SlowCache.clock)
    one, _ = shared(f"{__name__}.SlowCache")
    posts = [make_post(released=True) for _ in range(3)]
    for post in posts:
        assert one.get(post.get_absolute_url()).status == 200
    assert SlowCache.calls == 1
    SlowCache.clock.now += shared_cache.SILENT_SECONDS + 1
    one.get("/")
    assert SlowCache.calls == 2


def test_a_folder_that_takes_no_more_files_keeps_nothing_and_breaks_nothing(shared, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    shared()
    shared_cache.cache_set("key", "value", 60)
    assert shared_cache.cache_get("key") is None


@with_posts
def test_no_memory_for_pages_turns_the_cache_off(settings):
    settings.DEBUG, settings.ALLOWED_HOSTS, settings.PAGE_CACHE_MB = False, ["testserver"], 0
    site = WsgiSite()
    path = make_post(released=True).get_absolute_url()
    for _ in range(2):
        answer = site.get(path)
        assert answer.status == 200
        assert "cache-status" not in answer.headers


# Several processes


@with_posts
def test_two_processes_follow_whatever_is_done_within_a_second():
    outcome = read_while_changing(servers=2, steps=8, posts=3, seed=7)
    assert outcome.hits > 0
    assert outcome.wrong == []
