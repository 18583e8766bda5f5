import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings

from tests.ports import free_port
from tests.waiting import PATIENT_SECONDS, wait_until

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(
    "sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="about trying the site, which is on SQLite"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, sites):
    """Return where the database of these tests lies, which is migrated; the first start fills it."""
    folder = tmp_path_factory.mktemp("a folder with spaces")
    shutil.copy(sites.migrated.database, folder / "site.sqlite3")
    return folder


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def run(folder):
    """Start scripts/run.py on the database of these tests as run(PORT, NAME=value, …); return the process."""
    started = []

    def start(port, **environment):
        plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        site = {"ENV_FILE": "", "DEBUG": "on", "LOG_LEVEL": "INFO", "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3"}
        process = subprocess.Popen(
            [sys.executable, "scripts/run.py", str(port)],
            cwd=ROOT,
            env={**plain, "PYTHONUTF8": "1", **site, "SITE_URL": f"http://127.0.0.1:{port}", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        # Returns when the parts have let go of the pipe too.
        process.communicate(timeout=PATIENT_SECONDS)


def read_until(process, pattern):
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"It ended without “{pattern}”.")


def started(process):
    """Wait until site and worker are up; return the process id of the worker."""
    read_until(process, "AlphaNode runs at")
    worker = json.loads(read_until(process, r'^\{"event": "worker started".*')[0])["worker"]
    return int(worker.split(":")[1])


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def answers(port):
    """Return the answer of /healthz; None while nothing listens."""
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENT_SECONDS) as page,
    ):
        return page.read()


def wait_for_site(port):
    """Wait until the site listens; return what /healthz says."""
    return wait_until(lambda: answers(port))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_the_site_and_its_worker(run, port, number):
    process = run(port)
    worker = started(process)
    assert wait_for_site(port) == b"ok" and is_there(worker)
    process.send_signal(number)
    # The end of the pipe is the end of all that held it.
    said, _ = process.communicate(timeout=PATIENT_SECONDS)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert not is_there(worker) and answers(port) is None


def test_nothing_stays_behind_when_the_process_above_is_killed(run, port):
    process = run(port)
    worker = started(process)
    assert wait_for_site(port) == b"ok"
    process.kill()
    said, _ = process.communicate(timeout=PATIENT_SECONDS)
    assert '"worker ended"' in said and str(worker) in said
    assert answers(port) is None


def test_when_the_worker_dies_the_site_is_stopped_with_one_line_that_says_why(run, port):
    process = run(port)
    worker = started(process)
    assert wait_for_site(port) == b"ok"
    os.kill(worker, signal.SIGKILL)
    said, _ = process.communicate(timeout=PATIENT_SECONDS)
    assert process.returncode == 1
    assert said.endswith("The worker ended unexpectedly (signal 9); stopping the site too.\n")
    assert answers(port) is None


def test_a_second_site_on_the_same_database_goes_without_a_worker_of_its_own(run, port):
    first = run(port)
    started(first)
    other = free_port()
    second = run(other)
    read_until(second, "A worker already serves this database")
    assert wait_for_site(other) == b"ok"
    second.terminate()
    second.communicate(timeout=PATIENT_SECONDS)
    assert second.returncode == 0 and wait_for_site(port) == b"ok"


def test_a_port_that_is_taken_is_named_with_another_one(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = run(port)
        said, _ = process.communicate(timeout=PATIENT_SECONDS)
    assert process.returncode == 1
    assert said.startswith(f"Port {port} is taken") and f"make run PORT={port + 1}" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("wanted", "environment", "message"),
    [
        ("eighty", {}, "“eighty” is not a port"),
        ("70000", {}, "“70000” is not a port"),
        ("²", {}, "“²” is not a port"),
        (None, {"DEBUG": "off", "SECRET_KEY": "x" * 50, "ALLOWED_HOSTS": "a.example"}, "(DEBUG is off)"),
        (None, {"DEBUG": "maybe"}, "AlphaNode can't start: DEBUG is “maybe”"),
        (None, {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/x"}, "AlphaNode can't start: "),
    ],
)
def test_what_cannot_run_says_why_without_a_traceback(run, port, wanted, environment, message):
    process = run(wanted or port, **environment)
    said, _ = process.communicate(timeout=PATIENT_SECONDS)
    assert process.returncode == 1
    assert message in said and "Traceback" not in said
