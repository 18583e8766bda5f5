"""Four eyes: readers see no change that only its author has read."""

import datetime
import json
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from posts.importing.conflicts import merge_incoming, take_incoming
from posts.importing.repair import repair_row
from posts.importing.rollback import roll_back_batch
from posts.models import ImportBatch, ImportIssue, Post, Release, Review, Revision
from posts.models.four_eyes import Text, eyes_on, surviving_authors, unread_authors
from posts.operations import (
    Refused,
    confirm_live,
    decide,
    decide_many,
    flag_post,
    record_revision,
    release_revision,
    restore_revision,
    roll_back,
    submit_revision,
    undo_decision,
)
from posts.operations.review import Decision
from posts.operations.schedule import Plan, run_due, schedule_release
from posts.records.schema import parse_record
from tests.factories import (
    ALL_MET,
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


def write(post, by, text):
    return record_revision(fresh(post), {**fresh(post).working_record(), "body": text}, by=by)


def importer():
    """Return a reviewer who may also import."""
    reviewer = person()
    reviewer.user_permissions.add(Permission.objects.get(codename="import_posts"))
    return User.objects.get(pk=reviewer.pk)


def authors(post):
    post = fresh(post)
    return set(User.objects.filter(pk__in=eyes_on(post, post.head_revision).authors))


def refused(post, by, **said):
    with pytest.raises(Refused) as refusal:
        approve(post, by=by, **said)
    return str(refusal.value)


# What one person and another who does not decide wrote


def test_an_editors_letter_does_not_make_a_reviewers_text_somebody_elses():
    post, reviewer = make_post(), person()
    write(post, person("Editors"), "One letter morE.")
    write(post, reviewer, "All of it is the reviewer's.")
    assert "You wrote part of 1.0.2. Another reviewer must approve it." in refused(post, reviewer)
    assert not fresh(post).is_live and not Review.objects.exists()
    assert approve(post).is_indexable


def test_a_typo_that_an_editor_repairs_between_two_texts_of_a_reviewer_is_no_second_pair_of_eyes():
    post, reviewer = make_post(), person()
    write(post, reviewer, "The reviewer's first.")
    write(post, person("Editors"), "The reviewer's first, mended.")
    write(post, reviewer, "The reviewer's second, all new.")
    assert "You wrote part of 1.0.3" in refused(post, reviewer)


def test_a_text_of_ones_own_that_comes_back_is_ones_own():
    post, reviewer = make_post(), person()
    first, own = fresh(post).head_revision, write(post, reviewer, "The reviewer's.")
    restore_revision(first, by=person("Editors"))
    assert authors(post) == set()
    restore_revision(own, by=reviewer)
    assert "You wrote 1.0.3" in refused(post, reviewer)
    restore_revision(first, by=reviewer)
    write(post, person("Editors"), "The reviewer's.")
    assert "You wrote 1.0.5" in refused(post, reviewer)


def test_a_text_brings_its_author_along_whoever_restores_it():
    post, reviewer, editor = make_post(), person(), person("Editors")
    first, theirs = fresh(post).head_revision, write(post, editor, "The editor's.")
    restore_revision(first, by=editor)
    restore_revision(theirs, by=reviewer)
    assert authors(post) == {editor}
    assert approve(post, by=reviewer).is_live


def test_a_change_that_is_gone_does_not_count():
    post, reviewer = make_post(), person()
    first = fresh(post).head_revision
    write(post, reviewer, "The reviewer's.")
    restore_revision(first, by=reviewer)
    assert approve(post, by=reviewer).is_live


def test_an_approved_text_is_the_base_of_what_follows_until_it_is_rolled_back():
    post, reviewer, second = make_post(released=True), person(), person()
    write(post, reviewer, "The reviewer's.")
    approve(post, by=second)
    write(post, person("Editors"), "The reviewer's, and an editor's word.")
    assert authors(post).isdisjoint({reviewer})
    roll_back(fresh(post), by=second, why="Wrong.")
    assert reviewer in authors(post)
    assert "You wrote part of 1.0.2" in refused(post, reviewer)


def test_an_import_is_its_runners_text_where_people_wrote_it():
    runner = importer()
    record = RecordFactory(source_id="people-1")
    batch = import_records(record, by=runner)
    ImportBatch.objects.filter(pk=batch.pk).update(origin="people")
    post = Post.objects.get(source_id="people-1")
    assert "You wrote 1.0.0" in refused(post, runner)
    write(post, person("Editors"), "A word of an editor.")
    assert "You wrote part of 1.0.1" in refused(post, runner)
    assert approve(post).is_live
    import_records(RecordFactory(source_id="machine-1"), by=runner)
    assert approve(Post.objects.get(source_id="machine-1"), by=runner).is_live


def conflict(**fields):
    """Return (post, the open conflict) between a person's text and an import's."""
    post = make_post(source_id="both", summary="First.")
    write(post, person("Editors"), "A person's.")
    import_records(RecordFactory(**{**fields, "source_id": "both", "summary": "The import's."}))
    return post, ImportIssue.objects.get(kind=ImportIssue.Kind.CONFLICT)


def test_the_incoming_text_of_a_conflict_counts_as_the_import_whoever_takes_it():
    post, issue = conflict()
    reviewer = person()
    taken = take_incoming(issue, by=reviewer)
    assert taken.batch == issue.batch and authors(post) == set()
    assert approve(post, by=reviewer).is_live


def test_what_somebody_put_together_of_two_texts_is_theirs_and_its_authors():
    post, issue = conflict()
    reviewer = person()
    editor = fresh(post).head_revision.author
    merge_incoming(issue, {**parse_record(issue.raw.encode()).to_dict(), "intro": "Of both."}, by=reviewer)
    assert authors(post) == {reviewer, editor}
    assert "You wrote part of" in refused(post, reviewer)


def test_a_row_that_somebody_repaired_is_theirs():
    import_records({"source_id": "torn"})
    issue, reviewer = ImportIssue.objects.get(), importer()
    repair_row(issue, json.dumps(RecordFactory(source_id="torn")), by=reviewer)
    post = Post.objects.get(source_id="torn")
    assert authors(post) == {reviewer} and "You wrote 1.0.0" in refused(post, reviewer)


def test_the_roll_back_of_an_import_brings_the_authors_of_the_text_before_along():
    post, reviewer = make_post(source_id="before"), person()
    write(post, reviewer, "The reviewer's.")
    staff = person("Staff")
    import_records(RecordFactory(source_id="before", summary="The import's."))
    take_incoming(ImportIssue.objects.get(), by=person("Editors"))
    roll_back_batch(fresh(post).head_revision.batch, by=staff)
    assert fresh(post).head_revision.author == staff and authors(post) == {reviewer}


# Two reviewers


def two_wrote():
    """Return (post, anna, boris): both are reviewers, and both changed the text."""
    post, anna, boris = make_post(), person(), person()
    write(post, anna, "Anna's.")
    write(post, boris, "Anna's, and Boris's.")
    return post, anna, boris


def test_two_reviewers_who_both_wrote_release_with_the_second_decision():
    post, anna, boris = two_wrote()
    approve(post, by=anna)
    part, head = Review.objects.get(), fresh(post).head_revision
    assert (part.outcome, head.status, fresh(post).awaits_review) == ("approved_in_part", "in_review", True)
    assert not fresh(post).is_live and not Release.objects.exists() and not Post.objects.indexable().exists()
    assert "You have approved 1.0.2. Another reviewer must approve your changes." in refused(post, anna)
    with pytest.raises(Refused, match=r"1\.0\.2 is not approved"):
        release_revision(head, by=person())
    post = approve(post, by=boris)
    assert post.is_indexable and post.live_approval.reviewer == boris


def test_the_public_page_says_that_one_author_approved_and_another_reviewer_is_missing(client):
    post, anna, boris = two_wrote()
    address = post.get_absolute_url()

    def review():
        return client.get(f"{address.rstrip('/')}.json").json()["review"]["disclosure"]

    assert "Nobody has reviewed this article yet." in client.get(address).content.decode()
    approve(post, by=anna)
    page = client.get(address).content.decode()
    assert "One of its authors approved this article" in page and "another reviewer has not decided yet" in page
    assert "needs another reviewer" in page and "Pending: another person must decide" in page
    assert "No person" not in page and "no person" not in page
    assert "One of its authors approved this article" in review()
    client.force_login(boris)
    assert (
        "One of its authors approved"
        in client.get(reverse("admin:posts_post_preview", args=[post.pk])).content.decode()
    )
    approve(post, by=boris)
    assert "Read and approved by a reviewer" in client.get(address).content.decode()


def test_the_public_page_of_a_bulk_approval_says_that_one_author_confirmed_it(client):
    post, anna, _ = two_wrote()
    post = approve(post, is_bulk=True)
    assert "nobody has reviewed it individually" in client.get(post.get_absolute_url()).content.decode()
    confirm_live(post, Decision("approved", post.live_revision.fingerprint, answers=ALL_MET), by=anna)
    page = client.get(post.get_absolute_url()).content.decode()
    assert "only one of its authors has reviewed it individually" in page and "nobody has" not in page


def test_the_public_page_of_a_text_that_is_submitted_again_says_what_a_reviewer_said(client):
    post = make_post()
    decide(
        post,
        Decision(outcome="changes_requested", fingerprint=post.head_revision.fingerprint, comment="Why?"),
        by=person(),
    )
    assert (
        "A reviewer asked for changes</strong>; this version is not"
        in client.get(post.get_absolute_url()).content.decode()
    )
    submit_revision(fresh(post), by=person("Editors"))
    page = client.get(post.get_absolute_url()).content.decode()
    assert "A reviewer asked for changes" in page and "it needs another decision" in page
    assert "Nobody has reviewed" not in page


def test_the_screen_and_the_queue_say_whose_decision_is_missing(client):
    post, anna, boris = two_wrote()
    client.force_login(anna)
    screen = reverse("admin:review", args=[post.pk])
    assert "You wrote part of 1.0.2. Your approval is recorded" in client.get(screen).content.decode()
    sent = {"act": "approve", "fingerprint": fresh(post).head_revision.fingerprint, **FORM_ALL_MET}
    said = client.post(screen, sent, follow=True).content.decode()
    missing = f"{anna} approved it and wrote part of it. Another reviewer must approve it too."
    assert missing in said
    client.force_login(boris)
    assert missing in client.get(screen).content.decode()
    assert "Needs a second decision" in client.get(reverse("admin:queue")).content.decode()
    client.post(screen, sent)
    assert fresh(post).is_indexable and missing not in client.get(screen).content.decode()


def test_the_command_says_whose_decision_is_missing():
    post, anna, boris = two_wrote()
    out = StringIO()
    options = {"fingerprint": fresh(post).head_revision.fingerprint, "outcome": "approved", "stdout": out}
    options["met"] = COMMAND_ALL_MET
    call_command("decide_post", post.source_id, user=anna.username, **options)
    assert "1.0.2 approved in part; index: no approved revision is released." in out.getvalue()
    assert f"{anna} approved it and wrote part of it." in out.getvalue()
    with pytest.raises(CommandError, match="You have approved"):
        call_command("decide_post", post.source_id, user=anna.username, **options)
    call_command("decide_post", post.source_id, user=boris.username, **options)
    assert fresh(post).is_indexable


def test_somebody_who_wrote_none_of_it_decides_alone():
    assert approve(two_wrote()[0]).is_live
    post, anna, _ = two_wrote()
    approve(post, by=anna)
    assert approve(post).is_live


def test_in_bulk_nobody_approves_what_they_wrote_a_part_of():
    post, anna, boris = two_wrote()
    approve(post, by=anna)
    (row,) = decide_many([(post.pk, fresh(post).head_revision.fingerprint)], by=boris, outcome="approved")
    assert row.obstacles == ("You wrote part of 1.0.2. Decide about it individually.",)
    (row,) = decide_many([(post.pk, fresh(post).head_revision.fingerprint)], by=person(), outcome="approved")
    assert row.review and fresh(post).is_live and not fresh(post).is_indexable


def test_an_approval_in_part_is_taken_back_as_any_decision():
    post, anna, boris = two_wrote()
    approve(post, by=anna)
    undo_decision(Review.objects.get(), by=anna)
    assert fresh(post).head_revision.status == "drafted" and not fresh(post).awaits_review
    approve(post, by=boris)
    assert not fresh(post).is_live
    undo_decision(Review.objects.latest("pk"), by=boris)
    approve(post, by=anna)
    approve(post, by=boris)
    undo_decision(Review.objects.latest("pk"), by=boris)
    assert not fresh(post).is_live and fresh(post).awaits_review
    assert approve(post, by=boris).is_live


@pytest.mark.parametrize("outcome", ["rejected", "changes_requested"])
def test_a_turning_down_ends_an_approval_in_part(outcome):
    post, anna, boris = two_wrote()
    approve(post, by=anna)
    decide(
        post,
        Decision(outcome=outcome, fingerprint=fresh(post).head_revision.fingerprint, comment="No.", answers=ALL_MET),
        by=boris,
    )
    submit_revision(post, by=boris)
    approve(post, by=boris)
    assert not fresh(post).is_live, "what Anna said before the text was turned down counted"
    assert approve(post, by=anna).is_live


def test_an_approval_in_part_is_about_one_text():
    post, anna, boris = two_wrote()
    approve(post, by=anna)
    write(post, anna, "Anna's, and Boris's, and more.")
    approve(post, by=boris)
    assert not fresh(post).is_live
    assert approve(post, by=anna).is_live


def test_an_approval_in_part_clears_no_flag():
    post, anna, boris = two_wrote()
    flag_post(post, by=person("Staff"), note="Look.")
    approve(post, by=anna)
    assert fresh(post).needs_human_review
    flag_post(post, by=person("Staff"), note="Check again.")
    with pytest.raises(Refused, match="A flag is open"):
        decide(
            post,
            Decision(outcome="approved", fingerprint=fresh(post).head_revision.fingerprint, answers=ALL_MET),
            by=boris,
        )
    assert approve(post, by=boris).is_indexable


def test_what_is_live_is_confirmed_by_two_where_two_wrote_it():
    post, anna, boris = two_wrote()
    approve(post, by=anna)
    approve(post, by=boris)
    flag = flag_post(post, by=person("Staff"), note="Look.")
    write(post, person("Editors"), "Newer.")
    seen = {"fingerprint": fresh(post).live_revision.fingerprint, "flags_seen": [flag.pk]}
    confirm_live(fresh(post), Decision("approved", **seen, answers=ALL_MET), by=anna)
    assert fresh(post).needs_human_review and not fresh(post).is_indexable
    confirm_live(fresh(post), Decision("approved", **seen, answers=ALL_MET), by=boris)
    assert fresh(post).is_indexable


def test_a_superuser_gives_a_reason():
    post, anna, boris = two_wrote()
    User.objects.filter(pk=anna.pk).update(is_superuser=True)
    anna = User.objects.get(pk=anna.pk)
    assert approve(post, by=anna, own_text_reason="Boris is away.").is_live
    post = make_post()
    write(post, boris, "Boris's.")
    assert "You wrote 1.0.1" in refused(post, boris, own_text_reason="Nobody else is here.")


def test_a_plan_looks_again_who_has_read_the_text():
    post, reviewer, second = make_post(released=True), person(), person()
    write(post, reviewer, "The reviewer's.")
    approve(post, by=second)
    write(post, person("Editors"), "The reviewer's, and an editor's word.")
    approve(post, by=reviewer, release=False)
    due = timezone.now() + datetime.timedelta(hours=1)
    head = fresh(post).head_revision
    schedule_release(post, Plan(kind="release", revision=head, due_at=due, zone="UTC"), by=second)
    roll_back(fresh(post), by=second, why="The reviewer's text is wrong.")
    (plan,) = run_due(due)
    assert plan.state == "refused"
    assert f"Only {reviewer} has approved the changes by {reviewer} in 1.0.2" in plan.refusal
    assert fresh(post).live_revision.number == 1


def test_who_wrote_a_text_takes_two_queries_however_long_its_history(django_assert_num_queries):
    post, people = make_post(), [person("Editors") for _ in range(3)]
    for number in range(12):
        write(post, people[number % 3], f"Text {number}.")
    post = fresh(post)
    with django_assert_num_queries(2):
        assert eyes_on(post, post.head_revision).authors == {editor.pk for editor in people}


# The pure rule, against books that are kept line by line

WRITERS = st.sampled_from("abc")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), WRITERS, st.integers(0, 2)),
        st.tuples(st.just("restore"), WRITERS, st.integers(0, 30)),
        st.tuples(st.just("import"), st.sampled_from(["", "a"]), st.integers(0, 2)),
        st.tuples(st.just("approve"), st.sets(WRITERS, min_size=1, max_size=2), st.just(0)),
    ),
    max_size=25,
)


@given(steps)
def test_no_line_goes_out_that_only_its_author_has_read(steps):
    """A text is three lines; the books say of each whose words it holds, and who approved a text that held them."""
    text, seen, approved = ("0", "0", "0"), {}, set()
    texts, chain = [text], [Text(str(text), is_import=True)]
    for number, (act, who, at) in enumerate(steps):
        if act == "write":
            text = tuple(f"{who}{number}" if at == line else words for line, words in enumerate(text))
            chain.append(Text(str(text), frozenset(who)))
        elif act == "restore":
            text = texts[at % len(texts)]
            chain.append(Text(str(text), frozenset(who)))
        elif act == "import":
            text = tuple(f"{who}{number}" for _ in text)
            chain.append(Text(str(text), frozenset(who), is_import=True))
        elif not unread_authors(surviving_authors(chain, approved), who):
            approved.add(str(text))
            for line in text:
                seen.setdefault(line, set()).update(who)
            for line in text:
                owner = line[0]
                assert owner not in "abc" or seen[line] - {owner}, f"{line} went out, read by {seen[line]}"
        texts.append(text)


@given(st.sets(WRITERS), st.sets(WRITERS))
def test_a_text_is_read_where_each_author_has_a_reader_beside_them(written, read):
    covered = all(any(reader != author for reader in read) for author in written)
    assert (not unread_authors(frozenset(written), read)) is covered


def test_revisions_of_a_chain_are_read_up_to_the_one_that_is_asked_about():
    post, reviewer = make_post(), person()
    own = write(post, reviewer, "The reviewer's.")
    write(post, person("Editors"), "More.")
    assert eyes_on(fresh(post), Revision.objects.get(pk=own.pk)).authors == {reviewer.pk}
