"""Statements to verify: what is listed, what the reviewer ticks, and titles that the text contradicts."""

import io
import json

import pytest
from django.urls import reverse

from posts.content_checks import findings
from posts.content_checks.statements import MOST, statements_of
from posts.export.records import decision_json, export_reviews
from posts.models import Review
from tests.factories import FORM_ALL_MET, make_post

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("body", "listed"),
    [
        ("It halves the load by 40 % in a week.", [("number", False)]),
        ("It serves 12,000 requests and takes 3.5 ms.", [("number", False)]),
        ("It needs PostgreSQL 15.2 to run.", [("version", False)]),
        ("The release v2.1.0 fixes it.", [("version", False)]),
        ("According to the maintainers, it is safe.", [("attribution", False)]),
        ("Studies show that people skip it.", [("attribution", False)]),
        ("Laut Hersteller hält es lange.", [("attribution", False)]),
        ("He wrote “a limit that nobody has measured is a guess” there.", [("quotation", False)]),
        ("> A limit that nobody has measured is a guess.", [("quotation", False)]),
        ("It halves the load by 40 % ([measured](https://example.org/load)).", [("number", True)]),
        ("It halves the load by 40 %[^1].\n\n[^1]: Our measurement.", [("number", True)]),
        ("- It takes 5 seconds.\n- It does not.", [("number", False)]),
        ("| a | b |\n|---|---|\n| 5 ms | 3 |", [("number", False)]),
        ("It takes 5 ms. It takes 9 ms.\n\nIt takes 5 ms.", [("number", False)] * 2),
        # No statement: a year, a number of a step, code, a heading, and a name in quotation marks.
        ("In 2024 we began. Step 2 follows.", []),
        ("```text\n40 % of 12,000\n```\n\nSee `40 %`.", []),
        ("## 40 % less load", []),
        ("The button “Save” saves.", []),
    ],
)
def test_sentences_with_something_to_prove_are_listed_with_whether_a_source_stands_beside_them(body, listed):
    found = statements_of({"title": "T", "body": body})
    assert [(statement.kind, statement.has_source) for statement in found] == listed


def test_a_long_text_lists_so_many_and_no_more():
    body = "\n\n".join(f"It takes {number} ms to run." for number in range(500))
    assert len(statements_of({"title": "T", "body": body})) == MOST


@pytest.mark.parametrize(
    ("title", "body", "says"),
    [
        ("7 steps to a queue", "## One\n\nA.\n\n## Two\n\nB.", "the text has 2 sections"),
        ("5 reasons to retry", "Reasons:\n\n- a\n- b\n- c", "the text has a list of 3"),
        ("Load falls by 40 %", "The load falls by 25 % in a week.", "only other amounts of that kind (25)"),
        ("Start in 3 seconds", "It starts in 12 s.", "only other amounts of that kind (12)"),
        ("Moving to Python 3.12", "Install Python 3.11 first.", "the text is about Python 3.11"),
        ("2 steps to a queue", "## One\n\nA.\n\n## Two\n\nB.", None),
        ("2 steps to a queue", "## Before\n\nA.\n\n## One\n\nA.\n\n## Two\n\nB.", None),
        ("3 reasons to retry", "- a\n- b\n- c", None),
        ("Three or 3 reasons to retry", "There are three of them.\n\n- all in one", None),
        ("7 steps to a queue", "All of it in one paragraph.", None),
        ("Load falls by 40 %", "The load falls by 40 percent, and later by 20 %.", None),
        ("Load falls by 40 %", "The load falls a lot.", None),
        ("Start in 3 seconds", "It starts in 3 s.", None),
        ("Serve 12,000 users", "It serves 12000 users.", None),
        ("Moving to Python 3.12", "Python 3.12.4 replaces Python 3.11.", None),
        ("Moving to Python 3.12", "Install it first.", None),
        ("Part 2: the queue", "## One\n\nA.", None),
        ("Load falls by 40 %", "```text\n25 %\n```", None),
    ],
)
def test_a_title_whose_numbers_the_text_contradicts_is_a_finding(title, body, says):
    found = [finding for finding in findings({"title": title, "body": body}) if finding.check == "title-numbers"]
    assert [says in finding.message for finding in found] == ([True] if says else [])


@pytest.mark.django_db
@pytest.mark.parametrize("act", ["approve", "reject"])
def test_what_the_reviewer_ticks_is_stored_with_the_decision(client, reviewer, act):
    body = "It falls by 40 %.\n\nIt needs PostgreSQL 15.2, [they say](https://example.org/)."
    post = make_post(body=body, **{"image_sources": []})
    client.force_login(reviewer)
    address = reverse("admin:review", args=[post.pk])
    page = client.get(address).content.decode()
    assert "Statements to verify" in page and "no source" in page and "source beside it" in page
    number, version = statements_of(post.head_revision.snapshot)
    assert f'value="{number.key}"' in page
    sent = {
        "act": act,
        "fingerprint": post.head_revision.fingerprint,
        "guideline": 1,
        "statement": [version.key, "0" * 16],
        "reject-reason_code": "facts",
        "reject-comment": "No.",
        **FORM_ALL_MET,
    }
    client.post(address, sent)
    review = Review.objects.get()
    assert review.statements == [{"kind": "version", "words": "It needs PostgreSQL 15.2, they say.", "source": True}]
    assert "1 statement verified" in client.get(address).content.decode()
    out = io.BytesIO()
    export_reviews(out)
    assert json.loads(out.getvalue())["statements"] == review.statements == decision_json(review, {})["statements"]


@pytest.mark.django_db
def test_ticks_survive_a_refusal(client, reviewer):
    post = make_post(body="It falls by 40 %.")
    client.force_login(reviewer)
    (number,) = statements_of(post.head_revision.snapshot)
    sent = {"act": "approve", "fingerprint": post.head_revision.fingerprint, "statement": number.key}
    page = client.post(reverse("admin:review", args=[post.pk]), sent).content.decode()
    assert f'value="{number.key}" checked' in page and not Review.objects.exists()
