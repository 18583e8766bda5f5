"""Who is signed in."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def person_of(request: HttpRequest) -> User:
    """Return the account that a request of the admin comes from; PermissionDenied for one from nobody."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
