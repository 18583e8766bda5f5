"""What this process counts of its requests and queries, in memory: posts.monitoring stores and shows it."""

import threading
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field

# Upper bounds of duration classes in milliseconds, each half as long again as the one before; a last class is open.
BOUNDS_MS = (1, 2, 3, 5, 7, 11, 17, 26, 38, 58, 86, 130, 195, 292, 438, 657, 985, 1478, 2217, 3325, 4988, 7482, 11223)
REFUSED = (409, 422)


@dataclass
class RouteMeasures:
    """The requests of one route. counts: by BOUNDS_MS. cached: answered by the page cache."""

    requests: int = 0
    errors: int = 0
    refused: int = 0
    cached: int = 0
    total_ms: float = 0.0
    slowest_ms: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))

    def add(self, status: int, ms: float, *, is_cached: bool) -> None:
        """Count a request."""
        self.requests += 1
        self.errors += status >= 500
        self.refused += status in REFUSED
        self.cached += is_cached
        self.total_ms += ms
        # A call of max() takes longer.
        if ms > self.slowest_ms:
            self.slowest_ms = ms
        self.counts[bisect_left(BOUNDS_MS, ms)] += 1


# (route, status, milliseconds, whether the page cache answered)
Observer = Callable[[str, int, float, bool], None]


class Measures:
    """Counts requests by route, from any thread, until somebody takes the counts.

    observers: are told of each request too.
    """

    # Far more than the site has routes: a mistake must not fill the memory.
    MOST_ROUTES = 500

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._routes: dict[str, RouteMeasures] = {}
        self.observers: list[Observer] = []

    def note(self, route: str, status: int, ms: float, *, is_cached: bool = False) -> None:
        """Count a request. route: the name of its view; "" if no view has its address."""
        with self._lock:
            measures = self._routes.get(route)
            if measures is None:
                if len(self._routes) >= self.MOST_ROUTES:
                    return
                measures = self._routes[route] = RouteMeasures()
            measures.add(status, ms, is_cached=is_cached)
        for observer in self.observers:
            observer(route, status, ms, is_cached)

    def take(self) -> dict[str, RouteMeasures]:
        """Return the counts since the last call, by route, and begin again."""
        with self._lock:
            taken, self._routes = self._routes, {}
        return taken


measures = Measures()
