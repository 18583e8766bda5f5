"""Everything that docs/scaling.md describes, at once, through a day with failures.

Usage: python -m tests.grow [--short]

A primary with two replicas, PgBouncer, Redis, two web processes, two workers and nginx. Readers ask for articles all
the time, while people flag and clear posts and imports come in. One after the other, a worker is killed, Redis hangs
and ends, the pooler restarts, a replica lags, a replica ends, and the primary crashes (kill -9) and is replaced by a
replica. Commits wait until one replica has them, so that a crash loses none. At the end the script prints what was
promised and what was counted, and exits with 1 if they differ.

Where root may make network namespaces, the servers run on machines of their own (tests/own_machines.py): the primary,
each replica, Redis, and twice a web process with a worker. nginx, the pooler, people and readers are on this machine.
Then the cable between a web process and Redis is cut too, and the primary vanishes from the network before it ends.
"""

import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import django

FOLDER = Path(tempfile.mkdtemp(prefix="alphanode-grow."))
# What a name in DNS or a moved address is elsewhere: failing over means to lead it to another server.
ADDRESS = FOLDER / "database"
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "alphanode.settings",
    "ENV_FILE": "",
    "DEBUG": "on",
    "SECRET_KEY": "a key for this day alone, as long as a real one must be",
    "DATABASE_URL": f"postgres://alphanode@/{ADDRESS}/alphanode",
}
django.setup()

from django.contrib.auth.models import User  # noqa: E402 (the settings come first, here and below)
from django.db import Error, connection  # noqa: E402

from posts.models import AuditEntry, ImportBatch, Post, ReviewFlag  # noqa: E402
from posts.operations import clear_flag, flag_post  # noqa: E402
from tests import own_machines  # noqa: E402
from tests.factories import RecordFactory, approve, make_post  # noqa: E402
from tests.own_nginx import nginx_command  # noqa: E402
from tests.own_pooler import own_pooler  # noqa: E402
from tests.own_postgres import own_postgres  # noqa: E402
from tests.own_redis import own_redis  # noqa: E402
from tests.own_replicas import own_replica  # noqa: E402
from tests.ports import free_port  # noqa: E402
from tests.sites import ROOT  # noqa: E402
from tests.waiting import PATIENT_SECONDS, wait_until  # noqa: E402

MACHINES = ("primary", "replica1", "replica2", "redis", "web1", "web2")
# The last part of the address at which the primary is found, whichever machine that is.
OF_PRIMARY = 200
WEB_PORT = 8000
# What the site promises.
SHOWN_WITHIN, HEALED_WITHIN = 1.0, 10.0
NGINX_LINES = """
    upstream site {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://site;
            proxy_connect_timeout {patience}s; proxy_read_timeout {patience}s; proxy_send_timeout {patience}s;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
"""


class Process:
    """A process of the site, with what it logged."""

    def __init__(self, name, *arguments, machine=None, **environment):
        self.name, self._environment = name, environment
        self._arguments = machine.command(*arguments) if machine else arguments
        self.lines = []
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self._arguments, cwd=ROOT, env=os.environ | self._environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def _read(self, pipe):
        with pipe:
            self.lines.extend(pipe)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=PATIENT_SECONDS)

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=PATIENT_SECONDS)
        self._reader.join()


class Day:
    """What readers saw and what people did, with times."""

    def __init__(self, port, slugs):
        self.port, self.slugs = port, slugs
        self.answers = []  # (asked, answered, slug, status, is_indexable, says when to come back)
        self.closed = []  # (slug, from, until): when no search engine may index a post
        self.saved = Counter()
        self._stop = threading.Event()
        self._readers = [threading.Thread(target=self._read, args=(number,)) for number in range(2)]

    def begin(self):
        for reader in self._readers:
            reader.start()

    def end(self):
        self._stop.set()
        for reader in self._readers:
            reader.join()

    def _read(self, number):
        chance = random.Random(number)
        while not self._stop.wait(0.02):
            slug = chance.choice(self.slugs)
            asked = time.monotonic()
            status, robots, retry = 0, False, False
            # Status 0: no answer at all.
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, headers, page = ask(self.port, f"/posts/{slug}/")
                robots, retry = "noindex" not in page, bool(headers["Retry-After"])
            self.answers.append((asked, time.monotonic(), slug, status, robots, retry))

    def wrongly_indexable(self):
        """Return the answers that were indexable more than a second after they must not be."""
        return [
            answer
            for answer in self.answers
            for slug, began, ended in self.closed
            if answer[2] == slug and answer[3] == 200 and answer[4]
            and answer[0] > began + SHOWN_WITHIN and answer[1] < ended
        ]  # fmt: skip

    def failures(self):
        return [answer for answer in self.answers if answer[3] != 200]


def ask(port, path):
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENT_SECONDS)
    with contextlib.closing(server):
        server.request("GET", path)
        answer = server.getresponse()
        return answer.status, answer.headers, answer.read().decode()


class Site:
    """The whole site: its servers, its processes, and who answers at the address of the database.

    machines: {name: Machine}, or nothing where all of it is on this one. address: that of this machine for the others.
    """

    def __init__(self, stack, folder, address, machines):
        self.folder, self.machines, self.address = folder, machines, address
        self.primary = stack.enter_context(own_postgres())
        ADDRESS.symlink_to(self.primary.folder)
        manage("migrate", "--verbosity", "0")
        if machines:
            self.primary.move_to(machines["primary"])
            self._lead_to(self.primary)
        self.replicas = [
            stack.enter_context(own_replica(self.primary, name, machines.get(name)))
            for name in ("replica1", "replica2")
        ]
        # The replicas keep this too, for the time when one of them is the primary.
        for server in (*self.replicas, self.primary):
            server.ask(
                "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (replica1, replica2)'",
                "ALTER SYSTEM SET synchronous_commit = 'on'",
                "SELECT pg_reload_conf()",
            )
        self.redis = stack.enter_context(own_redis(folder, machine=machines.get("redis")))
        lines = [f"listen_addr = {address}", "[databases]", f"* = host={self.address_of_primary}"] if machines else []
        self.pooler = stack.enter_context(own_pooler(os.environ["DATABASE_URL"], *lines))
        self.environment = self.pooler.settings("alphanode") | {
            "DATABASE_REPLICA_URLS": ",".join(replica.url_for_others for replica in self.replicas),
            "CACHE_URL": self.redis.url,
            "BEHIND_PROXY": "on",
            "LOG_LEVEL": "INFO",
        }
        if machines:
            self.environment |= {
                "DATABASE_URL": f"postgres://alphanode_web@{address}:5432/alphanode",
                "DATABASE_DIRECT_URL": f"postgres://alphanode@{self.address_of_primary}:5432/alphanode",
            }

    @property
    def address_of_primary(self):
        return f"{self.address.rpartition('.')[0]}.{OF_PRIMARY}"

    def _lead_to(self, server):
        """Let a server answer at the address of the primary."""
        own_machines.move(self.address_of_primary, server.machine, self.machines.values())

    def serve(self, stack):
        """Start web processes, workers and nginx; return nginx's port."""
        self.webs, self.workers, servers = [], [], ""
        for number in (1, 2):
            machine = self.machines.get(f"web{number}")
            place = f"{machine.address}:{WEB_PORT}" if machine else f"127.0.0.1:{free_port()}"
            # A folder of one machine: the others don't see it.
            own = self.environment | {"METRICS_DIR": str(self.folder / f"metrics{number if machine else ''}")}
            web = (sys.executable, "deploy/serve.py")
            self.webs.append(Process(f"web {number}", *web, machine=machine, WEB_BIND=place, WEB_WORKERS="1", **own))
            worker = (sys.executable, "manage.py", "run_worker")
            self.workers.append(Process(f"worker {number}", *worker, machine=machine, **own))
            servers += f"server {place} max_fails=0; "
        port = free_port()
        lines = NGINX_LINES.format(port=port, servers=servers, patience=PATIENT_SECONDS)
        self.nginx = Process("nginx", *nginx_command(self.folder, lines))
        for process in (*self.webs, *self.workers, self.nginx):
            stack.callback(process.end)
        wait_until(lambda: is_up(port))
        return port

    def fail_over(self):
        """Crash the primary and replace it by the replica that has received more, as an operator does."""
        if self.primary.machine:
            self.primary.machine.unplug()
        self.primary.crash()
        # The other one could not follow a server that has less than itself.
        other, successor = sorted(self.replicas, key=lambda replica: replica.received)
        successor.promote()
        wait_until(lambda: not successor.value("SELECT pg_is_in_recovery()"))
        new = self.folder / "new"
        new.symlink_to(successor.folder)
        new.rename(ADDRESS)
        if successor.machine:
            self._lead_to(successor)
        self.replaced_at = time.monotonic()
        other.follow(successor)

    def tracebacks(self):
        said = [(process.name, line) for process in (*self.webs, *self.workers) for line in process.lines]
        return [(name, line) for name, line in said if "Traceback" in line or '"level": "error"' in line]


def is_up(port):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(port, "/")[0] == 200
    return False


def manage(*arguments, **environment):
    """Run manage.py; return the CompletedProcess."""
    ended = subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    if ended.returncode and arguments[0] != "import_posts":
        raise AssertionError(f"{arguments}: {ended.stdout[-1000:]}{ended.stderr[-3000:]}")
    return ended


class People:
    """Those who flag, clear and import, in this process."""

    def __init__(self, site, day):
        self.site, self.day = site, day
        self.imported = self.runs = 0

    def flag_and_clear(self, slug, closed_for):
        """Flag a post, leave it so for a while, and clear the flag again; repeat each until it is saved."""
        flagged = self._saved("flag", slug)
        time.sleep(closed_for)
        before = time.monotonic()
        self._saved("clear", slug)
        self.day.closed.append((slug, flagged, before))

    def _saved(self, act, slug):
        end = time.monotonic() + PATIENT_SECONDS
        while True:
            try:
                by, post = User.objects.get(username="ada"), Post.objects.get(slug=slug)
                flags = ReviewFlag.objects.filter(post=post, cleared_at=None)
                # It may have been saved although the answer got lost.
                if act == "flag" and not flags.exists():
                    flag_post(post, by=by, note="Look.")
                elif act == "clear" and (flag := flags.first()) is not None:
                    clear_flag(flag, by=by, note="Looked at.")
                self.day.saved[act] += 1
                return time.monotonic()
            except Error:
                assert time.monotonic() < end, "nothing can be saved any more"
                connection.close()
                time.sleep(0.2)

    def bring_in(self, count):
        """Import a file of new posts, again after each failure, until all are in."""
        self.runs += 1
        path = self.site.folder / f"import-{self.runs}.jsonl"
        path.write_text("".join(json.dumps(RecordFactory(source_id=f"{self.runs}-{number}")) + "\n"
                                for number in range(count)))  # fmt: skip
        self.imported += count
        end = time.monotonic() + PATIENT_SECONDS
        while (ended := manage("import_posts", path, **self.site.environment)).returncode:
            assert time.monotonic() < end and "Traceback" not in ended.stderr, ended.stderr[-3000:]
            time.sleep(0.5)


def whole_day(site, day, people, *, pause):
    """Let one thing after the other fail while people work. pause: seconds of rest in between."""
    slugs = iter(day.slugs * 100)
    said = []

    def step(name, act, undo=None):
        began, before = time.monotonic(), len(day.answers)
        act()
        people.flag_and_clear(next(slugs), closed_for=SHOWN_WITHIN + pause)
        if undo:
            undo()
        people.flag_and_clear(next(slugs), closed_for=SHOWN_WITHIN + pause)
        failed = [answer for answer in day.answers[before:] if answer[3] != 200]
        spent = time.monotonic() - began
        said.append(f"{name:<28} {spent:5.1f} s {len(day.answers) - before:6} answers {len(failed):4} failed")
        print(said[-1], flush=True)

    step("nothing fails", lambda: people.bring_in(200))
    step("a worker is killed", site.workers[0].kill, site.workers[0].start)
    step("Redis hangs", site.redis.freeze, site.redis.thaw)
    step("Redis ends", site.redis.stop, site.redis.start)
    if web := site.machines.get("web1"):
        step("a machine loses Redis", lambda: web.cut(site.redis.port), web.mend)
    step("the pooler restarts", site.pooler.restart)
    step("a replica lags", site.replicas[1].pause, site.replicas[1].resume)
    step("a replica ends", site.replicas[1].stop, site.replicas[1].start)
    importer = threading.Thread(target=people.bring_in, args=(400,))
    importer.start()
    step("the primary crashes", site.fail_over)
    importer.join()
    step("nothing fails any more", lambda: people.bring_in(50))


def seeded(count):
    """Make the people and the approved posts of the day; return the slugs."""
    User.objects.create_superuser("ada")
    slugs = [f"day-{number}" for number in range(count)]
    for slug in slugs:
        approve(make_post(slug=slug))
    return slugs


def verdict(site, day, people):
    """Print what was promised and what was counted; return whether all of it holds."""
    connection.close()
    wrong = day.wrongly_indexable()
    failed = day.failures()
    unsaid = [answer for answer in failed if answer[3] != 503 or not answer[5]]
    outage = max(max((answer[1] for answer in failed), default=0) - site.replaced_at, 0)
    # A machine that is busy otherwise takes longer for everything.
    slowest = max(answer[1] - answer[0] for answer in day.answers if answer[3] == 200)
    made = Counter(AuditEntry.objects.filter(action__in=("flagged", "flag cleared")).values_list("action", flat=True))
    flags = day.saved["flag"]
    posts = Post.objects.count() - len(day.slugs)
    counted = sum(ImportBatch.objects.filter(source_path__contains="/import-").values_list("created", flat=True))
    by_replica = sum('"database": "replica' in line for web in site.webs for line in web.lines)
    lines = [
        ("answers indexable against the rule for more than a second", len(wrong), len(wrong) == 0),
        ("flags saved, of those that people made", f"{made['flagged']}/{flags}", made["flagged"] >= flags),
        ("imported posts, and counted", f"{posts}, {counted}/{people.imported}", posts == counted == people.imported),
        ("tracebacks and errors in logs", len(site.tracebacks()), not site.tracebacks()),
        ("failures that are no 503 with Retry-After", len(unsaid), not unsaid),
        ("seconds of 503 after the new primary stood", f"{outage:.1f}", outage <= HEALED_WITHIN + slowest),
        ("requests that a replica answered", by_replica, by_replica > 0),
    ]
    print(f"\n{len(day.answers):,} answers to readers, {len(failed)} of them 503")
    for name, value, holds in lines:
        print(f"{'holds' if holds else 'BROKEN':<7} {name}: {value}")
    # It exits with 1 if two surfaces disagree, and manage() tells what it said.
    manage("audit_indexing", "--sample", "20")
    print("holds   audit_indexing finds nothing")
    for problem in [*wrong[:3], *unsaid[:3], *site.tracebacks()[:5]]:
        print("   ", str(problem)[:600])
    return all(holds for *_, holds in lines)


def main():
    is_short = "--short" in sys.argv
    FOLDER.chmod(0o755)
    try:
        with contextlib.ExitStack() as stack:
            address, machines = "127.0.0.1", {}
            if lacking := own_machines.missing():
                print(f"Everything runs on one machine: {lacking}.")
            else:
                address, found = stack.enter_context(own_machines.own_machines(len(MACHINES)))
                machines = dict(zip(MACHINES, found, strict=True))
                print(f"Machines of their own: {', '.join(machines)}.")
            site = Site(stack, FOLDER, address, machines)
            slugs = seeded(6)
            port = site.serve(stack)
            day = Day(port, slugs)
            day.begin()
            people = People(site, day)
            try:
                whole_day(site, day, people, pause=0.2 if is_short else 5)
            finally:
                day.end()
            return 0 if verdict(site, day, people) else 1
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
