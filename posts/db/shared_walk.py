"""Walks along keys that any number of workers share: each takes the next part, does its work and gives it up.

A part is a row with a lease (`WalkPart`), taken in one short transaction together with the position of the walk
(`TextScan`). So no two workers have the same keys at the same time. The work of a part must be idempotent: when its
worker is killed, another one does it again as soon as the lease is over.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from posts.models import TextScan, WalkPart

# Much longer than the work of a part. If it is over nevertheless, another worker does the same work, to no harm.
LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class SharedWalk:
    """One kind of walk: its name, its unique column or the one by which its rows belong together, keys in a part.

    rows: takes the end of the pass and returns the rows that still need work, as a queryset. newest: returns that end,
    a number that `rows` understands, when a pass begins; None if passes have no end. begin: takes the newest key ever
    had and returns the key after which a new pass begins. waits: whether a pass begins only after all parts of the last
    one are done; else it leaves them out.
    """

    name: str
    rows: Callable[[int | None], QuerySet[Any, Any]]
    size: int
    key: str = "pk"
    begin: Callable[[int], int] = lambda newest: newest
    newest: Callable[[], int | None] = lambda: None
    waits: bool = False

    def work_off(
        self,
        work: Callable[[list[int]], int],
        *,
        joins: bool = False,
        on_checkpoint: Callable[[], object] = lambda: None,
        on_more: Callable[[], object] = lambda: None,
        ends: Callable[[], bool] = lambda: False,
    ) -> int:
        """Do `work` with one part after the other until none is left; return the sum of what it returned.

        joins: begin no new pass, only help with the one that is on. on_checkpoint: called between parts, may raise.
        on_more: called after a full part that had work, when others could help. ends: whether to stop between parts.
        """
        if not joins:
            self._begin_pass()
        total = 0
        while part := self._take():
            try:
                count = work(part.keys)
            except BaseException:
                # If the database is away, the lease frees it.
                with contextlib.suppress(DatabaseError):
                    part.held().update(leased_until=Now() - LEASE)
                raise
            self._finish(part)
            total += count
            if count and len(part.keys) >= self.size:
                on_more()
            on_checkpoint()
            if ends():
                break
        return total

    def _begin_pass(self) -> None:
        with transaction.atomic():
            scan, _ = TextScan.objects.select_for_update().get_or_create(name=self.name)
            if self.waits and self._parts().exists():
                return
            TextScan.objects.filter(name=self.name).update(
                position=self.begin(scan.revision_id), pass_end=self.newest(), begun_at=Now(), done=0
            )

    @transaction.atomic
    def _take(self) -> "_Part | None":
        """Take a part that a worker has lost, else the next one; None if nothing is left."""
        _without_waiting_for_the_disk()
        scan = TextScan.objects.select_for_update().filter(name=self.name).first()
        if scan is None:
            return None
        rows, new = self.rows(scan.pass_end), self.rows(scan.pass_end).filter(**{f"{self.key}__gt": scan.position})
        is_lost = Q(leased_until__lt=Now())
        taken = list(self._parts().annotate(is_lost=is_lost).order_by("first"))
        for part in taken:
            own = Q(**{f"{self.key}__gte": part.first, f"{self.key}__lte": part.last})
            new = new.exclude(own)
            if not part.is_lost:
                continue
            if keys := self._keys(rows.filter(own), None):
                WalkPart.objects.filter(pk=part.pk).update(attempt=F("attempt") + 1, leased_until=Now() + LEASE)
                return _Part(part.pk, part.attempt + 1, keys)
            part.delete()
        keys = self._keys(new, self.size)
        # No part reaches over another one.
        keys = [key for key in keys if not any(keys[0] < part.first < key for part in taken)]
        if not keys:
            return None
        made = WalkPart.objects.create(walk=self.name, first=keys[0], last=keys[-1], leased_until=Now() + LEASE)
        TextScan.objects.filter(name=self.name).update(position=keys[-1], revision_id=max(scan.revision_id, keys[-1]))
        return _Part(made.pk, made.attempt, keys)

    @transaction.atomic
    def _finish(self, part: "_Part") -> None:
        _without_waiting_for_the_disk()
        if part.held().delete()[0]:
            TextScan.objects.filter(name=self.name).update(done=F("done") + len(part.keys))

    def _parts(self) -> QuerySet[WalkPart]:
        return WalkPart.objects.filter(walk=self.name)

    def _keys(self, rows: QuerySet[Any, Any], most: int | None) -> list[int]:
        keys = rows.order_by(self.key).values_list(self.key, flat=True)
        return list((keys if self.key == "pk" else keys.distinct())[:most])


def _without_waiting_for_the_disk() -> None:
    """Let this transaction not wait for the disk. What a crash loses of it is done again, to no harm."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")


@dataclass(frozen=True)
class _Part:
    """A part that this process has taken."""

    pk: int
    attempt: int
    keys: list[int]

    def held(self) -> QuerySet[WalkPart]:
        """Return its row as a queryset, which is empty once another worker has it."""
        return WalkPart.objects.filter(pk=self.pk, attempt=self.attempt)
