"""Adds, checks and removes second factors."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from posts.accounts.codes import RECOVERY_CODES, digest_of_code, new_recovery_code, step_of_code
from posts.accounts.mails import tell_owner
from posts.accounts.secrets import open_sealed, present_key, seal
from posts.errors import Refused, checked_words
from posts.models import AccountState, RecoveryCode, SecondFactor, WebSession
from posts.operations.frame import note, operation

# fido2 is imported where it is needed: most processes never need it, and with what it needs it takes 11 MB.
if TYPE_CHECKING:
    from fido2.server import Fido2Server
    from fido2.webauthn import AttestedCredentialData

Kind = SecondFactor.Kind
NAME_LENGTH = 60
MOST_PASSKEYS = 10
# WebAuthn allows 1,023 bytes.
LONGEST_ID = 1400
WRONG_CODE = "This code is wrong or was used before. Enter the newest one."
WRONG_PASSKEY = "The passkey was not accepted. Try again."


def factors_of(user: User) -> list[SecondFactor]:
    """Return the second factors of a person."""
    return list(SecondFactor.objects.filter(user=user))


def unused_codes(user: User) -> int:
    """Return how many recovery codes a person has left."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def host_of_passkeys() -> str:
    """Return the name of the site that passkeys are bound to, or "" if it has none: an IP address is no name."""
    host = urlsplit(settings.SITE_URL).hostname or ""
    return "" if host.replace(".", "").isdigit() or ":" in host else host


def _server() -> "Fido2Server":
    from fido2.server import Fido2Server
    from fido2.webauthn import PublicKeyCredentialRpEntity

    entity = PublicKeyCredentialRpEntity(id=host_of_passkeys(), name=settings.SITE_NAME)
    return Fido2Server(entity, verify_origin=lambda origin: origin == settings.SITE_URL)


def _credentials(factors: Iterable[SecondFactor]) -> "list[AttestedCredentialData]":
    from fido2.webauthn import AttestedCredentialData

    return [AttestedCredentialData(bytes(factor.credential)) for factor in factors if factor.credential]


def _name_of(credential: bytes) -> str:
    from fido2.utils import websafe_encode

    return websafe_encode(credential)


def ask_for_new_passkey(user: User) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the browser is asked to make a passkey, and what to keep until it answers."""
    from fido2.webauthn import PublicKeyCredentialUserEntity

    entity = PublicKeyCredentialUserEntity(
        id=f"account {user.pk}".encode(), name=user.get_username(), display_name=user.get_full_name() or str(user)
    )
    known = _credentials(SecondFactor.objects.filter(user=user, kind=Kind.PASSKEY))
    options, state = _server().register_begin(entity, known, user_verification="preferred")  # type: ignore[arg-type]  # it takes the word too
    return dict(options), state


def ask_for_passkey(user: User) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the browser is asked to sign, and what to keep until it answers."""
    known = _credentials(SecondFactor.objects.filter(user=user, kind=Kind.PASSKEY))
    options, state = _server().authenticate_begin(known, user_verification="preferred")  # type: ignore[arg-type]  # it takes the word too
    return dict(options), state


@operation
def add_passkey(user: User, answer: Any, *, kept: Any, name: str) -> list[str]:
    """Add the passkey that a browser made; return new recovery codes if it is the first factor, else none.

    answer: of the browser, as JSON. kept: the second value of ask_for_new_passkey(). Raises Refused.
    """
    name = checked_words(name, name="The name", limit=NAME_LENGTH) or "Passkey"
    if SecondFactor.objects.filter(user=user, kind=Kind.PASSKEY).count() >= MOST_PASSKEYS:
        raise Refused(f"You have {MOST_PASSKEYS} passkeys. Remove one first.")
    try:
        data = _server().register_complete(kept, answer)
        credential = data.credential_data
    except Exception as error:
        raise Refused(WRONG_PASSKEY) from error
    if credential is None:
        raise Refused(WRONG_PASSKEY)
    known = _name_of(credential.credential_id)
    if len(known) > LONGEST_ID:
        raise Refused(WRONG_PASSKEY)
    if SecondFactor.objects.filter(credential_id=known).exists():
        raise Refused("This passkey is in use already.")
    return _add(
        SecondFactor(
            user=user,
            kind=Kind.PASSKEY,
            name=name,
            credential=bytes(credential),
            credential_id=known,
            counter=data.counter,
        )
    )


@operation
def add_app(user: User, *, secret: str, code: str) -> list[str]:
    """Add an authenticator app that showed the right code; return new recovery codes if it is the first factor.

    An app that the person had before is replaced. Raises Refused.
    """
    step = step_of_code(secret, _digits(code), seconds=time.time(), after=0)
    if step is None:
        raise Refused("This code is wrong. Enter the one that the app shows now.")
    SecondFactor.objects.filter(user=user, kind=Kind.APP).delete()
    sealed = {"secret": seal(secret), "secret_key": present_key()}
    return _add(SecondFactor(user=user, kind=Kind.APP, name="Authenticator app", counter=step, **sealed))


def _add(factor: SecondFactor) -> list[str]:
    factor.save()
    note("second factor added", by=factor.user, detail=str(factor))
    tell_owner(factor.user, f"A second factor was added to your account: {factor}", by=factor.user)
    has_codes = RecoveryCode.objects.filter(user=factor.user, used_at=None).exists()
    return [] if has_codes else _new_codes(factor.user)


@operation
def remove_factor(user: User, number: int | None) -> SecondFactor:
    """Remove a second factor of a person; return it. Without any factor left, the recovery codes go too."""
    factor = SecondFactor.objects.filter(user=user, pk=number).first() if number is not None else None
    if factor is None:
        raise Refused("Choose one of your second factors.")
    words = str(factor)
    SecondFactor.objects.filter(pk=factor.pk).delete()
    if not SecondFactor.objects.filter(user=user).exists():
        RecoveryCode.objects.filter(user=user).delete()
    note("second factor removed", by=user, detail=words)
    tell_owner(user, f"A second factor was removed from your account: {words}", by=user)
    return factor


@operation
def make_recovery_codes(user: User) -> list[str]:
    """Replace the recovery codes of a person; return the new ones, which are shown once."""
    if not SecondFactor.objects.filter(user=user).exists():
        raise Refused("Set up a passkey or an authenticator app first.")
    return _new_codes(user)


def _new_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create([RecoveryCode(user=user, digest=digest_of_code(code)) for code in codes])
    note("recovery codes made", by=user, detail="earlier ones no longer count")
    return codes


@operation
def reset_second_factors(user: User, *, why: str) -> int:
    """Remove all second factors of a person who lost them, and end the sessions; return how many there were."""
    why = checked_words(why, name="The reason")
    count, _ = SecondFactor.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    WebSession.objects.filter(user=user).delete()
    note(
        "second factors reset", by=None, detail=f"of {user}, by a command: {why}" if why else f"of {user}, by a command"
    )
    tell_owner(user, "The second factors of your account were removed", by=None)
    return count


def _digits(text: str) -> str:
    return "".join(text.split())


@operation
def check_code(user: User, text: str) -> str:
    """Use a code of the app or a recovery code; return what it was, or "" if it is wrong."""
    code = _digits(text)
    if len(code) == 6 and code.isascii() and code.isdigit():
        return "authenticator app" if _use_app(user, code) else ""
    digest = digest_of_code(text)
    used = RecoveryCode.objects.filter(user=user, digest=digest, used_at=None).update(used_at=timezone.now())
    if not used:
        return ""
    note("recovery code used", by=user, detail=f"{unused_codes(user)} left")
    tell_owner(user, "A recovery code of your account was used", by=user)
    return "recovery code"


def _use_app(user: User, code: str) -> bool:
    factor = SecondFactor.objects.select_for_update().filter(user=user, kind=Kind.APP).first()
    secret = open_sealed(factor.secret) if factor else None
    if factor is None or secret is None:
        return False
    step = step_of_code(secret, code, seconds=time.time(), after=factor.counter)
    if step is None:
        return False
    SecondFactor.objects.filter(pk=factor.pk).update(counter=step, used_at=timezone.now())
    return True


@operation
def check_passkey(user: User, answer: Any, *, kept: Any) -> str:
    """Check what a passkey signed; return which one it was, or "" if it is wrong.

    A passkey that counts its signatures and counts backwards was copied: it is refused.
    """
    from fido2.webauthn import AuthenticationResponse

    factors = list(SecondFactor.objects.select_for_update().filter(user=user, kind=Kind.PASSKEY).order_by("pk"))
    try:
        used = _server().authenticate_complete(kept, _credentials(factors), answer)
        counter = AuthenticationResponse.from_dict(answer).response.authenticator_data.counter
    except Exception:
        return ""
    factor = next(row for row in factors if row.credential_id == _name_of(used.credential_id))
    if (counter or factor.counter) and counter <= factor.counter:
        return ""
    SecondFactor.objects.filter(pk=factor.pk).update(counter=counter, used_at=timezone.now())
    return f"passkey “{factor.name}”"


def note_policy(user: User, *, has_provider_factor: bool) -> AccountState:
    """Begin the grace of an account at its first sign-in under the policy; return what is known of the account."""
    state, _ = AccountState.objects.get_or_create(user=user)
    if settings.SECOND_FACTOR == "required" and state.policy_since is None:
        state.policy_since = timezone.now()
    state.has_provider_factor = has_provider_factor
    state.save(update_fields=["policy_since", "has_provider_factor"])
    return state


def seal_again(stop: Any) -> None:
    """Encrypt with the present key what an earlier one encrypted. stop: is called between two."""
    old = SecondFactor.objects.filter(kind=Kind.APP).exclude(secret_key=present_key())
    for pk in list(old.values_list("pk", flat=True)):
        stop()
        _seal_one(pk)


@operation
def _seal_one(pk: int) -> None:
    factor = SecondFactor.objects.select_for_update().filter(pk=pk).first()
    secret = open_sealed(factor.secret) if factor else None
    if factor is not None and secret is not None:
        SecondFactor.objects.filter(pk=pk).update(secret=seal(secret), secret_key=present_key())
