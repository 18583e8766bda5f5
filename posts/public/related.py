"""Related posts below an article. Reads only, in one query at any size of the site."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, Exists, F, FloatField, Func, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Cast

from posts.db.prepared_query import PreparedQuery
from posts.listing.publication_date import place_in_lists
from posts.listing.summaries import PostSummary, with_summaries
from posts.listing.term_slugs import TermKey
from posts.listing.terms import stacks_of, terms_of
from posts.models import ListedText, Neighbour, Post, PostTerm, StaleNeighbours, Term, TextTwin
from posts.models.fields import OrderedJSONField
from posts.public.term_links import slugs_of_terms
from posts.records.schema import RecordDict
from posts.related.related_posts import MAX_SHARED, MOST_OF_A_STACK, NEWEST, RAREST, SHOWN, told_apart

# How many posts are compared for a text without stored related posts.
LOOKED_AT = 3 * SHOWN
# Only the first terms of a text are compared: each is a query parameter several times, and SQLite limits these.
MAX_TERMS = 1000


@dataclass(frozen=True)
class RelatedPost:
    """The summary of a listed post and the names of shared terms, rarest first."""

    line: PostSummary
    shared: list[str]


class _Found(NamedTuple):
    """A listed post that may be shown on the page."""

    line: PostSummary
    is_near_duplicate: bool
    rank: float | None  # order among related posts, smallest first; None: only on the same stack
    shared: list[str] | None  # names of shared terms, if stored
    term_slugs: str | None = None  # for address_finder(), for a text in no list; the same in each row

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """Return the _Found for a row of _rows()."""
        return cls(PostSummary(*row[: len(PostSummary._fields)]), *row[len(PostSummary._fields) :])


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
    earlier: PostSummary | None = None
    later: PostSummary | None = None

    @property
    def lines(self) -> list[PostSummary]:
        """The summaries of all posts that are named."""
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
    stack = next(iter(stacks_of(record)), None)
    # Without a stack, or for an unlisted text, there is no earlier or later post.
    earlier = later = None
    are_kept = False
    if is_listed:
        at = place_in_lists(record, post.released_at)
        found = _read_kept(post, stack, at)
        are_kept = any(other.rank is not None for other in found)
        if not are_kept:
            found = [_Found.of(row) for row in _compared_listed(post, terms.subjects, stack, at)]
        # As long as its lists do not have it, for example after its import was opened again, nothing tells its page
        # what changes beside it.
        are_kept = are_kept and (stack is None or any(other.line.pk == post.pk for other in found))
        found = [other for other in found if other.line.pk != post.pk]
        earlier, later = _adjacent(found, stack, (at, post.pk))
    else:
        found = [_Found.of(row) for row in _compared_waiting(post, terms.subjects, terms.all)]
    return RelatedPosts(
        similar=_shown(found, terms),
        are_kept=are_kept,
        term_slugs=next((one.term_slugs for one in found), None),
        stack=" ".join(record["stack"][0].split())[:300] if stack else "",
        earlier=earlier,
        later=later,
    )


def _adjacent(
    found: list[_Found], stack: tuple[str, str] | None, place: tuple[Any, int]
) -> tuple[PostSummary | None, PostSummary | None]:
    """Return what was released on the same stack right before and right after a place (published at, number)."""
    on_stack = [one.line for one in found if stack in stacks_of(one.line.record)]
    earlier = [line for line in on_stack if _place(line) < place]
    later = [line for line in on_stack if _place(line) > place]
    return max(earlier, key=_place, default=None), min(later, key=_place, default=None)


def _place(line: PostSummary) -> tuple[datetime, int]:
    return line.published_at, line.pk


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
    is_near_duplicate = Exists(TextTwin.objects.filter(post=pk, twin=OuterRef("pk")))
    more = {"is_near_duplicate": is_near_duplicate, "rank": rank, "shared": shared, **more}
    return with_summaries(posts.annotate(**more), *more, are_whole=are_whole)


def _read_kept(post: Post, stack: TermKey | None, at: datetime) -> list[_Found]:
    """Return the [_Found] that _kept() finds for `post` and around it on its `stack`, by a prepared query."""
    query = _kept_query(connection.vendor, stack[0] if stack else None, settings.INDEXING)
    place = {"stack": stack[1], "at": at} if stack else {}
    return [_Found.of(row) for row in query.rows(pk=post.pk, **place)]


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


def _compared_listed(
    post: Post, terms: Mapping[TermKey, str], stack: TermKey | None, at: datetime
) -> QuerySet[Post, tuple[Any, ...]]:
    """Return rows of posts that share the rarest terms of a listed one, and of those around it on its stack."""
    # listed_from=2 because the post itself counts as one.
    pairs = _rare_pairs(terms, listed_from=2)
    # Only while the background job has not run yet; an empty result of the job is final.
    pairs = pairs.filter(Exists(StaleNeighbours.objects.filter(post=post.pk)))
    return _compared(post, pairs, _around(post.pk, stack, at) if stack else [])


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


def _shown(found: Iterable[_Found], terms: _Terms) -> list[RelatedPost]:
    """Return the SHOWN most similar as [RelatedPost]: no near-duplicate, no title twice, not too many of one stack."""
    ranked = sorted((one for one in found if one.rank is not None), key=lambda one: (one.rank, -one.line.pk))
    shown: list[RelatedPost] = []
    stacks: Counter[TermKey | None] = Counter()
    titles: set[str] = set()
    for one in ranked:
        record = one.line.record
        stack = next(iter(stacks_of(record)), None)
        if one.is_near_duplicate or record["title"] in titles or (stack and stacks[stack] == MOST_OF_A_STACK):
            continue
        titles.add(record["title"])
        stacks[stack] += 1
        shown.append(RelatedPost(one.line, (one.shared or _shared(terms.subjects, record))[:MAX_SHARED]))
        if len(shown) == SHOWN:
            break
    return shown


def _shared(terms: Mapping[TermKey, str], record: RecordDict) -> list[str]:
    """Return the names of the terms that a record has as well, each once."""
    theirs = terms_of(record)
    return told_apart(list({name.casefold(): name for key, name in terms.items() if key in theirs}.values()))
