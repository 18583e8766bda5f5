"""Scores, flags and the view count of a record, as editors change them."""

import pytest
from django.urls import reverse

from posts.models import AuditEntry
from posts.operations import NotAllowed, Refused, change_view_count, clear_flag, flag_post
from tests.factories import approve, edit, fresh, make_post, person
from tests.test_admin import address, form_data, saved

pytestmark = pytest.mark.django_db

SCORE = {"quality": 84, "clarity": 70.0, "own": 1.5}
FLAGS = {"has_images": 1, "needs_human_review": 0, "own": None}


@pytest.fixture
def client(client):
    client.force_login(person())
    return client


def test_scores_and_flags_are_edited_like_text_and_make_a_revision(client):
    post = approve(make_post(score=SCORE, flags=FLAGS))
    changed = {"score_quality": "90", "score_depth": "12.5", "score_clarity": "", "flag_image_heavy": "1"}
    page = saved(client, post, **changed, flag_has_images="0")
    assert "Saved as 1.0.1. Readers still see 1.0.0." in page.content.decode()
    record = fresh(post).working_record()
    assert record["score"] == {"quality": 90, "depth": 12.5, "own": 1.5}
    assert record["flags"] == {"has_images": 0, "image_heavy": 1, "needs_human_review": 0, "own": None}
    assert fresh(post).head_revision.snapshot["score"] == record["score"]


def test_unchanged_scores_and_flags_keep_every_byte(client):
    post = approve(make_post(score=SCORE, flags=FLAGS))
    assert "Nothing changed. It is still 1.0.0" in saved(client, post).content.decode()
    saved(client, post, summary="Another.")
    record = fresh(post).working_record()
    assert (repr(record["score"]), repr(record["flags"])) == (
        repr({"quality": 84, "clarity": 70.0, "own": 1.5}),
        repr({"has_images": 1, "needs_human_review": 0, "own": None}),
    )


@pytest.mark.parametrize("score", ["101", "-1", "true", "many", "1e400", "NaN", '"5"', "[1]"])
def test_a_score_that_is_none_is_told_beside_its_field(client, score):
    post = make_post(score=SCORE)
    page = client.post(address(post), form_data(client.get(address(post)), score_quality=score))
    assert page.status_code == 422 and "Enter a number from 0 to 100." in page.content.decode()
    assert post.revisions.count() == 1


def test_a_view_count_is_changed_without_a_revision_and_reaches_readers_with_the_next_approval(client):
    post = approve(make_post(view_count=1200))
    answer = client.post(address(post, "change-view-count"), {"view_count": "4321"}, follow=True)
    assert "The view count is saved. Readers see it after the next approval." in answer.content.decode()
    assert fresh(post).view_count == 4321 and post.revisions.count() == 1
    assert AuditEntry.objects.get(action="view count changed").detail == "1,200 → 4,321"
    assert fresh(post).is_indexable
    readers = post.get_absolute_url()
    assert "4,321" not in client.get(readers).content.decode()
    edit(post, summary="Another.")
    assert fresh(post).head_revision.snapshot["view_count"] == 4321
    approve(post)
    assert "4,321" in client.get(readers).content.decode()


def test_a_view_count_is_emptied_and_an_equal_one_is_no_change(client):
    post = make_post(view_count=7)
    client.post(address(post, "change-view-count"), {"view_count": "7"})
    assert not AuditEntry.objects.filter(action="view count changed").exists()
    client.post(address(post, "change-view-count"), {"view_count": ""})
    assert fresh(post).view_count is None
    assert AuditEntry.objects.get(action="view count changed").detail == "7 → none"


@pytest.mark.parametrize("count", ["-1", "x", str(2**63)])
def test_a_wrong_view_count_changes_nothing(client, count):
    post = make_post(view_count=7)
    answer = client.post(address(post, "change-view-count"), {"view_count": count})
    assert answer.status_code == 422 and fresh(post).view_count == 7


def test_the_operation_checks_the_right_and_the_number():
    post = make_post(view_count=7)
    with pytest.raises(NotAllowed):
        change_view_count(post, 8, by=person("Staff"))
    with pytest.raises(Refused, match="whole number"):
        change_view_count(post, -1, by=person("Editors"))
    assert fresh(post).view_count == 7


def test_the_form_says_whether_the_post_needs_human_review_and_only_a_flag_changes_that(client):
    post = make_post()
    assert "Needs human review: no" in client.get(address(post)).content.decode()
    saved(client, post, summary="Another.", needs_human_review="1", flag_needs_human_review="1")
    assert not fresh(post).needs_human_review and "flags" not in fresh(post).working_record()
    client.post(reverse("admin:posts_post_act", args=[post.pk, "flag"]), {"flag-note": "Look."})
    page = client.get(address(post)).content.decode()
    assert "Needs human review: yes" in page and 'href="#clear-flag"' in page and 'id="clear-flag"' in page
    flag_post(post, by=person(), note="Also.")
    assert client.get(address(post)).content.decode().count('id="clear-flag"') == 1
    for flag in post.review_flags.all():
        clear_flag(flag, by=person(), note="Fine.")
    assert "Needs human review: no" in client.get(address(post)).content.decode()
