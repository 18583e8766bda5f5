import dataclasses
import os
import random
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from posts.content_checks import scan as texts
from posts.content_checks.scan import scan_new_texts
from posts.content_checks.tasks import read_new_texts
from posts.db.shared_walk import SharedWalk
from posts.jobs import enqueue_once
from posts.jobs.helpers import ask_for_help
from posts.jobs.worker import Lane
from posts.models import (
    CheckResult,
    JobRun,
    JobWorker,
    Neighbour,
    QueueEntry,
    SketchBand,
    StaleNeighbours,
    Term,
    TextScan,
    TextSketch,
    TextTwin,
    WalkPart,
)
from posts.related import near_duplicates, related_posts
from posts.related.near_duplicates import sketch_posts
from posts.related.related_posts import find_stale_related_posts
from posts.review_queue import ranking
from posts.review_queue.ranking import rank_read_texts
from tests import sample_jobs
from tests.factories import approve, make_post
from tests.page_processes import database_url
from tests.sites import ROOT
from tests.waiting import PATIENT_SECONDS

IS_SQLITE = "sqlite" in settings.DATABASES["default"]["ENGINE"]
WALK = SharedWalk("of a test", lambda _: Term.objects.all(), 2)
KILLED = """
import os, signal
import django
django.setup()
from tests.test_shared_walks import WALK
WALK.work_off(lambda keys: os.kill(os.getpid(), signal.SIGKILL))
"""


def make_terms(count):
    Term.objects.bulk_create(Term(kind="tool", key=f"tool-{number}", name=f"Tool {number}") for number in range(count))
    return list(Term.objects.order_by("pk").values_list("pk", flat=True))


def together(*functions):
    """Call functions in threads at once; raise what one of them raised."""
    barrier, raised = threading.Barrier(len(functions)), []

    def one(function):
        barrier.wait()
        try:
            function()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def text(seed):
    words = [f"word{number}" for number in range(4000)]
    return " ".join(random.Random(seed).choices(words, k=120))


def lease_is_over():
    WalkPart.objects.update(leased_until=timezone.now() - timedelta(hours=1))


@pytest.mark.django_db(transaction=True)
def test_workers_that_share_a_walk_have_each_key_once():
    keys, had = make_terms(23), []
    together(*[lambda: WALK.work_off(lambda part: had.append(part) or len(part)) for _ in range(3)])
    # Each begins behind the newest key that any of them had.
    assert sorted(key for part in had for key in part) == keys
    assert max(map(len, had)) == 2 and not WalkPart.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_part_of_a_killed_worker_goes_to_another_one_when_its_lease_is_over():
    keys, had = make_terms(5), []
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert WALK.work_off(lambda part: had.append(part) or len(part)) == 3
    assert had == [keys[2:4], keys[4:]]
    lease_is_over()
    assert WALK.work_off(lambda part: had.append(part) or len(part)) == 2
    assert had[2:] == [keys[:2]]
    assert WALK.work_off(len) == 0


@pytest.mark.once
def test_work_that_fails_is_done_first_in_the_next_run(db):
    keys, had = make_terms(3), []

    def fail(part):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        WALK.work_off(fail)
    WALK.work_off(lambda part: had.append(part) or len(part))
    assert had == [keys[:2], keys[2:]]


@pytest.mark.once
def test_a_part_that_another_worker_has_taken_over_is_not_counted_twice(db):
    make_terms(2)

    def lose(part):
        lease_is_over()
        assert WALK.work_off(len, joins=True) == 2
        return len(part)

    WALK.work_off(lose)
    assert TextScan.objects.get(name=WALK.name).done == 2


@pytest.mark.once
def test_a_pass_from_the_start_leaves_out_what_another_worker_has(db):
    walk, keys, had = dataclasses.replace(WALK, begin=lambda _: 0), make_terms(5), []

    def begin_again(part):
        had.append(part)
        if len(had) == 1:
            walk.work_off(begin_again)
        return len(part)

    walk.work_off(begin_again)
    assert had == [keys[:2], keys[2:4], keys[4:]]


@pytest.mark.once
def test_a_pass_that_waits_begins_when_nobody_works_on_the_last_one(db):
    walk, keys, had = dataclasses.replace(WALK, begin=lambda _: 0, waits=True), make_terms(2), []

    def begin_again(part):
        had.append(part)
        assert walk.work_off(begin_again) == 0
        return len(part)

    walk.work_off(begin_again)
    assert had == [keys]
    assert walk.work_off(len) == 2


def snapshot():
    """Return what the three walks write, without keys and times."""
    heads = dict(QueueEntry.objects.values_list("pk", "is_complete"))
    return {
        "checks": sorted(CheckResult.objects.values_list("fingerprint", "checks_key", "stops", "advises")),
        "sketches": sorted((pk, mark, bytes(one)) for pk, mark, one in
                           TextSketch.objects.values_list("pk", "fingerprint", "signature")),
        "bands": sorted(SketchBand.objects.values_list("key", "post")),
        "twins": sorted(TextTwin.objects.values_list("post", "twin", "similarity", "is_first")),
        "related": sorted(Neighbour.objects.values_list("post", "rank", "neighbour")),
        "queue": heads,
        "points": sorted(QueueEntry.objects.values_list("pk", "text_points")),
    }  # fmt: skip


@pytest.mark.skipif(IS_SQLITE, reason="about PostgreSQL: SQLite has one worker")
@pytest.mark.django_db(transaction=True)
def test_two_workers_leave_what_one_leaves(monkeypatch):
    monkeypatch.setattr(texts, "NEW_TEXTS", dataclasses.replace(texts.NEW_TEXTS, size=3))
    monkeypatch.setattr(ranking, "READ_TEXTS", dataclasses.replace(ranking.READ_TEXTS, size=3))
    monkeypatch.setitem(related_posts.CHUNK, connection.vendor, 2)
    for number in range(8):
        make_post(body=text(number % 5))
    for number in range(5):
        approve(make_post(body=text(10 + number), stack=["Rust", "Worker queues"]))
    noted = list(StaleNeighbours.objects.values_list("post_id", "spreads"))

    def work():
        scan_new_texts()
        rank_read_texts()
        find_stale_related_posts()

    work()
    alone = snapshot()
    assert all(alone.values()) and all(alone["queue"].values())
    for model in (CheckResult, TextSketch, SketchBand, TextTwin, Neighbour, StaleNeighbours, TextScan):
        model.objects.all().delete()
    near_duplicates.ParagraphCount.objects.all().delete()
    QueueEntry.objects.update(is_complete=False, text_points=0)
    StaleNeighbours.objects.bulk_create(StaleNeighbours(post_id=post, spreads=spreads) for post, spreads in noted)
    together(scan_new_texts, scan_new_texts)
    together(rank_read_texts, rank_read_texts)
    together(find_stale_related_posts, find_stale_related_posts)
    find_stale_related_posts()
    assert snapshot() == alone


@pytest.mark.skipif(IS_SQLITE, reason="about PostgreSQL: SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_near_duplicates_that_are_read_at_the_same_moment_find_each_other(monkeypatch):
    first, second = (make_post(body=text(1)).pk for _ in range(2))
    barrier, insert = threading.Barrier(2), near_duplicates._insert_bands
    # Neither sees what the other one has inserted, as long as it is not committed.
    monkeypatch.setattr(near_duplicates, "_insert_bands", lambda rows: (insert(rows), barrier.wait(PATIENT_SECONDS)))
    together(lambda: sketch_posts([first]), lambda: sketch_posts([second]))
    assert set(TextTwin.objects.values_list("post", "twin")) == {(first, second), (second, first)}


@pytest.mark.once
def test_a_sketch_that_was_begun_and_not_finished_is_made_again(db, monkeypatch):
    post = make_post().pk

    def stop(*arguments):
        raise InterruptedError

    with monkeypatch.context() as patched:
        patched.setattr(near_duplicates, "_store_near_duplicates", stop)
        with pytest.raises(InterruptedError):
            sketch_posts([post])
    assert (sketch_posts([post]), sketch_posts([post])) == (1, 0)
    assert set(near_duplicates.ParagraphCount.objects.values_list("posts", flat=True)) == {1}


@pytest.mark.once
def test_a_long_walk_asks_one_more_worker_for_help_each_time(db, monkeypatch):
    monkeypatch.setattr(texts, "NEW_TEXTS", dataclasses.replace(texts.NEW_TEXTS, size=1))
    make_post(), make_post()
    read_new_texts.call()
    assert not JobRun.objects.exists()
    JobWorker.objects.bulk_create(JobWorker(name=f"machine:{number}") for number in range(3))
    for _ in range(4):
        make_post()
    read_new_texts.call()
    runs = JobRun.objects.order_by("key")
    assert [(run.key, run.arguments) for run in runs] == [
        ("helper 1", {"joins": True}),
        ("helper 2", {"joins": True}),
    ]


@pytest.mark.once
def test_a_helper_leaves_its_worker_to_other_jobs_at_once(transactional_db, tmp_path, monkeypatch):
    path = str(tmp_path / "lines")
    JobWorker.objects.bulk_create(JobWorker(name=f"machine:{number}") for number in range(2))
    ask_for_help(sample_jobs.count_up, path=path, upto=100)
    lane = Lane("w", from_priority=0, has_ended=threading.Event())
    monkeypatch.setattr(sample_jobs, "append", lambda *line: (enqueue_once(sample_jobs.hourly, key="b"), lane.renew()))
    lane.step()
    assert (JobRun.objects.get(key="helper 1").state, lane.step()) == ("waiting", True)
    assert JobRun.objects.get(key="b").state == "done"
