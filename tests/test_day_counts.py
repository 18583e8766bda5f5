"""What came in and was decided by day: counted in the background, and right at any moment."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from posts.admin.dashboard.dashboard import generator_rates
from posts.models import Review, SiteFigure
from posts.operations import create_post, submit_revision, undo_decision, withdraw_post
from posts.review_queue.counts import came_in_by_day, decided_by_day
from posts.review_queue.days import MEMORY, DayCounts, count_days, generator_record
from posts.review_queue.ranking import rank_queue
from tests.factories import approve, make_post, person
from tests.test_review_queue import turn_down

pytestmark = pytest.mark.django_db
NOON = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)


def old_time(days):
    return NOON - timedelta(days=days)


def decide(how, days, generator="steady", by=None):
    """Make a decision, that many days before today's noon."""
    post = make_post(payload={"generator": generator})
    review = how(post, by=by or person())
    review = review if isinstance(review, Review) else Review.objects.get(revision__post=post)
    Review.objects.filter(pk=review.pk).update(created_at=old_time(days))
    return review


def submit():
    submit_revision(create_post({"title": "Typed", "body": "x"}, by=None), by=person("Editors"))


def counted_now():
    """Return what pages say, (new by day, decided by day, by generator), and the same of rows alone."""
    today, since = NOON.date(), NOON - MEMORY
    told = came_in_by_day(today), decided_by_day(today), DayCounts().by_generator(since), generator_record(now=NOON)
    stored = SiteFigure.objects.filter(name="counted days")
    value = stored.values_list("value", flat=True).get()
    stored.update(value={})
    alone = came_in_by_day(today), decided_by_day(today), DayCounts().by_generator(since), generator_record(now=NOON)
    stored.update(value=value)
    return told, alone


def test_what_was_counted_and_what_was_not_add_up_to_what_the_rows_say():
    for days in (0, 1, 1, 13, 14, 20):
        decide(approve, days)
    decide(turn_down, 2, "shaky")
    submit()
    count_days(now=NOON - timedelta(hours=1))
    told, alone = counted_now()
    assert told == alone
    assert (told[1][NOON.date()], told[1][NOON.date() - timedelta(days=1)]) == (1, 2)
    assert told[2] == {"steady": {"approved": 6}, "shaky": {"rejected": 1}}
    decide(turn_down, 0, "shaky")
    count_days(now=NOON + timedelta(hours=1))
    decide(turn_down, -0.1, "new")
    told, alone = counted_now()
    assert told == alone


def test_what_was_counted_is_not_counted_again_by_a_page():
    decide(approve, 3)
    submit()
    count_days(now=timezone.now() + timedelta(days=1))
    with CaptureQueriesContext(connection) as asked:
        came_in, decided = came_in_by_day(NOON.date()), decided_by_day(NOON.date())
    assert (sum(decided.values()), came_in[NOON.date()][0]) == (1, 2)
    # Rows from before the count are not looked at: as if they had moved.
    Review.objects.update(created_at=NOON - timedelta(days=5))
    assert decided_by_day(NOON.date()) == decided
    assert len(asked) == 5


@pytest.mark.parametrize(("how", "decided"), [("undone", 1), ("revoked", 2)])
def test_what_is_undone_or_revoked_after_it_was_counted_is_counted_again_with_its_day(how, decided):
    reviewer, day = person(), NOON.date() - timedelta(days=5)
    old, _ = decide(approve, 5, by=reviewer), decide(approve, 5)
    count_days(now=NOON)
    if how == "undone":
        Review.objects.filter(pk=old.pk).update(created_at=timezone.now())
        undo_decision(Review.objects.get(pk=old.pk), by=reviewer)
        Review.objects.filter(pk=old.pk).update(created_at=old_time(5), undone_at=NOON + timedelta(seconds=30))
    else:
        withdraw_post(old.revision.post, by=person("Staff"), why="Wrong.")
        Review.objects.filter(pk=old.pk).update(revoked_at=NOON + timedelta(seconds=30), revoked_by=reviewer)
    count_days(now=NOON + timedelta(minutes=1))
    told, alone = counted_now()
    assert told == alone
    assert (told[1][day], told[2]) == (decided, {"steady": {"approved": 1}})


def test_the_next_day_counts_everything_again():
    decide(approve, 5)
    count_days(now=NOON)
    Review.objects.update(created_at=NOON - timedelta(days=6))
    count_days(now=NOON + timedelta(days=1))
    assert decided_by_day(NOON.date())[NOON.date() - timedelta(days=6)] == 1


def test_ranking_and_dashboard_take_counted_decisions():
    for _ in range(8):
        decide(turn_down, 3, "shaky")
        decide(approve, 3, "steady")
    waiting = make_post(payload={"generator": "shaky"})
    count_days(now=NOON)
    rank_queue(now=NOON)
    waiting.refresh_from_db()
    assert waiting.queue_entry.generator_points > 0
    assert [(rate.name, rate.percent) for rate in generator_rates(DayCounts(), NOON)] == [("shaky", 0), ("steady", 100)]
