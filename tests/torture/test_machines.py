"""Several machines: cables that are cut without a word to anybody, and lost packets; `make torture` runs them.

Needs Linux, root and iproute2; what is missing fails and says so. Each machine is a network namespace: see
tests/own_machines.py.
"""

import contextlib
import http.client
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

import pytest
from django.conf import settings

from tests import own_machines
from tests.factories import RecordFactory
from tests.own_postgres import own_postgres
from tests.own_redis import OwnRedis
from tests.page_processes import ROOT, SETTINGS, read_while_changing
from tests.ports import free_port
from tests.sites import Site
from tests.test_jobs import WORKER
from tests.waiting import PATIENT_SECONDS, wait_until

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite has one machine"),
]
JOBS = 60


@pytest.fixture(scope="module")
def network():
    """Return (address of this machine, two machines)."""
    assert not (lacking := own_machines.missing()), lacking
    with own_machines.own_machines(2) as found:
        yield found


@pytest.fixture
def machines(network):
    yield network[1]
    for machine in network[1]:
        machine.mend()


@pytest.fixture
def site(network, sites):
    """Return a migrated Site whose server all machines reach, without what another test left to do."""
    copied = sites.new()
    with own_postgres() as server:
        own = Site(server.url)
        own.load(copied.dump(own.server_tools))
        port = free_port()
        with open(server.folder / "data" / "pg_hba.conf", "a") as rules:
            rules.write("host all all samenet trust\n")
        server.ask(f"ALTER SYSTEM SET listen_addresses = '{network[0]}'", f"ALTER SYSTEM SET port = {port}")
        server.stop()
        (server.folder / f".s.PGSQL.{port}").unlink(missing_ok=True)
        server.url = f"postgres://alphanode@{network[0]}:{port}/alphanode"
        server.start()
        own = Site(server.url)
        own.port = port
        yield own


@contextlib.contextmanager
def running(machine, site, *command, **environment):
    """Start a program on a machine; yield the Popen, and kill what is left of it."""
    process = subprocess.Popen(
        machine.command(sys.executable, *command),
        cwd=ROOT,
        env=os.environ | SETTINGS | {"DATABASE_URL": site.url} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENT_SECONDS)


def ask(machine, port, path):
    """Return the status and headers of a page of a machine."""
    server = http.client.HTTPConnection(machine.address, port, timeout=PATIENT_SECONDS)
    with contextlib.closing(server):
        server.request("GET", path, headers={"Host": "127.0.0.1"})
        answer = server.getresponse()
        return answer.status, answer.headers, answer.read()


def one(site, question):
    ((value,),) = site.ask(question)
    return value


def test_an_import_of_a_machine_that_vanished_is_ended_by_another_one(site, machines, tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps(RecordFactory(source_id=f"many-{at}")) + "\n" for at in range(12_000)))
    command = ("manage.py", "import_posts", str(path))
    posts = "SELECT count(*) FROM posts_post WHERE source_id LIKE 'many-%'"
    with running(machines[0], site, *command) as lost:
        wait_until(lambda: one(site, posts))
        machines[0].cut(site.port)
        began = time.monotonic()

        def is_whole():
            with running(machines[1], site, *command) as second:
                said = second.communicate(timeout=PATIENT_SECONDS)[0]
            assert "Traceback" not in said, said
            return second.returncode == 0

        wait_until(is_whole)
        print(f"ended by the second machine {time.monotonic() - began:.0f} s after the cut")
        machines[0].mend()
        assert lost.wait(timeout=PATIENT_SECONDS) != 0
        said = lost.stdout.read()
    assert "Traceback" not in said, said
    assert one(site, posts) == 12_000
    assert one(site, "SELECT sum(created) FROM posts_importbatch WHERE source_path LIKE '%many.jsonl'") == 12_000
    assert one(site, "SELECT count(*) FROM posts_revision r JOIN posts_post p ON p.id = r.post_id "
                     "WHERE p.source_id LIKE 'many-%'") == 12_000  # fmt: skip


def test_jobs_of_a_machine_that_vanished_are_done_by_another_one(site, machines, tmp_path):
    path = tmp_path / "lines"
    enqueue = "from posts.jobs import enqueue_once; from tests import sample_jobs\n"
    enqueue += f"for at in range({JOBS}): enqueue_once(sample_jobs.note_once, key=str(at), path={str(path)!r}, line=at)"
    assert site.run("shell", "-c", enqueue).returncode == 0
    left = "SELECT count(*) FROM posts_jobrun WHERE job_name = 'test: note once' AND finished_at IS NULL"
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    with contextlib.ExitStack() as stack:
        for machine in machines:
            stack.enter_context(running(machine, site, "-c", WORKER, **environment))
        wait_until(lambda: one(site, left) < JOBS - 5)
        machines[0].cut(site.port)
        wait_until(lambda: one(site, left) == 0)
        done = Counter(path.read_text().splitlines())
        assert len(done) == JOBS
        # Twice only what the first one did between the cut and the moment when it noticed.
        assert sum(done.values()) - JOBS <= 1
        # It works again once it is back, while the other one is away.
        machines[0].mend()
        machines[1].cut(site.port)
        assert site.run("shell", "-c", enqueue.replace("range(", "range(1000, 1000 + ")).returncode == 0
        wait_until(lambda: one(site, left) == 0)


@pytest.fixture
def web(site, machines):
    """Return a function that asks the web process of the first machine for a path."""
    port = free_port()
    where = {"WEB_BIND": f"{machines[0].address}:{port}", "WEB_WORKERS": "1", "WEB_THREADS": "4"}
    with running(machines[0], site, "deploy/serve.py", **where) as process:

        def page(path):
            assert process.poll() is None, process.stdout.read()
            with contextlib.suppress(OSError, http.client.HTTPException):
                return ask(machines[0], port, path)
            return 0, {}, b""

        wait_until(lambda: page("/")[0] == 200)
        yield page


def test_a_web_machine_without_the_database_says_so_and_comes_back(site, machines, web):
    machines[0].cut(site.port)
    status, headers, _ = wait_until(lambda: next((said for said in [web("/articles/")] if said[0] != 200), None))
    assert (status, headers["Retry-After"]) == (503, "10")
    assert web("/healthz")[0] == 200
    machines[0].mend()
    wait_until(lambda: web("/articles/")[0] == 200)


def test_pages_are_right_while_packets_are_lost(site, machines, web):
    machines[0].cut(site.port, share=0.05)
    statuses = Counter(web("/articles/?page=1" if at % 2 else "/search/?q=word")[0] for at in range(40))
    print(dict(statuses))
    assert set(statuses) <= {200, 503}
    assert statuses[200] > 30


@pytest.mark.django_db(transaction=True)
def test_eight_processes_on_two_machines_never_show_what_was_untrue_for_a_second(network, machines, tmp_path):
    """Redis is cut off from one machine after the other, and loses packets."""
    chance = random.Random(22)
    redis = OwnRedis(tmp_path, "--save", "", "--appendonly", "no", "--bind", network[0], "127.0.0.1",
                     "--protected-mode", "no")  # fmt: skip

    def trouble():
        for machine in machines:
            machine.mend()
        machine, share = chance.choice([(None, 0), (machines[0], 1), (machines[1], 1), (machines[0], 0.1)])
        if machine:
            machine.cut(redis.port, share)

    try:
        outcome = read_while_changing(
            servers=8, steps=300, posts=6, seed=20261130, machines=machines, trouble=trouble,
            CACHE_URL=redis.url.replace("127.0.0.1", network[0]),
        )  # fmt: skip
    finally:
        redis.close()
    print(f"{outcome.changes:,} changes, {outcome.answers:,} answers, the oldest untrue for {outcome.oldest:.2f} s")
    assert outcome.wrong == []
