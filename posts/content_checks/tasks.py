"""The jobs that read texts: findings for the queue, and near-duplicates."""

from datetime import timedelta

from posts.content_checks.scan import NEW_TEXTS, check_again, scan_new_texts
from posts.jobs.control import stop_if_asked
from posts.jobs.helpers import ask_for_help
from posts.jobs.registry import job


@job("read new texts", label="Check new revisions", every=timedelta(seconds=30), walks=(NEW_TEXTS.name,))
def read_new_texts(joins: bool = False) -> None:
    """Check texts that came in since the last run, and compare them with all others. joins: as a helper."""
    scan_new_texts(joins=joins, on_checkpoint=stop_if_asked, on_more=lambda: ask_for_help(read_new_texts, joins=True))


@job("check texts again", label="Check texts again after a change", every=timedelta(minutes=1))
def check_texts_again() -> None:
    """Let checks that have changed read all texts again, half a minute at a time: other jobs wait too."""
    check_again(on_checkpoint=stop_if_asked, on_more=lambda: ask_for_help(check_texts_again))
