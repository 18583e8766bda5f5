"""The page of one revision: its text, what differs from others, what was decided about it, and its record."""

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from posts.admin.lists import number_in, status_badge
from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.posts.diff import MAX_NUMBER, comparison_context, revision_choices
from posts.admin.trail import post_trail
from posts.models import Post, Review, Revision
from posts.models.review_limit import outside_words
from posts.operations.release import active_approval
from posts.operations.review import can_be_decided
from posts.operations.rolled_back import rolled_back_warning

VIEWS = {"text": "As readers see it", "changes": "Changes", "record": "Record"}


class RevisionPage(AdminPage):
    """One revision; ?view= is one of VIEWS, ?with= the number of another revision of the post."""

    http_method_names = ["get", "head"]
    permissions = ("view_post", "view_revision")
    template = "posts/revision/page"
    model = Revision

    def find(self, object_id: str) -> Revision:
        """Return the revision of an address, or raise Http404."""
        revisions = Revision.objects.select_related("author", "batch")
        number = number_in(object_id)
        revision = revisions.filter(pk=number).first() if number is not None else None
        if revision is None:
            raise Http404("No revision has this number.")
        return revision

    def get(self, request: HttpRequest, object_id: str) -> HttpResponse:
        revision = self.find(object_id)
        post = find_post(revision.post_id)
        revision.post = post
        view = request.GET.get("view", "text")
        if view not in VIEWS:
            raise Http404("Unknown view.")
        is_head = revision.pk == post.head_revision_id
        outside = outside_words(self.person, post)
        may_decide = self.person.has_perm("posts.review_post") and not outside
        response = self.render(
            title=f"{revision.version} of {post.title}",
            trail=post_trail(post, revision.version),
            post=post,
            revision=revision,
            badge=status_badge(revision),
            view=view,
            views=list(VIEWS.items()),
            decisions=decisions_about(revision),
            is_head=is_head,
            is_due=is_head and can_be_decided(post),
            may_decide=may_decide,
            outside=outside,
            may_restore=self.person.has_perm("posts.restore_post")
            and revision.fingerprint != post.head_revision.fingerprint,
            restore_warning=rolled_back_warning(revision, active_approval(revision)),
            record=record_text(revision) if view == "record" else "",
            **(self._changes(post, revision) if view == "changes" else {}),
        )
        # This page frames the preview of its own text, and nothing else.
        response.page_kind = "framing"  # type: ignore[attr-defined]  # a response takes any attribute
        return response

    def _changes(self, post: Post, revision: Revision) -> dict[str, Any]:
        """Return the context of a comparison with the chosen revision; by default the live one, or the one before."""
        other = self._other(post, revision)
        choices = [one for one in revision_choices(post, [other] if other else []) if one.pk != revision.pk]
        if other is None:
            return {"choices": choices}
        old, new = sorted((other, revision), key=lambda one: one.number)
        compared = comparison_context(post, old, new)
        del compared["post"]
        return {**compared, "other": other, "choices": choices}

    def _other(self, post: Post, revision: Revision) -> Revision | None:
        texts = post.revisions.select_related("author", "batch").exclude(pk=revision.pk)
        if wanted := self.request.GET.get("with", ""):
            number = number_in(wanted, most=MAX_NUMBER)
            other = texts.filter(number=number).first() if number is not None else None
            if other is None:
                raise Http404("No other revision of this post has this number.")
            return other
        if post.live_revision_id and post.live_revision_id != revision.pk:
            return texts.filter(pk=post.live_revision_id).first()
        before = texts.filter(number__lt=revision.number).order_by("-number").first()
        return before or texts.order_by("number").first()


def decisions_about(revision: Revision) -> list[Review]:
    """Return the decisions about exactly this text of its post, the newest first."""
    found = Review.objects.filter(revision__post=revision.post_id, fingerprint=revision.fingerprint)
    return list(found.select_related("reviewer", "revoked_by", "undone_by", "revision").defer("revision__snapshot"))


def record_text(revision: Revision) -> str:
    """Return the record of a revision as it was hashed, as indented JSON."""
    return json.dumps(revision.snapshot, ensure_ascii=False, indent=2)
