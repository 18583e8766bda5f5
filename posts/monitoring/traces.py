"""Sends traces of requests and statements to a collector of OpenTelemetry: names and durations, no values."""

import time
from contextlib import suppress
from typing import Any

import posts
from posts.measures import measures
from posts.monitoring.queries import fingerprint_of, watch_statements

NANOSECONDS = 1_000_000
# A request with more statements has a fault, and its trace says so with these.
MOST_STATEMENTS = 100


def begin_traces(endpoint: str, percent: int, *, exporter: Any = None) -> Any:
    """Trace this share of the requests; return the provider. Call it once in a process.

    exporter: in place of one over HTTP, for tests.
    """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    # Not Resource.create(): it would add the machine, the process and its command line.
    resource = Resource({"service.name": "alphanode", "service.version": posts.__version__})
    provider = TracerProvider(resource=resource, sampler=TraceIdRatioBased(percent / 100))
    if exporter is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    else:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("alphanode")

    def note(route: str, status: int, ms: float, is_cached: bool) -> None:
        """Make the spans of a request when it has ended: only then its route is known."""
        ended = time.time_ns()
        began = ended - int(ms * NANOSECONDS)
        # A thread also asks between requests whether pages changed.
        statements = [statement for statement in taken() if statement[1] >= began]
        span = tracer.start_span(route or "no view", start_time=began)
        if span.is_recording():
            span.set_attributes({"http.route": route, "http.response.status_code": status, "cache.hit": is_cached})
            _add_statements(tracer, span, statements)
        span.end(ended)

    taken = watch_statements(MOST_STATEMENTS)
    measures.observers.append(note)
    return provider


def _add_statements(tracer: Any, span: Any, statements: list[tuple[str, int, int]]) -> None:
    from opentelemetry.trace import set_span_in_context

    for sql, began, ended in statements:
        with suppress(IndexError):
            name = sql.split(None, 1)[0].upper()
            child = tracer.start_span(name, context=set_span_in_context(span), start_time=began)
            child.set_attribute("db.statement.fingerprint", fingerprint_of(sql))
            child.end(ended)
