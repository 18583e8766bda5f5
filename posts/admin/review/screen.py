"""The review screen: one post with everything that a decision needs, then the next one.

Every action is a POST followed by a redirect; the script of the page only presses the buttons faster. What was typed
is never lost: the screen comes back with it after a refusal, a newer text or an ended session.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from posts.admin.lists import number_in
from posts.admin.lookup import find_post
from posts.admin.pages import AdminAction, AdminPage, render
from posts.admin.people import person_of
from posts.admin.posts.diff import comparison_context
from posts.admin.review.answers import answered_words, answers_in
from posts.admin.review.decisions import review_address
from posts.admin.review.screen_context import Typed, neighbouring_items, screen_context, undo_offer
from posts.db.keyset import Cursor
from posts.diff import default_pair
from posts.models import Post, QueueEntry, Review, ReviewFlag, Revision
from posts.models.four_eyes import eyes_on, missing_decision
from posts.operations import HeadMoved, Refused, decide, flag_post, undo_decision
from posts.operations.claim import claim_post, unclaim
from posts.operations.review import Decision
from posts.operations.saved_views import keys_are_on, switch_keys
from posts.review_queue.claims import claimed_by_another
from posts.review_queue.order import ORDER, QueueView, cursor_of, next_item

KEPT = "review_kept"
# A form that arrives after its session ended is kept if our page was sent to a signed-in person, which the form
# itself proves, and if it is no longer than a long comment with its answers.
KEPT_BYTES, KEPT_SECONDS = 64 * 1024, 7 * 24 * 60 * 60
PROOF = "a form of the review screen"
KEPT_FIELDS = (
    "fingerprint", "comment", "reason_code", "panel", "note", "opened", "answers", "guideline", "statements",
)  # fmt: skip
LONGEST = 24 * 60 * 60
# The most characters that a link to a place in the source may mark.
MARKED_WORDS = 200
APPROVED, EDITS, REJECTED = Review.CHOICES
# What each button of the screen does: the outcome, and whether an approval is released at once.
DECISIONS = {
    "approve": (APPROVED, True),
    "approve_later": (APPROVED, False),
    "edits": (EDITS, True),
    "reject": (REJECTED, True),
}
WORDED = ("edits", "reject")
PANELS = {*WORDED, "flag"}


def kept_when_signed_out(page: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Return the view `page`, and keep a form sent after its session ended in the new session.

    A form that may not be kept is shown to the person again.
    """

    def wrapped(request: HttpRequest, post_id: int) -> HttpResponseBase:
        if request.method != "POST" or request.user.is_authenticated:
            return page(request, post_id=post_id)
        typed = typed_words(request)
        address = review_address(post_id, view_in(request.POST))
        kept = {name: typed[name] for name in KEPT_FIELDS} | {"post": post_id}
        if _was_signed_in(request) and len(json.dumps(kept).encode()) <= KEPT_BYTES:
            request.session[KEPT] = kept
            return redirect_to_login(address, reverse("admin:login"))
        words = [typed[name] for name in ("comment", "note", "reason", "own_text_reason") if typed[name].strip()]
        login = f"{reverse('admin:login')}?{urlencode({'next': address})}"
        return render(
            request,
            "review/signed_out",
            title="You are signed out",
            status=403,
            words=words,
            answered=answered_words(answers_in(request.POST)),
            login=login,
        )

    return wrapped


def proof_of_session(person: User) -> str:
    """Return the value in forms that shows that they were made for a signed-in person."""
    return signing.dumps(person.pk, salt=PROOF)


def _was_signed_in(request: HttpRequest) -> bool:
    with suppress(signing.BadSignature):
        return signing.loads(request.POST.get("proof", ""), salt=PROOF, max_age=KEPT_SECONDS) is not None
    return False


def view_in(parameters: QueryDict) -> QueueView:
    """Return the QueueView that a request carries in `view`."""
    return QueueView.from_query(parameters.get("view", ""))


def typed_words(request: HttpRequest) -> dict[str, Any]:
    """Return what was typed into the forms of the screen, to fill them again; text unchanged."""
    sent, act = request.POST, request.POST.get("act", "")
    typed = {name: sent.get(name, "") for name in ("fingerprint", "reason", "note", "own_text_reason")}
    # All panels are in one form, so that nothing typed is lost. The pressed button chooses the panel; for any other
    # button, the filled panel is shown again.
    filled = [name for name in WORDED if sent.get(f"{name}-comment") or sent.get(f"{name}-reason_code")]
    panel = act if act in PANELS else next(iter(filled), "")
    typed |= {name: sent.get(f"{panel}-{name}", "") for name in ("comment", "reason_code")}
    typed |= {name: sent[name] for name in ("expected_result", "rollback_note") if name in sent}
    opened = number_in(sent.get("opened", ""), most=2**40)
    answers = answers_in(sent)
    return typed | {
        "answers": answers.given,
        "guideline": answers.version,
        "flags_seen": [int(part) for part in sent.get("flags_seen", "").split(",") if number_in(part)],
        "opened": opened,
        "statements": sent.getlist("statement"),
        "panel": panel,
    }


class ReviewPage(AdminPage):
    """What the pages of this module share: who may see posts and texts may see them."""

    permissions = ("view_post", "view_revision")


class ReviewStart(ReviewPage):
    """Redirects to the first item of a view, or to the one after `after`; says so if there is none."""

    http_method_names = ["get", "head"]
    title = "Review"
    template = "review/end"

    def get(self, request: HttpRequest) -> HttpResponse:
        view, place = view_in(request.GET), ORDER.parse(request.GET.get("after", ""))
        if (item := next_item(view, place, by=person_of(request))) is not None:
            return HttpResponseRedirect(review_address(item.pk, view))
        return self.render(
            keys_on=keys_are_on(self.person),
            around=neighbouring_items(None, view=view, place=None, by=self.person),
            undo=undo_offer(self.person),
        )


class ReviewScreen(ReviewPage):
    """One post, and what a person does about it."""

    template = "review/screen"

    @classmethod
    def view(cls) -> Callable[..., HttpResponseBase]:
        """Return the view for its address, which keeps the form of a session that ended."""
        return kept_when_signed_out(super().view())

    def find(self, post_id: int) -> Post:
        """Return the post, with what is typed into its forms."""
        post = find_post(post_id)
        if self.request.method == "POST":
            self.typed = typed_words(self.request)
        else:
            kept = self.request.session.get(KEPT, {})
            self.typed = kept if kept.get("post") == post.pk else {}
        return post

    def refused(self, post: Post, refusal: Refused, status: int) -> HttpResponse:
        """Return the screen again; a newer text says itself that it is one."""
        obstacles = () if isinstance(refusal, HeadMoved) else refusal.obstacles
        return self.page(post, refused=obstacles, status=status)

    def page(self, post: Post, *, refused: Sequence[str] = (), status: int = 200) -> HttpResponse:
        """Return the screen. refused: shown above its buttons."""
        view, typed = view_in(self.parameters), self.typed
        around = neighbouring_items(post, view=view, place=self.place_of(post), by=self.person)
        self.request.nav_counts = around.nav_counts  # type: ignore[attr-defined]  # a request takes any attribute
        read = typed.get("fingerprint", "")
        earlier = None
        if read and read != post.head_revision.fingerprint:
            earlier = post.revisions.filter(fingerprint=read).defer("snapshot").order_by("-number").first()
        response = self.render(
            title=f"Review: {post.title}",
            screen=screen_context(post, by=self.person, typed=cast(Typed, typed)),
            around=around,
            undo=undo_offer(self.person),
            keys_on=keys_are_on(self.person),
            refused=refused,
            moved_from=earlier,
            proof=proof_of_session(self.person),
            status=status,
        )
        # It frames previews of its own post, and nothing else.
        response.page_kind = "framing"  # type: ignore[attr-defined]  # a response takes any attribute
        return response

    @property
    def parameters(self) -> QueryDict:
        """The parameters of the address or form."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    def place_of(self, post: Post) -> Cursor | None:
        """Return this person's place in the queue: the post's place when they opened it, or now.

        A flag raised meanwhile must not send them back to the top.
        """
        return ORDER.parse(self.parameters.get("place", "")) or cursor_of(post.pk)

    def back(self, post: Post, message: str, place: Cursor | None = None) -> HttpResponse:
        """Return a redirect to the screen of `post` with a message. place: where in the queue it was."""
        messages.success(self.request, message)
        address = review_address(post.pk, view_in(self.request.POST))
        if place:
            address += f"{'&' if '?' in address else '?'}{urlencode({'place': place})}"
        return HttpResponseRedirect(address)

    def onward(self, place: Cursor | None, said: str) -> HttpResponse:
        """Return a redirect to the item after `place`, which is claimed. said: the message so far."""
        view, person = view_in(self.request.POST), self.person
        item = next_item(view, place, by=person)
        if item is None:
            messages.success(self.request, said)
            query = urlencode({"view": view.query(), "after": place or ""})
            return HttpResponseRedirect(f"{reverse('admin:review_start')}?{query}")
        # Somebody else may be faster, or this person may only read; the screen says so.
        with suppress(Refused, PermissionDenied):
            claim_post(item.post, by=person)
        reasons = len(item.reasons) + bool(item.generator_points) + bool(item.age_points)
        counts = f"risk score {item.points}, {reasons} reason{'' if reasons == 1 else 's'}"
        return self.back(item.post, f"{said} Next: {item.post.title}, {counts}.")

    def decision(self, post: Post) -> HttpResponse:
        """Decide, and continue with the next item of the view."""
        outcome, release = DECISIONS[self.action]
        typed = self.typed
        place = self.place_of(post)
        entry = QueueEntry.objects.select_related("held_by").filter(pk=post.pk).first()
        if entry and (standing := claimed_by_another(entry, by=self.person)):
            raise standing
        review = decide(
            post,
            Decision(
                outcome=outcome,
                fingerprint=typed["fingerprint"],
                answers=answers_in(self.request.POST),
                flags_seen=typed["flags_seen"],
                statements=typed["statements"],
                reason_code="" if outcome == APPROVED else typed["reason_code"],
                comment="" if outcome == APPROVED else typed["comment"],
                own_text_reason=typed["own_text_reason"],
                release=release,
                expected_result=typed.get("expected_result", ""),
                rollback_note=typed.get("rollback_note", ""),
                seconds_spent=_seconds_since(typed["opened"]),
            ),
            by=self.person,
        )
        self.request.session.pop(KEPT, None)
        said = f"{review.get_outcome_display()}."
        if review.outcome == Review.Outcome.APPROVED_IN_PART:
            said += f" {missing_decision(eyes_on(post, review.revision))}"
            # The action may have put the post into the queue, where it waits for somebody else.
            place = place or cursor_of(post.pk)
        return self.onward(place, said)

    def skip(self, post: Post) -> HttpResponse:
        """Leave the item as it is, unclaim it, and continue."""
        place = self.place_of(post)
        # Somebody else may have claimed it, or it is no longer pending; in both cases this person has no claim.
        with suppress(Refused, PermissionDenied):
            unclaim(post, by=self.person)
        return self.onward(place, "Skipped. Nothing was decided.")

    def stay(self, post: Post) -> HttpResponse:
        """Show the screen again with what was typed; change nothing."""
        return self.page(post)

    def claim(self, post: Post) -> HttpResponse:
        claim_post(post, by=self.person)
        return self.back(post, "You have claimed this post.")

    def take_over(self, post: Post) -> HttpResponse:
        claim_post(post, by=self.person, take_over=True)
        return self.back(post, "You have taken over this post.")

    def unclaim(self, post: Post) -> HttpResponse:
        unclaim(post, by=self.person)
        return self.back(post, "You have unclaimed this post.")

    def flag(self, post: Post) -> HttpResponse:
        reason = self.typed["reason"] or ReviewFlag.Reason.STAFF
        flag_post(post, by=self.person, reason=reason, note=self.typed["note"].strip())
        said = "Flagged. The post is closed to search engines until a person answers the flag."
        return self.back(post, said, place=self.place_of(post))

    def keys(self, post: Post) -> HttpResponse:
        off = self.action == "keys_off"
        switch_keys(by=self.person, off=off)
        return self.back(post, f"Keyboard shortcuts are {'off' if off else 'on'} for your account.")

    actions = {
        **dict.fromkeys(DECISIONS, decision),
        "skip": skip,
        "stay": stay,
        "claim": claim,
        "take_over": take_over,
        "unclaim": unclaim,
        "flag": flag,
        "keys_off": keys,
        "keys_on": keys,
    }


def _seconds_since(opened: int | None) -> int | None:
    """Return the seconds since a Unix time from the form: 0 to LONGEST; None without one."""
    return None if opened is None else max(0, min(LONGEST, int(time.time()) - opened))


class ReviewUndo(AdminAction):
    """Undoes a decision, and shows its post again."""

    permissions = ReviewPage.permissions

    def find(self) -> Review:
        number = number_in(self.request.POST.get("review", ""))
        review = Review.objects.select_related("revision__post").filter(pk=number).first() if number else None
        if review is None:
            raise Http404("No decision has this number.")
        return review

    def act(self, review: Review) -> str:
        undo_decision(review, by=self.person, despite_rollback="despite_rollback" in self.request.POST)
        return f"Undone: {review.revision.version} of {review.revision.post.title} is pending review again."

    def next_address(self, review: Review) -> str:
        """Return the screen of the post."""
        return review_address(review.revision.post_id, view_in(self.request.POST))


class FramedPage(ReviewPage):
    """A page for the sandboxed frame of the screen."""

    http_method_names = ["get", "head"]

    def render(self, **context: Any) -> TemplateResponse:
        """Return the template without the frame of the admin, as a preview, which this site may frame."""
        response = TemplateResponse(self.request, f"admin/{self.template}.html", context)
        response.page_kind = "preview"  # type: ignore[attr-defined]  # a response takes any attribute
        return response


class SidesPage(FramedPage):
    """Two texts side by side; ?old= and ?new= are their numbers, by default those that the screen compares."""

    template = "review/sides"

    def get(self, request: HttpRequest, post_id: int) -> HttpResponse:
        post = find_post(post_id)
        pair = self._chosen(post, request.GET) if request.GET else default_pair(post)
        if pair is None:
            raise Http404("This post has no two revisions with these numbers.")
        return self.render(**comparison_context(post, *pair))

    def _chosen(self, post: Post, parameters: QueryDict) -> list[Revision] | None:
        numbers = [number_in(parameters.get(name, ""), most=2**31 - 1) for name in ("old", "new")]
        texts = {text.number: text for text in post.revisions.filter(number__in=[n for n in numbers if n])}
        found = [texts[number] for number in numbers if number in texts]
        return found if len(found) == len(numbers) else None


class SourcePage(FramedPage):
    """The text as it was written: Markdown, in a frame."""

    template = "review/source"

    def get(self, request: HttpRequest, revision_id: int) -> HttpResponse:
        revision = Revision.objects.filter(pk=number_in(revision_id) or 0).first()
        if revision is None:
            raise Http404("No revision has this number.")
        where, words = request.GET.get("field", ""), request.GET.get("words", "")[:MARKED_WORDS]
        line = number_in(request.GET.get("line", "")) or 1
        texts = [
            (label, marked_lines(revision.snapshot.get(field, ""), line, words) if where == field else None, field)
            for field, label in (("intro", "Intro"), ("body", "Body"))
        ]
        return self.render(revision=revision, record=revision.snapshot, texts=texts)


@dataclass(frozen=True)
class MarkedText:
    """A text in three parts: before the marked words, these, and after them."""

    before: str
    marked: str
    after: str


def marked_lines(text: str, line: int, words: str) -> MarkedText:
    """Return `text` with the words marked that stand in its line number `line` (from 1) or below, else that line."""
    lines = text.split("\n")
    start = sum(len(part) + 1 for part in lines[: line - 1])
    at = text.find(words, start) if words else -1
    if at < 0:
        # Markup may stand between the words, such as the signs of emphasis.
        at, words = start, lines[line - 1] if line <= len(lines) else ""
    return MarkedText(text[:at], words, text[at + len(words) :])


PAGES = [
    ("review/<int:post_id>/", ReviewScreen, "review"),
    ("review/", ReviewStart, "review_start"),
    ("review/undo/", ReviewUndo, "review_undo"),
    ("review/<int:post_id>/sides/", SidesPage, "review_sides"),
    ("review/source/<int:revision_id>/", SourcePage, "review_source"),
]
