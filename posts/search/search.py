"""Finds listed texts, best first, at the same cost for any number of texts."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from posts.db.prepared_query import PreparedQuery
from posts.models import ListedText
from posts.search.backends import engine_for
from posts.search.query_parser import Query, Wish, read_query
from posts.search.spelling import near_words
from posts.search.tokens import plain_word, stem_of

# A word in half of all texts cannot rank them. The latest so many with it in title or terms are ranked and, if there
# are fewer, the latest so many that contain it; a longer query finds the others.
CAP = 200
# The limit for a suggestion, beyond the search that found nothing.
MOST_TRIES, SUGGESTION_SECONDS = 5, 0.5


@dataclass(frozen=True)
class Hits:
    """The result of a search.

    posts: primary keys, best first. is_capped: whether there may be more. beside: those of posts with other terms, in
    no order.
    """

    query: Query
    posts: tuple[int, ...] = ()
    is_capped: bool = False
    beside: tuple[int, ...] = ()


def search_posts(typed: str, *, terms: Iterable[int] = (), beside: Iterable[int] | None = None) -> Hits:
    """Return the Hits of a typed query among the listed texts that have all `terms` (primary keys).

    beside: other terms, with which the latest CAP texts that contain the words are looked for too.

    It reads words only. Before showing a post, ask PostQuerySet.listed whether it may be listed.
    """
    query = read_query(typed)
    return Hits(query, *_found(query, terms, beside)) if query else Hits(query)


def _found(
    query: Query, terms: Iterable[int], beside: Iterable[int] | None
) -> tuple[tuple[int, ...], bool, tuple[int, ...]]:
    engine, terms = engine_for(connection), [int(term) for term in terms]
    with connection.cursor() as cursor:
        found = engine.find(
            cursor,
            query,
            [
                *([] if beside is None else [Wish(list(beside), CAP)]),
                Wish(terms, CAP + 1, in_head=True),
                Wish(terms, CAP + 1),
            ],
        )
        others = [] if beside is None else [pk for pk, _ in next(found)]
        if beside is not None and not others:
            return (), False, ()
        about = dict(next(found))
        holding = dict(next(found)) if len(about) <= CAP else {}
    scores = about | holding
    # Texts about the words come before texts that only contain them.
    best = sorted(scores, key=lambda number: (number not in about, -scores[number], -number))[:CAP]
    is_capped = max(len(about), len(holding)) > CAP
    numbers = [*best, *others]
    posts = dict(_posts_query(connection.vendor).rows(numbers=numbers)) if numbers else {}
    best_posts, posts_beside = ([posts[number] for number in part if number in posts] for part in (best, others))
    return tuple(best_posts), is_capped, tuple(posts_beside)


@lru_cache(maxsize=2)
def _posts_query(vendor: str) -> PreparedQuery:
    return PreparedQuery(
        lambda numbers: ListedText.objects.filter(pk__among=numbers).values_list("pk", "post_id"), numbers=list
    )


def other_spelling(query: Query, *, clock: Callable[[], float] = time.monotonic) -> str | None:
    """Return the text of a query with one word corrected that finds something; or None.

    It looks at the words that the search itself uses, in three statements: which of them no text has, what they may be
    a slip of, and which of the first MOST_TRIES texts of a query finds something. It gives up after SUGGESTION_SECONDS:
    a suggestion is optional. clock() returns seconds.
    """
    engine, end = engine_for(connection), clock() + SUGGESTION_SECONDS
    words = [query.text[start:stop] for start, stop in query.places]
    if clock() >= end or not words:
        return None
    with connection.cursor() as cursor:
        known = engine.which_find(cursor, [Query(word, ((stem_of(word),),)) for word in words])
    unknown = [place for place, is_known in zip(query.places, known, strict=True) if not is_known]
    near = near_words([plain_word(query.text[start:stop]) for start, stop in unknown])
    texts = [
        query.text[:start] + other + query.text[stop:]
        for start, stop in unknown
        for other in near[plain_word(query.text[start:stop])]
    ][:MOST_TRIES]
    queries = [read for text in texts if (read := read_query(text))]
    if clock() >= end or not queries:
        return None
    with connection.cursor() as cursor:
        finds = engine.which_find(cursor, queries)
    return next((read.text for read, is_found in zip(queries, finds, strict=True) if is_found), None)
