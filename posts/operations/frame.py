"""The frame of every operation on one post: what follows from a change is done in one place, once, at the end.

An operation is a function with `@operation`. It changes the post that `changing()` gives it, and says with
Change.note() what is to stand in the audit trail. At its end the frame compares the post with the one that it locked,
and saves the columns that changed, the lists, the review queue and the audit trail. An operation that another one calls
joins the frame of that one.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from django.contrib.auth.models import User
from django.db import transaction

from posts.audit.log import audit_entry
from posts.listing.refresh import refresh_listing
from posts.models import AuditEntry, Notification, Post, Revision
from posts.notifications import tell
from posts.operations.source_links import refresh_links
from posts.review_queue.ranking import refresh_queue, restore_place

P = ParamSpec("P")
R = TypeVar("R")

# The columns that decide whether and how a post is listed.
LISTED_BY = frozenset(
    "live_revision live_approval withdrawn_at held closed_until_decided needs_human_review first_published_at "
    "last_published_at last_batch".split()
)

_depth: ContextVar[int] = ContextVar("operations", default=0)
_changes: ContextVar[dict[int, "Change"] | None] = ContextVar("changes", default=None)


@contextlib.contextmanager
def operating() -> Iterator[None]:
    """Open a transaction for what is done or refused together: its own, or a part of that of the operation around it.

    The outermost one is durable. Django refuses to run it inside another transaction, which could take back what the
    person was told.
    """
    depth = _depth.get()
    token = _depth.set(depth + 1)
    try:
        with transaction.atomic(durable=not depth):
            yield
    finally:
        _depth.reset(token)


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """Run the function in operating()."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with operating():
            return function(*args, **kwargs)

    return run


def lock_post(post: Post) -> Post:
    """Return `post` read again under lock, so that changes since its page was opened count."""
    locked: Post = Post.objects.select_for_update().get(pk=post.pk)
    return locked


class Change:
    """What an operation does to one locked post. `by`: the person, or None for a program."""

    def __init__(self, post: Post, *, by: User | None, is_listed_later: bool) -> None:
        self.post = post
        self.by = by
        # Since when the post was pending, and who it was assigned to, where it takes its earlier place in the queue.
        self.place: list[Any] | None = None
        self._is_listed_later = is_listed_later
        self._before = _columns(post)
        self._entries: list[AuditEntry] = []
        self._told: list[Callable[[], None]] = []
        self._is_stale = False
        self._ranks = False

    def note(
        self,
        action: str,
        *,
        revision: Revision | None = None,
        before: Revision | None = None,
        detail: str = "",
        by: User | None = None,
    ) -> None:
        """Record in the audit trail who did what about which text.

        revision: the text that it is about. before: the Revision that it replaced. by: if not the person of the frame.
        """
        self._entries.append(
            audit_entry(action, post=self.post, by=by or self.by, revision=revision, before=before, detail=detail)
        )

    def tell(self, kind: Notification.Kind, people: Iterable[User], text: str) -> None:
        """Tell people at the end what the person of the frame did to the post."""
        # Who they are is asked at once: the operation may change it.
        told = list(people)
        self._told.append(lambda: tell(kind, told, text=text, by=self.by, post=self.post))

    @property
    def person(self) -> User:
        """The person of an operation that no program may do."""
        if self.by is None:
            raise RuntimeError("An operation for people alone checks with require_person() first.")
        return self.by

    def rank(self) -> None:
        """Rank the post again at the end, even if it and its audit trail stay as they are."""
        self._ranks = True

    @contextlib.contextmanager
    def joined(self) -> Iterator["Change"]:
        """Give the change to an operation inside this one. If that is refused, what it did is forgotten."""
        count, told = len(self._entries), len(self._told)
        try:
            yield self
        except BaseException:
            del self._entries[count:]
            del self._told[told:]
            self._is_stale = True
            raise

    def finish(self) -> None:
        """Write what follows from the change."""
        post = self.post
        if self._is_stale:
            # The savepoint of the refused operation took its rows back; the object in memory still has its values.
            post.refresh_from_db()
        columns = _columns(post)
        changed = [name for name, value in columns.items() if value != self._before[name]]
        if changed:
            post.save(update_fields=changed)
        # The queue reads in the trail when a text was submitted; terms are locked last and shortest.
        AuditEntry.objects.bulk_create(self._entries)
        if changed or self._entries or self._ranks:
            refresh_queue(post)
        if self.place is not None:
            restore_place(post, self.place)
        if "head_revision" in changed or "live_revision" in changed:
            refresh_links(post)
        if not self._is_listed_later and not LISTED_BY.isdisjoint(changed):
            refresh_listing(post)
        for tell_them in self._told:
            tell_them()


@contextlib.contextmanager
def changing(post: Post, *, by: User | None, is_listed_later: bool = False) -> Iterator[Change]:
    """Lock `post` for a change by `by`; at the end, do what follows from what changed. Only inside an operation.

    is_listed_later: the caller updates the lists, for many posts at once.
    """
    if not _depth.get():
        raise RuntimeError("A post is changed in an operation only: give the function @operation.")
    open_changes = _changes.get()
    if open_changes is not None and post.pk in open_changes:
        with open_changes[post.pk].joined() as change:
            yield change
        return
    change = Change(lock_post(post), by=by, is_listed_later=is_listed_later)
    token = _changes.set({**(open_changes or {}), post.pk: change})
    try:
        yield change
        change.finish()
    finally:
        _changes.reset(token)


def _columns(post: Post) -> dict[str, Any]:
    """Return {name of a field: what its column holds} of everything that a row of Post stores.

    As columns hold it: in Python 1, 1.0 and True are equal, and objects with their keys in another order; their texts
    are not.
    """
    return {field.name: field.get_prep_value(getattr(post, field.attname)) for field in post._meta.concrete_fields}
