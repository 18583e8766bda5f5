"""Keeps what a person types into the form of a post until they save it. It is no revision; nobody else sees it."""

import re
from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from posts.errors import Refused, require_person
from posts.models import Post, UnsavedText
from posts.models.fields import dump_json

# Twice the largest record: somebody may paste too much before they shorten it.
MAX_BYTES = 2 * 1024 * 1024
# The oldest text of a person makes room for another one.
MOST_TEXTS = 100
WINDOW = re.compile(r"[0-9a-f]{8,40}")

# [[name, text]] of a form.
Fields = list[list[str]]


def right_to_keep(*, is_new: bool) -> str:
    """Return the right without which a person could not save the text."""
    return "add_post" if is_new else "change_post"


def keep_unsaved_text(post: Post | None, fields: Fields, *, window: str, replaces: str, by: User) -> UnsavedText:
    """Keep the fields of the form of `post` (None: a new one) for `by` alone; return the UnsavedText.

    window: the opened form. replaces: the window whose text the person restored in this one. A text that another
    window keeps is never overwritten: raises Refused.
    """
    require_person(by, right_to_keep(is_new=post is None))
    if not WINDOW.fullmatch(window):
        raise Refused("This form can't keep unsaved text. Reload the page.")
    if len(dump_json(fields).encode()) > MAX_BYTES:
        raise Refused(f"The text is too long to be kept: {MAX_BYTES >> 20} MB is the most. Shorten it.")
    rows, now = UnsavedText.objects.of(by, post), timezone.now()
    if not rows.from_windows({window, replaces}).update(fields=fields, window=window, kept_at=now):
        try:
            with transaction.atomic():
                kept = UnsavedText.objects.create(owner=by, post=post, fields=fields, window=window, kept_at=now)
                # Afterwards: a text that is refused takes no room.
                _make_room(by)
                return kept
        except IntegrityError:
            raise Refused(
                "Other unsaved text of yours is kept for this post. Restore or discard it first: reload the page."
            ) from None
    return rows.get()


def discard_unsaved_text(post: Post | None, *, windows: Collection[str], by: User) -> bool:
    """Delete what `by` typed about `post` in one of these windows; return whether there was something."""
    deleted, _ = UnsavedText.objects.of(by, post).from_windows(windows).delete()
    return deleted > 0


def forget_old_unsaved_texts() -> int:
    """Delete what nobody restored or changed for thirty days; return the number."""
    deleted, _ = UnsavedText.objects.old(timezone.now()).delete()
    return deleted


def _make_room(person: User) -> None:
    newest = UnsavedText.objects.filter(owner=person).order_by("-kept_at", "-pk")
    old = list(newest.values_list("pk", flat=True)[MOST_TEXTS:])
    if old:
        UnsavedText.objects.filter(pk__in=old).delete()
