"""Two people, two tabs, an import at the same time: the second one is told, and no text is lost."""

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from posts.models import AuditEntry, ImportIssue, Post, Release, Review, Revision
from posts.operations import (
    HeadMoved,
    Refused,
    create_post,
    decide,
    flag_post,
    record_revision,
    release_revision,
    roll_back,
    run_due,
    schedule_release,
    withdraw_post,
)
from posts.operations.review import Decision
from posts.operations.schedule import Plan
from tests.factories import ALL_MET, RecordFactory, approve, fresh, import_records, make_post, person
from tests.races import KINDS, run_races

pytestmark = pytest.mark.django_db(transaction=True)
TOGETHER = 50


def at_once(acts):
    """Run every act in a thread of its own, all from the same start; return what each returned or refused."""
    gate = threading.Barrier(len(acts))

    def run(act):
        try:
            connection.ensure_connection()
            gate.wait()
            return act()
        except Refused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def done(results):
    return [result for result in results if not isinstance(result, Refused)]


def test_fifty_approvals_of_one_text_make_one_decision():
    post, people = make_post(), [person() for _ in range(5)]
    fingerprint = post.head_revision.fingerprint
    acts = [
        lambda by=people[number % 5]: decide(
            post, Decision(outcome="approved", fingerprint=fingerprint, answers=ALL_MET), by=by
        )
        for number in range(TOGETHER)
    ]
    results = at_once(acts)
    assert len(done(results)) == Review.objects.count() == Release.objects.count() == 1
    assert {str(result) for result in results if isinstance(result, Refused)} == {"1.0.0 is already approved."}
    assert AuditEntry.objects.filter(action="approved").count() == 1 and fresh(post).is_indexable


def test_of_an_approval_and_a_rejection_at_once_one_is_refused():
    post, reviewer = make_post(), person()
    fingerprint = post.head_revision.fingerprint
    results = at_once(
        [
            lambda: decide(post, Decision(outcome="approved", fingerprint=fingerprint, answers=ALL_MET), by=reviewer),
            lambda: decide(post, Decision(outcome="rejected", fingerprint=fingerprint, comment="no"), by=reviewer),
        ]
    )
    (review,) = done(results)
    assert Review.objects.get() == review and fresh(post).is_indexable is (review.outcome == "approved")


def test_of_ten_roll_backs_from_one_page_one_goes_back():
    post, reviewer = make_post(released=True, summary="0"), person()
    for number in range(1, 4):
        record_revision(post, {**fresh(post).working_record(), "summary": str(number)}, by=person("Editors"))
        post = approve(post)
    seen = post.live_revision_id
    results = at_once([lambda: roll_back(post, by=reviewer, expected_live_id=seen)] * 10)
    assert len(done(results)) == 1 and fresh(post).live_revision.version == "1.0.2"


def test_of_two_runners_one_does_what_is_due():
    post = approve(make_post(), release=False)
    due_at = timezone.now() + datetime.timedelta(hours=1)
    schedule_release(post, Plan(kind="release", revision=post.head_revision, due_at=due_at, zone="UTC"), by=person())
    results = at_once([lambda: run_due(due_at)] * 4)
    assert sum(len(settled) for settled in results) == Release.objects.count() == 1


def test_new_posts_that_want_one_address_at_once_each_get_one():
    editor = person("Editors")
    posts = at_once([lambda: create_post({"title": "One title", "body": "Text."}, by=editor)] * 8)
    assert len({post.slug for post in posts}) == Post.objects.count() == 8


def test_a_flag_raised_at_the_same_moment_closes_the_page_or_stops_the_approval():
    post, reviewer, staff = make_post(), person(), person("Staff")
    fingerprint = post.head_revision.fingerprint
    at_once(
        [
            lambda: decide(post, Decision(outcome="approved", fingerprint=fingerprint, answers=ALL_MET), by=reviewer),
            lambda: flag_post(post, by=staff, note="Wait."),
        ]
    )
    assert not fresh(post).is_indexable and fresh(post).needs_human_review


def test_a_withdrawal_at_the_same_moment_as_a_release_is_never_undone_by_it():
    post, reviewer = approve(make_post(), release=False), person()
    results = at_once(
        [
            lambda: release_revision(post.head_revision, by=reviewer),
            lambda: withdraw_post(post, by=reviewer),
        ]
    )
    assert fresh(post).withdrawn_at and not Post.objects.indexable().exists()
    assert len(done(results)) >= 1


def every_word(post):
    """Return the summaries in the history of a post and in the issues of its imports."""
    return {text.snapshot.get("summary") for text in post.revisions.all()} | {
        issue.raw.split('"summary": "')[1].split('"')[0] for issue in ImportIssue.objects.filter(post=post)
    }


def saving(post, by, words):
    """Return a save from a form that was opened on the current head."""
    opened, record = post.head_revision_id, {**post.working_record(), "summary": words}

    def save():
        head = opened
        while True:
            try:
                return record_revision(post, record, by=by, expected_head_id=head)
            except HeadMoved as moved:
                # The form shows both texts; here the second one is saved on top, as the person chose.
                head = moved.post.head_revision_id

    return save


@pytest.mark.parametrize("round_", range(5))
def test_two_editors_of_one_post_lose_no_word(round_):
    post = make_post(summary="As it was.")
    results = at_once([saving(post, person("Editors"), "Hers."), saving(post, person("Editors"), "His.")])
    assert len(done(results)) == 2
    assert every_word(post) == {"As it was.", "Hers.", "His."}
    assert [text.number for text in post.revisions.order_by("number")] == [1, 2, 3]


def test_two_tabs_of_one_editor_lose_no_word():
    post, editor = make_post(summary="As it was."), person("Editors")
    at_once([saving(post, editor, f"Tab {number}.") for number in range(6)])
    assert every_word(post) == {"As it was.", *(f"Tab {number}." for number in range(6))}


@pytest.mark.parametrize("round_", range(5))
def test_an_editor_and_an_import_lose_no_word(round_):
    post = make_post(summary="As it was.")
    incoming = {**RecordFactory(source_id=post.source_id), "summary": "From the import."}
    at_once([saving(post, person("Editors"), "Hers."), lambda: import_records(incoming)])
    assert every_word(post) == {"As it was.", "Hers.", "From the import."}
    assert fresh(post).working_record() == fresh(post).head_revision.snapshot


@pytest.mark.parametrize("round_", range(5))
def test_an_import_while_a_decision_is_made_never_puts_out_what_nobody_read(round_):
    post, reviewer = make_post(summary="As it was read."), person()
    read = post.head_revision.fingerprint
    incoming = {**RecordFactory(source_id=post.source_id), "summary": "From the import."}
    results = at_once(
        [
            lambda: decide(post, Decision(outcome="approved", fingerprint=read, answers=ALL_MET), by=reviewer),
            lambda: import_records(incoming),
        ]
    )
    post = fresh(post)
    if isinstance(results[0], HeadMoved):
        assert post.live_revision is None
    else:
        assert post.live_revision.fingerprint == read and post.is_indexable
    assert every_word(post) == {"As it was read.", "From the import."}
    assert post.awaits_review and post.head_revision.snapshot["summary"] == "From the import."


@pytest.mark.parametrize("round_", range(5))
def test_an_edit_while_a_decision_is_made_never_puts_out_what_nobody_read(round_):
    post, reviewer = make_post(summary="As it was read."), person()
    read = post.head_revision.fingerprint
    results = at_once(
        [
            lambda: decide(post, Decision(outcome="approved", fingerprint=read, answers=ALL_MET), by=reviewer),
            saving(post, person("Editors"), "Edited."),
        ]
    )
    post = fresh(post)
    assert every_word(post) == {"As it was read.", "Edited."}
    assert isinstance(results[0], HeadMoved) is (post.live_revision is None)
    assert Revision.objects.filter(post=post, status="approved").count() == (post.live_revision is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_acts_at_the_same_moment_leave_what_they_would_one_after_another(kind):
    # The long form is among the heavy tests.
    run_races(kind, 3, at_once, done)
