"""What both writers share: the rows of the tables that a plan means."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.utils import timezone

from posts.importing.writers.rows import CHILDREN, Columns, DriverRow, RecordRows, Table, child_columns, stored_rows
from posts.models import FormerSlug, Post, PostHold, ReviewFlag, Revision
from posts.operations.new_head import NewHead, is_text_of_page
from posts.operations.pictures import note_used_pictures
from posts.operations.source_links import note_links, note_places, refresh_links
from posts.operations.transitions import take_steps
from posts.records.schema import RecordDict
from posts.records.versions import next_version
from posts.review_queue.ranking import NewInQueue, admit_new_posts, admit_posts

if TYPE_CHECKING:
    from posts.importing.plan import ChangedPost, ChunkPlan, HoldChange, Incoming, NewPost
    from posts.importing.publication import Hold


class BatchWriter:
    """Turns a ChunkPlan into rows. Subclasses take ids and send sets to their engine."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def write(self, plan: "ChunkPlan") -> None:
        """Write everything in the caller's transaction."""
        self.now = timezone.now()
        self.batch_id, self.author_id = plan.batch.pk, plan.author_id
        self.generator_of = plan.generator_of
        self.created: list[tuple[int, Incoming]] = []
        if plan.created:
            self._write_created(plan.created)
        if plan.updated:
            self._write_updated(plan.updated)
        if plan.holds:
            self._write_holds(plan.holds)
        if plan.refreshed:
            names = {
                "view_count",
                "claimed_revision",
                "claimed_hash",
                "flags",
                "known_generator_id",
                "import_fingerprint",
                "import_line_hash",
            }
            self._update(Post, names, [self._refreshed(*item) for item in plan.refreshed])
        self._note_links(plan)

    def _note_links(self, plan: "ChunkPlan") -> None:
        """Store where the files are and what they link to; the end of the import finds the posts."""
        known: list[tuple[Post, Incoming]] = [(item.post, item.incoming) for item in plan.updated]
        known += [(item.post, item.incoming) for item in plan.refreshed]
        rows = [*self.created, *((post.pk, incoming) for post, incoming in known)]
        places = [(post_id, *incoming.row.place) for post_id, incoming in rows if incoming.row.place]
        if places:
            note_places(places)
            unseen = [post.pk for post, _ in known if post.live_revision_id is None]
            note_links([(post_id, incoming.links) for post_id, incoming in rows], replaced=unseen)

    def take_ids(self, model: type[Model], count: int) -> Sequence[int]:
        """Return `count` primary keys that no other row of `model` has or will get."""
        raise NotImplementedError

    def insert(self, table: Table, rows: Iterable[DriverRow]) -> None:
        """Insert rows."""
        raise NotImplementedError

    def insert_new(self, new: list[tuple["NewPost", int, int]]) -> None:
        """Insert posts with their revisions, images and checklist items. new: (NewPost, post id, revision id)."""
        rows = [self._new_rows(*item) for item in new]
        records = [(post_id, item.incoming.rows) for item, post_id, _ in new]
        self._insert(Post, [record.columns.post | post for (post, _), (_, record) in zip(rows, records, strict=True)])
        self._insert(Revision, [revision for _, revision in rows])
        for model, kind in CHILDREN:
            if children := [(post_id, *row) for post_id, record in records for row in getattr(record.columns, kind)]:
                self.insert(Table(model, self.connection, child_columns(model)), children)

    def update(self, table: Table, key: str, rows: Iterable[DriverRow]) -> None:
        """Set the columns of `table` other than `key` on the rows whose `key` matches."""
        raise NotImplementedError

    def _insert(self, model: type[Model], values: list[Columns], names: Collection[str] | None = None) -> None:
        if values:
            table = Table(model, self.connection, names)
            self.insert(table, table.rows(values))

    def _update(self, model: type[Model], names: Collection[str], values: list[Columns]) -> None:
        if values:
            table = Table(model, self.connection, {*names, "id"})
            self.update(table, "id", table.rows(values))

    def _write_created(self, created: list["NewPost"]) -> None:
        note_used_pictures(incoming.record for incoming, *_ in created if incoming.rows.has_uploads)
        post_ids = self.take_ids(Post, len(created))
        revision_ids = self.take_ids(Revision, len(created))
        self.created = pairs = [(post_id, incoming) for (incoming, *_), post_id in zip(created, post_ids, strict=True)]
        new = list(zip(created, post_ids, revision_ids, strict=True))
        self.insert_new(new)
        self._raise_flags(pairs)
        self._insert_holds([(post_id, incoming.holds) for post_id, incoming in pairs])
        FormerSlug.objects.bulk_create(
            FormerSlug(slug=slug, post_id=post_id)
            for (*_, former_slugs), post_id in zip(created, post_ids, strict=True)
            for slug in former_slugs
        )
        admitted = [self._admitted(*item) for item in zip(created, post_ids, strict=True)]
        _, revision = self._new_rows(*new[0])
        admit_new_posts(admitted, status=revision["status"], since=self.now, insert=self._insert)

    def _new_rows(self, new: "NewPost", post_id: int, revision_id: int) -> tuple[Columns, Columns]:
        """Return the columns of a new post that don't come from its record, and those of its revision."""
        incoming = new.incoming
        head = self._head(incoming, new.version)
        post = self._imported(incoming, head, revision_id) | {
            "id": post_id,
            "source_id": incoming.source_id,
            "slug": new.slug,
            "live_revision_id": None,
            "live_approval_id": None,
            "needs_human_review": asks_for_person(incoming.rows.brief),
            "held": bool(incoming.holds),
            "closed_until_decided": False,
            "withdrawn_at": None,
            "replaced_by_id": None,
            "first_published_at": None,
            "last_published_at": None,
            "first_batch_id": self.batch_id,
            "created_at": self.now,
        }
        return post, self._revision(head, post_id, revision_id)

    def _admitted(self, new: "NewPost", post_id: int) -> NewInQueue:
        incoming, brief = new.incoming, new.incoming.rows.brief
        return NewInQueue(
            post_id,
            batch_id=self.batch_id,
            fingerprint=incoming.fingerprint,
            version=new.version,
            generator=incoming.rows.generator,
            claimed_hash=brief.get("hash", ""),
            stack=brief.get("stack", []),
            is_flagged=asks_for_person(brief),
        )

    def _insert_holds(self, pairs: Iterable[tuple[int, Iterable["Hold"]]]) -> None:
        """Insert holds. pairs: (post id, Holds)."""
        PostHold.objects.bulk_create(
            PostHold(post_id=post_id, batch_id=self.batch_id, reason=hold.reason, detail=hold.detail)
            for post_id, holds in pairs
            for hold in holds
        )

    def _write_holds(self, changes: list["HoldChange"]) -> None:
        """Replace the holds from sources by their current ones; what staff lifted stays lifted."""
        ids = [post.pk for post, *_ in changes]
        PostHold.objects.filter(post__in=ids, lifted_at=None).delete()
        lifted = set(PostHold.objects.filter(post__in=ids).values_list("post_id", "reason"))
        self._insert_holds(
            [(post.pk, [hold for hold in holds if (post.pk, hold.reason) not in lifted]) for post, holds, _ in changes]
        )
        for is_held in (True, False):
            changed = [post.pk for post, _, held in changes if held is is_held and post.held is not is_held]
            Post.objects.filter(pk__in=changed).update(held=is_held)

    def _write_updated(self, updated: list["ChangedPost"]) -> None:
        note_used_pictures(incoming.record for incoming, *_ in updated if incoming.rows.has_uploads)
        revision_ids = self.take_ids(Revision, len(updated))
        posts, revisions = [], []
        for (incoming, post, version), revision_id in zip(updated, revision_ids, strict=True):
            head = self._head(incoming, version, before=post.head_revision)
            posts.append(incoming.rows.columns.post | self._imported(incoming, head, revision_id) | {"id": post.pk})
            revisions.append(self._revision(head, post.pk, revision_id))
        self._insert_heads([post for _, post, _ in updated], revisions)
        self._update(Post, set(posts[0]), posts)
        self._replace_children([(post.pk, incoming.rows) for incoming, post, _ in updated])
        admit_posts([post.pk for _, post, _ in updated])

    def write_restored(
        self, restored: list[tuple[Post, Revision, int | None]], *, by: User | None, why: str
    ) -> list[int]:
        """Make earlier texts the heads of their posts again; return the ids of the new revisions.

        restored: (Post, Revision, id of the import that the post then belongs to). The caller holds the posts' locks
        and the transaction, and updates lists and queue.
        """
        self.now = timezone.now()
        revision_ids = list(self.take_ids(Revision, len(restored)))
        posts, revisions, children = [], [], []
        for (post, text, batch_id), revision_id in zip(restored, revision_ids, strict=True):
            rows = RecordRows.of(text.snapshot)
            children.append((post.pk, rows))
            head = NewHead(
                "restore",
                snapshot=rows.snapshot,
                fingerprint=text.fingerprint,
                version=next_version(post.head.version),
                before=post.head_revision,
                author_id=by.pk if by else None,
                why=why,
                canonical_version=text.canonical_version,
                is_approved=is_text_of_page(post, text.fingerprint),
            )
            posts.append(
                rows.columns.post
                | head.post_columns(revision_id, last_batch_id=batch_id, at=self.now)
                | {"id": post.pk, "import_fingerprint": text.fingerprint, "import_line_hash": ""}
            )
            revisions.append(self._revision(head, post.pk, revision_id))
        self._insert_heads([post for post, _, _ in restored], revisions)
        self._update(Post, set(posts[0]), posts)
        self._replace_children(children)
        refresh_links(post.pk for post, _, _ in restored)
        return revision_ids

    def _insert_heads(self, posts: list[Post], revisions: list[Columns]) -> None:
        """Insert the new heads of `posts`; they supersede older texts without a decision.

        A rejected post that another one replaced is back with its new text.
        """
        take_steps(Revision.objects.filter(pk__in=[post.head_revision_id for post in posts]), "replace")
        self._insert(Revision, revisions)
        replaced = Post.objects.filter(pk__in=[post.pk for post in posts], withdrawn_at=None).exclude(replaced_by=None)
        replaced.update(replaced_by=None)

    def _replace_children(self, pairs: list[tuple[int, RecordRows]]) -> None:
        """Replace images and checklist items. pairs: (post id, RecordRows).

        One that stays as it is keeps its key: the key is in the address of its page.
        """
        ids = [post_id for post_id, _ in pairs]
        for model, kind in CHILDREN:
            stored = dict(stored_rows(model, ids))
            rows = [(post_id, *row) for post_id, rows in pairs for row in getattr(rows.columns, kind)]
            gone = stored.keys() - set(rows)
            # Deleted in bulk without reading them: no row refers to a child.
            model.objects.filter(pk__in=[stored[row] for row in gone])._raw_delete(self.connection.alias)
            if new := [row for row in rows if row not in stored]:
                self.insert(Table(model, self.connection, child_columns(model)), new)

    def _head(self, incoming: "Incoming", version: str, *, before: Revision | None = None) -> NewHead:
        return NewHead(
            "import",
            snapshot=incoming.rows.snapshot,
            fingerprint=incoming.fingerprint,
            version=version,
            before=before,
            author_id=self.author_id,
            batch_id=self.batch_id,
        )

    def _imported(self, incoming: "Incoming", head: NewHead, revision_id: int) -> Columns:
        return head.post_columns(revision_id, last_batch_id=self.batch_id, at=self.now) | {
            "known_generator_id": self.generator_of(incoming),
            "import_fingerprint": incoming.fingerprint,
            "import_line_hash": incoming.line_hash,
        }

    def _revision(self, head: NewHead, post_id: int, revision_id: int) -> Columns:
        return head.revision_columns(post_id) | {"id": revision_id, "created_at": self.now}

    def _raise_flags(self, pairs: list[tuple[int, "Incoming"]]) -> None:
        common = {"reason": ReviewFlag.Reason.SOURCE.value, "batch_id": self.batch_id, "raised_at": self.now}
        flags = [
            {"post_id": post_id, "fingerprint": incoming.fingerprint, **common}
            for post_id, incoming in pairs
            if asks_for_person(incoming.rows.brief)
        ]
        self._insert(ReviewFlag, flags, {"post_id", "fingerprint", *common})

    def _refreshed(self, incoming: "Incoming", post: Post) -> Columns:
        """Return the columns for new claims and counts of an unchanged text."""
        brief = incoming.rows.brief
        claim = brief.get("flags", {}).get("needs_human_review")
        flags = {key: value for key, value in post.flags.items() if key != "needs_human_review"}
        return {
            "id": post.pk,
            "view_count": brief.get("view_count"),
            "claimed_revision": brief.get("revision", {}),
            "claimed_hash": brief.get("hash", ""),
            "flags": flags if claim is None else flags | {"needs_human_review": claim},
            "known_generator_id": self.generator_of(incoming),
            "import_fingerprint": incoming.fingerprint,
            "import_line_hash": incoming.line_hash,
        }


def asks_for_person(record: RecordDict) -> bool:
    """Return whether the source of a record asks for a person's review."""
    return bool(record.get("flags", {}).get("needs_human_review"))
