"""A reviewer can be limited to stacks and generators: operations, queue, screen, bulk actions and commands follow."""

import datetime

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from posts.accounts.review_limits import MOST_NAMES, set_review_limits
from posts.models import AuditEntry, BulkRow, QueueEntry, Review, ReviewLimit, ScheduledRelease
from posts.models.review_limit import Limits, limits_of
from posts.operations import (
    NotAllowed,
    Refused,
    assign_post,
    begin_bulk,
    carry_out,
    claim_post,
    clear_flag,
    confirm_bulk,
    confirm_live,
    decide,
    flag_post,
    look_at_rows,
    record_revision,
    release_revision,
    roll_back,
    run_due,
    schedule_release,
    submit_revision,
    undo_decision,
    withdraw_post,
)
from posts.operations.review import Decision, decide_many
from posts.operations.schedule import Plan, cancel_schedule
from posts.review_queue.order import QueueView, next_item
from tests.factories import ALL_MET, COMMAND_ALL_MET, approve, edit, fresh, make_post, person

pytestmark = [pytest.mark.django_db]
WORDS = "You decide about posts of the stack “Go” alone. Every stack of the post must be among them."


@pytest.fixture
def superuser():
    return User.objects.create_superuser("root")


def limited(superuser, stacks=("Go",), generators=(), **options):
    """Return a new reviewer of these stacks and generators."""
    reviewer = person(**options)
    set_review_limits(reviewer, stacks=stacks, generators=generators, by=superuser)
    return User.objects.get(pk=reviewer.pk)


@pytest.fixture
def reviewer(superuser):
    return limited(superuser)


@pytest.fixture
def theirs():
    return make_post(stack=["Go"])


@pytest.fixture
def other():
    # Another text altogether, or the queue would name it as a near-duplicate of theirs.
    words = "Heap dumps name the class that grows. Read them with the tool that came with the runtime."
    return make_post(stack=["Java"], title="A heap that grows", intro=words, body=f"## Dumps\n\n{words}", summary=words)


def decision(post, outcome="approved", **options):
    answers = {"answers": ALL_MET} if outcome == "approved" else {"comment": "No."}
    return Decision(outcome, fresh(post).head_revision.fingerprint, **answers, **options)


@pytest.mark.parametrize(("stack", "generator", "is_covered"), [
    (["Go"], "drafts", True),
    (["Go", "backend"], "drafts", True),
    ([" Go ", "Go"], "drafts", True),
    (["Go", "Java"], "drafts", False),
    (["go"], "drafts", False),
    ([], "drafts", False),
    ([7], "drafts", False),
    (["Go"], "other", False),
    (["Go"], "", False),
])  # fmt: skip
def test_a_text_is_within_limits_if_all_its_stacks_and_its_generator_are(stack, generator, is_covered):
    limits = Limits(frozenset(["Go", "backend"]), frozenset(["drafts"]))
    assert limits.covers(stack, generator) is is_covered


def test_a_limited_reviewer_decides_about_their_posts_alone(reviewer, theirs, other):
    for outcome in ("approved", "changes_requested", "rejected"):
        with pytest.raises(Refused, match=WORDS):
            decide(other, decision(other, outcome), by=reviewer)
    assert decide(theirs, decision(theirs), by=reviewer).outcome == "approved"
    assert Review.objects.count() == 1


def test_limits_count_from_the_next_request_on_and_end_with_an_empty_form(superuser, reviewer, other):
    set_review_limits(reviewer, stacks=(), generators=(), by=superuser)
    assert not limits_of(reviewer) and decide(other, decision(other), by=reviewer)


def test_one_stack_of_several_is_not_enough(reviewer):
    both = make_post(stack=["Go", "Java"])
    with pytest.raises(Refused, match=WORDS):
        decide(both, decision(both), by=reviewer)


def test_a_generator_limits_too_and_both_kinds_must_be_met(superuser):
    by = limited(superuser, stacks=["Go"], generators=["drafts"])
    right = make_post(stack=["Go"], payload={"generator": "drafts"})
    wrong = make_post(stack=["Go"], payload={"generator": "other"})
    with pytest.raises(Refused, match="the stack “Go” and the generator “drafts” alone"):
        decide(wrong, decision(wrong), by=by)
    assert decide(right, decision(right), by=by)
    assert [entry.pk for entry in QueueView().entries(by=by)] == []
    assert [entry.pk for entry in QueueView().entries(by=superuser)] == [wrong.pk]


def test_a_page_that_gets_the_stack_of_another_reviewer_is_still_not_theirs(reviewer):
    live = make_post(stack=["Java"], released=True)
    edit(live, stack=["Go"])
    with pytest.raises(Refused, match=WORDS):
        decide(live, decision(live), by=reviewer)


def test_a_superuser_has_no_limits(superuser, other):
    set_review_limits(superuser, stacks=["Go"], generators=(), by=superuser)
    assert decide(other, decision(other), by=User.objects.get(pk=superuser.pk))


def test_four_eyes_hold_within_the_limits(reviewer, theirs):
    edit(theirs, reviewer, summary="My own words.")
    with pytest.raises(Refused, match="You wrote"):
        decide(theirs, decision(theirs), by=reviewer)


def plan(post, kind="release"):
    due = timezone.now() + datetime.timedelta(hours=1)
    return Plan(kind=kind, revision=fresh(post).head_revision, due_at=due, zone="UTC")


def set_up_roll_back(post):
    approve(post)
    edit(post, summary="A second revision.")
    return approve(post)


ACTS = {
    "claim": (lambda post: post, lambda post, by: claim_post(post, by=by)),
    "assign": (lambda post: post, lambda post, by: assign_post(post, to=by, by=by)),
    "release": (
        lambda post: approve(post, release=False),
        lambda post, by: release_revision(fresh(post).head_revision, by=by),
    ),
    "roll back": (set_up_roll_back, lambda post, by: roll_back(post, by=by)),
    "plan a release": (
        lambda post: approve(post, release=False),
        lambda post, by: schedule_release(post, plan(post), by=by),
    ),
    "clear a flag": (
        lambda post: flag_post(post, by=person("Staff"), note="Look."),
        lambda post, by: clear_flag(post.review_flags.get(), by=by, note="Fine."),
    ),
    "confirm": (
        lambda post: flag_post(approve(post), by=person("Staff"), note="Look."),
        lambda post, by: confirm_live(
            post, decision(post, flags_seen=list(post.review_flags.values_list("pk", flat=True))), by=by
        ),
    ),
    "submit a rejected text": (
        lambda post: decide(post, decision(post, "rejected"), by=person()),
        lambda post, by: submit_revision(post, by=by),
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_every_act_of_a_reviewer_is_refused_outside_and_done_within(act, reviewer, theirs, other):
    prepare, do = ACTS[act]
    for post in (theirs, other):
        prepare(post)
    before = AuditEntry.objects.count()
    with pytest.raises(Refused, match=WORDS):
        do(fresh(other), reviewer)
    assert AuditEntry.objects.count() == before
    do(fresh(theirs), reviewer)
    assert AuditEntry.objects.count() > before


def test_a_decision_from_before_the_limit_is_undone_by_nobody_outside(superuser, other):
    by = person()
    review = decide(other, decision(other), by=by)
    set_review_limits(by, stacks=["Go"], generators=(), by=superuser)
    with pytest.raises(Refused, match=WORDS):
        undo_decision(review, by=User.objects.get(pk=by.pk))


def test_withdrawing_and_flagging_protect_readers_and_have_no_limits(reviewer, other):
    approve(other)
    flag_post(other, by=reviewer, note="Wrong numbers.")
    planned = schedule_release(other, plan(other, kind="withdraw"), by=reviewer)
    with pytest.raises(Refused, match=WORDS):
        cancel_schedule(planned, by=reviewer)
    withdraw_post(other, by=reviewer)
    assert fresh(other).withdrawn_at and fresh(other).needs_human_review


def test_a_planned_release_is_refused_if_its_planner_was_limited_meanwhile(superuser, other):
    by = person()
    approve(other, release=False)
    planned = schedule_release(other, plan(other), by=by)
    set_review_limits(by, stacks=["Go"], generators=(), by=superuser)
    run_due(planned.due_at)
    planned.refresh_from_db()
    assert planned.state == ScheduledRelease.State.REFUSED and "“Go” alone" in planned.refusal


def test_nobody_is_assigned_a_post_that_they_may_not_decide_about(reviewer, other):
    with pytest.raises(Refused, match=f"{reviewer} decides about posts of the stack “Go” alone. Choose another"):
        assign_post(other, to=reviewer, by=person())


def test_in_bulk_the_posts_outside_are_refused_with_their_count(reviewer, theirs, other):
    another = make_post(stack=["Java"])
    chosen = [(post.pk, post.head_revision.fingerprint) for post in (theirs, other, another)]
    for act in ("approve", "reject"):
        run = look_at_rows(begin_bulk(act, by=reviewer, choices=chosen))
        client = Client()
        client.force_login(reviewer)
        page = client.get(reverse("admin:queue_bulk", args=[run.pk])).content.decode()
        assert f'<strong>2</strong> <span dir="auto">{WORDS}</span>' in page
    carry_out(confirm_bulk(run, by=reviewer, comment="No."))
    outcomes = dict(run.rows.values_list("post", "outcome"))
    assert outcomes[theirs.pk] == BulkRow.Outcome.DONE
    assert outcomes[other.pk] == outcomes[another.pk] == BulkRow.Outcome.WILL_REFUSE
    assert {fresh(post).head_revision.status for post in (other, another)} == {"drafted"}


def test_all_matching_posts_in_bulk_are_those_within_the_limits(reviewer, theirs, other):
    run = begin_bulk("reject", by=reviewer, entries=QueueView().entries(by=reviewer))
    assert list(run.rows.values_list("post", flat=True)) == [theirs.pk]


def test_decisions_about_many_texts_name_the_limit_for_each_outside(reviewer, theirs, other):
    chosen = [(post.pk, post.head_revision.fingerprint) for post in (other, theirs)]
    first, second = decide_many(chosen, by=reviewer, outcome="rejected", comment="No.")
    assert first.obstacles == (WORDS,) and second.review


def test_the_command_refuses_in_the_name_of_a_limited_reviewer(reviewer, other):
    with pytest.raises(CommandError, match="“Go” alone"):
        call_command(
            "decide_post", other.source_id, "--as", reviewer.username, "--outcome", "approved",
            "--fingerprint", other.head_revision.fingerprint, *(f"--met={key}" for key in COMMAND_ALL_MET),
        )  # fmt: skip
    assert not Review.objects.exists()


def pages(by, *addresses):
    client = Client()
    client.force_login(by)
    return [client.get(address).content.decode() for address in addresses]


def test_the_queue_and_its_counts_hold_the_posts_of_a_limited_reviewer_alone(reviewer, theirs, other):
    queue, desk = pages(reviewer, reverse("admin:queue"), reverse("admin:index"))
    links = [reverse("admin:review", args=[post.pk]) for post in (theirs, other)]
    assert [line.strip() for line in queue.splitlines() if links[1] in line] == []
    assert links[0] in queue and "the stack “Go”</span> alone" in queue
    # Of the site two, of this person one: in the navigation, and in the sentence of the dashboard.
    assert "Two posts are pending review" in desk or "2 posts are pending review" in desk
    assert ">1 pending</a>" in desk
    for page in (queue, desk):
        assert 'nav-count">1<' in page or ">1</span>" in page
    assert next_item(QueueView(), by=reviewer).pk == theirs.pk
    everything, _ = pages(person(), reverse("admin:queue"), reverse("admin:index"))
    assert all(link in everything for link in links) and "You decide about posts of" not in everything


def test_my_work_names_no_overdue_post_of_other_stacks(reviewer, theirs, other):
    QueueEntry.objects.update(waiting_since=timezone.now() - datetime.timedelta(days=30))
    (page,) = pages(reviewer, reverse("admin:my_work"))
    assert [reverse("admin:review", args=[post.pk]) in page for post in (theirs, other)] == [True, False]


BUTTONS = ['value="approve"', 'value="reject"', 'value="claim"']


def test_the_review_screen_has_no_buttons_outside_and_says_why(reviewer, theirs, other):
    within, outside = pages(reviewer, *(reverse("admin:review", args=[post.pk]) for post in (theirs, other)))
    assert all(button in within for button in BUTTONS) and "Another reviewer decides" not in within
    assert not any(button in outside for button in BUTTONS)
    assert f"<strong>Another reviewer decides:</strong> {WORDS}" in outside


@pytest.mark.parametrize(
    "name", ["posts_post_change", "posts_post_releases", "posts_post_flag", "posts_revision_change"]
)
def test_the_other_pages_of_a_post_say_it_too(name, reviewer, theirs, other):
    for post in (theirs, other):
        approve(post, release=name != "posts_post_releases")
        if name in ("posts_post_flag", "posts_post_change"):
            flag_post(post, by=person("Staff"), note="Look.")
        if name == "posts_revision_change":
            edit(post, summary="New words.")
    keys = [fresh(post).head_revision_id if "revision" in name else post.pk for post in (theirs, other)]
    within, outside = pages(reviewer, *(reverse(f"admin:{name}", args=[key]) for key in keys))
    assert WORDS in outside and WORDS not in within


def test_limits_are_edited_on_the_page_of_the_account_and_recorded(superuser):
    by = person()
    client = Client()
    client.force_login(superuser)
    address = reverse("admin:auth_user_change", args=[by.pk])
    data = {"username": by.username, "is_active": "on", "is_staff": "on", "groups": [by.groups.get().pk]}
    data |= {"review_stacks": "Go\r\n  data   engineering \r\n\r\nGo", "review_generators": "drafts"}
    assert client.post(address, data).status_code == 302
    assert set(ReviewLimit.objects.values_list("kind", "name")) == {
        ("stack", "Go"), ("stack", "data engineering"), ("generator", "drafts"),
    }  # fmt: skip
    page = client.get(address).content.decode()
    assert "data engineering\nGo</textarea>" in page
    entry = AuditEntry.objects.get(action="review limits changed")
    words = "the stacks “data engineering” and “Go” and the generator “drafts”"
    assert entry.made_by == superuser and entry.detail == f"{by}: {words}"
    assert words in client.get(reverse("admin:roles")).content.decode()
    # Saving the same again is no change; and too many names are refused in the form.
    client.post(address, data)
    assert AuditEntry.objects.filter(action="review limits changed").count() == 1
    many = data | {"review_stacks": "\n".join(map(str, range(MOST_NAMES + 1)))}
    refused = client.post(address, many).content.decode()
    assert "at most 50 stacks" in refused and ReviewLimit.objects.count() == 3
    client.post(address, data | {"review_stacks": "", "review_generators": ""})
    assert AuditEntry.objects.filter(action="review limits changed").first().detail == f"{by}: none"


def test_who_may_not_change_accounts_changes_no_limits(reviewer):
    with pytest.raises(NotAllowed):
        set_review_limits(reviewer, stacks=(), generators=(), by=reviewer)
    assert ReviewLimit.objects.count() == 1


def test_limits_cost_the_queue_the_same_for_more_posts(reviewer, django_assert_max_num_queries):
    client = Client()
    client.force_login(reviewer)
    counts = []
    for _ in range(2):
        for _ in range(4):
            make_post(stack=["Go"])
            make_post(stack=["Java"])
        for name in ("admin:queue", "admin:index", "admin:my_work"):
            with django_assert_max_num_queries(60) as queries:
                client.get(reverse(name))
            counts.append(len(queries))
    assert counts[:3] == counts[3:]


def test_a_text_saved_by_a_limited_reviewer_needs_no_limit(reviewer, other):
    # Writing is another right: limits are about decisions.
    assert record_revision(other, {**fresh(other).working_record(), "summary": "Mine."}, by=reviewer)
