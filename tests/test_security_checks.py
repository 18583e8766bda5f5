"""`make security` finds secrets and says what it could not check; docs/security.md answers every requirement."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from scripts.security import advisories, files_of_tree, secrets_in, secrets_of_tree  # noqa: E402 (a script)

pytestmark = pytest.mark.once
DOCUMENT = (ROOT / "docs/security.md").read_text(encoding="utf-8")
# The requirements of ASVS 5.0.0 by section: those of level 1, then those of level 2.
LEVEL_1 = """
    1.2:1-5 1.3:1-2 1.5:1 2.1:1 2.2:1-2 2.3:1 3.2:1-2 3.3:1 3.4:1-2 3.5:1-3 4.1:1 4.4:1 5.2:1-2 5.3:1-2 6.1:1 6.2:1-8
    6.3:1-2 6.4:1-2 7.2:1-4 7.4:1-2 8.1:1 8.2:1-2 8.3:1 9.1:1-3 9.2:1 10.4:1-5 11.3:1-2 11.4:1 12.1:1 12.2:1-2 13.4:1
    14.2:1 14.3:1 15.1:1 15.2:1 15.3:1
"""
LEVEL_2 = """
    1.1:1-2 1.2:6-9 1.3:3-11 1.4:1-3 1.5:2 2.1:2-3 2.2:3 2.3:2-4 2.4:1 3.3:2-4 3.4:3-6 3.5:4-5 3.7:1-2 4.1:2-3 4.2:1
    4.3:1-2 4.4:2-4 5.1:1 5.2:3 5.4:1-3 6.1:2-3 6.2:9-12 6.3:3-4 6.4:3-4 6.5:1-5 6.6:1-3 6.8:1-4 7.1:1-3 7.3:1-2
    7.4:3-5 7.5:1-2 7.6:1-2 8.1:2 8.2:3 8.4:1 9.2:2-4 10.1:1-2 10.2:1-2 10.3:1-4 10.4:6-11 10.5:1-5 10.6:1-2 10.7:1-3
    11.1:1-2 11.2:1-3 11.3:3 11.4:2-4 11.5:1 11.6:1 12.1:2-3 12.3:1-4 13.1:1 13.2:1-5 13.3:1-2 13.4:2-5 14.1:1-2
    14.2:2-4 14.3:2-3 15.1:2-3 15.2:2-3 15.3:2-7 16.1:1 16.2:1-5 16.3:1-4 16.4:1-3 16.5:1-3 17.1:1 17.2:1-4 17.3:1-2
"""
ROW = re.compile(r"^\| ((?:\d+\.\d+\.\d+(?: to |, )?)+) \| [12, ]+ \| .+ \| (.+) \|$", re.MULTILINE)


def numbers(text):
    """Return {"1.2.1", …} of a text such as "1.2:1-5"."""
    found = set()
    for section, first, last in re.findall(r"(\d+\.\d+):(\d+)(?:-(\d+))?", text):
        found |= {f"{section}.{number}" for number in range(int(first), int(last or first) + 1)}
    return found


def answered():
    """Return {number of a requirement: its answer} of the document."""
    answers = {}
    for named, answer in ROW.findall(DOCUMENT):
        for part in named.split(", "):
            first, _, last = part.partition(" to ")
            section, _, begin = first.rpartition(".")
            for number in range(int(begin), int((last or first).rpartition(".")[2]) + 1):
                answers[f"{section}.{number}"] = answer
    return answers


@pytest.mark.parametrize(("level", "count"), [(LEVEL_1, 70), (LEVEL_2, 183)], ids=["level 1", "level 2"])
def test_every_requirement_has_an_answer(level, count):
    wanted = numbers(level)
    assert len(wanted) == count
    assert wanted - set(answered()) == set()


def test_the_document_answers_nothing_else():
    assert set(answered()) == numbers(LEVEL_1) | numbers(LEVEL_2)
    assert all(answer.strip() for answer in answered().values())


def test_every_test_that_the_document_names_exists():
    missing = []
    named = re.findall(r"`tests/([\w/]+\.py)(?:::(test_\w+))?`", DOCUMENT)
    assert len(named) > 150
    for file, test in named:
        path = ROOT / "tests" / file
        if not path.is_file() or (test and f"def {test}(" not in path.read_text(encoding="utf-8")):
            missing.append(f"{file}::{test}")
    assert missing == []


SECRETS = [
    "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n",
    "key: AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "alphanode_" + "xY7-" * 11,
    'CLIENT_SECRET = "' + "q8Zr1vLw0TnXe5Kc2Yp7" + '"',
    "password: '" + "9f8Hq2Lk0Zx7Vb3Nn5Tt" + "'",
]


@pytest.mark.parametrize("text", SECRETS, ids=range(len(SECRETS)))
def test_a_secret_in_the_tree_is_found(tmp_path, text):
    (tmp_path / "settings.py").write_text(f"first line\n{text}\n")
    (said,) = secrets_of_tree([tmp_path / "settings.py"], tmp_path)
    assert said.startswith("settings.py:2: ")


@pytest.mark.parametrize("text", [
    'SECRET_KEY = "a key for tests alone, as long as a real one"',
    'token_url = "https://id.example.org/realms/staff/token"',
    'password_field = "id_password_confirmation"',
    '<input name="csrfmiddlewaretoken" value="{{ csrf_token }}">',
])  # fmt: skip
def test_what_is_no_secret_is_not_taken_for_one(text):
    assert list(secrets_in(text)) == []


def test_the_tree_holds_no_secret():
    files = files_of_tree()
    assert len(files) > 500 and secrets_of_tree(files) == []


def audit(code):
    return [sys.executable, "-c", code]


def test_without_advisories_it_says_that_nothing_was_checked():
    away = "import sys; sys.exit('ServiceError: could not connect')"
    skipped = "print('Name Skip Reason'); print('django Dependency not found and could not be audited')"
    for code in (away, skipped):
        assert advisories("requirements.txt", audit(code))[0] == "unchecked"
    assert advisories("requirements.txt", ["/nothing/there"])[0] == "unchecked"


def test_a_known_hole_is_found_and_none_is_a_pass():
    hole = "import sys; print('Name Version ID'); sys.exit('Found 1 known vulnerability in 1 package')"
    outcome, words = advisories("requirements.txt", audit(hole))
    assert outcome == "found" and "Version ID" in words
    assert (
        advisories("requirements.txt", audit("import sys; sys.stderr.write('No known vulnerabilities found')"))[0]
        == "none"
    )
