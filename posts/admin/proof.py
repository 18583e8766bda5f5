"""Acts that ask again who is there: a session that was left open, or stolen, changes no rights and takes nothing along.

Only the admin's own pages are behind it. A form that comes without a fresh proof is given back with a field for the
password: whoever enters it there sends the form again, and nothing is lost.
"""

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from posts.accounts.oidc import is_on
from posts.accounts.second_factors import check_code
from posts.accounts.session_store import PROVED
from posts.accounts.throttle import DEVICE_COOKIE, MustWait, begin_code, note_success
from posts.admin.pages import AdminPage, render
from posts.admin.people import person_of
from posts.models import WebSession

# The fields for the password and for the answer of a passkey, in a form of any page.
FIELD = "confirm-password"
PASSKEY = "confirm-passkey"


_CODE = re.compile(r"[0-9]{3} ?[0-9]{3}")


def _is_post(request: HttpRequest) -> bool:
    return request.method == "POST"


def _does(*acts: str) -> Callable[[HttpRequest], bool]:
    """Return a test for a form that names one of these actions."""

    def is_asked(request: HttpRequest) -> bool:
        named = request.resolver_match.kwargs.get("act") if request.resolver_match else None
        # Which of several values counts is up to the page, so any of them asks.
        asked = {named, *request.POST.getlist("act"), *request.POST.getlist("action")}
        return request.method == "POST" and not asked.isdisjoint(acts)

    return is_asked


def _exports_all(request: HttpRequest) -> bool:
    is_export = _does("export_csv", "export_json_lines")(request)
    # As the form of the list reads it: "on" and "2" mean yes too.
    return is_export and any(map(forms.BooleanField(required=False).to_python, request.POST.getlist("select_across")))


# By the name of an address: which of its requests need a fresh proof.
GUARDED: dict[str, Callable[[HttpRequest], bool]] = {
    **{
        f"auth_{kind}_{act}": _is_post
        for kind in ("user", "group")
        for act in ("add", "change", "delete", "changelist")
    },
    "auth_user_password_change": _is_post,
    "account": _does("remove-factor", "new-codes"),
    "account_app": lambda request: True,
    "account_passkey": lambda request: True,
    "account_data": lambda request: True,
    "auth_user_data": lambda request: True,
    "auth_user_erase": lambda request: True,
    "posts_post_purge": lambda request: True,
    "posts_generator_change": _does("create-token"),
    "posts_importbatch_act": _does("switch"),
    "posts_post_changelist": _exports_all,
    "posts_auditentry_csv": lambda request: True,
    "posts_release_csv": lambda request: True,
}


def is_proved(request: HttpRequest) -> bool:
    """Return whether the person proved not long ago that it is them."""
    age = WebSession.now() - request.session.get(PROVED, 0)
    return bool(age <= settings.CONFIRM_MINUTES * 60)


def ask_for_proof(request: HttpRequest) -> HttpResponseBase | None:
    """Return the page that asks who is there, or None if the request needs no proof or has one."""
    name = (request.resolver_match.url_name or "") if request.resolver_match else ""
    if name not in GUARDED or is_proved(request) or not GUARDED[name](request):
        return None
    if request.method != "POST":
        return to_confirm(request.get_full_path())
    problem = ""
    if FIELD in request.POST or PASSKEY in request.POST:
        problem = try_proof(request)
        if not problem:
            return None
    fields = [
        (field, text)
        for field, texts in request.POST.lists()
        for text in texts
        # A new password is typed again, and stands in no other page.
        if field not in ("csrfmiddlewaretoken", FIELD, PASSKEY) and "password" not in field
    ]
    return _page(request, address=request.get_full_path(), fields=fields, problem=problem, status=403)


def to_confirm(address: str) -> HttpResponseRedirect:
    """Return the way to the page that asks who is there, and from there to an address."""
    return HttpResponseRedirect(f"{reverse('admin:confirm')}?{urlencode({'next': address})}")


def try_proof(request: HttpRequest) -> str:
    """Note a proof if the password, a code of an app, or a passkey is right; return what is wrong otherwise."""
    from posts.admin.sign_in import used_passkey

    user, password = person_of(request), request.POST.get(FIELD, "")
    try:
        attempt = begin_code(user, device=request.COOKIES.get(DEVICE_COOKIE, ""))
    except MustWait as refusal:
        return str(refusal)
    if request.POST.get(PASSKEY):
        if not used_passkey(request, user, field=PASSKEY):
            return "The passkey was not accepted. Try again."
    elif not (check_code(user, password) if _CODE.fullmatch(password) else user.check_password(password)):
        return "This is neither your password nor a code of your app. Try again."
    note_success(attempt, user)
    note_proof(request)
    return ""


class OwnPasswordForm(AdminPasswordChangeForm):
    """One's own new password. Guessing the old one, in a session that was left open, has to wait as elsewhere."""

    def clean_old_password(self) -> str:
        """Check the old password, if a try counts now."""
        try:
            attempt = begin_code(self.user)
        except MustWait as refusal:
            raise forms.ValidationError(str(refusal), code="wait") from refusal
        password: str = super().clean_old_password()
        note_success(attempt, self.user)
        return password


def note_proof(request: HttpRequest, *, at: int | None = None) -> None:
    """Note in the session that the person proved that it is them. at: when, in seconds since 1970; None: now."""
    now = WebSession.now()
    request.session[PROVED] = now if at is None else min(at, now)


def _page(request: HttpRequest, *, problem: str, status: int = 200, **context: Any) -> TemplateResponse:
    from posts.admin.sign_in import ask_for_factor

    user = person_of(request)
    asked = ask_for_factor(request, user)
    response = render(
        request,
        "account/confirm",
        title="Confirm that it is you",
        problem=problem,
        status=status,
        field=FIELD,
        passkey_field=PASSKEY,
        passkey_options=asked["passkey_options"],
        takes_text=user.has_usable_password() or asked["has_app"],
        provider=settings.OIDC_NAME if is_on() and not user.has_usable_password() else "",
        **context,
    )
    if asked["passkey_options"]:
        response.page_kind = "passkey"  # type: ignore[attr-defined]  # a response takes any attribute
    add_never_cache_headers(response)
    return response


class ConfirmPage(AdminPage):
    """Asks people to prove who they are, then takes them to the page that they wanted."""

    permissions = ()

    def page(self, subject: Any, *, status: int = 200, problem: str = "") -> HttpResponseBase:
        """Return the page."""
        fields = [("next", self._next())]
        return _page(self.request, address=self.request.path, fields=fields, problem=problem, status=status)

    def act(self, subject: Any) -> HttpResponse:
        typed = self.request.POST.get(FIELD) or self.request.POST.get(PASSKEY)
        # Without a password the person proved it at the provider meanwhile.
        problem = "" if not typed and is_proved(self.request) else try_proof(self.request)
        if problem:
            return self.page(subject, status=422, problem=problem)  # type: ignore[return-value]  # a page
        return HttpResponseRedirect(self._next())

    def _next(self) -> str:
        address = self.request.POST.get("next") or self.request.GET.get("next", "")
        hosts, is_secure = {self.request.get_host()}, self.request.is_secure()
        if url_has_allowed_host_and_scheme(address, allowed_hosts=hosts, require_https=is_secure):
            return address
        return reverse("admin:account")


PAGES = [("confirm/", ConfirmPage, "confirm")]
