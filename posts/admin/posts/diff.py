"""Any two texts of a post side by side, and the preview with its changes marked."""

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from posts.admin.lists import number_in
from posts.admin.pages import AdminPage
from posts.admin.trail import post_trail
from posts.diff import changes_since_import, compare_records, default_pair
from posts.diff.html import marked_html
from posts.models import Post, Revision
from posts.operations.release import active_approval
from posts.operations.rolled_back import rolled_back_warning
from posts.public.views import article_context

VIEWS = {"sides": "Side by side", "column": "One column", "pages": "As readers see it", "record": "Record"}
# Nobody can use a select with more texts; older ones are in the history.
MAX_CHOICES = 200
MAX_NUMBER = 2**31 - 1


def comparison_context(post: Post, old: Revision, new: Revision) -> dict[str, Any]:
    """Return the context of the partials under admin/posts/diff/: comparison, old, new and post.

    The review screen includes _marks.html, _sides.html and _summary.html with it.
    """
    return {"post": post, "old": old, "new": new, "comparison": compare_records(old.snapshot, new.snapshot)}


def _post(pk: int, *, about: str | None = None) -> Post:
    """Return the post of an address, with the last decision about the text with the fingerprint `about`."""
    posts = Post.objects.with_texts().with_flagged_at().with_last_decision(about)
    post = posts.filter(pk=pk).first() if pk <= 2**63 - 1 else None
    if post is None:
        raise Http404("No post has this number.")
    return post


def _pair(request: HttpRequest, post: Post) -> tuple[Revision, Revision] | None:
    """Return (older, newer) as the address numbers them, each by default that of default_pair().

    404 for a number that is not a text of this post, None for a post with one text.
    """
    numbers = {name: request.GET.get(name, "") for name in ("old", "new")}
    pair = default_pair(post) if not all(numbers.values()) else None
    if not any(numbers.values()):
        return pair
    old, new = pair or (post.head_revision, post.head_revision)
    chosen: dict[str, Revision | None] = {"old": old, "new": new}
    for name, number in numbers.items():
        if number:
            if not (number.isascii() and number.isdigit() and int(number) <= MAX_NUMBER):
                raise Http404("No revision of this post has this number.")
            chosen[name] = post.revisions.select_related("author", "batch").filter(number=int(number)).first()
    if chosen["old"] is None or chosen["new"] is None:
        raise Http404("No revision of this post has this number.")
    return chosen["old"], chosen["new"]


def revision_choices(post: Post, chosen: Iterable[Revision]) -> list[Revision]:
    """Return the texts for the selects: the newest, and the chosen ones."""
    newest = post.revisions.select_related("author", "batch").defer("snapshot").order_by("-number")[:MAX_CHOICES]
    known = {revision.pk for revision in newest}
    choices = [*newest, *(revision for revision in dict.fromkeys(chosen) if revision.pk not in known)]
    return sorted(choices, key=lambda revision: -revision.number)


class DiffPage(AdminPage):
    """Two texts of one post; ?old= and ?new= are their numbers, ?view= one of VIEWS."""

    http_method_names = ["get", "head"]
    permissions = ("view_post", "view_revision")
    template = "posts/diff/diff"
    model = Post

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        post = _post(pk)
        view = request.GET.get("view", "sides")
        if view not in VIEWS:
            raise Http404("Unknown view.")
        pair = _pair(request, post)
        response = self.render(
            title=f"Compare {pair[0].version} with {pair[1].version}" if pair else f"Compare: {post.title}",
            trail=post_trail(post, "Compare revisions"),
            post=post,
            view=view,
            **(self._comparison(post, *pair) if pair else {}),
        )
        # This page frames previews of its own post, and nothing else.
        response.page_kind = "framing"  # type: ignore[attr-defined]  # a response takes any attribute
        return response

    def _comparison(self, post: Post, old: Revision, new: Revision) -> dict[str, Any]:
        links = ((key, label, f"?old={old.number}&new={new.number}&view={key}") for key, label in VIEWS.items())
        compared = comparison_context(post, old, new)
        del compared["post"]
        return compared | {
            "choices": revision_choices(post, (old, new)),
            "views": list(links),
            "since_import": changes_since_import(post),
            "may_restore": self.person.has_perm("posts.restore_post")
            and old.fingerprint != post.head_revision.fingerprint,
            "restore_warning": rolled_back_warning(old, active_approval(old)),
            "is_proposed": new.pk == post.head_revision_id and new.status in Revision.UNDECIDED,
        }


class PreviewPage(AdminPage):
    """A page for a sandboxed frame, without the frame of the admin."""

    http_method_names = ["get", "head"]
    permissions = ("view_post", "view_revision")

    def preview(self, template: str, context: dict[str, Any]) -> TemplateResponse:
        """Return an answer that this site may frame."""
        response = TemplateResponse(self.request, template, context)
        response.page_kind = "preview"  # type: ignore[attr-defined]  # a response takes any attribute
        return response


class MarkedPage(PreviewPage):
    """The preview with its changes marked."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        post = _post(pk)
        pair = _pair(request, post)
        if pair is None:
            raise Http404("This post has only one revision, so there is nothing to compare.")
        context = comparison_context(post, *pair)
        context["marked"] = marked_html(context["comparison"], pair[1].snapshot)
        return self.preview("admin/posts/diff/marked.html", context)


class RevisionPreview(PreviewPage):
    """One text as readers would see it, for a frame: without the header and footer of the site."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        revision = Revision.objects.filter(pk=number_in(pk) or 0).first()
        if revision is None:
            raise Http404("No revision has this number.")
        post = _post(revision.post_id, about=revision.fingerprint)
        return self.preview("posts/detail.html", article_context(post, revision, is_preview=True) | {"is_bare": True})


PAGES = [
    ("posts/post/<int:pk>/compare/", DiffPage, "posts_post_compare"),
    ("posts/post/<int:pk>/marked/", MarkedPage, "posts_post_marked"),
    ("posts/revision/<int:pk>/preview/", RevisionPreview, "posts_revision_preview"),
]
