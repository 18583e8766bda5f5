"""The page for a conflicting save: two people changed one post, and no change is lost."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from posts.admin.lists import typed_text
from posts.admin.posts.merging import CHOICES, Clash, Merge
from posts.admin.posts.record_form import FORM_KEYS, TEXT_FIELDS
from posts.models import Post, Revision
from posts.records.schema import RecordDict, validate_record
from posts.records.versions import BUMPS, next_version

LABELS = {"ai_brief": "AI brief", "ai_outline": "AI outline", "image_sources": "Images"}
# What a part of a list is called; the parts of every other key are paragraphs.
PART_NAMES = {
    "image_sources": "image",
    "checklist": "point",
    "ai_outline": "line",
    "payload": "line",
    "score": "line",
    "flags": "line",
    **dict.fromkeys(("stack", "tools", "entities", "notes", "authors", "tags"), "value"),
}


def context_of(request: HttpRequest, post: Post, *, opened: Revision | None, mine: RecordDict) -> dict[str, Any]:
    """Return the context of the page. Only changes on both sides need a choice.

    opened: the Revision on which `mine`, a canonical record dict, is based; None if unknown.
    """
    merge = Merge(opened.snapshot if opened else {}, post.working_record(), mine, FORM_KEYS)
    author = str(post.head.author) if post.head.author else "An import"
    bump = typed_bump(request)
    return {
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
        "next_version": next_version(post.head.version, bump),
    }


def sent_record(request: HttpRequest) -> RecordDict:
    """Return the record that a person typed, from the form of a conflict page."""
    try:
        return validate_record(json.loads(request.POST.get("mine", ""))).to_dict()
    except (RecursionError, ValueError):
        raise BadRequest("The form was damaged on its way. Go back and send it again.") from None


def typed_bump(request: HttpRequest) -> str:
    """Return which part of the version the form increases."""
    bump = request.POST.get("bump", "")
    return bump if bump in BUMPS else "patch"


def choices_in(data: Mapping[str, str], clashes: Iterable[Clash]) -> tuple[dict[str, Any], list[Clash]]:
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


def _clash_row(clash: Clash, data: Mapping[str, str]) -> dict[str, Any]:
    theirs, mine = _text(clash.theirs), _text(clash.mine)
    return {
        "id": clash.id,
        "name": name_of(clash),
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


def name_of(clash: Clash) -> str:
    """Return the place of a clash in words: "Body, paragraph 4"."""
    if clash.is_whole:
        return _label(clash.key)
    return f"{_label(clash.key)}, {PART_NAMES.get(clash.key, 'paragraph')} {clash.number}"


def _text(parts: Iterable[Any]) -> str:
    return "\n\n".join(shown(part) for part in parts if part is not None)


def shown(value: Any) -> str:
    """Return a value of a record as lines of text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
