from django.conf import settings
from django.contrib import admin
from django.urls import reverse

from posts.models import ImportBatch, Post, Release

# Beyond this the desk says "more than": an exact number would cost a walk over every waiting post.
COUNT_LIMIT = 1000


class AlphaNodeAdminSite(admin.AdminSite):
    """Django's admin as AlphaNode's desk."""

    site_header = site_title = settings.SITE_NAME
    index_title = "Desk"
    enable_nav_sidebar = False

    def get_urls(self):
        """Before the addresses of the records: those of pages about a post that no ModelAdmin holds."""
        # Here and not above: its models can't be read before this site stands.
        from posts.admin.compare import compare_urls

        return [*compare_urls(self), *super().get_urls()]

    def each_context(self, request):
        """Adds the places of the header: those that this person may enter."""
        return super().each_context(request) | {"places": self._places(request), "person_role": self._role(request)}

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
