"""What pages of the admin read of large tables: ranges of an index that begin where the page does."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posts.admin.lists import CappedPaginator
from posts.listing.image_stats import image_stats
from posts.models import BulkRow, ImageSource, QueueEntry
from posts.operations import begin_bulk
from posts.review_queue.order import ORDER, QueueView, previous_item
from tests.factories import RecordFactory, import_records, person

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def steps_of(statement):
    """Return the steps of SQLite's plan for a statement."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement.replace('%', '%%')}", [])
        return [step for *_, step in cursor.fetchall()]


def statements(ask):
    with CaptureQueriesContext(connection) as asked:
        ask()
    return [query["sql"] for query in asked]


def test_the_post_before_one_is_found_beside_it_among_all_with_the_same_risk_score():
    import_records(*(RecordFactory() for _ in range(4)))
    reviewer = person()
    QueueEntry.objects.update(points=7, waiting_since=QueueEntry.objects.first().waiting_since)
    first, second, third, fourth = QueueEntry.objects.order_by("post_id")
    QueueEntry.objects.filter(pk=first.pk).update(points=9)
    before = {
        entry.pk: previous_item(QueueView(), ORDER.cursor_of(entry), by=reviewer) for entry in QueueEntry.objects.all()
    }
    assert before == {first.pk: None, second.pk: first, third.pk: second, fourth.pk: third}
    near, far = statements(lambda: previous_item(QueueView(), ORDER.cursor_of(fourth), by=reviewer))
    assert any("points=? AND waiting_since<?" in step for step in steps_of(near)), steps_of(near)
    assert any("points>?" in step for step in steps_of(far)), steps_of(far)
    assert not any("TEMP B-TREE" in step for step in steps_of(near) + steps_of(far))


def test_a_capped_count_sorts_nothing():
    import_records(RecordFactory(image_sources=[{"url": "https://images.unsplash.com/a"}]))
    (counted,) = statements(lambda: CappedPaginator(ImageSource.objects.order_by("position"), 50).count)
    asked = [sql for sql in statements(image_stats) if "LIMIT 10001" in sql]
    assert asked
    assert not any("ORDER BY" in sql for sql in (counted, *asked))


def test_the_table_of_a_bulk_action_is_read_in_its_own_order(client):
    import_records(*(RecordFactory() for _ in range(3)))
    reviewer = person()
    run = begin_bulk("approve", by=reviewer, entries=QueueEntry.objects.all())
    client.force_login(reviewer)
    asked = statements(lambda: client.get(reverse("admin:queue_bulk", args=[run.pk])))
    pages = [sql for sql in asked if BulkRow._meta.db_table in sql and "LIMIT 201" in sql]
    assert pages
    for sql in pages:
        assert any("bulk_row_of_run (run_id=? AND id>?)" in step for step in steps_of(sql)), steps_of(sql)
        assert not any("TEMP B-TREE" in step for step in steps_of(sql))
