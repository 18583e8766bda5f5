"""The jobs of the figures, and of rows that no other package deletes."""

from datetime import timedelta

from django.utils import timezone

from posts.jobs import job
from posts.monitoring.figures import add_up_figures
from posts.monitoring.storage import forget_old_rows


@job("add up figures", label="Add up the figures of requests", every=timedelta(minutes=10))
def add_up_the_figures() -> None:
    """Keep minutes for two hours, and hours for 35 days."""
    add_up_figures(timezone.now())


@job("forget old rows", label="Delete old import rows, bulk actions and preview links", every=timedelta(days=1))
def forget_old() -> None:
    """Delete them after the days that KEEP_DAYS says."""
    forget_old_rows(timezone.now())
