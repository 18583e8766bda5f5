from django.contrib.auth.models import User

from posts.errors import Refused, require
from posts.listing.site_stats import store_site_stats
from posts.models import ImportBatch, Origin
from posts.operations.frame import note, operation
from posts.operations.timeouts import long_statement_timeout


@operation
def declare_origin(batch: ImportBatch, origin: str, *, by: User | None) -> ImportBatch:
    """Declare who wrote the posts of an import (an Origin); return the batch.

    Pages, feeds, summary lines and statistics follow with this transaction, for any number of posts, and no approval
    changes. `follow_batch_switch` then updates the lists of authors: a machine's text is in none.
    """
    require(by, "import_posts")
    batch = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if batch.generator is not None and batch.generator.kind != Origin.NOT_STATED:
        raise Refused(
            f"The posts of import {batch.pk} are by {batch.generator}, which says who writes them. Change it there."
        )
    before, origin = Origin(batch.origin), Origin(origin)
    if origin != before:
        batch.origin = origin
        batch.save(update_fields=["origin"])
        with long_statement_timeout():
            store_site_stats()
        detail = f"{batch}: {before.label.lower()} → {origin.label.lower()}"
        note("origin of an import declared", by=by, detail=detail)
    return batch
