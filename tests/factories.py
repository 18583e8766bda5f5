"""Posts for tests, made through the real import and the real operations."""

import io
import itertools
import json

import factory
from django.contrib.auth.models import Group, User

from posts.importing.pipeline import import_posts
from posts.models import Post
from posts.operations import decide, flag_post

_numbers = itertools.count(1)


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
    """Approve what is proposed, all boxes ticked and all open flags read; return the post as it is then."""
    post = Post.objects.get(pk=post.pk)
    decide(
        post,
        by=by or person(),
        outcome="approved",
        fingerprint=post.head_revision.fingerprint,
        ticks=post.head_revision.snapshot.get("checklist", ()),
        flags_seen=list(post.review_flags.filter(cleared_at=None).values_list("pk", flat=True)),
        **options,
    )
    return Post.objects.get(pk=post.pk)


def make_post(*, released=False, flagged=False, origin=None, **fields):
    """Return an imported post that nobody has reviewed.

    released: approve and release it. flagged: flag it for human review. origin: who wrote it, as its import declares.
    """
    record = RecordFactory(**fields)
    import_records(record, origin=origin)
    post = Post.objects.get(source_id=record["source_id"])
    if released:
        post = approve(post)
    if flagged:
        flag_post(post, by=person("Staff"), note="Look at the numbers.")
    return Post.objects.get(pk=post.pk)
