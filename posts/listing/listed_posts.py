"""Listed posts with their live texts, for feeds and the API, which show whole articles of many posts at once."""

from collections.abc import Iterable
from functools import lru_cache

from django.db import connection

from posts.db.prepared_query import PreparedQuery
from posts.models import Post


def listed_in_order(keys: Iterable[int]) -> list[Post]:
    """Return the listed posts among primary keys as a list, in that order, with live texts."""
    wanted = list(keys)
    if not wanted:
        return []
    posts = {post.pk: post for post in _query(connection.vendor).objects(keys=wanted)}
    return [posts[key] for key in wanted if key in posts and posts[key].is_listed]


@lru_cache(maxsize=2)
def _query(vendor: str) -> PreparedQuery:
    return PreparedQuery(lambda keys: Post.objects.with_live_texts().filter(pk__among=keys), keys=list)
