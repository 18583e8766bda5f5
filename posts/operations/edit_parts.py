"""Changes of some images, checklist items or addresses of a post: each makes a revision of it, as its form does."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.contrib.auth.models import User

from posts.errors import HeadMoved, Refused, checked_words
from posts.links.replace import with_addresses
from posts.models import BulkRun, Post, Revision
from posts.operations.frame import changing, operation
from posts.operations.record_revision import record_revision, submit_revision
from posts.operations.transitions import may_step
from posts.records.schema import RecordDict, RecordRefused
from posts.rendering.images import host_of
from posts.rendering.web_addresses import MAX_ADDRESS, web_addresses

MAX_LICENCE, MAX_HOST, MAX_POINT = 300, 200, 2000

_WEB_ADDRESS = re.compile(r"https?://[^\s/?#@<>]+(?:[/?#][^\s<>]*)?")


class RecordEdit(Protocol):
    """A change of a record. says: in words for the history."""

    @property
    def says(self) -> str:
        """What the change does, in words for the history."""

    def applied(self, record: RecordDict, places: Iterable[int]) -> RecordDict:
        """Return the changed record. places: of the images or checklist items that a person chose, from 1."""

    def words(self, record: RecordDict, places: Iterable[int]) -> str:
        """Return in words what of the record will change."""


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

    def applied(self, record: RecordDict, places: Iterable[int]) -> RecordDict:
        """Return the record with the parts at `places` changed."""
        parts = list(record.get(self.key, ()))
        for at, part in self.changes(parts, places).items():
            parts[at - 1] = part
        return record | {self.key: parts}

    def words(self, record: RecordDict, places: Iterable[int]) -> str:
        """Return which parts will change."""
        changed = self.changes(record.get(self.key, ()), places)
        return f"{self.name.capitalize()} {', '.join(map(str, changed))}."


@dataclass(frozen=True)
class AddressEdit:
    """Other addresses for links and pictures. new: {address: the new one, "" to keep the words of a link alone}."""

    new: Mapping[str, str]
    says: str

    def applied(self, record: RecordDict, places: Iterable[int]) -> RecordDict:
        """Return the record with the addresses replaced wherever they stand."""
        return with_addresses(record, self.new)

    def words(self, record: RecordDict, places: Iterable[int]) -> str:
        """Return which addresses will be replaced."""
        named = [address for address in web_addresses(record) if address in self.new]
        return self.says if len(named) < 2 else f"{len(named):,} addresses replaced."


def edit_of(act: str, options: Mapping[str, Any]) -> RecordEdit:
    """Return the RecordEdit of one of BulkRun.EDITS_PARTS with its options; Refused if they are wrong."""
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


def _address(pairs: Mapping[str, str]) -> AddressEdit:
    for old, new in pairs.items():
        if len(new) > MAX_ADDRESS or not _WEB_ADDRESS.fullmatch(new):
            raise Refused("Enter the new address in full, for example https://example.org/page.")
        if old == new:
            raise Refused("The new address is the same as the old one.")
    if not pairs:
        raise Refused("Select an address.")
    old, new = next(iter(pairs.items()))
    says = f"{old[:200]} replaced by {new[:200]}." if len(pairs) == 1 else f"{len(pairs):,} addresses replaced."
    return AddressEdit(pairs, says)


_EDITS: dict[str, Callable[..., RecordEdit]] = {
    BulkRun.Act.LICENCE: _licence,
    BulkRun.Act.HOST: _host,
    BulkRun.Act.POINT: _point,
    BulkRun.Act.ADDRESS: _address,
}
# The names of the options of each action.
OPTIONS: dict[str, tuple[str, ...]] = {
    BulkRun.Act.LICENCE: ("licence",),
    BulkRun.Act.HOST: ("old", "new"),
    BulkRun.Act.POINT: ("text",),
    BulkRun.Act.ADDRESS: ("pairs",),
}


@operation
def edit_parts(
    post: Post,
    edit: RecordEdit,
    *,
    places: Collection[int] = (),
    fingerprint: str,
    by: User,
    why: str = "",
    submits: bool = False,
) -> Revision:
    """Write `edit` into a post; return the new revision. places: of the images or checklist items, from 1.

    fingerprint: of the text that the person saw; raises HeadMoved if another one is proposed. A text that was pending
    review stays so; with `submits`, so does every other. Raises Refused if nothing would change.
    """
    with changing(post, by=by) as change:
        post = change.post
        if post.head_revision.fingerprint != fingerprint:
            raise HeadMoved(post)
        record, is_pending = post.working_record(), post.awaits_review
        try:
            revision = record_revision(post, edit.applied(record, places), by=by, why=why or edit.says)
        except RecordRefused as refusal:
            raise Refused(str(refusal)) from None
        if revision is None:
            raise Refused("This would change nothing.")
        if (submits or is_pending) and may_step(revision, "submit"):
            submit_revision(post, by=by)
        return revision
