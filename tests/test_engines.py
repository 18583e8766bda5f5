"""`make test` runs a test on the second engine only where the engine may change its result."""

import pytest
from django.conf import settings

from tests.engines import depends_on_engine


def test_a_test_without_a_database_depends_on_no_engine(request):
    assert not depends_on_engine(request.node)


def test_a_test_with_a_database_depends_on_its_engine(request, staff):
    assert depends_on_engine(request.node)


@pytest.mark.django_db
def test_a_test_that_is_marked_for_a_database_depends_on_its_engine(request):
    assert depends_on_engine(request.node)


def test_a_test_that_makes_whole_sites_depends_on_their_engine(request, sites):
    assert depends_on_engine(request.node)


@pytest.mark.skipif("mysql" in settings.DATABASES["default"]["ENGINE"], reason="about other engines")
def test_a_test_that_an_engine_skips_depends_on_it(request):
    assert depends_on_engine(request.node)


@pytest.mark.once
def test_a_test_with_a_database_can_say_that_any_would_do(request, db):
    assert not depends_on_engine(request.node)
