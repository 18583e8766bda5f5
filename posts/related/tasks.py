"""The job that keeps related posts up to date with what is listed."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.helpers import ask_for_help
from posts.jobs.registry import job
from posts.related.related_posts import STALE_WALK, find_stale_related_posts


@job("find similar posts", label="Find related posts", every=timedelta(seconds=20), walks=(STALE_WALK,))
def find_similar_posts() -> None:
    """Find the related posts of posts that were released, changed or withdrawn, and of their neighbours."""
    find_stale_related_posts(on_checkpoint=stop_if_asked, on_more=lambda: ask_for_help(find_similar_posts))
