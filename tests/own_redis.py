"""Redis servers of one test alone: a single one, one that Sentinel watches, or a cluster."""

import contextlib
import os
import shutil
import signal
import subprocess

import redis

from tests.ports import free_port
from tests.waiting import PATIENT_SECONDS, wait_until

REDIS = shutil.which("redis-server")
ALONE = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--protected-mode", "no")


class OwnRedis:
    """A server. `url` is the CACHE_URL that leads to it. machine: one of tests/own_machines.py, or None: this one."""

    def __init__(self, folder, *options, kind="redis", path="/0", machine=None):
        self.port = free_port()
        self._folder, self._options, self._machine = folder, options, machine
        host = "127.0.0.1"
        if machine:
            host, self._options = machine.address, (*options, "--bind", machine.address)
        self.url = f"{kind}://{host}:{self.port}{path}"
        self.client = redis.Redis(host, self.port)
        self.start()

    def start(self):
        folder = self._folder / str(self.port)
        folder.mkdir(exist_ok=True)
        command = [REDIS, *self._options, "--port", str(self.port), "--dir", folder]
        self._process = subprocess.Popen(
            self._machine.command(*command) if self._machine else command, stdout=subprocess.DEVNULL
        )
        wait_until(self._answers)

    def _answers(self):
        with contextlib.suppress(redis.RedisError):
            return self.client.ping()

    def stop(self):
        self.thaw()
        self._process.kill()
        self._process.wait(timeout=PATIENT_SECONDS)

    def freeze(self):
        """Let the server accept connections but answer nothing from now on."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGCONT)

    def close(self):
        self.client.close()
        self.stop()


@contextlib.contextmanager
def own_redis(folder, *options, machine=None):
    """Yield an OwnRedis."""
    server = OwnRedis(folder, *ALONE, *options, machine=machine)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def watched_redis(folder):
    """Yield the address of a server through the Sentinel that watches it."""
    with own_redis(folder) as server:
        config = folder / "sentinel.conf"
        config.write_text(f"sentinel monitor pages 127.0.0.1 {server.port} 1\n")
        watcher = OwnRedis(folder, config, "--sentinel", *ALONE[4:], kind="redis+sentinel", path="/pages/0")
        try:
            yield watcher.url
        finally:
            watcher.close()


@contextlib.contextmanager
def clustered_redis(folder):
    """Yield the address of a cluster with one server."""
    with own_redis(folder, "--cluster-enabled", "yes") as server:
        server.client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
        wait_until(lambda: b"cluster_state:ok" in _raw(server.client))
        yield server.url.replace("redis://", "redis+cluster://")


def _raw(client):
    said = client.execute_command("CLUSTER INFO")
    return said if isinstance(said, bytes) else "\n".join(f"{name}:{value}" for name, value in said.items()).encode()


@contextlib.contextmanager
def single_redis(folder):
    """Yield the address of a server."""
    with own_redis(folder) as server:
        yield server.url
