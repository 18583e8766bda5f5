"""What processes share in Redis: JSON and bytes with a signature, never pickles, and nothing of strangers."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from posts.page_cache.signed_redis import SALT, ForeignValue, SignedRedisCache, from_signed, to_signed

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.once
PAGE = {
    "headers": [["Content-Type", "text/html"]], "etag": "W/1",
    "bodies": {"identity": b"<p>\x00\xff", "br": b"", "é": b"x" * 9},
    "position": 7, "route": "posts:detail", "last_modified": "",
}  # fmt: skip


class Server:
    """What of Redis the backend uses, in memory."""

    def __init__(self):
        self.stored = {}

    def get(self, key):
        return self.stored.get(key)

    def set(self, key, value, ex=None, nx=False):
        assert isinstance(value, bytes)
        if nx and key in self.stored:
            return None
        self.stored[key] = value
        return True

    def mget(self, keys):
        return [self.stored.get(key) for key in keys]

    def delete(self, *keys):
        return sum(self.stored.pop(key, None) is not None for key in keys)

    def pipeline(self):
        return self

    def mset(self, values):
        for key, value in values.items():
            self.set(key, value)

    def expire(self, key, seconds):
        return key in self.stored

    def execute(self):
        return []


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr(
        "posts.page_cache.signed_redis.SignedClient.get_client", lambda self, key=None, write=False: server
    )
    return server


@pytest.fixture
def cache(server):
    return SignedRedisCache("redis://nowhere:1/0", {})


@pytest.mark.parametrize("value", [PAGE, 1, None, "word", [b"", b"a", "b"], {"at": 1.5, "keys": [{"kid": "k"}]}])
def test_a_value_comes_back_as_it_was(cache, value):
    cache.set("key", value, 60)
    assert cache.get("key", "missing") == value
    cache.set_many({"one": value, "other": 2}, 60)
    assert cache.get_many(["one", "other", "none"]) == {"one": value, "other": 2}
    assert cache.add("new", value) and not cache.add("new", 3) and cache.get("new", "missing") == value


def test_nothing_that_is_stored_is_a_pickle(cache, server):
    cache.set("page", PAGE)
    cache.set("number", 1)
    cache.set_many({"many": [b"x"]})
    for data in server.stored.values():
        with pytest.raises(Exception):  # noqa: B017, PT011 (whatever a broken pickle raises)
            pickle.loads(data)  # noqa: S301


@pytest.mark.parametrize("value", [{1, 2}, object(), PAGE | {"bodies": {1, 2}}])
def test_what_is_neither_json_nor_bytes_is_not_stored(cache, server, value):
    with pytest.raises(TypeError):
        cache.set("key", value)
    assert server.stored == {}


class Harmful:
    def __reduce__(self):
        return os.abort, ()


def test_a_value_of_a_stranger_is_none_and_runs_nothing(cache, server, caplog):
    cache.set("key", PAGE)
    own = server.stored[(name := next(iter(server.stored)))]
    for data in [
        pickle.dumps(Harmful()), b"", b"x", own[:-1], own[:40], bytes(32) + own[32:], own + b"x",
        own.replace(b"text/html", b"text/xml "),
    ]:  # fmt: skip
        server.stored[name] = data
        assert cache.get("key", "missing") == "missing"
        assert cache.get_many(["key"]) == {}
    assert "not from this site" in caplog.text


def test_a_value_of_another_key_is_none(cache, server):
    cache.set("one", "of one")
    cache.set("other", "of the other")
    one, other = server.stored
    server.stored[one] = server.stored[other]
    assert cache.get("one") is None and cache.get("other") == "of the other"


def test_a_changed_secret_key_keeps_what_the_old_one_signed_while_it_is_named(settings):
    data = to_signed("key", PAGE)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new key of the site, as long as a real one has to be"
    assert from_signed("key", data) == PAGE
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(ForeignValue):
        from_signed("key", data)
    assert SALT not in data


def test_redis_in_the_settings_is_the_signed_cache():
    said = subprocess.run(
        [sys.executable, "-c", "from alphanode.settings import CACHES; print(CACHES['default']['BACKEND'])"],
        cwd=ROOT,
        env=os.environ | {"ENV_FILE": "", "DEBUG": "on", "CACHE_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.strip() == "posts.page_cache.signed_redis.SignedRedisCache"
