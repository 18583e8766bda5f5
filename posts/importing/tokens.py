"""Tokens of the API: made and revoked by staff, found by their digest, and counted in leases."""

import datetime
import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass
from functools import lru_cache

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from posts.db.prepared_query import PreparedQuery
from posts.errors import NotAllowed, Refused, checked_words, require
from posts.models import ApiToken
from posts.operations.frame import note, operation

# Programs that look for leaked secrets find a token by this beginning.
PREFIX = "alphanode_"
# 256 bits: nobody guesses one.
RANDOM_BYTES = 32
HINT_LENGTH = len(PREFIX) + 4
WINDOW_SECONDS = 60
SCOPES = {
    "import": "may_import",
    "decisions": "may_read_decisions",
    "roll back": "may_roll_back",
}
SAID = {"import": "send posts", "decisions": "read decisions", "roll back": "roll back imports"}


@operation
def create_token(token: ApiToken, *, by: User | None) -> str:
    """Store a new token with what `token` says of it; return the token itself, which nobody can read again."""
    person = _manager(by)
    token.label = checked_words(token.label, name="The label", limit=100)
    if not token.label:
        raise Refused("Say in the label where the token is used.")
    if not any(getattr(token, column) for column in SCOPES.values()):
        raise Refused("Choose what the token may do.")
    if not token.requests_per_minute:
        raise Refused("Allow at least one request a minute.")
    if token.expires_at is not None and token.expires_at <= timezone.now():
        raise Refused("The token would have expired already. Choose a later day.")
    secret = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    token.digest, token.hint, token.created_by = digest_of(secret), secret[:HINT_LENGTH], person
    token.save(force_insert=True)
    may = ", ".join(scope for scope, column in SCOPES.items() if getattr(token, column))
    note("token created", by=by, detail=f"{token} ({token.hint}…): {may}")
    return secret


@operation
def revoke_token(token: ApiToken, *, by: User | None) -> None:
    """End a token at once and for good."""
    person = _manager(by)
    token = ApiToken.objects.select_for_update().select_related("generator").get(pk=token.pk)
    if token.revoked_at is None:
        token.revoked_at, token.revoked_by = timezone.now(), person
        token.save(update_fields=["revoked_at", "revoked_by"])
        note("token revoked", by=by, detail=f"{token} ({token.hint}…)")


def _manager(by: User | None) -> User:
    """Return the person who manages tokens; raise NotAllowed for anybody else and for a program."""
    if by is None:
        raise NotAllowed("Only a person may manage tokens. Name the person.")
    require(by, "manage_generators")
    return by


def digest_of(secret: str) -> str:
    """Return what is stored of a token: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def token_of(secret: str) -> ApiToken | None:
    """Return the valid token with its generator, or None.

    The time that this takes tells nothing: what an attacker sends is hashed first, so the index compares digests that
    nobody can choose.
    """
    digest = digest_of(secret)
    token: ApiToken | None = _tokens(connection.vendor).first(digest=digest)
    if token is None or not hmac.compare_digest(token.digest, digest) or token.state != "active":
        return None
    return token


@lru_cache(maxsize=2)
def _tokens(vendor: str) -> PreparedQuery:
    rows = ApiToken.objects.select_related("generator").order_by()
    return PreparedQuery(lambda digest: rows.filter(digest=digest), digest=str)


@dataclass(frozen=True)
class Allowance:
    """What is left of a token's requests. seconds: until there are new ones."""

    is_taken: bool
    limit: int
    left: int
    seconds: int


class _Leases:
    """The requests that this process has taken from the database and not used yet, by token.

    A request seldom writes: a process takes a fiftieth of a minute's requests at once. All processes together never
    use more than the limit, because each takes its own from the same row.
    """

    SHARES = 50

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: dict[
            str, tuple[int, int, int]
        ] = {}  # digest of the token → (window, own requests left, others left)

    def take(self, token: ApiToken, now: float) -> Allowance:
        window, rest = divmod(now, WINDOW_SECONDS)
        seconds, limit = max(1, round(WINDOW_SECONDS - rest)), token.requests_per_minute
        with self._lock:
            at, own, others = self._own.get(token.digest, (0, 0, 0))
            if at != window or not own:
                own, others = self._lease(token, int(window), limit)
            self._own[token.digest] = (int(window), max(0, own - 1), others)
        return Allowance(own > 0, limit, max(0, own - 1) + others, seconds)

    def _lease(self, token: ApiToken, window: int, limit: int) -> tuple[int, int]:
        """Return (requests taken for this process, requests left for all)."""
        rows = ApiToken.objects.filter(pk=token.pk)
        for share in dict.fromkeys((max(1, limit // self.SHARES), 1)):
            is_new = ~Q(window=window)
            taken = rows.filter(is_new | Q(window_count__lte=limit - share)).update(
                window_count=Case(When(is_new, then=Value(share)), default=F("window_count") + share), window=window
            )
            if taken:
                count = rows.values_list("window_count", flat=True)[0]
                return share, max(0, limit - count)
        return 0, 0


_leases = _Leases()


def take_request(token: ApiToken, *, now: float | None = None) -> Allowance:
    """Use one request of this minute; return the Allowance. Also notes in which minute the token was used."""
    return _leases.take(token, time.time() if now is None else now)


def expiry_on(day: datetime.date | None) -> datetime.datetime | None:
    """Return the end of a day in UTC, at which a token expires; None for none. Raises Refused for the last of all."""
    if day is None:
        return None
    if day == datetime.date.max:
        raise Refused("The last day is too late. Choose an earlier one, or leave it empty.")
    return datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), datetime.UTC)
