"""A large file that several processes import has the same end as with one, also if they are killed."""

import json

import pytest
from django.conf import settings

from tests.torture.kills import differences, prepare, rich_record
from tests.waiting import PATIENT_SECONDS, wait_until

on_postgresql = pytest.mark.skipif(
    settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"), reason="SQLite has one writer at a time"
)
# The driver makes chunks of 40 rows.
SPLIT = ("--shards", 3)


@pytest.fixture(scope="module")
def half(sites, tmp_path_factory):
    """Return (a site that knows a part of a file, the file, the state after one process has imported it)."""
    folder = tmp_path_factory.mktemp("shards")
    site, path = prepare(sites, folder)
    with open(path, "a") as file:
        for number in range(1000, 1400):
            file.write(json.dumps(rich_record(number, title=f"Number {number} is alone")) + "\n")
    whole = sites.new(template=site)
    assert whole.run("import_posts", path, driver=[]).returncode == 1
    return site, path, whole


def rows_of_each_table(site):
    tables = [name for (name,) in site.ask("SELECT tablename FROM pg_tables WHERE tablename LIKE 'posts\\_%'")]
    return {name: site.ask(f"SELECT count(*) FROM {name}") for name in tables}


@on_postgresql
def test_three_processes_reach_the_same_end_as_one(sites, half):
    site, path, whole = half
    split = sites.new(template=site)
    ended = split.run("import_posts", path, *SPLIT, driver=[])
    assert ended.returncode == 1, ended.stderr
    assert differences(split.state(), whole.state()) == []
    assert rows_of_each_table(split) == rows_of_each_table(whole)
    assert split.ask("SELECT parts FROM posts_importbatch ORDER BY id DESC LIMIT 1") in ([({},)], [("{}",)])


@on_postgresql
@pytest.mark.parametrize("point", ["row:100", pytest.param("commit:4", marks=pytest.mark.torture)])
def test_a_process_that_is_killed_is_made_up_for(sites, half, point):
    site, path, whole = half
    split = sites.new(template=site)
    ended = split.run("import_posts", path, *SPLIT, driver=["--kill", point])
    # A writer, or the one that deals out: the first to come to this point.
    assert ended.returncode == -9 or "ended unexpectedly" in ended.stderr, ended.stderr
    assert split.run("import_posts", path, *SPLIT, driver=[]).returncode == 1
    assert differences(split.state(), whole.state()) == []


@on_postgresql
def test_the_process_that_deals_out_rows_can_be_killed(sites, half):
    site, path, whole = half
    split = sites.new(template=site)
    process = split.start("import_posts", path, *SPLIT, driver=[])
    checkpoint = "SELECT checkpoint_line FROM posts_importbatch ORDER BY id DESC LIMIT 1"
    first = split.ask(checkpoint)
    wait_until(lambda: split.ask(checkpoint) not in (first, [(0,)]) or process.poll() is not None)
    process.kill()
    process.communicate(timeout=PATIENT_SECONDS)
    again = split.run("import_posts", path, *SPLIT, driver=[])
    assert again.returncode == 1, again.stderr
    assert differences(split.state(), whole.state()) == []


@pytest.mark.torture
@on_postgresql
def test_an_import_that_was_split_is_not_continued_by_one_process(sites, half):
    site, path, _ = half
    split = sites.new(template=site)
    split.run("import_posts", path, *SPLIT, driver=["--kill", "row:100"])
    number = "(SELECT max(id) FROM posts_importbatch)"
    waiting = """{"9000": {"last": 9040}}"""
    split.ask(f"UPDATE posts_importbatch SET parts = '{waiting}' WHERE id = {number} RETURNING id")
    ended = split.run("import_posts", path, driver=[])
    assert ended.returncode == 65 and "Use --shards to continue it" in ended.stderr


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--dry-run"], "--dry-run and"),
        (["--max-errors", "3"], "--dry-run and"),
        (["--format", "markdown"], "JSON Lines"),
    ],
)
@on_postgresql
@pytest.mark.torture
def test_what_can_not_be_split_is_refused(sites, tmp_path, arguments, why):
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps(rich_record(1)))
    ended = sites.new().run("import_posts", path, *SPLIT, *arguments)
    assert ended.returncode == 66 and why in ended.stderr


@pytest.mark.skipif(not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"), reason="is about SQLite")
def test_sqlite_splits_no_import(sites, tmp_path):
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps(rich_record(1)))
    ended = sites.new().run("import_posts", path, *SPLIT)
    assert ended.returncode == 66 and "needs PostgreSQL" in ended.stderr
