"""The preview links of a post: make, list and revoke them."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from posts.admin.lists import number_in
from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.posts.releases import row_of
from posts.admin.trail import post_trail
from posts.db.prepared_query import prepared
from posts.models import Post, PreviewLink
from posts.operations.preview_links import (
    DAYS,
    PURPOSE_LENGTH,
    answers_about,
    make_preview_link,
    may_link,
    revoke_preview_link,
)

LINKS_SHOWN = 50
DAYS_FIRST = 7


def links_of(post: Post) -> list[PreviewLink]:
    """Return the newest links of a post with their makers, in one query."""
    return _links.objects(post=post.pk)


@prepared(post=int)
def _links(post: int) -> QuerySet[PreviewLink]:
    links = PreviewLink.objects.filter(post=post).select_related("revision", "made_by", "revoked_by")
    return links.defer("revision__snapshot")[:LINKS_SHOWN]


class PreviewLinksPage(AdminPage):
    """The preview links of one post. The address of a new one is shown once."""

    permissions = ("view_post", "view_revision")
    template = "posts/post/preview_links"
    model = Post

    def find(self, pk: int) -> Post:
        return find_post(pk)

    def page(self, post: Post, *, status: int = 200, made: str = "") -> HttpResponse:
        """Return the page. made: the whole address of the link that was just made."""
        typed: Any = self.request.POST if status != 200 else {}
        return self.render(
            status=status,
            title=f"Preview links of {post.title}",
            trail=post_trail(post, "Preview links"),
            post=post,
            links=links_of(post),
            answers=answers_about(post),
            made=made,
            may_link=may_link(self.person),
            days=[(days, f"{days} day{'' if days == 1 else 's'}") for days in DAYS],
            days_chosen=number_in(typed.get("days", "")) or DAYS_FIRST,
            purpose=typed.get("purpose", ""),
            purpose_length=PURPOSE_LENGTH,
            asks="asks" in typed,
        )

    def make(self, post: Post) -> HttpResponse:
        """Make a link to the text that the form names, and show its address."""
        sent = self.request.POST
        revision = row_of(post.revisions, sent.get("revision"), "This revision belongs to another post.")
        _, token = make_preview_link(
            revision,
            by=self.person,
            days=number_in(sent.get("days", "")) or 0,
            purpose=sent.get("purpose", ""),
            asks="asks" in sent,
        )
        return self.page(post, made=settings.SITE_URL + reverse("posts:preview", args=[token]))

    def revoke(self, post: Post) -> str:
        """Revoke a link."""
        link = row_of(post.preview_links, self.request.POST.get("link"), "This link belongs to another post.")
        revoke_preview_link(link, by=self.person)
        return "The link is revoked. It no longer shows the article."

    actions = {"make": make, "revoke": revoke}


PAGES = [("posts/post/<int:pk>/preview-links/", PreviewLinksPage, "posts_post_preview_links")]
