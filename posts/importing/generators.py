"""Generators: which records are theirs, what is saved about them, and what follows for their posts."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from posts.db.keyset import in_chunks
from posts.errors import Refused, checked_words, require
from posts.importing.publication import Hold
from posts.listing.refresh import refresh_listings
from posts.listing.site_stats import store_site_stats
from posts.models import Generator, HoldReason, ImportBatch, Origin, Post
from posts.operations.frame import note, operation
from posts.operations.timeouts import long_statement_timeout
from posts.review_queue.scoring import score_posts

# How many names may wait for a description; a source that writes another name into each record fills no table.
MOST_UNDESCRIBED = 500
CHUNK = 200


def known_generators(names: Collection[str]) -> dict[str, int]:
    """Return {name: primary key} of the generators with these names, in the caller's transaction.

    A new name becomes a generator of which nothing is stated, until a person describes it; at most MOST_UNDESCRIBED.
    """
    if not names:
        return {}
    found = _keys_of(names)
    if missing := sorted(set(names) - set(found)):
        room = max(0, MOST_UNDESCRIBED - Generator.objects.filter(is_described=False).count())
        Generator.objects.bulk_create(
            [Generator(name=name, is_described=False, backlog_limit=None) for name in missing[:room]],
            ignore_conflicts=True,
        )
        found = _keys_of(names)
    return found


def _keys_of(names: Collection[str]) -> dict[str, int]:
    return dict(Generator.objects.filter(name__in=names).values_list("name", "pk"))


def holds_of_paused(batch: ImportBatch) -> Callable[[str], Iterable[Hold]]:
    """Return a function that gives the holds of a record for the generator that it names, which may be paused."""
    rows = Generator.objects.filter(state=Generator.State.PAUSED)
    if batch.generator_id is not None:
        own = [
            Hold(HoldReason.PAUSED, name) for name in rows.filter(pk=batch.generator_id).values_list("name", flat=True)
        ]
        return lambda generator: own
    names = set(rows.values_list("name", flat=True))

    def holds(generator: str) -> Iterable[Hold]:
        return [Hold(HoldReason.PAUSED, generator)] if generator in names else ()

    return holds


@operation
def save_generator(generator: Generator, *, by: User | None) -> Generator:
    """Save what a person says about a generator, new or known; return it.

    Who wrote its posts follows with this transaction on every page, and no approval changes. `follow_generator` then
    brings the lists of authors in step.
    """
    require(by, "manage_generators")
    generator.name = " ".join(checked_words(generator.name, name="The name", limit=200).split())
    if not generator.name:
        raise Refused("Give the generator a name.")
    if Generator.objects.filter(name=generator.name).exclude(pk=generator.pk).exists():
        raise Refused(f"Another generator is named {generator.name}. Change that one, or choose another name.")
    before = Generator.objects.select_for_update().filter(pk=generator.pk).first()
    generator.is_described = True
    generator.save()
    changed = _changes(before, generator)
    if before is None or changed:
        action = "generator changed" if before else "generator added"
        note(action, by=by, detail=f"{generator}: {', '.join(changed)}" if changed else str(generator))
    if before is not None and before.kind != generator.kind:
        with long_statement_timeout():
            generator.batches.exclude(origin=generator.kind).update(origin=generator.kind)
            store_site_stats()
    return generator


def _changes(before: Generator | None, after: Generator) -> list[str]:
    """Return what differs, in words for the audit trail."""
    if before is None:
        return []
    names = ("name", "kind", "model_version", "prompt_version", "owner", "contact", "state", "backlog_limit")
    pairs = [(name.replace("_", " "), _said(before, name), _said(after, name)) for name in names]
    changed = [f"{name} {old} → {new}" for name, old, new in pairs if old != new]
    return [*changed, *(["guideline"] if before.guideline != after.guideline else [])]


def _said(generator: Generator, name: str) -> str:
    shown = getattr(generator, f"get_{name}_display", None)
    value: Any = shown() if shown else getattr(generator, name)
    return "none" if value in (None, "") else str(value)


@operation
def assign_generator(batch: ImportBatch, generator: Generator, *, by: User | None) -> ImportBatch:
    """Say which generator made the posts of an import; return the batch.

    Who wrote them follows as in save_generator(), if the generator says it; `follow_generator` gives it the posts.
    """
    require(by, "import_posts")
    batch = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if batch.generator_id != generator.pk:
        note("generator of an import named", by=by, detail=f"{batch}: {generator}")
        batch.generator, batch.origin = generator, origin_by(generator, batch.origin)
        batch.save(update_fields=["generator", "origin"])
        with long_statement_timeout():
            store_site_stats()
    return batch


def origin_by(generator: Generator | None, otherwise: str) -> str:
    """Return who writes the posts of a generator, or what else was declared if it does not say."""
    return otherwise if generator is None or generator.kind == Origin.NOT_STATED else generator.kind


def follow_generator(generator: Generator, *, on_chunk: Callable[[], object] = lambda: None) -> None:
    """Give a generator the posts that are its own with their scores, and update the lists of authors of listed ones.

    A transaction for each CHUNK of them. on_chunk() is called between two; a second call completes what a killed one
    left.
    """
    brought = Post.objects.filter(last_batch__generator=generator)
    for rows in (
        Post.objects.filter(generator=generator.name, known_generator=None, last_batch__generator=None),
        brought.exclude(known_generator=generator),
    ):
        for ids in in_chunks(rows.values_list("pk", flat=True), size=CHUNK):
            Post.objects.filter(pk__in=ids).update(known_generator=generator)
            score_posts(ids)
            on_chunk()
    listed = generator.posts.filter(live_approval__isnull=False, withdrawn_at=None)
    for ids in in_chunks(listed.values_list("pk", flat=True), size=CHUNK):
        with transaction.atomic():
            posts = Post.objects.filter(pk__in=ids).with_texts().order_by("pk")
            refresh_listings(posts.select_for_update(of=("self",)))
        on_chunk()
