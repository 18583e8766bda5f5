"""The list of posts: columns, filters, search, and actions on selected posts."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from posts.admin.choices import DIFFICULTIES
from posts.admin.lists import Mixin, status_badge
from posts.admin.people import person_of
from posts.admin.posts.parts import flag_button
from posts.admin.review.bulk import approve_selected
from posts.admin.trail import posts_trail
from posts.models import ListedText, Post, Revision
from posts.models.post import PostQuerySet, search_key
from posts.operations import Refused, flag_post, submit_revision, withdraw_post

# The most that one request may change. More belongs in a command or a job.
BULK_LIMIT = 200
NOT_SHOWN = ("intro", "body", "summary", "ai_brief", "payload", "notes", "extra", "ai_outline", "entities", "score",
             "flags", "head_revision__snapshot", "live_revision__snapshot")  # fmt: skip


class StatusFilter(admin.SimpleListFilter):
    title = "review of the proposed revision"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Any:
        # A proposed revision is never superseded; to look for one would read all earlier revisions.
        return [choice for choice in Revision.Status.choices if choice[0] != Revision.Status.SUPERSEDED]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = dict(self.lookup_choices)
        return queryset.filter(head_revision__status=self.value()) if self.value() in known else queryset


class PlaceFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "place"
    PLACES: ClassVar[dict[str, tuple[str, Callable[[Any], Any]]]] = {
        "waiting": ("pending review", lambda posts: posts.waiting()),
        "flagged": ("flagged", lambda posts: posts.filter(needs_human_review=True)),
        "reported": ("reported by readers", lambda posts: posts.reported()),
        "live": ("live", lambda posts: posts.filter(live_revision__isnull=False, withdrawn_at=None)),
        # By the rows of lists, which are those of the indexable posts: the rule itself joins three large tables.
        "open": (
            "open to search engines",
            lambda posts: posts.filter(Exists(ListedText.objects.listed().filter(post=OuterRef("pk")))),
        ),
        "bulk": ("closed: approved in bulk only", lambda posts: posts.approved_in_bulk()),
        "older": ("approved under an older guideline", lambda posts: posts.approved_under_older_guideline()),
        "withdrawn": ("withdrawn", lambda posts: posts.filter(withdrawn_at__isnull=False)),
    }

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(key, label) for key, (label, _) in self.PLACES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        place = self.PLACES.get(self.value() or "")
        return place[1](queryset) if place else queryset


class DifficultyFilter(admin.SimpleListFilter):
    """The known levels; reading all words from the table would scan every post."""

    title = "difficulty"
    parameter_name = "difficulty"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(level, level.capitalize()) for level in DIFFICULTIES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        level = self.value()
        # Records write them in both ways.
        return queryset.filter(difficulty__in=[level, level.capitalize()]) if level else queryset


class PostList(Mixin):
    """The part of PostAdmin that is the list."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        """Return posts without texts that no column shows."""
        posts = super().get_queryset(request)
        is_list = request.resolver_match and request.resolver_match.url_name == "posts_post_changelist"
        return posts.defer(*NOT_SHOWN) if is_list else posts

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show the button that flags a row at once to people who may flag."""
        if not self.has_flag_permission(request):
            return self.list_display
        return ["flag_at_once" if name == "open_flags" else name for name in self.list_display]

    @admin.display(description="Flag")
    def flag_at_once(self, post: Post) -> SafeString:
        return format_html("{} {}", self.open_flags(post) if post.needs_human_review else "", flag_button(post))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by index: the start of a title, or a whole source id, slug or fingerprint."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        for field in ("slug", "source_id", "reference"):
            found = queryset.filter(**{field: term})
            if found.exists():
                return found, False
        key = search_key(term)
        found = queryset.filter(title_key__startswith=key)
        if connection.vendor == "sqlite":
            # LIKE can't use the index there; the range can, and compares bytes.
            found = found.filter(title_key__gte=key, title_key__lt=key + "\U0010ffff")
        return found, False

    # Columns

    @admin.display(description="Post")
    def post(self, post: Post) -> SafeString:
        return format_html(
            '<a class="row-title" href="{}" dir="auto">{}</a><span class="quiet">{}</span>',
            reverse("admin:posts_post_change", args=[post.pk]),
            post.title,
            post.reference or post.source_id,
        )

    @admin.display(description="Review")
    def review(self, post: Post) -> SafeString:
        return format_html(
            '{}<span class="quiet">{}{}</span>',
            status_badge(post.head_revision),
            post.head_revision.version,
            " · pending" if post.awaits_review else "",
        )

    @admin.display(description="Readers see")
    def readers_see(self, post: Post) -> str:
        if post.withdrawn_at:
            return "withdrawn"
        if post.live_revision:
            return post.live_revision.version
        return f"{post.head_revision.version} · unlisted" if post.visible_revision else "nothing yet"

    @admin.display(description="Search engines")
    def search_engines(self, post: Post) -> SafeString:
        if not (obstacles := post.index_obstacles):
            return format_html('<span class="open-state"><span aria-hidden="true">{}</span> open</span>', "◉")
        return format_html('<span aria-hidden="true">⊘</span> closed<span class="quiet">{}</span>', obstacles[0])

    @admin.display(description="Flag")
    def open_flags(self, post: Post) -> str:
        if not post.needs_human_review:
            return "–"
        return format_html('<span class="flag-state"><span aria-hidden="true">{}</span> open</span>', "⚑")

    @admin.display(description="Changed")
    def changed(self, post: Post) -> SafeString:
        author = post.head_revision.author
        moment = timezone.localtime(post.changed_at)
        return format_html(
            '{}<span class="quiet">{}</span>', f"{moment.day} {moment:%b %Y %H:%M}", author or "the import"
        )

    @admin.display(description="Import")
    def batch(self, post: Post) -> str:
        if not post.last_batch_id:
            return "–"
        address = reverse("admin:posts_importbatch_change", args=[post.last_batch_id])
        return format_html('<a href="{}">#{}</a>', address, post.last_batch_id)

    # Acts on what is ticked

    def has_flag_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("posts.flag_post")

    def has_submit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("posts.submit_post")

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("posts.withdraw_post")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("posts.review_post")

    @admin.action(description="Approve in bulk…", permissions=["decide"])
    def approve_in_bulk(self, request: HttpRequest, queryset: PostQuerySet) -> HttpResponse | None:
        return approve_selected(self, request, queryset)

    @admin.action(description="Flag for human review", permissions=["flag"])
    def flag_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._each(
            request,
            queryset,
            "Flagged",
            lambda post: flag_post(post, by=person_of(request), note="Flagged in the list of posts."),
        )

    @admin.action(description="Submit for review", permissions=["submit"])
    def submit_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._each(request, queryset, "Submitted", lambda post: submit_revision(post, by=person_of(request)))

    @admin.action(description="Withdraw", permissions=["withdraw"])
    def withdraw_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return self._each(request, queryset, "Withdrawn", lambda post: withdraw_post(post, by=person_of(request)))

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Any], done: str, operation: Callable[[Post], object]
    ) -> HttpResponse | None:
        """Run an operation on every row and show each outcome; refuse more than BULK_LIMIT rows."""
        posts = list(queryset.order_by("pk")[: BULK_LIMIT + 1])
        if len(posts) > BULK_LIMIT:
            self.message_user(
                request,
                f"You selected more than {BULK_LIMIT} posts. Nothing was changed. Narrow the list with a filter, "
                "or take one page at a time.",
                messages.ERROR,
            )
            return None
        outcomes = []
        for post in posts:
            try:
                operation(post)
                outcomes.append((post, ""))
            except Refused as refusal:
                outcomes.append((post, str(refusal)))
        refused = sum(1 for _, reason in outcomes if reason)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{done}: {len(outcomes) - refused}. Refused: {refused}.",
            "trail": posts_trail(done),
            "done": done,
            "outcomes": outcomes,
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/posts/post/outcomes.html", context)
