"""Encrypts what the site has to know again: the secrets of authenticator apps.

The key is derived from SECRET_KEY. A secret under a key of SECRET_KEY_FALLBACKS is read too, and a daily job encrypts
it again with the present one.
"""

import base64
import hashlib
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


def _fernet(key: str) -> "Fernet":
    # Imported here: most processes never need it, and it takes 8 MB.
    from cryptography.fernet import Fernet

    derived = hashlib.sha256(b"secrets of accounts\x00" + key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(derived))


def present_key() -> str:
    """Return a name of the present key that says nothing about it."""
    return hashlib.sha256(b"name of the key\x00" + settings.SECRET_KEY.encode()).hexdigest()[:16]


def seal(text: str) -> str:
    """Return a text encrypted with the present key."""
    return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode()


def open_sealed(sealed: str) -> str | None:
    """Return what a text of seal() holds, or None if no present key opens it."""
    from cryptography.fernet import InvalidToken

    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _fernet(key).decrypt(sealed.encode()).decode()
        except InvalidToken:
            continue
    return None
