"""Of two near-duplicates people keep one: side by side, by one button, and the other's address leads to it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from posts.content_checks.scan import scan_new_texts
from posts.models import AuditEntry, Post, QueueEntry, Review, TextTwin
from posts.operations import (
    Decision,
    HeadMoved,
    NotAllowed,
    PageMoved,
    Refused,
    claim_post,
    decide,
    keep_both,
    keep_post,
    undo_decision,
    withdraw_post,
)
from posts.operations.keep import Seen
from posts.related import clusters as clusters_module
from posts.related.clusters import clusters
from posts.review_queue.ranking import rank_queue
from tests.factories import RecordFactory, approve, edit, fresh, import_records, make_post, person

pytestmark = pytest.mark.django_db

BODY = " ".join(f"word{number}" for number in range(200))


def pair(**options):
    """Return two posts that say the same, compared and ranked. options: of the second one."""
    one, other = make_post(body=BODY, slug="first"), make_post(body=BODY + " more", slug="second", **options)
    scan_new_texts()
    rank_queue()
    return one, other


def keep(kept, other, by=None, **seen):
    kept, other = fresh(kept), fresh(other)
    shown = {"seen_kept": Seen.of(kept), "seen_other": Seen.of(other)} | seen
    return keep_post(kept, other, by=by or person(), **shown)


def pair_page(client, one, other, user):
    client.force_login(user)
    return client.get(reverse("admin:queue_pair", args=[one.pk, other.pk]))


def send(client, one, other, act, chosen, **changes):
    data = {"act": act, "post": chosen.pk}
    for shown in (fresh(one), fresh(other)):
        data |= {f"text-{shown.pk}": shown.head_revision.fingerprint, f"live-{shown.pk}": shown.live_revision_id or 0}
    return client.post(reverse("admin:queue_pair", args=[one.pk, other.pk]), data | changes, follow=True)


def test_a_pending_post_is_rejected_in_favour_of_the_one_that_is_kept(client):
    one, other = pair()
    reviewer = person()
    keep(one, other, by=reviewer)
    other = fresh(other)
    decision = Review.objects.get()
    assert (decision.revision, decision.outcome, decision.reason_code) == (other.head_revision, "rejected", "repeats")
    assert decision.reviewer == reviewer and one.title in decision.comment
    assert not QueueEntry.objects.filter(pk=other.pk).exists()
    assert QueueEntry.objects.filter(pk=one.pk).exists() and not fresh(one).is_live
    assert {entry.action: entry.post_id for entry in AuditEntry.objects.filter(action__in=["kept", "replaced"])} == {
        "kept": one.pk,
        "replaced": other.pk,
    }
    answer = client.get("/posts/second/")
    assert answer.status_code == 301 and answer["Location"] == "/posts/first/"
    assert "max-age=0" in answer["Cache-Control"]


@pytest.mark.parametrize("address", ["/posts/second/", "/posts/second.json", "/posts/second.png", "/api/posts/second/"])
def test_every_address_of_a_withdrawn_post_leads_to_the_one_that_is_kept(client, address):
    one, other = pair(released=True)
    assert client.get(address).status_code == 200
    keep(one, other)
    other = fresh(other)
    assert other.withdrawn_at and other.head_revision.status == "approved"
    answer = client.get(address)
    assert answer.status_code == 301
    assert answer["Location"] == address.replace("second", "first")


def test_an_old_address_of_a_replaced_post_leads_on_too(client):
    one, other = pair(released=True)
    other.former_slugs.create(slug="/blog/second")
    assert client.get("/blog/second/")["Location"] == "/posts/second/"
    keep(one, other)
    assert client.get("/blog/second/")["Location"] == "/posts/first/"


def test_readers_are_led_nowhere_while_the_kept_post_has_no_page(client, settings):
    settings.UNREVIEWED_POSTS = "hidden"
    one, other = pair(released=True)
    keep(one, other)
    assert client.get("/posts/second/").status_code == 410
    approve(one)
    assert client.get("/posts/second/")["Location"] == "/posts/first/"
    withdraw_post(one, by=person())
    assert client.get("/posts/second/").status_code == 410


def test_a_kept_post_may_be_replaced_itself_and_addresses_lead_to_the_last_one(client):
    one, other = pair(released=True)
    third = make_post(body=BODY + " and more", slug="third", released=True)
    keep(one, other)
    keep(third, one)
    assert client.get("/posts/second/")["Location"] == "/posts/third/"
    # A circle leads nowhere, and ends.
    withdraw_post(third, by=person())
    Post.objects.filter(pk=third.pk).update(replaced_by=other)
    assert client.get("/posts/second/").status_code == 410


def test_undoing_the_decision_gives_the_post_its_address_back(client):
    one, other = pair()
    reviewer = person()
    keep(one, other, by=reviewer)
    undo_decision(Review.objects.get(), by=reviewer)
    other = fresh(other)
    assert other.replaced_by is None and other.awaits_review
    assert client.get("/posts/second/").status_code == 200


def test_a_new_text_of_an_import_brings_a_replaced_post_back_for_good(client):
    records = [RecordFactory(source_id=name, slug=name, body=name) for name in ("one", "other")]
    import_records(*records)
    one, other = (Post.objects.get(source_id=name) for name in ("one", "other"))
    keep(approve(one), other)
    import_records(records[1] | {"body": "A new text of the source."})
    assert fresh(other).replaced_by is None
    text = fresh(other).head_revision.fingerprint
    decide(fresh(other), Decision(Review.Outcome.REJECTED, text, comment="Wrong facts."), by=person())
    assert client.get("/posts/other/").status_code == 404


@pytest.mark.parametrize("released", [True, False])
def test_both_can_be_kept_after_all(client, released):
    one, other = pair(released=released)
    keep(one, other)
    keep_both(fresh(other), by=person())
    other = fresh(other)
    assert other.replaced_by is None and client.get("/posts/second/").status_code == 200
    assert other.is_live is released and other.awaits_review is not released
    with pytest.raises(Refused, match="was not replaced"):
        keep_both(other, by=person())


def test_it_takes_the_rights_of_a_rejection_or_a_withdrawal():
    one, other = pair()
    for group in ("Editors", "Staff"):
        with pytest.raises(NotAllowed, match="review_post"):
            keep(one, other, by=person(group))
    approve(other)
    with pytest.raises(NotAllowed, match="withdraw_post"):
        keep(one, other, by=person("Editors"))
    assert Post.objects.filter(replaced_by=None).count() == 2
    assert not AuditEntry.objects.filter(action__in=["kept", "replaced"]).exists()
    # Staff may withdraw a page, so they may do it here too.
    keep(one, other, by=person("Staff"))
    assert fresh(other).withdrawn_at


def test_what_was_not_on_the_page_is_not_kept_or_ended():
    one, other = pair(released=True)
    seen = Seen.of(fresh(other))
    edit(one, summary="Told once more.")
    with pytest.raises(HeadMoved):
        keep(one, other, seen_kept=Seen("0" * 64, 0))
    with pytest.raises(PageMoved):
        keep(one, other, seen_other=Seen(seen.fingerprint, 0))
    assert not fresh(other).withdrawn_at


def test_refusals_name_everything_that_prevents_it():
    one, other = pair()
    claim_post(other, by=person())
    with pytest.raises(Refused, match="has claimed this until"):
        keep(one, other)
    withdraw_post(one, by=person())
    withdraw_post(other, by=person())
    with pytest.raises(Refused) as refusal:
        keep(one, other)
    assert [words.rpartition("”")[2].split(".")[0] for words in refusal.value.obstacles] == [
        " is withdrawn",
        " is already withdrawn",
    ]
    with pytest.raises(Refused, match="can't replace itself"):
        keep(one, one)


def test_the_page_shows_both_texts_and_keeps_the_one_whose_button_is_pressed(client):
    one, other = pair()
    page = pair_page(client, other, one, person()).content.decode()
    assert page.index(">Earlier post<") < page.index(one.title) < page.index(">Later post<")
    assert page.count("Keep this one") == 2 and "<ins>" in page and "100 %" in page
    page = send(client, one, other, "keep", other).content.decode()
    assert f"“{one.title}” is rejected. Its address redirects to “{other.title}”." in page.replace("&quot;", '"')
    assert fresh(one).replaced_by == other
    page = send(client, one, other, "both", one).content.decode()
    assert "is back" in page and fresh(one).awaits_review


def test_a_button_that_a_person_may_not_use_is_not_there(client):
    one, other = pair()
    page = pair_page(client, one, other, person("Editors"))
    assert page.status_code == 200 and "Keep this one" not in page.content.decode()
    assert send(client, one, other, "keep", one).status_code == 403


def test_an_outdated_form_is_answered_with_409_and_an_invalid_one_is_refused(client):
    one, other = pair()
    pair_page(client, one, other, person())
    answer = send(client, one, other, "keep", one, **{f"text-{other.pk}": "0" * 64})
    assert answer.status_code == 409 and "was saved in the meantime" in answer.content.decode()
    assert send(client, one, other, "keep", one, post="x").status_code == 422
    assert send(client, one, other, "keep", one, post=one.pk + 100).status_code == 422


def test_queue_screen_and_form_lead_to_both_posts_side_by_side(client):
    one, other = pair()
    client.force_login(person())
    address = reverse("admin:queue_pair", args=[other.pk, one.pk])
    for name, args in [("queue", []), ("review", [other.pk]), ("posts_post_change", [other.pk])]:
        assert f'href="{address}"' in client.get(reverse(f"admin:{name}", args=args)).content.decode(), name


def test_each_post_is_in_the_cluster_of_the_earliest_that_it_repeats():
    one, other = pair()
    third = make_post(body=BODY + " and more")
    scan_new_texts()
    [cluster], following = clusters()
    assert (cluster.first, [member.post for member in cluster.repeats]) == (one, [other, third])
    assert following is None
    # The first one says something else now: the other two still repeat each other.
    edit(one, body="Another thing altogether. " * 30)
    scan_new_texts()
    [cluster], _ = clusters()
    assert (cluster.first, [member.post for member in cluster.repeats]) == (other, [third])


def test_settled_clusters_are_left_out_and_every_other_one_is_on_one_page(client, monkeypatch):
    monkeypatch.setattr(clusters_module, "LOOKED_AT", 1)
    firsts = []
    for start in (0, 1000, 2000):
        body = " ".join(f"word{number}" for number in range(start, start + 200))
        firsts.append([make_post(body=body), make_post(body=body + " more")])
    scan_new_texts()
    keep(*firsts[1])
    client.force_login(person())
    seen, address = [], reverse("admin:queue_clusters")
    for _ in range(3):
        page = client.get(address)
        seen += [cluster.first for cluster in page.context["clusters"]]
        following = page.context["following"]
        address = f"{reverse('admin:queue_clusters')}?before={following}"
    assert seen == [firsts[2][0], firsts[0][0]] and following is None


def test_the_pages_ask_the_same_number_of_queries_for_two_posts_and_for_twenty(client):
    one, other = pair()
    client.force_login(person())
    addresses = [reverse("admin:queue_clusters"), reverse("admin:queue_pair", args=[one.pk, other.pk])]

    def counts():
        found = []
        for address in addresses:
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            found.append(len(queries))
        return found

    few = counts()
    for number in range(18):
        make_post(body=BODY + f" again{number}")
    scan_new_texts()
    assert TextTwin.objects.count() > 300
    assert counts() == few
