"""Addresses of posts: one slug each, never given to another post, not even after it was left."""

import hashlib
import re

from django.utils.text import slugify

from posts.models import FormerSlug, Post

MAX_LENGTH = 200


def wished_slug(record):
    """The slug that a record asks for: its own, else one made of its title, else of its identity."""
    if slug := record.get("slug"):
        return slug
    return _tidy(record["title"]) or _tidy(record["source_id"]) or "post"


def _tidy(text):
    # One hyphen at a time, as the record asks of a slug: an export has to come back in.
    return re.sub("[-_]+", "-", slugify(text)).strip("-")[:120].strip("-")


def distinct_slug(slug, source_id):
    """`slug` with eight hex digits of the identity's SHA-256: the same post gets the same address on every site."""
    digest = hashlib.sha256(source_id.encode()).hexdigest()[:8]
    return f"{slug[: MAX_LENGTH - 9].rstrip('-')}-{digest}"


def taken_slugs(slugs):
    """Those of `slugs` that a post has or ever had (two queries)."""
    slugs = list(slugs)
    taken = set(Post.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    return taken | set(FormerSlug.objects.filter(slug__in=slugs).values_list("slug", flat=True))


def free_slug(record):
    """An address for a new post of `record` that no post has or had."""
    slug = wished_slug(record)
    return distinct_slug(slug, record["source_id"]) if taken_slugs([slug]) else slug
