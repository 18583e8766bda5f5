"""Text of the form of a post that was not saved: kept while a person types, offered when they open the form again."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.formats import date_format

from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.people import person_of
from posts.admin.posts.record_form import TYPED, record_forms
from posts.db.prepared_query import prepared
from posts.errors import Refused
from posts.models import Post, UnsavedText
from posts.operations.unsaved_texts import WINDOW, discard_unsaved_text, keep_unsaved_text, right_to_keep
from posts.records.schema import RecordDict, RecordRefused, fingerprint_of, validate_record


@dataclass
class Unsaved:
    """What the page of a post knows of unsaved text.

    address: where the form sends it. offered: what the page offers to restore. restored: what the form shows. window,
    replaces: as in keep_unsaved_text().
    """

    address: str
    offered: UnsavedText | None = None
    restored: UnsavedText | None = None
    window: str = field(default_factory=lambda: uuid.uuid4().hex)
    replaces: str = ""
    has_moved: bool = False


def address_of(post: Post | None) -> str:
    """Return the address that keeps unsaved text of `post`, or of a new one."""
    return reverse("admin:posts_post_unsaved", args=[post.pk]) if post else reverse("admin:posts_post_unsaved_new")


def windows_in(request: HttpRequest) -> dict[str, str]:
    """Return {"window": …, "replaces": …} of a form that was sent; "" for what can't be a window."""
    sent = {name: request.POST.get(f"unsaved_{name}", "") for name in ("window", "replaces")}
    return {name: value if WINDOW.fullmatch(value) else "" for name, value in sent.items()}


def unsaved_on_page(request: HttpRequest, post: Post | None, opened: RecordDict) -> Unsaved:
    """Return what the page shows of the person's unsaved text. opened: the working copy."""
    unsaved = Unsaved(address_of(post))
    if request.method == "POST":
        # The form that comes back with errors is the window that it was.
        unsaved.window, unsaved.replaces = windows_in(request).values()
    kept = _kept_by(person_of(request), post)
    if kept is None or kept.window in (unsaved.window, unsaved.replaces):
        return unsaved
    if request.method != "POST" and "restore" in request.GET:
        unsaved.restored, unsaved.replaces = kept, kept.window
    elif is_saved(kept, post, opened):
        unsaved.replaces = kept.window
    else:
        unsaved.offered = kept
    unsaved.has_moved = post is not None and kept.sent().get("head") != str(post.head_revision_id)
    return unsaved


def _kept_by(person: User, post: Post | None) -> UnsavedText | None:
    if post is None:
        return UnsavedText.objects.of(person, None).first()
    kept: UnsavedText | None = _kept_about.first(person=person.pk, post=post.pk)
    return kept


@prepared(person=int, post=int)
def _kept_about(person: int, post: int) -> QuerySet[UnsavedText]:
    return UnsavedText.objects.filter(owner=person, post=post)


def is_saved(kept: UnsavedText, post: Post | None, opened: RecordDict) -> bool:
    """Return whether the post has exactly the unsaved text: its last words arrived after the form was saved."""
    if post is None:
        return False
    form, images, checklist = forms = record_forms(opened, data=kept.sent())
    if not all(part.is_valid() for part in forms if part is not None):
        return False
    try:
        record = validate_record({**form.record(images, checklist), "source_id": post.source_id}).to_dict()
    except RecordRefused:
        return False
    record.pop("slug", None)
    return fingerprint_of(record) == post.head_revision.fingerprint


def forget_saved(request: HttpRequest, post: Post | None) -> None:
    """Throw away the unsaved text of a form that was just saved. post: None if the form was of a new one."""
    windows = [window for window in windows_in(request).values() if window]
    discard_unsaved_text(post, windows=windows, by=person_of(request))


class UnsavedTextPage(AdminPage):
    """Keeps or discards unsaved text. A script sends it; without one there is only the button that discards."""

    def may_see(self) -> bool:
        """Return whether the person could save the text."""
        return self.request.user.has_perm(f"posts.{right_to_keep(is_new='pk' not in self.kwargs)}")

    def find(self, pk: int | None = None, **address: Any) -> Post | None:
        return None if pk is None else find_post(pk)

    def page(self, subject: Any, *, status: int = 200) -> HttpResponse:
        """Return who is signed in now, with a token for the form that a sign-in made outdated."""
        return JsonResponse({"person": self.person.pk, "token": get_token(self.request)}, status=status)

    def refused(self, subject: Any, refusal: Refused, status: int) -> HttpResponseBase:
        """Say why not, to the script."""
        return JsonResponse({"problem": str(refusal)}, status=409)

    def _keep(self, post: Post | None) -> HttpResponse:
        if self.request.POST.get("person") != str(self.person.pk):
            raise Refused("Another person signed in in this browser. Your text is not kept.")
        fields = [[name, text] for name, texts in self.request.POST.lists() if TYPED.fullmatch(name) for text in texts]
        kept = keep_unsaved_text(post, fields, **windows_in(self.request), by=self.person)
        return JsonResponse({"kept_at": date_format(kept.kept_at, "H:i")})

    def _discard(self, post: Post | None) -> HttpResponse:
        if discard_unsaved_text(post, windows=windows_in(self.request).values(), by=self.person):
            messages.success(self.request, "The unsaved text was discarded.")
        if post is None:
            return HttpResponseRedirect(reverse("admin:posts_post_add"))
        return HttpResponseRedirect(reverse("admin:posts_post_change", args=[post.pk]))

    def _forget(self, post: Post | None) -> HttpResponse:
        discard_unsaved_text(post, windows=windows_in(self.request).values(), by=self.person)
        return JsonResponse({})

    actions = {"keep": _keep, "forget": _forget, "discard": _discard}
