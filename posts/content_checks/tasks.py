"""The job that reads new texts: findings for the queue, and near-duplicates."""

from datetime import timedelta

from posts.content_checks.scan import scan_new_texts
from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job


@job("read new texts", label="Check new revisions", every=timedelta(seconds=30))
def read_new_texts() -> None:
    """Check texts that came in since the last run, and compare them with all others."""
    scan_new_texts(on_checkpoint=stop_if_asked)
