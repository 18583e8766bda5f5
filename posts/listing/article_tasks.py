"""Jobs that follow a change of rendering, by a new version of the site or another IMAGE_HOSTS."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.listing.rebuild_articles import forget_other_articles, rebuild_articles


@job("bring stored articles up to date", label="Update rendered articles", every=timedelta(minutes=1), attempts=5)
def bring_articles_up_to_date() -> None:
    """Render live texts again in the background, half a minute at a time: other jobs wait too."""
    rebuild_articles(on_checkpoint=stop_if_asked)


@job("forget old articles", label="Delete old rendered articles", every=timedelta(days=1))
def forget_old_articles() -> None:
    """Delete articles that were rendered differently from today."""
    forget_other_articles(on_checkpoint=stop_if_asked)
