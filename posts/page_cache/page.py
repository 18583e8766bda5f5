"""A cached page, and the answer to a request for it."""

import hashlib
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from wsgiref.types import WSGIEnvironment

from django.utils.http import parse_etags

from posts.logs import Place
from posts.page_cache.encodings import MIN_BYTES, PLAIN, chosen_encoding, decoded, encoded, is_text
from posts.page_cache.policy import CachePolicy

if TYPE_CHECKING:
    from posts.page_cache.freshness import Snapshot

Headers = list[tuple[str, str]]
# Scheme, host, path, and the part of the query that the page reads.
Address = tuple[str, str, str, str]

# What "not modified" repeats (RFC 9110, section 15.4.5), and who may read it. The client has everything else.
REPEATED = {"cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary"}
REPEATED |= {"access-control-allow-origin", "access-control-expose-headers"}
# Approximate size of the objects around the bytes.
OVERHEAD = 2_000


@dataclass(slots=True)
class Page:
    """A page that is the same for everybody who asks for its address."""

    headers: Headers  # without those of one encoding or one request
    etag: str  # weak: it names the page, not the bytes of an encoding
    bodies: dict[str, bytes]  # encoding → bytes: one at first, others on request
    keys: frozenset[str]
    position: int  # the horizon of the log when rendering began
    route: str
    last_modified: str = ""
    expires_at: float = 0.0  # on the clock of this process
    fresh_in: int = field(default=-1, compare=False)  # the latest generation in which it was fresh
    # What is the same in each answer from memory, once there was one: headers by encoding, and the line in the log.
    heads: dict[str, Headers] = field(default_factory=dict, compare=False)
    place: Place | None = field(default=None, compare=False)

    @classmethod
    def of(cls, headers: Headers, body: bytes, *, policy: CachePolicy, moment: "Snapshot") -> Self:
        """Return the Page of a Django response: headers and whole body, begun at a Snapshot."""
        kept: Headers = []
        etag = last_modified = ""
        for name, value in headers:
            lower = name.lower()
            if lower == "etag":
                etag = value if value.startswith("W/") else f"W/{value}"
            elif lower not in ("vary", "content-length", "x-request-id", "date"):
                kept.append((name, value))
            if lower == "last-modified":
                last_modified = value
        kept.append(("Vary", "Accept-Encoding"))
        etag = etag or f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        bodies = {PLAIN: body}
        return cls(
            kept, etag, bodies, policy.keys, moment.horizon, policy.route, last_modified, fresh_in=moment.generation
        )

    @property
    def size(self) -> int:
        """The approximate number of bytes it uses in memory."""
        return OVERHEAD + sum(map(len, self.bodies.values())) + 60 * len(self.keys)

    def body(self, accepted: str) -> tuple[str, bytes]:
        """Return (encoding, bytes) for an Accept-Encoding header; encode the body for the first request."""
        encoding = chosen_encoding(accepted) if accepted else PLAIN
        if (made := self.bodies.get(encoding)) is not None:
            return encoding, made
        kept, body = next(iter(self.bodies.items()))
        plain = decoded(body, kept)
        if encoding and (len(plain) < MIN_BYTES or not is_text(self._header("content-type"))):
            return PLAIN, plain
        made = encoded(plain, encoding)
        if encoding:
            # The plain bytes are the largest and the least requested; they can be decoded again. A new dictionary,
            # since another thread may be reading the old one.
            self.bodies = {name: body for name, body in self.bodies.items() if name} | {encoding: made}
        return encoding, made

    def head(self, encoding: str, body: bytes, cache_status: str) -> Headers:
        """Return the headers of a whole answer with `body` in an encoding, but those of one request."""
        head = [*self.headers, ("ETag", self.etag), ("Content-Length", str(len(body))), ("Cache-Status", cache_status)]
        return [*head, ("Content-Encoding", encoding)] if encoding else head

    def is_known(self, environ: WSGIEnvironment) -> bool:
        """Return whether the client already has exactly this page."""
        if (tags := environ.get("HTTP_IF_NONE_MATCH")) is not None:
            return bool(self.etag) and (tags == self.etag or tags.strip() == "*" or self._is_among(tags))
        if self.last_modified and (since := environ.get("HTTP_IF_MODIFIED_SINCE")):
            try:
                return parsedate_to_datetime(since) >= parsedate_to_datetime(self.last_modified)
            except (ValueError, TypeError):
                return False
        return False

    def _is_among(self, tags: str) -> bool:
        bare = self.etag.removeprefix("W/")
        return any(tag.removeprefix("W/") == bare for tag in parse_etags(tags))

    def repeated_headers(self) -> Headers:
        """Return the headers of a "not modified" answer."""
        kept = [(name, value) for name, value in self.headers if name.lower() in REPEATED]
        return [*kept, ("ETag", self.etag)]

    def _header(self, wanted: str) -> str:
        return next((value for name, value in self.headers if name.lower() == wanted), "")

    def to_plain(self) -> dict[str, Any]:
        """Return the page as values that any cache can store; from_plain() reads them."""
        return {
            "headers": self.headers,
            "etag": self.etag,
            "bodies": self.bodies,
            "keys": sorted(self.keys),
            "position": self.position,
            "route": self.route,
            "last_modified": self.last_modified,
        }

    @classmethod
    def from_plain(cls, value: Any) -> Self | None:
        """Return the Page from to_plain(), or None for anything else: others can write to a shared cache."""
        try:
            page = cls(
                headers=[(str(name), str(text)) for name, text in value["headers"]],
                etag=str(value["etag"]),
                bodies={str(name): b"".join([body]) for name, body in value["bodies"].items()},
                keys=frozenset(map(str, value["keys"])),
                position=int(value["position"]),
                route=str(value["route"]),
                last_modified=str(value["last_modified"]),
            )
        except (TypeError, ValueError, KeyError, AttributeError):
            return None
        return page if page.bodies else None
