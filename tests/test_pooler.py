"""A site behind PgBouncer in transaction mode: what works through it, what goes past it, and what is refused."""

import http.cookiejar
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.db import connection

from posts.db.pooler import WrongPooler, check_same_database, check_way_to_database
from posts.models import AuditEntry
from tests.factories import approve, make_post
from tests.own_pooler import own_pooler
from tests.page_processes import ROOT, SETTINGS, read_while_changing, serving
from tests.sites import conninfo, opened_by_other
from tests.test_importing_runs import lines_of, rich_record
from tests.waiting import PATIENT_SECONDS

HAS_POOLER = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
pytestmark = [
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL"),
    pytest.mark.skipif(HAS_POOLER is None, reason="PgBouncer is missing. On Debian: apt-get install pgbouncer"),
]


@pytest.fixture(scope="module")
def pooler(sites):
    with own_pooler(sites.migrated.url) as pooler:
        yield pooler


@pytest.fixture
def behind(pooler):
    """Return the settings of processes that serve the tests' own database through the pooler."""
    return pooler.settings(connection.settings_dict["NAME"])


@pytest.fixture
def database(sites):
    return sites.new().database


class Browser:
    """Somebody with cookies at one server."""

    def __init__(self, port):
        self.site = f"http://127.0.0.1:{port}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, path):
        with self._opener.open(self.site + path, timeout=PATIENT_SECONDS) as answer:
            assert answer.status == 200
            return answer.read().decode()

    def post(self, path, **values):
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))[1]
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token} | values).encode()
        with self._opener.open(self.site + path, body, timeout=PATIENT_SECONDS) as answer:
            return answer.geturl(), answer.read().decode()


@pytest.mark.django_db(transaction=True)
def test_readers_and_people_who_sign_in_get_their_pages_through_the_pooler(behind):
    post = make_post()
    approve(post)
    # As the site hashes it; the tests themselves use another way.
    password = PBKDF2PasswordHasher().encode("a long enough pass phrase", "salt", 1000)
    User.objects.create(username="ada", password=password, is_staff=True, is_superuser=True)
    with serving(1, **behind, SECOND_FACTOR="optional") as (port,):
        browser = Browser(port)
        article = f"/posts/{post.slug}/"
        for path in ("/", article, "/search/?q=workers", "/feed/", "/sitemap.xml", "/api/posts/", "/articles/"):
            browser.get(path)
        browser.post("/admin/login/?next=/admin/", username="ada", password="a long enough pass phrase")
        for path in (
            "/admin/",
            "/admin/posts/post/",
            f"/admin/posts/post/{post.pk}/change/",
            "/admin/posts/auditentry/",
        ):
            assert "ada" in browser.get(path)
        flag = f"/admin/posts/post/{post.pk}/flag/"
        browser.post(flag, note="Look at the numbers.")
        assert 'name="robots" content="noindex' in browser.get(article)
    assert AuditEntry.objects.filter(made_by__username="ada", post=post).exists()


@pytest.mark.torture
@pytest.mark.django_db(transaction=True)
def test_no_answer_is_outdated_while_transactions_share_connections(behind):
    outcome = read_while_changing(servers=2, steps=6, posts=3, seed=9, **behind)
    assert outcome.answers and not outcome.wrong


def test_web_processes_have_their_limits_through_the_pooler_and_commands_have_none(pooler, database):
    said = """
import django; django.setup()
from django.db import connection
from posts.db.prepared_query import planned_rows
print(*[planned_rows(connection, f"SHOW {name}", [])[0][0] for name in ("statement_timeout", "lock_timeout")],
      planned_rows(connection, "SELECT count(*) > 0 FROM pg_prepared_statements", [])[0][0],
      connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS", False), connection.settings_dict["USER"])
connection.close_pool()
"""
    for process, expected in (("web", "4s 2s False True alphanode_web"), ("", "0 0 True False alphanode")):
        ended = python("-c", said, **pooler.settings(database), ALPHANODE_PROCESS=process)
        assert ended.stdout.strip() == expected, ended.stderr


def test_of_two_imports_of_one_file_the_second_is_refused_and_the_counts_are_right(pooler, database, tmp_path):
    site = pooler.site(database)
    path, fifo = tmp_path / "posts.jsonl", tmp_path / "open"
    path.write_text(lines_of(rich_record(number) for number in range(60)))
    os.mkfifo(fifo)
    with site.start("import_posts", path, driver=["--hold", str(fifo)]) as first:
        with opened_by_other(fifo, first):
            second = site.run("import_posts", path)
        first.communicate(timeout=PATIENT_SECONDS)
    assert (first.returncode, second.returncode) == (0, 75), second.stderr
    assert site.ask("SELECT state, created, unchanged FROM posts_importbatch") == [("finished", 60, 0)]
    assert site.ask("SELECT count(*) FROM posts_post") == [(60,)]


def test_an_import_through_a_pooler_is_refused_because_its_lock_would_exclude_nobody(pooler, database, tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_text(lines_of([rich_record(1)]))
    site = pooler.site(database)
    site.settings = {"DATABASE_URL": pooler.pooled(database)}
    ended = site.run("import_posts", path)
    assert ended.returncode == 74 and "leads to a connection pooler. Set DATABASE_POOLER" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert site.ask("SELECT count(*) FROM posts_post") == [(0,)]


def test_a_worker_does_the_jobs_of_a_site_behind_the_pooler(pooler, database, tmp_path):
    site = pooler.site(database)
    ended = site.run("run_worker", "--until-idle")
    assert ended.returncode == 0, ended.stderr
    assert site.ask("SELECT count(*) FROM posts_jobrun WHERE finished_at IS NULL") == [(0,)]
    assert site.ask("SELECT count(*) > 5 FROM posts_jobrun WHERE error = ''") == [(True,)]


def test_a_row_is_repaired_in_a_web_process_and_waits_for_no_session(pooler, database):
    """The lock of the source is one of the transaction there."""
    repaired = """
import io, django; django.setup()
from posts.importing.pipeline import import_posts
from posts.importing.repair import repair_row
from posts.models import ImportIssue
from django.contrib.auth.models import User
import posts.importing.pipeline
batch = import_posts(io.BytesIO(b'{"source_id": "a"}\\n'), name="a.jsonl")
person = User.objects.create_superuser("ada")
from tests.factories import RecordFactory
import json
print(repair_row(ImportIssue.objects.get(), json.dumps(RecordFactory(source_id="a")), by=person))
from django.db import connection
connection.close_pool()
"""
    ended = python("-c", repaired, **pooler.settings(database), ALPHANODE_PROCESS="web")
    assert ended.stdout.strip() == "created", ended.stderr


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=PATIENT_SECONDS, env=os.environ | SETTINGS | environment,
    )  # fmt: skip


def way(url, *, is_session):
    """Return an entry of settings.DATABASES as the settings make it."""
    parts = psycopg.conninfo.conninfo_to_dict(conninfo(url))
    options = {"options": "-c alphanode.session=on"} if is_session else {}
    return {
        "ENGINE": "alphanode.postgresql",
        "NAME": parts["dbname"],
        "USER": parts["user"],
        "HOST": parts["host"],
        "OPTIONS": options,
    }


SILENT = "ignore_startup_parameters = options"


@pytest.mark.parametrize("config", [(), (SILENT,)], ids=["it refuses", "it drops"])
def test_a_pooler_that_the_settings_do_not_name_is_found_whether_it_refuses_or_drops_what_the_site_says(
    sites, database, config, settings
):
    with own_pooler(sites.migrated.url, *config) as pooler:
        for named, sentence in (("", "Set DATABASE_POOLER=transaction"), ("transaction", "DATABASE_DIRECT_URL leads")):
            settings.DATABASE_POOLER = named
            with pytest.raises(WrongPooler, match=sentence):
                check_way_to_database(way(pooler.pooled(database), is_session=True), pooler="")
        check_way_to_database(way(pooler.direct(database), is_session=True), pooler="")


def test_a_pooler_in_statement_mode_and_a_role_without_limits_are_refused(sites, pooler, database):
    statement_mode = pytest.raises(WrongPooler, match="Set pool_mode = transaction in the pooler")
    with own_pooler(sites.migrated.url, "pool_mode = statement") as wrong, statement_mode:
        check_way_to_database(way(wrong.pooled(database), is_session=False), pooler="transaction")
    with pytest.raises(WrongPooler, match="""ALTER ROLE "alphanode" SET statement_timeout = '4s';"""):
        check_way_to_database(way(pooler.pooled(database, "alphanode"), is_session=False), pooler="transaction")
    check_way_to_database(way(pooler.pooled(database), is_session=False), pooler="transaction")


def test_two_databases_are_told_from_one(pooler, sites, database):
    web, other = way(pooler.pooled(database), is_session=False), way(sites.migrated.url, is_session=True)
    check_same_database(web, way(pooler.direct(database), is_session=True))
    with pytest.raises(WrongPooler, match="lead to two databases"):
        check_same_database(web, other)


def test_a_wrong_pooler_stops_each_kind_of_process_with_one_sentence(pooler, database):
    unsaid = {"DATABASE_URL": pooler.pooled(database)}
    not_direct = pooler.settings(database) | {"DATABASE_DIRECT_URL": pooler.pooled(database, "alphanode")}
    web = python("-c", "import alphanode.wsgi", **unsaid)
    worker = python("manage.py", "run_worker", "--until-idle", **not_direct)
    check = python("manage.py", "check", "--deploy", **not_direct)
    assert (web.returncode, web.stderr.count("\n")) == (3, 1) and "Set DATABASE_POOLER=transaction" in web.stderr
    for ended in (worker, check):
        assert ended.returncode == 1 and "DATABASE_DIRECT_URL leads to a connection pooler" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"DATABASE_URL": "postgres://a@b/c", "DATABASE_POOLER": "transaction"},
            "DATABASE_POOLER needs DATABASE_DIRECT_URL",
        ),
        ({"DATABASE_POOLER": "transaction", "DATABASE_URL": ""}, "DATABASE_POOLER is for PostgreSQL."),
        ({"DATABASE_DIRECT_URL": "postgres://a@b/c"}, "DATABASE_DIRECT_URL is set, but DATABASE_POOLER is not."),
        ({"DATABASE_POOLER": "session"}, "DATABASE_POOLER is “session”; it must be one of: transaction."),
    ],
)
def test_settings_of_a_pooler_that_do_not_fit_are_refused(environment, sentence):
    ended = python("manage.py", "check", **environment)
    assert ended.returncode == 1 and sentence in ended.stderr and "Traceback" not in ended.stderr
