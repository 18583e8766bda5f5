"""Free ports for the servers that tests start."""

import fcntl
import itertools
import os
import socket
import tempfile

# Below what systems give to connections that name no port (Linux from 32768, others from 49152 on).
RANGE = range(20_000, 32_000)
# Locked as long as this process lives; other runs of the tests choose others.
_locked = []
_next = itertools.cycle(RANGE)


def free_port():
    """Return a port of 127.0.0.1 that stays free for this process."""
    folder = os.path.join(tempfile.gettempdir(), f"alphanode-test-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    for port in itertools.islice(_next, len(RANGE)):
        lock = open(os.path.join(folder, str(port)), "w")  # noqa: SIM115 (open to the end of the process)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _locked.append(lock)
        return port
    raise AssertionError("No port between 20000 and 32000 is free.")
