"""The pages on which people take along what the site has about them, and superusers erase an account."""

from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from posts.accounts.erase import erase_account, erasing_obstacles, name_afterwards
from posts.accounts.personal_data import DELETED, NAMED, export_of
from posts.admin.pages import AdminPage
from posts.admin.trail import Step, step
from posts.errors import NotAllowed, Refused, require_superuser
from posts.operations.frame import note, operating
from posts.review_queue.counts import FEW_COUNTED, capped_counts, short_count


class OwnData(AdminPage):
    """A file with all that one's own account left."""

    permissions = ()
    http_method_names = ["get"]

    def page(self, subject: Any, *, status: int = 200) -> HttpResponseBase:
        """Return the file."""
        account = subject or self.person
        with operating():
            note("account exported", by=self.person, detail=f"account {account.pk}")
        response = StreamingHttpResponse(export_of(account), content_type="application/json")
        response.headers["Content-Disposition"] = f'attachment; filename="account-{account.pk}.json"'
        return response


class DataOfAccount(OwnData):
    """The same file about another account, for a superuser."""

    def may_see(self) -> bool:
        """Return whether the person is a superuser."""
        return self.person.is_superuser

    def find(self, pk: int) -> User:
        """Return the account."""
        return _account(pk)


class EraseAccount(AdminPage):
    """Erases an account, after a superuser gave a reason and typed its name."""

    permissions = ()
    template = "account/erase"
    model = User
    title = "Erase an account"

    def may_see(self) -> bool:
        """Return whether the person is a superuser."""
        try:
            require_superuser(self.person)
        except (NotAllowed, Refused):
            return False
        return True

    def find(self, pk: int) -> User:
        """Return the account."""
        return _account(pk)

    def page(self, subject: User, *, status: int = 200) -> HttpResponseBase:
        """Return the page: what goes, what stays, and the form."""
        goes, stays = _counts(subject)
        return self.render(
            status=status,
            trail=[
                step("Users", "auth_user_changelist"),
                step(str(subject), "auth_user_change", subject.pk),
                Step("Erase"),
            ],
            account=subject,
            obstacles=erasing_obstacles(subject, by=self.person),
            name_afterwards=name_afterwards(subject),
            goes=goes,
            stays=stays,
            why=self.request.POST.get("why", ""),
        )

    def erase(self, subject: User) -> HttpResponse | str:
        """Erase the account."""
        if self.request.POST.get("name", "").strip() != subject.get_username():
            raise Refused(f"Type the name of the account, {subject.get_username()}, to confirm.")
        name = erase_account(subject, by=self.person, why=self.request.POST.get("why", ""))
        return f"The account is erased. Its name is now “{name}”."

    actions = {"erase": erase}

    def next_address(self, subject: Any) -> str:
        """Return to the account."""
        return reverse("admin:auth_user_change", args=[subject.pk])


def _account(pk: int) -> User:
    account = User.objects.filter(pk=pk).first()
    if account is None:
        raise Http404("No account has this number.")
    return account


def _counts(account: User) -> tuple[dict[str, str], dict[str, str]]:
    """Return {kind of rows: short count} of what goes with an account, and of what stays."""
    rows = [named.rows(account) for named in NAMED]
    goes: dict[str, str] = {}
    stays: dict[str, str] = {}
    for named, count in zip(NAMED, capped_counts(rows, limit=FEW_COUNTED), strict=True):
        if count:
            kept = goes if named.on_erasing == DELETED else stays
            kept.setdefault(
                f"{named.table._meta.verbose_name_plural} ({named.field.replace('_', ' ')})",
                short_count(count, limit=FEW_COUNTED),
            )
    return goes, stays


PAGES = [
    ("account/data/", OwnData, "account_data"),
    ("auth/user/<int:pk>/data/", DataOfAccount, "auth_user_data"),
    ("auth/user/<int:pk>/erase/", EraseAccount, "auth_user_erase"),
]
