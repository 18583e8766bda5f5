"""Lists of listed posts, newest first: all of them, and those of each stack, tool, topic… A page is one walk along an
index from its place on, so that page 5,000 costs what page 1 costs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from alphanode.page_cache import mark_page
from posts.models import ListedText, Post, PostTerm, Term
from posts.page_versions import LISTS
from posts.views import public

PAGE = 24
# How far a walk looks for posts that are still listed, where an import was switched off and its rows still stand.
REACHES = (PAGE + 1, 10 * PAGE, 100 * PAGE)
KINDS = {plural: kind for kind, plural in Term.PLURALS.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Place(NamedTuple):
    """Where a post stands in the order of a list: what an address says of a page outlives the post itself."""

    published_at: datetime
    post_id: int

    def __str__(self):
        return f"{(self.published_at - _EPOCH) // _MICROSECOND}-{self.post_id}"

    @classmethod
    def parse(cls, text):
        """The Place that str() wrote, or None for any other text."""
        moment, _, post_id = str(text).partition("-")
        if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (moment, post_id)):
            return None
        try:
            return cls(_EPOCH + int(moment) * _MICROSECOND, int(post_id))
        except OverflowError:
            return None


@dataclass(frozen=True)
class ListPage:
    """One page of a list. posts: newest first; newer, older: the Place that the next page that way starts from."""

    posts: list = field(default_factory=list)
    newer: Place | None = None
    older: Place | None = None


def all_places():
    """The places of all listed posts."""
    return ListedText.objects.all()


def places_of(term):
    """The places of the posts with a term."""
    return PostTerm.objects.filter(term=term)


def read_page(places, *, older=None, newer=None):
    """The ListPage of `places` (a queryset with published_at and post_id) that comes after the Place `older`, or before
    `newer`, or the first one. Two queries; a few more where posts were listed a moment ago."""
    if newer:
        found, is_more = _walk(places, newer, backwards=True)
        # Short of a page the top is reached: it is shown whole.
        return ListPage(found[::-1], _place(found[-1]), _place(found[0])) if is_more else read_page(places)
    found, is_more = _walk(places, older)
    return ListPage(
        found,
        (_place(found[0]) if found else older) if older else None,
        _place(found[-1]) if found and is_more else None,
    )


def _place(post):
    return Place(post.first_published_at, post.pk)


def _walk(places, start, *, backwards=False):
    """(at most PAGE listed posts from the Place `start` on, whether there are more)."""
    listed, posts = [], {}
    for reach in REACHES:
        step = [Place(*row) for row in _from(places, start, backwards).values_list("published_at", "post_id")[:reach]]
        found = Post.objects.listed().filter(pk__in=[place.post_id for place in step])
        if reach == REACHES[0]:
            posts = {post.pk: post for post in found.with_texts()}
            keys = posts.keys()
        else:
            keys = set(found.values_list("pk", flat=True))
        listed += [place.post_id for place in step if place.post_id in keys]
        if len(listed) > PAGE or len(step) < reach:
            break
        start = step[-1]
    shown = listed[:PAGE]
    if missing := [pk for pk in shown if pk not in posts]:
        posts |= Post.objects.listed().with_texts().in_bulk(missing)
    return [posts[pk] for pk in shown if pk in posts], len(listed) > PAGE


def _from(places, start, backwards):
    if start is None:
        return places.order_by("-published_at", "-post_id")
    at, post_id = start
    if backwards:
        after = Q(published_at__gt=at) | Q(published_at=at, post_id__gt=post_id)
        # Said twice, so that both engines begin the walk there.
        return places.filter(after, published_at__gte=at).order_by("published_at", "post_id")
    after = Q(published_at__lt=at) | Q(published_at=at, post_id__lt=post_id)
    return places.filter(after, published_at__lte=at).order_by("-published_at", "-post_id")


def _list_response(request, places, *, is_indexable, **context):
    """The answer with the page of `places` that the request asks for. Search engines keep a list's first page alone:
    where the others begin moves with every release."""
    older, newer = (Place.parse(request.GET.get(name, "")) for name in ("older", "newer"))
    page = read_page(places, older=older, newer=newer)
    is_indexable = is_indexable and not request.GET
    response = render(request, "posts/list.html", context | {"page": page, "is_indexable": is_indexable})
    if not is_indexable:
        response.headers["X-Robots-Tag"] = "noindex"
    return mark_page(response, keys=[LISTS], takes=["older", "newer"])


@public
def articles(request):
    """All listed posts, newest first."""
    is_indexable = Post.objects.listed().exists()
    return _list_response(
        request, all_places(), is_indexable=is_indexable, title="Articles", address=reverse("posts:articles")
    )


@public
def facet(request, kinds, slug):
    """The listed posts of one term, newest first."""
    term = get_object_or_404(Term.objects.with_list(), kind=KINDS[kinds], slug=slug)
    return _list_response(
        request,
        places_of(term),
        is_indexable=term.is_indexable,
        title=term.name,
        term=term,
        address=term.get_absolute_url(),
    )
