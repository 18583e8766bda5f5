from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import F, QuerySet

from posts.db.change_log import former_stack_key, note_changes
from posts.listing.facets import stored_terms
from posts.listing.publication_date import place_in_lists
from posts.listing.summaries import record_of_summary
from posts.listing.term_slugs import TermKey, free_term_slugs
from posts.listing.terms import terms_of
from posts.models import FormerTermSlug, ListedText, Post, PostTerm, Revision, Term
from posts.models.origin import MACHINES
from posts.models.post import generator_of
from posts.records.schema import RecordDict
from posts.related.related_posts import mark_stale
from posts.rendering.images import picture_addresses
from posts.search import forget_texts, index_texts

# Of a revision, by primary key: the import that brought it, or None, and its origin.
_Sources = dict[int, tuple[int | None, str | None]]
# The parts of a ListedText that are rewritten even if the text is the same.
_ANEW = ("line", "published_at", "source_batch_id", "terms")


def refresh_listings(posts: Iterable[Post], *, rewrites: bool = False) -> None:
    """Update what lists and search store of `posts`, from whether each is listed and what is live.

    In one step, which locks their terms once and in one order.

    A transaction calls it once, at its end: two transactions that lock terms twice could wait for each other. Rows
    are those of `is_listable` posts. The site's own switch is checked when a page is read, so that turning it changes
    no row. rewrites: write search documents even of unchanged texts, as after a change of the search code.
    """
    posts = list(posts)
    if not posts:
        return
    sources = _sources([post.released_revision.pk for post in posts if post.is_listable])
    wanted = {post.pk: _terms_of_listed(post, sources) if post.is_listable else {} for post in posts}
    terms = _known_terms({key: name for terms in wanted.values() for key, name in terms.items()})
    is_now = {post_id: {terms[key] for key in found} for post_id, found in wanted.items()}
    _refresh_texts(posts, is_now, {pk: kind for (kind, _), pk in terms.items()}, sources, rewrites=rewrites)
    touched = _count(_refresh_terms(posts, is_now))
    # The version before knows stacks by another key, and may run beside this one while the site is upgraded.
    note_changes([former_stack_key(key) for kind, key in touched if kind == Term.Kind.STACK])


def _sources(revisions: Iterable[int]) -> _Sources:
    """Return {revision id: (the import that brought it or None, its origin)} of primary keys of revisions."""
    rows: QuerySet[Any, Any] = Revision.objects.filter(pk__in=revisions).order_by().with_source()
    return {pk: (batch, origin) for pk, batch, origin in rows.values_list("pk", "source_batch", "origin")}


def _terms_of_listed(post: Post, sources: _Sources) -> dict[TermKey, str]:
    """Return the terms of a listed post. The names in a machine's record are not its authors."""
    revision = post.released_revision
    terms = terms_of(revision.snapshot)
    if sources[revision.pk][1] in MACHINES:
        return {(kind, key): name for (kind, key), name in terms.items() if kind != Term.Kind.AUTHOR}
    return terms


def _refresh_texts(
    posts: Iterable[Post], is_now: dict[int, set[int]], kinds: dict[int, str], sources: _Sources, *, rewrites: bool
) -> None:
    """Update the ListedTexts, and the search documents under their numbers.

    is_now: {post id: term ids}. kinds: {term id: kind}.
    """
    old = {text.post_id: text for text in ListedText.objects.filter(post__in=is_now)}
    gone: list[int] = []
    new: list[tuple[ListedText, RecordDict]] = []
    again: list[tuple[ListedText, RecordDict]] = []
    for post in posts:
        text, was = _text_of_listed(post, sources) if post.is_listable else None, old.get(post.pk)
        if text:
            text.terms = stored_terms((kinds[term], term) for term in is_now[post.pk])
        if was and text and _moments(was) == _moments(text):
            if rewrites or was.terms != text.terms:
                for name in _ANEW:
                    setattr(was, name, getattr(text, name))
                again.append((was, post.released_revision.snapshot))
            continue
        if was:
            gone.append(was.pk)
        if text:
            new.append((text, post.released_revision.snapshot))
    forget_texts(gone)
    ListedText.objects.filter(pk__in=gone).delete()
    ListedText.objects.bulk_create([text for text, _ in new])
    ListedText.objects.bulk_update([was for was, _ in again], _ANEW)
    index_texts([(text, record, is_now[text.post_id]) for text, record in new + again])


def _text_of_listed(post: Post, sources: _Sources) -> ListedText:
    """Return the row of lists of a listed post, unsaved."""
    revision = post.released_revision
    record = revision.snapshot
    return ListedText(
        post_id=post.pk,
        revision_id=revision.pk,
        published_at=place_in_lists(record, post.released_at),
        reviewed_at=post.released_approval.created_at,
        generator=generator_of(record.get("payload", {})),
        changed_at=post.changed_for_readers_at,
        pictures=picture_addresses(record),
        line=record_of_summary(record),
        source_batch_id=sources[revision.pk][0],
    )


def _moments(text: ListedText) -> tuple[Any, ...]:
    return text.revision_id, text.reviewed_at, text.changed_at


def _refresh_terms(posts: Iterable[Post], is_now: dict[int, set[int]]) -> Counter[int]:
    """Update the PostTerms; return {term id: change of its number of posts}."""
    old: dict[int, dict[int, int]] = defaultdict(dict)
    places: dict[int, set[datetime]] = defaultdict(set)
    rows = PostTerm.objects.filter(post__in=is_now).values_list("post_id", "term_id", "pk", "published_at")
    for post_id, term_id, pk, published_at in rows:
        old[post_id][term_id] = pk
        places[post_id].add(published_at)
    steps: Counter[int] = Counter()
    gone: list[int] = []
    new: list[PostTerm] = []
    changed: list[int] = []
    for post in posts:
        now, was = is_now[post.pk], old[post.pk]
        gone += [was[term_id] for term_id in was.keys() - now]
        if now:
            place = place_in_lists(post.released_revision.snapshot, post.released_at)
            if places[post.pk] - {place}:
                PostTerm.objects.filter(post=post.pk).update(published_at=place)
            added = sorted(now - was.keys())
            new += [PostTerm(post_id=post.pk, term_id=term_id, published_at=place) for term_id in added]
        if now != was.keys():
            changed.append(post.pk)
        steps.update(now - was.keys())
        steps.subtract(was.keys() - now)
    PostTerm.objects.filter(pk__in=gone).delete()
    PostTerm.objects.bulk_create(new)
    mark_stale(changed)
    return steps


def _count(steps: Mapping[int, int]) -> list[TermKey]:
    """Add to the counts of terms ({primary key: change of its number of posts}); return their [(kind, key)].

    Half of all posts share a level or a language, so parallel releases meet here. Counts are locked last, and only
    until the end of the transaction. The lock still allows references to the row.
    """
    steps = {term_id: step for term_id, step in steps.items() if step}
    terms = Term.objects.filter(pk__in=steps).order_by("pk").select_for_update(no_key=True)
    touched = list(terms.values_list("kind", "key"))
    for step in set(steps.values()):
        moved = [term_id for term_id, found in steps.items() if found == step]
        Term.objects.filter(pk__in=moved).update(listed_count=F("listed_count") + step)
    return touched


def _known_terms(names: dict[TermKey, str]) -> dict[TermKey, int]:
    """Return {(kind, key): primary key} of `names` ({(kind, key): name}); create missing terms."""
    known: dict[TermKey, int] = {}
    # In one order everywhere, so that two releases never deadlock on their terms.
    while missing := {term: names[term] for term in sorted(names) if term not in known}:
        found = Term.objects.filter(kind__in={kind for kind, _ in missing}, key__in={key for _, key in missing})
        known |= {(kind, key): pk for kind, key, pk in found.values_list("kind", "key", "pk") if (kind, key) in missing}
        if new := {term: name for term, name in missing.items() if term not in known}:
            # Another release may create the same term or take its slug; then the next lookup shows it.
            slugs = free_term_slugs(new, taken_addresses)
            Term.objects.bulk_create(
                [Term(kind=kind, key=key, name=new[kind, key], slug=slugs[kind, key]) for kind, key in new],
                ignore_conflicts=True,
            )
    return known


def taken_addresses(pairs: set[TermKey]) -> set[TermKey]:
    """Return those (kind, slug) pairs that a term has or had."""
    slugs, kinds = {slug for _, slug in pairs}, {kind for kind, _ in pairs}
    rows = (model.objects.filter(kind__in=kinds, slug__in=slugs) for model in (Term, FormerTermSlug))
    return pairs & set(chain.from_iterable(found.values_list("kind", "slug") for found in rows))
