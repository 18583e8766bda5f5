"""Reads new texts, whatever way they came in: stores their findings and their near-duplicates.

Revisions are numbered as they are made and never change, so the newest number seen is the whole checkpoint.
"""

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from posts.content_checks.stored import check_revisions
from posts.db.keyset import in_chunks
from posts.models import Revision, TextScan
from posts.related.near_duplicates import sketch_posts

CHUNK = 200
# Read again each time, whichever is more: a slow transaction may commit smaller numbers after a larger one was seen,
# and parallel imports take a thousand at once. A text that was already read costs one index lookup.
OVERLAP = 1_000
OVERLAP_TIME = timedelta(minutes=2)


def scan_new_texts(*, from_start: bool = False, on_checkpoint: Callable[[], object] = lambda: None) -> tuple[int, int]:
    """Store findings and near-duplicates of texts newer than the checkpoint; return (checked, sketched).

    Works in sets of CHUNK; if stopped, it continues there. on_checkpoint: called between sets, may raise. from_start:
    read all texts that have nothing stored, as after a change of the checks.
    """
    scan, _ = TextScan.objects.get_or_create(name="texts")
    begin = 0 if from_start else _begin(scan.revision_id)
    checked = sketched = 0
    for rows in in_chunks(Revision.objects.values_list("pk", "post_id"), size=CHUNK, after=begin):
        ids, posts = zip(*rows, strict=True)
        checked += check_revisions(ids)
        sketched += sketch_posts(sorted(set(posts)))
        with transaction.atomic():
            TextScan.objects.filter(name="texts", revision_id__lt=ids[-1]).update(revision_id=ids[-1])
        on_checkpoint()
    return checked, sketched


def _begin(seen: int) -> int:
    """Return the number after which a scan starts that has seen everything up to `seen`."""
    settled = Revision.objects.filter(pk__lte=seen, created_at__lt=timezone.now() - OVERLAP_TIME).order_by("-pk")
    return max(0, min(seen - OVERLAP, settled.values_list("pk", flat=True).first() or 0))
