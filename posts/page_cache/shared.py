"""The pages that processes share, in the cache of CACHE_URL."""

import hashlib

from django.conf import settings

from posts.page_cache.edition import edition
from posts.page_cache.page import Address, Page
from posts.page_cache.shared_cache import cache_get, cache_set

_DATABASE = ("HOST", "PORT", "NAME")
# A shared page is fetched again after this time at the latest, because the cache doesn't tell its age.
SECONDS = 300


class SharedPages:
    """Pages by address, for all processes with the same code, templates and settings."""

    def __init__(self) -> None:
        self._name = deployment_name()

    def get(self, address: Address) -> tuple[Page, int] | None:
        """Return (Page, seconds that this process may keep it), or None."""
        page = Page.from_plain(cache_get(self._key(address)))
        return (page, SECONDS) if page else None

    def put(self, address: Address, page: Page, seconds: int) -> None:
        """Store `page` for the other processes."""
        cache_set(self._key(address), page.to_plain(), seconds)

    def _key(self, address: Address) -> str:
        return "page:" + hashlib.sha256(f"{self._name} {address!r}".encode()).hexdigest()


def deployment_name() -> str:
    """Return a name for all that pages are made of: the edition and the database."""
    database = settings.DATABASES["default"]
    values = [edition(), *(str(database.get(name)) for name in _DATABASE)]
    return hashlib.sha256(repr(values).encode()).hexdigest()
