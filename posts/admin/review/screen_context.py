"""What the review screen shows of one post: risk reasons, changes, obstacles, and the next item."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypedDict

from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from posts.admin.lists import status_badge
from posts.admin.review.answers import PointsAsked, points_shown
from posts.admin.review.decisions import review_address
from posts.admin.review.state import approving_does, holds_of, review_state
from posts.content_checks import failed_required, registered_checks
from posts.content_checks.code import counts_of
from posts.content_checks.link_states import stored_links
from posts.content_checks.registry import Finding, Results, Unread
from posts.content_checks.statements import Statement, statements_of
from posts.content_checks.stored import Stored, block_results_of, results_of_post
from posts.db.keyset import Cursor
from posts.diff import compare_records, default_pair
from posts.diff.comparison import Comparison, Mark
from posts.models import (
    Generator,
    Notification,
    Post,
    PostHold,
    PreviewAnswer,
    QueueEntry,
    ReaderReport,
    Review,
    ReviewFlag,
    Revision,
    StyleException,
)
from posts.models.four_eyes import Eyes, eyes_on, missing_decision, own_text_obstacles
from posts.models.review_limit import outside_words
from posts.operations import Answers, Decision, Refused, approval_obstacles
from posts.operations.preview_links import answers_about
from posts.operations.remarks import open_remarks
from posts.operations.review import can_be_decided, repeats_live
from posts.operations.undo import UNDO_FOR, undo_ends_at, undo_obstacles, undo_warning
from posts.records.schema import RecordDict
from posts.rendering.blocks import blocks_of
from posts.rendering.images import is_allowed_image_url
from posts.review_queue.claims import HOLD, claimed_by_another
from posts.review_queue.counts import capped_counts, decisions_of, short_count
from posts.review_queue.days import start_of
from posts.review_queue.order import ORDER, QueueView, cursor_of, next_item, previous_item
from posts.review_queue.rows import Reason, reasons_of_entry

FRAME = "preview"
HISTORY_LENGTH = 8
MARKS_OPEN = 40
LINKS_SHOWN = 200
COUNTED_AS = {"parsed": "parsed", "fragment": "read as fragments", "broken": "broken", "unread": "not checked"}
REPORTS_SHOWN = 20
# Reasons in the order of their numbers on the screen; Review.ReasonCode.NONE is no reason.
REASONS = [(code.value, code.label) for code in Review.ReasonCode if code.value]
FLAG_REASONS = [(reason.value, str(reason.label)) for reason in ReviewFlag.BY_PEOPLE]
# Which part of the evidence tells more about a reason of the queue.
EVIDENCE = {
    "source": "asked", "flag": "asked", "reports": "asked",
    "twin": "checks", "check": "checks", "code": "checks", "claims": "checks", "images": "checks",
    "links": "checks",
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
    statements: list[str]
    panel: str


@dataclass(frozen=True)
class Tab:
    """A way to look at the preview: a link into the frame."""

    label: str
    address: str
    is_here: bool = False


@dataclass(frozen=True)
class Queued:
    """Where the post is in the queue. entry: None if it is not there; held_until: if this person claimed it."""

    entry: QueueEntry | None
    # Each reason with the part of the evidence that tells more.
    why_here: list[tuple[Reason, str]]
    held_until: datetime | None
    hold_minutes: int


@dataclass(frozen=True)
class Asked:
    """Who asks for human review: flags, readers, and people with a preview link."""

    flags: list[ReviewFlag]
    reports: list[ReaderReport]
    preview_answers: list[PreviewAnswer]

    @property
    def flags_seen(self) -> str:
        """The keys of the open flags, for the form."""
        return ",".join(str(flag.pk) for flag in self.flags)


@dataclass(frozen=True)
class Checks:
    """What the checks found, what they could not read, and which of them have nothing to say."""

    stopping: list[Finding]
    advising: list[Finding]
    unread: list[Unread]
    fine: list[str]
    # Rules of the house style that do not apply to the post, with the reasons.
    suppressed: list[StyleException]

    @classmethod
    def of(cls, post: Post, found: list[Finding], unread: list[Unread]) -> "Checks":
        """Return the results of the checks, sorted."""
        told = {finding.check for finding in found} | {gap.check for gap in unread}
        return cls(
            stopping=[finding for finding in found if finding.stops],
            advising=[finding for finding in found if not finding.stops],
            unread=unread,
            fine=[name for name in registered_checks() if name not in told],
            suppressed=list(
                StyleException.objects.filter(post=post.pk).select_related("rule", "made_by").order_by("pk")
            ),
        )

    @property
    def partly(self) -> int:
        """The number of checks that could not read everything."""
        return len({gap.check for gap in self.unread})

    @property
    def failed_required(self) -> list[str]:
        """The required checks that did not run."""
        return failed_required(self.unread)


@dataclass(frozen=True)
class CodeSummary:
    """How many code blocks were read, with which result, and where each is shown."""

    counts: list[str]
    address: str


@dataclass(frozen=True)
class StatementRow:
    """A statement as the screen lists it."""

    statement: Statement
    is_ticked: bool

    @property
    def kind(self) -> str:
        return {"attribution": "What others say"}.get(self.statement.kind, self.statement.kind.capitalize())


@dataclass(frozen=True)
class Content:
    """What a reviewer goes through one by one. images: (number, image, whether its host is allowed)."""

    links: list[tuple[str, str]]
    images: list[tuple[int, RecordDict, bool]]
    statements: list[StatementRow]
    own_checklist: Sequence[str]
    generator: Generator | None


@dataclass(frozen=True)
class Preview:
    """The article in its frame. start: the first address; pair: the compared revisions, if there are two."""

    tabs: list[Tab]
    start: str
    pair: tuple[Revision, Revision] | None = None
    comparison: Comparison | None = None
    marked: str = ""
    against_live: bool = False
    frame: str = FRAME

    @property
    def marks(self) -> list[Mark]:
        """The marks that are listed at once."""
        return self.comparison.marks[:MARKS_OPEN] if self.comparison else []

    @property
    def more_marks(self) -> list[Mark]:
        """The other marks."""
        return self.comparison.marks[MARKS_OPEN:] if self.comparison else []


@dataclass(frozen=True)
class DecisionState:
    """What a person may decide, what prevents it, and what it would do.

    standing: the claim of somebody else. obstacles: (kind, words, part of the evidence), besides missing answers.
    """

    standing: Refused | None
    holds: list[PostHold]
    obstacles: list[tuple[str, str, str]]
    is_due: bool
    confirms: bool
    missing_decision: str
    approving: str
    may_decide: bool
    may_flag: bool
    may_edit: bool
    asks_own_text_reason: bool
    # Why this person may not decide about this post, although about others.
    outside: str

    @property
    def can_decide(self) -> bool:
        """Whether the buttons of a decision are there."""
        return self.may_decide and self.is_due and not self.standing and not self.outside

    @property
    def points_are_off(self) -> bool:
        """Whether nobody can answer the points now."""
        return not self.can_decide


@dataclass(frozen=True)
class ScreenForms:
    """What the forms offer, and what stands in them already. says_…: what turning the text down does."""

    typed: Typed
    says_edits: str
    says_reject: str
    expected_result: str
    rollback_note: str
    reasons: list[tuple[str, str]] = field(default_factory=lambda: REASONS)
    flag_reasons: list[tuple[str, str]] = field(default_factory=lambda: FLAG_REASONS)


@dataclass(frozen=True)
class Screen:
    """What the review screen shows about one post."""

    post: Post
    head: Revision
    badge: SafeString
    history: list[tuple[Revision, list[Review]]]
    review_state: str
    open_remarks: int
    queued: Queued
    asked: Asked
    checks: Checks
    code: CodeSummary
    content: Content
    points: PointsAsked
    preview: Preview
    decision: DecisionState
    forms: ScreenForms


@dataclass(frozen=True)
class Around:
    """The items before and after a place of the queue, the place in numbers, and today's decisions."""

    view: QueueView
    place: Cursor | str
    next: QueueEntry | None
    previous: QueueEntry | None
    waiting: str
    position: str
    decided_today: int
    # What the navigation shows too, so that it need not count again.
    nav_counts: dict[str, int]

    @property
    def view_query(self) -> str:
        """The view as a query."""
        return self.view.query()

    @property
    def next_address(self) -> str:
        """The address of the next item."""
        return review_address(self.next.pk, self.view) if self.next else ""

    @property
    def previous_address(self) -> str:
        """The address of the item before."""
        return review_address(self.previous.pk, self.view) if self.previous else ""


@dataclass(frozen=True)
class UndoOffer:
    """The last decision of a person that can still be undone, and what it did, in words."""

    review: Review
    post: Post
    warning: str
    until: datetime
    words: str


def screen_context(post: Post, *, by: User, typed: Typed | None = None, now: datetime | None = None) -> Screen:
    """Return what the review screen shows about `post`.

    typed: what a refused form contained, as read by posts.admin.review.screen; it fills the forms again.
    """
    now, typed = now or timezone.now(), typed or {}
    head = post.head_revision
    entry = QueueEntry.objects.select_related("held_by", "assigned_to").filter(pk=post.pk).first()
    flags = list(post.review_flags.filter(cleared_at=None).select_related("raised_by"))
    stored = Stored.of(head)
    checked = results_of_post(post, stored)
    answers = Answers(typed.get("answers", {}), typed.get("guideline"))
    return Screen(
        post=post,
        head=head,
        badge=status_badge(head),
        history=_history(post),
        review_state=review_state(post),
        open_remarks=open_remarks(post),
        queued=_queued(entry, by=by, now=now),
        asked=Asked(flags, list(post.reader_reports.filter(answered_at=None)[:REPORTS_SHOWN]), answers_about(post)),
        checks=Checks.of(post, *checked),
        code=_code_summary(head, stored),
        content=Content(
            links=_links(head.snapshot),
            images=_images(head.snapshot),
            statements=_statements(head.snapshot, typed.get("statements", ())),
            own_checklist=head.snapshot.get("checklist", ()),
            generator=post.known_generator,
        ),
        points=points_shown(head.snapshot, answers, opened=typed.get("opened")),
        preview=_preview(post),
        decision=_decision(post, entry, by=by, flags=flags, checked=checked, now=now),
        forms=ScreenForms(
            typed=typed,
            says_edits=_says(post, flags, "goes back to its editors"),
            says_reject=_says(post, flags, "is rejected"),
            expected_result=typed.get("expected_result", settings.RELEASE_EXPECTED_RESULT),
            rollback_note=typed.get("rollback_note", settings.RELEASE_ROLLBACK_NOTE),
        ),
    )


def _code_summary(revision: Revision, stored: Stored) -> CodeSummary:
    counts = counts_of(result.state for result in block_results_of(stored) or ())
    address = reverse("admin:review_code", args=[revision.pk]) if counts else ""
    return CodeSummary([f"{count} {COUNTED_AS[state]}" for state, count in counts.items()], address)


def _decision(
    post: Post, entry: QueueEntry | None, *, by: User, flags: list[ReviewFlag], checked: Results, now: datetime
) -> DecisionState:
    may_decide, is_due = by.has_perm("posts.review_post"), can_be_decided(post)
    eyes, holds = eyes_on(post, post.head_revision), holds_of(post)
    obstacles, approving = [], ""
    outside = outside_words(by, post) if may_decide else ""
    if may_decide and is_due and not outside:
        obstacles = _obstacles(post, eyes, by=by, flags=flags, checked=checked)
        approving = approving_does(post, eyes, by=by, holds=holds)
    return DecisionState(
        standing=claimed_by_another(entry, by=by, now=now) if entry else None,
        holds=holds,
        obstacles=obstacles,
        is_due=is_due,
        confirms=repeats_live(post),
        missing_decision=missing_decision(eyes) if is_due else "",
        approving=approving,
        may_decide=may_decide,
        may_flag=by.has_perm("posts.flag_post"),
        may_edit=by.has_perm("posts.change_post"),
        asks_own_text_reason=by.is_superuser and any(kind == "own" for kind, _, _ in obstacles),
        outside=outside,
    )


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


def _queued(entry: QueueEntry | None, *, by: User, now: datetime) -> Queued:
    held_until = entry.held_until if entry and entry.held_by_id == by.pk else None
    reasons = reasons_of_entry(entry, now=now) if entry else []
    return Queued(
        entry=entry,
        why_here=[(reason, EVIDENCE.get(reason.code, "history")) for reason in reasons],
        held_until=held_until if held_until and held_until > now else None,
        hold_minutes=int(HOLD.total_seconds() // 60),
    )


def _preview(post: Post) -> Preview:
    """Return the tabs of the frame, and the comparison with numbered marks, if there is one."""
    head, pair = post.head_revision, default_pair(post)
    preview = reverse("admin:posts_revision_preview", args=[head.pk])
    source = Tab("Source", reverse("admin:review_source", args=[head.pk]))
    tabs = [Tab("As readers will see it", preview)]
    if post.live_revision_id and post.live_revision_id != head.pk:
        tabs.append(Tab("Live now", reverse("admin:posts_revision_preview", args=[post.live_revision_id])))
    if not pair:
        return Preview(_with_first([*tabs, source], preview), preview)
    old, new = pair
    numbers = f"?old={old.number}&new={new.number}"
    marked = reverse("admin:posts_post_marked", args=[post.pk]) + numbers
    sides = Tab("Side by side", reverse("admin:review_sides", args=[post.pk]) + numbers)
    compared = compare_records(old.snapshot, new.snapshot)
    first = marked if compared.marks else preview
    return Preview(
        tabs=_with_first([Tab("Changes highlighted", marked), *tabs, sides, source], first),
        start=f"{marked}#mark-1" if compared.marks else preview,
        pair=(old, new),
        comparison=compared,
        marked=marked,
        against_live=old.pk == post.live_revision_id,
    )


def _with_first(tabs: Sequence[Tab], address: str) -> list[Tab]:
    """Return `tabs`, of which the one with `address` is open."""
    return [replace(tab, is_here=tab.address == address) for tab in tabs]


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


def _statements(record: RecordDict, ticked: Iterable[str]) -> list[StatementRow]:
    known = set(ticked)
    return [StatementRow(statement, statement.key in known) for statement in statements_of(record)]


def _links(snapshot: RecordDict) -> list[tuple[str, str]]:
    """Return [(address, what checks say of it)] of the links of a text, each once, in order; at most LINKS_SHOWN."""
    found: dict[str, None] = {}
    for part in ("intro", "body"):
        for block in blocks_of(snapshot.get(part, ""))[0]:
            for style in block.styles:
                if style.address and not style.is_image:
                    found.setdefault(style.address)
    states = {link.address: link.state_words for link in stored_links(snapshot)}
    return [(address, states.get(address, "")) for address in list(found)[:LINKS_SHOWN]]


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
) -> Around:
    """Return what is around a place of the queue. place: None if the post was opened from elsewhere."""
    now = now or timezone.now()
    following = next_item(view, place, by=by, now=now)
    # A post opened from elsewhere has no place, so the queue starts at its top.
    if following is not None and post is not None and following.pk == post.pk:
        following = next_item(view, cursor_of(post.pk), by=by, now=now)
    entries = view.entries(by=by, now=now)
    unread = Notification.objects.unread_by(by)
    counts = capped_counts([entries, unread, *([ORDER.before(entries, place)] if place else [])])
    return Around(
        view=view,
        place=place or "",
        next=following,
        previous=previous_item(view, place, by=by, now=now) if place else None,
        waiting=short_count(counts[0]),
        # A post that was opened from elsewhere may be in no place of the view.
        position=short_count(counts[2] + 1) if place and counts[2] < counts[0] else "",
        decided_today=sum(decisions_of(by, since=start_of(timezone.localdate(now))).values()),
        # The number of pending posts only where the view is the whole queue.
        nav_counts={"my_work": counts[1]} | ({} if view.query() else {"queue": counts[0]}),
    )


def undo_offer(by: User, *, now: datetime | None = None) -> UndoOffer | None:
    """Return the last decision of `by` that can be undone; None if there is none."""
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
        return None
    post = Post.objects.with_texts().get(pk=review.revision.post_id)
    if undo_obstacles(review, post, now=now):
        return None
    return UndoOffer(review, post, undo_warning(review), undo_ends_at(review), outcome_words(post, review))


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
