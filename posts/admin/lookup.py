"""Finds the post, or another row, of an admin address."""

from typing import Any, TypeVar

from django.db.models import Model, OuterRef, QuerySet
from django.http import Http404

from posts.admin.lists import MAX_ID, number_in
from posts.db.prepared_query import prepared
from posts.models import Post

Row = TypeVar("Row", bound=Model)


def find_post(object_id: object) -> Post:
    """Return the post of an address, with its texts; Http404 for an invalid key ("123abc", "-1", 2**63)."""
    number = number_in(object_id)
    post: Post | None = _post.first(number=number) if number is not None else None
    if post is None:
        raise Http404("No post has this number.")
    return post


@prepared(number=int)
def _post(number: int) -> QuerySet[Post]:
    posts = Post.objects.with_texts().with_flagged_at().with_last_decision(about=OuterRef("head_revision__fingerprint"))
    return posts.select_related("first_batch", "head_revision__author", "known_generator").filter(pk=number)


def found(rows: QuerySet[Row], object_id: Any, what: str) -> Row:
    """Return the row of an address; 404 for anything that is not its primary key."""
    text = str(object_id)
    if text.isascii() and text.isdigit() and int(text) <= MAX_ID and (row := rows.filter(pk=int(text)).first()):
        return row
    raise Http404(f"No {what} has this number.")
