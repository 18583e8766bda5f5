"""Copies a database into a file and back, with the means of its engine, while a site goes on working."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from posts.backup.manifest import Ask, BackupError, Facts, facts_of, our_tables

# Names of settings, and of the options of a connection, in the environment of PostgreSQL's programs.
_SETTINGS = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE"}
_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "passfile", "service")
PictureRows = list[tuple[str, bool]]


def copy_to(file: Path) -> tuple[Facts, PictureRows]:
    """Copy the database into a file; return Facts and pictures (name, is used) of exactly that moment."""
    return _copy_postgresql(file) if connection.vendor == "postgresql" else _copy_sqlite(file)


def load_from(file: Path) -> None:
    """Fill the empty database from a file of copy_to(), all or nothing."""
    if connection.vendor == "postgresql":
        _run(
            "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-acl", "--dbname", "", str(file)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        return
    connection.ensure_connection()
    with closing(_opened(file)) as source:
        source.backup(connection.connection)


def check_tools() -> None:
    """Raise BackupError if a program that the engine needs is missing."""
    if connection.vendor == "postgresql":
        for program in ("pg_dump", "pg_restore"):
            _path_of(program)


def ask_here(statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement in the site's database."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def _copy_sqlite(file: Path) -> tuple[Facts, PictureRows]:
    connection.ensure_connection()
    with closing(sqlite3.connect(file)) as copy:
        # In one step: others write on into the write-ahead log meanwhile.
        connection.connection.backup(copy)
    with closing(_opened(file)) as copy:
        if (answer := copy.execute("PRAGMA quick_check(1)").fetchone()) != ("ok",):
            raise BackupError(f"The database is damaged: {answer[0]}. Restore an older backup.")
        tables = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return _what_it_holds(lambda statement: copy.execute(statement).fetchall(), {name for (name,) in tables})


def _opened(file: Path) -> sqlite3.Connection:
    """Open the file of a backup so that nothing is written beside it."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)


def _copy_postgresql(file: Path) -> tuple[Facts, PictureRows]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        snapshot = str(ask_here("SELECT pg_export_snapshot()")[0][0])
        # The snapshot is there as long as this transaction is.
        _run("pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--snapshot={snapshot}", "--file", str(file))
        return _what_it_holds(ask_here, set(connection.introspection.table_names()))


def _what_it_holds(ask: Ask, tables: set[str]) -> tuple[Facts, PictureRows]:
    """Return Facts and pictures of a database, which may lack tables that a later version added."""
    if not {"django_migrations", "posts_revision"} <= tables:
        raise BackupError("The database of DATABASE_URL has no posts. Check DATABASE_URL.")
    pictures = dict[str, bool]()
    if "posts_uploadedpicture" in tables:
        uploads = ask("SELECT name, is_used FROM posts_uploadedpicture")
        pictures |= {str(name): bool(is_used) for name, is_used in uploads}
    copies = "SELECT name, EXISTS (SELECT 1 FROM posts_picturesize WHERE copy_id = name) FROM posts_picturecopy"
    for name, is_used in ask(copies) if "posts_picturesize" in tables else ():
        pictures[str(name)] = bool(is_used) or pictures.get(str(name), False)
    return facts_of(ask, sorted(tables.intersection(our_tables()))), sorted(pictures.items())


def _path_of(program: str) -> str:
    if path := shutil.which(program):
        return path
    raise BackupError(f"{program} is missing on this machine. On Debian and Ubuntu: apt-get install postgresql-client")


def _run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the site's database, or raise BackupError with what it says.

    The password goes through the environment, where other people of the machine don't see it.
    """
    database = connection.settings_dict
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment |= {variable: str(database[name]) for name, variable in _SETTINGS.items() if database.get(name)}
    options = database.get("OPTIONS", {})
    environment |= {f"PG{name.upper()}": str(options[name]) for name in _OPTIONS if options.get(name)}
    words = [str(database["NAME"]) if word == "" else word for word in arguments]
    # A program of the operator's own path; the arguments are not read by a shell.
    ended = subprocess.run(  # noqa: S603
        [_path_of(program), "--no-password", *words], env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise BackupError(f"{program} ended with {ended.returncode}: {' '.join(ended.stderr.split())[:1000]}")
