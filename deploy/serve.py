"""Serve the site: python deploy/serve.py [MODULE]. The default is alphanode.wsgi.

granian reads requests and writes answers outside of Python. WEB_WORKERS, WEB_THREADS and WEB_BIND (host:port or
unix:/path) change what machines differ in. A worker that hangs for WEB_TIMEOUT seconds (60) is replaced.
"""

import faulthandler
import json
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import granian.wsgi
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketSpec

ROOT = Path(__file__).resolve().parent.parent
# alphanode.wsgi ends with it when a setting is wrong: starting again would not help.
WRONG_SETTING = 3
# Without the first, each thread would get memory of its own. Without the second, the process would give back less and
# less: the C library learns from each large block that is freed. Both are read when a process starts.
MEMORY = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
# The site writes a line for each request itself. The server's own lines have the same form.
LOG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "__main__.JsonLines"}},
    "filters": {"ours": {"()": "__main__.Ours"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["ours"]}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "_granian": {"level": "INFO", "handlers": [], "propagate": True},
        "granian.access": {"level": "INFO", "handlers": [], "propagate": False},
    },
}


class JsonLines(logging.Formatter):
    """Writes a line of the server as those of the site are written. This process imports nothing of the site."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object."""
        line = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class Ours(logging.Filter):
    """Leaves out a warning about a queue for each worker, which Server does not have."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written."""
        return "tcp_migrate_req" not in record.getMessage()


class Server(Granian):
    """granian with one queue of connections for all workers.

    With a queue for each, as it has on Linux, connections to a worker that was killed or is busy are lost or wait,
    although the others are free.
    """

    def _init_shared_socket(self) -> None:
        spec = SocketSpec(self.bind_addr, self.bind_port, self.backlog) if not self.bind_uds else None
        if spec is None:
            super()._init_shared_socket()
            return
        self._shd = spec.build()
        self._sfd, self._ssp = self._shd.get_fd(), None
        self._sso = socket.socket(fileno=self._sfd)
        self._sso.set_inheritable(True)
        # Connections wait here while no worker is up.
        self._sso.listen(self.backlog)


def load(module: str) -> Callable[..., Any]:
    """Return the WSGI application of a module, in a worker."""
    application: Callable[..., Any] = import_module(module).application
    threading.Thread(target=_watch, daemon=True).start()
    # Otherwise each request would hold the environment of the process: its secrets, and HTTP_… names as headers.
    granian.wsgi.os = SimpleNamespace(environ={})  # type: ignore[attr-defined]  # its import of os
    return application


def _watch() -> None:
    """End this worker if it hangs, or when the process that supervises it was killed: the next one needs the address.

    A hanging call into C, such as a regular expression that tries everything, lets no thread of Python run, so nobody
    puts off the end any more. The server then starts another worker.
    """
    parent = multiprocessing.parent_process()
    longest = float(os.environ.get("WEB_TIMEOUT", "60"))
    while True:
        faulthandler.dump_traceback_later(longest, exit=True)
        if multiprocessing.connection.wait([parent.sentinel], longest / 4):  # type: ignore[union-attr]  # it has one
            faulthandler.cancel_dump_traceback_later()
            os.kill(os.getpid(), signal.SIGTERM)
            return


def address(bind: str) -> dict[str, Any]:
    """Return WEB_BIND as options of granian."""
    if bind.startswith("unix:"):
        return {"uds": Path(bind.removeprefix("unix:"))}
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal():
        sys.exit(f"WEB_BIND must be host:port or unix:/path, not {bind}")
    return {"address": host.strip("[]"), "port": int(port)}


def main(module: str) -> None:
    """Serve until a signal comes. SIGTERM ends after the running requests, SIGHUP replaces the workers one by one."""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    # A worker inherits the queue. After SIGHUP it reads the code of the site anew, because this process has none of it.
    multiprocessing.set_start_method("fork")
    server = Server(
        module,
        **address(os.environ.get("WEB_BIND", "127.0.0.1:8000")),
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=int(os.environ.get("WEB_WORKERS", "3")),
        blocking_threads=int(os.environ.get("WEB_THREADS", "4")),
        # A client that never finishes its head. No proxy takes so long.
        http1_settings=HTTP1Settings(header_read_timeout=15_000, max_buffer_size=65_536),
        respawn_failed_workers=True,
        # No leak grows for ever: a worker above this is replaced while the others answer.
        workers_max_rss=400,
        workers_kill_timeout=30,
        log_dictconfig=LOG,
    )
    try:
        server.serve(target_loader=load)
    except SystemExit as ended:
        if ended.code and _has_wrong_setting(module):
            sys.exit(WRONG_SETTING)
        raise


def _has_wrong_setting(module: str) -> bool:
    """Return whether the workers ended because the site can't start. It has said why."""
    program = f"import {module}"
    ended = subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL, check=False)  # noqa: S603 (ours)
    return ended.returncode == WRONG_SETTING


if __name__ == "__main__":
    if missing := MEMORY.keys() - os.environ.keys():
        os.environ |= {name: MEMORY[name] for name in missing}
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 (the same program)
    main(sys.argv[1] if len(sys.argv) > 1 else "alphanode.wsgi")
