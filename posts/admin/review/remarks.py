"""The page of the remarks of a post: its proposed text by blocks, each with the remarks on it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse

from posts.admin.lists import number_in, typed_text
from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.trail import post_trail
from posts.diff.anchors import PARTS, TEXTS, Anchor, Place, Placer, State, blocks_in
from posts.diff.values import escaped, shown
from posts.models import Post, Remark, RemarkReply, Review, Revision
from posts.operations import HeadMoved, Refused
from posts.operations.remarks import (
    MAX_WORDS,
    NO_CONTENT,
    accept_suggestion,
    add_remark,
    anchor_of,
    answer_remark,
    close_remark,
    reopen_remark,
)
from posts.records.schema import RecordDict

CLOSED_SHOWN = 50
VALUES_SHOWN = 200
LABELS = {"title": "Title", "intro": "Intro", "body": "Body", "image_sources": "Images", "checklist": "Checklist"}


@dataclass(frozen=True)
class Thread:
    """A remark with its answers, and where its passage stands now."""

    remark: Remark
    replies: list[RemarkReply]
    place: Place

    @property
    def words(self) -> str:
        """The passage as it was when the remark was made."""
        return anchor_of(self.remark).exact

    @property
    def state(self) -> str:
        """What became of the passage, in words; "" if it is unchanged."""
        if self.place.state == State.GONE:
            return "The passage is no longer in the text."
        return "The passage has changed since this remark." if self.place.state == State.CHANGED else ""

    @property
    def can_accept(self) -> bool:
        return self.remark.suggestion is not None and self.place.state == State.SAME

    @property
    def deletes(self) -> bool:
        return self.remark.suggestion == ""


@dataclass(frozen=True)
class Piece:
    """A run of text with the numbers of the remarks on it."""

    text: str
    remarks: tuple[int, ...] = ()


@dataclass
class Passage:
    """A block or value of the text, with the remarks on it."""

    part: str
    block: int
    label: str
    text: str
    is_code: bool = False
    threads: list[Thread] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The place as the form sends it."""
        return f"{self.part}:{self.block}"

    @property
    def key(self) -> str:
        """The id of the element."""
        return "passage-" + "".join(char if char.isalnum() else "-" for char in self.name)

    @property
    def pieces(self) -> Iterator[Piece]:
        """The text in runs between the edges of its remarks."""
        spans = [(thread.place.anchor.start, thread.place.anchor.end, thread.remark.pk)
                 for thread in self.threads if thread.place.anchor]  # fmt: skip
        edges = sorted({0, len(self.text), *(edge for start, end, _ in spans for edge in (start, end))})
        for start, end in pairwise(edges):
            yield Piece(self.text[start:end], tuple(pk for a, b, pk in spans if a <= start and end <= b))


def passages_of(record: RecordDict) -> list[Passage]:
    """Return everything in a record that a remark can be on, in reading order."""
    passages = []
    for part in PARTS:
        for number, block in enumerate(blocks_in(record, part), 1):
            if part in TEXTS and block.placed:
                continue  # It only places an image or the checklist; remarks are on those.
            label = LABELS[part] if part == "title" else f"{LABELS[part]} {number}: {block.setting}"
            if part == "image_sources":
                label = f"Image {number}: {block.placed}"
            passages.append(Passage(part, number, label, block.text, is_code=block.is_code))
    values = _values({key: value for key, value in record.items() if key not in NO_CONTENT})
    for pointer, value in list(values)[:VALUES_SHOWN]:
        passages.append(
            Passage(pointer, 0, pointer.removeprefix("/").replace("_", " ").replace("/", " "), shown(value))
        )
    return passages


def _values(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (JSON pointer, value) of all values that are neither lists nor objects."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values(inner, f"{pointer}/{escaped(key)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _values(inner, f"{pointer}/{index}")
    elif value is not None:
        yield pointer, value


def threads_of(post: Post, head: Revision) -> tuple[list[Thread], list[Thread]]:
    """Return (open, closed) threads of a post, placed in `head`; of the closed ones the newest."""
    remarks = post.remarks.select_related("author", "closed_by", "revision")
    is_open = list(remarks.filter(closed_at=None))
    closed = list(remarks.exclude(closed_at=None).order_by("-closed_at")[:CLOSED_SHOWN])
    replies: dict[int, list[RemarkReply]] = defaultdict(list)
    for reply in RemarkReply.objects.filter(remark__in=[*is_open, *closed]).select_related("author"):
        replies[reply.remark_id].append(reply)
    placers: dict[int, Placer] = {}

    def thread(remark: Remark) -> Thread:
        if remark.revision_id not in placers:
            placers[remark.revision_id] = Placer(remark.revision.snapshot, head.snapshot)
        return Thread(remark, replies[remark.pk], placers[remark.revision_id].place(anchor_of(remark)))

    return [thread(remark) for remark in is_open], [thread(remark) for remark in closed]


class RemarksPage(AdminPage):
    """The remarks of a post. Reviewers add them, editors answer them, accept suggestions and close them."""

    permissions = ("view_post", "view_revision")
    template = "review/remarks"
    title = "Remarks"

    def find(self, post_id: int) -> Post:
        return find_post(post_id)

    def page(self, post: Post, *, status: int = 200) -> HttpResponse:
        """Return the page, with what was typed if an action was refused."""
        head = post.head_revision
        passages = passages_of(head.snapshot)
        by_place = {(passage.part, passage.block): passage for passage in passages}
        threads, closed = threads_of(post, head)
        orphans = []
        for thread in threads:
            anchor = thread.place.anchor
            if anchor and (passage := by_place.get((anchor.part, anchor.block))):
                passage.threads.append(thread)
            else:
                orphans.append(thread)
        typed = self.request.POST if status != 200 else self.request.GET
        user = self.person
        return self.render(
            status=status,
            title=f"Remarks on {post.title}",
            trail=post_trail(post, "Remarks"),
            post=post,
            head=head,
            passages=passages,
            orphans=orphans,
            closed=closed,
            open_count=len(threads),
            typed=typed,
            reasons=Review.ReasonCode.choices,
            max_words=MAX_WORDS,
            may_add=user.has_perm("posts.review_post"),
            may_answer=user.has_perm("posts.review_post") or user.has_perm("posts.change_post"),
            may_accept=user.has_perm("posts.change_post"),
        )

    def add(self, post: Post) -> str:
        """Add a remark to the passage that the form names."""
        sent = self.request.POST
        read = typed_text(self.request, "fingerprint", most=64)
        revision = post.revisions.filter(fingerprint=read).order_by("-number").first()
        if revision is None:
            raise HeadMoved(post)
        part, _, block = sent.get("place", "").rpartition(":")
        start = number_in(sent.get("start", "")) or 0
        words = sent.get("words", "").replace("\r\n", "\n")
        anchor = Anchor(part, number_in(block) or 0, start, start + len(words), words)
        if not part:
            raise Refused("Choose the passage that the remark is about.")
        remark = add_remark(
            revision,
            anchor,
            by=self.person,
            comment=sent.get("comment", ""),
            reason_code=sent.get("reason_code", ""),
            suggestion=sent.get("suggestion", "") if sent.get("suggests") else None,
        )
        self.shown = remark.pk
        return "The remark was added."

    def answer(self, post: Post) -> str:
        """Add an answer to a thread."""
        answer_remark(self._remark(post), by=self.person, text=self.request.POST.get("text", ""))
        return "The answer was added."

    def close(self, post: Post) -> str:
        """Close a remark."""
        close_remark(self._remark(post), by=self.person)
        return "The remark is resolved."

    def reopen(self, post: Post) -> str:
        """Open a closed remark again."""
        reopen_remark(self._remark(post), by=self.person)
        return "The remark is open again."

    def accept(self, post: Post) -> str:
        """Put a suggestion into the text."""
        head = number_in(self.request.POST.get("head", ""))
        revision = accept_suggestion(self._remark(post), by=self.person, expected_head_id=head)
        return f"The suggestion was accepted. The text is now {revision.version}; it needs a review."

    def _remark(self, post: Post) -> Remark:
        pk = number_in(self.request.POST.get("remark", "")) or 0
        remark = post.remarks.select_related("post", "revision", "author").filter(pk=pk).first()
        if remark is None:
            raise Http404("No remark of this post has this number.")
        self.shown = remark.pk
        return remark

    def next_address(self, post: Post) -> str:
        """Return the page, at the remark that the action was about."""
        return f"{reverse('admin:remarks', args=[post.pk])}#remark-{self.shown}"

    actions = {"add": add, "answer": answer, "close": close, "reopen": reopen, "accept": accept}


PAGES = [("review/<int:post_id>/remarks/", RemarksPage, "remarks")]
