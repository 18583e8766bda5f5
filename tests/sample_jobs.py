"""Jobs for tests: each writes lines into a file, so that any process can count what happened."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from django.db import connection, transaction

from posts.jobs import job, stop_if_asked


def lines_of(path):
    """Return the lines that jobs have written to the file so far."""
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def append(path, line):
    with open(path, "a") as file:
        file.write(f"{line}\n")


@job("test: note")
def note(path, line):
    append(path, line)


@job("test: note once", lease_seconds=10)
def note_once(path, line):
    """Say which process is at work, and take a moment, so that it can be killed in the middle."""
    at_work = Path(f"{path}.{os.getpid()}")
    at_work.touch()
    time.sleep(0.2)
    append(path, line)
    at_work.unlink()


@job("test: urgent", is_urgent=True)
def note_at_once(path, line):
    append(path, line)


@job("test: fail", attempts=3, backoff_seconds=30)
def fail(path):
    append(path, "tried")
    raise ValueError("<b>no</b> such thing\nand a second line")


@job("test: count")
def count_up(path, upto):
    """Leave the numbers below `upto`, going on after the last one that is there."""
    while (number := len(lines_of(path))) < upto:
        append(path, number)
        time.sleep(0.01)
        stop_if_asked()


@job("test: deaf")
def never_ask(path):
    """Neither end nor ask whether to stop, the first time."""
    append(path, "began")
    while len(lines_of(path)) < 2:
        time.sleep(0.01)


@job("test: deadly")
def kill_worker(path):
    """Kill the worker, the first time."""
    append(path, "began")
    if len(lines_of(path)) < 2:
        os.kill(os.getpid(), signal.SIGKILL)


@job("test: cut off")
def lose_connection(path):
    """Lose the database connection in the middle, the first time."""
    append(path, "began")
    with connection.cursor() as cursor:
        if len(lines_of(path)) < 2:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@job("test: read-only")
def write_read_only(path):
    """Meet a database that is read-only, the first time."""
    append(path, "began")
    with transaction.atomic(), connection.cursor() as cursor:
        if len(lines_of(path)) < 2:
            cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("UPDATE posts_job SET last_failure = '' WHERE name = 'none'")


@job("test: hourly", every=timedelta(hours=1))
def hourly():
    pass
