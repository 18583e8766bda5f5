"""A process that is killed while it carries out what a person asked for leaves nothing half done.

A few kills each; `make torture` has fifty. They take seconds, because each one is a process.
"""

import pytest

from tests.torture.people import ACTS, kill_at_random

KILLS = 2


@pytest.mark.parametrize("act", ACTS)
def test_what_is_killed_at_any_statement_is_done_or_not_done_and_can_be_finished(sites, act):
    assert kill_at_random(sites, act, kills=KILLS, seed=3) == []
