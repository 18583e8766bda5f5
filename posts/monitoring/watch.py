"""Begins to count in a web process."""

from django.conf import settings

from posts.monitoring.queries import watch_queries
from posts.monitoring.record import begin


def watch() -> None:
    """Count requests and statements of this web process, and store the counts. Call it once, before it serves."""
    watch_queries()
    begin()
    if settings.METRICS_TOKEN:
        # prometheus_client is imported by then only, because it reads the environment when it is imported.
        from posts.monitoring.metrics import begin_metrics

        begin_metrics(settings.METRICS_DIR)
