"""The log: one JSON object a line on standard error, with the id of the request or background job."""

import contextvars
import logging
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as _quoted
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


class LineHandler(logging.StreamHandler[Any]):
    """Writes the log to a stream. It takes the finished line of a request without a record."""

    def takes_lines(self) -> bool:
        """Return whether no filter and no level of this handler asks for a record."""
        return not self.filters and self.level <= logging.INFO

    def write(self, line: str) -> None:
        """Write a line; an error is ignored, as for any other line of the log."""
        try:
            with self.lock:  # type: ignore[union-attr]  # there is one after __init__()
                self.stream.write(line)
                # Standard error writes at the end of each line by itself.
                if not getattr(self.stream, "line_buffering", False):
                    self.stream.flush()
        except (OSError, ValueError):
            return


def request_id_for(sent: str) -> str:
    """Return `sent` if it is a well-formed request id, else a new one. Pass only ids from our proxy."""
    return sent if sent and _SANE_ID.fullmatch(sent) else os.urandom(16).hex()


def log_request(identifier: str, *, method: str, path: str, route: str, status: int, ms: float, **more: str) -> None:
    """Write the line of a request, in the format of all others. more: cache or database.

    A cached page takes less time than a record of Python's log on its way through five processors.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    words = "".join(f', "{name}": {_quoted(value)}' for name, value in more.items())
    identity = f', "request_id": {_quoted(identifier)}' if identifier else ""
    line = _hidden(
        f'{{"event": "request", "level": "info", "logger": "alphanode.request", "timestamp": "{_now()}", '
        f'"version": "{posts.__version__}", "method": {_quoted(method)}, "path": {_quoted(path)}, '
        f'"route": {_quoted(route)}, "status": {status}, "ms": {ms}{words}{identity}}}'
    )
    record = None
    for handler in _handlers():
        if type(handler) is LineHandler and handler.takes_lines():
            handler.write(f"{line}\n")
            continue
        # A test or a service that watches the log.
        if record is None:
            values = {"method": method, "path": path, "route": route, "status": status, "ms": ms, "line": line} | more
            record = logger.makeRecord(logger.name, logging.INFO, "", 0, "request", (), None, extra=values)
        if record.levelno >= handler.level:
            handler.handle(record)


def _handlers() -> Iterator[logging.Handler]:
    """Yield the handlers to which the line of a request goes: those of its logger and of the loggers above it."""
    at: logging.Logger | None = logger
    while at is not None:
        yield from at.handlers
        at = at.parent if at.propagate else None


def _hidden(line: str) -> str:
    """Return a line without the addresses of preview links."""
    return _SECRET.sub(r"\1…", line) if "/preview/" in line else line


def _now() -> str:
    return f"{datetime.now(UTC).isoformat()[:-6]}Z"
