# ruff: noqa: E501 (a rule beside its text reads best in one line)
"""The house style: rules in the forms of Vale, edited in the admin, suppressed with a reason."""

import contextlib
import io
import re
import zipfile
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.urls import reverse

from posts.content_checks import findings, house_style
from posts.content_checks.house_style import units_of
from posts.content_checks.scan import scan_new_texts
from posts.content_checks.stored import results_of, results_of_post
from posts.content_checks.text import CheckedText
from posts.content_checks.vale import RuleRefused, Unit, read_rule
from posts.models import AuditEntry, QueueEntry, StyleException, StyleRule
from posts.operations import Refused
from posts.operations.house_style import (
    RuleDraft,
    apply_rule_again,
    load_style,
    rules_of_files,
    rules_of_upload,
    save_rule,
    suppress_rule,
)
from posts.operations.queue_tasks import weigh_checks_by_decisions
from posts.operations.review import Decision, decide
from posts.review_queue.ranking import rank_queue
from tests.factories import ALL_MET, approve, edit, make_post, person

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def no_rules_from_before(monkeypatch):
    """Let no process-wide rules of one test reach another, and give a busy machine time for each."""
    monkeypatch.setattr(house_style, "_style", house_style._Style())
    monkeypatch.setattr(house_style, "RULE_SECONDS", 30)
    monkeypatch.setattr(house_style, "ALL_SECONDS", 60)


@pytest.fixture
def chief(db):
    """Return somebody who may change the house style."""
    from django.contrib.auth.models import Permission

    account = person("Editors")
    account.user_permissions.add(Permission.objects.get(codename="change_stylerule"))
    return type(account).objects.get(pk=account.pk)


def words_of(rule, **record):
    """Return the words that a rule in YAML finds in a record."""
    text = CheckedText({"title": "Retries", "body": "", **record})
    return [match.words for match in read_rule("Test.Rule", rule).matches(units_of(text))]


def messages_of(rule, **record):
    text = CheckedText({"title": "Retries", "body": "", **record})
    return [match.message for match in read_rule("Test.Rule", rule).matches(units_of(text))]


@pytest.mark.parametrize(
    ("rule", "body", "found"),
    [
        ("extends: existence\nmessage: m\ntokens: [simply, just]", "Simply just do it. Justice.", ["just"]),
        ("extends: existence\nmessage: m\nignorecase: true\ntokens: [simply]", "Simply do it.", ["Simply"]),
        ("extends: existence\nmessage: m\nnonword: true\ntokens: ['\\d+ ?%']", "It grew by 5 % twice.", ["5 %"]),
        ("extends: existence\nmessage: m\nraw: ['\\bvery ', '\\w+']", "A very long time.", ["very long"]),
        ("extends: existence\nmessage: m\ntokens: ['[a-z]+ly']\nexceptions: [only]", "Only slowly, only.", ["slowly"]),
        ("extends: existence\nmessage: m\ntokens: [simply]", "`simply`\n\n```text\nsimply\n```", []),
        ("extends: existence\nmessage: m\ntokens: [simply]", "> simply\n\nNo.", []),
        ("extends: existence\nmessage: m\nscope: blockquote\ntokens: [simply]", "> simply\n\nsimply", ["simply"]),
        ("extends: existence\nmessage: m\nscope: heading\ntokens: [simply]", "## simply so\n\nsimply", ["simply"]),
        ("extends: existence\nmessage: m\nscope: heading.h3\ntokens: [simply]", "## simply\n\n### simply", ["simply"]),
        ("extends: existence\nmessage: m\nscope: list\ntokens: [simply]", "simply\n\n- simply", ["simply"]),
        ("extends: existence\nmessage: m\nscope: paragraph\ntokens: [simply]", "simply\n\n- simply", ["simply"]),
        (
            "extends: existence\nmessage: m\nscope: table\ntokens: [simply]",
            "simply\n\n| simply |\n|---|\n| a |",
            ["simply"],
        ),
        ("extends: existence\nmessage: m\nscope: table.cell\ntokens: [simply]", "| simply |\n|---|\n| a |", []),
        (
            "extends: existence\nmessage: m\nscope: [heading, list]\ntokens: [simply]",
            "# simply\n\n- simply",
            ["simply"] * 2,
        ),
        ("extends: existence\nmessage: m\nscope: ~heading\ntokens: [simply]", "# simply\n\nsimply", ["simply"]),
        ("extends: existence\nmessage: m\nscope: raw\nnonword: true\ntokens: ['\\*\\*']", "So **loud**.", ["**", "**"]),
        (
            "extends: existence\nmessage: m\nnonword: true\nscope: sentence\ntokens: ['^And ']",
            "So it is. And it was.",
            ["And"],
        ),
        (
            "extends: existence\nmessage: m\nnonword: true\ntokens: ['(?<!:[^ ]+?):\\s[A-Z]']",
            "It is so: It is.",
            [": I"],
        ),
        ("extends: substitution\nmessage: m\nswap:\n  e-mail: email", "An e-mail, an email.", ["e-mail"]),
        ("extends: substitution\nmessage: m\nswap:\n  yes: sure", "yes, True", ["yes"]),
        ("extends: substitution\nmessage: m\nswap:\n  (?:ok|Okay): OK|okay", "ok, okay, OK, Okay", ["ok", "Okay"]),
        ("extends: substitution\nmessage: m\nignorecase: true\nswap:\n  utilize: use", "Utilize it.", ["Utilize"]),
        (
            "extends: occurrence\nmessage: m\nscope: sentence\nmax: 4\ntoken: '\\b(\\w+)\\b'",
            "One two three. One two three four five.",
            ["One two three four five."],
        ),
        (
            "extends: occurrence\nmessage: m\nscope: paragraph\nmin: 1\ntoken: ','",
            "None here.\n\nOne, here.",
            ["None here."],
        ),
        ("extends: repetition\nmessage: m\nalpha: true\ntokens: ['[^\\s]+']", "It is is so, ha ha-ha 1 1.", ["is is"]),
        (
            "extends: conditional\nmessage: m\nfirst: '\\b([A-Z]{3,5})\\b'\nsecond: '(?:\\b[A-Z][a-z]+ )+\\(([A-Z]{3,5})\\)'\nexceptions: [API]",
            "The World Health Organization (WHO) and WHO, API, NATO and NATO.",
            ["NATO"],
        ),
        (
            "extends: capitalization\nmessage: m\nscope: heading\nmatch: $sentence\nexceptions: [Docker]",
            "## Run the Docker API\n\n## Run The Whole Queue Again\n\nText.",
            ["Run The Whole Queue Again"],
        ),
        (
            "extends: capitalization\nmessage: m\nscope: heading\nmatch: $title",
            "## Run the Queue\n\n## Run the whole queue",
            ["Run the whole queue"],
        ),
        ("extends: capitalization\nmessage: m\nscope: list\nmatch: $lower", "- one\n- Two", ["Two"]),
        ("extends: capitalization\nmessage: m\nscope: list\nmatch: '^[A-Z]\\d+'", "- A1 one\n- two", ["two"]),
    ],
)
def test_each_form_of_rule_finds_what_vale_would_find(rule, body, found):
    assert words_of(rule, body=body) == found


def test_messages_name_the_words_and_what_to_write():
    rule = "extends: substitution\nmessage: Use '%s' instead of '%s'.\nswap:\n  cell phone: phone|mobile phone"
    assert messages_of(rule, body="A cell phone.") == ["Use 'phone or mobile phone' instead of 'cell phone'."]
    assert messages_of("extends: existence\nmessage: '100%% of %s %s'\ntokens: [it]", body="it") == ["100% of it …"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("extends: script\nmessage: m\nscript: x", "Rules of the form “script” are not supported"),
        ("extends: spelling\nmessage: m", "“spelling” are not supported"),
        ("extends: sequence\nmessage: m", "“sequence” are not supported"),
        ("extends: metric\nmessage: m", "“metric” are not supported"),
        ("extends: consistency\nmessage: m", "“consistency” are not supported"),
        ("message: m", "does not say what it extends"),
        ("extends: existence\ntokens: [a]", "has no message"),
        ("extends: existence\nmessage: m", "names no tokens"),
        ("extends: existence\nmessage: m\ntokens: ['(']", "A pattern can't be read"),
        ("extends: existence\nmessage: m\ntokens: ['(?V0)a']", "A pattern can't be read"),
        ("extends: occurrence\nmessage: m\nmax: 1\ntoken: '(?a)(?u)b'", "A pattern can't be read"),
        ("extends: existence\nmessage: m\nraw: ['a(?R)']", "contains itself"),
        ("extends: existence\nmessage: m\nraw: ['(a)(?1)']", "contains itself"),
        ("extends: existence\nmessage: m\ntokens: {a: b}", "“tokens” must be a list"),
        ("extends: existence\nmessage: m\nscope: elsewhere\ntokens: [a]", "The scope “elsewhere” is not supported"),
        ("extends: substitution\nmessage: m\nswap: [a]", "has no “swap”"),
        ("extends: occurrence\nmessage: m\ntoken: a", "neither min nor max"),
        ("extends: occurrence\nmessage: m\ntoken: a\nmax: many", "must be a whole number"),
        ("a: &x [1]\nb: *x", "uses YAML aliases"),
        ("a: [", "This is not YAML"),
        ("- a", "is not a YAML mapping"),
        ("!!python/object/apply:os.system [ls]", "This is not YAML"),
        (f"a: {'[' * 5000}", "YAML"),
        (f"extends: existence\nmessage: m\ntokens: ['{'(' * 5000}{')' * 5000}']", "nested too deeply"),
        (f"extends: existence\nmessage: m\ntokens: ['{'a' * 150_000}']", "longer than"),
        ("a" * 300_000, "longer than"),
    ],
)
def test_a_rule_that_cannot_be_used_says_why(rule, words):
    with pytest.raises(RuleRefused, match=words.replace("(", r"\(")):
        read_rule("Test.Rule", rule)


@pytest.mark.parametrize("token", ["(a+)+$", "(a|aa)+$", "(?:a*)*b", "(.*a){12}$"])
def test_a_pattern_that_tries_everything_is_stopped(token):
    rule = read_rule("Test.Rule", f"extends: existence\nmessage: m\nnonword: true\ntokens: ['{token}']")
    try:
        list(rule.matches([Unit(frozenset({"text"}), "a" * 20_000 + "!", "")], seconds=0.1))
    except TimeoutError:
        return
    # An engine that knows a shortcut may need no time at all.


def of_style(post):
    """Return ([messages of the house style], [what was not checked]) of the proposed text."""
    found, unread = results_of_post(post)
    return (
        [finding for finding in found if finding.check.startswith("style-")],
        [gap.message for gap in unread if gap.check.startswith("style-")],
    )


SIMPLY = "extends: existence\nmessage: Leave out '%s'.\ntokens: [simply]"


@pytest.mark.django_db
def test_a_rule_is_shown_with_its_words_and_required_ones_prevent_an_approval(chief):
    post = make_post(body="## Fix\n\nYou simply finish it, and simply leave.")
    rule = save_rule(RuleDraft("House.Simply", SIMPLY), by=chief)
    (finding,) = of_style(post)[0]
    assert finding.message == "Leave out 'simply'. (1 more; rule House.Simply)"
    assert (finding.check, finding.stops, finding.rule, finding.line, finding.words) == (
        "style-advice", False, "House.Simply", 3, "simply",
    )  # fmt: skip
    save_rule(RuleDraft("House.Simply", SIMPLY, level="required"), by=chief, rule=rule)
    with pytest.raises(Refused, match="Leave out 'simply'"):
        approve(post)
    suppress_rule(post, "House.Simply", reason="A quotation of a song.", by=person())
    assert of_style(post) == ([], [])
    assert approve(post).is_live
    entry = AuditEntry.objects.get(action="suppressed a style rule")
    assert (entry.post, entry.detail) == (post, "House.Simply: A quotation of a song.")


@pytest.mark.django_db
def test_a_finding_names_its_words_if_the_message_of_the_rule_does_not(chief):
    save_rule(RuleDraft("House.Simply", "extends: existence\nmessage: Too many words.\ntokens: [simply]"), by=chief)
    (finding,) = of_style(make_post(body="You simply finish it, and simply leave."))[0]
    assert finding.message == "Too many words. (“simply” and 1 more; rule House.Simply)"


@pytest.mark.django_db
def test_a_suppressed_rule_adds_no_points_to_the_risk_score(chief):
    save_rule(RuleDraft("House.Simply", SIMPLY), by=chief)
    post = make_post(body="You simply finish it.")
    scan_new_texts()
    rank_queue()
    before = QueueEntry.objects.get().points
    suppress_rule(post, "House.Simply", reason="A song.", by=person())
    assert QueueEntry.objects.get().points < before
    apply_rule_again(post, "House.Simply", by=person())
    assert QueueEntry.objects.get().points == before


@pytest.mark.django_db
def test_results_are_stored_and_computed_again_when_the_style_changes(chief):
    post = make_post(body="You simply finish it.")
    scan_new_texts()
    assert of_style(post)[0] == []
    rule = save_rule(RuleDraft("House.Simply", SIMPLY), by=chief)
    assert "earlier version" in of_style(post)[1][0]
    from posts.content_checks.scan import check_again

    assert check_again() == 1
    assert [finding.rule for finding in of_style(post)[0]] == ["House.Simply"]
    save_rule(RuleDraft("House.Simply", SIMPLY, is_on=False), by=chief, rule=rule)
    check_again()
    assert results_of(post.head_revision)[0] == [found for found in results_of_post(post)[0] if not found.rule]
    assert of_style(post)[0] == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scope", "record", "found"),
    [
        ({"stacks": ["go services"]}, {"stack": ["Go services"]}, 1),
        ({"stacks": ["Rust"]}, {"stack": ["Go services"]}, 0),
        ({"languages": ["English"]}, {"language": "en-GB"}, 1),
        ({"languages": ["en"]}, {"language": "de"}, 0),
        ({"languages": ["en"]}, {}, 0),
    ],
)
def test_a_rule_can_be_for_some_stacks_and_languages_only(chief, scope, record, found):
    post = make_post(body="You simply finish it.", **record)
    save_rule(RuleDraft("House.Simply", SIMPLY, **scope), by=chief)
    assert len(of_style(post)[0]) == found


@pytest.mark.django_db
def test_a_slow_rule_is_named_and_the_others_go_on(chief, monkeypatch):
    monkeypatch.setattr(house_style, "RULE_SECONDS", -1)
    save_rule(RuleDraft("House.Simply", SIMPLY), by=chief)
    found, unread = of_style(make_post(body="You simply finish it."))
    assert found == [] and unread == [
        "These rules of the house style took too long: House.Simply. Simplify their patterns."
    ]


@pytest.mark.django_db
def test_only_who_has_the_right_changes_rules_and_only_reviewers_suppress_them(chief):
    with pytest.raises(PermissionDenied):
        save_rule(RuleDraft("House.Simply", SIMPLY), by=person())
    with pytest.raises(PermissionDenied):
        load_style({"House.Simply": SIMPLY}, by=person("Staff"))
    save_rule(RuleDraft("House.Simply", SIMPLY), by=chief)
    post = make_post()
    with pytest.raises(PermissionDenied):
        suppress_rule(post, "House.Simply", reason="Why not.", by=person("Editors"))
    with pytest.raises(Refused, match="Say why"):
        suppress_rule(post, "House.Simply", reason=" ", by=person())
    with pytest.raises(Refused, match="has no rule"):
        suppress_rule(post, "House.Other", reason="Why not.", by=person())
    assert not StyleException.objects.exists()


def a_style():
    """Return a ZIP archive of a style as its project offers it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("Acme-1.0/README.md", "# Acme")
        file.writestr("Acme-1.0/coverage/list.yml", "- a\n")
        file.writestr("Acme-1.0/.github/workflows/x.yml", "extends: existence\n")
        file.writestr("Acme-1.0/Acme/Simply.yml", "# A comment\n" + SIMPLY)
        file.writestr("Acme-1.0/Acme/Spelling.yml", "extends: spelling\nmessage: m")
        file.writestr("Acme-1.0/Acme/meta.json", "{}")
    return archive.getvalue()


@pytest.mark.django_db
def test_a_style_is_loaded_from_an_archive_as_advice_and_loading_it_again_keeps_what_people_chose(chief, client):
    client.force_login(chief)
    address = reverse("admin:house_style")
    upload = io.BytesIO(a_style())
    upload.name = "acme.zip"
    page = client.post(address, {"style": upload}, follow=True).content.decode()
    assert "2 rules added as advice, 0 changed, 0 unchanged. 1 are not used" in page
    assert "Not used: Rules of the form “spelling” are not supported" in page
    rule = StyleRule.objects.get(name="Acme.Simply")
    assert rule.level == "advice" and rule.problem == ""
    save_rule(RuleDraft("Acme.Simply", rule.source, level="required"), by=chief, rule=rule)
    done = load_style(rules_of_upload("acme.zip", a_style()), by=chief)
    assert (done.created, done.changed, done.unchanged) == (0, 0, 2)
    done = load_style({"Acme.Simply": SIMPLY + "\nignorecase: true"}, by=chief)
    assert (done.changed, StyleRule.objects.get(name="Acme.Simply").level) == (1, "required")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("style.txt", b"extends: existence", "Choose a YAML file"),
        ("style.zip", b"PK\x03\x04broken", "Choose a YAML file"),
        ("style.yml", b"\xff\xfe\x00", "is not a UTF-8 text"),
        ("style.yml", b"extends: existence\nmessage: a\x00b", "is not a UTF-8 text"),
    ],
)
def test_an_upload_that_is_no_style_is_refused(name, content, words):
    with pytest.raises(Refused, match=words):
        rules_of_upload(name, content)


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_with_damaged_bytes_is_refused(packing):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", packing) as file:
        file.writestr("Acme/Simply.yml", SIMPLY * 3)
    whole = archive.getvalue()
    for at in range(len(whole)):
        with contextlib.suppress(Refused):
            rules_of_upload("acme.zip", whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])


def test_an_archive_that_unpacks_to_much_more_is_refused(monkeypatch):
    monkeypatch.setattr("posts.operations.house_style.MOST_BYTES", 1000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.yml", "a" * 1_000_000)
    with pytest.raises(Refused, match="too large"):
        rules_of_upload("bomb.zip", archive.getvalue())


def test_rules_are_named_after_their_folder_and_hidden_files_are_left_out():
    files = {"Acme/A.yml": SIMPLY.encode(), "B.yml": SIMPLY.encode(), "Acme/.C.yml": SIMPLY.encode(), "D.yml": b"- x"}
    assert list(rules_of_files(files, style="House")) == ["Acme.A", "House.B"]


@pytest.mark.django_db
def test_the_command_loads_a_folder_and_names_what_is_not_used(tmp_path):
    folder = tmp_path / "Acme"
    folder.mkdir()
    (folder / "Simply.yml").write_text(SIMPLY)
    (folder / "Odd.yaml").write_text("extends: metric\nmessage: m")
    said, errors = StringIO(), StringIO()
    call_command("load_style", str(folder), stdout=said, stderr=errors)
    assert said.getvalue() == "2 rules added, 0 changed, 0 unchanged, 1 not used.\n"
    assert errors.getvalue().startswith("Acme.Odd is not used: Rules of the form “metric”")
    assert set(StyleRule.objects.values_list("name", flat=True)) == {"Acme.Simply", "Acme.Odd"}


@pytest.mark.django_db
def test_an_editor_of_the_style_writes_a_rule_in_the_admin_and_a_bad_one_comes_back(chief, client):
    client.force_login(chief)
    address = reverse("admin:house_style_new")
    typed = {"name": "House.Simply", "source": "extends: metric\nmessage: m", "level": "advice", "is_on": "on"}
    answer = client.post(address, typed)
    page = answer.content.decode()
    assert answer.status_code == 422 and "Rules of the form “metric” are not supported" in page
    assert "extends: metric" in page and not StyleRule.objects.exists()
    typed |= {"source": SIMPLY, "stacks": "Rust\nGo", "languages": "en"}
    assert client.post(address, typed).status_code == 302
    rule = StyleRule.objects.get()
    assert (rule.stacks, rule.languages, rule.changed_by) == (["Rust", "Go"], ["en"], chief)
    form = client.get(reverse("admin:house_style_rule", args=[rule.pk])).content.decode()
    assert "Rust\nGo" in form and "Leave out" in form
    assert client.post(address, typed).status_code == 422
    assert AuditEntry.objects.filter(action="changed the house style").count() == 1


@pytest.mark.django_db
def test_the_review_screen_shows_the_words_of_a_finding_and_suppresses_its_rule(chief, client, reviewer):
    post = make_post(body="## Fix\n\nYou *simply* finish it, simply so.")
    save_rule(RuleDraft("House.Simply", SIMPLY), by=chief)
    client.force_login(reviewer)
    screen = reverse("admin:review", args=[post.pk])
    page = client.get(screen).content.decode()
    link = (
        reverse("admin:review_source", args=[post.head_revision_id]) + "?field=body&amp;line=3&amp;words=simply#marked"
    )
    assert link in page
    source = client.get(link.replace("&amp;", "&").partition("#")[0]).content.decode()
    assert 'You *<mark id="marked">simply</mark>* finish it' in source
    act = reverse("admin:review_style", args=[post.pk])
    refused = client.post(act, {"act": "suppress", "rule": "House.Simply", "reason": ""}, follow=True)
    assert "Say why the rule does not apply" in refused.content.decode()
    page = client.post(
        act, {"act": "suppress", "rule": "House.Simply", "reason": "Fine <here>."}, follow=True
    ).content.decode()
    assert "Suppressed rules" in page and "Fine &lt;here&gt;." in page and "Leave out" not in page
    assert "Leave out" in client.post(act, {"act": "apply", "rule": "House.Simply"}, follow=True).content.decode()


@pytest.mark.django_db
def test_each_rule_shows_what_became_of_its_findings(chief, client):
    save_rule(RuleDraft("House.Simply", SIMPLY), by=chief)
    left, fixed, suppressed = (make_post(body=f"You simply finish it, {number}.") for number in range(3))
    scan_new_texts()
    approve(left)
    turned_down = Decision(
        "changes_requested", fingerprint=fixed.head_revision.fingerprint, comment="No.", answers=ALL_MET
    )
    decide(fixed, turned_down, by=person())
    edit(fixed, body="You finish it.")
    suppress_rule(suppressed, "House.Simply", reason="A song.", by=person())
    approve(suppressed)
    scan_new_texts()
    weigh_checks_by_decisions.func()
    rule = StyleRule.objects.get()
    assert (rule.fixed, rule.left, rule.suppressed) == (1, 1, 1)
    client.force_login(person())
    page = client.get(reverse("admin:house_style")).content.decode()
    numbers = re.findall(r'<td[^>]*class="number"[^>]*>(\d+)</td>', page)
    assert numbers == ["1", "1", "1"]


def test_usual_misspellings_of_english_texts_are_named_once_and_never_in_code_or_names():
    def spelled(body, **record):
        found = findings({"title": "Retries", "body": body, **record})
        return [finding.message for finding in found if finding.check == "spelling"]

    assert spelled("The recieve queue, and recieve again.") == ["“recieve” is a usual misspelling. Write receive."]
    assert spelled("Set `recieve` to 1.\n\n```text\nrecieve\n```\n\n> recieve") == []
    assert spelled("See https://example.org/recieve and recieve.py or a/recieve, RECIEVE, and reCieve.") == []
    assert spelled("Sie recieve nicht.", language="de") == []
    # Half of a contraction, and names; but not the first word of a sentence.
    assert spelled("It couldn’t and wasn't. Ned and Lene are at Pavillion.") == []
    # A text in another language whose record names none.
    german = (
        "Ein Prozess, der mitten in der Arbeit endet, ist nicht schlimm oder teuer, wenn er noch einmal laufen darf. "
    )
    assert spelled(german * 3) == []
    assert spelled("It ends. Recieve it.") == ["“Recieve” is a usual misspelling. Write receive."]
