"""The page of a preview link: one text of a post for people without an account. No cache, cookie or search engine.

The secret is in the address, so no other site learns the address (no-referrer), no log of the site has it, and
only a person who has it can answer. A page of another site can't know it, so the form needs no cookie against forged
requests. It has a signed stamp beside it, which shows that the page was opened today.
"""

from typing import Any

from django import forms
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from posts.errors import Refused
from posts.models import Post, PreviewLink
from posts.operations.preview_links import (
    NAME_LENGTH,
    WORDS_LENGTH,
    NoOpenLink,
    TooManyPreviews,
    answer_preview,
    open_preview,
)
from posts.public.reports import address_of
from posts.public.views import article_context

SALT = "the form of a preview link"
STAMP_SECONDS = 24 * 60 * 60
AGREES, OBJECTS = "agree", "object"


class AnswerForm(forms.Form):
    """What a person with the link thinks of the text."""

    stance = forms.ChoiceField(
        label="Your answer",
        choices=[(AGREES, "I agree"), (OBJECTS, "I object")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose an answer."},
    )
    words = forms.CharField(
        label="Because",
        required=False,
        max_length=WORDS_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    name = forms.CharField(
        label="Your name",
        max_length=NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"}),
        error_messages={"required": "Enter your name."},
    )
    # Invisible to people; programs fill it in.
    website = forms.CharField(label="Leave this empty", required=False)


# The form's signed stamp takes the place of Django's check, which needs a cookie.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """Show the text of a link (GET), or keep an answer to it (POST)."""
    try:
        response = _answer(request, open_preview(token, address=address_of(request)))
    except NoOpenLink:
        response = _closed(request, 404)
    except TooManyPreviews as refusal:
        response = _closed(request, 429, str(refusal))
        response.headers["Retry-After"] = str(refusal.retry_after)
    # Django would log the address of every refusal.
    response._has_been_logged = True  # type: ignore[attr-defined]  # a response takes any attribute
    return response


def _closed(request: HttpRequest, status: int, refusal: str = "") -> HttpResponse:
    """Return the page for every address without an open link: it doesn't say whether there ever was one."""
    return render(request, "posts/preview_closed.html", {"refusal": refusal, "is_bare": True}, status=status)


def _answer(request: HttpRequest, link: PreviewLink) -> HttpResponse:
    if request.method != "POST":
        return _page(request, link, AnswerForm(), is_sent="sent" in request.GET)
    if not _has_stamp(request, link):
        refusal = "This form has expired. Nothing was sent. Check your answer and send it again."
        return _page(request, link, AnswerForm(request.POST), refusal=refusal, status=403)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, link, form, status=422)
    data = form.cleaned_data
    try:
        if not data["website"]:
            answer_preview(
                link,
                agrees=data["stance"] == AGREES,
                name=data["name"],
                words=data["words"],
                address=address_of(request),
            )
    except TooManyPreviews as refusal:
        response = _page(request, link, form, refusal=str(refusal), status=429)
        response.headers["Retry-After"] = str(refusal.retry_after)
        return response
    except Refused as refusal:
        return _page(request, link, form, refusal=str(refusal), status=422)
    return HttpResponseRedirect(f"{request.path}?sent")


def _stamp(link: PreviewLink) -> str:
    return signing.dumps(link.pk, salt=SALT)


def _has_stamp(request: HttpRequest, link: PreviewLink) -> bool:
    try:
        stamped: Any = signing.loads(request.POST.get("stamp", ""), salt=SALT, max_age=STAMP_SECONDS)
    except signing.BadSignature:
        return False
    return bool(stamped == link.pk)


def _page(
    request: HttpRequest,
    link: PreviewLink,
    form: AnswerForm,
    *,
    is_sent: bool = False,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    revision = link.revision
    posts = Post.objects.with_texts().with_flagged_at().with_last_decision(revision.fingerprint)
    post = posts.get(pk=link.post_id)
    context = article_context(post, revision, is_preview=True) | {
        "is_bare": True,
        "link": link,
        "is_newest": post.head_revision_id == revision.pk,
        "form": form,
        "stamp": _stamp(link),
        "is_sent": is_sent,
        "refusal": refusal,
    }
    return render(request, "posts/preview.html", context, status=status)
