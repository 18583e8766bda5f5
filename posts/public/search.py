"""The search page."""

from collections.abc import Sequence
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from posts.db.unchanged import Unchanged, held, unchanged
from posts.listing.facets import FORM_KINDS, SINGLE, ChosenTerms, search_groups
from posts.listing.summaries import PostSummary, read_with_words
from posts.public.beginning import beginning
from posts.public.search_limit import seconds_to_wait
from posts.public.views import public, respond
from posts.search import Hits, other_spelling, search_posts
from posts.search.snippets import PlainWords, marked, snippet

PAGE = 20
# The query parameters that change the results.
TAKES = frozenset({"q", "page", *map(str, FORM_KINDS)})


@public
def search(request: HttpRequest) -> HttpResponse:
    """Show what is found for ?q=, best first, filtered by terms. Never indexable."""
    selection = ChosenTerms.from_query(request.GET)
    if (request.GET.get("q", "").strip() or selection.terms) and (wait := seconds_to_wait(request)):
        response = render(request, "429.html", {"seconds": wait}, status=429)
        response.headers["Retry-After"] = str(wait)
        response.headers["Cache-Control"] = "no-store"
        return response
    number = _page_number(request.GET.get("page", ""))
    hits = _search(request.GET.get("q", ""), selection, ranked=number * PAGE)
    last = max(1, -(-len(hits.posts) // PAGE))
    number = min(number, last)
    shown = hits.posts[(number - 1) * PAGE : number * PAGE]
    found, kept = _read(shown, has_choice=bool(selection.terms))
    stems = hits.query.stems
    rows = [
        (line, marked(line.record["title"], stems), snippet(words, stems))
        for line, words in (found[pk] for pk in shown if pk in found)
    ]
    other = other_spelling(hits.query) if hits.query and not hits.posts and not hits.beside else None
    # What is suggested or can be chosen is in an article of a list.
    is_empty = not hits.posts and other is None and not selection.terms
    query = urlencode({"q": hits.query.text}) + (f"&{selection.query}" if selection.query else "")
    context = {
        "hits": hits,
        "rows": rows,
        "found": len(hits.posts),
        "selection": selection,
        "groups": search_groups(hits, selection, kept) if hits.posts or selection.terms else [],
        "other": other,
        "query": query,
        "beginning": beginning() if is_empty else None,
        "start": (number - 1) * PAGE + 1,
        "previous": number - 1 if number > 1 else None,
        "next": number + 1 if number < last else None,
        "is_indexable": False,
    }
    return respond(request, "posts/search.html", context, vary_on=TAKES, has_stats=context["beginning"] is not None)


def _read(
    keys: Sequence[int], *, has_choice: bool
) -> tuple[dict[int, tuple[PostSummary, PlainWords]], Unchanged | None]:
    """Return what read_with_words() returns of posts, and what the process keeps, if that is confirmed.

    has_choice: whether terms are chosen. Then a search asks for enough already, and begins to keep nothing.
    """
    kept = held() if has_choice or not keys else unchanged()
    found, state = read_with_words(keys, kept.position)
    if state == kept.state:
        return found, kept
    return found, kept.confirmed(state) if found and not has_choice else None


def _search(typed: str, selection: ChosenTerms, *, ranked: int) -> Hits:
    if selection.is_impossible or not settings.INDEXING:
        return search_posts("")
    others = [term.pk for term in selection.terms if term.kind not in SINGLE]
    has_single = len(others) < len(selection.terms)
    terms = [term.pk for term in selection.terms]
    return search_posts(typed, terms=terms, beside=others if has_single else None, ranked=ranked)


def _page_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 and int(text) else 1
