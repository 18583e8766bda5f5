from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from posts.db.keyset import in_chunks
from posts.errors import require
from posts.listing.refresh import refresh_listings
from posts.models import ImportBatch, Post
from posts.models.post import PostQuerySet
from posts.operations.frame import note, operation

CHUNK = 200


@operation
def switch_batch_index(batch: ImportBatch, *, is_open: bool, by: User | None) -> ImportBatch:
    """Close all texts of an import to search engines, or open them again; return the batch.

    Opening makes nothing indexable: each text still needs its own approval. Pages, feeds and the sitemap follow with
    this transaction, for any number of texts; `follow_batch_switch` then updates the lists by term.
    """
    require(by, "import_posts")
    batch = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if batch.index_open != is_open:
        batch.index_open = is_open
        batch.save(update_fields=["index_open"])
        action = "import opened to search engines" if is_open else "import closed to search engines"
        note(action, by=by, detail=str(batch))
    return batch


def follow_batch_switch(batch: ImportBatch, *, on_chunk: Callable[[], object] = lambda: None) -> None:
    """Update the term rows of a switched import's texts, a transaction for each CHUNK of them.

    on_chunk() is called between two; a second call completes what a killed call left.
    """
    for ids in in_chunks(approved_posts_of(batch).values_list("pk", flat=True), size=CHUNK):
        with transaction.atomic():
            posts = Post.objects.filter(pk__in=ids).with_texts().order_by("pk")
            refresh_listings(posts.select_for_update(of=("self",)))
        on_chunk()


def approved_posts_of(batch: ImportBatch) -> PostQuerySet:
    """Return the live, approved posts of an import, which its switch may open or close."""
    of_batch = Q(last_batch=batch) | Q(live_revision__batch=batch)
    return Post.objects.filter(of_batch, live_approval__isnull=False, withdrawn_at=None)
