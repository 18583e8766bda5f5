"""The page of a post's releases, plans, and what happens when a plan is due."""

import datetime
import re
from io import StringIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from posts.importing.index_switch import switch_batch_index
from posts.jobs import run_waiting_jobs
from posts.models import AuditEntry, JobRun, Post, Release, Review, ScheduledRelease
from posts.operations import (
    NotAllowed,
    PageMoved,
    Refused,
    cancel_schedule,
    flag_post,
    note_observed_result,
    release_revision,
    roll_back,
    run_due,
    schedule_release,
    withdraw_post,
)
from posts.operations.schedule import Plan, moment_in_zone
from tests.factories import RecordFactory, approve, edit, fresh, import_records, make_post, person

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)


def approved_later(**fields):
    """Return a live post with a newer approved text that waits for its release."""
    post = make_post(released=True, summary="First.", **fields)
    edit(post, summary="Second.")
    return approve(post, release=False)


def plan(post, *, kind="release", hours=1, by=None, **options):
    post = fresh(post)
    options.setdefault("revision", post.head_revision if kind == "release" else None)
    by = by or person()
    return schedule_release(
        post, Plan(kind=kind, due_at=timezone.now() + hours * HOUR, zone="Europe/Zagreb", **options), by=by
    )


def later(hours=2):
    return timezone.now() + hours * HOUR


def test_a_planned_release_goes_out_when_its_time_comes_and_only_once():
    post = approved_later()
    planned = plan(post, expected_result="Fewer questions.", rollback_note="Go back.")
    assert run_due() == [] and fresh(post).live_revision.version == "1.0.0"
    assert run_due(later()) == [planned]
    assert run_due(later()) == []
    post, planned = fresh(post), ScheduledRelease.objects.get()
    assert (post.live_revision.version, post.is_indexable) == ("1.0.1", True)
    assert (planned.state, planned.release.expected_result) == ("done", "Fewer questions.")
    assert planned.release.made_by == planned.made_by and Release.objects.count() == 2


def test_a_plan_runs_at_its_own_time_and_not_at_the_next_minute():
    planned = plan(approved_later())
    run = JobRun.objects.select_related("task").get(key=f"plan {planned.pk}")
    assert (run.job_name, run.task.run_after) == ("run planned releases", planned.due_at)
    # SQLite's clock shows whole milliseconds, so a job due in this one would wait for the next.
    moment = timezone.now() - datetime.timedelta(seconds=1)
    DBTaskResult.objects.filter(pk=run.pk).update(run_after=moment)
    ScheduledRelease.objects.update(due_at=moment)
    run_waiting_jobs()
    planned.refresh_from_db()
    assert planned.state == "done"


def test_a_planned_withdrawal_takes_the_page_down(client):
    post = make_post(released=True)
    plan(post, kind="withdraw", why="The offer ends.")
    run_due(later())
    assert client.get(post.get_absolute_url()).status_code == 410
    assert Release.objects.first().why == "The offer ends."


REFUSALS = {
    "a flag is open": (lambda post, by: flag_post(post, by=person("Staff")), "A flag is open"),
    "overtaken": (lambda post, by: (edit(post, summary="Third."), approve(post)), r"Superseded: 1\.0\.2 was released"),
    "overtaken and rolled back": (
        lambda post, by: (edit(post, summary="Third."), approve(post), roll_back(fresh(post), by=person())),
        "Superseded",
    ),
    "withdrawn": (lambda post, by: withdraw_post(post, by=person()), "was withdrawn after this was planned"),
    "released by hand": (
        lambda post, by: release_revision(fresh(post).head_revision, by=person()),
        "is already live",
    ),
    "rolled back": (
        lambda post, by: (
            release_revision(fresh(post).head_revision, by=person()),
            roll_back(fresh(post), by=person()),
        ),
        "is not approved",
    ),
    "lost the right": (lambda post, by: by.groups.clear(), "no longer has the right “release_post”"),
    "account closed": (
        lambda post, by: type(by).objects.filter(pk=by.pk).update(is_active=False),
        "who planned this, is closed",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_everything_is_checked_again_when_the_time_comes_and_a_refusal_stands_in_the_log(name, client):
    happen, words = REFUSALS[name]
    post, by = approved_later(), person()
    plan(post, by=by)
    happen(post, by)
    live = fresh(post).live_revision_id
    run_due(later())
    planned = ScheduledRelease.objects.get()
    assert planned.state == "refused"
    assert fresh(post).live_revision_id == live
    assert AuditEntry.objects.filter(action="plan refused", post=post, made_by=by).count() == 1
    client.force_login(person("Editors"))
    page = client.get(reverse("admin:posts_post_releases", args=[post.pk])).content.decode()
    assert planned.refusal in page.replace("&#x27;", "'")
    page = client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()
    assert f"Planned, but refused: {planned}. {planned.refusal}" in page.replace("&#x27;", "'")
    assert re.search(words, planned.refusal)


def test_one_plan_that_breaks_does_not_keep_the_others_from_running():
    broken, whole = make_post(released=True), approved_later()
    withdraw = plan(broken, kind="withdraw", hours=0.5)
    plan(whole)
    ScheduledRelease.objects.filter(pk=withdraw.pk).update(zone="Nowhere/Atall")
    with pytest.raises(ZoneInfoNotFoundError, match="Nowhere"):
        run_due(later(3))
    assert fresh(whole).live_revision.version == "1.0.1"
    assert fresh(broken).is_live and ScheduledRelease.objects.get(pk=withdraw.pk).state == "waiting"


def test_what_could_not_be_released_now_cannot_be_planned():
    post = make_post(released=True)
    edit(post, summary="Second.")
    with pytest.raises(Refused, match=r"1\.0\.1 is not approved"):
        plan(post)
    with pytest.raises(Refused, match="This time has passed"):
        plan(approved_later(), hours=-1)
    planned = approved_later()
    plan(planned)
    with pytest.raises(Refused, match="is already planned"):
        plan(planned)
    with pytest.raises(Refused, match="is planned after that"):
        plan(planned, kind="withdraw", hours=0.5)
    with pytest.raises(NotAllowed, match="does not have the right"):
        plan(approved_later(), by=person("Editors"))


def test_a_cancelled_plan_never_runs_and_stays_in_the_log():
    post = approved_later()
    planned = cancel_schedule(plan(post), by=person(), why="Not yet.")
    assert run_due(later()) == [] and fresh(post).live_revision.version == "1.0.0"
    with pytest.raises(Refused, match="is already cancelled"):
        cancel_schedule(planned, by=person())
    plan(post)


def test_a_time_is_meant_in_its_zone_and_one_that_the_clocks_skip_is_refused():
    day = datetime.date(2027, 3, 28)
    moment = moment_in_zone(day, datetime.time(8), "Europe/Zagreb")
    assert moment == datetime.datetime(2027, 3, 28, 6, tzinfo=datetime.UTC)
    with pytest.raises(Refused, match="skip 02:30"):
        moment_in_zone(day, datetime.time(2, 30), "Europe/Zagreb")
    with pytest.raises(Refused, match="not a known time zone"):
        moment_in_zone(day, datetime.time(8), "Mars/Olympus")
    twice = moment_in_zone(datetime.date(2027, 10, 31), datetime.time(2, 30), "Europe/Zagreb")
    assert twice.utcoffset() == datetime.timedelta(hours=2)
    assert ScheduledRelease(due_at=moment, zone="Europe/Zagreb", kind="withdraw").moment == (
        "28 Mar 2027 08:00, Europe/Zagreb (UTC+02:00)"
    )


def test_a_second_press_of_roll_back_goes_back_only_once():
    post = approved_later()
    release_revision(post.head_revision, by=person())
    edit(post, summary="Third.")
    post = approve(post)
    seen = post.live_revision_id
    roll_back(post, by=person(), expected_live_id=seen)
    with pytest.raises(PageMoved, match=r"now see 1\.0\.1"):
        roll_back(post, by=person(), expected_live_id=seen)
    assert fresh(post).live_revision.version == "1.0.1"


def test_an_older_text_is_not_released_over_a_newer_one():
    post = approved_later()
    older = post.head_revision
    edit(post, summary="Third.")
    approve(post)
    with pytest.raises(Refused, match=r"1\.0\.2 is newer and live"):
        release_revision(older, by=person())


def test_a_text_that_was_never_live_is_nothing_to_roll_back_to():
    post = approved_later()
    with pytest.raises(Refused, match="not an earlier approved revision"):
        roll_back(post, by=person(), to=post.head_revision)


def test_rolling_back_leaves_the_words_and_not_only_the_revision():
    post = make_post(released=True, summary="First.")
    edit(post, summary="Second.")
    approve(post)
    edit(post, summary="First.")
    post = approve(post)
    assert post.live_revision.version == "1.0.2"
    release = roll_back(post, by=person())
    assert release.revision.version == "1.0.1"
    with pytest.raises(Refused, match="No earlier approved revision"):
        roll_back(post, by=person())
    first = post.revisions.get(number=1)
    assert not Review.objects.filter(fingerprint=first.fingerprint, revoked_at=None).exists()
    with pytest.raises(Refused, match="not approved"):
        release_revision(first, by=person())


def test_a_withdrawn_page_is_not_brought_back_by_rolling_back_or_by_a_stale_form():
    post = approved_later()
    release_revision(post.head_revision, by=person())
    withdraw_post(post, by=person())
    with pytest.raises(Refused, match="Release the revision"):
        roll_back(post, by=person())
    with pytest.raises(Refused, match="ends the withdrawal"):
        release_revision(fresh(post).live_revision, by=person())
    edit(post, summary="Third.")
    with pytest.raises(Refused, match="The post is withdrawn"):
        approve(post)
    post = approve(post, release=False)
    release_revision(post.head_revision, by=person(), ends_withdrawal=True)
    assert fresh(post).is_indexable


def test_what_came_of_a_release_is_kept_beside_what_was_expected():
    post = make_post(released=True)
    release = Release.objects.get()
    with pytest.raises(Refused, match="Write the observed result"):
        note_observed_result(release, by=person(), observed_result=" ")
    with pytest.raises(NotAllowed):
        note_observed_result(release, by=person("Editors"), observed_result="Fine.")
    note_observed_result(release, by=person(), observed_result="Fewer questions.")
    note_observed_result(release, by=person(), observed_result="Half the questions.")
    assert Release.objects.get().observed_result == "Half the questions."
    entries = AuditEntry.objects.filter(action="result observed", post=post).order_by("pk")
    assert [entry.detail for entry in entries] == ["Fewer questions.", "Half the questions."]


def test_the_command_runs_what_is_due_and_says_so():
    post, flagged = approved_later(), approved_later()
    plan(post)
    refused = plan(flagged)
    flag_post(flagged, by=person("Staff"))
    ScheduledRelease.objects.update(due_at=timezone.now() - HOUR)
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match=r"1 plan\(s\) were refused"):
        call_command("run_due_releases", stdout=out, stderr=err)
    assert f"{post.source_id}: Release 1.0.1: done" in out.getvalue()
    assert f"{refused.post.source_id}: Release 1.0.1: A flag is open" in err.getvalue()
    call_command("run_due_releases", stdout=out)
    assert "Nothing was due." in out.getvalue()


# The page


def form_of(page):
    form = page.context["form"]
    data = {bound.name: "" if bound.value() in (None, False) else bound.value() for bound in form}
    return {**data, "act": "release", "owner": form["owner"].value()}


def releases(post):
    return reverse("admin:posts_post_releases", args=[post.pk])


def test_a_reviewer_releases_now_and_takes_it_down_on_a_date(client):
    post, reviewer = approved_later(), person()
    client.force_login(reviewer)
    page = client.get(releases(post))
    assert "Release 1.0.1" in page.content.decode()
    data = form_of(page) | {"zone": "Asia/Tokyo", "take_down": "on", "down_day": "2099-01-02", "down_time": "08:00"}
    page = client.post(releases(post), data | {"expected_result": "Ours."}, follow=True)
    content = page.content.decode()
    assert "Released. Readers see 1.0.1 now. Planned: Withdraw on 2 Jan 2099 08:00, Asia/Tokyo (UTC+09:00)" in content
    assert fresh(post).live_revision.version == "1.0.1"
    assert ScheduledRelease.objects.get().due_at == datetime.datetime(2099, 1, 1, 23, tzinfo=datetime.UTC)
    assert Release.objects.first().expected_result == "Ours."
    assert client.get(releases(post)).context["take_down"]["zone"].value() == "Asia/Tokyo"


@pytest.mark.parametrize("typed", [{"day": "2099-01-02"}, {"time": "08:00"}])
def test_a_date_beside_now_releases_nothing_and_asks_which_is_meant(client, typed):
    post = approved_later()
    client.force_login(person())
    page = client.post(releases(post), form_of(client.get(releases(post))) | {"when": "now"} | typed)
    assert page.status_code == 422 and "You entered a date or a time, but chose “Now”." in page.content.decode()
    assert next(iter(typed.values())) in page.content.decode()
    assert fresh(post).live_revision.version == "1.0.0" and not ScheduledRelease.objects.exists()


def test_an_end_that_cannot_be_planned_keeps_the_release_back_and_what_was_typed(client):
    post = approved_later()
    client.force_login(person())
    data = form_of(client.get(releases(post))) | {"take_down": "on", "down_day": "2001-01-02", "down_time": "08:00"}
    page = client.post(releases(post), data | {"expected_result": "Typed and kept."})
    assert page.status_code == 422
    assert "This time has passed" in page.content.decode() and "Typed and kept." in page.content.decode()
    assert fresh(post).live_revision.version == "1.0.0" and not ScheduledRelease.objects.exists()


def test_a_release_on_a_date_waits_and_can_be_cancelled(client):
    post = approved_later()
    client.force_login(person())
    data = form_of(client.get(releases(post))) | {"when": "date", "day": "2099-01-02", "time": "08:00"}
    page = client.post(releases(post), data, follow=True)
    planned = ScheduledRelease.objects.get()
    assert "Planned: Release 1.0.1 on 2 Jan 2099 08:00, UTC (UTC+00:00)." in page.content.decode()
    assert planned.due_at.astimezone(ZoneInfo("UTC")).hour == 8
    page = client.post(releases(post), {"act": "cancel", "plan": planned.pk}, follow=True)
    assert "Cancelled: Release 1.0.1" in page.content.decode()
    assert "Cancelled</span>" in page.content.decode()


def test_a_stale_form_does_nothing_and_says_what_readers_see(client):
    post = approved_later()
    client.force_login(person())
    data = form_of(client.get(releases(post)))
    edit(post, summary="Third.")
    approve(post)
    answer = client.post(releases(post), data)
    assert answer.status_code == 409 and "Readers now see 1.0.2" in answer.content.decode()
    answer = client.post(releases(post), {"act": "roll-back", "live": 1, "to": post.live_revision_id})
    assert answer.status_code == 409


def test_the_log_leads_back_to_any_earlier_text(client):
    post = approved_later()
    release_revision(post.head_revision, by=person())
    edit(post, summary="Third.")
    post = approve(post)
    client.force_login(person())
    first = post.revisions.get(number=1)
    page = client.get(releases(post), {"to": first.pk})
    assert "If it went wrong: back to 1.0.0" in page.content.decode()
    data = {"act": "roll-back", "to": first.pk, "live": post.live_revision_id, "why": "Wrong figure."}
    page = client.post(releases(post), data, follow=True)
    assert "Rolled back. Readers see 1.0.0 now." in page.content.decode()
    assert "Wrong figure." in page.content.decode()


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda: make_post(), "1.0.0 is pending review."),
        (lambda: make_post(released=True), "Readers see 1.0.0. Nothing newer is approved."),
        (lambda: edit(make_post(released=True), summary="x").post, "1.0.1 is a draft. Nobody has submitted it"),
    ],
)
def test_where_nothing_can_be_released_the_page_says_why(client, prepare, words):
    client.force_login(person())
    page = client.get(releases(prepare())).content.decode()
    assert "Nothing to release" in page and words in page


def test_the_page_foresees_that_the_import_of_the_text_is_closed_also_under_a_later_import(client):
    record = RecordFactory()
    first = import_records(record)
    post = Post.objects.get(source_id=record["source_id"])
    approve(post, release=False)
    switch_batch_index(first, is_open=False, by=None)
    import_records({**record, "body": "Proposed by a later import."})
    by = person()
    client.force_login(by)
    page = client.get(releases(post))
    foreseen = page.context["after_release"]
    release_revision(page.context["revision"], by=by)
    assert foreseen == Post.objects.with_texts().get(pk=post.pk).index_obstacles
    assert foreseen == [f"import {first.pk} is closed to search engines"]


def test_the_page_costs_the_same_however_long_its_log_is(client):
    client.force_login(person())
    counts = []
    post = make_post(released=True)
    for number in range(2):
        for step in range(4 * number + 1):
            edit(post, summary=f"{number}.{step}")
            approve(post)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(releases(post)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 25
