"""Scorecards of generators: their numbers are those of plain SQL, their intervals those of the literature."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from posts.importing.generators import assign_generator, follow_generator, save_generator
from posts.models import Generator, Post, Score, ScoredPost, TextScan
from posts.operations import Refused, create_post, report_problem, roll_back, undo_decision
from posts.operations.review import Decision, decide
from posts.review_queue.guideline_stats import guideline_stats
from posts.review_queue.intervals import newcombe_interval, wilson_interval
from posts.review_queue.scorecards import By, Card, Comparison, Share, card_of, cards
from posts.review_queue.scoring import COLUMNS, changed_words, score_new
from tests.factories import ALL_MET, RecordFactory, approve, edit, fresh, import_records, person
from tests.test_site_stats import random_act

pytestmark = pytest.mark.django_db
THREE = "('approved', 'changes_requested', 'rejected')"
# Of posts all of whose imports came from one generator.
PLAIN_SQL = f"""
    WITH imported AS (
        SELECT id, COALESCE(CAST(known_generator_id AS varchar(20)), '') AS generator FROM posts_post
        WHERE first_batch_id IS NOT NULL
    ), decided AS (
        SELECT r.id, r.post_id, r.number, d.outcome, d.reason_code, d.fingerprint, d.is_bulk, d.revoked_at,
            d.seconds_spent, d.id AS decision
        FROM posts_review d JOIN posts_revision r ON r.id = d.revision_id WHERE d.undone_at IS NULL
    ), first_decision AS (
        SELECT * FROM decided d WHERE NOT is_bulk AND outcome IN {THREE} AND decision = (
            SELECT MIN(decision) FROM decided WHERE post_id = d.post_id AND NOT is_bulk AND outcome IN {THREE})
    ), first_approval AS (
        SELECT * FROM decided d WHERE NOT is_bulk AND outcome = 'approved' AND decision = (
            SELECT MIN(decision) FROM decided WHERE post_id = d.post_id AND NOT is_bulk AND outcome = 'approved')
    ), released AS (
        SELECT post_id, MIN(made_at) AS at FROM posts_release
        WHERE kind = 'released' AND revision_id IS NOT NULL GROUP BY post_id
    ), reported AS (
        SELECT p.post_id, COUNT(*) AS reports FROM posts_readerreport p JOIN released ON released.post_id = p.post_id
        WHERE p.made_at >= released.at GROUP BY p.post_id
    ), times AS (
        SELECT post_id, COUNT(*) AS timed, SUM(seconds_spent) AS seconds FROM decided
        WHERE NOT is_bulk AND seconds_spent IS NOT NULL GROUP BY post_id
    )
    SELECT imported.generator, COUNT(*) AS came_in, COUNT(f.id) AS decided,
        COALESCE(SUM(CASE WHEN f.outcome = 'approved' THEN 1 END), 0) AS approved,
        COALESCE(SUM(CASE WHEN f.id IS NULL AND EXISTS (
            SELECT 1 FROM decided d WHERE d.post_id = imported.id AND d.is_bulk) THEN 1 END), 0) AS in_bulk,
        COUNT(a.id) AS accepted, COUNT(a.revoked_at) AS revoked,
        COALESCE(SUM(CASE WHEN a.id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM posts_revision sent WHERE sent.post_id = imported.id AND sent.batch_id IS NOT NULL
            AND sent.fingerprint = a.fingerprint AND sent.number <= a.number) THEN 1 END), 0) AS edited,
        COUNT(released.at) AS released, COUNT(reported.reports) AS reported,
        COALESCE(SUM(reported.reports), 0) AS reports,
        COALESCE(SUM(times.timed), 0) AS timed, COALESCE(SUM(times.seconds), 0) AS seconds,
        COALESCE(SUM(CASE WHEN f.reason_code = 'facts' THEN 1 END), 0) AS facts
    FROM imported LEFT JOIN first_decision f ON f.post_id = imported.id
        LEFT JOIN first_approval a ON a.post_id = imported.id
        LEFT JOIN released ON released.post_id = imported.id LEFT JOIN reported ON reported.post_id = imported.id
        LEFT JOIN times ON times.post_id = imported.id
    GROUP BY imported.generator
"""


def by_sql():
    """Return {generator: {column: number}} by plain SQL; all but the changed words."""
    with connection.cursor() as cursor:
        cursor.execute(PLAIN_SQL)
        names = [column[0] for column in cursor.description][1:]
        return {key: dict(zip(names, map(int, values), strict=True)) for key, *values in cursor.fetchall()}


def by_cards(by=By.GENERATOR):
    """Return {key: {column: number}} of the scorecards, with one of the reasons."""
    return {
        card.key: {name: card.count(name) for name in COLUMNS if name != "changed_words"}
        | {"facts": card.reasons.get("facts", 0)}
        for card in cards(by)
    }


def sent(count=1, generator="penwright 3", **fields):
    """Return new posts of a generator, oldest first."""
    records = [
        RecordFactory(**{"payload": {"generator": generator, "scenario": "night shift"}} | fields) for _ in range(count)
    ]
    import_records(*records)
    return [Post.objects.get(source_id=record["source_id"]) for record in records]


def say(post, outcome="rejected", *, by=None, **options):
    """Decide about the proposed text; return the Review."""
    post = fresh(post)
    decision = Decision(outcome, post.head_revision.fingerprint, answers=ALL_MET, **{"reason_code": "facts"} | options)
    return decide(post, decision, by=by or person())


def scored(by=By.GENERATOR, at=0):
    """Return a scorecard after the job has run; by default that of the generator with most posts."""
    score_new()
    return cards(by)[at]


@pytest.fixture
def faithful(monkeypatch):
    """Let each post stay with its generator, as the plain SQL expects."""

    def import_faithfully(*records):
        known = {post.source_id: post.payload for post in Post.objects.all()}
        return import_records(*({**record, "payload": known.get(record["source_id"], {})} for record in records))

    monkeypatch.setattr("tests.test_site_stats.import_records", import_faithfully)


@pytest.mark.parametrize("seed", range(4))
def test_after_any_acts_the_scorecards_are_what_plain_sql_counts(seed, faithful):
    rolls = random.Random(seed)
    people, batches = (person("Editors"), person(), person(), person("Staff")), []
    posts = [*sent(4), *sent(3, "penwright 4"), *sent(3, payload={})]
    for step in range(50):
        try:
            if rolls.random() < 0.2:
                report_problem(fresh(rolls.choice(posts)), reason="facts", address=f"198.51.100.{step}")
            elif rolls.random() < 0.2:
                options = {"reason_code": rolls.choice(["facts", "code", ""]), "comment": "So."}
                say(rolls.choice(posts), "rejected", by=people[1], seconds_spent=rolls.randrange(900), **options)
            else:
                random_act(rolls, people, batches)
        except Refused:
            continue
        if step % 7 == 0:
            score_new()
    score_new()
    assert by_cards() == by_sql()
    total = {name: sum(card[name] for card in by_sql().values()) for name in next(iter(by_sql().values()))}
    for by in (By.MODEL, By.SCENARIO):
        assert {name: sum(card[name] for card in by_cards(by).values()) for name in total} == total
    # Counting anew finds nothing else.
    before = list(Score.objects.order_by("kind", "name").values())
    call_command("score_generators", all=True, verbosity=0)
    assert list(Score.objects.order_by("kind", "name").values()) == before


def test_the_first_decision_of_a_post_counts_and_the_reason_with_it():
    first, second, third = sent(3)
    say(first, reason_code="code")
    edit(first, summary="Now it works.")
    approve(first)
    approve(second)
    say(third, outcome="changes_requested", reason_code="", comment="Shorter.")
    card = scored()
    assert (card.count("came_in"), card.approval) == (3, Share(1, 3))
    assert card.reasons == {"code": 1, "": 1}
    assert card.reason_rows == [("Code does not work", 1), ("No reason chosen, only a comment", 1)]
    assert card.editing == Share(1, 2)


def test_a_decision_that_was_undone_does_not_count():
    (post,), by = sent(), person()
    review = say(post, by=by, seconds_spent=60)
    assert scored().count("decided") == 1
    undo_decision(review, by=by)
    card = scored()
    assert (card.count("decided"), card.count("timed"), card.reasons) == (0, 0, {})


def test_bulk_approvals_are_counted_apart_and_are_not_in_the_rate():
    first, second = sent(2)
    approve(first, is_bulk=True)
    approve(second, is_bulk=True)
    card = scored()
    assert (card.count("in_bulk"), card.approval, card.editing) == (2, Share(0, 0), Share(0, 0))
    # Somebody reads one of them after all.
    approve(first)
    card = scored()
    assert (card.count("in_bulk"), card.approval) == (1, Share(1, 1))


def test_edits_are_counted_in_words_that_were_removed_and_added():
    (post,) = sent(body="One two three four five.")
    edit(post, body="One two 3 four five. Six seven.", stack=["Rust"])
    approve(post)
    card = scored()
    # three → 3, and two more.
    assert (card.editing, card.count("changed_words")) == (Share(1, 1), 4)


def test_a_change_of_the_record_alone_is_an_edit_of_no_words():
    (post,) = sent()
    edit(post, stack=["Rust"])
    approve(post)
    assert (scored().editing, scored().count("changed_words")) == (Share(1, 1), 0)


def test_an_approval_that_was_rolled_back_stays_an_approval_and_is_named():
    (post,) = sent(source_id="shared")
    approve(post)
    sent(generator="penwright 4", source_id="shared", body="A text that was worse.")
    approve(post)
    roll_back(fresh(post), by=person(), why="Wrong.")
    score_new()
    found = {card.name: (card.approval, card.count("revoked")) for card in cards(By.GENERATOR)}
    assert found == {"penwright 3": (Share(1, 1), 0), "penwright 4": (Share(1, 1), 1)}


def test_two_generators_that_sent_a_text_of_one_post_are_scored_each_by_its_own():
    (post,) = sent(source_id="shared", body="An early text.")
    say(post)
    sent(generator="penwright 4", source_id="shared", body="A better text.")
    approve(fresh(post))
    report_problem(fresh(post), reason="facts", address="198.51.100.7")
    score_new()
    found = {card.name: card for card in cards(By.GENERATOR)}
    assert (found["penwright 3"].approval, found["penwright 4"].approval) == (Share(0, 1), Share(1, 1))
    assert (found["penwright 3"].count("reports"), found["penwright 4"].count("reports")) == (0, 1)


def test_reports_before_the_first_release_do_not_count():
    (post,) = sent()
    report_problem(fresh(post), reason="facts", address="198.51.100.7")
    approve(post)
    assert (scored().reporting, scored().count("reports")) == (Share(0, 1), 0)
    for number in (8, 9):
        report_problem(fresh(post), reason="facts", address=f"198.51.100.{number}")
    assert (scored().reporting, scored().count("reports")) == (Share(1, 1), 2)


def test_a_decision_counts_for_an_hour_at_most():
    for post, seconds in zip(sent(2), (90, 86_400), strict=True):
        approve(post, seconds_spent=seconds)
    assert (scored().count("timed"), scored().count("seconds")) == (2, 90 + 3600)


def test_generators_share_a_card_by_model_and_by_prompt_version():
    for number, model in enumerate(["gull-1", "gull-1", "tern-2"]):
        save_generator(Generator(name=f"g {number}", model_version=model, prompt_version="p1"), by=person("Staff"))
        sent(number + 1, f"g {number}")
    sent(generator="nobody described")
    score_new()
    assert {card.name: card.count("came_in") for card in cards(By.MODEL)} == {
        "gull-1": 3,
        "tern-2": 3,
        "Not stated": 1,
    }
    assert card_of(By.PROMPT, "p1").count("came_in") == 6
    assert card_of(By.PROMPT, "p2") is None


def test_a_post_counts_in_each_of_its_stacks_and_in_its_scenario():
    sent(stack=["Go  services", "Go services", "backend"])
    sent(payload={"generator": "x", "scenario": ["no text"]}, stack=[])
    score_new()
    assert {card.name: card.count("came_in") for card in cards(By.STACK)} == {
        "Go services": 1,
        "backend": 1,
        "Not stated": 1,
    }
    assert {card.key for card in cards(By.SCENARIO)} == {"night shift", ""}


def test_a_renamed_generator_keeps_its_posts_and_an_import_that_is_given_one_brings_its_own():
    (post,), staff = sent(), person("Staff")
    generator = Generator.objects.get()
    generator.name = "penwright three"
    save_generator(generator, by=staff)
    approve(post)
    assert (scored().name, scored().approval) == ("penwright three", Share(1, 1))
    batch = import_records(RecordFactory())
    assert scored().name == "Not stated"
    assign_generator(batch, generator, by=staff)
    follow_generator(generator)
    assert [card.count("came_in") for card in cards(By.GENERATOR)] == [2]


def test_the_job_looks_at_new_changes_only_and_running_it_again_changes_nothing(django_assert_max_num_queries):
    sent(3)
    assert scored().count("came_in") == 3
    later = timezone.now() + timedelta(minutes=10)
    with django_assert_max_num_queries(9):
        assert score_new(now=later) == 0
    before = list(Score.objects.order_by("pk").values())
    TextScan.objects.filter(name__startswith="scorecards: ").update(revision_id=0)
    score_new()
    assert list(Score.objects.order_by("pk").values()) == before


def test_scoring_costs_the_same_queries_for_any_number_of_posts(django_assert_max_num_queries):
    counts = []
    for number in (1, 9):
        sent(number)
        TextScan.objects.all().delete()
        with django_assert_max_num_queries(60) as queries:
            score_new()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_wilson_and_newcombe_give_the_published_intervals():
    # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3; and 873-890, table II, method 10.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
    assert newcombe_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe_interval(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert newcombe_interval(10, 10, 0, 10) == pytest.approx((0.6075, 1), abs=5e-5)


def test_a_share_and_a_difference_are_hidden_below_thirty():
    few, many = (
        Card(By.MODEL, "a", "a", {"approved": 20, "decided": 29}),
        Card(By.MODEL, "b", "b", {"approved": 20, "decided": 30, "edited": 30, "accepted": 30, "changed_words": 90}),
    )
    assert (few.approval.value, few.approval.interval, few.words, few.minutes) == (None,) * 4
    assert few.as_json()["approval"] == {"part": 20, "of": 29, "share": None, "interval": None}
    assert many.approval.value == pytest.approx(2 / 3) and many.words == 3
    assert Comparison(few, many).differences["approval"] is None
    other = replace(many, counts=many.counts | {"approved": 10})
    difference, interval = Comparison(many, other).differences["approval"]
    assert difference == pytest.approx(1 / 3)
    assert interval == newcombe_interval(20, 30, 10, 30)


def test_the_scorecards_count_the_decisions_that_the_statistics_of_points_count():
    for post in sent(3):
        approve(post)
    by = person()
    undo_decision(say(sent()[0], "rejected", by=by), by=by)
    approve(sent()[0], is_bulk=True)
    rejected = sent()[0]
    decide(
        rejected,
        Decision(
            "rejected",
            rejected.head_revision.fingerprint,
            answers=replace(ALL_MET, given={**ALL_MET.given, "harm": "not_met"}),
        ),
        by=person(),
    )
    card, harm = scored(), guideline_stats().of("harm")
    # What was undone, and what was approved in bulk, answers nothing in either.
    assert (harm.met, harm.not_met, harm.answered) == (3, 1, card.count("decided"))
    assert card.approval == Share(3, 4)
    assert card.reasons == {"harm": harm.not_met}


def test_changed_words_of_a_hostile_text_end_at_a_limit():
    old, new = ({"body": " ".join(f"{sign}{number % 7}" for number in range(20_000))} for sign in "ab")
    assert changed_words(old, new) == 40_000


def test_a_post_that_was_typed_here_adds_nothing():
    create_post({"title": "Typed", "body": "x"}, by=None)
    assert score_new() > 0
    assert not Score.objects.exists() and not ScoredPost.objects.exists()
