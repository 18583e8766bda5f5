from django.db import transaction
from django.db.models import Q

from posts.models import ImportBatch, Post
from posts.operations.audit import note_audit
from posts.operations.listing import refresh_listings
from posts.operations.refusals import require

CHUNK = 200


def switch_batch_index(batch, *, is_open, by):
    """Close all texts of an import to search engines at once, or take that back; return the batch.

    Opening opens nothing by itself: each text still needs its own approval. The switch counts from its first
    transaction on; the lists by term follow chunk by chunk, and calling again mends what a killed call left.
    """
    require(by, "import_posts")
    with transaction.atomic():
        batch = ImportBatch.objects.select_for_update().get(pk=batch.pk)
        if batch.index_open != is_open:
            batch.index_open = is_open
            batch.save(update_fields=["index_open"])
            action = "import opened to search engines" if is_open else "import closed to search engines"
            note_audit(action, post=None, by=by, detail=str(batch))
    last = 0
    while True:
        with transaction.atomic():
            posts = approved_posts_of(batch).filter(pk__gt=last).with_texts().order_by("pk")
            posts = list(posts.select_for_update(of=("self",))[:CHUNK])
            refresh_listings(posts)
        if not posts:
            return batch
        last = posts[-1].pk


def approved_posts_of(batch):
    """The live, approved posts whose text or live text an import brought: those that its switch may open or close."""
    of_batch = Q(last_batch=batch) | Q(live_revision__batch=batch)
    return Post.objects.filter(of_batch, live_approval__isnull=False, withdrawn_at=None)
