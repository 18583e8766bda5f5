"""Factories for posts and their parts, through the real import and the real operations."""

import io
import itertools
import json

import factory
from django.contrib.auth.models import Group, User

from posts.importing.pipeline import import_posts
from posts.models import ChecklistItem, ImageSource, Post, Revision
from posts.operations import Answers, decide, flag_post, record_revision, withdraw_post
from posts.operations.review import Decision

_numbers = itertools.count(1)

# The points of the default guideline; those that a text does not ask for are ignored.
POINTS = ("commands", "numbers", "facts", "harm", "images", "readable")
ALL_MET = Answers(dict.fromkeys(POINTS, "met"))
# The same as fields of a form; and as options of the command, about a text without code and images.
COMMAND_ALL_MET = ["numbers", "facts", "harm", "readable"]
FORM_ALL_MET = {f"answer-{key}": "met" for key in POINTS}


class RecordFactory(factory.DictFactory):
    """A valid record; a test names only the fields that it is about."""

    source_id = factory.Sequence(lambda number: f"test-{number:06d}")
    title = factory.Sequence(lambda number: f"Draining workers, part {number}")
    intro = "A worker that stops in the middle leaves a job half done."
    body = "## Cause\n\nThe signal comes while a job runs.\n\n## Fix\n\nFinish it, then leave."
    summary = "How a worker leaves without losing a job."
    stack = factory.LazyFunction(lambda: ["Go services", "backend"])
    tools = factory.LazyFunction(lambda: ["pgx", "make"])
    topic = "draining workers / Go services"


def person(group="Reviewers"):
    """Return a new account in `group`."""
    user = User.objects.create_user(f"{group.lower()}-{next(_numbers)}", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def import_records(*records, **options):
    """Import record dicts as one file; return the batch."""
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    return import_posts(io.BytesIO(lines.encode()), name="test.jsonl", **options)


def fresh(post):
    """Return the post as the database has it now, with its texts."""
    return Post.objects.with_texts().get(pk=post.pk)


def approve(post, *, by=None, **options):
    """Approve what is proposed, all points met and all open flags read; return the post as it is then."""
    post = Post.objects.get(pk=post.pk)
    decide(
        post,
        Decision(
            outcome="approved",
            fingerprint=post.head_revision.fingerprint,
            answers=ALL_MET,
            flags_seen=list(post.review_flags.filter(cleared_at=None).values_list("pk", flat=True)),
            **options,
        ),
        by=by or person(),
    )
    return Post.objects.get(pk=post.pk)


class PostFactory(factory.django.DjangoModelFactory):
    """Return an imported post that nobody has reviewed.

    released: approve and release it. flagged: flag it for human review. origin: who wrote it, as its import declares.
    """

    class Meta:
        model = Post

    approved = released = flagged = held = withdrawn = False
    origin = None

    @classmethod
    def _create(cls, model_class, *, approved, released, flagged, held, withdrawn, origin, **fields):
        record = RecordFactory(**fields, **({"draft": True} if held else {}))
        import_records(record, origin=origin)
        post = Post.objects.get(source_id=record["source_id"])
        if approved or released:
            approve(post, release=released)
        if flagged:
            flag_post(post, by=person("Staff"), note="Look at the numbers.")
        if withdrawn:
            withdraw_post(post, by=person())
        return Post.objects.get(pk=post.pk)


make_post = PostFactory


def edit(post, by=None, **changes):
    """Save a post with changes to its record, as an editor does; return the new Revision, None if nothing changed."""
    post = fresh(post)
    return record_revision(post, {**post.working_record(), **changes}, by=by or person("Editors"))


class RevisionFactory(factory.django.DjangoModelFactory):
    """The newest text of a post, saved by an editor; fields of the record are what the editor changes."""

    class Meta:
        model = Revision

    post = factory.SubFactory(PostFactory)
    author = None
    summary = factory.Sequence(lambda number: f"How a worker leaves, told for the {number}th time.")

    @classmethod
    def _create(cls, model_class, *, post, author, **changes):
        return edit(post, author, **changes)


class _PartFactory(factory.django.DjangoModelFactory):
    """A part of a post, which an editor adds behind those that are there."""

    class Meta:
        abstract = True

    post = factory.SubFactory(PostFactory)

    @classmethod
    def _add(cls, post, key, part):
        edit(post, **{key: [*fresh(post).working_record().get(key, ()), part]})


class ImageSourceFactory(_PartFactory):
    """One more image of a post, with a caption and a credit; everything else is a field of the image's record."""

    class Meta:
        model = ImageSource

    url = factory.Sequence(lambda number: f"https://placehold.co/600x400?text=Figure+{number}")
    caption = "How the queue drains."
    source = "The author"

    @classmethod
    def _create(cls, model_class, *, post, **fields):
        cls._add(post, "image_sources", fields)
        return post.images.order_by("position").last()


class ChecklistItemFactory(_PartFactory):
    """One more item of the checklist of a post."""

    class Meta:
        model = ChecklistItem

    text = factory.Sequence(lambda number: f"Step {number} was tried out.")

    @classmethod
    def _create(cls, model_class, *, post, text):
        cls._add(post, "checklist", text)
        return post.checklist_items.order_by("position").last()
