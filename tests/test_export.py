"""Exported files: records, selections as CSV, decisions. A file is never incomplete."""

import csv
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from posts.export.records import CHUNK, json_lines, posts_as_csv
from posts.models import Post
from posts.operations import decide
from posts.operations.review import Decision
from tests.factories import RecordFactory, approve, import_records, make_post, person

pytestmark = pytest.mark.django_db


def test_an_export_of_more_than_a_chunk_has_every_post_once_in_order(tmp_path):
    import_records(*[RecordFactory() for _ in range(CHUNK + 7)])
    call_command("export_posts", "--output", str(tmp_path / "out.jsonl"))
    names = [json.loads(line)["source_id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert names == sorted(Post.objects.values_list("source_id", flat=True)) and len(names) == CHUNK + 7


def test_an_export_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(CommandError, match="can't be written"):
        call_command("export_posts", "--output", str(tmp_path / "folder"))
    with pytest.raises(CommandError, match="can't be written"):
        call_command("export_reviews", "--output", str(tmp_path / "missing" / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_of_a_csv_file_can_be_taken_for_a_formula(start):
    make_post(title=start, stack=[start], reference=start, topic='a "quoted", text')
    table = list(csv.DictReader(io.StringIO("".join(posts_as_csv(Post.objects.all())).removeprefix("\ufeff"))))
    assert table[0]["title"] == "'" + start and table[0]["stack"] == "'" + start
    assert table[0]["topic"] == 'a "quoted", text' and table[0]["waits"] == "yes"
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in table[0].values())


def test_decisions_go_back_to_the_generator_without_names(capfdbinary):
    post = make_post(source_id="approved")
    approve(post, comment="Good.")
    refused = make_post(source_id="refused")
    decide(
        refused,
        Decision(
            outcome="rejected",
            fingerprint=refused.head_revision.fingerprint,
            reason_code="code",
            comment="The command does not exist.",
        ),
        by=person(),
    )
    call_command("export_reviews")
    first, second = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert (first["source_id"], first["outcome"], first["revoked_at"]) == ("approved", "approved", None)
    assert first["fingerprint"] == Post.objects.get(pk=post.pk).live_revision.fingerprint
    assert (second["reason"], second["comment"]) == ("code", "The command does not exist.")
    assert "reviewer" not in json.dumps([first, second])


def test_a_filtered_selection_is_exported_from_the_list(client, staff):
    make_post(title="In the file", released=True)
    make_post(title="Not in it")
    client.force_login(staff)
    address = reverse("admin:posts_post_changelist") + "?place=live"
    for action, kind in [("export_csv", "text/csv"), ("export_json_lines", "application/jsonl")]:
        chosen = list(Post.objects.filter(live_revision__isnull=False).values_list("pk", flat=True))
        answer = client.post(address, {"action": action, "_selected_action": chosen, "select_across": "1"})
        assert answer["Content-Type"].startswith(kind) and "attachment" in answer["Content-Disposition"]
        text = b"".join(answer.streaming_content).decode()
        assert "In the file" in text and "Not in it" not in text
    assert [json.loads(line)["title"] for line in json_lines(Post.objects.filter(title="Not in it"))] == ["Not in it"]


def test_every_csv_file_begins_with_the_mark_by_which_excel_knows_utf_8(client, staff):
    post = make_post(title="Übersicht für Zürich", released=True)
    client.force_login(staff)
    address = reverse("admin:posts_post_changelist")
    answers = [
        client.post(address, {"action": "export_csv", "_selected_action": [post.pk]}),
        client.get(reverse("admin:posts_auditentry_csv")),
        client.get(reverse("admin:posts_release_csv")),
    ]
    for answer in answers:
        content = b"".join(answer.streaming_content)
        assert content.startswith(b"\xef\xbb\xbf") and content.count(b"\xef\xbb\xbf") == 1


def test_an_editor_is_not_offered_an_export(client, editor):
    post = make_post()
    client.force_login(editor)
    address = reverse("admin:posts_post_changelist")
    assert b"export_csv" not in client.get(address).content
    client.post(address, {"action": "export_csv", "_selected_action": [post.pk]})
    assert b"submit_selected" in client.get(address).content
