from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from posts.db.keyset import Cursor, PageOrder, in_chunks
from posts.models import PageChange, Term

pytestmark = pytest.mark.django_db
START = datetime(2026, 5, 18, 9, 30, 0, 123456, tzinfo=UTC)
ORDER = PageOrder(("-noted_at", datetime), ("position", int), ("id", int))


@pytest.fixture
def terms():
    names = [f"term-{number}" for number in range(7)]
    return Term.objects.bulk_create(Term(kind="tag", key=name, name=name, slug=name) for name in names)


@pytest.fixture
def changes():
    """Rows of which several are alike in the first column, or in the first two."""
    rows = [(0, 5), (0, 5), (0, 7), (1, 5), (1, 3), (2, 1), (2, 1), (2, 1)]
    for seconds, position in rows:
        change = PageChange.objects.create(position=position, keys="")
        PageChange.objects.filter(pk=change.pk).update(noted_at=START + timedelta(seconds=seconds))
    return list(PageChange.objects.order_by("-noted_at", "position", "id"))


@pytest.mark.parametrize("size", [1, 3, 7, 8])
def test_a_walk_comes_to_every_row_once_in_the_order_of_its_key(terms, size, django_assert_num_queries):
    with django_assert_num_queries(-(-7 // size) + 1):
        chunks = list(in_chunks(Term.objects.order_by("-name"), size=size))
    assert list(chain(*chunks)) == terms and {len(chunk) for chunk in chunks[:-1]} <= {size}
    keys = [term.pk for term in terms]
    assert list(chain(*in_chunks(Term.objects.values_list("pk", flat=True), size=size))) == keys
    names = Term.objects.values_list("key", "name")
    assert list(chain(*in_chunks(names, key="key", size=size))) == [(term.key, term.name) for term in terms]


def test_a_walk_that_was_stopped_goes_on_behind_its_last_key(terms):
    assert list(in_chunks(Term.objects, size=10, after=terms[2].pk)) == [terms[3:]]
    assert list(in_chunks(Term.objects, size=10, after=terms[-1].pk)) == []


def test_rows_that_are_deleted_on_the_way_neither_end_a_walk_nor_make_it_miss_others(terms):
    seen = []
    for chunk in in_chunks(Term.objects.values_list("pk", flat=True), size=2):
        seen += chunk
        Term.objects.filter(pk__in=chunk).delete()
    assert seen == [term.pk for term in terms] and not Term.objects.exists()


def test_pages_after_and_before_a_cursor_meet_at_its_row(changes):
    assert list(ORDER.after(PageChange.objects, None)) == changes
    assert list(ORDER.before(PageChange.objects, None)) == changes[::-1]
    for at, change in enumerate(changes):
        cursor = ORDER.cursor_of(change)
        assert list(ORDER.after(PageChange.objects, cursor)) == changes[at + 1 :]
        assert list(ORDER.before(PageChange.objects, cursor)) == changes[:at][::-1]


def test_a_cursor_comes_back_from_its_text(changes):
    for change in changes:
        cursor = ORDER.cursor_of(change)
        assert ORDER.parse(str(cursor)) == cursor and f"{cursor}" == str(cursor)
    assert str(Cursor((START, 5, 1))) == "1779096600123456-5-1"


def test_a_walk_begins_where_an_index_finds_its_cursor():
    rows = ORDER.after(PageChange.objects, Cursor((START, 5, 1)))
    assert '"noted_at" <= ' in str(rows.query)
