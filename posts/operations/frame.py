"""The frame of every operation: what follows from a change is done in one place, once, at the end.

An operation is a function with `@operation`. It changes the post that `changing()` gives it, or the posts of
`changing_posts()`, and says with Change.note() what is to stand in the audit trail. At its end the frame compares the
posts with those that it locked, and saves the columns that changed, the lists, the review queue and the audit trail.
An operation that another one calls joins the frame of that one. What is about no single post is recorded with note().
"""

import contextlib
import copy
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Field, QuerySet

from posts.audit.log import audit_entry, note_audit
from posts.listing.refresh import refresh_listings
from posts.models import AuditEntry, Notification, Post, Revision, StaleLinks
from posts.notifications import tell
from posts.operations.source_links import refresh_links
from posts.outbox import announce_entries
from posts.review_queue.ranking import refresh_queue, refresh_queue_of, restore_place

P = ParamSpec("P")
R = TypeVar("R")

# The columns that decide whether and how a post is listed.
LISTED_BY = frozenset(
    "live_revision live_approval withdrawn_at held closed_until_decided needs_human_review first_published_at "
    "last_published_at last_batch".split()
)

# The columns that say which texts of a post are proposed and live.
TEXTS = frozenset({"head_revision", "live_revision"})

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


def note(action: str, *, by: User | None, detail: str = "") -> None:
    """Record in the audit trail what an operation did that is about no single post. `by`: None for a program."""
    _require_operation()
    note_audit(action, by=by, detail=detail)


class Change:
    """What an operation does to one locked post. `by`: the person, or None for a program."""

    def __init__(self, post: Post, *, by: User | None, ranks: bool) -> None:
        self.post = post
        self.by = by
        # Since when the post was pending, and who it was assigned to, where it takes its earlier place in the queue.
        self.place: list[Any] | None = None
        self._depth = _depth.get()
        self._before = _columns(post)
        self._was_live = bool(post.live_revision_id)
        self._entries: list[AuditEntry] = []
        self._told: list[Callable[[], None]] = []
        self._entries_rank = ranks
        self._ranks = False
        self._lists = False

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

    def relist(self) -> None:
        """Update the lists at the end, also if what decides about them was written elsewhere."""
        self._lists = True

    @contextlib.contextmanager
    def joined(self, *, ranks: bool) -> Iterator["Change"]:
        """Give the change to an operation inside this one. If that is refused, all that it did is forgotten.

        Its savepoint takes back its rows, so it must have one: the block of an operation of its own.
        """
        if _depth.get() == self._depth:
            raise RuntimeError("This post is already being changed. Use that change, or call another operation.")
        columns = copy.deepcopy(_attributes(self.post))
        state = len(self._entries), len(self._told), self.place, self._entries_rank, self._ranks, self._lists
        self._entries_rank |= ranks
        try:
            yield self
        except BaseException:
            count, told, self.place, self._entries_rank, self._ranks, self._lists = state
            del self._entries[count:]
            del self._told[told:]
            _reset(self.post, columns)
            raise

    @functools.cached_property
    def changed(self) -> dict[str, Any]:
        """{name of a field: value of its column} of what is to be saved. Read once the operation has done its work."""
        post, now = self.post, _columns(self.post)
        return {
            field.name: getattr(post, field.attname)
            for field in _loaded(post)
            if field.name not in self._before or self._before[field.name] != now[field.name]
        }

    @property
    def is_ranked_again(self) -> bool:
        """Return whether the post may get another place in the queue."""
        return self._ranks or (self._entries_rank and bool(self.changed or self._entries))

    @property
    def is_listed_again(self) -> bool:
        """Return whether the lists may change: only a post with a live text is in any."""
        may_be_listed = self._was_live or bool(self.post.live_revision_id)
        return self._lists or (may_be_listed and not LISTED_BY.isdisjoint(self.changed))


@contextlib.contextmanager
def changing(post: Post, *, by: User | None, ranks: bool = True) -> Iterator[Change]:
    """Lock `post` for a change by `by`; at the end, do what follows from what changed. Only inside an operation.

    ranks: False if nothing that is done says where the post belongs in the review queue.
    """
    _require_operation()
    open_change = (_changes.get() or {}).get(post.pk)
    if open_change is not None:
        with open_change.joined(ranks=ranks) as change:
            yield change
        return
    # Read again under lock, so that changes since its page was opened count.
    change = Change(Post.objects.select_for_update().get(pk=post.pk), by=by, ranks=ranks)
    with _finishing([change]):
        yield change


@contextlib.contextmanager
def changing_posts(posts: "QuerySet[Post]", *, by: User | None, ranks: bool = True) -> Iterator[list[Change]]:
    """Lock a set of posts for a change by `by`, as changing() does for one; at the end, write in sets.

    posts: in whichever order; of columns that it defers, those that are set are saved. It selects `live_revision`, and
    no set contains a post that is being changed already.
    """
    _require_operation()
    locked = posts.order_by("pk").select_for_update(of=("self",))
    changes = [Change(post, by=by, ranks=ranks) for post in locked]
    if not {change.post.pk for change in changes}.isdisjoint(_changes.get() or {}):
        raise RuntimeError("A post of this set is already being changed.")
    with _finishing(changes):
        yield changes


@contextlib.contextmanager
def _finishing(changes: Sequence[Change]) -> Iterator[None]:
    token = _changes.set({**(_changes.get() or {}), **{change.post.pk: change for change in changes}})
    try:
        yield
        _finish(changes)
    finally:
        _changes.reset(token)


def _finish(changes: Sequence[Change]) -> None:
    """Write what follows from `changes`."""
    for change in changes:
        _end_replacement(change.post)
    ranked = [change.post for change in changes if change.is_ranked_again]
    listed = [change.post for change in changes if change.is_listed_again]
    _save(changes)
    # The queue reads in the trail when a text was submitted; terms are locked last and shortest.
    entries = [entry for change in changes for entry in change._entries]
    AuditEntry.objects.bulk_create(entries)
    announce_entries(entries)
    if len(changes) == 1:
        for post in ranked:
            refresh_queue(post)
    else:
        refresh_queue_of(post.pk for post in ranked)
        # Read in one query, with the texts that a set may have deferred.
        listed = list(Post.objects.with_texts().filter(pk__in=[post.pk for post in listed]).order_by("pk"))
    for change in changes:
        if change.place is not None:
            restore_place(change.post, change.place)
    _note_links(changes)
    refresh_listings(listed)
    for change in changes:
        for tell_them in change._told:
            tell_them()


def _note_links(changes: Sequence[Change]) -> None:
    """Store where the links of new texts lead, and have the check of links look at what went live."""
    if rewritten := [change.post.pk for change in changes if not TEXTS.isdisjoint(change.changed)]:
        refresh_links(rewritten)
    if settings.LINK_CHECKS:
        moved = [change.post.pk for change in changes if "live_revision" in change.changed]
        StaleLinks.objects.bulk_create([StaleLinks(post_id=pk) for pk in moved])


def _end_replacement(post: Post) -> None:
    """Give a post its own address back, once it is no longer rejected or withdrawn in favour of another post."""
    # A set may have deferred the column: then no replaced post is in it, or none comes back.
    if not post.__dict__.get("replaced_by_id") or post.withdrawn_at:
        return
    if post.live_revision_id or post.head.status != Revision.Status.REJECTED:
        post.replaced_by = None


def _save(changes: Sequence[Change]) -> None:
    """Save the changed columns, in one statement for all posts that get the same values."""
    alike: dict[str, tuple[dict[str, Any], list[int]]] = {}
    for change in changes:
        if columns := change.changed:
            alike.setdefault(repr(columns), (columns, []))[1].append(change.post.pk)
    for columns, ids in alike.values():
        Post.objects.filter(pk__in=ids).update(**columns)


def _require_operation() -> None:
    if not _depth.get():
        raise RuntimeError("A post is changed, and an action recorded, in an operation only: use @operation.")


def _loaded(post: Post) -> list["Field[Any, Any]"]:
    """Return the fields of a post that were read or set; a set of posts defers others."""
    return [field for field in post._meta.concrete_fields if field.attname in post.__dict__]


def _attributes(post: Post) -> dict[str, Any]:
    return {field.attname: post.__dict__[field.attname] for field in _loaded(post)}


def _reset(post: Post, attributes: dict[str, Any]) -> None:
    """Give `post` these values again. Related rows are read again: those in memory may have changed too."""
    for field in _loaded(post):
        del post.__dict__[field.attname]
    post._state.fields_cache.clear()
    getattr(post, "_prefetched_objects_cache", {}).clear()
    post.__dict__.update(attributes)


def _columns(post: Post) -> dict[str, Any]:
    """Return {name of a field: what its column holds} of everything that is known of a row of Post.

    As columns hold it: in Python 1, 1.0 and True are equal, and objects with their keys in another order; their texts
    are not.
    """
    return {field.name: field.get_prep_value(getattr(post, field.attname)) for field in _loaded(post)}
