"""The review guideline: versions, what an approval answers, and how the points did."""

import json
import re
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.urls import reverse
from django.utils import timezone

from posts.models import AuditEntry, Generator, GuidelinePoint, Post, Review, ReviewGuideline
from posts.operations import (
    Answers,
    Decision,
    GuidelineMoved,
    Plan,
    PointDraft,
    Refused,
    decide,
    decide_many,
    release_revision,
    roll_back,
    run_due,
    save_guideline,
    schedule_release,
    submit_revision,
    undo_decision,
)
from posts.operations.guideline import points_asked
from posts.review_queue.guideline_stats import guideline_stats
from tests.factories import ALL_MET, FORM_ALL_MET, POINTS, approve, edit, fresh, make_post, person

pytestmark = pytest.mark.django_db
GUIDELINE = "/admin/guideline/"
CHANGE = "/admin/guideline/change/"


@pytest.fixture
def lead(db):
    """Return a reviewer who may change the guideline."""
    user = person()
    user.user_permissions.add(Permission.objects.get(codename="change_reviewguideline"))
    return user


def drafts_of(version=None):
    points = GuidelinePoint.objects.current() if version is None else GuidelinePoint.objects.filter(guideline=version)
    names = ("text", "reason_code", "key", "help_text", "is_required", "stacks", "kinds", "generators")
    return [PointDraft(**{name: getattr(point, name) for name in names}) for point in points.order_by("position")]


def newest():
    return ReviewGuideline.objects.order_by("-number").first().number


def saved(*added, by, without=()):
    """Save a version with more points and without some; return it."""
    drafts = [draft for draft in drafts_of() if draft.key not in without]
    return save_guideline([*drafts, *added], by=by, read=newest())


LINKS = PointDraft(text="Every link leads where its words say.", reason_code="facts")
ADVICE = PointDraft(text="The title is short.", reason_code="language", is_required=False)


def aged(version, **ago):
    """Let a version be as old as that."""
    ReviewGuideline.objects.filter(number=version).update(created_at=timezone.now() - timedelta(**ago))


def said(post, *, by=None, outcome="approved", given=ALL_MET.given, version=None, opened=None, **options):
    opened_at = None if opened is None else timezone.now() - opened
    answers = Answers(given, version, opened_at)
    post = fresh(post)
    return decide(
        post, Decision(outcome, post.head_revision.fingerprint, answers=answers, **options), by=by or person()
    )


# What an approval answers


@pytest.mark.once
def test_a_new_site_has_a_guideline_that_asks_something_of_every_post():
    points = list(GuidelinePoint.objects.current().order_by("position"))
    assert [point.key for point in points] == list(POINTS)
    assert any(point.is_required and point.is_for_all for point in points)
    bare = make_post(intro="", body="Nothing but words.", checklist=[])
    with pytest.raises(Refused, match=r"3 of the review guideline not answered: .*\(numbers\)"):
        said(bare, given={})


def test_an_approval_stores_the_version_and_the_answers_that_the_text_asks_for():
    post = make_post(body="Run this:\n\n```sh\ntrue\n```", checklist=["content of the article"])
    given = {**ALL_MET.given, "numbers": "not_applicable", "readable": "not_met", "made-up": "met"}
    review = said(post, given=given)
    assert review.guideline_id == 1 and list(review.answers) == ["commands", "numbers", "facts", "harm", "readable"]
    assert review.answers["numbers"] == "not_applicable" and review.answers["readable"] == "not_met"
    assert review.ticks == [] and fresh(post).is_indexable


@pytest.mark.parametrize("answer", ["maybe", "MET", "1"])
def test_an_answer_that_does_not_exist_is_refused(answer):
    with pytest.raises(Refused, match="Answer each point with met, not_met or not_applicable"):
        said(make_post(), given={**ALL_MET.given, "harm": answer})


def test_a_required_point_that_is_not_met_refuses_the_approval_and_leads_to_its_reason():
    post = make_post()
    given = {**ALL_MET.given, "readable": "not_met", "harm": "not_met"}
    with pytest.raises(Refused, match=r"Not met, so request changes or reject: It warns.*\(harm\)"):
        said(post, given=given)
    review = said(post, given=given, outcome="changes_requested")
    assert (review.reason_code, review.guideline_id, review.answers["harm"]) == ("harm", 1, "not_met")
    assert said(make_post(), given=given, outcome="rejected", reason_code="other").reason_code == "other"


def test_a_decision_against_a_text_may_answer_nothing():
    review = said(make_post(), given={}, outcome="rejected", comment="No.")
    assert review.guideline_id is None and review.answers == {} and review.guideline_words == "not answered"


def test_points_are_asked_about_their_stacks_kinds_and_generators_only(lead):
    saved(
        PointDraft(text="For Go.", reason_code="code", stacks=["go SERVICES"]),
        PointDraft(text="For pictures.", reason_code="images", kinds=["images"]),
        PointDraft(text="For one machine.", reason_code="facts", generators=["Writer 2"]),
        by=lead,
        without=POINTS[3:],
    )
    image = {"url": "https://images.unsplash.com/a", "caption": "c", "source": "s", "licence": "l"}
    for asked, fields in [
        ("For Go", {}),
        ("For pictures", {"stack": ["Rust"], "image_sources": [image]}),
        ("For one machine", {"stack": ["Rust"], "payload": {"generator": "writer  2"}}),
    ]:
        with pytest.raises(Refused, match=rf"1 of the review guideline not answered: {asked} \([\w-]+\)\.$"):
            said(make_post(**fields))
    assert said(make_post(stack=["Rust"])).outcome == "approved"
    # A sender can write any name into a record; which generator the post belongs to is known here.
    post = make_post(stack=["Rust"], payload={"generator": "somebody else"})
    Post.objects.filter(pk=post.pk).update(known_generator=Generator.objects.create(name="Writer 2", is_described=True))
    with pytest.raises(Refused, match="For one machine"):
        said(post)


@pytest.mark.parametrize(
    "body", ["```sh\nrm -rf x\n```", "Run:\n\n    rm -rf x\n", "- a\n\n  ~~~\n  rm\n  ~~~", "<pre>rm</pre>"]
)
def test_code_in_any_form_asks_the_points_about_code(body):
    assert "commands" in {point.key for point in points_asked({"body": body}).points}
    assert "commands" not in {point.key for point in points_asked({"body": "No commands at all."}).points}


def test_a_site_without_a_guideline_approves_nothing():
    GuidelinePoint.objects.all().delete()
    with pytest.raises(Refused, match="This site has no review guideline, so nothing can be approved"):
        said(make_post())


# Versions


def test_the_version_of_an_open_form_counts_for_a_day_unless_a_newer_one_requires_more(lead):
    saved(ADVICE, by=lead)
    review = said(make_post(), version=1, opened=timedelta(hours=23))
    assert review.guideline_id == 1
    with pytest.raises(GuidelineMoved, match="has changed since you opened this form"):
        said(make_post(), version=1, opened=timedelta(hours=25))
    saved(LINKS, by=lead)
    with pytest.raises(GuidelineMoved, match=r"Answer its new points: Every link leads where its words say\."):
        said(make_post(), version=1, opened=timedelta(hours=1))
    with pytest.raises(GuidelineMoved):
        said(make_post(), version=2, opened=timedelta(hours=1))
    assert said(make_post(), given={**ALL_MET.given, "every-link-leads-where-its": "met"}).guideline_id == 3


def test_a_form_that_lies_about_its_age_revives_no_version(lead):
    saved(ADVICE, by=lead)
    aged(2, hours=25)
    for opened in (None, timedelta(0), timedelta(days=-3)):
        with pytest.raises(GuidelineMoved, match="has changed since you opened"):
            said(make_post(), version=1, opened=opened)
    assert said(make_post(), version=2, opened=timedelta(days=9)).guideline_id == 2


def test_a_new_required_point_about_other_posts_voids_no_form(lead):
    saved(PointDraft(text="For Rust.", reason_code="code", stacks=["Rust"]), by=lead)
    assert said(make_post(), version=1, opened=timedelta(0)).guideline_id == 1
    with pytest.raises(GuidelineMoved, match="For Rust"):
        said(make_post(stack=["Rust"]), version=1, opened=timedelta(0))


def test_a_point_that_becomes_required_is_a_new_one(lead):
    drafts = [*drafts_of()[:-1], PointDraft(text="Readable.", reason_code="language", key="readable")]
    save_guideline(drafts, by=lead, read=1)
    with pytest.raises(GuidelineMoved, match=r"Readable\."):
        said(make_post(), version=1, opened=timedelta(0))


@pytest.mark.parametrize("version", [0, 2, 999])
def test_a_version_that_does_not_exist_is_refused(version):
    with pytest.raises(Refused, match=f"The review guideline has no version {version}"):
        said(make_post(), version=version)


def test_a_newer_guideline_is_told_together_with_every_other_obstacle(lead):
    post = make_post(flagged=True)
    saved(LINKS, by=lead)
    with pytest.raises(GuidelineMoved) as refusal:
        said(post, version=1, opened=timedelta(0))
    assert len(refusal.value.obstacles) == 2 and "A flag is open" in str(refusal.value)


def test_a_later_version_voids_no_decision_no_plan_and_no_approval_for_later(lead):
    post, planned, later = make_post(released=True), make_post(), make_post()
    approve(planned, release=False)
    approve(later, release=False)
    soon = timezone.now() + timedelta(hours=1)
    plan = Plan(kind="release", revision=fresh(planned).head_revision, due_at=soon, zone="UTC")
    schedule_release(fresh(planned), plan, by=person())
    saved(LINKS, by=lead)
    aged(2, days=3)
    run_due(now=soon + timedelta(minutes=1))
    release_revision(fresh(later).head_revision, by=person())
    assert all(fresh(one).is_indexable for one in (post, planned, later))


def test_a_filter_lists_posts_approved_under_an_older_guideline(client, lead):
    old, new, bulk = make_post(title="Old rules"), make_post(title="New rules"), make_post(title="No rules")
    approve(old)
    decide_many([(bulk.pk, bulk.head_revision.fingerprint)], by=person(), outcome="approved")
    before = approve(make_post(title="Before all rules"))
    Review.objects.filter(pk=before.live_approval_id).update(guideline=None, answers={})
    client.force_login(lead)
    address = reverse("admin:posts_post_changelist") + "?place=older"
    assert "Old rules" not in client.get(address).content.decode()
    saved(LINKS, by=lead)
    said(new, given={**ALL_MET.given, "every-link-leads-where-its": "met"})
    page = client.get(address).content.decode()
    assert "Old rules" in page and "New rules" not in page and "No rules" not in page
    assert "approved under an older guideline" in page
    assert "Before all rules" in client.get(address).content.decode()


# Bulk


def test_a_bulk_approval_answers_nothing_and_says_so(client):
    posts = [make_post(), make_post()]
    client.force_login(person())
    data = {"action": "approve_in_bulk", "_selected_action": [post.pk for post in posts]}
    confirms = "2 posts approved without individual review; they stay closed to search engines."
    address = reverse("admin:posts_post_changelist")
    assert confirms in client.post(address, data).content.decode()
    data |= {"decide": "1", "choice": [f"{post.pk}:{post.head_revision.fingerprint}" for post in posts]}
    assert confirms in client.post(address, data | FORM_ALL_MET, follow=True).content.decode()
    for review in Review.objects.all():
        assert review.is_bulk and review.guideline_id is None and review.answers == {}
        assert review.guideline_words == "not answered (bulk)"
    page = client.get(reverse("admin:posts_review_change", args=[Review.objects.first().pk])).content.decode()
    assert "not answered (bulk)" in page
    assert guideline_stats().decisions == 0


def test_the_queue_confirms_a_bulk_approval_in_the_same_words(client):
    post = make_post()
    client.force_login(person())
    begun = {"act": "approve", "choice": f"{post.pk}:{post.head_revision.fingerprint}"}
    page = client.post(reverse("admin:queue_bulk_begin"), begun, follow=True)
    confirms = "1 post approved without individual review; it stays closed to search engines."
    assert confirms in page.content.decode()
    done = client.post(page.request["PATH_INFO"], {"comment": ""}, follow=True)
    assert confirms in done.content.decode() and fresh(post).is_live and not fresh(post).is_indexable


def test_no_row_of_a_bulk_decision_can_name_a_version():
    post = make_post()
    decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.update(guideline=1)


# The command


def test_the_command_answers_points_by_their_keys_and_names_those_that_are_missing():
    post, out = make_post(), StringIO()
    options = {
        "user": person().username, "fingerprint": post.head_revision.fingerprint, "outcome": "approved", "stdout": out,
    }  # fmt: skip
    with pytest.raises(CommandError, match=r"2 of the review guideline not answered: .*\(facts\)\. .*\(harm\)\."):
        call_command("decide_post", post.source_id, met=["numbers"], **options)
    with pytest.raises(
        CommandError, match=r"This text has no point “numbres”\. Its points: facts, harm, numbers, readab"
    ):
        call_command("decide_post", post.source_id, met=["numbres"], **options)
    with pytest.raises(CommandError, match="You gave the point “harm” two answers"):
        call_command("decide_post", post.source_id, met=["harm"], not_met=["harm"], **options)
    with pytest.raises(CommandError, match="has no version 7"):
        call_command("decide_post", post.source_id, guideline=7, **options)
    call_command("decide_post", post.source_id, met=["facts", "harm"], not_applicable=["numbers"], **options)
    assert Review.objects.get().answers == {"numbers": "not_applicable", "facts": "met", "harm": "met"}
    bulk = make_post()
    options["fingerprint"] = bulk.head_revision.fingerprint
    call_command("decide_post", bulk.source_id, bulk=True, **options)
    assert "1 post approved without individual review; it stays closed to search engines." in out.getvalue()


def test_the_export_gives_the_version_and_the_answers_of_each_decision(capfdbinary):
    said(make_post(), given={"harm": "not_met"}, outcome="rejected")
    bulk = make_post()
    decide_many([(bulk.pk, bulk.head_revision.fingerprint)], by=person(), outcome="approved")
    call_command("export_reviews")
    rejected, in_bulk = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert (rejected["guideline"], rejected["answers"], rejected["reason"]) == (1, {"harm": "not_met"}, "harm")
    assert (in_bulk["guideline"], in_bulk["answers"], in_bulk["is_bulk"]) == (None, {}, True)


# The screens


def screen(post):
    return reverse("admin:review", args=[post.pk])


def hidden(page, *names):
    html = page.content.decode()
    return {name: re.search(rf'name="{name}"(?: value="([^"]*)")?', html)[1] or "" for name in names}


def words_of(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def test_the_posts_own_checklist_is_content_and_asks_nothing(client):
    post = make_post(checklist=["Drain a node <b>first</b>"])
    client.force_login(person())
    page = client.get(screen(post))
    assert "Checklist of the post 1, as the author wrote it" in words_of(page)
    assert "Drain a node &lt;b&gt;first&lt;/b&gt;" in page.content.decode()
    assert 'name="ticks"' not in page.content.decode()
    assert "Every number has a source or says how it was measured." in page.content.decode()


def test_an_open_screen_comes_back_with_the_new_points_and_nothing_typed_lost(client, lead):
    post = make_post()
    client.force_login(person())
    form = hidden(client.get(screen(post)), "fingerprint", "opened", "guideline")
    assert form["guideline"] == "1"
    saved(LINKS, by=lead)
    sent = form | FORM_ALL_MET | {"act": "approve", "expected_result": "Fewer questions.", "edits-comment": "Kept."}
    page = client.post(screen(post), sent)
    html = page.content.decode()
    assert page.status_code == 409 and not Review.objects.exists()
    assert "The review guideline has changed. Answer its new points: Every link leads" in words_of(page)
    assert "Every link leads where its words say. new" in words_of(page) and html.count("point__new") == 1
    for key in ("numbers", "facts", "harm", "readable"):
        assert f'name="answer-{key}" value="met" checked' in html
    assert "Fewer questions." in html and "Kept." in html
    again = hidden(page, "fingerprint", "opened", "guideline")
    assert again["guideline"] == "2" and again["opened"] == form["opened"]
    done = client.post(screen(post), sent | again | {"answer-every-link-leads-where-its": "met"})
    assert done.status_code == 302 and Review.objects.get().guideline_id == 2


@pytest.mark.parametrize("place", ["post", "flag"])
def test_the_other_forms_answer_the_same_points(client, lead, place):
    post = make_post(released=place == "flag", flagged=place == "flag")
    client.force_login(person())
    page = client.get(
        reverse("admin:posts_post_change" if place == "post" else "admin:posts_post_flag", args=[post.pk])
    )
    form = hidden(page, "fingerprint", "flags_seen", "opened", "guideline")
    form |= {"outcome": "approved", "comment": "Typed and kept."} if place == "post" else {"act": "confirm"}
    address = reverse("admin:posts_post_flag", args=[post.pk])
    if place == "post":
        address = reverse("admin:posts_post_act", args=[post.pk, "decide"])
    saved(LINKS, by=lead)
    page = client.post(address, form | FORM_ALL_MET)
    assert page.status_code == 409 and 'name="answer-harm" value="met" checked' in page.content.decode()
    assert "Answer its new points: Every link leads" in words_of(page)
    form |= hidden(page, "guideline") | {"answer-every-link-leads-where-its": "not_applicable"}
    page = client.post(address, form | FORM_ALL_MET)
    assert page.status_code == 302 and Review.objects.first().guideline_id == 2


def test_a_failed_point_preselects_its_reason_in_both_panels(client):
    post = make_post()
    client.force_login(person())
    form = hidden(client.get(screen(post)), "fingerprint", "opened", "guideline")
    page = client.post(screen(post), form | FORM_ALL_MET | {"act": "approve", "answer-harm": "not_met"})
    html = page.content.decode()
    assert page.status_code == 422 and html.count('value="harm" data-reason="7" checked') == 2
    assert "1 required not met: request changes or reject" in words_of(page)
    sent = form | FORM_ALL_MET | {"act": "edits", "answer-harm": "not_met"}
    assert client.post(screen(post), sent).status_code == 302
    assert Review.objects.get().reason_code == "harm"


def test_a_guideline_of_many_points_costs_the_screen_no_more_queries(client, lead, django_assert_max_num_queries):
    post = make_post(checklist=["one"])
    client.force_login(person())
    counts = []
    for number in range(2):
        with django_assert_max_num_queries(40) as queries:
            client.get(screen(post))
        counts.append(len(queries))
        drafts = [PointDraft(text=f"Point {number}-{more}.", reason_code="facts") for more in range(20)]
        if not number:
            saved(*drafts, by=lead)
    assert counts[0] == counts[1]


# The guideline in the admin


def change_form(client, **changes):
    page = client.get(CHANGE)
    rows = page.context["rows"]
    form = {"read": hidden(page, "read")["read"], "points-TOTAL_FORMS": rows.total_form_count()}
    form["points-INITIAL_FORMS"] = rows.initial_form_count()
    for row in rows:
        for bound in row:
            value = bound.value()
            if value not in (None, False, "", []):
                form[bound.html_name] = value
    return form | changes


def test_a_lead_changes_the_guideline_and_earlier_versions_stay(client, lead):
    post = make_post(released=True)
    client.force_login(lead)
    before = list(GuidelinePoint.objects.filter(guideline=1).values())
    form = change_form(client, why="Links were wrong too often.")
    form |= {"points-1-text": "Every number has a source.", "points-0-DELETE": "on", "points-5-position": "1"}
    form |= {"points-6-text": "Every link works.", "points-6-reason_code": "facts", "points-6-stacks": "Go\n\nRust"}
    page = client.post(CHANGE, form, follow=True)
    assert "Saved as version 2." in page.content.decode() and "Links were wrong too often." in page.content.decode()
    points = list(GuidelinePoint.objects.current().order_by("position"))
    assert [point.key for point in points] == ["readable", "numbers", "facts", "harm", "images", "every-link"]
    assert points[1].text == "Every number has a source." and points[5].stacks == ["Go", "Rust"]
    assert not points[5].is_required and list(GuidelinePoint.objects.filter(guideline=1).values()) == before
    entry = AuditEntry.objects.get(action="guideline changed")
    assert (entry.made_by, entry.detail) == (lead, "Version 2. Links were wrong too often.")
    assert fresh(post).live_approval.guideline_id == 1 and fresh(post).is_indexable
    old = client.get(f"{GUIDELINE}1/").content.decode()
    assert "or says how it was measured" in old and "Every link works." not in old
    assert client.get(f"{GUIDELINE}3/").status_code == 404


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Nothing changed, so there is no new version."),
        ({"points-6-text": "x" * 301}, "at most 300 characters"),
        ({"points-0-text": " "}, "Point 1: Enter the text."),
        ({"points-0-reason_code": ""}, "Point 1: Choose a reason from the list."),
        ({"points-0-reason_code": "mood"}, "Select a valid choice"),
        (
            {f"points-{number}-is_required": "" for number in range(6)},
            "At least one required point must be for all posts",
        ),
    ],
)
def test_a_version_that_makes_no_sense_is_refused_and_what_was_typed_stays(client, lead, changes, words):
    client.force_login(lead)
    page = client.post(CHANGE, change_form(client, why="Typed and kept.", **changes))
    assert page.status_code == 422 and words in page.content.decode() and "Typed and kept." in page.content.decode()
    assert newest() == 1


def test_two_people_who_change_it_at_once_lose_nothing(client, lead):
    client.force_login(lead)
    form = change_form(client) | {"points-6-text": "Mine.", "points-6-reason_code": "facts"}
    saved(LINKS, by=lead)
    page = client.post(CHANGE, form)
    assert page.status_code == 409 and 'value="Mine."' in page.content.decode() and newest() == 2
    assert "Another person has saved a newer version." in page.content.decode()
    assert client.post(CHANGE, form | hidden(page, "read")).status_code == 302 and newest() == 3


def test_only_people_with_the_right_change_it_and_no_version_goes_while_a_decision_names_it(client, lead):
    reviewer = person()
    client.force_login(reviewer)
    assert client.get(GUIDELINE).status_code == 200 and client.get(CHANGE).status_code == 403
    assert "Change the guideline" not in client.get(GUIDELINE).content.decode()
    with pytest.raises(PermissionDenied):
        save_guideline([LINKS], by=reviewer, read=1)
    approve(make_post())
    with pytest.raises(ProtectedError):
        ReviewGuideline.objects.get(number=1).delete()


def test_a_key_belongs_to_one_point_for_good(lead):
    saved(LINKS, by=lead)
    saved(by=lead, without={"every-link-leads-where-its"})
    saved(LINKS, PointDraft(text="日本語", reason_code="facts"), by=lead)
    keys = set(GuidelinePoint.objects.current().values_list("key", flat=True))
    assert keys - set(POINTS) == {"every-link-leads-where-its-2", "point"}


# Statistics


def test_points_that_never_fail_are_named_and_failures_and_disputes_are_counted(client):
    approve(make_post())
    said(make_post(), given={"harm": "not_met", "facts": "met"}, outcome="rejected")
    # Undone: a slip, which says nothing about the text, but is a dispute.
    reviewer = person()
    undo_decision(said(make_post(), given={"numbers": "not_met"}, outcome="rejected", by=reviewer), by=reviewer)
    # Overturned by a roll back.
    post = make_post(released=True, summary="First.")
    edit(post, summary="Second.")
    approve(post)
    roll_back(fresh(post), by=person(), why="Wrong.")
    stats = guideline_stats()
    assert stats.decisions == 5
    harm, numbers, facts = (stats.of(key) for key in ("harm", "numbers", "facts"))
    assert (harm.met, harm.not_met, harm.disputed) == (3, 1, 1)
    assert (numbers.met, numbers.not_met, numbers.disputed) == (3, 0, 2)
    assert (facts.met, facts.not_met, facts.disputed, stats.of("images").answered) == (4, 0, 1, 0)
    client.force_login(person("Staff"))
    page = words_of(client.get(GUIDELINE))
    never = page[page.index("Points that never failed") : page.index("Versions")]
    assert "Every number has a source" in never and "The facts behind" in never
    assert "It warns before" not in never and "Every image" not in never
    assert "Counted in the 5 decisions that answered the guideline." in page


def test_a_rejection_is_disputed_when_the_same_text_is_approved_later():
    post, given = make_post(), {"harm": "not_met", "facts": "met"}
    said(post, given=given, outcome="rejected")
    assert guideline_stats().of("harm").disputed == 0
    submit_revision(fresh(post), by=person())
    approve(post)
    assert (guideline_stats().of("harm").disputed, guideline_stats().of("facts").disputed) == (1, 0)


def test_the_page_costs_the_same_queries_with_many_decisions(client, lead, django_assert_max_num_queries):
    client.force_login(lead)
    counts = []
    for _ in range(2):
        approve(make_post())
        saved(PointDraft(text=f"Point {Post.objects.count()}.", reason_code="facts", is_required=False), by=lead)
        with django_assert_max_num_queries(20) as queries:
            client.get(GUIDELINE)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_readers_see_how_the_guideline_was_answered(client):
    given = {**ALL_MET.given, "numbers": "not_applicable"}
    post = make_post()
    said(post, given=given)
    page = words_of(client.get(fresh(post).get_absolute_url()))
    assert "Review guideline version 1: 3 met, 1 not applicable" in page
    bulk = make_post()
    decide_many([(bulk.pk, bulk.head_revision.fingerprint)], by=person(), outcome="approved")
    assert "Review guideline not answered (bulk)" in words_of(client.get(fresh(bulk).get_absolute_url()))
