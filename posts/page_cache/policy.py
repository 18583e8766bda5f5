"""How a view says that its page may be kept, and until when it is true."""

from dataclasses import dataclass

# What a page hangs on that names nothing in particular: any change at all.
ANYTHING = "*"


@dataclass(frozen=True)
class CachePolicy:
    """What the cache has to know of a page.

    keys: what it shows; a change of one of them ends it. vary_on: the names of the query's parameters that it reads,
    None for any. seconds: how long it may be shown at the most, for what changes without being noted. route: the name
    of its address, for the log.
    """

    keys: frozenset = frozenset({ANYTHING})
    vary_on: frozenset | None = None
    seconds: int = 600
    route: str = ""


def cache_page(response, *, keys=None, vary_on=None, seconds=None, route=None):
    """Say that `response` is a page for everybody that the page cache may keep; what is not said keeps its value.

    Without keys it ends with every change of anything. vary_on=() says that whatever stands in the query, the page is
    the same.
    """
    policy = getattr(response, "cache_policy", CachePolicy())
    response.cache_policy = CachePolicy(
        policy.keys if keys is None else frozenset(keys),
        policy.vary_on if vary_on is None else frozenset(vary_on),
        policy.seconds if seconds is None else seconds,
        policy.route if route is None else route,
    )
    return response
