import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_tasks.exceptions import InvalidTaskError
from django_tasks_db.models import DBTaskResult

from posts.jobs import Interrupted, enqueue_once, job, job_should_stop, registered_jobs, run_waiting_jobs
from posts.jobs.housekeeping import forget_old_job_runs, forget_old_sessions
from posts.jobs.registry import FORMER_PATHS, definition_of
from posts.jobs.runs import MOST_LOSSES, claim_next, perform, put_back, reap, settle_failure, settle_success, tick
from posts.jobs.worker import Lane
from posts.models import Job, JobRun, JobWorker, WebSession
from tests import sample_jobs
from tests.sample_jobs import lines_of
from tests.waiting import PATIENT_SECONDS

ROOT = Path(__file__).parent.parent
IS_SQLITE = "sqlite" in settings.DATABASES["default"]["ENGINE"]
postgres_only = pytest.mark.skipif(IS_SQLITE, reason="about PostgreSQL")
sqlite_only = pytest.mark.skipif(not IS_SQLITE, reason="about SQLite")
LONG_AGO = timezone.now() - timedelta(days=100)
WORKER = """
import sys
import django
django.setup()
from tests import sample_jobs
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "run_worker", *sys.argv[1:]])
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "lines")


@pytest.fixture
def worker(transactional_db):
    """Start a worker process with the jobs of the tests as worker(ARGUMENT…); end it afterwards."""
    name = connection.settings_dict["NAME"]
    url = f"sqlite:///{name}" if IS_SQLITE else f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *arguments],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process, event):
    """Read the log of a worker up to the line that begins so; return that line."""
    for line in process.stderr:
        if (said := json.loads(line))["event"].startswith(event):
            return said
    raise AssertionError(f"The worker ended without “{event}”.")


def wait_for_job(process, event, name):
    """Read on until the log tells that of this job: a worker also runs what is due by itself."""
    while wait_for(process, event)["job"] != name:
        pass


def end(process):
    """Wait for the end of a worker; return what it said since, and its exit code."""
    _, said = process.communicate(timeout=PATIENT_SECONDS)
    return said, process.returncode


def make_due(run):
    DBTaskResult.objects.filter(pk=run.pk).update(run_after=LONG_AGO)


def together(function, count=8):
    """Call `function` in `count` threads at once; return what each gave."""
    results, barrier = [], threading.Barrier(count)

    def one():
        barrier.wait()
        try:
            # On SQLite a crowd may outwait the busy timeout; that is the caller's to try again.
            results.append(function())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count
    return results


def test_a_job_runs_with_its_arguments_and_leaves_when_it_did(db, path):
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="hello")
    assert (run.state, run.arguments) == ("waiting", {"path": path, "line": "hello"})
    assert run_waiting_jobs() == 1
    run = JobRun.objects.get(pk=run.pk)
    assert (run.state, run.attempt, run.error) == ("done", 1, "")
    assert run.finished_at and run.task.finished_at and run.leased_until is None
    assert Job.objects.get(name="test: note").last_success_at
    assert lines_of(path) == ["hello"]


def test_asking_again_while_a_run_with_the_key_waits_is_asking_for_that_one(db, path):
    first = enqueue_once(sample_jobs.note, key="a", path=path, line="first")
    assert enqueue_once(sample_jobs.note, key="a", path=path, line="second") == first
    other = enqueue_once(sample_jobs.note, key="b", path=path, line="other")
    assert other != first
    assert run_waiting_jobs() == 2
    assert sorted(lines_of(path)) == ["first", "other"]
    assert enqueue_once(sample_jobs.note, key="a", path=path, line="third") != first


def test_a_run_that_is_on_keeps_a_second_one_of_its_key_out(db, path):
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    claim = claim_next("me")
    assert enqueue_once(sample_jobs.note, key="a", path=path, line="y") == run
    assert settle_success(claim)
    assert enqueue_once(sample_jobs.note, key="a", path=path, line="y") != run


@pytest.mark.django_db(transaction=True)
def test_a_crowd_that_asks_at_once_gets_one_run(path):
    runs = together(lambda: enqueue_once(sample_jobs.note, key="a", path=path, line="x"))
    assert len(set(runs)) == JobRun.objects.count() == DBTaskResult.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_asked_for_in_a_transaction_that_fails_was_never_asked_for(path):
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        enqueue_once(sample_jobs.note, key="a", path=path, line="x")
        assert JobRun.objects.count() == 1
        1 / 0  # noqa: B018
    assert (JobRun.objects.count(), DBTaskResult.objects.count(), run_waiting_jobs()) == (0, 0, 0)


def test_a_run_waits_for_its_moment(db, path):
    run = enqueue_once(
        sample_jobs.note, key="a", run_after=timezone.now() + timedelta(hours=1), path=path, line="later"
    )
    assert run_waiting_jobs() == 0
    make_due(run)
    assert run_waiting_jobs() == 1


def test_a_job_that_fails_is_tried_again_each_time_later_and_then_given_up(db, path):
    run = enqueue_once(sample_jobs.fail, key="a", path=path)
    waits = []
    for _ in range(2):
        assert run_waiting_jobs() == 1
        run = JobRun.objects.select_related("task").get(pk=run.pk)
        assert (run.state, run.finished_at) == ("waiting", None)
        waits.append(run.task.run_after - Job.objects.get(name="test: fail").last_failure_at)
        assert run_waiting_jobs() == 0
        make_due(run)
    # 30 seconds, then 60, and whatever the machine took between two statements.
    assert [wait.total_seconds() // 30 for wait in waits] == [1, 2]
    assert run_waiting_jobs() == 1
    run = JobRun.objects.get(pk=run.pk)
    assert (run.state, run.failures, run.error) == ("failed", 3, "ValueError: <b>no</b> such thing")
    assert lines_of(path) == ["tried"] * 3
    assert run_waiting_jobs() == 0
    assert Job.objects.get(name="test: fail").last_failure == "ValueError: <b>no</b> such thing"


def test_a_failure_stands_in_the_log_with_its_traceback_and_the_id_of_its_run(db, path, caplog):
    run = enqueue_once(sample_jobs.fail, key="a", path=path)
    run_waiting_jobs()
    failed = next(record for record in caplog.records if record.message == "job failed")
    assert failed.exc_info and failed.job == "test: fail"
    assert "Traceback" not in JobRun.objects.get(pk=run.pk).error + run.task.traceback


def test_what_no_database_can_hold_does_not_hide_a_failure(db):
    from posts.jobs.runs import words_for

    assert words_for(ValueError("a\0b\ud800c" + "x" * 900))[:20] == "ValueError: ab?cxxxx"
    run = enqueue_once(sample_jobs.note, key="a", path="/no/such/folder/x", line="x")
    assert settle_failure(claim_next("me"), words_for(ValueError("a\0b\ud800c")))
    assert JobRun.objects.get(pk=run.pk).error == "ValueError: ab?c"


def test_a_job_that_this_release_does_not_know_waits_for_one_that_does(db, path):
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    DBTaskResult.objects.filter(pk=run.pk).update(task_path="posts.jobs.of_tomorrow")
    assert run_waiting_jobs() == 0
    DBTaskResult.objects.filter(pk=run.pk).update(task_path=run.task.task_path)
    assert run_waiting_jobs() == 1


def test_only_registered_functions_with_named_arguments_can_be_queued(db, path):
    from django_tasks import task

    with pytest.raises(InvalidTaskError, match="not a registered job"):
        task()(lines_of).enqueue(path=path)
    with pytest.raises(InvalidTaskError, match="keyword arguments"):
        sample_jobs.note.enqueue(path, "x")
    with pytest.raises(ValueError, match="1 to 200"):
        enqueue_once(sample_jobs.note, key="", path=path, line="x")
    sample_jobs.note.enqueue(path=path, line="x")
    assert run_waiting_jobs() == 1


def test_two_jobs_cannot_share_a_name():
    with pytest.raises(ValueError, match="Two jobs are named “test: note”"):
        job("test: note")(lines_of)
    with pytest.raises(ValueError, match="a second or longer"):
        job("test: restless", every=timedelta(0))
    assert registered_jobs()["test: note"].task == sample_jobs.note


def test_the_run_of_a_dead_worker_goes_to_another_once_its_lease_is_over(db, path):
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    dead = claim_next("dead")
    assert (reap(), run_waiting_jobs()) == (0, 0)
    JobRun.objects.filter(pk=run.pk).update(leased_until=LONG_AGO)
    assert (reap(), reap()) == (1, 0)
    living = claim_next("living")
    assert (living.attempt, living.run.losses) == (2, 1)
    # It was only asleep: what it has to say counts no more.
    assert not dead.renew() and not settle_success(dead) and not settle_failure(dead, "x") and not put_back(dead)
    assert JobRun.objects.get(pk=run.pk).state == "running"
    assert living.renew() and settle_success(living)
    assert JobRun.objects.get(pk=run.pk).state == "done"


def test_a_worker_that_renews_its_lease_keeps_its_run(db, path):
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    claim = claim_next("slow")
    JobRun.objects.filter(pk=run.pk).update(leased_until=LONG_AGO)
    assert claim.renew()
    assert reap() == 0


def test_a_run_that_kills_every_worker_is_given_up(db, path):
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    for _ in range(MOST_LOSSES):
        assert claim_next("victim")
        assert reap(everything=True) == 1
    run = JobRun.objects.get(pk=run.pk)
    assert (run.state, run.losses, claim_next("next")) == ("failed", MOST_LOSSES, None)
    assert run.error == "The worker victim ended during the job."
    assert Job.objects.get(name="test: note").last_failure == run.error


def test_a_job_learns_that_it_should_stop_and_goes_on_later(db, path):
    run = enqueue_once(sample_jobs.count_up, key="a", path=path, upto=3)
    perform(claim_next("me"), should_stop=lambda: True)()
    run = JobRun.objects.get(pk=run.pk)
    assert (run.state, run.failures, lines_of(path)) == ("waiting", 0, ["0"])
    assert not job_should_stop()
    assert run_waiting_jobs() == 1
    assert lines_of(path) == ["0", "1", "2"]
    assert not issubclass(Interrupted, Exception)


def test_every_periodic_job_is_asked_for_once_a_period(db):
    periodic = {name for name, known in registered_jobs().items() if known.every}
    assert periodic >= {"test: hourly", "forget old sessions", "forget old job runs"}
    assert set(tick()) == periodic
    assert tick() == []
    assert run_waiting_jobs() == len(periodic)
    assert tick() == []
    assert Job.objects.count() == len(registered_jobs())


def test_missed_periods_are_caught_up_by_one_run(db):
    tick()
    run_waiting_jobs()
    planned = timezone.now() - timedelta(days=2, minutes=10)
    Job.objects.filter(name="test: hourly").update(next_run_at=planned)
    assert (tick(), tick()) == (["test: hourly"], [])
    following = Job.objects.get(name="test: hourly").next_run_at
    assert timezone.now() < following < timezone.now() + timedelta(hours=1)
    assert (following - planned) % timedelta(hours=1) == timedelta(0)


def test_a_period_that_begins_while_the_job_still_runs_does_not_start_it_twice(db):
    tick()
    claims = {claim.definition.name: claim for claim in iter(lambda: claim_next("me"), None)}
    Job.objects.filter(name="test: hourly").update(next_run_at=LONG_AGO)
    assert tick() == ["test: hourly"]
    assert JobRun.objects.filter(job_name="test: hourly").count() == 1
    assert settle_success(claims["test: hourly"])


def test_a_clock_that_was_wrong_for_a_while_does_not_silence_a_job(db):
    tick()
    run_waiting_jobs()
    Job.objects.filter(name="test: hourly").update(next_run_at=timezone.now() + timedelta(days=900))
    assert tick() == ["test: hourly"]
    assert Job.objects.get(name="test: hourly").next_run_at < timezone.now() + timedelta(hours=2)


@pytest.mark.django_db(transaction=True)
def test_workers_that_tick_at_once_ask_once():
    asked = [name for names in together(tick, count=6) for name in names]
    periodic = [name for name, known in registered_jobs().items() if known.every]
    assert sorted(asked) == sorted(periodic)
    assert sorted(JobRun.objects.values_list("job_name", flat=True)) == sorted(periodic)


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_once_share_the_runs(path):
    for number in range(6):
        enqueue_once(sample_jobs.note, key=str(number), path=path, line="x")
    claims = [claim for claim in together(lambda: claim_next("crowd"), count=12) if claim]
    claims += iter(lambda: claim_next("rest"), None)
    assert len(claims) == len({claim.run.pk for claim in claims}) == 6


def test_old_runs_sessions_and_workers_are_forgotten(db, path):
    for name, task in [("new", sample_jobs.note), ("old", sample_jobs.note)]:
        enqueue_once(task, key=name, path=path, line="x")
    failed = enqueue_once(sample_jobs.fail, key="failed", path=path)
    run_waiting_jobs()
    waiting = enqueue_once(sample_jobs.note, key="waiting", path=path, line="x")
    DBTaskResult.objects.filter(run__key="old").update(finished_at=timezone.now() - timedelta(days=15))
    DBTaskResult.objects.filter(pk=waiting.pk).update(enqueued_at=LONG_AGO, run_after=LONG_AGO + timedelta(days=900))
    WebSession.objects.create(session_key="old", expire_date=LONG_AGO)
    WebSession.objects.create(session_key="new", expire_date=timezone.now() + timedelta(hours=1))
    JobWorker.objects.create(name="gone", seen_at=LONG_AGO)
    JobWorker.objects.create(name="here")
    enqueue_once(forget_old_sessions, key="x")
    enqueue_once(forget_old_job_runs, key="x")
    assert run_waiting_jobs() == 2
    assert set(JobRun.objects.exclude(key="x").values_list("key", flat=True)) == {"new", "failed", "waiting"}
    assert list(WebSession.objects.values_list("session_key", flat=True)) == ["new"]
    assert list(JobWorker.objects.values_list("name", flat=True)) == ["here"]
    DBTaskResult.objects.filter(pk=failed.pk).update(status="FAILED", finished_at=LONG_AGO)
    enqueue_once(forget_old_job_runs, key="x")
    run_waiting_jobs()
    assert not JobRun.objects.filter(pk=failed.pk).exists()


def test_a_worker_process_runs_what_waits_and_what_is_due(worker, path):
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="from a process")
    said, code = end(worker("--until-idle"))
    assert code == 0, said
    assert lines_of(path) == ["from a process"]
    assert JobRun.objects.filter(job_name="test: hourly", finished_at__isnull=False).count() == 1
    lines = [json.loads(line) for line in said.splitlines()]
    assert {line["job_id"] for line in lines if line.get("job") == "test: note"} == {str(run.pk)}
    assert not JobWorker.objects.exists()


def test_a_killed_worker_loses_no_run(worker, path):
    run = enqueue_once(sample_jobs.kill_worker, key="a", path=path)
    _, code = end(worker())
    assert code == -signal.SIGKILL
    assert JobRun.objects.get(pk=run.pk).state == "running"
    if not IS_SQLITE:
        JobRun.objects.filter(pk=run.pk).update(leased_until=LONG_AGO)
    said, code = end(worker("--until-idle"))
    assert code == 0, said
    run = JobRun.objects.get(pk=run.pk)
    assert (run.state, run.attempt, run.losses, lines_of(path)) == ("done", 2, 1, ["began"] * 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_leaves_a_chunked_job_at_its_checkpoint(worker, path, number):
    run = enqueue_once(sample_jobs.count_up, key="a", path=path, upto=100_000)
    process = worker()
    wait_for_job(process, "job started", "test: count")
    process.send_signal(number)
    said, code = end(process)
    assert code == 0 and "job stopped at a checkpoint" in said
    reached = lines_of(path)
    run = JobRun.objects.select_related("task").get(pk=run.pk)
    assert (run.state, run.failures, run.losses) == ("waiting", 0, 0)
    run.task.args_kwargs["kwargs"]["upto"] = len(reached) + 5
    run.task.save()
    assert run_waiting_jobs() >= 1
    assert lines_of(path) == [str(number) for number in range(len(reached) + 5)]


def test_a_second_signal_ends_a_job_that_never_asks(worker, path):
    run = enqueue_once(sample_jobs.never_ask, key="a", path=path)
    process = worker()
    wait_for_job(process, "job started", "test: deaf")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    said, code = end(process)
    assert code == 0 and "job cut short" in said
    assert JobRun.objects.get(pk=run.pk).state == "waiting"


def test_an_idle_worker_ends_on_the_first_signal(worker):
    process = worker()
    wait_for(process, "worker started")
    process.send_signal(signal.SIGTERM)
    assert end(process)[1] == 0


@sqlite_only
def test_a_second_worker_on_sqlite_is_told_that_the_place_is_taken(worker):
    first = worker()
    wait_for(first, "worker started")
    said, code = end(worker())
    assert (code, said) == (75, "CommandError: Another worker already serves this SQLite database. Only one can.\n")
    first.kill()
    first.wait()
    assert end(worker("--until-idle"))[1] == 0


def test_a_worker_on_a_half_migrated_database_says_what_to_do(worker):
    ((_, newest),) = MigrationLoader(connection).graph.leaf_nodes("posts")
    MigrationRecorder(connection).record_unapplied("posts", newest)
    try:
        said, code = end(worker())
    finally:
        MigrationRecorder(connection).record_applied("posts", newest)
    assert (code, said.splitlines()[-1]) == (
        1,
        "CommandError: The database is not up to date. First run: manage.py migrate",
    )


def test_a_worker_before_the_first_migration_says_what_to_do(tmp_path):
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/x.sqlite3", "ENV_FILE": "", "DEBUG": "on"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    ended = subprocess.run(
        [sys.executable, "manage.py", "run_worker"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENT_SECONDS,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.endswith("CommandError: The database is not up to date. First run: manage.py migrate\n")


def test_an_urgent_job_runs_while_a_long_one_is_not_done(worker, path):
    long_path = f"{path}-long"
    long = enqueue_once(sample_jobs.count_up, key="a", path=long_path, upto=100_000)
    process = worker()
    wait_for_job(process, "job started", "test: count")
    enqueue_once(sample_jobs.note_at_once, key="b", path=path, line="in time")
    wait_for_job(process, "job done", "test: urgent")
    assert lines_of(path) == ["in time"]
    assert JobRun.objects.get(pk=long.pk).state == "running"


def test_periodic_jobs_are_requested_while_a_long_one_runs(worker, path):
    enqueue_once(sample_jobs.count_up, key="a", path=path, upto=100_000)
    process = worker()
    wait_for_job(process, "job started", "test: count")
    Job.objects.filter(name="run planned releases").update(next_run_at=LONG_AGO)
    wait_for_job(process, "job done", "run planned releases")


def test_a_long_job_goes_behind_the_others_after_its_turn(transactional_db, path, monkeypatch):
    monkeypatch.setattr("posts.jobs.worker.TURN_SECONDS", -1)
    long = enqueue_once(sample_jobs.count_up, key="a", path=path, upto=100)
    lane = Lane("w", from_priority=0, has_ended=threading.Event())
    monkeypatch.setattr(sample_jobs, "append", lambda *line: (enqueue_once(sample_jobs.hourly, key="b"), lane.renew()))
    lane.step()
    assert (JobRun.objects.get(pk=long.pk).state, lane.step()) == ("waiting", True)
    assert JobRun.objects.get(key="b").state == "done"
    assert (JobRun.objects.get(pk=long.pk).state, JobRun.objects.get(pk=long.pk).failures) == ("waiting", 0)


@postgres_only
def test_two_workers_on_postgresql_run_every_job_once(worker, path):
    for number in range(40):
        enqueue_once(sample_jobs.note, key=str(number), path=path, line=number)
    first, second = worker("--until-idle"), worker("--until-idle")
    assert (end(first)[1], end(second)[1]) == (0, 0)
    assert sorted(map(int, lines_of(path))) == list(range(40))
    assert JobRun.objects.filter(job_name="test: hourly").count() == 1


@postgres_only
def test_a_worker_outlives_its_connections(worker, path):
    process = worker()
    wait_for(process, "worker started")
    # Until it has nothing to do: after each job it begins with a new connection, and none would be missed.
    idle = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' AND query LIKE %s"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(f"SELECT count(*), pg_sleep(0.05) {idle}", ["SELECT 1 AS%dbtaskresult%"])
            if cursor.fetchone()[0] and Job.objects.exists() and not JobRun.objects.open().exists():
                break
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert wait_for(process, "the database can't be reached")["level"] == "warning"
    wait_for(process, "the database is back")
    enqueue_once(sample_jobs.note, key="a", path=path, line="after")
    wait_for_job(process, "job done", "test: note")
    assert lines_of(path) == ["after"]


@postgres_only
def test_a_job_that_meets_a_read_only_database_waits_and_fails_not(db, path):
    run = enqueue_once(sample_jobs.write_read_only, key="a", path=path)
    perform(claim_next("a worker"))()
    assert (JobRun.objects.get(pk=run.pk).state, JobRun.objects.get(pk=run.pk).failures) == ("waiting", 0)
    run_waiting_jobs()
    assert JobRun.objects.get(pk=run.pk).state == "done"


@postgres_only
def test_a_job_that_is_cut_off_from_the_database_runs_again(worker, path):
    run = enqueue_once(sample_jobs.lose_connection, key="a", path=path)
    said, code = end(worker("--until-idle"))
    assert code == 0 and "lost the database" in said, said
    run = JobRun.objects.get(pk=run.pk)
    assert (run.state, run.attempt, run.failures, lines_of(path)) == ("done", 2, 0, ["began"] * 2)


@pytest.mark.parametrize(("former", "path"), FORMER_PATHS.items())
def test_a_run_that_the_release_before_queued_leads_to_the_same_job(former, path):
    assert definition_of(former) is definition_of(path) is not None


@pytest.mark.django_db
def test_a_run_that_was_queued_under_the_former_path_of_its_job_runs():
    run = enqueue_once(forget_old_sessions, key="before the move")
    former = "posts.listing.tasks.forget_old_sessions_before"
    DBTaskResult.objects.filter(pk=run.pk).update(task_path=former)
    assert run_waiting_jobs() == 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(FORMER_PATHS, former, forget_old_sessions.module_path)
        assert run_waiting_jobs() == 1
    run.refresh_from_db()
    assert run.state == "done"
