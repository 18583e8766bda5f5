"""What pages show has a version: a log of changes that every cache of rendered pages reads, and nothing else.

A trigger (posts.db.page_triggers) notes the keys of what a statement changes of pages (`post_key`, `file_key`, LISTS,
SWITCHES…) as one more row in the same transaction: the note is seen exactly when the change is, and is gone with it
when it is rolled back. No process has to be reached, no lock is held, and writers never wait for each other.

The order of the log is that in which changes can have become visible, which is not the order of numbers from a
sequence. On PostgreSQL a row's position is the id of its transaction, and what a reader has seen for sure is all below
the oldest transaction that still runs (pg_snapshot_xmin, "System Information Functions" in the manual of PostgreSQL).
On SQLite, where one transaction writes at a time, positions count up by one.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from django.db import DEFAULT_DB_ALIAS, connection, connections

from posts.models import PageChange, Post

# What every page that names listed posts depends on: lists, search, home, feeds, sitemaps.
LISTS = "lists"
# What every page of a post depends on: the switches of imports. One of them opens or closes many posts at once, also
# such that stand beside the post only when they are open, so that the page does not name them.
SWITCHES = "switches"
# What every page depends on that shows numbers about the whole site.
SITE_STATS = "site-stats"
# Every page that can change has one of these.
EVERYTHING = f"{LISTS} {SITE_STATS} {SWITCHES}"
TABLE = PageChange._meta.db_table
_FILE = "file:"
_NEXT = f"(SELECT COALESCE(MAX(position), 0) + 1 FROM {TABLE})"  # noqa: S608
NEXT_POSITION = {"postgresql": "pg_current_xact_id()::text::bigint", "sqlite": _NEXT}
HORIZON = {"postgresql": "pg_snapshot_xmin(pg_current_snapshot())::text::bigint", "sqlite": _NEXT}


def post_key(pk: int) -> str:
    """Return the key of all that pages show of one post."""
    return f"post:{pk}"


def posts_named(keys: Iterable[str]) -> list[int]:
    """Return the numbers of the posts that keys name."""
    prefix = post_key(0)[:-1]
    return [int(key.removeprefix(prefix)) for key in keys if key.startswith(prefix)]


def file_key(number: int) -> str:
    """Return the key of a file of the sitemap with articles."""
    return f"{_FILE}{number}"


def is_file_key(key: str) -> bool:
    """Return whether a key is one of file_key()."""
    return key.startswith(_FILE)


def number_of_file(key: str) -> int:
    """Return the number of the file that a key of file_key() names."""
    return int(key.removeprefix(_FILE))


def former_stack_key(name: str) -> str:
    """Return the key of the posts of a stack, of which version 0.1.0 keeps articles."""
    return f"stack:{quote(' '.join(name.split())[:300].casefold()[:300])}"


def article_key(fingerprint: str, renderer_version: int, hosts_key: str) -> str:
    """Return the key of the stored HTML of a text."""
    return f"article:{fingerprint}:{renderer_version}:{hosts_key}"


def keys_of_post(post: Post) -> set[str]:
    """Return the keys of a page that shows `post` or its summary."""
    return {post_key(post.pk), SWITCHES}


def note_changes(keys: Iterable[str], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Say that this transaction changes what pages with `keys` show: every process shows them anew within a second.

    One row however many keys there are. It does not matter whether it comes before or after the change itself, as
    long as both are one transaction.
    """
    if not (ordered := sorted(set(keys))):
        return
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} (position, keys) VALUES ({NEXT_POSITION[connections[using].vendor]}, %s)",  # noqa: S608
            [" ".join(ordered)],
        )


def note_restored() -> None:
    """Say in a database restored from a backup that every page may have changed.

    On SQLite the position is the time in microseconds: positions count up from there, so whatever a process has seen
    of the newer database is below. On PostgreSQL the ids of transactions go on, unless the server is another one.
    """
    if connection.vendor == "sqlite":
        PageChange.objects.create(position=time.time_ns() // 1_000, keys=EVERYTHING)
    else:
        note_changes(EVERYTHING.split())


@dataclass(frozen=True)
class Changes:
    """What a look into the log brought."""

    horizon: int  # every change below it was visible then; later ones have this position or a higher one
    newest: int  # the highest position that was visible
    # (number, position, keys) of the changes since the start of the look; None if there are too many
    rows: list[tuple[int, int, frozenset[str]]] | None


def changes_since(position: int, *, limit: int = 2000) -> Changes:
    """Return the Changes from `position` on, in one query; `rows` is None if there are more than `limit`.

    While an old transaction runs, on PostgreSQL in any database of the server, the horizon stays below it, and what
    was told once is told again: the numbers of the rows say which.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT now.horizon, now.newest, newer.id, newer.position, newer.keys FROM"  # noqa: S608
            # In order, and no MAX: where PostgreSQL has no statistics of the log yet, it would read all of it.
            f" (SELECT {HORIZON[connection.vendor]} AS horizon,"
            f" (SELECT position FROM {TABLE} ORDER BY position DESC LIMIT 1) AS newest) now"
            f" LEFT JOIN (SELECT * FROM {TABLE} WHERE position >= %s ORDER BY position LIMIT %s) newer ON TRUE",
            [position, limit + 1],
        )
        rows = cursor.fetchall()
    horizon, newest = rows[0][0], rows[0][1] or 0
    if len(rows) > limit:
        return Changes(horizon, newest, None)
    found = [(number, at, frozenset(keys.split())) for _, _, number, at, keys in rows if number is not None]
    return Changes(horizon, newest, found)


def place_to_begin(rows: int = 500) -> int:
    """Return a position from which a new reader of the log reads at most about `rows` of it."""
    found = PageChange.objects.order_by("-position").values_list("position", flat=True)[rows : rows + 1]
    return next(iter(found), 0)
