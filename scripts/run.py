"""Migrate the database, fill an empty site with demo posts, and serve it on this machine with a worker.

Usage: python scripts/run.py PORT

Site and worker are processes of their own, which this one supervises: if it is told to stop, or one of them ends, or
it is killed, no process stays behind.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The longest time for a worker to reach a job's next checkpoint.
STOP_SECONDS = 15
# The worker's exit code if another one serves the same SQLite file.
PLACE_TAKEN = 75


def is_free(port):
    """Return whether a server may listen on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        # Like the server itself: an address left by a stopped server counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def prepare(wanted):
    """Check the port and the settings, bring the database up to date; return the port."""
    if not (wanted.isascii() and wanted.isdecimal()) or not 0 < int(wanted) < 65536:
        sys.exit(f"“{wanted}” is not a port. Give a number: make run PORT=8001")
    port = int(wanted)
    if not is_free(port):
        other = port + 1 if port < 65535 else 8001
        sys.exit(f"Port {port} is taken, or this account may not use it. Choose another: make run PORT={other}")

    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "alphanode.settings"
    if not (ROOT / ".env").exists():
        os.environ.setdefault("DEBUG", "on")
        os.environ.setdefault("SITE_URL", f"http://127.0.0.1:{port}")

    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import CommandError, call_command
    from django.db import DatabaseError, connections

    try:
        django.setup()
        if not settings.DEBUG:
            # Demo accounts have a known password, so they must never be beside real posts.
            sys.exit("make run is for trying the site, but your settings are for production (DEBUG is off).")
        call_command("migrate", verbosity=0)
        call_command("demo")
    except (ImproperlyConfigured, CommandError, DatabaseError) as error:
        sys.exit(f"AlphaNode can't start: {str(error).strip()}")
    connections.close_all()
    print(
        f"AlphaNode runs at {settings.SITE_URL}/ and its admin at {settings.SITE_URL}/admin/. Ctrl-C ends it.",
        flush=True,
    )
    return port


def be_part(arguments):
    """Run the site or the worker (the command `arguments`) until it ends or its parent process is gone."""

    def watch_parent():
        # Nothing is ever written there; it ends when the parent does.
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch_parent, daemon=True).start()
    sys.argv = [str(ROOT / "manage.py"), *arguments]
    sys.path.insert(0, str(ROOT))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def start_part(*arguments, **environment):
    """Start this file again as one of the parts, in a session of its own: the parent passes on Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, __file__, "part", *arguments],
        stdin=subprocess.PIPE,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def watch(parts):
    """Wait until a signal comes or one part ends, then stop the others; return the exit code."""
    signals = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: signals.append(number))
    code = 0
    while not signals:
        ended = {name: part.returncode for name, part in parts.items() if part.poll() is not None}
        if ended.get("worker") == PLACE_TAKEN:
            print("A worker already serves this database. It runs the background jobs of this site too.", flush=True)
            del parts["worker"]
        elif ended:
            name, status = next(iter(ended.items()))
            how = f"exit code {status}" if status >= 0 else f"signal {-status}"
            others = " and ".join(f"the {other}" for other in parts if other not in ended)
            print(
                f"The {name} ended unexpectedly ({how}); stopping {others or 'here'} too.", file=sys.stderr, flush=True
            )
            code = 1
            break
        time.sleep(0.2)
    heard = len(signals)
    for part in parts.values():
        part.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    while any(part.poll() is None for part in parts.values()):
        # Stop at once at a second signal or after too long.
        if len(signals) > heard or time.monotonic() > deadline:
            for part in parts.values():
                part.kill()
        time.sleep(0.05)
    return code


def main(wanted):
    port = prepare(wanted)
    parts = {
        # The site has shorter database timeouts than migrations and background work.
        "site": start_part(*("runserver", "--noreload", "--skip-checks", f"127.0.0.1:{port}"), ALPHANODE_PROCESS="web"),
        # The worker logs only problems here: the terminal is for the site's requests.
        "worker": start_part("run_worker", LOG_LEVEL=os.environ.get("LOG_LEVEL") or "WARNING"),
    }
    sys.exit(watch(parts))


if __name__ == "__main__":
    os.chdir(ROOT)
    if sys.argv[1] == "part":
        be_part(sys.argv[2:])
    else:
        main(sys.argv[1])
