"""Near-duplicates: how they are found, stored and shown."""

import random
import re

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from posts.content_checks.stored import results_of_post
from posts.management.commands.measure_twins import measured, planted_records, with_boilerplate
from posts.models import ParagraphCount, Post, SketchBand, TextSketch, TextTwin
from posts.operations import record_revision
from posts.related.near_duplicates import (
    BANDS,
    BOILERPLATE_POSTS,
    MAX_BAND_POSTS,
    NUMBERS,
    SketchedText,
    band_keys,
    jaccard,
    near_duplicate_counts,
    near_duplicates_of,
    signature_of,
    sketch_posts,
)
from tests.factories import RecordFactory, import_records, make_post, person

WORDS = [f"word{number}" for number in range(4000)]


def text(seed, count=120):
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def posts_of(*bodies):
    records = [RecordFactory(body=body, intro="") for body in bodies]
    import_records(*records)
    ids = dict(Post.objects.values_list("source_id", "pk"))
    return [ids[record["source_id"]] for record in records]


@given(st.sets(st.integers(0, 300), min_size=40), st.sets(st.integers(0, 300), min_size=40))
def test_signatures_agree_about_as_often_as_the_sets_do(one, other):
    sets = [{(str(number),) for number in numbers} for numbers in (one, other)]
    agreed = sum(a == b for a, b in zip(*map(signature_of, sets), strict=True)) / NUMBERS
    # Four standard deviations of the estimate, and some for the filled places.
    assert abs(agreed - jaccard(*sets)) <= 0.3


def test_equal_sets_have_equal_signatures_and_bands_whatever_their_size():
    for size in (1, 3, 50, 5000):
        shingles = {(str(number),) for number in range(size)}
        signature = signature_of(shingles)
        assert len(signature) == NUMBERS and all(0 <= number < 2**32 for number in signature)
        assert signature == signature_of(list(shingles)[::-1])
        assert len(set(band_keys(signature))) == BANDS


def test_a_text_is_the_set_of_its_runs_of_five_words():
    shingles = SketchedText({"intro": "One two", "body": "three, FOUR five six."}).shingles()
    assert shingles == {("one", "two", "three", "four", "five"), ("two", "three", "four", "five", "six")}
    assert SketchedText({"body": "Two words"}).shingles() == {("two", "words")}
    assert SketchedText({"body": "***"}).shingles() == set()


@pytest.mark.django_db
def test_planted_near_duplicates_are_found_at_every_level_and_nothing_else_is():
    records, planted = planted_records(count=120, pairs=12)
    chance = random.Random(5)
    lines = list(measured([with_boilerplate(record, chance) for record in records], planted))
    for level in ("0.95", "0.9", "0.8"):
        line = next(line for line in lines if line.startswith(f"recall at {level}:"))
        hits, wanted = map(int, re.findall(r"(\d+) of (\d+)", line)[0])
        assert wanted == 12 and hits >= 11
    assert lines[-1].endswith("1.000")


@pytest.mark.django_db
def test_near_duplicates_are_seen_from_both_sides_with_their_exact_similarity():
    words = text(1).split()
    first, second, third = posts_of(" ".join(words), " ".join([*words[:-2], "other", "words"]), text(2))
    assert sketch_posts([first, second, third]) == 3
    twin = near_duplicates_of(Post.objects.get(pk=first))[0]
    assert twin.twin_id == second and twin.similarity == pytest.approx(114 / 118)
    assert [t.twin_id for t in near_duplicates_of(Post.objects.get(pk=second))] == [first]
    assert near_duplicates_of(Post.objects.get(pk=third)) == []
    assert near_duplicate_counts([first, second, third]) == {first: (1, twin.similarity), second: (1, twin.similarity)}


@pytest.mark.django_db
def test_a_text_that_came_later_finds_the_one_that_stands_there():
    (first,) = posts_of(text(1))
    sketch_posts([first])
    (second,) = posts_of(text(1) + " more")
    assert sketch_posts([second]) == 1
    assert TextTwin.objects.filter(post=first, twin=second).exists()
    assert sketch_posts([first, second]) == 0


@pytest.mark.django_db
def test_long_texts_are_compared_in_transactions_of_their_own(monkeypatch):
    ids = posts_of(text(1), text(2), text(1) + " more")
    monkeypatch.setattr("posts.related.near_duplicates.BATCH_CHARACTERS", 1)
    with CaptureQueriesContext(connection) as queries:
        assert sketch_posts(ids) == 3
    assert sum(query["sql"].startswith("RELEASE SAVEPOINT") for query in queries) >= 3
    assert TextTwin.objects.filter(post=ids[0], twin=ids[2]).exists() and TextTwin.objects.count() == 2


@pytest.mark.django_db
def test_texts_below_the_measure_are_no_near_duplicates():
    words = text(1).split()
    changed = words.copy()
    for place in range(3, 120, 20):
        changed[place] = "other"
    first, second = posts_of(" ".join(words), " ".join(changed))
    sketch_posts([first, second])
    similarity = jaccard(*(SketchedText({"body": " ".join(body)}).shingles() for body in (words, changed)))
    assert 0.5 < similarity < 0.7 and not TextTwin.objects.exists()


@pytest.mark.django_db
def test_paragraphs_that_stand_in_many_posts_do_not_make_near_duplicates():
    shared = text("shared", 800)
    alone = posts_of(*(f"{text(n, 60)}\n\n{shared}" for n in range(2)))
    sketch_posts(alone)
    assert TextTwin.objects.filter(post=alone[0], twin=alone[1]).exists()
    many = posts_of(*(f"{text(n, 60)}\n\n{shared}" for n in range(100, 100 + BOILERPLATE_POSTS)))
    sketch_posts(many)
    assert not TextTwin.objects.filter(post__in=many).exists()


@pytest.mark.django_db
def test_a_text_of_nothing_but_boilerplate_repeats_the_others():
    body = "\n\n".join(text(f"shared {n}", 30) for n in range(3))
    many = posts_of(*(f"{body}\n\nEnd {n}" for n in range(BOILERPLATE_POSTS + 2)))
    sketch_posts(many)
    assert TextTwin.objects.filter(post=many[0]).count() == len(many) - 1


@pytest.mark.django_db
def test_an_edit_takes_the_near_duplicate_away_and_counts_its_paragraphs_once():
    first, second = posts_of(text(1), text(1) + "\n\n" + text(3, 10))
    sketch_posts([first, second])
    assert TextTwin.objects.count() == 2
    editor = person("Editors")
    for body in (text(7), text(8) + "\n\n" + text(3, 10)):
        post = Post.objects.get(pk=second)
        record_revision(post, post.working_record() | {"body": body}, by=editor)
        assert sketch_posts([second]) == 1
    assert not TextTwin.objects.exists()
    assert SketchBand.objects.filter(post_id=second).count() == BANDS
    assert sorted(ParagraphCount.objects.filter(posts__gt=0).values_list("posts", flat=True)) == [1, 1, 1]


@pytest.mark.django_db
def test_a_band_that_very_many_texts_share_stays_small():
    posts = posts_of(*[text(1)] * (MAX_BAND_POSTS + 10))
    sketch_posts(posts)
    assert SketchBand.objects.count() == BANDS * MAX_BAND_POSTS
    assert TextTwin.objects.filter(post=posts[-1]).count() >= MAX_BAND_POSTS - 1


@pytest.mark.django_db
def test_a_near_duplicate_is_a_finding_of_the_post_until_its_text_changes():
    first, second = posts_of(text(1), text(1) + " more")
    sketch_posts([first, second])
    post = Post.objects.get(pk=first)
    (finding,) = [found for found in results_of_post(post)[0] if found.check == "text-repeats"]
    assert Post.objects.get(pk=second).source_id in finding.message and not finding.stops
    record_revision(post, post.working_record() | {"body": text(9)}, by=person("Editors"))
    assert "text-repeats" not in {found.check for found in results_of_post(Post.objects.get(pk=first))[0]}


@pytest.mark.django_db
def test_a_deleted_post_leaves_no_sketch_behind():
    first, second = posts_of(text(1), text(1))
    sketch_posts([first, second])
    TextTwin.objects.filter(post=first).delete()
    Post.objects.filter(pk=first).update(head_revision=None)
    Post.objects.get(pk=first).delete()
    assert not TextSketch.objects.filter(post_id=first).exists()
    assert set(SketchBand.objects.values_list("post_id", flat=True)) == {second}


@pytest.mark.django_db
def test_texts_without_words_have_no_near_duplicates():
    posts = posts_of("***", "---")
    assert sketch_posts(posts) == 2
    assert not TextTwin.objects.exists() and not SketchBand.objects.exists()


@pytest.mark.django_db
def test_the_commands_say_what_they_did(capsys):
    make_post()
    call_command("scan_texts")
    assert "1 revisions checked, 1 compared with all others" in capsys.readouterr().out
    call_command("measure_twins", count=60, pairs=2)
    told = capsys.readouterr().out
    assert "recall at 0.8: 2 of 2" in told and "precision: 6 of 6" in told
    assert Post.objects.count() == 1
