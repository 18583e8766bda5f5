"""The review screen by its addresses, without a browser: what it shows, refuses and keeps."""

import re

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from posts.models import AuditEntry, QueueEntry, Review, ReviewFlag, WebSession
from posts.operations import create_post, flag_post, record_revision, report_problem, submit_revision
from posts.operations.claim import claim_post
from tests.factories import (
    COMMAND_ALL_MET,
    FORM_ALL_MET,
    RecordFactory,
    approve,
    fresh,
    import_records,
    make_post,
    person,
)

pytestmark = pytest.mark.django_db
CHECKLIST = ["True", "Harmless"]
# Some of the answers that an approval needs.
HALF = {"answer-numbers": "met"}


@pytest.fixture
def desk(client):
    """Return a client of a reviewer (`desk.person`)."""
    client.person = person()
    client.force_login(client.person)
    return client


def address_of(post, query=""):
    return reverse("admin:review", args=[post.pk]) + query


def form_of(page):
    """Return the hidden fields of the decision, as a browser sends them."""
    html = page.content.decode()
    form = html[html.index('<form id="decide"') :]
    names = ("fingerprint", "flags_seen", "opened", "place", "view", "proof", "guideline")
    return {name: re.search(rf'name="{name}" value="([^"]*)"', form)[1].replace("&amp;", "&") for name in names}


def send(client, post, act, *, query="", **fields):
    return client.post(address_of(post), form_of(client.get(address_of(post, query))) | {"act": act, **fields})


def words_of(response):
    """Return the text of a page on one line, without tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def by_risk(*counts):
    """Return pending posts, the one with most open flags first."""
    posts = []
    for count in counts:
        post = make_post(checklist=CHECKLIST)
        for number in range(count):
            flag_post(post, by=person("Staff"), note=f"Look {number}.")
        posts.append(fresh(post))
    return posts


def test_the_screen_says_why_the_post_is_here_and_what_a_decision_will_do(desk):
    post = make_post(released=True, checklist=CHECKLIST, title="Draining")
    record_revision(post, {**post.working_record(), "summary": "New."}, by=person("Editors"), bump="minor")
    submit_revision(post, by=person("Editors"))
    flag_post(post, by=person("Staff"), note="Is <b>90</b> right?")
    report_problem(fresh(post), reason="facts", note="It is 90 s.", address="192.0.2.1")
    page = desk.get(address_of(post))
    said = words_of(page)
    assert "Flagged +50" in said and "Changed since approval +40" in said
    assert "1.0.0 is live → 1.1.0 proposed" in said
    assert "Is &lt;b&gt;90&lt;/b&gt; right?" in said and "It is 90 s." in said
    assert "1 compared with live" in said and "/summary" in said
    assert "You can’t approve yet: 3 of 3 required points open" in said
    assert "If you approve, readers see 1.1.0 at once and search engines may index it. It answers 1 flag." in said
    assert "1.1.0 goes back to its editors; readers keep 1.0.0; 1 flag stays open." in said
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert "no-store" in page.headers["Cache-Control"] and "noindex" in page.headers["X-Robots-Tag"]


def test_only_the_pages_that_frame_a_paper_may_frame_anything(desk):
    post = make_post()
    assert (
        "frame-src 'none'"
        in desk.get(reverse("admin:posts_post_change", args=[post.pk])).headers["Content-Security-Policy"]
    )
    framed = desk.get(reverse("admin:review_source", args=[post.head_revision_id]))
    assert "frame-ancestors 'self'" in framed.headers["Content-Security-Policy"]


def test_a_decision_leads_to_the_next_item_which_is_then_held(desk):
    first, second, third = by_risk(3, 2, 1)
    response = send(desk, first, "approve", **FORM_ALL_MET)
    assert response.headers["Location"] == address_of(second)
    entry = QueueEntry.objects.get(post=second)
    assert entry.held_by == desk.person
    page = words_of(desk.get(address_of(second)))
    assert "Approved. Next: " + second.title in page and "Undo until" in page and "Claimed by you until" in page
    review = Review.objects.get()
    assert (
        review.answers == dict.fromkeys(COMMAND_ALL_MET, "met")
        and review.seconds_spent is not None
        and fresh(first).is_indexable
    )
    assert not QueueEntry.objects.filter(post=first).exists()
    response = send(desk, second, "skip")
    assert response.headers["Location"] == address_of(third)
    assert QueueEntry.objects.get(post=second).held_by is None and Review.objects.count() == 1


def test_the_view_is_carried_along_and_its_end_is_said(desk):
    (flagged,) = by_risk(1)
    make_post()
    query = "?view=reason%3Dflag"
    response = desk.post(
        address_of(flagged),
        form_of(desk.get(address_of(flagged, query))) | {"act": "edits", "edits-reason_code": "facts"},
        follow=True,
    )
    assert response.request["PATH_INFO"] == reverse("admin:review_start")
    said = words_of(response)
    assert "1 decided today. 0 still pending in this view." in said and "Undo until" in said
    everything = desk.get(reverse("admin:review_start"))
    assert everything.status_code == 302


def test_a_flag_on_the_way_does_not_send_the_reviewer_back_to_the_top(desk):
    last = by_risk(0, 0, 0)[-1]
    response = send(desk, last, "flag", reason="harm", note="It could burn.")
    address = response.headers["Location"]
    flag = ReviewFlag.objects.get(note="It could burn.")
    assert flag.reason == "harm" and flag.raised_by == desk.person
    # It has more points now, but the reviewer is where they were.
    page = desk.get(address)
    data = form_of(page) | {"act": "skip"}
    assert desk.post(address_of(last), data, follow=True).request["PATH_INFO"] == reverse("admin:review_start")


def test_obstacles_refuse_with_words_and_keep_what_was_typed(desk):
    (post,) = by_risk(0)
    response = send(desk, post, "approve", **HALF, expected_result="Fewer questions.")
    assert response.status_code == 422
    said = words_of(response)
    assert "Refused. Nothing was changed: 2 of the review guideline not answered: The facts behind" in said
    html = response.content.decode()
    assert 'name="answer-numbers" value="met" checked' in html and 'name="answer-harm" value="met">' in html
    assert "Fewer questions." in html
    response = send(desk, post, "reject")
    assert response.status_code == 422 and "Say why: choose a reason or write a comment." in words_of(response)
    assert re.search(r'data-panel="reject" open', response.content.decode())
    assert not Review.objects.exists()


def test_a_text_that_came_meanwhile_is_not_decided_and_answers_and_comment_stay(desk):
    post = make_post(checklist=CHECKLIST)
    data = form_of(desk.get(address_of(post)))
    import_records(RecordFactory(source_id=post.source_id, title=post.title, checklist=CHECKLIST, summary="Newer."))
    response = desk.post(address_of(post), data | {"act": "edits", "edits-comment": "Mark 3 is wrong.", **HALF})
    assert response.status_code == 409 and not Review.objects.exists()
    html, said = response.content.decode(), words_of(response)
    assert "1.0.1 was saved while you were reading 1.0.0. Nothing was decided." in said
    assert "Your answers and comment are kept." in said
    assert f"{reverse('admin:posts_post_compare', args=[post.pk])}?old=1&amp;new=2" in html
    assert "Mark 3 is wrong." in html and 'name="answer-numbers" value="met" checked' in html
    assert form_of(response)["fingerprint"] == fresh(post).head_revision.fingerprint
    assert form_of(response)["opened"] == data["opened"]


def test_what_somebody_sends_after_their_session_ended_waits_for_them(client):
    post, reviewer = make_post(checklist=CHECKLIST), person()
    reviewer.set_password("a long enough pass phrase")
    reviewer.save()
    client.force_login(reviewer)
    data = form_of(client.get(address_of(post, "?view=days%3D0")))
    client.logout()
    response = client.post(
        address_of(post),
        data | {"act": "reject", "reject-reason_code": "harm", "reject-comment": "It burns.", **HALF},
    )
    assert response.status_code == 302 and not Review.objects.exists()
    back = client.post(
        response.headers["Location"], {"username": reviewer.username, "password": "a long enough pass phrase"}
    )
    assert back.headers["Location"] == address_of(post)
    html = client.get(back.headers["Location"]).content.decode()
    assert "It burns." in html and 'name="answer-numbers" value="met" checked' in html
    assert re.search(r'data-panel="reject" open', html) and re.search(r'value="harm"[^>]* checked', html)
    # Somewhere else it says nothing, and once decided it is gone.
    other = make_post()
    assert "It burns." not in client.get(address_of(other)).content.decode()
    send(client, post, "edits", **{"edits-comment": "Mend it."})
    assert "review_kept" not in client.session


@pytest.mark.parametrize("proof", ["", "1:made-up:x", None])
def test_a_form_of_nobody_is_given_back_and_leaves_nothing(client, proof):
    post = make_post()
    form = {"act": "edits", "edits-comment": "It <b>burns</b>.", "note": "And stays.", "guideline": "1", **HALF}
    response = client.post(address_of(post), form | ({} if proof is None else {"proof": proof}))
    page = response.content.decode()
    assert response.status_code == 403 and "It &lt;b&gt;burns&lt;/b&gt;." in page
    assert "And stays." in page and "Every number has a source" in page and f"{reverse('admin:login')}?next=" in page
    assert client.post("/admin/review/999999/", form).status_code == 403
    assert not WebSession.objects.exists() and "sessionid" not in client.cookies


def test_a_form_that_is_too_long_to_keep_is_given_back_whole(client):
    post = make_post()
    client.force_login(person())
    data = form_of(client.get(address_of(post)))
    client.logout()
    WebSession.objects.all().delete()
    response = client.post(address_of(post), data | {"act": "edits", "edits-comment": "x" * 65_536})
    assert response.status_code == 403 and "x" * 65_536 in response.content.decode()
    assert not WebSession.objects.exists()
    assert client.post(address_of(post), data | {"act": "edits", "edits-comment": "x" * 60_000}).status_code == 302
    assert len(WebSession.objects.get().session_data) < 65_536


def test_what_somebody_else_holds_is_read_but_not_decided_until_it_is_taken_over(desk):
    (post,) = by_risk(0)
    holder = person()
    claim_post(post, by=holder)
    page = desk.get(address_of(post))
    said = words_of(page)
    assert f"{holder} has claimed this until" in said and "Take over" in said
    assert "data-approve" not in page.content.decode()
    response = desk.post(address_of(post), form_of(page) | {"act": "approve", **FORM_ALL_MET})
    assert response.status_code == 422 and not Review.objects.exists()
    send(desk, post, "take_over")
    assert QueueEntry.objects.get(post=post).held_by == desk.person
    assert AuditEntry.objects.filter(action="taken over", made_by=desk.person).exists()
    assert send(desk, post, "approve", **FORM_ALL_MET).status_code == 302 and fresh(post).is_live


def test_who_wrote_a_text_does_not_approve_it_and_a_superuser_says_why(desk, client):
    post = create_post(RecordFactory(), by=desk.person)
    submit_revision(post, by=desk.person)
    said = words_of(desk.get(address_of(post)))
    assert "You wrote 1.0.0. Another reviewer must approve it" in said and "Why you approve" not in said
    assert send(desk, post, "approve", **FORM_ALL_MET).status_code == 422
    boss = User.objects.create_superuser("boss", password="a long enough pass phrase")
    client.force_login(boss)
    own = create_post(RecordFactory(), by=boss)
    submit_revision(own, by=boss)
    assert "Why you approve your own changes" in words_of(client.get(address_of(own)))
    assert send(client, own, "approve", **FORM_ALL_MET).status_code == 422
    assert send(client, own, "approve", **FORM_ALL_MET, own_text_reason="Nobody else is here.").status_code == 302
    assert Review.objects.get().own_text_reason == "Nobody else is here."


def test_a_failing_check_shuts_the_approval_and_leads_to_the_finding(desk):
    post = make_post(body="See ![](image:4).")
    html, said = desk.get(address_of(post)).content.decode(), words_of(desk.get(address_of(post)))
    assert "You can’t approve yet: 1 required check fails" in said
    assert re.search(r'href="#checks" data-obstacle="check"', html) and 'aria-disabled="true"' in html
    assert "The text places image 4, but there are 0." in said
    assert send(desk, post, "approve").status_code == 422


def test_an_approval_for_later_and_the_words_of_its_release(desk):
    (post,) = by_risk(0)
    send(desk, post, "approve_later", **FORM_ALL_MET)
    assert fresh(post).head_revision.status == "approved" and not fresh(post).is_live
    (post,) = by_risk(0)
    send(desk, post, "approve", **FORM_ALL_MET, expected_result="Fewer questions.", rollback_note="Ask Mira.")
    release = post.releases.get()
    assert (release.expected_result, release.rollback_note, release.owner) == (
        "Fewer questions.",
        "Ask Mira.",
        desk.person,
    )


def test_a_live_text_that_was_flagged_is_confirmed_here_and_never_turned_down(desk):
    post = make_post(released=True, flagged=True)
    page = desk.get(address_of(post))
    assert "If you approve, you confirm 1.0.0, which readers see. It answers 1 flag." in words_of(page)
    assert 'data-panel="reject"' not in page.content.decode() and "Roll back or withdraw" in words_of(page)
    send(desk, post, "approve", **FORM_ALL_MET)
    assert fresh(post).is_indexable


def test_enter_on_an_answer_changes_nothing_and_keeps_it(desk):
    (post,) = by_risk(0)
    response = send(desk, post, "stay", **HALF, **{"edits-comment": "Half written"})
    assert response.status_code == 200 and not Review.objects.exists()
    html = response.content.decode()
    assert 'name="answer-numbers" value="met" checked' in html and "Half written" in html
    first = html.index('form="decide"')
    assert 'value="stay"' in html[first : first + 60], "another button is pressed by Enter"


def test_undo_by_its_address_shows_the_post_again_and_only_its_own_person_may(desk, client):
    first, second = by_risk(1, 0)
    send(desk, first, "approve", **FORM_ALL_MET)
    review = Review.objects.get()
    undo = reverse("admin:review_undo")
    assert desk.get(undo).status_code == 405
    response = desk.post(undo, {"review": review.pk, "view": ""}, follow=True)
    assert response.request["PATH_INFO"] == address_of(first)
    assert f"Undone: 1.0.0 of {first.title} is pending review again." in words_of(response)
    assert not fresh(first).is_live and QueueEntry.objects.filter(post=first).exists()
    again_refused = desk.post(undo, {"review": review.pk}, follow=True)
    assert "The decision has already been undone." in words_of(again_refused)
    send(desk, first, "reject", **{"reject-reason_code": "facts"})
    other = person()
    client.force_login(other)
    assert client.post(undo, {"review": Review.objects.first().pk}).status_code == 403
    assert "Undo until" not in words_of(client.get(address_of(second)))
    for number in ("0", "999999", "x", "9" * 30, ""):
        assert client.post(undo, {"review": number}).status_code == 404


def test_a_post_that_waits_no_longer_says_so_and_leads_on(desk):
    decided, waiting = by_risk(0, 0)
    approve(decided, by=person())
    page = desk.get(address_of(decided))
    said = words_of(page)
    assert "Not in the queue." in said and "No decision is needed: 1.0.0 is approved." in said
    assert send(desk, decided, "skip").headers["Location"] == address_of(waiting)


def test_nobody_claims_by_looking_and_a_hold_can_be_ended(desk):
    (post,) = by_risk(0)
    desk.get(address_of(post))
    assert QueueEntry.objects.get().held_by is None
    send(desk, post, "claim")
    assert QueueEntry.objects.get().held_by == desk.person
    send(desk, post, "unclaim")
    assert QueueEntry.objects.get().held_by is None


@pytest.mark.parametrize("group", ["Editors", "Staff"])
def test_who_may_not_decide_reads_everything_and_decides_nothing(client, group):
    (post,) = by_risk(0)
    client.force_login(person(group))
    page = client.get(address_of(post))
    assert "Only reviewers can decide about this revision." in words_of(page)
    assert "data-approve" not in page.content.decode()
    data = form_of(page)
    for act in ("approve", "approve_later", "edits", "reject", "claim", "take_over", "unclaim"):
        answer = client.post(address_of(post), data | {"act": act, **FORM_ALL_MET, "edits-reason_code": "facts"})
        assert answer.status_code == 403, act
    assert not Review.objects.exists() and QueueEntry.objects.get().held_by is None
    assert client.post(address_of(post), data | {"act": "skip"}).status_code == 302


def test_strangers_and_strange_numbers(client, desk):
    post = make_post()
    assert desk.post(address_of(post), {"act": "purge"}).status_code == 404
    assert desk.get(f"/admin/review/{2**63}/").status_code == 404
    assert desk.get(f"/admin/review/source/{2**63}/").status_code == 404
    for query in ("", "?old=1&new=7", "?old=x&new=1", f"?old=1&new={2**31}"):
        assert desk.get(reverse("admin:review_sides", args=[post.pk]) + query).status_code == 404
    assert desk.get(address_of(post, "?view=%00&place=%00~1~2&after=x")).status_code == 200
    client.force_login(User.objects.create_user("outsider", is_staff=True))
    assert client.get(address_of(post)).status_code == 403
    assert client.get(reverse("admin:review_start")).status_code == 403


def test_a_page_costs_the_same_queries_however_much_waits(desk, django_assert_max_num_queries):
    first = make_post(released=True, checklist=CHECKLIST)
    record_revision(first, {**first.working_record(), "summary": "New."}, by=person("Editors"))
    submit_revision(first, by=person("Editors"))
    send(desk, by_risk(0)[0], "edits", **{"edits-reason_code": "facts"})
    counts = []
    for _ in range(2):
        for _ in range(5):
            make_post(checklist=CHECKLIST)
        with django_assert_max_num_queries(40) as queries:
            assert desk.get(address_of(first)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1], counts
