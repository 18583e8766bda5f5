"""The lists of the terms of a text: read with a listed post, or with the related posts of any other."""

import json
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.sql.compiler import SQLCompiler

from posts.listing.terms import field_kind, term_key
from posts.models import Post, PostTerm, Term
from posts.reverse import address

# (field of the record, name) → the address of the list of that term, or "" if it has none.
AddressOf = Callable[[str, str], str]


class _Rows(Aggregate):
    """The values of all rows as one JSON text, a list of lists."""

    output_field = TextField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> tuple[str, Any]:
        template = "json_group_array(json_array(%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> tuple[str, Any]:
        template = "json_agg(json_build_array(%(expressions)s))::text"
        return self.as_sql(compiler, connection, template=template, **context)


def with_term_slugs(posts: QuerySet[Post]) -> QuerySet[Post]:
    """Annotate a queryset of posts with `term_slugs`, for address_finder()."""
    rows = PostTerm.objects.filter(post=OuterRef("pk")).order_by().values("post")
    found = rows.annotate(found=_Rows("term__kind", "term__key", "term__slug")).values("found")
    return posts.annotate(term_slugs=Subquery(found))


def slugs_of_terms(terms: QuerySet[Term]) -> Subquery:
    """Return the same for a queryset of Terms, as an expression."""
    rows = terms.order_by().annotate(all=Value(1)).values("all")
    return Subquery(rows.annotate(found=_Rows("kind", "key", "slug")).values("found"))


def address_finder(term_slugs: str | None) -> AddressOf:
    """Return the AddressOf for the terms in `term_slugs`: JSON, or None for none."""
    slugs = {(kind, key): slug for kind, key, slug in json.loads(term_slugs or "[]") if slug}

    def address_of(field: str, name: str) -> str:
        kind = field_kind(field)
        slug = slugs.get(term_key(kind, name))
        return address("posts:facet", Term.PLURALS[kind], slug) if slug else ""

    return address_of
