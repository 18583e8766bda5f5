"""Django's admin as AlphaNode's desk: the frame around every page, and the first page."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import admin
from django.urls import reverse

from posts.models import ImportBatch, Post, Release, Review

# Beyond this the desk says "more than": an exact number would cost a walk over every waiting post.
COUNT_LIMIT = 1000


@dataclass(frozen=True)
class Place:
    """A place of the header: `name` of its address; it is also where every address is that starts with `prefix`."""

    label: str
    name: str
    permission: str = ""
    prefix: str = ""


PLACES = (
    Place("Desk", "index"),
    Place("Posts", "posts_post_changelist", "posts.view_post", "posts_post_"),
    Place("Imports", "posts_importbatch_changelist", "posts.view_importbatch", "posts_import"),
    Place("Releases", "posts_release_changelist", "posts.view_release", "posts_release_"),
    Place("Jobs", "posts_job_changelist", "posts.view_job", "posts_job_"),
    Place("Audit trail", "posts_auditentry_changelist", "posts.view_auditentry", "posts_auditentry_"),
)


class AlphaNodeAdminSite(admin.AdminSite):
    """The desk. It has no side bar: the places of the header lead everywhere."""

    site_header = site_title = settings.SITE_NAME
    index_title = "Desk"
    enable_nav_sidebar = False

    def get_urls(self):
        """Before the addresses of the records: those of pages about a post that no ModelAdmin holds."""
        # Here and not above: its models can't be read before this site stands.
        from posts.admin import compare, flags, releases

        own = [*compare.compare_urls(self), *releases.page_urls(self), *flags.page_urls(self)]
        return [*own, *super().get_urls()]

    def each_context(self, request):
        """Adds the places of the header, those that this person may enter, and the person's role."""
        return super().each_context(request) | {"places": self._places(request), "person_role": self._role(request)}

    def _places(self, request):
        if not self.has_permission(request):
            return []
        here = (request.resolver_match.url_name or "") if request.resolver_match else ""
        return [
            {
                "label": place.label,
                "url": reverse(f"{self.name}:{place.name}"),
                "is_here": here == place.name or bool(place.prefix and here.startswith(place.prefix)),
            }
            for place in PLACES
            if not place.permission or request.user.has_perm(place.permission)
        ]

    def _role(self, request):
        if not request.user.is_authenticated:
            return ""
        if request.user.is_superuser:
            return "Superuser"
        return ", ".join(request.user.groups.values_list("name", flat=True))

    def index(self, request, extra_context=None):
        """The desk: what waits, what came in, what went out."""
        return super().index(request, self._desk(request.user) | (extra_context or {}))

    def _desk(self, user):
        if not user.has_perm("posts.view_post"):
            return {"sees_posts": False}
        waiting = Post.objects.waiting()
        sees_imports = user.has_perm("posts.view_importbatch")
        oldest = waiting.order_by("changed_at", "pk").only("changed_at").first()
        last_decision = None
        if oldest is None:
            last_decision = Review.objects.select_related("reviewer").order_by("-pk").first()
        releases = Release.objects.select_related("post", "revision", "owner").order_by("-pk")
        return {
            "sees_posts": True,
            "sees_imports": sees_imports,
            "waiting_count": waiting[: COUNT_LIMIT + 1].count(),
            "count_limit": COUNT_LIMIT,
            "oldest": oldest,
            "last_decision": last_decision,
            "flagged_count": Post.objects.filter(needs_human_review=True)[: COUNT_LIMIT + 1].count(),
            "last_imports": ImportBatch.objects.order_by("-pk")[:5] if sees_imports else [],
            "last_releases": releases.only("kind", "made_at", "post__title", "revision__version", "owner__username")[
                :5
            ],
        }
