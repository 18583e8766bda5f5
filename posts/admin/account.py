"""The page of one's own account: how one signs in, and where one is signed in."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from posts.accounts.second_factors import (
    factors_of,
    host_of_passkeys,
    make_recovery_codes,
    remove_factor,
    unused_codes,
)
from posts.accounts.sessions import end_other_sessions, sessions_of
from posts.admin.lists import number_in
from posts.admin.pages import AdminPage
from posts.admin.second_factors import show_codes
from posts.admin.trail import dashboard_trail
from posts.models.second_factor import needs_second_factor


class AccountPage(AdminPage):
    """One's own account."""

    permissions = ()
    template = "account/account"
    title = "Your account"

    def page(self, subject: Any, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        factors = factors_of(self.person)
        return self.render(
            status=status,
            trail=dashboard_trail(self.title),
            factors=factors,
            codes_left=unused_codes(self.person) if factors else 0,
            has_app=any(factor.kind == factor.Kind.APP for factor in factors),
            is_required=needs_second_factor(self.person),
            may_use_passkeys=bool(host_of_passkeys()),
            sessions=sessions_of(self.person),
            own_key=self.request.session.session_key,
        )

    def end_others(self, subject: Any) -> str:
        """End the other sessions."""
        count = end_other_sessions(self.person, but=self.request.session.session_key or "")
        if not count:
            return "You have no other session."
        return f"You ended {count} other session{'' if count == 1 else 's'}."

    def remove(self, subject: Any) -> str:
        """Remove a second factor."""
        return f"You removed {remove_factor(self.person, number_in(self.request.POST.get('factor', '')))}."

    def new_codes(self, subject: Any) -> HttpResponse:
        """Show new recovery codes."""
        return show_codes(self, make_recovery_codes(self.person))

    actions = {"end-others": end_others, "remove-factor": remove, "new-codes": new_codes}


PAGES = [("account/", AccountPage, "account")]
