"""The pages that processes share, in the cache of CACHE_URL."""

import hashlib

from django.conf import settings

from posts.page_cache.page import Address, Page
from posts.page_cache.shared_cache import cache_get, cache_set

# What pages show besides posts; another value means other pages.
_SETTINGS = (
    "SITE_URL SITE_NAME SITE_CONTACT UNREVIEWED_POSTS INDEXING IMAGE_HOSTS IMAGES MEDIA_URL CDN_MAX_AGE DEBUG "
    "IS_SECURE_SITE"
).split()
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
    """Return a name for all that pages are made of besides posts.

    That is code, templates, names of static files, settings and database. Two releases that run side by side during a
    deployment don't show each other's pages.
    """
    digest = hashlib.sha256()
    files = sorted(
        path
        for folder in ("alphanode", "posts", "templates")
        for path in (settings.BASE_DIR / folder).rglob("*")
        if path.suffix in (".py", ".html", ".xml", ".txt", ".svg", ".md")
    )
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    for path in [*files, *([manifest] if manifest.exists() else [])]:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    database = settings.DATABASES["default"]
    values = [getattr(settings, name) for name in _SETTINGS] + [str(database.get(name)) for name in _DATABASE]
    digest.update(repr(values).encode())
    return digest.hexdigest()
