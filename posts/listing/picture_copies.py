"""Which copies of pictures the page of a post shows: those of its live approval, or else of an earlier one."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import F, OuterRef, QuerySet, Subquery

from posts.db.json_rows import JsonRows
from posts.models import PictureSize, Post
from posts.rendering.picture_copies import Copies, Copy

_COLUMNS = ("picture__address", "picture__approval", "copy", "copy__width_px", "copy__height_px")


def are_copied() -> bool:
    """Return whether readers get pictures from this site alone."""
    return settings.IMAGES == "copy"


def with_picture_copies(posts: QuerySet[Post]) -> QuerySet[Post]:
    """Annotate a queryset of posts with `picture_copies`, for copies_of_post()."""
    if not are_copied():
        return posts
    shown = PictureSize.objects.filter(
        picture__post=OuterRef("pk"), picture__approval__lte=OuterRef("live_approval")
    ).order_by()
    rows = shown.values("picture__post").annotate(found=JsonRows(*_COLUMNS)).values("found")
    return posts.annotate(picture_copies=Subquery(rows))


def copies_of_post(post: Any) -> Copies:
    """Return the copies that the page of a post shows: annotated, else read now."""
    if hasattr(post, "picture_copies"):
        return _by_address(json.loads(post.picture_copies or "[]"))
    return copies_of([post.pk]).get(post.pk, {})


def copies_of(post_ids: Iterable[int]) -> dict[int, Copies]:
    """Return {post id: copies} for many posts, in one query."""
    shown = PictureSize.objects.filter(
        picture__post__in=list(post_ids), picture__approval__lte=F("picture__post__live_approval")
    ).order_by()
    found: dict[int, list[Any]] = defaultdict(list)
    for post, *row in shown.values_list("picture__post", *_COLUMNS):
        found[post].append(row)
    return {post: _by_address(rows) for post, rows in found.items()}


def _by_address(rows: Iterable[Any]) -> Copies:
    """Return the copies of the newest approval that has any of an address, the smallest first."""
    by_approval: dict[str, dict[int, list[Copy]]] = defaultdict(lambda: defaultdict(list))
    for address, approval, name, width, height in rows:
        by_approval[address][approval].append(Copy(name, width, height))
    return {address: sorted(found[max(found)], key=lambda copy: copy.width) for address, found in by_approval.items()}
