"""Undo of a decision: for ten minutes, by the person who made it, and only while nothing newer depends on it.

A decision stores how the post was before and after it (`Review.way_back`). Undo makes entries of its own: the
approval is revoked, a Release says what readers see again, and the audit trail gets an entry. Nothing is erased.
"""

import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from posts.errors import NotAllowed, Refused, require_person, require_within_limits
from posts.listing.article_html import store_article
from posts.models import DecisionEvent, Post, QueueEntry, Release, Review, ReviewFlag, Revision
from posts.operations.decision_events import note_decisions
from posts.operations.frame import Change, changing, operation
from posts.operations.rolled_back import rolled_back_import, rolled_back_obstacles, rolled_back_warning
from posts.operations.transitions import PAGE_STEPS, page_state, take_step

UNDO_FOR = datetime.timedelta(minutes=10)
STEPS_BACK = {Revision.Status.DRAFTED: "undo, to drafted", Revision.Status.IN_REVIEW: "undo, to in review"}
_MOMENTS = ("first_published_at", "last_published_at", "withdrawn_at")
# Reported in other words, or no reason to refuse.
_ELSEWHERE = ("flags", "awaits_review", "queue")
_COLUMNS = ("live_revision_id", "live_approval_id", "awaits_review", "held", "closed_until_decided")
# Decisions from before this column don't have it.
_MISSING = {"closed_until_decided": False}


def state_of(post: Post) -> dict[str, Any]:
    """Return the state of a locked `post` that a decision may change, and its open flags, as a JSON dict."""
    moments = {name: value.isoformat() if (value := getattr(post, name)) else None for name in _MOMENTS}
    return {
        "head_revision_id": post.head_revision_id,
        "head_status": str(post.head_revision.status),
        **{name: getattr(post, name) for name in _COLUMNS},
        **moments,
        "flags": list(post.review_flags.filter(cleared_at=None).order_by("pk").values_list("pk", flat=True)),
        "release": post.releases.order_by("-pk").values_list("pk", flat=True).first(),
        "queue": _place_in_queue(post),
    }


def _place_in_queue(post: Post) -> list[Any] | None:
    """Return since when the post is pending and who it is assigned to, as JSON; None if it is not pending."""
    entry = QueueEntry.objects.filter(pk=post.pk).values_list("waiting_since", "assigned_to_id").first()
    return [entry[0].isoformat(), entry[1]] if entry else None


def store_undo_data(review: Review, *, post: Post, before: dict[str, Any]) -> None:
    """Store with a new decision how `post` was `before` it and how it is now."""
    review.way_back = {"before": before, "after": state_of(post)}
    review.save(update_fields=["way_back"])


def undo_ends_at(review: Review) -> datetime.datetime:
    """Return the aware datetime from which a decision can't be undone."""
    return review.created_at + UNDO_FOR


def undo_obstacles(review: Review, post: Post, *, now: datetime.datetime | None = None) -> list[str]:
    """Return in words everything that prevents undoing `review` of `post`; empty if nothing does."""
    if review.undone_at:
        return ["The decision has already been undone."]
    if not review.way_back:
        return ["This decision was made before undo existed. Make a new decision."]
    version, after = review.revision.version, _MISSING | review.way_back["after"]
    obstacles = []
    if (now or timezone.now()) >= undo_ends_at(review):
        obstacles.append("Ten minutes have passed. Roll back or make a new decision.")
    if review.outcome == Review.Outcome.APPROVED and review.revoked_at:
        obstacles.append(f"The approval of {version} has already been revoked.")
    if Review.objects.filter(revision__post=post.pk, pk__gt=review.pk, undone_at=None).exists():
        obstacles.append("Somebody has decided about this post since then.")
    if post.head_revision_id != after["head_revision_id"]:
        obstacles.append(f"{post.head_revision.version} has been saved since then.")
    elif post.head_revision.status != after["head_status"] or post.awaits_review != after["awaits_review"]:
        obstacles.append(f"{post.head_revision.version} is now {post.head_revision.status_words}.")
    now_stands = {name: value for name, value in state_of(post).items() if name not in _ELSEWHERE}
    if any(now_stands[name] != after[name] for name in now_stands if not name.startswith("head_")):
        obstacles.append("What readers see has changed since then.")
    plans = post.scheduled_releases.filter(state="waiting", revision=review.revision_id)
    if plans.filter(made_at__gte=review.created_at).exists():
        obstacles.append(f"A release of {version} is planned. Cancel it first.")
    return obstacles


def text_before(review: Review) -> tuple[Revision | None, Review | None]:
    """Return (the Revision that undoing `review` would bring back to readers, its approval).

    (None, None) if readers keep seeing what they see.
    """
    before, after = (review.way_back or {}).get("before", {}), (review.way_back or {}).get("after", {})
    if before.get("release") == after.get("release") or not before["live_revision_id"]:
        return None, None
    approval = Review.objects.filter(pk=before["live_approval_id"]).first()
    return Revision.objects.select_related("post").get(pk=before["live_revision_id"]), approval


def undo_warning(review: Review) -> str:
    """Return in words what a person must confirm before they undo `review`, or ""."""
    return rolled_back_warning(*text_before(review))


@operation
def undo_decision(
    review: Review, *, by: User, despite_rollback: bool = False, now: datetime.datetime | None = None
) -> Review:
    """Undo `review`: text, queue, flags, page and index return to their state before it; return the Review.

    Only within ten minutes, by the same person, with nothing newer; otherwise Refused with every reason. A flag
    raised meanwhile stays open. despite_rollback: as in release_revision(), for the text that readers see again. now:
    an aware datetime, by default the present.
    """
    require_person(by, "review_post")
    now = now or timezone.now()
    post = Review.objects.select_related("revision__post").get(pk=review.pk).revision.post
    with changing(post, by=by) as change:
        review = Review.objects.select_related("revision").get(pk=review.pk)
        if review.reviewer_id != by.pk:
            raise NotAllowed(f"{review.reviewer} made this decision. Nobody else can undo it.")
        require_within_limits(by, change.post)
        if obstacles := undo_obstacles(review, change.post, now=now):
            raise Refused(*obstacles)
        if obstacles := rolled_back_obstacles(*text_before(review), despite_rollback=despite_rollback):
            raise Refused(*obstacles)
        _undo(change, review, now)
    return review


def _undo(change: Change, review: Review, now: datetime.datetime) -> None:
    post, by = change.post, change.by
    before, after = _MISSING | review.way_back["before"], review.way_back["after"]
    released = before["release"] != after["release"]
    if released and page_state(post) not in PAGE_STEPS[_page_step(before)]:
        raise Refused(f"The page is {page_state(post)}; no release can be undone.")
    review.undone_at, review.undone_by = now, by
    if review.outcome == Review.Outcome.APPROVED:
        review.revoked_at, review.revoked_by = now, by
    review.save(update_fields=["undone_at", "undone_by", "revoked_at", "revoked_by"])
    note_decisions([review.pk], DecisionEvent.Kind.UNDONE)
    if before["head_status"] != after["head_status"]:
        take_step(post.head_revision, STEPS_BACK[before["head_status"]])
    _reopen(set(before["flags"]) - set(after["flags"]))
    post.needs_human_review = post.review_flags.filter(cleared_at=None).exists()
    left = post.live_revision
    if released and before["live_revision_id"]:
        before["closed_until_decided"] = rolled_back_import(*text_before(review)) is not None
    for name in _COLUMNS:
        setattr(post, name, before[name])
    for name in _MOMENTS:
        setattr(post, name, parse_datetime(before[name]) if before[name] else None)
    if released:
        _note_return(post, left=left, by=by)
    change.place = before["queue"]
    change.note("decision undone", revision=post.head_revision, before=left, detail=review.get_outcome_display())


def _page_step(before: dict[str, Any]) -> str:
    return "undo the first release" if before["live_revision_id"] is None else "undo a later release"


def _reopen(flags: set[int]) -> None:
    ReviewFlag.objects.filter(pk__in=flags).update(cleared_at=None, cleared_by=None, clear_note="")


def _note_return(post: Post, *, left: Revision | None, by: User | None) -> None:
    """Record in the log of releases what readers see again, or that they see no released text."""
    if post.live_revision is not None:
        store_article(post.live_revision)
    Release.objects.create(
        post=post,
        kind=Release.Kind.UNDONE,
        revision=post.live_revision,
        before=left,
        owner=by,
        made_by=by,
        why="The approval was undone.",
    )
