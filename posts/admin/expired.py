"""A form that can't be accepted as it came: what a person typed into it goes back to them.

The cookie with our token is missing where a browser lost its cookies; the token is old after a sign-in in another
window; the session ended while the person was typing. Only forms in which people write are given back. Nothing is
stored, and nothing is sent without the person.
"""

import re

from django.http import HttpRequest, HttpResponse
from django.middleware import csrf
from django.template.response import TemplateResponse
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers

from posts.admin.posts.record_form import TYPED, UNSEEN
from posts.public.views import csrf_failure

_WORDS = "why|note|comment|own_text_reason|expected_result|rollback_note|observed_result"
_ANSWERS = r"guideline|answer-[\w-]{1,40}"
_REVIEW = (
    re.compile(rf"(?:edits|reject)-comment|{_WORDS}"),
    re.compile(rf"(?:edits|reject)-reason_code|fingerprint|flags_seen|opened|place|view|proof|reason|act|{_ANSWERS}"),
)
_RECORD = TYPED, UNSEEN
_MERGE = (
    re.compile(r"why|both-[\w-]{1,40}"),
    re.compile(r"mine|opened|head|bump|_save|_submit|unsaved_(?:window|replaces)|choice-[\w-]{1,40}"),
)
# The actions of one post, its releases, and its flags.
_ACTION = (
    re.compile(rf"(?:flag-)?(?:{_WORDS})|slug|view_count"),
    re.compile(
        rf"{_ANSWERS}|opened|act|fingerprint|flags_seen|reason_code|reason|outcome|flag|report|next|plan|to|live|revision|owner|when"
        r"|(?:down_)?(?:day|time|zone)|take_down|was_withdrawn|ends_withdrawal|despite_rollback"
    ),
)
_ROW = re.compile(r"text|mine-[\w-]{1,40}"), re.compile(r"act|head|choice-[\w-]{1,40}")
# By the name of an address: the fields of its form that hold words, and those that go along unseen.
FORMS = {
    "review": _REVIEW,
    "posts_post_change": _RECORD,
    "posts_post_add": _RECORD,
    "posts_post_merge": _MERGE,
    "posts_post_act": _ACTION,
    "posts_post_releases": _ACTION,
    "posts_post_flag": _ACTION,
    "posts_importissue_change": _ROW,
}
# With any of these the browser said nothing against a form of this site: no other site gets its words shown here.
_OURS = (csrf.REASON_NO_CSRF_COOKIE, csrf.REASON_CSRF_TOKEN_MISSING, "CSRF token from POST ")


def give_back(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that failed the check against forgery, with its words if the form is one of ours."""
    if not reason.startswith(_OURS):
        return csrf_failure(request, reason)
    return _with_words(request, "This form has expired") or csrf_failure(request, reason)


def give_back_signed_out(request: HttpRequest) -> HttpResponse | None:
    """Answer a form whose session has ended, with its words; return None if there are none to lose."""
    return _with_words(request, "You are signed out", needs_words=True)


def _with_words(request: HttpRequest, title: str, *, needs_words: bool = False) -> HttpResponse | None:
    if (form := _form_at(request.path_info)) is None:
        return None
    typed, unseen = form
    fields = [(name, words) for name, values in request.POST.lists() for words in values]
    words = [(name, text) for name, text in fields if typed.fullmatch(name) and not unseen.fullmatch(name)]
    if needs_words and not any(text.strip() for _, text in words):
        return None
    context = {
        "title": title,
        "words": [(name, text) for name, text in words if text.strip()],
        "unseen": [(name, text) for name, text in fields if unseen.fullmatch(name)]
        + [(name, text) for name, text in words if not text.strip()],
        "address": request.get_full_path(),
    }
    response = TemplateResponse(request, "admin/expired.html", context, status=403)
    add_never_cache_headers(response)
    return response.render()


def _form_at(path: str) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
    try:
        return FORMS.get(resolve(path).url_name or "")
    except Resolver404:
        return None
