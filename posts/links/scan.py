"""Writes which addresses the texts of posts name, in sets. The check of links asks these, each once for all posts."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.db.settled import begin_of_scan
from posts.links.faults import host_of_link, is_reserved
from posts.models import LinkAddress, LinkHost, LinkOccurrence, Post, Revision, StaleLinks, TextScan
from posts.records.schema import RecordDict
from posts.rendering.images import DRAWN_HOSTS
from posts.rendering.web_addresses import web_addresses

CHUNK = 200
# Of one text. An article has a few dozen.
MAX_LINKS = 1000
# The most values in one statement that SQLite takes easily.
TOGETHER = 500
# Another name when the texts name more than before: then every post is read once more.
SCAN = "links, all fields"


def digest_of(address: str) -> str:
    """Return the key of an address."""
    return hashlib.sha256(address.encode()).hexdigest()


def checked_addresses(record: RecordDict) -> list[str]:
    """Return the addresses of a text that can be checked: on the public internet, and not of this site."""
    own = host_of_link(settings.SITE_URL)
    hosts = ((address, host_of_link(address)) for address in web_addresses(record))
    found = [
        address
        for address, host in hosts
        if host and host != own and host not in DRAWN_HOSTS and not is_reserved(host) and "@" not in _authority(address)
    ]
    return found[:MAX_LINKS]


def _authority(address: str) -> str:
    return urlsplit(address).netloc


def scan_links(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Write the occurrences of posts whose texts are new or went live since the last scan; return how many posts.

    Works in sets of CHUNK; if stopped, it continues there. The first scan reads every post.
    """
    scan, _ = TextScan.objects.get_or_create(name=SCAN)
    posts = 0
    rows = Revision.objects.values_list("pk", "post_id")
    for chunk in in_chunks(rows, size=CHUNK, after=begin_of_scan(scan.revision_id)):
        ids = sorted({post for _, post in chunk})
        posts += len(ids)
        write_occurrences(ids)
        TextScan.objects.filter(name=SCAN, revision_id__lt=chunk[-1][0]).update(revision_id=chunk[-1][0])
        on_checkpoint()
    for stale in in_chunks(StaleLinks.objects.values_list("pk", "post_id"), size=CHUNK):
        ids = sorted({post for _, post in stale})
        posts += len(ids)
        write_occurrences(ids)
        StaleLinks.objects.filter(pk__in=[pk for pk, _ in stale]).delete()
        on_checkpoint()
    return posts


@transaction.atomic
def write_occurrences(post_ids: Sequence[int]) -> None:
    """Store which addresses the proposed and live texts of posts name, and no others. New ones are due at once."""
    texts = Post.objects.filter(pk__in=post_ids).order_by("pk")
    wanted: dict[int, set[str]] = {}
    live = F("live_revision__snapshot")
    # Mostly both are one text, which is read once.
    other = texts.exclude(live_revision=None).exclude(live_revision=F("head_revision"))
    for rows in (
        texts.values_list("pk", "head_revision__snapshot"),
        other.annotate(text=live).values_list("pk", "text"),
    ):
        for pk, snapshot in rows.iterator(chunk_size=20):
            wanted.setdefault(pk, set()).update(checked_addresses(snapshot) if snapshot else ())
    ids = _stored({address for addresses in wanted.values() for address in addresses})
    named = {(post, ids[address]) for post, addresses in wanted.items() for address in addresses}
    known = {
        (post, address): pk
        for pk, post, address in LinkOccurrence.objects.filter(post__in=post_ids).values_list(
            "pk", "post_id", "address_id"
        )
    }
    gone = [pk for pair, pk in known.items() if pair not in named]
    for at in range(0, len(gone), TOGETHER):
        LinkOccurrence.objects.filter(pk__in=gone[at : at + TOGETHER]).delete()
    LinkOccurrence.objects.bulk_create(
        [LinkOccurrence(post_id=post, address_id=address) for post, address in sorted(named - known.keys())],
        ignore_conflicts=True,
        batch_size=TOGETHER,
    )


def _stored(addresses: Iterable[str]) -> dict[str, int]:
    """Return {address: primary key} of all these, after adding those that are new."""
    digests = {digest_of(address): address for address in addresses}
    found = _known(digests)
    new = {digest: address for digest, address in sorted(digests.items()) if address not in found}
    if not new:
        return found
    now = timezone.now()
    names = {digest: _authority(address)[:260].lower() for digest, address in new.items()}
    hosts = sorted(set(names.values()))
    LinkHost.objects.bulk_create([LinkHost(name=name) for name in hosts], ignore_conflicts=True, batch_size=TOGETHER)
    host_ids: dict[str, int] = {}
    for at in range(0, len(hosts), TOGETHER):
        some = LinkHost.objects.filter(name__in=hosts[at : at + TOGETHER])
        host_ids |= dict(some.values_list("name", "pk"))
    LinkAddress.objects.bulk_create(
        [
            LinkAddress(digest=digest, address=address, host_id=host_ids[names[digest]], due_at=now)
            for digest, address in new.items()
        ],
        ignore_conflicts=True,
        batch_size=TOGETHER,
    )
    for at in range(0, len(hosts), TOGETHER):
        LinkHost.objects.filter(name__in=hosts[at : at + TOGETHER]).wake(now)
    return found | _known(new)


def _known(digests: dict[str, Any]) -> dict[str, int]:
    keys, found = list(digests), dict[str, int]()
    for at in range(0, len(keys), TOGETHER):
        rows = LinkAddress.objects.filter(digest__in=keys[at : at + TOGETHER])
        found |= dict(rows.values_list("address", "pk"))
    return found


def forget_unused_addresses(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Delete addresses that no text names any more, and hosts without addresses; return how many addresses."""
    count = 0
    unused = LinkAddress.objects.filter(~Exists(LinkOccurrence.objects.filter(address=OuterRef("pk"))))
    for ids in in_chunks(unused.values_list("pk", flat=True), size=TOGETHER):
        with transaction.atomic():
            # A scan that runs meanwhile may have found one of them again.
            count += unused.filter(pk__in=ids).delete()[1].get("posts.LinkAddress", 0)
        on_checkpoint()
    empty = LinkHost.objects.filter(~Exists(LinkAddress.objects.filter(host=OuterRef("pk"))), Q(due_at=None))
    for ids in in_chunks(empty.values_list("pk", flat=True), size=TOGETHER):
        empty.filter(pk__in=ids).delete()
        on_checkpoint()
    return count
