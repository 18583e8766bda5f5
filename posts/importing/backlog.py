"""How many posts of a generator may be pending review: people must not drown in what programs write."""

from posts.errors import Refused
from posts.importing.locks import transaction_lock
from posts.models import Generator

# How the message of an import begins that waits until people have reviewed some posts.
WAITS = "Waits for reviewers"
# More requests with one post than all servers of a site work on at once.
UNDER_WAY = 100


class BacklogFull(Refused):
    """With what it sends, more posts of the generator would be pending review than its limit allows."""

    def __init__(self, generator: Generator, room: int) -> None:
        limit = generator.backlog_limit or 0
        super().__init__(
            f"{limit - room:,} posts of {generator} are pending review, and its limit is {limit:,}. Wait until people "
            f"have reviewed some of them."
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
        raise BacklogFull(generator, 0)


def claim_room(generator: Generator, count: int) -> None:
    """Raise BacklogFull if `count` more pending posts would exceed the limit. No other transaction takes their room.

    To be called in the transaction that writes them. Requests with one post go on side by side while there is room
    for all that can be under way. Near the limit, and for the chunk of a file, one waits for the other.
    """
    room = room_of(generator) if count else None
    if room is None:
        return
    transaction_lock(f"backlog {generator.pk}", shared=count == 1 and room > UNDER_WAY)
    # What others committed before the lock was there counts too.
    room = room_of(generator) or 0
    if room < count:
        raise BacklogFull(generator, room)
