"""Single sign-on: the way to the provider, and back."""

import json
import logging
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET

from posts.accounts.oidc import TAKES_SECONDS, SignOnFailed, begin, finish, is_on
from posts.accounts.second_factors import factors_of
from posts.accounts.sign_on import account_of
from posts.admin.proof import note_proof
from posts.admin.sign_in import ask_second_step, enter
from posts.models import ExternalIdentity

logger = logging.getLogger("posts.accounts")
# How the audit trail names such a sign-in.
WAY = "through single sign-on"
# What is kept until the person is back, in a signed cookie: no stranger fills the table of sessions.
COOKIE = "__Secure-sign-on" if settings.SESSION_COOKIE_SECURE else "sign-on"


@require_GET
def go(request: HttpRequest) -> HttpResponse:
    """Send somebody to the provider; who is signed in already proves there again who they are."""
    if not is_on():
        raise Http404("The site has no provider.")
    is_again = request.user.is_authenticated
    try:
        address, kept = begin(redirect_uri=_redirect_uri(), is_again=is_again)
    except SignOnFailed as failure:
        return _failed(request, failure)
    kept["following"] = _following(request)
    response = HttpResponseRedirect(address)
    response.set_cookie(
        COOKIE,
        signing.dumps(kept, salt="sign-on"),
        max_age=TAKES_SECONDS,
        path=reverse("admin:sign_on"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    add_never_cache_headers(response)
    return response


@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """Sign in who comes back from the provider."""
    if not is_on():
        raise Http404("The site has no provider.")
    kept = _kept(request)
    try:
        person = finish(request.GET.dict(), kept, redirect_uri=_redirect_uri())
    except SignOnFailed as failure:
        return _ended(_failed(request, failure))
    if kept["is_again"]:
        return _ended(_proved(request, person.subject, kept["following"]))
    user, problem = account_of(person)
    if user is None:
        messages.error(request, problem)
        return _ended(HttpResponseRedirect(reverse("admin:login")))
    # A second factor that the person set up here is asked for, unless the provider asked for one.
    if not person.has_second_factor and factors_of(user):
        return _ended(ask_second_step(request, user, following=kept["following"], way=WAY))
    how = "the provider’s second factor" if person.has_second_factor else ""
    entered = enter(
        request,
        user,
        following=kept["following"],
        factor=how,
        way=WAY,
        has_provider_factor=person.has_second_factor,
    )
    # Whoever sits at a computer that was left open gets through the provider without a password.
    note_proof(request, at=person.signed_in_at)
    return _ended(entered)


def _proved(request: HttpRequest, subject: str, following: str) -> HttpResponse:
    is_same = request.user.is_authenticated and (
        ExternalIdentity.objects.filter(user=request.user, issuer=settings.OIDC_ISSUER, subject=subject).exists()
    )
    if not is_same:
        messages.error(request, "You signed in at the provider as another person. Try again.")
        return HttpResponseRedirect(reverse("admin:index"))
    note_proof(request)
    return HttpResponseRedirect(following)


def _redirect_uri() -> str:
    return f"{settings.SITE_URL}{reverse('admin:sign_on_back')}"


def _kept(request: HttpRequest) -> Any:
    try:
        return signing.loads(request.COOKIES.get(COOKIE, ""), salt="sign-on", max_age=TAKES_SECONDS)
    except (signing.BadSignature, json.JSONDecodeError):
        return None


def _failed(request: HttpRequest, failure: SignOnFailed) -> HttpResponse:
    logger.warning("single sign-on failed", extra={"why": failure.why})
    messages.error(request, str(failure))
    return HttpResponseRedirect(reverse("admin:login"))


def _ended(response: HttpResponse) -> HttpResponse:
    """Return the answer; what was kept for it counts no more."""
    response.delete_cookie(COOKIE, path=reverse("admin:sign_on"), samesite="Lax")
    add_never_cache_headers(response)
    return response


def _following(request: HttpRequest) -> str:
    address = request.GET.get("next", "")
    hosts, is_secure = {request.get_host()}, request.is_secure()
    if url_has_allowed_host_and_scheme(address, allowed_hosts=hosts, require_https=is_secure):
        return address
    return reverse("admin:index")
