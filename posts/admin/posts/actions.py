"""Actions on one post from its admin page: one function each, with one operation behind it."""

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from posts.admin.lists import number_in, typed_text
from posts.admin.lookup import find_post
from posts.admin.people import person_of
from posts.admin.posts.decision_forms import AddressForm, DecisionForm, FlagForm, ViewCountForm
from posts.admin.posts.edit import PostPage, post_address
from posts.admin.posts.page import Panel
from posts.admin.posts.parts import both_texts
from posts.admin.review.answers import answers_in
from posts.models import Post, Review
from posts.models.four_eyes import eyes_on, missing_decision
from posts.operations import (
    HeadMoved,
    Refused,
    change_slug,
    change_view_count,
    clear_flag,
    decide,
    flag_post,
    release_revision,
    restore_revision,
    roll_back,
    submit_revision,
    withdraw_post,
)
from posts.operations.review import Decision

APPROVE_LATER = "approved_later"


class PostAction(PostPage):
    """One action on a post, by its name in the address. A refusal shows the page again, with what was typed."""

    http_method_names = ["post"]

    def act(self, subject: Post) -> str:
        if (action := ACTIONS.get(self.kwargs["act"])) is None:
            raise Http404("Unknown action.")
        self.panel: Panel = {"act": self.kwargs["act"], "typed": self.request.POST}
        return action(self.request, subject, self.panel)

    def refused(self, subject: Post, refusal: Refused, status: int) -> HttpResponseBase:
        """Return the page of the post again; after another save, with both texts."""
        if isinstance(refusal, HeadMoved):
            self.panel["stale"] = both_texts(refusal.post, self.request.POST.get("fingerprint", ""))
        return super().refused(subject, refusal, status)

    def next_address(self, subject: Post) -> str:
        """Return the page of the post."""
        return post_address(subject)


def _decide(request: HttpRequest, post: Post, panel: Panel) -> str:
    form = panel["decide"] = DecisionForm(request.POST)
    if not form.is_valid():
        raise Refused(*(str(error) for errors in form.errors.values() for error in errors))
    data = form.cleaned_data
    outcome = request.POST.get("outcome", "")
    if outcome not in (*Review.CHOICES, APPROVE_LATER):
        raise Refused("Choose a decision.")
    review = decide(
        post,
        Decision(
            outcome=Review.Outcome.APPROVED if outcome == APPROVE_LATER else outcome,
            fingerprint=data["fingerprint"],
            answers=answers_in(request.POST),
            flags_seen=data["flags_seen"],
            reason_code=data["reason_code"],
            comment=data["comment"],
            own_text_reason=data["own_text_reason"],
            release=outcome != APPROVE_LATER,
            expected_result=data["expected_result"],
            rollback_note=data["rollback_note"],
        ),
        by=person_of(request),
    )
    version = review.revision.version
    post = find_post(post.pk)
    if review.outcome == Review.Outcome.APPROVED_IN_PART:
        return f"{version} is approved in part. {missing_decision(eyes_on(post, review.revision))}"
    if outcome == Review.Outcome.APPROVED:
        state = "open" if post.is_indexable else f"closed ({', '.join(post.index_obstacles)})"
        return f"Approved. Readers see {version} now. Search engines: {state}."
    if outcome == APPROVE_LATER:
        return f"Approved. Readers see {version} when it is released."
    live = f"Readers keep {post.released_revision.version}." if post.is_live else "Readers see no approved revision."
    return f"{review.get_outcome_display()}: {version}. {live}"


def _flag(request: HttpRequest, post: Post, panel: Panel) -> str:
    form = panel["flag"] = FlagForm(request.POST, prefix="flag")
    if not form.is_valid():
        raise Refused("Say what the reviewer should check.")
    flag_post(post, by=person_of(request), note=form.cleaned_data["note"])
    return "Flagged. The post is closed to search engines until a person answers the flag."


def _clear_flag(request: HttpRequest, post: Post, panel: Panel) -> str:
    number = number_in(request.POST.get("flag", ""))
    flag = post.review_flags.filter(pk=number).first() if number else None
    if flag is None:
        raise Refused("This flag belongs to another post.")
    clear_flag(flag, by=person_of(request), note=_why(request))
    return "The flag is cleared."


def _roll_back(request: HttpRequest, post: Post, panel: Panel) -> str:
    live = number_in(request.POST.get("live", ""))
    release = roll_back(
        post,
        by=person_of(request),
        why=_why(request),
        despite_rollback=_despite_rollback(request),
        expected_live_id=live,
    )
    return f"Rolled back. Readers see {release.version} now. The working copy stays as it is."


def _withdraw(request: HttpRequest, post: Post, panel: Panel) -> str:
    withdraw_post(post, by=person_of(request), why=_why(request))
    return "Withdrawn. The page answers 410 until a release."


def _release(request: HttpRequest, post: Post, panel: Panel) -> str:
    ends_withdrawal = "ends_withdrawal" in request.POST
    release = release_revision(
        post.head_revision,
        by=person_of(request),
        ends_withdrawal=ends_withdrawal,
        despite_rollback=_despite_rollback(request),
        expected_result=typed_text(request, "expected_result", most=5000),
        rollback_note=typed_text(request, "rollback_note", most=5000),
    )
    return f"Released. Readers see {release.version} now."


def _restore(request: HttpRequest, post: Post, panel: Panel) -> str:
    number = number_in(request.POST.get("number", ""), most=2**31 - 1)
    revision = post.revisions.filter(number=number).first() if number else None
    if revision is None:
        raise Refused("This revision belongs to another post.")
    restored = restore_revision(
        revision, by=person_of(request), why=_why(request), despite_rollback=_despite_rollback(request)
    )
    return f"Restored {revision.version} as {restored.version}. Readers' pages stay as they are."


def _submit(request: HttpRequest, post: Post, panel: Panel) -> str:
    return f"{submit_revision(post, by=person_of(request)).version} is now pending review."


def _change_address(request: HttpRequest, post: Post, panel: Panel) -> str:
    form = panel["address"] = AddressForm(request.POST)
    if not form.is_valid():
        raise Refused("Enter the new address.")
    post = change_slug(post, form.cleaned_data["slug"], by=person_of(request))
    return f"The address is {post.get_absolute_url()} now. The old one redirects there."


def _change_view_count(request: HttpRequest, post: Post, panel: Panel) -> str:
    form = panel["view_count"] = ViewCountForm(request.POST)
    if not form.is_valid():
        raise Refused(*(str(error) for error in form.errors["view_count"]))
    post = change_view_count(post, form.cleaned_data["view_count"], by=person_of(request))
    later = " Readers see it after the next approval." if post.is_live else ""
    return f"The view count is saved.{later}"


def _despite_rollback(request: HttpRequest) -> bool:
    """Return whether the person confirmed that they want a text whose import was rolled back."""
    return "despite_rollback" in request.POST


def _why(request: HttpRequest) -> str:
    return typed_text(request, "why")


# Each takes (request, post, panel), returns what to say, and raises Refused; `panel` keeps its form for the page.
ACTIONS = {
    "decide": _decide,
    "flag": _flag,
    "clear-flag": _clear_flag,
    "roll-back": _roll_back,
    "withdraw": _withdraw,
    "release": _release,
    "restore": _restore,
    "submit": _submit,
    "change-address": _change_address,
    "change-view-count": _change_view_count,
}
