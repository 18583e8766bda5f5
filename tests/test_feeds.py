"""Feeds, robots.txt and security.txt, read as programs read them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import jsonschema
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from lxml import etree
from protego import Protego

from posts.models import ListedText, Post
from posts.operations import change_slug, clear_flag, flag_post, withdraw_post
from tests.factories import approve, make_post, person

pytestmark = pytest.mark.django_db

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "json-feed.json").read_text(encoding="utf-8"))
FEEDS = ["/feed/", "/stacks/go-services/feed/", "/rss.xml"]
JSON_FEEDS = ["/feed.json", "/stacks/go-services/feed.json"]


def atom(client, address="/feed/"):
    kind, version = ("rss", "rss20") if address == "/rss.xml" else ("atom", "atom10")
    response = client.get(address)
    assert response.status_code == 200 and response["Content-Type"] == f"application/{kind}+xml; charset=utf-8"
    feed = feedparser.parse(response.content)
    assert not feed.bozo and feed.version == version, feed.get("bozo_exception")
    return feed


def json_feed(client, address="/feed.json"):
    response = client.get(address)
    assert response.status_code == 200 and response["Content-Type"] == "application/feed+json; charset=utf-8"
    feed = response.json()
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(feed)
    return feed


def slugs(client, address):
    """Return which posts a feed names, in its order."""
    is_json = address.endswith(".json")
    links = (
        [item["url"] for item in json_feed(client, address)["items"]]
        if is_json
        else [entry.link for entry in atom(client, address).entries]
    )
    return [link.rstrip("/").rpartition("/")[2] for link in links]


@pytest.mark.parametrize("address", FEEDS + JSON_FEEDS)
def test_a_feed_is_valid_and_names_listed_posts_newest_first_and_no_others(client, address):
    make_post(slug="waits")
    make_post(slug="flagged", released=True, flagged=True)
    approve(make_post(slug="in-bulk"), is_bulk=True)
    for slug in ("first", "second"):
        make_post(slug=slug, released=True)
    assert slugs(client, address) == ["second", "first"]


def test_the_feed_of_a_list_holds_its_posts_alone(client):
    make_post(slug="on-go", released=True)
    make_post(slug="on-rust", released=True, stack=["Rust tools"], topic="drops / Rust tools")
    assert slugs(client, "/stacks/go-services/feed/") == ["on-go"]
    assert slugs(client, "/stacks/rust-tools/feed.json") == ["on-rust"]
    assert slugs(client, "/feed/") == ["on-rust", "on-go"]
    feed = atom(client, "/stacks/rust-tools/feed/").feed
    assert feed.title == "Rust tools · AlphaNode" and feed.link.endswith("/stacks/rust-tools/")
    assert client.get("/stacks/never-there/feed/").status_code == 404
    assert client.get("/tools/rust-tools/feed.json").status_code == 404


@pytest.mark.parametrize("address", ["/feed/", "/feed.json", "/stacks/go-services/feed/"])
def test_search_engines_keep_the_articles_of_a_feed_and_never_the_feed_itself(client, address):
    for _ in range(3):
        make_post(released=True)
    assert "X-Robots-Tag" not in client.get("/stacks/go-services/").headers
    assert client.get(address)["X-Robots-Tag"] == "noindex"


@pytest.mark.parametrize("address", FEEDS + JSON_FEEDS)
def test_a_feed_that_ran_empty_stays_a_feed(client, address):
    withdraw_post(make_post(released=True), by=person())
    assert slugs(client, address) == []


def test_an_entry_says_what_the_article_is_and_who_read_it(client):
    post = make_post(
        released=True,
        origin="trained_model",
        summary="One.\nTwo & three <b>.",
        tags=["deploys"],
        image_sources=[{"url": "https://images.unsplash.com/photo-1?w=1&q=2"}],
    )
    entry = atom(client).entries[0]
    assert entry.title == post.title and entry.link.endswith(post.get_absolute_url())
    assert entry.summary.startswith(
        "One. Two & three <b>. Written by a machine (a trained model). Read and approved by a reviewer on"
    )
    assert [tag.term for tag in entry.tags] == ["Go services", "backend", "pgx", "make", "deploys"]
    assert entry.author == "AlphaNode"
    assert datetime(*entry.published_parsed[:6], tzinfo=UTC) == post.first_published_at.replace(microsecond=0)
    item = json_feed(client)["items"][0]
    assert item["summary"] == "One. Two & three <b>."
    assert item["image"] == "https://images.unsplash.com/photo-1?w=1&q=2"
    assert item["_review"]["disclosure"].startswith(
        "Written by a machine (a trained model). Read and approved by a reviewer on"
    )
    assert item["_review"]["fingerprint"] == post.live_revision.fingerprint
    assert item["_review"]["digital_source_type"].endswith("/trainedAlgorithmicMedia")


def test_an_article_without_a_summary_has_something_to_show(client):
    make_post(released=True, title="Only a title", summary="", intro="", body="```\nx = 1\n```")
    assert "summary" not in json_feed(client)["items"][0]
    assert atom(client).entries[0].summary.startswith("Imported; who wrote it is not stated.")


def test_characters_that_xml_cannot_hold_do_not_break_the_feed(client):
    odd = "".join(map(chr, [*range(1, 9), 0xB, 0xC, *range(0xE, 0x20), 0xFFFE, 0xFFFF]))
    words = f"bell{odd}end 😀 &amp; ]]> \u2028"
    make_post(released=True, title=words, summary=words, tags=[words], stack=[words])
    etree.fromstring(client.get("/feed/").content)
    assert atom(client).entries[0].title.startswith("bellend 😀 &amp; ]]>")
    assert json_feed(client)["items"][0]["title"].startswith("bell\x01")


def test_an_article_keeps_its_identity_when_its_address_changes(client):
    post = make_post(released=True)
    before = atom(client).entries[0].id, json_feed(client)["items"][0]["id"]
    change_slug(post, "elsewhere", by=person())
    assert slugs(client, "/feed/") == ["elsewhere"]
    assert (atom(client).entries[0].id, json_feed(client)["items"][0]["id"]) == before
    assert before[0] == before[1]


@pytest.mark.parametrize("address", FEEDS + JSON_FEEDS)
def test_a_feed_that_nothing_changed_is_not_sent_again_and_a_flag_is_a_change(client, address):
    post = make_post(released=True)
    other = make_post(released=True)
    tag = client.get(address)["ETag"]
    same = client.get(address, headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    # A timestamp would not do: a feed that lost a post has no newer one to show.
    assert "Last-Modified" not in client.get(address)
    flag = flag_post(other, by=person("Staff"), note="Look.")
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 200
    assert slugs(client, address) == [post.slug]
    clear_flag(flag, by=person("Staff"), note="Looked.")
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304


def test_a_feed_ends_after_thirty_posts(client, monkeypatch):
    monkeypatch.setattr("posts.public.feeds.FEED_POSTS", 2)
    for slug in ("a", "b", "c"):
        make_post(slug=slug, released=True)
    assert [slugs(client, address) for address in FEEDS + JSON_FEEDS] == [["c", "b"]] * 5


def test_pages_lead_programs_to_the_feeds(client):
    post = make_post(released=True)
    for page in ("/", post.get_absolute_url()):
        html = etree.HTML(client.get(page).content)
        found = {link.get("type"): link.get("href") for link in html.iterfind(".//link[@rel='alternate']")}
        assert found["application/atom+xml"] == "/feed/" and found["application/feed+json"] == "/feed.json"
        assert found["application/rss+xml"] == "/rss.xml"
    html = etree.HTML(client.get("/stacks/go-services/").content)
    found = {link.get("href") for link in html.iterfind(".//link[@rel='alternate']")}
    assert {"/feed/", "/feed.json", "/rss.xml", "/stacks/go-services/feed/", "/stacks/go-services/feed.json"} == found


HOSTILE = "<script>x</script><img src=q onerror=x>"


@pytest.mark.parametrize("address", [*FEEDS, "/feed.json"])
def test_a_feed_holds_the_whole_article_with_who_wrote_it_first(client, settings, address):
    body = f"First words, {HOSTILE}\n\n## Why\n\nSee [above](#why) and [it](/posts/other/)[^1]."
    body += "\n\n```py\nx = 1\n```\n\n[^1]: A note."
    image = {"url": "https://images.unsplash.com/photo-1?w=1&q=2", "caption": "A figure", "alt": "What it shows"}
    post = make_post(released=True, origin="trained_model", body=body, language="en-GB", image_sources=[image])
    if address == "/feed.json":
        item = json_feed(client)["items"][0]
        html, language = item["content_html"], item["language"]
    else:
        entry = atom(client, address).entries[0]
        raw = etree.fromstring(client.get(address).content)
        (content,) = raw.xpath("//*[local-name()='content' or local-name()='encoded']")
        html, language = content.text, entry.get("language", "en-GB")
    page = etree.HTML(html)
    words = " ".join("".join(page.itertext()).split())
    assert words.startswith("Written by a machine (a trained model). Read and approved by a reviewer")
    assert "First words, <script>x</script>" in words and "x = 1" in words and "A note." in words
    assert words.count("A figure") == 1 and not page.findall(".//svg") and not page.findall(".//script")
    (picture,) = page.findall(".//img")
    assert (picture.get("src"), picture.get("alt")) == (image["url"], "What it shows")
    links = {link.get("href") for link in page.iterfind(".//a")}
    site = settings.SITE_URL
    assert {f"{site}{post.get_absolute_url()}#s-why", f"{site}/posts/other/"} <= links
    assert all(link.startswith("http") for link in links) and language == "en-GB"
    assert not page.xpath("//@class | //@id | //@style")


def test_a_feed_costs_the_same_queries_at_any_number_of_posts(client):
    make_post(released=True)
    client.get("/feed/")
    with CaptureQueriesContext(connection) as few:
        client.get("/feed/")
    for _ in range(4):
        make_post(released=True)
    with CaptureQueriesContext(connection) as many:
        client.get("/feed/")
    assert len(many) <= len(few)


@pytest.mark.parametrize(
    ("address", "feed"),
    [("/atom.xml", "/feed/"), ("/index.xml", "/feed/"), ("/rss/", "/rss.xml"), ("/feed/rss/", "/rss.xml")],
)
def test_where_programs_look_for_a_feed_they_are_led_to_one(client, address, feed):
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (301, feed)


def test_a_row_that_a_program_of_before_left_behind_names_no_unlisted_post(client):
    post = make_post(slug="flagged", released=True)
    make_post(slug="ready", released=True)
    Post.objects.filter(pk=post.pk).update(needs_human_review=True)
    assert ListedText.objects.filter(post=post).exists()
    for address in FEEDS + JSON_FEEDS:
        assert slugs(client, address) == ["ready"]


def test_robots_txt_hides_the_admin_and_nothing_else(client, settings):
    post = make_post(slug="waits")
    rules = Protego.parse(client.get("/robots.txt").content.decode())
    site = settings.SITE_URL
    assert list(rules.sitemaps) == [f"{site}/sitemap.xml"]
    for path in (
        "/",
        post.get_absolute_url(),
        "/posts/waits.json",
        "/feed/",
        "/sitemap.xml",
        "/api/posts/",
        "/search/",
    ):
        assert rules.can_fetch(f"{site}{path}", "Googlebot"), path
    assert not rules.can_fetch(f"{site}/admin/", "Googlebot")
    settings.INDEXING = False
    assert list(Protego.parse(client.get("/robots.txt").content.decode()).sitemaps) == []


def test_security_txt_names_the_contact_and_a_day_that_lies_ahead(client, settings):
    address = "/.well-known/security.txt"
    assert client.get(address).status_code == 404
    settings.SITE_CONTACT = "holes+site@articles.example"
    response = client.get(address)
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in response.content.decode().splitlines())
    assert fields["Contact"] == "mailto:holes+site@articles.example"
    assert fields["Canonical"] == f"{settings.SITE_URL}{address}" and fields["Preferred-Languages"] == "en"
    ahead = datetime.strptime(fields["Expires"], "%Y-%m-%dT%H:%M:%S%z") - datetime.now(UTC)
    assert timedelta(days=120) < ahead < timedelta(days=365)
