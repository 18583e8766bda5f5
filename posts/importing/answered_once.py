"""The same answer to the same request: Idempotency-Key, as the draft of the IETF's HTTPAPI group defines it.

The answer is stored in the transaction of what the request changes, so a request that was answered and one whose answer
was lost are the same: sent again, it changes nothing and gets the first answer. The lock of a key ends with that
transaction, so a killed process blocks nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.db.prepared_query import PreparedQuery
from posts.importing.locks import transaction_lock
from posts.models import Generator, PushAnswer
from posts.operations.frame import operating

KEPT = timedelta(days=2)
CHUNK = 500


@dataclass(frozen=True)
class Answered:
    """An answer to a program: its status, its JSON and its headers."""

    status: int
    content: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class Unchanged(Exception):
    """What was asked for is refused, and nothing of it is kept; `answer` says why."""

    def __init__(self, answer: Answered) -> None:
        self.answer = answer
        super().__init__(str(answer.status))


class KeyInFlight(Exception):
    """Another request with this key has not been answered yet."""


class KeyReused(Exception):
    """The key belongs to another request."""


def answered_once(generator: Generator, key: str, digest: str, act: Callable[[], Answered]) -> Answered:
    """Return what act() answers, or what it answered to the same request before.

    What act() changes, it changes in operations: if one is refused, nothing of it is kept.

    key: "" if the request has none; then it is carried out each time. digest: SHA-256 of everything that makes the
    request. Raises KeyInFlight and KeyReused.
    """
    with operating():
        if not key:
            return _carried_out(act)
        if not transaction_lock(f"push {generator.pk} {key}", waits=False):
            raise KeyInFlight
        before = _answers(connection.vendor).first(generator=generator.pk, key=key)
        if before is None:
            answer = _carried_out(act)
            _keep(generator, key, digest, answer)
            return answer
    if before.digest != digest:
        raise KeyReused
    return Answered(before.status, before.content, before.headers)


@lru_cache(maxsize=2)
def _answers(vendor: str) -> PreparedQuery:
    return PreparedQuery(
        lambda generator, key: PushAnswer.objects.filter(generator=generator, key=key), generator=int, key=str
    )


def _carried_out(act: Callable[[], Answered]) -> Answered:
    try:
        return act()
    except Unchanged as refusal:
        return refusal.answer


def _keep(generator: Generator, key: str, digest: str, answer: Answered) -> None:
    PushAnswer.objects.create(
        generator=generator,
        key=key,
        digest=digest,
        status=answer.status,
        headers=answer.headers,
        content=answer.content,
    )


def forget_old_answers(*, on_chunk: Callable[[], object] = lambda: None) -> None:
    """Delete answers older than KEPT."""
    old = PushAnswer.objects.filter(made_at__lt=timezone.now() - KEPT)
    for chunk in in_chunks(old.values_list("pk", flat=True), size=CHUNK):
        on_chunk()
        PushAnswer.objects.filter(pk__in=chunk).delete()
