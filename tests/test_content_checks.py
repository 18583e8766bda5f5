"""The checks of texts: what each finds, and how findings are stored and shown."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from posts.code_reading.reading import read_block
from posts.content_checks import check, findings, outside_input, registered_checks, results, scan, stopping_findings
from posts.content_checks.registry import MAX_TOLD, NOT_YET, Check, Unread, _checks, checks_key
from posts.content_checks.scan import scan_new_texts
from posts.content_checks.stored import (
    NEAR_DUPLICATES,
    SOURCE_LINKS,
    UNREAD_HEAD,
    check_revisions,
    results_of,
    results_of_post,
)
from posts.content_checks.tasks import read_new_texts
from posts.models import CheckResult, Post, Revision
from posts.operations import Refused, decide_many
from posts.related.near_duplicates import sketch_posts
from posts.synthesis.plants import synthesize_planted
from tests.factories import COMMAND_ALL_MET, RecordFactory, approve, import_records, make_post, person

IMAGE = {
    "url": "https://placehold.co/1",
    "source": "placehold.co",
    "caption": "Depth",
    "alt": "A line that falls",
    "licence": "CC0",
}
SOUND = {
    "title": "Draining workers with make",
    "intro": "A worker that stops in the middle leaves a job half done.",
    "body": "## Cause\n\nThe signal comes while a job runs and make waits for it.\n\n![](image:1)\n\n[checklist]",
    "image_sources": [IMAGE],
    "checklist": ["one"],
    "tools": ["make"],
    "reading_time": 1,
    "flags": {"has_images": 1, "image_heavy": 0},
    "payload": {"paragraphs": 1},
}


def ids(**changes):
    return sorted(finding.check for finding in findings(SOUND | changes))


def test_a_sound_text_has_no_finding():
    assert findings(SOUND) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"image_sources": [IMAGE | {"url": "https://elsewhere.example/a"}]}, ["image-host"]),
        ({"image_sources": [IMAGE | {"url": "http://placehold.co/a"}]}, ["image-host"]),
        ({"image_sources": [IMAGE | {"source": ""}]}, ["image-source"]),
        ({"image_sources": [IMAGE | {"licence": ""}]}, ["image-licence"]),
        ({"image_sources": [IMAGE | {"alt": ""}]}, ["image-alt"]),
        ({"image_sources": [IMAGE | {"caption": ""}]}, ["image-caption"]),
        ({"body": SOUND["body"] + "\n\n![](image:2)"}, ["dead-placement"]),
        ({"body": SOUND["body"] + "\n\n![](image:1)"}, ["dead-placement"]),
        ({"body": SOUND["body"] + "\n\n[checklist]"}, ["dead-placement"]),
        ({"checklist": []}, ["dead-placement"]),
        ({"body": SOUND["body"] + "\n\n#### Deep\n\nWords enough to be a section of its own."}, ["claim-paragraphs", "heading-skip"]),  # noqa: E501
        ({"body": SOUND["body"] + "\n\n## Fix"}, ["thin-section"]),
        ({"body": SOUND["body"] + "\n\n## Fix\n\nDo it.", "payload": {}}, ["thin-section"]),
        ({"body": SOUND["body"] + "\n\n## Fix\n\n### Part\n\nWords enough to be a section of its own.", "payload": {}}, []),  # noqa: E501
        ({"body": SOUND["body"] + "\n\n## Fix\n\n```sh\nmake\n```"}, []),
        ({"body": SOUND["body"] + "\n\n## Fix\n\n- make"}, []),
        ({"body": SOUND["body"] + "\n\n| Sign | Use |\n|---|---|\n| `a | b` | either |"}, ["table-cells"]),
        ({"body": SOUND["body"] + "\n\n> | Sign |\n> |---|\n> | a | b |"}, ["table-cells"]),
        ({"body": SOUND["body"] + "\n\n| Sign | Use |\n|---|---|\n| `a \\| b` | either |\n| c |"}, []),
        ({"body": SOUND["body"] + "\n\n```python\ndef f(:\n```"}, ["code-syntax"]),
        ({"body": SOUND["body"] + "\n\n```text\ndef f(:\n```"}, []),
        ({"body": "word " * 40_000 + "make\n\n![](image:9)", "reading_time": 169, "payload": {}}, ["not-taken-apart"]),
        ({"flags": {"has_images": 0}}, ["claim-has-images"]),
        ({"flags": {"image_heavy": 1}}, ["claim-image-heavy"]),
        ({"reading_time": 3}, []),
        ({"reading_time": 4}, ["claim-reading-time"]),
        ({"payload": {"paragraphs": 2}}, []),
        ({"payload": {"paragraphs": 3}}, ["claim-paragraphs"]),
        ({"payload": {"paragraphs": "many"}}, []),
        ({"tools": ["make", "Node.js", "ake"]}, ["claim-tools"]),
        ({"title": "Draining with make and node.js", "tools": ["Make", "Node.js"]}, []),
    ],
)  # fmt: skip
def test_each_check_finds_what_it_is_for_and_nothing_beside_it(changes, found):
    assert ids(**changes) == found


def test_images_without_any_image_claimed_are_found():
    bare = SOUND | {"image_sources": [], "body": "Words that stand here with make, and nothing else.", "checklist": []}
    assert [finding.check for finding in findings(bare)] == ["claim-has-images"]
    assert ids(image_sources=[IMAGE] * 5) == ["claim-image-heavy"]
    assert ids(image_sources=[IMAGE] * 4) == []


def test_one_finding_names_all_the_images_it_is_about():
    bare = IMAGE | {"alt": ""}
    (finding,) = findings(SOUND | {"image_sources": [IMAGE, bare, bare]})
    assert (finding.message.split(" have")[0], finding.count) == ("Images 2, 3", 2)
    assert (finding.pointer, finding.stops) == ("/image_sources/1", False)


def test_what_stops_an_approval_comes_first_and_is_told_by_itself():
    record = SOUND | {"image_sources": [IMAGE | {"url": "https://elsewhere.example/a", "alt": ""}], "reading_time": 60}
    assert [finding.stops for finding in findings(record)] == [True, False, False]
    assert [finding.check for finding in stopping_findings(record)] == ["image-host"]


def test_a_check_that_finds_something_everywhere_tells_twenty_and_how_many_are_left():
    found = findings(SOUND | {"body": SOUND["body"] + "\n\n## Empty" * 50})
    assert len(found) == MAX_TOLD + 1
    assert (found[-1].message, found[-1].count) == ("And 30 more of this kind.", 30)


LABELS = {"Python": "python", "Python session": "pycon", "JSON": "json", "YAML": "yaml", "TOML": "toml"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Python", "x = 1\nprint(x)"),
        ("Python", "    return x"),
        ("Python", "return x"),
        ("Python", "await pool.drain()"),
        ("Python", "def f():"),
        ("Python", "@app.task\ndef f():\n    ..."),
        ("Python", "f(...)\n..."),
        ("Python", "client = Client(<your-key>)"),
        ("Python", "$ pip install x\n$ python -m x"),
        ("Python", ">>> x = 1\n>>> x\n1\n>>> def f():\n...     return 2\n...\nnot python at all"),
        ("Python", "x = '\\d'"),
        ("Python", "class A:\n    {{ body }}"),
        ("Python session", ">>> 1 +\\\n... 2\n3"),
        ("JSON", '{"a": [1, 2.5, null]}'),
        ("JSON", '"a": 1,\n"b": 2'),
        ("JSON", '{"a": 1}\n{"a": 2}'),
        ("JSON", '{\n  "a": 1\n}\n'),
        ("JSON", '{\n  "a": 1,\n  ...\n  "b": 2\n}'),
        ("JSON", "9" * 6000),
        ("YAML", "a: 1\nb:\n  - c"),
        ("YAML", 'a: "{{ date }}"\nb: {{ name | quote }}\n{{- range . }}\nc: 1\n{{- end }}'),
        ("YAML", "---\na: 1\n---\nb: 2"),
        ("YAML", "!!python/object/apply:os.system [echo]"),
        ("TOML", '[a]\nb = "c"'),
        ("TOML", ""),
    ],
)
def test_sound_code_and_honest_fragments_pass(name, code):
    assert read_block(LABELS[name], code).state in ("parsed", "fragment")


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("Python", "x = 1\nprint 'x'", 2),
        ("Python", "def f(:\n    pass", 1),
        ("Python", "for x in y\n    print(x)", 1),
        ("Python", ">>> x = = 1\n1", 1),
        ("JSON", '{"a": 1,}', 1),
        ("JSON", "{'a': 1}", 1),
        ("JSON", '{"a": 1\n"b": 2}', 2),
        ("YAML", "a: [1, 2", 1),
        ("YAML", "a: b: c", 1),
        ("YAML", 'a: "{{ date }}"\nb: [2, 5', 2),
        ("YAML", "a:\n\t- b", 2),
        ("TOML", "a = ", 1),
        ("TOML", "[a]\nb = 1\nb = 2", 3),
    ],
)
def test_broken_code_is_found_with_its_line(name, code, line):
    reading = read_block(LABELS[name], code)
    assert (reading.state, reading.line) == ("broken", line)


@given(st.sampled_from(["Python", "Python session", "JSON", "YAML", "TOML"]), st.text(max_size=200))
def test_no_code_can_break_the_check_of_code(name, code):
    reading = read_block(LABELS[name], code)
    assert len(reading.message) <= 160 and "\x00" not in reading.message


NASTY = {
    "brackets": "[" * 50_000,
    "quotes": ">" * 20_000 + "a",
    "emphasis": "*a _b " * 30_000,
    "nested list": "".join("  " * depth + "- a\n" for depth in range(900)),
    "python brackets": "```python\n" + "(" * 49_000 + "\n```",
    "python minus": "```python\n" + "-" * 49_000 + "1\n```",
    "python else": "```python\n" + "x if y else " * 4_000 + "z\n```",
    "json brackets": "```json\n" + "[" * 9_000 + "\n```",
    "yaml flow": "```yaml\n" + "- " * 20_000 + "\n```",
    "yaml aliases": "```yaml\n" + "\n".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 900)) + "\n```",
    "toml keys": "```toml\n" + "".join(f"{'a.' * 100}b{n} = 1\n" for n in range(200)) + "\n```",
    "empty lines of python": "```python\nx(\n" + "\n" * 90_000 + "```",
    "spaces of json": "```json\n" + " " * 49_000 + "x\n```",
    "a long key of toml": "```toml\n" + "a." * 24_000 + "a = 1\n```",
    "many keys of a long table of toml": "```toml\n[" + "a." * 8_000 + "a]\n" + "b.c = 1\n" * 4_000 + "```",
    "templates": "{{" * 50_000,
    "headings": "## a\n\n" * 150_000,
    "words": "word " * 200_000,
}


@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_text_goes_through_all_checks(name):
    found = findings(SOUND | {"body": NASTY[name], "tools": [f"tool{n}" for n in range(2000)]})
    assert "claim-tools" in {finding.check for finding in found}


def test_a_key_of_toml_that_its_parser_would_take_minutes_for_is_not_read():
    _, unread = results(SOUND | {"body": NASTY["a long key of toml"]})
    assert "1 of 1 code block not checked (TOML: nested too deeply)." in {gap.message for gap in unread}


@pytest.mark.parametrize("field", ["title", "summary"])
def test_a_text_of_one_line_that_is_too_long_is_not_read_and_the_checks_of_residue_say_so(field):
    long = SOUND | {field: "As an AI language model, I write. " + "{{" * 300_000}
    found, unread = results(long)
    assert not [finding for finding in found if finding.check.startswith("residue-")]
    silent = {gap.check for gap in unread if gap.message == f"Not read: {field}. Too long or too complex."}
    assert silent == {"residue-thoughts", "residue-chat", "residue-placeholder", "residue-citation", "residue-closing",
                      "residue-markup", "residue-todo", "residue-lorem", "residue-prompt", "spelling"}  # fmt: skip
    short = SOUND | {field: "As an AI language model, I write."}
    assert "residue-chat" in {finding.check for finding in findings(short)}


def test_every_check_is_documented_with_its_level_and_no_other():
    rows = re.findall(r"^\| `([a-z-]+)` \| (stops|advises) \|", Path("docs/checks.md").read_text(), re.MULTILINE)
    registered = {check.id: check.level for check in registered_checks().values()}
    assert dict(rows) == registered | dict.fromkeys([NEAR_DUPLICATES, UNREAD_HEAD, SOURCE_LINKS], "advises")
    assert len(rows) == len(dict(rows))


def test_a_check_needs_a_level_a_cost_and_inputs_that_exist_and_a_name_of_its_own():
    with pytest.raises(ValueError, match="must be stops or advises"):
        check("new", "warns")
    with pytest.raises(ValueError, match="must be instant or background"):
        check("new", "stops", cost="free")
    with pytest.raises(ValueError, match="needs a list of inputs"):
        check("new", "stops", inputs="title")
    with pytest.raises(ValueError, match="Two inputs are named allowed image hosts"):
        outside_input("allowed image hosts", str)
    with pytest.raises(ValueError, match="Two checks are named image-host"):
        check("image-host", "stops")(lambda text: [])


def started(extra):
    script = (
        "import django; django.setup()\n"
        "from posts.content_checks import findings\n"
        "print([f.check for f in findings({'title': 'x' * 121, 'body': 'b'}) if f.stops])\n"
    )
    environment = os.environ | {"EXTRA_CHECKS": extra, "DJANGO_SETTINGS_MODULE": "alphanode.settings"}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)


def test_a_setting_adds_checks_and_one_that_is_missing_stops_the_start():
    assert started("tests.extra_checks_sample").stdout.strip() == "['title-length']"
    assert started("").stdout.strip() == "[]"
    assert "EXTRA_CHECKS: tests.nowhere can't be imported" in started("tests.nowhere").stderr
    assert "EXTRA_CHECKS is “not a module”" in started("not a module").stderr


@pytest.mark.django_db
def test_an_approval_is_refused_while_the_text_places_what_is_not_there():
    with pytest.raises(Refused, match="The text places image 3, but there are 0"):
        approve(make_post(body="Words.\n\n![](image:3)"))
    assert approve(make_post(body="Words.")).is_live


@pytest.mark.django_db
def test_findings_are_stored_once_per_text_and_are_what_the_checks_say(django_assert_num_queries):
    import_records(*(RecordFactory(**SOUND, notes=[str(n)]) for n in range(3)), RecordFactory(reading_time=90))
    revisions = list(Revision.objects.order_by("pk"))
    assert check_revisions(revision.pk for revision in revisions) == 4
    assert check_revisions(revision.pk for revision in revisions) == 0
    for revision in revisions:
        # One for the results, one for the state of the house style, one for that of the lists of packages.
        with django_assert_num_queries(3):
            assert results_of(revision) == results(revision.snapshot)
    contradicted = CheckResult.objects.values_list("contradicted_claims", flat=True)
    assert list(contradicted.order_by("contradicted_claims")) == [0, 0, 0, 2]


@pytest.mark.django_db
def test_the_numbers_that_a_queue_ranks_by_are_stored_beside_the_findings():
    bare = {"url": "https://elsewhere.example/1"}
    post = make_post(
        body="Words.\n\n```python\nx = = 1\n```\n\n```json\n{'a'}\n```\n\n![](image:9)",
        image_sources=[bare, bare, IMAGE],
        flags={"has_images": 0},
    )
    check_revisions([post.head_revision_id])
    result = CheckResult.objects.get()
    numbers = (result.stops, result.broken_code, result.unsourced_images, result.contradicted_claims)
    assert numbers == (3, 2, 2, 2)


@pytest.mark.django_db
def test_findings_are_made_anew_when_the_allowed_hosts_change(settings):
    post = make_post(image_sources=[IMAGE])
    check_revisions([post.head_revision_id])
    key = checks_key()
    settings.IMAGE_HOSTS = ["images.unsplash.com"]
    assert checks_key() != key
    assert "image-host" in {finding.check for finding in results_of(post.head_revision)[0]}
    assert check_revisions([post.head_revision_id]) == 1


@pytest.mark.django_db
def test_a_text_that_the_background_has_not_read_is_checked_on_the_spot_and_nothing_is_written():
    post = make_post(reading_time=90)
    assert "claim-reading-time" in {finding.check for finding in results_of_post(post)[0]}
    assert not CheckResult.objects.exists()


@pytest.mark.django_db
def test_a_scan_reads_what_came_in_since_the_last_one(django_assert_max_num_queries):
    import_records(*(RecordFactory() for _ in range(5)))
    assert scan_new_texts() == (5, 5)
    assert scan_new_texts() == (0, 0)
    import_records(RecordFactory())
    assert scan_new_texts() == (1, 1)
    assert CheckResult.objects.count() == 6
    CheckResult.objects.all().delete()
    assert scan_new_texts(from_start=True) == (6, 0)
    # On PostgreSQL three of them let a commit not wait for the disk.
    with django_assert_max_num_queries(31):
        scan_new_texts()


@pytest.mark.django_db
def test_a_scan_reads_what_a_slow_transaction_brought_under_a_smaller_number(monkeypatch):
    monkeypatch.setattr("posts.db.settled.OVERLAP", 0)
    first, *_ = (make_post() for _ in range(3))
    scan_new_texts()
    # As if its transaction had ended only now, after larger numbers were seen.
    CheckResult.objects.filter(fingerprint=first.head_revision.fingerprint).delete()
    assert scan_new_texts() == (1, 0)
    CheckResult.objects.filter(fingerprint=first.head_revision.fingerprint).delete()
    Revision.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert scan_new_texts() == (0, 0)


@pytest.mark.django_db
def test_a_scan_that_is_stopped_goes_on_where_it_was(monkeypatch):
    class Stopped(Exception):
        pass

    def stop():
        raise Stopped

    monkeypatch.setattr(scan, "NEW_TEXTS", replace(scan.NEW_TEXTS, size=2))
    import_records(*(RecordFactory() for _ in range(5)))
    with pytest.raises(Stopped):
        scan_new_texts(on_checkpoint=stop)
    assert CheckResult.objects.count() == 2
    assert scan_new_texts() == (3, 3)
    assert Post.objects.filter(sketch__isnull=False).count() == 5


@pytest.mark.django_db
def test_a_background_job_reads_new_texts():
    post = make_post()
    read_new_texts.call()
    assert CheckResult.objects.get().fingerprint == post.head_revision.fingerprint
    assert Post.objects.filter(sketch__isnull=False).count() == 1


def test_the_checks_find_planted_defects_and_nothing_in_sound_articles():
    wanted = {"code": "code-syntax", "foreign-images": "image-host", "headings": "heading-skip"}
    wanted |= {"placements": "dead-placement", "claims": "claim-"}
    plan = dict.fromkeys(wanted, 0.16)
    planted_cases, sound = 0, 0
    for seed in range(1, 81):
        record, plant = synthesize_planted(seed, plan)
        found = {finding.check for finding in findings(record)}
        if plant is None:
            sound += 1
            assert found == set(), (seed, found)
        else:
            planted_cases += 1
            assert any(name.startswith(wanted[plant.kind]) for name in found), (seed, plant)
    assert planted_cases >= 40 and sound >= 5


FENCES = "Words.\n\n```cobol\nls\n```\n\n```gherkin\nGiven\n```\n\n```awk\nBEGIN\n```\n\n```python\nx = 1\n```"
NOT_CHECKED = "3 of 4 code blocks not checked (cobol, gherkin, awk: no parser for these languages)."
ENGLISH = {"residue-chat", "residue-closing", "residue-placeholder", "spelling"}
LONG = "Some words that go on. " * 6_000


def unread_of(**fields):
    """Return {check: [what it did not read]} of a record."""
    found = {}
    record = {key: value for key, value in (SOUND | fields).items() if value is not None}
    for gap in results(record)[1]:
        found.setdefault(gap.check, []).append(gap.message)
    return found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (FENCES, NOT_CHECKED),
        ("Words.\n\n```\nx = = 1\n```", "1 of 1 code block not checked (no language named)."),
        (
            "Words.\n\n```awk\nls\n```\n\n```AWK\nls\n```",
            "2 of 2 code blocks not checked (awk: no parser for this language).",
        ),
        (
            "```python\n" + "x = 1\n" * 9_000 + "```",
            "1 of 1 code block not checked (Python: longer than 50,000 characters).",
        ),
        (f"```json\n{'[' * 101}{']' * 101}\n```", "1 of 1 code block not checked (JSON: nested too deeply)."),
        ("```python\nx = 1\n```\n\n```text\nno code\n```", None),
        ("No code at all.", None),
    ],
)
def test_code_that_no_parser_read_is_not_called_fine(body, message):
    assert unread_of(body=body).get("code-syntax") == ([message] if message else None)


def test_every_check_that_reads_blocks_says_so_of_a_text_without_them():
    blind = {
        name for name, gaps in unread_of(body=LONG).items() if gaps == ["Not read: body. Too long or too complex."]
    }
    assert {"code-syntax", "dead-placement", "heading-skip", "residue-thoughts", "residue-open-fence"} <= blind
    # Those that read the images or the claims read everything they are about.
    assert not blind & {"image-host", "image-alt", "claim-has-images"}
    assert unread_of(body="Short.") == {}


@pytest.mark.parametrize(
    ("fields", "blind"),
    [
        ({"language": "fi", "body": "Teksti suomeksi."}, ENGLISH),
        ({"language": "de", "body": "Ein Text auf Deutsch."}, {"residue-closing", "spelling"}),
        ({"language": "en-GB"}, set()),
        ({"title": "日本語", "body": "これは日本語の文章です。" * 9, "tools": ["git"], "reading_time": 1},
         {"residue-closing", "spelling", "thin-section", "claim-reading-time", "claim-tools"}),
        ({"payload": {"paragraphs": "three"}}, {"claim-paragraphs"}),
        ({"tools": ["++"]}, {"claim-tools"}),
        ({"tools": [f"tool{number}" for number in range(205)]}, {"claim-tools"}),
        ({"body": LONG, "payload": {"paragraphs": 3}}, {"claim-paragraphs", "code-syntax"}),
    ],
)  # fmt: skip
def test_a_check_that_could_not_read_a_text_says_so(fields, blind):
    unread = unread_of(**{"reading_time": None, "tools": None, **fields})
    assert blind <= set(unread) if "body" in fields and fields["body"] == LONG else blind == set(unread)


def test_what_was_not_read_stops_no_approval_and_counts_as_no_finding():
    record = SOUND | {"body": LONG}
    assert results(record)[1] and stopping_findings(record) == []
    assert not any(finding.check == "dead-placement" for finding in findings(record))


@pytest.mark.django_db
def test_what_was_not_read_is_stored_and_is_what_the_checks_say():
    post = make_post(body=FENCES)
    found, unread = results_of(post.head_revision)
    assert Unread(NOT_YET, "code-syntax") in unread
    check_revisions([post.head_revision_id])
    assert results_of(post.head_revision) == (found, [Unread(NOT_CHECKED, "code-syntax")])
    assert CheckResult.objects.get().broken_code == 0


@pytest.mark.django_db
def test_both_screens_say_what_no_check_read_and_keep_advice_apart(client, reviewer):
    post = make_post(body=f"{FENCES}\n\n![](image:9)", reading_time=90)
    check_revisions([post.head_revision_id])
    client.force_login(reviewer)
    review = client.get(reverse("admin:review", args=[post.pk])).content.decode()
    form = client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()
    for page in (review, form):
        assert NOT_CHECKED in page
        assert "Not compared with other posts yet." in page
        assert (
            page.index("The text places image 9") < page.index("Advice</h") < page.index("reading time of 90 minutes")
        )
        # What is advice is said once, and not among what prevents an approval.
        assert page.count("reading time of 90 minutes") == 1
    assert "2 not fully checked" in review
    assert "code-syntax</span>" not in review and "2 could not check everything" in review
    sketch_posts([post.pk])
    assert "; 1 could not check everything" in client.get(reverse("admin:review", args=[post.pk])).content.decode()


@pytest.mark.django_db
def test_a_bulk_approval_and_a_release_name_what_prevents_them_and_no_advice(client):
    advised, stopped = make_post(reading_time=90), make_post(reading_time=90, body="Words.\n\n![](image:9)")
    client.force_login(person())
    chosen = {"action": "approve_in_bulk", "_selected_action": [advised.pk, stopped.pk]}
    preview = client.post(reverse("admin:posts_post_changelist"), chosen).content.decode()
    assert "2 selected: 1 will be approved, 1 refused." in preview
    assert "The text places image 9" in preview and "reading time of 90 minutes" not in preview
    choices = [f"{post.pk}:{post.head_revision.fingerprint}" for post in (advised, stopped)]
    begun = client.post(reverse("admin:queue_bulk_begin"), {"act": "approve", "choice": choices}, follow=True)
    assert (
        "The text places image 9" in begun.content.decode()
        and "reading time of 90 minutes" not in begun.content.decode()
    )
    approve(advised, release=False)
    release = client.get(reverse("admin:posts_post_releases", args=[advised.pk])).content.decode()
    assert "Release 1.0.0" in release and "reading time of 90 minutes" not in release
    assert "You can’t release yet" not in release


def register(monkeypatch, severity, function):
    """Add the check `own-rule`, as a module of EXTRA_CHECKS does, for one test."""
    monkeypatch.setitem(_checks, "own-rule", Check("own-rule", severity, function))


def broken(text):
    yield "The title is no question.", "/title"
    raise RecursionError("deep")


def broken_before_it_yields(text):
    raise KeyError(text.record["title"])


@pytest.mark.parametrize("function", [broken, broken_before_it_yields, lambda text: [("no pointer",)], lambda text: 1])
@pytest.mark.parametrize("severity", ["stops", "advises"])
def test_a_check_that_fails_is_logged_and_takes_no_other_check_with_it(monkeypatch, caplog, severity, function):
    sound, record = results(SOUND), SOUND | {"body": "Words.\n\n![](image:9)"}
    others = results(record)
    register(monkeypatch, severity, function)
    found, unread = results(record)
    assert [finding for finding in found if finding.check != "own-rule"] == others[0] and others[0]
    (gap,) = [gap for gap in unread if gap.check == "own-rule"]
    assert gap.message.startswith("Not checked: the check failed.") and gap.failed
    assert ("can prevent an approval" in gap.message) is (severity == "stops")
    assert "own-rule" in {finding.check for finding in found} or function is not broken
    (line,) = [row for row in caplog.records if row.name == "posts.content_checks"]
    assert line.getMessage() == "The check own-rule failed." and line.exc_info and line.levelname == "ERROR"
    monkeypatch.undo()
    assert results(SOUND) == sound


def endless(text):
    yield "The title is no question.", "/title"
    while True:
        try:
            len(text.record)
        except Exception:
            break


@pytest.fixture
def impatient(monkeypatch):
    """Give checks of EXTRA_CHECKS a moment only, and let none rest because of another test."""
    monkeypatch.setattr("posts.content_checks.registry.SECONDS", 0.2)
    monkeypatch.setattr("posts.content_checks.time_limit._overrun", {})


@pytest.mark.parametrize("severity", ["stops", "advises"])
@pytest.mark.parametrize("is_main", [True, False])
def test_a_check_that_never_ends_is_given_up_on_any_thread(monkeypatch, impatient, caplog, severity, is_main):
    record = SOUND | {"body": "Words.\n\n![](image:9)"}
    others = results(record)
    register(monkeypatch, severity, endless)
    answers = []
    asking = Thread(target=lambda: answers.append(results(record)))
    asking.run() if is_main else asking.start()
    if not is_main:
        asking.join()
    ((found, unread),) = answers
    assert [finding for finding in found if finding.check != "own-rule"] == others[0] and others[0]
    assert "The title is no question." in {finding.message for finding in found}
    (gap,) = [gap for gap in unread if gap.check == "own-rule"]
    assert gap.message.startswith("Not checked: the check took too long.") and gap.failed
    assert ("can prevent an approval" in gap.message) is (severity == "stops")
    assert caplog.messages == ["The check own-rule took too long and was left out."]


def test_a_check_that_never_ends_leaves_no_thread_at_work(monkeypatch, impatient):
    register(monkeypatch, "stops", endless)
    results(SOUND)
    for thread in enumerate_threads():
        if thread.name == "check own-rule":
            thread.join(60)
            assert not thread.is_alive()


def test_a_check_that_waits_for_ever_is_begun_once_and_takes_the_time_of_no_other(monkeypatch, impatient):
    begun, hurry = [], Event()

    def waiting(text):
        begun.append(text)
        hurry.wait()
        return []

    register(monkeypatch, "stops", waiting)
    monkeypatch.setattr("posts.content_checks.time_limit.REST_SECONDS", 0)
    try:
        first, second = results(SOUND)[1], results(SOUND)[1]
    finally:
        hurry.set()
    assert first == second and [gap.check for gap in first if gap.failed] == ["own-rule"]
    assert len(begun) == 1


def test_the_checks_after_the_one_that_took_all_the_time_say_that_they_were_left_out(monkeypatch, impatient):
    register(monkeypatch, "advises", endless)
    monkeypatch.setitem(_checks, "next-rule", Check("next-rule", "stops", lambda text: [("Found.", "/title")]))
    found, unread = results(SOUND)
    assert [gap.check for gap in unread if gap.failed] == ["own-rule", "next-rule"]
    assert "next-rule" not in {finding.check for finding in found}
    # Ours are bounded by what they read, and are not kept waiting.
    assert "dead-placement" in {finding.check for finding in findings(SOUND | {"checklist": []})}


def test_a_check_that_would_end_the_program_ends_alone(monkeypatch):
    register(monkeypatch, "stops", lambda text: sys.exit(3))
    assert [gap.check for gap in results(SOUND)[1] if gap.failed] == ["own-rule"]


@pytest.mark.django_db
def test_a_required_check_that_takes_too_long_is_told_and_refuses_an_approval_in_bulk(
    client, reviewer, monkeypatch, impatient
):
    post = make_post()
    register(monkeypatch, "stops", endless)
    client.force_login(reviewer)
    review = " ".join(client.get(reverse("admin:review", args=[post.pk])).content.decode().split())
    assert "Not checked: the check took too long." in review
    assert "1 required check was not completed</a>: check own-rule yourself." in review
    monkeypatch.setitem(_checks, "own-rule", Check("own-rule", "stops", lambda text: []))
    (refused,) = decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")
    assert refused.obstacles == ("Required checks were not completed: own-rule. Approve it individually.",)


@pytest.mark.django_db
def test_a_required_check_that_fails_leaves_the_decision_to_a_reviewer_who_is_told(client, reviewer, monkeypatch):
    post = make_post()
    register(monkeypatch, "stops", broken_before_it_yields)
    client.force_login(reviewer)
    review = " ".join(client.get(reverse("admin:review", args=[post.pk])).content.decode().split())
    form = client.get(reverse("admin:posts_post_change", args=[post.pk])).content.decode()
    for page in (review, form):
        assert "Not checked: the check failed. The error is in the site log." in page
    assert "1 required check was not completed</a>: check own-rule yourself." in review
    assert "own-rule</span>" not in review
    assert "1 required check could not be run" in form and "No required check fails." not in form
    (refused,) = decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")
    assert refused.obstacles == ("Required checks were not completed: own-rule. Approve it individually.",)
    assert approve(post).is_live


@pytest.mark.django_db
def test_the_command_tells_of_a_required_check_that_failed_and_asks_whether_its_point_was_checked(monkeypatch):
    post, said = make_post(), StringIO()
    register(monkeypatch, "stops", broken_before_it_yields)
    options = {
        "user": person().username,
        "fingerprint": post.head_revision.fingerprint,
        "stdout": StringIO(),
        "stderr": said,
    }
    with pytest.raises(CommandError, match=r"were not completed.* --unchecked-seen own-rule"):
        call_command("decide_post", post.source_id, outcome="approved", **options)
    assert said.getvalue().startswith("own-rule: Not checked: the check failed.") and not Post.objects.get().is_live
    with pytest.raises(CommandError, match=r"not completed: own-rule\. Approve it individually"):
        call_command(
            "decide_post", post.source_id, outcome="approved", bulk=True, unchecked_seen=["own-rule"], **options
        )
    options["met"] = COMMAND_ALL_MET
    call_command("decide_post", post.source_id, outcome="approved", unchecked_seen=["own-rule"], **options)
    assert Post.objects.get().is_live


@pytest.mark.django_db
def test_an_advising_check_that_fails_refuses_nothing_in_bulk(monkeypatch):
    post = make_post()
    register(monkeypatch, "advises", broken_before_it_yields)
    decide_many([(post.pk, post.head_revision.fingerprint)], by=person(), outcome="approved")
    assert Post.objects.get().is_live


@pytest.mark.django_db
def test_a_check_that_failed_in_the_background_is_asked_again_once_it_is_repaired(monkeypatch):
    post = make_post()
    register(monkeypatch, "stops", broken_before_it_yields)
    assert check_revisions([post.head_revision_id]) == 1
    assert [gap.check for gap in results_of(post.head_revision)[1] if gap.failed] == ["own-rule"]
    register(monkeypatch, "stops", lambda text: [])
    assert not any(gap.failed for gap in results_of(post.head_revision)[1])


def test_a_foreign_image_is_named_by_its_host_and_by_what_allows_it():
    foreign = IMAGE | {"url": "https://cdn.elsewhere.example/a.png"}
    (finding,) = stopping_findings(SOUND | {"image_sources": [foreign]})
    assert finding.message.startswith("Image 1 is on the host cdn.elsewhere.example, which this site does not allow; ")
    assert "ask an administrator to add cdn.elsewhere.example to IMAGE_HOSTS" in finding.message and finding.place == ""
    plain = IMAGE | {"url": "http://placehold.co/a.png"}
    assert "https://" in stopping_findings(SOUND | {"image_sources": [plain]})[0].message
