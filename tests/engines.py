"""Decides which tests run on each database engine."""

import pytest

# Everything that gives a test a database of the engine at hand.
DATABASE_FIXTURES = {"db", "transactional_db", "sites"}


def depends_on_engine(item: pytest.Item) -> bool:
    """Return whether the engine may change the result of a test.

    A test with the mark `once` has a database, and any engine would do. A test that is skipped on an engine is about
    engines. pytest-django lets no other test without the mark or a fixture reach a database.
    """
    if item.get_closest_marker("once"):
        return False
    if item.get_closest_marker("skipif"):
        return True
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or not fixtures.isdisjoint(DATABASE_FIXTURES)
