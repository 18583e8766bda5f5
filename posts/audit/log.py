import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import datetime

from django.contrib.auth.models import User

from posts.logs import request_id
from posts.models import AuditEntry, Post, Revision

_moment: ContextVar[datetime | None] = ContextVar("moment of entries", default=None)


@contextlib.contextmanager
def entries_dated(moment: datetime) -> Iterator[None]:
    """Date entries with another time than now: for made-up history alone, since nobody can date them later."""
    token = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(token)


def audit_entry(
    action: str,
    *,
    post: Post | None = None,
    by: User | None,
    revision: Revision | None = None,
    before: Revision | None = None,
    detail: str = "",
) -> AuditEntry:
    """Return an unsaved entry that says who did what, when, about which text.

    revision: the text that it is about. before: the Revision that it replaced, if any.
    """
    entry = AuditEntry(
        action=action,
        post=post,
        revision=revision,
        fingerprint=revision.fingerprint if revision else "",
        fingerprint_before=before.fingerprint if before else "",
        detail=detail,
        made_by=by,
        as_superuser=by is not None and by.is_superuser,
        request_id=request_id.get() or "",
    )
    if moment := _moment.get():
        entry.made_at = moment
    return entry


def note_audit(
    action: str,
    *,
    post: Post | None = None,
    by: User | None,
    revision: Revision | None = None,
    before: Revision | None = None,
    detail: str = "",
) -> AuditEntry:
    """Save an audit_entry() of these values; return it. Operations on a post use Change.note() instead."""
    entry = audit_entry(action, post=post, by=by, revision=revision, before=before, detail=detail)
    entry.save(force_insert=True)
    return entry
