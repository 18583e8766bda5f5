"""`manage.py backup` and `manage.py restore`: a site comes back as it was, and does not repeat its past."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from django.conf import settings

FILL = """
from django.contrib.sessions.models import Session
from django.utils import timezone
from posts.models import OutgoingMessage, UploadedPicture
from tests.posts_in_every_state import fill
fill()
now = timezone.now()
OutgoingMessage.objects.create(kind="mail", recipient="a@example.org", subject="sent", body="x", sent_at=now)
OutgoingMessage.objects.create(kind="webhook", recipient="https://hooks.example/", subject="waits", body="x")
Session.objects.create(session_key="k", session_data="x", expire_date=now)
UploadedPicture.objects.create(name={name!r}, width_px=1, height_px=1, size_bytes=7, is_used=True)
"""
DIGEST = hashlib.sha256(b"picture").hexdigest()
PICTURE = f"{DIGEST[:2]}/{DIGEST[2:]}.png"
POSTS = "SELECT p.slug, r.fingerprint FROM posts_post p JOIN posts_revision r ON r.post_id = p.id ORDER BY 1, 2"
KEPT = "database.sqlite3", "database.dump"

pytestmark = pytest.mark.skipif(
    "postgresql" in settings.DATABASES["default"]["ENGINE"] and not shutil.which("pg_dump"),
    reason="needs pg_dump for PostgreSQL",
)


def run(site, media, *arguments):
    """Run manage.py on a site whose pictures are in the folder `media`; return (exit code, what it said)."""
    tools = f"{site.server_tools}:" if not site.is_sqlite and site.server_tools else ""
    given = {"MEDIA_ROOT": str(media), "PATH": tools + os.environ["PATH"]}
    # The settings of the tests take no folder for pictures.
    given |= {"DJANGO_SETTINGS_MODULE": "alphanode.settings", "ENV_FILE": "", "DEBUG": "on"}
    done = site.run(*arguments, environment=given)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def place(sites, tmp_path_factory):
    """Return a site with posts in every state, and a folder with a backup of it."""
    folder = tmp_path_factory.mktemp("backup")
    site = sites.new()
    filled = site.run("shell", "--no-imports", "--command", FILL.format(name=PICTURE))
    assert filled.returncode == 0, filled.stderr
    (folder / "media" / PICTURE).parent.mkdir(parents=True)
    (folder / "media" / PICTURE).write_bytes(b"picture")
    code, said = run(site, folder / "media", "backup", folder / "first")
    assert code == 0, said
    assert "15 post(s)" in said and "1 picture(s)" in said
    return site, folder


def test_a_restored_site_has_everything_and_does_not_repeat_its_past(place, sites):
    site, folder = place
    restored = sites.empty()
    code, said = run(restored, folder / "new", "restore", folder / "first")
    assert code == 0, said
    assert "Restored 15 post(s)" in said and "1 waiting message(s) given up; 1 session(s) ended." in said
    assert said.endswith("Verified. Now start the site and the workers.\n")
    assert restored.ask(POSTS) == site.ask(POSTS)
    assert (folder / "new" / PICTURE).read_bytes() == b"picture"
    messages = "SELECT subject, sent_at IS NULL, parked_at IS NULL FROM posts_outgoingmessage ORDER BY id"
    assert [tuple(map(bool, row[1:])) for row in restored.ask(messages)] == [(False, True), (True, False)]
    error = restored.ask("SELECT last_error FROM posts_outgoingmessage WHERE subject = 'waits'")[0][0]
    assert "restored from a backup of" in error and "may have been sent" in error
    assert restored.ask("SELECT count(*) FROM django_session") == [(0,)]
    assert restored.ask("SELECT count(*) FROM posts_auditentry WHERE action = 'site restored'") == [(1,)]
    # Every process that knows the newer database sees that all pages may have changed.
    newest = "SELECT position, keys FROM posts_pagechange ORDER BY position DESC LIMIT 1"
    assert restored.ask(newest)[0][0] > site.ask(newest)[0][0] and "lists" in restored.ask(newest)[0][1]
    # A second time the place is not empty.
    code, said = run(restored, folder / "new", "restore", folder / "first")
    assert code == 1 and "is not empty" in said


def test_a_backup_overwrites_nothing_and_a_lost_picture_is_named(place, sites):
    site, folder = place
    code, said = run(site, folder / "media", "backup", folder / "first")
    assert code == 1 and "exists already" in said
    code, said = run(sites.empty(), folder / "media", "backup", folder / "nothing")
    assert code == 1 and "has no posts" in said and not (folder / "nothing").exists()
    code, said = run(site, folder / "without pictures", "backup", folder / "second")
    assert code == 0 and f"{PICTURE} is missing or damaged" in said
    manifest = json.loads((folder / "second" / "manifest.json").read_text())
    assert manifest["missing"] == [PICTURE] and manifest["facts"]["rows"]["posts_post"] == 15
    assert (folder / "second").stat().st_mode & 0o077 == 0
    assert not list(folder.glob("*.partial")) and not list(folder.glob(".*.partial"))


def _cut(folder):
    file = next(folder / name for name in KEPT if (folder / name).exists())
    file.write_bytes(file.read_bytes()[:-1])


def _change(**values):
    def change(folder):
        file = folder / "manifest.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return change


DAMAGES = {
    "database": (_cut, "is damaged: its digest is not that of the manifest"),
    "picture": (lambda folder: (folder / "pictures" / PICTURE).write_bytes(b"other"), "its content is not what"),
    "manifest": (lambda folder: (folder / "manifest.json").unlink(), "is not a whole backup"),
    "format": (_change(format=2), "reads backups of format 1, not 2"),
    "engine": (_change(engine="other"), "This is a backup of other"),
    "name": (_change(pictures=["../x"]), "has names that no backup has"),
}  # fmt: skip


def test_a_damaged_backup_is_refused_before_anything_is_written(place, sites):
    _, folder = place
    empty = sites.empty()
    for name, (damage, words) in DAMAGES.items():
        copy = folder / f"damaged {name}"
        shutil.copytree(folder / "first", copy)
        damage(copy)
        code, said = run(empty, folder / "unused", "restore", copy)
        assert code == 1 and words in " ".join(said.split()), said
    assert not (folder / "unused").exists()


def test_a_text_that_lost_its_fingerprint_and_rows_that_are_missing_are_named(place, sites):
    site, folder = place
    damaged = sites.new(template=site)
    wrong = "UPDATE posts_revision SET fingerprint = '{}' WHERE id = (SELECT MIN(id) FROM posts_revision)"
    change = f"from django.db import connection; connection.cursor().execute({wrong.format('0' * 64)!r})"
    assert damaged.run("shell", "--no-imports", "--command", change).returncode == 0
    assert run(damaged, folder / "media", "backup", folder / "wrong")[0] == 0
    code, said = run(sites.empty(), folder / "media", "restore", folder / "wrong")
    assert code == 1 and "its text has another fingerprint" in said and "Verified" not in said
    manifest = json.loads((folder / "wrong" / "manifest.json").read_text())
    manifest["facts"]["rows"]["posts_post"] += 1
    (folder / "wrong" / "manifest.json").write_text(json.dumps(manifest))
    code, said = run(sites.empty(), folder / "media", "restore", folder / "wrong")
    assert code == 1 and "posts_post has 15 rows instead of 16" in said


@pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL")
def test_without_the_programs_of_postgresql_one_sentence_says_what_to_install(place):
    site, folder = place
    done = site.run("backup", folder / "third", environment={"PATH": str(Path(os.devnull).parent / "nothing")})
    assert done.returncode == 1 and "pg_dump is missing on this machine" in done.stderr
    assert not (folder / "third").exists()
