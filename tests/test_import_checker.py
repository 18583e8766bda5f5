"""Rows of an import are checked in a child process, with the same result as here."""

import json
import os
import signal
import threading

import pytest

from posts.importing import checking, pipeline, sources
from posts.importing.checking import Checker
from posts.importing.publication import Hold
from posts.importing.readers.base import Row
from posts.models import ImportBatch, Post
from tests.factories import RecordFactory

pytestmark = pytest.mark.once


RECORDS = [
    RecordFactory(source_id="plain", published_on="2024-05-06"),
    RecordFactory(source_id="held", draft=True),
    RecordFactory(source_id="paused", payload={"generator": "tired"}),
    {"source_id": "bad", "title": 7},
    RecordFactory(source_id="known"),
]
LINES = [json.dumps(record).encode() for record in RECORDS]
LINES += [b'{"source_id": "twice", "title": "T", "body": "B", "title": "T"}', b"no JSON"]


def rows():
    """Return rows of every kind."""
    found = [Row(number, line, f"id {number}") for number, line in enumerate(LINES, 1)]
    return [*found, Row(9, b"", skip_reason="is in the trash")]


def paused(generator):
    return [Hold("paused", "tired")] if generator == "tired" else []


def checked(checker, known):
    incoming, refused = checker.submit(rows(), known, paused=paused, more=True)()
    return incoming, [(issue.line, issue.problems, issue.raw) for issue in refused]


@pytest.fixture
def known():
    with Checker(ImportBatch(), only_new=False) as checker:
        incoming, _ = checker.submit(rows(), {}, paused=paused, more=False)()
    return {"id 5": next(item.line_hash for item in incoming if item.source_id == "known")}


@pytest.fixture
def forking(monkeypatch):
    monkeypatch.setattr(checking, "_can_fork", lambda: True)


def test_a_child_process_finds_the_same_as_a_thread(known, monkeypatch):
    monkeypatch.setattr(checking, "PIECE_ROWS", 2)
    found = []
    for forks in (False, True):
        monkeypatch.setattr(checking, "_can_fork", lambda forks=forks: forks)
        with Checker(ImportBatch(), only_new=False) as checker:
            # Twice: the second chunk goes to the child that the first one started.
            found += [checked(checker, known), checked(checker, known)]
            assert (checker._child is not None) is forks
    assert found[0] == found[1] == found[2] == found[3]
    incoming, refused = found[0]
    assert len(incoming) == 5 and [line for line, *_ in refused] == [4, 7]
    assert [hold.reason for item in incoming[1:3] for hold in item.holds] == ["draft", "paused"]
    assert incoming[4].row.warnings and incoming[3].outcome == "unchanged"


def test_an_import_goes_on_without_a_child_that_the_system_ended(known, forking):
    with Checker(ImportBatch(), only_new=False) as checker:
        before = checked(checker, known)
        os.kill(checker._child._pid, signal.SIGKILL)
        assert checked(checker, known) == before


def test_the_child_ends_with_its_parent(known, forking):
    with Checker(ImportBatch(), only_new=False) as checker:
        checked(checker, known)
        pid = checker._child._pid
        # All that a killed parent still does.
        checker._child._pipe.close()
        assert os.waitpid(pid, 0) == (pid, 0)


def test_no_child_is_left_after_an_import(known, forking):
    with Checker(ImportBatch(), only_new=False) as checker:
        checker.submit(rows(), known, paused=paused, more=True)
        pid = checker._child._pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(("load", "forks"), [(0.9, True), (2.0, False)])
def test_a_child_is_started_only_if_a_processor_is_free(load, forks, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    assert checking._can_fork() is forks


@pytest.fixture
def long_file(monkeypatch, tmp_path):
    """Return a file of twelve posts that is long by these settings: two of them are much, and the rest is read late."""
    monkeypatch.setattr(checking, "_can_fork", lambda: False)
    monkeypatch.setattr(pipeline, "BYTES_FOR_CHILD", 0)
    monkeypatch.setattr(sources, "READ_AT_ONCE", 1)
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(json.dumps(RecordFactory()) + "\n" for _ in range(12)))
    return str(path)


def lines_after_chunks(path, *, stop_after=0):
    """Import a file; return the line of the checkpoint after each chunk. stop_after: fail at this line."""
    lines = []

    def on_chunk(batch):
        lines.append(batch.checkpoint_line)
        if batch.checkpoint_line == stop_after:
            raise RuntimeError

    with sources.open_source(path) as source:
        pipeline.import_source(source, on_chunk=on_chunk)
    return lines


@pytest.mark.django_db
def test_the_first_chunks_of_a_long_import_are_short_so_that_writing_begins_soon(long_file, monkeypatch):
    monkeypatch.setattr(pipeline, "CHUNK_ROWS", dict.fromkeys(pipeline.CHUNK_ROWS, 4))
    monkeypatch.setattr(pipeline, "FIRST_ROWS", 1)
    assert lines_after_chunks(long_file) == [1, 3, 7, 11, 12]


@pytest.mark.django_db
def test_an_import_that_is_stopped_while_it_reads_ahead_goes_on_after_its_last_chunk(long_file, monkeypatch):
    monkeypatch.setattr(pipeline, "CHUNK_ROWS", dict.fromkeys(pipeline.CHUNK_ROWS, 2))
    with pytest.raises(RuntimeError):
        lines_after_chunks(long_file, stop_after=4)
    assert (Post.objects.count(), ImportBatch.objects.get().checkpoint_line) == (4, 4)
    assert lines_after_chunks(long_file) == [6, 8, 10, 12]
    assert (Post.objects.count(), ImportBatch.objects.get().created) == (12, 12)


@pytest.mark.django_db
@pytest.mark.parametrize(("bytes_for_child", "forks"), [(pipeline.BYTES_FOR_CHILD, False), (0, True)])
def test_a_child_is_started_only_if_much_is_left_to_read(bytes_for_child, forks, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(checking, "_can_fork", lambda: asked.append(True))
    monkeypatch.setattr(pipeline, "CHUNK_ROWS", dict.fromkeys(pipeline.CHUNK_ROWS, 1))
    monkeypatch.setattr(pipeline, "BYTES_FOR_CHILD", bytes_for_child)
    monkeypatch.setattr(sources, "READ_AT_ONCE", 1)
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(json.dumps(RecordFactory(body="Words. " * 9000)) + "\n" for _ in range(3)))
    with sources.open_source(str(path)) as source:
        assert pipeline.import_source(source).created == 3
    assert bool(asked) is forks
