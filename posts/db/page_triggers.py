"""Triggers that note in the change log what a changed row changes of public pages, whoever changed it.

`WATCHED` names each table that a kept page reads, with the columns that it shows and the keys of the pages that show
them (posts.db.change_log). `migrate` puts the triggers in place at its end, so that no migration has to repeat them.
PostgreSQL notes a statement in one line of the log, SQLite each row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate, pre_migrate

from posts.db import finished_triggers, followed_references
from posts.db.change_log import EVERYTHING, NEXT_POSITION, TABLE, note_changes
from posts.db.triggers import Trigger, drop, install, installed
from posts.models.listed_text import URLS_PER_FILE

PREFIX = "page_change"
# With more keys in one statement, all pages of posts are told to change.
MOST_KEYS = 5000

# The file of the sitemap that a post is in.
_FILE = f"'file:' || ({{post}} / {URLS_PER_FILE})"
# The posts just before and after a row `pair` of posts_postterm in the list of its term, if that is a stack: an article
# links to the ones before and after it. Each is one step in an index.
_BESIDE_ON_STACK = " UNION ".join(
    f"""SELECT 'post:' || (
        SELECT beside.post_id FROM posts_postterm beside WHERE beside.term_id = {{pair}}.term_id
        AND beside.published_at {sign}= {{pair}}.published_at
        AND (beside.published_at {sign} {{pair}}.published_at OR beside.post_id {sign} {{pair}}.post_id)
        ORDER BY beside.published_at {order}, beside.post_id {order} LIMIT 1
    ) FROM {{source}}"""  # noqa: S608 (our own words)
    for sign, order in (("<", "DESC"), (">", "ASC"))
)
# Pages that name a post, or leave it out as long as it is not listed: lists, a file of the sitemap, the articles before
# and after it on its stacks, articles that it is similar to. {post} is the post's primary key, {approved} says whether
# its live text has an approval.
_PAIRS = """posts_postterm pair JOIN posts_term term ON term.id = pair.term_id
        WHERE pair.post_id = {post} AND term.kind = 'stack' AND {approved}"""
_LISTED = f"""
    SELECT 'lists' WHERE {{approved}}
    UNION SELECT {_FILE.format(post="{post}")} WHERE {{approved}}
    UNION {_BESIDE_ON_STACK.format(pair="pair", source=_PAIRS)}
    UNION SELECT 'post:' || beside.post_id FROM posts_neighbour beside
        WHERE beside.neighbour_id = {{post}} AND {{approved}}
"""  # noqa: S608 (our own words)
_APPROVED = "EXISTS (SELECT 1 FROM posts_post WHERE id = {post} AND live_approval_id IS NOT NULL)"


# Pages with a link that leads to a post. Feeds have the whole articles of listed posts.
_LINKED = """
    SELECT 'post:' || link.post_id FROM posts_sourcelink link WHERE link.target_id = {post}
    UNION SELECT 'lists' FROM posts_sourcelink link JOIN posts_post linking ON linking.id = link.post_id
        WHERE link.target_id = {post} AND linking.live_approval_id IS NOT NULL
"""


def _of_post(post: str, approved: str = _APPROVED) -> str:
    """Return the SQL for the keys of all pages that show, name or leave out the post with this primary key."""
    return f"SELECT 'post:' || {post} UNION {_LISTED}".format(post=post, approved=approved.format(post=post))


_OF_PICTURE = "posts_approvedpicture picture WHERE picture.id = changed.picture_id"
_OF_REVIEWED = "(SELECT text.post_id FROM posts_revision text WHERE text.id = changed.revision_id)"


@dataclass(frozen=True)
class Watched:
    """What kept pages read of a table.

    keys: SQL for the keys of the pages that show the row `changed`; only: a condition on it, without which no page
    does. columns: an update that changes none of them changes no page; more_columns: such that count where `more_if` is
    true of the row. insert_if: a condition on an inserted row, where few are worth a note: PostgreSQL looks at these
    one by one, since a set of them would be held in memory a second time.
    """

    table: str
    columns: str
    keys: str
    name: str = ""  # where a table is watched twice
    key: str = "id"
    only: str = ""
    more_columns: str = ""
    more_if: str = ""
    insert_if: str = ""
    on: tuple[str, ...] = ("insert", "update", "delete")

    def trigger(self, event: str) -> str:
        """Return the name of its trigger for an event."""
        return "_".join(filter(None, [PREFIX, self.table.removeprefix("posts_"), self.name, event]))

    def differs(self, old: str, new: str, distinct: str) -> str:
        """Return the SQL for whether pages show something else of `new` than of `old`, the names of two rows."""
        found = _differ([self.key, *self.columns.split()], old, new, distinct)
        if not self.more_columns:
            return found
        more = _differ(self.more_columns.split(), old, new, distinct)
        return f"{found} OR ({_of(old, self.more_if)} AND ({more}))"


WATCHED = (
    Watched(
        "posts_post",
        "slug needs_human_review held closed_until_decided withdrawn_at first_published_at last_published_at"
        " live_revision_id live_approval_id first_batch_id last_batch_id known_generator_id created_at",
        f"{_of_post('changed.id', approved='changed.live_approval_id IS NOT NULL')}"
        f" UNION {_LINKED.format(post='changed.id')}",
        # What is proposed, and what a source claims today: shown only where no text is live.
        more_columns="head_revision_id view_count claimed_revision claimed_hash flags",
        more_if="changed.live_revision_id IS NULL",
        # A new post has no page yet, and nothing leaves it out that would name it.
        insert_if="changed.live_approval_id IS NOT NULL",
    ),
    Watched(
        "posts_revision",
        "status post_id number version fingerprint canonical_version author_id batch_id created_at snapshot",
        _of_post("changed.post_id"),
        # The newest text is on no page yet; one below it may say who wrote another.
        insert_if="EXISTS (SELECT 1 FROM posts_revision later"
        " WHERE later.post_id = changed.post_id AND later.number > changed.number)",
    ),
    Watched(
        "posts_review",
        "revision_id fingerprint outcome guideline_id answers claims is_bulk created_at revoked_at undone_at"
        " reviewer_id",
        _of_post(_OF_REVIEWED),
    ),
    Watched(
        "posts_reviewflag",
        "post_id reason raised_at cleared_at",
        "SELECT 'post:' || changed.post_id",
        # What a source asks for is a claim of its record.
        only="changed.reason <> 'source'",
    ),
    Watched(
        "posts_importissue",
        "post_id batch_id fingerprint kind",
        _of_post("changed.post_id"),
        # It says whether a person changed the text of an import.
        only="changed.kind = 'conflict' AND changed.post_id IS NOT NULL",
    ),
    Watched("posts_importbatch", "origin index_open", "SELECT 'lists switches'", on=("update", "delete")),
    # Who wrote the posts whose records name it.
    Watched("posts_generator", "kind", "SELECT 'lists switches'", on=("update", "delete")),
    Watched(
        "posts_listedtext",
        "post_id revision_id published_at reviewed_at changed_at source_batch_id pictures line terms",
        f"SELECT 'lists' UNION SELECT {_FILE.format(post='changed.post_id')} UNION SELECT 'post:' || changed.post_id",
    ),
    # What a search shows of a text.
    Watched("posts_plaintext", "number summary prose code", "SELECT 'lists'", key="post_id"),
    Watched(
        "posts_postterm",
        "term_id post_id published_at",
        "SELECT 'lists' UNION SELECT 'post:' || changed.post_id UNION "
        + _BESIDE_ON_STACK.format(
            pair="changed", source="posts_term term WHERE term.id = changed.term_id AND term.kind = 'stack'"
        ),
    ),
    Watched("posts_term", "kind key name slug listed_count", "SELECT 'lists'"),
    # The way to a list stands on every article that has the term.
    Watched("posts_term", "kind key slug", "SELECT 'switches'", name="address", on=("update", "delete")),
    Watched("posts_neighbour", "post_id neighbour_id rank shared", "SELECT 'post:' || changed.post_id"),
    Watched("posts_texttwin", "post_id twin_id", "SELECT 'post:' || changed.post_id"),
    Watched(
        "posts_staleneighbours",
        "post_id",
        "SELECT 'post:' || changed.post_id"
        " WHERE NOT EXISTS (SELECT 1 FROM posts_neighbour kept WHERE kept.post_id = changed.post_id)",
    ),
    Watched(
        "posts_sourcelink",
        "post_id address target_id anchor",
        "SELECT 'post:' || changed.post_id UNION SELECT 'lists' FROM posts_post linking"
        " WHERE linking.id = changed.post_id AND linking.live_approval_id IS NOT NULL",
        only="changed.target_id IS NOT NULL",
    ),
    # The copies of pictures that a page shows.
    Watched(
        "posts_picturesize",
        "picture_id copy_id",
        f"SELECT 'lists' UNION SELECT {_FILE.format(post='picture.post_id')} FROM {_OF_PICTURE}"  # noqa: S608
        f" UNION SELECT 'post:' || picture.post_id FROM {_OF_PICTURE}",
    ),
    Watched(
        "posts_renderedarticle",
        "fingerprint renderer_version hosts_key html contents",
        "SELECT 'article:' || changed.fingerprint || ':' || changed.renderer_version || ':' || changed.hosts_key",
    ),
    Watched(
        "posts_sitefigure",
        "value counted_at",
        "SELECT 'site-stats'",
        key="name",
        only="changed.name = 'states and origins'",
    ),
)


def _differ(columns: list[str], old: str, new: str, distinct: str) -> str:
    return " OR ".join(f"{old}.{column} {distinct} {new}.{column}" for column in columns)


def _of(name: str, sql: str) -> str:
    """Return SQL that speaks of `changed` as SQL that speaks of a row with another name."""
    return re.sub(r"\bchanged\.", f"{name}.", sql)


def triggers(vendor: str) -> list[Trigger]:
    """Return all triggers for an engine."""
    return list(_of_sqlite() if vendor == "sqlite" else _of_postgresql())


# SQLite: for each row


def _of_sqlite() -> Iterator[Trigger]:
    for watched in WATCHED:
        for event in watched.on:
            rows = {"insert": ["NEW"], "update": ["OLD", "NEW"], "delete": ["OLD"]}[event]
            keys = " UNION ".join(_keys_of_row(watched, row) for row in rows)
            of, conditions = "", [watched.only] if watched.only and len(rows) == 1 else []
            if event == "insert" and watched.insert_if:
                conditions.append(watched.insert_if)
            when = " AND ".join(_of(rows[0], condition) for condition in conditions)
            if event == "update":
                columns = [watched.key, *watched.columns.split(), *watched.more_columns.split()]
                of, when = f" OF {', '.join(columns)}", watched.differs("OLD", "NEW", "IS NOT")
            name = watched.trigger(event)
            found = f"SELECT group_concat(key, ' ') AS keys FROM (SELECT NULL AS key UNION {keys})"  # noqa: S608
            note = f"INSERT INTO {TABLE} (position, keys) SELECT {NEXT_POSITION['sqlite']}, keys FROM ({found})"  # noqa: S608
            create = f"CREATE TRIGGER {name} AFTER {event.upper()}{of} ON {watched.table}"
            create += f" WHEN {when}" if when else ""
            yield Trigger(name, watched.table, f"{create} BEGIN {note} WHERE keys IS NOT NULL; END")


def _keys_of_row(watched: Watched, row: str) -> str:
    keys = _of(row, watched.keys)
    return f"SELECT * FROM ({keys}) WHERE {_of(row, watched.only)}" if watched.only else keys  # noqa: S608 (our own words)


# PostgreSQL: for each statement


def _of_postgresql() -> Iterator[Trigger]:
    for watched in WATCHED:
        for event in watched.on:
            name, table = watched.trigger(event), watched.table
            if event == "insert" and watched.insert_if:
                # Not as WHEN: PostgreSQL refuses to alter the type of a column that a trigger itself names.
                body = f"IF {_of('NEW', watched.insert_if)} THEN {_note(_of('NEW', watched.keys), '')} END IF;"
                create = f"CREATE TRIGGER {name} AFTER INSERT ON {table} FOR EACH ROW"
            else:
                body = _note(watched.keys, _changed_rows(watched, event))
                rows = {"insert": ["NEW"], "update": ["OLD", "NEW"], "delete": ["OLD"]}[event]
                seen = " ".join(f"{row} TABLE AS {row.lower()}_rows" for row in rows)
                create = f"CREATE TRIGGER {name} AFTER {event.upper()} ON {table} REFERENCING {seen} FOR EACH STATEMENT"
            yield Trigger(name, table, f"{create} EXECUTE FUNCTION {name}()", body)
    for table in dict.fromkeys(watched.table for watched in WATCHED):
        name = f"{PREFIX}_{table.removeprefix('posts_')}_truncate"
        body = _note(f"SELECT '{EVERYTHING}'", "")
        create = f"CREATE TRIGGER {name} AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        yield Trigger(name, table, create, body)


def _note(keys: str, rows: str) -> str:
    """Return the statement that notes the keys, of each row of the relation `rows` if there is one."""
    found = f"({keys.replace('UNION', 'UNION ALL')}) AS found (key)"
    return f"""
        INSERT INTO {TABLE} (position, keys)
        SELECT {NEXT_POSITION["postgresql"]}, keys FROM (
            SELECT CASE WHEN count(*) > {MOST_KEYS} THEN '{EVERYTHING}' ELSE string_agg(key, ' ') END AS keys
            FROM (SELECT DISTINCT found.key FROM {f"{rows} CROSS JOIN LATERAL {found}" if rows else found}) AS each_once
        ) AS noted WHERE keys IS NOT NULL;"""  # noqa: S608 (our own words)


def _changed_rows(watched: Watched, event: str) -> str:
    """Return the relation `changed` of what a statement changed: of an update each row before and after."""
    where = f"WHERE {watched.only}" if watched.only else ""
    if event != "update":
        return f"(SELECT * FROM {'new' if event == 'insert' else 'old'}_rows AS changed {where}) AS changed"  # noqa: S608
    columns = sorted(set(re.findall(r"\bchanged\.(\w+)", f"{watched.keys} {watched.only}"))) or [watched.key]
    both = ", ".join(f"({', '.join(f'{side}_row.{column}' for column in columns)})" for side in ("old", "new"))
    differs = watched.differs("old_row", "new_row", "IS DISTINCT FROM")
    key = watched.key
    return f"""(
        SELECT changed.* FROM old_rows AS old_row FULL JOIN new_rows AS new_row ON old_row.{key} = new_row.{key}
        CROSS JOIN LATERAL (VALUES {both}) AS changed ({", ".join(columns)})
        WHERE ({differs}) {f"AND {watched.only}" if watched.only else ""}
    ) AS changed"""  # noqa: S608 (our own words)


# In place


def installed_triggers(connection: BaseDatabaseWrapper) -> dict[str, tuple[str, str]]:
    """Return {name: (table, digest)} of the triggers that the database has and that fire."""
    return installed(connection, PREFIX)


def connect() -> None:
    """Have `migrate` drop what would be in its way and put the triggers in place at its end."""
    posts = apps.get_app_config("posts")
    pre_migrate.connect(_before_migrating, sender=posts)
    post_migrate.connect(_after_migrating, sender=posts)


def _before_migrating(using: str, plan: list[Any] | None = None, **signal: Any) -> None:
    # SQLite rebuilds a table to alter it, and refuses that while a trigger names the table. PostgreSQL alters it as it
    # is, so that older processes that run meanwhile still note what they change.
    if plan and connections[using].vendor == "sqlite":
        for prefix in (PREFIX, followed_references.PREFIX, finished_triggers.PREFIX):
            for name, (table, _) in installed(connections[using], prefix).items():
                drop(connections[using], name, table)


def _after_migrating(using: str, **signal: Any) -> None:
    put_triggers_in_place(connections[using])


def put_triggers_in_place(connection: BaseDatabaseWrapper) -> None:
    """Install the triggers that the database has all tables for; renew every page if one was missing."""
    followed_references.follow_references(connection)
    finished_triggers.forget_changed_texts(connection)
    if not is_whole(connection):
        return
    were_missing = missing_triggers(connection)
    install(connection, triggers(connection.vendor), PREFIX)
    if were_missing:
        # What another process changed meanwhile is in no line of the log.
        note_changes(EVERYTHING.split(), using=connection.alias)


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the triggers that the database lacks: cached pages then show outdated content."""
    return sorted({trigger.name for trigger in triggers(connection.vendor)} - installed_triggers(connection).keys())


def is_whole(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the database has all that the triggers speak of: `migrate` may go to an older state too."""
    with connection.cursor() as cursor:
        tables = {table.name for table in connection.introspection.get_table_list(cursor)}
        for watched in WATCHED:
            if watched.table not in tables:
                return False
            found = {column.name for column in connection.introspection.get_table_description(cursor, watched.table)}
            if not found.issuperset(f"{watched.columns} {watched.more_columns}".split()):
                return False
    return True
