"""Lists of listed posts, newest first: all of them, and those of each term.

A page is one index scan from its place on, so that page 5,000 costs what page 1 costs.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from django.db import connection
from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.urls import reverse

from posts.db.prepared_query import PreparedQuery
from posts.listing.facets import FORM_KINDS, SAMPLE, Selection, list_groups, places_along, rarest_first
from posts.listing.site_stats import STATS_SECONDS, site_stats
from posts.listing.summaries import read_summaries
from posts.models import Post, Term
from posts.public.views import public, respond

PAGE = 24
TERMS_SHOWN = 200
# How far a walk looks for posts that are still listed, where an import was switched off and its rows still stand.
REACHES = (PAGE + 1, 10 * PAGE, 100 * PAGE)
# What of a query changes a list.
TAKES = frozenset({"older", "newer", *map(str, FORM_KINDS)})
KINDS = {plural: kind for kind, plural in Term.PLURALS.items()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Place(NamedTuple):
    """The position of a post in a list. An address with it works even after the post is gone."""

    published_at: datetime
    post_id: int

    def __str__(self):
        return f"{(self.published_at - _EPOCH) // _MICROSECOND}-{self.post_id}"

    @classmethod
    def parse(cls, text):
        """Return the Place that str() wrote, or None for any other text."""
        moment, _, post_id = str(text).partition("-")
        if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (moment, post_id)):
            return None
        try:
            return cls(_EPOCH + int(moment) * _MICROSECOND, int(post_id))
        except OverflowError:
            return None


@dataclass(frozen=True)
class ListPage:
    """One page of a list. lines: newest first. newer, older: the Place from which the next page that way starts."""

    lines: list = field(default_factory=list)
    newer: Place | None = None
    older: Place | None = None


def read_page(terms, *, older=None, newer=None):
    """Return the ListPage of the posts with all `terms` after the Place `older`, before `newer`, or from the start.

    Two queries; a few more if posts were listed a moment ago.
    """
    if newer:
        found, is_more = _walk(terms, newer, backwards=True)
        # Short of a page the top is reached: it is shown whole.
        return ListPage(found[::-1], _place(found[-1]), _place(found[0])) if is_more else read_page(terms)
    found, is_more = _walk(terms, older)
    return ListPage(
        found,
        (_place(found[0]) if found else older) if older else None,
        _place(found[-1]) if found and is_more else None,
    )


def _place(line):
    return Place(line.published_at, line.pk)


def _walk(terms, start, *, backwards=False):
    """Return (at most PAGE summaries from the Place `start` on, whether there are more)."""
    listed, lines = [], {}
    for reach in REACHES:
        step = _step(rarest_first(terms), start, backwards, reach)
        keys = [place.post_id for place in step]
        if reach == REACHES[0]:
            found = lines = read_summaries(keys)
        else:
            found = set(Post.objects.listed().filter(pk__among=keys).values_list("pk", flat=True))
        listed += [key for key in keys if key in found]
        if len(listed) > PAGE or len(step) < reach:
            break
        start = step[-1]
    shown = listed[:PAGE]
    lines |= read_summaries([pk for pk in shown if pk not in lines])
    return [lines[pk] for pk in shown if pk in lines], len(listed) > PAGE


def _step(terms, start, backwards, reach):
    """Return at most `reach` Places after `start` of posts with all terms of these primary keys."""
    direction = None if start is None else backwards
    place = {} if start is None else start._asdict()
    query = _step_query(connection.vendor, len(terms), direction, reach)
    return [Place(*row) for row in query.rows(**_named(terms), **place)]


def _named(terms):
    return {f"term_{at}": term for at, term in enumerate(terms)}


@lru_cache(maxsize=128)
def _step_query(vendor, number, backwards, reach):
    """Return the PreparedQuery of _step() for a number of terms. backwards: None for a walk from the start."""

    def step(published_at=None, post_id=None, **terms):
        start = None if backwards is None else Place(published_at, post_id)
        rows = list_rows(places_along(list(terms.values())), start, bool(backwards))
        return rows.values_list("published_at", "post_id")[:reach]

    place = {} if backwards is None else {"published_at": datetime, "post_id": int}
    return PreparedQuery(step, **dict.fromkeys(_named(range(number)), int), **place)


def list_rows(places, start, backwards=False):
    """Return `places` in list order from the Place `start` on (None: from the newest), or towards newer ones."""
    if start is None:
        return places.order_by("-published_at", "-post_id")
    at, post_id = start
    if backwards:
        after = Q(published_at__gt=at) | Q(published_at=at, post_id__gt=post_id)
        # Said twice, so that both engines begin the walk there.
        return places.filter(after, published_at__gte=at).order_by("published_at", "post_id")
    after = Q(published_at__lt=at) | Q(published_at=at, post_id__lt=post_id)
    return places.filter(after, published_at__lte=at).order_by("-published_at", "-post_id")


def _list_response(request, *, main=None, title, address):
    """Return the requested page of a list. main: the term whose list it is, or None.

    Only the first page of an unfiltered list is indexable: later pages shift with every release, and there are
    countless filters.
    """
    selection = Selection.from_query(request.GET, main=main)
    terms = (*((main,) if main else ()), *selection.terms)
    older, newer = (Place.parse(request.GET.get(name, "")) for name in ("older", "newer"))
    page = ListPage() if selection.is_impossible else read_page(terms, older=older, newer=newer)
    groups, counted = list_groups(main, selection)
    is_narrowed = bool(selection.terms or selection.is_impossible)
    if is_narrowed:
        found = counted
    elif main:
        found = main.listed_count
    else:
        found = site_stats().listed
    context = {
        "title": title,
        "term": main,
        "address": address,
        "page": page,
        "selection": selection,
        "groups": groups,
        "found": min(found, SAMPLE) if is_narrowed else found,
        "is_more": is_narrowed and found > SAMPLE,
        # The numbers beside the filters are those of the latest posts only.
        "sample": SAMPLE if counted > SAMPLE else None,
        "is_first": not (older or newer),
        "is_indexable": (main.is_indexable if main else bool(page.lines)) and not TAKES & request.GET.keys(),
    }
    # The number of all articles is counted in the background and changes without being noted.
    seconds = None if main else STATS_SECONDS
    return respond(request, "posts/list.html", context, vary_on=TAKES, seconds=seconds)


@public
def articles(request):
    """Show all listed posts, newest first."""
    return _list_response(request, title="Articles", address=reverse("posts:articles"))


@public
def facet(request, kinds, slug):
    """Show the listed posts of one term, newest first."""
    term = get_object_or_404(Term.objects.with_list(), kind=KINDS[kinds], slug=slug)
    return _list_response(request, main=term, title=term.label, address=term.get_absolute_url())


@public
def kind(request, kinds):
    """Show all terms of a kind that have a list, most used first."""
    name, last = Term.Kind(KINDS[kinds]), _TermPlace.parse(request.GET.get("after", ""))
    terms = Term.objects.with_list().filter(kind=name).most_used_first()
    if last:
        # Said twice, so that both engines begin the walk there.
        terms = terms.filter(
            Q(listed_count__lt=last.count) | Q(listed_count=last.count, pk__gt=last.term_id),
            listed_count__lte=last.count,
        )
    terms = list(terms[: TERMS_SHOWN + 1])
    shown = terms[:TERMS_SHOWN]
    top = shown[0].listed_count if shown else 1
    context = {
        "title": Term.PLURALS[name].replace("-", " ").capitalize(),
        "address": reverse("posts:kind", args=[kinds]),
        "kind": name,
        "terms": [(term, round(100 * term.listed_count / top)) for term in shown],
        "after": _TermPlace(shown[-1].listed_count, shown[-1].pk) if len(terms) > TERMS_SHOWN else None,
        "is_first": last is None,
        "is_indexable": bool(shown) and "after" not in request.GET,
    }
    return respond(request, "posts/kind.html", context, vary_on=["after"])


class _TermPlace(NamedTuple):
    """The position of a term among those of its kind."""

    count: int
    term_id: int

    def __str__(self):
        return f"{self.count}-{self.term_id}"

    @classmethod
    def parse(cls, text):
        """Return the place that str() wrote, or None for any other text."""
        numbers = str(text).split("-")
        if len(numbers) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in numbers):
            return None
        return cls(*map(int, numbers))
