"""How a site begins that lists no article yet: what its pages, feeds and API say in place of articles."""

from dataclasses import dataclass

from django.conf import settings

from posts.listing.site_stats import SiteStats, site_stats
from posts.models import ListedText
from posts.reverse import address


@dataclass(frozen=True)
class Beginning:
    """What is so, and what to do next: the words of a link and its path."""

    state: str
    action: str
    path: str

    @property
    def sentence(self) -> str:
        """Both as plain text, with the whole address."""
        return f"{self.state} {self.action}: {settings.SITE_URL}{self.path}"


def beginning(stats: SiteStats | None = None) -> Beginning | None:
    """Return how to begin, or None if the site lists an article. stats: read only if they are needed."""
    # From the newest on: exists() might scan all posts for a listed one.
    if stats is None and ListedText.objects.listed().order_by("-published_at", "-post").first():
        return None
    stats = stats or site_stats()
    if stats.listed:
        return None
    if stats.waiting == 1:
        return Beginning(_NOT_YET, "Sign in to review the post that waits", address("admin:review_start"))
    if stats.waiting:
        action = f"Sign in to review the {stats.waiting:,} posts that wait"
        return Beginning(_NOT_YET, action, address("admin:review_start"))
    if stats.total:
        return Beginning("No article is listed.", "Sign in to see the posts of this site", address("admin:index"))
    return Beginning("This site has no articles yet.", "Sign in to import posts or write one", address("admin:index"))


_NOT_YET = "No article is approved yet."
