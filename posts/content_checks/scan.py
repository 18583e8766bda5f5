"""Reads new texts, whatever way they came in, and all texts again after a change of the checks.

Revisions are numbered as they are made and never change, so keys are the whole checkpoint. Workers share these walks.
"""

import time
from collections.abc import Callable, Sequence

from django.db.models import Exists, OuterRef

from posts.content_checks.registry import checks_key
from posts.content_checks.stored import check_revisions
from posts.db.settled import begin_of_scan
from posts.db.shared_walk import SharedWalk
from posts.models import CheckResult, Post, QueueEntry, Revision, TextScan, WalkPart
from posts.related.near_duplicates import sketch_posts

CHUNK = 200
NEW_TEXTS = SharedWalk("texts", lambda _: Revision.objects.all(), CHUNK, begin=begin_of_scan)
ALL_TEXTS = SharedWalk("texts from the start", lambda _: Revision.objects.all(), CHUNK, begin=lambda _: 0)


def scan_new_texts(
    *,
    from_start: bool = False,
    joins: bool = False,
    on_checkpoint: Callable[[], object] = lambda: None,
    on_more: Callable[[], object] = lambda: None,
) -> tuple[int, int]:
    """Store findings and near-duplicates of texts newer than the checkpoint; return (checked, sketched).

    Works in sets of CHUNK; if stopped, it continues there. from_start: read all texts, also earlier ones of a post,
    that have nothing stored or in which a check failed. joins, on_checkpoint, on_more: as for SharedWalk.work_off().
    """
    checked = sketched = 0

    def read(ids: list[int]) -> int:
        nonlocal checked, sketched
        posts = Revision.objects.filter(pk__in=ids).order_by("post").values_list("post", flat=True).distinct()
        new = check_revisions(ids, failed_too=from_start), sketch_posts(posts)
        checked, sketched = checked + new[0], sketched + new[1]
        return max(new)

    walk = ALL_TEXTS if from_start else NEW_TEXTS
    walk.work_off(read, joins=joins, on_checkpoint=on_checkpoint, on_more=on_more)
    return checked, sketched


def check_again(
    *,
    seconds: float = 30,
    on_checkpoint: Callable[[], object] = lambda: None,
    on_more: Callable[[], object] = lambda: None,
) -> int:
    """Let the checks that have changed read the texts of posts again; return how many texts they read.

    Pending posts come first. A call works for about `seconds` and the next one continues. When all is done, a call
    reads two checkpoints and looks for newer posts. on_checkpoint, on_more: as for SharedWalk.work_off().
    """
    key, end, checked = checks_key(), time.monotonic() + seconds, 0
    walks = [
        SharedWalk(f"{key} pending", lambda _: QueueEntry.objects.all(), CHUNK),
        SharedWalk(f"{key} all", lambda _: Post.objects.all(), CHUNK),
    ]
    names = [walk.name for walk in walks]
    TextScan.objects.filter(name__regex=r"^[0-9a-f]{16} ").exclude(name__in=names).delete()
    WalkPart.objects.filter(walk__regex=r"^[0-9a-f]{16} ").exclude(walk__in=names).delete()
    for walk in walks:
        checked += walk.work_off(
            _check_posts_again,
            on_checkpoint=on_checkpoint,
            on_more=on_more,
            ends=lambda: time.monotonic() > end,
        )
        if time.monotonic() > end:
            break
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
