"""Fast reverse(). A page has forty addresses, and Django's reverse() searches its patterns for each."""

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from urllib.parse import quote

from django.urls import NoReverseMatch, get_script_prefix, reverse

# A slug in an address: letters and digits of any script, hyphens. Underscores, for addresses of other sites.
SLUG = r"[-0-9A-Z_a-z\u00aa-\U0010ffff]+"
# Placeholder for the last part of an address: both a slug and a number, and never in a real address.
_LAST = "7310577310577"
_is_slug = re.compile(SLUG).fullmatch
_known_prefix: ContextVar[str | None] = ContextVar("known_prefix", default=None)


@contextlib.contextmanager
def one_prefix() -> Iterator[None]:
    """Read the path that the site is served below once for a whole request: each time, Django takes a lock."""
    token = _known_prefix.set(get_script_prefix())
    try:
        yield
    finally:
        _known_prefix.reset(token)


def prefix() -> str:
    """Return the path that the site is served below."""
    return _known_prefix.get() or get_script_prefix()


def address(name: str, *parts: object) -> str:
    """Return reverse(name, args=parts): the path of the view `name`."""
    below = prefix()
    if parts and _is_slug(last := str(parts[-1])) and (around := _around(below, name, *parts[:-1])):
        return (last if last.isascii() else quote(last)).join(around)
    return _reversed(below, name, *parts)


@lru_cache(maxsize=256)
def _around(prefix: str, name: str, *first: object) -> tuple[str, str] | None:
    """Return what is before and after the last part of an address; None if that part is one of a few words."""
    try:
        before, _, after = reverse(name, args=[*first, _LAST]).partition(_LAST)
    except NoReverseMatch:
        return None
    return before, after


@lru_cache(maxsize=256)
def _reversed(prefix: str, name: str, *parts: object) -> str:
    return reverse(name, args=parts)
