"""Django's cache in Redis without pickles: JSON and bytes, signed with the site's key.

Django stores pickles there, so whoever can write to Redis could run code in the site. Here such a person can at most
delete values, change plain numbers, or put back older values under their own key: each signature covers the key, the
value and the form.
"""

import hashlib
import hmac
import io
import json
import logging
import re
from functools import lru_cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

logger = logging.getLogger("alphanode.cache")

# The name of the form and of the purpose. Another form gets another name.
SALT = b"alphanode cache 1"
TIMEOUT_SECONDS = 0.3
DIGEST_BYTES = 32
LENGTH_BYTES = 4
# Stands in the JSON for bytes, which follow behind it, in this order.
BYTES = "\0bytes"
# No signed value is as short.
_NUMBER = re.compile(rb"-?[0-9]{1,20}")


class ForeignValue(ValueError):
    """A value that this site did not sign, or signed for another key."""


@lru_cache(maxsize=8)
def _key_of(secret: str) -> bytes:
    return hashlib.sha256(SALT + b"\0" + secret.encode()).digest()


def _signature(secret: str, name: str, body: bytes) -> bytes:
    digest = hmac.new(_key_of(secret), digestmod=hashlib.sha256)
    digest.update(len(name.encode()).to_bytes(LENGTH_BYTES, "big") + name.encode())
    digest.update(body)
    return digest.digest()


def to_signed(name: str, value: Any) -> bytes:
    """Return a JSON value that may contain bytes, signed for the cache key `name`. TypeError for other values."""
    blobs: list[bytes] = []

    def marked(found: Any) -> Any:
        if not isinstance(found, bytes):
            raise TypeError(f"The shared cache holds JSON and bytes, not {type(found).__name__}.")
        blobs.append(found)
        return {BYTES: len(found)}

    text = json.dumps(value, default=marked, separators=(",", ":")).encode()
    body = b"".join([len(text).to_bytes(LENGTH_BYTES, "big"), text, *blobs])
    return _signature(settings.SECRET_KEY, name, body) + body


def from_signed(name: str, data: bytes) -> Any:
    """Return the value of to_signed(); tuples come back as lists. Raise ForeignValue if this site did not sign it."""
    signature, body = data[:DIGEST_BYTES], data[DIGEST_BYTES:]
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(hmac.compare_digest(signature, _signature(secret, name, body)) for secret in secrets):
        raise ForeignValue
    end = LENGTH_BYTES + int.from_bytes(body[:LENGTH_BYTES], "big")
    return _with_bytes(json.loads(body[LENGTH_BYTES:end]), io.BytesIO(body[end:]))


def _with_bytes(value: Any, rest: io.BytesIO) -> Any:
    """Return `value` with the bytes that follow behind its JSON. A dict comes in the order in which it was written."""
    if isinstance(value, list):
        return [_with_bytes(part, rest) for part in value]
    if isinstance(value, dict):
        if value.keys() == {BYTES} and isinstance(value[BYTES], int):
            return rest.read(value[BYTES])
        return {name: _with_bytes(part, rest) for name, part in value.items()}
    return value


class SignedClient(RedisCacheClient):
    """Django's client with signed values. A value of somebody else counts as none.

    redis: which server or servers to use, as alphanode.environment reads it of CACHE_URL.
    """

    def __init__(self, servers: list[str], *, redis: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(servers, **options)
        self._redis = redis
        self._made: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        """Return a client of redis-py, made once."""
        if self._redis is None:
            return super().get_client(key, write=write)
        if self._made is None:
            self._made = _client_of(**self._redis)
        return self._made

    def add(self, key: Any, value: Any, timeout: Any) -> bool:
        return bool(super().add(key, _stored(key, value), timeout))

    def get(self, key: Any, default: Any) -> Any:
        found = super().get(key, None)
        return default if found is None else self._checked(key, found, default)

    def set(self, key: Any, value: Any, timeout: Any) -> None:
        super().set(key, _stored(key, value), timeout)

    def get_many(self, keys: Any) -> dict[Any, Any]:
        missing = object()
        stored: dict[Any, Any] = super().get_many(list(keys))
        read = {key: self._checked(key, found, missing) for key, found in stored.items()}
        return {key: value for key, value in read.items() if value is not missing}

    def set_many(self, data: Any, timeout: Any) -> None:
        super().set_many({key: _stored(key, value) for key, value in data.items()}, timeout)

    def _checked(self, key: str, data: bytes, default: Any) -> Any:
        if _NUMBER.fullmatch(data):
            return int(data)
        try:
            return from_signed(key, data)
        except ValueError:
            logger.warning("A value in the shared cache is not from this site; it is ignored.")
            return default


def _client_of(*, kind: str, nodes: list[tuple[str, int]], service: str, client: dict[str, Any]) -> Any:
    """Return a client of a server, of the one that Sentinel calls `service`, or of a cluster."""
    redis: Any = import_module("redis")  # optional, and parts of it have no types
    # By default a client tries again for seconds. Rendering a page takes less time than waiting for a cache.
    limits: dict[str, Any] = {
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "socket_timeout": TIMEOUT_SECONDS,
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
    }
    if kind == "cluster":
        return redis.RedisCluster(
            startup_nodes=[redis.cluster.ClusterNode(*node) for node in nodes], **client, **limits
        )
    if kind == "sentinel":
        return redis.Sentinel(nodes, sentinel_kwargs=dict(limits), **client, **limits).master_for(service)
    ((host, port),) = nodes
    return redis.Redis(host, port, **client, **limits)


class Raw(bytes):
    """Bytes as they go to Redis."""


def _stored(key: str, value: Any) -> Raw:
    """Return what Redis gets: a number as it is, because Redis counts it up; anything else signed.

    Who changes a number gets no more than by deleting it.
    """
    return Raw(str(value).encode()) if type(value) is int else Raw(to_signed(key, value))


class _AsTheyAre:
    """Gives bytes to Redis and back, and refuses everything else."""

    def dumps(self, value: Any) -> bytes:
        if not isinstance(value, Raw):
            raise TypeError("Only signed bytes go into the shared cache.")
        return bytes(value)

    def loads(self, data: bytes) -> bytes:
        return data


class SignedRedisCache(RedisCache):
    """The cache of a CACHE_URL that names Redis."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {**params.get("OPTIONS", {}), "serializer": _AsTheyAre()}
        super().__init__(server, {**params, "OPTIONS": options})
        self._class = SignedClient
