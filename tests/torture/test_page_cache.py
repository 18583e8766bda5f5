"""A thousand random changes while four processes are asked for every page; `make torture` runs them."""

import pytest

from tests.own_redis import REDIS, own_redis
from tests.page_processes import read_while_changing

pytestmark = [pytest.mark.torture, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("is_shared", [False, True], ids=["each for itself", "with a shared cache"])
def test_four_processes_never_show_what_was_untrue_for_a_second(tmp_path, is_shared):
    # Short is enough for the second: what is shared is asked by the same rule.
    steps = 100 if is_shared else 1000
    environment = {"CACHE_URL": f"filecache://{tmp_path}"} if is_shared else {}
    outcome = read_while_changing(servers=4, steps=steps, posts=6, seed=20261125, **environment)
    print(
        f"{outcome.changes:,} changes, {outcome.answers:,} answers, {outcome.hits:,} of them kept pages,"
        f" the oldest untrue for {outcome.oldest:.2f} s"
    )
    print(dict(outcome.done))
    assert outcome.hits > outcome.answers / 10
    assert outcome.wrong == []


@pytest.mark.skipif(REDIS is None, reason="Redis is missing. On Debian: apt-get install redis-server")
def test_eight_processes_with_redis_never_show_what_was_untrue_for_a_second(tmp_path):
    with own_redis(tmp_path) as server:
        outcome = read_while_changing(servers=8, steps=1000, posts=6, seed=20261129, CACHE_URL=server.url)
    print(f"{outcome.changes:,} changes, {outcome.answers:,} answers, the oldest untrue for {outcome.oldest:.2f} s")
    assert outcome.hits > outcome.answers / 10
    assert outcome.wrong == []
