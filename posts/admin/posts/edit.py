"""The form of one post: everything typed becomes one record, which one operation accepts or refuses."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from posts.admin.lists import number_in
from posts.admin.lookup import find_post
from posts.admin.posts.page import form_context, post_context
from posts.admin.posts.record_form import record_forms
from posts.models import Revision
from posts.operations import HeadMoved, Refused, create_post, record_revision, submit_revision
from posts.records.schema import RecordRefused, validate_record


def post_address(post):
    """Return the address of a post's page in the admin."""
    return reverse("admin:posts_post_change", args=[post.pk])


def _what_readers_see(pk):
    """Return a sentence about what readers see of a saved post, with a space before it."""
    post = find_post(pk)
    if post.is_live:
        return f" Readers still see {post.live_revision.version}."
    if post.visible_revision:
        return f" Readers see {post.visible_revision.version} now, unlisted and marked as not reviewed."
    return " Readers see nothing before its release."


class PostEdit:
    """The part of PostAdmin that opens and saves one post."""

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
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

    def _save(self, request, post):
        opened = self._opened(request, post)
        is_stale = opened is not None and opened.pk != post.head_revision_id
        record = opened.snapshot if is_stale else post.working_record() if post else {}
        forms = form, images, checklist = record_forms(record, data=request.POST)
        if not all(part.is_valid() for part in forms if part is not None):
            return self.render_post(request, post, forms=forms, status=422)
        record = form.record(images, checklist)
        try:
            # First of all: an invalid record can't be merged with another save either.
            mine = validate_record({"source_id": post.source_id if post else "new", **record}).to_dict()
            if post is None:
                post = create_post(record, by=request.user, why=form.cleaned_data["why"])
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

    def _opened(self, request, post):
        """Return the Revision that the form was opened on; None for a new post or an invalid number."""
        head = number_in(request.POST.get("head", "")) if post else None
        return post.revisions.filter(pk=head).first() if head else None

    def save_record(self, request, post, record, *, head_id, bump, why):
        """Save a record dict as the next version of `post`; return a message about it."""
        revision = record_revision(post, record, by=request.user, expected_head_id=head_id, bump=bump, why=why)
        if revision is None:
            head = post.head_revision
            kept = ", and its approval stays" if head.status == Revision.Status.APPROVED else ""
            return f"Nothing changed. It is still {head.version}{kept}."
        return f"Saved as {revision.version}.{_what_readers_see(post.pk)}"

    def after_save(self, request, post, message):
        """Submit if requested, show a message, and redirect to the post's page."""
        if "_submit" in request.POST:
            post = find_post(post.pk)
            try:
                if not post.awaits_review:
                    submit_revision(post, by=request.user)
                message += " It is now pending review."
            except Refused as refusal:
                self.message_user(request, f"Not submitted: {refusal}", messages.WARNING)
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(post_address(post))

    def render_post(self, request, post, *, forms=None, panel=None, status=200):
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
            **(post_context(post, request.user, panel or {}) if post else {}),
        }
        return TemplateResponse(request, "admin/posts/post/change_form.html", context, status=status)
