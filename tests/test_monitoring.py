"""What operators ask: probes, metrics, figures of requests, the page Operations, deployments."""

import datetime
import json
import logging
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

import posts
from posts.measures import BOUNDS_MS, Measures, RouteMeasures, measures
from posts.models import AuditEntry, Deployment, Job, JobWorker, RequestFigure
from posts.monitoring import readiness as readiness_module
from posts.monitoring.deployments import last_comparison
from posts.monitoring.figures import Figures, add_up_figures, figures_by_route
from posts.monitoring.metrics import choose_folder
from posts.monitoring.queries import fingerprint_of, watch_queries
from posts.monitoring.questions import answers
from posts.monitoring.record import note_version, store_figures
from tests.waiting import PATIENT_SECONDS

NOW = datetime.datetime(2026, 5, 4, 12, 30, tzinfo=datetime.UTC)
MINUTE, HOUR, DAY = (datetime.timedelta(**{name: 1}) for name in ("minutes", "hours", "days"))


@pytest.fixture(autouse=True)
def _fresh_counts(monkeypatch):
    # A busy machine must not make a probe give up.
    monkeypatch.setattr(readiness_module, "ANSWER_SECONDS", PATIENT_SECONDS)
    measures.take()
    yield
    # A check of one test that still waits for an answer would not be asked in the next one.
    for thread in threading.enumerate():
        if thread.name.startswith("readiness "):
            thread.join(PATIENT_SECONDS)
    measures.take()


def count(route, ms, times=1, *, at=NOW, status=200, version="1.0", cached=False):
    """Store what a process of `version` counted in the minute of `at`."""
    counted = RouteMeasures()
    for _ in range(times):
        counted.add(status, ms, is_cached=cached)
    RequestFigure.objects.create(seconds=60, began_at=at, version=version, route=route, **vars(counted))


def ready(client, **query):
    answer = client.get("/readyz", query)
    return answer.status_code, json.loads(answer.content)


# Readiness


@pytest.mark.django_db(transaction=True)
def test_a_site_that_works_is_ready_under_any_name(client):
    answer = client.get("/readyz", headers={"host": "10.1.2.3:8000"})
    said = json.loads(answer.content)
    assert said["checks"] == dict.fromkeys(said["checks"], "ok")
    assert (answer.status_code, said["state"], said["version"]) == (200, "ready", posts.__version__)
    assert set(said["checks"].values()) == {"ok"} and answer["Cache-Control"] == "no-store"


def broken(name, words="broken"):
    def ask():
        raise readiness_module.NotReady(words)

    return tuple(
        readiness_module.Check(
            check.name, ask if check.name == name else (lambda: None), check.for_readers, check.for_writing
        )
        for check in readiness_module.CHECKS
    )


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "status", "writing", "state"),
    [
        ("database", 503, 503, "unavailable"),
        ("schema", 503, 503, "unavailable"),
        ("static_files", 503, 503, "unavailable"),
        ("database_writable", 200, 503, "degraded"),
        ("upload_disk", 200, 503, "degraded"),
        ("shared_cache", 200, 200, "degraded"),
    ],
)
def test_readers_need_some_parts_and_saving_needs_more(client, monkeypatch, name, status, writing, state):
    monkeypatch.setattr(readiness_module, "CHECKS", broken(name))
    assert ready(client)[0] == status
    answered, said = ready(client, **{"for": "write"})
    assert (answered, said["state"], said["checks"][name]) == (writing, state, "broken")


@pytest.mark.once
def test_a_part_that_hangs_is_not_waited_for_and_not_asked_again_meanwhile(client, monkeypatch):
    asked, go_on = [], threading.Event()

    def hang():
        asked.append(1)
        go_on.wait()

    checks = tuple(readiness_module.Check(check.name, lambda: None) for check in readiness_module.CHECKS[1:])
    monkeypatch.setattr(
        readiness_module, "CHECKS", (readiness_module.Check("database", hang, for_readers=True), *checks)
    )
    monkeypatch.setattr(readiness_module, "ANSWER_SECONDS", 0.01)
    try:
        for _ in range(3):
            status, said = ready(client)
            assert (status, said["checks"]["database"]) == (503, "did not answer in time")
        assert len(asked) == 1
    finally:
        go_on.set()


@pytest.mark.once
def test_a_failure_names_no_host_and_no_account(client, monkeypatch):
    def fail():
        raise RuntimeError("connection to db.internal as alphanode failed")

    monkeypatch.setattr(readiness_module, "CHECKS", (readiness_module.Check("database", fail, for_readers=True),))
    status, said = ready(client)
    assert (status, said["checks"]["database"]) == (503, "failed (RuntimeError)")


# Metrics


def metrics(client, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = client.get("/metrics", headers=headers)
    found = {}
    if answer.status_code == 200:
        for family in text_string_to_metric_families(answer.content.decode()):
            for sample in family.samples:
                found[sample.name, *sample.labels.values()] = sample.value
    return answer, found


@pytest.mark.parametrize("sent", [None, "wrong-wrong-wrong-wrong", "t" * 24 + "x", ""])
def test_without_the_token_there_are_no_metrics(client, db, settings, sent):
    settings.METRICS_TOKEN = "t" * 24
    assert metrics(client, sent)[0].status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 404


def test_with_debug_off_and_no_token_set_there_are_no_metrics_at_all(client, db, settings):
    settings.METRICS_TOKEN = ""
    settings.DEBUG = False
    assert metrics(client, "x" * 24)[0].status_code == 404
    settings.DEBUG = True
    assert metrics(client)[0].status_code == 200


def test_the_metrics_say_how_the_site_stands(client, db, settings):
    settings.METRICS_TOKEN = "t" * 24
    note_version()
    answer, found = metrics(client, "t" * 24)
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert found["alphanode_indexable_posts",] == 0 and found["alphanode_workers",] == 0
    assert found["alphanode_build_info", posts.__version__] == 1
    assert found["alphanode_deployment_timestamp_seconds", posts.__version__] > 0
    assert ("alphanode_jobs", "run planned releases", "waiting") in found
    JobWorker.objects.create(name="w")
    assert metrics(client, "t" * 24)[1]["alphanode_workers",] == 1


def test_folders_of_servers_that_have_ended_are_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "kept")
    for name in ("999999999-5", "notes"):
        (tmp_path / name).mkdir()
    ours = choose_folder(tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {ours.name, "notes"}
    assert choose_folder(tmp_path) == ours


# Figures


def test_requests_are_counted_by_page_and_probes_and_files_are_not(client, db):
    client.get("/")
    client.get("/none/")
    client.get("/healthz")
    client.get("/static/css/base.css")
    counted = measures.take()
    assert counted["posts:home"].requests == 1 and counted[""].requests == 1
    assert sum(one.requests for one in counted.values()) == 2


def test_counts_of_many_threads_are_complete():
    counted = Measures()
    threads = [
        threading.Thread(target=lambda: [counted.note("posts:home", 200, 3) for _ in range(500)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.take()["posts:home"].requests == 4000 and counted.take() == {}


def test_what_a_process_counted_is_stored_once(db):
    measures.note("posts:detail", 200, 12, is_cached=True)
    measures.note("posts:detail", 503, 40)
    assert store_figures() == 1 and store_figures() == 0
    row = RequestFigure.objects.get()
    assert (row.requests, row.errors, row.cached, row.slowest_ms, sum(row.counts)) == (2, 1, 1, 40, 2)


@pytest.mark.parametrize(("share", "least", "most"), [(0.5, 45, 55), (0.95, 90, 100), (1.0, 99, 100)])
def test_percentiles_come_close_to_those_of_the_durations_themselves(share, least, most):
    figures, counted = Figures(), RouteMeasures()
    for ms in range(1, 101):
        counted.add(200, ms, is_cached=False)
    figures.add(counted)
    assert least <= figures.percentile(share) <= most
    assert Figures().percentile(share) is None


def test_a_duration_beyond_the_last_class_is_its_own_percentile():
    figures, counted = Figures(), RouteMeasures()
    counted.add(200, BOUNDS_MS[-1] * 3, is_cached=False)
    figures.add(counted)
    assert figures.p95 <= BOUNDS_MS[-1] * 3


def test_old_minutes_become_one_row_an_hour_and_nothing_is_counted_twice(db):
    for minute in range(3):
        count("posts:home", 5, 10, at=NOW - 5 * HOUR + minute * MINUTE)
        count("posts:home", 7, 1, at=NOW - 5 * HOUR + minute * MINUTE, version="1.1")
    count("posts:home", 5, 1, at=NOW - MINUTE)
    count("posts:home", 5, 1, at=NOW - 36 * DAY)
    before = figures_by_route(NOW - DAY, NOW)["posts:home"]
    add_up_figures(NOW)
    assert add_up_figures(NOW) == 0
    rows = RequestFigure.objects.order_by("began_at", "version").values_list("seconds", "version", "requests")
    assert list(rows) == [(3600, "1.0", 30), (3600, "1.1", 3), (60, "1.0", 1)]
    assert figures_by_route(NOW - DAY, NOW)["posts:home"] == before


# Slow statements


def test_a_slow_statement_is_logged_without_its_values(db, settings, caplog):
    settings.SLOW_QUERY_MS = 0.000001
    watch_queries()
    from posts.monitoring.queries import _timed

    with connection.execute_wrapper(_timed), caplog.at_level(logging.WARNING, "posts.monitoring"):
        list(Job.objects.filter(name="a secret value"))
    line = next(record for record in caplog.records if record.getMessage() == "slow query")
    assert "posts_job" in line.statement and "secret" not in line.statement and len(line.fingerprint) == 12


def test_the_fingerprint_of_a_statement_does_not_depend_on_the_length_of_its_lists():
    assert fingerprint_of("SELECT 1 WHERE a IN (%s, %s)") == fingerprint_of("SELECT 1\n WHERE a IN (%s,%s, %s)")
    assert fingerprint_of("SELECT 1 WHERE a = %s") != fingerprint_of("SELECT 1 WHERE b = %s")


# Deployments


def deploy(before_ms, after_ms, *, times=400, errors=0):
    Deployment.objects.create(version="1.0", began_at=NOW - 2 * DAY)
    Deployment.objects.create(version="2.0", began_at=NOW - 2 * HOUR)
    count("posts:detail", before_ms, times, at=NOW - 3 * HOUR)
    count("posts:detail", after_ms, times - errors, at=NOW - HOUR, version="2.0")
    if errors:
        count("posts:detail", after_ms, errors, at=NOW - HOUR, version="2.0", status=500)
    return last_comparison(NOW)


def test_slower_pages_after_a_deployment_are_named_with_both_figures(db):
    found = deploy(18, 41)
    assert any(change.sentence == "p95 of articles rose from 18 to 41 ms since 2.0." for change in found.worse)


def test_more_errors_after_a_deployment_are_worse(db):
    assert [change.name for change in deploy(18, 18, errors=20).worse] == [
        "Pages for readers: errors",
        "Articles: errors",
    ]


@pytest.mark.parametrize("after", [18, 19, 21])
def test_a_deployment_that_changed_nothing_is_the_same(db, after):
    found = deploy(18, after)
    assert found.changes and not found.worse and not found.better


def test_a_few_milliseconds_more_are_no_change_however_large_their_share(db):
    found = deploy(2, 6)
    assert found.changes and not found.worse


def test_faster_pages_are_better(db):
    assert deploy(200, 20).better and not last_comparison(NOW).worse


def test_with_little_traffic_nothing_is_claimed(db):
    found = deploy(18, 400, times=10)
    assert "too little traffic" in found.says_nothing and not found.changes


def test_a_new_version_is_noted_once_and_so_is_a_roll_back(db):
    assert note_version("1.0") and not note_version("1.0")
    assert note_version("2.0") and note_version("1.0")
    assert list(Deployment.objects.values_list("version", flat=True)) == ["1.0", "2.0", "1.0"]


def test_the_command_completes_the_last_deployment(db):
    note_version("3.1")
    out = StringIO()
    call_command("mark_deployment", "--version", "3.1", "--owner", "Ada", "--expected", "Faster.", stdout=out)
    call_command("mark_deployment", "--version", "3.1", "--owner", "Ada", "--rollback-note", "Install 3.0.", stdout=out)
    deployment = Deployment.objects.get()
    assert (deployment.owner, deployment.expected_result, deployment.is_complete) == ("Ada", "Faster.", True)
    assert "Noted for version 3.1" in out.getvalue()
    assert AuditEntry.objects.filter(action="deployment noted", detail="version 3.1").count() == 2
    with pytest.raises(CommandError, match="at most 40 characters"):
        call_command("mark_deployment", "--version", "9" * 41, "--owner", "Ada")


# The page


def test_staff_see_four_answers_and_complete_a_deployment(client, staff, db):
    client.force_login(staff)
    note_version("3.1")
    address = reverse("admin:operations")
    page = client.get(address).content.decode()
    for question in ("Is the site up?", "Is it slow?", "Do jobs fail?", "Did the last deployment change anything?"):
        assert question in page
    answer = client.post(address, {"act": "note", "version": "3.1", "owner": "Ada", "rollback_note": "Install 3.0."})
    assert answer.status_code == 302 and Deployment.objects.get().owner == "Ada"
    answer = client.post(address, {"act": "note", "version": " ", "owner": "Ada"})
    assert answer.status_code == 422 and "Name the version." in answer.content.decode()


def sentences(now=NOW):
    return {answer.question: answer for answer in answers(now).answers}


def test_errors_a_missing_worker_and_failed_jobs_are_said(db):
    for minute in range(2):
        count("posts:home", 10, 50, at=NOW - minute * MINUTE)
    count("posts:home", 10, 5, at=NOW - MINUTE, status=500)
    found = sentences()
    up = found["Is the site up?"]
    assert not up.is_fine and up.sentence.startswith("No") and "No worker is running" in " ".join(up.points)
    assert "4.8% of the requests" in " ".join(up.points)
    assert found["Is it slow?"].sentence.startswith(
        "No. In the last hour 95 of 100 pages for readers took at most 10 ms"
    )
    Job.objects.update_or_create(
        name="count the site", defaults={"last_failure_at": timezone.now(), "last_failure": "Oh"}
    )
    failing = sentences()["Do jobs fail?"]
    assert not failing.is_fine and any("Oh" in point for point in failing.points)


def test_slow_pages_are_said_and_few_requests_say_nothing(db):
    assert sentences()["Is it slow?"].is_fine is None
    count("posts:detail", 900, 40, at=NOW)
    count("admin:index", 900, 40, at=NOW)
    slow = sentences()["Is it slow?"]
    assert slow.sentence.startswith("Yes.") and len(slow.points) == 1 and "readers" in slow.points[0]


def test_the_page_asks_as_many_queries_with_many_figures(client, staff, db, django_assert_max_num_queries):
    client.force_login(staff)
    now = timezone.now().replace(second=0, microsecond=0)
    for number in range(30):
        count(f"posts:page-{number % 5}", 10, 3, at=now - number * MINUTE)
    with django_assert_max_num_queries(40):
        assert client.get(reverse("admin:operations")).status_code == 200
