import gzip
import io
import json

import pytest
from django.core.management import CommandError, call_command

from posts.importing.pipeline import import_posts
from posts.models import ImportBatch, ImportIssue, Post, Revision
from posts.operations import withdraw_post
from tests.factories import RecordFactory, approve, edit, import_records

pytestmark = pytest.mark.django_db

COUNTS = ["created", "updated", "unchanged", "conflict", "duplicate", "refused"]


def counts(batch):
    return {count: getattr(batch, count) for count in COUNTS if getattr(batch, count)}


def test_a_second_run_of_a_file_changes_nothing():
    records = [RecordFactory() for _ in range(3)]
    assert counts(import_records(*records)) == {"created": 3}
    before = list(Post.objects.order_by("pk").values())
    assert counts(import_records(*records)) == {"unchanged": 3}
    assert list(Post.objects.order_by("pk").values()) == before
    assert Revision.objects.count() == 3


def test_a_changed_row_becomes_a_new_proposed_text_and_no_live_byte_changes(client):
    record = RecordFactory(revision={"version": "1.4.7"})
    import_records(record)
    post = approve(Post.objects.get())
    page = client.get(post.get_absolute_url()).content
    assert counts(import_records({**record, "body": "A new body."})) == {"updated": 1}
    post.refresh_from_db()
    assert client.get(post.get_absolute_url()).content == page
    assert (post.head_revision.version, post.head_revision.status) == ("1.4.8", "drafted")
    assert post.body == "A new body." and post.awaits_review


def test_an_update_keeps_the_key_of_each_image_and_checklist_item_that_stays_as_it_is():
    images = [{"url": f"https://placehold.co/{n}00x100", "alt": f"Image {n}", "credit": {"by": n}} for n in (1, 2, 3)]
    record = RecordFactory(image_sources=images, checklist=["One.", "Two."])
    import_records(record)
    post = Post.objects.get()
    before = dict(post.images.values_list("alt", "pk")) | dict(post.checklist_items.values_list("text", "pk"))
    changed = [images[0], {**images[1], "alt": "Another"}, {**images[2], "credit": {"by": 4}}]
    assert counts(import_records({**record, "image_sources": changed, "checklist": ["One.", "Two.", "Three."]})) == {
        "updated": 1
    }
    after = dict(post.images.values_list("alt", "pk")) | dict(post.checklist_items.values_list("text", "pk"))
    assert list(after) == ["Image 1", "Another", "Image 3", "One.", "Two.", "Three."]
    assert [name for name, key in after.items() if before.get(name) == key] == ["Image 1", "One.", "Two."]
    assert [image.extra for image in post.images.all()] == [{"credit": {"by": n}} for n in (1, 2, 4)]
    assert counts(import_records({**record, "image_sources": changed[:1], "checklist": []})) == {"updated": 1}
    assert [image.pk for image in post.images.all()] == [before["Image 1"]]
    assert not post.checklist_items.exists()


def test_what_a_person_edited_since_is_never_overwritten():
    record = RecordFactory()
    import_records(record)
    post = Post.objects.get()
    edit(post, summary="A person wrote this.")
    batch = import_records({**record, "summary": "The machine wrote that."})
    assert counts(batch) == {"conflict": 1}
    post.refresh_from_db()
    assert post.summary == "A person wrote this."
    kept = ImportIssue.objects.get(kind="conflict")
    assert kept.post == post and "The machine wrote that." in kept.raw


def test_the_incoming_text_that_a_person_wrote_already_is_no_conflict():
    record = RecordFactory()
    import_records(record)
    edit(Post.objects.get(), summary="Both wrote this.")
    assert counts(import_records({**record, "summary": "Both wrote this."})) == {"unchanged": 1}
    assert counts(import_records({**record, "summary": "And the machine went on."})) == {"updated": 1}


def test_claims_and_view_counts_are_refreshed_without_a_revision():
    record = RecordFactory(view_count=5, flags={"has_images": 0})
    import_records(record)
    assert counts(import_records({**record, "view_count": 9, "hash": "abc"})) == {"unchanged": 1}
    post = Post.objects.get()
    assert (post.view_count, post.claimed_hash, post.revisions.count()) == (9, "abc", 1)


@pytest.mark.parametrize("apart", [1, 300])
def test_of_equal_identities_in_a_file_the_first_wins_and_both_lines_are_named(apart):
    first = RecordFactory(source_id="twice", title="First")
    others = [RecordFactory() for _ in range(apart - 1)]
    batch = import_records(first, *others, RecordFactory(source_id="twice", title="Second"))
    assert counts(batch) == {"created": apart, "duplicate": 1}
    assert Post.objects.get(source_id="twice").title == "First"
    issue = ImportIssue.objects.get(kind="duplicate")
    assert (issue.first_line, issue.line) == (1, apart + 1)


def test_a_bad_row_stops_nothing_and_is_kept_with_line_pointer_and_reason():
    lines = [
        json.dumps(RecordFactory()).encode(),
        b'{"source_id": "bad", "title": 7, "body": "b"}',
        b"not json",
        b'{"source_id": "nul", "title": "a\\u0000", "body": "b"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"[1, 2]",
        b"",
        json.dumps(RecordFactory()).encode(),
    ]
    batch = import_posts(io.BytesIO(b"\n".join(lines)), name="mixed")
    assert counts(batch) == {"created": 2, "refused": 6}
    kept = {issue.line: issue.problems[0] for issue in ImportIssue.objects.all()}
    assert sorted(kept) == [2, 3, 4, 5, 6, 7]
    assert kept[2] == ["/title", "must be text, in double quotes."]
    assert kept[4][0] == "/title" and "NUL" in kept[4][1]
    assert "not a record" in kept[7][1]


def test_a_line_of_a_hundred_megabytes_is_refused_in_flat_memory():
    import tracemalloc

    class Huge(io.RawIOBase):
        """100 MB of one line between two good records, made as it is read."""

        def __init__(self):
            good = [json.dumps(RecordFactory()).encode() + b"\n" for _ in range(2)]
            self.pieces = iter([good[0], *[b"x" * (1 << 20)] * 100, b"\n", good[1]])

        def readable(self):
            return True

        def readinto(self, buffer):
            piece = next(self.pieces, b"")
            buffer[: len(piece)] = piece
            return len(piece)

    stream = io.BufferedReader(Huge(), buffer_size=2 << 20)
    tracemalloc.start()
    batch = import_posts(stream, name="huge")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts(batch) == {"created": 2, "refused": 1}
    assert "104,857,60" in ImportIssue.objects.get().problems[0][1]
    assert peak < 40 * 1024 * 1024


def test_a_rehearsal_counts_what_the_run_does_and_writes_nothing():
    known = RecordFactory()
    import_records(known)
    records = [known, RecordFactory(source_id="x"), RecordFactory(source_id="x"), RecordFactory(title=7)]
    rehearsal = counts(import_records(*records, dry_run=True))
    assert (Post.objects.count(), ImportBatch.objects.count(), ImportIssue.objects.count()) == (1, 1, 0)
    assert rehearsal == counts(import_records(*records)) == {"created": 1, "unchanged": 1, "duplicate": 1, "refused": 1}


def test_an_import_sets_no_field_outside_the_schema():
    import_records(
        RecordFactory(
            is_superuser=True,
            live_revision_id=1,
            held=False,
            first_published_at="2020-01-01",
            status="approved",
            indexable=True,
            noindex=False,
            revision={"status": "approved", "version": "9.9.9", "last_reviewed": "2026-01-01"},
        )
    )
    post = Post.objects.get()
    assert (post.live_revision, post.first_published_at, post.is_indexable) == (None, None, False)
    assert post.head_revision.status == "drafted"
    assert post.extra["live_revision_id"] == 1


def test_two_posts_that_ask_for_one_address_get_two():
    import_records(RecordFactory(title="Same title"), RecordFactory(title="Same title"))
    import_records(RecordFactory(title="Same title"))
    slugs = list(Post.objects.values_list("slug", flat=True))
    assert len(set(slugs)) == 3 and all(slug.startswith("same-title") for slug in slugs)


def test_a_withdrawn_post_stays_withdrawn_when_it_is_imported_again():
    record = RecordFactory()
    import_records(record)
    post = approve(Post.objects.get())
    withdraw_post(post, by=None)
    import_records({**record, "body": "New."})
    post.refresh_from_db()
    assert post.withdrawn_at and not post.is_listed


def test_the_command_reads_gzip_and_standard_input_and_ends_in_an_error_if_a_row_was_refused(
    tmp_path, capsys, monkeypatch
):
    packed = tmp_path / "posts.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(RecordFactory()).encode() + b"\n{}\n"))
    with pytest.raises(CommandError, match="1 row"):
        call_command("import_posts", str(packed))
    output = capsys.readouterr()
    assert "1 created" in output.out
    assert "line 2: refused: title is missing" in output.err
    assert "1 refused: source_id is missing. Add it." in output.out

    class Input:
        buffer = io.BufferedReader(io.BytesIO(json.dumps(RecordFactory()).encode()))

    monkeypatch.setattr("sys.stdin", Input)
    call_command("import_posts", "-")
    assert "1 created" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.jsonl", None, "can't be read"),
        ("cut.gz", gzip.compress(b"{}\n" * 100, mtime=0)[:20], "damaged gzip"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_clear_line(tmp_path, name, content, message):
    path = tmp_path / name
    if content:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=message):
        call_command("import_posts", str(path))


def test_an_export_comes_back_with_equal_fingerprints(tmp_path):
    record = RecordFactory(
        payload={"z": 1.5, "a": [True, None]},
        ai_outline={"b": "1", "a": "2"},
        checklist=["tick"],
        extra_key="kept",
        image_sources=[{"url": "https://placehold.co/1x1", "caption": "c", "camera": "none"}],
        revision={"version": "2.0.1"},
        view_count=12,
        hash="abc",
        flags={"has_images": 1, "odd": "x"},
    )
    import_records(record, RecordFactory())
    call_command("export_posts", "--output", str(tmp_path / "out.jsonl"))
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    exported = next(json.loads(line) for line in lines if record["source_id"] in line)
    assert {**record, "slug": exported["slug"]} == exported
    before = set(Revision.objects.values_list("fingerprint", flat=True))
    batch = import_records(*map(json.loads, lines))
    assert counts(batch) == {"unchanged": 2}
    assert set(Revision.objects.values_list("fingerprint", flat=True)) == before


def test_the_live_export_holds_what_readers_see(capfdbinary):
    import_records(RecordFactory(source_id="live", summary="Approved."), RecordFactory(source_id="waiting"))
    post = approve(Post.objects.get(source_id="live"))
    edit(post, summary="Not approved yet.")
    call_command("export_posts", "--live")
    records = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(record["source_id"], record["summary"]) for record in records] == [("live", "Approved.")]
