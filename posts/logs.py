"""The log: one JSON object a line on standard error, with the id of the request or background job."""

import contextvars
import json
import logging
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import structlog

import posts

logger = logging.getLogger("alphanode.request")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Everybody who knows the address of a preview link can open it, so no line contains it, not even one of Django's.
_SECRET = re.compile(r"(/preview/)[^/\s\"\\?]+")

request_id = contextvars.ContextVar("request_id", default="")
# The id of the run that a background worker is in.
job_id = contextvars.ContextVar("job_id", default="")


def _add_ids(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["version"] = posts.__version__
    for variable in (request_id, job_id):
        if identifier := variable.get():
            event[variable.name] = identifier
    return event


class _Formatter(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; log_request() has made its own."""
        if record.name.startswith("django.security."):
            # A stranger sent a wrong host, too many fields and so on. The message says which; no code of ours failed.
            record.exc_info = record.exc_text = None
        return getattr(record, "line", None) or _hidden(super().format(record))


def json_formatter() -> logging.Formatter:
    """Return the formatter of the logging configuration.

    JSON escapes control characters, so nobody can forge a line.
    """
    return _Formatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(
                allow=[
                    "method",
                    "path",
                    "status",
                    "ms",
                    "route",
                    "cache",
                    "database",
                    "job",
                    "attempt",
                    "worker",
                    "fingerprint",
                    "statement",
                ]
            ),
            _add_ids,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
    )


def request_id_for(sent: str) -> str:
    """Return `sent` if it is a well-formed request id, else a new one. Pass only ids from our proxy."""
    return sent if sent and _SANE_ID.fullmatch(sent) else uuid.uuid4().hex


def log_request(identifier: str, **values: Any) -> None:
    """Write the line of a request, in the format of all others.

    values: method, path, route, status, ms and so on.
    """
    if logger.isEnabledFor(logging.INFO):
        # The line of a cached page would take longer than the page: through two records and five processors.
        event = {
            "event": "request",
            "level": "info",
            "logger": logger.name,
            "timestamp": _now(),
            "version": posts.__version__,
        }
        event |= values
        line = _hidden(json.dumps(event | {"request_id": identifier} if identifier else event))
        record = logger.makeRecord(logger.name, logging.INFO, "", 0, "request", (), None, extra=values | {"line": line})
        logger.handle(record)


def _hidden(line: str) -> str:
    """Return a line without the addresses of preview links."""
    return _SECRET.sub(r"\1…", line) if "/preview/" in line else line


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
