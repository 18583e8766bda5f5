"""The page of a post around its form: tabs with counts, findings, images, claims, history, actions."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import QueryDict

from posts.admin.lists import status_badge
from posts.admin.posts.decision_forms import AddressForm, DecisionForm, FlagForm, ViewCountForm
from posts.admin.posts.parts import last_entries, plans_of
from posts.admin.posts.preview_links import links_of
from posts.admin.posts.record_form import OBJECT_FIELDS, OrderedRows, PostForm, placed_images
from posts.admin.review.answers import answers_context, answers_in
from posts.admin.review.state import approving_does, holds_of, review_state
from posts.content_checks import failed_required
from posts.content_checks.registry import Finding, Results, instant_results
from posts.content_checks.stored import findings_beside_text, uncompared
from posts.models import Post, Release, Review, ReviewFlag, Revision
from posts.models.four_eyes import Eyes, eyes_on, missing_decision
from posts.operations import Decision, approval_obstacles
from posts.operations.preview_links import may_link
from posts.operations.release import active_approval, release_obstacles, rollback_target
from posts.operations.remarks import open_remarks
from posts.operations.review import can_be_decided
from posts.operations.rolled_back import ROLLED_BACK_STATES, rolled_back_warning
from posts.records.schema import RecordDict
from posts.records.versions import BUMPS, next_version
from posts.rendering.images import DRAWN_HOSTS, drawn_image, host_of, is_allowed_image_url, own_picture

HISTORY_LENGTH = 20
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
    found, unread = instant_results(opened)
    return [*found, *findings_beside_text(post)], [*unread, *uncompared(post)]


def form_context(
    checked: Results, form: PostForm, images: OrderedRows, checklist: OrderedRows | None
) -> dict[str, Any]:
    """Return the context of the form's template: parts with fields and errors, rows of images and checklist.

    checked: from results_of_form().
    """
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
    return {
        "form": form,
        "images": images,
        "checklist": checklist,
        "image_rows": _image_rows(form, images, found),
        "empty_image_row": ImageRow(images.empty_form, 0),
        "parts": parts,
        "errors": [problem for part in parts for problem in part.errors] + bar,
        "stopping": [(finding, _anchor(finding)) for finding in found if finding.stops],
        "advising": [(finding, _anchor(finding)) for finding in found if not finding.stops],
        "unread": unread,
        "failed_required": failed_required(unread),
    }


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


def post_context(post: Post, user: User, panel: Panel, checked: Results) -> dict[str, Any]:
    """Return what the page of a post shows beside the form, and what `user` may do with the post.

    checked: what the checks say of the proposed text.
    """
    flags = list(post.review_flags.filter(cleared_at=None).select_related("raised_by"))
    head = post.head_revision
    may = {name: user.has_perm(f"posts.{codename}") for name, codename in MAY.items()}
    back = rollback_target(post) if post.is_live and may["release"] else None
    releasable = may["release"] and not release_obstacles(post, head)
    revisions = list(post.revisions.select_related("author", "batch").defer("snapshot")[:HISTORY_LENGTH])
    _warn_of_rolled_back(post, revisions)
    return {
        **_decision(post, user, panel, flags=flags, checked=checked, may_decide=may["decide"]),
        "audit": last_entries(post),
        "plans": plans_of(post),
        "stale": panel.get("stale"),
        "head_badge": status_badge(head),
        "flags": flags,
        "open_remarks": open_remarks(post),
        "index_obstacles": post.index_obstacles,
        "may": may,
        "review_state": review_state(post),
        "can_submit": may["submit"]
        and not post.awaits_review
        and head.status not in (Revision.Status.APPROVED, Revision.Status.SUPERSEDED),
        "can_release": releasable,
        "release_warning": rolled_back_warning(head, active_approval(head)) if releasable else "",
        "rollback_to": back,
        "back_warning": rolled_back_warning(back, active_approval(back)) if back else "",
        "typed": panel.get("typed", {}),
        "refused_act": panel.get("act", ""),
        "flag_form": panel.get("flag") or FlagForm(prefix="flag"),
        "view_count_form": panel.get("view_count") or ViewCountForm(initial={"view_count": post.view_count}),
        "address_form": panel.get("address") or AddressForm(initial={"slug": post.slug}),
        "next_versions": [(bump, next_version(head.version, bump)) for bump in BUMPS],
        "revisions": revisions,
        "releases": list(
            post.releases.select_related("revision", "before", "owner", "made_by").defer(
                "revision__snapshot", "before__snapshot"
            )[:HISTORY_LENGTH]
        ),
        "claims": _claims(post),
        "returned": _returned(post),
        "links": links_of(post),
        "may_link": may_link(user),
    }


def _decision(
    post: Post, user: User, panel: Panel, *, flags: list[ReviewFlag], checked: Results, may_decide: bool
) -> dict[str, Any]:
    """Return the form of a decision, what prevents an approval, and what it would do."""
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
    return {
        **(answers_context(head.snapshot, answers_in(typed) if typed else None) if can_decide else {}),
        "decision": form,
        "holds": holds,
        "obstacles": _obstacles(post, user, flags, eyes, checked) if can_decide else [],
        "can_decide": can_decide,
        "approving": approving_does(post, eyes, by=user, holds=holds) if can_decide else "",
        "missing_decision": missing_decision(eyes) if is_due else "",
    }


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


def _warn_of_rolled_back(post: Post, revisions: Iterable[Revision]) -> None:
    """Give each of `revisions` the warning that restoring it must confirm; most posts have none."""
    has_any = post.revisions.filter(batch__state__in=ROLLED_BACK_STATES).exists()
    for revision in revisions:
        warning = rolled_back_warning(revision, active_approval(revision)) if has_any else ""
        revision.warning = warning  # type: ignore[attr-defined]  # for the template


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
