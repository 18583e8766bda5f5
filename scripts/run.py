"""Brings the database up to date, fills an empty site with demo posts, and serves it on this machine.

Usage: python scripts/run.py PORT
"""

import os
import socket
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def is_free(port):
    """Whether a server may listen on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        # As the server itself does: an address that a stopped server left behind counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main(wanted):
    if not wanted.isdecimal() or not 0 < int(wanted) < 65536:
        sys.exit(f"“{wanted}” is no port. Give a number: make run PORT=8001")
    port = int(wanted)
    if not is_free(port):
        sys.exit(f"Port {port} is taken, or this account may not use it. Choose another: make run PORT={port + 1}")

    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    os.environ["DJANGO_SETTINGS_MODULE"] = "alphanode.settings"
    if not (ROOT / ".env").exists():
        os.environ.setdefault("DEBUG", "on")
        os.environ.setdefault("SITE_URL", f"http://127.0.0.1:{port}")

    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import call_command

    try:
        django.setup()
    except ImproperlyConfigured as error:
        sys.exit(f"AlphaNode can't start: {error}")
    if not settings.DEBUG:
        # Demo accounts have a known password: never beside real posts.
        sys.exit("make run is for trying the site; your settings are those of a real one (DEBUG is off).")

    call_command("migrate", verbosity=0)
    call_command("demo")
    print(
        f"AlphaNode runs at {settings.SITE_URL}/ and its desk at {settings.SITE_URL}/admin/. Ctrl-C ends it.",
        flush=True,
    )
    # A process of its own: what serves pages has shorter patience with the database than what migrates it.
    serve = ["manage.py", "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{port}"]
    os.execv(sys.executable, [sys.executable, *serve])  # noqa: S606 (no shell is meant)


if __name__ == "__main__":
    main(sys.argv[1])
