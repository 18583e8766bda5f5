"""Django's admin as AlphaNode's admin: the frame around every page, and the dashboard."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.functional import SimpleLazyObject

import posts
from posts.admin.people import person_of
from posts.db.standby import is_standby
from posts.models import Notification, QueueEntry
from posts.review_queue.counts import capped_counts, short_count
from posts.review_queue.order import within_limits


@dataclass(frozen=True)
class NavItem:
    """An item of the navigation.

    name: of its address. prefix: it is current for every address whose name starts with this, or with one of these.
    """

    label: str
    name: str
    permission: str = ""
    prefix: str | tuple[str, ...] = ""


PLACES = (
    NavItem("Dashboard", "index"),
    NavItem("My work", "my_work"),
    NavItem("Queue", "queue", "posts.view_post", ("queue_", "review", "guideline", "house_style")),
    NavItem("Posts", "posts_post_changelist", "posts.view_post", "posts_post_"),
    NavItem(
        "Imports",
        "posts_importbatch_changelist",
        "posts.view_importbatch",
        ("posts_import", "posts_generator", "scorecards"),
    ),
    NavItem("Releases", "posts_release_changelist", "posts.view_release", "posts_release_"),
    NavItem("Operations", "operations", "posts.view_job", "posts_job"),
    NavItem("Audit trail", "posts_auditentry_changelist", "posts.view_auditentry", "posts_auditentry_"),
)


def _counts(request: HttpRequest) -> dict[str, int]:
    """Return the counts of the navigation by the names of its items: pending posts and unread notifications.

    A page that has counted some already stores them in `request.nav_counts`.
    """
    known: dict[str, int] = getattr(request, "nav_counts", {})
    person = person_of(request)
    pending = within_limits(QueueEntry.objects.all(), by=person)
    counted = {"queue": pending, "my_work": Notification.objects.unread_by(person)}
    missing = [name for name in counted if name not in known]
    return known | dict(zip(missing, capped_counts([counted[name] for name in missing]), strict=True))


class AlphaNodeAdminSite(admin.AdminSite):
    """The admin. It has no side bar: the navigation leads everywhere."""

    site_header = site_title = settings.SITE_NAME
    index_title = "Dashboard"
    enable_nav_sidebar = False
    empty_value_display = "–"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the navigation items that this person may open, and the person's role."""
        from posts.admin.second_factors import notice_about_factor

        return super().each_context(request) | {
            "places": self._nav_items(request),
            "person_role": self._role(request),
            "version": posts.__version__,
            "factor_notice": notice_about_factor(request),
            "is_standby": is_standby(),
        }

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Return the list of models, made when somebody reads it: every page has it, and few show it."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def admin_view(self, view: Callable[..., HttpResponseBase], cacheable: bool = False) -> Any:
        """Give a form back whose session has ended, or that needs a fresh proof of who is there.

        Django alone would redirect to the sign-in page and lose it.
        """
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            from posts.admin.expired import give_back_signed_out
            from posts.admin.proof import ask_for_proof

            if request.method == "POST" and not request.user.is_authenticated:
                return give_back_signed_out(request) or guarded(request, *args, **kwargs)
            if self.has_permission(request) and (answer := ask_for_proof(request)):
                return answer
            return guarded(request, *args, **kwargs)

        return wrapped

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Add the pages without a ModelAdmin before all others."""
        # Imported here: their models can't be read before this site exists.
        from posts.admin import (
            account,
            my_work,
            operations,
            personal_data,
            proof,
            roles,
            second_factors,
            sign_on,
            storage,
        )
        from posts.admin.pages import page_paths
        from posts.admin.posts import diff, flags, preview_links, purge, releases
        from posts.admin.review import code, duplicates, guideline, house_style, queue, remarks, screen
        from posts.admin.scorecards import pages as scorecards
        from posts.admin.sign_in import SecondStep

        pages = [
            *my_work.PAGES,
            *operations.PAGES,
            *storage.PAGES,
            *account.PAGES,
            *proof.PAGES,
            *roles.PAGES,
            *second_factors.PAGES,
            *personal_data.PAGES,
            *diff.PAGES,
            *releases.PAGES,
            *flags.PAGES,
            *preview_links.PAGES,
            *purge.PAGES,
            *queue.PAGES,
            *screen.PAGES,
            *code.PAGES,
            *duplicates.PAGES,
            *remarks.PAGES,
            *guideline.PAGES,
            *house_style.PAGES,
            *scorecards.PAGES,
        ]
        # Nobody is signed in there yet.
        second_step = path("sign-in/second-step/", SecondStep.as_view(), name="second_factor")
        go = path("sign-in/provider/", sign_on.go, name="sign_on")
        back = path("sign-in/provider/back/", sign_on.back, name="sign_on_back")
        return [second_step, go, back, *page_paths(pages), *super().get_urls()]

    def _nav_items(self, request: HttpRequest) -> list[dict[str, Any]]:
        if not self.has_permission(request):
            return []
        counts = _counts(request)
        here = (request.resolver_match.url_name or "") if request.resolver_match else ""
        return [
            {
                "label": place.label,
                "count": short_count(count) if (count := counts.get(place.name)) else "",
                "url": reverse(f"{self.name}:{place.name}"),
                "is_here": here == place.name or bool(place.prefix and here.startswith(place.prefix)),
            }
            for place in PLACES
            if not place.permission or request.user.has_perm(place.permission)
        ]

    def _role(self, request: HttpRequest) -> str:
        if not request.user.is_authenticated:
            return ""
        if request.user.is_superuser:
            return "Superuser"
        return ", ".join(request.user.groups.values_list("name", flat=True))

    def login(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the sign-in page, or sign a person in."""
        from posts.admin.sign_in import SignIn

        return SignIn.as_view()(request)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Change one's own password."""
        from django.contrib.auth.views import PasswordChangeView

        from posts.admin.proof import OwnPasswordForm

        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse(f"{self.name}:password_change_done"),
            extra_context=self.each_context(request) | (extra_context or {}),
        )
        return view(request)

    def index(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the dashboard."""
        # Its modules use the records of this site, which are registered after it exists.
        from posts.admin.dashboard.page import DashboardPage

        return DashboardPage.as_view()(request)
