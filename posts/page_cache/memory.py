"""The pages that this process caches, up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Hashable

from posts.page_cache.page import Page

# The largest share of the memory for one page; a larger page would displace many popular ones.
MAX_PART = 8


class Memory:
    """Pages by key. A new page displaces those that nobody asked for longest."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._pages: OrderedDict[Hashable, Page] = OrderedDict()
        self._sizes: dict[Hashable, int] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, key: Hashable) -> Page | None:
        """Return the page at `key`, or None."""
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
            return page

    def put(self, key: Hashable, page: Page) -> bool:
        """Store `page`, or its new size; return whether there was room for it."""
        size = page.size
        with self._lock:
            self._forget(key)
            if size > self._max_bytes // MAX_PART:
                return False
            self._pages[key], self._sizes[key] = page, size
            self.bytes += size
            while self.bytes > self._max_bytes:
                self._forget(next(iter(self._pages)))
            return True

    def forget(self, key: Hashable) -> None:
        """Remove the page at `key`, if there is one."""
        with self._lock:
            self._forget(key)

    def _forget(self, key: Hashable) -> None:
        if self._pages.pop(key, None) is not None:
            self.bytes -= self._sizes.pop(key)
