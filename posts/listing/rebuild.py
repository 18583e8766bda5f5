from collections.abc import Callable, Iterator
from heapq import merge
from itertools import chain, groupby, islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from posts.db.keyset import in_chunks
from posts.listing.refresh import refresh_listings, taken_addresses
from posts.listing.term_slugs import free_term_slugs, term_slug_choices
from posts.models import FormerTermSlug, ListedText, Post, PostTerm, SiteFigure, Term
from posts.search import forget_orphans

CHUNK = 100
TERMS_CHUNK = 500
# Raise it when the same texts need other rows: other terms, words or summaries.
LISTS_VERSION = 7
_NAME = "lists"


def rebuild_lists(*, from_start: bool = True, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Rewrite what lists and search store of every post that may be listed, and delete what they store of others.

    Returns the number of posts looked at. Works in sets while the site is in use; readers find the old rows
    meanwhile. from_start: otherwise it continues where it was stopped, and does nothing if lists are already as
    LISTS_VERSION and settings.LIST_ORDER want them. on_checkpoint: called between sets, may raise.
    """
    after = 0
    if not from_start:
        state = SiteFigure.objects.filter(name=_NAME).first()
        value = state.value if state else {}
        if value.get("version") == LISTS_VERSION and value.get("order") == settings.LIST_ORDER:
            if value.get("letters") != settings.SLUG_LETTERS:
                _rename_terms(on_checkpoint)
                _note_finished()
            return 0
        goes_on = value.get("towards") == LISTS_VERSION and value.get("order") == settings.LIST_ORDER
        after = value.get("after", 0) if goes_on else 0
    count = 0
    for found in _chunks_of_posts(after):
        with transaction.atomic():
            posts = Post.objects.filter(pk__in=found).order_by("pk").with_texts()
            refresh_listings(posts.select_for_update(of=("self",)), rewrites=True)
            _note({"towards": LISTS_VERSION, "order": settings.LIST_ORDER, "after": found[-1]})
        count += len(found)
        on_checkpoint()
    forget_orphans()
    _name_terms()
    _rename_terms(on_checkpoint)
    _count_terms(on_checkpoint)
    _note_finished()
    return count


def _chunks_of_posts(after: int) -> Iterator[list[int]]:
    """Yield the primary keys behind `after` of posts that are listable or have a row of lists, CHUNK at a time."""
    walks = [
        in_chunks(rows, key=key, size=CHUNK, after=after)
        for key, rows in [
            ("pk", Post.objects.listable().values_list("pk", flat=True)),
            ("post_id", ListedText.objects.values_list("post_id", flat=True)),
            ("post_id", PostTerm.objects.values_list("post_id", flat=True).distinct()),
        ]
    ]
    keys = (key for key, _ in groupby(merge(*map(chain.from_iterable, walks))))
    while found := list(islice(keys, CHUNK)):
        yield found


def _note_finished() -> None:
    _note({"version": LISTS_VERSION, "order": settings.LIST_ORDER, "letters": settings.SLUG_LETTERS})


def _note(value: dict[str, Any]) -> None:
    SiteFigure.objects.update_or_create(name=_NAME, defaults={"value": value, "counted_at": timezone.now()})


def _name_terms() -> None:
    """Give a slug to terms from a version of the site without slugs."""
    for terms in in_chunks(Term.objects.filter(slug=""), size=TERMS_CHUNK):
        slugs = free_term_slugs({(term.kind, term.key): term.name for term in terms}, taken_addresses)
        for term in terms:
            term.slug = slugs[term.kind, term.key]
        with transaction.atomic():
            Term.objects.bulk_update(terms, ["slug"])


def _rename_terms(on_checkpoint: Callable[[], object]) -> None:
    """Give terms a new slug whose names have letters that SLUG_LETTERS writes in another way.

    The former slug redirects. A name in ASCII has the same slug with each setting.
    """
    for terms in in_chunks(Term.objects.exclude(slug=""), size=TERMS_CHUNK):
        for term in terms:
            choices = [] if term.name.isascii() else term_slug_choices(term.kind, term.key, term.name)
            if choices and term.slug not in choices:
                with transaction.atomic():
                    _rename_term(term, choices)
        on_checkpoint()


def _rename_term(term: Term, choices: list[str]) -> None:
    """Give a term the first of `choices` that no other term of its kind has or had."""
    terms = Term.objects.filter(kind=term.kind, slug__in=choices).exclude(pk=term.pk)
    former = FormerTermSlug.objects.filter(kind=term.kind, slug__in=choices).exclude(term=term)
    taken = {*terms.values_list("slug", flat=True), *former.values_list("slug", flat=True)}
    old, term.slug = term.slug, next(slug for slug in choices if slug not in taken)
    term.former_slugs.filter(slug=term.slug).delete()
    FormerTermSlug.objects.create(kind=term.kind, slug=old, term=term)
    term.save(update_fields=["slug"])


def _count_terms(on_checkpoint: Callable[[], object]) -> None:
    """Count the posts of each term again, so that a wrong count is corrected."""
    for ids in in_chunks(Term.objects.values_list("pk", flat=True), size=TERMS_CHUNK):
        with transaction.atomic():
            # Under the lock of every count change: uncommitted changes of others are added later.
            held = dict(
                Term.objects.filter(pk__in=ids)
                .order_by("pk")
                .select_for_update(no_key=True)
                .values_list("pk", "listed_count")
            )
            counts = dict(PostTerm.objects.filter(term__in=ids).order_by().values_list("term").annotate(Count("pk")))
            astray = [pk for pk, count in held.items() if counts.get(pk, 0) != count]
            for pk in astray:
                Term.objects.filter(pk=pk).update(listed_count=counts.get(pk, 0))
        on_checkpoint()
