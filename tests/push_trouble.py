"""A generator that sends posts to a real server while answers get lost and programs are killed, at random moments."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field

from tests.page_processes import ROOT, SETTINGS, database_url
from tests.ports import free_port
from tests.waiting import PATIENT_SECONDS, wait_until

GENERATOR = ROOT / "examples" / "steady_generator.py"
CLIENT = ROOT / "examples" / "push_client.py"
MOST_SECONDS_BETWEEN_KILLS = 1.5


class Program:
    """A program that runs again after each kill."""

    def __init__(self, *command, **environment):
        self.command, self.environment = [sys.executable, *map(str, command)], environment
        self.process = None
        self.begin()

    def begin(self):
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env={**os.environ, **SETTINGS, "DATABASE_URL": database_url(), **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # With the processes that it starts, it can be killed as one.
            start_new_session=True,
        )

    def kill(self):
        """Kill it and all its processes, and start it again."""
        self.end()
        self.begin()

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def is_done(self):
        if (code := self.process.poll()) not in (None, 0):
            self.begin()
        return code == 0


class LossyRelay(threading.Thread):
    """Passes requests on to a server, and cuts some connections once the server has answered."""

    def __init__(self, port, *, seed, lost):
        super().__init__(daemon=True)
        self.port, self.chance, self.lost = port, random.Random(seed), lost
        self.cuts = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            is_cut = self.chance.random() < self.lost
            threading.Thread(target=self._relay, args=(client, is_cut), daemon=True).start()

    def _relay(self, client, is_cut):
        with client, contextlib.suppress(OSError, IndexError):
            request = b""
            while b"\r\n\r\n" not in request:
                if not (piece := client.recv(65536)):
                    return
                request += piece
            head, _, body = request.partition(b"\r\n\r\n")
            lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            missing = int(lines.get(b"content-length", 0)) - len(body)
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENT_SECONDS) as server:
                server.sendall(request)
                while missing > 0:
                    if not (piece := client.recv(65536)):
                        return
                    server.sendall(piece)
                    missing -= len(piece)
                # The client asks for one answer on each connection.
                answer = server.recv(65536)
                if is_cut:
                    self.cuts += 1
                    return
                while answer:
                    client.sendall(answer)
                    answer = server.recv(65536)


@dataclass
class Outcome:
    """What was done to the programs."""

    kills: dict = field(default_factory=dict)
    cuts: int = 0


def push_under_fire(folder, secret, *, file, posts, kills, seed, lost=0.05):
    """Send a file and then `posts` single posts while programs are killed `kills` times; return the Outcome.

    file: a path of records in lines, or None.
    """
    chance, outcome, port = random.Random(seed), Outcome(), free_port()
    arguments = ["--no-control-socket", "--workers", "2", "--threads", "2", "--bind", f"127.0.0.1:{port}"]
    uploads = {"IMPORT_UPLOAD_DIR": str(folder / "uploads")}
    server = Program("-m", "gunicorn", *arguments, "alphanode.wsgi", **uploads)
    worker = Program("manage.py", "run_worker", **uploads) if file else None
    relay = LossyRelay(port, seed=seed, lost=lost)
    relay.start()
    sender = {"SITE": relay.address, "TOKEN": secret}
    tasks = [(CLIENT, file)] if file else []
    tasks.append((GENERATOR, folder / "journal.jsonl", posts))
    programs = [server] + ([worker] if worker else [])
    try:
        for number, task in enumerate(tasks):
            program = Program(*task, **sender)
            programs.append(program)
            # Every run has its share of the kills, and the last one all that are left.
            share = kills - sum(outcome.kills.values()) if number == len(tasks) - 1 else kills // 3
            named = {"client": program, "server": server} | (
                {"worker": worker} if program.command[1] == str(CLIENT) else {}
            )
            for _ in range(share):
                threading.Event().wait(chance.uniform(0.05, MOST_SECONDS_BETWEEN_KILLS))
                if program.is_done:
                    break
                name = chance.choice(list(named))
                named[name].kill()
                outcome.kills[name] = outcome.kills.get(name, 0) + 1
            wait_until(lambda program=program: program.is_done, seconds=10 * PATIENT_SECONDS)
    finally:
        relay.listener.close()
        for program in programs:
            program.end()
    outcome.cuts = relay.cuts
    return outcome


def write_records(path, count):
    """Write `count` records as lines; return their identities."""
    names = [f"stream-{number}" for number in range(count)]
    with open(path, "w", encoding="utf-8") as lines:
        for name in names:
            record = {"source_id": name, "title": f"Part {name}", "intro": "What waits.", "body": f"Text of {name}."}
            lines.write(json.dumps(record) + "\n")
    return set(names)
