"""Mails to the owner of an account about what changed in it."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from posts.audit.accounts import account_changed
from posts.outbox import add_mail
from posts.reverse import address


def tell_owner(user: User, what: str, *, by: User | None, to: str = "") -> None:
    """Mail the owner of an account that something in it changed, if the site sends mail and knows their address.

    what: a sentence without a full stop, such as “Your password was changed”. by: None for a command. to: an address
    other than that of the account.
    """
    whose = "by you" if by == user else f"by {by}" if by else "by a command on the server"
    when = timezone.now().strftime("%d %B %Y, %H:%M UTC")
    whom = settings.SITE_CONTACT or "an administrator of the site"
    body = (
        f"{what}, {whose}, on {when}.\n\nAccount: {user}\n\n"
        f"If you didn't expect this, tell {whom} at once.\n\n{settings.SITE_URL}{address('admin:index')}\n"
    )
    add_mail(to or user.email, subject=f"{settings.SITE_NAME}: {what}", body=body)


_WORDS = {
    "password changed": "Your password was changed",
    "password set": "Your password was changed",
    "password disabled": "Your password was disabled",
    "address changed": "The e-mail address of your account was changed",
}


def _changed(sender: type[User], user: User, action: str, by: User | None, address_before: str, **signal: Any) -> None:
    tell_owner(user, _WORDS[action], by=by, to=address_before)


def connect() -> None:
    """Connect the signal handler. Called once when the apps are ready."""
    account_changed.connect(_changed, dispatch_uid="mail about account")
