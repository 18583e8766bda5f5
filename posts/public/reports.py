"""“Report a problem”: a page without login that no cache stores."""

import re

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from posts.models import Post, ReaderReport
from posts.operations import Refused, TooManyReports, report_problem
from posts.operations.report import NOTE_LENGTH
from posts.public.views import find_page


class ReportForm(forms.Form):
    """What is wrong with a page. It doesn't ask who the reader is."""

    reason = forms.ChoiceField(
        label="What is wrong?",
        choices=ReaderReport.Reason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what is wrong."},
    )
    note = forms.CharField(
        label="Where, and what should it say?",
        required=False,
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
    )
    # Invisible to people; programs fill it in.
    website = forms.CharField(label="Leave this empty", required=False)


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the form (GET) or store the report (POST, then a redirect to the thanks)."""
    post = find_page(slug)
    if not isinstance(post, Post):
        return post(request)
    if post.slug != slug:
        return HttpResponsePermanentRedirect(reverse("posts:report", args=[post.slug]))
    if request.method != "POST":
        return _page(request, post, ReportForm(), is_sent="sent" in request.GET)
    form = ReportForm(request.POST)
    if not form.is_valid():
        return _page(request, post, form, status=422)
    data = form.cleaned_data
    try:
        if not data["website"]:
            report_problem(post, reason=data["reason"], note=data["note"], address=address_of(request))
    except TooManyReports as refusal:
        response = _page(request, post, form, refusal=str(refusal), status=429)
        response.headers["Retry-After"] = str(refusal.retry_after)
        return response
    except Refused as refusal:
        return _page(request, post, form, refusal=str(refusal), status=422)
    return HttpResponseRedirect(f"{reverse('posts:report', args=[post.slug])}?sent")


def _page(
    request: HttpRequest, post: Post, form: ReportForm, *, is_sent: bool = False, refusal: str = "", status: int = 200
) -> HttpResponse:
    context = {"post": post, "form": form, "is_sent": is_sent, "refusal": refusal}
    response = render(request, "posts/report.html", context, status=status)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def address_of(request: HttpRequest) -> str:
    """Return the address that a request came from, or "" if unknown.

    Behind a proxy it is the last entry of X-Forwarded-For, which the proxy wrote; anybody can make up earlier
    entries. REMOTE_ADDR would be the proxy, which all readers share.
    """
    if not settings.BEHIND_PROXY:
        return str(request.META.get("REMOTE_ADDR", ""))
    last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    # Some proxies add the port: 192.0.2.1:4711, [2001:db8::1]:4711.
    return re.sub(r"^\[(.*)\](:[0-9]+)?$|^([0-9.]+):[0-9]+$", r"\1\3", last)
