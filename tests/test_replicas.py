"""Streaming replicas: which requests they answer, and that none of them shows what has changed."""

import json
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import OperationalError

from alphanode.postgresql.replicas import Mark, Replicas
from tests.own_postgres import own_postgres
from tests.own_replicas import own_replica
from tests.page_processes import ROOT, SETTINGS
from tests.sites import Site
from tests.test_database_away import Web
from tests.waiting import wait_until

on_postgres = pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL")


class Servers:
    """What a primary and its replicas would answer, and a clock."""

    def __init__(self, count=1):
        self.now = 100.0
        self.mark = Mark(10, (1, 5, "keys"))
        self.states = {f"replica{number}": (True, 10, True) for number in range(1, count + 1)}
        self.asked = []
        self.replicas = Replicas(list(self.states), look=self.look, ask=self.ask, clock=lambda: self.now)

    def look(self):
        if self.mark is None:
            raise OperationalError("away")
        return self.mark

    def ask(self, alias, mark):
        self.asked.append(alias)
        state = self.states[alias]
        if isinstance(state, Exception):
            raise state
        return state

    def chosen(self, after=0.0):
        self.now += after
        return self.replicas.choose()


def test_replicas_take_turns_and_are_asked_once_for_each_look():
    servers = Servers(2)
    assert [servers.chosen() for _ in range(4)] == ["replica1", "replica2", "replica1", "replica2"]
    assert servers.asked == ["replica1", "replica2"]


@pytest.mark.parametrize(
    "state",
    [(True, 9, True), (True, 10, False), (False, 10, True), OperationalError("it is gone")],
    ids=["it lags", "it went another way", "it was promoted", "it is away"],
)
def test_a_replica_that_is_not_provably_fresh_answers_nothing_and_returns_by_itself(state):
    servers = Servers()
    servers.states["replica1"] = state
    assert servers.chosen() is None
    servers.states["replica1"] = (True, 10, True)
    assert servers.chosen(after=2) == "replica1"


def test_what_the_primary_wrote_since_makes_a_replica_prove_itself_again():
    servers = Servers()
    assert servers.chosen() == "replica1"
    servers.mark = Mark(11, (2, 6, "keys"))
    assert servers.chosen(after=0.1) == "replica1"
    assert servers.chosen(after=0.3) is None
    servers.states["replica1"] = (True, 11, True)
    assert servers.chosen(after=0.1) == "replica1"


def test_without_the_primary_no_replica_is_provably_fresh():
    servers = Servers()
    assert servers.chosen() == "replica1"
    servers.mark = None
    assert servers.chosen(after=1) is None


def test_a_replica_that_ended_in_the_middle_of_a_request_rests_and_is_named_once(caplog):
    servers = Servers()
    assert servers.chosen() == "replica1"
    servers.replicas.leave("replica1", "it ended")
    servers.states["replica1"] = OperationalError("it is gone")
    assert [servers.chosen(after=1.5) for _ in range(3)] == [None] * 3
    assert caplog.text.count("replica1 answers no requests for now: it ended.") == 1
    assert len(servers.asked) < 4


def test_a_lag_of_ten_seconds_is_named(caplog):
    servers = Servers()
    servers.states["replica1"] = (True, 9, True)
    for _ in range(12):
        assert servers.chosen(after=1) is None
    assert caplog.text.count("it has been behind for more than 10 s") == 1


@pytest.fixture(scope="module")
def primary(sites):
    site = sites.new()
    with own_postgres() as server:
        own = Site(server.url)
        own.load(site.dump(own.server_tools))
        done = own.run("shell", "-c", SOME_POSTS)
        assert done.returncode == 0, done.stderr
        yield server


SOME_POSTS = """
from django.contrib.auth.models import Group, User
from tests.factories import approve, make_post
User.objects.create_superuser("ada", password="a long enough pass phrase")
approve(make_post(slug="first"))
"""
FLAG = """
from posts.models import Post, ReviewFlag
from posts.operations import clear_flag, flag_post
from django.contrib.auth.models import User
ada, post = User.objects.get(username="ada"), Post.objects.get(slug="first")
flags = ReviewFlag.objects.filter(cleared_at=None)
clear_flag(flags.get(), by=ada, note="Looked at.") if flags else flag_post(post, by=ada, note="Look.")
"""


@pytest.fixture
def replica(primary):
    with own_replica(primary) as replica:
        yield replica


class ReplicatedWeb(Web):
    """A web process whose log says which server answered."""

    def database_of(self, path, **headers):
        """Return the status of a page and the alias of the server that it came from."""
        before = len(self.lines)
        status, *_ = self.ask(path, **headers)
        line = wait_until(lambda: next((line for line in self.lines[before:] if '"event": "request"' in line), None))
        return status, json.loads(line).get("database")

    def wait_for(self, database, path="/articles/"):
        wait_until(lambda: self.database_of(path) == (200, database))


@pytest.fixture
def web(primary, replica):
    web = ReplicatedWeb(
        primary.url, DATABASE_REPLICA_URLS=replica.url, LOG_LEVEL="INFO", PAGE_CACHE_MB="0", SECOND_FACTOR="optional"
    )
    try:
        wait_until(web.is_up)
        web.wait_for("replica1")
        yield web
    finally:
        web.end()


@on_postgres
def test_readers_read_from_the_replica_and_whoever_may_have_written_from_the_primary(web):
    for path in ("/", "/posts/first/", "/posts/first.json", "/articles/", "/search/?q=workers", "/feed/",
                 "/sitemap.xml", "/api/posts/", "/stacks/"):  # fmt: skip
        # A busy machine may make the site leave the replica for a moment.
        web.wait_for("replica1", path)
    assert web.database_of("/posts/first/", Cookie="sessionid=any") == (200, None)
    assert web.database_of("/api/posts/", Authorization="Bearer any") == (200, None)
    assert web.database_of("/admin/login/") == (200, None)


@on_postgres
def test_a_flag_shows_although_the_replica_lags_and_the_replica_returns(primary, replica, web):
    def is_open():
        status, _, page, *_ = web.ask("/posts/first/")
        assert status == 200
        return 'name="robots" content="noindex"' not in page

    before = is_open()
    replica.pause()
    run_on(primary, FLAG)
    wait_until(lambda: is_open() is not before)
    web.wait_for(None)
    replica.resume()
    web.wait_for("replica1")
    assert is_open() is not before


STORE = """
from posts.public.stored_pages import store_pages
store_pages()
"""


def run_on(server, program):
    done = Site(server.url).run("shell", "-c", program, environment=SETTINGS)
    assert done.returncode == 0, done.stderr


@on_postgres
@pytest.mark.torture
def test_a_stored_page_on_a_replica_that_lags_is_not_shown(primary, replica):
    def start():
        return Web(primary.url, DATABASE_REPLICA_URLS=replica.url, LOG_LEVEL="INFO")

    def first_record(web):
        """Return whether the JSON of the post came finished, and whether search engines may index it."""
        wait_until(web.is_up)
        status, headers, *_ = web.ask("/posts/first.json")
        assert status == 200
        return headers["Cache-Status"] == "AlphaNode; hit", "noindex" not in headers.get("X-Robots-Tag", "")

    run_on(primary, STORE)
    wait_until(lambda: replica.value("SELECT count(*) FROM posts_storedpage WHERE path = '/posts/first.json'") == 1)
    before = start()
    after = None
    try:
        is_finished, is_open = first_record(before)
        assert is_finished
        replica.pause()
        run_on(primary, FLAG)
        # For a second the process may show what it has.
        wait_until(lambda: first_record(before)[1] is not is_open)
        run_on(primary, STORE)
        after = start()
        # The replica still has the old page.
        assert first_record(after) == (True, not is_open)
        replica.resume()
        for _ in range(5):
            assert first_record(before)[1] is first_record(after)[1] is not is_open
    finally:
        before.end()
        if after:
            after.end()


@on_postgres
def test_a_replica_that_ends_or_hangs_costs_no_reader_a_page(replica, web):
    for leave, come_back in ((replica.stop, replica.start), (replica.freeze, replica.thaw)):
        leave()
        for number in range(5):
            assert web.ask(f"/posts/first/?n={number}")[0] == 200
        assert web.database_of("/posts/first/")[1] in (None, "primary")
        come_back()
        web.wait_for("replica1")
    assert "Traceback" not in web.log()
    assert "replica1 answers no requests for now" in web.log() and "replica1 answers requests again." in web.log()


@on_postgres
def test_a_promoted_replica_is_no_replica_any_more(replica, web):
    replica.promote()
    wait_until(lambda: web.ask("/articles/")[0] == 200 and "it was promoted, or is no replica" in web.log())
    assert web.database_of("/posts/first/") == (200, None)


@on_postgres
def test_a_site_on_a_standby_alone_shows_its_pages_and_says_on_the_desk_that_it_is_read_only(replica):
    web = Web(replica.url)
    try:
        wait_until(web.is_up)
        for path in ("/posts/first/", "/articles/", "/search/?q=workers", "/feed/", "/api/posts/"):
            assert web.ask(path)[0] == 200
        status, headers, page, _ = web.ask("/admin/login/")
        assert status == 200 and "This site is read-only: it runs on a copy of its database." in page
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        form = f"username=ada&password=a+long+enough+pass+phrase&csrfmiddlewaretoken={token}"
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": headers["Set-Cookie"].partition(";")[0]}
        status, headers, page, _ = web.ask("/admin/login/", "POST", form, **sent)
        assert (status, headers["Retry-After"]) == (503, "10") and "The site is read-only at the moment" in page
        state = json.loads(web.ask("/readyz")[2])["state"]
        assert state == "degraded"
    finally:
        web.end()
    assert "Traceback" not in web.log()


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_REPLICA_URLS is for PostgreSQL."),
        ({"DATABASE_URL": "postgres://a@b/c", "DATABASE_REPLICA_URLS": "mysql://a@b/c"}, "DATABASE_REPLICA_URLS must"),
    ],
)
def test_addresses_of_replicas_that_do_not_fit_are_refused(environment, sentence):
    given = {"DATABASE_REPLICA_URLS": "postgres://a@b/c", "ENV_FILE": "", "DEBUG": "on"} | environment
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, capture_output=True, text=True, check=False, env=given
    )
    assert ended.returncode == 1 and sentence in ended.stderr and "Traceback" not in ended.stderr
