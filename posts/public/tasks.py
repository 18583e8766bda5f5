"""Jobs that keep the finished pages in the database up to date."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.public.stored_pages import forget_other_pages, store_pages


@job("store pages", label="Make pages ready for readers", every=timedelta(minutes=1), attempts=5)
def make_pages_ready() -> None:
    """Make the finished pages of what changed, and of the archive, half a minute at a time: other jobs wait too."""
    store_pages(on_checkpoint=stop_if_asked)


@job("forget pages", label="Delete pages of other versions", every=timedelta(days=1))
def forget_pages() -> None:
    """Delete stored pages of other versions of the site."""
    forget_other_pages(on_checkpoint=stop_if_asked)
