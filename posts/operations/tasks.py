"""Does what people planned for a moment that has come."""

from datetime import timedelta

from posts.jobs.registry import job
from posts.operations import run_due


@job("run planned releases", every=timedelta(minutes=1))
def run_planned_releases():
    """Release and take down what is due; safe to run twice. A refusal stands in the log of its post."""
    run_due()
