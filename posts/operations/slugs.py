"""Addresses of posts: one slug each, which no other post ever gets."""

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import chain
from urllib.parse import unquote, urlsplit

from django.db import connection

from posts.db.prepared_query import PreparedQuery
from posts.models import FormerSlug, Post
from posts.models.purged_post import purged_addresses
from posts.records.schema import RecordDict
from posts.records.slugs import cut_slug, slug_from

MAX_LENGTH = 200
MAX_PATH_LENGTH = 500
# After these numbers of posts with one title come digits of a hash, because a thousand posts can have it.
NUMBERS = range(2, 10)
# Hex digits of the source id's hash: eight are enough unless somebody takes the address on purpose.
DIGITS = (8, 16, 64)
# Up to here a plan that the engine keeps is as good as one for these slugs.
FEW = 8


def wished_slug(record: RecordDict) -> str:
    """Return the slug that a record asks for: its own, else one from its title, else from its source id."""
    slug: str = record.get("slug") or ""
    if slug:
        return slug
    return slug_from(record["title"]) or slug_from(record["source_id"]) or "post"


def numbered_slug(slug: str, number: int) -> str:
    """Return `slug` with a number behind it: retries-2."""
    return f"{cut_slug(slug, MAX_LENGTH - 2)}-{number}"


def distinct_slug(slug: str, source_id: str, digits: int = DIGITS[0]) -> str:
    """Return `slug` with hex digits of the source id's SHA-256: the same post gets the same address on every site."""
    digest = hashlib.sha256(source_id.encode()).hexdigest()[:digits]
    return f"{cut_slug(slug, MAX_LENGTH - 1 - digits)}-{digest}"


def taken_slugs(slugs: Iterable[str]) -> set[str]:
    """Return those of `slugs` that a post has or ever had (three queries)."""
    # A set, because Django looks at each item of a list.
    slugs = set(slugs)
    if len(slugs) <= FEW:
        found = {slug for query in _prepared(connection.vendor) for (slug,) in query.rows(slugs=slugs)}
        return found | purged_addresses(slugs)
    taken = set(Post.objects.filter(slug__among=slugs).values_list("slug", flat=True))
    taken |= set(FormerSlug.objects.filter(slug__among=slugs).values_list("slug", flat=True))
    return taken | purged_addresses(slugs)


@lru_cache(maxsize=2)
def _prepared(vendor: str) -> list[PreparedQuery]:
    return [
        PreparedQuery(
            lambda slugs, model=model: model.objects.filter(slug__among=slugs).values_list("slug"), slugs=list
        )
        for model in (Post, FormerSlug)
    ]


def _choices() -> Iterator[Callable[[str, str], list[str]]]:
    """Yield functions (wish, source id) → slugs to try, in this order; each costs two queries for all posts."""
    yield lambda wish, source_id: [wish]
    yield lambda wish, source_id: [numbered_slug(wish, number) for number in NUMBERS]
    for digits in DIGITS:
        yield partial(_with_digits, digits)


def _with_digits(digits: int, wish: str, source_id: str) -> list[str]:
    return [distinct_slug(wish, source_id, digits)]


def free_slugs(records: Sequence[RecordDict]) -> list[str]:
    """Return an address for each of `records`, in order, that no post ever had and no other of them gets."""
    wishes = [wished_slug(record) for record in records]
    slugs: list[str | None] = [None] * len(wishes)
    given: set[str] = set()
    # First choices come first: a record that names an address must not lose it to another's second choice.
    for choices in _choices():
        tries = {
            place: choices(wishes[place], records[place]["source_id"])
            for place, slug in enumerate(slugs)
            if slug is None
        }
        if not tries:
            break
        taken = taken_slugs(set(chain.from_iterable(tries.values())))
        for place, found in tries.items():
            slugs[place] = next((slug for slug in found if slug not in taken and slug not in given), None)
            if slug := slugs[place]:
                given.add(slug)
    # Somebody who knows the source id can take all of these, but not one that is random.
    return [slug or distinct_slug(wish, uuid.uuid4().hex, DIGITS[-1]) for slug, wish in zip(slugs, wishes, strict=True)]


def free_former_slugs(groups: Sequence[Iterable[str]], *, taken: set[str]) -> list[list[str]]:
    """Return each group of former slugs without those already in use or in `taken`."""
    wanted = {slug for group in groups for slug in group}
    blocked = taken | (taken_slugs(wanted) if wanted else set())
    result = []
    for group in groups:
        free = [slug for slug in dict.fromkeys(group) if slug not in blocked]
        blocked.update(free)
        result.append(free)
    return result


def former_path(address: str) -> str | None:
    """Return the path of an address of another site, as it is stored and looked up.

    It is decoded, without host, query and fragment, and without the ends that servers add (a slash, index.html). None
    if it is not the path of a page, such as the home page.
    """
    try:
        path = unquote(urlsplit(address).path, errors="strict")
    except ValueError:
        return None
    path = unicodedata.normalize("NFC", re.sub("/+", "/", f"/{path}"))
    path = re.sub(r"/index\.(html?|php)$", "/", path).rstrip("/")
    parts = path.split("/")
    if not path or not path.isprintable() or len(path) > MAX_PATH_LENGTH or "." in parts or ".." in parts:
        return None
    return path


def free_slug(record: RecordDict) -> str:
    """Return an address for a new post of `record` that no post ever had."""
    return free_slugs([record])[0]
