"""The pages on which people sign in: name and password first, then a second factor if the account has one."""

import json
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import REDIRECT_FIELD_NAME, authenticate, login
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from posts.accounts.oidc import is_on
from posts.accounts.passwords import DEMO_PASSWORD
from posts.accounts.second_factors import (
    ask_for_passkey,
    check_code,
    check_passkey,
    factors_of,
    host_of_passkeys,
    note_policy,
)
from posts.accounts.sessions import end_other_sessions, marks_of_session
from posts.accounts.throttle import (
    DEVICE_COOKIE,
    DEVICE_KEPT_FOR,
    SECOND_STEP,
    MustWait,
    begin_code,
    begin_sign_in,
    device_cookie,
    note_failure,
    note_success,
)
from posts.admin.pages import render
from posts.models import SecondFactor, WebSession
from posts.models.second_factor import grace_ends, lacks_second_factor, state_of_account
from posts.public.reports import address_of

# A single typing mistake of their own is no news to a person.
WORTH_TELLING = 3
# In the session between the two steps: who gave the right password, and when.
PENDING = "sign_in_pending"
PENDING_SECONDS = 600
# In the session: what the browser was asked to sign; that the person came with a second factor.
CHALLENGE, FACTOR = "passkey_challenge", "second_factor"


class SignInForm(AdminAuthenticationForm):
    """Name and password. What it says of a wrong one is the same whether or not there is such an account."""

    # Seconds until another try counts.
    wait = 0
    failures = 0

    def clean(self) -> dict[str, Any]:
        """Check the password, if a try counts now."""
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password or self.request is None:
            return self.cleaned_data
        if password == DEMO_PASSWORD and not settings.DEBUG:
            raise ValidationError("The password of the demo opens no account here. Ask for another one.", code="demo")
        try:
            device = self.request.COOKIES.get(DEVICE_COOKIE, "")
            attempt = begin_sign_in(name, address=address_of(self.request), device=device)
        except MustWait as refusal:
            self.wait = refusal.seconds
            raise ValidationError(str(refusal), code="wait") from refusal
        user = authenticate(self.request, username=name, password=password)
        if not isinstance(user, User) or not (user.is_active and user.is_staff and may_sign_in_here(user)):
            note_failure(name)
            raise self.get_invalid_login_error()
        self.failures = note_success(attempt, user)
        self.user_cache = user
        return self.cleaned_data


def may_sign_in_here(user: User) -> bool:
    """Return whether the account may sign in with a password: without local sign-in, the emergency account alone."""
    return settings.LOCAL_SIGN_IN or user.get_username() == settings.EMERGENCY_ACCOUNT


@method_decorator(never_cache, name="dispatch")
class SignIn(LoginView):
    """Asks who somebody is."""

    authentication_form = SignInForm
    template_name = "admin/login.html"

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        """Send people on who are signed in already."""
        if request.method == "GET" and admin.site.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        return super().dispatch(request, *args, **options)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the frame of the admin."""
        frame = admin.site.each_context(self.request)
        frame |= {"title": "Sign in", "subtitle": None, "app_path": self.request.get_full_path()}
        frame[REDIRECT_FIELD_NAME] = self.get_redirect_url() or reverse("admin:index")
        frame |= {"provider": settings.OIDC_NAME if is_on() else "", "is_local": settings.LOCAL_SIGN_IN}
        frame["has_emergency"] = bool(settings.EMERGENCY_ACCOUNT)
        return super().get_context_data(**frame | context)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, as 429 if no try counts now."""
        response = super().form_invalid(form)
        if form.wait:
            response.status_code = 429
            response.headers["Retry-After"] = str(form.wait)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign the person in, or ask for the second factor."""
        user = form.get_user()
        way = "" if settings.LOCAL_SIGN_IN else "emergency account"
        go_on = ask_second_step if factors_of(user) else enter
        return go_on(self.request, user, following=self.get_success_url(), failures=form.failures, way=way)


def ask_second_step(
    request: HttpRequest, user: User, *, following: str, failures: int = 0, way: str = ""
) -> HttpResponse:
    """Send a person to the second step of a sign-in, who did the first. The rest: as in enter()."""
    request.session[PENDING] = {
        "user": user.pk,
        "proof": user.get_session_auth_hash(),
        "at": WebSession.now(),
        "failures": failures,
        "following": following,
        "way": way,
    }
    return HttpResponseRedirect(reverse("admin:second_factor"))


@method_decorator([never_cache, csrf_protect], name="dispatch")
class SecondStep(View):
    """Asks a person with the right password for the second factor."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        user = self._pending()
        return self._page(user) if user else self._over()

    def post(self, request: HttpRequest) -> HttpResponse:
        """Check a code or the answer of a passkey."""
        user = self._pending()
        if user is None:
            return self._over()
        try:
            attempt = begin_code(user, device=request.COOKIES.get(DEVICE_COOKIE, ""))
        except MustWait as refusal:
            response = self._page(user, problem=str(refusal), status=429)
            response.headers["Retry-After"] = str(refusal.seconds)
            return response
        what = used_factor(request, user)
        if not what:
            note_failure(user.get_username(), step=SECOND_STEP)
            return self._page(user, problem="This was not accepted. Try again.", status=422)
        kept = request.session.pop(PENDING)
        # Who fails here knows the password: the person has to hear of it.
        failures = kept["failures"] + note_success(attempt, user)
        # A session that began before an upgrade has no way.
        way = kept.get("way", "")
        return enter(request, user, following=kept["following"], failures=failures, factor=what, way=way)

    def _pending(self) -> User | None:
        kept = self.request.session.get(PENDING)
        if not kept or WebSession.now() - kept["at"] > PENDING_SECONDS:
            return None
        user = User.objects.filter(pk=kept["user"], is_active=True, is_staff=True).first()
        # A password that was changed meanwhile counts no longer.
        return user if user is not None and user.get_session_auth_hash() == kept["proof"] else None

    def _over(self) -> HttpResponse:
        self.request.session.pop(PENDING, None)
        messages.warning(self.request, "The sign-in took too long. Begin again.")
        return HttpResponseRedirect(reverse("admin:login"))

    def _page(self, user: User, *, problem: str = "", status: int = 200) -> HttpResponse:
        context = ask_for_factor(self.request, user)
        response = render(
            self.request, "account/second_step", title="Second step", problem=problem, status=status, **context
        )
        response.page_kind = "passkey"  # type: ignore[attr-defined]  # a response takes any attribute
        return response


def ask_for_factor(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return what a template needs to ask for a second factor; keep in the session what the answer is checked with."""
    factors = factors_of(user)
    options = ""
    if host_of_passkeys() and any(factor.kind == SecondFactor.Kind.PASSKEY for factor in factors):
        asked, request.session[CHALLENGE] = ask_for_passkey(user)
        options = json.dumps(asked)
    has_app = any(factor.kind == SecondFactor.Kind.APP for factor in factors)
    return {"passkey_options": options, "has_app": has_app, "factors": factors}


def used_factor(request: HttpRequest, user: User) -> str:
    """Return the second factor that a form proves, or "" for none."""
    signed = request.POST.get("passkey", "")
    if not signed:
        return check_code(user, request.POST.get("code", "")[:100])
    return used_passkey(request, user)


def used_passkey(request: HttpRequest, user: User, *, field: str = "passkey") -> str:
    """Return the passkey that a form proves, or "" for none. field: what holds the answer of the browser."""
    kept, answer = request.session.pop(CHALLENGE, None), answer_of_browser(request, field)
    return check_passkey(user, answer, kept=kept) if kept and answer is not None else ""


def answer_of_browser(request: HttpRequest, field: str = "passkey") -> Any:
    """Return what the browser answered about a passkey; None for what is no such answer."""
    try:
        return json.loads(request.POST.get(field, ""))
    except (ValueError, RecursionError):
        return None


def enter(
    request: HttpRequest,
    user: User,
    *,
    following: str,
    failures: int = 0,
    factor: str = "",
    way: str = "",
    has_provider_factor: bool = False,
) -> HttpResponse:
    """Sign a person in; return the way to the page that follows.

    failures: how many tries failed before. factor: the second factor that was used. way: how the person came, if not
    with a password. has_provider_factor: whether the provider of single sign-on asked for a second factor.
    """
    tries = f"{failures:,} failed {'try' if failures == 1 else 'tries'}"
    said = [way, f"with {factor}" if factor else "", f"after {tries}" if failures else ""]
    request.sign_in_detail = ", ".join(filter(None, said))  # type: ignore[attr-defined]  # a request takes any attribute
    login(request, user)
    marks = marks_of_session(user_agent=request.headers.get("User-Agent", ""), address=address_of(request))
    request.session.update({**marks, FACTOR: bool(factor)})
    if failures >= WORTH_TELLING:
        advice = "If you made none, change your password."
        messages.warning(request, f"Before this sign-in there were {tries} to sign in to your account. {advice}")
    state = state_of_account(user)
    if has_provider_factor and not (state and state.has_provider_factor):
        # Other sessions began without a second factor, and would count as if they had it.
        end_other_sessions(user, but=request.session.session_key or "")
    note_policy(user, has_provider_factor=has_provider_factor)
    entered = User.objects.select_related("account_state").get(pk=user.pk)
    ends = grace_ends(entered)
    if lacks_second_factor(entered) and ends is not None and ends <= timezone.now():
        following = reverse("admin:account")
    response = HttpResponseRedirect(following)
    response.set_cookie(
        DEVICE_COOKIE,
        device_cookie(user),
        max_age=DEVICE_KEPT_FOR,
        path=reverse("admin:index"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return response
