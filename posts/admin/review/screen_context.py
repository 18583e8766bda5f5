"""What the review screen shows of one post: risk reasons, changes, obstacles, and the next item."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from posts.admin.lists import status_badge
from posts.admin.posts.diff import comparison_context
from posts.admin.review.answers import answers_context
from posts.admin.review.decisions import review_address
from posts.admin.review.state import approving_does, holds_of, review_state
from posts.content_checks import failed_required, registered_checks
from posts.content_checks.code import counts_of
from posts.content_checks.registry import Finding, Results, Unread
from posts.content_checks.stored import block_results_of, results_of_post
from posts.db.keyset import Cursor
from posts.diff import default_pair
from posts.models import Notification, Post, QueueEntry, Review, ReviewFlag, Revision
from posts.models.four_eyes import Eyes, eyes_on, missing_decision, own_text_obstacles
from posts.operations import Answers, Decision, approval_obstacles
from posts.operations.preview_links import answers_about
from posts.operations.remarks import open_remarks
from posts.operations.review import can_be_decided, repeats_live
from posts.operations.saved_views import keys_are_on
from posts.operations.undo import UNDO_FOR, undo_ends_at, undo_obstacles, undo_warning
from posts.records.schema import RecordDict
from posts.rendering.blocks import blocks_of
from posts.rendering.images import is_allowed_image_url
from posts.review_queue.claims import HOLD, claimed_by_another
from posts.review_queue.counts import capped_counts, decisions_of, short_count, start_of
from posts.review_queue.order import ORDER, QueueView, cursor_of, next_item, previous_item
from posts.review_queue.rows import reasons_of_entry

FRAME = "preview"
HISTORY_LENGTH = 8
MARKS_OPEN = 40
LINKS_SHOWN = 200
COUNTED_AS = {"parsed": "parsed", "fragment": "read as fragments", "broken": "broken", "unread": "not checked"}
# Reasons in the order of their numbers on the screen; Review.ReasonCode.NONE is no reason.
REASONS = [(code.value, code.label) for code in Review.ReasonCode if code.value]
# Which part of the evidence tells more about a reason of the queue.
EVIDENCE = {
    "source": "asked", "flag": "asked", "reports": "asked",
    "twin": "checks", "check": "checks", "code": "checks", "claims": "checks", "images": "checks",
    "changed": "changes", "part": "history", "origin": "history", "generator": "history", "waiting": "history",
}  # fmt: skip


class Typed(TypedDict, total=False):
    """What a refused form contained, or one that was sent after its session ended."""

    post: int
    fingerprint: str
    reason: str
    note: str
    own_text_reason: str
    comment: str
    reason_code: str
    expected_result: str
    rollback_note: str
    answers: dict[str, str]
    guideline: int | None
    flags_seen: list[int]
    opened: int | None
    panel: str


@dataclass(frozen=True)
class Tab:
    """A way to look at the preview: a link into the frame."""

    label: str
    address: str
    is_here: bool = False


def screen_context(
    post: Post,
    *,
    by: User,
    view: QueueView,
    place: Cursor | None,
    typed: Typed | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return the context of admin/review/screen.html, except for the frame of the admin.

    place: where the post is or was in the queue, or None. typed: what a refused form contained, as read by
    posts.admin.review.screen (answers, comment, reason_code, panel, ...); it fills the forms again.
    """
    now, typed = now or timezone.now(), typed or {}
    entry = QueueEntry.objects.select_related("held_by", "assigned_to").filter(pk=post.pk).first()
    flags = list(post.review_flags.filter(cleared_at=None).select_related("raised_by"))
    found, unread = results_of_post(post)
    return {
        "post": post,
        "head": post.head_revision,
        "history": _history(post),
        "review_state": review_state(post),
        "open_remarks": open_remarks(post),
        "keys_on": keys_are_on(by),
        **_head(post, entry, by=by, now=now),
        **_preview(post),
        **_code_summary(post.head_revision),
        **_reasons_to_look(post, flags),
        **_findings(found, unread),
        **_content(post.head_revision, typed),
        **_decision(post, entry, by=by, flags=flags, checked=(found, unread), now=now),
        **_forms(post, flags, typed),
        **neighbouring_items(post, view=view, place=place, by=by, now=now),
        **undo_context(by, now=now),
    }


def _code_summary(revision: Revision) -> dict[str, Any]:
    """Return the counts beside the checks: how many code blocks were read, and with which result."""
    results = block_results_of(revision)
    counts = counts_of(result.state for result in results or ())
    return {
        "code_counts": [f"{count} {COUNTED_AS[state]}" for state, count in counts.items()],
        "code_address": reverse("admin:review_code", args=[revision.pk]) if counts else "",
    }


def _reasons_to_look(post: Post, flags: list[ReviewFlag]) -> dict[str, Any]:
    return {
        "flags": flags,
        "flags_seen": ",".join(str(flag.pk) for flag in flags),
        "reports": list(post.reader_reports.filter(answered_at=None)[:20]),
        "preview_answers": answers_about(post),
    }


def _findings(found: list[Finding], unread: list[Unread]) -> dict[str, Any]:
    """Return what the checks found, what they could not read, and which of them have nothing to say."""
    told, partly = {finding.check for finding in found}, {gap.check for gap in unread}
    return {
        "stopping": [finding for finding in found if finding.stops],
        "advising": [finding for finding in found if not finding.stops],
        "unread": unread,
        "partly": len(partly),
        "failed_required": failed_required(unread),
        "fine": [name for name in registered_checks() if name not in told | partly],
    }


def _content(revision: Revision, typed: Typed) -> dict[str, Any]:
    """Return what a reviewer goes through one by one."""
    answers = Answers(typed.get("answers", {}), typed.get("guideline"))
    return {
        "links": _links(revision.snapshot),
        "images": _images(revision.snapshot),
        "own_checklist": revision.snapshot.get("checklist", ()),
        **answers_context(revision.snapshot, answers, opened=typed.get("opened")),
    }


def _decision(
    post: Post, entry: QueueEntry | None, *, by: User, flags: list[ReviewFlag], checked: Results, now: datetime
) -> dict[str, Any]:
    """Return what `by` may decide, what prevents it, and what it would do."""
    may_decide, is_due = by.has_perm("posts.review_post"), can_be_decided(post)
    eyes, holds = eyes_on(post, post.head_revision), holds_of(post)
    obstacles, approving = [], ""
    if may_decide and is_due:
        obstacles = _obstacles(post, eyes, by=by, flags=flags, checked=checked)
        approving = approving_does(post, eyes, by=by, holds=holds)
    standing = claimed_by_another(entry, by=by, now=now) if entry else None
    can_decide = may_decide and is_due and not standing
    return {
        "standing": standing,
        "holds": holds,
        "obstacles": obstacles,
        "is_due": is_due,
        "confirms": repeats_live(post),
        "missing_decision": missing_decision(eyes) if is_due else "",
        "approving": approving,
        "can_decide": can_decide,
        "points_are_off": not can_decide,
        "may_decide": may_decide,
        "may_flag": by.has_perm("posts.flag_post"),
        "may_edit": by.has_perm("posts.change_post"),
        "asks_own_text_reason": by.is_superuser and any(kind == "own" for kind, _, _ in obstacles),
    }


def _forms(post: Post, flags: list[ReviewFlag], typed: Typed) -> dict[str, Any]:
    """Return what the forms offer, and what stands in them already."""
    return {
        "reasons": REASONS,
        "flag_reasons": [(reason.value, reason.label) for reason in ReviewFlag.BY_PEOPLE],
        "typed": typed,
        "expected_result": typed.get("expected_result", settings.RELEASE_EXPECTED_RESULT),
        "rollback_note": typed.get("rollback_note", settings.RELEASE_ROLLBACK_NOTE),
        "says_edits": _says(post, flags, "goes back to its editors"),
        "says_reject": _says(post, flags, "is rejected"),
    }


def _says(post: Post, flags: Sequence[ReviewFlag], what: str) -> str:
    """Return what turning the text down will do."""
    if post.is_live:
        readers = f"readers keep {post.released_revision.version}"
    elif post.visible_revision is None:
        readers = "readers see no page, as before"
    elif what == "is rejected":
        readers = "readers will see no page"
    else:
        readers = "readers still see it, marked as not approved"
    count = len(flags)
    kept = f"; {count} flag{'s stay' if count > 1 else ' stays'} open" if flags else ""
    return f"{post.head_revision.version} {what}; {readers}{kept}."


def _head(post: Post, entry: QueueEntry | None, *, by: User, now: datetime) -> dict[str, Any]:
    held_until = entry.held_until if entry and entry.held_by_id == by.pk else None
    return {
        "entry": entry,
        "badge": status_badge(post.head_revision),
        "why_here": [
            (reason, EVIDENCE.get(reason.code, "history")) for reason in reasons_of_entry(entry, now=now)
        ] if entry else [],
        "held_until": held_until if held_until and held_until > now else None,
        "hold_minutes": int(HOLD.total_seconds() // 60),
    }  # fmt: skip


def _preview(post: Post) -> dict[str, Any]:
    """Return the tabs, the first address of the frame, and the comparison with numbered marks, if there is one."""
    head, pair = post.head_revision, default_pair(post)
    preview = reverse("admin:posts_revision_preview", args=[head.pk])
    source = reverse("admin:review_source", args=[head.pk])
    tabs = [Tab("As readers will see it", preview), Tab("Source", source)]
    if post.live_revision_id and post.live_revision_id != head.pk:
        tabs.insert(1, Tab("Live now", reverse("admin:posts_revision_preview", args=[post.live_revision_id])))
    context: dict[str, Any] = {"frame": FRAME, "pair": pair, "comparison": None, "start": preview, "marked": ""}
    if pair:
        old, new = pair
        numbers = f"?old={old.number}&new={new.number}"
        marked = reverse("admin:posts_post_marked", args=[post.pk]) + numbers
        sides = Tab("Side by side", reverse("admin:review_sides", args=[post.pk]) + numbers)
        compared = comparison_context(post, old, new)["comparison"]
        tabs = [Tab("Changes highlighted", marked), *tabs[:-1], sides, tabs[-1]]
        marks = compared.marks
        context |= {
            "comparison": compared,
            "marked": marked,
            "marks": marks[:MARKS_OPEN],
            "more_marks": marks[MARKS_OPEN:],
            "start": f"{marked}#mark-1" if marks else preview,
            "against_live": old.pk == post.live_revision_id,
        }
    first = context["start"].partition("#")[0]
    return context | {"tabs": [Tab(tab.label, tab.address, tab.address == first) for tab in tabs]}


def _obstacles(
    post: Post, eyes: Eyes, *, by: User, flags: Sequence[ReviewFlag], checked: Results
) -> list[tuple[str, str, str]]:
    """Return [(kind, words, part of the evidence)] of the obstacles besides missing answers."""
    decision = Decision(Review.Outcome.APPROVED, flags_seen=[flag.pk for flag in flags])
    said = approval_obstacles(post, decision, by=by, eyes=eyes, checked=checked)
    own = own_text_obstacles(post.head_revision, eyes, by=by)
    stops = {finding.message for finding in checked[0] if finding.stops}
    failing = [words for words in said if words in stops]
    kinds = []
    if failing:
        count = len(failing)
        words = "1 required check fails" if count == 1 else f"{count} required checks fail"
        kinds.append(("check", words, "checks"))
    return kinds + [
        ("own" if words in own else "state", words.rstrip("."), "history") for words in said if words not in stops
    ]


def _links(snapshot: RecordDict) -> list[str]:
    """Return the addresses that the text links to, each once, in order; at most LINKS_SHOWN."""
    found: dict[str, None] = {}
    for field in ("intro", "body"):
        for block in blocks_of(snapshot.get(field, ""))[0]:
            for style in block.styles:
                if style.address and not style.is_image:
                    found.setdefault(style.address)
    return list(found)[:LINKS_SHOWN]


def _images(snapshot: RecordDict) -> list[tuple[int, RecordDict, bool]]:
    return [
        (number, image, is_allowed_image_url(image["url"], settings.IMAGE_HOSTS))
        for number, image in enumerate(snapshot.get("image_sources", ()), 1)
    ]


def _history(post: Post) -> list[tuple[Revision, list[Review]]]:
    """Return the newest texts of the post with the decisions about each, newest first."""
    texts = list(post.revisions.select_related("author", "batch").defer("snapshot")[:HISTORY_LENGTH])
    decided: dict[int, list[Review]] = {}
    for review in Review.objects.filter(revision__in=texts).select_related("reviewer").order_by("-pk"):
        decided.setdefault(review.revision_id, []).append(review)
    return [(text, decided.get(text.pk, [])) for text in texts]


def neighbouring_items(
    post: Post | None, *, view: QueueView, place: Cursor | None, by: User, now: datetime | None = None
) -> dict[str, Any]:
    """Return the items before and after a place of the queue, its position, and today's decisions."""
    now = now or timezone.now()
    following = next_item(view, place, by=by, now=now)
    # A post opened from elsewhere has no place, so the queue starts at its top.
    if following is not None and post is not None and following.pk == post.pk:
        following = next_item(view, cursor_of(post.pk), by=by, now=now)
    earlier = previous_item(view, place, by=by, now=now) if place else None
    entries = view.entries(by=by, now=now)
    unread = Notification.objects.unread_by(by)
    counts = capped_counts([entries, unread, *([ORDER.before(entries, place)] if place else [])])
    return {
        "view": view,
        "view_query": view.query(),
        "place": place or "",
        "next": following,
        "next_address": review_address(following.pk, view) if following else "",
        "previous": earlier,
        "previous_address": review_address(earlier.pk, view) if earlier else "",
        "waiting": short_count(counts[0]),
        # The number of pending posts only where the view is the whole queue.
        "nav_counts": {"my_work": counts[1]} | ({} if view.query() else {"queue": counts[0]}),
        "position": short_count(counts[2] + 1) if place else "",
        "decided_today": sum(decisions_of(by, since=start_of(timezone.localdate(now))).values()),
    }


def undo_context(by: User, *, now: datetime | None = None) -> dict[str, Any]:
    """Return the last decision of `by` that can be undone, in words; empty if there is none."""
    now = now or timezone.now()
    review = (
        Review.objects.filter(reviewer=by, created_at__gt=now - UNDO_FOR, undone_at=None)
        .exclude(way_back=None)
        .select_related("revision")
        .defer("revision__snapshot")
        .order_by("-pk")
        .first()
    )
    if review is None:
        return {"undo": None}
    post = Post.objects.with_texts().get(pk=review.revision.post_id)
    if undo_obstacles(review, post, now=now):
        return {"undo": None}
    return {
        "undo": review,
        "undo_post": post,
        "undo_warning": undo_warning(review),
        "undo_until": undo_ends_at(review),
        "undo_words": outcome_words(post, review),
    }


def outcome_words(post: Post, review: Review) -> str:
    """Return what a decision did for readers and search engines, in a sentence or two."""
    version = review.revision.version
    if review.outcome == Review.Outcome.APPROVED_IN_PART:
        return missing_decision(eyes_on(post, review.revision))
    if review.outcome == Review.Outcome.APPROVED:
        if post.live_revision_id != review.revision_id:
            return "Readers see it when it is released."
        if post.is_indexable:
            return "Readers see it. Search engines may index it."
        return f"Readers see it. It is closed to search engines: {', '.join(post.index_obstacles)}."
    if post.is_live:
        return f"Readers keep {post.released_revision.version}."
    if review.outcome == Review.Outcome.REJECTED:
        return "Readers see no page." if post.visible_revision is None else "Readers see an unreviewed revision."
    return f"Readers see {version} marked as not approved." if post.visible_revision else "Readers see no page."
