"""The HTTP client of the site. Nothing else opens a connection to another machine on behalf of a text or a setting.

Imported texts name addresses. Their authors may want the site to reach machines that they can't reach. So each
connection resolves the name once, checks every IP address of the answer, and connects to one that it checked: a name
that means another machine a moment later gains nothing. A redirect opens a new connection and is checked alike.
OWASP, "Server-Side Request Forgery Prevention Cheat Sheet".
"""

import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRuns
from functools import cache
from typing import Any

import httpcore
import httpx

from posts.outgoing.answers import (
    Answer,
    Limits,
    OutgoingFailed,
    OutgoingRefused,
    OutgoingUntrusted,
)
from posts.outgoing.public_networks import IPNetwork, may_connect

# Below 1024 are services that would take an HTTP request for commands of their own.
_WELL_KNOWN_PORTS = frozenset({80, 443})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# These keep their method and body; the others are fetched with GET.
_SAME_METHOD = frozenset({307, 308})
# The system's resolver has no time limit of its own.
_resolvers = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")

DEFAULT_LIMITS = Limits()


def fetch(
    address: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    limits: Limits = DEFAULT_LIMITS,
    allowed_networks: Sequence[IPNetwork] = (),
    user_agent: str = "AlphaNode",
) -> Answer:
    """Return the answer to one HTTP request, whatever its status.

    allowed_networks: private networks that may be reached too. Give them only for an address that an operator set,
    never for one from a text. Redirects are followed within these rules; headers named authorization or cookie are
    not sent to another host, port or scheme. Proxies and passwords of the environment are not used.

    Raises OutgoingRefused (scheme, port, password in the address, not a public IP address) and OutgoingFailed (no
    such name, no connection, no valid certificate, too slow, too many redirects, not HTTP).
    """
    connector = _Connector(allowed_networks, ends_at=time.monotonic() + limits.seconds)
    sent = {"user-agent": user_agent, "accept-encoding": "identity"}
    sent |= {name.lower(): value for name, value in (headers or {}).items()}
    url, moved = _checked_url(address), False
    with httpx.Client(transport=_GuardedTransport(connector), trust_env=False, timeout=limits.seconds) as client:
        for _ in range(limits.redirects + 1):
            with _Explained(url), client.stream(method, url, headers=sent, content=body) as response:
                target = response.headers.get("location", "") if response.status_code in _REDIRECTS else ""
                if not target or not limits.redirects:
                    return _read(response, limits, moved=moved)
                following = _checked_url(target, base=url)
            if response.status_code not in _SAME_METHOD and method != "HEAD":
                method, body = "GET", None
            if _origin(following) != _origin(url):
                sent = {name: value for name, value in sent.items() if name not in ("authorization", "cookie")}
            moved = moved or response.status_code in (301, 308)
            url = following
    raise OutgoingFailed(f"{address} redirects more than {limits.redirects} times.")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _checked_url(address: str, *, base: httpx.URL | None = None) -> httpx.URL:
    """Return the address as a URL; raise OutgoingRefused where its text alone is a reason.

    base: what the address of a redirect is relative to.
    """
    try:
        url = base.join(address) if base else httpx.URL(address)
        port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise OutgoingRefused(f"“{address}” is not a web address.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise OutgoingRefused(f"“{address}” is not a web address. Enter one that begins with https:// or http://.")
    if url.userinfo:
        raise OutgoingRefused("The address contains a user name or a password. Enter it without.")
    if port not in _WELL_KNOWN_PORTS and not 1024 <= (port or 0) <= 65535:
        raise OutgoingRefused(f"The address names port {port}. Use 80, 443, or one from 1024 on.")
    return url.copy_with(fragment=None)


def _read(response: httpx.Response, limits: Limits, *, moved: bool) -> Answer:
    """Read the body up to the limit, as its bytes arrive: a compressed body stays compressed."""
    body, is_whole = bytearray(), True
    try:
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > limits.body_bytes:
                del body[limits.body_bytes :]
                is_whole = False
                break
    except httpx.HTTPError:
        if not limits.keeps_part:
            raise
        is_whole = False
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, bytes(body), str(response.url), moved, is_whole)


class _Explained:
    """Turns the errors of the libraries into ours, with the host in the message."""

    def __init__(self, url: httpx.URL) -> None:
        self.host = url.host

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, httpx.TimeoutException):
            raise OutgoingFailed(f"{self.host} did not answer in time.") from error
        if isinstance(error, httpx.HTTPError) and _is_of_tls(error):
            raise OutgoingUntrusted(f"{self.host}: {error}") from error
        if isinstance(error, httpx.HTTPError):
            raise OutgoingFailed(f"{self.host}: {error or 'the connection broke'}") from error


def _is_of_tls(error: BaseException | None) -> bool:
    """Return whether an error comes from the certificate or the encryption of a connection."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Connector(httpcore.NetworkBackend):
    """Opens connections to permitted IP addresses only, and ends everything at one moment."""

    def __init__(self, allowed: Sequence[IPNetwork], *, ends_at: float) -> None:
        self.allowed = allowed
        self.ends_at = ends_at

    def seconds_left(self, asked: float | None) -> float:
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time is over")
        return left if asked is None else min(asked, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        ips = self._resolved(host, port, self.seconds_left(timeout))
        if not all(may_connect(ip, self.allowed) for ip in ips):
            raise OutgoingRefused(f"{host} is not on the public internet. The site doesn't connect to it.")
        failed: Exception | None = None
        for ip in ips:
            try:
                stream = httpcore.SyncBackend().connect_tcp(ip, port, self.seconds_left(timeout), local_address)
            except httpcore.ConnectError as error:
                failed = error
            else:
                return _Stream(stream, self)
        raise failed or httpcore.ConnectError("no IP address")

    def _resolved(self, host: str, port: int, seconds: float) -> list[str]:
        """Return the IP addresses of a host in the resolver's order, each once."""
        name = host.strip("[]")
        looked_up = _resolvers.submit(socket.getaddrinfo, name, port, type=socket.SOCK_STREAM)
        try:
            found = looked_up.result(seconds)
        except StillRuns as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name is unknown") from error
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends with the time of the whole fetch."""

    def __init__(self, stream: httpcore.NetworkStream, connector: _Connector) -> None:
        self._stream = stream
        self._connector = connector

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._connector.seconds_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._connector.seconds_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._connector.seconds_left(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._connector)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _certificates() -> ssl.SSLContext:
    """Return the trusted certificates. SSL_CERT_FILE adds those of an organisation."""
    return httpx.create_ssl_context()


class _GuardedTransport(httpx.HTTPTransport):
    """httpx over a connection pool that connects through a _Connector."""

    def __init__(self, connector: _Connector) -> None:
        super().__init__(trust_env=False)
        # httpx offers no parameter for the network backend. tests/test_outgoing.py fails if this name changes.
        self._pool = httpcore.ConnectionPool(
            ssl_context=_certificates(),
            http1=True,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=connector,
        )
