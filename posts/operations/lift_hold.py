from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.errors import Refused, checked_words, require
from posts.models import HoldReason, ImportBatch, Post, PostHold
from posts.operations.frame import Change, changing_posts, note, operating

CHUNK = 500
_HOLDS = PostHold.objects.filter(post=OuterRef("pk"))
# After a release here, the source no longer decides.
_UNRELEASED = Q(live_revision=None, first_published_at=None)


@dataclass(frozen=True)
class LiftPlan:
    """What lifting a hold reason would do, in numbers of posts."""

    frees: int  # no other reason holds them: they become visible like every unreviewed post
    stay_held: int  # for another reason
    were_released: int  # a person released them before, so they stay as they are

    @property
    def lifts(self) -> int:
        return self.frees + self.stay_held

    @property
    def shows(self) -> bool:
        """Whether readers will see the freed posts at their addresses (never in a list)."""
        return bool(settings.UNREVIEWED_POSTS == "unlisted")


def held_by_reason(batch: ImportBatch) -> list[tuple[HoldReason, int]]:
    """Return [(HoldReason, posts)] of the posts held because of `batch`, most frequent first."""
    standing = PostHold.objects.filter(batch=batch, lifted_at=None, post__held=True)
    counts = dict(standing.values_list("reason").annotate(Count("pk")).order_by())
    if unrecorded := _without_reasons(batch).count():
        counts[HoldReason.NOT_RECORDED] = counts.get(HoldReason.NOT_RECORDED, 0) + unrecorded
    return sorted(((HoldReason(reason), count) for reason, count in counts.items()), key=lambda item: -item[1])


def plan_lift(batch: ImportBatch, reason: HoldReason) -> LiftPlan:
    """Return the LiftPlan of a HoldReason of `batch` as things are now."""
    others = Q(Exists(_HOLDS.filter(lifted_at=None).exclude(reason=reason)))
    counts = _held_for(batch, reason).aggregate(
        frees=Count("pk", filter=_UNRELEASED & ~others),
        stay_held=Count("pk", filter=_UNRELEASED & others),
        were_released=Count("pk", filter=~_UNRELEASED),
    )
    return LiftPlan(**counts)


def lift_hold(
    batch: ImportBatch,
    reason: str,
    *,
    by: User | None,
    why: str = "",
    on_chunk: Callable[[int], object] | None = None,
    shield: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> int:
    """Lift one hold reason for all posts of an import; return how many are no longer held.

    A post without another hold reason is then visible like every unreviewed post. Nothing becomes indexable: each
    post still needs an approval, and a released post stays as it is. Works in chunks; if stopped, another call
    continues. on_chunk(posts so far) is called after each.
    """
    require(by, "import_posts")
    reason = HoldReason(reason)
    why = checked_words(why, name="The reason")
    if not plan_lift(batch, reason).lifts:
        raise Refused(f"No post of import {batch.pk} is held for this reason: {reason.label.lower()}.")
    with operating():
        note("lifting of a hold started", by=by, detail=f"{batch}: {reason.label}. {why}".strip())
    freed = taken = 0
    held = _held_for(batch, reason).filter(_UNRELEASED)
    for ids in in_chunks(held.values_list("pk", flat=True), size=CHUNK):
        # Checked again under the lock: somebody may have released one of them meanwhile.
        posts = held.filter(pk__in=ids).select_related("head_revision")
        posts = posts.only("first_batch_id", "live_revision_id", "head_revision__fingerprint")
        # No hold has to do with the place in the queue.
        with shield(), operating(), changing_posts(posts, by=by, ranks=False) as changes:
            freed += _lift(changes, batch, reason, by=by, why=why)
        taken += len(ids)
        if on_chunk:
            on_chunk(taken)
    with operating():
        note("hold lifted", by=by, detail=f"{batch}: {reason.label}, {freed:,} posts freed")
    return freed


def _lift(changes: list[Change], batch: ImportBatch, reason: HoldReason, *, by: User | None, why: str) -> int:
    """Lift a reason of locked posts; return how many are no longer held."""
    posts, now = [change.post for change in changes], timezone.now()
    ids = [post.pk for post in posts]
    lifted = {"lifted_at": now, "lifted_by": by}
    PostHold.objects.filter(post__in=ids, reason=reason, lifted_at=None).update(**lifted)
    known = set(PostHold.objects.filter(post__in=ids, reason=reason).values_list("post_id", flat=True))
    PostHold.objects.bulk_create(
        PostHold(post=post, batch=batch, reason=reason, **lifted) for post in posts if post.pk not in known
    )
    standing = set(PostHold.objects.filter(post__in=ids, lifted_at=None).values_list("post_id", flat=True))
    for change in changes:
        if change.post.pk not in standing:
            change.post.held = False
        change.note("hold lifted", revision=change.post.head_revision, detail=f"{reason.label}. {why}".strip())
    return len(ids) - len(standing)


def _held_for(batch: ImportBatch, reason: HoldReason) -> QuerySet[Post]:
    """Return the posts that are held for a reason because of `batch`."""
    said = Q(Exists(_HOLDS.filter(batch=batch, reason=reason, lifted_at=None)))
    if reason == HoldReason.NOT_RECORDED:
        said |= Q(first_batch=batch) & ~Q(Exists(_HOLDS))
    return Post.objects.filter(said, held=True)


def _without_reasons(batch: ImportBatch) -> QuerySet[Post]:
    return Post.objects.filter(~Exists(_HOLDS), first_batch=batch, held=True)
