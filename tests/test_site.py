"""The site as a whole: log, health probe, hosts, methods, static files."""

import gzip
import json
import logging
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import brotli
import pytest

import posts
from posts.logs import JsonFormatter
from tests.ports import free_port
from tests.test_settings import PRODUCTION, run
from tests.waiting import PATIENT_SECONDS

ROOT = Path(__file__).parent.parent


def test_every_request_has_an_id_in_its_answer_and_in_its_line_of_the_log(client, db, caplog):
    formatter, lines = JsonFormatter(), []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(formatter.format(record)))

    handler = Keep()
    logging.getLogger("alphanode.request").addHandler(handler)
    try:
        with caplog.at_level(logging.INFO):
            first, second = client.get("/?secret=words"), client.get("/posts/none/\n{}")
    finally:
        logging.getLogger("alphanode.request").removeHandler(handler)
    assert [line["request_id"] for line in lines] == [first["X-Request-ID"], second["X-Request-ID"]]
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert (lines[0]["path"], lines[0]["status"], lines[0]["method"]) == ("/", 200, "GET")
    assert "words" not in json.dumps(lines[0]) and lines[1]["status"] == 404


def test_only_a_proxy_may_choose_the_id_of_a_request(client, db, settings):
    sent = {"X-Request-ID": "chosen-outside"}
    assert client.get("/", headers=sent)["X-Request-ID"] != "chosen-outside"
    settings.BEHIND_PROXY = True
    assert client.get("/", headers=sent)["X-Request-ID"] == "chosen-outside"
    assert client.get("/", headers={"X-Request-ID": 'x" forged'})["X-Request-ID"] != 'x" forged'


def test_the_probe_answers_under_any_name_without_a_database(client):
    # No database fixture: a query would fail the test.
    answer = client.get("/healthz", headers={"host": "10.1.2.3:8000"})
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert not answer.cookies and answer["Cache-Control"] == "no-store"
    assert client.head("/healthz").content == b""


def test_a_host_that_is_not_ours_is_refused(client, db):
    answer = client.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert b"evil.example" not in answer.content and answer["X-Robots-Tag"] == "noindex"


@pytest.mark.once
@pytest.mark.parametrize("address", ["/", "/healthz", "/feed/", "/admin/", "/static/css/base.css", "/none/"])
@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "DELETE", "PUT", "PATCH", "BREW"])
def test_a_method_that_no_page_has_is_refused(client, db, address, method):
    answer = client.generic(method, address)
    assert answer.status_code == 405
    assert "GET" in answer["Allow"] and method not in answer["Allow"]


@pytest.mark.parametrize("address", ["/", "/feed/", "/sitemap.xml", "/robots.txt", "/none/"])
def test_head_is_get_without_a_body(client, db, address):
    got, head = client.get(address), client.head(address)
    assert got.content and head.content == b""
    assert head.status_code == got.status_code
    # An ETag is the hash of a body; HTTP lets an answer without one leave out what only the body tells.
    differ = {"X-Request-ID": "", "ETag": ""}
    assert {**head.headers, **differ} == {**got.headers, **differ}


def test_the_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", posts.__version__)


@pytest.fixture
def production(tmp_path):
    """Return the environment of a production site in a folder of its own."""
    return PRODUCTION | {
        "ALLOWED_HOSTS": "127.0.0.1",
        "SITE_URL": "http://127.0.0.1",
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "STATIC_ROOT": f"{tmp_path}/static",
    }


def test_a_start_is_never_looked_through_again_and_loads_no_driver_of_another_engine(production):
    lines = (
        "import gc; of_command = gc.isenabled() and gc.get_freeze_count()",
        "gc.unfreeze(); import alphanode.wsgi; of_server = gc.isenabled() and gc.get_freeze_count()",
        "import sys; print(of_command > 100_000, of_server > 100_000, 'psycopg' in sys.modules)",
    )
    ended = run("manage.py", "shell", "--no-imports", "--command", "; ".join(lines), **production | {"DEBUG": "on"})
    assert ended.stdout == "True True False\n", ended.stderr


def test_a_server_without_its_static_files_says_what_to_run(production, tmp_path):
    ended = run(
        "-m", "gunicorn", "--no-control-socket", "--bind", f"unix:{tmp_path}/socket", "alphanode.wsgi", **production
    )
    assert ended.returncode == 3
    assert "AlphaNode can't start: the files of /static/ are not in" in ended.stderr
    assert "manage.py collectstatic" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.once
def test_a_real_server_sends_hashed_and_compressed_files_that_caches_may_keep_for_ever(production, sites):
    production |= {"DATABASE_URL": sites.new().url}
    ended = run("manage.py", "collectstatic", "--noinput", "-v0", **production)
    assert ended.returncode == 0, ended.stderr
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", f"127.0.0.1:{port}", "alphanode.wsgi"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1", **production},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stderr:
            if "Booting worker" in line:
                break
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENT_SECONDS) as answer:
            page = answer.read().decode()
            assert "gunicorn/" not in answer.headers.get("Server", "")
        address = re.search(r'href="(/static/css/[a-z]+\.[0-9a-f]{12}\.css)"', page)[1]
        bodies = {}
        for accepted, opened in (("identity", bytes), ("gzip, br", brotli.decompress), ("gzip", gzip.decompress)):
            with urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}{address}", headers={"Accept-Encoding": accepted}),
                timeout=PATIENT_SECONDS,
            ) as answer:
                assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                assert answer.headers.get("Content-Encoding", "identity") in accepted
                bodies[accepted] = answer.read()
                assert opened(bodies[accepted]) == bodies["identity"]
        sizes = {accepted: len(body) for accepted, body in bodies.items()}
        assert 100 < sizes["gzip"] < sizes["identity"] / 2 and 100 < sizes["gzip, br"] < sizes["identity"] / 2
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": "evil.example"}),
                timeout=PATIENT_SECONDS,
            )
    finally:
        server.terminate()
        server.communicate(timeout=PATIENT_SECONDS)
