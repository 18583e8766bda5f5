"""How a view says that its page may be cached, and for how long."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.http import HttpResponseBase

Response = TypeVar("Response", bound=HttpResponseBase)

# The key of a page without specific keys: any change ends it.
ANYTHING = "*"
# In the environment of a request that no reader sent: the background makes a page to store it.
BY_BACKGROUND = "posts.by_background"


@dataclass(frozen=True)
class CachePolicy:
    """What the cache needs to know about a page.

    keys: what it shows; a change of one of them ends it. vary_on: the query parameters that it reads, None for any.
    seconds: the longest time to show it, for changes that are not in the log. route: the name of its address, for the
    log.
    """

    keys: frozenset[str] = frozenset({ANYTHING})
    vary_on: frozenset[str] | None = None
    seconds: int = 600
    route: str = ""


def cache_page(
    response: Response,
    *,
    keys: Iterable[str] | None = None,
    vary_on: Iterable[str] | None = None,
    seconds: int | None = None,
    route: str | None = None,
) -> Response:
    """Mark `response` as a page for everybody that may be cached; omitted values keep their defaults.

    Without keys, every change ends it. vary_on=() means that no query parameter changes the page.
    """
    policy = getattr(response, "cache_policy", CachePolicy())
    response.cache_policy = CachePolicy(  # type: ignore[attr-defined]  # a response takes any attribute
        policy.keys if keys is None else frozenset(keys),
        policy.vary_on if vary_on is None else frozenset(vary_on),
        policy.seconds if seconds is None else seconds,
        policy.route if route is None else route,
    )
    return response
