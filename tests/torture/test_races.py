"""Each kind of race fifty times on PostgreSQL, where transactions really run at the same time."""

import pytest

from tests.races import KINDS, run_races
from tests.test_operations_races import at_once, done

pytestmark = [pytest.mark.torture, pytest.mark.django_db(transaction=True)]
ROUNDS = 50


@pytest.mark.parametrize("kind", KINDS)
def test_of_acts_at_the_same_moment_each_leaves_a_post_that_could_have_had_them_one_after_another(kind):
    run_races(kind, ROUNDS, at_once, done)
