"""The form of one post: everything typed becomes one record, which one operation accepts or refuses."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from posts.admin.lists import Mixin, number_in
from posts.admin.lookup import find_post
from posts.admin.people import person_of
from posts.admin.posts.page import Panel, form_context, post_context
from posts.admin.posts.record_form import RecordForms, record_forms
from posts.models import Post, Revision
from posts.operations import HeadMoved, Refused, create_post, record_revision, submit_revision
from posts.records.schema import RecordDict, RecordRefused, validate_record


def post_address(post: Post) -> str:
    """Return the address of a post's page in the admin."""
    return reverse("admin:posts_post_change", args=[post.pk])


def _what_readers_see(pk: int) -> str:
    """Return a sentence about what readers see of a saved post, with a space before it."""
    post = find_post(pk)
    if post.is_live:
        return f" Readers still see {post.released_revision.version}."
    if post.visible_revision:
        return f" Readers see {post.visible_revision.version} now, unlisted and marked as not reviewed."
    return " Readers see nothing before its release."


class PostEdit(Mixin):
    """The part of PostAdmin that opens and saves one post."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form, or save it."""
        post = find_post(object_id) if object_id is not None else None
        may_see = self.has_view_permission(request, post) if post else self.has_add_permission(request)
        if not may_see:
            raise PermissionDenied
        if request.method != "POST":
            return self.render_post(request, post)
        if post and not self.has_change_permission(request, post):
            raise PermissionDenied
        return self._save(request, post)

    def _save(self, request: HttpRequest, post: Post | None) -> HttpResponse:
        opened = self._opened(request, post) if post else None
        record = post.working_record() if post else {}
        if post and opened and opened.pk != post.head_revision_id:
            record = opened.snapshot
        forms = form, images, checklist = record_forms(record, data=request.POST)
        if not all(part.is_valid() for part in forms if part is not None):
            return self.render_post(request, post, forms=forms, status=422)
        record = form.record(images, checklist)
        try:
            # First of all: an invalid record can't be merged with another save either.
            mine = validate_record({"source_id": post.source_id if post else "new", **record}).to_dict()
            if post is None:
                post = create_post(record, by=person_of(request), why=form.cleaned_data["why"])
                message = f"Saved as {post.head_revision.version}. Readers see nothing before its release."
            else:
                message = self.save_record(
                    request,
                    post,
                    record,
                    head_id=form.cleaned_data["head"] or 0,
                    bump=form.cleaned_data["bump"],
                    why=form.cleaned_data["why"],
                )
        except RecordRefused as refusal:
            form.add_problems(refusal.problems, images, checklist)
            return self.render_post(request, post, forms=forms, status=422)
        except HeadMoved as moved:
            return self.render_conflict(request, find_post(moved.post.pk), opened=opened, mine=mine)
        return self.after_save(request, post, message)

    def render_conflict(
        self, request: HttpRequest, post: Post, *, opened: Revision | None, mine: RecordDict, status: int = 409
    ) -> HttpResponse:
        """Answer 409: somebody saved meanwhile."""
        raise NotImplementedError

    def _opened(self, request: HttpRequest, post: Post) -> Revision | None:
        """Return the Revision that the form was opened on; None for an invalid number."""
        head = number_in(request.POST.get("head", ""))
        return post.revisions.filter(pk=head).first() if head else None

    def save_record(
        self, request: HttpRequest, post: Post, record: RecordDict, *, head_id: int, bump: str, why: str
    ) -> str:
        """Save a record dict as the next version of `post`; return a message about it."""
        revision = record_revision(post, record, by=person_of(request), expected_head_id=head_id, bump=bump, why=why)
        if revision is None:
            head = post.head_revision
            kept = ", and its approval stays" if head.status == Revision.Status.APPROVED else ""
            return f"Nothing changed. It is still {head.version}{kept}."
        return f"Saved as {revision.version}.{_what_readers_see(post.pk)}"

    def after_save(self, request: HttpRequest, post: Post, message: str) -> HttpResponse:
        """Submit if requested, show a message, and redirect to the post's page."""
        if "_submit" in request.POST:
            post = find_post(post.pk)
            try:
                if not post.awaits_review:
                    submit_revision(post, by=person_of(request))
                message += " It is now pending review."
            except Refused as refusal:
                self.message_user(request, f"Not submitted: {refusal}", messages.WARNING)
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(post_address(post))

    def render_post(
        self,
        request: HttpRequest,
        post: Post | None,
        *,
        forms: RecordForms | None = None,
        panel: Panel | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """Render the page of one post: its form, its obstacles, and this person's actions.

        forms: bound forms with errors. panel: forms of a refused action, by name.
        """
        if forms is None:
            record = post.working_record() if post else {}
            forms = record_forms(record, head_id=post.head_revision_id if post else None)
        may_edit = self.has_change_permission(request, post) if post else self.has_add_permission(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": post.title if post else "Add post",
            "post": post,
            "may_edit": may_edit,
            **form_context(post, *forms),
            **(post_context(post, person_of(request), panel or {}) if post else {}),
        }
        return TemplateResponse(request, "admin/posts/post/change_form.html", context, status=status)
