"""The form of one post: everything typed becomes one record, which one operation accepts or refuses."""

from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

from posts.admin.lists import number_in, typed_text
from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage, render
from posts.admin.posts.conflict import choices_in, name_of, sent_record, typed_bump
from posts.admin.posts.conflict import context_of as conflict_context
from posts.admin.posts.merging import Merge
from posts.admin.posts.page import Panel, form_shown, post_state, results_of_form
from posts.admin.posts.record_form import FORM_KEYS, RecordForms, record_forms
from posts.admin.posts.unsaved import forget_saved, unsaved_on_page, windows_in
from posts.admin.trail import post_trail, posts_trail
from posts.content_checks.stored import results_of_post
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


class PostPage(AdminPage):
    """The page of one post: its form, its obstacles, and this person's actions. Without a post: the form of a new one.

    forms: bound forms with errors. panel: forms of a refused action, by name.
    """

    template = "posts/post/change_form"
    model: ClassVar[type[Model] | None] = Post

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.forms: RecordForms | None = None
        self.panel: Panel = {}

    def may_see(self) -> bool:
        """Return whether the person may see posts, or add one."""
        if self.kwargs["object_id"] is None:
            return self._may("add")
        return self._may("view") or self._may("change")

    def find(self, object_id: str | None = None, **address: Any) -> Post | None:
        return None if object_id is None else find_post(object_id)

    def page(self, subject: Any, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        post: Post | None = subject
        record, may_edit = post.working_record() if post else {}, self._may("change" if post else "add")
        unsaved = unsaved_on_page(self.request, post, record) if may_edit else None
        forms = self.forms or record_forms(record, head_id=post.head_revision_id if post else None)
        if unsaved and (kept := unsaved.restored):
            _, forms = self.typed_forms(post, kept.sent())
        proposed = results_of_post(post) if post else ([], [])
        checked = results_of_form(post, forms[0].opened, proposed) if post else proposed
        return self.render(
            status=status,
            title=post.title if post else "Add post",
            trail=posts_trail(post.title if post else "Add post"),
            post=post,
            may_edit=may_edit,
            unsaved=unsaved,
            shown=form_shown(checked, *forms),
            state=post_state(post, self.person, self.panel, proposed) if post else None,
        )

    def act(self, subject: Any) -> Any:
        """Save the form."""
        post: Post | None = subject
        if post and not self._may("change"):
            raise PermissionDenied
        opened, self.forms = self.typed_forms(post, self.request.POST)
        form, images, checklist = self.forms
        if not all(part.is_valid() for part in self.forms if part is not None):
            return self.page(post, status=422)
        record = form.record(images, checklist)
        why = form.cleaned_data["why"]
        try:
            # First of all: an invalid record can't be merged with another save either.
            mine = validate_record({"source_id": post.source_id if post else "new", **record}).to_dict()
            if post is None:
                post = create_post(record, by=self.person, why=why)
                return self._saved(post, f"Saved as {post.head.version}. Readers see nothing before its release.")
            head_id, bump = form.cleaned_data["head"] or 0, form.cleaned_data["bump"]
            return self._save(post, record, head_id=head_id, bump=bump, why=why)
        except RecordRefused as refusal:
            form.add_problems(refusal.problems, images, checklist)
            return self.page(post, status=422)
        except HeadMoved as moved:
            return self._conflict(find_post(moved.post.pk), opened=opened, mine=mine)

    def typed_forms(self, post: Post | None, sent: QueryDict) -> tuple[Revision | None, RecordForms]:
        """Return (the Revision that the form was opened on, or None; the forms with what was typed).

        sent: the fields of the form.
        """
        opened = self._opened(post, sent.get("head"))
        is_stale = opened is not None and post is not None and opened.pk != post.head_revision_id
        record = opened.snapshot if is_stale and opened else post.working_record() if post else {}
        return opened, record_forms(record, data=sent)

    def _may(self, act: str) -> bool:
        return self.request.user.has_perm(f"posts.{act}_post")

    def _opened(self, post: Post | None, head: str | None) -> Revision | None:
        """Return the Revision that a form names as the one it was opened on; None for an invalid number."""
        number = number_in(head) if post else None
        return post.revisions.filter(pk=number).first() if post and number else None

    def _save(self, post: Post, record: RecordDict, *, head_id: int, bump: str, why: str) -> HttpResponse:
        """Save a record dict as the next version of `post`."""
        revision = record_revision(post, record, by=self.person, expected_head_id=head_id, bump=bump, why=why)
        if revision is None:
            kept = ", and its approval stays" if post.head.status == Revision.Status.APPROVED else ""
            return self._saved(post, f"Nothing changed. It is still {post.head.version}{kept}.")
        return self._saved(post, f"Saved as {revision.version}.{_what_readers_see(post.pk)}")

    def _saved(self, post: Post, message: str) -> HttpResponse:
        """Submit if requested, show a message, and redirect to the post's page."""
        forget_saved(self.request, post if self.kwargs["object_id"] else None)
        if "_submit" in self.request.POST:
            post = find_post(post.pk)
            try:
                if not post.awaits_review:
                    submit_revision(post, by=self.person)
                message += " It is now pending review."
            except Refused as refusal:
                messages.warning(self.request, f"Not submitted: {refusal}")
        messages.success(self.request, message)
        return HttpResponseRedirect(self.saved_address(post))

    def saved_address(self, post: Post) -> str:
        """Return where to go after a save."""
        return post_address(post)

    def _conflict(self, post: Post, *, opened: Revision | None, mine: RecordDict, status: int = 409) -> HttpResponse:
        """Answer that somebody saved meanwhile, with both texts: no change is lost.

        opened: the Revision on which `mine`, a canonical record dict, is based; None if unknown.
        """
        context = conflict_context(self.request, post, opened=opened, mine=mine) | {"windows": windows_in(self.request)}
        trail = post_trail(post, "Merge")
        return render(self.request, "posts/post/conflict", model=Post, status=status, trail=trail, **context)


class MergePage(PostPage):
    """Saves the merge of both texts, as chosen on the page of a conflict."""

    http_method_names = ["post"]

    def act(self, subject: Any) -> HttpResponse:
        """Save the merge."""
        post: Post = subject
        if not self._may("change"):
            raise PermissionDenied
        opened, mine = self._opened(post, self.request.POST.get("opened")), sent_record(self.request)
        if number_in(self.request.POST.get("head", "")) != post.head_revision_id:
            return self._conflict(post, opened=opened, mine=mine)
        merge = Merge(opened.snapshot if opened else {}, post.working_record(), mine, FORM_KEYS)
        chosen, missing = choices_in(self.request.POST, merge.clashes)
        try:
            if missing:
                raise Refused(*(f"Choose a version of {name_of(clash)} first." for clash in missing))
            return self._save(
                post,
                merge.result(chosen),
                head_id=post.head.pk,
                bump=typed_bump(self.request),
                why=typed_text(self.request, "why"),
            )
        except HeadMoved as moved:
            return self._conflict(find_post(moved.post.pk), opened=opened, mine=mine)
        except (RecordRefused, Refused) as refusal:
            for obstacle in refusal.problems if isinstance(refusal, RecordRefused) else refusal.obstacles:
                messages.error(self.request, str(obstacle))
            return self._conflict(post, opened=opened, mine=mine, status=422)
