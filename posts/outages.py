"""Which errors of databases and disks are temporary outages, and what readers, programs and the log are told.

An invalid statement is not an outage: it stays an error of ours, with all details in the log.
"""

import errno
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

logger = logging.getLogger("alphanode.database")

RETRY_SECONDS = 10
API_PATH = "/api/"
# Below it are the pages of preview links, whose addresses are secret.
PREVIEW_PATH = "/preview/"


@dataclass(frozen=True)
class Outage:
    """One kind of outage. title, text: for a reader. log: the start of a log line or of a command's message."""

    title: str
    text: str
    log: str


AWAY = Outage(
    "The site is not available at the moment",
    "We can't reach our database. Try again in a minute.",
    "the database can't be reached",
)
BUSY = Outage("The site is busy at the moment", "Try again in a minute.", "the database is busy")
READ_ONLY = Outage(
    "The site is read-only at the moment",
    "You can read, but nothing can be saved. Try again later.",
    "the database is read-only",
)
FULL = Outage(
    "The site can't save anything at the moment",
    "You can read, but nothing can be saved. Try again later.",
    "the database has no space left",
)
DISK = Outage(
    "The site can't store files at the moment",
    "You can read and save texts. Try the upload again later.",
    "the disk of files takes nothing more",
)
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# PostgreSQL's manual, appendix "Error Codes".
_BY_CODE = {
    "25006": READ_ONLY,
    "53100": FULL,
    "55P03": BUSY,  # waiting for a lock took too long
    "40P01": BUSY,  # a deadlock that the server ended
    "57014": BUSY,  # a statement took too long
    "53300": BUSY,  # too many connections
    "57P01": AWAY,
    "57P02": AWAY,
    "57P03": AWAY,
}
# https://www.sqlite.org/rescode.html; extended codes hold these in their last eight bits.
_BY_SQLITE_CODE = {5: BUSY, 6: BUSY, 8: READ_ONLY, 10: AWAY, 13: FULL, 14: AWAY}


def outage_of(error: BaseException) -> Outage | None:
    """Return the Outage behind an exception, or None."""
    if not isinstance(error, Error):
        return None
    cause = error.__cause__ or error
    if (code := getattr(cause, "sqlite_errorcode", None)) is not None:
        return _BY_SQLITE_CODE.get(code & 0xFF)
    if code := getattr(cause, "sqlstate", None):
        return _BY_CODE.get(code) or (AWAY if code.startswith("08") else None)
    # An error without a code does not come from the server: it was missing, or closed the connection. SQLite's have
    # one.
    psycopg = sys.modules.get("psycopg")  # a site on SQLite never loads it
    return AWAY if psycopg and isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError)) else None


def unavailable(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """Return a 503 answer for a request that met an Outage, and log it; None for any other error."""
    outage = outage_of(error)
    if outage is None and isinstance(error, OSError) and error.errno in _FULL_DISK:
        outage = DISK
    if outage is None:
        return None
    if not getattr(error.__cause__, "is_logged", False):
        logger.warning("A page could not be shown: %s (%s).", outage.log, first_line(error))
    if is_for_programs(request):
        response: HttpResponse = problem(503, outage.title, outage.text)
    else:
        context = {"title": outage.title, "text": outage.text}
        response = render(request, "503.html", context, status=503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    # Otherwise Django logs a second line, as for an error of ours.
    response._has_been_logged = True  # type: ignore[attr-defined]  # not in the stubs
    return response


def problem(
    status: int, title: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> HttpResponse:
    """Return an error for a program, in the format of RFC 9457. more: further members."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail} | more
    return JsonResponse(content, status=status, content_type="application/problem+json", headers=headers)


def is_for_programs(request: HttpRequest) -> bool:
    """Return whether a request asks for JSON."""
    return request.path_info.startswith(API_PATH) or request.path_info.endswith(".json")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or ""."""
    return str(error).strip().partition("\n")[0]
