"""Posts as JSON Lines: the way to other sites and back to the generator."""

from posts.models import Post, Revision
from posts.models.fields import dump_json
from posts.records import FIELDS

CHUNK = 500


def export_posts(stream, *, live=False):
    """Write one record a line to a binary `stream`, in the order of identities; return how many.

    The proposed text of every post by default; with `live` what readers see, where that was released and is not
    withdrawn. Claims and view counts are those of today.
    """
    posts = Post.objects.order_by("source_id")
    posts = posts.filter(live_revision__isnull=False, withdrawn_at__isnull=True) if live else posts
    pointer = "live_revision_id" if live else "head_revision_id"
    rows = posts.values_list("slug", "view_count", "claimed_hash", "claimed_revision", pointer)
    count, chunk = 0, []
    for row in rows.iterator(chunk_size=CHUNK):
        chunk.append(row)
        if len(chunk) == CHUNK:
            count += _write(stream, chunk)
            chunk = []
    return count + _write(stream, chunk)


def _write(stream, chunk):
    snapshots = dict(Revision.objects.filter(pk__in=[row[-1] for row in chunk]).values_list("pk", "snapshot"))
    for slug, view_count, claimed_hash, claimed_revision, pk in chunk:
        record = snapshots[pk]
        today = {"slug": slug, "view_count": view_count, "hash": claimed_hash, "revision": claimed_revision}
        stream.write(dump_json(with_today(record, today)).encode() + b"\n")
    return len(chunk)


def with_today(record, today):
    """`record` in the schema's order with the values of `today` (None and empty ones leave their key out)."""
    values = record | today
    known = {key: values[key] for key in FIELDS if values.get(key) not in (None, "", [], {})}
    return known | {key: value for key, value in record.items() if key not in FIELDS}
