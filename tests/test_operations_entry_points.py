"""One gate, four entry points: form, bulk action, operation and command refuse in the same words."""

import re
from html import unescape
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.urls import reverse

from posts.models import AuditEntry, Post, Release, Review
from posts.operations import (
    Answers,
    HeadMoved,
    Refused,
    clear_flag,
    confirm_live,
    decide,
    decide_many,
    flag_post,
    release_revision,
    withdraw_post,
)
from posts.operations.review import Decision
from tests.factories import (
    ALL_MET,
    COMMAND_ALL_MET,
    FORM_ALL_MET,
    approve,
    edit,
    fresh,
    import_records,
    make_post,
    person,
)

pytestmark = pytest.mark.django_db


def by_form(client, post, by, seen, *, answered=True):
    client.force_login(by)
    data = {"fingerprint": seen, "outcome": "approved", **(FORM_ALL_MET if answered else {})}
    answer = client.post(reverse("admin:posts_post_act", args=[post.pk, "decide"]), data, follow=True)
    return answer.status_code, unescape(answer.content.decode())


def by_bulk_action(client, post, by, seen, *, answered=True):
    client.force_login(by)
    data = {"action": "approve_in_bulk", "_selected_action": [post.pk], "decide": "1", "choice": f"{post.pk}:{seen}"}
    answer = client.post(reverse("admin:posts_post_changelist"), data, follow=True)
    return answer.status_code, unescape(answer.content.decode())


def by_operation(client, post, by, seen, *, answered=True):
    decision = Decision(outcome="approved", fingerprint=seen, answers=ALL_MET if answered else Answers())
    try:
        decide(post, decision, by=by)
    except (Refused, PermissionDenied) as refusal:
        return 422, str(refusal)
    return 200, ""


def by_command(client, post, by, seen, *, answered=True):
    options = {"met": COMMAND_ALL_MET if answered else []}
    try:
        call_command(
            "decide_post",
            post.source_id,
            user=by.username,
            fingerprint=seen,
            outcome="approved",
            stdout=StringIO(),
            **options,
        )
    except CommandError as refusal:
        return 1, str(refusal)
    return 0, ""


DOORS = {"form": by_form, "bulk action": by_bulk_action, "operation": by_operation, "command": by_command}


def _own_text(by):
    post = make_post()
    edit(post, by=by, summary="Mine.")
    return post


def _flagged(by):
    post = make_post()
    flag_post(post, by=person("Staff"), note="Wait.")
    return post


def _withdrawn(by):
    return withdraw_post(make_post(), by=person()).post


def _changed(by):
    post = make_post(summary="As it was read.")
    edit(post, summary="As it is now.")
    return post


def _rejected(by):
    post = make_post()
    decide(post, Decision(outcome="rejected", fingerprint=post.head_revision.fingerprint, comment="no"), by=person())
    return post


GATES = {
    "own text": (_own_text, r"You wrote 1\.0\.1\. Another reviewer must approve it\."),
    "open flag": (_flagged, r"A flag is open: Flagged by staff: Wait\."),
    "check": (
        lambda by: make_post(image_sources=[{"url": "https://elsewhere.example/a.jpg", "caption": "c"}]),
        r"Image 1 is on the host elsewhere.example, which this site does not allow",
    ),
    "withdrawn": (_withdrawn, r"The post is withdrawn\. Approve it for a later release"),
    "another text": (_changed, r"1\.0\.1 was saved in the meantime\. Read it first"),
    "already approved": (lambda by: make_post(released=True), r"1\.0\.0 is already approved\."),
    "rejected already": (_rejected, r"1\.0\.0 is already rejected; submit it again"),
    "guideline": (lambda by: make_post(), r"3 of the review guideline not answered: Every number has a source"),
}


@pytest.mark.once
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("gate", GATES)
def test_every_entry_point_refuses_with_the_same_words(gate, door, client):
    prepare, words = GATES[gate]
    by = person()
    post = fresh(prepare(by))
    seen = post.revisions.order_by("number").first() if gate == "another text" else post.head_revision
    before = Review.objects.count(), Release.objects.count(), fresh(post).live_revision_id
    status, said = DOORS[door](client, post, by, seen.fingerprint, answered=gate != "guideline")
    if gate == "guideline" and door == "bulk action":
        # A decision in bulk claims nothing about the points, and opens no index.
        assert Review.objects.get().guideline_words == "not answered (bulk)" and not fresh(post).is_indexable
        return
    assert re.search(words, said), said[-3000:]
    assert (Review.objects.count(), Release.objects.count(), fresh(post).live_revision_id) == before
    if door == "form":
        assert status == (409 if gate == "another text" else 422)


@pytest.mark.parametrize("door", DOORS)
def test_no_entry_point_lets_in_who_may_not_decide(door, client):
    post = make_post()
    _, said = DOORS[door](client, post, person("Editors"), post.head_revision.fingerprint)
    assert (
        not Review.objects.exists()
        and not AuditEntry.objects.exclude(made_by=None).exclude(action="signed in").exists()
    )
    if door != "bulk action":
        assert "does not have the right" in said


@pytest.mark.parametrize("door", DOORS)
def test_every_entry_point_lets_a_sound_text_through(door, client):
    post = make_post()
    DOORS[door](client, post, person(), post.head_revision.fingerprint)
    post = fresh(post)
    assert post.is_live and post.is_indexable is (door != "bulk action")
    assert Review.objects.get().is_bulk is (door == "bulk action")


def test_the_bulk_action_says_first_what_each_row_gets_and_then_what_it_got(client):
    sound, flagged = make_post(title="Sound text"), make_post(title="Flagged text", flagged=True)
    client.force_login(person())
    data = {"action": "approve_in_bulk", "_selected_action": [sound.pk, flagged.pk]}
    page = client.post(reverse("admin:posts_post_changelist"), data).content.decode()
    assert "2 selected: 1 will be approved, 1 refused." in page and not Review.objects.exists()
    assert f"{sound.pk}:{sound.head_revision.fingerprint}" in page
    choices = [f"{post.pk}:{post.head_revision.fingerprint}" for post in (sound, flagged)]
    edit(sound, summary="Changed between the two pages.")
    page = client.post(
        reverse("admin:posts_post_changelist"), {**data, "decide": "1", "choice": choices}, follow=True
    ).content.decode()
    assert "Sound text: 1.0.1 was saved in the meantime" in unescape(page) and "Nothing was approved." in page
    assert not Review.objects.exists()


def test_a_decision_in_bulk_neither_clears_a_flag_nor_takes_a_single_approval_away():
    post = make_post(released=True, flagged=True)
    (outcome,) = decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")
    assert any("A flag is open" in obstacle for obstacle in outcome.obstacles)
    assert not fresh(post).is_indexable
    post = approve(make_post(), is_bulk=True)
    (outcome,) = decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")
    assert "Only an individual decision can confirm it" in outcome.obstacles[0]
    assert approve(post).is_indexable
    (outcome,) = decide_many([(0, "x")], by=person(), outcome="approved")
    assert outcome.obstacles == ("No post has this number.",)


def test_what_came_held_back_is_looked_at_alone():
    post = make_post()
    Post.objects.filter(pk=post.pk).update(held=True)
    with pytest.raises(Refused, match="was imported held back"):
        approve(post, is_bulk=True)
    assert approve(post).is_indexable


def test_the_author_of_a_text_does_not_open_the_index_by_confirming_a_bulk_approval():
    post, author = make_post(), person()
    edit(post, by=author, summary="Mine.")
    approve(post, is_bulk=True)
    with pytest.raises(Refused, match=r"You wrote 1\.0\.1"):
        approve(post, by=author)
    assert approve(post).is_indexable


def test_an_approval_for_later_leaves_a_flag_on_the_live_text_open():
    post = make_post(released=True, flagged=True)
    edit(post, summary="Newer.")
    post = approve(post, release=False)
    assert post.needs_human_review and not post.is_indexable
    with pytest.raises(Refused, match="A flag is open"):
        release_revision(post.head_revision, by=person())
    clear_flag(post.review_flags.get(), by=person(), note="It is about neither.")
    release_revision(post.head_revision, by=person())
    assert fresh(post).is_indexable


def test_what_is_live_is_confirmed_while_a_newer_text_is_being_worked_on():
    post = make_post(released=True, flagged=True, checklist=["true"])
    edit(post, summary="Newer.")
    post, reviewer = fresh(post), person()
    seen = {"fingerprint": post.live_revision.fingerprint, "flags_seen": [post.review_flags.get().pk]}
    with pytest.raises(Refused, match="3 of the review guideline not answered"):
        confirm_live(post, Decision("approved", **seen), by=reviewer)
    with pytest.raises(Refused, match="can only be confirmed"):
        confirm_live(post, Decision("rejected", comment="Wrong.", **seen), by=reviewer)
    with pytest.raises(Refused, match="individually"):
        confirm_live(post, Decision("approved", answers=ALL_MET, is_bulk=True, **seen), by=reviewer)
    with pytest.raises(Refused, match="A flag is open"):
        confirm_live(post, Decision("approved", seen["fingerprint"], answers=ALL_MET), by=reviewer)
    with pytest.raises(Refused, match=r"Readers now see 1\.0\.0"):
        confirm_live(post, Decision("approved", post.head_revision.fingerprint, answers=ALL_MET), by=reviewer)
    confirm_live(post, Decision("approved", **seen, answers=ALL_MET), by=reviewer)
    post = fresh(post)
    assert post.is_indexable and post.live_approval.reviewer == reviewer
    assert post.head_revision.status == "drafted" and Release.objects.count() == 1
    with pytest.raises(Refused, match="already approved, and nothing about it needs"):
        confirm_live(post, Decision("approved", **seen, answers=ALL_MET), by=reviewer)


def test_nobody_turns_down_what_readers_see():
    post = make_post(released=True, summary="First.")
    edit(post, summary="Second.")
    import_records(post.live_revision.snapshot)
    edit(post, summary="First.")
    head = fresh(post).head_revision
    for outcome in ("rejected", "changes_requested"):
        with pytest.raises(Refused, match="Roll back or withdraw it instead"):
            decide(
                post,
                Decision(outcome=outcome, fingerprint=head.fingerprint, comment="no", answers=ALL_MET),
                by=person(),
            )


def test_a_decision_is_a_persons():
    post = make_post()
    with pytest.raises(PermissionDenied, match="Only a person may do that"):
        decide(post, Decision(outcome="approved", fingerprint=post.head_revision.fingerprint, answers=ALL_MET), by=None)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"outcome": "published"}, "Choose a decision"),
        ({"outcome": "rejected", "reason_code": "mood"}, "Choose a reason from the list"),
        ({"outcome": "rejected", "comment": "a\x00b"}, "characters that can't be stored"),
        ({"outcome": "rejected", "comment": "x" * 10_001}, "at most 10,000 characters; this has 10,001"),
    ],
)
def test_words_that_no_database_could_keep_are_refused(said, words):
    post = make_post()
    with pytest.raises(Refused, match=words):
        decide(post, Decision(fingerprint=post.head_revision.fingerprint, **said), by=person())


def test_the_command_knows_people_and_posts():
    post = make_post()
    options = {"fingerprint": post.head_revision.fingerprint, "outcome": "approved", "stdout": StringIO()}
    with pytest.raises(CommandError, match="No active account is named “nobody”"):
        call_command("decide_post", post.source_id, user="nobody", **options)
    with pytest.raises(CommandError, match="No post has the source id “nothing”"):
        call_command("decide_post", "nothing", user=person().username, **options)
    call_command("decide_post", post.source_id, user=person().username, met=COMMAND_ALL_MET, **options)
    assert options["stdout"].getvalue() == f"{post.source_id}: 1.0.0 approved; index: open.\n"


def test_a_stale_decision_gets_both_texts(client):
    post = make_post(summary="As it was read.")
    read = post.head_revision
    edit(post, summary="As it is now.")
    client.force_login(person())
    answer = client.post(
        reverse("admin:posts_post_act", args=[post.pk, "decide"]),
        {"fingerprint": read.fingerprint, "outcome": "approved", "comment": "Typed and kept."},
    )
    page = answer.content.decode()
    assert answer.status_code == 409 and isinstance(HeadMoved(fresh(post)), Refused)
    for words in ("As it was read.", "As it is now.", "Typed and kept."):
        assert words in page
    flag_post(post, by=person("Staff"), note="Wait.")
    again = {"fingerprint": fresh(post).head_revision.fingerprint, "outcome": "approved", **FORM_ALL_MET}
    answer = client.post(reverse("admin:posts_post_act", args=[post.pk, "decide"]), again)
    assert answer.status_code == 422 and "A flag is open" in answer.content.decode()
    shown = {bound.name: bound.value() for bound in answer.context["state"].deciding.form if bound.value()}
    client.post(
        reverse("admin:posts_post_act", args=[post.pk, "decide"]), {**shown, **FORM_ALL_MET, "outcome": "approved"}
    )
    assert fresh(post).is_indexable
