"""A PostgreSQL that is killed with all its processes, fifty times during each act and during imports."""

import random
from collections import Counter

import pytest
from django.conf import settings

from tests.own_postgres import own_postgres
from tests.sites import Site
from tests.test_importing_killed import differences
from tests.torture import kills, people

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL"),
]
KILLS = 50


class OwnSites:
    """Makes sites as SiteMaker does, on a server of its own."""

    def __init__(self, server):
        self.server, self._made = server, 0

    @property
    def data(self):
        return self.server.folder / "data"

    def new(self, template=None):
        template, self._made = template or Site(self.server.url), self._made + 1
        site = Site(f"{self.server.url.rpartition('/')[0]}/site_{self._made}")
        self._ask(f'CREATE DATABASE "{site.database}" TEMPLATE "{template.database}"')
        # A copied sequence is written to the log again only after a checkpoint; a crash before would take it back.
        self._ask("CHECKPOINT")
        return site

    def drop(self, site):
        self._ask(f'DROP DATABASE "{site.database}" WITH (FORCE)')

    def _ask(self, statement):
        Site(f"{self.server.url.rpartition('/')[0]}/postgres").do(statement)

    def rise(self):
        """Start the server if it was killed, and return whether it was."""
        if self.server.processes():
            return False
        self.server.crash()
        self.server.start()
        return True


@pytest.fixture(scope="module")
def own_sites(sites):
    with own_postgres() as server:
        site = Site(server.url)
        site.load(sites.new().dump(site.server_tools))
        # The tests' servers promise nothing; this one keeps what it has said that it keeps.
        server.ask("ALTER SYSTEM SET synchronous_commit = on", "ALTER SYSTEM SET full_page_writes = on")
        # Started from here, it can be waited for: a zombie would still hold its lock files.
        server.stop()
        server.start()
        yield OwnSites(server)


@pytest.mark.parametrize("act", people.ACTS)
def test_fifty_kills_of_the_database_leave_each_act_done_or_not_done(own_sites, act):
    chance = random.Random(seed := random.randrange(10**6))
    template = own_sites.new()
    assert people.run(template, people.prepare, act)[0] == 0
    before = template.ask(people.LEFT)
    undisturbed = own_sites.new(template)
    code, points = people.run(undisturbed, people.carry_out, act)
    after = undisturbed.ask(people.LEFT)
    assert code == 0 and before != after and points > 10
    copy, outcomes = own_sites.new(template), Counter()
    for _ in range(KILLS):
        at = chance.randint(1, points)
        people.run(copy, people.carry_out, act, at, own_sites.data)
        assert own_sites.rise(), (seed, at)
        found = copy.ask(people.LEFT)
        assert people.is_whole(found, before, after), (seed, at, found)
        outcomes["done" if found == after else "not done" if found == before else "partly done"] += 1
        if found != before:
            assert people.run(copy, people.carry_out, act)[0] == 0
            assert copy.ask(people.LEFT) == after, (seed, at)
            own_sites.drop(copy)
            copy = own_sites.new(template)
    # What was never done in all those tries can still be done.
    assert people.run(copy, people.carry_out, act)[0] == 0
    assert copy.ask(people.LEFT) == after
    print(f"seed {seed}, {act}: {dict(outcomes)}")


def test_fifty_kills_of_the_database_leave_an_import_whole(own_sites, tmp_path):
    chance = random.Random(seed := random.randrange(10**6))
    site, path = kills.prepare(own_sites, tmp_path)
    command = ["import_posts", str(path)]
    expected, events = kills.count_events(own_sites, site, command, tmp_path)
    spent, rounds = 0, 0
    while spent < KILLS:
        copy, rounds = own_sites.new(site), rounds + 1
        while not kills.is_done(copy, "finished"):
            kind = chance.choice(["commit", "row"])
            point = f"{kind}:{chance.randint(1, max(events[kind] // 2, 1))}"
            options = ["--kill", point, "--server", str(own_sites.data)] if spent < KILLS else []
            code, said = kills.run(copy, command, options)
            assert code in (0, 1, 74) and "Traceback" not in said, (seed, point, said)
            spent += own_sites.rise()
        assert differences(copy.state(), expected) == [], seed
        own_sites.drop(copy)
    print(f"seed {seed}, import: {spent} kills in {rounds} imports")
