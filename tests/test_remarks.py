"""Remarks on passages: made by reviewers, answered and accepted by editors, and never part of a page or a record."""

import io
import json

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from lxml import etree

from posts.diff.anchors import Anchor, anchor_at, blocks_in
from posts.export.records import export_reviews
from posts.models import AuditEntry, Notification, Post, Remark, Review
from posts.models.four_eyes import eyes_on
from posts.operations import Decision, NotAllowed, Refused, decide, record_revision
from posts.operations.remarks import (
    MAX_OPEN,
    accept_suggestion,
    add_remark,
    answer_remark,
    close_remark,
    reopen_remark,
)
from tests.factories import make_post, person

pytestmark = pytest.mark.django_db

BODY = "The queue is served by one worker.\n\nAfter nine retries the job **stops** for good.\n\n```sh\nmake run\n```"


def post_with_text(body=BODY, **values):
    return make_post(body=body, **values)


def passage(post, words, part="body"):
    """Return the anchor of the first passage with `words` in the proposed text."""
    record = post.head_revision.snapshot
    for number, block in enumerate(blocks_in(record, part), 1):
        if (at := block.text.find(words)) >= 0:
            return anchor_at(record, part, number, at, at + len(words))
    raise AssertionError(f"no {words!r}")


def remark_on(post, words, *, by=None, comment="Which one?", part="body", **more):
    return add_remark(
        post.head_revision, passage(post, words, part), by=by or person("Reviewers"), comment=comment, **more
    )


def address(post):
    return reverse("admin:remarks", args=[post.pk])


def change_text(post, old, new, *, by):
    post = Post.objects.with_texts().get(pk=post.pk)
    record = {**post.head_revision.snapshot, "body": post.head_revision.snapshot["body"].replace(old, new)}
    return record_revision(post, record, by=by)


def words_of(page, path):
    return [" ".join("".join(found.itertext()).split()) for found in etree.HTML(page.content.decode()).xpath(path)]


def test_a_reviewer_remarks_on_words_and_the_page_marks_them(client):
    post = post_with_text()
    client.force_login(person("Reviewers"))
    sent = {
        "act": "add", "fingerprint": post.head_revision.fingerprint, "place": "body:2", "start": "6",
        "words": "nine retries", "reason_code": "facts", "comment": "The manual says <b>five</b>.",
    }  # fmt: skip
    page = client.post(address(post), sent, follow=True)
    assert words_of(page, "//mark") == ["nine retries"]
    assert "The manual says <b>five</b>." in words_of(page, "//article[contains(@class, 'remark')]")[0]
    assert words_of(page, "//*[contains(@class, 'remark__reason')]") == ["Facts are wrong or unproven"]


def test_a_remark_can_be_on_a_whole_block_chosen_by_its_number(client):
    post = post_with_text()
    client.force_login(person("Reviewers"))
    client.post(
        address(post),
        {"act": "add", "fingerprint": post.head_revision.fingerprint, "place": "body:3", "comment": "Does it run?"},
    )
    assert Remark.objects.get().anchor["exact"] == "make run\n"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"place": ""}, "Choose the passage that the remark is about."),
        ({"place": "body:99"}, "These words are no longer in the text. Select the passage again."),
        ({"words": "ten retries"}, "These words are no longer in the text. Select the passage again."),
        ({"comment": " "}, "Write a remark or a suggestion."),
        ({"comment": "x" * 4001}, "The remark can have at most 4,000 characters; this has 4,001."),
        ({"reason_code": "magic"}, "Choose a reason from the list."),
        (
            {"place": f"/tools/{'9' * 5000}:0", "words": ""},
            "These words are no longer in the text. Select the passage again.",
        ),
        (
            {"place": "body:0", "words": "make run"},
            "These words are no longer in the text. Select the passage again.",
        ),
        ({"place": "foo:0"}, "These words are no longer in the text. Select the passage again."),
        ({"place": "/payload/generator:0"}, "These words are no longer in the text. Select the passage again."),
        ({"place": "/body:0"}, "These words are no longer in the text. Select the passage again."),
        ({"place": "/tools/99:0", "words": ""}, "These words are no longer in the text. Select the passage again."),
    ],
)
def test_a_remark_that_cannot_be_added_comes_back_with_what_was_typed(client, sent, said):
    post = post_with_text()
    client.force_login(person("Reviewers"))
    form = {"act": "add", "fingerprint": post.head_revision.fingerprint, "place": "body:2", "comment": "Which one?"}
    page = client.post(address(post), form | {"suggestion": "five"} | sent)
    assert page.status_code == 422
    assert said in page.content.decode()
    assert ">five</textarea>" in page.content.decode()
    assert not Remark.objects.exists()


def test_a_post_has_a_limited_number_of_open_remarks():
    post = post_with_text()
    remark = remark_on(post, "nine")
    closed = remark_on(post, "stops")
    close_remark(closed, by=remark.author)
    fields = {field: getattr(remark, field) for field in ("revision", "fingerprint", "anchor", "author")}
    Remark.objects.bulk_create([Remark(post=post, **fields) for _ in range(MAX_OPEN - 1)])
    for act in (lambda: remark_on(post, "nine"), lambda: reopen_remark(closed, by=remark.author)):
        with pytest.raises(Refused, match="Close some first"):
            act()


@pytest.mark.parametrize("group", ["Editors", "Staff"])
def test_only_reviewers_add_remarks(group):
    with pytest.raises(NotAllowed):
        remark_on(post_with_text(), "nine", by=person(group))


def test_no_program_adds_or_closes_a_remark():
    post = post_with_text()
    remark = remark_on(post, "nine")
    for act in (
        lambda: add_remark(post.head_revision, passage(post, "nine"), by=None, comment="Why?"),
        lambda: close_remark(remark, by=None),
        lambda: accept_suggestion(remark, by=None),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_an_editor_accepts_a_suggestion_and_both_are_its_authors():
    post, reviewer, editor = post_with_text(), person("Reviewers"), person("Editors")
    remark = remark_on(post, "nine retries", by=reviewer, comment="", suggestion="five retries")
    revision = accept_suggestion(remark, by=editor)
    assert revision.snapshot["body"] == BODY.replace("nine retries", "five retries")
    post = Post.objects.with_texts().get(pk=post.pk)
    assert eyes_on(post, revision).authors == {reviewer.pk, editor.pk}
    with pytest.raises(Refused, match="You wrote"):
        decide(post, Decision(Review.Outcome.APPROVED, fingerprint=revision.fingerprint), by=reviewer)
    remark.refresh_from_db()
    assert (remark.closing, remark.closed_by) == ("accepted", editor)
    assert AuditEntry.objects.filter(action="suggestion accepted", made_by=editor).exists()


@pytest.mark.parametrize(
    ("words", "part", "suggestion", "field", "result"),
    [
        ("job", "body", "task", "body", BODY.replace("job", "task")),
        ("stops", "body", "ends", "body", BODY.replace("stops", "ends")),
        ("make run", "body", "make test", "body", BODY.replace("make run", "make test")),
        (" for good", "body", "", "body", BODY.replace(" for good", "")),
    ],
)
def test_a_suggestion_replaces_exactly_its_passage(words, part, suggestion, field, result):
    post = post_with_text()
    revision = accept_suggestion(
        remark_on(post, words, part=part, comment="", suggestion=suggestion), by=person("Editors")
    )
    assert revision.snapshot[field] == result


def test_the_second_of_equal_words_is_replaced_if_the_remark_is_on_the_second():
    post = post_with_text("One worker.\n\nTwo retries, one worker, one worker.\n")
    words = anchor_at(post.head_revision.snapshot, "body", 2, 25, 35)
    assert words.exact == "one worker"
    remark = add_remark(post.head_revision, words, by=person("Reviewers"), comment="", suggestion="no worker")
    revision = accept_suggestion(remark, by=person("Editors"))
    assert revision.snapshot["body"] == "One worker.\n\nTwo retries, one worker, no worker."


def test_a_value_and_an_item_of_the_checklist_can_be_replaced_too():
    post = post_with_text(tools=["git", "make"], checklist=["Run it twice."])
    for place, suggestion in (
        (Anchor("/tools/1", 0, 0, 0, ""), "tar"),
        (Anchor("checklist", 1, 0, 0, "twice"), "once"),
    ):
        head = Post.objects.with_texts().get(pk=post.pk).head_revision
        remark = add_remark(head, place, by=person("Reviewers"), comment="", suggestion=suggestion)
        revision = accept_suggestion(remark, by=person("Editors"))
    assert revision.snapshot["tools"] == ["git", "tar"]
    assert revision.snapshot["checklist"] == ["Run it once."]


def test_a_suggestion_for_a_word_of_a_caption_keeps_the_others():
    caption = "After nine retries the job stops."
    post = post_with_text(image_sources=[{"url": "https://images.unsplash.com/a", "caption": caption}])
    place = Anchor("image_sources", 1, 0, 0, "nine")
    remark = add_remark(post.head_revision, place, by=person("Reviewers"), comment="", suggestion="five")
    revision = accept_suggestion(remark, by=person("Editors"))
    assert revision.snapshot["image_sources"][0]["caption"] == caption.replace("nine", "five")


def test_a_passage_that_is_longer_than_its_quote_cannot_be_replaced():
    post = post_with_text("word " * 600)
    remark = add_remark(
        post.head_revision, Anchor("body", 1, 0, 0, ""), by=person("Reviewers"), comment="", suggestion="Short."
    )
    with pytest.raises(Refused, match="too long for a suggestion"):
        accept_suggestion(remark, by=person("Editors"))


def test_a_fingerprint_that_no_database_stores_belongs_to_no_text(client):
    post = post_with_text()
    client.force_login(person("Reviewers"))
    sent = {"act": "add", "fingerprint": "a\x00b", "place": "body:1", "comment": "Why?"}
    assert client.post(address(post), sent).status_code == 409


def test_a_suggestion_for_words_that_are_half_in_a_format_is_refused():
    post = post_with_text()
    remark = remark_on(post, "job stops", comment="", suggestion="task ends")
    with pytest.raises(Refused, match="The passage is formatted"):
        accept_suggestion(remark, by=person("Editors"))
    assert Post.objects.get().head_revision.number == 1


def test_a_suggestion_that_would_make_two_blocks_of_one_changes_nothing_else_or_is_refused():
    post = post_with_text()
    remark = remark_on(post, "one worker.", comment="", suggestion="one worker.\n\n```\n")
    with pytest.raises(Refused, match="The passage is formatted"):
        accept_suggestion(remark, by=person("Editors"))


def test_a_suggestion_is_refused_once_its_passage_has_changed():
    post = post_with_text()
    remark = remark_on(post, "nine retries", comment="", suggestion="five retries")
    change_text(post, "nine retries", "seven retries", by=person("Editors"))
    with pytest.raises(Refused, match="has changed since the suggestion"):
        accept_suggestion(remark, by=person("Editors"))


def test_a_new_text_of_the_generator_shows_for_each_remark_whether_its_passage_changed(client):
    post = post_with_text()
    for words in ("one worker", "nine retries", "make run"):
        remark_on(post, words)
    change_text(post, "nine retries", "seven retries", by=None)
    change_text(post, "\n\n```sh\nmake run\n```", "", by=None)
    client.force_login(person("Editors"))
    page = client.get(address(post))
    assert words_of(page, "//mark") == ["one worker", "seven retries"]
    assert words_of(page, "//*[@class='remark__state']") == [
        "The passage is no longer in the text.",
        "The passage has changed since this remark.",
    ]
    assert words_of(page, "//section[h2='No longer in the text']//blockquote") == ["make run"]


def test_an_answer_tells_who_wrote_in_the_thread_and_a_mention_tells_who_is_named():
    post, reviewer, editor = post_with_text(), person("Reviewers"), person("Editors")
    other = person("Reviewers")
    User.objects.filter(pk=other.pk).update(username="olga")
    remark = remark_on(post, "nine", by=reviewer)
    answer_remark(remark, by=editor, text="As the manual says, ask @olga. Not @nobody, not me@olga.example.")
    told = {(note.user, note.kind) for note in Notification.objects.all()}
    assert told == {(reviewer, "answered"), (other, "mentioned")}


def test_a_closed_remark_takes_no_answer_until_it_is_opened_again():
    post, editor = post_with_text(), person("Editors")
    remark = remark_on(post, "nine")
    close_remark(remark, by=editor)
    for act in (lambda: answer_remark(remark, by=editor, text="But"), lambda: close_remark(remark, by=editor)):
        with pytest.raises(Refused, match="This remark is closed"):
            act()
    reopen_remark(remark, by=editor)
    answer_remark(remark, by=editor, text="But why?")
    with pytest.raises(Refused, match="open already"):
        reopen_remark(remark, by=editor)


def test_the_decisions_of_a_text_are_exported_with_its_remarks_and_without_names():
    post, reviewer = post_with_text(), person("Reviewers")
    remark_on(post, "nine retries", by=reviewer, reason_code="facts", suggestion="five retries")
    decide(
        Post.objects.get(),
        Decision(Review.Outcome.CHANGES_REQUESTED, fingerprint=post.head_revision.fingerprint, comment="See there."),
        by=reviewer,
    )
    out = io.BytesIO()
    assert export_reviews(out) == 1
    (remark,) = json.loads(out.getvalue())["remarks"]
    assert (remark["path"], remark["reason"], remark["suggestion"]) == ("/body/2", "facts", "five retries")
    assert remark["selector"][0]["exact"] == "nine retries"
    assert reviewer.username not in out.getvalue().decode()


def test_readers_never_see_a_remark(client):
    post = make_post(released=True)
    remark_on(Post.objects.with_texts().get(pk=post.pk), post.title, part="title", comment="A secret of the desk")
    for name in ("detail", "record", "api-post"):
        assert "secret of the desk" not in client.get(reverse(f"posts:{name}", args=[post.slug])).content.decode()


def test_the_page_asks_the_same_number_of_queries_for_one_and_for_many_remarks(client, django_assert_max_num_queries):
    post = post_with_text()
    client.force_login(person("Editors"))
    remark = remark_on(post, "nine")
    with django_assert_max_num_queries(20) as one:
        client.get(address(post))
    for _ in range(5):
        answer_remark(remark_on(post, "one worker"), by=person("Editors"), text="Yes.")
    with django_assert_max_num_queries(20) as many:
        client.get(address(post))
    assert len(one) == len(many), remark


def test_the_review_screen_and_the_form_lead_to_the_open_remarks(client):
    post = post_with_text()
    remark_on(post, "nine")
    client.force_login(person("Reviewers"))
    assert "Remarks (1 open)" in words_of(client.get(reverse("admin:review", args=[post.pk])), "//a")
    client.force_login(person("Editors"))
    page = client.get(reverse("admin:posts_post_change", args=[post.pk]))
    assert "Remarks (1 open)" in words_of(page, "//a")
