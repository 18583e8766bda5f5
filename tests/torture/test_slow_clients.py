"""Two hundred clients that send or read as slowly as they can hold no process of the site behind our nginx."""

import contextlib
import socket
import ssl

import pytest

from tests.factories import make_post
from tests.test_deploy import ask, behind_nginx, needs_nginx

__all__ = ["behind_nginx"]
pytestmark = [pytest.mark.torture, pytest.mark.once, needs_nginx]
# The site behind it has one process of two threads.
CLIENTS = 200
# What a client sends before it falls silent.
WAYS = {
    "headers that never end": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "a body that never ends": (
        b"POST /posts/any/report/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nreason="
    ),
    "a long answer that nobody reads": b"GET LONG HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("way", WAYS)
def test_two_hundred_slow_clients_hold_nothing(behind_nginx, way):
    port, folder = behind_nginx
    certificate = folder / "fullchain.pem"
    address = make_post(released=True).get_absolute_url()
    long = make_post(released=True, body="\n\n".join(f"Paragraph {n} of many. " * 20 for n in range(800)))
    sent = WAYS[way].replace(b"LONG", long.get_absolute_url().encode())
    assert len(ask(port, long.get_absolute_url(), certificate)[1]) > 300_000
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    with contextlib.ExitStack() as opened:
        for _ in range(CLIENTS):
            plain = socket.socket()
            # What the system would receive for a client that does not read.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            plain.settimeout(30)
            plain.connect(("127.0.0.1", port))
            client = opened.enter_context(context.wrap_socket(plain))
            client.sendall(sent)
        for number in range(10):
            assert ask(port, f"{address}?{number}", certificate)[0] == 200
            assert ask(port, f"/search/?q=worker+{number}", certificate)[0] == 200
