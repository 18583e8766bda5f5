"""A slow or broken line between the site and PostgreSQL: what readers are told, and that it heals alone."""

import contextlib
import select
import socket
import threading

import pytest
from django.conf import settings

from tests.test_database_away import BUSY_SECONDS, Web, database, unkept  # noqa: F401  (database is a fixture)
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.torture,
    pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="about PostgreSQL"),
]


class SlowLine(threading.Thread):
    """Passes on what site and server say to each other: each piece after `seconds`, at most `size` bytes long."""

    def __init__(self, server_socket):
        super().__init__(daemon=True)
        self.server_socket, self.seconds, self.size = server_socket, 0.0, 65536
        self.ends, self.is_closed = [], threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)

    @property
    def url(self):
        return f"postgres://alphanode@127.0.0.1:{self.listener.getsockname()[1]}/alphanode"

    def run(self):
        while True:
            try:
                site, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.server_socket)
            self.ends += [site, server]
            threading.Thread(target=self._pass_on, args=(site, server), daemon=True).start()

    def _pass_on(self, site, server):
        with site, server, contextlib.suppress(OSError):
            while True:
                for end in select.select([site, server], [], [])[0]:
                    said = end.recv(self.size)
                    if not said or self.is_closed.wait(self.seconds):
                        return
                    (server if end is site else site).sendall(said)

    def cut(self):
        """End every connection that stands."""
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.ends = []

    def close(self):
        self.is_closed.set()
        self.listener.close()
        self.cut()


@pytest.fixture
def line(database):  # noqa: F811
    line = SlowLine(str(database.folder / ".s.PGSQL.5432"))
    line.start()
    yield line
    line.close()


@pytest.fixture
def web(line):
    web = Web(line.url)
    try:
        wait_until(web.is_up)
        yield web
    finally:
        line.close()
        web.end()


def test_pages_are_late_but_whole_on_a_line_that_takes_twenty_milliseconds(line, web):
    line.seconds = 0.02
    for path in ("/", "/search/?q=words", "/feed/", "/sitemap.xml", "/admin/login/", "/healthz"):
        status, _, page, seconds = web.ask(path)
        print(f"{path}: {status}, {seconds:.2f} s")
        assert status == 200 and page
    assert "Traceback" not in web.log() and '"level": "error"' not in web.log()


@pytest.mark.parametrize(("seconds", "size"), [(30, 65536), (0.5, 40)])
def test_pages_say_that_the_site_is_not_available_on_a_line_that_is_too_slow_and_come_back(line, web, seconds, size):
    line.seconds, line.size = seconds, size
    for path in ("/search/?q=words", "/", "/feed/"):
        status, headers, page, spent = wait_until(lambda path=path: unkept(web.ask(path)))
        print(f"{path}: {status}, {spent:.2f} s")
        assert (status, headers["Retry-After"]) == (503, "10"), web.log()[-3000:]
        assert "at the moment" in page and "Try again in a minute." in page
        assert spent < BUSY_SECONDS
    assert web.ask("/healthz")[0] == 200
    line.seconds, line.size = 0, 65536
    wait_until(web.is_up)
    assert web.ask("/articles/")[0] == 200
    assert "Traceback" not in web.log() and '"level": "error"' not in web.log()


def test_a_line_that_is_cut_costs_at_most_the_requests_that_were_on_it(line, web):
    answers = []
    for number in range(20):
        line.cut()
        answers.append(web.ask(f"/search/?q=words-{number}")[0])
    print(answers)
    assert set(answers) <= {200, 503}
    wait_until(web.is_up)
    assert web.ask("/search/?q=more")[0] == 200
    assert "Traceback" not in web.log() and '"level": "error"' not in web.log()
