"""Jobs that check the links of posts, on sites that want it."""

from datetime import timedelta

from django.conf import settings

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.links.check import check_due_links, forget_old_checks
from posts.links.scan import forget_unused_addresses, scan_links
from posts.operations.page_questions import tell_posts


@job("check links", label="Check links", every=timedelta(minutes=1))
def check_links() -> None:
    """Note the links of new texts, check those that are due, and tell posts of links that died or came back."""
    if settings.LINK_CHECKS:
        scan_links(on_checkpoint=stop_if_asked)
        check_due_links(on_checkpoint=stop_if_asked)
        tell_posts(on_checkpoint=stop_if_asked)


@job("forget old links", label="Delete old results of link checks", every=timedelta(days=1))
def forget_old_links() -> None:
    """Delete addresses that no text names any more, and old lines of the history."""
    forget_unused_addresses(on_checkpoint=stop_if_asked)
    forget_old_checks(on_checkpoint=stop_if_asked)
