from django.db import transaction
from django.db.models import Q

from posts.audit.log import note_audit
from posts.db.change_log import LISTS, SWITCHES, note_changes
from posts.errors import require
from posts.listing.refresh import refresh_listings
from posts.models import ImportBatch, Post

CHUNK = 200


@transaction.atomic
def switch_batch_index(batch, *, is_open, by):
    """Close all texts of an import to search engines at once, or take that back; return the batch.

    Opening opens nothing by itself: each text still needs its own approval. Pages, feeds and the sitemap follow with
    this transaction, however many texts there are; `follow_batch_switch` brings the rows behind lists by term in step.
    """
    require(by, "import_posts")
    batch = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if batch.index_open != is_open:
        batch.index_open = is_open
        batch.save(update_fields=["index_open"])
        note_changes([SWITCHES, LISTS])
        action = "import opened to search engines" if is_open else "import closed to search engines"
        note_audit(action, post=None, by=by, detail=str(batch))
    return batch


def follow_batch_switch(batch, *, on_chunk=lambda: None):
    """Bring the term rows of a switched import's texts in step, a transaction for each CHUNK of them.

    on_chunk() is called between two; calling again mends what a killed call left.
    """
    last = 0
    while True:
        with transaction.atomic():
            posts = approved_posts_of(batch).filter(pk__gt=last).with_texts().order_by("pk")
            posts = list(posts.select_for_update(of=("self",))[:CHUNK])
            refresh_listings(posts)
        if not posts:
            return
        last = posts[-1].pk
        on_chunk()


def approved_posts_of(batch):
    """The live, approved posts whose text or live text an import brought: those that its switch may open or close."""
    of_batch = Q(last_batch=batch) | Q(live_revision__batch=batch)
    return Post.objects.filter(of_batch, live_approval__isnull=False, withdrawn_at=None)
