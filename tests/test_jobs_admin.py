import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from posts.content_checks.scan import NEW_TEXTS
from posts.errors import NotAllowed, Refused
from posts.jobs import enqueue_once, run_waiting_jobs
from posts.jobs.runs import claim_next, tick
from posts.models import AuditEntry, Job, JobRun, JobWorker, TextScan, WalkPart
from posts.operations.run_job import repeat_run, run_job
from tests import sample_jobs
from tests.sample_jobs import lines_of

PAGE = "/admin/posts/job/"
START = "/admin/posts/job/start/"
RUNS = "/admin/posts/jobrun/"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "lines")


@pytest.mark.parametrize(("person", "status"), [("staff", 200), ("superuser", 200), ("editor", 403), ("reviewer", 403)])
def test_staff_see_the_jobs_and_others_do_not(client, db, request, person, status):
    client.force_login(request.getfixturevalue(person))
    assert client.get(PAGE).status_code == client.get(RUNS).status_code == status
    places = client.get("/admin/").content.decode()
    assert (f'<a href="{PAGE}"' in places) is (status == 200)
    assert client.post(START, {"job": "test: hourly"}).status_code == (302 if status == 200 else 403)
    assert JobRun.objects.exists() is (status == 200)


def test_a_visitor_is_sent_to_the_login(client, db):
    for answer in (client.get(PAGE), client.post(START, {"job": "test: hourly"})):
        assert answer.status_code == 302 and answer.url.startswith("/admin/login/")
    assert not JobRun.objects.exists()


def test_looking_at_the_start_address_starts_nothing(client, staff):
    client.force_login(staff)
    assert client.get(START, {"job": "test: hourly"}).status_code == 405
    assert not JobRun.objects.exists()


def test_the_page_tells_how_every_job_stands(client, staff, path):
    client.force_login(staff)
    page = client.get(PAGE).content.decode()
    assert "No worker is running." in page and "No job has run yet." in page and "never ran" in page
    JobWorker.objects.create(name="machine:1")
    JobWorker.objects.create(name="machine:2", seen_at=timezone.now() - timedelta(hours=1))
    tick()
    run_waiting_jobs()
    enqueue_once(sample_jobs.fail, key="a", path=path)
    run_waiting_jobs()
    enqueue_once(sample_jobs.note, key="a", path=path, line="<script>alert(1)</script>")
    claim_next("machine:1")
    Job.objects.filter(name="forget old sessions").update(last_success_at=timezone.now() - timedelta(days=3))
    page = client.get(PAGE).content.decode()
    assert "machine:1" in page and "machine:2" not in page and "No worker is running." not in page
    for words in [
        "fine",
        "failed",
        "running since",
        "overdue",
        "never ran",
        "every hour",
        "every day",
        "on request",
    ]:
        assert words in page
    assert "ValueError: &lt;b&gt;no&lt;/b&gt; such thing" in page
    assert "Traceback" not in page and "second line" not in page
    assert "&lt;script&gt;" in page and "<script>alert" not in page


def test_the_page_tells_how_far_workers_are_in_a_walk_that_they_share(client, staff):
    client.force_login(staff)
    now = timezone.now()
    TextScan.objects.create(name=NEW_TEXTS.name, begun_at=now, done=1400)
    assert "done since" not in client.get(PAGE).content.decode()
    for first in (1, 201):
        WalkPart.objects.create(walk=NEW_TEXTS.name, first=first, last=first + 199, leased_until=now)
    page = " ".join(client.get(PAGE).content.decode().split())
    assert "1,400 done since" in page and "2 sets in work" in page


def test_a_run_that_no_worker_takes_shows_as_overdue(client, staff, path):
    client.force_login(staff)
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    assert "overdue" not in client.get(PAGE).content.decode()
    JobRun.objects.filter(pk=run.pk).update(requested_at=timezone.now() - timedelta(minutes=11))
    assert "overdue" in client.get(PAGE).content.decode()


def test_a_periodic_job_runs_again_when_asked(client, staff):
    client.force_login(staff)
    answer = client.post(START, {"job": "test: hourly"}, follow=True)
    assert "“test: hourly” starts when a worker is free." in answer.content.decode()
    run = JobRun.objects.get()
    assert (run.job_name, run.requested_by, run.state) == ("test: hourly", staff, "waiting")
    entry = AuditEntry.objects.get(action="job started")
    assert (entry.made_by, str(run.pk) in entry.detail) == (staff, True)
    # Asked twice is asked once.
    client.post(START, {"job": "test: hourly"})
    assert JobRun.objects.count() == run_waiting_jobs() == 1


def test_a_run_is_repeated_with_its_arguments(client, staff, path):
    client.force_login(staff)
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    run_waiting_jobs()
    client.post(START, {"run": str(run.pk)})
    client.post(START, {"job": "test: note"})
    assert run_waiting_jobs() == 1
    assert lines_of(path) == ["x", "x"]
    assert set(JobRun.objects.values_list("key", flat=True)) == {"a"}


def test_a_retry_that_waits_need_not_wait_any_longer(staff, path):
    enqueue_once(sample_jobs.fail, key="a", path=path)
    assert (run_waiting_jobs(), run_waiting_jobs()) == (1, 0)
    run_job("test: fail", by=staff)
    assert run_waiting_jobs() == 1
    assert JobRun.objects.get().failures == 2


def test_what_cannot_be_started_is_refused_in_words(staff, editor, path):
    with pytest.raises(Refused, match="There is no job “x”"):
        run_job("x", by=staff)
    with pytest.raises(Refused, match="has never run"):
        run_job("test: note", by=staff)
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    claim_next("me")
    with pytest.raises(Refused, match="“test: note” is already running"):
        run_job("test: note", by=staff)
    with pytest.raises(NotAllowed):
        repeat_run(run, by=editor)
    DBTaskResult.objects.filter(pk=run.pk).update(task_path="posts.jobs.gone")
    with pytest.raises(Refused, match="no longer has a job “test: note”"):
        repeat_run(JobRun.objects.get(pk=run.pk), by=staff)
    assert not AuditEntry.objects.filter(action="job started").exists()


@pytest.mark.parametrize("identifier", ["123abc", "-1", str(2**63), "../", str(uuid.UUID(int=0)), ""])
def test_a_run_that_is_not_there_is_not_found(client, staff, identifier):
    client.force_login(staff)
    assert client.post(START, {"run": identifier}).status_code == 404


def test_a_run_has_a_page_without_its_traceback(client, staff, path):
    client.force_login(staff)
    run = enqueue_once(sample_jobs.fail, key="a", path=path)
    run_waiting_jobs()
    page = client.get(reverse("admin:posts_jobrun_change", args=[run.pk])).content.decode()
    assert "ValueError: &lt;b&gt;no" in page and "Traceback" not in page
    assert path in page
    assert "Run again" in client.get(PAGE).content.decode()


def test_only_what_can_run_is_offered_to_run_again(client, staff, path):
    client.force_login(staff)

    def offered():
        page = client.get(PAGE).content.decode()
        return {name for name in ("test: note", "test: hourly") if f'name="job" value="{name}"' in page}

    assert offered() == {"test: hourly"}
    run = enqueue_once(sample_jobs.note, key="a", path=path, line="x")
    run_waiting_jobs()
    assert offered() == {"test: note", "test: hourly"}
    again = f'name="run" value="{run.pk}"'
    assert again in client.get(PAGE).content.decode()
    DBTaskResult.objects.filter(pk=run.pk).update(task_path="posts.jobs.gone")
    assert again not in client.get(PAGE).content.decode()


def test_the_queue_itself_has_no_page(client, superuser):
    client.force_login(superuser)
    assert client.get("/admin/django_tasks_database/dbtaskresult/").status_code == 404


def test_the_page_costs_the_same_with_many_runs(client, staff, path):
    client.force_login(staff)

    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(PAGE).status_code == 200
        return len(captured)

    enqueue_once(sample_jobs.note, key="first", path=path, line="x", by=staff)
    one = queries()
    for number in range(29):
        enqueue_once(sample_jobs.note, key=str(number), path=path, line="x", by=staff)
    run_waiting_jobs()
    assert queries() == one <= 14
