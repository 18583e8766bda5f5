"""Whole sites for tests that need processes of their own: a database each, commands as a person types them, and a look
at the tables that owes nothing to the product's code."""

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).parent.parent

# What an import leaves, without ids and times: equal for two runs that did the same.
QUESTIONS = {
    "posts": """SELECT p.source_id, p.slug, p.title, p.body, p.summary, p.view_count, p.stack, p.payload, p.extra,
        p.import_fingerprint, p.import_line_hash, p.awaits_review, p.needs_human_review, p.held, r.fingerprint,
        r.version, p.withdrawn_at IS NULL, p.live_revision_id IS NULL
        FROM posts_post p JOIN posts_revision r ON r.id = p.head_revision_id ORDER BY 1""",
    "images": """SELECT p.source_id, i.position, i.url, i.caption, i.source, i.extra
        FROM posts_imagesource i JOIN posts_post p ON p.id = i.post_id ORDER BY 1, 2""",
    "checklist": """SELECT p.source_id, c.position, c.text
        FROM posts_checklistitem c JOIN posts_post p ON p.id = c.post_id ORDER BY 1, 2""",
    "revisions": """SELECT p.source_id, r.number, r.version, r.fingerprint, r.status, r.snapshot, r.why
        FROM posts_revision r JOIN posts_post p ON p.id = r.post_id ORDER BY 1, 2""",
    "flags": """SELECT p.source_id, f.reason, f.fingerprint
        FROM posts_reviewflag f JOIN posts_post p ON p.id = f.post_id ORDER BY 1, 2, 3""",
    # Batches in their order: PostgreSQL gives a number away for good, also to a run that is killed before it is kept.
    "issues": """SELECT (SELECT count(*) FROM posts_importbatch b WHERE b.id <= i.batch_id),
        i.kind, i.line, i.first_line, i.problems, i.raw, i.resolution, p.source_id
        FROM posts_importissue i LEFT JOIN posts_post p ON p.id = i.post_id ORDER BY 1, 2, 3, 8""",
    "batches": """SELECT (SELECT count(*) FROM posts_importbatch b WHERE b.id <= i.id),
        state, source_sha256, checkpoint_line, checkpoint_offset, created, updated, unchanged,
        conflict, duplicate, skipped, refused FROM posts_importbatch i ORDER BY 1""",
    "releases": """SELECT p.source_id, l.kind, l.why
        FROM posts_release l JOIN posts_post p ON p.id = l.post_id ORDER BY 1, 2, 3""",
    "terms": "SELECT count(*) FROM posts_postterm",
}


class Site:
    """A migrated database of its own; `run` starts manage.py on it."""

    def __init__(self, url):
        self.url = url

    @property
    def is_sqlite(self):
        return self.url.startswith("sqlite")

    @property
    def database(self):
        """Its name as Django has it: the path of a file, or a name on the server."""
        return self.url.removeprefix("sqlite:///") if self.is_sqlite else self.url.rpartition("/")[2]

    def _arguments(self, arguments, driver):
        start = ["-m", "tests.torture.driver", *driver] if driver is not None else ["manage.py"]
        return [sys.executable, *start, *map(str, arguments)]

    def _environment(self, environment):
        return os.environ | {
            "DATABASE_URL": self.url,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "PYTHONUTF8": "1",
            **(environment or {}),
        }

    def run(self, *arguments, driver=None, before=(), environment=None, **options):
        """Run manage.py (or, with a list of its options, the driver that kills) to its end."""
        return subprocess.run(
            [*before, *self._arguments(arguments, driver)],
            cwd=ROOT,
            env=self._environment(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            **options,
        )

    def start(self, *arguments, driver=None, **options):
        """Start manage.py and return the Popen."""
        return subprocess.Popen(
            self._arguments(arguments, driver),
            cwd=ROOT,
            env=self._environment(None),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def ask(self, question):
        """The rows of a question in SQL."""
        if self.is_sqlite:
            with contextlib.closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as database:
                return database.execute(question).fetchall()
        with psycopg.connect(conninfo(self.url)) as database:
            return database.execute(question).fetchall()

    def state(self):
        """Everything that imports leave, by table; and the file is whole."""
        if self.is_sqlite:
            assert self.ask("PRAGMA integrity_check") == [("ok",)]
            assert self.ask("PRAGMA foreign_key_check") == []
        return {name: self.ask(question) for name, question in QUESTIONS.items()}


@contextlib.contextmanager
def opened_by_other(fifo, process):
    """Wait until `process` reads from a pipe, and have it read until the end of the block."""
    end = None
    while end is None:
        # A process that died opens nothing any more.
        assert process.poll() is None, process.communicate()[1]
        try:
            end = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            threading.Event().wait(0.05)
    try:
        yield
    finally:
        os.close(end)


class SiteMaker:
    """Makes sites on the engine that the tests run on: the first is a copy of `database` as it is now, or migrated if
    that is None; the others are copies of the first one."""

    def __init__(self, folder, database):
        self._folder = folder
        self._database = settings.DATABASES["default"]
        self._names = []
        if database is not None:
            # A database on a server can be copied only while nobody is connected to it.
            connection.close()
            self._first = self._made(Site(self._url(database)))
        else:
            self._first = self._made(None)
            done = self._first.run("migrate", "--verbosity", "0")
            assert done.returncode == 0, done.stderr

    def new(self, template=None):
        """A new site: a copy of `template`, of the first one if none is named."""
        return self._made(template or self._first)

    def _made(self, template):
        name = f"site_{uuid.uuid4().hex[:12]}"
        if self._database["ENGINE"].endswith("sqlite3"):
            site = Site(self._url(str(self._folder / f"{name}.sqlite3")))
            if template:
                shutil.copy(template.database, site.database)
            return site
        with psycopg.connect(conninfo(self._url("postgres")), autocommit=True) as server:
            source = f' TEMPLATE "{template.database}"' if template else ""
            server.execute(f'CREATE DATABASE "{name}"{source}')
        self._names.append(name)
        return Site(self._url(name))

    def _url(self, name):
        database = self._database
        if database["ENGINE"].endswith("sqlite3"):
            return f"sqlite:///{name}"
        place = f"{database['HOST']}:{database['PORT']}" if database["PORT"] else database["HOST"]
        person = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
        return (
            f"postgres://{person}@/{place}/{name}" if place.startswith("/") else f"postgres://{person}@{place}/{name}"
        )

    def close(self):
        """Drop the databases on a server; files go with their folder."""
        if self._names:
            with psycopg.connect(conninfo(self._url("postgres")), autocommit=True) as server:
                for name in self._names:
                    server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def conninfo(url):
    """psycopg's words for one of our addresses (ours may have a socket folder where a host stands)."""
    person, _, rest = url.removeprefix("postgres://").partition("@")
    user, _, password = person.partition(":")
    host, _, name = rest.rpartition("/")
    host = host.removeprefix("/") if host.startswith("//") else host
    host, _, port = host.partition(":")
    return psycopg.conninfo.make_conninfo(
        "", user=user, password=password or None, host=host, port=port or None, dbname=name
    )
