"""The jobs that read texts: findings for the queue, and near-duplicates."""

from datetime import timedelta

from posts.content_checks.scan import check_again, scan_new_texts
from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job


@job("read new texts", label="Check new revisions", every=timedelta(seconds=30))
def read_new_texts() -> None:
    """Check texts that came in since the last run, and compare them with all others."""
    scan_new_texts(on_checkpoint=stop_if_asked)


@job("check texts again", label="Check texts again after a change", every=timedelta(minutes=1))
def check_texts_again() -> None:
    """Let checks that have changed read all texts again, half a minute at a time: other jobs wait too."""
    check_again(on_checkpoint=stop_if_asked)
