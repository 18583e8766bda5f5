"""The job of the figures."""

from datetime import timedelta

from django.utils import timezone

from posts.jobs import job
from posts.monitoring.figures import add_up_figures


@job("add up figures", label="Add up the figures of requests", every=timedelta(minutes=10))
def add_up_the_figures() -> None:
    """Keep minutes for two hours, and hours for 35 days."""
    add_up_figures(timezone.now())
