"""The process that parses code: one block in, one result out, until its input ends.

Parsers are written in C and meet hostile text: some need minutes for a few lines, some would take all memory. So each
block has SECONDS, and the process has MEMORY. The system ends a process that takes more; client.py starts another one.
The seconds are those of the processor: what is read of a text must not depend on what else the machine does.
"""

import json
import resource
import signal
import struct
import sys
import time
from dataclasses import asdict
from typing import BinaryIO

from posts.code_reading.reading import read_block

# For one block, in any number of ways to read it: of the processor, and on the clock of the wall.
SECONDS, LONGEST_WAIT = 1.5, 30.0
MEMORY = 1 << 30
# Deep nesting needs a deep stack in Python's own parsers.
SIZE = struct.Struct("!I")


def limit() -> None:
    """Limit what this process can take and do: memory, no core file, no growing file."""
    for kind, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            # Some systems have no limit of this kind; the limit of time still holds.
            continue


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer each block of `source` on `target`."""
    # Ends the process even inside of a parser, where no code of Python runs.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    while head := source.read(SIZE.size):
        language, code = json.loads(source.read(SIZE.unpack(head)[0]))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, LONGEST_WAIT)
        begun = time.process_time()
        reading = read_block(language, code)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        answer = json.dumps(asdict(reading) | {"seconds": time.process_time() - begun}).encode()
        target.write(SIZE.pack(len(answer)) + answer)
        target.flush()


if __name__ == "__main__":
    limit()
    serve(sys.stdin.buffer, sys.stdout.buffer)
