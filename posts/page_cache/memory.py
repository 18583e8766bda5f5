"""The pages that this process caches, up to a number of bytes."""

import threading
from collections import OrderedDict

# The largest share of the memory for one page; a larger page would displace many popular ones.
MAX_PART = 8


class Memory:
    """Pages by key. A new page displaces those that nobody asked for longest."""

    def __init__(self, max_bytes):
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._pages = OrderedDict()
        self._sizes = {}
        self.bytes = 0

    def __len__(self):
        return len(self._pages)

    def get(self, key):
        """Return the page at `key`, or None."""
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
            return page

    def put(self, key, page):
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

    def forget(self, key):
        """Remove the page at `key`, if there is one."""
        with self._lock:
            self._forget(key)

    def _forget(self, key):
        if self._pages.pop(key, None) is not None:
            self.bytes -= self._sizes.pop(key)
