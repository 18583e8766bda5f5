"""The job that keeps related posts up to date with what is listed."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.related.related_posts import find_stale_related_posts


@job("find similar posts", label="Find related posts", every=timedelta(seconds=20))
def find_similar_posts() -> None:
    """Find the related posts of posts that were released, changed or withdrawn, and of their neighbours."""
    find_stale_related_posts(on_checkpoint=stop_if_asked)
