"""Finds listed texts, best first, at the same cost for any number of texts."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat

from posts.db.json_rows import SpacedRows
from posts.db.prepared_query import PreparedQuery
from posts.models import ListedText, PostTerm
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
    no order. terms: what filters count of each of all these, as ListedText.terms.
    """

    query: Query
    posts: tuple[int, ...] = ()
    is_capped: bool = False
    beside: tuple[int, ...] = ()
    terms: Mapping[int, str] = field(default_factory=dict)


def search_posts(
    typed: str, *, terms: Iterable[int] = (), beside: Iterable[int] | None = None, ranked: int = CAP
) -> Hits:
    """Return the Hits of a typed query among the listed texts that have all `terms` (primary keys).

    beside: other terms, with which the latest CAP texts that contain the words are looked for too. ranked: how many of
    the first posts must be in order; the others are the latest first if that is faster.

    It reads words only. Before showing a post, ask PostQuerySet.listed whether it may be listed.
    """
    query = read_query(typed)
    return _found(query, list(terms), beside, ranked) if query else Hits(query)


def _found(query: Query, terms: Sequence[int], beside: Iterable[int] | None, ranked: int) -> Hits:
    engine = engine_for(connection)
    wishes = [Wish(terms, CAP + 1, in_head=True), Wish(terms, CAP + 1)]
    with connection.cursor() as cursor:
        head, whole, *of_others = engine.plan(
            cursor, query, [*wishes, *([] if beside is None else [Wish(list(beside), CAP)])]
        )
        others = [pk for planned in of_others for pk, _ in engine.find(cursor, query, planned, is_ranked=False)]
        if of_others and not others:
            return Hits(query)
        about = dict(engine.find(cursor, query, head, is_ranked=True))
        is_ranked = len(about) < ranked
        holding = dict(engine.find(cursor, query, whole, is_ranked=is_ranked)) if len(about) <= CAP else {}
    scores = holding | about
    # Texts about the words come before texts that only contain them.
    best = sorted(scores, key=lambda number: (number not in about, -scores[number], -number))[:CAP]
    is_capped = max(len(about), len(holding)) > CAP
    numbers = [*best, *others]
    rows = _posts_query(connection.vendor).raw_rows(numbers=numbers) if numbers else []
    posts = {number: post for number, post, _ in rows}
    best_posts, posts_beside = (tuple(posts[number] for number in part if number in posts) for part in (best, others))
    return Hits(query, best_posts, is_capped, posts_beside, {post: terms for _, post, terms in rows})


@lru_cache(maxsize=2)
def _posts_query(vendor: str) -> PreparedQuery:
    def posts(numbers: list[int]) -> QuerySet[Any, Any]:
        # The version of the site before this one, which may run beside it during an upgrade, stores none.
        rows = PostTerm.objects.filter(post=OuterRef("post")).order_by().values("post")
        term = Concat("term__kind", Value(":"), Cast("term", TextField()), output_field=TextField())
        read = Subquery(rows.annotate(terms=SpacedRows(term)).values("terms"))
        found = ListedText.objects.filter(pk__among=numbers)
        return found.values_list("pk", "post_id", Coalesce("terms", read, Value(""), output_field=TextField()))

    return PreparedQuery(posts, numbers=list)


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
