"""Imports that need minutes or a machine alone: many kills, full and failing disks, a lost database.

Needs strace (failing disk), root (small file system, stopping PostgreSQL); what is missing fails and says so.
"""

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.db import connection, connections

from tests.sites import Site, opened_by_other
from tests.torture.kills import count_events, differences, is_done, lines_of, prepare, rich_record, spend_kills
from tests.waiting import PATIENT_SECONDS

pytestmark = pytest.mark.torture

KILLS = 50
is_sqlite = connection.vendor == "sqlite"


@pytest.fixture(scope="module")
def undisturbed(sites, tmp_path_factory):
    """Return (site, command, state after an undisturbed run, its events)."""
    folder = tmp_path_factory.mktemp("torture")
    site, path = prepare(sites, folder)
    command = ["import_posts", str(path)]
    return site, command, *count_events(sites, site, command, folder)


def test_fifty_kills_leave_an_import_whole(sites, undisturbed):
    site, command, expected, events = undisturbed
    seed = random.randrange(10**6)
    for state in spend_kills(sites, site, command, events, kills=KILLS, seed=seed):
        assert differences(state, expected) == []


def test_a_kill_at_each_commit_leaves_an_import_whole(sites, undisturbed):
    site, command, expected, events = undisturbed
    for at in range(1, events["commit"] + 1):
        copy = sites.new(template=site)
        assert copy.run(*command, driver=["--kill", f"commit:{at}"]).returncode == -9
        if not is_done(copy, "finished"):
            assert copy.run(*command, driver=[]).returncode == 1
        assert differences(copy.state(), expected) == [], at


def test_a_disk_that_fails_at_any_call_stops_the_import_with_one_line(sites, undisturbed):
    if not is_sqlite:
        pytest.skip("PostgreSQL's files are its server's; the test runs on SQLite")
    assert shutil.which("strace"), "strace is missing. On Debian and Ubuntu: apt-get install strace"
    site, command, expected, _ = undisturbed
    for when in range(2, 60, 6):
        copy = sites.new(template=site)
        inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync,pwrite64", "-e"]
        failed = copy.run(*command, driver=[], before=[*inject, f"inject=fdatasync,fsync:error=EIO:when={when}"])
        assert "Traceback" not in failed.stderr, when
        if failed.returncode == 74:
            assert "nothing is half-written" in failed.stderr.strip().splitlines()[-1]
        if not is_done(copy, "finished"):
            assert failed.returncode == 74, when
            assert copy.run(*command, driver=[]).returncode == 1
        assert differences(copy.state(), expected) == [], when


def test_a_full_disk_stops_the_import_which_goes_on_when_there_is_room(sites, tmp_path):
    if not is_sqlite:
        pytest.skip("a tablespace of its own is its server's affair; the test runs on SQLite")
    assert os.getuid() == 0, "A small file system can only be mounted by root."
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], check=True)
    try:
        template = sites.new()
        shutil.copy(template.url.removeprefix("sqlite:///"), folder / "site.sqlite3")
        site = Site(f"sqlite:///{folder}/site.sqlite3")
        path = tmp_path / "posts.jsonl"
        path.write_text(lines_of(rich_record(number) for number in range(1500)))
        full = site.run("import_posts", path, driver=[])
        assert full.returncode == 74 and "Traceback" not in full.stderr
        assert "full" in full.stderr
        ((created, line),) = site.ask("SELECT created, checkpoint_line FROM posts_importbatch")
        assert created == line > 0 and site.ask("SELECT count(*) FROM posts_post") == [(created,)]
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        again = site.run("import_posts", path, driver=[])
        assert again.returncode == 0, again.stderr
        assert site.ask("SELECT count(*) FROM posts_post") == [(1500,)]
        assert site.state()["batches"][0][1] == "finished"
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_database_that_drops_the_connection_stops_the_import_with_one_line(sites, tmp_path):
    if is_sqlite:
        pytest.skip("SQLite has no connection to lose; the test runs on PostgreSQL")
    site = sites.new()
    path = tmp_path / "posts.jsonl"
    path.write_text(lines_of(rich_record(number) for number in range(200)))
    fifo = tmp_path / "hold"
    os.mkfifo(fifo)
    with site.start("import_posts", path, driver=["--hold", str(fifo)]) as process:
        with opened_by_other(fifo, process):
            name = site.url.rpartition("/")[2]
            site.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            )
        _, errors = process.communicate(timeout=PATIENT_SECONDS)
    assert process.returncode == 74 and "Traceback" not in errors
    assert re.search(r"The import stopped: .*\. All complete chunks are imported", errors)
    assert site.ask("SELECT state, checkpoint_line FROM posts_importbatch") == [("running", 40)]
    again = site.run("import_posts", path, driver=[])
    assert again.returncode == 0, again.stderr
    assert site.ask("SELECT count(*), count(DISTINCT source_id) FROM posts_post") == [(200, 200)]
    assert site.ask("SELECT state, created, attempts FROM posts_importbatch") == [("finished", 200, 2)]


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_that_is_restarted_stops_the_import_with_one_line(sites, tmp_path, how):
    if is_sqlite:
        pytest.skip("SQLite has no server; the test runs on PostgreSQL")
    site = sites.new()
    path = tmp_path / "posts.jsonl"
    path.write_text(lines_of(rich_record(number) for number in range(200)))
    fifo = tmp_path / "hold"
    os.mkfifo(fifo)
    with site.start("import_posts", path, driver=["--hold", str(fifo)]) as process:
        with opened_by_other(fifo, process):
            restart_server(site, how)
        _, errors = process.communicate(timeout=PATIENT_SECONDS)
    assert process.returncode == 74 and "Traceback" not in errors
    assert re.search(r"The import stopped: .*\. All complete chunks are imported", errors)
    assert site.ask("SELECT count(*) FROM posts_post") == site.ask("SELECT checkpoint_line FROM posts_importbatch")
    again = site.run("import_posts", path, driver=[])
    assert again.returncode == 0, again.stderr
    assert site.ask("SELECT count(*), count(DISTINCT source_id) FROM posts_post") == [(200, 200)]
    assert site.ask("SELECT state, created, attempts FROM posts_importbatch") == [("finished", 200, 2)]


def restart_server(site, how):
    """Restart the PostgreSQL that `site` is on: "fast" ends its connections, "immediate" is a crash and a recovery."""
    ((data,),) = site.ask("SHOW data_directory")
    data = Path(data)
    postmaster = (data / "postmaster.pid").read_text().split()[0]
    control = Path(f"/proc/{postmaster}/exe").resolve().with_name("pg_ctl")
    owner = data.stat()
    connections.close_all()
    subprocess.run(
        [control, "-D", data, "-l", data.parent / "log", "-m", how, "-w", "restart"],
        check=True,
        cwd=data.parent,
        stdout=subprocess.DEVNULL,
        **({"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.getuid() == 0 else {}),
    )
