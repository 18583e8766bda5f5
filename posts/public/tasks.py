"""Jobs that keep the finished pages in the database up to date."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.public.finish_articles import finish_articles, forget_finished_articles
from posts.public.stored_pages import forget_other_pages, store_pages


@job("store pages", label="Make pages ready for readers", every=timedelta(minutes=1), attempts=5)
def make_pages_ready() -> None:
    """Make the finished pages of what changed, and of the archive, for less than a minute: other jobs wait too."""
    # First what pages of articles are put together from.
    finish_articles(on_checkpoint=stop_if_asked)
    store_pages(on_checkpoint=stop_if_asked)


@job("forget pages", label="Delete pages of other versions", every=timedelta(days=1))
def forget_pages() -> None:
    """Delete stored pages of other versions of the site, or what is stored of all where that is off."""
    forget_finished_articles(on_checkpoint=stop_if_asked)
    forget_other_pages(on_checkpoint=stop_if_asked)
