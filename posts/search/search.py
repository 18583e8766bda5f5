"""Finds listed texts, best first, at the same cost for any number of texts."""

import time
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from django.db import connection

from posts.db.prepared_query import PreparedQuery
from posts.models import ListedText
from posts.search.backends import engine_for
from posts.search.query_parser import MAX_WORDS, Query, read_query
from posts.search.spelling import near_words
from posts.search.tokens import WORD, plain_word, stem_of

# A word in half of all texts cannot rank them. The latest so many with it in title or terms are ranked and, if there
# are fewer, the latest so many that contain it; a longer query finds the others.
CAP = 200
# The limit for a suggestion, beyond the search that found nothing.
MOST_TRIES, SUGGESTION_SECONDS = 5, 0.5


@dataclass(frozen=True)
class Hits:
    """The result of a search. posts: primary keys, best first. is_capped: whether there may be more."""

    query: Query
    posts: tuple = ()
    is_capped: bool = False


def search_posts(typed, *, terms=()):
    """Return the Hits of a typed query among the listed texts that have all `terms` (primary keys).

    It reads words only. Before showing a post, ask PostQuerySet.listed whether it may be listed.
    """
    query = read_query(typed)
    return Hits(query, *_found(query, terms)) if query else Hits(query)


def _found(query, terms):
    engine, terms = engine_for(connection), [int(term) for term in terms]
    with connection.cursor() as cursor:
        about = dict(engine.find(cursor, query.phrases, terms, limit=CAP + 1, in_head=True))
        holding = dict(engine.find(cursor, query.phrases, terms, limit=CAP + 1)) if len(about) <= CAP else {}
    scores = about | holding
    # Texts about the words come before texts that only contain them.
    best = sorted(scores, key=lambda number: (number not in about, -scores[number], -number))[:CAP]
    is_capped = max(len(about), len(holding)) > CAP
    posts = dict(_posts_query(connection.vendor).rows(numbers=best)) if best else {}
    return tuple(posts[number] for number in best if number in posts), is_capped


@lru_cache(maxsize=2)
def _posts_query(vendor):
    return PreparedQuery(
        lambda numbers: ListedText.objects.filter(pk__among=numbers).values_list("pk", "post_id"), numbers=list
    )


def other_spelling(query, *, terms=(), clock=time.monotonic):
    """Return the text of a query with one word corrected that finds something; or None.

    It searches the words that the search itself uses, and gives up after MOST_TRIES searches or SUGGESTION_SECONDS: a
    suggestion is optional. clock() returns seconds.
    """
    engine, end, tries = engine_for(connection), clock() + SUGGESTION_SECONDS, MOST_TRIES
    for typed in islice(WORD.finditer(query.text), MAX_WORDS):
        stem = stem_of(typed[0])
        with connection.cursor() as cursor:
            if clock() >= end:
                return None
            if not stem or engine.find(cursor, [(stem,)], (), limit=1):
                continue
        for word in near_words(plain_word(typed[0])):
            text = query.text[: typed.start()] + word + query.text[typed.end() :]
            if not tries or clock() >= end:
                return None
            tries -= 1
            if search_posts(text, terms=terms).posts:
                return text
    return None
