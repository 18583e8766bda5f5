"""Undo of a decision: everything returns to its earlier state, and nothing newer is lost."""

import datetime
import io

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from posts.export.records import export_reviews
from posts.models import AuditEntry, Post, PostTerm, QueueEntry, Release, Review, ReviewFlag, Term
from posts.operations import (
    Refused,
    confirm_live,
    create_post,
    decide,
    decide_many,
    flag_post,
    record_revision,
    release_revision,
    roll_back,
    schedule_release,
    submit_revision,
    undo_decision,
    withdraw_post,
)
from posts.operations.review import Decision
from posts.operations.schedule import Plan
from posts.public.sitemaps import URLS_PER_FILE
from posts.review_queue.ranking import rank_posts
from tests.factories import ALL_MET, RecordFactory, approve, fresh, import_records, make_post, person

pytestmark = pytest.mark.django_db
MOMENTS = ("first_published_at", "last_published_at", "withdrawn_at")


def stand(post):
    """Return everything that readers, search engines and the queue see of a post."""
    post = fresh(post)
    return {
        "visible": post.visible_revision,
        "is visible by the query": Post.objects.visible().contains(post),
        "index obstacles": post.index_obstacles,
        "is listed by the query": Post.objects.listed().contains(post),
        "waits": Post.objects.waiting().contains(post),
        "live": (post.live_revision_id, post.live_approval_id),
        "head": (post.head_revision_id, post.head_revision.status),
        "held": post.held,
        "moments": [getattr(post, name) for name in MOMENTS],
        "flags": set(post.review_flags.filter(cleared_at=None).values_list("pk", "note")),
        "flagged": post.needs_human_review,
        "terms": set(PostTerm.objects.filter(post=post).values_list("term__name", "published_at")),
        "place in the queue": QueueEntry.objects.filter(post=post)
        .values("points", "waiting_since", "assigned_to")
        .first(),
        "term counts": set(Term.objects.filter(listed_count__gt=0).values_list("name", "listed_count")),
    }


def edited(post, by=None, **changes):
    record_revision(post, {**fresh(post).working_record(), **changes}, by=by or person("Editors"))
    return fresh(post)


def submitted(post):
    submit_revision(post, by=person("Editors"))
    return fresh(post)


def switched_to_held(post):
    Post.objects.filter(pk=post.pk).update(held=True)
    return fresh(post)


BEGINNINGS = {
    "an import that nobody looked at": lambda: make_post(checklist=["true"]),
    "an import with a flag": lambda: make_post(flagged=True),
    "an import that came held": lambda: switched_to_held(make_post()),
    "a typed post that was submitted": lambda: submitted(create_post(RecordFactory(), by=person("Editors"))),
    "a change of a live text": lambda: submitted(edited(make_post(released=True), stack=["Go services", "other"])),
    "a change of a flagged live text": lambda: submitted(
        edited(make_post(released=True, flagged=True), summary="New.")
    ),
    "a new import of a live text": lambda: reimported(make_post(released=True)),
    "a live text that was flagged": lambda: make_post(released=True, flagged=True),
    "a text approved in bulk": lambda: approve(make_post(), is_bulk=True),
    "a post rejected and submitted again": lambda: brought_back(make_post()),
}


def reimported(post):
    import_records(RecordFactory(source_id=post.source_id, title=post.title, summary="Another."))
    return fresh(post)


def brought_back(post):
    decided(post, "rejected")
    submit_revision(post, by=person())
    return fresh(post)


def decided(post, outcome="approved", *, by=None, **options):
    post = fresh(post)
    return decide(
        post,
        Decision(
            outcome=outcome,
            fingerprint=post.head_revision.fingerprint,
            flags_seen=list(post.review_flags.filter(cleared_at=None).values_list("pk", flat=True)),
            comment="Because.",
            **options,
            answers=ALL_MET,
        ),
        by=by or person(),
    )


# An approval moves most: what it leaves on one engine, the others leave there too.
OTHER_DECISIONS = ("approved later", "changes_requested", "rejected")


@pytest.mark.parametrize(
    "decision", ["approved", *(pytest.param(name, marks=pytest.mark.once) for name in OTHER_DECISIONS)]
)
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_decision_taken_back_leaves_everything_as_it_was(beginning, decision):
    post = BEGINNINGS[beginning]()
    bystander = make_post(released=True)
    before, beside = stand(post), stand(bystander)
    reviewer = person()
    options = {"release": False} if decision == "approved later" else {}
    try:
        review = decided(post, decision.removesuffix(" later"), by=reviewer, **options)
    except Refused:
        # What is live can't be turned down, only confirmed.
        assert decision in ("changes_requested", "rejected") and fresh(post).head_revision == fresh(post).live_revision
        return
    assert stand(post) != before
    entries = AuditEntry.objects.count()
    undo_decision(review, by=reviewer)
    assert stand(post) == before
    assert stand(bystander) == beside
    assert AuditEntry.objects.count() == entries + 1
    assert AuditEntry.objects.first().action == "decision undone"
    # Nothing is erased, and a new decision is possible.
    assert Review.objects.get(pk=review.pk).undone_by == reviewer
    decided(post, decision.removesuffix(" later"), by=reviewer, **options)


def test_an_approval_taken_back_is_revoked_and_its_release_answered_by_another():
    post, reviewer = make_post(), person()
    review = undo_decision(decided(post, by=reviewer), by=reviewer)
    assert review.revoked_by == reviewer and review.revoked_at == review.undone_at
    released, undone = Release.objects.order_by("pk")
    assert (released.kind, undone.kind) == ("released", "undone")
    assert undone.revision is None and undone.before == released.revision and undone.made_by == reviewer
    with pytest.raises(Refused, match="not approved"):
        release_revision(post.head_revision, by=reviewer)


def test_the_page_its_header_and_the_sitemap_follow_at_once(client):
    post, reviewer = make_post(), person()
    address = post.get_absolute_url()
    review = decided(post, by=reviewer)
    assert "X-Robots-Tag" not in client.get(address).headers
    assert address in client.get(f"/sitemaps/articles-{post.pk // URLS_PER_FILE}.xml").getvalue().decode()
    undo_decision(review, by=reviewer)
    page = client.get(address)
    assert "noindex" in page.headers["X-Robots-Tag"] and "Nobody has reviewed" in page.content.decode()
    assert address not in client.get(f"/sitemaps/articles-{post.pk // URLS_PER_FILE}.xml").getvalue().decode()


def test_a_flag_raised_after_the_approval_stays_open():
    post, reviewer = make_post(flagged=True), person()
    review = decided(post, by=reviewer)
    flag_post(post, by=person("Staff"), note="And this.")
    undo_decision(review, by=reviewer)
    assert {flag.note for flag in ReviewFlag.objects.filter(cleared_at=None)} == {"Look at the numbers.", "And this."}
    assert fresh(post).needs_human_review


def test_a_confirmation_of_the_live_text_can_be_taken_back_while_another_is_proposed():
    post, reviewer = make_post(released=True, flagged=True), person()
    edited(post, summary="New.")
    before = stand(post)
    flags = list(post.review_flags.values_list("pk", flat=True))
    review = confirm_live(
        post, Decision("approved", post.live_revision.fingerprint, flags_seen=flags, answers=ALL_MET), by=reviewer
    )
    assert fresh(post).is_indexable
    undo_decision(review, by=reviewer)
    assert stand(post) == before and not fresh(post).is_indexable


def test_whoever_had_the_post_and_waited_so_long_has_it_again():
    post, reviewer = make_post(), person()
    QueueEntry.objects.filter(post=post).update(
        waiting_since=timezone.now() - datetime.timedelta(days=12), assigned_to=reviewer
    )
    rank_posts([post.pk])
    before = stand(post)
    assert before["place in the queue"]["assigned_to"] == reviewer.pk
    undo_decision(decided(post, "changes_requested", by=reviewer), by=reviewer)
    assert stand(post) == before


def test_a_bulk_decision_can_be_taken_back_too():
    post, reviewer = make_post(), person()
    before = stand(post)
    [outcome] = decide_many([(post.pk, post.head_revision.fingerprint)], by=reviewer, outcome="approved")
    undo_decision(outcome.review, by=reviewer)
    assert stand(post) == before


def later_edit(post, review):
    edited(post, summary="Newer.")


def later_withdrawal(post, review):
    withdraw_post(post, by=person("Staff"))


def later_submission(post, review):
    submit_revision(post, by=person())


def later_decision(post, review):
    flag_post(post, by=person("Staff"), note="Look.")
    decided(post)


def later_plan(post, review):
    tomorrow = timezone.now() + datetime.timedelta(days=1)
    schedule_release(post, Plan(kind="release", revision=review.revision, due_at=tomorrow, zone="UTC"), by=person())


def later_release(post, review):
    release_revision(review.revision, by=person())


def later_roll_back(post, review):
    roll_back(post, by=person(), why="Wrong.")


@pytest.mark.parametrize(
    ("beginning", "decision", "options", "happens", "words"),
    [
        ("an import that nobody looked at", "approved", {}, later_edit, "1.0.1 has been saved since then"),
        (
            "an import that nobody looked at",
            "approved",
            {},
            later_withdrawal,
            "What readers see has changed since then",
        ),
        (
            "an import that nobody looked at",
            "approved",
            {},
            later_decision,
            "Somebody has decided about this post since then",
        ),
        ("an import that nobody looked at", "rejected", {}, later_submission, "1.0.0 is now in review"),
        ("an import that nobody looked at", "approved", {"release": False}, later_plan, "is planned. Cancel it first"),
        ("an import that nobody looked at", "approved", {"release": False}, later_release, "What readers see has"),
        ("a change of a live text", "approved", {}, later_roll_back, "The approval of 1.0.1 has already been revoked"),
    ],
)
def test_what_came_later_is_never_run_over(beginning, decision, options, happens, words):
    post, reviewer = BEGINNINGS[beginning](), person()
    review = decided(post, decision, by=reviewer, **options)
    happens(fresh(post), review)
    now = stand(post)
    with pytest.raises(Refused, match=words):
        undo_decision(review, by=reviewer)
    assert stand(post) == now and Review.objects.get(pk=review.pk).undone_at is None


def test_the_generator_never_hears_of_a_decision_that_was_taken_back():
    reviewer = person()
    undo_decision(decided(make_post(source_id="hasty"), "rejected", by=reviewer), by=reviewer)
    decided(make_post(source_id="meant"), "rejected", by=reviewer)
    out = io.BytesIO()
    assert export_reviews(out) == 1
    assert b'"meant"' in out.getvalue() and b'"hasty"' not in out.getvalue()


def test_ten_minutes_are_ten_minutes_and_once_is_enough():
    reviewer = person()
    review = decided(make_post(), by=reviewer)
    review.refresh_from_db()
    ten_minutes = review.created_at + datetime.timedelta(minutes=10)
    with pytest.raises(Refused, match="Ten minutes have passed"):
        undo_decision(review, by=reviewer, now=ten_minutes)
    undo_decision(review, by=reviewer, now=ten_minutes - datetime.timedelta(seconds=1))
    with pytest.raises(Refused, match="already been undone"):
        undo_decision(review, by=reviewer)


def test_a_decision_from_before_there_was_a_way_back_is_refused_in_words():
    reviewer = person()
    review = decided(make_post(), by=reviewer)
    Review.objects.update(way_back=None)
    with pytest.raises(Refused, match="made before undo existed"):
        undo_decision(review, by=reviewer)


def test_only_who_decided_takes_it_back():
    reviewer = person()
    review = decided(make_post(), by=reviewer)
    with pytest.raises(PermissionDenied, match="Nobody else can undo it"):
        undo_decision(review, by=person())
    reviewer.groups.clear()
    with pytest.raises(PermissionDenied, match="review_post"):
        undo_decision(review, by=type(reviewer).objects.get(pk=reviewer.pk))
    with pytest.raises(PermissionDenied, match="Only a person"):
        undo_decision(review, by=None)
    assert fresh(review.revision.post).is_live
