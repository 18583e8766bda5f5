"""A generator that may be killed at any moment: it writes down what it is about to send, and goes on from there.

    SITE=https://articles.example TOKEN=alphanode_… python3 steady_generator.py journal.jsonl 1000

Each post has one line in the journal before it is sent, with the key of its request, and one with its ETag afterwards.
After a kill the same request goes out again with the same key, so no post is lost and none comes twice. A generator of
yours replaces record_of() by what it writes. Needs only Python, and push_client.py beside it.
"""

import contextlib
import json
import os
import sys
import uuid

from push_client import Site


def record_of(number):
    """Return the post with this number, the same each time."""
    return {
        "source_id": f"steady-{number}",
        "title": f"How a queue drains, part {number}",
        "intro": f"What happens to message {number} while a worker is away.",
        "body": f"## The worker is away\n\nMessage {number} waits.\n\n## It is back\n\nThe oldest message goes first.",
    }


class Journal:
    """What was sent, and with which key, in a file that survives the program."""

    def __init__(self, path):
        self.keys, self.tags = {}, {}
        self.file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (open as long as the program runs)
        self.file.seek(0)
        lines = self.file.readlines()
        if lines and not lines[-1].endswith("\n"):
            # A kill cut it off, so nothing followed from it.
            self.file.write("\n")
            lines.pop()
        for line in lines:
            with contextlib.suppress(ValueError):  # one that an earlier kill cut off
                self._read(json.loads(line))

    def _read(self, entry):
        kept = self.keys if "key" in entry else self.tags
        kept[entry["number"]] = entry.get("key") or entry.get("etag")

    def write(self, **entry):
        """Add an entry, and wait until the disk has it."""
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self._read(entry)


def send_all(site, journal, count):
    """Send the posts 0 to `count` that have no ETag yet."""
    for number in range(count):
        if number in journal.tags:
            continue
        if number not in journal.keys:
            journal.write(number=number, key=uuid.uuid4().hex)
        etag = site.send(record_of(number), key=journal.keys[number])
        journal.write(number=number, etag=etag or "changed by people")


if __name__ == "__main__":
    send_all(Site(os.environ["SITE"], os.environ["TOKEN"]), Journal(sys.argv[1]), int(sys.argv[2]))
