"""The page of a post around its form: tabs with counts, findings, images, claims, history, actions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.safestring import SafeString

from posts.admin.lists import status_badge
from posts.admin.posts.decision_forms import AddressForm, DecisionForm, FlagForm, ViewCountForm
from posts.admin.posts.parts import plans_of
from posts.admin.posts.preview_links import links_of
from posts.admin.posts.record_form import OBJECT_FIELDS, OrderedRows, PostForm, placed_images
from posts.admin.review.answers import PointsAsked, answers_in, points_shown
from posts.admin.review.state import approving_does, holds_of, review_state
from posts.content_checks import failed_required
from posts.content_checks.registry import Finding, Results, Unread, instant_results
from posts.content_checks.stored import findings_beside_text, uncompared, without_exceptions
from posts.db.prepared_query import prepared
from posts.models import (
    Post,
    PostHold,
    PreviewLink,
    Release,
    Review,
    ReviewFlag,
    Revision,
    ScheduledRelease,
)
from posts.models.four_eyes import Eyes, eyes_on, missing_decision
from posts.models.review_limit import outside_words
from posts.operations import Decision, approval_obstacles
from posts.operations.preview_links import may_link
from posts.operations.release import active_approval, release_obstacles, rollback_target
from posts.operations.remarks import open_remarks
from posts.operations.review import can_be_decided
from posts.operations.rolled_back import rolled_back_warning
from posts.records.schema import RecordDict
from posts.records.versions import BUMPS, next_version
from posts.rendering.images import DRAWN_HOSTS, drawn_image, host_of, is_allowed_image_url, own_picture

MAY = {
    "decide": "review_post",
    "release": "release_post",
    "withdraw": "withdraw_post",
    "flag": "flag_post",
    "restore": "restore_post",
    "submit": "submit_post",
    "address": "change_slug",
    "edit": "change_post",
}
_IMAGE_POINTER = re.compile(r"/image_sources/(\d+)")


class Panel(TypedDict, total=False):
    """What a refused action leaves for the page: its name, what was typed, and its form.

    stale: what differs between the text that the person read and the proposed one.
    """

    act: str
    typed: QueryDict
    stale: list[tuple[str, str, str]]
    decide: DecisionForm
    flag: FlagForm
    address: AddressForm
    view_count: ViewCountForm


@dataclass
class Part:
    """One part of the form, as a tab or as a section of one long page."""

    id: str
    label: str
    fields: list[forms.BoundField]
    count: int | None = None
    findings: int = 0
    errors: list["Problem"] = field(default_factory=list)


@dataclass
class ImageRow:
    """A row of the images: its form fields, and what is known about the image."""

    form: forms.BaseForm
    number: int
    url: str = ""
    is_allowed: bool = False
    drawn: str = ""
    place: str = ""
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Returned:
    """What turned the proposed text down, in the words of the person who did."""

    what: str
    by: User | None
    at: datetime
    reason: str
    words: str


@dataclass
class Problem:
    """An error of the form for the list above it: its link and its message."""

    target: str
    label: str
    message: str


def results_of_form(post: Post, opened: RecordDict, proposed: Results) -> Results:
    """Return ([Finding], [Unread]) of the text that a form was opened on; `proposed`: those of the proposed text."""
    if opened == post.head_revision.snapshot:
        return proposed
    found, unread = without_exceptions(post, instant_results(opened))
    return [*found, *findings_beside_text(post)], [*unread, *uncompared(post)]


@dataclass(frozen=True)
class FormShown:
    """The form of a post as its page shows it: parts with fields and errors, rows, and what the checks found.

    stopping, advising: (finding, where the page shows it).
    """

    form: PostForm
    images: OrderedRows
    checklist: OrderedRows | None
    image_rows: list[ImageRow]
    empty_image_row: ImageRow
    parts: list[Part]
    errors: list[Problem]
    stopping: list[tuple[Finding, str]]
    advising: list[tuple[Finding, str]]
    unread: list[Unread]

    @property
    def failed_required(self) -> list[str]:
        """The required checks that did not run."""
        return failed_required(self.unread)


def form_shown(checked: Results, form: PostForm, images: OrderedRows, checklist: OrderedRows | None) -> FormShown:
    """Return the form as its page shows it. checked: from results_of_form()."""
    found, unread = checked
    parts = [Part(name, label, fields) for name, label, fields in form.parts()]
    by_id = {part.id: part for part in parts}
    for part in parts:
        part.errors = [
            Problem(bound.id_for_label or f"field_{bound.name}", str(bound.label), str(message))
            for bound in part.fields
            for message in bound.errors
        ]
    by_id["images"].count = len(form.opened.get("image_sources", ()))
    by_id["images"].findings = len([finding for finding in found if _image_number(finding)])
    by_id["images"].errors = _row_errors(images, "Image")
    by_id["checklist"].count = len(form.opened.get("checklist", ()))
    by_id["checklist"].errors = _row_errors(checklist, "Point") if checklist is not None else []
    bar = [
        Problem(form[name].id_for_label, str(form[name].label), str(m))
        for name in ("bump", "why")
        for m in form[name].errors
    ]
    return FormShown(
        form=form,
        images=images,
        checklist=checklist,
        image_rows=_image_rows(form, images, found),
        empty_image_row=ImageRow(images.empty_form, 0),
        parts=parts,
        errors=[problem for part in parts for problem in part.errors] + bar,
        stopping=[(finding, _anchor(finding)) for finding in found if finding.stops],
        advising=[(finding, _anchor(finding)) for finding in found if not finding.stops],
        unread=unread,
    )


def _row_errors(rows: OrderedRows, label: str) -> list[Problem]:
    if not rows.is_bound:
        return []
    problems = []
    for number, row in enumerate(rows.forms, 1):
        for name, messages in row.errors.items():
            place = row.prefix if name == "__all__" else row[name].id_for_label
            what = f"{label} {number}" + ("" if name == "__all__" else f", {row[name].label}")
            problems += [Problem(place, what, message) for message in messages]
    return problems


def _image_number(finding: Finding) -> int:
    match = _IMAGE_POINTER.match(finding.pointer)
    return int(match[1]) + 1 if match else 0


def _anchor(finding: Finding) -> str:
    number = _image_number(finding)
    return f"images-{number - 1}" if number else "part-text"


def _image_rows(form: PostForm, images: OrderedRows, found: Sequence[Finding]) -> list[ImageRow]:
    placed = placed_images(form.opened.get("intro"), form.opened.get("body"))
    rows = []
    for index, image_form in enumerate(images.forms):
        image = form.opened.get("image_sources", [])[index : index + 1]
        row = ImageRow(image_form, index + 1)
        if image:
            picture_of(row, image[0]["url"], is_placed=row.number in placed)
            row.findings = findings_of_image(found, row.number)
        rows.append(row)
    return rows


def picture_of(row: ImageRow, url: str, *, is_placed: bool) -> None:
    """Set in `row` how the picture at `url` is shown, and where in the text."""
    row.is_allowed = is_allowed_image_url(url, settings.IMAGE_HOSTS)
    row.url = own_picture(url) or url
    if row.is_allowed and host_of(row.url) in DRAWN_HOSTS:
        row.drawn = drawn_image(row.url).words or "drawn as words on a plain background"
    row.place = "placed" if is_placed else "after the text"


def findings_of_image(found: Iterable[Finding], number: int) -> list[Finding]:
    """Return the findings about the image with this number."""
    return [finding for finding in found if _image_number(finding) == number]


@dataclass(frozen=True)
class Deciding:
    """The form of a decision, what prevents an approval, and what it would do.

    points: of the review guideline, for people who can decide. obstacles: (obstacle, where the page explains it).
    """

    form: DecisionForm
    holds: list[PostHold]
    points: PointsAsked | None
    obstacles: list[tuple[str, str]]
    can_decide: bool
    approving: str
    missing_decision: str


@dataclass(frozen=True)
class PostState:
    """What the page of a post shows beside the form, and what a person may do with the post.

    may: by the keys of MAY. next_versions: (which part of the version grows, the version).
    """

    deciding: Deciding
    plans: list[ScheduledRelease]
    stale: list[tuple[str, str, str]] | None
    head_badge: SafeString
    flags: list[ReviewFlag]
    open_remarks: int
    index_obstacles: list[str]
    may: dict[str, bool]
    review_state: str
    can_submit: bool
    can_release: bool
    release_warning: str
    rollback_to: Revision | None
    back_warning: str
    refused_act: str
    typed: Mapping[str, Any]
    flag_form: FlagForm
    view_count_form: ViewCountForm
    address_form: AddressForm
    next_versions: list[tuple[str, str]]
    claims: list[tuple[str, Any]]
    returned: Returned | None
    links: list[PreviewLink]
    may_link: bool
    # Why this person may not decide about the post, although about others.
    outside: str
    may_purge: bool


def post_state(post: Post, user: User, panel: Panel, checked: Results) -> PostState:
    """Return what the page of a post shows beside the form. checked: what the checks say of the proposed text."""
    flags, head = _open_flags.objects(post=post.pk), post.head_revision
    may = {name: user.has_perm(f"posts.{codename}") for name, codename in MAY.items()}
    outside = outside_words(user, post)
    for name in ("decide", "release"):
        may[name] = may[name] and not outside
    back = rollback_target(post) if post.is_live and may["release"] else None
    releasable = may["release"] and not release_obstacles(post, head)
    can_be_submitted = not post.awaits_review and head.status not in (
        Revision.Status.APPROVED,
        Revision.Status.SUPERSEDED,
    )
    return PostState(
        deciding=_deciding(post, user, panel, flags=flags, checked=checked, may_decide=may["decide"]),
        plans=plans_of(post),
        stale=panel.get("stale"),
        head_badge=status_badge(head),
        flags=flags,
        open_remarks=open_remarks(post),
        index_obstacles=post.index_obstacles,
        may=may,
        review_state=review_state(post),
        can_submit=may["submit"] and can_be_submitted,
        can_release=releasable,
        release_warning=rolled_back_warning(head, active_approval(head)) if releasable else "",
        rollback_to=back,
        back_warning=rolled_back_warning(back, active_approval(back)) if back else "",
        refused_act=panel.get("act", ""),
        typed=panel.get("typed", {}),
        flag_form=panel.get("flag") or FlagForm(prefix="flag"),
        view_count_form=panel.get("view_count") or ViewCountForm(initial={"view_count": post.view_count}),
        address_form=panel.get("address") or AddressForm(initial={"slug": post.slug}),
        next_versions=[(bump, next_version(head.version, bump)) for bump in BUMPS],
        claims=_claims(post),
        returned=_returned(post),
        links=links_of(post),
        may_link=may_link(user),
        outside=outside,
        may_purge=user.is_superuser,
    )


@prepared(post=int)
def _open_flags(post: int) -> QuerySet[ReviewFlag]:
    return ReviewFlag.objects.filter(post=post, cleared_at=None).select_related("raised_by")


def _deciding(
    post: Post, user: User, panel: Panel, *, flags: list[ReviewFlag], checked: Results, may_decide: bool
) -> Deciding:
    head, is_due = post.head_revision, can_be_decided(post)
    can_decide = may_decide and is_due
    eyes, holds = eyes_on(post, head), holds_of(post)
    seen = {"fingerprint": head.fingerprint, "flags_seen": ",".join(str(flag.pk) for flag in flags)}
    words = {
        "expected_result": settings.RELEASE_EXPECTED_RESULT,
        "rollback_note": settings.RELEASE_ROLLBACK_NOTE,
    }
    form = panel.get("decide") or DecisionForm(initial=seen | words)
    if form.is_bound:
        # The page now shows this text and these flags; the next submission is about them.
        data: Any = form.data
        form.data = data = data.copy()
        for name, value in seen.items():
            data[name] = value
    typed = panel.get("typed") if form.is_bound else None
    return Deciding(
        form=form,
        holds=holds,
        points=points_shown(head.snapshot, answers_in(typed) if typed else None) if can_decide else None,
        obstacles=_obstacles(post, user, flags, eyes, checked) if can_decide else [],
        can_decide=can_decide,
        approving=approving_does(post, eyes, by=user, holds=holds) if can_decide else "",
        missing_decision=missing_decision(eyes) if is_due else "",
    )


def _returned(post: Post) -> Returned | None:
    """Return what turned the proposed text down, if that still stands: a decision, or a roll-back of the live text."""
    head = post.head_revision
    if head.status not in (Revision.Status.CHANGES_REQUESTED, Revision.Status.REJECTED):
        return None
    decisions = head.reviews.filter(undone_at=None).exclude(outcome=Review.Outcome.APPROVED)
    if decision := decisions.select_related("reviewer").order_by("-pk").first():
        reason = decision.get_reason_code_display() if decision.reason_code else ""
        return Returned(
            decision.get_outcome_display(), decision.reviewer, decision.created_at, reason, decision.comment
        )
    backs = post.releases.filter(kind=Release.Kind.ROLLED_BACK, before=head).select_related("made_by")
    back = backs.order_by("-pk").first()
    return Returned("Rolled back", back.made_by, back.made_at, "", back.why) if back else None


def _obstacles(
    post: Post, user: User, flags: Sequence[ReviewFlag], eyes: Eyes, checked: Results
) -> list[tuple[str, str]]:
    """Return [(obstacle to an approval, where on the page it is explained)], except for missing answers."""
    decision = Decision(
        Review.Outcome.APPROVED,
        flags_seen=[flag.pk for flag in flags],
        own_text_reason="requested on the form",
    )
    obstacles = approval_obstacles(post, decision, by=user, eyes=eyes, checked=checked)
    places = {finding.message: _anchor(finding) for finding in checked[0]}
    return [(obstacle, places.get(obstacle) or _place_of(obstacle)) for obstacle in obstacles]


def _place_of(obstacle: str) -> str:
    return "flags" if obstacle.startswith("A flag") else "history"


def _claims(post: Post) -> list[tuple[str, Any]]:
    """Return [(label, value)] of the claims that the record makes and the form does not change."""
    edited = {name for _, name in OBJECT_FIELDS.values()}
    claims = [
        ("Version", post.claimed_revision.get("version")),
        ("Status", post.claimed_revision.get("status")),
        ("Last reviewed", post.claimed_revision.get("last_reviewed")),
        ("Hash", post.claimed_hash),
        ("View count", post.view_count),
        *((name.replace("_", " ").capitalize(), value) for name, value in post.flags.items() if name not in edited),
        *((f"Score: {name}", value) for name, value in post.score.items() if name not in edited),
        *((name, value) for name, value in post.extra.items()),
    ]
    return [(label, value) for label, value in claims if value not in (None, "")]
