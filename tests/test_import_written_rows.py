"""What an import writes: rows that the checks made ready, and rows of posts that came or went meanwhile."""

import json

import pytest
from django.db.models import F
from django.utils import timezone

from posts.importing import pipeline
from posts.models import ChecklistItem, ImageSource, Post, QueueEntry, QueueLabel, ReviewFlag, Revision
from tests.factories import import_records

pytestmark = pytest.mark.django_db

SPECIAL = 'Tab\there, "quotes", back\\slash, \\N, {braces}, NULL, ünïcödé, 漢字, 🚀 and two\n\nlines'


def full_record(number):
    """Return a record with a value of each kind, and with others that are empty."""
    full = {
        "source_id": f'odd "{number}" \\ {{é}}, NULL',
        "title": f"Number {number} \\ ünïcödé 🚀",
        "body": f"{SPECIAL} {number}",
        "ai_outline": {"problem": SPECIAL},
        "reading_time": number,
        "view_count": 2**63 - 1 - number,
        "score": {"quality": 99.5},
        "flags": {"needs_human_review": number % 2},
        "payload": {"generator": f"machine {number % 3}", "nested": [1, None, {"x": 1.5}]},
        "published_on": f"{1990 + number}-02-28",
        "image_sources": [
            {
                "url": f"https://placehold.co/{at + 1}00x100",
                "caption": SPECIAL.replace("\n", " "),
                "width": 640,
                "x": at,
            }
            for at in range(number % 3)
        ],
        "checklist": [f"{SPECIAL} {at}" for at in range(number % 4)],
        "own key": {"kept": SPECIAL},
    }
    chosen = full if number % 5 else ("source_id", "title", "body")
    return {name: full[name] for name in chosen if full[name] != []}


def as_text(record):
    """Return a record as text: as values, 1 equals True and 1.0."""
    return json.dumps(record, sort_keys=True)


def test_each_value_of_a_record_is_stored_as_it_came():
    records = {record["source_id"]: record for record in map(full_record, range(70))}
    assert import_records(*records.values()).created == 70
    expected = {source_id: as_text(record) for source_id, record in records.items()}
    posts = Post.objects.with_texts()
    assert {post.source_id: as_text(post.working_record()) for post in posts} == expected
    assert {post.source_id: as_text(post.head.snapshot) for post in posts} == expected
    assert import_records(*records.values()).unchanged == 70


@pytest.mark.parametrize("known", [{}, {f'odd "{number}" \\ {{é}}, NULL': "another line" for number in range(9)}])
def test_what_came_or_went_while_its_row_was_checked_is_written_whole(known, monkeypatch):
    before = [full_record(number) for number in range(6)]
    import_records(*before)
    monkeypatch.setattr(pipeline, "known_line_hashes", lambda rows: known)
    after = [{**full_record(number), "body": "Another body.", "checklist": ["One."]} for number in range(12)]
    batch = import_records(*after)
    assert (batch.updated, batch.created) == (6, 6)
    stored = {post.source_id: post.working_record() for post in Post.objects.all()}
    assert [stored[record["source_id"]] for record in after] == after


def rows_of(name):
    """Return what is stored of new posts whose identities begin with `name`: {model: rows as text, without keys}."""
    posts = Post.objects.filter(source_id__startswith=name)
    sets = [posts, Revision.objects.filter(post__in=posts), ImageSource.objects.filter(post__in=posts)]
    sets += [ChecklistItem.objects.filter(post__in=posts), ReviewFlag.objects.filter(post__in=posts)]
    sets += [QueueEntry.objects.filter(post__in=posts), QueueLabel.objects.filter(entry__post__in=posts)]
    return {rows.model: sorted(as_stored(row).replace(name, "post") for row in rows) for rows in sets}


def as_stored(row):
    # The hash of a line differs with the identity.
    fields = [field for field in row._meta.concrete_fields if not field.primary_key and not field.is_relation]
    return str([field.value_from_object(row) for field in fields if field.name != "import_line_hash"])


def test_rows_that_the_checks_made_ready_are_those_that_the_writer_would_make(monkeypatch):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    for name in ("ready", "other"):
        records = [full_record(number) | {"draft": number % 7 == 0} for number in range(30)]
        named = [record | {"source_id": f"{name} {at}", "slug": f"{name}-{at}"} for at, record in enumerate(records)]
        import_records(*named)
        monkeypatch.setattr(pipeline, "encoder_for", lambda connection: None)
    stored = rows_of("ready")
    assert stored == rows_of("other") and all(stored.values()) and Post.objects.filter(held=True).exists()
    assert len(set(Post.objects.values_list("import_line_hash", flat=True)) - {""}) == 60
    of_batch = Post.objects.filter(first_batch=F("last_batch"), head_revision__batch=F("last_batch"))
    assert of_batch.filter(queue_entry__batch=F("last_batch"), head_revision__post=F("pk")).count() == 60
