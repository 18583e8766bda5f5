"""Second factors of accounts, and who has to have one."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

# Who may do any of these approves, releases or administers. Withdrawing and flagging protect readers, and never wait.
GUARDED_RIGHTS = (
    "posts.review_post",
    "posts.release_post",
    "posts.change_reviewguideline",
    "posts.change_stylerule",
    "posts.manage_generators",
    "posts.run_job",
    "auth.add_user",
    "auth.change_user",
    "auth.delete_user",
    "auth.add_group",
    "auth.change_group",
    "auth.delete_group",
)


class AccountState(models.Model):
    """What the site knows of an account beside its rights."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="account_state"
    )
    is_demo = models.BooleanField(default=False, db_default=False, help_text="It has a password that everybody knows.")
    policy_since = models.DateTimeField(null=True, help_text="The first sign-in under the policy of second factors.")
    has_provider_factor = models.BooleanField(
        default=False, db_default=False, help_text="The provider of single sign-on asked for a second factor."
    )
    erased_at = models.DateTimeField(null=True, help_text="When all that named the person was removed.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.user)


class SecondFactor(models.Model):
    """Something that a person has beside the password: a passkey, or an app that shows codes."""

    class Kind(models.TextChoices):
        PASSKEY = "passkey", "Passkey"
        APP = "app", "Authenticator app"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="second_factors")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=60)
    # Of a passkey: what its public key is. Of an app: the secret that both sides know, encrypted.
    credential = models.BinaryField(null=True)
    credential_id = models.CharField(max_length=1400, null=True, unique=True)
    secret = models.TextField(blank=True, default="", db_default="")
    secret_key = models.CharField(
        max_length=16, blank=True, default="", db_default="", help_text="Which key the secret is encrypted with."
    )
    # Of a passkey: how often it signed. Of an app: the last half minute whose code was used.
    counter = models.BigIntegerField(default=0, db_default=0)
    added_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=models.Q(kind="app"), name="one_app_for_each_account")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} “{self.name}”"


class RecoveryCode(models.Model):
    """A code on paper that stands once for a second factor. Only its digest is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return "used" if self.used_at else "unused"


def needs_second_factor(user: Any) -> bool:
    """Return whether the site's policy asks this person for a second factor."""
    if settings.SECOND_FACTOR != "required" or not isinstance(user, User):
        return False
    if not user.is_superuser and not any(user.has_perm(right) for right in GUARDED_RIGHTS):
        return False
    state = state_of_account(user)
    return not (state and state.is_demo and settings.DEBUG)


def state_of_account(user: User) -> AccountState | None:
    """Return the AccountState of an account, if it has one. The backend of sign-ins reads it along."""
    return getattr(user, "account_state", None)


def lacks_second_factor(user: Any) -> bool:
    """Return whether the person needs a second factor and has none. Asked once for each object of an account."""
    if not isinstance(user, User):
        return False
    known: bool | None = getattr(user, "_lacks_second_factor", None)
    if known is None:
        known = needs_second_factor(user)
        if known:
            state = state_of_account(user)
            has_one = bool(state and state.has_provider_factor)
            known = not has_one and not SecondFactor.objects.filter(user=user).exists()
        user._lacks_second_factor = known  # type: ignore[attr-defined]  # an object takes any attribute
    return known


def grace_ends(user: User) -> datetime | None:
    """Return until when a person without the second factor may still act; None before the first sign-in."""
    state = state_of_account(user)
    if state is None or state.policy_since is None:
        return None
    return state.policy_since + timedelta(days=settings.SECOND_FACTOR_GRACE_DAYS)


def waits_for_second_factor(user: Any) -> bool:
    """Return whether approving, releasing and administering wait until the person sets up a second factor."""
    if not lacks_second_factor(user):
        return False
    ends = grace_ends(user)
    return ends is not None and timezone.now() >= ends
