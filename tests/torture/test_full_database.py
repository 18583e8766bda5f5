"""A PostgreSQL whose tables or whose write-ahead log have no room. It needs root, to mount a small disk."""

import contextlib
import os
import secrets
import subprocess
from html import unescape
from urllib.parse import urlencode

import psycopg
import pytest
from django.conf import settings

from tests.own_postgres import own_postgres
from tests.page_processes import SETTINGS
from tests.rehearsal import Form
from tests.rehearsal_people import PASSWORD
from tests.sites import Site
from tests.test_database_away import Web
from tests.torture.kills import lines_of, rich_record
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL"),
]
FREE_MB = 8
# A segment of the log has 16 MB, and the server keeps a few.
LOG_MB = 100
BEFORE = f"""
from django.contrib.auth.models import Group, User
from tests.factories import make_post
ada = User.objects.create_user("ada", password="{PASSWORD}", is_staff=True)
ada.groups.add(Group.objects.get(name="Editors"))
print(make_post(released=True, slug="open").pk)
"""


@contextlib.contextmanager
def small_disk(folder, owner, megabytes):
    """Mount an empty disk of so many megabytes on a folder, for an account."""
    assert os.getuid() == 0, "A small file system can only be mounted by root."
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        os.chown(folder, owner.st_uid, owner.st_gid)
        folder.chmod(0o700)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    """Leave no byte free; return the file that takes them."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    return filler


@pytest.fixture
def server(sites):
    with own_postgres() as server:
        site = Site(server.url)
        site.load(sites.new().dump(site.server_tools))
        done = site.run("shell", "--no-imports", "--command", BEFORE, environment=SETTINGS)
        assert done.returncode == 0, done.stderr
        server.post = int(done.stdout)
        yield server


class ProductionWeb(Web):
    """A web process behind a proxy that speaks TLS, as in production: with DEBUG, Django shows errors of its own."""

    def __init__(self, site, folder):
        production = {
            "DEBUG": "off", "SECRET_KEY": secrets.token_urlsafe(50), "ALLOWED_HOSTS": "localhost",
            "SITE_URL": "https://localhost", "BEHIND_PROXY": "on", "STATIC_ROOT": str(folder),
        }  # fmt: skip
        done = site.run("collectstatic", "--noinput", environment=SETTINGS | production)
        assert done.returncode == 0, done.stderr
        super().__init__(site.url, **production)

    def ask(self, path, method="GET", body=None, **headers):
        proxy = {"Host": "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
        return super().ask(path, method, body, **proxy, Referer=f"https://localhost{path}", **headers)


class Editor:
    """A person with a browser that keeps cookies."""

    def __init__(self, web, post, password=PASSWORD):
        self.web, self.post, self.cookies = web, post, {}
        self.address = f"/admin/posts/post/{post}/change/"
        answer = self.ask("/admin/login/")
        self.send("/admin/login/", Form.of(answer[2], "username") | {"username": ["ada"], "password": [password]})

    def ask(self, path, method="GET", body=None, **headers):
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.web.ask(path, method, body, Cookie=cookie, **headers)
        for line in answer[1].get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def send(self, path, fields):
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask(path, "POST", urlencode(fields, doseq=True), **kind)

    def form(self):
        status, _, page, _ = self.ask(self.address)
        assert status == 200, (status, page, self.web.log()[-3000:])
        return Form.of(page, "summary")

    def save(self, form, words):
        return self.send(self.address, form | {"body": [words]})


def long_words():
    """Return words that no compression makes small."""
    return "## Cause\n\n" + "\n\n".join(secrets.token_hex(400) for _ in range(400))


def test_readers_see_everything_and_nobody_saves_while_the_disk_of_the_tables_is_full(server, tmp_path):
    folder = server.folder / "small"
    ((size,),) = Site(server.url).ask("SELECT pg_database_size('alphanode') / 1048576")
    with small_disk(folder, server.folder.stat(), int(size) + FREE_MB):
        server.ask(f"CREATE TABLESPACE small LOCATION '{folder}'")
        postgres = Site(f"{server.url.rpartition('/')[0]}/postgres")
        postgres.do("CREATE DATABASE tight TEMPLATE alphanode TABLESPACE small")
        site = Site(f"{server.url.rpartition('/')[0]}/tight")
        web = Web(site.url, LOG_LEVEL="WARNING")
        try:
            wait_until(web.is_up)
            editor = Editor(web, server.post)
            form, words = editor.form(), long_words()
            web.lines.clear()
            filler = fill(folder)
            said = [editor.save(form, words) for _ in range(3)]
            for status, headers, page, _ in said:
                assert (status, headers["Retry-After"]) == (503, "10"), page
                assert "can't save anything at the moment" in unescape(page), page
            for path in ("/", "/posts/open/", "/feed/", "/search/?q=pool", "/sitemap.xml", "/healthz"):
                assert web.ask(path)[0] == 200, path
            readyz = web.ask("/readyz")
            print(readyz[0], readyz[2][:600])
            assert readyz[0] == 200
            path = tmp_path / "posts.jsonl"
            path.write_text(lines_of(rich_record(number) for number in range(1500)))
            full = site.run("import_posts", path, driver=[])
            assert full.returncode == 74 and "Traceback" not in full.stderr, full.stderr
            print(full.stderr.strip().splitlines()[-1])
            assert "nothing is half-written" in full.stderr
            filler.unlink()
            subprocess.run(["mount", "-o", f"remount,size={int(size) + 200}m", str(folder)], check=True)
            # It heals alone.
            assert editor.save(form, words)[0] == 302
            again = site.run("import_posts", path, driver=[])
            assert again.returncode == 0, again.stderr
            assert site.ask("SELECT count(*) FROM posts_post") == [(1501,)]
        finally:
            web.end()
        assert "Traceback" not in web.log() and '"level": "error"' not in web.log(), web.log()[-3000:]
        postgres.do("DROP DATABASE tight WITH (FORCE)")
        postgres.do("DROP TABLESPACE small")


def test_the_site_is_away_while_the_disk_of_the_log_is_full_and_keeps_what_it_has_saved(server, tmp_path):
    """The server ends, because it promises nothing without its log; somebody starts it when there is room."""
    log, folder = server.folder / "data" / "pg_wal", server.folder / "small"
    site = Site(server.url)
    server.ask("ALTER SYSTEM SET synchronous_commit = on", "ALTER SYSTEM SET full_page_writes = on")
    server.stop()
    with small_disk(folder, server.folder.stat(), LOG_MB):
        subprocess.run(["cp", "-a", f"{log}/.", str(folder)], check=True)
        log.rename(log.with_name("former_wal"))
        log.symlink_to(folder)
        server.start()
        web = ProductionWeb(site, tmp_path / "static")
        try:
            wait_until(web.is_up)
            editor = Editor(web, server.post)
            assert editor.save(editor.form(), "Saved while there was room.")[0] == 302
            form = editor.form()
            filler = fill(folder)
            others = (
                "SELECT pg_logical_emit_message(false, 'others', repeat('x', 1000000)) FROM generate_series(1, 400)"
            )
            with pytest.raises(psycopg.OperationalError):
                site.do(others)
            wait_until(lambda: not server.is_running)
            server.wait()
            for answer in (
                *(web.ask(path) for path in ("/", "/posts/open/", "/feed/", "/search/?q=pool")),
                editor.save(form, "Nobody can keep this."),
                editor.ask(editor.address),
            ):
                assert (answer[0], answer[1]["Retry-After"]) == (503, "10"), answer[2]
                assert "The site is not available at the moment" in answer[2]
            assert (web.ask("/healthz")[0], web.ask("/readyz")[0]) == (200, 503)
            path = tmp_path / "posts.jsonl"
            path.write_text(lines_of(rich_record(number) for number in range(100)))
            full = site.run("import_posts", path, driver=[])
            assert full.returncode == 74 and "Traceback" not in full.stderr, full.stderr
            filler.unlink()
            server.start()
            # Then it heals alone.
            wait_until(web.is_up)
            assert site.ask("SELECT body FROM posts_post") == [("Saved while there was room.",)]
            assert editor.save(form, "Saved again.")[0] == 302
            again = site.run("import_posts", path, driver=[])
            assert again.returncode == 0, again.stderr
            assert site.ask("SELECT count(*) FROM posts_post") == [(101,)]
        finally:
            web.end()
        assert "Traceback" not in web.log() and '"level": "error"' not in web.log(), web.log()[-3000:]
        server.stop()
