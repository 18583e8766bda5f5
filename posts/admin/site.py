"""Django's admin as AlphaNode's desk: the frame around every page, and the first page."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import admin
from django.urls import reverse

from posts.review_queue.counts import short_count, waiting_count


@dataclass(frozen=True)
class NavItem:
    """A place of the header: `name` of its address; it is also where every address is whose name starts with `prefix`,
    or with one of them."""

    label: str
    name: str
    permission: str = ""
    prefix: str | tuple = ""


PLACES = (
    NavItem("Desk", "index"),
    NavItem("Queue", "queue", "posts.view_post", ("queue_", "review")),
    NavItem("Posts", "posts_post_changelist", "posts.view_post", "posts_post_"),
    NavItem("Imports", "posts_importbatch_changelist", "posts.view_importbatch", "posts_import"),
    NavItem("Releases", "posts_release_changelist", "posts.view_release", "posts_release_"),
    NavItem("Jobs", "posts_job_changelist", "posts.view_job", "posts_job_"),
    NavItem("Audit trail", "posts_auditentry_changelist", "posts.view_auditentry", "posts_auditentry_"),
)


class AlphaNodeAdminSite(admin.AdminSite):
    """The desk. It has no side bar: the places of the header lead everywhere."""

    site_header = site_title = settings.SITE_NAME
    index_title = "Desk"
    enable_nav_sidebar = False

    def each_context(self, request):
        """Adds the places of the header, those that this person may enter, and the person's role."""
        return super().each_context(request) | {"places": self._nav_items(request), "person_role": self._role(request)}

    def get_urls(self):
        """Before the addresses of the records: those of pages that no ModelAdmin holds."""
        # Here and not above: their models can't be read before this site stands.
        from posts.admin.posts import diff, flags, releases
        from posts.admin.review import queue, screen

        pages = [path for module in (releases, flags, queue, screen) for path in module.page_urls(self)]
        return [*diff.diff_urls(self), *pages, *super().get_urls()]

    def _nav_items(self, request):
        if not self.has_permission(request):
            return []
        here = (request.resolver_match.url_name or "") if request.resolver_match else ""
        return [
            {
                "label": place.label,
                "count": self._count_of(place, request),
                "url": reverse(f"{self.name}:{place.name}"),
                "is_here": here == place.name or bool(place.prefix and here.startswith(place.prefix)),
            }
            for place in PLACES
            if not place.permission or request.user.has_perm(place.permission)
        ]

    def _count_of(self, place, request):
        """What waits, for the queue; a page that has counted it already says so in `request.waiting_count`."""
        if place.name != "queue":
            return ""
        count = getattr(request, "waiting_count", None)
        count = waiting_count() if count is None else count
        return short_count(count) if count else ""

    def _role(self, request):
        if not request.user.is_authenticated:
            return ""
        if request.user.is_superuser:
            return "Superuser"
        return ", ".join(request.user.groups.values_list("name", flat=True))

    def index(self, request, extra_context=None):
        """The desk: what waits, what came in, what went out."""
        # Its modules use this site's records, which are registered once the site stands.
        from posts.admin.dashboard.dashboard import dashboard_context

        return super().index(request, dashboard_context(request) | (extra_context or {}))
