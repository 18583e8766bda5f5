"""Reads new texts, whatever way they came in, and all texts again after a change of the checks.

Revisions are numbered as they are made and never change, so the newest number seen is the whole checkpoint.
"""

import time
from collections.abc import Callable, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef

from posts.content_checks.registry import checks_key
from posts.content_checks.stored import check_revisions
from posts.db.keyset import in_chunks
from posts.db.settled import begin_of_scan
from posts.models import CheckResult, Post, QueueEntry, Revision, TextScan
from posts.related.near_duplicates import sketch_posts

CHUNK = 200


def scan_new_texts(*, from_start: bool = False, on_checkpoint: Callable[[], object] = lambda: None) -> tuple[int, int]:
    """Store findings and near-duplicates of texts newer than the checkpoint; return (checked, sketched).

    Works in sets of CHUNK; if stopped, it continues there. on_checkpoint: called between sets, may raise. from_start:
    read all texts, also earlier ones of a post, that have nothing stored or in which a check failed.
    """
    scan, _ = TextScan.objects.get_or_create(name="texts")
    begin = 0 if from_start else begin_of_scan(scan.revision_id)
    checked = sketched = 0
    for rows in in_chunks(Revision.objects.values_list("pk", "post_id"), size=CHUNK, after=begin):
        ids, posts = zip(*rows, strict=True)
        checked += check_revisions(ids, failed_too=from_start)
        sketched += sketch_posts(sorted(set(posts)))
        with transaction.atomic():
            TextScan.objects.filter(name="texts", revision_id__lt=ids[-1]).update(revision_id=ids[-1])
        on_checkpoint()
    return checked, sketched


def check_again(*, seconds: float = 30, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Let the checks that have changed read the texts of posts again; return how many texts they read.

    Pending posts come first. A call works for about `seconds` and the next one continues. When all is done, a call
    reads two checkpoints and looks for newer posts. on_checkpoint: called between sets, may raise.
    """
    key, ends, checked = checks_key(), time.monotonic() + seconds, 0
    walks = {f"{key} pending": QueueEntry.objects.all(), f"{key} all": Post.objects.all()}
    TextScan.objects.filter(name__regex=r"^[0-9a-f]{16} ").exclude(name__in=walks).delete()
    for name, rows in walks.items():
        scan, _ = TextScan.objects.get_or_create(name=name)
        for found in in_chunks(rows.values_list("pk", flat=True), size=CHUNK, after=scan.revision_id):
            checked += _check_posts_again(found)
            with transaction.atomic():
                TextScan.objects.filter(name=name, revision_id__lt=found[-1]).update(revision_id=found[-1])
            on_checkpoint()
            if time.monotonic() > ends:
                return checked
    return checked


def _check_posts_again(posts: Sequence[int]) -> int:
    """Check the proposed and the live texts of these posts; have those ranked again whose results are new."""
    heads = dict(Post.objects.filter(pk__in=posts, head_revision__isnull=False).values_list("pk", "head_revision_id"))
    live = Post.objects.filter(pk__in=posts, live_revision__isnull=False).values_list("live_revision_id", flat=True)
    checked = check_revisions(sorted({*heads.values(), *live}))
    if checked:
        read = CheckResult.objects.filter(checks_key=checks_key(), fingerprint=OuterRef("fingerprint"))
        QueueEntry.objects.filter(Exists(read), pk__in=heads).update(is_complete=False)
    return checked
