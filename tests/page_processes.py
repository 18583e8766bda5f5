"""Several real processes that serve pages while posts change, and a check that no answer is outdated."""

import contextlib
import hashlib
import http.client
import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client

from posts.db import kept_parts, unchanged
from posts.importing.index_switch import follow_batch_switch, switch_batch_index
from posts.importing.rollback import roll_back_batch
from posts.models import ImportBatch, Post, Review, ReviewFlag
from posts.operations import (
    Refused,
    change_slug,
    clear_flag,
    decide,
    flag_post,
    record_revision,
    release_revision,
    roll_back,
    undo_decision,
    withdraw_post,
)
from posts.operations.release import releasable_revision
from posts.operations.review import Decision
from posts.public.sitemaps import URLS_PER_FILE
from posts.related.related_posts import find_stale_related_posts
from tests.factories import ALL_MET, RecordFactory, approve, import_records, person
from tests.ports import free_port
from tests.waiting import PATIENT_SECONDS, wait_until

ROOT = Path(__file__).parent.parent
# What the product promises.
MOST_SECONDS = 1.0
# As the tests' own, but for the cache; and a line for each page would fill the pipe that nobody reads.
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "alphanode.settings",
    "ENV_FILE": "",
    "DEBUG": "on",
    "SECRET_KEY": "a key for tests alone, as long as a real one must be",
    "LOG_LEVEL": "WARNING",
}
# What waits for a person must not run dry: approvals come more often than others.
ACTIONS = (
    "edit bring_in approve approve approve reject flag clear withdraw release go_back move switch switch take_back"
    " undo_import settle"
).split()


def database_url():
    """Return the address of the tests' database, for another process."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"


@contextlib.contextmanager
def serving(count, *, machines=(), **environment):
    """Yield the ports of `count` servers, each a process of its own on the tests' database.

    machines: those of tests/own_machines.py, on which the servers run in turn; without any, all run on this one.
    """
    servers, ports = [], []
    try:
        for number in range(count):
            ports.append(free_port())
            machine = machines[number % len(machines)] if machines else None
            command = [sys.executable, "deploy/serve.py"]
            servers.append(
                subprocess.Popen(
                    machine.command(*command) if machine else command,
                    cwd=ROOT,
                    env={
                        **os.environ,
                        **SETTINGS,
                        "DATABASE_URL": database_url(),
                        "WEB_BIND": f"{machine.address if machine else '127.0.0.1'}:{ports[-1]}",
                        "WEB_WORKERS": "1",
                        "WEB_THREADS": "2",
                        **environment,
                    },
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        for server in servers:
            assert any("Spawning worker" in line for line in server.stderr), "a server did not start"
        yield ports
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.communicate(timeout=PATIENT_SECONDS)


@contextlib.contextmanager
def storing_pages(**environment):
    """Store finished pages over and over, in a process of its own."""
    program = "import django, time; django.setup()\n"
    program += "from posts.public.finish_articles import finish_articles\n"
    program += "from posts.public.stored_pages import store_pages\n"
    program += "while True: finish_articles(seconds=1); store_pages(seconds=1); time.sleep(0.2)"
    worker = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={
            **os.environ,
            **SETTINGS,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "alphanode.settings",
            **environment,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield
        assert worker.poll() is None, worker.stderr.read()
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENT_SECONDS)


@dataclass(frozen=True)
class Seen:
    """What an address showed: its status, and the page itself where there is one."""

    status: int
    page: bytes

    @classmethod
    def of(cls, status, body):
        return cls(status, hashlib.blake2b(body, digest_size=8).digest() if status == 200 else b"")


class Reader(threading.Thread):
    """Asks one server for all addresses over and over, and notes when it got what."""

    def __init__(self, host, port, addresses, stop):
        super().__init__()
        self.host, self.port, self.addresses, self.stop = host, port, addresses, stop
        self.answers = []  # (address, asked at, answered at, Seen, whether it was a cached page)
        self.hits = 0
        self.trouble = None

    def run(self):
        try:
            server = http.client.HTTPConnection(self.host, self.port, timeout=PATIENT_SECONDS)
            while not self.stop.is_set():
                for address in self.addresses:
                    asked = time.monotonic()
                    server.request("GET", address, headers={"Host": "127.0.0.1"})
                    answer = server.getresponse()
                    body = answer.read()
                    is_hit = (answer.headers.get("Cache-Status") or "").endswith("; hit")
                    self.hits += is_hit
                    self.answers.append((address, asked, time.monotonic(), Seen.of(answer.status, body), is_hit))
                # The machine belongs to the servers too.
                self.stop.wait(0.05)
            server.close()
        except Exception as error:
            self.trouble = error


class Truth:
    """What each address shows by Django itself after every change."""

    def __init__(self, addresses):
        self.addresses = addresses
        self.changes = []  # (began, ended)
        self.versions = defaultdict(list)  # address → [(not before, certain from, Seen)]
        self.client = Client(SERVER_NAME="127.0.0.1")
        now = time.monotonic()
        self.look(now, now)

    def look(self, began, ended):
        """Note what is to be seen after a change that was made between two moments."""
        self.changes.append((began, ended))
        # What this process keeps is as little the truth as what a server keeps.
        unchanged.forget()
        kept_parts.forget()
        for address in self.addresses:
            answer = self.client.get(address)
            seen = Seen.of(answer.status_code, answer.getvalue())
            if not self.versions[address] or self.versions[address][-1][2] != seen:
                self.versions[address].append((began, ended, seen))

    def age(self, address, asked, answered, seen, is_hit):
        """Return how many seconds `seen` was untrue when it was requested.

        A page read during a change may show parts from before and after it, which no look at the truth finds, or only
        an earlier one, because flags come and go. It is as old as that change. An uncached answer counts as torn only
        by a change made while it was given.
        """
        versions = self.versions[address]
        ends = [following[1] for following in versions[1:]] + [float("inf")]
        spans = [(began, end) for (began, _, true), end in zip(versions, ends, strict=True) if true == seen]
        ages = [asked - end for began, end in spans if began <= answered]
        ends = [ended for began, ended in self.changes if began <= answered]
        if not ages and seen.status == 200:
            ages = [asked - ended for ended in ends]
        elif not is_hit:
            ages += [asked - ended for ended in ends if ended >= asked]
        return max(0.0, min(ages, default=float("inf")))


class RandomChanges:
    """Everything that people and imports do to a few posts, in any order; what is refused changes nothing."""

    def __init__(self, seed, posts):
        self.chance = random.Random(seed)
        self.people = {group: person(group) for group in ("Editors", "Reviewers", "Staff")}
        self.sources = [f"post-{number}" for number in range(posts)]
        import_records(*(self.record(number) for number in range(len(self.sources))))
        for post in list(Post.objects.order_by("pk")[: posts - 1]):
            approve(post, by=self.people["Reviewers"])
        self.done = Counter()
        self.texts = 0

    def record(self, number, text="as it was"):
        # All of them share rare terms: each is similar to each.
        return RecordFactory(
            source_id=self.sources[number],
            title=f"Post {number}",
            slug=f"post-{number}",
            summary=f"Post {number}, {text}",
        )

    @property
    def addresses(self):
        """Current and former addresses of articles, and what names them.

        Without the list of all posts, whose count may be a minute old.
        """
        names = [name for number in range(len(self.sources)) for name in (f"post-{number}", f"moved-{number}")]
        file = f"/sitemaps/articles-{Post.objects.earliest('pk').pk // URLS_PER_FILE}.xml"
        lists = ("/posts/post-0.json", "/stacks/go-services/", "/feed/", "/sitemap.xml", file)
        return [*(f"/posts/{name}/" for name in names), *lists]

    def step(self):
        """Do one thing; return its name, or None where it was refused."""
        act = getattr(self, self.chance.choice(ACTIONS))
        post = Post.objects.with_texts().get(source_id=self.chance.choice(self.sources))
        try:
            changed = act(post)
        except (Refused, PermissionDenied):
            return None
        self.done[act.__name__] += changed is not None
        return act.__name__ if changed is not None else None

    def edit(self, post):
        self.texts += 1
        record = post.working_record() | {"summary": f"{post.title}, text {self.texts}"}
        return record_revision(post, record, by=self.people["Editors"])

    def bring_in(self, post):
        self.texts += 1
        number = self.sources.index(post.source_id)
        changes = self.chance.choice([{"view_count": self.texts}, {"body": f"Text {self.texts}."}])
        return import_records(self.record(number) | changes)

    def approve(self, post):
        return approve(post, by=self.people["Reviewers"])

    def reject(self, post):
        return self.decide(post, "rejected")

    def decide(self, post, outcome):
        return decide(
            post,
            Decision(outcome=outcome, fingerprint=post.head_revision.fingerprint, comment="No.", answers=ALL_MET),
            by=self.people["Reviewers"],
        )

    def flag(self, post):
        return flag_post(post, by=self.people["Staff"], note="Look at the numbers.")

    def clear(self, post):
        flag = ReviewFlag.objects.filter(cleared_at=None).order_by("pk").first()
        if flag is None:
            return None
        clear_flag(flag, by=self.people["Staff"], note="Looked at.")
        return flag

    def withdraw(self, post):
        return withdraw_post(post, by=self.people["Reviewers"])

    def release(self, post):
        revision = releasable_revision(post)
        return revision and release_revision(revision, by=self.people["Reviewers"], ends_withdrawal=True)

    def go_back(self, post):
        return roll_back(post, by=self.people["Reviewers"])

    def move(self, post):
        number = self.sources.index(post.source_id)
        name = f"moved-{number}" if post.slug == f"post-{number}" else f"post-{number}"
        return change_slug(post, name, by=self.people["Reviewers"])

    def switch(self, post):
        return switch_batch_index(post.last_batch, is_open=not post.last_batch.index_open, by=self.people["Staff"])

    def settle(self, post):
        """Do what the background does afterwards."""
        follow_batch_switch(post.last_batch)
        return find_stale_related_posts()

    def take_back(self, post):
        review = Review.objects.order_by("pk").last()
        return review and undo_decision(review, by=self.people["Reviewers"])

    def undo_import(self, post):
        # Not the first one: all posts would be gone.
        batches = ImportBatch.objects.filter(state=ImportBatch.State.FINISHED).order_by("pk")
        batch = batches.last()
        return roll_back_batch(batch, by=self.people["Staff"]) if batch != batches.first() else None


@dataclass
class Outcome:
    """What came of it: changes done, answers, how many of them were kept pages, the oldest, and what was wrong."""

    changes: int
    answers: int
    hits: int
    oldest: float
    wrong: list
    done: Counter


def read_while_changing(*, servers, steps, seed, posts, machines=(), trouble=None, **environment):
    """Change `posts` posts `steps` times while that many servers are asked for all their pages; return the Outcome.

    machines: where the servers run in turn. trouble: called after every tenth change.

    Beside them the background stores finished pages. At the end the last change is older than a second, and every
    server has answered with a page that it kept.
    """
    assert settings.PAGE_CACHE_MB
    changes = RandomChanges(seed, posts)
    truth = Truth(changes.addresses)
    stop = threading.Event()
    with serving(servers, machines=machines, **environment) as ports, storing_pages(**environment):
        hosts = itertools.cycle([machine.address for machine in machines] or ["127.0.0.1"])
        readers = [Reader(host, port, changes.addresses, stop) for host, port in zip(hosts, ports, strict=False)]
        for reader in readers:
            reader.start()
        try:
            done = 0
            while done < steps:
                began = time.monotonic()
                if changes.step():
                    truth.look(began, time.monotonic())
                    done += 1
                    if trouble and done % 10 == 0:
                        trouble()
                    # Sometimes long enough for every process to catch up, most times not.
                    stop.wait(changes.chance.choice([0, 0, 0.1, 0.2, 0.3, 0.5, 1.3]))
        finally:
            stop.wait(MOST_SECONDS + 0.5)
            if sys.exception() is None:
                wait_until(lambda: all(reader.hits or reader.trouble for reader in readers))
            stop.set()
            for reader in readers:
                reader.join()
    assert not [reader.trouble for reader in readers if reader.trouble]
    answers = [answer for reader in readers for answer in reader.answers]
    aged = [(truth.age(*answer), answer) for answer in answers]
    wrong = [(age, *answer) for age, answer in aged if age > MOST_SECONDS]
    oldest = max(age for age, _ in aged)
    return Outcome(done, len(answers), sum(reader.hits for reader in readers), oldest, wrong, changes.done)
