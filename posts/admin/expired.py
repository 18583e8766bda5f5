"""A form without our token: what a person typed into it goes back to them.

The cookie with the token is missing where a browser lost its cookies; the token is old after a sign-in in another
window. Only forms of a post are given back. Nothing is stored, and nothing is sent without the person.
"""

import re

from django.http import HttpRequest, HttpResponse
from django.middleware import csrf
from django.template.response import TemplateResponse
from django.urls import Resolver404, resolve
from django.utils.cache import add_never_cache_headers

from posts.admin.posts.record_form import PostForm
from posts.public.views import csrf_failure

MOST_BYTES = 64 * 1024
_TYPED = r"(?:edits|reject)-comment|note|own_text_reason|expected_result|rollback_note"
_CHOSEN = r"(?:edits|reject)-reason_code|fingerprint|flags_seen|opened|place|view|proof|ticks|reason|act"
_REVIEW = re.compile(_TYPED), re.compile(_CHOSEN)
_RECORD = (
    re.compile(rf"(?:{'|'.join(PostForm.base_fields)}|images|checklist)(?:-\w{{1,20}}){{0,2}}"),
    re.compile(r"head|bump|_save|_submit|(?:images|checklist)-(?:TOTAL|INITIAL|MIN_NUM|MAX_NUM)_FORMS"),
)
# By the name of an address: the fields of its form that hold words, and those that go along unseen.
FORMS = {"review": _REVIEW, "posts_post_change": _RECORD, "posts_post_add": _RECORD}
# With any of these the browser said nothing against a form of this site: no other site gets its words shown here.
_OURS = (csrf.REASON_NO_CSRF_COOKIE, csrf.REASON_CSRF_TOKEN_MISSING, "CSRF token from POST ")


def give_back(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that failed the check against forgery, with its words if the form is one of ours."""
    form, length = _form_at(request.path_info), request.META.get("CONTENT_LENGTH") or ""
    is_small = length.isascii() and length.isdecimal() and int(length) <= MOST_BYTES
    if form is None or not is_small or not reason.startswith(_OURS):
        return csrf_failure(request, reason)
    typed, unseen = form
    fields = [(name, words) for name, values in request.POST.lists() for words in values]
    words = [(name, text) for name, text in fields if typed.fullmatch(name) and not unseen.fullmatch(name)]
    context = {
        "title": "This form has expired",
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
