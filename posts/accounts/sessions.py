"""The sessions of a person: which there are, and how the person ends them."""

from django.contrib.auth.models import User
from django.utils import timezone

from posts.models import WebSession
from posts.operations.allowances import network_of
from posts.operations.frame import note, operation

# In this order: most browsers name others too.
_BROWSERS = {
    "Edg": "Edge", "OPR": "Opera", "SamsungBrowser": "Samsung Internet", "Firefox": "Firefox", "FxiOS": "Firefox",
    "CriOS": "Chrome", "Chrome": "Chrome", "Safari": "Safari",
}  # fmt: skip
_SYSTEMS = {
    "Android": "Android", "CrOS": "ChromeOS", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows",
    "Mac OS X": "macOS", "Linux": "Linux",
}  # fmt: skip


def agent_in_words(user_agent: str) -> str:
    """Return the browser that a header names, such as “Firefox on Linux”."""
    browser = next((words for sign, words in _BROWSERS.items() if f"{sign}/" in user_agent), "Another browser")
    system = next((words for sign, words in _SYSTEMS.items() if sign in user_agent), "")
    return f"{browser} on {system}" if system else browser


def marks_of_session(*, user_agent: str, address: str) -> dict[str, str | int]:
    """Return what a session keeps when a person signs in."""
    now = WebSession.now()
    return {"began": now, "proved": now, "agent": agent_in_words(user_agent), "network": network_of(address)}


def sessions_of(user: User) -> list[WebSession]:
    """Return the open sessions of a person, the one used last first."""
    return list(WebSession.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-seen_at")[:50])


@operation
def end_other_sessions(user: User, *, but: str) -> int:
    """End all sessions of a person but one, given by its key; return how many ended."""
    others = WebSession.objects.filter(user=user).exclude(session_key=but)
    count: int = others.filter(expire_date__gt=timezone.now()).count()
    others.delete()
    if count:
        note("sessions ended", by=user, detail=f"{count} other session{'' if count == 1 else 's'}, their own")
    return count
