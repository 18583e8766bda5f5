"""The site behind a real nginx with the very block that docs/operations.md shows."""

import http.client
import re
import subprocess
import textwrap
from contextlib import closing, suppress

import pytest

from posts.models import ReaderReport
from posts.operations.report import REPORTS_A_DAY_FROM_ONE_ADDRESS
from tests.factories import make_post
from tests.own_nginx import MISSING, NGINX, nginx_command
from tests.page_processes import ROOT, serving
from tests.ports import free_port
from tests.waiting import PATIENT_SECONDS, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.once,
    pytest.mark.skipif(NGINX is None, reason=MISSING),
]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def documented_block():
    """Return the lines of docs/operations.md between "With nginx:" and the next sentence."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    return textwrap.dedent(re.search(r"With nginx:\n\n((?:    .*\n|\n)+)", text)[1])


class Proxy:
    def __init__(self, port):
        self.port = port

    def ask(self, method, path, body=None, *, source="127.0.0.1", **headers):
        """Return (status, text, headers) of an answer to somebody at the address `source`."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        server = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENT_SECONDS, source_address=(source, 0))
        with closing(server):
            server.request(method, path, body, {**(FORM if body else {}), **headers})
            answer = server.getresponse()
            return answer.status, answer.read().decode(), answer.headers

    def report(self, post, source, **headers):
        """Report a problem from an address; return the status."""
        address = f"/posts/{post.slug}/report/"
        _, page, sent = self.ask("GET", address, source=source)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
        cookie = sent["Set-Cookie"].partition(";")[0]
        body = f"reason=facts&csrfmiddlewaretoken={token}"
        return self.ask("POST", address, body, source=source, Cookie=cookie, **headers)[0]


@pytest.fixture
def proxy(tmp_path):
    with serving(1, BEHIND_PROXY="on", IMPORT_UPLOAD_DIR=str(tmp_path / "uploads")) as (site,):
        port = free_port()
        block = documented_block()
        assert block.count("http://127.0.0.1:8000") == 5
        block = block.replace("127.0.0.1:8000", f"127.0.0.1:{site}")
        command = nginx_command(tmp_path, f"server {{ listen 127.0.0.1:{port}; {block} }}")
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            proxy = Proxy(port)

            def is_up():
                assert process.poll() is None, process.stderr.read()
                with suppress(OSError):
                    return proxy.ask("GET", "/healthz")[:2] == (200, "ok")

            wait_until(is_up)
            yield proxy
            process.terminate()


def test_each_reader_behind_the_proxy_has_an_allowance_that_no_header_makes_larger(proxy):
    post = make_post(released=True)
    for number in range(REPORTS_A_DAY_FROM_ONE_ADDRESS):
        assert proxy.report(post, "127.0.0.2", X_Forwarded_For=f"198.51.100.{number}") == 302
    assert proxy.report(post, "127.0.0.2", X_Forwarded_For="198.51.100.77") == 429
    assert proxy.report(post, "127.0.0.3") == 302
    assert ReaderReport.objects.count() == REPORTS_A_DAY_FROM_ONE_ADDRESS + 1


def test_the_proxy_lets_large_bodies_through_to_imports_and_posts_alone(proxy, tmp_path):
    large = b"x=" + b"y" * 3 * 1024 * 1024
    for path in ("/", "/admin/login/", "/admin/posts/importbatch/new/x"):
        status, page, _ = proxy.ask("POST", path, large)
        assert status == 413 and "nginx" in page
    # These reach the site, which asks who it is before it reads.
    says = {
        "/admin/posts/importbatch/new/": "A form can have at most 1 MB.",
        "/admin/posts/post/1/change/": "You are signed out",
    }
    for path, words in says.items():
        status, page, _ = proxy.ask("POST", path, large)
        assert status == 413 and words in page
    status, answer, _ = proxy.ask("POST", "/api/v1/imports", large)
    assert status == 401 and "Send the token of a generator" in answer
    assert not (tmp_path / "uploads").exists()


def test_an_answer_that_needed_no_body_reaches_the_reader_through_the_proxy(proxy):
    allowed = b"x=" + b"y" * 1_000_000
    for method, path, status in [("POST", "/nowhere/", 404), ("PUT", "/", 405)]:
        # Where the server closed before the proxy was done, one answer of a few was 502.
        assert {proxy.ask(method, path, allowed)[0] for _ in range(5)} == {status}
