"""Foreign texts in a real Chromium: nothing runs, and addresses are read as we read them."""

import itertools
import random

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from posts.models import Post
from posts.rendering.images import is_allowed_image_url
from tests.factories import RecordFactory, import_records, make_post, person

pytestmark = pytest.mark.browser

RUNS = [
    "<script>owned('script')</script>",
    "<img src=x onerror=owned('image')>",
    "<svg onload=owned('svg')>",
    "<details open ontoggle=owned('details')><summary>a</summary></details>",
    "<iframe srcdoc=\"<script>parent.owned('frame')</script>\"></iframe>",
    "<input autofocus onfocus=owned('focus')>",
    "<style>@import '//elsewhere.example/a.css'</style>",
    "<link rel=stylesheet href=//elsewhere.example/b.css>",
    "<meta http-equiv=refresh content='0;url=//elsewhere.example/c'>",
    "<object data=//elsewhere.example/d></object>",
    "'\"><script>owned('quoted')</script>",
    "</title></textarea></script><script>owned('closed')</script>",
]


def watched_for_running(browser_page):
    watched = browser_page()
    watched.ran = []
    watched.page.expose_binding("owned", lambda source, what: watched.ran.append(what))
    watched.page.on("dialog", lambda dialog: (watched.ran.append("dialog"), dialog.dismiss()))
    return watched


def test_what_is_watched_for_is_seen_when_it_happens(browser_page):
    watched = watched_for_running(browser_page)
    watched.page.route("**/control", lambda route: route.fulfill(body="".join(RUNS[:6]), content_type="text/html"))
    watched.open("/control")
    # The page has an answer only when what it said before was heard.
    watched.page.evaluate("owned('the last')")
    assert {"script", "image", "svg"} <= set(watched.ran)


def test_nothing_that_a_stranger_wrote_runs_on_any_page(browser_page, live_server):
    posts = []
    for text in RUNS:
        record = RecordFactory(
            title=text, intro=text, summary=text,
            body=f"{text}\n\n[a](javascript:owned('link'))\n\n```html\n{text}\n```",
            stack=[text], tools=[text], topic=text, tags=[text], checklist=[text], notes=[text], payload={text: text},
            entities=[{"name": text, "type": text}], revision={"status": text, "version": text},
            image_sources=[{"url": "https://images.unsplash.com/a", "caption": text, "alt": text, "source": text}],
        )  # fmt: skip
        import_records(record)
        posts.append(Post.objects.get(source_id=record["source_id"]))
        import_records({**record, "source_id": "r", "payload": {text: 2**70}})
    reader = watched_for_running(browser_page)
    for post in posts:
        reader.open(post.get_absolute_url())
        assert reader.page.locator("h1").inner_text().split() == post.title.split()
    desk = watched_for_running(browser_page)
    client = Client()
    superuser = person()
    superuser.is_superuser = True
    superuser.save()
    client.force_login(superuser)
    desk.page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    for post in posts:
        desk.open(reverse("admin:posts_post_change", args=[post.pk]))
        assert desk.page.locator("h1").last.inner_text().split() == post.title.split()
        desk.open(reverse("admin:posts_post_preview", args=[post.pk]))
    for name in ("post", "importissue", "importbatch", "revision"):
        desk.open(reverse(f"admin:posts_{name}_changelist"))
        assert "owned(" in desk.page.content() or name == "importbatch"
    for watched in (reader, desk):
        assert watched.ran == [] and watched.complaints == []
        assert {(kind, url) for kind, url in watched.foreign} <= {("image", "https://images.unsplash.com/a")}


def test_the_policy_alone_stops_what_the_sanitizer_would_let_through(browser_page, client):
    policy = client.get(make_post(released=True).get_absolute_url()).headers["Content-Security-Policy"]
    watched = watched_for_running(browser_page)
    watched.page.route(
        "**/unclean",
        lambda route: route.fulfill(
            body="".join(text for text in RUNS if "meta" not in text),
            content_type="text/html",
            headers={"Content-Security-Policy": policy},
        ),
    )
    watched.open("/unclean")
    assert watched.ran == [] and watched.foreign == []
    assert any("Content Security Policy" in complaint for complaint in watched.complaints)


PIECES = ["https://", "http://", "https:", "https:/", "//", "HTTPS://", "images.unsplash.com", "placehold.co",
          "evil.example", "@", ":", ":443", ":80", "/", "\\", "?", "#", "%2f", "%40", "%00", "\t", "\n", "\r", " ", ".",
          "..", "a", "user:pw", "[::1]", "127.1", "\u3002", "\uff0f", "\u2100", "xn--a", "IMAGES.unsplash.com",
          "images.unsplash.com.", "\u00ad", ";", "&", "javascript:", "data:", "%5c", "\u200b", "\ufeff", "\x7f", "|",
          "^", "<", ">", '"', "'"]  # fmt: skip
READ = """(texts) => texts.map(text => {
  try { const url = new URL(text, "https://base.example/p/"); return [url.protocol, url.host, url.username] }
  catch { return null }
})"""


def mutations(count):
    """Return addresses around the allowed hosts, bent in the ways that parsers are known to differ about."""
    bent = random.Random(12)
    for host, one, other in itertools.product(("images.unsplash.com", "placehold.co"), PIECES, PIECES):
        yield from (f"https://{host}{one}{other}", f"https://{one}{host}{other}", f"{one}{host}{other}a")
        if bent.random() < 0.02:
            yield "".join(bent.choices(PIECES, k=6))
    for _ in range(count):
        yield "https://" + "".join(bent.choices(PIECES, k=5))


def test_a_browser_asks_no_other_host_for_a_picture_than_the_one_we_checked(browser_page):
    texts = sorted(set(mutations(4000)))
    page = browser_page().page
    read = page.evaluate(READ, texts)
    allowed = {
        text: seen for text, seen in zip(texts, read, strict=True) if is_allowed_image_url(text, settings.IMAGE_HOSTS)
    }
    assert len(texts) > 10_000 and len(allowed) > 100
    wrong = {
        text: seen
        for text, seen in allowed.items()
        if seen is None or seen[0] != "https:" or seen[1] not in settings.IMAGE_HOSTS or seen[2]
    }
    assert wrong == {}
    # And an address that a browser reads as plainly one of theirs is not refused.
    starts = tuple(f"https://{host}/" for host in settings.IMAGE_HOSTS)
    plain = {text for text in texts if text.startswith(starts) and text.isascii() and text.isprintable()}
    assert {text for text in plain if not set(text) & set("\\ ")} <= allowed.keys()
