"""The page for a conflicting save: two people changed one post, and no change is lost."""

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.template.response import TemplateResponse

from posts.admin.lists import number_in, typed_text
from posts.admin.lookup import find_post
from posts.admin.posts.edit import PostEdit
from posts.admin.posts.merging import CHOICES, Clash, Merge
from posts.admin.posts.record_form import FORM_KEYS, TEXT_FIELDS
from posts.models import Post, Revision
from posts.operations import HeadMoved
from posts.records.schema import RecordDict, RecordRefused, validate_record
from posts.records.versions import BUMPS, next_version

LABELS = {"ai_brief": "AI brief", "ai_outline": "AI outline", "image_sources": "Images"}
# What a part of a list is called; the parts of every other key are paragraphs.
PART_NAMES = {
    "image_sources": "image",
    "checklist": "point",
    "ai_outline": "line",
    "payload": "line",
    **dict.fromkeys(("stack", "tools", "entities", "notes", "authors", "tags"), "value"),
}


class PostConflict(PostEdit):
    """The part of PostAdmin that merges two texts."""

    def merge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Save the merge of both texts, as chosen on the conflict page; POST only."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        post = find_post(object_id)
        if not self.has_change_permission(request, post):
            raise PermissionDenied
        opened, mine = self._sent_records(request, post)
        if number_in(request.POST.get("head", "")) != post.head_revision_id:
            return self.render_conflict(request, post, opened=opened, mine=mine)
        merge = Merge(opened.snapshot if opened else {}, post.working_record(), mine, FORM_KEYS)
        chosen, missing = _chosen(request.POST, merge.clashes)
        if missing:
            for clash in missing:
                self.message_user(request, f"Choose for {_name(clash)} first.", messages.ERROR)
            return self.render_conflict(request, post, opened=opened, mine=mine, status=422)
        try:
            message = self.save_record(
                request,
                post,
                merge.result(chosen),
                head_id=post.head_revision.pk,
                bump=_bump(request),
                why=typed_text(request, "why"),
            )
        except RecordRefused as refusal:
            for problem in refusal.problems:
                self.message_user(request, str(problem), messages.ERROR)
            return self.render_conflict(request, post, opened=opened, mine=mine, status=422)
        except HeadMoved as moved:
            return self.render_conflict(request, find_post(moved.post.pk), opened=opened, mine=mine)
        return self.after_save(request, post, message)

    def _sent_records(self, request: HttpRequest, post: Post) -> tuple[Revision | None, RecordDict]:
        """Return (the Revision that the form was opened on, or None; my record) from a conflict page."""
        number = number_in(request.POST.get("opened", ""))
        opened = post.revisions.filter(pk=number).first() if number else None
        try:
            return opened, validate_record(json.loads(request.POST.get("mine", ""))).to_dict()
        except (RecursionError, ValueError):
            raise BadRequest("The form arrived damaged. Go back and send it again.") from None

    def render_conflict(
        self, request: HttpRequest, post: Post, *, opened: Revision | None, mine: RecordDict, status: int = 409
    ) -> HttpResponse:
        """Answer 409: somebody saved meanwhile. Only changes on both sides need a choice.

        opened: the Revision on which `mine`, a canonical record dict, is based; None if unknown.
        """
        merge = Merge(opened.snapshot if opened else {}, post.working_record(), mine, FORM_KEYS)
        head = post.head_revision
        author = str(head.author) if head.author else "An import"
        bump = _bump(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{author} saved this post while you were editing",
            "post": post,
            "author": author,
            "opened": opened,
            "clashes": [_clash_row(clash, request.POST) for clash in merge.clashes],
            "settled": [
                {"label": _label(settled.key), "value": shown(settled.value), "origin": settled.origin}
                for settled in merge.settled
            ],
            "mine": json.dumps(mine, ensure_ascii=False),
            "copy": json.dumps(mine, ensure_ascii=False, indent=2),
            "bump": bump,
            "why": typed_text(request, "why"),
            "submits": "_submit" in request.POST,
            "next_version": next_version(head.version, bump),
        }
        return TemplateResponse(request, "admin/posts/post/conflict.html", context, status=status)


def _bump(request: HttpRequest) -> str:
    bump = request.POST.get("bump", "")
    return bump if bump in BUMPS else "patch"


def _chosen(data: QueryDict, clashes: Iterable[Clash]) -> tuple[dict[str, list[Any]], list[Clash]]:
    """Return ({clash id: parts}, [Clash without a choice]) from a conflict page."""
    chosen, missing = {}, []
    for clash in clashes:
        choice = data.get(f"choice-{clash.id}")
        if choice not in CHOICES or (choice == "both" and not _takes_words(clash)):
            missing.append(clash)
        elif choice == "both":
            chosen[clash.id] = [data.get(f"both-{clash.id}", "")]
        else:
            chosen[clash.id] = getattr(clash, choice)
    return chosen, missing


def _takes_words(clash: Clash) -> bool:
    """Return whether the place is running text, so that a person can write a third version."""
    return clash.key in TEXT_FIELDS


def _clash_row(clash: Clash, data: QueryDict) -> dict[str, Any]:
    theirs, mine = _text(clash.theirs), _text(clash.mine)
    return {
        "id": clash.id,
        "name": _name(clash),
        "label": _label(clash.key),
        "theirs": theirs,
        "mine": mine,
        "base": _text(clash.base),
        "takes_words": _takes_words(clash),
        "both": data.get(f"both-{clash.id}", mine),
        "choice": data.get(f"choice-{clash.id}", ""),
        "line_count": max(3, min(20, mine.count("\n") + 2)),
    }


def _label(key: str) -> str:
    return LABELS.get(key, key.replace("_", " ").capitalize())


def _name(clash: Clash) -> str:
    """Return the place of a clash in words: "Body, paragraph 4"."""
    if clash.is_whole:
        return _label(clash.key)
    return f"{_label(clash.key)}, {PART_NAMES.get(clash.key, 'paragraph')} {clash.number}"


def _text(parts: Iterable[Any]) -> str:
    return "\n\n".join(shown(part) for part in parts if part is not None)


def shown(value: Any) -> str:
    """Return a value of a record as lines of text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
