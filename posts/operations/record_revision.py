import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from posts.errors import HeadMoved, Refused, checked_words, require, require_within_limits
from posts.models import ChecklistItem, ImageSource, ImportBatch, Post, Revision
from posts.models.checklist_item import item_columns
from posts.models.image_source import image_columns
from posts.operations.frame import Change, changing, operation
from posts.operations.new_head import NewHead, is_text_of_page
from posts.operations.pictures import note_used_pictures
from posts.operations.slugs import free_slug
from posts.operations.transitions import may_step, take_step
from posts.records.schema import RecordDict, fingerprint_of, validate_record
from posts.records.versions import FIRST_VERSION, next_version

# Of those who want one address at once, each round gives at least one of them theirs.
ATTEMPTS = 50


@operation
def create_post(data: RecordDict, *, by: User | None, why: str = "") -> Post:
    """Create a post from a record dict, with a new source_id if it has none; return it with its first Revision."""
    require(by, "add_post")
    why = checked_words(why, name="The reason")
    record = validate_record({"source_id": f"typed-{uuid.uuid4()}", **data}).to_dict()
    post = Post(source_id=record["source_id"])
    post.take_record(record)
    _insert(post, record)
    with changing(post, by=by) as change:
        _write_children(change.post, record)
        revision = _add_revision(change, record, step="save", version=FIRST_VERSION, why=why)
        change.note("created", revision=revision, detail=why)
        return change.post


@operation
def record_revision(
    post: Post,
    data: RecordDict,
    *,
    by: User | None,
    expected_head_id: int | None = None,
    bump: str = "patch",
    why: str = "",
    action: str = "saved",
    step: str = "save",
    batch: ImportBatch | None = None,
    suggested_by: User | None = None,
) -> Revision | None:
    """Make a record dict the working copy of `post` and add its Revision; return it, None if nothing changed.

    batch: the import whose text this is exactly; `by` only accepts it. suggested_by: whose suggestion `by` accepts;
    both are its authors. expected_head_id: the head that the editor
    opened; raises HeadMoved and writes nothing if there is a newer one. action: its name in the audit trail. Raises
    RecordRefused. Readers' pages don't change.
    """
    require(by, "change_post")
    why = checked_words(why, name="The reason")
    with changing(post, by=by) as change:
        post = change.post
        if expected_head_id is not None and post.head_revision_id != expected_head_id:
            raise HeadMoved(post)
        record = validate_record({**data, "source_id": post.source_id}).to_dict()
        record.pop("slug", None)
        if fingerprint_of(record) == post.head_revision.fingerprint:
            return None
        post.take_record(record)
        _write_children(post, record)
        before = post.head_revision
        version = next_version(before.version, bump)
        revision = _add_revision(
            change, record, step=step, version=version, why=why, batch=batch, suggested_by=suggested_by
        )
        change.note(action, revision=revision, before=before, detail=why)
        return revision


@operation
def submit_revision(post: Post, *, by: User | None) -> Revision:
    """Put the proposed text of `post` into the review queue; return its Revision.

    Only a person who may decide can submit a rejected text again.
    """
    require(by, "submit_post")
    with changing(post, by=by) as change:
        revision = change.post.head_revision
        if change.post.awaits_review:
            raise Refused(f"{revision.version} is already pending review.")
        if revision.status == Revision.Status.REJECTED:
            require(by, "review_post")
            require_within_limits(by, change.post)
        if revision.status != Revision.Status.IN_REVIEW:
            if not may_step(revision, "submit"):
                raise Refused(f"{revision.version} is {revision.status_words}. Change the post before you submit it.")
            take_step(revision, "submit")
        change.post.awaits_review = True
        change.note("submitted", revision=revision)
        return revision


def _insert(post: Post, record: RecordDict) -> None:
    """Insert a new post at a free address; if another process takes the address first, try another."""
    for attempt in range(1, ATTEMPTS + 1):
        post.slug = free_slug(record)
        try:
            with transaction.atomic():
                return post.save(force_insert=True)
        except IntegrityError:
            if attempt == ATTEMPTS or Post.objects.filter(source_id=post.source_id).exists():
                raise


def _write_children(post: Post, record: RecordDict) -> None:
    images = [image_columns(image) for image in record.get("image_sources", ())]
    _replace(ImageSource.objects.filter(post=post), images, post=post, name="url")
    items = [item_columns(text) for text in record.get("checklist", ())]
    _replace(ChecklistItem.objects.filter(post=post), items, post=post, name="text")


def _replace(rows: "QuerySet[Any]", columns: Sequence[dict[str, Any]], *, post: Post, name: str) -> None:
    """Replace the images or checklist items of a post.

    What keeps the value of the column `name`, or else its place, keeps its primary key too: so its page in the admin
    keeps its address.
    """
    before = list(rows)
    by_value: dict[str, list[int]] = {}
    for row in reversed(before):
        by_value.setdefault(getattr(row, name), []).append(row.pk)
    keys = [by_value[value[name]].pop() if by_value.get(value[name]) else None for value in columns]
    by_place = {row.position: row.pk for row in before if row.pk not in set(keys)}
    rows.delete()
    rows.model.objects.bulk_create(
        rows.model(pk=key or by_place.get(position), post=post, position=position, **values)
        for position, (key, values) in enumerate(zip(keys, columns, strict=True), 1)
    )


def _add_revision(
    change: Change,
    record: RecordDict,
    *,
    step: str,
    version: str,
    why: str,
    batch: ImportBatch | None = None,
    suggested_by: User | None = None,
) -> Revision:
    """Add the snapshot of `record` as the head; an older text that nobody decided on is superseded by it."""
    post = change.post
    before = post.head_revision
    if before is not None and may_step(before, "replace"):
        take_step(before, "replace")
    fingerprint = fingerprint_of(record)
    head = NewHead(
        step,
        snapshot={key: value for key, value in record.items() if key != "slug"},
        fingerprint=fingerprint,
        version=version,
        before=before,
        author_id=change.by.pk if change.by else None,
        batch_id=batch.pk if batch else None,
        suggested_by_id=suggested_by.pk if suggested_by else None,
        why=why,
        is_approved=is_text_of_page(post, fingerprint),
    )
    note_used_pictures([record])
    revision = Revision.objects.create(**head.revision_columns(post.pk))
    last_batch_id = batch.pk if batch else post.last_batch_id
    for name, value in head.post_columns(revision.pk, last_batch_id=last_batch_id, at=timezone.now()).items():
        setattr(post, name, value)
    return revision
