import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q


class WebSession(AbstractBaseSession):
    """A session of a browser; of a person who is signed in, with what the person sees of it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="web_sessions")
    began_at = models.DateTimeField(null=True, help_text="When the person signed in.")
    seen_at = models.DateTimeField(null=True, help_text="The last request, to the minute.")
    agent = models.CharField(max_length=80, blank=True, default="", db_default="", help_text="The browser, in words.")
    network = models.CharField(max_length=45, blank=True, default="", db_default="", help_text="Where it signed in.")

    class Meta(AbstractBaseSession.Meta):
        default_permissions = ()
        verbose_name = "session"
        verbose_name_plural = "sessions"
        indexes = [models.Index(fields=["user", "-seen_at"], condition=Q(user__isnull=False), name="session_of_user")]

    def __str__(self) -> str:
        return f"{self.agent} since {self.began_at}"

    @staticmethod
    def end_of(began: float, seen: datetime) -> datetime:
        """Return when the session of a person ends: some time after the last request, and after the sign-in."""
        absolute = datetime.fromtimestamp(began, UTC) + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        return min(absolute, seen + timedelta(minutes=settings.SESSION_IDLE_MINUTES))

    @staticmethod
    def now() -> int:
        """Return the moment as sessions keep it, in seconds."""
        return int(time.time())
