"""One sender may search so often in a minute; others, and pages that are kept, are not affected."""

import pytest
from django.core.cache import cache
from django.test import Client

from posts.public import search_limit
from posts.public.search_limit import SEARCHES_A_MINUTE
from tests.factories import make_post

pytestmark = [pytest.mark.django_db, pytest.mark.once]
STRANGER, OTHER = "192.0.2.7", "192.0.2.8"


@pytest.fixture(autouse=True)
def minute(monkeypatch):
    """Begin a minute of its own; return a function that lets seconds pass."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(search_limit, "_clock", lambda: now[0])
    cache.clear()

    def pass_by(seconds):
        now[0] += seconds

    return pass_by


@pytest.fixture
def few(monkeypatch):
    """Let a sender search three times."""
    monkeypatch.setattr(search_limit, "SEARCHES_A_MINUTE", 3)


def search(address, words="draining", path="/search/", **headers):
    return Client(REMOTE_ADDR=address).get(path, {"q": words}, **headers)


def test_after_so_many_searches_a_sender_is_told_when_to_come_again(few, minute):
    make_post(released=True)
    minute(20)
    assert [search(STRANGER, f"worker {number}").status_code for number in range(4)] == [200, 200, 200, 429]
    refused = search(STRANGER, "one more")
    assert refused.headers["Retry-After"] == "40" and "Try again in 40 seconds" in refused.content.decode()
    assert refused.headers["Cache-Control"] == "no-store"
    assert search(OTHER).status_code == 200
    minute(40)
    assert search(STRANGER).status_code == 200


def test_the_page_without_words_and_the_rest_of_the_site_are_not_counted(few):
    post = make_post(released=True)
    for path in ("/search/", "/", post.get_absolute_url(), "/api/posts/") * 4:
        assert Client(REMOTE_ADDR=STRANGER).get(path).status_code == 200


def test_a_search_by_terms_and_one_of_the_api_count_too(few):
    make_post(released=True)
    client = Client(REMOTE_ADDR=STRANGER)
    assert client.get("/search/?stack=go-services").status_code == 200
    assert search(STRANGER, path="/api/posts/").status_code == 200
    assert search(STRANGER).status_code == 200
    refused = search(STRANGER, path="/api/posts/")
    assert refused.status_code == 429 and refused.json()["title"] == "Too many searches"
    assert client.get("/api/posts/").status_code == 200


def test_behind_a_proxy_the_sender_is_whom_the_proxy_names(few, settings):
    settings.BEHIND_PROXY = True
    for number in range(3):
        assert search("127.0.0.1", headers={"X-Forwarded-For": f"203.0.113.{number}, {STRANGER}"}).status_code == 200
    forged = search("127.0.0.1", headers={"X-Forwarded-For": f"203.0.113.99, {STRANGER}"})
    assert forged.status_code == 429
    assert search("127.0.0.1", headers={"X-Forwarded-For": OTHER}).status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "", "unix:"])
def test_a_sender_that_may_stand_for_every_reader_is_not_limited(few, address):
    assert [search(address).status_code for _ in range(5)] == [200] * 5


def test_a_cache_that_is_down_limits_nobody(few, monkeypatch):
    def broken(*arguments, **options):
        raise OSError("no cache")

    monkeypatch.setattr("posts.page_cache.shared_cache._silent_until", 0.0)
    monkeypatch.setattr("posts.page_cache.shared_cache.cache.add", broken)
    assert [search(STRANGER).status_code for _ in range(5)] == [200] * 5
    monkeypatch.setattr("posts.page_cache.shared_cache._silent_until", 0.0)


def test_what_is_counted_leads_to_nobody(monkeypatch):
    counted = []
    monkeypatch.setattr(search_limit, "cache_count", lambda key, seconds: counted.append(key) or 1)
    search(STRANGER)
    assert len(counted) == 1 and STRANGER not in counted[0] and SEARCHES_A_MINUTE >= 30
