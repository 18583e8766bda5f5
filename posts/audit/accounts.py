"""Records in the audit trail sign-ins, and changed rights and passwords. posts.accounts records failed sign-ins.

Sign-ins and rights are recorded if they come through the site's own pages; an operator with a shell can write to the
database anyway. A changed password is recorded wherever it is saved, also by `manage.py changepassword`.
"""

import contextvars
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model, user_logged_in, user_logged_out
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponseBase

from posts.audit.log import note_audit

_request: contextvars.ContextVar[HttpRequest | None] = contextvars.ContextVar("request", default=None)
RIGHTS = ("is_active", "is_staff", "is_superuser")
# Sent with user, action, by (None: a command) and the account's e-mail address before, for the mail to its owner.
account_changed = Signal()


class AccountTrailMiddleware:
    """Remembers the current request, so that a changed right is attributed to the person who made it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def _person() -> User | None:
    user = getattr(_request.get(), "user", None)
    return user if user is not None and user.is_authenticated else None


def _signed_in(sender: type[User], request: HttpRequest, user: User, **signal: Any) -> None:
    if _request.get() is not None:
        note_audit("signed in", by=user, detail=getattr(request, "sign_in_detail", ""))


def _signed_out(sender: type[User], request: HttpRequest, user: User | None, **signal: Any) -> None:
    if _request.get() is not None and user is not None:
        note_audit("signed out", by=user)


def _account_before(sender: type[User], instance: Any, **signal: Any) -> None:
    instance._account_before = None
    if instance.pk:
        instance._account_before = sender.objects.filter(pk=instance.pk).values(*RIGHTS, "password", "email").first()


def _rights_after(sender: type[User], instance: Any, created: bool, **signal: Any) -> None:
    if _request.get() is None:
        return
    before = instance._account_before or dict.fromkeys(RIGHTS, False)
    changed = [f"{name}: {getattr(instance, name)}" for name in RIGHTS if getattr(instance, name) != before[name]]
    if created:
        note_audit("account created", by=_person(), detail=f"{instance}: {', '.join(changed)}")
    elif changed:
        note_audit("rights changed", by=_person(), detail=f"{instance}: {', '.join(changed)}")


def _deleted(sender: type[Model], instance: Model, **signal: Any) -> None:
    if _request.get() is None:
        return
    person, kind = _person(), "group" if sender is Group else "account"
    if person == instance:
        # The entry can't refer to a deleted account; its detail names it.
        person = None
    note_audit(f"{kind} deleted", by=person, detail=str(instance))


def _password_after(
    sender: type[User], instance: Any, raw: bool, update_fields: frozenset[str] | None, **signal: Any
) -> None:
    before = instance._account_before
    if raw or before is None:
        return
    is_saved = update_fields is None or "email" in update_fields
    if is_saved and before["email"] and instance.email != before["email"]:
        _tell(instance, "address changed", before)
    if instance.password == before["password"]:
        return
    person = _person()
    if not is_password_usable(instance.password):
        note_audit("password disabled", by=person, detail=f"of {instance}")
        _tell(instance, "password disabled", before)
    # The raw password is set if somebody chose one; a sign-in that only rehashes it has none.
    elif instance._password is not None:
        is_own = person is not None and person.pk == instance.pk
        action = "password changed" if is_own else "password set"
        whose = "their own" if is_own else f"of {instance}" if person else f"of {instance}, by a command"
        note_audit(action, by=person, detail=whose)
        _tell(instance, action, before)


def _tell(user: User, action: str, before: dict[str, Any]) -> None:
    account_changed.send(sender=type(user), user=user, action=action, by=_person(), address_before=before["email"])


def _given_or_taken(
    sender: type[Model], instance: Model, action: str, model: type[Model], pk_set: set[int] | None, **signal: Any
) -> None:
    words = {"post_add": "given", "post_remove": "taken", "post_clear": "all taken"}
    if _request.get() is None or action not in words or (action != "post_clear" and not pk_set):
        return
    names = ", ".join(sorted(str(row) for row in model._default_manager.filter(pk__in=pk_set or ())))
    note_audit("rights changed", by=_person(), detail=f"{instance}: {words[action]} {names}".strip())


def connect() -> None:
    """Connect the signal handlers. Called once when the apps are ready."""
    user_model = get_user_model()
    user_logged_in.connect(_signed_in, dispatch_uid="trail signed in")
    user_logged_out.connect(_signed_out, dispatch_uid="trail signed out")
    pre_save.connect(_account_before, sender=user_model, dispatch_uid="trail before")
    post_save.connect(_rights_after, sender=user_model, dispatch_uid="trail after")
    post_save.connect(_password_after, sender=user_model, dispatch_uid="trail password")
    for model in (user_model, Group):
        post_delete.connect(_deleted, sender=model, dispatch_uid=f"trail deleted {model.__name__}")
    for through in (user_model.groups.through, user_model.user_permissions.through, Group.permissions.through):
        m2m_changed.connect(_given_or_taken, sender=through, dispatch_uid=f"trail {through.__name__}")
