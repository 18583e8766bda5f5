"""The shared cache in a real Redis: pages that processes share, forged values, and a Redis in trouble."""

import os
import pickle
import subprocess
import sys
import time
import urllib.request

import pytest
from django.test import override_settings

from alphanode.environment import redis_options
from posts.page_cache import shared_cache
from posts.page_cache.shared_cache import cache_get, cache_set
from tests.factories import approve, make_post
from tests.own_redis import REDIS, clustered_redis, own_redis, single_redis, watched_redis
from tests.page_processes import ROOT, SETTINGS, read_while_changing, serving
from tests.waiting import PATIENT_SECONDS, wait_until

needs_redis = pytest.mark.skipif(REDIS is None, reason="Redis is missing. On Debian: apt-get install redis-server")
pytestmark = pytest.mark.once


def cache_of(url):
    backend = {
        "BACKEND": "posts.page_cache.signed_redis.SignedRedisCache",
        "LOCATION": "",
        "OPTIONS": {"redis": redis_options(url)},
    }
    return override_settings(CACHES={"default": backend})


@pytest.fixture
def server(tmp_path):
    with own_redis(tmp_path) as server:
        yield server


@pytest.fixture
def clock(monkeypatch):
    """Return [seconds] of the clock that counts how long a broken cache is left alone."""
    seconds = [0.0]
    monkeypatch.setattr(shared_cache, "_clock", lambda: seconds[0])
    monkeypatch.setattr(shared_cache, "_silent_until", 0.0)
    return seconds


@needs_redis
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("redis", [single_redis, watched_redis, clustered_redis])
def test_a_page_that_one_process_made_is_answered_by_another(redis, tmp_path):
    slugs = [f"number-{number}" for number in range(8)]
    for slug in slugs:
        approve(make_post(slug=slug))
    left = iter([f"/posts/{slug}{end}" for slug in slugs for end in ("/", ".json")])
    next_try = 0.0

    def is_shared():
        # On a busy machine a new cache may take so long that processes leave it alone for ten seconds.
        nonlocal next_try
        if time.monotonic() < next_try:
            return False
        next_try, path = time.monotonic() + 5, next(left)
        (first, page), (second, again) = (asked(port, path) for port in ports)
        assert page == again
        # A process that could not look into the log in time keeps no page, and names no cache.
        return first == "AlphaNode; fwd=uri-miss; stored" and second == "AlphaNode; hit"

    with redis(tmp_path) as url, serving(2, CACHE_URL=url) as ports:
        wait_until(is_shared)


def asked(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENT_SECONDS) as answer:
        return answer.headers["Cache-Status"], answer.read().decode()


@needs_redis
@pytest.mark.torture
@pytest.mark.django_db(transaction=True)
def test_no_answer_is_outdated_while_processes_share_pages(server):
    outcome = read_while_changing(servers=2, steps=6, posts=3, seed=3, CACHE_URL=server.url)
    assert outcome.answers and not outcome.wrong


VALUE = {
    "etag": 'W/"1"',
    "bodies": {"": b"\x00\xff page", "br": b""},
    "keys": ["lists"],
    "pairs": [[1, 2]],
    "none": None,
}


def is_kept(name, clock):
    """Store a value after the time for which a broken cache is left alone; return whether it came back.

    A busy machine may take longer than a cache is waited for, so once is no proof that it does not work.
    """
    clock[0] += shared_cache.SILENT_SECONDS + 1
    cache_set(name, VALUE, 60)
    return cache_get(name) == VALUE


@needs_redis
def test_the_cache_reads_nothing_that_somebody_else_stored_there(server, clock):
    with cache_of(server.url):
        wait_until(lambda: is_kept("page", clock))
        (name,) = server.client.keys()
        server.client.set(name, pickle.dumps("forged"))
        assert cache_get("page") is None


def stopped(server):
    server.stop()


def frozen(server):
    server.freeze()


def full(server):
    server.client.config_set("maxmemory", "1")


def locked(server):
    server.client.config_set("requirepass", "changed")
    server.client.client_kill_filter(_type="normal", skipme=True)


@needs_redis
@pytest.mark.parametrize("broken", [stopped, frozen, full, locked])
def test_a_redis_in_trouble_is_left_alone_for_a_while_and_used_again_afterwards(server, clock, caplog, broken):
    with cache_of(server.url):
        wait_until(lambda: is_kept("page", clock))
        caplog.clear()
        broken(server)
        cache_set("other", VALUE, 60)
        assert caplog.text.count("The cache does not work") == 1
        assert cache_get("page") is None and cache_get("other") is None
        assert caplog.text.count("The cache does not work") == 1
        if broken is stopped:
            server.start()
        server.thaw()
        mend = server.client.__class__(port=server.port, password="changed") if broken is locked else server.client
        mend.config_set("maxmemory", "0")
        mend.config_set("requirepass", "")
        mend.close()
        wait_until(lambda: is_kept("page", clock))


@pytest.mark.parametrize(
    ("url", "kind", "nodes", "service", "client"),
    [
        ("redis://host", "", [("host", 6379)], "", {"db": 0}),
        ("redis://:p%40ss@host:7000/3", "", [("host", 7000)], "", {"db": 3, "password": "p@ss"}),
        ("rediss://me:it@[::1]:7000/", "", [("::1", 7000)], "",
         {"db": 0, "username": "me", "password": "it", "ssl": True}),
        ("redis+sentinel://a:1,b/pages/2", "sentinel", [("a", 1), ("b", 26379)], "pages", {"db": 2}),
        ("redis+cluster://a,b:7001", "cluster", [("a", 6379), ("b", 7001)], "", {}),
    ],
)  # fmt: skip
def test_addresses_of_redis_are_read(url, kind, nodes, service, client):
    assert redis_options(url) == {"kind": kind, "nodes": nodes, "service": service, "client": client}


@pytest.mark.parametrize(
    "url",
    ["redis://", "redis://a,b", "redis+sentinel://a", "redis+cluster://a/1", "redis://secret@a/x", "redis+other://a",
     "redis+cluster://a/pages", "redis://a/pages", "memcache://a"],
)  # fmt: skip
def test_other_addresses_are_refused_without_repeating_them(url):
    ended = manage("check", CACHE_URL=url)
    assert ended.returncode == 1 and "CACHE_URL must be locmemcache://" in ended.stderr
    assert "secret" not in ended.stderr and "Traceback" not in ended.stderr


def test_without_its_package_the_site_says_what_to_install():
    hidden = """
import importlib.util, runpy, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "redis" else real(name, *more)
sys.argv = ["manage.py", "check", "--deploy"]
runpy.run_path("manage.py", run_name="__main__")
"""
    ended = subprocess.run(
        [sys.executable, "-c", hidden], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | SETTINGS | {"CACHE_URL": "redis://127.0.0.1"},
    )  # fmt: skip
    assert ended.returncode == 1
    assert "CACHE_URL names Redis, but the package for it is missing" in ended.stderr
    assert "requirements-redis.txt" in ended.stderr and "Traceback" not in ended.stderr


def manage(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | SETTINGS | environment,
    )  # fmt: skip
