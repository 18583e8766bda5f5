"""Jobs of the readers' lists: rows that a new release of the code wants otherwise, and figures about the site."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.listing.rebuild import rebuild_lists
from posts.listing.site_stats import store_site_stats


@job("bring lists and search up to date", every=timedelta(minutes=1), attempts=5)
def bring_lists_up_to_date():
    """Write anew what lists and search keep, once after each change of what that is."""
    rebuild_lists(from_start=False, on_checkpoint=stop_if_asked)


@job("count the site", every=timedelta(minutes=1))
def count_the_site():
    """Count what the home page and “How this site is made” say of the whole site."""
    store_site_stats()
