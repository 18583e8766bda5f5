"""Send posts to AlphaNode from a generator: one by one or as a file, and each exactly once.

    SITE=https://articles.example TOKEN=alphanode_… python3 push_client.py posts.jsonl
    SITE=… TOKEN=… python3 push_client.py --decisions 0

Each line of the file is a record. A lost answer is no reason to worry: the same request with the same Idempotency-Key
gets the first answer. Needs only Python.
"""

import gzip
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

PATIENCE = 8
LONGEST_WAIT = 60.0


class Site:
    """A site that posts are sent to."""

    def __init__(self, address, token, *, sleep=time.sleep):
        self.address, self.token, self.sleep = address.rstrip("/"), token, sleep

    def ask(self, method, address, body=None, **headers):
        """Return (status, JSON, headers) of an answer; wait and send again while the site can't answer."""
        # Only the path of an address in an answer counts: the token goes to this site and nowhere else.
        parts = urllib.parse.urlsplit(address)
        url = self.address + parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        for attempt in range(PATIENCE):
            request = urllib.request.Request(url, body, sent, method=method)
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.status, json.load(answer), answer.headers
            except urllib.error.HTTPError as error:
                is_in_flight = error.code == 409 and error.headers.get("Retry-After")
                if error.code not in (429, 500, 502, 503, 504) and not is_in_flight:
                    return error.code, json.load(error), error.headers
                wait = float(error.headers.get("Retry-After") or 2**attempt)
            except OSError:
                wait = float(2**attempt)
            self.sleep(min(wait, LONGEST_WAIT))
        raise SystemExit(f"{self.address} did not answer after {PATIENCE} attempts. Try again later.")

    def send(self, record, etag=None, key=None):
        """Send one record; return its ETag, or None if people have changed the post.

        etag: that of the last answer. key: of a request that an earlier run of the program may have sent already.
        """
        body = json.dumps(record, ensure_ascii=False).encode()
        conditions = {"If_Match": etag} if etag else {}
        address = "/api/v1/posts/" + urllib.parse.quote(record["source_id"], safe="")
        status, answer, headers = self.ask("PUT", address, body, Idempotency_Key=key or uuid.uuid4().hex, **conditions)
        if status in (202, 412):
            return None
        if status >= 400:
            raise ValueError(f"{record['source_id']}: {answer['detail']} {answer.get('errors', '')}")
        return headers["ETag"]

    def send_file(self, path):
        """Send a file of records; return its import once a worker has finished it."""
        with open(path, "rb") as file:
            # Without the time in it, the same file is the same request, also after this program was killed.
            body = gzip.compress(file.read(), mtime=0)
        key = hashlib.sha256(body).hexdigest()
        status, answer, _ = self.ask("POST", "/api/v1/imports", body, Idempotency_Key=key)
        if status >= 400:
            raise ValueError(answer["detail"])
        while answer["state"] in ("waiting", "running"):
            self.sleep(1.0)
            _, answer, _ = self.ask("GET", answer["url"])
        return answer

    def decisions(self, after=0):
        """Yield what people decided since the event `after`."""
        page = {"next": f"/api/v1/decisions?after={after}", "has_more": True}
        while page["has_more"]:
            _, page, _ = self.ask("GET", page["next"])
            yield from page["decisions"]


if __name__ == "__main__":
    site = Site(os.environ["SITE"], os.environ["TOKEN"])
    if sys.argv[1] == "--decisions":
        for decision in site.decisions(int(sys.argv[2])):
            print(json.dumps(decision, ensure_ascii=False))
    else:
        print(json.dumps(site.send_file(sys.argv[1]), indent=2))
