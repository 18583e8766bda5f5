import os
import re
import runpy
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from posts.operations import report_problem
from tests.factories import make_post
from tests.waiting import PATIENT_SECONDS

ROOT = Path(__file__).parent.parent
KEY = "a key for tests alone, as long as a real one must be; 0123456789"
PRODUCTION = {
    "ENV_FILE": "",
    "DEBUG": "off",
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": "articles.example",
    "SITE_URL": "https://articles.example",
    "BEHIND_PROXY": "on",
}


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Return the settings module with production's environment and changes, as load(NAME=value, …)."""

    def loaded(**changes):
        database = {"DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3"}
        for name, value in {**PRODUCTION, **database, **changes}.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "alphanode" / "settings.py"))

    return loaded


def run(*arguments, **environment):
    """Run a command in a process of its own, with nothing but these names in its environment."""
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**plain, "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        timeout=PATIENT_SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SECRET_KEY", "", "SECRET_KEY is not set"),
        ("SECRET_KEY", "x" * 49, "shorter than 50"),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS is empty"),
        ("ALLOWED_HOSTS", "articles.example,*", "host names in full"),
        ("DEBUG", "perhaps", "on or off"),
        ("INDEXING", "ture", "on or off"),
        ("UNREVIEWED_POSTS", "listed", "one of: unlisted, hidden"),
        ("SLUG_LETTERS", "latin", "one of: ascii, unicode"),
        ("CDN_MAX_AGE", "-1", "whole number"),
        ("CDN_MAX_AGE", "1_0", "whole number"),
        ("LOG_LEVEL", "loud", "one of: INFO"),
        ("SITE_URL", "articles.example", "such as https://example.org"),
        ("SITE_URL", "https://articles.example/blog", "without a path"),
        ("SITE_URL", "javascript:alert(1)", "such as https://example.org"),
        ("IMAGE_HOSTS", "https://images.unsplash.com", "without https://"),
        ("IMAGE_HOSTS", "a.example; script-src *", "without https://"),
        ("SITE_CONTACT", "ask us", "an e-mail address"),
        ("DEBUG", "on", "ALLOWED_HOSTS names articles.example"),
        ("CACHE_URL", "carrier-pigeon://x", "CACHE_URL must be"),
        ("WEBHOOK_URLS", "ftp://a.example/hook", "addresses that begin with https://"),
        ("WEBHOOK_URLS", "https://a.example/hook", "WEBHOOK_URLS needs WEBHOOK_SECRETS"),
        ("WEBHOOK_SECRETS", "whsec_short", "manage.py webhook_secret"),
        ("DATABASE_URL", "mysql://root@localhost/x", "Other engines"),
        ("DATABASE_URL", "sqlite://:memory:", "lost with its process"),
        ("DATABASE_URL", "sqlite:////no/such/folder/x.sqlite3", "can't be opened"),
        ("DATABASE_URL", "postgres://u:pw@host:port/name", "postgres://user:password@host:port/name"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_the_start_by_name(load, name, value, message):
    assert load()["DEBUG"] is False
    with pytest.raises(ImproperlyConfigured, match=re.escape(message)) as refusal:
        load(**{name: value})
    assert name in str(refusal.value) and "\n" not in str(refusal.value)
    assert "pw" not in str(refusal.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.7", "laptop", "site.localhost", "laptop.local"])
def test_debugging_is_for_names_that_mean_this_network(load, host):
    assert load(DEBUG="on", ALLOWED_HOSTS=host)["DEBUG"] is True
    with pytest.raises(ImproperlyConfigured, match=r"ALLOWED_HOSTS names 93\.184\.216\.34"):
        load(DEBUG="on", ALLOWED_HOSTS=f"{host},93.184.216.34")


def test_a_database_elsewhere_needs_no_folder_in_that_of_the_project(load, monkeypatch):
    # An image of a container is not writable.
    def refuse(*arguments, **options):
        raise PermissionError

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert load()["DATABASES"]["default"]["NAME"]


def test_a_misspelled_name_in_the_file_of_settings_stops_the_start(tmp_path):
    file = tmp_path / ".env"
    environment = PRODUCTION | {"ENV_FILE": str(file), "DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3"}
    file.write_text("# SITE = a comment\nSITE_NAME=Articles\nexport CDN_MAX_AGE=60\n")
    assert run("manage.py", "check", **environment).returncode == 0
    for line, answer in [("SITE_NAM=x", "Did you mean SITE_NAME?"), ("qwertz=x", ".env.example lists them all.")]:
        file.write_text(line)
        ended = run("manage.py", "check", **environment)
        name = line.partition("=")[0]
        assert (ended.returncode, ended.stderr) == (
            1,
            f"AlphaNode can't start: {name} in .env is not a setting. {answer}\n",
        )


def test_a_command_that_cannot_start_says_why_in_one_line():
    ended = run("manage.py", "check", ENV_FILE="")
    assert ended.returncode == 1 and ended.stdout == ""
    assert ended.stderr.startswith("AlphaNode can't start: SECRET_KEY is not set") and ended.stderr.count("\n") == 1


def test_a_server_that_cannot_start_says_why_in_one_line_and_does_not_try_again(tmp_path):
    ended = run(
        *("-m", "gunicorn", "--no-control-socket", "--bind", f"unix:{tmp_path}/socket", "alphanode.wsgi"), ENV_FILE=""
    )
    assert ended.returncode == 3
    assert "AlphaNode can't start: SECRET_KEY is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_deployment_check_finds_nothing_to_say_about_production(tmp_path):
    environment = PRODUCTION | {"DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3"}
    check = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    ended = run(*check, **environment)
    assert (ended.returncode, ended.stdout) == (0, "System check identified no issues (0 silenced).\n"), ended.stderr
    # The check can find something: the same site without HTTPS.
    insecure = run(*check, **environment | {"SITE_URL": "http://articles.example"})
    assert insecure.returncode == 1 and "SECURE_HSTS_SECONDS" in insecure.stderr


def test_the_deployment_check_says_that_reports_come_without_their_readers_address(db, settings):
    settings.BEHIND_PROXY = True
    post = make_post(released=True)

    def said():
        return [found.id for found in run_checks(include_deployment_checks=True) if found.id == "posts.W001"]

    report_problem(post, reason="facts", address="192.0.2.1")
    assert said() == []
    report_problem(post, reason="facts", address="")
    assert said() == ["posts.W001"]
    settings.BEHIND_PROXY = False
    assert said() == []


def test_a_forgotten_address_of_the_site_is_a_secure_one(load):
    loaded = load(SITE_URL="", ALLOWED_HOSTS=".articles.example,other.example")
    assert (loaded["SITE_URL"], loaded["IS_SECURE_SITE"]) == ("https://articles.example", True)
    assert loaded["SESSION_COOKIE_NAME"] == "__Host-session" and loaded["SESSION_COOKIE_SECURE"]
    assert not load(SITE_URL="http://articles.example")["IS_SECURE_SITE"]


@pytest.mark.parametrize("key", [f"${KEY}", f"\\${KEY}", f"{KEY}$SITE_NAME", "$SITE_NAME" * 6])
def test_a_key_may_hold_a_dollar(load, key):
    assert load(SECRET_KEY=key, SITE_NAME="x")["SECRET_KEY"] == key


def test_an_empty_setting_keeps_its_default_and_a_list_may_have_spaces(load):
    names = ["INDEXING", "CDN_MAX_AGE", "IMAGE_HOSTS", "LOG_LEVEL", "SITE_NAME"]
    loaded = load(**dict.fromkeys(names, " "), ALLOWED_HOSTS="articles.example, .other.example ,")
    expected = [True, 0, loaded["env"].scheme["IMAGE_HOSTS"][1], "INFO", "AlphaNode"]
    assert [loaded[name] for name in names] == expected
    assert loaded["ALLOWED_HOSTS"] == ["articles.example", ".other.example"]


def test_the_example_file_names_every_setting_that_is_read(load):
    read = load()["env"].scheme.keys()
    explained = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert len(read) > 15
    assert read == explained


def test_the_example_file_starts_a_site_once_its_two_gaps_are_filled(tmp_path):
    filled = (ROOT / ".env.example").read_text()
    filled = filled.replace("SECRET_KEY=\n", f"SECRET_KEY={KEY}\n", 1).replace(
        "ALLOWED_HOSTS=\n", "ALLOWED_HOSTS=a.example\n"
    )
    (tmp_path / "env").write_text(filled)
    ended = run("manage.py", "check", ENV_FILE=str(tmp_path / "env"), DATABASE_URL=f"sqlite:///{tmp_path}/x.sqlite3")
    assert ended.returncode == 0, ended.stderr


def test_a_new_database_file_is_its_owners_alone(load, tmp_path):
    load(DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3")
    assert stat.S_IMODE((tmp_path / "new.sqlite3").stat().st_mode) == 0o600


sqlite_only = pytest.mark.skipif("sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="about SQLite")
postgres_only = pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL")


@sqlite_only
@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("journal_size_limit", 67108864)],
)
def test_the_open_sqlite_connection_is_safe_against_crashes(db, pragma, value):
    with connection.cursor() as cursor:
        assert cursor.execute(f"PRAGMA {pragma}").fetchone() == (value,)


@sqlite_only
def test_a_transaction_takes_the_write_lock_at_its_start_and_waits_ten_seconds_for_it(db):
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (10_000,)
    # The test itself runs in a transaction, so nobody else can write now.
    other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()


@sqlite_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/", "/posts/none/", "/feed/", "/sitemap.xml", "/admin/login/"])
def test_reading_a_page_takes_no_write_lock(client, address):
    writer = sqlite3.connect(connection.settings_dict["NAME"])
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert client.get(address).status_code in (200, 404)
    finally:
        writer.close()


@sqlite_only
def test_migrating_stops_at_a_damaged_file(sites):
    site = sites.new()
    path = Path(site.database)
    environment = PRODUCTION | {"DATABASE_URL": site.url}
    assert run("manage.py", "migrate", **environment).returncode == 0
    file = sqlite3.connect(path)
    (page,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'auth_permission'").fetchone()
    file.close()
    with path.open("r+b") as content:
        content.seek((page - 1) * 4096)
        content.write(b"\xff" * 500)
    ended = run("manage.py", "migrate", **environment)
    assert ended.returncode == 1
    assert "is damaged" in ended.stderr and "Traceback" not in ended.stderr


@sqlite_only
def test_a_whole_file_passes_the_check_before_migrations(db):
    assert run_checks(databases=["default"]) == []


SHOWN = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "jit"]
SHOW = f"""
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    print(*[cursor.execute("SHOW " + name).fetchone()[0] for name in {SHOWN}])
    print(connection.pool is not None and (connection.pool.timeout, connection.pool.min_size, connection.pool.max_size))
    print(connection.settings_dict["CONN_HEALTH_CHECKS"], connection.settings_dict["CONN_MAX_AGE"])
    print(connection.connection.info.get_parameters().get("connect_timeout"))
connection.close_pool()
"""


@postgres_only
@pytest.mark.parametrize(
    ("process", "timeouts", "pool"), [("web", "4s 2s 15s off", "(0.5, 1, 8)"), ("", "0 0 0 off", "False")]
)
def test_only_web_processes_give_up_waiting_for_postgresql_and_none_compiles_plans(process, timeouts, pool):
    ended = run(
        *("-c", SHOW),
        **{
            **PRODUCTION,
            "DJANGO_SETTINGS_MODULE": "alphanode.settings",
            "DATABASE_URL": os.environ["DATABASE_URL"],
            "ALPHANODE_PROCESS": process,
        },
    )
    assert ended.stdout.splitlines() == [timeouts, pool, "True 0", "2"], ended.stderr
