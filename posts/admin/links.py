"""All links of the site's texts in the admin: what checks found, and other addresses for many posts at once."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from posts.admin.lists import badge, number_in
from posts.admin.people import person_of
from posts.admin.records import ReadOnlyAdmin
from posts.admin.review.queue import begun
from posts.links.check import check_again
from posts.links.scan import digest_of
from posts.models import BulkRun, LinkAddress, LinkHost, LinkOccurrence, Post
from posts.operations import Refused, begin_edit
from posts.rendering.dates import day
from posts.rendering.web_addresses import MAX_ADDRESS

State = LinkAddress.State
DEAD = "dead"
BADGES: dict[str, str] = {
    State.ALIVE: "done",
    State.NEW: "waiting",
    State.BLOCKED: "waiting",
    State.ROBOTS: "waiting",
    State.PRIVATE: "waiting",
    State.AWAY: "stopped",
    State.GONE: "stopped",
}
POSTS_SHOWN = 50
# A selection of more is for a filter, not for one preview.
MOST_ADDRESSES = 500


class StateFilter(admin.SimpleListFilter):
    """Filters links by what their last check found."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(DEAD, "Dead"), *((state.value, str(state.label)) for state in State)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == DEAD:
            return queryset.filter(died_at__isnull=False)
        return queryset.filter(state=self.value()) if self.value() in State.values else queryset


class HostFilter(admin.SimpleListFilter):
    """Filters links by their host, to which the list itself leads."""

    title = "host"
    parameter_name = "host"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        host = request.GET.get("host", "")
        return [(host, host)] if host else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        host = self.value()
        return queryset.filter(host__name=host.lower()) if host else queryset


class PostFilter(admin.SimpleListFilter):
    """Filters links by a post that has them."""

    title = "post"
    parameter_name = "post"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        number = number_in(request.GET.get("post", ""))
        post = Post.objects.filter(pk=number).only("title").first() if number is not None else None
        return [(str(number), Truncator(post.title).chars(60))] if post else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        number = number_in(self.value() or "")
        return _named_by(queryset, Post.objects.filter(pk=number)) if number is not None else queryset


def _named_by(links: QuerySet[Any], posts: QuerySet[Post]) -> QuerySet[Any]:
    return links.filter(pk__in=LinkOccurrence.objects.filter(post__in=posts).values("address"))


class AddressForm(forms.Form):
    """What stands in place of the selected address. Without `asks`, each moved link gets its own new address."""

    new = forms.CharField(label="New address", max_length=MAX_ADDRESS, widget=forms.URLInput)
    submits = forms.BooleanField(label="Submit the new revisions for review", required=False, initial=True)

    def __init__(self, data: Any = None, *, asks: bool, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        if not asks:
            del self.fields["new"]


@admin.register(LinkAddress)
class LinkAdmin(ReadOnlyAdmin):
    """Each address once, however many posts name it."""

    list_display = ["link", "state_shown", "host_link", "checked", "in_posts"]
    list_display_links = None
    list_filter = [StateFilter, HostFilter, PostFilter]
    list_select_related = ["host"]
    search_fields = ["digest"]
    search_help_text = "Enter a whole address, a host, or the slug or source id of a post"
    ordering = ["-pk"]
    actions = ("replace_address", "check_again")
    fields = ["address_shown", "state_shown", "status", "detail", "new_address", "found_at", "checked_at", "due_at",
              "failing_since", "died_at", "history", "posts"]  # fmt: skip
    readonly_fields = ["address_shown", "state_shown", "history", "posts"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; say so if nothing is checked."""
        if not settings.LINK_CHECKS and request.method == "GET":
            messages.info(request, "Links are not checked on this site. An administrator can set LINK_CHECKS=on.")
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return links with the post that names each first."""
        naming = LinkOccurrence.objects.filter(address=OuterRef("pk")).order_by("post")
        links: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                first_post=Subquery(naming.values("post")[:1]),
                first_title=Subquery(naming.values("post__title")[:1]),
                second_post=Subquery(naming.values("post")[1:2]),
            )
        )
        return links

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by index: a whole address, a host, or a post."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "//" in term:
            return queryset.filter(digest=digest_of(term)), False
        if LinkHost.objects.filter(name=term.lower()).exists():
            return queryset.filter(host__name=term.lower()), False
        posts = Post.objects.filter(slug=term) | Post.objects.filter(source_id=term)
        return _named_by(queryset, posts.order_by()), False

    # Columns

    @admin.display(description="Link")
    def link(self, link: LinkAddress) -> SafeString:
        return format_html(
            '<a class="row-title" href="{}">{}</a><span class="quiet wrap">{}</span>',
            reverse("admin:posts_linkaddress_change", args=[link.pk]),
            Truncator(link.address).chars(120),
            Truncator(f"Now {link.new_address}" if link.new_address else link.detail).chars(160),
        )

    @admin.display(description="State")
    def state_shown(self, link: LinkAddress) -> SafeString:
        return badge("refused" if link.died_at else BADGES.get(link.state, "open"), link.state_words)

    @admin.display(description="Host")
    def host_link(self, link: LinkAddress) -> SafeString:
        return format_html('<a href="?host={}">{}</a>', link.host.name, link.host.name)

    @admin.display(description="Last checked")
    def checked(self, link: LinkAddress) -> str:
        return day(link.checked_at) if link.checked_at else "–"

    @admin.display(description="In posts")
    def in_posts(self, link: Any) -> SafeString | str:
        if link.first_post is None:
            return "–"
        post = format_html(
            '<a href="{}" dir="auto">{}</a>',
            reverse("admin:posts_post_change", args=[link.first_post]),
            Truncator(link.first_title).chars(80),
        )
        return format_html("{} and others", post) if link.second_post else post

    # The page of one link

    @admin.display(description="Address")
    def address_shown(self, link: LinkAddress) -> SafeString:
        return format_html('<span class="wrap">{}</span>', link.address)

    @admin.display(description="History")
    def history(self, link: LinkAddress) -> SafeString | str:
        rows = []
        for check in link.checks.order_by("-pk")[:20]:
            first, last = day(check.first_at), day(check.last_at)
            days = first if first == last else f"{first} to {last}"
            rows.append((days, ", ".join(filter(None, [check.get_state_display(), check.detail]))))
        return format_html_join("", "<div>{}: {}</div>", rows) or "Not checked yet."

    @admin.display(description="Posts")
    def posts(self, link: LinkAddress) -> SafeString | str:
        found = Post.objects.filter(pk__in=link.occurrences.values("post")).order_by("pk").only("title")
        rows = [(reverse("admin:posts_post_change", args=[post.pk]), post.title) for post in found[: POSTS_SHOWN + 1]]
        lines = format_html_join("", '<div><a href="{}" dir="auto">{}</a></div>', rows[:POSTS_SHOWN])
        more = format_html("<div>{}</div>", "And more.") if len(rows) > POSTS_SHOWN else ""
        return format_html("{}{}", lines, more) if rows else "No text names it any more."

    # Actions

    def has_edit_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may change posts."""
        return request.user.has_perm("posts.change_post")

    @admin.action(description="Check again", permissions=["view"])
    def check_again(self, request: HttpRequest, queryset: QuerySet[LinkAddress]) -> None:
        """Have the selected links checked as soon as their hosts may be asked."""
        chosen = LinkAddress.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)[:MOST_ADDRESSES]))
        count = check_again(chosen)
        words = "1 link" if count == 1 else f"{count:,} links"
        self.message_user(request, f"{words} will be checked next, each as soon as its host may be asked.")

    @admin.action(description="Replace the address…", permissions=["edit"])
    def replace_address(self, request: HttpRequest, queryset: QuerySet[LinkAddress]) -> HttpResponse | None:
        """Ask for another address, then lead to the preview of what each post gets."""
        chosen = list(queryset.order_by("pk")[: MOST_ADDRESSES + 1])
        if len(chosen) > MOST_ADDRESSES:
            self.message_user(request, f"Select at most {MOST_ADDRESSES} links at once.", messages.WARNING)
            return None
        asks = len(chosen) == 1
        if not asks and any(not link.new_address for link in chosen):
            words = "Select one link, or only links whose state is Moved: each of those gets its own new address."
            self.message_user(request, words, messages.WARNING)
            return None
        initial = {"new": chosen[0].new_address, "submits": True} if asks else None
        form = AddressForm(request.POST if "preview" in request.POST else None, asks=asks, initial=initial)
        if form.is_bound and form.is_valid():
            new = form.cleaned_data.get("new", "").strip()
            pairs = {link.address: new or link.new_address for link in chosen}
            rows = LinkOccurrence.objects.filter(address__in=chosen).annotate(position=Value(0))
            try:
                options = {"pairs": pairs, "submits": form.cleaned_data["submits"]}
                query = request.GET.urlencode()[:1000]
                run = begin_edit(BulkRun.Act.ADDRESS, options, by=person_of(request), rows=rows, query=query)
                return HttpResponseRedirect(begun(run, by=person_of(request)))
            except Refused as refusal:
                form.add_error(None, str(refusal))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Replace {chosen[0].address[:200]}" if asks else f"Replace {len(chosen):,} moved addresses",
            "form": form,
            "selected": [link.pk for link in chosen],
            "takes_all": False,
            "action": "replace_address",
            "address": request.get_full_path(),
            "list_address": reverse("admin:posts_linkaddress_changelist"),
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/posts/row/bulk.html", context, status=status)
