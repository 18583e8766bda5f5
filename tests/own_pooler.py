"""PgBouncer before the PostgreSQL of the tests, and whole sites behind it."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.page_processes import SETTINGS
from tests.sites import ROOT, Site
from tests.waiting import PATIENT_SECONDS, wait_until


class Pooler:
    """What scripts/with_pooler.sh started: `folder` holds its socket, `server` that of PostgreSQL."""

    def __init__(self, pooled, direct):
        self._pooled, self._direct = pooled.rpartition("/")[0], direct.rpartition("/")[0]
        self.folder = Path("/" + pooled.partition("@//")[2]).parent
        self._process = None

    def restart(self):
        """Cut all connections, and start again."""
        self._end()
        config = self.folder / "pgbouncer.ini"
        owner = config.stat()
        person = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.getuid() == 0 else {}
        program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
        self._process = subprocess.Popen([program, "-q", config], cwd=self.folder, stderr=subprocess.DEVNULL, **person)
        wait_until((self.folder / ".s.PGSQL.5432").exists)

    def _end(self):
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_running(pid))
        if self._process:
            self._process.wait(timeout=PATIENT_SECONDS)
        for name in ("pid", ".s.PGSQL.5432"):
            (self.folder / name).unlink(missing_ok=True)

    def close(self):
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=PATIENT_SECONDS)

    def pooled(self, name, role="alphanode_web"):
        """Return the address of a database through the pooler."""
        return f"{self._pooled.replace('alphanode_web', role)}/{name}"

    def direct(self, name):
        """Return the address of a database without it."""
        return f"{self._direct}/{name}"

    def settings(self, name):
        """Return the environment of a site behind the pooler, as docs/scaling.md describes it."""
        return {
            "DATABASE_URL": self.pooled(name),
            "DATABASE_POOLER": "transaction",
            "DATABASE_DIRECT_URL": self.direct(name),
        }

    def site(self, name):
        """Return the Site of a database, whose processes follow those settings."""
        return PooledSite(self.direct(name), self.settings(name))


class PooledSite(Site):
    """A site whose processes are told of the pooler; `ask` goes to the server itself."""

    def __init__(self, url, settings):
        super().__init__(url)
        self.settings = settings

    def _environment(self, environment):
        return super()._environment(None) | SETTINGS | self.settings | (environment or {})


def is_running(pid):
    """Return whether a process works; one that ended and that nobody waited for does not."""
    with contextlib.suppress(OSError):
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


@contextlib.contextmanager
def own_pooler(url, *config):
    """Start a pooler before the server of a database's address and yield it. config: lines of its configuration."""
    starter = subprocess.Popen(
        ["sh", ROOT / "scripts" / "with_pooler.sh", "sh", "-c", 'echo "$DATABASE_URL $DATABASE_DIRECT_URL"; cat'],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"DATABASE_URL": url, "POOLER_CONFIG": "\n".join(config)},
    )  # fmt: skip
    try:
        pooler = Pooler(*starter.stdout.readline().split())
        yield pooler
        pooler.close()
    finally:
        starter.communicate(timeout=PATIENT_SECONDS)
