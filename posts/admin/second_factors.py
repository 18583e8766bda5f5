"""The pages on which a person sets up a passkey or an authenticator app."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from posts.accounts.codes import app_address, new_secret
from posts.accounts.second_factors import add_app, add_passkey, ask_for_new_passkey, host_of_passkeys
from posts.accounts.secrets import open_sealed, seal
from posts.accounts.sessions import end_other_sessions
from posts.admin.pages import AdminPage
from posts.admin.sign_in import CHALLENGE, FACTOR, answer_of_browser
from posts.admin.trail import Step, dashboard_trail, step
from posts.models.second_factor import grace_ends, lacks_second_factor
from posts.operations import Refused

NEW_SECRET = "new_app_secret"  # noqa: S105 (a name)


class _SetUp(AdminPage):
    permissions = ()
    problem = ""

    def refused(self, subject: Any, refusal: Refused, status: int) -> HttpResponseBase:
        """Return the page again, with the reasons of a refusal."""
        self.problem = str(refusal)
        return self.page(subject, status=status)

    def added(self, codes: list[str]) -> HttpResponse:
        """Say that the factor counts; show new recovery codes, once.

        Other sessions end: they began without the factor, and would count as if they had it.
        """
        self.request.session[FACTOR] = True
        end_other_sessions(self.person, but=self.request.session.session_key or "")
        return show_codes(self, codes)


def account_trail(title: str) -> list[Step]:
    """Return the trail of a page that belongs to that of the account."""
    return [*dashboard_trail("Your account")[:-1], step("Your account", "account"), Step(title)]


def show_codes(page: AdminPage, codes: list[str]) -> HttpResponse:
    """Return the page with new recovery codes: the answer itself, because nothing else may ever contain them."""
    page.template = "account/codes"  # type: ignore[misc]  # of this answer alone
    title = "Your recovery codes" if codes else "Added"
    return page.render(title=title, trail=account_trail(title), codes=codes)


class AppPage(_SetUp):
    """Sets up an authenticator app."""

    template = "account/app"
    title = "Set up an authenticator app"

    def page(self, subject: Any, *, status: int = 200) -> HttpResponseBase:
        """Return the page, with a secret that counts once the app shows a code of it."""
        kept = self.request.session.get(NEW_SECRET, "")
        secret = (open_sealed(kept) if kept else None) or new_secret()
        self.request.session[NEW_SECRET] = seal(secret)
        # Imported here: few people ever open this page, and it takes 3 MB.
        import segno

        address = app_address(secret, account=self.person.get_username(), site=settings.SITE_NAME)
        return self.render(
            status=status,
            trail=account_trail(self.title),
            problem=self.problem,
            picture=segno.make(address, error="m").svg_data_uri(scale=5, border=3),
            secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        )

    def act(self, subject: Any) -> HttpResponse:
        secret = open_sealed(self.request.session.get(NEW_SECRET, ""))
        if secret is None:
            raise Refused("This page is old. Scan the code again.")
        codes = add_app(self.person, secret=secret, code=self.request.POST.get("code", "")[:20])
        del self.request.session[NEW_SECRET]
        return self.added(codes)


class PasskeyPage(_SetUp):
    """Sets up a passkey."""

    template = "account/passkey"
    title = "Add a passkey"

    def page(self, subject: Any, *, status: int = 200) -> HttpResponseBase:
        """Return the page, with what the browser is asked to make."""
        options = ""
        if host_of_passkeys():
            asked, self.request.session[CHALLENGE] = ask_for_new_passkey(self.person)
            options = json.dumps(asked)
        response = self.render(status=status, trail=account_trail(self.title), problem=self.problem, options=options)
        response.page_kind = "passkey"  # type: ignore[attr-defined]  # a response takes any attribute
        return response

    def act(self, subject: Any) -> HttpResponse:
        kept = self.request.session.pop(CHALLENGE, None)
        answer = answer_of_browser(self.request)
        if kept is None or answer is None:
            raise Refused("The browser made no passkey. Try again.")
        return self.added(add_passkey(self.person, answer, kept=kept, name=self.request.POST.get("name", "")))


def notice_about_factor(request: HttpRequest) -> str:
    """Return what a person who needs a second factor reads on every page of the admin; "" for everybody else."""
    if settings.SECOND_FACTOR != "required" or request.session.get(FACTOR) or not lacks_second_factor(request.user):
        return ""
    ends = grace_ends(request.user)  # type: ignore[arg-type]  # nobody else lacks one
    if ends is None:
        return ""
    if ends > timezone.now():
        return f"Set up a second factor by {ends:%-d %B %Y}. Later you can’t approve, release or administer."
    return "Approving, releasing and administering wait until you set up a second factor."


PAGES = [("account/app/", AppPage, "account_app"), ("account/passkey/", PasskeyPage, "account_passkey")]
