"""Asks one address whether it still answers, politely, and says what that means. It reads and writes no table.

A person decides what becomes of a link; so nothing here calls an address dead. It distinguishes what is certainly gone
from what only refuses programs, and a second request asks again as a browser would before anything is called gone.
"""

import html
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from django.conf import settings

from posts.models import LinkAddress
from posts.outgoing import Answer, Limits, OutgoingError, OutgoingFailed, OutgoingRefused, OutgoingUntrusted, fetch
from posts.rendering.web_addresses import MAX_ADDRESS

State = LinkAddress.State
# The name by which robots.txt speaks of this program.
ROBOT = "AlphaNode"
HEAD = Limits(seconds=10, body_bytes=0, redirects=0)
# Enough for the title of a page.
BEGINNING = Limits(seconds=10, body_bytes=65_536, redirects=0, keeps_part=True)
WHOLE = Limits(seconds=15, body_bytes=2_000_000, redirects=0, keeps_part=True)
ROBOTS = Limits(seconds=10, body_bytes=100_000, redirects=5, keeps_part=True)
MAX_REDIRECTS = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
# After HEAD these are the answer. Anything else may be how the host treats this one method.
_SURE_AFTER_HEAD = frozenset({304, 401, 407, 429, 451})
_GONE = frozenset({404, 410})
_ERROR_TITLE = re.compile(
    r"(?:(?:http )?(?:error )?404\b(?! ?[%€$]).{0,40}|(?:oops|sorry)?[!,.:]? ?(?:this |the |that )?(?:page|file|url|"
    r"document|article|content)(?: you(?:'re| are) looking for)? (?:was |is |could |can |has )?(?:not |n'?t |cannot )"
    r"(?:be )?(?:found|available|exist).{0,20}|not found|(?:page|site) (?:no longer exists|does not exist|missing))",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<title[^>]{0,200}>(.{0,500}?)</title>", re.IGNORECASE | re.DOTALL)
_SPEAKS_OF_ERRORS = re.compile(r"404|not[-_]?found|error|status", re.IGNORECASE)
_CHARSET = re.compile(r"charset=[\"']?([\w-]{2,30})", re.IGNORECASE)
# A page whose script writes it has its anchors only then.
_WRITTEN_BY_SCRIPT = re.compile(r"""<(?:div|main|body)[^>]{0,200}\bid=["']?(?:root|app|__next|__nuxt|svelte)\b""", re.I)


@dataclass(frozen=True)
class Found:
    """What one check of an address found. wait: how long its host wants to be left alone."""

    state: str
    status: int | None = None
    detail: str = ""
    new_address: str = ""
    etag: str = ""
    last_modified: str = ""
    wait: timedelta | None = None
    is_unchanged: bool = False


@dataclass(frozen=True)
class Asked:
    """An address to check, with what its last check left."""

    address: str
    state: str = State.NEW
    etag: str = ""
    last_modified: str = ""


def user_agent() -> str:
    """Return how the link check names itself: the site, and whom to write to."""
    contact = f"; {settings.SITE_CONTACT}" if settings.SITE_CONTACT else ""
    named = f"{ROBOT} link check (+{settings.SITE_URL}/{contact})"
    return named.encode("ascii", "replace").decode()


def read_robots(address: str) -> str | None:
    """Return the robots.txt for an address: "" if its host has none, None if the host can't say now."""
    parts = urlsplit(address)
    try:
        answer = fetch(f"{parts.scheme}://{parts.netloc}/robots.txt", limits=ROBOTS, user_agent=user_agent())
    except OutgoingError:
        # Nobody answers here, or nothing may be asked. The address itself is then asked, and says so.
        return ""
    if answer.status >= 500 or answer.status == 429:
        return None
    return answer.body.decode("utf-8", "replace").replace("\x00", "") if 200 <= answer.status < 300 else ""


def rules_of(robots: str) -> RobotFileParser:
    """Return the rules of a robots.txt."""
    rules = RobotFileParser()
    rules.parse(robots.splitlines())
    return rules


def probe(asked: Asked, *, pause: Callable[[], object] = lambda: None) -> Found:
    """Return what an address answers. pause: called between two requests to its host."""
    walk = _Walk(asked, pause)
    try:
        found = walk.found()
    except OutgoingRefused as refusal:
        found = Found(State.PRIVATE, detail=str(refusal)[:200])
    except OutgoingUntrusted as fault:
        found = Found(State.CERTIFICATE, detail=str(fault)[:200])
    except OutgoingFailed as failure:
        found = Found(State.AWAY, detail=str(failure)[:200])
    return found


class _Walk:
    """The requests of one check."""

    def __init__(self, asked: Asked, pause: Callable[[], object]) -> None:
        self.asked = asked
        self.address, self.fragment = urldefrag(asked.address)
        self.pause = pause
        self.is_first = True
        # Where permanent redirects lead, as long as no other kind came between.
        self.moved_to = ""

    def found(self) -> Found:
        head: Answer | None = None
        problem: OutgoingFailed | None = None
        try:
            head = self._ask("HEAD", HEAD, self._conditions())
        except (OutgoingRefused, OutgoingUntrusted):
            raise
        except OutgoingFailed as failure:
            problem = failure
        if head and head.status == 304:
            return Found(self.asked.state, 304, is_unchanged=True)
        if head and head.status in _SURE_AFTER_HEAD:
            return self._judge(head)
        is_alive = head is not None and head.status < 300
        if head and is_alive and not self._needs_body(head):
            return self._judge(head)
        limits = WHOLE if self._names_anchor else BEGINNING
        part = {} if self._names_anchor else {"range": f"bytes=0-{limits.body_bytes - 1}"}
        try:
            answer = self._ask("GET", limits, part)
        except OutgoingFailed:
            if head is None or not is_alive:
                raise problem or OutgoingFailed("The connection broke.") from None
            # It has just said that it is there.
            return self._judge(head)
        if head and is_alive and answer.status >= 300:
            return self._judge(head)
        return self._judge(answer)

    def _conditions(self) -> dict[str, str]:
        """Return the headers that ask for an answer only if something changed since the page was alive."""
        if self.asked.state not in (State.ALIVE, State.MOVED, State.ANCHOR, State.DOUBTFUL):
            return {}
        conditions = {"if-none-match": self.asked.etag, "if-modified-since": self.asked.last_modified}
        return {name: value for name, value in conditions.items() if value}

    @property
    def _names_anchor(self) -> bool:
        # #:~:text= marks words, #/ and #! are addresses of scripts, #L10 is a line of code drawn by one.
        return bool(re.fullmatch(r"[^:/!][^:/]*", self.fragment)) and not re.fullmatch(r"L\d+(-L?\d+)?", self.fragment)

    def _needs_body(self, head: Answer) -> bool:
        """Return whether a page that answers may still say that nothing is there."""
        return "html" in head.headers.get("content-type", "html")

    def _ask(self, method: str, limits: Limits, headers: dict[str, str]) -> Answer:
        """Return the answer after redirects; raise OutgoingFailed if they never end."""
        address, self.moved_to, is_permanent = self.address, "", True
        for _ in range(MAX_REDIRECTS + 1):
            if not self.is_first:
                self.pause()
            self.is_first = False
            answer = fetch(
                address,
                method=method,
                headers={"accept": "text/html,*/*;q=0.8", **headers},
                limits=limits,
                user_agent=user_agent(),
            )
            target = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or not target:
                return answer
            try:
                following = urldefrag(urljoin(address, target))[0]
            except ValueError as error:
                raise OutgoingFailed("It redirects to what is no address.") from error
            is_permanent = is_permanent and answer.status in _PERMANENT
            if is_permanent:
                self.moved_to = following
            if following == address and method == "GET":
                break
            address = following
        raise OutgoingFailed(f"It redirects in a circle, or more than {MAX_REDIRECTS} times.")

    def _judge(self, answer: Answer) -> Found:
        status, wait = answer.status, _wait(answer)
        if status in _GONE:
            return Found(State.GONE, status, f"It answers {status}.", wait=wait)
        if 500 <= status < 600:
            return Found(State.AWAY, status, f"It answers {status}.", wait=wait)
        if status >= 400 and status != 416:
            return Found(State.BLOCKED, status, f"It answers programs with {status}.", wait=wait)
        state, detail = self._state_of_page(answer)
        etag = answer.headers.get("etag", "")
        return Found(
            state,
            status,
            detail,
            new_address=self._new_address() if state == State.MOVED else "",
            # Cut off, it would be another one.
            etag=etag if len(etag) <= 200 else "",
            last_modified=answer.headers.get("last-modified", "")[:60],
            wait=wait,
        )

    def _state_of_page(self, answer: Answer) -> tuple[str, str]:
        """Return (state, detail) of a page that answers: it may still say that it is not there."""
        page = _page_of(answer)
        if self._leads_to_front_page():
            return State.DOUBTFUL, "It leads to the front page of its host."
        if title := self._error_title(page):
            return State.DOUBTFUL, f"Its page is named “{title[:100]}”."
        if page and answer.is_whole and self._names_anchor and not _has_anchor(page, self.fragment):
            return State.ANCHOR, f"The page has no place “{self.fragment[:100]}”."
        is_moved = bool(self.moved_to) and len(self._new_address()) <= MAX_ADDRESS
        return (State.MOVED if is_moved else State.ALIVE), ""

    def _new_address(self) -> str:
        return f"{self.moved_to}#{self.fragment}" if self.fragment else self.moved_to

    def _leads_to_front_page(self) -> bool:
        """Return whether a page inside of a host became the first page of it, as hosts do with pages that are gone."""
        if not self.moved_to:
            return False
        before, after = urlsplit(self.address), urlsplit(self.moved_to)
        is_inside = len([part for part in before.path.split("/") if part]) >= 2
        return is_inside and after.path in ("", "/") and not after.query

    def _error_title(self, page: str) -> str:
        """Return the title of a page that says that it is not there; "" for others.

        An article about such answers has a title like theirs, and mostly an address that says so.
        """
        match, parts = _TITLE.search(page), urlsplit(self.address)
        # Not the host: it may be a status page, and a port may have these digits.
        if match is None or _SPEAKS_OF_ERRORS.search(f"{parts.path}?{parts.query}"):
            return ""
        title = " ".join(html.unescape(match[1]).split())
        first = re.split(r" [|–—·:-] ", title)[0]
        return title if _ERROR_TITLE.fullmatch(first) else ""


def _wait(answer: Answer) -> timedelta | None:
    """Return how long a host wants to be left alone: Retry-After in seconds or as a date."""
    asked = answer.headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit() and len(asked) < 8:
        return timedelta(seconds=int(asked))
    try:
        return max(timedelta(), parsedate_to_datetime(asked).astimezone(UTC) - datetime.now(UTC))
    except (TypeError, ValueError, OverflowError):
        return None


def _page_of(answer: Answer) -> str:
    """Return the HTML of an answer; "" if it is none, or packed in a way that was not asked for."""
    kind, packed = answer.headers.get("content-type", ""), answer.headers.get("content-encoding", "identity").lower()
    if "html" not in kind or not answer.body:
        return ""
    body = answer.body
    if packed in ("gzip", "deflate"):
        try:
            body = zlib.decompressobj(47 if packed == "gzip" else 15).decompress(body, WHOLE.body_bytes)
        except zlib.error:
            return ""
    elif packed != "identity":
        return ""
    named = _CHARSET.search(kind)
    try:
        return body.decode(named[1] if named else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _has_anchor(page: str, fragment: str) -> bool:
    """Return whether a page has the place that an address names, or can't tell without its scripts."""
    if _WRITTEN_BY_SCRIPT.search(page) or fragment.lower() == "top":
        return True
    names = {name for raw in (fragment, unquote(fragment)) for name in (raw, f"user-content-{raw}")}
    places = re.finditer(r"""\b(?:id|name)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", page, re.IGNORECASE)
    return any(html.unescape(match[1] or match[2] or match[3] or "") in names for match in places)
