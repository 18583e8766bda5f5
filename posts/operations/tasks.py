"""Carries out planned releases when their time has come."""

from datetime import timedelta

from posts.jobs.registry import job
from posts.operations import run_due


@job("run planned releases", label="Run planned releases", every=timedelta(minutes=1))
def run_planned_releases() -> None:
    """Release and withdraw what is due; safe to run twice. A refusal is in the log of its post."""
    run_due()
