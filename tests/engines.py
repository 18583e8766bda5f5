"""Which tests have to run on each database engine."""

import pytest

# Everything that gives a test a database of the engine at hand.
DATABASE_FIXTURES = {"db", "transactional_db", "sites"}


def depends_on_engine(item: pytest.Item) -> bool:
    """Return whether the engine may change the result of a test.

    pytest-django lets no test without the mark or a fixture reach a database. A test that an engine skips is about an
    engine. A test that carries the mark `once` has a database, and says of itself that any would do.
    """
    if item.get_closest_marker("skipif"):
        return True
    if item.get_closest_marker("once"):
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or not fixtures.isdisjoint(DATABASE_FIXTURES)
