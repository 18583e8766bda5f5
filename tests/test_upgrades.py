"""Two versions on one database: which migrations wait, what the previous version can still do, what lint refuses."""

import subprocess
from io import StringIO

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, migrations, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ModelState, ProjectState

from posts.db import short_locks
from posts.db.migration_plan import is_all_sql, missing_migrations
from posts.models import AccountState, Deployment, Notification, Post, Remark, SourceLink, UnsavedText, WebSession
from posts.monitoring.readiness import NotReady, _complete_schema, _schema
from tests.factories import make_post, person
from tests.migration_rules import base, faults_of, findings
from tests.page_processes import ROOT, database_url
from tests.rehearsal import commit_of, require_commit, tree_of
from tests.sites import conninfo

# Migrations that take something away, or need one that does


class Contract(migrations.Migration):
    is_post_deployment = True


@pytest.fixture
def after_release(monkeypatch):
    """Add migrations behind the newest one, by name and class."""
    build = MigrationLoader.build_graph
    added = {}

    def build_with_more(loader):
        build(loader)
        before = loader.graph.leaf_nodes("posts")[0]
        for name, kind in added.items():
            key = ("posts", name)
            migration = kind(name, "posts")
            migration.dependencies = [before]
            loader.graph.add_node(key, migration)
            loader.graph.add_dependency(migration, key, before)
            loader.disk_migrations[key], before = migration, key

    monkeypatch.setattr(MigrationLoader, "build_graph", build_with_more)
    yield added
    MigrationRecorder(connection).migration_qs.filter(name__startswith="99").delete()


def migrate(**options):
    said = StringIO()
    call_command("migrate", stdout=said, **options)
    return said.getvalue()


def is_applied(name):
    return ("posts", name) in MigrationRecorder(connection).applied_migrations()


def test_what_the_previous_version_needs_goes_only_when_somebody_says_so(transactional_db, after_release):
    after_release |= {"9901_adds": migrations.Migration, "9902_takes_away": Contract}
    said = migrate()
    assert is_applied("9901_adds") and not is_applied("9902_takes_away")
    assert "Left for later: posts.9902_takes_away." in said and "migrate --post-deployment" in said
    # Nothing waits for it: neither workers nor /readyz.
    assert missing_migrations(connection) == []
    assert "9902_takes_away" in migrate(post_deployment=True)
    assert is_applied("9902_takes_away")
    assert "Left for later" not in migrate()


def test_a_later_version_says_which_migration_it_still_needs(transactional_db, after_release):
    after_release |= {"9901_takes_away": Contract, "9902_adds": migrations.Migration}
    with pytest.raises(CommandError, match=r"posts\.9902_adds needs posts\.9901_takes_away.*migrate --post-deployment"):
        migrate()
    _complete_schema.clear()
    with pytest.raises(NotReady, match="migrate --post-deployment"):
        _schema()
    migrate(post_deployment=True)
    assert is_applied("9901_takes_away") and is_applied("9902_adds")


# What readers notice of a migration


class AltersPosts(migrations.Migration):
    operations = (migrations.AddField("post", "mark", models.IntegerField(null=True)),)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite locks the whole database")
def test_a_migration_gives_up_its_place_while_a_table_is_in_use(transactional_db, after_release, monkeypatch):
    after_release["9901_alters_posts"] = AltersPosts
    monkeypatch.setattr(short_locks, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(short_locks, "TRIES", 3)
    with psycopg.connect(conninfo(database_url())) as reader:
        reader.execute("SELECT count(*) FROM posts_post")
        with pytest.raises(OperationalError, match="lock timeout"):
            migrate()
        assert not is_applied("9901_alters_posts")
        # Nobody waits behind it.
        with psycopg.connect(conninfo(database_url())) as other:
            other.execute("SET lock_timeout = '1ms'")
            other.execute("SELECT count(*) FROM posts_post")
    migrate()
    assert is_applied("9901_alters_posts")
    with connection.cursor() as cursor:
        cursor.execute("SELECT mark FROM posts_post")
        cursor.execute("ALTER TABLE posts_post DROP COLUMN mark")


class ReadsMeanwhile(migrations.AddField):
    """Lets a reader of the table come while Django computes the second of its statements."""

    def database_forwards(self, *arguments):
        super().database_forwards(*arguments)
        if connection.vendor == "postgresql":
            with psycopg.connect(conninfo(database_url())) as reader:
                reader.execute("SET lock_timeout = '1ms'")
                reader.execute("SELECT count(*) FROM posts_post")


class AddsMuch(migrations.Migration):
    operations = (
        ReadsMeanwhile("post", "mark", models.IntegerField(null=True)),
        ReadsMeanwhile("post", "by", models.ForeignKey("auth.User", models.CASCADE, null=True)),
        migrations.AddIndex("post", models.Index(fields=["mark"], name="marks_of_posts")),
    )


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite locks the whole database")
def test_nobody_waits_while_the_statements_of_a_migration_are_computed(transactional_db, after_release):
    after_release["9901_adds_much"] = AddsMuch
    migrate()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname = 'marks_of_posts'")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE conname LIKE 'posts_post_by_id_%_fk_auth_user_id'")
        assert cursor.fetchone() == (1,)
        cursor.execute("ALTER TABLE posts_post DROP COLUMN mark, DROP COLUMN by_id")


def writes(apps, editor):
    apps.get_model("posts", "Post").objects.update(mark=1)


@pytest.mark.once
@pytest.mark.parametrize(
    "operations",
    [
        [migrations.RunPython(writes, writes)],
        [migrations.SeparateDatabaseAndState([migrations.RunPython(writes, writes)])],
        [
            migrations.AddField("note", "text", models.CharField(max_length=20, null=True)),
            migrations.AlterField("Note", "text", models.CharField(max_length=30, null=True)),
        ],
    ],
)
def test_a_migration_is_not_computed_beforehand_if_a_part_of_it_depends_on_what_was_done(operations):
    migration = migrations.Migration("0099_new", "posts")
    migration.operations = operations
    assert not is_all_sql(migration)
    migration.operations = [operations[-1]] if len(operations) > 1 else []
    assert is_all_sql(migration)


# What the previous version deletes


def delete_as_a_version_that_knows_only(row):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {row._meta.db_table} WHERE {row._meta.pk.column} = %s", [row.pk])


def test_a_version_that_does_not_know_the_tables_of_accounts_can_delete_one(transactional_db):
    user, post = get_user_model().objects.create_user("ada"), make_post()
    AccountState.objects.create(user=user)
    WebSession.objects.create(session_key="s", session_data="", expire_date="2026-01-01T00:00Z", user=user)
    Notification.objects.create(user=user, kind="returned", post=post)
    UnsavedText.objects.create(owner=user, post=post, window="w", fields=[])
    deployment = Deployment.objects.create(version="1", noted_by=user)
    delete_as_a_version_that_knows_only(user)
    assert not AccountState.objects.exists() and not WebSession.objects.exists()
    assert not Notification.objects.exists() and not UnsavedText.objects.exists()
    deployment.refresh_from_db()
    assert deployment.noted_by is None


def test_a_version_that_does_not_know_the_tables_of_posts_can_delete_one(transactional_db):
    post, linking = make_post(), make_post()
    text = post.head_revision
    Remark.objects.create(post=post, revision=text, fingerprint=text.fingerprint, author=person(), comment="Which one?")
    link = SourceLink.objects.create(post=linking, address="./other.md", target=post)
    with connection.cursor() as cursor:
        # What the previous version knows, it deletes itself.
        cursor.execute("UPDATE posts_post SET head_revision_id = NULL WHERE id = %s", [post.pk])
    delete_as_a_version_that_knows_only(post)
    assert list(Post.objects.all()) == [linking] and not Remark.objects.exists()
    link.refresh_from_db()
    assert link.target is None


# What lint refuses


def state_of(**fields):
    state = ProjectState()
    state.add_model(ModelState("posts", "Note", [("id", models.BigAutoField(primary_key=True)), *fields.items()]))
    return state


def faults(*operations, source="", post_deployment=False, **fields):
    migration = migrations.Migration("0099_new", "posts")
    migration.operations, migration.is_post_deployment = list(operations), post_deployment
    return list(faults_of(migration, state_of(**fields), source))


REFUSED = {
    "no db_default": migrations.AddField("note", "mark", models.IntegerField(default=0)),
    "writes its default twice": migrations.AddField("note", "mark", models.IntegerField(null=True, unique=True)),
    "still uses it": migrations.RemoveField("note", "text"),
    "becomes NOT NULL": migrations.AlterField("note", "text", models.CharField(max_length=20)),
    "becomes shorter": migrations.AlterField("note", "text", models.CharField(max_length=10, null=True)),
    "changes its type": migrations.AlterField("note", "text", models.IntegerField(null=True)),
    "rows that it refuses": migrations.AddConstraint(
        "note", models.UniqueConstraint(fields=["text"], name="text_once")
    ),
    "in SQL": migrations.RunSQL("ALTER TABLE posts_note DROP COLUMN text", reverse_sql=""),
    "can't be taken back": migrations.RunPython(lambda apps, editor: None),
    "refuses the deletion of auth.User": migrations.AddField(
        "note", "by", models.ForeignKey("auth.User", models.PROTECT, null=True)
    ),
}


@pytest.mark.once
@pytest.mark.parametrize("fault", REFUSED)
def test_lint_refuses_what_the_previous_version_can_not_run_on(fault):
    (found,) = faults(REFUSED[fault], text=models.CharField(max_length=20, null=True))
    assert fault in found


@pytest.mark.once
def test_lint_lets_a_migration_add_and_one_after_the_deployment_take_away():
    added = [
        migrations.AddField("note", "mark", models.IntegerField(default=0, db_default=0)),
        migrations.AddField("note", "by", models.ForeignKey("auth.User", models.CASCADE, null=True)),
        migrations.AlterField("note", "text", models.CharField(max_length=30, null=True)),
        migrations.CreateModel("Leaf", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddConstraint("leaf", models.UniqueConstraint(fields=["id"], name="leaf_once")),
    ]
    text = {"text": models.CharField(max_length=20, null=True)}
    assert faults(*added, source="from posts.models.fields import HashField\n", **text) == []
    assert faults(migrations.RemoveField("note", "text"), post_deployment=True, **text) == []
    assert faults(source="from posts.models import Post\n") == [
        "imports posts.models, which will change; copy what it needs"
    ]


@pytest.mark.once
def test_no_migration_since_the_last_release_has_a_fault_without_a_reason():
    assert findings() == []


# The release from which a rehearsal upgrades


@pytest.mark.once
def test_the_last_release_has_the_migration_that_is_named_with_it():
    named = base()
    commit = commit_of(named["release"])
    require_commit(commit)
    listed = ["git", "ls-tree", "--name-only", f"{commit}:posts/migrations"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert max(name for name in names if name[:4].isdigit()) == f"{named['migration']}.py"
    assert {"0.1.0", named["release"]} <= set(named)


@pytest.mark.once
def test_a_rehearsal_says_what_is_missing_for_it(tmp_path):
    with pytest.raises(SystemExit, match=r"names no release 0\.0\.9, only 0\.1\.0"):
        commit_of("0.0.9")
    # As in a shallow clone.
    with pytest.raises(SystemExit, match=r"The history lacks f{40}.* Fetch the whole history: git fetch --unshallow"):
        tree_of("f" * 40, tmp_path / "tree")
