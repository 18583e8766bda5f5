"""What the answers of other sites say about a link: 30 kinds of answers of real servers, and no living link is dead."""

import functools
import gzip
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from posts.links import probe as probing
from posts.links.probe import Asked, probe, read_robots, rules_of, user_agent
from posts.models import LinkAddress
from posts.outgoing import Limits, fetch
from tests.other_sites import THIS_MACHINE, other_site, says

pytestmark = pytest.mark.once
State = LinkAddress.State
HTML = "text/html; charset=utf-8"
PAGE = b"<title>Draining workers</title><h2 id='cause'>Cause</h2><a name=fix></a>"


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch):
    """Let the check reach servers on this machine."""
    monkeypatch.setattr(probing, "fetch", functools.partial(fetch, allowed_networks=THIS_MACHINE))


def hurry(monkeypatch, *names):
    """Have less patience with an answer that never comes. On a busy machine any other answer takes long too."""
    for name in names:
        patient = getattr(probing, name)
        quick = Limits(0.4, patient.body_bytes, patient.redirects, patient.keeps_part)
        monkeypatch.setattr(probing, name, quick)


def by_method(**answers):
    """Return an answer for other_site() for each method."""
    return lambda handler: answers[handler.command](handler)


def by_path(**answers):
    """Return an answer for other_site() for each path: `_` for "/", and 404 for any other."""

    def answer(handler):
        name = handler.path.strip("/").partition("?")[0].replace("/", "_") or "_"
        answers.get(name, says(404))(handler)

    return answer


def page(body=PAGE, status=200, **headers):
    return says(status, body, content_type=HTML, **headers)


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    handler.connection.close()


def silent(handler):
    threading.Event().wait(0.8)


def slow_body(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", HTML)
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(b"<title>Draining")
        handler.wfile.flush()
        threading.Event().wait(0.8)


def endless(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", HTML)
    handler.end_headers()
    while handler.command == "GET":
        handler.wfile.write(b"<p>more</p>" * 1000)


def too_short(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", HTML)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(PAGE)


def ranged(handler):
    says(206 if "range" in handler.headers else 200, PAGE, content_type=HTML)(handler)


MISSING_PAGE = b"<title>Page not found | A site</title><p>Sorry.</p>"
# By name: (how the server answers, the end of the address, the state, whether a person finds something there).
ANSWERS = {
    "200": (page(), "/", State.ALIVE, True),
    "200 without a page": (says(200, b"%PDF", content_type="application/pdf"), "/a.pdf", State.ALIVE, True),
    "204": (says(204), "/", State.ALIVE, True),
    "206 of a part": (ranged, "/", State.ALIVE, True),
    "301 once": (by_path(old=says(301, location="/new"), new=page()), "/old", State.MOVED, True),
    "301 in a chain": (
        by_path(a=says(301, location="/b"), b=says(308, location="/c"), c=page()), "/a", State.MOVED, True,
    ),
    "302": (by_path(a=says(302, location="/login"), login=page()), "/a", State.ALIVE, True),
    "302 in a circle": (says(302, location="/again"), "/", State.AWAY, False),
    "303": (by_path(a=says(303, location="/b"), b=page()), "/a", State.ALIVE, True),
    "307": (by_path(a=says(307, location="/b"), b=page()), "/a", State.ALIVE, True),
    "308": (by_path(a=says(308, location="/b"), b=page()), "/a", State.MOVED, True),
    "301 to the front page": (
        by_path(posts_old=says(301, location="/"), _=page()), "/posts/old", State.DOUBTFUL, False,
    ),
    "400": (says(400), "/", State.BLOCKED, True),
    "401": (says(401), "/", State.BLOCKED, True),
    "403": (says(403), "/", State.BLOCKED, True),
    "404": (says(404), "/", State.GONE, False),
    "404 to HEAD alone": (by_method(HEAD=says(404), GET=page()), "/", State.ALIVE, True),
    "403 to HEAD alone": (by_method(HEAD=says(403), GET=page()), "/", State.ALIVE, True),
    "500 to HEAD alone": (by_method(HEAD=says(500), GET=page()), "/", State.ALIVE, True),
    "405 to HEAD": (by_method(HEAD=says(405), GET=page()), "/", State.ALIVE, True),
    "501 to HEAD": (by_method(HEAD=says(501), GET=page()), "/", State.ALIVE, True),
    "nothing to HEAD": (by_method(HEAD=reset, GET=page()), "/", State.ALIVE, True),
    "404 to GET alone": (by_method(HEAD=page(), GET=says(404)), "/", State.ALIVE, True),
    "410": (says(410), "/", State.GONE, False),
    "416": (by_method(HEAD=says(405), GET=says(416)), "/", State.ALIVE, True),
    "429": (says(429, retry_after="120"), "/", State.BLOCKED, True),
    "451": (says(451), "/", State.BLOCKED, True),
    "500": (says(500), "/", State.AWAY, False),
    "503": (says(503, retry_after="3600"), "/", State.AWAY, False),
    "999": (says(999), "/", State.BLOCKED, True),
    "reset": (reset, "/", State.AWAY, False),
    "no answer": (silent, "/", State.AWAY, False),
    "a slow body": (slow_body, "/", State.ALIVE, True),
    "an endless body": (endless, "/", State.ALIVE, True),
    "a body shorter than it says": (too_short, "/", State.ALIVE, True),
    "an empty page": (page(b""), "/", State.ALIVE, True),
    "gzip that nobody asked for": (page(gzip.compress(PAGE), content_encoding="gzip"), "/#cause", State.ALIVE, True),
    "gzip without the anchor": (page(gzip.compress(PAGE), content_encoding="gzip"), "/#no", State.ANCHOR, True),
    "broken gzip": (page(b"\x1f\x8bxxxx", content_encoding="gzip"), "/#cause", State.ALIVE, True),
    "another packing": (page(b"\0\1\2", content_encoding="br"), "/#cause", State.ALIVE, True),
    "a page that says it is missing": (page(MISSING_PAGE), "/posts/x", State.DOUBTFUL, False),
    "an article about missing pages": (
        page(b"<title>404 Not Found - HTTP | Docs</title>"), "/status/404", State.ALIVE, True,
    ),
    "a title with the number": (page(b"<title>404 ways to fail</title>"), "/ways", State.DOUBTFUL, True),
    "an anchor": (page(), "/#cause", State.ALIVE, True),
    "a named anchor": (page(), "/#fix", State.ALIVE, True),
    "no such anchor": (page(), "/#nowhere", State.ANCHOR, True),
    "an anchor of the host's own kind": (page(b"<p id=user-content-a>"), "/#a", State.ALIVE, True),
    "an anchor that a script makes": (page(b"<div id=root></div>"), "/#a", State.ALIVE, True),
    "an address of a script": (page(), "/#/cause", State.ALIVE, True),
    "marked words": (page(), "/#:~:text=cause", State.ALIVE, True),
    "no address to go to": (says(301), "/", State.ALIVE, True),
    "a way to no address": (says(301, location="http://[::1"), "/", State.AWAY, False),
    "a way into a private network": (says(301, location="http://10.0.0.1/"), "/", State.PRIVATE, False),
    "an unknown alphabet": (says(200, PAGE, content_type="text/html; charset=no-such"), "/", State.ALIVE, True),
}  # fmt: skip


def test_a_host_whose_name_speaks_of_errors_may_have_a_page_that_is_missing(monkeypatch):
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *other, **named: resolve("127.0.0.1", *other, **named))
    with other_site(page(MISSING_PAGE)) as site:
        address = site.address.replace("127.0.0.1", "status-404.example")
        assert probe(Asked(f"{address}/ways")).state == State.DOUBTFUL
        assert probe(Asked(f"{address}/errors/404")).state == State.ALIVE


# Which requests are given up.
NEVER_ENDING = {"no answer": ("HEAD", "BEGINNING", "WHOLE"), "a slow body": ("BEGINNING", "WHOLE")}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_an_answer_says_about_a_link(name, monkeypatch):
    answers, end, state, _ = ANSWERS[name]
    hurry(monkeypatch, *NEVER_ENDING.get(name, ()))
    with other_site(answers) as site:
        assert probe(Asked(site.address + end)).state == state


def test_no_living_link_is_gone():
    assert len(ANSWERS) >= 50
    living = {name for name, (_, _, state, is_there) in ANSWERS.items() if is_there}
    assert not {name for name in living if ANSWERS[name][2] == State.GONE}


def test_a_new_address_is_the_end_of_the_permanent_part_of_the_way():
    answers = by_path(
        a=says(301, location="/b"), b=says(308, location="/c"), c=says(302, location="/today"), today=page()
    )
    with other_site(answers) as site:
        found = probe(Asked(f"{site.address}/a#cause"))
        assert (found.state, found.new_address) == (State.MOVED, f"{site.address}/c#cause")


def test_a_page_that_did_not_change_is_not_read_again():
    def answers(handler):
        is_known = handler.headers.get("if-none-match") == '"1"'
        (says(304) if is_known else page(etag='"1"', last_modified="Mon, 02 Nov 2026 08:00:00 GMT"))(handler)

    with other_site(answers) as site:
        first = probe(Asked(site.address))
        assert (first.state, first.etag, first.last_modified) == (State.ALIVE, '"1"', "Mon, 02 Nov 2026 08:00:00 GMT")
        assert [method for method, *_ in site.requests] == ["HEAD", "GET"]
        again = probe(Asked(site.address, State.MOVED, first.etag, first.last_modified))
        assert (again.state, again.is_unchanged) == (State.MOVED, True)
        assert [method for method, *_ in site.requests[2:]] == ["HEAD"]
        assert site.requests[2][2]["if-modified-since"] == first.last_modified
        # One that failed before is asked in full.
        probe(Asked(site.address, State.GONE, first.etag))
        assert "if-none-match" not in site.requests[3][2]


def test_a_check_names_itself_asks_for_little_and_pauses_between_requests(settings):
    settings.SITE_URL, settings.SITE_CONTACT = "https://alpha.example", "desk@alpha.example"
    pauses = []
    with other_site(by_path(a=says(301, location="/b"), b=page())) as site:
        probe(Asked(f"{site.address}/a"), pause=lambda: pauses.append(len(site.requests)))
    assert user_agent() == "AlphaNode link check (+https://alpha.example/; desk@alpha.example)"
    assert {headers["user-agent"] for _, _, headers, _ in site.requests} == {user_agent()}
    assert [(method, path) for method, path, *_ in site.requests] == [
        ("HEAD", "/a"), ("HEAD", "/b"), ("GET", "/a"), ("GET", "/b"),
    ]  # fmt: skip
    assert site.requests[2][2]["range"] == "bytes=0-65535"
    assert pauses == [1, 2, 3]


def test_a_host_says_how_long_it_wants_to_be_left_alone():
    later = datetime.now(UTC) + timedelta(hours=2)
    for said, least, most in (("120", 119, 121), (format_datetime(later, usegmt=True), 7000, 7200), ("soon", None, 0)):
        with other_site(says(429, retry_after=said)) as site:
            wait = probe(Asked(site.address)).wait
            assert wait is None if least is None else least <= wait.total_seconds() <= most


def test_robots_txt_is_read_as_its_host_means_it():
    rules = b"User-agent: *\nDisallow: /private/\nUser-agent: AlphaNode\nDisallow: /no/\nCrawl-delay: 7\n"
    with other_site(by_path(**{"robots.txt": says(200, rules)})) as site:
        found = rules_of(read_robots(f"{site.address}/x"))
        assert [found.can_fetch("AlphaNode", site.address + path) for path in ("/no/x", "/private/", "/")] == [
            False, True, True,
        ]  # fmt: skip
        assert found.crawl_delay("AlphaNode") == 7
    for answer, text in ((says(404), ""), (says(403), ""), (says(500), None), (says(429), None), (reset, "")):
        with other_site(answer) as site:
            assert read_robots(site.address) == text


def test_a_certificate_that_is_not_valid_is_told_apart(tmp_path):
    import subprocess

    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=wrong", "-days", "1",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listening.accept()
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    thread = threading.Thread(target=serve)
    thread.start()
    found = probe(Asked(f"https://127.0.0.1:{listening.getsockname()[1]}/"))
    thread.join()
    listening.close()
    assert found.state == State.CERTIFICATE


def test_a_private_machine_is_never_asked(monkeypatch):
    monkeypatch.setattr(probing, "fetch", fetch)
    with other_site(page()) as site:
        assert probe(Asked(site.address)).state == State.PRIVATE
        assert site.requests == []
