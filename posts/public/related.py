"""Related posts below an article. Reads only, in one query at any size of the site."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, Self

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, Exists, F, FloatField, Func, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast, Coalesce

from posts.db.prepared_query import PreparedQuery
from posts.listing.publication_date import place_in_lists
from posts.listing.term_slugs import TermKey
from posts.listing.terms import first_stack_of, stacks_of, terms_of
from posts.models import ListedText, Neighbour, Post, PostTerm, StaleNeighbours, Term, TextTwin
from posts.models.fields import OrderedJSONField
from posts.public.term_links import slugs_of_terms
from posts.records.schema import RecordDict
from posts.related.related_posts import MAX_SHARED, MOST_OF_A_STACK, NEWEST, RAREST, SHOWN, told_apart
from posts.reverse import address

# How many posts are compared for a text without stored related posts.
LOOKED_AT = 3 * SHOWN
# Only the first terms of a text are compared: each is a query parameter several times, and SQLite limits these.
MAX_TERMS = 1000


class Line(NamedTuple):
    """What a page says of a listed post beside its own."""

    pk: int
    address: str
    title: str


class RelatedPost(NamedTuple):
    """The line of a related post, when it was approved, and the names of shared terms, rarest first."""

    line: Line
    approved_at: datetime
    shared: list[str]


class Place(NamedTuple):
    """Where a listed post stands among those of its stack, None without one.

    name: of the stack, as in the article. at: the datetime by which lists order the post.
    """

    stack: TermKey | None
    name: str
    at: datetime

    @classmethod
    def of(cls, record: RecordDict, released_at: datetime) -> Self:
        """Return the Place of a post with this live text that was first released then."""
        stack = first_stack_of(record)
        name = " ".join(record["stack"][0].split())[:300] if stack else ""
        return cls(stack, name, place_in_lists(record, released_at))


class _Found:
    """A listed post that may be shown on the page, from a row of _rows(), also as the driver gives it.

    Of the dozen rows of a page, few are shown. So some values are read when they are asked for.
    """

    __slots__ = (
        "_approved_at",
        "_shared",
        "_slug",
        "has_shared",
        "is_twin",
        "pk",
        "place",
        "rank",
        "record",
        "term_slugs",
    )

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.pk, self._slug, at, self._approved_at, record, self.is_twin, self.rank, self._shared, *more = row
        # Whole, or from record_of_summary().
        self.record: RecordDict = _value(record)
        # Its place in lists: when it was published, and its number.
        self.place = _moment(at), self.pk
        # Whether the names of shared terms are stored.
        self.has_shared = self._shared not in (None, "[]")
        # For address_finder(), for a text in no list; the same in each row.
        self.term_slugs: str | None = more[0] if more else None

    @property
    def line(self) -> Line:
        return Line(self.pk, address("posts:detail", self._slug), self.record["title"])

    @property
    def approved_at(self) -> datetime:
        return _moment(self._approved_at)

    @property
    def shared(self) -> list[str]:
        """The stored names of shared terms."""
        return _value(self._shared) if self.has_shared else []


def _value(found: Any) -> Any:
    """Return the value of a column of JSON, of which only texts and lists of texts are used."""
    if not isinstance(found, str):
        return found
    try:
        return orjson.loads(found)
    except orjson.JSONDecodeError:
        # Half of a surrogate pair: a generator may write it, and Python reads it.
        return json.loads(found)


def _moment(found: Any) -> datetime:
    """Return the value of a column of datetimes. The driver of SQLite gives a text, in UTC."""
    moment: datetime = datetime.fromisoformat(found).replace(tzinfo=UTC) if isinstance(found, str) else found
    return moment


@dataclass(frozen=True)
class RelatedPosts:
    """The links below an article.

    The related posts, best first, and those released before and after it on the same stack (its name as in the
    article). are_kept: whether the background stores the related posts and has put the article into its lists.
    term_slugs: for address_finder(), if the article is in no list.
    """

    similar: list[RelatedPost] = field(default_factory=list)
    are_kept: bool = False
    term_slugs: str | None = None
    stack: str = ""
    earlier: Line | None = None
    later: Line | None = None

    @property
    def lines(self) -> list[Line]:
        """The lines of all posts that are named."""
        return [*(similar.line for similar in self.similar), *filter(None, (self.earlier, self.later))]


class _Terms:
    """The first terms of a text, {key: name}. Most pages show what is stored, and need none of them."""

    def __init__(self, record: RecordDict) -> None:
        self._record = record

    @cached_property
    def all(self) -> dict[TermKey, str]:
        return dict(islice(terms_of(self._record).items(), MAX_TERMS))

    @cached_property
    def subjects(self) -> dict[TermKey, str]:
        """Those that say what it is about."""
        return {key: name for key, name in self.all.items() if key[0] in Term.SUBJECTS}


def related_posts(post: Post, record: RecordDict, *, is_listed: bool) -> RelatedPosts:
    """Return the RelatedPosts of `post`. record: the text shown. is_listed: whether it is a listed live text.

    A listed post has those that the background stores (posts.related.related_posts). Any other text, and one released
    a moment ago that still waits for them (a second query), is compared by its rarest terms. Every post named is
    listed at this moment, and none is a near-duplicate.
    """
    terms = _Terms(record)
    if not is_listed:
        found = _found(_compared_waiting(post, terms.subjects, terms.all))
        # Without a stack, or for an unlisted text, there is no earlier or later post.
        return RelatedPosts(_shown(found, terms), term_slugs=next((one.term_slugs for one in found), None))
    place = Place.of(record, post.released_at)
    found = _read_kept(post.pk, place)
    if are_kept := any(other.rank is not None for other in found):
        return _of_listed(post.pk, place, found, terms, are_kept=are_kept)
    found = _found(_compared_listed(post, terms.subjects, place))
    return _of_listed(post.pk, place, found, terms, are_kept=False)


def kept_related_posts(pk: int, place: Place) -> RelatedPosts | None:
    """Return the RelatedPosts of a listed post without its record; None if it has no stored ones, or not all of them.

    Otherwise the same as related_posts().
    """
    found = _read_kept(pk, place)
    ranked = [other for other in found if other.rank is not None]
    if not ranked or not all(other.has_shared for other in ranked):
        return None
    return _of_listed(pk, place, found, None, are_kept=True)


def _of_listed(pk: int, place: Place, found: list[_Found], terms: _Terms | None, *, are_kept: bool) -> RelatedPosts:
    """Return the RelatedPosts of a listed post from what was found. terms: of its text, if a row lacks them."""
    # As long as its lists do not have it, for example after its import was opened again, nothing tells its page what
    # changes beside it.
    are_kept = are_kept and (place.stack is None or any(other.pk == pk for other in found))
    found = [other for other in found if other.pk != pk]
    earlier, later = _adjacent(found, place.stack, (place.at, pk))
    return RelatedPosts(_shown(found, terms), are_kept, stack=place.name, earlier=earlier, later=later)


def _found(rows: Iterable[tuple[Any, ...]]) -> list[_Found]:
    """Return the [_Found] of a queryset of _rows()."""
    return [_Found(row) for row in rows]


def _adjacent(
    found: list[_Found], stack: TermKey | None, place: tuple[datetime, int]
) -> tuple[Line | None, Line | None]:
    """Return what was released on the same stack right before and right after a place (published at, number)."""
    if stack is None:
        return None, None
    in_order = sorted(found, key=attrgetter("place"))
    earlier = next((one for one in reversed(in_order) if one.place < place and stack in stacks_of(one.record)), None)
    later = next((one for one in in_order if one.place > place and stack in stacks_of(one.record)), None)
    return earlier.line if earlier else None, later.line if later else None


def _around(pk: int, stack: TermKey, at: datetime) -> list[QuerySet[Any, Any]]:
    """Return querysets of the keys of the posts just before and after a post in the list of its stack, and its own.

    at: the datetime of the post in that list. Each is one index step.
    """
    term = Term.objects.filter(kind=stack[0], key=stack[1]).values("pk")[:1]
    pairs = PostTerm.objects.filter(term=Subquery(term))
    before = pairs.filter(published_at__lte=at).filter(Q(published_at__lt=at) | Q(post__lt=pk))
    after = pairs.filter(published_at__gte=at).filter(Q(published_at__gt=at) | Q(post__gt=pk))
    return [
        # A row by its key: both engines allow a limit within a union only in this form.
        PostTerm.objects.filter(pk=Subquery(walk.values("pk")[:1])).values("post")
        for walk in (
            before.order_by("-published_at", "-post"),
            after.order_by("published_at", "post"),
            pairs.filter(post=pk),
        )
    ]


def _among(keys: QuerySet[Any, Any]) -> Any:
    """Return the condition that a post is in the queryset of keys."""
    if connection.vendor != "postgresql":
        return Q(pk__in=keys)
    from django.contrib.postgres.expressions import ArraySubquery  # it loads the driver

    # PostgreSQL would start a semi-join with every listed post, expecting one; an array is computed first.
    return Func(
        F("pk"), ArraySubquery(keys), template="(%(expressions)s))", arg_joiner=" = ANY(", output_field=BooleanField()
    )


def _rows(
    pk: int,
    keys: QuerySet[Any, Any],
    around: Sequence[QuerySet[Any, Any]],
    *,
    rank: Any,
    shared: Any,
    are_whole: bool = False,
    **more: Any,
) -> QuerySet[Post, tuple[Any, ...]]:
    """Return rows for _Found.of() of the listed posts in the querysets of keys. more: what comes last in each."""
    posts = Post.objects.listed().filter(_among(keys.union(*around, all=True) if around else keys))
    record = F("live_revision__snapshot")
    values = {
        # The driver of SQLite converts columns of datetimes itself, for each row; of an expression it gives the text.
        "at": Coalesce("listed_text__published_at", "first_published_at"),
        "approved_at": Coalesce("live_approval__created_at", "live_approval__created_at"),
        "record": record if are_whole else Coalesce("listed_text__line", record, output_field=OrderedJSONField()),
        "is_twin": Exists(TextTwin.objects.filter(post=pk, twin=OuterRef("pk"))),
        "rank": rank,
        "shared": shared,
        **more,
    }
    return posts.annotate(**values).values_list("pk", "slug", *values)


def _read_kept(pk: int, place: Place) -> list[_Found]:
    """Return the [_Found] that _kept() finds for a post and around it on its stack, by a prepared query."""
    query = _kept_query(connection.vendor, place.stack[0] if place.stack else None, settings.INDEXING)
    around = {"stack": place.stack[1], "at": place.at} if place.stack else {}
    return _found(query.raw_rows(pk=pk, **around))


@lru_cache(maxsize=8)
def _kept_query(vendor: str, kind: str | None, is_open: bool) -> PreparedQuery:
    """Return the PreparedQuery of _read_kept(). The arguments are all that its SQL depends on."""
    if kind is None:
        return PreparedQuery(lambda pk: _kept(pk, []), pk=int)

    def kept(pk: int, stack: str, at: datetime) -> QuerySet[Post, tuple[Any, ...]]:
        return _kept(pk, _around(pk, (kind, stack), at))

    return PreparedQuery(kept, pk=int, stack=str, at=datetime)


def _kept(pk: int, around: Sequence[QuerySet[Any, Any]]) -> QuerySet[Post, tuple[Any, ...]]:
    """Return rows of stored related posts with rank and shared names; without rank, only those around."""
    kept = Neighbour.objects.filter(post=pk)
    row = kept.filter(neighbour=OuterRef("pk"))
    rank, shared = (Subquery(row.values(name)[:1]) for name in ("rank", "shared"))
    return _rows(pk, kept.values("neighbour"), around, rank=rank, shared=shared)


def _compared_listed(post: Post, terms: Mapping[TermKey, str], place: Place) -> QuerySet[Post, tuple[Any, ...]]:
    """Return rows of posts that share the rarest terms of a listed one, and of those around it on its stack."""
    # listed_from=2 because the post itself counts as one.
    pairs = _rare_pairs(terms, listed_from=2)
    # Only while the background job has not run yet; an empty result of the job is final.
    pairs = pairs.filter(Exists(StaleNeighbours.objects.filter(post=post.pk)))
    return _compared(post, pairs, _around(post.pk, place.stack, place.at) if place.stack else [])


def _compared_waiting(
    post: Post, terms: Mapping[TermKey, str], all_terms: Mapping[TermKey, str]
) -> QuerySet[Post, tuple[Any, ...]]:
    """Return rows of posts that share the rarest terms of an unlisted one, with the lists of all its terms.

    The newest post is always among them, so that the lists are there even if nothing is shared.
    """
    first = ListedText.objects.order_by("-published_at", "-post").values("pk")[:1]
    newest = ListedText.objects.filter(pk=Subquery(first)).values("post")
    slugs = slugs_of_terms(Term.objects.with_list().filter(_named(all_terms)))
    return _compared(post, _rare_pairs(terms, listed_from=1), [newest], term_slugs=slugs)


def _named(terms: Iterable[TermKey]) -> Q:
    """Return a Q that matches the (kind, key) pairs of `terms`; it may match other combinations too."""
    return Q(key__in={key for _, key in terms}, kind__in={kind for kind, _ in terms})


def _rare_pairs(terms: Iterable[TermKey], *, listed_from: int) -> QuerySet[PostTerm]:
    """Return the PostTerms of the rarest of `terms` that at least `listed_from` listed posts have."""
    known = Term.objects.filter(_named(terms), listed_count__gte=listed_from, listed_count__lte=10 * NEWEST)
    return PostTerm.objects.filter(term__in=known.order_by("listed_count", "pk").values("pk")[:RAREST])


def _compared(
    post: Post, pairs: QuerySet[PostTerm], around: Sequence[QuerySet[Any, Any]], **more: Any
) -> QuerySet[Post, tuple[Any, ...]]:
    """Return rows of the posts of the PostTerms `pairs`, weighted by rarity (1 / listed posts with the term)."""
    weight = Sum(1.0 / Cast("term__listed_count", FloatField()))
    best = pairs.exclude(post=post.pk).values("post").annotate(weight=weight).order_by("-weight", "-post")
    keys = Post.objects.filter(pk__in=best.values("post")[:LOOKED_AT]).values("pk")
    of_one = pairs.filter(post=OuterRef("pk")).order_by().values("post").annotate(weight=weight).values("weight")
    shared = Value(None, output_field=OrderedJSONField())
    # Their records show what they share.
    return _rows(post.pk, keys, around, rank=-Subquery(of_one), shared=shared, are_whole=True, **more)


def _shown(found: Iterable[_Found], terms: _Terms | None) -> list[RelatedPost]:
    """Return the SHOWN most similar as [RelatedPost]: no near-duplicate, no title twice, not too many of one stack."""
    ranked = sorted((one for one in found if one.rank is not None), key=lambda one: (one.rank, -one.pk))
    shown: list[RelatedPost] = []
    stacks: Counter[TermKey | None] = Counter()
    titles: set[str] = set()
    for one in ranked:
        record = one.record
        stack = first_stack_of(record)
        if one.is_twin or record["title"] in titles or (stack and stacks[stack] == MOST_OF_A_STACK):
            continue
        titles.add(record["title"])
        stacks[stack] += 1
        shared = one.shared if one.has_shared or terms is None else _shared(terms.subjects, record)
        shown.append(RelatedPost(one.line, one.approved_at, shared[:MAX_SHARED]))
        if len(shown) == SHOWN:
            break
    return shown


def _shared(terms: Mapping[TermKey, str], record: RecordDict) -> list[str]:
    """Return the names of the terms that a record has as well, each once."""
    theirs = terms_of(record)
    return told_apart(list({name.casefold(): name for key, name in terms.items() if key in theirs}.values()))
