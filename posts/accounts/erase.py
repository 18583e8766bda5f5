"""Erases an account: nobody learns from the site who it was, and what the person decided stays and counts."""

import re
from collections.abc import Iterable

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from posts.accounts.personal_data import DELETED, EMPTIED, NAMED
from posts.accounts.throttle import forget_tries_of
from posts.audit.chain import redact
from posts.db.keyset import in_chunks
from posts.errors import Refused, checked_words, require_superuser
from posts.models import AccountState, ApiToken, AuditEntry, OutgoingMessage, QueueEntry, Review, Revision
from posts.models.audit_entry import ACCOUNT_ACTIONS
from posts.operations.frame import note, operation

CHUNK = 1000
# The actions whose details name accounts. The name of an account can be a common word, so others are left alone.
NAMING = (*ACCOUNT_ACTIONS, "assigned", "claimed", "taken over", "let go")


@operation
def erase_account(user: User, *, by: User | None, why: str) -> str:
    """Erase an account; return the name that stands in its place. by: None for an operator's command.

    Raise NotAllowed unless `by` is a superuser, and Refused if the account has to stay as it is.
    """
    require_superuser(by)
    why = checked_words(why, name="The reason")
    account = User.objects.select_for_update().get(pk=user.pk)
    if obstacles := erasing_obstacles(account, by=by):
        raise Refused(*obstacles)
    if not why:
        raise Refused("Say why the account is erased.")
    name = name_afterwards(account)
    # First: the texts of others stay as they are, and those that name this account lose the name.
    _take_out_of_trail(account, name)
    QueueEntry.objects.filter(held_by=account).update(held_by=None, held_until=None)
    for named in NAMED:
        if named.on_erasing == DELETED:
            named.rows(account)._raw_delete(account._state.db)
        elif named.on_erasing == EMPTIED:
            named.rows(account).update(**{named.field: None})
    about_it = {"content_type__app_label": "auth", "content_type__model": "user", "object_id": str(account.pk)}
    LogEntry.objects.filter(**about_it).delete()
    if account.email:
        OutgoingMessage.objects.filter(recipient=account.email).delete()
    forget_tries_of(account)
    now = timezone.now()
    revoked = ApiToken.objects.filter(created_by=account, revoked_at=None).update(revoked_at=now, revoked_by=by)
    AccountState.objects.update_or_create(user=account, defaults={"erased_at": now, "is_demo": False})
    # Not save(): its signals would write the name into the trail and tell the former person.
    User.objects.filter(pk=account.pk).update(
        username=name, first_name="", last_name="", email="", password=make_password(None), last_login=None,
        is_active=False, is_staff=False, is_superuser=False,
    )  # fmt: skip
    note("account erased", by=by, detail=f"account {account.pk}, now “{name}”; {revoked} tokens revoked. {why}")
    return name


def erasing_obstacles(account: User, *, by: User | None) -> list[str]:
    """Return in words why an account can't be erased."""
    obstacles = []
    state = AccountState.objects.filter(user=account).first()
    if state and state.erased_at:
        obstacles.append("This account is erased already.")
    if by is not None and by.pk == account.pk:
        obstacles.append("Another superuser has to erase your own account.")
    if account.username == settings.EMERGENCY_ACCOUNT:
        obstacles.append("EMERGENCY_ACCOUNT names this account. Name another one there first.")
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=account.pk)
    if account.is_superuser and not others.exists():
        obstacles.append("This is the only superuser. Give the rights to another account first.")
    return obstacles


def name_afterwards(account: User) -> str:
    """Return what stands in place of a name: what the person was, and the number of the account."""
    groups = set(account.groups.values_list("name", flat=True))
    if "Reviewers" in groups or Review.objects.filter(reviewer=account).exists():
        role = "reviewer"
    elif "Editors" in groups or Revision.objects.filter(author=account).exists():
        role = "editor"
    else:
        role = "member of staff" if account.is_staff else "account"
    return f"Former {role} {account.pk}"


def _take_out_of_trail(account: User, name: str) -> None:
    """Replace the names of an account in details of the audit trail."""
    full = account.get_full_name()
    of_actions = Q(action__in=NAMING, detail__icontains=account.username)
    anywhere = Q()
    for words in filter(None, (account.email, full if " " in full else "")):
        anywhere |= Q(detail__icontains=words)
    entries = AuditEntry.objects.filter(of_actions | anywhere if anywhere else of_actions)
    for chunk in in_chunks(entries.values_list("pk", "action", "detail"), size=CHUNK):
        texts = {}
        for pk, action, detail in chunk:
            names = [account.email, full if " " in full else "", account.username if action in NAMING else ""]
            if (text := _without(detail, names, name)) != detail:
                texts[pk] = text
        redact(texts)


def _without(text: str, names: Iterable[str], instead: str) -> str:
    for name in sorted(filter(None, names), key=len, reverse=True):
        # A whole word: “ann” stands in “annual” too.
        text = re.sub(rf"(?<![\w@.+-]){re.escape(name)}(?![\w@+-])", instead, text, flags=re.IGNORECASE)
    return text
