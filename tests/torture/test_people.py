"""Fifty kills of each act of a person."""

import random

import pytest

from tests.torture.people import ACTS, kill_at_random

pytestmark = pytest.mark.torture


@pytest.mark.parametrize("act", ACTS)
def test_fifty_kills_leave_each_act_done_or_not_done(sites, act):
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    assert kill_at_random(sites, act, kills=50, seed=seed) == []
