"""The newest articles as Atom (RFC 4287) and JSON Feed 1.1 (jsonfeed.org), for the site and for each list."""

import datetime
import json

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from posts.listing.publication_date import publication_moment
from posts.models import ListedText, Post, PostTerm, Term
from posts.public.disclosure import disclosure_of
from posts.public.json_ld import MAX_AUTHORS, description_of, keywords_of
from posts.public.lists import KINDS
from posts.public.views import public
from posts.public.xml_files import as_machine_file, xml_text
from posts.rendering.images import loaded_pictures, picture_addresses

FEED_POSTS = 30
ABOUT = "Technical articles, each approved by a person."


@public
def feed(request):
    """Return the newest listed posts of the site as Atom."""
    return _atom(request, _newest(), title=settings.SITE_NAME, home=reverse("posts:home"))


@public
def json_feed(request):
    """Return the newest listed posts of the site as JSON Feed."""
    return _json(request, _newest(), title=settings.SITE_NAME, home=reverse("posts:home"))


@public
def facet_feed(request, kinds, slug):
    """Return the newest listed posts of one term as Atom."""
    return _of_term(_atom, request, kinds, slug)


@public
def facet_json_feed(request, kinds, slug):
    """Return the newest listed posts of one term as JSON Feed."""
    return _of_term(_json, request, kinds, slug)


def _of_term(answer, request, kinds, slug):
    # The feed of a list that is empty now stays: programs give up on missing feeds.
    term = get_object_or_404(Term, kind=KINDS[kinds], slug=slug)
    rows = PostTerm.objects.filter(term=term).order_by("-published_at", "-post_id")
    posts = Post.objects.listed_in_order(rows.values_list("post_id", flat=True)[:FEED_POSTS])
    return answer(request, posts, title=f"{term.label} · {settings.SITE_NAME}", home=term.get_absolute_url())


def _newest():
    rows = ListedText.objects.listed().order_by("-published_at", "-post")
    return Post.objects.listed_in_order(rows.values_list("post_id", flat=True)[:FEED_POSTS])


def _atom(request, posts, *, title, home):
    feed = SiteFeed(
        title=xml_text(title),
        link=settings.SITE_URL + home,
        feed_url=settings.SITE_URL + request.path,
        description=ABOUT,
        language="en",
    )
    for post in posts:
        record = post.live_revision.snapshot
        disclosure = disclosure_of(post, post.live_revision)
        feed.add_item(
            title=xml_text(record["title"]),
            link=settings.SITE_URL + post.get_absolute_url(),
            description=xml_text(f"{description_of(record)} {disclosure.sentence}".strip()),
            unique_id=_identity(post),
            pubdate=publication_moment(record, post.first_published_at),
            updateddate=post.last_published_at,
            authors=[xml_text(name) for name in disclosure.authors[:MAX_AUTHORS]] or [settings.SITE_NAME],
            categories=[xml_text(word) for word in keywords_of(record)],
        )
    response = HttpResponse(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")
    return as_machine_file(response)


def _json(request, posts, *, title, home):
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": title,
        "home_page_url": settings.SITE_URL + home,
        "feed_url": settings.SITE_URL + request.path,
        "description": ABOUT,
        "language": "en",
        "authors": [{"name": settings.SITE_NAME, "url": f"{settings.SITE_URL}/"}],
        "items": [_json_item(post) for post in posts],
    }
    body = json.dumps(feed, ensure_ascii=False)
    return as_machine_file(HttpResponse(body, content_type="application/feed+json; charset=utf-8"))


def _json_item(post):
    revision = post.live_revision
    record = revision.snapshot
    disclosure = disclosure_of(post, revision)
    item = {
        "id": _identity(post),
        "url": settings.SITE_URL + post.get_absolute_url(),
        "title": record["title"],
        "content_text": description_of(record) or record["title"],
        "date_published": publication_moment(record, post.first_published_at).isoformat(timespec="seconds"),
        "date_modified": post.last_published_at.isoformat(timespec="seconds"),
        "tags": keywords_of(record),
        # Names that begin with an underscore are free for the feed's author.
        "_review": {
            "about": settings.SITE_URL + reverse("posts:record", args=[post.slug]),
            "disclosure": disclosure.sentence,
            "approved_at": disclosure.approved_at.isoformat(timespec="seconds"),
            "fingerprint": revision.fingerprint,
            "digital_source_type": disclosure.source_type or None,
        },
    }
    # An item without authors has those of the feed: the site.
    if disclosure.authors:
        item["authors"] = [{"name": name} for name in disclosure.authors[:MAX_AUTHORS]]
    if pictures := loaded_pictures(picture_addresses(record)):
        item["image"] = pictures[0]
    return item


def _identity(post):
    """Return the permanent id of an article in feeds, whatever its address."""
    return f"{settings.SITE_URL}/posts/{post.pk}"


class SiteFeed(Atom1Feed):
    """Django's Atom feed with two differences.

    Several authors have an element each. A summary is plain text (RFC 4287, 3.1.1); Django's is HTML and would have
    to be escaped twice.
    """

    def add_item_elements(self, handler, item):
        super().add_item_elements(handler, item | {"description": None})
        handler.addQuickElement("summary", item["description"], {"type": "text"})
        for name in item["authors"]:
            handler.startElement("author", {})
            handler.addQuickElement("name", name)
            handler.endElement("author")

    def latest_post_date(self):
        """Return the feed's date; a fixed one for an empty feed, so that its bytes don't change each second."""
        dates = [item["updateddate"] for item in self.items]
        return max(dates, default=datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))
