"""Django's middleware for sessions, accounts and messages, which pages of readers go past.

A page without a session is the same for everybody, so its view never asks who reads it. If one did, it would find no
request.user and be an error.
"""

from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.urls import reverse


@cache
def _desk() -> str:
    return reverse("admin:index")


def is_of_people(request: HttpRequest) -> bool:
    """Return whether somebody may be known or sign in: with a session, at the desk, or with a form."""
    return (
        request.method not in ("GET", "HEAD")
        or settings.SESSION_COOKIE_NAME in request.META.get("HTTP_COOKIE", "")
        or request.path_info.startswith(_desk())
    )


class Sessions(SessionMiddleware):
    """Gives a request its session, and the answer its cookie."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if is_of_people(request) else self.get_response(request)


class Accounts(AuthenticationMiddleware):
    """Says whose session it is."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if is_of_people(request) else self.get_response(request)


class Messages(MessageMiddleware):
    """Keeps what a page says after a redirect."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if is_of_people(request) else self.get_response(request)
