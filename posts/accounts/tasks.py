"""Jobs that keep the tables of accounts small."""

from datetime import timedelta

from django.utils import timezone

from posts.accounts.second_factors import seal_again
from posts.accounts.throttle import forget_old_tries
from posts.jobs import job, stop_if_asked


@job("forget old sign-in tries", label="Delete old failed sign-ins", every=timedelta(days=1))
def forget_old_sign_ins() -> None:
    """Delete counts of failed sign-ins that no longer delay anybody."""
    forget_old_tries(timezone.now())


@job("encrypt secrets again", label="Encrypt secrets of apps with the present key", every=timedelta(days=1))
def encrypt_secrets_again() -> None:
    """Encrypt the secrets of authenticator apps with the present SECRET_KEY, so that older ones can be removed."""
    seal_again(stop_if_asked)
