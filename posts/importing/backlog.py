"""How many posts of a generator may be pending review: people must not drown in what programs write."""

from posts.errors import Refused
from posts.models import Generator, ImportBatch

# How the message of an import begins that waits until people have reviewed some posts.
WAITS = "Waits for reviewers"


class BacklogFull(Refused):
    """As many posts of the generator are pending review as its limit allows."""

    def __init__(self, generator: Generator, pending: int) -> None:
        super().__init__(
            f"{pending:,} posts of {generator} are pending review, and its limit is {generator.backlog_limit:,}. "
            f"Wait until people have reviewed some of them."
        )


def check_backlog(generator: Generator) -> None:
    """Raise BacklogFull if the generator may send no more posts for now."""
    if generator.backlog_limit is None:
        return
    # As many as the limit are counted at most: a generator with a million of them costs no more.
    pending = generator.posts.waiting().order_by()[: generator.backlog_limit].count()
    if pending >= generator.backlog_limit:
        raise BacklogFull(generator, pending)


def can_continue(batch: ImportBatch) -> bool:
    """Return whether people have reviewed enough for an import that waits for them."""
    try:
        if batch.generator is not None:
            check_backlog(batch.generator)
    except BacklogFull:
        return False
    return True
