"""Jobs that carry out planned releases, keep approved pictures, and forget unsaved text and unused pictures."""

from datetime import timedelta

from django.conf import settings

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.operations import run_due
from posts.operations.approved_pictures import forget_orphaned_copies, keep_approved_pictures
from posts.operations.pictures import forget_unused_pictures
from posts.operations.report import forget_old_reports
from posts.operations.unsaved_texts import forget_old_unsaved_texts


@job("run planned releases", label="Run planned releases", every=timedelta(minutes=1), is_urgent=True)
def run_planned_releases() -> None:
    """Release and withdraw what is due; safe to run twice. A refusal is in the log of its post."""
    run_due()


@job("forget old unsaved texts", label="Delete old unsaved text", every=timedelta(days=1))
def forget_unsaved_texts() -> None:
    """Delete unsaved text of the forms of posts thirty days after its last change."""
    forget_old_unsaved_texts()


@job("forget old reports", label="Delete old reports by readers", every=timedelta(days=1))
def forget_reports() -> None:
    """Delete reports by readers REPORT_KEPT_DAYS after their answer."""
    forget_old_reports(on_chunk=stop_if_asked)


@job("forget unused pictures", label="Delete unused uploaded pictures", every=timedelta(days=1))
def forget_pictures() -> None:
    """Delete uploaded pictures that no revision ever had, sixty days after their upload."""
    forget_unused_pictures()


@job("keep approved pictures", label="Keep approved pictures", every=timedelta(seconds=30))
def keep_pictures() -> None:
    """Copy the pictures of approved texts, or note their digests, and find out which changed at their sources."""
    if settings.IMAGES != "load":
        keep_approved_pictures(on_checkpoint=stop_if_asked)


@job("forget orphaned copies", label="Delete copies of pictures that nobody needs", every=timedelta(days=1))
def forget_copies() -> None:
    """Delete copies of approvals that were revoked sixty days ago, and those that a killed job left."""
    forget_orphaned_copies(on_checkpoint=stop_if_asked)
