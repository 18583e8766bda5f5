"""Imports in the admin: upload, rehearse, run in a worker, watch, fix, roll back."""

import gzip
import json
import os
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from posts.importing import uploads
from posts.importing.uploads import remove_old_uploads
from posts.jobs import run_waiting_jobs
from posts.models import ImportBatch, ImportIssue, Post, PostTerm
from posts.operations import record_revision
from tests.factories import RecordFactory, approve, import_records, person
from tests.markdown_sources import zip_of
from tests.torture.kills import lines_of

pytestmark = pytest.mark.django_db

NEW = "/admin/posts/importbatch/new/"


@pytest.fixture
def folders(settings, tmp_path):
    """Use folders of this test alone for uploads and for the server's files."""
    settings.IMPORT_UPLOADS = str(tmp_path / "uploads")
    settings.IMPORT_DIR = str(tmp_path / "server")
    (tmp_path / "server").mkdir()
    return tmp_path


def uploaded(*records, name="posts.jsonl"):
    return SimpleUploadedFile(name, lines_of(records).encode())


def page(batch, name="change", *arguments):
    return reverse(f"admin:posts_importbatch_{name}", args=[batch.pk, *arguments])


def test_a_generator_is_suggested_only_where_no_machine_is_declared(client, staff, folders):
    client.force_login(staff)
    import_records(RecordFactory(payload={"generator": "writer-9"}))
    batch = ImportBatch.objects.get()
    suggestion = "or declare below who wrote all posts of this import"
    assert suggestion in client.get(page(batch)).content.decode()
    ImportBatch.objects.update(origin="trained_model")
    text = client.get(page(batch)).content.decode()
    assert "writer-9" in text and suggestion not in text


def test_a_finished_import_of_an_archive_is_at_its_end_and_a_rehearsal_holds_nothing_yet(client, staff, folders):
    client.force_login(staff)
    archive = zip_of(folders / "blog.zip", {"draft.md": "---\ntitle: Not yet\ndraft: true\n---\nText."})
    with open(archive, "rb") as upload:
        client.post(NEW, {"upload": upload, "site": "https://old.example/"})
    batch = ImportBatch.objects.get()
    client.post(page(batch, "act", "rehearse"))
    run_waiting_jobs()
    text = client.get(page(batch)).content.decode()
    assert "1 would come in held: Draft." in text and "came in held" not in text
    client.post(page(batch, "act", "start"))
    run_waiting_jobs()
    text = client.get(page(batch)).content.decode()
    assert client.get(page(batch, "progress")).json()["percent"] == 100
    assert '<strong data-progress="rows">1</strong> row, ' in text
    client.post(page(batch, "act", "roll-back"), {"why": "Wrong file."})
    run_waiting_jobs()
    assert client.get(page(batch, "progress")).json()["percent"] is None, "nothing of the file is being read"


def test_a_file_is_uploaded_rehearsed_imported_and_rolled_back(client, staff, folders):
    client.force_login(staff)
    known = RecordFactory()
    import_records(known)
    answer = client.post(
        NEW, {"upload": uploaded(known, RecordFactory(), {"source_id": "bad"}, name="../../evil.jsonl")}
    )
    batch = ImportBatch.objects.latest("pk")
    assert answer.url == page(batch) and batch.state == "waiting" and batch.started_by == staff
    # Stored under a name of ours, for its owner alone, whatever it was called.
    assert os.path.dirname(batch.source_path) == str(folders / "uploads") and "evil" not in batch.source_path
    assert os.stat(batch.source_path).st_mode & 0o777 == 0o600
    client.post(page(batch, "act", "rehearse"))
    run_waiting_jobs()
    assert Post.objects.count() == 1
    text = client.get(page(batch)).content.decode()
    assert "Importing would result in" in text and "refused; title is missing. Add it." in text
    client.post(page(batch, "act", "start"))
    client.post(page(batch, "act", "start"))
    assert "Import posts: waiting" in client.get(page(batch)).content.decode()
    run_waiting_jobs()
    batch.refresh_from_db()
    assert (batch.state, batch.created, batch.unchanged, batch.refused) == ("finished", 1, 1, 1)
    progress = client.get(page(batch, "progress")).json()
    assert (progress["state"], progress["percent"], progress["is_moving"]) == ("Finished", 100, False)
    text = client.get(page(batch, "rollback")).content.decode()
    assert "withdraws 1</strong>" in text and "sets" not in text.partition("what-happens")[2]
    client.post(page(batch, "act", "roll-back"), {"why": "Wrong file."})
    run_waiting_jobs()
    batch.refresh_from_db()
    assert (batch.state, batch.rollback["withdrawn"], batch.rollback["why"]) == ("rolled_back", 1, "Wrong file.")
    assert "Nothing was deleted" in client.get(page(batch)).content.decode()


def test_a_file_of_the_servers_folder_is_imported_and_nothing_else_of_the_server(client, staff, folders):
    client.force_login(staff)
    good = folders / "server" / "posts.jsonl.gz"
    good.write_bytes(gzip.compress(lines_of([RecordFactory()]).encode()))
    (folders / "secret.jsonl").write_text(lines_of([RecordFactory()]))
    os.symlink(folders / "secret.jsonl", folders / "server" / "link.jsonl")
    os.mkfifo(folders / "server" / "pipe.jsonl")
    listed = client.get(NEW).content.decode()
    assert "posts.jsonl.gz" in listed and "link.jsonl" not in listed and "pipe.jsonl" not in listed
    for name in ("link.jsonl", "pipe.jsonl", "../secret.jsonl", str(folders / "secret.jsonl"), "..", "a\x00b"):
        assert client.post(NEW, {"server_file": name}).status_code == 422
        with pytest.raises(uploads.FileRefused):
            uploads.server_file(name)
    assert not ImportBatch.objects.exists()
    client.post(NEW, {"server_file": "posts.jsonl.gz", "only_new": "on"})
    batch = ImportBatch.objects.get()
    client.post(page(batch, "act", "start"))
    run_waiting_jobs()
    batch.refresh_from_db()
    assert (batch.state, batch.created, batch.options) == ("finished", 1, {"only_new": True})


def test_an_import_of_a_folder_under_another_name_is_the_same_source_for_everybody(client, staff, folders, settings):
    client.force_login(staff)
    for name in ("server", "uploads"):
        (folders / name).mkdir(exist_ok=True)
        os.symlink(folders / name, folders / f"link to {name}")
    settings.IMPORT_DIR, settings.IMPORT_UPLOADS = (str(folders / f"link to {name}") for name in ("server", "uploads"))
    (folders / "server" / "posts.jsonl").write_text(lines_of([RecordFactory()]))
    client.post(NEW, {"server_file": "posts.jsonl"})
    client.post(NEW, {"upload": uploaded(RecordFactory())})
    listed, sent = ImportBatch.objects.order_by("pk")
    # The lock of a source hangs on this name: a run, its roll-back and a command must all use the same.
    assert listed.source_path == os.path.realpath(folders / "server" / "posts.jsonl")
    long_ago = os.stat(sent.source_path).st_mtime - 40 * 24 * 3600
    os.utime(sent.source_path, (long_ago, long_ago))
    assert remove_old_uploads() == 0


@pytest.mark.parametrize("content", [b"<html></html>", b"%PDF-1.7", b"", b"\x1f\x8bno gzip"])
def test_what_a_file_is_its_content_decides(client, staff, folders, content):
    client.force_login(staff)
    answer = client.post(NEW, {"upload": SimpleUploadedFile("posts.jsonl", content, "application/json")})
    assert answer.status_code == 422 and not ImportBatch.objects.exists()
    assert list((folders / "uploads").iterdir()) == []


def test_a_file_over_the_limit_is_refused_and_nothing_of_it_stays(client, staff, folders, monkeypatch):
    client.force_login(staff)
    record = lines_of([RecordFactory()]).encode()
    monkeypatch.setattr(uploads, "MAX_UPLOAD_BYTES", len(record))
    answer = client.post(NEW, {"upload": SimpleUploadedFile("posts.jsonl", record + b"\n")})
    assert answer.status_code == 422 and b"larger than" in answer.content
    assert list((folders / "uploads").iterdir()) == [] and not ImportBatch.objects.exists()
    assert client.post(NEW, {"upload": SimpleUploadedFile("posts.jsonl", record)}).status_code == 302


def test_old_uploads_go_but_not_under_an_import_that_can_go_on(client, staff, folders, settings):
    client.force_login(staff)
    for _ in range(2):
        client.post(NEW, {"upload": uploaded(RecordFactory())})
    waiting, done = ImportBatch.objects.order_by("pk")
    ImportBatch.objects.filter(pk=done.pk).update(state="finished")
    settings.IMPORT_UPLOAD_DAYS = 30
    assert remove_old_uploads() == 0
    for batch in (waiting, done):
        long_ago = os.stat(batch.source_path).st_mtime - 40 * 24 * 3600
        os.utime(batch.source_path, (long_ago, long_ago))
    assert remove_old_uploads() == 1
    assert os.path.exists(waiting.source_path) and not os.path.exists(done.source_path)
    # The person who starts it later is told.
    os.unlink(waiting.source_path)
    client.post(page(waiting, "act", "start"))
    run_waiting_jobs()
    waiting.refresh_from_db()
    assert waiting.state == "stopped" and "can't be read" in waiting.message


def test_refused_rows_are_shown_by_kind_downloaded_and_repaired(client, staff):
    client.force_login(staff)
    bad = [
        RecordFactory(score={"quality": 840}),
        RecordFactory(score={"quality": -1}),
        {"source_id": "x", "title": "T"},
    ]
    batch = import_records(*bad)
    text = client.get(page(batch)).content.decode()
    assert "2 × score.quality must be a number from 0 to 100." in text and "/score/quality" in text and ">840<" in text
    assert "1 × body is missing. Add it." in text and "1 refused: body is missing. Add it." in text
    lines = b"".join(client.get(page(batch, "rows", "refused")).streaming_content).splitlines()
    assert [json.loads(line) for line in lines] == bad
    issue = ImportIssue.objects.get(line=3)
    address = reverse("admin:posts_importissue_change", args=[issue.pk])
    for shown in (address, reverse("admin:posts_importissue_changelist")):
        assert "body is missing. Add it." in client.get(shown).content.decode()
    again = client.post(address, {"act": "repair", "text": '{"source_id": "x", "title": 8}'})
    assert again.status_code == 422 and "&quot;title&quot;: 8" in again.content.decode()
    client.post(address, {"act": "repair", "text": '{"source_id": "x", "title": "T", "body": "B"}'})
    assert Post.objects.get(source_id="x").first_batch == batch
    assert "Settled: repaired" in client.get(address).content.decode()


@pytest.fixture
def conflict():
    record = RecordFactory(body="First.", stack=["one"])
    import_records(record)
    post = Post.objects.get()
    record_revision(post, {**post.working_record(), "summary": "A person wrote this."}, by=person("Editors"))
    import_records({**record, "body": "The <script>machine</script> wrote that.", "stack": ["one", "two"]})
    return ImportIssue.objects.get(kind="conflict")


def test_a_conflict_shows_both_texts_and_is_settled_field_by_field(client, editor, conflict):
    client.force_login(editor)
    address = reverse("admin:posts_importissue_change", args=[conflict.pk])
    text = client.get(address).content.decode()
    assert "First." in text and "The &lt;script&gt;machine" in text and "A person wrote this." in text
    head = conflict.post.head_revision_id
    choices = {"act": "merge", "head": head, "choice-body": "incoming", "choice-summary": "current"}
    answer = client.post(address, choices)
    assert answer.status_code == 422 and "Choose a version of stack first" in answer.content.decode()
    mine = {"choice-stack": "mine", "mine-stack": '["one", '}
    assert "not JSON" in client.post(address, choices | mine).content.decode()
    moved = client.post(address, choices | mine | {"mine-stack": '["mine"]', "head": head - 1})
    assert moved.status_code == 409
    client.post(address, choices | mine | {"mine-stack": '["mine"]'})
    post = Post.objects.get()
    assert post.body == "The <script>machine</script> wrote that."
    assert (post.stack, post.summary, post.awaits_review) == (["mine"], "A person wrote this.", True)
    assert "Settled: merged" in client.get(address).content.decode()


@pytest.mark.parametrize(("act", "summary"), [("take", "How a worker leaves without losing a job."), ("dismiss", "A person wrote this.")])  # fmt: skip # noqa: E501
def test_a_conflict_is_taken_or_dismissed_whole(client, editor, conflict, act, summary):
    client.force_login(editor)
    address = reverse("admin:posts_importissue_change", args=[conflict.pk])
    client.post(address, {"act": act, "head": conflict.post.head_revision_id})
    assert Post.objects.get().summary == summary
    conflict.refresh_from_db()
    assert conflict.resolution == {"take": "taken", "dismiss": "dismissed"}[act]


@pytest.mark.parametrize("group", ["Editors", "Reviewers"])
def test_who_may_not_import_sees_imports_and_changes_nothing(client, group, folders):
    client.force_login(person(group))
    batch = import_records({"source_id": "bad"})
    assert client.get(page(batch)).status_code == 200
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, {"upload": uploaded(RecordFactory())}).status_code == 403
    assert client.get(page(batch, "rollback")).status_code == 403
    assert client.get(page(batch, "rows", "refused")).status_code == 403
    for act in ("start", "rehearse", "stop", "switch", "roll-back"):
        assert client.post(page(batch, "act", act)).status_code == 403
    address = reverse("admin:posts_importissue_change", args=[ImportIssue.objects.get().pk])
    assert client.post(address, {"act": "repair", "text": "{}"}).status_code in (403, 422)
    assert client.post(address, {"act": "leave-out"}).status_code == 403
    assert ImportIssue.objects.get().resolution == "" and ImportBatch.objects.get() == batch


def test_acts_on_an_import_need_a_post_and_addresses_that_exist(client, staff):
    client.force_login(staff)
    batch = import_records(RecordFactory())
    assert client.get(page(batch, "act", "start")).status_code == 405
    for number in ("999999", "12abc", "-1", str(2**63), "../1"):
        for tail in ("change/", "progress/", "rows/refused/", "roll-back/"):
            assert client.get(f"/admin/posts/importbatch/{number}/{tail}").status_code == 404
    assert client.post(page(batch, "act", "unknown")).status_code == 404


def test_the_switch_of_an_import_counts_at_once_and_lists_follow_in_the_background(client, staff):
    record = RecordFactory()
    batch = import_records(record)
    post = approve(Post.objects.get(source_id=record["source_id"]))
    client.force_login(staff)
    client.post(page(batch, "act", "switch"), {"index": "closed"})
    assert not Post.objects.indexable().exists() and PostTerm.objects.filter(post=post).exists()
    run_waiting_jobs()
    assert not PostTerm.objects.filter(post=post).exists()
    client.post(page(batch, "act", "switch"), {"index": "open"})
    assert Post.objects.indexable().exists()
    run_waiting_jobs()
    assert PostTerm.objects.filter(post=post).exists()


def test_the_page_of_an_import_costs_the_same_whatever_it_holds(client, staff, django_assert_max_num_queries):
    client.force_login(staff)
    batch = import_records(*[{"source_id": f"bad-{number}"} for number in range(60)])
    with django_assert_max_num_queries(19):
        client.get(page(batch))


def test_a_folder_of_the_server_comes_in_by_a_mapping_and_its_report_tells_kinds_apart(client, staff, folders):
    client.force_login(staff)
    site = folders / "server" / "site"
    (site / "posts").mkdir(parents=True)
    (site / "posts" / "a.md").write_text("---\nlevel: hard\n---\nA <b>text</b>.")
    (site / "posts" / "b.md").write_text("---\ndraft: true\n---\nB.")
    (site / "posts" / "c.md").write_text("---\na: [\n---\nC.")
    (site / "plan.png").write_bytes(b"x")
    (folders / "outside").mkdir()
    os.symlink(folders / "outside", folders / "server" / "way-out")
    listed = client.get(NEW).content.decode()
    assert "site (folder)" in listed and "way-out" not in listed
    for name in ("way-out", "..", "../outside", ""):
        assert client.post(NEW, {"server_file": name}).status_code == 422
    answer = client.post(NEW, {"server_file": "site", "mapping": "fields: {level: nonsense}"})
    assert answer.status_code == 422 and "can't be mapped to" in unescape(answer.content.decode())
    assert not ImportBatch.objects.exists()
    client.post(NEW, {"server_file": "site", "mapping": "site: https://old.example.org\r\nfields: {level: difficulty}"})
    batch = ImportBatch.objects.get()
    assert (batch.format, batch.source_bytes) == ("markdown", None)
    assert batch.options == {"mapping": {"site": "https://old.example.org", "fields": {"level": "difficulty"}}}
    client.post(page(batch, "act", "rehearse"))
    run_waiting_jobs()
    text = client.get(page(batch)).content.decode()
    assert "difficulty ← level, difficulty" in text and "&quot;difficulty&quot;: &quot;hard&quot;" in text
    assert "A &lt;b&gt;text&lt;/b&gt;." in text and "posts/b.md, held" in text and not Post.objects.exists()
    client.post(page(batch, "act", "start"))
    run_waiting_jobs()
    batch.refresh_from_db()
    assert (batch.state, batch.created, batch.skipped, batch.refused) == ("finished", 2, 1, 1)
    text = " ".join(client.get(page(batch)).content.decode().split())
    assert "post, draft" in text and "1 refused: The front matter is not valid YAML" in text
    assert "1 skipped: is not a Markdown file." in text
    assert Post.objects.get(slug="a").source_id == "old.example.org:posts/a.md"


def test_an_archive_and_a_single_text_are_uploaded_and_imported(client, staff, folders):
    client.force_login(staff)
    archive = zip_of(folders / "notes.zip", {"a.md": "A.", "b.md": "B."})
    with open(archive, "rb") as file:
        client.post(NEW, {"upload": SimpleUploadedFile("notes.zip", file.read())})
    client.post(NEW, {"upload": SimpleUploadedFile("2021-03-04-plan.md", b"---\ntitle: Plan\n---\nText.")})
    for batch in ImportBatch.objects.all():
        client.post(page(batch, "act", "start"))
    run_waiting_jobs()
    assert list(ImportBatch.objects.order_by("pk").values_list("state", "created")) == [
        ("finished", 2),
        ("finished", 1),
    ]
    identities = set(Post.objects.values_list("source_id", flat=True))
    assert identities == {"notes:a.md", "notes:b.md", "2021-03-04-plan.md"}


def test_a_damaged_archive_stops_with_a_reason_that_the_admin_shows(client, staff, folders):
    client.force_login(staff)
    client.post(NEW, {"upload": SimpleUploadedFile("notes.zip", b"PK\x03\x04 and no end")})
    batch = ImportBatch.objects.get()
    client.post(page(batch, "act", "start"))
    run_waiting_jobs()
    assert "notes.zip is a damaged zip archive. Download it again." in client.get(page(batch)).content.decode()
