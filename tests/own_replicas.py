"""Streaming replicas of a PostgreSQL that one test owns."""

import contextlib
import os
import shutil
import subprocess

import psycopg

from tests.own_postgres import OwnPostgres
from tests.sites import conninfo
from tests.waiting import PATIENT_SECONDS, wait_until


class OwnReplica(OwnPostgres):
    """A standby with a folder of its own, which follows another server."""

    def __init__(self, primary, name, machine=None):
        self.machine = machine
        self.folder = primary.folder.with_name(f"{primary.folder.name}-{name}")
        self.folder.mkdir(mode=0o755)
        owner = (primary.folder / "data").stat()
        os.chown(self.folder, owner.st_uid, owner.st_gid)
        copy, person = self._as_owner(
            [primary.tool("pg_basebackup"), "-h", primary.host, "-U", "alphanode", "-D", self.folder / "data",
             "-R", "-X", "stream", "--checkpoint=fast"]
        )  # fmt: skip
        subprocess.run(copy, check=True, capture_output=True, timeout=PATIENT_SECONDS, cwd=self.folder, **person)
        with open(self.folder / "data" / "postgresql.conf", "a") as config:
            config.write(f"unix_socket_directories = '{self.folder}'\n")
            # Under this name the primary knows it.
            config.write(f"cluster_name = '{name}'\n")
        self.url = f"postgres://alphanode@/{self.folder}/{primary.url.rpartition('/')[2]}"
        self._command = [str(primary.tool("postgres")), "-D", str(self.folder / "data")]
        self._process = None
        self._frozen = []
        self.start()

    def pause(self):
        """Receive changes and show none of them from now on."""
        self.ask("SELECT pg_wal_replay_pause()")
        wait_until(lambda: self.value("SELECT pg_get_wal_replay_pause_state()") == "paused")

    def resume(self):
        self.ask("SELECT pg_wal_replay_resume()")

    @property
    def received(self):
        """The number of bytes of the write-ahead log that have arrived here."""
        return self.value("SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')")

    def promote(self):
        """Become a server of its own."""
        self.ask("SELECT pg_promote()")

    def follow(self, server):
        """Follow another server, after the one that it followed has gone."""
        self.ask(f"ALTER SYSTEM SET primary_conninfo = 'host={server.host} user=alphanode'", "SELECT pg_reload_conf()")

    def value(self, question):
        with psycopg.connect(conninfo(self.url)) as server:
            return server.execute(question).fetchone()[0]

    def close(self):
        self.thaw()
        if self.is_running:
            self.stop()
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def own_replica(primary, name="replica", machine=None):
    """Yield an OwnReplica of an OwnPostgres."""
    replica = OwnReplica(primary, name, machine)
    try:
        yield replica
    finally:
        replica.close()
