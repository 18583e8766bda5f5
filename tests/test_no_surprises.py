"""No action does more than its page said: bulk approval, undo, roll back, restore, planned release."""

import datetime
import html

import pytest
from django.urls import reverse
from django.utils import timezone

from posts.importing.rollback import roll_back_batch
from posts.models import Post, Review
from posts.operations import (
    Decision,
    Refused,
    confirm_live,
    decide_many,
    release_revision,
    restore_revision,
    roll_back,
    submit_revision,
    undo_decision,
)
from posts.operations.schedule import Plan, run_due, schedule_release
from tests.factories import ALL_MET, approve, edit, fresh, make_post, person

pytestmark = pytest.mark.django_db


# In bulk


def changed_and_open():
    post = make_post(released=True, title="Open text")
    edit(post, summary="Newer.")
    submit_revision(post, by=person("Editors"))
    return fresh(post)


def test_an_approval_in_bulk_closes_no_open_post():
    post, new = changed_and_open(), make_post()
    choices = [(one.pk, one.head_revision.fingerprint) for one in (post, new)]
    for release in (True, False):
        refused, _ = decide_many(choices, by=person(), outcome="approved", release=release)
        assert refused.obstacles == (
            "The post is open to search engines, and an approval in bulk would close it. Approve it individually.",
        )
    assert fresh(post).is_indexable and fresh(new).is_live and approve(post).is_indexable


def test_the_page_before_says_which_rows_are_refused_and_what_the_rows_are(client):
    post, new = changed_and_open(), make_post(title="New post")
    client.force_login(person())
    choices = [f"{one.pk}:{one.head_revision.fingerprint}" for one in (post, new)]
    begun = client.post(reverse("admin:queue_bulk_begin"), {"act": "approve", "choice": choices}, follow=True)
    said = html.unescape(begun.content.decode())
    assert "Approve 1 post? 1 will be refused" in said and "Approve it individually." in said
    assert "1.0.1" in said and "Changed since approval" in said
    page = client.post(
        reverse("admin:posts_post_changelist"), {"action": "approve_in_bulk", "_selected_action": [post.pk, new.pk]}
    )
    assert "2 selected: 1 will be approved, 1 refused." in page.content.decode()
    assert "Approve it individually." in page.content.decode()


def test_posts_that_are_closed_because_they_were_approved_in_bulk_are_found(client):
    closed, open_post = (
        approve(make_post(title="Closed text"), is_bulk=True),
        make_post(released=True, title="Open text"),
    )
    client.force_login(person())
    said = client.get(reverse("admin:posts_post_changelist"), {"place": "bulk"}).content.decode()
    assert "Closed text" in said and "Open text" not in said
    queue = client.get(reverse("admin:queue")).content.decode()
    assert '?place=bulk">Approved in bulk only <span class="views__count">1</span>' in queue
    assert list(Post.objects.approved_in_bulk()) == [closed] and open_post.is_indexable
    approve(closed)
    assert not Post.objects.approved_in_bulk().exists()


# Texts whose import was rolled back


def kept(*, decided_by=None):
    """Return a post with a person's newer live text, whose import was rolled back."""
    post = make_post(released=True)
    edit(post, summary="A person's.")
    roll_back_batch(fresh(post).first_batch, by=person("Staff"))
    return approve(post, by=decided_by)


WARNING = (
    r"Import \d+, which brought 1\.0\.0, was rolled back\. Nobody has decided about this revision since then\. Confirm"
)


def assert_closed_until_decided(post):
    post = fresh(post)
    assert post.live_revision.number == 1 and not post.is_indexable
    assert post.index_obstacles == ["its import was rolled back"]
    assert not Post.objects.indexable().filter(pk=post.pk).exists()
    confirm_live(post, Decision("approved", post.live_revision.fingerprint, answers=ALL_MET), by=person())
    assert fresh(post).is_indexable and Post.objects.indexable().filter(pk=post.pk).exists()


def test_undoing_an_approval_warns_of_a_text_whose_import_was_rolled_back_and_opens_nothing(client):
    reviewer = person()
    post = kept(decided_by=reviewer)
    review = Review.objects.latest("pk")
    with pytest.raises(Refused, match=WARNING):
        undo_decision(review, by=reviewer)
    client.force_login(reviewer)
    for page in (reverse("admin:queue"), reverse("admin:review", args=[post.pk])):
        assert "Use this revision anyway" in client.get(page).content.decode()
    client.post(reverse("admin:review_undo"), {"review": review.pk})
    assert fresh(post).is_indexable
    client.post(reverse("admin:review_undo"), {"review": review.pk, "despite_rollback": "1"})
    assert_closed_until_decided(post)


@pytest.mark.parametrize("page", ["admin:posts_post_releases", "admin:posts_post_change"])
def test_a_roll_back_warns_of_a_text_whose_import_was_rolled_back_and_opens_nothing(client, page):
    post = kept()
    with pytest.raises(Refused, match=WARNING):
        roll_back(post, by=person())
    client.force_login(person())
    address = reverse(page, args=[post.pk])
    said = client.get(address).content.decode()
    assert "Use this revision anyway" in said
    sent = {"act": "roll-back", "to": post.first_batch.revisions.get().pk, "live": post.live_revision_id}
    if page == "admin:posts_post_change":
        address = reverse("admin:posts_post_act", args=[post.pk, "roll-back"])
    else:
        assert "closed (its import was rolled back)" in said
    assert client.post(address, sent).status_code == 422
    client.post(address, sent | {"despite_rollback": "1"})
    assert_closed_until_decided(post)


def test_a_release_warns_of_a_text_whose_import_was_rolled_back():
    post = make_post(released=True)
    roll_back_batch(post.first_batch, by=person("Staff"))
    text = fresh(post).head_revision
    assert fresh(post).withdrawn_at
    with pytest.raises(Refused, match=WARNING):
        release_revision(text, by=person(), ends_withdrawal=True)
    release_revision(text, by=person(), ends_withdrawal=True, despite_rollback=True)
    assert_closed_until_decided(post)


def test_a_plan_is_refused_where_the_import_was_rolled_back_after_it_was_made():
    post = approve(make_post(), release=False)
    due = timezone.now() + datetime.timedelta(hours=1)
    planned = {"kind": "release", "revision": post.head_revision, "zone": "UTC"}
    schedule_release(post, Plan(due_at=due, **planned), by=person())
    edit(post, summary="A person's.")
    roll_back_batch(fresh(post).first_batch, by=person("Staff"))
    (plan,) = run_due(due)
    assert plan.state == "refused" and "was rolled back" in plan.refusal
    with pytest.raises(Refused, match=WARNING):
        schedule_release(post, Plan(due_at=due, **planned), by=person())
    schedule_release(post, Plan(due_at=due, despite_rollback=True, **planned), by=person())
    (plan,) = run_due(due)
    assert plan.state == "done"
    assert_closed_until_decided(post)


def test_restoring_a_text_whose_import_was_rolled_back_asks_first_and_waits_for_a_decision(client):
    post = kept()
    text = post.first_batch.revisions.get()
    editor = person("Editors")
    with pytest.raises(Refused, match=WARNING):
        restore_revision(text, by=editor)
    client.force_login(editor)
    assert (
        "Use this revision anyway" in client.get(reverse("admin:posts_post_history", args=[post.pk])).content.decode()
    )
    client.post(
        reverse("admin:posts_post_act", args=[post.pk, "restore"]), {"number": text.number, "despite_rollback": "1"}
    )
    assert fresh(post).head_revision.status == "in_review"
    assert approve(post).is_indexable


def test_a_decision_after_the_roll_back_stands_for_the_text_again():
    post = kept()
    text = post.first_batch.revisions.get()
    restore_revision(text, by=person("Editors"), despite_rollback=True)
    approve(post)
    edit(post, summary="Newer still.")
    approve(post)
    roll_back(fresh(post), by=person())
    assert fresh(post).live_revision.fingerprint == text.fingerprint and fresh(post).is_indexable


def test_a_bulk_decision_does_not_stand_for_a_text_that_was_rolled_back():
    post = kept()
    restore_revision(post.first_batch.revisions.get(), by=person("Editors"), despite_rollback=True)
    roll_back(fresh(post), by=person(), despite_rollback=True)
    decide_many([(post.pk, fresh(post).head_revision.fingerprint)], by=person(), outcome="approved")
    assert not fresh(post).is_indexable
