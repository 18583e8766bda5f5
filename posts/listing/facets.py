"""Filters of a list or search by terms, with the number of posts behind each."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Self
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import QueryDict

from posts.db.prepared_query import PreparedQuery, planned_rows
from posts.db.unchanged import Unchanged
from posts.models import ListedText, PostTerm, Term
from posts.page_cache.shared_cache import cache_get, cache_set
from posts.search import Hits

Kind = Term.Kind
# The kinds that a form offers, in its order. A text has one level and one language, so those exclude each other.
FORM_KINDS = (Kind.DIFFICULTY, Kind.STACK, Kind.TOOL, Kind.CODE, Kind.LANGUAGE, Kind.TAG, Kind.AUTHOR)
SINGLE = frozenset({Kind.DIFFICULTY, Kind.CODE, Kind.LANGUAGE, Kind.TOPIC})
OPTIONS_SHOWN = 8
OFFERED = tuple((kind, OPTIONS_SHOWN) for kind in FORM_KINDS)
MAX_CHOSEN = 6
# Only the latest posts of a list are counted, so that a page's cost doesn't grow with the list.
SAMPLE = 1_000
# Per kind; more than any page shows, so that a rare chosen one still has its number.
COUNTED = 20
CACHE_SECONDS = 600
# Terms that a process keeps for searches.
MOST_TERMS = 3_000
LEVELS = {"beginner": 0, "intermediate": 1, "advanced": 2}


@dataclass(frozen=True)
class Option:
    """A term to filter by: the number of posts, and whether it is chosen."""

    term: Term
    count: int
    is_chosen: bool = False


@dataclass(frozen=True)
class Group:
    """The options of one kind."""

    kind: str
    label: str
    is_single: bool
    options: list[Option]

    @classmethod
    def of(cls, kind: Kind, terms: Iterable[Term], counts: dict[int, int], chosen: set[int]) -> "Group":
        """Return the Group of a kind: its chosen terms, then those that most posts have; levels in their own order."""
        order = [
            (term.pk not in chosen, -counts.get(term.pk, 0), term.name, term.pk, term)
            for term in terms
            if term.pk in counts or term.pk in chosen
        ]
        order.sort()
        options = [Option(term, -count, not is_other) for is_other, count, _, _, term in order[:OPTIONS_SHOWN]]
        if kind == Kind.DIFFICULTY:
            options.sort(key=lambda option: (LEVELS.get(option.term.key, len(LEVELS)), option.term.name))
        return cls(str(kind), kind.label, kind in SINGLE, options)

    @property
    def has_choice(self) -> bool:
        return any(option.is_chosen for option in self.options)

    def offers_choice(self, *, within: Term | None) -> bool:
        """Return whether its options narrow the list of a term (None: all posts), or did."""
        if len(self.options) != 1:
            return bool(self.options)
        return within is None or self.has_choice or not self.is_single


@dataclass(frozen=True)
class ChosenTerms:
    """The terms that a reader filters by. is_impossible: one of them does not exist."""

    terms: tuple[Term, ...] = ()
    is_impossible: bool = False

    @classmethod
    def from_query(cls, query: QueryDict, *, main: Term | None = None) -> Self:
        """Return the ChosenTerms of request.GET, without `main`, the term whose list is filtered."""
        wanted = [(str(kind), slug) for kind in FORM_KINDS for slug in query.getlist(kind) if slug]
        wanted = list(dict.fromkeys(wanted))[:MAX_CHOSEN]
        if not wanted:
            return cls()
        terms = Term.objects.with_list().at(wanted)
        return cls(
            tuple(terms[term] for term in wanted if term in terms and terms[term] != main),
            any(term not in terms for term in wanted),
        )

    @property
    def query(self) -> str:
        """The part of an address that names it: stack=go&tool=pgx."""
        return urlencode([(term.kind, term.slug) for term in self.terms])

    def without(self, kind: str) -> "ChosenTerms":
        """Return the same selection without the terms of a kind."""
        return ChosenTerms(tuple(term for term in self.terms if term.kind != kind), self.is_impossible)


def places_with(terms: Iterable[Term]) -> QuerySet[Any]:
    """Return the places (published_at, post_id) of the posts with all `terms`, along the rarest of them."""
    return places_along(rarest_first(terms))


def rarest_first(terms: Iterable[Term]) -> list[int]:
    """Return the primary keys of Terms in the order in which places_along() uses them."""
    return [term.pk for term in sorted(terms, key=lambda term: (term.listed_count, term.pk))]


def places_along(keys: Sequence[int]) -> QuerySet[Any]:
    """Return the places of the posts with all terms of these primary keys, along the first of them."""
    if not keys:
        return ListedText.objects.all()
    first, *others = keys
    places = PostTerm.objects.filter(term=first)
    for term in others:
        places = places.filter(Exists(PostTerm.objects.filter(post=OuterRef("post"), term=term)))
    return places


def list_groups(main: Term | None, selection: ChosenTerms) -> tuple[list[Group], int]:
    """Return (the Groups that filter the list of `main`, how many posts were counted for them).

    main: a term, or None for all posts. The number is SAMPLE + 1 if there are more, and 0 if the terms' own counts
    were used.
    """
    terms = (*((main,) if main else ()), *selection.terms)
    if selection.is_impossible:
        return [], 0
    if not terms:
        return _groups_of_all(_rows_of_most_used(OFFERED)), 0
    counts, found = _counts(terms)
    if main and not selection.terms:
        rows = _terms_query(connection.vendor).raw_rows(keys=list(counts)) if settings.INDEXING else []
        return _groups_of_term(main.pk, tuple(counts.items()), tuple(rows)), found
    return _groups(counts, main, selection, lambda kind: _counts(_without(terms, kind, main))[0]), found


def search_groups(hits: Hits, selection: ChosenTerms, kept: Unchanged | None = None) -> list[Group]:
    """Return the Groups that filter a search, from the terms that it read of what it found.

    The options beside a chosen one of SINGLE kinds are counted in the posts that it finds without those. kept: what
    the process keeps, if a statement has confirmed it.
    """
    known: dict[int, Term] = kept.get("terms of searches", dict) if kept else {}
    counts = _most_frequent(_counted(hits.terms[post] for post in hits.posts))
    chosen = {stored_term(term.kind, term.pk): term.kind for term in selection.terms if term.kind in SINGLE}

    def without(kind: Kind) -> dict[int, int]:
        """Count the terms of a kind in the posts with what is chosen of the other kinds."""
        others = {term for term, of in chosen.items() if of != kind}
        found = (hits.terms[post] for post in hits.beside)
        rows = _counted(terms for terms in found if others <= set(terms.split()))
        return {term: number for term, of, number in rows if of == kind}

    return _groups(counts, None, selection, without, known)


def stored_terms(terms: Iterable[tuple[str, int]]) -> str:
    """Return the terms (kind, primary key) of a post that filters count, as ListedText.terms."""
    return " ".join(stored_term(kind, pk) for kind, pk in sorted(terms) if kind in FORM_KINDS)


def stored_term(kind: str, pk: int) -> str:
    return f"{kind}:{pk}"


def _counted(posts: Iterable[str]) -> list[tuple[int, str, int]]:
    """Return (term id, kind, in how many posts it is) of the terms in ListedText.terms, the most frequent first."""
    counts = Counter(" ".join(posts).split())
    rows = [(int(pk), kind, found) for term, found in counts.items() for kind, _, pk in (term.partition(":"),)]
    return sorted((row for row in rows if row[1] in FORM_KINDS), key=lambda row: (-row[2], row[0]))


def _without(terms: tuple[Term, ...], kind: str, main: Term | None) -> tuple[Term, ...]:
    return tuple(term for term in terms if term.kind != kind or term == main)


def _counts(terms: tuple[Term, ...]) -> tuple[dict[int, int], int]:
    """Return ({term id: posts}, number of posts) of the latest SAMPLE posts with all `terms`.

    Cached until a post of these terms is listed or removed: the first makes a new largest number, the second changes
    a count.
    """
    if not terms:
        return {term.pk: term.listed_count for term in most_used(OFFERED)}, 0
    latest = next((pk for (pk,) in _latest_query(connection.vendor).rows()), None)
    key = "-".join(f"{term.pk}.{term.listed_count}" for term in sorted(terms, key=lambda term: term.pk))

    key = f"facets:{latest}:{key}"
    match cache_get(key):
        case [list() as pairs, int() as found]:
            return dict(pairs), found
    rows = places_with(terms).order_by("-published_at", "-post_id").values_list("post_id", flat=True)
    posts = list(rows[: SAMPLE + 1])
    counted = _count(posts[:SAMPLE]), len(posts)
    # A shared cache knows no numbers as keys.
    cache_set(key, (list(counted[0].items()), counted[1]), CACHE_SECONDS)
    return counted


def most_used(numbers: tuple[tuple[Kind, int], ...]) -> list[Term]:
    """Return the most used terms with a list, in one query of many short index scans.

    numbers: ((kind, how many of it), …). They are the same objects until another row is read; nobody changes them.
    """
    return _terms_of(_rows_of_most_used(numbers))


def _rows_of_most_used(numbers: tuple[tuple[Kind, int], ...]) -> tuple[tuple[Any, ...], ...]:
    return tuple(planned_rows(connection, *_most_used_statement(numbers))) if settings.INDEXING else ()


@lru_cache(maxsize=4)
def _terms_of(rows: tuple[tuple[Any, ...], ...]) -> list[Term]:
    names = [field.attname for field in Term._meta.concrete_fields]
    return [Term.from_db(connection.alias, names, row) for row in rows]


@lru_cache(maxsize=2)
def _groups_of_all(rows: tuple[tuple[Any, ...], ...]) -> list[Group]:
    """Return the Groups that filter all posts: the same list, and with it its HTML, until another row is read."""
    known = _terms_of(rows)
    own = {term.pk: term.listed_count for term in known}
    return _groups(own, None, ChosenTerms(), lambda kind: own, {term.pk: term for term in known})


@lru_cache(maxsize=64)
def _groups_of_term(main: int, counts: tuple[tuple[int, int], ...], rows: tuple[tuple[Any, ...], ...]) -> list[Group]:
    """Return the Groups that filter the whole list of a term: the same list for the same counts and rows."""
    terms = {term.pk: term for term in _terms_of(rows)}
    listed = {pk: count for pk, count in counts if pk in terms}
    return _groups(listed, terms.get(main), ChosenTerms(), lambda kind: {}, terms)


@lru_cache(maxsize=8)
def _most_used_statement(numbers: tuple[tuple[Kind, int], ...]) -> tuple[str, tuple[Any, ...]]:
    walks = [Term.objects.with_list().filter(kind=kind).most_used_first()[:number] for kind, number in numbers]
    parts, values = zip(*(walk.query.sql_with_params() for walk in walks), strict=True)
    # Django's union() allows no limit within its parts on SQLite.
    sql = " UNION ALL ".join(f"SELECT * FROM ({part}) walk_{at}" for at, part in enumerate(parts))  # noqa: S608
    return sql, tuple(chain.from_iterable(values))


def _count(posts: Sequence[int]) -> dict[int, int]:
    """Return {term id: how many of `posts` have it}, the most frequent COUNTED of each kind."""
    return _most_frequent(_count_query(connection.vendor).rows(posts=list(posts)) if posts else ())


def _most_frequent(rows: Iterable[tuple[Any, ...]]) -> dict[int, int]:
    """Return {term id: posts} of the first COUNTED rows (term id, kind, posts) of each kind."""
    counts: dict[int, int] = {}
    of_kind: Counter[str] = Counter()
    for term, kind, found in rows:
        of_kind[kind] += 1
        if of_kind[kind] <= COUNTED:
            counts[term] = found
    return counts


@lru_cache(maxsize=2)
def _latest_query(vendor: str) -> PreparedQuery:
    return PreparedQuery(lambda: ListedText.objects.order_by("-pk").values_list("pk")[:1])


@lru_cache(maxsize=2)
def _count_query(vendor: str) -> PreparedQuery:
    def counted(posts: list[int]) -> QuerySet[Any, Any]:
        # An index contains the pairs, as long as no other column is read.
        rows = PostTerm.objects.filter(post__among=posts, term__kind__in=FORM_KINDS).order_by()
        return rows.values_list("term", "term__kind").annotate(found=Count("*")).order_by("-found", "term")

    return PreparedQuery(counted, posts=list)


@lru_cache(maxsize=2)
def _terms_query(vendor: str) -> PreparedQuery:
    return PreparedQuery(lambda keys: Term.objects.with_list().filter(pk__among=keys, kind__in=FORM_KINDS), keys=list)


def _groups(
    counts: dict[int, int],
    main: Term | None,
    selection: ChosenTerms,
    counts_without: Callable[[Kind], dict[int, int]],
    known: dict[int, Term] | None = None,
) -> list[Group]:
    """Return the Groups that offer a choice.

    counts: {term: how many posts have it}. counts_without(kind): the same without the chosen terms of a kind. known:
    Terms that need not be read again; what is read is added.
    """
    known = {} if known is None else known
    chosen = {term.pk for term in selection.terms}
    single = {kind: counts_without(kind) for kind in SINGLE if any(term.kind == kind for term in selection.terms)}
    wanted = chosen.union(counts, *single.values())
    terms = {pk: term for pk in wanted if (term := known.get(pk)) is not None}
    if (missing := wanted - terms.keys()) and settings.INDEXING:
        read = {term.pk: term for term in _terms_query(connection.vendor).objects(keys=list(missing))}
        terms |= read
        # Other threads use it too.
        if len(known) > MOST_TERMS:
            known.clear()
        known.update(read)
    by_kind = defaultdict(list)
    for term in terms.values():
        if term != main:
            by_kind[term.kind].append(term)
    groups = [Group.of(kind, by_kind[kind], single.get(kind, counts), chosen) for kind in FORM_KINDS]
    return [group for group in groups if group.offers_choice(within=main)]
