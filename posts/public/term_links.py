"""The lists of the terms of a text: read with a listed post, or with the related posts of any other."""

import json

from django.db.models import Aggregate, OuterRef, Subquery, TextField, Value

from posts.listing.terms import field_kind, term_key
from posts.models import PostTerm, Term
from posts.reverse import address


class _Rows(Aggregate):
    """The values of all rows as one JSON text, a list of lists."""

    output_field = TextField()

    def as_sqlite(self, compiler, connection, **context):
        template = "json_group_array(json_array(%(expressions)s))"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler, connection, **context):
        template = "json_agg(json_build_array(%(expressions)s))::text"
        return self.as_sql(compiler, connection, template=template, **context)


def with_term_slugs(posts):
    """Annotate a queryset of posts with `term_slugs`, for address_finder()."""
    rows = PostTerm.objects.filter(post=OuterRef("pk")).order_by().values("post")
    found = rows.annotate(found=_Rows("term__kind", "term__key", "term__slug")).values("found")
    return posts.annotate(term_slugs=Subquery(found))


def slugs_of_terms(terms):
    """Return the same for a queryset of Terms, as an expression."""
    rows = terms.order_by().annotate(all=Value(1)).values("all")
    return Subquery(rows.annotate(found=_Rows("kind", "key", "slug")).values("found"))


def address_finder(term_slugs):
    """Return a function (field of the record, name) → address of the list of that term.

    It returns "" for a term that is not in `term_slugs` (JSON, or None).
    """
    slugs = {(kind, key): slug for kind, key, slug in json.loads(term_slugs or "[]") if slug}

    def address_of(field, name):
        kind = field_kind(field)
        slug = slugs.get(term_key(kind, name))
        return address("posts:facet", Term.PLURALS[kind], slug) if slug else ""

    return address_of
