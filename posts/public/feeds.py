"""The newest articles as Atom (RFC 4287), RSS 2.0 and JSON Feed 1.1 (jsonfeed.org), for the site and for each list.

Each entry has the whole article, with who wrote and who read it first. RSS is for readers that know nothing else.
"""

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from xml.sax.xmlreader import AttributesImpl

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed
from django.utils.xmlutils import SimplerXMLGenerator

from posts.db.change_log import LISTS, article_key
from posts.listing.article_html import rendered_article, rendering_key, stored_articles
from posts.listing.listed_posts import listed_in_order
from posts.listing.picture_copies import are_copied, copies_of
from posts.listing.publication_date import publication_moment
from posts.models import ListedText, Post, PostTerm, Term
from posts.operations.source_links import link_targets_of
from posts.public.disclosure import Disclosure, disclosure_of
from posts.public.feed_html import article_feed_html
from posts.public.json_ld import MAX_AUTHORS, description_of, keywords_of, language_of
from posts.public.lists import term_at
from posts.public.views import public
from posts.public.xml_files import as_machine_file, xml_text
from posts.records.schema import RecordDict
from posts.rendering.images import loaded_pictures, picture_addresses
from posts.rendering.picture_copies import record_with_copies

FEED_POSTS = 30
ABOUT = "Technical articles, each approved by a person."
NOTHING_YET = "No article is listed here yet. Sign in to import, write or review posts"


@public
def feed(request: HttpRequest) -> HttpResponse:
    """Return the newest listed posts of the site as Atom."""
    return _atom(request, _newest(), title=settings.SITE_NAME, home=reverse("posts:home"))


@public
def rss(request: HttpRequest) -> HttpResponse:
    """Return the newest listed posts of the site as RSS 2.0."""
    return _rss(request, _newest(), title=settings.SITE_NAME, home=reverse("posts:home"))


@public
def to_atom(request: HttpRequest) -> HttpResponse:
    """Lead programs that look for a feed where nobody told them of one."""
    return HttpResponsePermanentRedirect(reverse("posts:feed"))


@public
def to_rss(request: HttpRequest) -> HttpResponse:
    """Lead programs that look for RSS where nobody told them of it."""
    return HttpResponsePermanentRedirect(reverse("posts:rss"))


@public
def json_feed(request: HttpRequest) -> HttpResponse:
    """Return the newest listed posts of the site as JSON Feed."""
    return _json(request, _newest(), title=settings.SITE_NAME, home=reverse("posts:home"))


@public
def facet_feed(request: HttpRequest, kinds: str, slug: str) -> HttpResponse:
    """Return the newest listed posts of one term as Atom."""
    return _of_term(_atom, request, "posts:facet-feed", kinds, slug)


@public
def facet_json_feed(request: HttpRequest, kinds: str, slug: str) -> HttpResponse:
    """Return the newest listed posts of one term as JSON Feed."""
    return _of_term(_json, request, "posts:facet-json-feed", kinds, slug)


def _of_term(
    answer: Callable[..., HttpResponse], request: HttpRequest, name: str, kinds: str, slug: str
) -> HttpResponse:
    # The feed of a list that is empty now stays: programs give up on missing feeds.
    term = term_at(Term.objects.all(), kinds, slug)
    if term.slug != slug:
        return HttpResponsePermanentRedirect(reverse(name, args=[kinds, term.slug]))
    rows = PostTerm.objects.filter(term=term).order_by("-published_at", "-post_id")
    posts = listed_in_order(rows.values_list("post_id", flat=True)[:FEED_POSTS])
    return answer(request, posts, title=f"{term.label} · {settings.SITE_NAME}", home=term.get_absolute_url())


def _newest() -> list[Post]:
    rows = ListedText.objects.listed().order_by("-published_at", "-post")
    return listed_in_order(rows.values_list("post_id", flat=True)[:FEED_POSTS])


def _about(posts: list[Post]) -> str:
    """Return what a feed says of itself. An empty one says how to begin, without numbers that become outdated."""
    return ABOUT if posts else f"{ABOUT} {NOTHING_YET}: {settings.SITE_URL}{reverse('admin:index')}"


@dataclass(frozen=True)
class _Entry:
    """One article of a feed, in words that every format takes."""

    post: Post
    record: RecordDict
    disclosure: Disclosure
    html: str

    @property
    def address(self) -> str:
        """Its address on the web."""
        return settings.SITE_URL + self.post.get_absolute_url()

    @property
    def xml(self) -> dict[str, Any]:
        """What Atom and RSS say alike, as Django's feeds take it."""
        record, names = self.record, self.disclosure.authors[:MAX_AUTHORS]
        return {
            "title": xml_text(record["title"]),
            "link": self.address,
            "description": xml_text(f"{description_of(record)} {self.disclosure.sentence}".strip()),
            "unique_id": _identity(self.post),
            # It leads nowhere: it stays when the address changes.
            "unique_id_is_permalink": False,
            "pubdate": publication_moment(record, self.post.released_at),
            "updateddate": self.post.changed_for_readers_at,
            "authors": [xml_text(name) for name in names] or [settings.SITE_NAME],
            "categories": [xml_text(word) for word in keywords_of(record)],
            "language": language_of(record),
            "content": xml_text(self.html),
        }


def _entries(posts: list[Post]) -> list[_Entry]:
    """Return [_Entry] of listed posts, with one query for the HTML of all."""
    stored = stored_articles([post.released_revision.fingerprint for post in posts])
    targets = link_targets_of([post.pk for post in posts])
    copies = copies_of([post.pk for post in posts]) if are_copied() else None
    entries = []
    for post in posts:
        revision = post.released_revision
        disclosure = disclosure_of(post, revision)
        article = rendered_article(
            revision,
            targets=targets.get(post.pk, {}),
            copies=None if copies is None else copies.get(post.pk, {}),
            stored_html=stored.get(revision.fingerprint),
        )
        html = article_feed_html(
            str(article.html),
            address=settings.SITE_URL + post.get_absolute_url(),
            disclosure=disclosure.sentence,
        )
        record = revision.snapshot
        if copies is not None:
            record = record_with_copies(record, copies.get(post.pk, {}))
        entries.append(_Entry(post, record, disclosure, html))
    return entries


def _atom(request: HttpRequest, posts: list[Post], *, title: str, home: str) -> HttpResponse:
    return _xml(SiteFeed, "application/atom+xml", request, posts, title=title, home=home)


def _rss(request: HttpRequest, posts: list[Post], *, title: str, home: str) -> HttpResponse:
    return _xml(RssFeed, "application/rss+xml", request, posts, title=title, home=home)


def _xml(
    kind: type[SyndicationFeed], content_type: str, request: HttpRequest, posts: list[Post], *, title: str, home: str
) -> HttpResponse:
    feed = kind(
        title=xml_text(title),
        link=settings.SITE_URL + home,
        feed_url=settings.SITE_URL + request.path,
        description=_about(posts),
        subtitle=None if posts else _about(posts),
        language="en",
        author_name=xml_text(settings.SITE_NAME),
    )
    for entry in _entries(posts):
        feed.add_item(**entry.xml)
    return _answer(feed.writeString("utf-8"), content_type, posts)


def _json(request: HttpRequest, posts: list[Post], *, title: str, home: str) -> HttpResponse:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": title,
        "home_page_url": settings.SITE_URL + home,
        "feed_url": settings.SITE_URL + request.path,
        "description": _about(posts),
        "language": "en",
        "authors": [{"name": settings.SITE_NAME, "url": f"{settings.SITE_URL}/"}],
        "items": [_json_item(entry) for entry in _entries(posts)],
    }
    return _answer(json.dumps(feed, ensure_ascii=False), "application/feed+json", posts)


def _answer(body: str, content_type: str, posts: list[Post]) -> HttpResponse:
    """Return a feed, which shows the stored HTML of its posts."""
    keys = [LISTS, *(article_key(post.released_revision.fingerprint, **rendering_key()) for post in posts)]
    return as_machine_file(HttpResponse(body, content_type=f"{content_type}; charset=utf-8"), keys=keys)


def _json_item(entry: _Entry) -> dict[str, Any]:
    post, record, disclosure = entry.post, entry.record, entry.disclosure
    item = {
        "id": _identity(post),
        "url": entry.address,
        "title": record["title"],
        "content_html": entry.html,
        "date_published": publication_moment(record, post.released_at).isoformat(timespec="seconds"),
        "date_modified": post.changed_for_readers_at.isoformat(timespec="seconds"),
        "tags": keywords_of(record),
        # Names that begin with an underscore are free for the feed's author.
        "_review": {
            "about": settings.SITE_URL + reverse("posts:record", args=[post.slug]),
            "disclosure": disclosure.sentence,
            "approved_at": post.released_approval.created_at.isoformat(timespec="seconds"),
            "fingerprint": post.released_revision.fingerprint,
            "digital_source_type": disclosure.source_type or None,
        },
    }
    if summary := description_of(record):
        item["summary"] = summary
    if language := language_of(record):
        item["language"] = language
    # An item without authors has those of the feed: the site.
    if disclosure.authors:
        item["authors"] = [{"name": name} for name in disclosure.authors[:MAX_AUTHORS]]
    if pictures := loaded_pictures(picture_addresses(record)):
        item["image"] = pictures[0]
    return item


def _identity(post: Post) -> str:
    """Return the permanent id of an article in feeds, whatever its address."""
    return f"{settings.SITE_URL}/posts/{post.pk}"


class SiteFeed(Atom1Feed):
    """Django's Atom feed with whole articles and several authors.

    A summary is plain text (RFC 4287, 3.1.1); Django's is HTML and would have to be escaped twice.
    """

    def item_attributes(self, item: dict[str, Any]) -> dict[str, str]:
        """Return the language of an entry, if its record states one."""
        return {"xml:lang": item["language"]} if item["language"] else {}

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item | {"description": None})
        handler.addQuickElement("summary", item["description"], {"type": "text"})
        handler.addQuickElement("content", item["content"], {"type": "html"})
        for name in item["authors"]:
            handler.startElement("author", AttributesImpl({}))
            handler.addQuickElement("name", name)
            handler.endElement("author")

    def latest_post_date(self) -> datetime.datetime:
        return _newest_date(self)


class RssFeed(Rss201rev2Feed):
    """Django's RSS 2.0 feed with whole articles and the names of authors.

    Sources: https://web.resource.org/rss/1.0/modules/content/ and https://www.dublincore.org/specifications/
    """

    def rss_attributes(self) -> dict[str, str]:
        return super().rss_attributes() | {
            "xmlns:content": "http://purl.org/rss/1.0/modules/content/",
            "xmlns:dc": "http://purl.org/dc/elements/1.1/",
        }

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        # RSS has one author, an e-mail address; the names have elements of their own.
        super().add_item_elements(handler, item | {"author_name": None, "author_email": None})
        for name in item["authors"]:
            handler.addQuickElement("dc:creator", name)
        if item["language"]:
            handler.addQuickElement("dc:language", item["language"])
        handler.addQuickElement("content:encoded", item["content"])

    def latest_post_date(self) -> datetime.datetime:
        return _newest_date(self)


def _newest_date(feed: SyndicationFeed) -> datetime.datetime:
    """Return the date of a feed; a fixed one for an empty feed, so that its bytes don't change each second."""
    dates = [item["updateddate"] for item in feed.items]
    return max(dates, default=datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))
