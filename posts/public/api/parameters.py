"""Which posts a request to the list asks for: its parameters, and the index scan that answers it."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, NoReturn

from django.db.models import Exists, OuterRef, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from posts.db.keyset import Cursor, PageOrder
from posts.models import ListedText, Post, PostTerm, Term
from posts.public.lists import NEWEST_FIRST

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
# What was approved first comes first; its cursors look like those of NEWEST_FIRST.
REVIEWED_FIRST = PageOrder(("reviewed_at", datetime), ("post_id", int))
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


class BadParameter(ValueError):
    """A parameter is invalid; the message says which one and what it accepts."""


@dataclass(frozen=True)
class PostQuery:
    """A parsed request. slugs: {kind of term: slug}. after: the Cursor of the last row seen, or None for the start."""

    limit: int = DEFAULT_LIMIT
    slugs: dict[str, str] = field(default_factory=dict)
    reviewed_since: datetime | None = None
    after: Cursor | None = None


def _limit(value: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", value) or not 1 <= int(value) <= MAX_LIMIT:
        raise BadParameter(f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(value)


def _since(value: str) -> datetime:
    words = "reviewed_since must be a day or a timestamp with a time zone: 2026-05-18 or 2026-05-18T09:30:00Z."
    try:
        moment = (
            parse_datetime(value) if "T" in value.upper() else datetime.combine(date.fromisoformat(value), time(), UTC)
        )
        # An offset can lead outside of the valid years.
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo else _refuse(words)
    except (ValueError, OverflowError):
        return _refuse(words)


def _after(value: str) -> Cursor:
    return NEWEST_FIRST.parse(value) or _refuse("cursor must be copied from the next link of a previous response.")


def _refuse(words: str) -> NoReturn:
    raise BadParameter(words)


def selection_from(parameters: QueryDict) -> PostQuery:
    """Return the PostQuery in a QueryDict; raise BadParameter."""
    known = ["limit", "cursor", "reviewed_since", *KINDS]
    for name, values in parameters.lists():
        if name not in known:
            raise BadParameter(f"Unknown parameter. The parameters are: {', '.join(known)}.")
        if len(values) > 1:
            raise BadParameter(f"{name} is given {len(values)} times; give it once.")
        if "\x00" in values[0]:
            raise BadParameter(f"{name} contains a NUL character.")
    given = {name: values[0] for name, values in parameters.lists()}
    return PostQuery(
        limit=_limit(given["limit"]) if "limit" in given else DEFAULT_LIMIT,
        slugs={kind: given[name] for name, kind in KINDS.items() if name in given},
        reviewed_since=_since(given["reviewed_since"]) if "reviewed_since" in given else None,
        after=_after(given["cursor"]) if "cursor" in given else None,
    )


def selected(selection: PostQuery) -> tuple[list[Post], Cursor | None]:
    """Return (at most `limit` listed posts, newest first, the Cursor after which the next page begins or None).

    With reviewed_since the order is by approval, oldest first: newer approvals come at the end, so that a program can
    continue where it stopped. A page may be shorter than the limit while an import is being closed.
    """
    terms = _terms_of(selection.slugs)
    if terms is None:
        return [], None
    if selection.reviewed_since is None and terms:
        rarest = min(terms, key=lambda term: term.listed_count)
        rows = _with_terms(PostTerm.objects.filter(term=rarest), [term for term in terms if term != rarest])
    else:
        rows = _with_terms(ListedText.objects.listed(), terms)
    order = NEWEST_FIRST
    if selection.reviewed_since is not None:
        order, rows = REVIEWED_FIRST, rows.filter(reviewed_at__gte=selection.reviewed_since)
    found = list(order.after(rows, selection.after).values_list(*order.types)[: selection.limit + 1])
    page = found[: selection.limit]
    following = Cursor(page[-1]) if len(found) > len(page) else None
    return Post.objects.listed_in_order([key for _, key in page]), following


def _terms_of(slugs: dict[str, str]) -> list[Term] | None:
    """Return the terms with these slugs, or None if one of them does not exist."""
    if not slugs:
        return []
    # The last condition lets SQLite use the index of addresses, which has no empty ones.
    found = Term.objects.filter(kind__in=slugs, slug__in=slugs.values()).exclude(slug="")
    terms = [term for term in found if slugs.get(term.kind) == term.slug]
    return terms if len(terms) == len(slugs) else None


def _with_terms(rows: QuerySet[Any], terms: list[Term]) -> QuerySet[Any]:
    for term in terms:
        rows = rows.filter(Exists(PostTerm.objects.filter(post=OuterRef("post_id"), term=term)))
    return rows
