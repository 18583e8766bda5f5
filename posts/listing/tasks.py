"""Jobs of the readers' lists: rows that new code needs, and statistics about the site."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.listing.image_stats import fill_search_keys, store_image_stats
from posts.listing.rebuild import rebuild_lists
from posts.listing.site_stats import store_site_stats


@job("bring lists and search up to date", label="Update lists and search", every=timedelta(minutes=1), attempts=5)
def bring_lists_up_to_date() -> None:
    """Rewrite what lists and search store, once after each change of their format."""
    rebuild_lists(from_start=False, on_checkpoint=stop_if_asked)


@job("count the site", label="Count the statistics", every=timedelta(minutes=1))
def count_the_site() -> None:
    """Count the statistics of the home page and of “How this site is made”."""
    store_site_stats()


@job("count images", label="Count images by host and licence", every=timedelta(hours=1))
def count_images_of_posts() -> None:
    """Count what the filters of images show, after completing rows that an earlier version of the site wrote."""
    fill_search_keys(on_checkpoint=stop_if_asked)
    store_image_stats()
