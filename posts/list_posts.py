"""The posts that lines of lists and of search are about."""

from functools import lru_cache

from django.conf import settings
from django.db import connection

from posts.models import Post
from posts.prepared import Prepared


def list_posts(keys):
    """{primary key: Post} of those `keys` whose posts may be named now, with what a line about each reads."""
    if not keys or not settings.INDEXING:
        return {}
    return {post.pk: post for post in _query(connection.vendor).objects(keys=list(keys))}


@lru_cache(maxsize=2)
def _query(vendor):
    return Prepared(lambda keys: Post.objects.listed().with_list_rows().filter(pk__among=keys), keys=list)
