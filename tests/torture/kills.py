"""Imports that are killed repeatedly, and the same import undisturbed."""

import json
import multiprocessing
import random
from tempfile import NamedTemporaryFile

from tests.factories import RecordFactory
from tests.torture import driver

# Each command is a process of its own, which opens its own database and dies alone; only the second in which Python
# reads the modules is spent once for all of them.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.torture.warmed"])


def rich_record(number, **changes):
    """Return a record with images, checklist and payload, the same for the same number."""
    record = RecordFactory(
        source_id=f"rich-{number:05d}",
        title=f"A title that {number % 7} posts share",
        body=f"Paragraph {number}.\n\n" + "Words. " * (number % 50 + 5),
        checklist=[f"Check {number}", "Look at the logs"],
        image_sources=[{"source": "unsplash", "url": f"https://images.unsplash.com/{number}-{at}"} for at in range(3)],
        payload={"seed": number, "nested": {"deep": [1, 2, {"x": None}]}},
        flags={"needs_human_review": number % 5 == 0},
        view_count=number,
        unknown={"kept": True},
    )
    return record | changes


def lines_of(records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def prepare(sites, folder, rows=400):
    """Return (site, path): a site that knows the first half of a file, and the file.

    People edited some of the site's posts. The rest of the file is new, and some rows are changed, doubled or bad.
    """
    half = rows // 2
    first = folder / "first.jsonl"
    first.write_text(lines_of(rich_record(number) for number in range(half)))
    site = sites.new()
    done = site.run("import_posts", first)
    assert done.returncode == 0, done.stderr
    edit = """
from posts.models import Post
from posts.operations import record_revision
for post in Post.objects.order_by("source_id")[5:60:11]:
    record_revision(post, {**post.working_record(), "summary": "A person wrote this."}, by=None)
"""
    done = site.run("shell", "--no-imports", "--command", edit)
    assert done.returncode == 0, done.stderr
    lines = []
    for number in range(rows):
        changes = {"body": f"A new body {number}."} if number % 3 == 0 and number < half else {}
        lines.append(json.dumps(rich_record(number, **changes)))
        if number % 37 == 5:
            lines.append(json.dumps(rich_record(number, title="The same again")))
        if number % 41 == 7:
            lines.append('{"source_id": "bad", "title": 7}')
        if number % 53 == 9:
            lines.append("")
    path = folder / "second.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return site, path


def run(site, command, options):
    """Run the driver to its end in a process of its own; return (exit code, what it said)."""
    with NamedTemporaryFile(mode="r", encoding="utf-8") as said:
        process = PROCESSES.Process(target=driver.main_on, args=(site.place, [*options, *command], said.name))
        process.start()
        process.join(180)
        assert process.exitcode is not None, f"{command} does not end"
        return process.exitcode, said.read()


def count_events(sites, site, command, folder):
    """Return (the site after an undisturbed run, the events of that run)."""
    copy = sites.new(template=site)
    events = folder / "events.json"
    code, said = run(copy, command, ["--events", str(events)])
    assert code in (0, 1), said
    return copy.state(), json.loads(events.read_text())


def spend_kills(sites, site, command, events, *, kills, seed, mutant=None, end="finished"):
    """Kill `command` at random points until `kills` are used, and finish each copy; yield the results.

    It takes as many copies of `site` as needed.
    """
    chance = random.Random(seed)
    print(f"seed {seed}")
    options = ["--mutant", mutant] if mutant else []
    spent = 0
    while spent < kills:
        copy = sites.new(template=site)
        while not is_done(copy, end):
            kind = chance.choice(["commit", "row"])
            point = f"{kind}:{chance.randint(1, max(events[kind] // 2, 1))}"
            code, said = run(copy, command, ["--kill", point, *options])
            assert code in (0, 1, -9), said
            if code == -9:
                spent += 1
                print("killed at", point)
            if spent == kills and not is_done(copy, end):
                code, said = run(copy, command, options)
                assert code in (0, 1) and is_done(copy, end), said
        yield copy.state()


def differences(state, expected):
    """Return the names of what differs between two states of a site."""
    return [name for name in expected if state[name] != expected[name]]


def is_done(site, state):
    """Return whether the second import came to its end (run once more it would be a third one).

    Its number may be 3: PostgreSQL gives a number away for good, also to a run that is killed before it is kept.
    """
    return site.ask("SELECT state FROM posts_importbatch WHERE id > 1 ORDER BY id LIMIT 1") == [(state,)]
