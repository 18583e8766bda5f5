"""Which posts a request to the list asks for: its parameters, and the index scan that answers it."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from pydantic import BeforeValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from posts.db.keyset import Cursor, PageOrder
from posts.listing.listed_posts import listed_in_order
from posts.models import ListedText, Post, PostTerm, Term
from posts.public.api.base import Parameter, Refusal
from posts.public.lists import NEWEST_FIRST
from posts.search import MAX_LENGTH, search_posts

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
# What was approved first comes first; its cursors look like those of NEWEST_FIRST.
REVIEWED_FIRST = PageOrder(("reviewed_at", datetime), ("post_id", int))
# The order of what a search finds: the number of posts before it, and the last of them.
BEST_FIRST = PageOrder(("position", int), ("post_id", int))
# What str() of a Cursor gives; the first number may be microseconds since 1970, up to the year 9000.
CURSOR = r"^(?:[0-9]{1,17}|1[0-9]{17}|2[01][0-9]{16})-[0-9]{1,18}$"
# The parameter that filters by a kind of term; its value is the slug in the address of the term's list.
KINDS = {
    "stack": Term.Kind.STACK,
    "tool": Term.Kind.TOOL,
    "topic": Term.Kind.TOPIC,
    "entity": Term.Kind.ENTITY,
    "tag": Term.Kind.TAG,
    "language": Term.Kind.LANGUAGE,
    "code_language": Term.Kind.CODE,
    "difficulty": Term.Kind.DIFFICULTY,
    "author": Term.Kind.AUTHOR,
}


def _digits(value: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", value):
        raise ValueError
    return int(value)


_as_digits = BeforeValidator(_digits)


def _since(value: str) -> datetime:
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return datetime.combine(date.fromisoformat(value), time(), UTC)
    moment = parse_datetime(value) if "T" in value.upper() else None
    if moment is None or moment.tzinfo is None:
        raise ValueError
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        # An offset can lead outside of the valid years.
        raise ValueError from error


def _parameters() -> tuple[Parameter, ...]:
    slug = Annotated[str, StringConstraints(min_length=1, max_length=200)]
    moment = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}
    return (
        Parameter(
            "q",
            Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH)],
            description='Only posts with these words, best match first. "An exact phrase" is found as it is; a word or '
            "phrase after - must be absent.",
            refusal=f"must have 1 to {MAX_LENGTH} characters.",
        ),
        Parameter(
            "limit",
            # In this order: around a validator, the schema would lose the limits.
            Annotated[int, Field(ge=1, le=MAX_LIMIT, json_schema_extra={"default": DEFAULT_LIMIT}), _as_digits],
            description="The maximum number of posts on a page.",
            refusal=f"must be a whole number from 1 to {MAX_LIMIT}.",
        ),
        Parameter(
            "cursor",
            Annotated[str, StringConstraints(pattern=CURSOR)],
            description="Where the page begins. Copy it from the next link of the previous response.",
            refusal="must be copied from the next link of a previous response.",
        ),
        Parameter(
            "reviewed_since",
            Annotated[datetime, PlainValidator(_since), WithJsonSchema(moment)],
            description="Only posts approved at this time or later. A day begins at midnight UTC.",
            refusal="must be a day or a timestamp with a time zone: 2026-05-18 or 2026-05-18T09:30:00Z.",
        ),
        *(
            Parameter(
                name,
                slug,
                description=f"Only posts of this {kind.label.lower()}: the slug in the address of its list.",
                refusal="must be the slug in the address of a list.",
            )
            for name, kind in KINDS.items()
        ),
    )


PARAMETERS = _parameters()


def selected(given: dict[str, Any]) -> tuple[list[Post], Cursor | None]:
    """Return (the listed posts of a page, the Cursor after which the next page begins or None).

    given: values of PARAMETERS by name; Refusal if one of them names a list that does not exist. Newest first. With
    reviewed_since the order is by approval, oldest first: newer approvals come at the end, so that a program can
    continue where it stopped. With q the best match comes first. A page may be shorter than the limit while an import
    is being closed.
    """
    terms = _terms_of({name: given[name] for name in KINDS if name in given})
    keys, following = (_searched if "q" in given else _walked)(given, terms)
    return listed_in_order(keys), following


def _walked(given: dict[str, Any], terms: list[Term]) -> tuple[list[int], Cursor | None]:
    """Return the primary keys of a page of the list, and the Cursor after it."""
    since, limit = given.get("reviewed_since"), given.get("limit", DEFAULT_LIMIT)
    if since is None and terms:
        rarest = min(terms, key=lambda term: term.listed_count)
        rows = _with_terms(PostTerm.objects.filter(term=rarest), [term for term in terms if term != rarest])
    else:
        rows = _with_terms(ListedText.objects.listed(), terms)
    order = NEWEST_FIRST
    if since is not None:
        order, rows = REVIEWED_FIRST, rows.filter(reviewed_at__gte=since)
    after = order.parse(given.get("cursor", ""))
    found = list(order.after(rows, after).values_list(*order.types)[: limit + 1])
    page = found[:limit]
    return [key for _, key in page], Cursor(page[-1]) if len(found) > len(page) else None


def _searched(given: dict[str, Any], terms: list[Term]) -> tuple[list[int], Cursor | None]:
    """Return the primary keys of a page of what a search finds, and the Cursor after it."""
    since, limit = given.get("reviewed_since"), given.get("limit", DEFAULT_LIMIT)
    keys = list(search_posts(given["q"], terms=[term.pk for term in terms]).posts) if settings.INDEXING else []
    if keys and since is not None:
        rows = ListedText.objects.filter(post__among=keys, reviewed_at__gte=since)
        late = set(rows.values_list("post_id", flat=True))
        keys = [key for key in keys if key in late]
    start = 0
    if (cursor := BEST_FIRST.parse(given.get("cursor", ""))) is not None:
        position, last = cursor
        # What was found meanwhile may have moved it.
        start = keys.index(last) + 1 if last in keys else position
    page = keys[start : start + limit]
    end = start + len(page)
    return page, Cursor((end, page[-1])) if end < len(keys) and page else None


def _terms_of(slugs: dict[str, str]) -> list[Term]:
    """Return the terms with these slugs by the name of their parameter; raise Refusal for one that does not exist."""
    if not slugs:
        return []
    found = Term.objects.at([(KINDS[name], slug) for name, slug in slugs.items()])
    for name, slug in slugs.items():
        if (KINDS[name], slug) not in found:
            lists = settings.SITE_URL + reverse("posts:kind", args=[Term.PLURALS[KINDS[name]]])
            detail = f"{name} is not the slug of a list of this site. {lists} leads to them."
            raise Refusal(404, "List not found", detail)
    return [found[KINDS[name], slug] for name, slug in slugs.items()]


def _with_terms(rows: QuerySet[Any], terms: list[Term]) -> QuerySet[Any]:
    for term in terms:
        rows = rows.filter(Exists(PostTerm.objects.filter(post=OuterRef("post_id"), term=term)))
    return rows
