"""Jobs that carry out planned releases, and forget unsaved text and pictures that no text uses."""

from datetime import timedelta

from posts.jobs.registry import job
from posts.operations import run_due
from posts.operations.pictures import forget_unused_pictures
from posts.operations.unsaved_texts import forget_old_unsaved_texts


@job("run planned releases", label="Run planned releases", every=timedelta(minutes=1), is_urgent=True)
def run_planned_releases() -> None:
    """Release and withdraw what is due; safe to run twice. A refusal is in the log of its post."""
    run_due()


@job("forget old unsaved texts", label="Delete old unsaved text", every=timedelta(days=1))
def forget_unsaved_texts() -> None:
    """Delete unsaved text of the forms of posts thirty days after its last change."""
    forget_old_unsaved_texts()


@job("forget unused pictures", label="Delete unused uploaded pictures", every=timedelta(days=1))
def forget_pictures() -> None:
    """Delete uploaded pictures that no revision ever had, sixty days after their upload."""
    forget_unused_pictures()
