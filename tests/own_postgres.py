"""A PostgreSQL of one test alone, which it can start, stop and freeze."""

import contextlib
import os
import pwd
import shlex
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from tests.sites import ROOT, conninfo
from tests.waiting import PATIENT_SECONDS, wait_until


class OwnPostgres:
    """A server of its own with the schema of the tests' database; `url` is its DATABASE_URL."""

    def __init__(self, url):
        self.url = url
        self.folder = Path("/" + url.partition("@//")[2]).parent
        command = shlex.split((self.folder / "data" / "postmaster.opts").read_text())
        self._command = [command[0], "-D", str(self.folder / "data")]
        self._process = None
        self._frozen = []
        # One of tests/own_machines.py, or None: this one.
        self.machine = None

    @property
    def host(self):
        """Where other machines find it; on this one, the folder of its socket."""
        return self.machine.address if self.machine else str(self.folder)

    @property
    def url_for_others(self):
        """Its DATABASE_URL on other machines."""
        return f"postgres://alphanode@{self.host}:5432/{self.url.rpartition('/')[2]}" if self.machine else self.url

    def move_to(self, machine):
        """Run on another machine from now on, and let its network in."""
        with open(self.folder / "data" / "pg_hba.conf", "a") as rules:
            rules.write("host all,replication all samenet trust\n")
        self.ask("ALTER SYSTEM SET listen_addresses = '*'")
        self.stop()
        self.machine = machine
        self.start()

    @property
    def _pid_file(self):
        return self.folder / "data" / "postmaster.pid"

    @property
    def is_running(self):
        return self._pid_file.exists()

    def freeze(self):
        """Let the server accept connections but answer nothing from now on."""
        with psycopg.connect(conninfo(self.url)) as server:
            children = [pid for (pid,) in server.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        self._frozen = [int(self._pid_file.read_text().split()[0]), *children]
        self._signal_frozen(signal.SIGSTOP)

    def thaw(self):
        self._signal_frozen(signal.SIGCONT)
        self._frozen = []

    def _signal_frozen(self, number):
        for pid in self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self):
        """Cut all connections and end."""
        os.kill(int(self._pid_file.read_text().split()[0]), signal.SIGINT)
        wait_until(lambda: not self._pid_file.exists())
        self.wait()

    def processes(self):
        """Return the numbers of all its processes."""
        return processes_of(self.folder / "data")

    def crash(self):
        """End at once, as a machine that loses its power: nothing more is written or sent."""
        kill_server(self.folder / "data")
        self.wait()
        self._pid_file.unlink(missing_ok=True)

    def wait(self):
        """Wait for the end of the process if it was started here: one that nobody waited for is a warning later."""
        if self._process:
            self._process.wait(timeout=PATIENT_SECONDS)

    def start(self, **environment):
        command, person = self._as_owner(self._command)
        with open(self.folder / "log2", "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=os.environ | environment, stdout=log, stderr=log, **person
            )
        wait_until(self._answers)

    def _as_owner(self, command):
        """Return (command, options of Popen) for a program of the person who owns the data, on the server's machine."""
        if os.getuid():
            return command, {}
        owner = pwd.getpwuid(self.folder.stat().st_uid)
        if self.machine:
            person = ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups")
            return self.machine.command(*person, *command), {}
        return command, {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}

    def _answers(self):
        with contextlib.suppress(psycopg.Error), psycopg.connect(conninfo(self.url)):
            return True
        return False

    def tool(self, name):
        """Return the path of one of the server's own programs."""
        return Path(self._command[0]).with_name(name)

    def ask(self, *statements):
        with psycopg.connect(conninfo(self.url), autocommit=True) as server:
            for statement in statements:
                server.execute(statement)


def processes_of(data):
    """Return the numbers of all processes of the server of a data folder: each of them works in it."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if place.readlink() == data:
                found.append(int(place.parent.name))
    return found


def kill_server(data):
    """Kill every process of the server of a data folder, until none is left."""
    while left := processes_of(data):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


@contextlib.contextmanager
def own_postgres():
    """Yield an OwnPostgres."""
    starter = subprocess.Popen(
        ["sh", ROOT / "scripts" / "with_postgres.sh", "sh", "-c", "echo $DATABASE_URL; cat"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    server = OwnPostgres(starter.stdout.readline().strip())
    try:
        yield server
        server.thaw()
    finally:
        starter.communicate(timeout=PATIENT_SECONDS)
        server.wait()
