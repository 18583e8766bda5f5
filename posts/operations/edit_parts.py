"""Changes of some images or checklist items of a post: each makes a revision of the post, as its form does."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from posts.errors import HeadMoved, Refused, checked_words
from posts.models import BulkRun, Post, Revision
from posts.operations.frame import changing, operation
from posts.operations.record_revision import record_revision, submit_revision
from posts.operations.transitions import may_step
from posts.records.schema import RecordDict, RecordRefused
from posts.rendering.images import host_of

MAX_LICENCE, MAX_HOST, MAX_POINT = 300, 200, 2000


@dataclass(frozen=True)
class PartsEdit:
    """What a bulk action writes into the images or checklist items of posts.

    key: of the record. name: what one of them is called. change: returns the new value of one. says: in words for the
    history.
    """

    key: str
    name: str
    change: Callable[[Any], Any]
    says: str

    def changes(self, parts: Sequence[Any], places: Iterable[int]) -> dict[int, Any]:
        """Return {place: new value} of those at `places` (from 1) that it changes."""
        new = {at: self.change(parts[at - 1]) for at in places if 0 < at <= len(parts)}
        return {at: part for at, part in new.items() if part != parts[at - 1]}


def edit_of(act: str, options: dict[str, str]) -> PartsEdit:
    """Return the PartsEdit of one of BulkRun.EDITS_PARTS with its options; Refused if they are wrong."""
    return _EDITS[BulkRun.Act(act)](**{name: options.get(name, "") for name in OPTIONS[BulkRun.Act(act)]})


def _licence(licence: str) -> PartsEdit:
    licence = checked_words(licence, name="The licence", limit=MAX_LICENCE)
    says = f"Licence set to “{licence}”." if licence else "Licence removed."
    return PartsEdit("image_sources", "image", lambda image: image | {"licence": licence}, says)


def _host(old: str, new: str) -> PartsEdit:
    old, new = (
        checked_words(host, name=name, limit=MAX_HOST).casefold()
        for host, name in ((old, "The host"), (new, "The new host"))
    )
    if not old or not new or any(host_of(f"https://{host}/") != host or " " in host for host in (old, new)):
        raise Refused("Enter both hosts, for example images.example.org.")

    def change(image: RecordDict) -> RecordDict:
        host = host_of(image["url"])
        return image | {"url": image["url"].replace(f"//{host}", f"//{new}", 1)} if host.casefold() == old else image

    return PartsEdit("image_sources", "image", change, f"Host {old} replaced by {new}.")


def _point(text: str) -> PartsEdit:
    text = checked_words(text, name="The text", limit=MAX_POINT)
    if not text:
        raise Refused("Enter the new text.")
    return PartsEdit("checklist", "checklist item", lambda _: text, "Checklist item replaced.")


_EDITS: dict[str, Callable[..., PartsEdit]] = {
    BulkRun.Act.LICENCE: _licence,
    BulkRun.Act.HOST: _host,
    BulkRun.Act.POINT: _point,
}
# The names of the options of each action.
OPTIONS: dict[str, tuple[str, ...]] = {
    BulkRun.Act.LICENCE: ("licence",),
    BulkRun.Act.HOST: ("old", "new"),
    BulkRun.Act.POINT: ("text",),
}


@operation
def edit_parts(
    post: Post,
    edit: PartsEdit,
    *,
    places: Collection[int],
    fingerprint: str,
    by: User,
    why: str = "",
    submits: bool = False,
) -> Revision:
    """Write `edit` into the images or checklist items at `places` (from 1); return the new revision.

    fingerprint: of the text that the person saw; raises HeadMoved if another one is proposed. A text that was pending
    review stays so; with `submits`, so does every other. Raises Refused if nothing would change.
    """
    with changing(post, by=by) as change:
        post = change.post
        if post.head_revision.fingerprint != fingerprint:
            raise HeadMoved(post)
        record, is_pending = post.working_record(), post.awaits_review
        parts = list(record.get(edit.key, ()))
        for at, part in edit.changes(parts, places).items():
            parts[at - 1] = part
        try:
            revision = record_revision(post, record | {edit.key: parts}, by=by, why=why or edit.says)
        except RecordRefused as refusal:
            raise Refused(str(refusal)) from None
        if revision is None:
            raise Refused("This would change nothing.")
        if (submits or is_pending) and may_step(revision, "submit"):
            submit_revision(post, by=by)
        return revision
