"""Runs of an import: resuming, locking, rehearsals, limits, and files that change meanwhile."""

import contextlib
import gzip
import io
import json
import os
import signal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from posts.importing.locks import AlreadyRunning, source_lock
from posts.importing.pipeline import CHUNK_ROWS, TooManyRefused, import_posts, import_source
from posts.importing.publication import Hold
from posts.importing.readers import READERS
from posts.importing.readers.base import Reader, Row
from posts.importing.sources import Source, open_source
from posts.models import AuditEntry, ImportBatch, ImportIssue, Post, Revision
from posts.operations.slugs import DIGITS, distinct_slug
from posts.records.schema import Problem
from tests.factories import RecordFactory, import_records
from tests.sites import opened_by_other
from tests.torture.kills import lines_of, rich_record
from tests.waiting import PATIENT_SECONDS

pytestmark = pytest.mark.django_db

COUNTS = ["created", "updated", "unchanged", "conflict", "duplicate", "skipped", "refused"]


def counts(batch):
    return {count: getattr(batch, count) for count in COUNTS if getattr(batch, count)}


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("posts.importing.pipeline.CHUNK_ROWS", dict.fromkeys(CHUNK_ROWS, 10))


class Stopped(Exception):
    pass


def stop_after(lines):
    def on_chunk(batch):
        if batch.checkpoint_line >= lines:
            raise Stopped

    return on_chunk


def import_file(path, **options):
    with open_source(str(path)) as source:
        return import_source(source, **options)


@pytest.fixture
def stopped(tmp_path, small_chunks):
    """Return the path of a file of 50 records whose import stopped after line 20."""
    path = tmp_path / "posts.jsonl"
    path.write_text(lines_of(rich_record(number) for number in range(50)))
    with pytest.raises(Stopped):
        import_file(path, on_chunk=stop_after(20))
    batch = ImportBatch.objects.get()
    assert (batch.state, batch.checkpoint_line, Post.objects.count()) == ("stopped", 20, 20)
    return path


def test_a_stopped_import_goes_on_after_its_last_whole_chunk(stopped):
    batch = import_file(stopped)
    assert ImportBatch.objects.get() == batch
    assert (counts(batch), batch.attempts, batch.state) == ({"created": 50}, 2, "finished")
    assert counts(import_file(stopped)) == {"unchanged": 50}
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions)[:4] == ["import started", "import stopped", "import started", "import finished"]


def test_lines_that_were_added_meanwhile_come_in_with_the_rest(stopped):
    with open(stopped, "a") as file:
        file.write(lines_of(rich_record(number) for number in range(50, 55)))
    assert counts(import_file(stopped)) == {"created": 55}


@pytest.mark.parametrize("change", ["one byte", "shorter", "another file"])
def test_a_file_that_changed_before_the_checkpoint_is_not_gone_on_with(stopped, change, capsys):
    content = stopped.read_text()
    changed = {
        "one byte": content.replace("Paragraph 3.", "Paragraph 4."),
        "shorter": "".join(content.splitlines(keepends=True)[:15]),
        "another file": lines_of(RecordFactory() for _ in range(60)),
    }[change]
    stopped.write_text(changed)
    with pytest.raises(CommandError, match="--restart") as refusal:
        call_command("import_posts", str(stopped))
    assert refusal.value.returncode == 65 and "after line 20" in str(refusal.value)
    assert Post.objects.count() == 20
    call_command("import_posts", str(stopped), "--restart")
    assert ImportBatch.objects.count() == 2
    assert "unchanged" in capsys.readouterr().out


def test_an_identity_from_before_the_stop_is_still_a_duplicate_after_it(tmp_path, small_chunks):
    path = tmp_path / "twice.jsonl"
    rows = [rich_record(number) for number in range(30)] + [rich_record(3, title="Again"), rich_record(31)]
    path.write_text('{"source_id": "rich-00031"}\n' + lines_of(rows))
    with pytest.raises(Stopped):
        import_file(path, on_chunk=stop_after(20))
    batch = import_file(path)
    # The first line gives an identity too, but a refused row takes it from nobody.
    assert counts(batch) == {"created": 31, "duplicate": 1, "refused": 1}
    assert ImportIssue.objects.get(kind="duplicate").first_line == 5


def test_a_rehearsal_of_a_stopped_import_counts_what_going_on_does_and_writes_nothing(stopped):
    before = (list(ImportBatch.objects.values()), Revision.objects.count())
    rehearsal = counts(import_file(stopped, dry_run=True))
    assert (list(ImportBatch.objects.values()), Revision.objects.count()) == before
    assert rehearsal == counts(import_file(stopped))


def test_a_rehearsal_counts_duplicates_and_addresses_across_chunks_as_the_run_does(small_chunks):
    known = [RecordFactory(title="Same title") for _ in range(12)]
    import_records(*known)
    rows = [*known[:6], *[RecordFactory(title="Same title") for _ in range(15)], RecordFactory(title=7)]
    rows += [rows[0], {**known[7], "body": "Another."}, rows[9], RecordFactory(slug="same-title")]
    rehearsal = counts(import_records(*rows, dry_run=True))
    assert rehearsal == counts(import_records(*rows))
    assert rehearsal == {"created": 16, "updated": 1, "unchanged": 6, "duplicate": 2, "refused": 1}


def test_every_row_is_counted_once(small_chunks):
    rows = [RecordFactory() for _ in range(23)]
    batch = import_records(*rows, rows[0], {}, RecordFactory(title=1))
    assert batch.rows == 26 == sum(counts(batch).values())


def test_only_new_posts_come_in_when_only_those_are_asked_for():
    known = RecordFactory()
    import_records(known)
    batch = import_records({**known, "body": "Changed."}, RecordFactory(), only_new=True)
    assert counts(batch) == {"created": 1, "skipped": 1}
    assert sum(batch.skip_reasons.values()) == 1
    assert Post.objects.get(source_id=known["source_id"]).body == known["body"]


def test_more_refused_rows_than_allowed_stop_the_run_before_their_chunk_is_written(tmp_path, small_chunks, capsys):
    path = tmp_path / "bad.jsonl"
    rows = [rich_record(number) for number in range(30)]
    rows[14] = rows[16] = {"title": "no identity"}
    path.write_text(lines_of(rows))
    with pytest.raises(TooManyRefused):
        import_file(path, max_errors=1)
    batch = ImportBatch.objects.get()
    assert (batch.state, batch.checkpoint_line, Post.objects.count()) == ("stopped", 10, 10)
    assert "more than the limit of 1" in batch.message
    with pytest.raises(CommandError, match="limit of 1") as refusal:
        call_command("import_posts", str(path), "--max-errors", "1")
    assert refusal.value.returncode == 1
    assert counts(import_file(path, max_errors=2)) == {"created": 28, "refused": 2}


def test_a_request_to_stop_is_heard_at_the_next_chunk(tmp_path, small_chunks):
    path = tmp_path / "posts.jsonl"
    path.write_text(lines_of(rich_record(number) for number in range(30)))

    def ask(batch):
        ImportBatch.objects.filter(pk=batch.pk).update(stop_requested=True)

    with pytest.raises(Exception, match="on request after line 10"), open_source(str(path)) as source:
        import_source(source, on_chunk=ask)
    assert counts(import_file(path)) == {"created": 30}


def test_a_source_is_locked_while_it_is_imported_and_free_after_it():
    with source_lock("/some/file"):
        if connection.vendor == "sqlite":
            with pytest.raises(AlreadyRunning), source_lock("/some/file"):
                pass
        with source_lock("/another/file"):
            pass
    with source_lock("/some/file"):
        pass


def test_an_address_that_somebody_took_on_purpose_stops_no_import():
    wanted = RecordFactory(source_id="victim", slug="wanted")
    taken = [distinct_slug("wanted", "victim", digits) for digits in DIGITS]
    batch = import_records(*[RecordFactory(slug=slug) for slug in ["wanted", *taken]], wanted)
    assert counts(batch) == {"created": 5}
    assert Post.objects.get(source_id="victim").slug.startswith("wanted-")


class ListReader(Reader):
    """A format whose rows are no lines, such as a folder of files or an XML export."""

    format = "list"
    label = "A list"

    def rows(self):
        for number, item in enumerate(json.loads(self.stream.read()), 1):
            raw = json.dumps(item).encode()
            if item.get("kind") == "menu":
                yield Row(number, raw, skip_reason="is a menu entry")
            elif item.get("kind") == "broken":
                yield Row(number, raw[:5], problem=Problem("", "is broken."), is_cut=True, label="folder/broken.md")
            else:
                record = {"source_id": f"list:{item['name']}", "title": item["name"], "body": "Text."}
                former = tuple(item.get("former", ()))
                holds = (Hold("draft"),) if item.get("draft") else ()
                yield Row(number, raw, record["source_id"], record, holds=holds, former_slugs=former)

    @staticmethod
    def looks_like(head):
        return head[:1] == b"["


def test_a_reader_of_another_kind_gives_held_posts_redirects_and_skipped_rows(client, monkeypatch):
    monkeypatch.setitem(READERS, "list", ListReader)
    items = [
        {"name": "one", "former": ["old-one", "older-one"]},
        {"name": "two", "draft": True},
        {"kind": "menu"},
        {"kind": "broken"},
        {"name": "three", "former": ["old-one"]},
    ]

    def run():
        return import_source(Source("list", io.BytesIO(json.dumps(items).encode())), format="list")

    batch = run()
    assert counts(batch) == {"created": 3, "skipped": 1, "refused": 1}
    assert batch.skip_reasons == {"is a menu entry": 1}
    issue = ImportIssue.objects.get()
    assert (issue.label, issue.is_cut, issue.line) == ("folder/broken.md", True, 4)
    assert client.get("/posts/one/").status_code == 200
    assert client.get("/posts/two/").status_code == 404
    assert client.get("/posts/older-one/").url.endswith("/posts/one/")
    assert Post.objects.get(source_id="list:three").former_slugs.count() == 0
    assert counts(run()) == {"unchanged": 3, "skipped": 1, "refused": 1}


# With processes of their own


def test_an_interrupted_import_ends_at_once_says_how_to_go_on_and_goes_on(sites, tmp_path):
    site = sites.new()
    read, write = os.pipe()
    with site.start("import_posts", "-", stdin=read) as process, os.fdopen(write, "wb") as pipe:
        os.close(read)
        # More than a chunk, so that the run has something to tell, then silence.
        pipe.write(lines_of([*[{} for _ in range(2100)]]).encode())
        pipe.flush()
        assert "refused" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENT_SECONDS)
    assert process.returncode == 143
    last = errors.strip().splitlines()[-1]
    assert "Stopped by SIGTERM" in last and "Send the same input again" in last
    assert "Traceback" not in errors


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True])
def test_only_the_chunks_of_a_run_do_without_waiting_for_the_disk(fails):
    name, careful, quick = {
        "sqlite": ("PRAGMA synchronous", 2, 1),
        "postgresql": ("SHOW synchronous_commit", "local", "off"),
    }[connection.vendor]

    def setting():
        with connection.cursor() as cursor:
            cursor.execute(name)
            return cursor.fetchone()[0]

    seen = []

    def on_chunk(batch):
        seen.append(setting())
        if fails:
            raise Stopped

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Servers for tests wait for nothing anyway.
            cursor.execute("SET synchronous_commit = local")
        try:
            with contextlib.suppress(Stopped):
                import_posts(io.BytesIO(lines_of([rich_record(1)]).encode()), name="one", on_chunk=on_chunk)
            assert (seen, setting()) == ([quick], careful)
        finally:
            if connection.vendor == "postgresql":
                cursor.execute("RESET synchronous_commit")


def test_the_second_run_of_a_source_is_told_who_runs_it(sites, tmp_path):
    site = sites.new()
    path = tmp_path / "posts.jsonl"
    path.write_text(lines_of(rich_record(number) for number in range(60)))
    fifo = tmp_path / "hold"
    os.mkfifo(fifo)
    with site.start("import_posts", path, driver=["--hold", str(fifo)]) as first:
        # The first run, after its first chunk, opens the other end and waits until this one is closed.
        with opened_by_other(fifo, first):
            second = site.run("import_posts", path)
            assert second.returncode == 75
            assert "Import 1 of this source is running: started by a command on" in second.stderr
            assert f"process {first.pid}" in second.stderr and "Traceback" not in second.stderr
        first.communicate(timeout=PATIENT_SECONDS)
    assert first.returncode == 0
    assert site.ask("SELECT count(*) FROM posts_post") == [(60,)]


def test_of_runs_at_once_over_overlapping_files_each_post_comes_once(sites, tmp_path):
    site = sites.new()
    paths = []
    for start in (0, 60, 120):
        path = tmp_path / f"from-{start}.jsonl"
        # In opposite orders, so that two that wait for each other would meet.
        numbers = sorted(range(start, start + 150), reverse=start == 60)
        path.write_text(lines_of(rich_record(number) for number in numbers))
        paths.append(path)
    processes = [site.start("import_posts", path, driver=[]) for path in paths]
    for process in processes:
        _, errors = process.communicate(timeout=PATIENT_SECONDS)
        assert process.returncode == 0, errors
    assert site.ask("SELECT count(*), count(DISTINCT source_id) FROM posts_post") == [(270, 270)]
    assert site.ask("SELECT count(*) FROM posts_revision") == [(270,)]
    assert site.ask("SELECT sum(created), sum(unchanged) FROM posts_importbatch") == [(270, 180)]


def test_the_command_ends_with_one_line_when_the_file_is_cut_or_missing(tmp_path):
    whole = gzip.compress(lines_of(rich_record(number) for number in range(2000)).encode())
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CommandError, match="damaged gzip") as refusal:
        call_command("import_posts", str(cut))
    assert refusal.value.returncode == 66
    assert ImportBatch.objects.get().state == "stopped"
    with pytest.raises(CommandError, match="can't be read") as refusal:
        call_command("import_posts", str(tmp_path / "missing.jsonl"))
    assert refusal.value.returncode == 66


def test_a_small_file_that_unpacks_without_end_is_not_followed(tmp_path):
    bomb = tmp_path / "bomb.jsonl.gz"
    with gzip.open(bomb, "wb", compresslevel=9) as file:
        for _ in range(60):
            file.write(b"0" * (1 << 20))
    with pytest.raises(CommandError, match="250 times its size"):
        call_command("import_posts", str(bomb))
