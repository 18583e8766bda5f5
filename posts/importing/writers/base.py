"""What both writers share: which rows of which tables a decision means."""

from django.utils import timezone

from posts.models import ChecklistItem, ImageSource, Post, ReviewFlag, Revision
from posts.models.image_source import image_columns
from posts.models.post import post_columns
from posts.records import CANONICAL_VERSION


class Table:
    """The concrete columns of a model, ready to take rows given as dicts of attribute → Python value."""

    def __init__(self, model, connection, names=None):
        fields = [f for f in model._meta.concrete_fields if names is None or f.attname in names]
        self.name = model._meta.db_table
        self.columns = [field.column for field in fields]
        self._fields = [(field.attname, field.get_db_prep_save) for field in fields]
        self._connection = connection

    def row(self, values):
        """The values of one row in the order of `columns`, as the driver takes them."""
        return tuple(prepare(values[name], self._connection) for name, prepare in self._fields)


class BatchWriter:
    """Turns Decisions into rows. Subclasses say how ids are taken and how sets reach the engine."""

    def __init__(self, connection):
        self.connection = connection

    def write(self, decisions):
        """Write everything in the caller's transaction."""
        self.now = timezone.now()
        self.batch_id = decisions.batch.pk
        self._write_created(decisions.created)
        self._write_updated(decisions.updated)
        if decisions.refreshed:
            names = {
                "view_count",
                "claimed_revision",
                "claimed_hash",
                "flags",
                "import_fingerprint",
                "import_line_hash",
            }
            self._update(Post, names, [self._refreshed(*item) for item in decisions.refreshed])

    def take_ids(self, model, count):
        """`count` primary keys that no row of `model` has or will have otherwise."""
        raise NotImplementedError

    def insert(self, table, rows):
        """Insert rows (tuples in the order of table.columns)."""
        raise NotImplementedError

    def update(self, table, key, rows):
        """Set the columns of `table` other than `key` on the rows whose `key` matches."""
        raise NotImplementedError

    def _insert(self, model, values, names=None):
        if values:
            table = Table(model, self.connection, names)
            self.insert(table, [table.row(row) for row in values])

    def _update(self, model, names, values):
        if values:
            table = Table(model, self.connection, {*names, "id"})
            self.update(table, "id", [table.row(row) for row in values])

    def _write_created(self, created):
        post_ids = self.take_ids(Post, len(created))
        revision_ids = self.take_ids(Revision, len(created))
        posts, revisions = [], []
        for (incoming, slug, version), post_id, revision_id in zip(created, post_ids, revision_ids, strict=True):
            posts.append(
                post_columns(incoming.record)
                | self._imported(incoming, revision_id)
                | {
                    "id": post_id,
                    "source_id": incoming.source_id,
                    "slug": slug,
                    "live_revision_id": None,
                    "live_approval_id": None,
                    "needs_human_review": _asks_for_person(incoming.record),
                    "held": False,
                    "withdrawn_at": None,
                    "first_published_at": None,
                    "last_published_at": None,
                    "first_batch_id": self.batch_id,
                    "created_at": self.now,
                }
            )
            revisions.append(self._revision(incoming, post_id, revision_id, 1, version))
        self._insert(Post, posts)
        self._insert(Revision, revisions)
        pairs = [(post_id, incoming.record) for (incoming, _, _), post_id in zip(created, post_ids, strict=True)]
        self._insert_children(pairs)
        self._raise_flags((post_id, incoming) for (incoming, _, _), post_id in zip(created, post_ids, strict=True))

    def _write_updated(self, updated):
        if not updated:
            return
        revision_ids = self.take_ids(Revision, len(updated))
        posts, revisions = [], []
        for (incoming, post, version), revision_id in zip(updated, revision_ids, strict=True):
            posts.append(post_columns(incoming.record) | self._imported(incoming, revision_id) | {"id": post.pk})
            revisions.append(self._revision(incoming, post.pk, revision_id, post.head_revision.number + 1, version))
        old_heads = [post.head_revision_id for _, post, _ in updated]
        Revision.objects.filter(pk__in=old_heads, status__in=Revision.UNDECIDED).update(
            status=Revision.Status.SUPERSEDED
        )
        self._insert(Revision, revisions)
        self._update(Post, set(posts[0]), posts)
        ids = [post.pk for _, post, _ in updated]
        ImageSource.objects.filter(post__in=ids).delete()
        ChecklistItem.objects.filter(post__in=ids).delete()
        self._insert_children([(post.pk, incoming.record) for incoming, post, _ in updated])

    def _imported(self, incoming, revision_id):
        return {
            "head_revision_id": revision_id,
            "awaits_review": True,
            "last_batch_id": self.batch_id,
            "import_fingerprint": incoming.fingerprint,
            "import_line_hash": incoming.line_hash,
            "changed_at": self.now,
        }

    def _revision(self, incoming, post_id, revision_id, number, version):
        snapshot = {key: value for key, value in incoming.record.items() if key != "slug"}
        return {
            "id": revision_id,
            "post_id": post_id,
            "number": number,
            "version": version,
            "snapshot": snapshot,
            "fingerprint": incoming.fingerprint,
            "canonical_version": CANONICAL_VERSION,
            "status": Revision.Status.DRAFTED.value,
            "author_id": None,
            "batch_id": self.batch_id,
            "why": "",
            "created_at": self.now,
        }

    def _insert_children(self, pairs):
        """pairs: (post id, record)."""
        images = [
            {"post_id": post_id, "position": position} | image_columns(image)
            for post_id, record in pairs
            for position, image in enumerate(record.get("image_sources", ()), 1)
        ]
        items = [
            {"post_id": post_id, "position": position, "text": text}
            for post_id, record in pairs
            for position, text in enumerate(record.get("checklist", ()), 1)
        ]
        self._insert(ImageSource, images, set(images[0]) if images else None)
        self._insert(ChecklistItem, items, {"post_id", "position", "text"})

    def _raise_flags(self, pairs):
        ReviewFlag.objects.bulk_create(
            ReviewFlag(
                post_id=post_id,
                reason=ReviewFlag.Reason.SOURCE,
                fingerprint=incoming.fingerprint,
                batch_id=self.batch_id,
                raised_at=self.now,
            )
            for post_id, incoming in pairs
            if _asks_for_person(incoming.record)
        )

    def _refreshed(self, incoming, post):
        """Claims and counts of a text that stays as it is."""
        claim = incoming.record.get("flags", {}).get("needs_human_review")
        flags = {key: value for key, value in post.flags.items() if key != "needs_human_review"}
        return {
            "id": post.pk,
            "view_count": incoming.record.get("view_count"),
            "claimed_revision": incoming.record.get("revision", {}),
            "claimed_hash": incoming.record.get("hash", ""),
            "flags": flags if claim is None else flags | {"needs_human_review": claim},
            "import_fingerprint": incoming.fingerprint,
            "import_line_hash": incoming.line_hash,
        }


def _asks_for_person(record):
    return bool(record.get("flags", {}).get("needs_human_review"))
