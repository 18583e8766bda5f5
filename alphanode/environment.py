"""The environment as django-environ reads it, and what it would let through.

The casts below raise ValueError with what a setting takes; Env names the setting.
"""

import importlib.util
import ipaddress
import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured


class Env(environ.Env):  # type: ignore[misc]  # it has no stubs
    """Reads the environment as it is now. An empty variable counts as not set."""

    def __init__(self, **scheme: tuple[Callable[[str], Any], Any]) -> None:
        super().__init__(**scheme)
        # An empty line of .env keeps the default. A "$" is escaped: a secret that begins with one names no variable.
        values = {name: value.strip().replace("$", r"\$") for name, value in os.environ.items()}
        self.ENVIRON = {name: value for name, value in values.items() if value}
        self.escape_proxy = True

    def get_value(self, var: str, *arguments: Any, **options: Any) -> Any:
        """Return the value of a setting; ImproperlyConfigured that names it, where environ has a bare ValueError."""
        try:
            return super().get_value(var, *arguments, **options)
        except ValueError as error:
            self.refuse(var, str(error), error)

    def refuse(self, var: str, takes: str, cause: Exception | None = None) -> NoReturn:
        """Raise ImproperlyConfigured with what stands in the environment and what a setting takes."""
        value = self.ENVIRON.get(var, "").replace(r"\$", "$")
        raise ImproperlyConfigured(f"{var} is “{value}”; it must be {takes}.") from cause


def switch(text: str) -> bool:
    """Return whether `text` says on. For bool, a typing mistake is off."""
    if text.lower() not in (*Env.BOOLEAN_TRUE_STRINGS, "off", "false", "no", "n", "0"):
        raise ValueError("on or off")
    return text.lower() in Env.BOOLEAN_TRUE_STRINGS


def count(text: str) -> int:
    """Return a whole number from 0 up. For int, "-1" is one."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("a whole number from 0 up")
    return int(text)


def positive(text: str) -> int:
    """Return a whole number from 1 up."""
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise ValueError("a whole number from 1 up")
    return int(text)


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a cast that takes these words alone. environ's `choices` don't name the setting."""
    return matching("|".join(map(re.escape, choices)), f"one of: {', '.join(choices)}")


def matching(pattern: str, takes: str) -> Callable[[str], str]:
    """Return a cast that takes texts of a pattern alone. environ knows of none."""

    def cast(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(takes)
        return text

    return cast


def items(text: str) -> list[str]:
    """Return a list of texts between commas. For list, the space in "a, b" belongs to b."""
    return [item.strip() for item in text.split(",") if item.strip()]


def pairs(text: str) -> dict[str, str]:
    """Return {name: value} of "name=value" between commas."""
    found = dict(item.rsplit("=", 1) for item in items(text) if "=" in item)
    if len(found) != len(items(text)) or not all(name.strip() and value.strip() for name, value in found.items()):
        raise ValueError("pairs such as cms-reviewers=Reviewers, comma-separated")
    return {name.strip(): value.strip() for name, value in found.items()}


def days(defaults: Mapping[str, int]) -> Callable[[str], dict[str, int]]:
    """Return a cast for "kind=days" between commas, which change the defaults."""

    def cast(text: str) -> dict[str, int]:
        try:
            given = {name: positive(number) for name, number in pairs(text).items()}
        except ValueError:
            given = {}
        if not given or given.keys() - defaults.keys():
            raise ValueError(f"pairs of a kind and a number of days, such as jobs=30. Kinds: {', '.join(defaults)}")
        return dict(defaults) | given

    return cast


def items_matching(pattern: str, takes: str) -> Callable[[str], list[str]]:
    """Return a cast for a list of which every text has a pattern."""
    cast = matching(pattern, takes)
    return lambda text: [cast(item) for item in items(text)]


def networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return a list of IP networks between commas."""
    try:
        return [ipaddress.ip_network(item) for item in items(text)]
    except ValueError as error:
        raise ValueError("networks, such as 10.1.0.0/16, comma-separated") from error


def is_installed(package: str) -> bool:
    """Return whether a package is there, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def options(text: str) -> dict[str, Any]:
    """Return an object of JSON. The error leaves out the text, which may contain a password."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ImproperlyConfigured('MEDIA_STORAGE_OPTIONS must be JSON like {"bucket_name": "pictures"}.')
    return value


CACHES = (
    "locmemcache://, filecache:///folder, redis://host:6379/0, redis+sentinel://host:26379,host:26379/name/0 or "
    "redis+cluster://host:6379,host:6379 (rediss for TLS)"
)
_REDIS = re.compile(
    r"redis(?P<tls>s?)(\+(?P<kind>sentinel|cluster))?://([^@/?#]*@)?"
    r"(?P<nodes>[^@/?#]+)(/(?P<service>[A-Za-z][A-Za-z0-9._-]*))?(/(?P<db>[0-9]{1,3})?)?",
    re.ASCII,
)
_NODE = re.compile(r"(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)


def redis_options(url: str) -> dict[str, Any]:
    """Return what an address of Redis says: kind, nodes, what Sentinel calls the server, arguments for the client.

    The error leaves out the address, which may contain a password.
    """
    found = _REDIS.fullmatch(url)
    kind = (found and found["kind"]) or ""
    places = [_NODE.fullmatch(place) for place in found["nodes"].split(",")] if found else []
    if found is None or not all(places) or not _fits(kind, len(places), found["service"], found["db"]):
        raise ImproperlyConfigured(f"CACHE_URL must be {CACHES}.")
    default = 26379 if kind == "sentinel" else 6379
    nodes = [(place[1].strip("[]"), int(place[2] or default)) for place in places if place]
    client: dict[str, Any] = {} if kind == "cluster" else {"db": int(found["db"] or 0)}
    person = urlsplit(url)
    given = {"username": person.username, "password": person.password}
    client |= {name: unquote(value) for name, value in given.items() if value}
    client |= {"ssl": True} if found["tls"] else {}
    return {"kind": kind, "nodes": nodes, "service": found["service"] or "", "client": client}


def _fits(kind: str, nodes: int, service: str | None, database: str | None) -> bool:
    """Return whether an address has the parts that its kind needs: a cluster has one database, Sentinel a name."""
    if kind == "sentinel":
        return service is not None
    if kind == "cluster":
        return service is None and database in (None, "", "0")
    return service is None and nodes == 1
