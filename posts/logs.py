"""The log: one JSON object a line on standard error, with the id of the request or background job."""

import contextvars
import json
import logging
import os
import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

import posts

logger = logging.getLogger("alphanode.request")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Everybody who knows the address of a preview link can open it, so no line contains it, not even one of Django's.
_SECRET = re.compile(r"(/preview/)[^/\s\"\\?]+")

request_id = contextvars.ContextVar("request_id", default="")
# The id of the run that a background worker is in.
job_id = contextvars.ContextVar("job_id", default="")


# What a record may have besides its message.
_MORE = "method path status ms route cache database job attempt worker fingerprint statement".split()


class JsonFormatter(logging.Formatter):
    """Writes each record as one JSON object. JSON escapes control characters, so nobody can forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; log_requests() has made its own."""
        if line := getattr(record, "line", None):
            return str(line)
        values: dict[str, Any] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": f"{datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None).isoformat()}Z",
        }
        values |= {name: record.__dict__[name] for name in _MORE if name in record.__dict__}
        values["version"] = posts.__version__
        values |= {variable.name: identifier for variable in (request_id, job_id) if (identifier := variable.get())}
        # A stranger sent a wrong host, too many fields and so on. The message says which; no code of ours failed.
        if record.exc_info and not record.name.startswith("django.security."):
            values["exception"] = self.formatException(record.exc_info)
        return _hidden(json.dumps(values, default=repr))


class LineHandler(logging.StreamHandler[Any]):
    """Writes the log to a stream. It takes finished lines of requests without a record."""

    def takes_lines(self) -> bool:
        """Return whether no filter and no level of this handler asks for a record."""
        return not self.filters and self.level <= logging.INFO

    def write(self, lines: str) -> None:
        """Write lines; an error is ignored, as for any other line of the log."""
        try:
            with self.lock:  # type: ignore[union-attr]  # there is one after __init__()
                self.stream.write(lines)
                # Standard error writes at the end of each line by itself.
                if not getattr(self.stream, "line_buffering", False):
                    self.stream.flush()
        except (OSError, ValueError):
            return


# An id is a name, not a secret. For random bytes of the system, each request would call it and let other threads run.
_numbers = random.Random()  # noqa: S311 (as said)
os.register_at_fork(after_in_child=_numbers.seed)


def request_id_for(sent: str) -> str:
    """Return `sent` if it is a well-formed request id, else a new one. Pass only ids from our proxy."""
    if sent and _SANE_ID.fullmatch(sent):
        return sent
    return f"{_numbers.getrandbits(128):032x}"


# What each line of a request has, before its time and after it.
_BEGINNING = '{"event": "request", "level": "info", "logger": "alphanode.request", "timestamp": "'
_VERSION = f'Z", "version": "{posts.__version__}", '


class Place:
    """An address and the route that it has, with their part of a request's line."""

    __slots__ = ("path", "route", "words")

    def __init__(self, path: str, route: str) -> None:
        self.path, self.route = path, route
        self.words = _hidden(f'"path": {_quoted(path)}, "route": {_quoted(route)}')


# A request that was answered: seconds since 1970, its id, method, place, status and milliseconds. Making an object with
# names takes as long as half of the line.
Answered = tuple[float, str, str, Place, int, float]


def log_requests(answered: Sequence[Answered], **more: str) -> None:
    """Write the lines of requests, in the format of all others. more: cache or database.

    A cached page takes less time than a record of Python's log on its way through five processors.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    words = "".join([f', "{name}": {_quoted(value)}' for name, value in more.items()])
    lines = [_line(*request, words) for request in answered]
    at: logging.Logger | None = logger
    while at is not None:
        for handler in at.handlers:
            if type(handler) is LineHandler and handler.takes_lines():
                handler.write("".join(lines))
                continue
            # A test or a service that watches the log.
            for request, line in zip(answered, lines, strict=True):
                record = _record(request, line, more)
                if record.levelno >= handler.level:
                    handler.handle(record)
        at = at.parent if at.propagate else None


def _line(at: float, identifier: str, method: str, place: Place, status: int, ms: float, words: str) -> str:
    number = int(at)
    identity = f', "request_id": {_quoted(identifier)}' if identifier else ""
    return (
        f'{_BEGINNING}{_second(number)}.{int((at - number) * 1_000_000):06d}{_VERSION}"method": {_quoted(method)}, '
        f'{place.words}, "status": {status}, "ms": {ms:.1f}{words}{identity}}}\n'
    )


def _record(request: Answered, line: str, more: dict[str, str]) -> logging.LogRecord:
    _, _, method, place, status, ms = request
    values = {"method": method, "path": place.path, "route": place.route, "status": status, "ms": round(ms, 1)}
    values |= {"line": line.rstrip("\n")} | more
    return logger.makeRecord(logger.name, logging.INFO, "", 0, "request", (), None, extra=values)


@lru_cache(maxsize=4)
def _second(number: int) -> str:
    """Return the name of a second since 1970: most lines are of the same second as the one before."""
    return datetime.fromtimestamp(number, UTC).isoformat()[:-6]


def _hidden(line: str) -> str:
    """Return a line without the addresses of preview links."""
    return _SECRET.sub(r"\1…", line) if "/preview/" in line else line
