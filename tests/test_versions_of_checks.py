"""Checks declare what they are; their results are stored by version, and weighed by the decisions of the site."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from posts.content_checks import findings, outside_input, registered_checks
from posts.content_checks.registry import WHOLE_RECORD, _checks, _outside, check, checks_key, results_of_checks
from posts.content_checks.scan import check_again, scan_new_texts
from posts.content_checks.stored import results_of
from posts.content_checks.tasks import check_texts_again
from posts.models import CheckResult, CheckWeight, Post, Review
from posts.operations import Refused, decide_many
from posts.operations.queue_tasks import rank_new_texts, weigh_checks_by_decisions
from posts.operations.review import Decision, decide
from posts.operations.undo import undo_decision
from posts.records.schema import FIELDS
from posts.review_queue.check_weights import weight_in_tenths
from posts.review_queue.ranking import rank_queue
from posts.synthesis.plants import KINDS, synthesize_planted
from tests.factories import ALL_MET, approve, make_post, person

pytestmark = pytest.mark.once

EARLIER = "Found by an earlier version of this check. A background job checks the text again."
NOT_YET = "Not checked yet. A background job does it."


@pytest.fixture
def own_check(monkeypatch):
    """Return a function that registers the check `own-rule` for one test; it returns the list of titles read by it."""
    checks = dict(_checks)
    monkeypatch.setattr("posts.content_checks.registry._checks", checks)
    monkeypatch.setattr("posts.content_checks.registry._outside", dict(_outside))

    def registered(level="advises", says="The title is no question.", **declared):
        checks.pop("own-rule", None)
        read = []

        @check("own-rule", level, **declared)
        def own_rule(text):
            read.append(text.record["title"])
            if says:
                yield says, "/title"

        return read

    return registered


def told(post):
    """Return ([message of own-rule], [what it did not read]) of the proposed text."""
    found, unread = results_of(post.head_revision)
    return (
        [finding.message for finding in found if finding.check == "own-rule"],
        [gap.message for gap in unread if gap.check == "own-rule"],
    )


def turn_down(post, outcome="rejected", by=None):
    words = Decision(outcome, fingerprint=post.head_revision.fingerprint, comment="No.", answers=ALL_MET)
    return decide(post, words, by=by or person())


def test_every_check_of_the_site_declares_what_it_reads():
    for registered in registered_checks().values():
        if registered.is_ours:
            assert set(registered.inputs) <= {*FIELDS, *_outside, WHOLE_RECORD}, registered.id


def test_a_check_finds_the_same_in_a_record_of_nothing_but_its_inputs():
    texts = [synthesize_planted(seed, {kind: 1.0})[0] for seed, kind in enumerate(KINDS, 1) if kind != "twin"]
    texts.append(
        {"title": "[Insert title]", "intro": "<think>", "body": "````md\n# A", "language": "de", "tools": ["x"]}
    )
    found = set()
    for record in texts:
        for registered in registered_checks().values():
            if registered.is_ours:
                is_read = {*registered.inputs}.__contains__
                inputs = {key: value for key, value in record.items() if is_read(WHOLE_RECORD) or is_read(key)}
                whole = results_of_checks(record, [registered])
                assert results_of_checks(inputs, [registered]) == whole, registered.id
                found |= {finding.check for finding in whole[0]}
    assert len(found) > 8


def test_the_example_of_the_documentation_is_a_check_that_works(own_check):
    own_check()
    example = re.search(
        r"```python\n(from posts\.content_checks import check\n.*?)```", Path("docs/checks.md").read_text(), re.S
    )
    exec(compile(example[1], "docs/checks.md", "exec"), {"__name__": "ourchecks"})  # noqa: S102
    assert "title-length" in {finding.check for finding in findings({"title": "x" * 121, "body": "Words."})}
    assert "title-length" not in {finding.check for finding in findings({"title": "x" * 120, "body": "Words."})}
    example = registered_checks()["title-length"]
    assert (example.level, example.version, example.inputs, example.cost) == ("advises", 1, ("title",), "instant")


@pytest.mark.django_db
def test_only_the_check_whose_version_was_raised_reads_the_texts_again(own_check):
    posts = [make_post(title=f"Post {number}") for number in range(3)]
    assert own_check(version=1) == []
    scan_new_texts()
    before = {row.fingerprint: row for row in CheckResult.objects.all()}
    read = own_check(version=2, says="It is no question at all.")
    assert told(posts[0]) == (["The title is no question."], [EARLIER]) and not read
    check_texts_again.func()
    assert sorted(read) == ["Post 0", "Post 1", "Post 2"]
    assert told(posts[0]) == (["It is no question at all."], [])
    for row in CheckResult.objects.filter(checks_key=checks_key()):
        others = [
            {name: key for name, key in of.versions.items() if name != "own-rule"}
            for of in (row, before[row.fingerprint])
        ]
        assert others[0] == others[1] and row.versions["own-rule"] != before[row.fingerprint].versions["own-rule"]
    check_texts_again.func()
    assert len(read) == 3


@pytest.mark.django_db
def test_a_page_never_runs_a_changed_check_again_but_one_that_can_prevent_an_approval(own_check, client, reviewer):
    post = make_post()
    own_check(version=1, says="")
    scan_new_texts()
    client.force_login(reviewer)
    for address in (reverse("admin:review", args=[post.pk]), reverse("admin:posts_post_change", args=[post.pk])):
        read = own_check(version=2)
        page = client.get(address).content.decode()
        assert EARLIER in page and not read
        read = own_check("stops", version=3, says="It stops.")
        assert "It stops." in client.get(address).content.decode() and read
    with pytest.raises(Refused, match=r"It stops\."):
        approve(post)
    own_check("stops", version=4, says="")
    assert approve(post).is_live


@pytest.mark.django_db
def test_a_costly_check_runs_in_the_background_alone_and_its_absence_is_told(own_check, client, reviewer):
    read = own_check("stops", cost="background", says="")
    post = make_post()
    client.force_login(reviewer)
    page = client.get(reverse("admin:review", args=[post.pk])).content.decode()
    assert NOT_YET in page and "check own-rule yourself" in " ".join(page.split())
    (refused,) = decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")
    assert refused.obstacles == ("Required checks were not completed: own-rule. Approve it individually.",)
    client.get(reverse("admin:posts_post_change", args=[post.pk]))
    assert not read
    scan_new_texts()
    assert len(read) == 1
    assert told(post) == ([], [])
    assert decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")[0].obstacles == ()


@pytest.mark.django_db
def test_what_a_check_depends_on_outside_the_text_makes_it_read_again_and_no_other(own_check):
    own_check()
    state = ["1"]
    outside_input("our list", lambda: state[0])
    read = own_check(inputs=["title", "our list"])
    make_post()
    scan_new_texts()
    assert len(read) == 1
    check_texts_again.func()
    assert len(read) == 1
    state[0] = "2"
    check_texts_again.func()
    assert len(read) == 2


@pytest.mark.django_db
def test_checking_again_begins_with_pending_posts_and_continues_where_it_was_stopped(own_check, monkeypatch):
    monkeypatch.setattr("posts.content_checks.scan.CHUNK", 1)
    for number in range(4):
        make_post(title=f"Post {number}", approved=number < 2)
    scan_new_texts()
    read = own_check()
    assert check_again(seconds=0) == 1 and read == ["Post 2"]
    assert check_again() == 3
    assert read == ["Post 2", "Post 3", "Post 0", "Post 1"]


@pytest.mark.django_db
def test_the_queue_follows_what_a_changed_check_finds(own_check):
    post = make_post(image_sources=[])
    own_check(says="")
    scan_new_texts()
    rank_queue()
    before = [reason["code"] for reason in Post.objects.get().queue_entry.reasons]
    own_check("stops", version=2)
    rank_queue(everything=True)
    assert [reason["code"] for reason in Post.objects.get().queue_entry.reasons] == before
    check_texts_again.func()
    rank_new_texts.func()
    entry = Post.objects.get(pk=post.pk).queue_entry
    assert "check" in {reason["code"] for reason in entry.reasons} and entry.is_complete


@pytest.mark.django_db
def test_results_of_an_earlier_release_are_kept_for_a_day_and_then_deleted(own_check):
    post = make_post()
    own_check(version=1)
    scan_new_texts()
    own_check(version=2)
    check_again()
    assert CheckResult.objects.count() == 2
    CheckResult.objects.update(created_at=timezone.now() - timedelta(days=2))
    own_check(version=3)
    check_again()
    assert [row.checks_key for row in CheckResult.objects.filter(fingerprint=post.head_revision.fingerprint)] == [
        checks_key()
    ]


@pytest.mark.parametrize(
    ("turned_down", "decided", "usual", "tenths"),
    [
        (7, 7, 0.1, 10),  # Too few decisions.
        (10, 100, 0.1, 10),
        (20, 100, 0.1, 19),
        (90, 100, 0.1, 20),  # The most.
        (0, 100, 0.5, 5),  # The least.
        (8, 8, 0.5, 14),
        (30, 100, 0.5, 6),
        (0, 100, 0.0, 10),  # Nothing was ever turned down.
    ],
)
def test_the_weight_of_a_check_is_bounded_and_few_decisions_say_little(turned_down, decided, usual, tenths):
    assert weight_in_tenths(turned_down, decided, usual) == tenths


@pytest.mark.django_db
def test_the_decisions_of_the_site_decide_what_a_finding_is_worth(own_check, client, reviewer):
    """Ten texts with the finding are rejected, and ten without it approved."""
    own_check(says="")
    approved = [make_post(title=f"Good {number}") for number in range(10)]
    scan_new_texts()
    own_check()
    rejected = [make_post(title=f"Bad {number}") for number in range(10)]
    pending = make_post()
    scan_new_texts()
    rank_queue()
    entry = Post.objects.get(pk=pending.pk).queue_entry
    usual = next(reason for reason in entry.reasons if reason["code"] == "advice")
    for post in approved:
        approve(post)
    decisions = [turn_down(post) for post in rejected]
    weigh_checks_by_decisions.func()
    weight = CheckWeight.objects.get(pk="own-rule")
    assert (weight.decided, weight.turned_down, weight.tenths) == (10, 10, 15)
    entry.refresh_from_db()
    heavier = next(reason for reason in entry.reasons if reason["code"] == "advice")
    assert heavier["points"] > usual["points"]
    assert "times as much as usual by the decisions here" in heavier["detail"]
    client.force_login(reviewer)
    page = " ".join(client.get(reverse("admin:queue_risk_score")).content.decode().split())
    assert 'requested">10 (100 %)</td> <td data-label="Weight">× 1.5</td>' in page
    # What was undone, done in bulk or long ago says nothing.
    undo_decision(decisions[0], by=decisions[0].reviewer)
    Review.objects.filter(pk=decisions[1].pk).update(is_bulk=True, guideline=None, answers={})
    Review.objects.filter(pk=decisions[2].pk).update(created_at=timezone.now() - timedelta(days=200))
    weigh_checks_by_decisions.func()
    weight.refresh_from_db()
    assert (weight.decided, weight.tenths) == (7, 10)
