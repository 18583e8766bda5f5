"""The job that keeps similar posts in step with what is listed."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.related.related_posts import find_stale_related_posts


@job("find similar posts", every=timedelta(seconds=20))
def find_similar_posts():
    """Find the neighbours of posts that were released, changed or taken away, and of those beside them."""
    find_stale_related_posts(on_checkpoint=stop_if_asked)
