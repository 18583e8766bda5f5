"""Break one rule of the product at a time, and show that a quick selection of tests notices (`make mutations`).

Each Mutation replaces a piece of source text. That happens in a copy of the tree: the work tree is never touched. A
mutation whose text is gone, or stands more than once in its function, stops the run: rename it here too.

Usage: python -m tests.mutations [--short] [--jobs N] [word …]   (only mutations whose rule or file has the words)
"""

import argparse
import ast
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.kept_templates import digest, kept_template
from tests.mutation_list import MUTATIONS, Mutation
from tests.sites import READY

ROOT = Path(__file__).parent.parent
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "var", "node_modules", "__pycache__", ".*_cache", ".hypothesis")
NOT_TOLD = {"DATABASE_URL", "PYTHONPATH", "DJANGO_SETTINGS_MODULE"}
# Of one test. What hangs because its rule is broken fails by this.
LIMIT_SECONDS = 300


class Outdated(Exception):
    """A mutation does not fit the code any more; the message says which and why."""


@dataclass(frozen=True)
class Verdict:
    """What the tests said about a mutation: the first that failed, or "" when all passed (it survived)."""

    mutation: Mutation
    failed: str

    @property
    def line(self) -> str:
        outcome = f"killed by {self.failed}" if self.failed else f"SURVIVED {self.mutation.tests}"
        return f"{self.mutation.rule}: {outcome}"


def mutated(source: str, mutation: Mutation) -> str:
    """Return the source of a module with one rule broken. Raises Outdated."""
    first, last = _lines_of(source, mutation)
    lines = source.splitlines(keepends=True)
    before, part, behind = "".join(lines[:first]), "".join(lines[first:last]), "".join(lines[last:])
    if (count := part.count(mutation.old)) != 1:
        raise Outdated(f"{mutation.place}: {mutation.rule}: the text stands there {count} times: {mutation.old!r}")
    changed = before + part.replace(mutation.old, mutation.new) + behind
    try:
        ast.parse(changed)
    except SyntaxError as error:
        raise Outdated(f"{mutation.place}: {mutation.rule}: the change is no Python ({error})") from None
    return changed


def _lines_of(source: str, mutation: Mutation) -> tuple[int, int]:
    """Return the range of lines of the function or class that a mutation names; of the whole module without one."""
    nodes: list[ast.AST] = [ast.parse(source)]
    for name in filter(None, mutation.function.split(".")):
        nodes = [
            node
            for parent in nodes
            for node in ast.walk(parent)
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name
        ]
    if len(nodes) != 1:
        raise Outdated(f"{mutation.place}: {mutation.rule}: {len(nodes)} functions have this name")
    node = nodes[0]
    return (node.lineno - 1, node.end_lineno) if mutation.function else (0, source.count("\n") + 1)


class Workshop:
    """A copy of the tree in which rules are broken and tests run."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        # Without what would lead the tests to another database or another tree.
        self.environment = {name: value for name, value in os.environ.items() if name not in NOT_TOLD}
        self.environment["PYTHONUTF8"] = "1"
        shutil.copytree(ROOT, self.root, ignore=NOT_COPIED)

    def migrate(self) -> str:
        """Make the database that all runs of tests copy; return its address."""
        file = self.root.parent / "migrated.sqlite3"
        url = f"sqlite:///{file}"
        with kept_template(f"sqlite-{sqlite3.sqlite_version}", state=digest(self.root)) as template:
            if template.content is not None:
                file.write_bytes(template.content)
                return url
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            environment = self.environment | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
            subprocess.run(command, cwd=self.root, env=environment, check=True)
            template.content = file.read_bytes()
        return url

    def try_out(self, mutation: Mutation) -> Verdict:
        """Break a rule, run its tests, and put the file back."""
        path = self.root / mutation.path
        source = path.read_text(encoding="utf-8")
        self._write(path, mutated(source, mutation))
        try:
            return Verdict(mutation, self.first_failure(*_selection(mutation.tests)))
        finally:
            self._write(path, source)

    def first_failure(self, *tests: str) -> str:
        """Run tests (arguments of pytest); return the first that failed, or ""."""
        options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-n", "0", f"--timeout={LIMIT_SECONDS}"]
        command = [sys.executable, "-m", "pytest", *options, *tests]
        run = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)
        if run.returncode == 0:
            return ""
        if found := re.search(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", run.stdout, re.MULTILINE):
            return found[1]
        raise Outdated(f"pytest {' '.join(tests)} ended with {run.returncode}:\n{run.stdout[-3000:]}{run.stderr}")

    def _write(self, path: Path, source: str) -> None:
        path.write_text(source, encoding="utf-8")
        # Python takes a compiled file for current by the second and the size of its source.
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()


def _selection(tests: str) -> list[str]:
    """Return arguments for pytest: the file of a selection, and the words behind it as -k."""
    file, _, words = tests.partition(" ")
    return [file, "-k", words] if words else [file]


def check(mutations: list[Mutation]) -> None:
    """Raise Outdated unless every mutation fits the code as it is."""
    for mutation in mutations:
        mutated((ROOT / mutation.path).read_text(encoding="utf-8"), mutation)


def run(mutations: list[Mutation], jobs: int) -> int:
    """Try all mutations and print what became of each; return how many survived."""
    check(mutations)
    workshops: SimpleQueue[Workshop] = SimpleQueue()
    lock, verdicts = threading.Lock(), list[Verdict]()

    def one(mutation: Mutation) -> None:
        workshop = workshops.get()
        try:
            verdict = workshop.try_out(mutation)
        finally:
            workshops.put(workshop)
        with lock:
            verdicts.append(verdict)
            print(f"{len(verdicts):2} of {len(mutations)}  {verdict.line}", flush=True)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        copies = [Workshop(Path(folder) / str(number)) for number in range(jobs)]
        migrated = copies[0].migrate()
        for copy in copies:
            copy.environment[READY] = migrated
            workshops.put(copy)
        for _ in pool.map(one, mutations):
            pass
        # What fails on the code as it is notices nothing.
        killers = sorted({verdict.failed.partition("[")[0] for verdict in verdicts if verdict.failed})
        if killers and (failed := workshops.get().first_failure(*killers)):
            raise Outdated(f"{failed} fails although no rule is broken.")
    survived = sum(not verdict.failed for verdict in verdicts)
    print(f"{len(mutations) - survived} rules are held by tests, {survived} are not.")
    return survived


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="only a few, for a run of everything")
    parser.add_argument("--check", action="store_true", help="only look whether the mutations fit the code")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    chosen = [
        mutation
        for mutation in MUTATIONS
        if (mutation.is_short or not options.short)
        and all(word in f"{mutation.rule} {mutation.path} {mutation.function}" for word in options.words)
    ]
    try:
        if options.check:
            check(chosen)
            return 0
        return int(run(chosen, options.jobs) > 0)
    except Outdated as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
