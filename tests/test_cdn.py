"""Pages that a CDN keeps: what they say of themselves, and the purges that follow a change."""

import contextlib
import json
import os
import re
import subprocess
import sys
import textwrap
import urllib.request
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from posts.models import OutgoingMessage, SiteFigure
from posts.operations import flag_post
from posts.outbox import purge, send
from posts.outbox.purge import NAME, purge_changed_pages
from posts.outgoing import OutgoingError
from posts.page_cache.tags import tags_of
from tests.factories import make_post
from tests.own_nginx import MISSING, NGINX, nginx_command
from tests.page_processes import ROOT, SETTINGS, database_url, serving
from tests.ports import free_port
from tests.waiting import PATIENT_SECONDS, wait_until


class Cdn:
    """A CDN that takes purges. A first one waits seven minutes here, and the second an hour: no machine is so slow."""

    def __init__(self, monkeypatch, settings):
        settings.CDN_PURGE_URL, settings.CDN_PURGE_TOKEN = "https://cdn.example/purge", "a token"
        self.taken, self.is_away = [], False
        monkeypatch.setattr(send, "fetch", self.fetch)
        monkeypatch.setattr(purge, "FIRST_AFTER", timedelta(minutes=7))
        monkeypatch.setattr(purge, "AGAIN_AFTER", timedelta(minutes=60))

    def fetch(self, url, *, headers, body, **options):
        if self.is_away:
            raise OutgoingError("it does not answer")
        tags = json.loads(body)["tags"]
        assert headers["surrogate-key"].split() == tags and headers["authorization"] == "Bearer a token"
        self.taken.append(set(tags))
        return type("Answer", (), {"status": 200, "body": b""})()

    def after(self, minutes):
        """Let minutes pass; return the tags that were purged then, by message."""
        for message in OutgoingMessage.objects.waiting():
            message.due_at -= timedelta(minutes=minutes)
            message.save()
        self.taken.clear()
        purge_changed_pages()
        return list(self.taken)


@pytest.fixture
def cdn(monkeypatch, settings, transactional_db):
    cdn = Cdn(monkeypatch, settings)
    purge_changed_pages()
    # What it kept before anybody told it anything.
    cdn.after(100)
    return cdn


def test_pages_name_what_they_show_only_for_a_cdn(client, settings, db):
    post = make_post(released=True)
    path = f"/posts/{post.slug}/"
    assert "Surrogate-Key" not in client.get(path).headers
    settings.CDN_MAX_AGE = 600
    article, home = client.get(path), client.get("/")
    tags = article.headers["Surrogate-Key"].split()
    assert {"site", f"post:{post.pk}", "switches"} <= set(tags)
    assert article.headers["Cache-Tag"].split(",") == tags
    assert {"site", "lists"} <= set(home.headers["Surrogate-Key"].split())
    assert "Surrogate-Key" not in client.get("/posts/none/").headers
    assert "Surrogate-Key" not in client.get("/admin/login/").headers


def test_a_key_that_is_no_tag_means_any_page():
    assert tags_of(["post:1", "*", "a b", "é"]) == {"post:1", "anything", "site"}


@pytest.mark.once
def test_a_cdn_that_was_never_told_anything_forgets_everything_first(monkeypatch, settings, transactional_db):
    cdn = Cdn(monkeypatch, settings)
    purge_changed_pages()
    assert cdn.after(100) == [{"site"}, {"site"}]
    assert cdn.after(100) == []


def test_a_flag_is_purged_once_no_process_shows_the_page_and_once_more(cdn):
    post = make_post(released=True)
    cdn.after(0)
    cdn.after(100)
    flag_post(post, by=User.objects.create_superuser("ada"), note="Look.")
    assert cdn.after(0) == []
    (first,) = cdn.after(10)
    assert {f"post:{post.pk}", "anything"} <= first
    assert cdn.after(10) == []
    assert cdn.after(60) == [first]
    assert cdn.after(100) == []


def test_a_cdn_that_is_away_is_told_later(cdn):
    cdn.after(100)
    make_post(released=True)
    cdn.after(0)
    cdn.is_away = True
    assert cdn.after(10) == []
    assert set(OutgoingMessage.objects.waiting().values_list("attempts", flat=True)) == {0, 1}
    cdn.is_away = False
    assert cdn.after(100)


@pytest.mark.once
def test_very_many_changes_at_once_purge_everything(cdn):
    cdn.after(100)
    place = SiteFigure.objects.get(name=NAME)
    columns = "(position, keys)"
    with connection.cursor() as cursor:
        for number in range(2001):
            cursor.execute(
                f"INSERT INTO posts_pagechange {columns} VALUES (%s, %s)",
                [place.value["position"] + number, f"post:{number}"],
            )
    cdn.after(0)
    assert cdn.after(10) == [{"site"}]


LINES = """
    {around}
    server {{
        listen 127.0.0.1:{port};
        {server}
        location / {{ proxy_pass http://127.0.0.1:{site}; proxy_set_header Host $http_host; }}
    }}
"""


def documented_lines():
    """Return the lines of docs/scaling.md that go around the server, and into it."""
    text = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    block = textwrap.dedent(re.search(r"    # around the server\n((?:    .*\n)+)", text)[1])
    return block.partition("# in the server\n")[::2]


@contextlib.contextmanager
def running(*arguments, **environment):
    process = subprocess.Popen(arguments, cwd=ROOT, env=os.environ | SETTINGS | environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=PATIENT_SECONDS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.once
@pytest.mark.skipif(NGINX is None, reason=MISSING)
def test_an_nginx_that_keeps_pages_for_a_day_forgets_a_flagged_one(tmp_path):
    post = make_post(released=True)
    port, receiver = free_port(), free_port()
    purges = {
        "CDN_MAX_AGE": "86400", "CDN_PURGE_URL": f"http://127.0.0.1:{receiver}/", "CDN_PURGE_TOKEN": "secret",
        "OUTGOING_NETWORKS": "127.0.0.0/8", "DATABASE_URL": database_url(),
    }  # fmt: skip

    def asked():
        with contextlib.suppress(OSError):
            address = f"http://127.0.0.1:{port}/posts/{post.slug}/"
            with urllib.request.urlopen(address, timeout=PATIENT_SECONDS) as answer:
                assert "Surrogate-Key" not in answer.headers
                return answer.headers["X-Cache"], "noindex" in answer.read().decode()
        return None, None

    with serving(1, **purges) as (site,):
        around, server = documented_lines()
        around = around.replace("/var/cache/nginx/pages", str(tmp_path / "pages"))
        nginx = nginx_command(tmp_path, LINES.format(port=port, site=site, around=around, server=server))
        (tmp_path / "pages").mkdir()
        with (
            running(*nginx),
            running(sys.executable, "deploy/nginx/purge.py", str(tmp_path / "pages"), str(receiver),
                    PURGE_TOKEN="secret"),
            running(sys.executable, "manage.py", "run_worker", **purges),
        ):  # fmt: skip
            wait_until(lambda: OutgoingMessage.objects.filter(sent_at__isnull=False).count() == 2)
            wait_until(lambda: asked() == ("HIT", False))
            flag_post(post, by=User.objects.create_superuser("ada"), note="Look.")
            wait_until(lambda: asked()[1])
            wait_until(lambda: asked() == ("HIT", True))
