"""Codes of authenticator apps (RFC 6238) and recovery codes."""

import base64
import hashlib
import hmac
import secrets
import struct
from urllib.parse import quote, urlencode

SECONDS = 30
DIGITS = 6
# A clock may be half a minute early or late.
NEIGHBOURS = (0, -1, 1)
RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """Return a secret for an app, in the letters that apps take."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code_of(secret: str, step: int) -> str:
    """Return the code of an app for a half minute since 1970."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of_code(secret: str, code: str, *, seconds: float, after: int) -> int | None:
    """Return the half minute whose code this is, or None. after: the last one that was used; no code counts twice."""
    now = int(seconds) // SECONDS
    for neighbour in NEIGHBOURS:
        step = now + neighbour
        if step > after and hmac.compare_digest(code_of(secret, step).encode(), code.encode()):
            return step
    return None


def app_address(secret: str, *, account: str, site: str) -> str:
    """Return what the QR code for an app holds."""
    label = quote(f"{site}:{account}", safe="")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': site}, quote_via=quote)}"


def new_recovery_code() -> str:
    """Return a recovery code, about 59 bits, such as abcd-efgh-jkmn."""
    letters = [secrets.choice(_LETTERS) for _ in range(12)]
    return "-".join("".join(letters[start : start + 4]) for start in (0, 4, 8))


def digest_of_code(code: str) -> str:
    """Return how a recovery code is kept; case, spaces and hyphens don't count."""
    plain = "".join(letter for letter in code.casefold() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
