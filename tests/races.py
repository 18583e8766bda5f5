"""Eight kinds of acts on one post at the same moment, and what has to be true afterwards whoever was first."""

import datetime
from dataclasses import dataclass

from django.utils import timezone

from posts.models import AuditEntry, Post, QueueEntry, Release, Review, ScheduledRelease
from posts.operations import (
    begin_bulk,
    carry_out,
    claim_post,
    confirm_bulk,
    decide,
    flag_post,
    look_at_rows,
    record_revision,
    release_revision,
    roll_back,
    run_due,
    schedule_release,
    withdraw_post,
)
from posts.operations.review import Decision
from posts.operations.schedule import Plan
from tests.factories import ALL_MET, RecordFactory, approve, edit, fresh, import_records, make_post, person


@dataclass(frozen=True)
class Race:
    """Acts that begin together, and a check of what they left. results: what each returned, or its refusal."""

    post: Post
    acts: list
    check: object


def approval(post, by, **options):
    """Return an approval of the text that is proposed now, as a person who has read it sends it."""
    decision = Decision("approved", fresh(post).head_revision.fingerprint, answers=ALL_MET, **options)
    return lambda: decide(post, decision, by=by)


def holds(post):
    """Check what must be true of a post at any time: readers and search engines get only what a person approved."""
    post = fresh(post)
    flags = post.review_flags.filter(cleared_at=None).exists()
    assert post.needs_human_review is flags
    if post.live_revision_id:
        assert post.live_approval.fingerprint == post.live_revision.fingerprint
        assert post.live_approval.outcome == "approved" and post.live_approval.revoked_at is None
    if Post.objects.indexable().filter(pk=post.pk).exists():
        assert post.is_indexable and post.live_revision_id and not flags and not post.withdrawn_at
        assert not post.live_approval.is_bulk
    released = Release.objects.filter(post=post, kind="released").count()
    assert AuditEntry.objects.filter(post=post, action="released").count() == released
    approved = Review.objects.filter(revision__post=post, outcome="approved").count()
    assert AuditEntry.objects.filter(post=post, action__in=["approved", "confirmed"]).count() == approved
    assert QueueEntry.objects.filter(pk=post.pk).exists() is bool(post.awaits_review and not post.withdrawn_at)


def two_reviewers():
    post = make_post()

    def check(done):
        assert len(done) == Review.objects.filter(revision__post=post).count() == 1
        assert Release.objects.filter(post=post).count() == 1

    return Race(post, [approval(post, person()), approval(post, person())], check)


def import_against_approval():
    record = RecordFactory()
    import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    seen = post.head_revision.fingerprint

    def check(done):
        live = fresh(post).live_revision
        assert live is None or live.fingerprint == seen
        assert fresh(post).head_revision.snapshot["summary"] == "Imported at the same moment."

    newer = {**record, "summary": "Imported at the same moment."}
    return Race(post, [lambda: import_records(newer), approval(post, person())], check)


def plan_against_roll_back():
    post = make_post(released=True)
    edit(post, summary="The second revision.")
    approve(post)
    edit(post, summary="The third revision.")
    post = approve(post, release=False)
    third, by = fresh(post).head_revision, person()
    due = timezone.now() + datetime.timedelta(hours=1)
    plan = schedule_release(post, Plan(kind="release", revision=third, due_at=due, zone="UTC"), by=by)

    def check(done):
        assert ScheduledRelease.objects.get(pk=plan.pk).state in ("done", "refused")
        assert len(done) == 2
        assert Release.objects.filter(post=post, kind="released", revision=third).count() <= 1

    return Race(post, [lambda: run_due(due), lambda: roll_back(post, by=by)], check)


def bulk_against_single():
    post, by, other = make_post(), person(), person()
    run = look_at_rows(begin_bulk("reject", by=by, choices=[(post.pk, post.head_revision.fingerprint)]))
    run = confirm_bulk(run, by=by, comment="No.")

    def check(done):
        assert Review.objects.filter(revision__post=post).count() == 1
        row = run.rows.get()
        assert (row.outcome == "done") is (fresh(post).head_revision.status == "rejected")

    return Race(post, [lambda: carry_out(run), approval(post, other)], check)


def withdraw_against_approve():
    post = make_post()

    def check(done):
        assert fresh(post).withdrawn_at and not Post.objects.indexable().filter(pk=post.pk).exists()

    return Race(post, [approval(post, person()), lambda: withdraw_post(post, by=person())], check)


def flag_against_release():
    post, by, staff = approve(make_post(), release=False), person(), person("Staff")

    def check(done):
        assert fresh(post).needs_human_review and not fresh(post).is_indexable

    return Race(
        post,
        [lambda: release_revision(post.head_revision, by=by), lambda: flag_post(post, by=staff, note="Wait.")],
        check,
    )


def claim_against_claim():
    post, one, other = make_post(), person(), person()

    def check(done):
        (entry,) = done
        assert QueueEntry.objects.get(pk=post.pk).held_by_id == entry.held_by_id
        assert AuditEntry.objects.filter(post=post, action="claimed").count() == 1

    return Race(post, [lambda: claim_post(post, by=one), lambda: claim_post(post, by=other)], check)


def edit_against_approve():
    post, editor = make_post(), person("Editors")
    seen, record = post.head_revision, {**post.working_record(), "summary": "Edited at the same moment."}

    def check(done):
        live = fresh(post).live_revision
        assert live is None or live.fingerprint == seen.fingerprint
        assert fresh(post).head_revision.snapshot["summary"] == "Edited at the same moment."

    save = lambda: record_revision(post, record, by=editor, expected_head_id=seen.pk)  # noqa: E731 (an act, as the other)
    return Race(post, [save, approval(post, person())], check)


KINDS = {
    race.__name__.replace("_", " "): race
    for race in (
        two_reviewers, import_against_approval, plan_against_roll_back, bulk_against_single, withdraw_against_approve,
        flag_against_release, claim_against_claim, edit_against_approve,
    )
}  # fmt: skip


def run_races(kind, rounds, at_once, done):
    """Run a kind of race so often. at_once, done: as in tests.test_operations_races."""
    for _ in range(rounds):
        race = KINDS[kind]()
        race.check(done(at_once(race.acts)))
        holds(race.post)
