"""Purging a post: no word of it stays in any table or folder, its address answers 410, and it does not come back."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as site_settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from posts.audit.chain import Verification, seal_entries
from posts.errors import NotAllowed, Refused
from posts.jobs import registered_jobs
from posts.links.scan import scan_links
from posts.models import AuditEntry, ImportBatch, ImportIssue, Notification, OutgoingMessage, Post, PurgedPost, Revision
from posts.operations import change_slug, flag_post, report_problem, schedule_release
from posts.operations.pictures import upload_picture
from posts.operations.preview_links import make_preview_link
from posts.operations.purge import FOLDERS, FOUND_OTHERWISE, NO_CONTENT, ROWS, purge_post
from posts.operations.schedule import Plan
from posts.operations.unsaved_texts import keep_unsaved_text
from posts.related.related_posts import find_stale_related_posts
from posts.rendering.images import uploaded_picture_address
from posts.search import search_posts
from tests.factories import RecordFactory, approve, edit, fresh, import_records, make_post, person

pytestmark = pytest.mark.django_db(transaction=True)
# Words that stand in no other post.
MARKS = ("zebraquartz", "Zebraquartz")


@pytest.fixture(autouse=True)
def folders(settings, tmp_path):
    settings.MEDIA_ROOT, settings.IMPORT_UPLOADS = tmp_path / "media", str(tmp_path / "uploads")
    Path(settings.IMPORT_UPLOADS).mkdir()
    settings.WEBHOOK_URLS = ["https://receiver.example/"]
    return tmp_path


def marked(**fields):
    """Return a record with the word in each of its texts."""
    return RecordFactory(
        source_id="zebraquartz-1",
        title="Zebraquartz kept in drawers",
        slug="zebraquartz-kept-in-drawers",
        intro="How zebraquartz is kept.",
        body="## Zebraquartz\n\nSee [the list](https://zebraquartz.example/list). Zebraquartz and zebraquartz.",
        summary="All about zebraquartz.",
        topic="zebraquartz",
        stack=["Go services", "zebraquartz"],
        tags=["zebraquartz"],
        checklist=["Wash the zebraquartz"],
        image_sources=[{"url": "https://images.unsplash.com/zebraquartz", "caption": "Zebraquartz"}],
        **fields,
    )


@pytest.fixture
def everywhere(folders):
    """Make a released post that left something in as many tables as a post can."""
    make_post(released=True, title="Quartz in general", stack=["Go services"])
    picture = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 40)).save(picture, "PNG")
    uploaded = upload_picture(picture.getvalue(), by=person("Editors"))
    upload = folders / "uploads" / "posts.jsonl"
    record = marked()
    upload.write_text(json.dumps(record))
    import_records(record)
    ImportBatch.objects.filter(source_name="test.jsonl").update(source_path=str(upload.resolve()))
    post = approve(Post.objects.get(source_id="zebraquartz-1"), comment="The zebraquartz is right.")
    body = f"{post.body}\n\n![]({uploaded_picture_address(uploaded.name)})"
    edit(post, body=body)
    post = approve(post)
    change_slug(post, "zebraquartz-in-drawers", by=person())
    edit(post, title="Zebraquartz kept in boxes")
    # A row of an import that conflicts with a person's edit keeps its text.
    import_records({**record, "summary": "Another zebraquartz."})
    flag_post(post, by=person("Staff"), note="Is the zebraquartz real?")
    report_problem(post, reason="facts", note="No zebraquartz.", address="192.0.2.1")
    post = fresh(post)
    make_preview_link(post.head_revision, by=person("Editors"), days=7, purpose="Zebraquartz team")
    keep_unsaved_text(
        post, [["title", "Zebraquartz unsaved"]], window="0123456789abcdef", replaces="", by=person("Editors")
    )
    Notification.objects.create(user=person(), kind="assigned", post=post, text="“Zebraquartz kept in boxes” waits")
    OutgoingMessage.objects.create(
        kind="mail",
        recipient="a@example.org",
        subject="Zebraquartz kept in boxes",
        body="/posts/zebraquartz-in-drawers/",
    )
    LogEntry.objects.create(user=person(), content_type=ContentType.objects.get_for_model(Post), object_id=str(post.pk),
                            object_repr=post.title, action_flag=CHANGE)  # fmt: skip
    for name in ("read new texts", "bring stored articles up to date", "rank new texts", "store pages"):
        registered_jobs()[name].task.call()
    find_stale_related_posts()
    scan_links()
    return Post.objects.get(pk=post.pk)


def rows_with(words):
    """Return the rows of any table, also of those without a model, in which one of the words stands."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                text = " ".join(
                    bytes(value).decode("latin-1") if isinstance(value, memoryview | bytes) else str(value)
                    for value in row
                )
                if any(word in text for word in words):
                    found.append((table, dict(zip(names, row, strict=True))))
    return found


@pytest.mark.once
def test_every_table_says_what_it_keeps_of_a_post():
    known = [*(table for table, _ in ROWS), *FOUND_OTHERWISE, *NO_CONTENT]
    ours = {model.__name__ for model in apps.get_app_config("posts").get_models(include_auto_created=True)}
    assert {name for name in known if "." not in name} == ours
    assert not {table for table, _ in ROWS} & {*FOUND_OTHERWISE, *NO_CONTENT}
    assert not FOUND_OTHERWISE.keys() & NO_CONTENT.keys()


@pytest.mark.once
def test_every_reference_to_a_post_or_a_revision_is_followed():
    followed = {(table, path.partition("__")[0]) for table, path in ROWS} | {
        # They forget the post, or other posts forget it.
        ("AuditEntry", "post"), ("AuditEntry", "revision"), ("SourceLink", "target"), ("Post", "replaced_by"),
        # A row of the post refers to its own revisions and decisions, which go after it.
        ("Post", "head_revision"), ("Post", "live_revision"), ("Post", "live_approval"), ("Release", "revision"),
        ("Release", "before"), ("ScheduledRelease", "revision"), ("Remark", "revision"), ("PreviewLink", "revision"),
        ("ListedText", "revision"), ("ApprovedPicture", "approval"),
    }  # fmt: skip
    for model in apps.get_app_config("posts").get_models():
        for field in model._meta.concrete_fields:
            if field.related_model in (Post, Revision, apps.get_model("posts.Review")):
                assert (model.__name__, field.name) in followed, (model, field.name)


@pytest.mark.once
def test_every_folder_of_the_site_is_known():
    # Programs, static files and numbers; parts of a request until its answer.
    of_the_site = {
        "BASE_DIR",
        "VAR_DIR",
        "STATIC_ROOT",
        "STATICFILES_DIRS",
        "METRICS_DIR",
        "WHITENOISE_ROOT",
        "FIXTURE_DIRS",
    }
    of_the_site |= {"FILE_UPLOAD_TEMP_DIR"}
    named = {
        name for name in dir(site_settings) if name.isupper() and name.endswith(("_DIR", "_ROOT", "_UPLOADS", "_DIRS"))
    }
    assert named - of_the_site == FOLDERS.keys()


def test_no_word_of_a_purged_post_stays_anywhere(everywhere, superuser, folders, settings):
    post, files = everywhere, [path for path in folders.rglob("*") if path.is_file()]
    tables = {table for table, _ in rows_with(MARKS)}
    assert len(tables) > 20 and len(files) == 2, tables
    seal_entries()
    numbers = set(AuditEntry.objects.filter(post=post).values_list("pk", flat=True))
    purge_post(post, by=superuser, why="A court ordered it.")
    seal_entries()
    # Lists are made again, without it.
    registered_jobs()["store pages"].task.call()
    told = OutgoingMessage.objects.get(subject="post.purged")
    assert json.loads(told.body)["data"] == {"source_id": "zebraquartz-1"}
    left = [(table, row) for table, row in rows_with(MARKS) if row.get("id") != told.pk or "outgoing" not in table]
    # Counts by stack and the change log have names of lists for a while.
    left = [(table, row) for table, row in left if table not in ("posts_pagechange", "posts_score")]
    assert left == []
    assert [path for path in folders.rglob("*") if path.is_file()] == []
    assert not search_posts("zebraquartz").posts
    # The trail still says who did what, and when, and agrees with its chain.
    assert AuditEntry.objects.filter(pk__in=numbers).count() == len(numbers)
    assert set(AuditEntry.objects.filter(pk__in=numbers).values_list("post_id", "revision_id")) == {(None, None)}
    assert [str(problem) for problem in Verification().problems()] == []
    entry = AuditEntry.objects.get(action="post purged")
    assert entry.made_by == superuser and "A court ordered it." in entry.detail
    # The other post is whole.
    assert Post.objects.get().is_live and search_posts("quartz").posts
    call_command("audit_indexing", every_page=True, stdout=io.StringIO())


def test_its_addresses_answer_410_for_ever_and_no_other_post_gets_them(everywhere, client):
    addresses = ["zebraquartz-in-drawers", "zebraquartz-kept-in-drawers"]
    purge_post(everywhere, by=None, why="x")
    for slug in addresses:
        for path in (f"/posts/{slug}/", f"/posts/{slug}.json", f"/api/posts/{slug}/"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["X-Robots-Tag"]) == (410, "noindex"), path
    taken = make_post(title="Zebraquartz in drawers", slug="zebraquartz-in-drawers")
    assert taken.slug != "zebraquartz-in-drawers"
    with pytest.raises(Refused):
        change_slug(taken, "zebraquartz-kept-in-drawers", by=person())
    assert client.get("/posts/zebraquartz-in-drawers/").status_code == 410


def test_a_path_of_its_old_site_is_gone_too(client):
    post = make_post(released=True)
    post.former_slugs.create(slug="/2019/zebraquartz")
    assert client.get("/2019/zebraquartz/").status_code == 301
    purge_post(post, by=None, why="x")
    assert client.get("/2019/zebraquartz/").status_code == 410
    assert client.get("/2019/another/").status_code == 404


def test_an_import_of_the_same_post_is_refused_and_keeps_nothing_of_it(everywhere):
    purge_post(everywhere, by=None, why="x")
    batch = import_records(marked(), RecordFactory(title="Something else"))
    assert (batch.created, batch.refused) == (1, 1)
    issue = ImportIssue.objects.get(batch=batch)
    assert "was purged here" in issue.problems[0][1] and issue.raw == ""
    assert not Post.objects.filter(source_id="zebraquartz-1").exists()


def test_a_large_import_brings_nothing_of_a_purged_post_back_either():
    post = make_post(title="Zebraquartz")
    purge_post(post, by=None, why="x")
    same, alike = RecordFactory(source_id=post.source_id), RecordFactory(slug=post.slug)
    batch = import_records(same, alike, *(RecordFactory() for _ in range(20)))
    assert (batch.created, batch.refused) == (21, 1)
    assert not Post.objects.filter(slug=post.slug).exists()


def test_a_text_that_readers_never_saw_leaves_no_sign_of_it(client):
    post = make_post()
    Post.objects.filter(pk=post.pk).update(first_batch=None, last_batch=None)
    purge_post(Post.objects.get(pk=post.pk), by=None, why="x")
    assert client.get(post.get_absolute_url()).status_code == 404
    assert PurgedPost.objects.get().was_public is False


def test_only_a_superuser_purges_and_only_with_a_reason(staff, superuser):
    post = make_post(released=True)
    with pytest.raises(NotAllowed):
        purge_post(post, by=staff, why="x")
    with pytest.raises(Refused, match="Say why"):
        purge_post(post, by=superuser, why=" ")
    ImportBatch.objects.filter(pk=post.last_batch_id).update(state=ImportBatch.State.STOPPED)
    with pytest.raises(Refused, match="is not finished"):
        purge_post(post, by=superuser, why="x")
    assert Post.objects.filter(pk=post.pk).exists()


def test_a_planned_release_and_a_kept_twin_go_along(superuser):
    kept, planned = make_post(released=True), approve(make_post(), release=False)
    schedule_release(
        planned, Plan("release", timezone.now() + timedelta(days=9), "UTC", revision=planned.head_revision), by=person()
    )
    other = make_post(withdrawn=True, released=True)
    Post.objects.filter(pk=other.pk).update(replaced_by=planned)
    purge_post(planned, by=superuser, why="x")
    assert Post.objects.get(pk=other.pk).replaced_by is None and Post.objects.get(pk=kept.pk).is_live


def test_the_page_says_what_goes_and_asks_for_the_identity(client, superuser):
    post = make_post(released=True)
    client.force_login(superuser)
    address = reverse("admin:posts_post_purge", args=[post.pk])
    assert address in client.get(reverse("admin:posts_post_change", args=[post.pk])).text
    assert "decisions" in client.get(address).text
    answer = client.post(address, {"act": "purge", "why": "It was asked for.", "source_id": "another"})
    assert answer.status_code == 422 and "It was asked for." in answer.text
    answer = client.post(
        address, {"act": "purge", "why": "It was asked for.", "source_id": post.source_id}, follow=True
    )
    assert "The post is purged" in answer.text and not Post.objects.exists()


def test_the_command_says_first_what_would_go(capsys):
    post = make_post(released=True)
    call_command("purge_post", post.source_id)
    assert "would go" in capsys.readouterr().out and Post.objects.exists()
    with pytest.raises(CommandError, match="Say why"):
        call_command("purge_post", post.source_id, purge=True)
    call_command("purge_post", post.source_id, purge=True, why="Asked by letter")
    assert not Post.objects.exists()
    with pytest.raises(CommandError, match="No post"):
        call_command("purge_post", post.source_id)


def test_a_picture_that_another_post_has_stays(folders):
    picture = io.BytesIO()
    Image.new("RGB", (60, 40), (20, 130, 40)).save(picture, "PNG")
    uploaded = upload_picture(picture.getvalue(), by=person("Editors"))
    body = f"Text.\n\n![]({uploaded_picture_address(uploaded.name)})"
    posts = [make_post(body=body), make_post(body=body)]
    purge_post(posts[0], by=None, why="x")
    assert default_storage.exists(uploaded.name)
    purge_post(posts[1], by=None, why="x")
    assert not default_storage.exists(uploaded.name)
