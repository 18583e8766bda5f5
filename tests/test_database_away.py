"""A stopped, hanging or read-only database: what readers, editors, probes and commands are told, and when."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time

import pytest
from django.conf import settings

from tests.own_postgres import own_postgres
from tests.page_processes import ROOT, SETTINGS
from tests.ports import free_port
from tests.sites import Site, conninfo
from tests.waiting import PATIENT_SECONDS, wait_until

pytestmark = pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL")

# Promised are 5 seconds. This is for a machine that does much else at the same time, and far less than it takes where
# nobody set a limit.
BUSY_SECONDS = 60


class Web:
    """A web process of two threads on a database; what it logs is kept."""

    def __init__(self, url, **environment):
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--no-control-socket", "--threads", "4", "--bind",
             f"127.0.0.1:{self.port}", "alphanode.wsgi"],
            cwd=ROOT, env=os.environ | SETTINGS | {"DATABASE_URL": url} | environment, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        self.lines = []
        self._reading = threading.Thread(target=lambda: self.lines.extend(self.process.stderr))
        self._reading.start()

    def ask(self, path, method="GET", body=None, **headers):
        """Return (status, headers, text, seconds)."""
        began = time.monotonic()
        server = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENT_SECONDS)
        with contextlib.closing(server):
            server.request(method, path, body, headers)
            answer = server.getresponse()
            return answer.status, answer.headers, answer.read().decode(), time.monotonic() - began

    def is_up(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError):
            return self.ask("/")[0] == 200
        return False

    def log(self):
        return "".join(self.lines)

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENT_SECONDS)
        self._reading.join()
        self.process.stderr.close()


@pytest.fixture(scope="module")
def database(sites):
    site = sites.new()
    with own_postgres() as server:
        own = Site(server.url)
        own.load(site.dump(own.server_tools))
        yield server


@pytest.fixture
def web(database):
    web = Web(database.url)
    try:
        wait_until(web.is_up)
        web.lines.clear()
        yield web
    finally:
        database.thaw()
        if not database.is_running:
            database.start()
        web.end()


def unkept(answer):
    return answer if answer[0] != 200 else None


def stopped(database):
    database.stop()


def frozen(database):
    database.freeze()


@pytest.mark.parametrize("broken", [stopped, frozen])
def test_pages_say_that_the_site_is_not_available_and_come_back(database, web, broken):
    broken(database)
    # Nobody asked for the first one before, so that it is kept nowhere; the others may be for half a second.
    for path in ("/search/?q=words", "/", "/feed/"):
        status, headers, page, seconds = wait_until(lambda path=path: unkept(web.ask(path)))
        assert (status, headers["Retry-After"]) == (503, "10"), web.log()[-3000:]
        assert "The site is not available at the moment" in page and "Try again in a minute." in page
        assert headers["Cache-Control"] == "no-store"
        assert seconds < BUSY_SECONDS
    for path in ("/api/posts/", "/posts/any.json"):
        status, headers, page, _ = web.ask(path)
        assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "application/problem+json", "10")
        assert json.loads(page)["status"] == 503
    assert "Traceback" not in web.log() and '"level": "error"' not in web.log()
    assert len(re.findall("The database can't be reached", web.log())) == 1
    database.start() if broken is stopped else database.thaw()
    wait_until(web.is_up)
    assert web.ask("/articles/")[0] == 200


@pytest.mark.parametrize("broken", [stopped, frozen])
def test_a_probe_is_answered_without_the_database(database, web, broken):
    broken(database)
    # The first question of a process, before anybody knows that the database can't be reached.
    assert web.ask("/healthz")[:3:2] == (200, "ok")
    assert "database" not in web.log()
    # And while others wait for it, more of them than the process has threads.
    others = [threading.Thread(target=web.ask, args=("/",)) for _ in range(8)]
    for other in others:
        other.start()
    status, _, _, seconds = web.ask("/healthz")
    assert status == 200 and seconds < BUSY_SECONDS
    for other in others:
        other.join()
    assert web.ask("/healthz")[0] == 200 and "Traceback" not in web.log()


def test_a_server_that_freezes_in_the_middle_of_an_answer_is_left_after_some_seconds(database):
    """Also where the connection stands: the system of a frozen server goes on acknowledging."""
    code = """
import os, django, psycopg, time
django.setup()
from django.db import connection, OperationalError
from alphanode.postgresql.replicas import limited
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    other = connection._at_once()
    other.planned_rows("SELECT 1", [])
    print("ready", flush=True); input()
    try:
        with limited(0.3):
            other.planned_rows("SELECT 1", [])
    except psycopg.OperationalError:
        print(other.closed and other.is_silent, end=" ")
    began = time.monotonic()
    try:
        cursor.execute("SELECT 2")
    except OperationalError as error:
        print(error, round(time.monotonic() - began), flush=True)
os._exit(0)
"""
    environment = os.environ | SETTINGS | {"DATABASE_URL": database.url, "ALPHANODE_PROCESS": "web"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        database.freeze()
        try:
            said, _ = process.communicate("\n", timeout=PATIENT_SECONDS)
        finally:
            database.thaw()
    assert said.startswith("True the server did not answer in time")


ON_ENDED_CONNECTIONS = """
import os, sys, django, psycopg
django.setup()
from django.db import OperationalError, connection
own = "SELECT pg_backend_pid()"
((first,),) = connection.read_alone(own, [])
psycopg.connect(sys.argv[1], autocommit=True).execute("SELECT pg_terminate_backend(%s, 9000)", [first])
((second,),) = connection.read_alone(own, [])
# In the middle of a statement, the first time.
ends = "SELECT pg_backend_pid(), CASE WHEN pg_backend_pid() = %s THEN pg_terminate_backend(pg_backend_pid()) END"
((third, _),) = connection.read_alone(ends, [second])
try:
    connection.read_alone("SELECT pg_terminate_backend(pg_backend_pid())", [])
except OperationalError:
    print(len({first, second, third}), connection.read_alone("SELECT 5", []), flush=True)
os._exit(0)
"""


def test_a_read_goes_on_though_its_connection_was_ended_before_or_in_the_middle_but_not_twice(database):
    # As web processes read finished pages.
    ended = _run(ON_ENDED_CONNECTIONS, database)
    assert ended.stdout == "3 [(5,)]\n", ended.stderr


WITHOUT_CURSORS = """
import os, django
django.setup()
from django.db import DatabaseError, connection
asked = "SELECT %s::bigint, %s::text, NULL::bytea, decode('00ff', 'hex'), %s::int", [2**40, "naïve", -3]
held = connection._at_once()
first = held.planned_rows(*asked)
# The driver does not notice.
held.execute("DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$")
print(held.planned_rows(*asked), held.planned_rows(*asked) == first == connection.read_alone(*asked), end=" ")
for sql in ("SELECT 1 FROM nowhere", "SELECT 1 / %s::int"):
    try:
        connection.read_alone(sql, [0][: sql.count("%s")])
    except DatabaseError as error:
        print(type(error).__name__, end=" ")
print(first[0], connection.read_alone("SELECT true, %s::float8 + 1", [0.5]), flush=True)
os._exit(0)
"""


def test_a_read_without_a_cursor_has_its_values_and_errors_also_when_plans_were_lost(database):
    ended = _run(WITHOUT_CURSORS, database)
    values = (2**40, "naïve", None, b"\x00\xff", -3)
    assert ended.stdout == f"None True ProgrammingError DataError {values} [(True, 1.5)]\n", ended.stderr


def _run(program, database):
    environment = os.environ | SETTINGS | {"DATABASE_URL": database.url, "ALPHANODE_PROCESS": "web"}
    return subprocess.run(
        [sys.executable, "-c", program, conninfo(database.url)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=PATIENT_SECONDS,
    )  # fmt: skip


def test_a_finished_page_is_shown_though_the_connections_to_the_database_were_ended(database, web):
    program = "import django; django.setup(); from posts.public.stored_pages import store_pages; store_pages()"
    environment = os.environ | SETTINGS | {"DATABASE_URL": database.url}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True, timeout=PATIENT_SECONDS)
    # The process had none of them yet.
    for path in ("/articles/", "/feed.json", "/feed/"):
        database.ask(
            "SELECT pg_terminate_backend(pid, 9000) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        status, headers, *_ = web.ask(path)
        assert (status, headers["Cache-Status"]) == (200, "AlphaNode; hit"), web.log()
    assert web.log() == ""


def command(database, *arguments):
    """Start manage.py and return the process."""
    environment = os.environ | SETTINGS | {"DATABASE_URL": database.url}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, **pipes)


def test_signing_in_on_a_read_only_database_says_so(database, web):
    database.ask("ALTER DATABASE alphanode SET default_transaction_read_only = on")
    database.stop()
    database.start()
    try:
        wait_until(web.is_up)
        status, headers, page, _ = web.ask("/admin/login/")
        assert status == 200
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        cookie = headers["Set-Cookie"].partition(";")[0]
        form = f"username=nobody&password=wrong&csrfmiddlewaretoken={token}"
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
        status, headers, page, _ = web.ask("/admin/login/", "POST", form, **kind)
        assert (status, headers["Retry-After"]) == (503, "10"), web.log()[-3000:]
        assert "The site is read-only at the moment" in page and "Nothing was saved" in page
        assert "Traceback" not in web.log() and len(web.lines) == 1
        with command(database, "run_worker") as worker:
            said = next((line for line in worker.stderr if "trying again" in line), "nothing")
            worker.terminate()
            worker.communicate(timeout=PATIENT_SECONDS)
        assert "the database is read-only, trying again" in said
    finally:
        database.ask("SET default_transaction_read_only = off", "ALTER DATABASE alphanode RESET ALL")


@pytest.mark.parametrize("typed", ["migrate", "audit_indexing", "export_posts"])
def test_a_command_without_its_database_ends_with_one_line(database, typed):
    database.stop()
    try:
        with command(database, *typed.split()) as process:
            _, said = process.communicate(timeout=PATIENT_SECONDS)
    finally:
        database.start()
    assert process.returncode == 74 and "Traceback" not in said
    assert said.splitlines()[-1].startswith("Stopped: the database can't be reached (connection"), said
