"""Reports errors to a Sentry: what failed, where in the code, and under which id the log has the rest.

An event is built anew from a few fields that can hold no text, no secret and nothing about a person. Messages of
exceptions are left out, because databases repeat values in them.
"""

import logging
from typing import Any

import posts
from posts.logs import job_id, request_id
from posts.monitoring.queries import route

# Of a frame: the place in our code. Not its variables.
OF_FRAME = ("filename", "function", "module", "lineno", "in_app")
OF_EVENT = ("event_id", "timestamp", "platform", "level", "logger", "release", "environment", "transaction")


def begin_sentry(dsn: str, environment: str, **options: Any) -> None:
    """Report every line of the log from ERROR up, and exceptions that nobody caught. Call it once in a process.

    options: as sentry_sdk.init takes them, for tests.
    """
    import sentry_sdk
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration
    from sentry_sdk.integrations.threading import ThreadingIntegration

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=posts.__version__,
        # The others would look at requests, headers, queries and the machine.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            ExcepthookIntegration(),
            ThreadingIntegration(propagate_scope=False),
        ],
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        auto_session_tracking=False,
        before_send=_without_secrets,
        **options,
    )


def _without_secrets(event: Any, hint: dict[str, Any]) -> Any:
    """Return the event that is sent in place of `event`."""
    sent = {name: event[name] for name in OF_EVENT if name in event}
    tags = {"route": route.get(), "request_id": request_id.get(), "job_id": job_id.get()}
    sent["tags"] = {name: value for name, value in tags.items() if value}
    if said := event.get("logentry", {}).get("message"):
        # The words of the code, without the values.
        sent["logentry"] = {"message": said}
    if values := event.get("exception", {}).get("values"):
        sent["exception"] = {"values": [_place(value) for value in values]}
    return sent


def _place(value: dict[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": f"See the log: request {request_id.get() or '–'}, job {job_id.get() or '–'}.",
        "stacktrace": {"frames": [{name: frame[name] for name in OF_FRAME if name in frame} for frame in frames]},
    }
