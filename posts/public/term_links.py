"""The lists of the terms of a text: read with a listed post, or with the related posts of any other."""

import json
from collections.abc import Callable
from functools import cache

from django.db.models import OuterRef, QuerySet, Subquery, Value

from posts.db.json_rows import JsonRows
from posts.listing.terms import field_kind, term_key
from posts.models import Post, PostTerm, Term
from posts.reverse import address

# (field of the record, name) → the address of the list of that term, or "" if it has none.
AddressOf = Callable[[str, str], str]


def with_term_slugs(posts: QuerySet[Post]) -> QuerySet[Post]:
    """Annotate a queryset of posts with `term_slugs`, for address_finder()."""
    rows = PostTerm.objects.filter(post=OuterRef("pk")).order_by().values("post")
    found = rows.annotate(found=JsonRows("term__kind", "term__key", "term__slug")).values("found")
    return posts.annotate(term_slugs=Subquery(found))


def slugs_of_terms(terms: QuerySet[Term]) -> Subquery:
    """Return the same for a queryset of Terms, as an expression."""
    rows = terms.order_by().annotate(all=Value(1)).values("all")
    return Subquery(rows.annotate(found=JsonRows("kind", "key", "slug")).values("found"))


@cache
def _place_of(field: str) -> tuple[str, str]:
    """Return the kind of the terms in a field of the record, and the word for it in addresses."""
    kind = field_kind(field)
    return str(kind), Term.PLURALS[kind]


def address_finder(term_slugs: str | None) -> AddressOf:
    """Return the AddressOf for the terms in `term_slugs`: JSON, or None for none."""
    slugs = {(kind, key): slug for kind, key, slug in json.loads(term_slugs or "[]") if slug}

    def address_of(field: str, name: str) -> str:
        kind, plural = _place_of(field)
        slug = slugs.get(term_key(kind, name))
        return address("posts:facet", plural, slug) if slug else ""

    return address_of
