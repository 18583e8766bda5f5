from importlib import import_module

from django.conf import settings
from django.contrib import admin
from django.urls import reverse

from posts.models import ImportBatch, Post, Release

# Beyond this the desk says "more than": an exact number would cost a walk over every waiting post.
COUNT_LIMIT = 1000
PAGES = ("posts.admin.releases", "posts.admin.flags")


class AlphaNodeAdminSite(admin.AdminSite):
    """Django's admin as AlphaNode's desk."""

    site_header = site_title = settings.SITE_NAME
    index_title = "Desk"
    enable_nav_sidebar = False

    def each_context(self, request):
        """Adds the places of the header: those that this person may enter."""
        return super().each_context(request) | {"places": self._places(request), "person_role": self._role(request)}

    def get_urls(self):
        """Adds the pages of one post that are no part of its form."""
        # Their modules use this site's records, which are registered once the site stands.
        return [*(path for name in PAGES for path in import_module(name).page_urls(self)), *super().get_urls()]

    def _places(self, request):
        if not self.has_permission(request):
            return []
        here = request.resolver_match.url_name if request.resolver_match else ""
        places = [("Desk", "index", "")]
        for label, model in [
            ("Posts", "post"),
            ("Releases", "release"),
            ("Imports", "importbatch"),
            ("Jobs", "job"),
            ("Audit trail", "auditentry"),
        ]:
            if request.user.has_perm(f"posts.view_{model}"):
                places.append((label, f"posts_{model}_changelist", f"posts_{model}_"))
        return [
            {
                "label": label,
                "url": reverse(f"{self.name}:{name}"),
                "is_here": here == name or bool(prefix and here.startswith(prefix)),
            }
            for label, name, prefix in places
        ]

    def _role(self, request):
        if not request.user.is_authenticated:
            return ""
        if request.user.is_superuser:
            return "Superuser"
        return ", ".join(request.user.groups.values_list("name", flat=True))

    def index(self, request, extra_context=None):
        """The desk: what waits, what came in, what went out."""
        context = {}
        if request.user.has_perm("posts.view_post"):
            waiting = Post.objects.waiting()
            context = {
                "waiting_count": waiting[: COUNT_LIMIT + 1].count(),
                "count_limit": COUNT_LIMIT,
                "oldest": waiting.order_by("changed_at", "pk").only("changed_at").first(),
                "flagged_count": Post.objects.filter(needs_human_review=True)[: COUNT_LIMIT + 1].count(),
                "last_imports": ImportBatch.objects.all()[:5],
                "last_releases": Release.objects.select_related("post", "revision", "owner").defer(
                    "revision__snapshot"
                )[:5],
            }
        return super().index(request, context | (extra_context or {}))
