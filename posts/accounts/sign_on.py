"""Which account a person of the provider has here, and in which groups it is."""

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User

from posts.accounts.oidc import Person
from posts.errors import Refused
from posts.models import ExternalIdentity
from posts.operations.frame import note, operation

NO_GROUP = "Your groups at the provider open nothing here. Ask an administrator."


def wanted_groups(person: Person) -> list[str]:
    """Return the names of the groups here that the groups there stand for."""
    return sorted({ours for theirs, ours in settings.OIDC_GROUPS.items() if theirs in person.groups})


@operation
def account_of(person: Person) -> tuple[User | None, str]:
    """Return the account of a person, with the groups that the provider says now; or None and why there is none.

    It is made at the first sign-in. An account that exists here under the same name is another person's until an
    operator connects it. Groups that no group of the provider stands for stay as they are.
    """
    wanted = wanted_groups(person)
    identity = (
        ExternalIdentity.objects.select_related("user")
        .filter(issuer=settings.OIDC_ISSUER, subject=person.subject)
        .first()
    )
    if identity is None:
        return _new_account(person, wanted) if wanted else (None, NO_GROUP)
    user = identity.user
    if not (user.is_active and user.is_staff):
        return None, "Your account here is closed. Ask an administrator."
    _set_groups(user, wanted)
    if not wanted and not user.is_superuser:
        return None, NO_GROUP
    _save_claims(user, person)
    return user, ""


def _new_account(person: Person, wanted: list[str]) -> tuple[User | None, str]:
    name = _name_of(person)
    if User.objects.filter(username__iexact=name).exists():
        return None, (
            f"Another account is named “{name}”. Ask an operator to connect it: "
            f"manage.py connect_account {name} {person.subject}"
        )
    user = User(username=name, is_staff=True)
    user.set_unusable_password()
    _save_claims(user, person)
    ExternalIdentity.objects.create(user=user, issuer=settings.OIDC_ISSUER, subject=person.subject)
    _set_groups(user, wanted)
    return user, ""


def _name_of(person: Person) -> str:
    for claim in ("preferred_username", "email"):
        if name := _as_name(str(person.claims.get(claim) or "")):
            return name
    return _as_name(person.subject) or "person"


def _as_name(text: str) -> str:
    """Return a text as the name of an account, in the one form in which Django keeps names."""
    return re.sub(r"[^\w.@+-]", "", User.normalize_username(text))[:150]


def _save_claims(user: User, person: Person) -> None:
    """Take over what the provider says of name and address."""
    fields = {"first_name": ("given_name", 150), "last_name": ("family_name", 150), "email": ("email", 254)}
    for field, (claim, length) in fields.items():
        value: Any = person.claims.get(claim)
        # No line ends in the address of a mail, no signs that turn text around, nothing that can't be stored.
        if isinstance(value, str) and (words := "".join(filter(str.isprintable, value)).strip()):
            setattr(user, field, words[:length])
    user.save()


def _set_groups(user: User, wanted: list[str]) -> None:
    managed = Group.objects.filter(name__in=set(settings.OIDC_GROUPS.values()))
    held = set(user.groups.filter(pk__in=managed).values_list("name", flat=True))
    if taken := held.difference(wanted):
        user.groups.remove(*managed.filter(name__in=taken))
    if given := set(wanted).difference(held):
        user.groups.add(*managed.filter(name__in=given))


@operation
def connect_account(user: User, subject: str) -> ExternalIdentity:
    """Let a person of the provider sign in to an account that exists here."""
    if not settings.OIDC_ISSUER:
        raise Refused("The site has no provider. Set OIDC_ISSUER first.")
    identity, is_new = ExternalIdentity.objects.get_or_create(
        issuer=settings.OIDC_ISSUER, subject=subject, defaults={"user": user}
    )
    if not is_new and identity.user_id != user.pk:
        raise Refused(f"This person already signs in as {identity.user}.")
    if is_new:
        note("account connected", by=None, detail=f"{user} with {identity}, by a command")
    return identity
