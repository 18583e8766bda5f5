"""A load generator: one thread, any number of open connections, one request at a time on each.

It needs only Python. It measures fairly only while its own work is small: the work for each request is in its result,
and the benchmark prints it.
"""

import re
import selectors
import socket
import time
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_HIT = re.compile(rb"\r\ncache-status: [^\r]*; hit\r", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_END = b"\r\n\r\n"


class UnexpectedAnswer(Exception):
    """The server said something else than 200; the message says what and where."""


@dataclass
class Load:
    """What came of it."""

    seconds: float
    times: list = field(repr=False)  # of each request, in seconds, sorted
    hits: int  # answers that came from the page cache
    bytes: int
    own_cpu_seconds: float

    @property
    def rate(self):
        """Requests a second."""
        return len(self.times) / self.seconds

    def percentile(self, part):
        """Return the time in milliseconds within which this share (0 to 1) of all requests was answered."""
        return self.times[min(len(self.times) - 1, int(part * len(self.times)))] * 1000


class _Connection:
    def __init__(self, port):
        self.port = port
        self.socket = None

    def open(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path, headers):
        """Send one request; `began` is when."""
        if self.socket is None:
            self.open()
        self.path, self.received, self.needed, self.chunked, self.head = path, bytearray(), None, False, b""
        self.began = time.perf_counter()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())

    def take(self):
        """Read what is there; whether the answer is whole."""
        part = self.socket.recv(262_144)
        if not part:
            raise UnexpectedAnswer(f"{self.path}: the server closed the connection in the middle of its answer")
        self.received += part
        if not self.head:
            at = self.received.find(_END)
            if at < 0:
                return False
            self.head = bytes(self.received[: at + 4])
            if self.head[9:12] != b"200":
                said = self.head[9:].splitlines()[0].decode("latin-1")
                raise UnexpectedAnswer(f"{self.path} answers {said}, not 200")
            length = _LENGTH.search(self.head)
            self.chunked = length is None and _CHUNKED.search(self.head) is not None
            if length is None and not self.chunked:
                raise UnexpectedAnswer(f"{self.path} does not say how long its answer is")
            self.needed = len(self.head) + int(length[1]) if length else None
        if self.chunked:
            return self.received.endswith(b"\r\n0\r\n\r\n")
        return len(self.received) >= self.needed

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def run_load(port, paths, *, seconds, connections=8, cookie="", encodings="br, gzip"):
    """Ask 127.0.0.1:port for one path after the other; return the Load.

    paths: an iterator; paths left when the time is over are not asked for. Raises UnexpectedAnswer at the first
    answer that is not 200.
    """
    headers = f"Host: 127.0.0.1:{port}\r\nAccept-Encoding: {encodings}\r\n"
    if cookie:
        headers += f"Cookie: {cookie}\r\n"
    paths = iter(paths)
    times, hits, received = [], 0, 0
    selector = selectors.DefaultSelector()
    open_ones = [_Connection(port) for _ in range(connections)]
    worked, began = time.process_time(), time.perf_counter()
    end, under_way = began + seconds, 0
    try:
        for connection in open_ones:
            if (path := next(paths, None)) is None:
                break
            connection.ask(path, headers)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            under_way += 1
        while under_way:
            ready = selector.select(timeout=30)
            if not ready:
                raise UnexpectedAnswer("nothing came for 30 seconds")
            for key, _ in ready:
                connection = key.data
                if not connection.take():
                    continue
                now = time.perf_counter()
                times.append(now - connection.began)
                received += len(connection.received)
                hits += _HIT.search(connection.head) is not None
                under_way -= 1
                if _CLOSES.search(connection.head):
                    selector.unregister(connection.socket)
                    connection.close()
                if now < end and (path := next(paths, None)) is not None:
                    is_new = connection.socket is None
                    connection.ask(path, headers)
                    under_way += 1
                    if is_new:
                        selector.register(connection.socket, selectors.EVENT_READ, connection)
    finally:
        for connection in open_ones:
            connection.close()
        selector.close()
    took = time.perf_counter() - began
    return Load(took, sorted(times), hits, received, time.process_time() - worked)
