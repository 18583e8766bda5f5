"""A killed and repeated import has the same result as an undisturbed one; so has a roll-back."""

import pytest

from tests.torture.kills import count_events, differences, prepare, spend_kills

KILLS = 10


@pytest.fixture(scope="module")
def undisturbed(sites, tmp_path_factory):
    """Return (site, command, state after an undisturbed run, its events)."""
    folder = tmp_path_factory.mktemp("kills")
    site, path = prepare(sites, folder)
    command = ["import_posts", str(path)]
    return site, command, *count_events(sites, site, command, folder)


def test_the_undisturbed_run_has_every_kind_of_row(undisturbed):
    _, _, state, events = undisturbed
    *_, created, updated, unchanged, conflict, duplicate, skipped, refused = state["batches"][-1]
    assert min(created, updated, unchanged, conflict, duplicate, refused) > 0 and skipped == 0
    assert sum([created, updated, unchanged, conflict, duplicate, refused]) == 421
    assert len(state["posts"]) == 400 and len(state["images"]) == 1200
    assert events["commit"] > 20 and events["row"] > 1000


def test_an_import_that_is_killed_at_any_point_comes_out_whole(sites, undisturbed):
    site, command, expected, events = undisturbed
    for state in spend_kills(sites, site, command, events, kills=KILLS, seed=1):
        assert differences(state, expected) == []


@pytest.mark.parametrize("mutant", ["early", "late"])
def test_a_checkpoint_that_does_not_move_with_its_chunk_is_caught(sites, undisturbed, mutant):
    site, command, expected, events = undisturbed
    states = spend_kills(sites, site, command, events, kills=KILLS, seed=3, mutant=mutant)
    assert any(differences(state, expected) for state in states)


def test_a_rollback_that_is_killed_at_any_point_comes_out_whole(sites, undisturbed, tmp_path):
    site, command, _, _ = undisturbed
    imported = sites.new(template=site)
    imported.run(*command)
    rollback = ["roll_back_import", "2"]
    expected, events = count_events(sites, imported, rollback, tmp_path)
    assert [row[1] for row in expected["batches"]] == ["finished", "rolled_back"]
    for state in spend_kills(sites, imported, rollback, events, kills=KILLS, seed=2, end="rolled_back"):
        assert differences(state, expected) == []
