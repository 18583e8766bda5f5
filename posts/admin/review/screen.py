"""The review screen: one post with everything that a decision needs, then the next one.

Every action is a POST followed by a redirect; the script of the page only presses the buttons faster. What was typed
is never lost: the screen comes back with it after a refusal, a newer text or an ended session.
"""

import json
import time
from contextlib import suppress
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views import View

from posts.admin.lists import number_in
from posts.admin.lookup import find_post
from posts.admin.posts.diff import comparison_context
from posts.admin.review.decisions import review_address
from posts.admin.review.screen_context import neighbouring_items, screen_context, undo_context
from posts.diff import default_pair
from posts.models import QueueEntry, Review, ReviewFlag, Revision
from posts.models.four_eyes import eyes_on, missing_decision
from posts.operations import HeadMoved, Refused, decide, flag_post, undo_decision
from posts.operations.claim import claim_post, unclaim
from posts.operations.saved_views import keys_are_on, switch_keys
from posts.review_queue.claims import claimed_by_another
from posts.review_queue.order import ORDER, QueueView, cursor_of, next_item

KEPT = "review_kept"
# A form that arrives after its session ended is kept where a page of ours was sent to somebody who was signed in, which
# the form itself proves; and while it is no longer than a long comment with its ticks.
KEPT_BYTES, KEPT_SECONDS = 64 * 1024, 7 * 24 * 60 * 60
PROOF = "a form of the review screen"
LONGEST = 24 * 60 * 60
APPROVED, EDITS, REJECTED = Review.CHOICES
# What each button of the screen decides: the outcome, and whether an approval goes live at once.
DECISIONS = {
    "approve": (APPROVED, True),
    "approve_later": (APPROVED, False),
    "edits": (EDITS, True),
    "reject": (REJECTED, True),
}
WORDED = ("edits", "reject")
PANELS = {*WORDED, "flag"}


def page_urls(site):
    """Return the addresses of this module, for AdminSite.get_urls."""
    screen = ReviewScreen.as_view(admin_site=site)
    pages = [
        ("review/", ReviewStart.as_view(admin_site=site), "review_start"),
        ("review/undo/", ReviewUndo.as_view(admin_site=site), "review_undo"),
        ("review/<int:post_id>/sides/", SidesPage.as_view(), "review_sides"),
        ("review/source/<int:revision_id>/", SourcePage.as_view(), "review_source"),
    ]
    return [
        path("review/<int:post_id>/", kept_when_signed_out(screen, site), name="review"),
        *(path(route, site.admin_view(view), name=name) for route, view, name in pages),
    ]


def kept_when_signed_out(view, site):
    """Return `view`, and keep a form sent after its session ended in the new session.

    A form that may not be kept is shown to the person again.
    """
    on_desk = site.admin_view(view)

    def wrapped(request, post_id):
        if request.method != "POST" or request.user.is_authenticated:
            return on_desk(request, post_id=post_id)
        typed = typed_words(request)
        address = review_address(post_id, view_in(request.POST))
        names = ("fingerprint", "comment", "reason_code", "panel", "note", "opened", "ticks")
        kept = {name: typed[name] for name in names} | {"post": post_id}
        if _was_signed_in(request) and len(json.dumps(kept).encode()) <= KEPT_BYTES:
            request.session[KEPT] = kept
            return redirect_to_login(address, reverse("admin:login"))
        words = [typed[name] for name in ("comment", "note", "reason", "own_text_reason") if typed[name].strip()]
        context = {**site.each_context(request), "title": "You are signed out", "words": words, "ticks": typed["ticks"]}
        login = f"{reverse('admin:login')}?{urlencode({'next': address})}"
        return TemplateResponse(request, "admin/review/signed_out.html", context | {"login": login}, status=403)

    return wrapped


def proof_of_session(person):
    """Return the value in forms that shows that they were made for a signed-in person."""
    return signing.dumps(person.pk, salt=PROOF)


def _was_signed_in(request):
    with suppress(signing.BadSignature):
        return signing.loads(request.POST.get("proof", ""), salt=PROOF, max_age=KEPT_SECONDS) is not None
    return False


def view_in(parameters):
    """Return the QueueView that a request carries in `view`."""
    return QueueView.from_query(parameters.get("view", ""))


def typed_words(request):
    """Return what was typed into the forms of the screen, to fill them again; text unchanged."""
    sent, act = request.POST, request.POST.get("act", "")
    typed = {name: sent.get(name, "") for name in ("fingerprint", "reason", "note", "own_text_reason")}
    # The panels stand in one form, so that nothing typed is lost; the pressed button says which of them counts, and
    # under any other button the one that holds something is shown again.
    filled = [name for name in WORDED if sent.get(f"{name}-comment") or sent.get(f"{name}-reason_code")]
    panel = act if act in PANELS else next(iter(filled), "")
    typed |= {name: sent.get(f"{panel}-{name}", "") for name in ("comment", "reason_code")}
    typed |= {name: sent[name] for name in ("expected_result", "rollback_note") if name in sent}
    opened = number_in(sent.get("opened", ""), most=2**40)
    return typed | {
        "ticks": sent.getlist("ticks"),
        "flags_seen": [int(part) for part in sent.get("flags_seen", "").split(",") if number_in(part)],
        "opened": opened,
        "panel": panel,
    }


class DeskReview(View):
    """What the pages of this module share: permissions, and the frame around them."""

    admin_site = None

    def dispatch(self, request, *args, **kwargs):
        """Allow the pages to people who may see posts and texts; operations check who may act."""
        if not request.user.has_perms(["posts.view_post", "posts.view_revision"]):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def page(self, template, *, status=200, **context):
        """Return an answer that shows `template` in the frame of the admin."""
        frame = self.admin_site.each_context(self.request)
        return TemplateResponse(self.request, template, {**frame, **context}, status=status)


class ReviewStart(DeskReview):
    """Redirects to the first item of a view, or to the one after `after`; says so if there is none."""

    http_method_names = ["get", "head"]

    def get(self, request):
        view, place = view_in(request.GET), ORDER.parse(request.GET.get("after", ""))
        if (item := next_item(view, place, by=request.user)) is not None:
            return HttpResponseRedirect(review_address(item.pk, view))
        around = neighbouring_items(None, view=view, place=None, by=request.user) | undo_context(request.user)
        return self.page("admin/review/end.html", title="Review", keys_on=keys_are_on(request.user), **around)


class ReviewScreen(DeskReview):
    """One post, and what a person does about it."""

    http_method_names = ["get", "head", "post"]

    def get(self, request, post_id):
        post = find_post(post_id)
        kept = request.session.get(KEPT, {})
        return self.screen(post, typed=kept if kept.get("post") == post.pk else {})

    def post(self, request, post_id):
        post, act = find_post(post_id), request.POST.get("act", "")
        if act not in ACTIONS:
            raise Http404("Unknown action.")
        typed = typed_words(request)
        try:
            return ACTIONS[act](self, post, typed)
        except HeadMoved:
            return self.screen(find_post(post_id), typed=typed, status=409)
        except Refused as refusal:
            return self.screen(find_post(post_id), typed=typed, refused=refusal.obstacles, status=422)

    def screen(self, post, *, typed, refused=(), status=200):
        """Render the screen. typed: fills its forms. refused: shown above its buttons."""
        view = view_in(self.parameters)
        context = screen_context(post, by=self.request.user, view=view, place=self.place_of(post), typed=typed)
        if not view.query():
            # The header counts the same, and need not do it again.
            self.request.waiting_count = context["waiting_count"]
        read = typed.get("fingerprint", "")
        earlier = None
        if read and read != post.head_revision.fingerprint:
            earlier = post.revisions.filter(fingerprint=read).defer("snapshot").order_by("-number").first()
        response = self.page(
            "admin/review/screen.html",
            title=f"Review: {post.title}",
            refused=refused,
            moved_from=earlier,
            proof=proof_of_session(self.request.user),
            status=status,
            **context,
        )
        # It frames previews of its own post, and nothing else.
        response.page_kind = "framing"
        return response

    @property
    def parameters(self):
        """The parameters of the address or form."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    def place_of(self, post):
        """Return this person's place in the queue: the post's place when they opened it, or now.

        A flag raised meanwhile must not send them back to the top.
        """
        return ORDER.parse(self.parameters.get("place", "")) or cursor_of(post.pk)

    def back(self, post, message, place=None):
        """Return a redirect to the screen of `post` with a message. place: where in the queue it was."""
        messages.success(self.request, message)
        address = review_address(post.pk, view_in(self.request.POST))
        if place:
            address += f"{'&' if '?' in address else '?'}{urlencode({'place': place})}"
        return HttpResponseRedirect(address)

    def onward(self, place, said):
        """Return a redirect to the item after `place`, which is claimed. said: the message so far."""
        view, person = view_in(self.request.POST), self.request.user
        item = next_item(view, place, by=person)
        if item is None:
            messages.success(self.request, said)
            query = urlencode({"view": view.query(), "after": place or ""})
            return HttpResponseRedirect(f"{reverse('admin:review_start')}?{query}")
        # Somebody may be faster, and this person may only read; the screen says so.
        with suppress(Refused, PermissionDenied):
            claim_post(item.post, by=person)
        reasons = len(item.reasons) + bool(item.generator_points) + bool(item.age_points)
        counts = f"risk score {item.points}, {reasons} reason{'' if reasons == 1 else 's'}"
        return self.back(item.post, f"{said} Next: {item.post.title}, {counts}.")

    def decision(self, post, typed):
        """Decide, and continue with the next item of the view."""
        outcome, release = DECISIONS[self.request.POST["act"]]
        place = self.place_of(post)
        entry = QueueEntry.objects.select_related("held_by").filter(pk=post.pk).first()
        if entry and (standing := claimed_by_another(entry, by=self.request.user)):
            raise standing
        review = decide(
            post,
            by=self.request.user,
            outcome=outcome,
            fingerprint=typed["fingerprint"],
            ticks=typed["ticks"],
            flags_seen=typed["flags_seen"],
            reason_code="" if outcome == APPROVED else typed["reason_code"],
            comment="" if outcome == APPROVED else typed["comment"],
            own_text_reason=typed["own_text_reason"],
            release=release,
            expected_result=typed.get("expected_result", ""),
            rollback_note=typed.get("rollback_note", ""),
            seconds_spent=_seconds_since(typed["opened"]),
        )
        self.request.session.pop(KEPT, None)
        said = f"{review.get_outcome_display()}."
        if review.outcome == Review.Outcome.APPROVED_IN_PART:
            said += f" {missing_decision(eyes_on(post, review.revision))}"
            # It may have come into the queue by that, and waits for somebody else.
            place = place or cursor_of(post.pk)
        return self.onward(place, said)

    def skip(self, post, typed):
        """Leave the item as it is, unclaim it, and continue."""
        place = self.place_of(post)
        # It may be somebody else's, or wait no longer; either way this person does not hold it.
        with suppress(Refused, PermissionDenied):
            unclaim(post, by=self.request.user)
        return self.onward(place, "Skipped. Nothing was decided.")

    def stay(self, post, typed):
        """Show the screen again with what was typed; change nothing."""
        return self.screen(post, typed=typed)

    def claim(self, post, typed):
        claim_post(post, by=self.request.user)
        return self.back(post, "You have claimed this post.")

    def take_over(self, post, typed):
        claim_post(post, by=self.request.user, take_over=True)
        return self.back(post, "You have taken over this post.")

    def unclaim(self, post, typed):
        unclaim(post, by=self.request.user)
        return self.back(post, "You have unclaimed this post.")

    def flag(self, post, typed):
        flag_post(
            post, by=self.request.user, reason=typed["reason"] or ReviewFlag.Reason.STAFF, note=typed["note"].strip()
        )
        said = "Flagged. The post is closed to search engines until a person answers the flag."
        return self.back(post, said, place=self.place_of(post))

    def keys(self, post, typed):
        off = self.request.POST["act"] == "keys_off"
        switch_keys(by=self.request.user, off=off)
        return self.back(post, f"Keyboard shortcuts are {'off' if off else 'on'} for your account.")


ACTIONS = {
    **dict.fromkeys(DECISIONS, ReviewScreen.decision),
    "skip": ReviewScreen.skip,
    "stay": ReviewScreen.stay,
    "claim": ReviewScreen.claim,
    "take_over": ReviewScreen.take_over,
    "unclaim": ReviewScreen.unclaim,
    "flag": ReviewScreen.flag,
    "keys_off": ReviewScreen.keys,
    "keys_on": ReviewScreen.keys,
}


def _seconds_since(opened):
    """Return the seconds since a Unix time from the form: 0 to LONGEST; None without one."""
    return None if opened is None else max(0, min(LONGEST, int(time.time()) - opened))


class ReviewUndo(DeskReview):
    """Undoes a decision, and shows its post again."""

    http_method_names = ["post"]

    def post(self, request):
        number = number_in(request.POST.get("review", ""))
        review = Review.objects.select_related("revision__post").filter(pk=number).first() if number else None
        if review is None:
            raise Http404("No decision has this number.")
        post = review.revision.post
        try:
            undo_decision(review, by=request.user, despite_rollback="despite_rollback" in request.POST)
        except Refused as refusal:
            for obstacle in refusal.obstacles:
                messages.error(request, obstacle)
        else:
            messages.success(request, f"Undone: {review.revision.version} of {post.title} is pending review again.")
        return HttpResponseRedirect(review_address(post.pk, view_in(request.POST)))


class FramedPage(DeskReview):
    """A page for the sandboxed frame of the screen."""

    http_method_names = ["get", "head"]

    def page(self, template, **context):
        """Return the page as a preview, which this site may frame."""
        response = TemplateResponse(self.request, template, context)
        response.page_kind = "preview"
        return response


class SidesPage(FramedPage):
    """Two texts side by side; ?old= and ?new= are their numbers, by default those that the screen compares."""

    def get(self, request, post_id):
        post = find_post(post_id)
        pair = self._chosen(post, request.GET) if request.GET else default_pair(post)
        if pair is None:
            raise Http404("This post has no two revisions with these numbers.")
        return self.page("admin/review/sides.html", **comparison_context(post, *pair))

    def _chosen(self, post, parameters):
        numbers = [number_in(parameters.get(name, ""), most=2**31 - 1) for name in ("old", "new")]
        texts = {text.number: text for text in post.revisions.filter(number__in=[n for n in numbers if n])}
        return [texts[number] for number in numbers] if all(number in texts for number in numbers) else None


class SourcePage(FramedPage):
    """The text as it was written: Markdown, in a frame."""

    def get(self, request, revision_id):
        revision = Revision.objects.filter(pk=number_in(revision_id)).first()
        if revision is None:
            raise Http404("No revision has this number.")
        return self.page("admin/review/source.html", revision=revision, record=revision.snapshot)
