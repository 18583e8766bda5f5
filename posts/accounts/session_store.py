"""Where sessions are kept (settings.SESSION_ENGINE): in the database, with the person, and with two ends.

A session ends some time after the last request and some time after the sign-in. Both are the column `expire_date`,
which each request checks anyway. It moves at most once a minute, so reading a session stays one query.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from posts.db.prepared_query import prepared
from posts.models import WebSession

SEEN_EVERY = timedelta(minutes=1)
# When the person signed in, and when they last proved that it is them, in seconds.
BEGAN, PROVED = "began", "proved"


@prepared(key=str, now=datetime)
def _open_sessions(key: str, now: datetime) -> QuerySet[WebSession]:
    return WebSession.objects.filter(session_key=key, expire_date__gt=now)


class SessionStore(DatabaseStore):
    """A session in the table of WebSession."""

    @classmethod
    def get_model_class(cls) -> type[WebSession]:
        return WebSession

    def load(self) -> dict[str, Any]:
        """Return what the session holds; move its end."""
        now = timezone.now()
        row: WebSession | None = _open_sessions.first(key=self.session_key, now=now) if self.session_key else None
        if row is None:
            self._session_key = None  # as Django does
            return {}
        data: dict[str, Any] = self.decode(row.session_data)
        # Far from now on either side: a clock that was ahead must not move the end for hours.
        if row.user_id and (row.seen_at is None or abs(now - row.seen_at) > SEEN_EVERY) and BEGAN in data:
            # A database that is read-only for a while ends no session.
            with suppress(DatabaseError):
                ends = WebSession.end_of(data[BEGAN], now)
                WebSession.objects.filter(pk=row.pk).update(seen_at=now, expire_date=ends)
        return data

    def create_model_instance(self, data: dict[str, Any]) -> WebSession:
        """Return the row of the session."""
        user = data.get(SESSION_KEY)
        if user:
            data.setdefault(BEGAN, WebSession.now())
            data.setdefault(PROVED, data[BEGAN])
        row = cast(WebSession, super().create_model_instance(data))
        if user:
            row.user_id, row.seen_at = int(user), timezone.now()
            row.began_at = datetime.fromtimestamp(data[BEGAN], UTC)
            row.expire_date = WebSession.end_of(data[BEGAN], row.seen_at)
            row.agent, row.network = data.get("agent", ""), data.get("network", "")
        return row
