"""Many workers, of which one after the other is killed at any moment; `make torture` runs this."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest
from django.conf import settings

from posts.importing.tasks import begin, run_import
from posts.jobs import enqueue_once
from posts.models import ImportBatch, JobRun
from tests import sample_jobs
from tests.factories import RecordFactory
from tests.page_processes import ROOT, database_url
from tests.sample_jobs import lines_of
from tests.test_jobs import WORKER
from tests.waiting import PATIENT_SECONDS, wait_until

pytestmark = [
    pytest.mark.torture,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite has one worker"),
]
JOBS, KILLS = 200, 20


def started():
    return subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stderr=subprocess.DEVNULL,
    )


def kill_one_at_work(workers, path, chance):
    """Kill a worker in the middle of a job, and start another one in its place."""
    found = []

    def is_one_at_work():
        found[:] = [number for number, worker in enumerate(workers) if os.path.exists(f"{path}.{worker.pid}")]
        return bool(found)

    wait_until(is_one_at_work)
    time.sleep(chance.uniform(0, 0.2))
    number = chance.choice(found)
    workers[number].kill()
    workers[number].wait(timeout=PATIENT_SECONDS)
    workers[number] = started()


def test_killed_workers_lose_no_run_and_ask_for_no_period_twice(tmp_path):
    chance, path = random.Random(22), str(tmp_path / "lines")
    for number in range(JOBS):
        enqueue_once(sample_jobs.note_once, key=str(number), path=path, line=number)
    workers = [started() for _ in range(4)]
    try:
        for _ in range(KILLS):
            kill_one_at_work(workers, path, chance)
        wait_until(lambda: not JobRun.objects.filter(finished_at=None, job_name="test: note once").exists())
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(timeout=PATIENT_SECONDS)
    done = Counter(lines_of(path))
    lost = sum(JobRun.objects.filter(job_name="test: note once").values_list("losses", flat=True))
    print(json.dumps({"jobs": len(done), "runs killed": lost, "done twice": sum(done.values()) - len(done)}))
    assert len(done) == JOBS
    # Otherwise the kills have shown nothing. A few may have come between two jobs.
    assert lost >= KILLS / 2
    # Twice only where a worker was killed between the work and its record.
    assert sum(done.values()) - JOBS <= lost
    assert JobRun.objects.filter(job_name="test: hourly").count() == 1
    assert not JobRun.objects.filter(job_name="test: note once", failures__gt=0).exists()


def test_two_workers_bring_in_two_files_of_the_desk_at_the_same_time(tmp_path):
    batches = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(RecordFactory(source_id=f"{name}-{at}")) + "\n" for at in range(3000)))
        batch = ImportBatch.objects.create(source_name=name, source_path=str(path), state=ImportBatch.State.WAITING)
        begin(run_import, batch, by=None)
        batches.append(batch)
    of_both = ImportBatch.objects.filter(pk__in=[batch.pk for batch in batches])
    workers = [started() for _ in range(2)]
    try:
        wait_until(lambda: of_both.filter(state=ImportBatch.State.RUNNING).count() == 2)
        wait_until(lambda: of_both.filter(state=ImportBatch.State.FINISHED).count() == 2)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(timeout=PATIENT_SECONDS)
    assert set(of_both.values_list("created", "attempts")) == {(3000, 1)}
