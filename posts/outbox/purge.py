"""Purges: a CDN in front of the site learns which of its pages have changed.

A page names what it shows in Surrogate-Key and Cache-Tag (posts.page_cache.tags). Workers follow the change log and
tell the CDN the tags of what changed, through the outbox: a CDN that does not answer is asked again.

Each change is told twice. The first purge waits until no web process can answer with its old page any more: else the
CDN could fetch that one again and keep it. The second one is for answers that were under way meanwhile.
"""

import json
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from posts.db.change_log import Changes, changes_since
from posts.jobs.followers import follower
from posts.models import OutgoingMessage, SiteFigure
from posts.page_cache.tags import ANYTHING_TAG, SITE_TAG, tags_of

NAME = "purged pages"
# A web process knows every change after 0.6 seconds (posts.page_cache.freshness), and answers within five.
FIRST_AFTER, AGAIN_AFTER = timedelta(seconds=0.7), timedelta(seconds=6)
# CDNs take about so many tags at once.
MOST_TAGS = 100
# With more, everything is purged.
MOST_MESSAGES = 20


@follower("purge changed pages", is_wanted=lambda: bool(settings.CDN_PURGE_URL))
def purge_changed_pages() -> None:
    """Add purges for what changed since the last call of any worker, and send those that are due."""
    from posts.outbox.send import send_due_messages

    _note_changes()
    send_due_messages(only=OutgoingMessage.Kind.PURGE)


def _note_changes() -> None:
    place = SiteFigure.objects.filter(name=NAME).first()
    if place is None:
        # Whatever the CDN has is from before anybody told it anything.
        with transaction.atomic():
            horizon = changes_since(0, limit=0).horizon
            value = {"position": horizon, "told": []}
            _, is_new = SiteFigure.objects.get_or_create(
                name=NAME, defaults={"value": value, "counted_at": timezone.now()}
            )
            if is_new:
                _add([SITE_TAG])
        return
    # Without a lock first: mostly nothing has changed.
    if not _new(changes_since(place.value["position"]), place):
        return
    with transaction.atomic():
        place = SiteFigure.objects.select_for_update(skip_locked=True).filter(name=NAME).first()
        if place is None:
            return
        changes = changes_since(place.value["position"])
        tags = _new(changes, place)
        rows = changes.rows or []
        told = [number for number, position, _ in rows if position >= changes.horizon]
        place.value = {"position": changes.horizon, "told": told}
        place.counted_at = timezone.now()
        place.save()
        _add(sorted(tags))


def _new(changes: Changes, place: SiteFigure) -> set[str]:
    """Return the tags of what changed since `place`."""
    if changes.rows is None:
        return {SITE_TAG}
    told = set(place.value["told"])
    keys = {key for number, _, found in changes.rows if number not in told for key in found}
    tags = tags_of(keys)
    if len(tags) > MOST_TAGS * MOST_MESSAGES:
        return {SITE_TAG}
    return tags | {ANYTHING_TAG} if tags else set()


def _add(tags: list[str]) -> None:
    """Save messages that purge these tags, twice."""
    now = timezone.now()
    OutgoingMessage.objects.bulk_create(
        OutgoingMessage(
            kind=OutgoingMessage.Kind.PURGE,
            recipient=settings.CDN_PURGE_URL,
            subject=_words(tags[first : first + MOST_TAGS]),
            body=json.dumps({"tags": tags[first : first + MOST_TAGS]}),
            made_at=now,
            due_at=now + after,
        )
        for after in (FIRST_AFTER, AGAIN_AFTER)
        for first in range(0, len(tags), MOST_TAGS)
    )


def _words(tags: list[str]) -> str:
    words = " ".join(tags)
    return words if len(words) <= 200 else f"{words[:199]}…"


def purge_headers(message: OutgoingMessage) -> dict[str, str]:
    """Return the headers of a purge: the tags once more, as some CDNs read them, and the token."""
    headers = {"content-type": "application/json", "surrogate-key": " ".join(json.loads(message.body)["tags"])}
    return headers | ({"authorization": f"Bearer {settings.CDN_PURGE_TOKEN}"} if settings.CDN_PURGE_TOKEN else {})
