"""How a view says that its page may be cached, and for how long."""

from dataclasses import dataclass

# The key of a page without specific keys: any change ends it.
ANYTHING = "*"


@dataclass(frozen=True)
class CachePolicy:
    """What the cache needs to know about a page.

    keys: what it shows; a change of one of them ends it. vary_on: the query parameters that it reads, None for any.
    seconds: the longest time to show it, for changes that are not in the log. route: the name of its address, for the
    log.
    """

    keys: frozenset = frozenset({ANYTHING})
    vary_on: frozenset | None = None
    seconds: int = 600
    route: str = ""


def cache_page(response, *, keys=None, vary_on=None, seconds=None, route=None):
    """Mark `response` as a page for everybody that may be cached; omitted values keep their defaults.

    Without keys, every change ends it. vary_on=() means that no query parameter changes the page.
    """
    policy = getattr(response, "cache_policy", CachePolicy())
    response.cache_policy = CachePolicy(
        policy.keys if keys is None else frozenset(keys),
        policy.vary_on if vary_on is None else frozenset(vary_on),
        policy.seconds if seconds is None else seconds,
        policy.route if route is None else route,
    )
    return response
