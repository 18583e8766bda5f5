"""How this site is made: every article is in exactly one row, and the rows add up."""

import random
import re
from collections import Counter

import pytest
from django.urls import reverse
from django.utils import timezone

from posts.importing.rollback import roll_back_batch
from posts.listing.site_stats import STATES, count_site_stats, site_stats, store_site_stats
from posts.models import Post, Revision, SiteFigure
from posts.operations import (
    Refused,
    decide,
    flag_post,
    record_revision,
    release_revision,
    roll_back,
    submit_revision,
    undo_decision,
    withdraw_post,
)
from posts.operations.review import Decision
from tests import posts_in_every_state
from tests.factories import ALL_MET, RecordFactory, approve, import_records, make_post, person

pytestmark = pytest.mark.django_db


def state_of(post):
    """Return the one state of a post, by looking at it."""
    if post.withdrawn_at:
        return "withdrawn"
    if post.live_revision_id:
        return "flagged" if post.needs_human_review else "listed" if post.is_listed else "unlisted"
    if post.awaits_review:
        return "waiting"
    return {Revision.Status.REJECTED: "rejected", Revision.Status.CHANGES_REQUESTED: "sent_back"}.get(
        post.head_revision.status, "unreleased"
    )


def check_figures():
    """Compare the figures of the site with what each post says of itself."""
    figures, posts = count_site_stats(), list(Post.objects.with_texts())
    expected = Counter(state_of(post) for post in posts)
    assert {state: getattr(figures, state) for state in STATES} == {state: expected[state] for state in STATES}
    assert figures.total == len(posts)
    assert figures.newer_waiting == sum(post.is_live and post.awaits_review for post in posts)


def rows_of(client):
    """Return {words: count} of the table on the page, and its total."""
    page = client.get(reverse("posts:how")).content.decode()
    cells = re.findall(r"<span>([^<]+)</span></span></th>\s*<td>([\d,]+)</td>", page)
    total = re.search(r"All articles</th><td>([\d,]+)</td>", page)[1]
    return {words: int(count.replace(",", "")) for words, count in cells}, int(total.replace(",", "")), page


def test_the_rows_of_a_site_with_a_post_in_every_state_add_up_to_all_posts(client):
    posts_in_every_state.fill()
    sent_back = make_post()
    decide(
        sent_back,
        Decision(outcome="changes_requested", fingerprint=sent_back.head_revision.fingerprint, comment="more"),
        by=person(),
    )
    approve(make_post(), release=False)
    check_figures()
    rows, total, _ = rows_of(client)
    assert len(rows) == 8 and all(rows.values())
    assert sum(rows.values()) == total == Post.objects.count()


@pytest.mark.parametrize("outcome", [None, "changes_requested", "rejected"])
def test_a_live_article_counts_once_whatever_becomes_of_its_newer_text(client, outcome):
    post = make_post(released=True)
    record_revision(post, {**post.working_record(), "body": "Newer."}, by=person("Editors"))
    submit_revision(post, by=person("Editors"))
    if outcome:
        head = Post.objects.get().head_revision
        decide(
            Post.objects.get(),
            Decision(outcome=outcome, fingerprint=head.fingerprint, comment="no", answers=ALL_MET),
            by=person(),
        )
    check_figures()
    rows, total, page = rows_of(client)
    assert sum(rows.values()) == total == 1 and rows["Approved by a person and listed"] == 1
    assert ("1 has a newer version that is pending" in " ".join(page.split())) is (outcome is None)


def test_a_site_that_is_switched_off_lists_nothing_and_still_adds_up(settings):
    posts_in_every_state.fill()
    settings.INDEXING = False
    figures = count_site_stats()
    assert figures.listed == 0 < figures.unlisted and figures.total == Post.objects.count()
    check_figures()


def _decide(post, by, rolls):
    outcome = rolls.choice(["approved", "approved", "changes_requested", "rejected"])
    options = {"comment": "So."}
    if outcome == "approved":
        options |= {
            "release": rolls.random() < 0.7,
            "is_bulk": rolls.random() < 0.3,
            "flags_seen": list(post.review_flags.filter(cleared_at=None).values_list("pk", flat=True)),
        }
    return decide(
        post, Decision(outcome=outcome, fingerprint=post.head_revision.fingerprint, **options, answers=ALL_MET), by=by
    )


def random_act(rolls, people, batches):
    """Do one random action of a person or an import, by its operation."""
    act = rolls.choice(["import", "change", "save", "submit", "decide", "decide", "decide", "undo", "flag", "release",
                        "withdraw", "back", "roll back import"])  # fmt: skip
    posts = list(Post.objects.with_texts().order_by("pk"))
    if act == "import" or not posts:
        batches.append(import_records(*(RecordFactory() for _ in range(2))))
        return
    post = rolls.choice(posts)
    editor, reviewer, second, staff = people
    if act == "change":
        batches.append(import_records({**RecordFactory(), "source_id": post.source_id}))
    elif act == "save":
        record_revision(post, {**post.working_record(), "body": f"Text {rolls.random()}."}, by=editor)
    elif act == "submit":
        submit_revision(post, by=second)
    elif act == "decide":
        _decide(post, rolls.choice([reviewer, second]), rolls)
    elif act == "undo":
        review = post.head_revision.reviews.order_by("-pk").first()
        if review:
            undo_decision(review, by=review.reviewer)
    elif act == "flag":
        flag_post(post, by=staff, note="Look.")
    elif act == "release":
        release_revision(post.head_revision, by=reviewer, ends_withdrawal=True)
    elif act == "withdraw":
        withdraw_post(post, by=staff)
    elif act == "back":
        roll_back(post, by=reviewer)
    else:
        roll_back_batch(rolls.choice(batches), by=staff)


@pytest.mark.parametrize("seed", range(6))
def test_after_any_acts_every_post_stands_in_one_row(seed):
    rolls = random.Random(seed)
    people = (person("Editors"), person(), person(), person("Staff"))
    batches, done = [], 0
    for _ in range(40):
        try:
            random_act(rolls, people, batches)
            done += 1
        except Refused:
            continue
        check_figures()
    assert done >= 15


def test_figures_that_another_version_of_the_site_stored_are_not_read():
    make_post(released=True)
    SiteFigure.objects.create(name="site", value={"approved": 9, "unheard_of": 1}, counted_at=timezone.now())
    assert site_stats().listed == 1
    store_site_stats()
    make_post(released=True)
    assert site_stats().listed == site_stats().total == 1
