"""Measure the processor time of pages that are rendered, in process, also beside another version in alternating turns.

Usage: python bench/rendering.py [--against FOLDER] [--posts N] [--rounds N] [--only WORD,…] [--profile ROW]

FOLDER is a checkout of another version, for example one made by: git worktree add FOLDER 0.1.0. Each version fills a
database of its own with the same records: SQLite, or with DATABASE_URL a PostgreSQL. See README.md beside this file.
"""

import argparse
import contextlib
import cProfile
import json
import os
import pstats
import random
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

# Beside this script. The package `bench` is that of the version to measure.
from goals import note
from in_process import SITE, batch, get

ROOT = Path(__file__).resolve().parent.parent
TRIVIAL = "trivial view"
NEW = "article just released"
ROWS = (TRIVIAL, "article", NEW, "JSON of an article", "list", "list of a stack", "search", "home", "feed")
# One of so many articles is as after its release: no worker has finished a part of it yet.
NEW_OF = 5
WARM, BATCH = 25, 40
# The most trivial views that a page may cost.
GOALS = {"article": 3, "list": 4, "home": 4}


# In the process of one version


def fill(path, count):
    """Fill the database of this version with the records of a file."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    from bench import fill as filling

    def records(number, texts, first=0):
        with open(path, encoding="utf-8") as file:
            for at, line in zip(range(number), file, strict=False):
                name = f"bench-{first + at:07d}"
                yield json.loads(line) | {"source_id": name, "reference": name, "slug": f"article-{first + at:07d}"}

    filling.records = records
    filling.fill(listed=count, waiting=count // 10, texts=count, say=lambda line: None)


def paths_of(name, count, path):
    """Return the addresses that a row asks for, in turn: the same in each version."""
    slugs = [f"article-{at:07d}" for at in range(count)]
    random.Random(7).shuffle(slugs)
    if name == "search":
        with open(path, encoding="utf-8") as file:
            titles = [json.loads(line)["title"] for line, _ in zip(file, range(60), strict=False)]
        chance = random.Random(7)
        words = [[word for word in title.split() if word.isalpha() and len(word) > 3] for title in titles]
        return [f"/search/?{urlencode({'q': ' '.join(chance.sample(two, 2))})}" for two in words if len(two) > 1]
    if name == "list of a stack":
        from posts.models import Term

        terms = Term.objects.filter(kind=Term.Kind.STACK, listed_count__gt=0).order_by("-listed_count", "key")
        return [term.get_absolute_url() for term in terms[:3]]
    new, finished = slugs[::NEW_OF], [slug for at, slug in enumerate(slugs) if at % NEW_OF]
    return {
        TRIVIAL: ["/bench/trivial/"],
        "article": [f"/posts/{slug}/" for slug in finished],
        NEW: [f"/posts/{slug}/" for slug in new],
        "JSON of an article": [f"/posts/{slug}.json" for slug in finished],
        "list": ["/articles/"],
        "home": ["/"],
        "feed": ["/feed/"],
    }[name]


def finish_articles(new):
    """Do what the worker of this version does for articles, but for those at `new`."""
    try:
        from posts.public.finish_articles import finish_articles
    except ImportError:
        return
    from posts.models import FinishedArticle

    finish_articles(seconds=3600)
    FinishedArticle.objects.filter(post__slug__in=[path.split("/")[2] for path in new]).delete()


class Site:
    """The version as a WSGI application without a page cache, and the requests that are sent to it."""

    def __init__(self, count, path):
        from alphanode.wsgi import application

        finish_articles(paths_of(NEW, count, path))
        self.application = application
        self.paths = {}
        self.count, self.path = count, path
        self.asked = dict.fromkeys(ROWS, 0)

    def ask(self, row):
        """Send the next request of a row; return the bytes of the answer."""
        if row not in self.paths:
            self.paths[row] = paths_of(row, self.count, self.path)
        paths, at = self.paths[row], self.asked[row]
        self.asked[row] += 1
        return get(self.application, paths[at % len(paths)])

    def measure(self, row, count=BATCH):
        """Return milliseconds of processor time and of the clock for each request, and bytes of an answer."""
        return batch(partial(self.ask, row), count)


def serve(count, path):
    """Measure one batch for each line that comes in, which names a row."""
    # Anything else that prints must not come between.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    site = Site(count, path)
    for line in sys.stdin:
        row = line.strip()
        if not site.asked[row]:
            site.measure(row, WARM)
        print(json.dumps(site.measure(row)), file=answers, flush=True)


def profile(row, count, path):
    """Print in which functions the processor time of a row goes."""
    site = Site(count, path)
    site.measure(row, WARM)
    watch = cProfile.Profile(time.process_time)
    watch.runcall(site.measure, row, 200)
    for order in ("tottime", "cumtime"):
        pstats.Stats(watch).sort_stats(order).print_stats(60)


# In the process that compares


def environment(folder, name, tree):
    """Return the environment of a version: production settings, files of its own."""
    base = os.environ.get("DATABASE_URL", "")
    return {
        **os.environ,
        "DATABASE_URL": f"{base.rpartition('/')[0]}/{name}" if base else f"sqlite:///{folder}/{name}.sqlite3",
        **SITE,
        "PYTHONPATH": str(tree),
        "PYTHONHASHSEED": "0",
        "STATIC_ROOT": f"{folder}/{name}-static",
        "PAGE_CACHE_MB": "0",
    }


@contextlib.contextmanager
def filled_versions(trees, folder, count):
    """Fill a database for each version; yield {name: (environment, arguments)} for its process."""
    path, base = folder / "records.jsonl", os.environ.get("DATABASE_URL")
    sys.path.insert(0, str(ROOT))
    from posts.synthesis import synthesize_record

    with path.open("w", encoding="utf-8") as file:
        for seed in range(count):
            record = synthesize_record(seed)
            record["flags"] = record["flags"] | {"needs_human_review": 0}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    versions = {}
    for name, tree in trees.items():
        own = environment(folder, name, tree)
        # The script of this version measures every version.
        arguments = [sys.executable, str(Path(__file__).resolve()), "--records", str(path), "--posts", str(count)]
        if not (mark := folder / f"{name}-filled").exists():
            if base:
                create_database(base, name)
            subprocess.run([*arguments, "--child", "fill"], env=own, cwd=tree, check=True)
            mark.touch()
        versions[name] = own, arguments, tree
    yield versions


def create_database(url, name):
    """Create a database on the server of `url`."""
    import psycopg

    person, _, place = url.rpartition("/")[0].removeprefix("postgres://").partition("@/")
    with psycopg.connect(host=f"/{place.lstrip('/')}", user=person, dbname="postgres", autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')


def compare(versions, rows, rounds):
    """Measure the rows of each version in alternating turns, and print them."""
    running = {
        name: subprocess.Popen(
            [*arguments, "--child", "serve"],
            env={**own, "ALPHANODE_PROCESS": "web"},
            cwd=tree,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # As in production the site writes a line for each request; here it is discarded.
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name, (own, arguments, tree) in versions.items()
    }
    print(f"{'':20}" + "".join(f"{name + ' CPU ms':>16}{'clock ms':>10}{'bytes':>9}" for name in running) + "   ratio")
    trivial = {}
    try:
        for row in rows:
            found = {name: [] for name in running}
            for _ in range(rounds):
                for name, process in running.items():
                    process.stdin.write(f"{row}\n")
                    process.stdin.flush()
                    found[name].append(json.loads(process.stdout.readline()))
            line = f"{row:20}"
            for measured in found.values():
                cpu, clock, size = zip(*measured, strict=True)
                line += f"{min(cpu):16.2f}{min(clock):10.2f}{size[-1]:9,}"
            cpus = {name: [cpu for cpu, *_ in measured] for name, measured in found.items()}
            trivial = trivial or {name: min(times) for name, times in cpus.items()}
            if len(cpus) == 2:
                ours, theirs = cpus.values()
                pairs = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
                line += f"   x {pairs:.2f} (least: {min(ours) / min(theirs):.2f})"
            here = min(cpus["this"]) / trivial["this"]
            if row in GOALS:
                figure = f"{min(cpus['this']):.2f} ms of processor time"
                note(f"{row}, in process", figure, ratio=here, limit="x trivial view", most=GOALS[row])
            print(f"{line}   {here:.1f} trivial views" if rows[0] == TRIVIAL else line, flush=True)
    finally:
        for process in running.values():
            process.stdin.close()
            process.wait(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="FOLDER", help="a checkout of another version")
    parser.add_argument("--posts", type=int, default=300, help="listed posts (300)")
    parser.add_argument("--rounds", type=int, default=10, help="batches of each row and version (10)")
    parser.add_argument("--only", default="", help="words that the names of rows must have")
    parser.add_argument("--profile", choices=ROWS, help="print where the processor time of a row goes instead")
    parser.add_argument("--folder", help="keep the databases in this folder, and use those that are there")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--records", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        # A script finds its own folder first; the version to measure must come before it.
        sys.path[0] = os.getcwd()
        work = {"fill": fill, "serve": lambda path, count: serve(count, path)}.get(arguments.child)
        if work:
            work(arguments.records, arguments.posts)
        else:
            profile(arguments.child, arguments.posts, arguments.records)
        return
    words = arguments.only.split(",")
    rows = [row for row in ROWS if row == TRIVIAL or any(word in row for word in words)]
    trees = {"this": ROOT}
    if arguments.against and not arguments.profile:
        trees["other"] = Path(arguments.against).resolve()
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="alphanode-bench-"))
        folder = Path(folder).resolve()
        folder.mkdir(exist_ok=True)
        versions = stack.enter_context(filled_versions(trees, folder, arguments.posts))
        if arguments.profile:
            own, command, tree = versions["this"]
            environ = {**own, "ALPHANODE_PROCESS": "web"}
            subprocess.run([*command, "--child", arguments.profile], env=environ, cwd=tree, stderr=subprocess.DEVNULL)
        else:
            compare(versions, rows, arguments.rounds)


if __name__ == "__main__":
    main()
