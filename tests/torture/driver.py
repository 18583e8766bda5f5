"""Run a management command in a process that dies at a chosen point. Only tests start this.

Usage: python -m tests.torture.driver [--kill KIND:N] [--server FOLDER] [--mutant early|late] [--events FILE]
    [--hold FIFO] [--memory FILE] COMMAND [ARGUMENT…]

KIND is commit (N counts the moments before and after each commit) or row (N counts rows on their way to the
database). With --server the PostgreSQL of that data folder dies instead. With --hold it stands still after the first
chunk until somebody opened FIFO for writing and closed it again; --memory writes the peak of resident memory in MiB.
The mutants are wrong on purpose: a test that does not catch them tests nothing.
"""

import argparse
import json
import os
import re
import resource
import signal
import sys
from pathlib import Path

import django
from django.core.management import execute_from_command_line
from django.db import connection, connections, transaction

from tests.own_postgres import kill_server

CHUNK_ROWS = 40


class Events:
    """Counts what happens and kills this process when it is time."""

    def __init__(self, kill, server):
        self.kind, _, at = kill.partition(":")
        self.at = int(at or 0)
        self.server = server
        self.counts = {"commit": 0, "row": 0}

    def note(self, kind):
        self.counts[kind] += 1
        if kind == self.kind and self.counts[kind] == self.at:
            kill_server(self.server) if self.server else os.kill(os.getpid(), signal.SIGKILL)


def watch(events):
    """Make commits and rows of imports and roll-backs known to `events`."""
    from posts.importing import pipeline, rollback
    from posts.importing.writers import writer_for

    chunks = dict.fromkeys(pipeline.CHUNK_ROWS, CHUNK_ROWS)
    pipeline.CHUNK_ROWS = rollback.CHUNK_ROWS = chunks
    database = type(connection._connections[connection._alias])
    commit = database._commit

    def watched_commit(self):
        events.note("commit")
        commit(self)
        events.note("commit")

    database._commit = watched_commit
    writer = type(writer_for(connection))

    def watched(method):
        def write(self, *arguments):
            *others, rows = arguments
            return method(self, *others, list_or_iterator(rows))

        return write

    def list_or_iterator(rows):
        for row in rows:
            events.note("row")
            yield row

    writer.insert = watched(writer.insert)
    if connection.vendor == "postgresql":
        from posts.importing.writers import copied_rows

        # A row of COPY at a time.
        copied_rows.PART_ROWS = 1
        writer._copy = watched(writer._copy)


def plant(mutant):
    """Move the checkpoint out of the chunk's transaction."""
    from posts.importing import pipeline
    from posts.importing.plan import plan_chunk

    move, write = pipeline.move_checkpoint, pipeline.ImportRun._write
    pipeline.move_checkpoint = lambda batch, columns: None

    def early(self, chunk, incoming, refused):
        with transaction.atomic():
            decisions, _ = plan_chunk(self.batch, chunk.rows, incoming, refused, self.seen)
            move(self.batch, self._columns_after(decisions, chunk))
        return write(self, chunk, incoming, refused)

    def late(self, chunk, incoming, refused):
        result = write(self, chunk, incoming, refused)
        with transaction.atomic():
            move(self.batch, result[2])
        return result

    pipeline.ImportRun._write = {"early": early, "late": late}[mutant]


def hold_at(fifo):
    """Stand still after the first chunk of an import."""
    from posts.importing import pipeline

    take = pipeline.ImportRun._take

    def take_and_wait(self, chunk):
        take(self, chunk)
        pipeline.ImportRun._take = take
        with open(fifo) as opened:
            opened.read()

    pipeline.ImportRun._take = take_and_wait


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--kill", default="")
    parser.add_argument("--server", type=Path)
    parser.add_argument("--mutant", choices=["early", "late"])
    parser.add_argument("--events")
    parser.add_argument("--hold")
    parser.add_argument("--memory")
    options, command = parser.parse_known_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    events = Events(options.kill, options.server)
    watch(events)
    if options.mutant:
        plant(options.mutant)
    if options.hold:
        hold_at(options.hold)
    try:
        execute_from_command_line(["manage.py", *command])
    finally:
        if options.events:
            Path(options.events).write_text(json.dumps(events.counts))
        if options.memory:
            Path(options.memory).write_text(str(peak_memory_mib()))


def main_on(place, arguments, said):
    """Do as main() on the database at `place`, in a process forked before it knew one; write all output to a file."""
    with open(said, "w", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    connections.databases["default"] |= place
    main(arguments)


def peak_memory_mib():
    """Return the peak memory of this program; ru_maxrss would include the test runner that forked it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024**2  # bytes on macOS


if __name__ == "__main__":
    sys.exit(main())
