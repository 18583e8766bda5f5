"""The order of the review queue: which posts are in it, with which risk score, for which reasons."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from posts.content_checks.scan import scan_new_texts
from posts.models import AuditEntry, BulkRow, BulkRun, Post, QueueEntry, QueueFigure, QueueLabel, Revision
from posts.operations import (
    ClaimedByAnother,
    NotAllowed,
    Refused,
    answer_report,
    assign_post,
    begin_bulk,
    carry_out,
    claim_post,
    clear_flag,
    confirm_bulk,
    create_post,
    decide,
    flag_post,
    look_at_rows,
    record_revision,
    report_problem,
    restore_revision,
    roll_back,
    save_view,
    submit_revision,
    unclaim,
    undo_decision,
    withdraw_post,
)
from posts.operations.queue_tasks import look_over_queue, rank_new_texts
from posts.operations.review import Decision
from posts.review_queue.counts import capped_counts
from posts.review_queue.order import ORDER, QueueView, cursor_of, next_item, previous_item
from posts.review_queue.ranking import generator_points, rank_queue
from posts.review_queue.weights import CODES, WEIGHTS
from tests.factories import ALL_MET, RecordFactory, approve, edit, import_records, make_post, person

pytestmark = pytest.mark.django_db

# A record of which nothing but its place in an import is known.
PLAIN = {"payload": {"generator": "penwright 3"}}


def reasons(post):
    return {reason["code"]: reason["points"] for reason in QueueEntry.objects.get(pk=post.pk).reasons}


def again(post):
    return Post.objects.get(pk=post.pk)


def turn_down(post, by=None, outcome="rejected"):
    return decide(
        post,
        Decision(outcome=outcome, fingerprint=post.head_revision.fingerprint, comment="No.", answers=ALL_MET),
        by=by or person(),
    )


def order(**filters):
    by = person()
    entry, found = next_item(QueueView(**filters), by=by), []
    while entry is not None:
        found.append(entry.pk)
        entry = next_item(QueueView(**filters), cursor_of(entry.pk), by=by)
    return found


def test_an_imported_post_stands_in_the_queue_at_once_with_what_its_record_says():
    post = make_post(flags={"needs_human_review": 1})
    entry = post.queue_entry
    assert reasons(post) == {"source": 50, "origin": 40}
    assert entry.points == 90
    assert not entry.is_complete
    assert entry.batch_id == post.first_batch_id


def test_the_background_completes_the_reasons_once_the_texts_were_read():
    broken = "## Code\n\n```python\ndef (:\n```\n\n```json\n{]\n```\n"
    post = make_post(
        body=broken, tools=[], image_sources=[{"source": "x", "url": "https://bad.example/1.png"}], **PLAIN
    )
    assert reasons(post) == {"origin": 40}
    scan_new_texts()
    rank_new_texts.func()
    assert reasons(post) == {"origin": 40, "code": 30, "check": 20, "images": 10, "advice": 10}
    entry = post.queue_entry
    entry.refresh_from_db()
    assert entry.is_complete
    assert entry.points == entry.text_points == 110
    assert set(QueueLabel.objects.filter(kind="reason").values_list("name", flat=True)) == set(reasons(post))


def repeating(**options):
    """Return two posts with the same text, in the queue if nobody has decided about them."""
    body = " ".join(f"word{number}" for number in range(200))
    one, other = make_post(body=body, **options), make_post(body=body + " more")
    scan_new_texts()
    rank_queue()
    return one, other


def test_of_two_near_duplicates_only_the_later_one_is_a_risk_and_names_the_other():
    one, other = repeating()
    [twin] = [reason for reason in again(other).queue_entry.reasons if reason["code"] == "twin"]
    assert (twin["post"], twin["detail"], twin["points"]) == (one.pk, "100 % the same", 60)
    assert "twin" not in reasons(one)


def test_a_text_that_readers_see_was_there_before_any_that_they_do_not_see():
    one, other = repeating()
    approve(other)
    rank_queue()
    assert reasons(one)["twin"] == 60
    approve(one)
    edit(other, body=other.body + " and more")
    submit_revision(again(other), by=person("Editors"))
    scan_new_texts()
    rank_queue()
    assert reasons(other)["twin"] > 50


@pytest.mark.parametrize("end", ["rejected", "withdrawn"])
def test_nothing_repeats_a_post_that_is_rejected_or_withdrawn(end):
    one, other = repeating()
    assert "twin" in reasons(other)
    turn_down(one) if end == "rejected" else withdraw_post(one, by=person())
    rank_queue()
    assert "twin" not in reasons(other)


def test_a_known_hash_and_a_named_generator_are_worth_no_points():
    record = RecordFactory(**PLAIN)
    import_records(record)
    fingerprint = Post.objects.get().head_revision.fingerprint
    import_records({**record, "source_id": "known", "hash": fingerprint[:24]})
    import_records({**record, "source_id": "wrong", "hash": "0" * 24})
    known, wrong = (Post.objects.get(source_id=name) for name in ("known", "wrong"))
    assert reasons(known) == {}
    assert wrong.queue_entry.reasons[0]["detail"] == "the hash does not match the text"


def test_flags_reports_and_an_approval_before_are_reasons_while_they_last():
    post = make_post(released=True, **PLAIN)
    assert not QueueEntry.objects.exists()
    record_revision(post, {**post.working_record(), "summary": "Another."}, by=person("Editors"))
    submit_revision(post, by=person("Editors"))
    assert reasons(post) == {"origin": 40, "changed": 40}
    flag = flag_post(post, by=person("Staff"), note="Look.")
    report = report_problem(again(post), reason="facts", address="192.0.2.1")
    assert reasons(post) == {"origin": 40, "changed": 40, "flag": 50, "reports": 15}
    answer_report(report, by=person("Staff"), answer="Mended.")
    clear_flag(flag, by=person("Staff"), note="Looked.")
    assert reasons(post) == {"origin": 40, "changed": 40}
    roll_back_target = again(post).queue_entry
    assert (roll_back_target.live_version, roll_back_target.version) == ("1.0.0", "1.0.1")


def test_every_operation_keeps_the_queue_in_step():
    def in_queue():
        return set(QueueEntry.objects.values_list("pk", flat=True))

    def waiting():
        return set(Post.objects.waiting().values_list("pk", flat=True))

    editor, reviewer = person("Editors"), person()
    post = create_post({"title": "Typed", "body": "One."}, by=editor)
    assert in_queue() == waiting() == set()
    submit_revision(post, by=editor)
    assert in_queue() == waiting() == {post.pk}
    record_revision(post, {"title": "Typed", "body": "Two."}, by=editor)
    assert in_queue() == waiting() == set()
    submit_revision(post, by=editor)
    review = turn_down(again(post), by=reviewer, outcome="changes_requested")
    assert in_queue() == waiting() == set()
    undo_decision(review, by=reviewer)
    assert in_queue() == waiting() == {post.pk}
    post = approve(post)
    assert in_queue() == waiting() == set()
    record_revision(post, {"title": "Typed", "body": "Three."}, by=editor)
    approve(submit_revision(post, by=editor).post)
    restore_revision(again(post).revisions.get(number=1), by=editor)
    assert in_queue() == waiting() == {post.pk}
    roll_back(again(post), by=reviewer)
    assert in_queue() == waiting() == {post.pk}
    withdraw_post(again(post), by=reviewer)
    assert in_queue() == waiting() == set()


def test_a_decision_that_is_taken_back_brings_the_old_place_back():
    post = make_post(**PLAIN)
    place, reviewer = cursor_of(post.pk), person()
    review = turn_down(post, by=reviewer)
    assert cursor_of(post.pk) is None
    undo_decision(review, by=reviewer)
    assert cursor_of(post.pk) == place


def test_the_background_puts_right_whatever_is_out_of_step():
    lost, gone = make_post(), make_post()
    QueueEntry.objects.filter(pk=lost.pk).delete()
    Post.objects.filter(pk=gone.pk).update(awaits_review=False)
    look_over_queue.func()
    assert list(QueueEntry.objects.values_list("pk", flat=True)) == [lost.pk]
    assert reasons(lost) == {"origin": 40}


def test_a_new_text_from_the_same_source_is_ranked_anew_and_keeps_its_time():
    record = RecordFactory(flags={"needs_human_review": 1}, **PLAIN)
    import_records(record)
    entry = QueueEntry.objects.get()
    import_records({**record, "body": "Another text."})
    newer = QueueEntry.objects.get()
    assert newer.fingerprint == Post.objects.get().head_revision.fingerprint != entry.fingerprint
    assert newer.waiting_since == entry.waiting_since


def test_a_text_that_was_typed_long_ago_is_pending_since_somebody_submitted_it():
    post, editor = make_post(released=True), person("Editors")
    revision = record_revision(post, {**post.working_record(), "summary": "Typed."}, by=editor)
    Revision.objects.filter(pk=revision.pk).update(created_at=timezone.now() - timedelta(days=9))
    submit_revision(again(post), by=editor)
    entry = QueueEntry.objects.get(pk=post.pk)
    assert timezone.now() - entry.waiting_since < timedelta(days=1) and entry.age_points == 0


def test_a_day_is_a_point_and_thirty_are_the_most():
    now = timezone.now()
    for days in (0, 1, 12, 30, 400):
        post = make_post(**PLAIN)
        QueueEntry.objects.filter(pk=post.pk).update(waiting_since=now - timedelta(days=days, minutes=1))
    rank_queue(now=now)
    assert list(QueueEntry.objects.order_by("pk").values_list("age_points", flat=True)) == [0, 1, 12, 30, 30]
    assert all(entry.points == 40 + entry.age_points for entry in QueueEntry.objects.all())
    rank_queue(now=now + timedelta(days=2))
    assert list(QueueEntry.objects.order_by("pk").values_list("age_points", flat=True)) == [2, 3, 14, 30, 30]
    rank_queue(now=now + timedelta(days=2), everything=True)
    assert all(entry.points == 40 + entry.age_points for entry in QueueEntry.objects.all())


@pytest.mark.parametrize(
    ("record", "points"),
    [
        ({}, {}),
        # One generator, however often it was turned down: every post would have the reason.
        ({"a": {"approved": 76, "changes_requested": 4, "rejected": 2}}, {}),
        ({"a": {"rejected": 50}}, {}),
        # As good as the others, and a little worse than the others.
        ({"a": {"approved": 90, "rejected": 10}, "b": {"approved": 90, "rejected": 10}}, {}),
        ({"a": {"approved": 17, "rejected": 3}, "b": {"approved": 90, "rejected": 10}}, {}),
        # Clearly worse.
        (
            {"a": {"approved": 10, "rejected": 5, "changes_requested": 5}, "b": {"approved": 90, "rejected": 10}},
            {"a": 40},
        ),
        ({"a": {"rejected": 995}, "b": {"approved": 20}}, {"a": 100}),
        # Too few decisions about it, or about the others; texts without a generator don't count as a generator.
        ({"a": {"rejected": 7}, "b": {"approved": 90}}, {}),
        ({"a": {"rejected": 9}, "b": {"approved": 7}}, {}),
        ({"": {"rejected": 20}, "b": {"approved": 90}}, {}),
        # Nine of 126, and twelve decisions about the others: too few to say that theirs are turned down less.
        ({"a": {"approved": 117, "rejected": 9}, "b": {"approved": 12}}, {}),
    ],
)
def test_a_generator_is_called_turned_down_often_only_where_that_tells_it_from_others(record, points):
    assert generator_points(record) == points


def test_what_people_turned_down_weighs_on_the_other_texts_of_its_generator():
    for _ in range(8):
        turn_down(make_post(payload={"generator": "shaky"}))
        approve(make_post(payload={"generator": "steady"}))
    shaky, steady = make_post(payload={"generator": "shaky"}), make_post(payload={"generator": "steady"})
    rank_queue()
    points = dict(QueueEntry.objects.values_list("pk", "generator_points"))
    assert points == {shaky.pk: 100, steady.pk: 0}
    assert QueueEntry.objects.get(pk=shaky.pk).points == 140
    late = make_post(payload={"generator": "shaky"})
    assert late.queue_entry.generator_points == 100
    assert order(reason="generator") == [shaky.pk, late.pk]


def test_the_order_is_points_then_time_then_number_and_never_moves():
    calm, risky, later = make_post(**PLAIN), make_post(flags={"needs_human_review": 1}, **PLAIN), make_post(**PLAIN)
    assert order() == [risky.pk, calm.pk, later.pk]
    QueueEntry.objects.filter(pk=later.pk).update(waiting_since=timezone.now() - timedelta(days=1))
    assert order() == [risky.pk, later.pk, calm.pk]
    by = person()
    assert previous_item(QueueView(), cursor_of(calm.pk), by=by).pk == later.pk
    assert previous_item(QueueView(), cursor_of(risky.pk), by=by) is None
    same = timezone.now()
    QueueEntry.objects.update(waiting_since=same, points=7)
    assert order() == [calm.pk, risky.pk, later.pk]


def test_a_cursor_survives_its_entry_and_its_way_through_an_address():
    first, second = make_post(flags={"needs_human_review": 1}), make_post()
    cursor = ORDER.parse(str(cursor_of(first.pk)))
    assert cursor == cursor_of(first.pk)
    turn_down(first)
    assert next_item(QueueView(), cursor, by=person()).pk == second.pk
    too_late, too_large = f"1-{10**18 - 1}-1", f"1-1-{2**70}"
    for nonsense in ("", "1", "a-b-c", "1-nan-1", "1-1e400-1", "1-١-1", too_late, too_large, "-1-1-1", "1-1-1-1"):
        assert ORDER.parse(nonsense) is None


def test_views_narrow_by_every_filter():
    by = person()
    plain = make_post(**PLAIN)
    asked = make_post(stack=["Rust"], flags={"needs_human_review": 1}, payload={"generator": "other"})
    changed = make_post(released=True, **PLAIN)
    record_revision(changed, {**changed.working_record(), "summary": "Else."}, by=person("Editors"))
    submit_revision(changed, by=person("Editors"))
    back = make_post(**PLAIN)
    turn_down(back, outcome="changes_requested")
    submit_revision(again(back), by=person("Editors"))
    assign_post(plain, to=by, by=by)
    claim_post(asked, by=by)
    QueueEntry.objects.filter(pk=plain.pk).update(waiting_since=timezone.now() - timedelta(days=9))

    def found(**filters):
        rows = set(QueueView(**filters).entries(by=by).values_list("pk", flat=True))
        assert capped_counts([QueueView(**filters).countable(by=by)]) == [len(rows)]
        return rows

    everything = {plain.pk, asked.pk, changed.pk, back.pk}
    assert found() == everything
    assert found(reason="source") == {asked.pk}
    assert found(reason="changed") == found(state="change") == {changed.pk}
    assert found(state="new") == everything - {changed.pk}
    assert found(state="back") == {back.pk}
    assert found(state="submitted") == {changed.pk, back.pk}
    assert found(state="imported") == {plain.pk, asked.pk}
    assert found(stack="Rust") == found(generator="other") == {asked.pk}
    assert found(batch=plain.first_batch_id) == found(days=9) == found(whose="me") == {plain.pk}
    assert found(days=10) == set()
    assert found(whose="nobody") == everything - {plain.pk}
    assert found(whose="held") == {asked.pk}
    assert found(whose=str(by.pk), stack="Rust") == set()


def test_a_view_is_read_from_any_query_and_written_back():
    view = QueueView(reason="twin", stack="Go & Rust", batch=3, days=6, whose="me")
    assert QueueView.from_query(view.query()) == view
    assert view.without("batch").without("days") == QueueView(reason="twin", stack="Go & Rust", whose="me")
    nonsense = "reason=none&state=x&batch=-1&days=99999999999999999999&whose=%00&after=1&stack=%00"
    assert QueueView.from_query(nonsense) == QueueView()
    assert set(CODES) == set(WEIGHTS)


def test_claiming_keeps_others_away_until_it_ends_or_is_taken_over():
    post, mira, ines = make_post(), person(), person()
    now = timezone.now()
    entry = claim_post(post, by=mira, now=now)
    assert entry.held_until == now + timedelta(minutes=15)
    with pytest.raises(ClaimedByAnother, match=f"{mira.username} has claimed this until"):
        claim_post(post, by=ines, now=now)
    assert next_item(QueueView(), by=ines, now=now) is None
    assert next_item(QueueView(), by=mira, now=now).pk == post.pk
    assert next_item(QueueView(), by=ines, now=now + timedelta(minutes=16)).pk == post.pk
    claim_post(post, by=ines, take_over=True, now=now)
    with pytest.raises(ClaimedByAnother, match="has claimed this"):
        unclaim(post, by=mira)
    claim_post(post, by=ines)
    unclaim(post, by=ines)
    trail = list(AuditEntry.objects.filter(post=post).order_by("pk").values_list("action", "made_by", "detail"))
    assert trail[-3:] == [
        ("claimed", mira.pk, ""),
        ("taken over", ines.pk, f"from {mira.username}"),
        ("let go", ines.pk, ""),
    ]
    with pytest.raises(NotAllowed, match="review_post"):
        claim_post(post, by=person("Editors"))
    turn_down(post)
    with pytest.raises(Refused, match="is no longer pending"):
        claim_post(post, by=mira)


def test_work_goes_only_to_those_who_may_decide():
    post, mira = make_post(), person()
    with pytest.raises(Refused, match="may not decide"):
        assign_post(post, to=person("Editors"), by=mira)
    with pytest.raises(NotAllowed, match="review_post"):
        assign_post(post, to=mira, by=person("Staff"))
    assert assign_post(post, to=mira, by=person()).assigned_to == mira
    assert assign_post(post, to=None, by=mira).assigned_to is None
    assert AuditEntry.objects.filter(action__startswith="assigned").count() == 2


def run_bulk(act, posts, by, **words):
    run = begin_bulk(act, by=by, choices=[(post.pk, post.head_revision.fingerprint) for post in posts])
    run = look_at_rows(run)
    return carry_out(confirm_bulk(run, by=by, **words))


def outcomes(run):
    return dict(run.rows.values_list("post", "outcome"))


def test_a_bulk_approval_says_first_what_each_gets_and_opens_no_index():
    by, mira = person(), person()
    fine, flagged, held, moved = (make_post() for _ in range(4))
    flag_post(flagged, by=person("Staff"), note="Numbers.")
    claim_post(held, by=mira)
    choices = [(post.pk, post.head_revision.fingerprint) for post in (fine, flagged, held, moved)]
    record_revision(moved, {**moved.working_record(), "summary": "New."}, by=person("Editors"))
    run = look_at_rows(begin_bulk("approve", by=by, choices=choices))
    assert outcomes(run) == {
        fine.pk: "passes", flagged.pk: "will_refuse", held.pk: "will_refuse", moved.pk: "will_refuse",
    }  # fmt: skip
    said = dict(run.rows.values_list("post", "said"))
    assert "A flag is open" in said[flagged.pk]
    assert f"{mira.username} has claimed this until" in said[held.pk]
    assert "was saved in the meantime" in said[moved.pk]
    assert not Post.objects.filter(live_revision__isnull=False).exists()
    carry_out(confirm_bulk(run, by=by))
    assert outcomes(run)[fine.pk] == "done"
    live = again(fine)
    assert live.is_live
    assert live.live_approval.is_bulk
    assert not Post.objects.indexable().exists()
    assert list(Post.objects.filter(live_revision__isnull=False)) == [fine]


def test_a_post_claimed_since_the_preview_is_left_to_who_claimed_it():
    by, mira, posts = person(), person(), [make_post(), make_post()]
    choices = [(post.pk, post.head_revision.fingerprint) for post in posts]
    run = look_at_rows(begin_bulk("reject", by=by, choices=choices))
    assert set(outcomes(run).values()) == {"passes"}
    claim_post(posts[0], by=mira)
    run = carry_out(confirm_bulk(run, by=by, comment="No."))
    assert outcomes(run) == {posts[0].pk: "refused", posts[1].pk: "done"}
    assert mira.username in run.rows.get(post=posts[0].pk).said
    assert again(posts[0]).awaits_review


def test_every_row_meets_the_rules_once_more_when_it_is_done():
    by, post = person(), make_post()
    run = look_at_rows(begin_bulk("approve", by=by, choices=[(post.pk, post.head_revision.fingerprint)]))
    assert outcomes(run) == {post.pk: "passes"}
    flag_post(post, by=person("Staff"), note="Since then.")
    run = carry_out(confirm_bulk(run, by=by))
    assert outcomes(run) == {post.pk: "refused"}
    assert "Since then." in run.rows.get().said
    assert run.state == BulkRun.State.DONE


def test_each_act_in_bulk_goes_through_its_operation():
    by, posts = person(), [make_post() for _ in range(2)]
    other = make_post()
    with pytest.raises(Refused, match="Say why"):
        run_bulk("edits", posts, by)
    run_bulk("assign", posts, by, assignee=by)
    assert set(QueueEntry.objects.filter(assigned_to=by).values_list("pk", flat=True)) == {post.pk for post in posts}
    run_bulk("flag", [other], by, comment="Look at the figures.")
    assert again(other).needs_human_review
    run_bulk("edits", posts[:1], by, reason_code="code")
    run_bulk("reject", posts[1:], by, comment="All of one kind.")
    assert [again(post).head_revision.status for post in posts] == ["changes_requested", "rejected"]
    assert again(posts[1]).head_revision.reviews.get().is_bulk
    assert set(QueueEntry.objects.values_list("pk", flat=True)) == {other.pk}


def test_everything_that_a_filter_matches_is_taken_as_it_stands_and_nobody_else_may_say_go():
    by = person()
    wanted, other = make_post(stack=["Rust"]), make_post()
    run = begin_bulk("reject", by=by, entries=QueueView(stack="Rust").entries(by=by), query="stack=Rust")
    later = make_post(stack=["Rust"])
    with pytest.raises(Refused, match="checking posts"):
        confirm_bulk(run, by=by, comment="No.")
    run = look_at_rows(run)
    with pytest.raises(NotAllowed, match="Another person selected"):
        confirm_bulk(run, by=person(), comment="No.")
    with pytest.raises(NotAllowed, match="review_post"):
        begin_bulk("approve", by=person("Editors"), choices=[])
    carry_out(confirm_bulk(run, by=by, comment="No."))
    assert outcomes(run) == {wanted.pk: "done"}
    with pytest.raises(Refused, match="Its state: done"):
        confirm_bulk(run, by=by, comment="Once more.")
    assert again(other).awaits_review
    assert again(later).awaits_review


def test_a_run_that_was_cut_off_goes_on_where_it_was():
    class CutOff(Exception):
        pass

    def cut():
        raise CutOff

    by, posts = person(), [make_post() for _ in range(3)]
    run = begin_bulk("reject", by=by, choices=[(post.pk, post.head_revision.fingerprint) for post in posts])
    with pytest.raises(CutOff):
        look_at_rows(run, on_checkpoint=cut)
    run = confirm_bulk(look_at_rows(run), by=by, comment="No.")
    BulkRow.objects.filter(post=posts[0]).update(outcome="done")
    run = carry_out(run)
    assert [again(post).awaits_review for post in posts] == [True, False, False]
    assert run.state == BulkRun.State.DONE


def test_saved_views_belong_to_one_person():
    mira, ines = person(), person()
    save_view("Mine", QueueView(whose="me"), by=mira)
    save_view("Mine", QueueView(days=6), by=mira)
    assert list(mira.saved_views.values_list("name", "query")) == [("Mine", "days=6")]
    assert not ines.saved_views.exists()
    with pytest.raises(Refused, match="Give the view a name"):
        save_view(" ", QueueView(days=6), by=mira)
    with pytest.raises(Refused, match="Choose a filter"):
        save_view("All", QueueView(), by=mira)


def test_the_filters_offer_what_most_waiting_posts_have():
    post = make_post(stack=["Rust"], payload={"generator": "penwright 3"})
    rank_queue()
    assert set(QueueFigure.objects.values_list("kind", "name", "count")) == {
        ("stack", "Rust", 1), ("generator", "penwright 3", 1), ("batch", str(post.first_batch_id), 1),
    }  # fmt: skip
    turn_down(post)
    for _ in range(8):
        turn_down(make_post(payload={"generator": "penwright 3"}))
        approve(make_post(payload={"generator": "steady"}))
    rank_queue()
    assert set(QueueFigure.objects.values_list("kind", "name", "count")) == {("points", "penwright 3", 100)}


def test_an_import_asks_no_more_for_many_posts_than_for_few():
    def queries(count):
        records = [RecordFactory() for _ in range(count)]
        with CaptureQueriesContext(connection) as captured:
            import_records(*records)
        return sum("posts_queue" in query["sql"] for query in captured.captured_queries)

    # A set of rows goes in several statements when it is long, and in no more than that.
    assert 0 < queries(60) <= queries(3) + 2


def test_the_command_prints_what_ranking_finds(capsys):
    call_command("measure_ranking", count=60, seed=8_000_000)
    said = capsys.readouterr().out
    assert "60 posts are pending" in said
    assert "The first 20% of the queue hold" in said
    assert not Post.objects.exists()
    make_post()
    call_command("rank_queue", "--all")
    assert "1 are pending." in capsys.readouterr().out
