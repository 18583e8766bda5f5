"""How many posts of a generator may be pending review: people must not drown in what programs write."""

from posts.errors import Refused
from posts.models import Generator

# How the message of an import begins that waits until people have reviewed some posts.
WAITS = "Waits for reviewers"


class BacklogFull(Refused):
    """As many posts of the generator are pending review as its limit allows."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(
            f"{generator.backlog_limit:,} posts of {generator} are pending review, and its limit is "
            f"{generator.backlog_limit:,}. Wait until people have reviewed some of them."
        )


def room_of(generator: Generator) -> int | None:
    """Return how many more posts the generator may send for now; None: any number."""
    if generator.backlog_limit is None:
        return None
    # As many as the limit are counted at most: a generator with a million of them costs no more.
    return generator.backlog_limit - generator.posts.waiting().order_by()[: generator.backlog_limit].count()


def check_backlog(generator: Generator) -> None:
    """Raise BacklogFull if the generator may send no more posts for now."""
    if room_of(generator) == 0:
        raise BacklogFull(generator)
