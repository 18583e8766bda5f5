"""Webhooks: what happens to posts and imports, for the receivers in WEBHOOK_URLS.

The messages follow Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks): JSON with `type`,
`timestamp` and `data`, an id that stays the same when a message is sent again, and a signature with each secret.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from posts.export.records import decision_json, remarks_on
from posts.jobs import enqueue_once
from posts.models import AuditEntry, ImportBatch, OutgoingMessage, ReaderReport, Review
from posts.models.fields import dump_json
from posts.models.import_batch import COUNTS

# Actions of the audit trail that receivers are told, and the type of their event.
TYPES = {
    "approved": "decision.made",
    "approved in part": "decision.made",
    "confirmed": "decision.made",
    "changes_requested": "decision.made",
    "rejected": "decision.made",
    "decision undone": "decision.undone",
    "released": "post.released",
    "withdrawn": "post.withdrawn",
    "rolled back": "post.rolled_back",
    "flagged": "post.flagged",
}
INSERTED_TOGETHER = 500


@dataclass(frozen=True)
class Event:
    """Something that receivers are told. lane: events of one lane arrive in order, such as those of one post."""

    type: str
    lane: str
    data: dict[str, Any]


def announce_entries(entries: Sequence[AuditEntry]) -> None:
    """Tell receivers what entries of the audit trail say about posts, in the transaction of what they report."""
    if not settings.WEBHOOK_URLS:
        return
    told = [entry for entry in entries if entry.action in TYPES and entry.post is not None]
    revisions = {entry.revision_id for entry in told if TYPES[entry.action] == "decision.made"}
    decisions: dict[int | None, Review] = {}
    remarks: dict[int, list[dict[str, Any]]] = {}
    if revisions:
        found = Review.objects.filter(revision__in=revisions).order_by("pk")
        decisions = {review.revision_id: review for review in found}
        remarks = remarks_on(review.revision_id for review in decisions.values())
    events = []
    for entry in told:
        data = _about_post(entry)
        if (review := decisions.get(entry.revision_id)) and TYPES[entry.action] == "decision.made":
            data |= decision_json(review, remarks)
        events.append(Event(TYPES[entry.action], f"post {entry.post_id}", data))
        events += _end_of_release(entry)
    _add(events)


def _end_of_release(entry: AuditEntry) -> list[Event]:
    """Return what receivers are told besides of an undone decision that had released its text: what readers see now."""
    if entry.action != "decision undone" or entry.post is None or not entry.fingerprint_before:
        return []
    live, lane, data = entry.post.live_revision, f"post {entry.post_id}", _about_post(entry)
    if live is None:
        return [Event("post.withdrawn", lane, data)]
    if live.fingerprint == entry.fingerprint_before:
        return []
    return [Event("post.rolled_back", lane, data | {"fingerprint": live.fingerprint, "version": live.version})]


def announce_report(report: ReaderReport) -> None:
    """Tell receivers that a reader reported a problem. The reader's words are not sent: nobody has read them yet."""
    post = report.post
    data = {"source_id": post.source_id, "fingerprint": report.fingerprint, "reason": report.reason}
    _add([Event("report.received", f"post {post.pk}", data)])


def announce_import(batch: ImportBatch, *, failed: bool = False) -> None:
    """Tell receivers that an import is finished or has failed."""
    data = {
        "import": batch.pk,
        "source": batch.source_name,
        "state": batch.state,
        **{count: getattr(batch, count) for count in COUNTS},
    }
    _add([Event("import.failed" if failed else "import.finished", f"import {batch.pk}", data)])


def announce_purge(number: int, source_id: str) -> None:
    """Tell receivers that a post was purged, by its identity alone, so that they purge their copies."""
    _add([Event("post.purged", f"post {number}", {"source_id": source_id})])


def announce_head(sequence: int, digest: str) -> None:
    """Tell receivers the head of the chain over the audit trail, so that it is kept on another machine."""
    _add([Event("audit.head", "audit", {"sequence": sequence, "digest": digest})])


def _about_post(entry: AuditEntry) -> dict[str, Any]:
    post = entry.post
    return {
        "source_id": post.source_id if post else None,
        "url": f"{settings.SITE_URL}{post.get_absolute_url()}" if post else None,
        "fingerprint": entry.fingerprint,
        "version": entry.revision.version if entry.revision else None,
    }


def _add(events: Iterable[Event]) -> None:
    """Save a message for each event and receiver."""
    if not settings.WEBHOOK_URLS:
        return
    from posts.outbox.tasks import send_outgoing_messages

    now = timezone.now()
    messages = [
        OutgoingMessage(
            kind=OutgoingMessage.Kind.WEBHOOK,
            recipient=url,
            subject=event.type,
            lane=event.lane,
            body=dump_json({"type": event.type, "timestamp": now.isoformat(), "data": event.data}),
            made_at=now,
            due_at=now,
        )
        for event in events
        for url in settings.WEBHOOK_URLS
    ]
    if messages:
        OutgoingMessage.objects.bulk_create(messages, batch_size=INSERTED_TOGETHER)
        enqueue_once(send_outgoing_messages, key="all")


def signed_headers(message: OutgoingMessage, *, now: datetime) -> dict[str, str]:
    """Return the headers of a message, with a signature for each secret: a receiver can change its own in its time."""
    # A restored database gives a number again, but to another body: that says when the event was.
    name = f"msg_{message.pk}_{hashlib.sha256(message.body.encode()).hexdigest()[:16]}"
    # Imported here, because only workers sign.
    from standardwebhooks import Webhook

    signatures = [Webhook(secret).sign(name, now, message.body) for secret in settings.WEBHOOK_SECRETS]
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
