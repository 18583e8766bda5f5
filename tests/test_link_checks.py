"""Links of posts over time: which are due, what is stored, which posts are told, and the page of all links."""

import functools
import socket
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from posts.links import check as checking
from posts.links import probe as probing
from posts.links.check import check_due_links, forget_old_checks
from posts.links.faults import MOVED
from posts.links.scan import forget_unused_addresses, scan_links
from posts.models import AuditEntry, LinkAddress, LinkCheck, LinkHost, LinkOccurrence, QueueEntry
from posts.operations import confirm_live, roll_back, submit_revision
from posts.operations.fix_links import fix_links
from posts.operations.link_tasks import check_links, forget_old_links
from posts.operations.page_questions import tell_posts
from posts.operations.review import Decision
from posts.outgoing import fetch
from posts.review_queue.ranking import rank_queue
from tests.factories import ALL_MET, approve, edit, fresh, import_records, make_post, person
from tests.factories import RecordFactory as Record
from tests.other_sites import THIS_MACHINE, other_site, says
from tests.test_link_probe import by_path, page

pytestmark = pytest.mark.django_db
State = LinkAddress.State
NO_PAUSE = timedelta(0)


@pytest.fixture(autouse=True)
def _links_are_checked(settings, monkeypatch):
    """Check links; every name means this machine."""
    settings.LINK_CHECKS = True
    monkeypatch.setattr(probing, "fetch", functools.partial(fetch, allowed_networks=THIS_MACHINE))
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *args, **more: real("127.0.0.1", port, *args, **more))


@pytest.fixture
def site():
    """Run a server of somebody else, whose pages a test changes in `site.pages`."""
    pages = {}
    with other_site(lambda handler: by_path(**pages)(handler)) as running:
        running.pages = pages
        running.port = running.address.rpartition(":")[2]
        yield running


def at(site, path, host="one.site.org"):
    return f"http://{host}:{site.port}{path}"


def link(post, *addresses):
    """Give the proposed text of a new post links."""
    return make_post(slug=post, title=post, body="\n\n".join(f"[it]({address})" for address in addresses))


def check(**options):
    scan_links()
    return check_due_links(pause=NO_PAUSE, **options)


def all_due():
    """Let the time of every next check come."""
    now = timezone.now()
    LinkAddress.objects.update(due_at=now)
    LinkHost.objects.update(due_at=now, rests_until=now)


def fail_for(days, times):
    """Check every link again and again over days; return the links."""
    for _ in range(times):
        LinkAddress.objects.exclude(failing_since=None).update(failing_since=timezone.now() - timedelta(days=days))
        all_due()
        check_due_links(pause=NO_PAUSE)
    return LinkAddress.objects.all()


def findings(post):
    from posts.content_checks.stored import results_of_post

    return {finding.check: finding for finding in results_of_post(fresh(post))[0]}


# What is stored


def test_an_address_is_stored_and_asked_once_for_all_posts(site):
    site.pages |= {"a": page(), "b": page()}
    link("one", at(site, "/a"), at(site, "/b"))
    link("two", at(site, "/a"))
    assert check() == 2
    assert sorted(LinkAddress.objects.values_list("address", "state")) == [
        (at(site, "/a"), "alive"), (at(site, "/b"), "alive"),
    ]  # fmt: skip
    assert LinkOccurrence.objects.count() == 3
    asked = [(method, path) for method, path, *_ in site.requests]
    assert sorted(asked) == [
        ("GET", "/a"), ("GET", "/b"), ("GET", "/robots.txt"), ("HEAD", "/a"), ("HEAD", "/b"),
    ]  # fmt: skip
    # Nothing is due for a month.
    assert check() == 0
    assert LinkAddress.objects.filter(due_at__lt=timezone.now() + timedelta(days=29)).count() == 0


def test_pictures_are_checked_too_and_what_cannot_be_on_the_internet_is_not(site, settings):
    settings.SITE_URL = "https://alpha.site.org"
    make_post(
        body="[a](https://alpha.site.org/x) [b](http://localhost/) [c](https://api.example.com/) [d](http://10.0.0.1/)"
        " [e](https://u:p@one.site.org/) [f](mailto:a@site.org) [g](other.md)",
        image_sources=[{"url": at(site, "/a.png")}, {"url": "https://placehold.co/600x400"}],
    )
    scan_links()
    assert list(LinkAddress.objects.values_list("address", flat=True)) == [at(site, "/a.png")]


def test_addresses_in_other_fields_are_checked_and_named_where_they_stand(site):
    post = make_post(
        body="Words.", intro="", payload={"sources": [at(site, "/gone")]}, checklist=[at(site, "/gone") + "."]
    )
    die(site)
    assert [address.address for address in LinkAddress.objects.all()] == [at(site, "/gone")]
    assert findings(post)["link-dead"].place == "checklist"


def test_links_follow_the_proposed_and_the_live_text(site):
    post = approve(link("one", at(site, "/a")))
    edit(post, body=f"[it]({at(site, '/b')})")
    scan_links()
    named = LinkOccurrence.objects.filter(post=post).values_list("address__address", flat=True)
    assert sorted(named) == [at(site, "/a"), at(site, "/b")]
    approve(post)
    scan_links()
    assert list(named.all()) == [at(site, "/b")]
    assert forget_unused_addresses() == 1
    assert list(LinkAddress.objects.values_list("address", flat=True)) == [at(site, "/b")]


def test_the_scan_costs_the_same_number_of_statements_for_any_number_of_posts(site):
    import_records(*(Record(body=f"[a]({at(site, f'/{n}')})") for n in range(2)))
    with CaptureQueriesContext(connection) as few:
        scan_links()
    import_records(*(Record(body=f"[a]({at(site, f'/x{n}')})") for n in range(40)))
    with CaptureQueriesContext(connection) as many:
        scan_links()
    assert len(many) <= len(few) + 2


def test_a_site_that_did_not_ask_for_it_checks_nothing(site, settings):
    settings.LINK_CHECKS = False
    post = approve(link("one", at(site, "/a")))
    check_links.call()
    assert site.requests == [] and LinkAddress.objects.count() == 0
    assert "link-dead" not in findings(post)


# Politeness


def test_a_host_is_asked_by_one_request_at_a_time_and_others_do_not_wait_for_it(site, monkeypatch):
    site.pages |= {name: page() for name in "abc"}
    link("one", *(at(site, f"/{name}") for name in "abc"), at(site, "/a", host="two.site.org"))
    scan_links()
    sets = []
    real = checking._store

    def store(turns):
        sets.append(sorted(turn.address.host.name.partition(":")[0] for turn in turns))
        real(turns)

    monkeypatch.setattr(checking, "_store", store)
    assert check_due_links(pause=NO_PAUSE) == 4
    assert sets == [["one.site.org", "two.site.org"], ["one.site.org"], ["one.site.org"]]


def test_a_host_rests_between_two_requests(site):
    site.pages |= {"a": page(), "b": page()}
    link("one", at(site, "/a"), at(site, "/b"))
    scan_links()
    # The run is over before the pause is.
    checked = check_due_links(pause=timedelta(seconds=0.2), run=timedelta(seconds=0.1))
    assert checked == 1
    host = LinkHost.objects.get()
    assert host.rests_until == host.due_at > LinkAddress.objects.exclude(checked_at=None).get().checked_at


def test_what_robots_txt_forbids_is_not_asked(site):
    site.pages |= {"robots.txt": says(200, b"User-agent: *\nDisallow: /private"), "private": page(), "a": page()}
    link("one", at(site, "/private"), at(site, "/a"))
    check()
    states = dict(LinkAddress.objects.values_list("address", "state"))
    assert states == {at(site, "/private"): "robots", at(site, "/a"): "alive"}
    assert "/private" not in {path for _, path, *_ in site.requests}


def test_a_host_whose_robots_txt_cannot_be_read_is_left_alone_for_now(site):
    site.pages |= {"robots.txt": says(503), "a": page()}
    link("one", at(site, "/a"))
    check()
    known, host = LinkAddress.objects.get(), LinkHost.objects.get()
    assert (known.state, known.checked_at, LinkCheck.objects.count()) == ("new", None, 0)
    assert host.rests_until > timezone.now() + timedelta(minutes=50)
    assert [path for _, path, *_ in site.requests] == ["/robots.txt"]


def test_a_host_that_asks_for_time_gets_it(site):
    site.pages |= {"a": says(429, retry_after="7200"), "b": page()}
    link("one", at(site, "/a"), at(site, "/b"))
    LinkAddress.objects.all()
    scan_links()
    LinkAddress.objects.filter(address=at(site, "/b")).update(due_at=timezone.now())
    check_due_links(pause=NO_PAUSE)
    assert LinkAddress.objects.get(address=at(site, "/a")).state == "blocked"
    assert LinkHost.objects.get().rests_until > timezone.now() + timedelta(seconds=7000)
    # A new text does not shorten its rest.
    link("two", at(site, "/c"))
    assert check() == 0


def test_a_link_that_breaks_the_check_keeps_no_other_from_its_own(site, monkeypatch, caplog):
    site.pages |= {"a": page()}
    link("one", at(site, "/a"), at(site, "/bad", host="two.site.org"))
    real = checking.probe

    def probe(asked, **options):
        if "bad" in asked.address:
            raise RecursionError
        return real(asked, **options)

    monkeypatch.setattr(checking, "probe", probe)
    check()
    assert sorted(LinkAddress.objects.values_list("state", flat=True)) == ["alive", "new"]
    assert "was not checked" in caplog.text and LinkAddress.objects.get(state="new").due_at > timezone.now()


# Over time


def test_a_page_that_is_gone_once_is_not_dead_and_one_that_stays_gone_is(site):
    post = link("one", at(site, "/a"))
    check()
    known = LinkAddress.objects.get()
    assert (known.state, known.died_at, known.failures) == ("gone", None, 1)
    assert timezone.now() + timedelta(hours=23) < known.due_at < timezone.now() + timedelta(hours=25)
    assert "link-dead" not in findings(post)
    # Again at once: still not. Again a day later: dead.
    assert fail_for(days=0, times=1).get().died_at is None
    assert fail_for(days=1, times=1).get().died_at is not None
    found = findings(post)["link-dead"]
    assert found.message == f"A link is dead: “{at(site, '/a')}” (It answers 404). Replace or remove it."
    # It came back.
    site.pages["a"] = page()
    assert fail_for(days=1, times=1).get().died_at is None
    assert "link-dead" not in findings(post)


def test_a_host_that_does_not_answer_is_dead_only_after_days(site):
    site.pages |= {"a": says(503)}
    link("one", at(site, "/a"))
    check()
    assert fail_for(days=1, times=6).get().died_at is None
    dead = fail_for(days=4, times=1).get()
    assert dead.died_at is not None and (dead.state, dead.state_words) == ("away", "Dead")
    # Asked more and more rarely.
    assert dead.due_at > timezone.now() + timedelta(days=25)


def test_the_history_has_a_line_for_each_change_and_forgets(site):
    site.pages |= {"a": page()}
    link("one", at(site, "/a"))
    check()
    fail_for(days=0, times=2)
    site.pages["a"] = says(410)
    fail_for(days=0, times=1)
    lines = list(LinkCheck.objects.order_by("pk").values_list("state", "status", "times"))
    assert lines == [("alive", 200, 3), ("gone", 410, 1)]
    for status in (200, 410) * checking.HISTORY_LINES:
        site.pages["a"] = says(status)
        fail_for(days=0, times=1)
    assert LinkCheck.objects.count() == checking.HISTORY_LINES
    LinkCheck.objects.update(last_at=timezone.now() - timedelta(days=500))
    assert forget_old_checks() == checking.HISTORY_LINES
    forget_old_links.call()


# What follows


def die(site):
    check()
    fail_for(days=4, times=2)


def test_a_pending_post_with_a_dead_link_is_ranked_higher_and_says_why(site):
    post = link("one", at(site, "/a"))
    rank_queue()
    before = QueueEntry.objects.get(pk=post.pk).points
    die(site)
    assert tell_posts() == 1
    entry = QueueEntry.objects.get(pk=post.pk)
    assert entry.points == before + 10
    assert "links" in {reason["code"] for reason in entry.reasons}
    assert tell_posts() == 0


def test_a_live_post_whose_link_died_comes_back_for_a_confirmation_and_stays_as_it_is(site):
    site.pages |= {"a": page()}
    post = approve(link("one", at(site, "/a")))
    check()
    site.pages.clear()
    die(site)
    assert fresh(post).is_indexable and not fresh(post).awaits_review
    tell_posts()
    tell_posts()
    asked = fresh(post)
    assert asked.awaits_review and asked.is_indexable and asked.head_revision.status == "approved"
    entry = QueueEntry.objects.get(pk=post.pk)
    assert "links" in {reason["code"] for reason in entry.reasons}
    assert AuditEntry.objects.filter(post=post, action="dead link found").count() == 1
    reader, client = person(), Client()
    client.force_login(reader)
    screen = client.get(reverse("admin:review", args=[post.pk])).content.decode()
    assert "A link is dead" in screen and f"{at(site, '/a')} <strong>Dead</strong>" in screen
    approve(post, by=reader)
    assert not fresh(post).awaits_review and not QueueEntry.objects.filter(pk=post.pk).exists()
    # Confirmed as it is: the same link asks no second time.
    LinkAddress.objects.update(is_told=False)
    tell_posts()
    assert not fresh(post).awaits_review


def asked_about(site):
    site.pages |= {"a": page()}
    post = approve(link("one", at(site, "/a")))
    check()
    site.pages.clear()
    die(site)
    tell_posts()
    assert fresh(post).awaits_review
    return post


def test_a_dead_link_that_answers_again_takes_the_question_back(site):
    post = asked_about(site)
    site.pages |= {"a": page()}
    all_due()
    check_due_links(pause=NO_PAUSE)
    assert tell_posts() == 1
    assert not fresh(post).awaits_review and not QueueEntry.objects.filter(pk=post.pk).exists()
    assert AuditEntry.objects.filter(post=post, action="no dead link or changed picture any more").count() == 1
    assert "link-dead" not in findings(post)


def test_a_link_that_answers_again_leaves_a_pending_text_in_the_queue(site):
    post = asked_about(site)
    edit(post, summary="Another.")
    submit_revision(fresh(post), by=person())
    site.pages |= {"a": page()}
    all_due()
    check_due_links(pause=NO_PAUSE)
    tell_posts()
    assert fresh(post).awaits_review


def test_the_page_of_flags_confirms_it_too(site):
    post = asked_about(site)
    decision = Decision("approved", fingerprint=post.live_revision.fingerprint, answers=ALL_MET)
    confirm_live(fresh(post), decision, by=person())
    assert not fresh(post).awaits_review


def test_an_edit_or_a_roll_back_ends_the_question(site):
    post = asked_about(site)
    edit(post, body="No link any more.")
    assert not fresh(post).awaits_review and not QueueEntry.objects.filter(pk=post.pk).exists()


def test_a_roll_back_ends_the_question(site):
    site.pages |= {"a": page()}
    post = approve(make_post(body="No link."))
    edit(post, body=f"[it]({at(site, '/a')})")
    approve(post)
    check()
    site.pages.clear()
    die(site)
    tell_posts()
    assert fresh(post).awaits_review
    roll_back(fresh(post), by=person())
    assert not fresh(post).awaits_review and fresh(post).head_revision.status == "changes_requested"


def test_a_newer_text_that_is_being_edited_is_left_to_its_editor(site):
    site.pages |= {"a": page()}
    post = approve(link("one", at(site, "/a")))
    edit(post, summary="Another.")
    check()
    site.pages.clear()
    die(site)
    tell_posts()
    assert not fresh(post).awaits_review and "link-dead" in findings(post)


def test_one_press_writes_the_new_addresses_of_moved_links(site):
    site.pages |= {"old": says(301, location="/new"), "new": page(), "b": page()}
    post = link("one", at(site, "/old#cause"), at(site, "/b"))
    check()
    found = findings(post)[MOVED]
    assert f"(now “{at(site, '/new#cause')}”)" in found.message and found.fix == "Write the new addresses"
    fix_links(fresh(post), MOVED, fingerprint=post.head_revision.fingerprint, by=person("Editors"))
    after = fresh(post).head_revision
    assert after.snapshot["body"] == f"[it]({at(site, '/new#cause')})\n\n[it]({at(site, '/b')})"
    assert after.why == "Moved links replaced by their new addresses."


# The page of all links

LIST = "admin:posts_linkaddress_changelist"


def desk(group="Editors"):
    client = Client()
    client.force_login(person(group))
    return client


def listed(client, **query):
    answer = client.get(reverse(LIST), query)
    assert answer.status_code == 200
    return sorted(str(row) for row in answer.context["cl"].result_list)


def test_the_page_of_links_filters_by_state_host_and_post(site):
    site.pages |= {"a": page(), "old": says(301, location="/a")}
    one = link("one", at(site, "/a"), at(site, "/old"), at(site, "/gone"))
    link("two", at(site, "/a"), at(site, "/a", host="two.site.org"))
    die(site)
    client = desk()
    a, old, gone, two = at(site, "/a"), at(site, "/old"), at(site, "/gone"), at(site, "/a", host="two.site.org")
    assert listed(client) == sorted([a, old, gone, two])
    assert listed(client, state="dead") == listed(client, state="gone") == [gone]
    assert listed(client, state="moved") == [old]
    assert listed(client, host=f"two.site.org:{site.port}") == listed(client, q=f"two.site.org:{site.port}") == [two]
    assert listed(client, post=one.pk) == listed(client, q="one") == sorted([a, old, gone])
    assert listed(client, q=gone) == [gone] and listed(client, q="nothing") == []
    page_of_links = client.get(reverse(LIST)).content.decode()
    assert "and others" in page_of_links and "Dead" in page_of_links
    detail = client.get(reverse("admin:posts_linkaddress_change", args=[LinkAddress.objects.get(address=gone).pk]))
    assert "It answers 404." in detail.content.decode() and ">one</a>" in detail.content.decode()


def begun(client, links, action="replace_address", **options):
    data = {"action": action, "_selected_action": [row.pk for row in links], **options}
    return client.post(reverse(LIST), data, follow=True)


def test_an_address_is_replaced_in_many_posts_after_a_preview(site):
    site.pages |= {"a": page()}
    posts = [approve(link(name, at(site, "/a"), at(site, "/b"))) for name in ("one", "two")]
    check()
    client, chosen = desk(), [LinkAddress.objects.get(address=at(site, "/a"))]
    asked = begun(client, chosen)
    assert "New address" in asked.content.decode()
    wrong = begun(client, chosen, preview="1", new="not an address")
    assert wrong.status_code == 422 and "Enter the new address in full" in wrong.content.decode()
    preview = begun(client, chosen, preview="1", new="https://new.site.org/a", submits="on")
    text = " ".join(preview.content.decode().split())
    assert "Replace an address in 2 posts?" in text and "replaced by https://new.site.org/a." in text
    assert [fresh(post).revisions.count() for post in posts] == [1, 1]
    client.post(preview.redirect_chain[-1][0], {})
    for post in posts:
        after = fresh(post)
        assert after.head_revision.snapshot["body"] == f"[it](https://new.site.org/a)\n\n[it]({at(site, '/b')})"
        assert after.awaits_review and after.live_revision.version == "1.0.0"


def test_many_moved_links_get_their_own_new_addresses_at_once(site):
    site.pages |= {"a": says(301, location="/x"), "b": says(308, location="/y"), "x": page(), "y": page()}
    post = link("one", at(site, "/a"), at(site, "/b"), at(site, "/x"))
    check()
    client = desk()
    everything = begun(client, LinkAddress.objects.all())
    assert "only links whose state is Moved" in everything.content.decode()
    preview = begun(client, LinkAddress.objects.filter(state="moved"), preview="1")
    assert "2 addresses replaced." in preview.content.decode()
    client.post(preview.redirect_chain[-1][0], {})
    assert fresh(post).head_revision.snapshot["body"].count("/x)") == 2
    assert fresh(post).head_revision.why == "2 addresses replaced."


@pytest.mark.parametrize("number", ["abc", "\0", "9" * 30, "-1", ""])
@pytest.mark.parametrize("address", [LIST, "admin:posts_post_changelist"])
def test_a_selection_of_what_is_no_row_is_a_bad_request(db, address, number):
    action = "check_again" if address == LIST else "flag_selected"
    answer = desk().post(reverse(address), {"action": action, "_selected_action": number})
    assert answer.status_code == 400


def test_links_are_checked_again_on_request(site):
    site.pages |= {"a": page()}
    link("one", at(site, "/a"))
    check()
    answer = begun(desk(), LinkAddress.objects.all(), action="check_again")
    assert "1 link will be checked next" in answer.content.decode()
    assert check() == 1


def test_who_may_not_change_posts_is_not_offered_to_replace_an_address(site):
    link("one", at(site, "/a"))
    check()
    assert "replace_address" in desk().get(reverse(LIST)).content.decode()
    assert "replace_address" not in desk("Staff").get(reverse(LIST)).content.decode()
    begun(desk("Staff"), LinkAddress.objects.all(), preview="1", new="https://new.site.org/a")
    from posts.models import BulkRun

    assert not BulkRun.objects.exists()
