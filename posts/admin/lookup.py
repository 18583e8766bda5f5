"""Finds the post of an admin address."""

from django.db.models import OuterRef
from django.http import Http404

from posts.admin.lists import number_in
from posts.models import Post


def find_post(object_id: object) -> Post:
    """Return the post of an address, with its texts; Http404 for an invalid key ("123abc", "-1", 2**63)."""
    number = number_in(object_id)
    posts = Post.objects.with_texts().with_flagged_at().with_last_decision(about=OuterRef("head_revision__fingerprint"))
    posts = posts.select_related("first_batch", "head_revision__author")
    post = posts.filter(pk=number).first() if number is not None else None
    if post is None:
        raise Http404("No post has this number.")
    return post
