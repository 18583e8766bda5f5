"""The job that follows a change of how articles are rendered."""

from datetime import timedelta

from posts.articles import store_articles_anew
from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job


@job("bring stored articles up to date", every=timedelta(minutes=1), attempts=5)
def bring_articles_up_to_date():
    """Render every live text once after each change of the renderer or of IMAGE_HOSTS; readers wait for none of it."""
    store_articles_anew(between=stop_if_asked)
