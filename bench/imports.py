"""Measure imports in one process, and what the bare engine does with the same rows in the same run.

Usage: python bench/imports.py [--count N] [--shards N] [--last-of-a-million] [--rows N]

The database is the one of DATABASE_URL if that is PostgreSQL (it is emptied of nothing; use scripts/with_postgres.sh),
else a fresh SQLite file. See README.md beside this file.
"""

import argparse
import json
import os
import random
import re
import resource
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TABLES = ("posts_post", "posts_revision", "posts_imagesource", "posts_checklistitem")
STACKS = ("Go services", "PostgreSQL", "Django", "Kubernetes", "Redis", "Rust workers", "React", "Terraform")
WORDS = (
    "worker queue index lease batch retry deadline cursor shard replica vacuum checkpoint latency budget signal drain "
    "release rollback owner metric trace schema column constraint migration lock transaction snapshot buffer cache "
    "request handler timeout backoff socket pool thread process memory page disk journal commit because when after "
    "before while the a one each every old new slow quick safe small large first last same other never always"
).split()


def record(number, seed):
    """Return a varied record of about 6 KB, the same for the same number and seed."""
    chance = random.Random(f"{seed}:{number}")

    def text(count):
        return " ".join(chance.choices(WORDS, k=count)).capitalize() + "."

    stack = chance.choice(STACKS)
    sections = "\n\n".join(f"## {text(4)[:-1]}\n\n{text(70)}\n\n{text(60)}" for _ in range(5))
    return {
        "source_id": f"bench-{seed}-{number:07d}",
        "reference": f"bench-ref-{number:07d}",
        "title": f"{text(6)[:-1]} {number}",
        "intro": text(40),
        "body": sections + "\n\n```python\nfor row in rows:\n    take(row)\n```\n\n[checklist]",
        "topic": f"{text(3)[:-1]} / {stack}",
        "summary": text(30),
        "ai_outline": {"context": text(8), "problem": text(8), "recommended action": text(8)},
        "ai_brief": text(30),
        "stack": [stack, "backend"],
        "tools": chance.sample(WORDS, 5),
        "code_language": "python",
        "difficulty": chance.choice(["beginner", "intermediate", "advanced"]),
        "reading_time": chance.randint(3, 12),
        "view_count": chance.randint(0, 50_000),
        "score": {name: chance.randint(50, 99) for name in ("quality", "freshness", "depth", "clarity")},
        "revision": {"status": "drafted", "version": f"1.{chance.randint(0, 9)}.{chance.randint(0, 9)}"},
        "flags": {"ai_generated_style": 1, "has_images": 1, "needs_human_review": int(number % 50 == 0)},
        "checklist": [text(6) for _ in range(5)],
        "entities": [{"name": stack, "type": "stack"}, {"name": chance.choice(WORDS), "type": "problem"}],
        "image_sources": [
            {"source": "unsplash", "url": f"https://images.unsplash.com/photo-{number}-{at}", "caption": text(8)}
            for at in range(6)
        ],
        "payload": {"generator": "bench", "seed": number, "paragraphs": 10},
        "notes": [text(12), text(12)],
    }


def write_records(path, first, count, seed):
    """Write records as JSON Lines; return bytes a record."""
    with open(path, "w") as file:
        for number in range(first, first + count):
            file.write(json.dumps(record(number, seed)) + "\n")
    return path.stat().st_size / count


class Ran(NamedTuple):
    """How long a command took, and the processor time of its processes and of the database. note: this in words."""

    seconds: float
    work: float
    note: str


def command(*arguments):
    """Run manage.py in a process of its own; return a Ran."""
    before, begun = database_work(), time.perf_counter()
    process = subprocess.Popen([sys.executable, "manage.py", *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE)
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    assert os.waitstatus_to_exitcode(status) == 0, output
    # Without Python's start: the command measures itself.
    if found := re.search(r"([\d.]+) s, ([\d,]+) rows a second", output):
        seconds = float(found[1]) or seconds
    own, database = usage.ru_utime + usage.ru_stime, database_work() - before
    note = f"peak {usage.ru_maxrss / 1024:.0f} MiB, {own:.1f} s of one processor"
    return Ran(seconds, own + database, note + (f", the database {database:.1f} s" if database else ""))


def database_work():
    """Return how many seconds all processes of the PostgreSQL server have worked; 0.0 on SQLite, which has none."""
    from django.db import connection

    from bench.pages import parent_of, work_of_family

    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return work_of_family(parent_of(cursor.fetchone()[0])) or 0.0


def raw_seconds(count):
    """Return the seconds in which the bare engine inserts the existing rows into equal tables.

    COPY on PostgreSQL, prepared inserts on SQLite, in the importer's chunks, with the same indexes.
    """
    from django.db import connection

    from posts.importing.pipeline import CHUNK_ROWS

    chunk = CHUNK_ROWS[connection.vendor]
    total = 0.0
    for table in TABLES:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table}")
            rows = cursor.fetchall()
            columns = len(cursor.description)
            if connection.vendor == "postgresql":
                cursor.execute(f"CREATE TABLE raw_{table} (LIKE {table} INCLUDING ALL)")
            else:
                make_copy(cursor, table)
        size = max(1, chunk * len(rows) // count)
        begun = time.perf_counter()
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor, cursor.copy(f"COPY raw_{table} FROM STDIN") as copy:
                    for row in part:
                        copy.write_row(row)
            else:
                raw = connection.connection
                raw.execute("BEGIN IMMEDIATE")
                raw.executemany(f"INSERT INTO raw_{table} VALUES ({','.join('?' * columns)})", part)
                raw.execute("COMMIT")
        total += time.perf_counter() - begun
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE raw_{table}")
    return total


def make_copy(cursor, table):
    """Create an empty table like `table` with its indexes, on SQLite."""
    cursor.execute(
        "SELECT type, name, sql FROM sqlite_master"
        " WHERE tbl_name = %s AND type IN ('table', 'index') AND sql IS NOT NULL",
        [table],
    )
    for kind, name, sql in sorted(cursor.fetchall(), key=lambda row: row[0] != "table"):
        changed = sql.replace(f'"{table}"', f'"raw_{table}"', 1) if kind == "table" else sql
        if kind == "index":
            changed = changed.replace(f'"{name}"', f'"raw_{name}"', 1).replace(f'ON "{table}"', f'ON "raw_{table}"')
        # References to other tables would only cost checks.
        cursor.execute(re.sub(r' REFERENCES "[^"]+" \("[^"]+"\)( DEFERRABLE INITIALLY DEFERRED)?', "", changed))


def say(label, value, note=""):
    print(f"{label:38}{value:>14}  {note}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="posts to import (10,000)")
    parser.add_argument("--shards", type=int, default=0, help="compare imports that are split over so many processes")
    parser.add_argument("--last-of-a-million", action="store_true", help="the last tenth of --rows against the first")
    parser.add_argument("--rows", type=int, default=1_000_000, help="with --last-of-a-million: posts in all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alphanode-bench-") as folder:
        folder = Path(folder)
        # As in production: with DEBUG Django stores every statement with its values.
        os.environ |= {"DJANGO_SETTINGS_MODULE": "alphanode.settings", "DEBUG": "off", "ENV_FILE": ""}
        os.environ |= {"SITE_URL": "https://bench.example", "ALLOWED_HOSTS": "bench.example"}
        os.environ["SECRET_KEY"] = secrets.token_urlsafe(50)
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
        sys.path.insert(0, str(ROOT))
        import django

        django.setup()
        from django.db import connection

        command("migrate", "--verbosity", "0")
        version = sqlite3.sqlite_version if connection.vendor == "sqlite" else connection.pg_version
        print(f"{connection.display_name} {version}, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
        if options.last_of_a_million:
            measure_growth(folder, options.rows)
        elif options.shards:
            measure_shards(folder, options.count, options.shards)
        else:
            measure_once(folder, options.count)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"(the bench itself: {own:.0f} MiB; load at the end {os.getloadavg()[0]:.1f})")


def measure_once(folder, count):
    path = folder / "posts.jsonl"
    size = write_records(path, 0, count, seed=random.randrange(10**6))
    say("posts, bytes a record", f"{count:,}", f"{size:,.0f}")
    seconds, _, note = command("import_posts", path)
    say("import", f"{count / seconds:,.0f} posts/s", note)
    again, _, note = command("import_posts", path)
    say("the same file again", f"{count / again:,.0f} posts/s", note)
    raw = raw_seconds(count)
    say("bare engine, the same rows", f"{count / raw:,.0f} posts/s", f"the import reaches {raw / seconds:.2f} of it")
    from django.db import connection

    from bench.goals import note as note_goal

    limit, figure = "x the bare engine", f"{count / seconds:,.0f} posts/s"
    note_goal(f"import on {connection.display_name}", figure, ratio=raw / seconds, limit=limit, least=0.6)
    back, _, note = command("roll_back_import", 1)
    # The kernel counts this process's memory at the fork, which is large by now.
    note = note.partition(", ")[2]
    say("roll-back", f"{back:.1f} s", f"{count / back:,.0f} posts/s, 25,000 in {back * 25_000 / count:.1f} s; {note}")


def measure_shards(folder, count, shards):
    """Import files of equal size in turns, whole and split, and print how many times as fast the split ones are.

    Processes that never wait would take the work of the whole import, divided by the number of processors.
    """
    path = folder / "part.jsonl"
    ratios, best = [], []
    for turn in range(3):
        runs = []
        for split in (1, shards):
            write_records(path, 0, count, seed=f"{turn}-{split}")
            runs.append(ran := command("import_posts", path, "--shards", split))
            name = f"import by {split} {'process' if split == 1 else 'processes'}"
            say(name, f"{count / ran.seconds:,.0f} posts/s", ran.note)
        whole, parted = runs
        ratios.append(whole.seconds / parted.seconds)
        best.append(whole.seconds * min(shards, os.cpu_count()) / whole.work)
    say("split against whole, the median", f"{sorted(ratios)[1]:.2f}", "goal on two cores: 1.60")
    say("the most that is possible here", f"{sorted(best)[1]:.2f}", "if nothing waits and nothing is done twice")


def measure_growth(folder, rows):
    tenth = rows // 10
    rates = []
    for part in range(10):
        path = folder / "part.jsonl"
        write_records(path, part * tenth, tenth, seed=1)
        seconds, _, note = command("import_posts", path)
        rates.append(tenth / seconds)
        say(f"posts {part * tenth:,} to {(part + 1) * tenth:,}", f"{rates[-1]:,.0f} posts/s", note)
        path.unlink()
    say("last tenth against the first", f"{rates[-1] / rates[0]:.2f}")


if __name__ == "__main__":
    main()
