"""Lists of listed posts, newest first: all of them, and those of each term.

A page is one index scan from its place on, so that page 5,000 costs what page 1 costs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect

from posts.db.keyset import Cursor, PageOrder
from posts.db.prepared_query import PreparedQuery
from posts.db.unchanged import Unchanged, state_of_log, unchanged
from posts.listing.facets import FORM_KINDS, SAMPLE, ChosenTerms, list_groups, places_along, rarest_first
from posts.listing.site_stats import site_stats
from posts.listing.summaries import PostSummary, lines_of, read_summaries, with_lines
from posts.models import Post, Term
from posts.models.lookups import KeyIsAmong
from posts.models.term import TermQuerySet
from posts.public.beginning import beginning
from posts.public.json_ld import page_data
from posts.public.views import public, respond
from posts.reverse import address as address_of

PAGE = 24
TERMS_SHOWN = 200
FEW = 3
# How far a walk looks for posts that are still listed, after an import was closed and before its rows are gone.
REACHES = (PAGE + 1, 10 * PAGE, 100 * PAGE)
# The query parameters that change a list.
TAKES = frozenset({"older", "newer", *map(str, FORM_KINDS)})
KINDS = {plural: kind for kind, plural in Term.PLURALS.items()}
NEWEST_FIRST = PageOrder(("-published_at", datetime), ("-post_id", int))
MOST_USED_FIRST = PageOrder(("-listed_count", int), ("pk", int))


@dataclass(frozen=True)
class ListPage:
    """One page of a list. lines: newest first. newer, older: the Cursor from which the next page that way starts."""

    lines: list[PostSummary] = field(default_factory=list)
    newer: Cursor | None = None
    older: Cursor | None = None


def read_page(
    terms: Sequence[int], kept: Unchanged, *, older: Cursor | None = None, newer: Cursor | None = None
) -> tuple[ListPage, Unchanged]:
    """Return the ListPage of the posts with all `terms` after the Cursor `older`, before `newer`, or from the start.

    terms: primary keys, the rarest first. The second value is what the process keeps, confirmed by the same statement.
    One query; a few more if posts were listed a moment ago.
    """
    if newer:
        found, is_more, kept = _walk(terms, newer, kept, backwards=True)
        if is_more:
            return ListPage(found[::-1], _cursor(found[-1]), _cursor(found[0])), kept
        # A short page means that the top is reached: show it whole.
        return read_page(terms, kept)
    found, is_more, kept = _walk(terms, older, kept)
    page = ListPage(
        found,
        (_cursor(found[0]) if found else older) if older else None,
        _cursor(found[-1]) if found and is_more else None,
    )
    return page, kept


def _cursor(line: PostSummary) -> Cursor:
    return Cursor((line.published_at, line.pk))


def _walk(
    terms: Sequence[int], start: Cursor | None, kept: Unchanged, *, backwards: bool = False
) -> tuple[list[PostSummary], bool, Unchanged]:
    """Return (at most PAGE summaries from the Cursor `start` on, whether there are more, what the process keeps)."""
    if not settings.INDEXING:
        return [], False, kept
    direction = None if start is None else backwards
    place = {} if start is None else dict(zip(NEWEST_FIRST.types, start, strict=True))
    query = _lines_query(connection.vendor, len(terms), direction, REACHES[0])
    rows = query.raw_rows(log=kept.position, **_named(terms), **place)
    kept = kept.confirmed(rows[0][-1] if rows else None)
    lines = lines_of([row[:-2] for row in rows])
    # Some may have left the list a moment ago, or all of them.
    if len(lines) < (rows[0][-2] if rows else 1):
        found, is_more = _walk_far(terms, start, backwards=backwards)
        return found, is_more, kept
    return lines[:PAGE], len(lines) > PAGE, kept


@lru_cache(maxsize=64)
def _lines_query(vendor: str, number: int, backwards: bool | None, reach: int) -> PreparedQuery:
    """Return the PreparedQuery for the lines of a page, with the number of its places and the state of the log."""

    def lines(log: int, published_at: datetime | None = None, post_id: int | None = None, **terms: int) -> Any:
        start = None if backwards is None else Cursor((published_at, post_id))
        places = _from_place(list(terms.values()), start, backwards)
        walked, values = places.values_list("post_id")[:reach].query.sql_with_params()
        counting = f"(SELECT COUNT(*) FROM ({walked}) places)"  # noqa: S608 (Django's own SQL)
        count = RawSQL(counting, values)  # noqa: S611  # nosec B611
        posts = Post.objects.listed().filter(KeyIsAmong(walked, values))
        posts = posts.annotate(walked=count, state=state_of_log(log))
        return with_lines(posts, "walked", "state").order_by(*(("place", "pk") if backwards else ("-place", "-pk")))

    place = {} if backwards is None else NEWEST_FIRST.types
    return PreparedQuery(lines, log=int, **dict.fromkeys(_named(range(number)), int), **place)


def _walk_far(terms: Sequence[int], start: Cursor | None, *, backwards: bool) -> tuple[list[PostSummary], bool]:
    """Return what _walk() returns first, past any number of posts that have just left the list."""
    listed: list[int] = []
    for reach in REACHES:
        step = _step(terms, start, backwards, reach)
        keys = [post_id for _, post_id in step]
        found = set(Post.objects.listed().filter(pk__among=keys).values_list("pk", flat=True)) if keys else set()
        listed += [key for key in keys if key in found]
        if len(listed) > PAGE or len(step) < reach:
            break
        start = step[-1]
    shown = listed[:PAGE]
    lines = read_summaries(shown)
    return [lines[pk] for pk in shown if pk in lines], len(listed) > PAGE


def _step(terms: Sequence[int], start: Cursor | None, backwards: bool, reach: int) -> list[Cursor]:
    """Return the Cursors of at most `reach` posts after `start` with all terms of these primary keys."""
    direction = None if start is None else backwards
    place = {} if start is None else dict(zip(NEWEST_FIRST.types, start, strict=True))
    query = _step_query(connection.vendor, len(terms), direction, reach)
    return [Cursor(row) for row in query.rows(**_named(terms), **place)]


def _named(terms: Iterable[int]) -> dict[str, int]:
    return {f"term_{at}": term for at, term in enumerate(terms)}


@lru_cache(maxsize=128)
def _step_query(vendor: str, number: int, backwards: bool | None, reach: int) -> PreparedQuery:
    """Return the PreparedQuery of _step() for a number of terms. backwards: None for a walk from the start."""

    def step(published_at: datetime | None = None, post_id: int | None = None, **terms: int) -> QuerySet[Any, Any]:
        start = None if backwards is None else Cursor((published_at, post_id))
        return _from_place(list(terms.values()), start, backwards).values_list(*NEWEST_FIRST.types)[:reach]

    place = {} if backwards is None else NEWEST_FIRST.types
    return PreparedQuery(step, **dict.fromkeys(_named(range(number)), int), **place)


def _from_place(terms: Sequence[int], start: Cursor | None, backwards: bool | None) -> QuerySet[Any, Any]:
    """Return the places of the posts with all terms of these primary keys, from a Cursor on."""
    walk = NEWEST_FIRST.before if backwards else NEWEST_FIRST.after
    return walk(places_along(terms), start)


def _list_response(request: HttpRequest, kept: Unchanged, main: Term | None = None) -> HttpResponse:
    """Return the requested page of a list. main: the term whose list it is, or None; as `kept` knows it.

    Only the first page of an unfiltered list is indexable: later pages shift with every release, and there are
    countless filters.
    """
    selection = ChosenTerms.from_query(request.GET, main=main)
    terms = rarest_first((*((main,) if main else ()), *selection.terms))
    older, newer = (NEWEST_FIRST.parse(request.GET.get(name, "")) for name in ("older", "newer"))
    page, now = (ListPage(), kept) if selection.is_impossible else read_page(terms, kept, older=older, newer=newer)
    if main and now is not kept:
        known, main = main, _listed_term(now, main.plural, main.slug)
        if main is None or main.pk != known.pk:
            return facet(request, known.plural, known.slug)
    context = _list_context(main, selection, page, now)
    is_whole = not TAKES & request.GET.keys()
    context["is_first"] = not (older or newer)
    context["is_indexable"] = is_whole and (main.is_indexable if main else bool(page.lines))
    return respond(request, "posts/list.html", context, vary_on=TAKES, has_stats=not main)


def _list_context(main: Term | None, selection: ChosenTerms, page: ListPage, kept: Unchanged) -> dict[str, Any]:
    """Return what a list shows, beside where it is. kept: confirmed."""
    is_narrowed = bool(selection.terms or selection.is_impossible)
    if is_narrowed:
        groups, found = list_groups(main, selection)
        counted = found
    else:
        key = "groups", main.pk if main else None, settings.INDEXING
        groups, counted = kept.get(key, lambda: list_groups(main, selection))
        found = main.listed_count if main else site_stats(kept).listed
    title, address = (main.label, main.get_absolute_url()) if main else ("Articles", address_of("posts:articles"))
    way = [(main.plural_label, address_of("posts:kind", main.plural))] if main else []
    return {
        "title": title,
        "beginning": None if page.lines or main or is_narrowed else beginning(),
        "json_ld": page_data(title, address, way=way),
        "term": main,
        "address": address,
        "page": page,
        "selection": selection,
        "groups": groups,
        "found": min(found, SAMPLE) if is_narrowed else found,
        "is_more": is_narrowed and found > SAMPLE,
        # The numbers beside the filters cover only the latest posts.
        "sample": SAMPLE if counted > SAMPLE else None,
    }


@public
def articles(request: HttpRequest) -> HttpResponse:
    """Show all listed posts, newest first."""
    return _list_response(request, unchanged())


def term_at(terms: TermQuerySet, kinds: str, slug: str) -> Term:
    """Return the term whose list has, or had, this address; Http404 if there is none among `terms`."""
    place = (str(KINDS[kinds]), slug)
    if term := terms.at([place]).get(place):
        return term
    raise Http404


def _listed_term(kept: Unchanged, kinds: str, slug: str) -> Term | None:
    """Return the term whose list has this address, if there is one, as `kept` knows it."""
    # PostgreSQL refuses to look for such a slug.
    if "\x00" in slug or not settings.INDEXING:
        return None
    place = {"kind": str(KINDS[kinds]), "slug": slug}
    term: Term | None = kept.get(("term", kinds, slug), lambda: _term_query(connection.vendor).first(**place))
    return term


@lru_cache(maxsize=2)
def _term_query(vendor: str) -> PreparedQuery:
    return PreparedQuery(lambda kind, slug: Term.objects.with_list().filter(kind=kind, slug=slug), kind=str, slug=str)


@public
def facet(request: HttpRequest, kinds: str, slug: str) -> HttpResponse:
    """Show the listed posts of one term, newest first."""
    kept = unchanged()
    term = _listed_term(kept, kinds, slug) or term_at(Term.objects.with_list(), kinds, slug)
    if term.slug != slug:
        return HttpResponsePermanentRedirect(term.get_absolute_url())
    return _list_response(request, kept, term)


@public
def kind(request: HttpRequest, kinds: str) -> HttpResponse:
    """Show all terms of a kind that have a list, most used first."""
    name, last = Term.Kind(KINDS[kinds]), MOST_USED_FIRST.parse(request.GET.get("after", ""))
    terms = list(MOST_USED_FIRST.after(Term.objects.with_list().filter(kind=name), last)[: TERMS_SHOWN + 1])
    shown = terms[:TERMS_SHOWN]
    top = shown[0].listed_count if shown else 1
    context = {
        "title": Term(kind=name).plural_label,
        "address": address_of("posts:kind", kinds),
        "beginning": None if shown else beginning(),
        "json_ld": page_data(Term(kind=name).plural_label, address_of("posts:kind", kinds)),
        "kind": name,
        "terms": [(term, round(100 * term.listed_count / top)) for term in shown],
        # Bars of one to three posts show nothing that the numbers don't.
        "has_bars": top > FEW,
        "after": MOST_USED_FIRST.cursor_of(shown[-1]) if len(terms) > TERMS_SHOWN else None,
        "is_first": last is None,
        "is_indexable": bool(shown) and "after" not in request.GET,
    }
    return respond(request, "posts/kind.html", context, vary_on=["after"], has_stats=context["beginning"] is not None)
