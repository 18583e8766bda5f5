"""The pages of the queue: rows, filters, claims, bulk actions."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from posts.admin.review import queue as pages
from posts.models import BulkRun, JobRun, Post, QueueEntry, ReviewFlag
from posts.operations import assign_post, claim_post, flag_post, record_revision, submit_revision
from posts.operations.queue_tasks import carry_out_bulk, prepare_bulk
from posts.review_queue.ranking import rank_queue
from posts.review_queue.weights import WEIGHTS
from tests.factories import make_post, person
from tests.test_review_queue import again, turn_down

pytestmark = pytest.mark.django_db
QUEUE = "admin:queue"


def words_of(response):
    """Return the text of a page on one line, without tags."""
    text = re.sub(r"<(script|style|svg).*?</\1>", "", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def choice(post):
    return f"{post.pk}:{post.head_revision.fingerprint}"


@pytest.fixture
def desk(client, reviewer):
    client.force_login(reviewer)
    return client


def test_a_row_says_why_it_is_here_before_what_it_is(desk):
    make_post(title="Draining workers", flags={"needs_human_review": 1}, payload={"generator": "penwright 3"})
    page = words_of(desk.get(reverse(QUEUE)))
    assert "90 risk score Source asks for human review +50 Hash or generator unknown, no hash +40" in page
    assert page.index("Source asks for human review +50") < page.index("Draining workers")
    assert "Go services · penwright 3 · import #" in page
    assert "checks have not run yet" in page


def test_a_row_tells_what_a_text_would_change_and_whose_it_is(desk, reviewer):
    post = make_post(released=True)
    record_revision(post, {**post.working_record(), "summary": "Else."}, by=person("Editors"))
    submit_revision(post, by=person("Editors"))
    page = words_of(desk.get(reverse(QUEUE)))
    assert "changes a live post , 1.0.0 → 1.0.1" in page
    assert "Changed since approval +40" in page
    mira = person()
    assign_post(post, to=mira, by=mira)
    assert f"{mira.username} assigned" in words_of(desk.get(reverse(QUEUE)))
    claim_post(post, by=mira)
    assert f"Claimed by {mira.username}" in words_of(desk.get(reverse(QUEUE)))


def test_every_word_of_a_record_is_text(desk):
    hostile = "<script>alert(1)</script>"
    make_post(title=hostile, stack=[hostile], payload={"generator": hostile})
    rank_queue()
    page = desk.get(reverse(QUEUE), {"generator": hostile}).content.decode()
    assert hostile not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3


def test_the_pages_of_the_queue_follow_each_other_and_miss_nothing(desk, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 3)
    posts = [make_post(title=f"Number {number}") for number in range(8)]
    QueueEntry.objects.update(waiting_since=timezone.now())
    seen, address, forth = [], reverse(QUEUE), []
    while address:
        page = desk.get(address).content.decode()
        seen += re.findall(r"Number (\d)</a>", page)
        forth.append(address)
        following = re.search(r'href="(\?[^"]*)" rel="next"', page)
        address = reverse(QUEUE) + following[1].replace("&amp;", "&") if following else ""
    assert seen == [str(number) for number in range(len(posts))]
    back = re.search(r'href="(\?[^"]*)" rel="prev"', desk.get(forth[-1]).content.decode())
    page = desk.get(reverse(QUEUE) + back[1].replace("&amp;", "&")).content.decode()
    assert re.findall(r"Number (\d)</a>", page) == ["3", "4", "5"]
    assert 'rel="next"' in page
    first = desk.get(reverse(QUEUE)).content.decode()
    assert 'rel="prev"' not in first


def test_the_queue_costs_the_same_for_one_post_and_for_forty(desk, reviewer):
    def cost():
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(reverse(QUEUE)).status_code == 200
        return len(captured)

    make_post()
    few = cost()
    for number in range(40):
        post = make_post()
        if number % 3 == 0:
            claim_post(post, by=person())
        assign_post(post, to=reviewer, by=reviewer)
    assert cost() == few <= 12


def test_a_filter_that_nothing_matches_says_which_part_of_it_to_drop(desk):
    make_post(stack=["Rust"])
    rank_queue()
    page = desk.get(reverse(QUEUE), {"stack": "Rust", "days": "6"})
    assert "No pending posts match these filters. Without 6 days or more : 1 ." in words_of(page)
    assert 'href="?stack=Rust"' in page.content.decode()


def test_the_choices_of_a_filter_keep_what_is_chosen(desk):
    make_post(stack=["Rust"])
    page = desk.get(reverse(QUEUE), {"stack": "Rust"}).content.decode()
    assert '<option value="Rust" selected>Rust</option>' in page
    assert "Filters 1" in page


def test_the_views_count_what_they_show(desk, reviewer):
    mine, old = make_post(), make_post()
    assign_post(mine, to=reviewer, by=reviewer)
    QueueEntry.objects.filter(pk=old.pk).update(waiting_since=timezone.now() - timedelta(days=20))
    page = words_of(desk.get(reverse(QUEUE)))
    assert "All pending 2 Assigned to me 1 Waiting 14 days 1 Reader reports 0" in page
    assert "Queue 2" in page


def test_a_view_is_saved_under_a_name_and_forgotten(desk, reviewer):
    make_post()
    answer = desk.post(reverse("admin:queue_views"), {"name": "Old ones", "view": "days=6", "back": "days=6"})
    assert answer["Location"] == reverse(QUEUE) + "?days=6"
    assert "Old ones 0" in words_of(desk.get(reverse(QUEUE)))
    page = desk.get(answer["Location"]).content.decode()
    assert "Delete “Old ones”" in page
    desk.post(reverse("admin:queue_views"), {"forget": reviewer.saved_views.get().pk})
    assert not reviewer.saved_views.exists()


def test_claiming_takes_a_post_and_never_a_get(desk, reviewer):
    post = make_post(title="Draining")
    assert desk.get(reverse("admin:queue_claim"), {"claim": f"claim:{post.pk}"}).status_code == 405
    assert QueueEntry.objects.get().held_by is None
    answer = desk.post(reverse("admin:queue_claim"), {"claim": f"claim:{post.pk}", "back": "days=6"}, follow=True)
    assert "You have claimed “Draining” until" in words_of(answer)
    assert QueueEntry.objects.get().held_by == reviewer
    desk.post(reverse("admin:queue_claim"), {"claim": f"let-go:{post.pk}"})
    claim_post(post, by=person())
    answer = desk.post(reverse("admin:queue_claim"), {"claim": f"claim:{post.pk}"}, follow=True)
    assert "has claimed this until" in words_of(answer)
    desk.post(reverse("admin:queue_claim"), {"claim": f"take-over:{post.pk}"})
    assert QueueEntry.objects.get().held_by == reviewer
    for nonsense in ("claim:0", "claim:x", "steal:1", "", f"claim:{2**70}"):
        assert desk.post(reverse("admin:queue_claim"), {"claim": nonsense}).status_code == 404


def test_a_redirect_never_leaves_the_queue(desk):
    post = make_post()
    for back in ("//evil.example", "https://evil.example/", "\r\nX: 1", "a=1&b=%0d%0a"):
        answer = desk.post(reverse("admin:queue_claim"), {"claim": f"claim:{post.pk}", "back": back})
        assert answer["Location"].startswith(reverse(QUEUE))


def test_ticked_rows_are_decided_after_a_page_that_says_what_each_gets(desk):
    fine, flagged = make_post(), make_post()
    flag_post(flagged, by=person("Staff"), note="Numbers.")
    begun = desk.post(reverse("admin:queue_bulk_begin"), {"act": "approve", "choice": [choice(fine), choice(flagged)]})
    page = words_of(desk.get(begun["Location"]))
    assert "Approve 1 post? 1 will be refused" in page
    assert "1 A flag is open: Flagged by staff: Numbers." in page
    assert not again(fine).is_live
    done = desk.post(begun["Location"], {"comment": "All alike."}, follow=True)
    assert "Approve 2 posts: 1 done, 1 refused" in words_of(done)
    assert again(fine).live_approval.is_bulk
    assert not Post.objects.indexable().exists()
    assert desk.post(begun["Location"], {}).status_code == 422


def test_a_bulk_rejection_asks_why(desk):
    post = make_post()
    begun = desk.post(reverse("admin:queue_bulk_begin"), {"act": "reject", "choice": choice(post)})
    refused = desk.post(begun["Location"], {"comment": "x", "reason_code": "nonsense"})
    assert refused.status_code == 422
    refused = desk.post(begun["Location"], {})
    assert "Say why: choose a reason or write a comment." in words_of(refused)
    assert again(post).awaits_review
    desk.post(begun["Location"], {"reason_code": "harm"})
    assert again(post).head_revision.status == "rejected"


def test_all_that_match_are_taken_in_the_background_when_they_are_many(desk, reviewer, monkeypatch):
    monkeypatch.setattr(pages, "AT_ONCE", 2)
    posts = [make_post(stack=["Rust"]) for _ in range(3)]
    other = make_post()
    begun = desk.post(reverse("admin:queue_bulk_begin"), {"act": "flag", "all": "1", "view": "stack=Rust"})
    assert "Checking 3 posts" in words_of(desk.get(begun["Location"]))
    run = BulkRun.objects.get()
    assert JobRun.objects.filter(job_name="look at posts for a bulk act", key=str(run.pk)).count() == 1
    prepare_bulk.func(run_id=run.pk)
    assert "Flag 3 posts?" in words_of(desk.get(begun["Location"]))
    desk.post(begun["Location"], {"comment": "Figures."})
    assert "Flag 3 posts: 0 done, 3 to go" in words_of(desk.get(begun["Location"]))
    assert DBTaskResult.objects.count() == 2
    carry_out_bulk.func(run_id=run.pk)
    assert "Flag 3 posts: 3 done, 0 refused" in words_of(desk.get(begun["Location"]))
    assert set(ReviewFlag.objects.values_list("post", flat=True)) == {post.pk for post in posts}
    assert not again(other).needs_human_review


def test_a_bulk_act_without_rows_or_with_nonsense_changes_nothing(desk):
    post = make_post()
    for data in (
        {"act": "approve"},
        {"act": "approve", "choice": ["x", "1:y"]},
        {"act": "burn", "choice": choice(post)},
    ):
        answer = desk.post(reverse("admin:queue_bulk_begin"), data)
        assert answer["Location"] == reverse(QUEUE)
    assert not BulkRun.objects.exists()
    assert desk.get(reverse("admin:queue_bulk", args=[99])).status_code == 404


def test_the_page_of_the_points_is_the_table_of_the_code(desk):
    page = html.unescape(words_of(desk.get(reverse("admin:queue_risk_score"))))
    for weight in WEIGHTS.values():
        assert f"{weight.label} {weight.table_points} {weight.why}" in page
    assert "Near-duplicate 30 to 60 " in page
    assert "Code does not parse 15 each, 45 at most " in page


def test_keys_are_switched_off_for_an_account(desk, reviewer):
    make_post()
    assert "js/queue.js" in desk.get(reverse(QUEUE)).content.decode()
    desk.post(reverse("admin:queue_keys"), {"keys": "off"})
    assert "js/queue.js" not in desk.get(reverse(QUEUE)).content.decode()
    desk.post(reverse("admin:queue_keys"), {"keys": "on"})
    assert "js/queue.js" in desk.get(reverse(QUEUE)).content.decode()


def test_a_decision_is_taken_back_from_the_queue_and_from_the_admin(desk, reviewer):
    post = make_post(title="Draining")
    review = turn_down(post, by=reviewer)
    assert "Draining until" in words_of(desk.get(reverse(QUEUE)))
    answer = desk.post(reverse("admin:queue_undo"), {"review": review.pk, "to": "desk"})
    assert answer["Location"] == reverse("admin:index")
    assert again(post).awaits_review
    assert "is pending review again" in words_of(desk.get(reverse(QUEUE)))
    answer = desk.post(reverse("admin:queue_undo"), {"review": review.pk}, follow=True)
    assert "already been undone" in words_of(answer)
    assert desk.post(reverse("admin:queue_undo"), {"review": "x"}).status_code == 404


def test_staff_see_the_queue_and_flag_in_it_and_decide_nothing(client, staff):
    post = make_post()
    client.force_login(staff)
    page = client.get(reverse(QUEUE)).content.decode()
    assert 'value="flag"' in page
    assert 'value="approve"' not in page
    assert ">Claim<" not in page
    assert client.post(reverse("admin:queue_claim"), {"claim": f"claim:{post.pk}"}).status_code == 403
    assert client.post(reverse("admin:queue_bulk_begin"), {"act": "reject", "choice": choice(post)}).status_code == 403
    assert not BulkRun.objects.exists()
