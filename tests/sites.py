"""Whole sites for tests that need processes of their own.

Each has a database, runs commands as a person types them, and reads tables without the product's code.
"""

import contextlib
import errno
import fcntl
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import psycopg
from django.conf import settings

from tests.kept_templates import kept_template
from tests.waiting import PATIENT_SECONDS

ROOT = Path(__file__).parent.parent

# Holds the address of the site that all others are copies of.
NOTE = "migrated"
# Names a variable with that address, for a run that need not make it: migrating takes longer than many a test.
READY = "MIGRATED_SITE"

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

    @property
    def place(self):
        """What Django's settings of a database say of it alone."""
        _, is_socket, path = self.url.partition("@/")
        return {"NAME": self.database} | ({"HOST": path.rpartition("/")[0]} if is_socket else {})

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
            timeout=PATIENT_SECONDS,
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
        """Return the rows of a query in SQL."""
        if self.is_sqlite:
            with contextlib.closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as database:
                return database.execute(question).fetchall()
        with psycopg.connect(conninfo(self.url)) as database:
            return database.execute(question).fetchall()

    def do(self, statement):
        """Carry out a statement outside of any transaction."""
        with psycopg.connect(conninfo(self.url), autocommit=True) as database:
            database.execute(statement)

    @property
    def server_tools(self):
        """The folder of the server's own programs, for a server of scripts/with_postgres.sh; None for any other."""
        options = Path("/", self.url.partition("@//")[2]).parent / "data" / "postmaster.opts"
        return Path(shlex.split(options.read_text())[0]).parent if options.exists() else None

    @property
    def can_dump(self):
        return self.is_sqlite or self.server_tools is not None

    def dump(self, tools=None):
        """Return the whole database: the bytes of its file, or SQL as the programs in the folder `tools` write it."""
        if self.is_sqlite:
            return Path(self.database).read_bytes()
        return subprocess.run(
            [(tools or self.server_tools) / "pg_dump", "--dbname", conninfo(self.url)],
            check=True, capture_output=True, timeout=PATIENT_SECONDS,
        ).stdout  # fmt: skip

    def load(self, dump):
        """Fill the empty database with what `dump` returned."""
        if self.is_sqlite:
            Path(self.database).write_bytes(dump)
            return
        subprocess.run(
            [self.server_tools / "psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", conninfo(self.url)],
            input=dump, check=True, capture_output=True, timeout=PATIENT_SECONDS,
        )  # fmt: skip

    def state(self):
        """Return everything that imports leave, by table; and the file is whole."""
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
    """Makes sites on the engine of the tests, each a copy of one that is migrated once for a run.

    The first process that needs it makes it, and writes its address into `shared`, a folder that all of them see.
    """

    def __init__(self, shared, folder):
        self._folder = folder
        self._database = settings.DATABASES["default"]
        # The tests' own database takes the place of this one later.
        self._is_sqlite = self._database["ENGINE"].endswith("sqlite3")
        self._names = []
        note = shared / NOTE
        with open(shared / "migrated.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if note.exists():
                self.migrated = Site(note.read_text())
            elif ready := os.environ.get(READY):
                self.migrated = Site(ready)
            else:
                self.migrated = self._migrated(shared)
                note.write_text(self.migrated.url)

    def _migrated(self, folder):
        """Make a migrated site from what an earlier run has kept; otherwise migrate it, and keep that."""
        site = Site(self._url(str(folder / "migrated.sqlite3") if self._is_sqlite else f"site_{uuid.uuid4().hex[:12]}"))
        engine = f"sqlite-{sqlite3.sqlite_version}"
        if not self._is_sqlite:
            with psycopg.connect(conninfo(self._url("postgres")), autocommit=True) as server:
                server.execute(f'CREATE DATABASE "{site.database}"')
                engine = f"postgresql-{server.info.server_version}"
        with kept_template(engine) as template:
            if template.content is not None and site.can_dump:
                site.load(template.content)
                return site
            done = site.run("migrate", "--verbosity", "0")
            assert done.returncode == 0, done.stderr
            if site.can_dump:
                template.content = site.dump()
        return site

    def new(self, template=None):
        """Return a new site: a copy of `template`, by default of one that is only migrated."""
        template = template or self.migrated
        name = f"site_{uuid.uuid4().hex[:12]}"
        if self._is_sqlite:
            site = Site(self._url(str(self._folder / f"{name}.sqlite3")))
            shutil.copy(template.database, site.database)
            return site
        with psycopg.connect(conninfo(self._url("postgres")), autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template.database}"')
        self._names.append(name)
        return Site(self._url(name))

    def empty(self):
        """Return a site whose database has no table."""
        name = f"site_{uuid.uuid4().hex[:12]}"
        if self._is_sqlite:
            return Site(self._url(str(self._folder / f"{name}.sqlite3")))
        with psycopg.connect(conninfo(self._url("postgres")), autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}"')
        self._names.append(name)
        return Site(self._url(name))

    def _url(self, name):
        database = self._database
        if self._is_sqlite:
            return f"sqlite:///{name}"
        place = f"{database['HOST']}:{database['PORT']}" if database["PORT"] else database["HOST"]
        person = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
        return (
            f"postgres://{person}@/{place}/{name}" if place.startswith("/") else f"postgres://{person}@{place}/{name}"
        )

    def close(self):
        """Drop the databases on a server; files go with their folder."""
        for name in self._names:
            drop(Site(self._url(name)))


def drop_migrated(shared):
    """Drop what the processes of a run copied, after the last of them ended."""
    note = shared / NOTE
    if note.exists():
        drop(Site(note.read_text()))


def drop(site):
    """Drop the database of a site if it is on a server."""
    if not site.is_sqlite:
        server = Site(f"{site.url.rpartition('/')[0]}/postgres")
        with psycopg.connect(conninfo(server.url), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{site.database}" WITH (FORCE)')


def conninfo(url):
    """Return psycopg's form of one of our addresses, which may have a socket folder as host."""
    person, _, rest = url.removeprefix("postgres://").partition("@")
    user, _, password = person.partition(":")
    host, _, name = rest.rpartition("/")
    host = host.removeprefix("/") if host.startswith("//") else host
    host, _, port = host.partition(":")
    return psycopg.conninfo.make_conninfo(
        "", user=user, password=password or None, host=host, port=port or None, dbname=name
    )
