"""The chain over the audit trail: each link holds a digest over one entry and over the link before.

A job seals what is committed, so nobody who writes an entry waits for the end of the chain. The order is that of the
job. An entry counts as settled when no open transaction can still commit a smaller number; one that turns up below the
settled numbers later was inserted by hand.

The digest covers a person as the number of the account; the name stands in the table of accounts. Of the detail it
covers a salted digest, so that a name or content can be taken out of it (redact()) without breaking the chain.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from posts.audit.log import audit_entry
from posts.db.audit_triggers import KEPT_AT_LEAST, REDACTED, faulty_guards
from posts.db.keyset import in_chunks
from posts.models import AuditChain, AuditEntry, AuditRedaction, AuditSeal, Post, Revision

CHUNK = 1000
SALT_BYTES = 16
# A transaction that was prepared for a commit in two phases. It has another name than before, so all wait for it.
PREPARED = "prepared"
# The columns of an entry that the digest of its link covers; of `detail` it covers the digest.
COVERED = (
    "id", "post_id", "revision_id", "action", "fingerprint", "fingerprint_before", "detail", "made_by_id", "made_at",
    "request_id", "as_superuser",
)  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """Something that verification found. place: the entry or link, in words; what: what is wrong with it."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


@dataclass(frozen=True)
class Head:
    """The end of the chain at some time."""

    sequence: int
    digest: str


def digest_of_detail(salt: bytes, detail: str) -> bytes:
    """Return the digest that the chain covers of a detail."""
    return hashlib.sha256(salt + detail.encode()).digest()


def digest_of_row(row: Row, detail_digest: bytes) -> bytes:
    """Return the digest of canonical bytes of every column: JSON, with times in UTC and the digest of the detail."""
    values = [detail_digest.hex() if column == "detail" else row[column] for column in COVERED]
    words = [value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in values]
    return hashlib.sha256(json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()).digest()


def digest_of_link(before: bytes, sequence: int, row_digest: bytes) -> bytes:
    """Return the digest of a link: over the link before, its own place and its entry."""
    return hashlib.sha256(before + sequence.to_bytes(8, "big") + row_digest).digest()


# Sealing


def seal_entries(*, on_chunk: Callable[[], None] = lambda: None) -> int:
    """Add a link for each committed entry that has none; return how many were added. Safe to run twice at once."""
    if not AuditChain.objects.exists():
        AuditChain.objects.bulk_create([AuditChain(id=1)], ignore_conflicts=True)
    with transaction.atomic():
        chain = AuditChain.objects.select_for_update().get()
        settles, after = _look_for_writers(chain), chain.settled_id
    count = 0
    # Everything is read after the look at the writers.
    while True:
        with transaction.atomic():
            sealed = _seal_chunk(after)
        count += len(sealed)
        if len(sealed) < CHUNK:
            break
        after = sealed[-1]
        on_chunk()
    with transaction.atomic():
        AuditChain.objects.select_for_update().get()
        AuditChain.objects.filter(settled_id__lt=settles).update(settled_id=settles)
    return count


def _look_for_writers(chain: AuditChain) -> int:
    """Return up to which number no open transaction can commit an entry any more; note what to wait for next."""
    # In this order: whoever took a number up to `newest` and is no open writer has committed it or never will.
    newest = AuditEntry.objects.aggregate(newest=Max("pk"))["newest"] or 0
    writers = _open_writers()
    if not writers:
        settles = newest
    elif PREPARED in writers or not writers.isdisjoint(chain.waits_for.split()):
        return chain.settled_id
    else:
        settles = chain.next_settled_id
    chain.next_settled_id, chain.waits_for = newest, " ".join(sorted(writers))
    chain.save(update_fields=["next_settled_id", "waits_for"])
    return settles


def _seal_chunk(after: int) -> list[int]:
    """Seal the next entries behind the number `after`; return their numbers."""
    chain = AuditChain.objects.select_for_update().get()
    rows = list(_unsealed().filter(pk__gt=after).order_by("pk").values(*COVERED)[:CHUNK])
    digest, sealed_at = _last_digest(chain), timezone.now()
    seals = []
    for sequence, row in enumerate(rows, chain.last_sequence + 1):
        salt = os.urandom(SALT_BYTES)
        detail_digest = digest_of_detail(salt, row["detail"])
        row_digest = digest_of_row(row, detail_digest)
        digest = digest_of_link(digest, sequence, row_digest)
        seals.append(
            AuditSeal(
                sequence=sequence,
                entry_id=row["id"],
                post_id=row["post_id"],
                revision_id=row["revision_id"],
                salt=salt,
                detail_digest=detail_digest,
                row_digest=row_digest,
                digest=digest,
                sealed_at=sealed_at,
            )
        )
    AuditSeal.objects.bulk_create(seals)
    chain.last_sequence += len(seals)
    chain.save(update_fields=["last_sequence"])
    return [row["id"] for row in rows]


def _unsealed() -> "QuerySet[AuditEntry]":
    return AuditEntry.objects.filter(~Exists(AuditSeal.objects.filter(entry_id=OuterRef("pk"))))


def _open_writers() -> set[str]:
    """Return names of the other open transactions that may write, or have written, an entry.

    Each locks the table before it takes a number. SQLite has one writer at a time, and here that is this transaction.
    """
    if connection.vendor == "sqlite":
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND relation = %s::regclass AND pid IS DISTINCT FROM pg_backend_pid()",
            [AuditEntry._meta.db_table],
        )
        return {PREPARED if name.startswith("-1/") else name for (name,) in cursor}


def _last_digest(chain: AuditChain) -> bytes:
    last = AuditSeal.objects.filter(sequence=chain.last_sequence).values_list("digest", flat=True).first()
    return bytes(chain.start_digest if last is None else last)


def head_of_chain() -> Head | None:
    """Return the end of the chain; None if nothing is sealed."""
    last = AuditSeal.objects.order_by("-sequence").values_list("sequence", "digest").first()
    return Head(last[0], bytes(last[1]).hex()) if last else None


def chain_state() -> AuditChain | None:
    """Return where the chain stands; None before the first sealing."""
    return AuditChain.objects.first()


# Removing


def shorten_trail(older_than: timedelta, *, on_chunk: Callable[[], None] = lambda: None) -> int:
    """Remove the oldest entries, those sealed longer ago than `older_than`; return how many.

    The chain goes on from the digest of the last one that went. The database refuses any other removal.
    """
    before = timezone.now() - max(older_than, timedelta(days=KEPT_AT_LEAST))
    count = 0
    while True:
        with transaction.atomic():
            removed = _remove_chunk(before)
        count += removed
        if removed < CHUNK:
            return count
        on_chunk()


def _remove_chunk(before: datetime) -> int:
    chain = AuditChain.objects.select_for_update().first()
    if chain is None:
        return 0
    seals = list(AuditSeal.objects.filter(sequence__gt=chain.start_sequence).order_by("sequence")[:CHUNK])
    old = []
    for seal in seals:
        if seal.sealed_at >= before:
            break
        old.append(seal)
    if not old:
        return 0
    chain.start_sequence, chain.start_digest = old[-1].sequence, old[-1].digest
    chain.save(update_fields=["start_sequence", "start_digest"])
    numbers = [seal.entry_id for seal in old]
    # Plain query sets: the trail's own one refuses to delete.
    QuerySet(AuditEntry).filter(pk__in=numbers)._raw_delete(connection.alias)
    AuditSeal.objects.filter(entry_id__in=numbers)._raw_delete(connection.alias)
    AuditRedaction.objects.filter(entry_id__in=numbers)._raw_delete(connection.alias)
    detail = f"links up to {chain.start_sequence}, which has the digest {bytes(chain.start_digest).hex()}"
    audit_entry("audit trail shortened", by=None, detail=detail).save(force_insert=True)
    return len(old)


def redact(texts: Mapping[int, str]) -> None:
    """Give entries other details: {number of an entry: text without what has to go}. For operations, in a transaction.

    Each is recorded by an entry of its own with the digest of the new text. Verification knows both.
    """
    for at in range(0, len(texts), CHUNK):
        part = dict(list(texts.items())[at : at + CHUNK])
        acts = [audit_entry(REDACTED, by=None, detail=redaction_words(pk, text)) for pk, text in part.items()]
        for act in acts:
            act.save(force_insert=True)
        pairs = zip(part.items(), acts, strict=True)
        AuditRedaction.objects.bulk_create(
            [AuditRedaction(entry_id=pk, act_id=act.pk, text=text) for (pk, text), act in pairs],
            update_conflicts=True, unique_fields=["entry_id"], update_fields=["act_id", "text"],
        )  # fmt: skip
        for pk, text in part.items():
            QuerySet(AuditEntry).filter(pk=pk).update(detail=text)
        AuditSeal.objects.filter(entry_id__in=list(part)).update(salt=b"")


def redaction_words(entry_id: int, text: str) -> str:
    """Return what the trail says of a redaction."""
    return f"entry {entry_id}, now with the digest {hashlib.sha256(text.encode()).hexdigest()}"


# Verification


class Verification:
    """Compares the trail with its chain, a chunk at a time, and names each entry that differs."""

    def __init__(self, *, heads: Iterable[Head] = ()) -> None:
        """Take heads of the chain that were kept elsewhere."""
        self.entries = 0
        self._heads: dict[int, list[str]] = {}
        for head in heads:
            self._heads.setdefault(head.sequence, []).append(head.digest)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong, in the order of the chain. At the end, `entries` is how many entries were compared."""
        for name in faulty_guards(connection):
            yield Problem(f"trigger {name}", "missing, switched off or changed. “manage.py migrate” puts it in place")
        chain = chain_state()
        if chain is None:
            if AuditSeal.objects.exists():
                yield Problem("chain", "its row is missing")
            return
        known = chain.last_sequence
        yield from self._links(chain)
        yield from self._heads_not_met(known)
        yield from self._inserted()

    def _links(self, chain: AuditChain) -> Iterator[Problem]:
        expected, digest, last = chain.start_sequence + 1, bytes(chain.start_digest), chain.last_sequence
        yield from self._head_problem(chain.start_sequence, digest)
        after = chain.start_sequence
        while seals := list(AuditSeal.objects.filter(sequence__gt=after).order_by("sequence")[:CHUNK]):
            read = _Chunk(seals)
            for seal in seals:
                if seal.sequence != expected:
                    moved = AuditChain.objects.get()
                    if moved.start_sequence >= expected:
                        # The oldest part was removed meanwhile.
                        expected, digest = moved.start_sequence + 1, bytes(moved.start_digest)
                        if seal.sequence < expected:
                            continue
                if seal.sequence != expected:
                    yield Problem(_links_in_words(expected, seal.sequence - 1), "missing from the chain")
                row_digest = bytes(seal.row_digest)
                # After a gap the digest before is unknown.
                if seal.sequence == expected and digest_of_link(digest, seal.sequence, row_digest) != bytes(
                    seal.digest
                ):
                    yield Problem(f"link {seal.sequence} (entry {seal.entry_id})", "changed or in another order")
                if (what := read.fault_of(seal)) and not self._is_gone(seal):
                    yield Problem(f"entry {seal.entry_id}", what)
                expected, digest = seal.sequence + 1, bytes(seal.digest)
                self.entries += 1
                yield from self._head_problem(seal.sequence, digest)
            after = seals[-1].sequence
        if expected <= last:
            yield Problem(_links_in_words(expected, last), "missing from the end of the chain")

    def _is_gone(self, seal: AuditSeal) -> bool:
        """Return whether the oldest part was removed since the link was read."""
        return AuditChain.objects.get().start_sequence >= seal.sequence

    def _head_problem(self, sequence: int, digest: bytes) -> Iterator[Problem]:
        for kept in self._heads.pop(sequence, ()):
            if kept != digest.hex():
                yield Problem(f"link {sequence}", "has another digest than the one that was kept elsewhere")

    def _heads_not_met(self, known: int) -> Iterator[Problem]:
        for sequence in sorted(self._heads):
            if sequence > known:
                yield Problem(f"link {sequence}", "was kept elsewhere and is not in the chain")

    def _inserted(self) -> Iterator[Problem]:
        settled = AuditChain.objects.get().settled_id
        for chunk in in_chunks(_unsealed().filter(pk__lte=settled).values_list("pk", flat=True), size=CHUNK):
            for pk in chunk:
                yield Problem(f"entry {pk}", "inserted between entries that are already sealed")


class _Chunk:
    """What a chunk of links is compared with."""

    def __init__(self, seals: list[AuditSeal]) -> None:
        rows = AuditEntry.objects.filter(pk__in=[seal.entry_id for seal in seals]).order_by().values(*COVERED)
        self.rows: dict[int, Row] = {row["id"]: row for row in rows}
        redacted = [seal.entry_id for seal in seals if not seal.salt]
        self.redactions = {found.entry_id: found for found in AuditRedaction.objects.filter(entry_id__in=redacted)}
        acts = [found.act_id for found in self.redactions.values()]
        acts_made = AuditEntry.objects.filter(pk__in=acts, action=REDACTED).order_by()
        self.acts = dict(acts_made.values_list("pk", "detail"))
        self.posts = self._left(Post, "post_id", seals)
        self.revisions = self._left(Revision, "revision_id", seals)

    def _left(self, model: Any, column: str, seals: list[AuditSeal]) -> set[int]:
        """Return which of the rows exist that entries no longer name."""
        lost = [
            getattr(seal, column)
            for seal in seals
            if getattr(seal, column) and seal.entry_id in self.rows and self.rows[seal.entry_id][column] is None
        ]
        return set(model.objects.filter(pk__in=lost).values_list("pk", flat=True)) if lost else set()

    def fault_of(self, seal: AuditSeal) -> str:
        """Return in words how an entry differs from its link; "" if it doesn't."""
        row = self.rows.get(seal.entry_id)
        if row is None:
            return f"missing; it was link {seal.sequence}"
        for column, left in (("post_id", self.posts), ("revision_id", self.revisions)):
            sealed = getattr(seal, column)
            if row[column] != sealed and (row[column] is not None or sealed in left):
                return f"changed: {column.removesuffix('_id')}"
        detail_digest = bytes(seal.detail_digest)
        if not self._detail_is_right(seal, row["detail"]):
            return "changed: detail"
        # The columns that have their own place in the link were compared above.
        sealed_row = row | {"post_id": seal.post_id, "revision_id": seal.revision_id}
        if digest_of_row(sealed_row, detail_digest) != bytes(seal.row_digest):
            return "changed: action, person, time, fingerprint or request"
        return ""

    def _detail_is_right(self, seal: AuditSeal, detail: str) -> bool:
        if seal.salt:
            return digest_of_detail(bytes(seal.salt), detail) == bytes(seal.detail_digest)
        redaction = self.redactions.get(seal.entry_id)
        return (
            redaction is not None
            and detail == redaction.text
            and self.acts.get(redaction.act_id) == redaction_words(seal.entry_id, detail)
        )


def _links_in_words(first: int, last: int) -> str:
    return f"link {first}" if first == last else f"links {first} to {last}"


def note_verification(sequence: int, problems: int) -> None:
    """Remember the last verification, for the page of the trail."""
    AuditChain.objects.update(verified_at=timezone.now(), verified_sequence=sequence, verified_problems=problems)
