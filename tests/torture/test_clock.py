"""Clocks that jump under running processes: of a web process, of workers, of the database. It needs a C compiler.

A small library stands between a process and its clock and adds the seconds that a file holds. Clocks that only count
up go on as they are, as when somebody sets the clock of a machine.
"""

import contextlib
import os
import shutil
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from django.conf import settings

from tests.own_postgres import own_postgres
from tests.page_processes import SETTINGS
from tests.sites import ROOT, Site
from tests.test_database_away import Web
from tests.test_jobs import WORKER
from tests.torture.test_full_database import BEFORE, Editor
from tests.waiting import PATIENT_SECONDS, wait_until

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about machines of their own"),
]
LIBRARY = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ahead(void) {
    static volatile long *seconds;
    if (!seconds) {
        int file = open(getenv("CLOCK_AHEAD"), O_RDONLY);
        void *place = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
        if (place == MAP_FAILED) abort();
        close(file);
        seconds = place;
    }
    return *seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead();
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"""
JUMPS = [timedelta(days=-3), timedelta(hours=-1), timedelta(hours=1), timedelta(days=3)]
PAGES = ("/", "/posts/open/", "/feed/", "/search/?q=pool", "/sitemap.xml", "/api/posts/", "/admin/login/", "/healthz")


NOTES = 20
# A plan whose time has come, one for tomorrow, and jobs under leases.
PLANNED = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from posts.jobs import enqueue_once
from posts.operations.schedule import Plan, schedule_release
from tests import sample_jobs
from tests.factories import approve, make_post
by, now = User.objects.filter(groups__name="Reviewers").first(), timezone.now()
for slug, due_in in [("{now}", -1), ("{tomorrow}", 86400)]:
    post, due_at = approve(make_post(slug=slug, source_id=slug), by=by, release=False), now + timedelta(seconds=due_in)
    plan = Plan("release", due_at, "UTC", post.head_revision, by, "Less toil.", "Roll back.")
    schedule_release(post, plan, by=by, now=now - timedelta(minutes=1))
for line in range({notes}):
    enqueue_once(sample_jobs.note_once, key=str(line), path="{path}", line=line)
"""
RELEASES = """
    SELECT post.slug, count(release.id)
    FROM posts_post post LEFT JOIN posts_release release ON release.post_id = post.id
    WHERE post.slug <> 'open' GROUP BY post.slug ORDER BY post.slug
"""
# What a clock may be off in a test that takes long; a jump is longer.
NEARLY = timedelta(minutes=25)


class Clock:
    """How far the clocks of those processes are ahead that have its `environment`."""

    def __init__(self, library, name):
        self.file = library.with_name(name)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_AHEAD": str(self.file)}
        self.file.write_bytes(struct.pack("l", 0))
        self.file.chmod(0o644)

    def jump(self, ahead):
        """Go forward or back, so that the clock is `ahead` of the real one."""
        with open(self.file, "r+b") as file:
            file.write(struct.pack("l", int(ahead.total_seconds())))


@pytest.fixture
def server(sites):
    with own_postgres() as server:
        site = Site(server.url)
        site.load(sites.new().dump(site.server_tools))
        server.post = int(carried_out(site, BEFORE))
        yield server


@pytest.fixture
def clock(server):
    """Make clocks as clock(NAME)."""
    compiler = shutil.which("cc")
    assert compiler, "A C compiler is missing. On Debian: apt-get install gcc libc6-dev"
    # Where the account can read it that PostgreSQL runs as.
    source, library = server.folder / "clock.c", server.folder / "clock.so"
    source.write_text(LIBRARY)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return lambda name: Clock(library, name)


def plan(site, path, *, now, tomorrow):
    carried_out(site, PLANNED.format(now=now, tomorrow=tomorrow, notes=NOTES, path=path))


def noted(path):
    return path.read_text().splitlines() if path.exists() else []


def carried_out(site, code):
    done = site.run("shell", "--no-imports", "--command", code, environment=SETTINGS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def serving(server, **environment):
    web = Web(server.url, LOG_LEVEL="WARNING", **environment)
    try:
        wait_until(web.is_up)
        yield web
    finally:
        web.end()
    assert "Traceback" not in web.log() and '"level": "error"' not in web.log(), web.log()[-3000:]


@contextlib.contextmanager
def working(server, log, **environment):
    """Run a worker that knows the jobs of the tests; its log has no error."""
    own = {"DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "tests.settings", "LOG_LEVEL": "INFO"}
    with (
        open(log, "w") as said,
        subprocess.Popen(
            [sys.executable, "-c", WORKER], cwd=ROOT, env=os.environ | own | environment, stderr=said
        ) as worker,
    ):
        try:
            yield worker
        finally:
            worker.terminate()
            worker.wait(timeout=PATIENT_SECONDS)
    text = log.read_text()
    assert "Traceback" not in text and '"level": "error"' not in text, text[-3000:]


def read_and_save(web, editor, words):
    """Look at what readers see, and save words; return the editor, who may have had to sign in again."""
    for path in PAGES:
        assert web.ask(path)[0] == 200, path
    status, headers, *_ = editor.ask(editor.address)
    if status != 200:
        assert status == 302 and "/login/" in headers["Location"]
        editor = Editor(web, editor.post)
    status, headers, page, _ = editor.save(editor.form(), words)
    assert status == 302 and "/login/" not in headers["Location"], page
    return editor


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_web_process_whose_clock_jumps_serves_readers_and_editors(server, clock, jump):
    own = clock("of the web process")
    with serving(server, **own.environment) as web:
        editor = read_and_save(web, Editor(web, server.post), "One.")
        own.jump(jump)
        said = parsedate_to_datetime(web.ask("/healthz")[1]["Date"])
        assert abs(said - datetime.now(UTC) - jump) < NEARLY
        editor = read_and_save(web, editor, "Two.")
        for _ in range(6):
            Editor(web, server.post, "a wrong password")
        own.jump(timedelta())
        read_and_save(web, editor, "Three.")
        # Nobody waits for that clock.
        read_and_save(web, Editor(web, server.post), "Four.")
    bodies = f"SELECT snapshot::json ->> 'body' FROM posts_revision WHERE post_id = {server.post} ORDER BY number"
    assert [body for (body,) in Site(server.url).ask(bodies)][1:] == ["One.", "Two.", "Three.", "Four."]


def test_workers_whose_clocks_differ_by_days_share_jobs_and_carry_out_each_plan_once(server, clock, tmp_path):
    site, path, clocks = Site(server.url), tmp_path / "lines", {}
    plan(site, path, now="a", tomorrow="b")
    with contextlib.ExitStack() as stack:
        for days in (-3, 0, 3):
            clocks[days] = own = clock(f"of the worker of {days} days")
            own.jump(timedelta(days=days))
            stack.enter_context(working(server, tmp_path / f"log {days}", **own.environment))
        wait_until(lambda: len(noted(path)) == NOTES)
        wait_until(lambda: site.ask(RELEASES) == [("a", 1), ("b", 0)])
        # While they run too.
        for own in clocks.values():
            own.jump(timedelta(days=2))
        plan(site, path, now="c", tomorrow="d")
        wait_until(lambda: len(noted(path)) == 2 * NOTES)
        wait_until(lambda: site.ask(RELEASES) == [("a", 1), ("b", 0), ("c", 1), ("d", 0)])
    assert sorted(noted(path)) == sorted(2 * [str(line) for line in range(NOTES)])
    assert site.ask("SELECT sum(losses), sum(failures) FROM posts_jobrun") == [(0, 0)]


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_when_the_clock_of_the_database_jumps_its_time_counts_and_everything_goes_on(server, clock, jump, tmp_path):
    site, own, path = Site(server.url), clock("of the database"), tmp_path / "lines"
    server.stop()
    server.start(**own.environment)
    plan(site, path, now="a", tomorrow="b")
    with serving(server) as web, working(server, tmp_path / "log"):
        editor = read_and_save(web, Editor(web, server.post), "One.")
        own.jump(jump)
        ((now,),) = site.ask("SELECT now()")
        assert abs(now - datetime.now(UTC) - jump) < NEARLY
        read_and_save(web, editor, "Two.")
        is_tomorrow = int(jump > timedelta(days=1))
        wait_until(lambda: len(noted(path)) == NOTES)
        wait_until(lambda: site.ask(RELEASES)[1] == ("b", is_tomorrow))
        own.jump(timedelta())
        read_and_save(web, editor, "Three.")
        plan(site, path, now="c", tomorrow="d")
        wait_until(lambda: len(noted(path)) == 2 * NOTES)
        wait_until(lambda: site.ask(RELEASES) == [("a", 1), ("b", is_tomorrow), ("c", 1), ("d", 0)])
    server.stop()
