"""The dashboard: its numbers are those of the database."""

import contextlib
import random
from datetime import datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posts.admin.dashboard.day_chart import day_chart, line_step
from posts.importing.rollback import roll_back_batch
from posts.jobs.housekeeping import forget_old_sessions
from posts.jobs.registry import definition_of
from posts.models import ImportBatch, Job, JobWorker, Post, QueueEntry, Review
from posts.operations import Refused, assign_post, claim_post, create_post, submit_revision, undo_decision
from posts.review_queue.counts import (
    came_in_by_day,
    decided_by_day,
    note_waiting_at_midnight,
    reasons_for_waiting,
)
from posts.review_queue.days import start_of
from posts.review_queue.ranking import rank_queue
from tests.factories import RecordFactory, approve, import_records, make_post, person
from tests.test_review_queue import turn_down
from tests.test_review_queue_pages import words_of
from tests.test_site_stats import random_act

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client, reviewer):
    client.force_login(reviewer)
    return lambda: words_of(client.get(reverse("admin:index")))


def scalar(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def test_an_empty_queue_says_so(desk, reviewer):
    assert "No posts are pending review. Today: 0 new, 0 reviewed." in desk()
    turn_down(make_post(), by=reviewer)
    assert "No posts are pending review. Last decision:" in desk()


def test_the_sentence_says_what_sql_says(desk, reviewer):
    import_records(*[RecordFactory() for _ in range(4)])
    old = make_post()
    QueueEntry.objects.filter(pk=old.pk).update(waiting_since=timezone.now() - timedelta(days=31, hours=1))
    typed = create_post({"title": "Typed", "body": "x"}, by=None)
    submit_revision(typed, by=reviewer)
    turn_down(make_post(), by=reviewer)
    undo_decision(turn_down(make_post(), by=reviewer), by=reviewer)
    waiting = scalar("SELECT COUNT(*) FROM posts_post WHERE awaits_review AND withdrawn_at IS NULL")
    imported = scalar("SELECT SUM(created + updated) FROM posts_importbatch")
    submitted = scalar("SELECT COUNT(*) FROM posts_auditentry WHERE action = %s", "submitted")
    decided = scalar("SELECT COUNT(*) FROM posts_review WHERE undone_at IS NULL")
    assert (waiting, imported, submitted, decided) == (7, 7, 1, 1)
    page = desk()
    assert "7 posts are pending review. The oldest has waited 31 days ." in page
    assert "Today: 8 new, 1 reviewed. The backlog grew by 7." in page
    assert "1 decided today: 0 approved, 0 changes requested, 1 rejected" in page


def test_each_day_counts_what_came_in_and_what_was_decided_on_it(reviewer):
    # Midnight may pass while all this is made.
    noon = timezone.now().replace(hour=12)
    today = noon.date()
    import_records(*[RecordFactory() for _ in range(3)])
    largest = ImportBatch.objects.get().pk
    make_post()
    for days in (0, 1, 1, 13, 14):
        review = turn_down(make_post(), by=reviewer)
        Review.objects.filter(pk=review.pk).update(created_at=noon - timedelta(days=days))
    ImportBatch.objects.update(started_at=noon)
    ImportBatch.objects.filter(pk=largest).update(started_at=noon - timedelta(days=3))
    came, decided = came_in_by_day(today), decided_by_day(today)
    assert came[today - timedelta(days=3)] == (3, largest)
    assert came[today][0] == 6
    assert sum(count for count, _ in came.values()) == scalar("SELECT SUM(created + updated) FROM posts_importbatch")
    assert [decided[today - timedelta(days=days)] for days in (0, 1, 2, 13)] == [1, 2, 0, 1]
    assert len(came) == len(decided) == 14


def test_the_picture_and_the_table_show_the_same_days(client, reviewer):
    turn_down(make_post(), by=reviewer)
    import_records(*[RecordFactory() for _ in range(11)])
    client.force_login(reviewer)
    page = client.get(reverse("admin:index")).content.decode()
    assert page.count('class="days__in"') == page.count('class="days__decided"') == 15  # and the legend
    today = timezone.localdate()
    assert f'<th scope="row">{today:%a} {today.day} {today:%B}</th>' in page
    assert "12 · import #" in page
    assert "style=" not in page.partition('class="days"')[2].partition("</section>")[0]


def test_a_bar_is_as_high_as_its_number():
    today = timezone.localdate()
    chart = day_chart({today: (900, 7)}, {today: 300})
    came, decided = chart.days[0].bars
    assert came.height == pytest.approx(3 * decided.height, abs=0.2)
    assert came.y + came.height == pytest.approx(chart.base)
    assert [value for value, _ in chart.lines] == [0, 400, 800, 1200]
    assert chart.peak == "900 · import #7"
    assert [line_step(most) for most in (1, 3, 4, 13, 1204, 5000)] == [1, 1, 2, 5, 500, 2000]


def test_why_they_wait_counts_every_reason(desk, reviewer):
    make_post(flags={"needs_human_review": 1})
    make_post(flags={"needs_human_review": 1}, payload={"generator": "shaky"})
    for _ in range(8):
        turn_down(make_post(payload={"generator": "shaky"}), by=reviewer)
        approve(make_post(payload={"generator": "steady"}), by=reviewer)
    rank_queue()
    assert {weight.code: count for weight, count in reasons_for_waiting()} == {"source": 2, "origin": 2, "generator": 1}
    for code in ("source", "origin"):
        label = "SELECT COUNT(*) FROM posts_queuelabel WHERE kind = 'reason' AND name = %s"
        assert scalar(label, code) == 2
    page = desk()
    assert "Source asks for human review 2 Hash or generator unknown 2 Generator often rejected 1" in page


def test_the_approval_rate_of_each_generator_is_that_of_its_decisions(desk, reviewer):
    for _ in range(2):
        approve(make_post(payload={"generator": "steady"}), by=reviewer)
    turn_down(make_post(payload={"generator": "steady"}), by=reviewer, outcome="changes_requested")
    turn_down(make_post(payload={"generator": "shaky"}), by=reviewer)
    undo_decision(turn_down(make_post(payload={"generator": "steady"}), by=reviewer), by=reviewer)
    old = turn_down(make_post(payload={"generator": "shaky"}), by=reviewer)
    Review.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
    assert "steady 3 67 % 1 0 shaky 1 0 % 0 1" in desk()


def test_yours_is_what_you_have_hold_and_can_take_back(desk, reviewer):
    mine, held = make_post(), make_post()
    assign_post(mine, to=reviewer, by=reviewer)
    claim_post(held, by=reviewer)
    turn_down(make_post(title="Turned down"), by=reviewer)
    turn_down(make_post(title="By somebody else"), by=person())
    page = desk()
    assert "Continue with your 1" in page
    assert "1 assigned to you 1 claimed by you 1 decided today" in page
    assert "Decisions that you can undo ✕ Rejected Turned down until" in page
    assert "By somebody else" not in page


def test_what_is_broken_stands_first(client, staff):
    client.force_login(staff)
    now = timezone.now()
    assert "No background worker is running" in words_of(client.get(reverse("admin:index")))
    JobWorker.objects.create(name="worker 1", seen_at=now)
    job = definition_of(forget_old_sessions.module_path)
    Job.objects.create(name=job.name, last_failure_at=now, last_failure="no answer from the database")
    page = words_of(client.get(reverse("admin:index")))
    assert page.index(f"“{job.label}” failed") < page.index("Background workers are running")
    assert "no answer from the database" in page


def test_the_dashboard_costs_the_same_however_much_waits(client, superuser):
    client.force_login(superuser)

    def cost():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse("admin:index")).status_code == 200
        return len(captured)

    turn_down(make_post(), by=superuser)
    make_post()
    few = cost()
    for _ in range(20):
        make_post()
        turn_down(make_post(), by=superuser)
    assert cost() == few


def backlog(client, by):
    """Return the numbers on the dashboard: (waiting, came in, decided, other, change)."""
    client.force_login(by)
    said = client.get(reverse("admin:index")).context
    other = int(said["other_changes"].replace("−", "-").replace(",", "") or 0)
    return said["waiting"], said["came_in_today"], said["decided_today"], other, said["growth"]


def test_an_import_that_was_rolled_back_is_no_growth_of_the_backlog(client, reviewer):
    import_records(*[RecordFactory() for _ in range(3)])
    batch = import_records(*[RecordFactory() for _ in range(5)])
    turn_down(Post.objects.first(), by=reviewer)
    roll_back_batch(batch, by=person("Staff"))
    assert backlog(client, reviewer) == (2, 8, 1, -5, 2)
    page = words_of(client.get(reverse("admin:index")))
    assert "undone decisions account for −5. The backlog grew by 2." in page


@pytest.mark.parametrize("seed", range(3))
def test_after_any_acts_the_numbers_of_the_dashboard_agree_with_each_other(client, reviewer, seed):
    make_post()
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time()))
    Post.objects.update(created_at=midnight - timedelta(days=1))
    ImportBatch.objects.update(started_at=midnight - timedelta(days=1))
    note_waiting_at_midnight(now=midnight + timedelta(minutes=1))
    before = QueueEntry.objects.count()
    rolls, batches = random.Random(seed), [ImportBatch.objects.get()]
    people = (person("Editors"), person(), person(), person("Staff"))
    for number in range(30):
        with contextlib.suppress(Refused):
            random_act(rolls, people, batches)
        if number % 6 == 5:
            waiting, came, decided, other, change = backlog(client, reviewer)
            assert waiting == QueueEntry.objects.count()
            assert came - decided + other == change == waiting - before


def test_what_came_and_was_decided_before_the_backlog_was_noted_belongs_to_today(client, reviewer):
    make_post()
    midnight = start_of(timezone.localdate())
    Post.objects.update(created_at=midnight - timedelta(days=1))
    ImportBatch.objects.update(started_at=midnight - timedelta(days=1))
    import_records(*[RecordFactory() for _ in range(3)])
    turn_down(Post.objects.first(), by=reviewer)
    note_waiting_at_midnight(now=midnight + timedelta(minutes=20))
    assert backlog(client, reviewer) == (3, 3, 1, 0, 2)


def test_where_nobody_noted_the_backlog_of_midnight_the_dashboard_claims_no_growth(client, reviewer):
    make_post()
    Post.objects.update(created_at=timezone.now() - timedelta(days=3))
    note_waiting_at_midnight(now=start_of(timezone.localdate()) + timedelta(hours=9))
    assert backlog(client, reviewer)[3:] == (0, None)
    assert "backlog" not in words_of(client.get(reverse("admin:index")))
