"""The rules of RFC 4287 (Atom) and RSS 2.0 that W3C's feed validation service checks, for every XML feed."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest
from lxml import etree

from posts.models import Post
from posts.operations import change_slug, withdraw_post
from tests.factories import make_post, person

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
XML = "{http://www.w3.org/XML/1998/namespace}"
HOSTILE = "<b>&amp; ]]> \x08\u2028 bell"
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
RFC_822 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@pytest.fixture
def posts():
    """Return posts as different as records can be, all on one list."""
    return [
        make_post(released=True, title=HOSTILE, summary=HOSTILE, tags=[HOSTILE], authors=[HOSTILE, "Jane Doe"]),
        make_post(
            released=True, summary="", intro="", body="[up](#x), [away](/articles/) and <b>bold</b>", language="ar"
        ),
        make_post(released=True, published_on="2019-04-02", origin="people", authors=["Jane Doe"], language="en-GB"),
        make_post(released=True, origin="trained_model", tags=["same", "Same"], stack=["Go services", "backend"]),
    ]


def is_absolute(address):
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and " " not in address


def only(parent, name):
    """Return the text of the one element of a name."""
    (found,) = parent.findall(name)
    return found.text


def root_of(client, address):
    response = client.get(address)
    assert response.status_code == 200
    return etree.fromstring(response.content)


def addresses_in(html):
    page = etree.HTML(html)
    return page.xpath("//@href | //@src")


def check_atom(client, settings, address):
    feed = root_of(client, address)
    assert feed.tag == f"{ATOM}feed" and LANGUAGE.fullmatch(feed.get(f"{XML}lang"))
    assert only(feed, f"{ATOM}title") and is_absolute(only(feed, f"{ATOM}id"))
    assert only(feed.find(f"{ATOM}author"), f"{ATOM}name")
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links["self"] == settings.SITE_URL + address and is_absolute(links["alternate"])
    entries = feed.findall(f"{ATOM}entry")
    for entry in entries:
        check_entry(entry)
    updated = only(feed, f"{ATOM}updated")
    assert RFC_3339.fullmatch(updated)
    assert not entries or updated == max(only(entry, f"{ATOM}updated") for entry in entries)
    ids = [only(entry, f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids) and only(feed, f"{ATOM}id") not in ids
    return entries


def check_entry(entry):
    assert only(entry, f"{ATOM}title") and is_absolute(only(entry, f"{ATOM}id"))
    published, updated = (only(entry, f"{ATOM}{name}") for name in ("published", "updated"))
    assert RFC_3339.fullmatch(published) and RFC_3339.fullmatch(updated)
    assert datetime.fromisoformat(published) <= datetime.fromisoformat(updated) + timedelta(seconds=1)
    assert datetime.fromisoformat(updated) <= datetime.now(UTC) + timedelta(seconds=1)
    (link,) = entry.findall(f"{ATOM}link")
    assert link.get("rel") == "alternate" and is_absolute(link.get("href"))
    names = [only(author, f"{ATOM}name") for author in entry.findall(f"{ATOM}author")]
    assert names and all(names) and len(set(names)) == len(names)
    terms = [category.get("term") for category in entry.findall(f"{ATOM}category")]
    assert all(terms) and len(set(terms)) == len(terms)
    (content,), (summary,) = entry.findall(f"{ATOM}content"), entry.findall(f"{ATOM}summary")
    assert content.get("type") == "html" and len(content) == 0 and content.text.strip()
    assert summary.get("type") == "text" and summary.text.strip()
    assert all(map(is_absolute, addresses_in(content.text)))
    language = entry.get(f"{XML}lang")
    assert language is None or LANGUAGE.fullmatch(language)


def check_rss(client, settings, address):
    rss = root_of(client, address)
    assert rss.tag == "rss" and rss.get("version") == "2.0"
    (channel,) = rss
    assert channel.tag == "channel" and only(channel, "title") and only(channel, "description")
    assert is_absolute(only(channel, "link")) and LANGUAGE.fullmatch(only(channel, "language"))
    (own,) = channel.findall(f"{ATOM}link")
    assert (own.get("rel"), own.get("href")) == ("self", settings.SITE_URL + address)
    assert RFC_822.fullmatch(only(channel, "lastBuildDate")) and parsedate_to_datetime(only(channel, "lastBuildDate"))
    items = channel.findall("item")
    for item in items:
        check_item(item)
    guids = [only(item, "guid") for item in items]
    assert len(set(guids)) == len(guids)
    return items


def check_item(item):
    assert only(item, "title") and is_absolute(only(item, "link")) and only(item, "description")
    assert RFC_822.fullmatch(only(item, "pubDate")) and parsedate_to_datetime(only(item, "pubDate"))
    # A guid is taken for the address of the item unless it says that it is none.
    assert item.find("guid").get("isPermaLink") == "false" or only(item, "guid") == only(item, "link")
    assert item.findall(f"{DC}creator") and not item.findall("author")
    assert all(map(is_absolute, addresses_in(only(item, f"{CONTENT}encoded"))))
    assert all(LANGUAGE.fullmatch(found.text) for found in item.findall(f"{DC}language"))
    assert len({category.text for category in item.findall("category")}) == len(item.findall("category"))


@pytest.mark.parametrize("address", ["/feed/", "/stacks/go-services/feed/"])
def test_every_atom_feed_keeps_the_rules(client, settings, posts, address):
    entries = check_atom(client, settings, address)
    assert len(entries) == (4 if address == "/feed/" else Post.objects.filter(stack__contains="Go services").count())
    assert "ar" in [entry.get(f"{XML}lang") for entry in entries]
    for post in posts:
        withdraw_post(post, by=person())
    assert check_atom(client, settings, address) == []


def test_the_rss_feed_keeps_the_rules(client, settings, posts):
    items = check_rss(client, settings, "/rss.xml")
    assert len(items) == 4 and "ar" in [item.findtext(f"{DC}language") for item in items]
    guid = only(items[0], "guid")
    change_slug(posts[-1], "elsewhere", by=person())
    moved = check_rss(client, settings, "/rss.xml")[0]
    assert only(moved, "guid") == guid and only(moved, "link").endswith("/posts/elsewhere/")
    for post in posts:
        withdraw_post(Post.objects.get(pk=post.pk), by=person())
    assert check_rss(client, settings, "/rss.xml") == []
