from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from posts.errors import Refused, checked_words, require
from posts.models import FormerSlug, Post
from posts.operations.frame import changing, operation
from posts.operations.slugs import taken_slugs
from posts.records.schema import RecordRefused, validate_record


@operation
def change_slug(post: Post, slug: str, *, by: User | None) -> Post:
    """Move `post` to another address; the old one redirects permanently. Return the post."""
    require(by, "change_slug")
    slug = checked_words(slug, name="The address", limit=200)
    with changing(post, by=by) as change:
        post = change.post
        if slug == post.slug:
            return post
        try:
            validate_record({"source_id": "x", "title": "x", "body": "x", "slug": slug})
        except RecordRefused as refusal:
            raise Refused(f"The address {refusal.problems[0].message}") from None
        own = post.former_slugs.filter(slug=slug)
        if not slug or (taken_slugs([slug]) and not own.exists()):
            raise Refused(f"“{slug}” belongs to another post. Choose another address.")
        own.delete()
        FormerSlug.objects.create(slug=post.slug, post=post)
        old, post.slug = post.slug, slug
        try:
            with transaction.atomic():
                post.save(update_fields=["slug"])
        except IntegrityError:
            raise Refused(f"“{slug}” was just taken by another post. Choose another address.") from None
        change.note("address changed", revision=post.head_revision, detail=f"{old} → {slug}")
        return post
