"""Begins to count in a web process, and to report to other programs."""

from django.conf import settings

from posts.monitoring.queries import watch_queries
from posts.monitoring.record import begin


def report_elsewhere() -> None:
    """Report errors to a Sentry and traces to a collector, if the settings say so. Call it once in a process."""
    if settings.SENTRY_DSN:
        from posts.monitoring.sentry import begin_sentry

        begin_sentry(settings.SENTRY_DSN, settings.SENTRY_ENVIRONMENT)
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        from posts.monitoring.traces import begin_traces

        begin_traces(settings.OTEL_EXPORTER_OTLP_ENDPOINT, settings.TRACE_PERCENT)


def watch() -> None:
    """Count requests and statements of this web process, and store the counts. Call it once, before it serves."""
    watch_queries()
    report_elsewhere()
    begin()
    if settings.METRICS_TOKEN:
        # prometheus_client is imported by then only, because it reads the environment when it is imported.
        from posts.monitoring.metrics import begin_metrics

        begin_metrics(settings.METRICS_DIR)
