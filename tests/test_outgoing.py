"""What the site fetches from other machines: nothing private, nothing endless, nothing through another client."""

import ast
import gzip
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from posts.outgoing import ANYWHERE, Limits, OutgoingError, OutgoingFailed, OutgoingRefused, fetch
from posts.outgoing.public_networks import may_connect
from tests.other_sites import THIS_MACHINE, other_site, says

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::101:101",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
    ],
)
def test_the_site_connects_to_no_private_or_special_address(ip):
    assert not may_connect(ip)


@pytest.mark.parametrize("ip", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_the_site_connects_to_public_addresses(ip):
    assert may_connect(ip)


@pytest.mark.parametrize("ip", ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"])
def test_no_setting_opens_the_metadata_service_of_a_cloud(ip):
    assert may_connect("127.0.0.1", ANYWHERE)
    assert not may_connect(ip, ANYWHERE)


# The many ways to write this machine.
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "0"],
)
def test_a_server_on_this_machine_is_never_asked(host):
    with other_site(says(200, b"secret")) as site:
        port = site.address.rpartition(":")[2]
        with pytest.raises(OutgoingError):
            fetch(f"http://{host}:{port}/")
        assert site.requests == []
        # It is there: an operator's own network is reached where a setting allows it.
        assert fetch(site.address, allowed_networks=THIS_MACHINE).body == b"secret"


def test_a_redirect_to_a_private_address_is_refused(monkeypatch):
    with other_site(says(200, b"secret")) as inner, other_site(says(302, location=inner.address)) as outer:
        port = int(outer.address.rpartition(":")[2])
        allowed_once = iter([True])
        monkeypatch.setattr("posts.outgoing.fetcher.may_connect", lambda ip, allowed: next(allowed_once, False))
        with pytest.raises(OutgoingRefused, match=r"127\.0\.0\.1 is not on the public internet"):
            fetch(f"http://127.0.0.1:{port}/")
        assert len(outer.requests) == 1
        assert inner.requests == []


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(monkeypatch):
    """A name that changes its meaning between the check and the connection leads nowhere else."""
    meanings = iter(["127.0.0.1", "10.0.0.1"])
    real = socket.getaddrinfo

    def rebinding(host, port, *args, **options):
        return real(next(meanings) if host == "rebinding.example" else host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with other_site(says(200, b"first meaning")) as site:
        port = site.address.rpartition(":")[2]
        answer = fetch(f"http://rebinding.example:{port}/", allowed_networks=THIS_MACHINE)
        assert answer.body == b"first meaning"
        assert site.requests[0][2]["host"] == f"rebinding.example:{port}"
        with pytest.raises(OutgoingRefused):
            fetch(f"http://rebinding.example:{port}/", allowed_networks=THIS_MACHINE)


def test_a_name_that_means_a_public_and_a_private_machine_is_refused(monkeypatch):
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: both)
    with pytest.raises(OutgoingRefused):
        fetch("http://both.example/")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://example.com/", "begins with https"),
        ("file:///etc/passwd", "begins with https"),
        ("gopher://example.com/", "begins with https"),
        ("//example.com/", "begins with https"),
        ("no address", "begins with https"),
        ("https://", "begins with https"),
        ("http://name:password@example.com/", "user name or a password"),
        ("http://example.com:22/", "port 22"),
        ("http://example.com:99999/", "port 99999"),
        ("http://exa\nmple.com/", "not a web address"),
    ],
)
def test_an_address_is_refused_by_its_text(address, words):
    with pytest.raises(OutgoingRefused, match=words):
        fetch(address)


def test_a_body_ends_at_its_limit():
    with other_site(says(200, b"x" * 50_000)) as site:
        answer = fetch(site.address, limits=Limits(body_bytes=1000), allowed_networks=THIS_MACHINE)
        assert (len(answer.body), answer.is_whole) == (1000, False)
        whole = fetch(site.address, allowed_networks=THIS_MACHINE)
        assert (len(whole.body), whole.is_whole) == (50_000, True)


def test_a_body_that_never_ends_or_grows_when_unpacked_ends_at_its_limit():
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 10_000)

    with other_site(endless) as site:
        assert len(fetch(site.address, limits=Limits(body_bytes=5000), allowed_networks=THIS_MACHINE).body) == 5000
    bomb = gzip.compress(b"0" * 10_000_000)
    with other_site(says(200, bomb, content_encoding="gzip")) as site:
        assert fetch(site.address, allowed_networks=THIS_MACHINE).body == bomb


def test_a_server_that_sends_one_byte_at_a_time_is_left_in_time():
    """Each byte comes in time; all of them never do."""
    stopped = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not stopped.wait(0.05):
            handler.wfile.write(b"x")

    with other_site(slow) as site:
        with pytest.raises(OutgoingFailed, match="did not answer in time"):
            fetch(site.address, limits=Limits(seconds=0.5), allowed_networks=THIS_MACHINE)
        stopped.set()


def test_redirects_are_followed_a_few_times():
    with other_site(says(200, b"here")) as new, other_site(says(301, location=new.address + "/new")) as old:
        answer = fetch(old.address, allowed_networks=THIS_MACHINE)
        assert (answer.address, answer.body, answer.moved) == (new.address + "/new", b"here", True)
    with other_site(says(302, location="/again")) as site:
        with pytest.raises(OutgoingFailed, match="more than 4 times"):
            fetch(site.address, allowed_networks=THIS_MACHINE)
        assert len(site.requests) == 5


def test_a_password_stays_with_the_host_that_it_is_for():
    secrets = {"Authorization": "Bearer secret", "Cookie": "secret", "X-Kind": "kept"}
    with other_site(says(200)) as theirs:
        port = theirs.address.rpartition(":")[2]
        with other_site(says(307, location=f"http://localhost:{port}/")) as ours:
            fetch(ours.address, method="POST", body=b"{}", headers=secrets, allowed_networks=THIS_MACHINE)
            assert ours.requests[0][2]["authorization"] == "Bearer secret"
        method, _, headers, body = theirs.requests[0]
        assert (method, body, headers["x-kind"]) == ("POST", b"{}", "kept")
        assert not {"authorization", "cookie"} & headers.keys()


@pytest.mark.parametrize("target", ["http://[::1", "http://one.example:port/", "http://\x7f/", "x" * 60_000])
def test_a_redirect_to_what_is_no_address_is_refused_in_words(target):
    with other_site(says(302, location=target)) as site, pytest.raises(OutgoingError):
        fetch(site.address, allowed_networks=THIS_MACHINE)


def test_a_password_is_not_sent_to_another_port():
    with other_site(says(200)) as theirs, other_site(says(307, location=theirs.address)) as ours:
        fetch(ours.address, headers={"Authorization": "Bearer secret"}, allowed_networks=THIS_MACHINE)
        assert "authorization" not in theirs.requests[0][2]


@pytest.mark.parametrize("says_what", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n"])
def test_a_server_that_speaks_no_http_is_a_failure_in_words(says_what):
    answers = other_site(lambda handler: handler.wfile.write(says_what))
    with answers as site, pytest.raises(OutgoingFailed, match=r"127\.0\.0\.1"):
        fetch(site.address, allowed_networks=THIS_MACHINE)


def test_a_host_that_is_not_there_is_a_failure_in_words(monkeypatch):
    def unknown(*args, **options):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OutgoingFailed, match="the name is unknown"):
        fetch("http://nowhere.example/")


def test_proxies_of_the_environment_see_nothing(monkeypatch):
    with other_site(says(200, b"proxy")) as proxy, other_site(says(200, b"site")) as site:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        assert fetch(site.address, allowed_networks=THIS_MACHINE).body == b"site"
        assert proxy.requests == []


CLIENTS = {
    "httpx",
    "httpcore",
    "requests",
    "aiohttp",
    "urllib3",
    "urllib.request",
    "http.client",
    "ftplib",
    "telnetlib",
}


def clients_in(path):
    """Return the HTTP clients that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & CLIENTS


def test_the_site_has_one_http_client():
    """Whatever fetches goes through posts.outgoing, where the rules are."""
    using = {
        str(path.relative_to(ROOT))
        for folder in ("posts", "alphanode")
        for path in (ROOT / folder).rglob("*.py")
        if clients_in(path)
    }
    assert using == {"posts/outgoing/fetcher.py"}
