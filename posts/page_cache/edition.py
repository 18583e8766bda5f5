"""The name of all that pages are made of besides what the database holds."""

import hashlib
from functools import cache

from django.conf import settings

# What pages show besides posts; another value means other pages.
_SETTINGS = (
    "SITE_URL SITE_NAME SITE_CONTACT UNREVIEWED_POSTS INDEXING IMAGE_HOSTS IMAGES MEDIA_URL CDN_MAX_AGE DEBUG "
    "IS_SECURE_SITE"
).split()


def edition() -> str:
    """Return 32 hex digits for code, templates, names of static files and settings.

    Two releases that run side by side during a deployment don't show each other's pages.
    """
    values = [getattr(settings, name) for name in _SETTINGS]
    return hashlib.sha256(f"{_files()} {values!r}".encode()).hexdigest()[:32]


@cache
def _files() -> str:
    """Return a digest of the files that this process runs with."""
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
    return digest.hexdigest()
