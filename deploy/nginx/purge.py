#!/usr/bin/env python3
"""Take purges of the site (CDN_PURGE_URL) and delete the pages from the cache of an nginx on this machine.

Usage: PURGE_TOKEN=… purge.py FOLDER PORT    (FOLDER is that of proxy_cache_path; PORT on 127.0.0.1)

nginx alone knows no tags. Each file of its cache begins with the headers of the answer, and Surrogate-Key among them
names what the page shows. A purge reads the beginning of every file: fine for some ten thousand pages.
"""

import contextlib
import hmac
import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MOST_BYTES = 100_000
HEAD_BYTES = 16_384
TAGS = re.compile(rb"\r\nSurrogate-Key: ([^\r\n]*)\r\n", re.IGNORECASE)


def purge(folder: Path, tags: set[bytes]) -> int:
    """Delete the pages with one of these tags; return their number."""
    deleted = 0
    for path in folder.rglob("*"):
        # nginx deletes files too, and folders have no beginning.
        with contextlib.suppress(OSError):
            with path.open("rb") as file:
                found = TAGS.search(file.read(HEAD_BYTES))
            if found and not tags.isdisjoint(found[1].split()):
                path.unlink()
                deleted += 1
    return deleted


class Purges(BaseHTTPRequestHandler):
    """Answers POST with {"tags": […]}."""

    folder: Path
    token: str

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(sent.encode(), self.token.encode()) or size > MOST_BYTES:
            self.send_error(403)
            return
        try:
            tags = {str(tag).encode() for tag in json.loads(self.rfile.read(size))["tags"]}
        except (ValueError, KeyError, TypeError):
            self.send_error(400)
            return
        body = f"{purge(self.folder, tags)} deleted\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the outbox of the site shows what was sent."""


if __name__ == "__main__":
    if len(sys.argv) != 3 or not os.environ.get("PURGE_TOKEN"):
        sys.exit("Usage: PURGE_TOKEN=… purge.py FOLDER PORT")
    Purges.folder, Purges.token = Path(sys.argv[1]), os.environ["PURGE_TOKEN"]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Purges).serve_forever()
