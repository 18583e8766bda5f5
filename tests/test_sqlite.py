"""SQLite as the site opens it: file permissions, and what takes the write lock."""

import os
import sqlite3
import stat
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posts.models import Post
from tests.factories import make_post, person

pytestmark = pytest.mark.skipif("sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="about SQLite")

OPEN = """
import django
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE kept (value text)")
    cursor.execute("INSERT INTO kept VALUES ('a')")
    folder = django.conf.settings.DATABASES["default"]["NAME"].parent
    for path in sorted(folder.iterdir()):
        print(path.name, oct(path.stat().st_mode & 0o777))
"""


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_the_database_and_the_files_beside_it_are_their_owners_alone(tmp_path, umask):
    environment = {
        "DEBUG": "on",
        "ENV_FILE": "",
        "SECRET_KEY": "a key for tests alone, as long as a real one has to be, and more",
        "DJANGO_SETTINGS_MODULE": "alphanode.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "PATH": os.environ["PATH"],
    }
    ended = subprocess.run(
        [sys.executable, "-c", OPEN],
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=lambda: os.umask(umask),
    )
    assert ended.stdout.split("\n")[:-1] == ["site.sqlite3 0o600", "site.sqlite3-shm 0o600", "site.sqlite3-wal 0o600"]


def test_the_folder_of_the_database_is_its_owners_alone():
    assert settings.VAR_DIR.stat().st_mode & stat.S_IRWXO == 0


@pytest.mark.django_db(transaction=True)
def test_no_page_that_is_read_takes_the_write_lock(client):
    waiting, live = make_post(), make_post(released=True)
    client.force_login(person("Reviewers"))
    desk = [
        reverse("admin:index"),
        reverse("admin:posts_post_changelist"),
        reverse("admin:posts_post_change", args=[waiting.pk]),
        reverse("admin:posts_post_preview", args=[waiting.pk]),
        reverse("admin:posts_revision_change", args=[waiting.head_revision_id]),
        reverse("admin:posts_release_changelist"),
    ]
    public = [post.get_absolute_url() for post in (waiting, live)]
    public += [reverse("posts:record", args=[post.slug]) for post in (waiting, live)]
    public += [reverse(f"posts:{name}") for name in ("home", "feed", "sitemap", "robots")]
    writer = sqlite3.connect(connection.settings_dict["NAME"])
    writer.execute("BEGIN IMMEDIATE")
    try:
        for address in desk + public:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200, address
            verbs = {query["sql"].split()[0] for query in queries}
            assert verbs <= {"SELECT", "WITH"}, (address, verbs)
    finally:
        writer.close()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_reads_first_can_still_write():
    post = make_post()
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        Post.objects.get(pk=post.pk)
        # Nobody can write between the reading and the writing: they would fail, not we.
        other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("UPDATE posts_post SET topic = 'theirs'")
        other.close()
        Post.objects.filter(pk=post.pk).update(topic="ours")
    assert len(queries) == 2 and Post.objects.get(pk=post.pk).topic == "ours"
