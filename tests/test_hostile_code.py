"""What our code must not do with foreign text, checked in the source itself, and what SQL never contains."""

import re
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories import make_post

ROOT = Path(__file__).parent.parent
CODE = [path for folder in ("alphanode", "posts", "scripts") for path in (ROOT / folder).rglob("*.py")]
TEMPLATES = [path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".xml", ".txt")]
# HTML is called safe where the sanitizer makes it so (of an article, of one with marks), and where its stored result is
# read; JSON-LD where it is escaped; rows of tables, which templates wrote, where each cell gets an escaped heading. The
# one escaping function, and the one of form fields, pass on what was called safe there.
SAFE_WORDS = {
    "posts/rendering/markdown.py": 1,
    "posts/rendering/escaping.py": 2,
    "posts/rendering/figures.py": 2,
    "posts/rendering/sanitizer.py": 2,
    "posts/listing/article_html.py": 1,
    "posts/admin/posts/live_preview.py": 1,
    "posts/public/jinja.py": 3,
    "posts/public/json_ld.py": 1,
    "posts/public/meta_box.py": 3,
    "posts/templatetags/posts.py": 2,
    "posts/templatetags/form_rows.py": 2,
    "alphanode/form_renderer.py": 1,
}


def _uses(pattern, paths):
    found = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            code = line.split("#")[0] if path.suffix == ".py" else line
            if re.search(pattern, code) and not re.match(r"\s*(from|import) ", code):
                found.setdefault(str(path.relative_to(ROOT)), []).append(line.strip())
    return found


def test_html_is_called_safe_in_reviewed_places_only():
    found = _uses(r"mark_safe\(|SafeString\(|SafeText\(|\bMarkup\(|\b__html__\b", CODE)
    assert {path: len(lines) for path, lines in found.items()} == SAFE_WORDS, found


def test_sql_is_put_into_queries_in_reviewed_places_only():
    # How many rows Django's own statement for a list finds, and the state of the change log: numbers are parameters.
    found = _uses(r"RawSQL\(", CODE)
    assert {path: len(lines) for path, lines in found.items()} == {
        "posts/db/unchanged.py": 1,
        "posts/public/lists.py": 1,
    }


@pytest.mark.parametrize(
    "pattern",
    [
        r"\|\s*safe\b", r"\|\s*safeseq\b", r"autoescape\s+off", r"\bstyle\s*=", r"<style\b", r"\bon[a-z]+\s*=\s*[\"']",
        r"<script(?![^>]*\bsrc=)", r"javascript:",
    ],
)  # fmt: skip
def test_no_template_opens_a_hole_that_escaping_or_the_policy_closes(pattern):
    assert len(TEMPLATES) > 15
    assert _uses(pattern, TEMPLATES) == {}


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bpickle\b", r"\bmarshal\b", r"yaml\.load\b", r"(?<![\w.])eval\(", r"(?<![\w.])exec\(",
        r"\.raw\(", r"\.extra\(", r"shell=True", r"os\.system\(",
        r"Template\(", r"import_string\(", r"urlopen\(|\brequests\.\w+\(|httpx\.\w+\(",
    ],
)  # fmt: skip
def test_nothing_that_runs_or_fetches_what_it_is_given_is_used(pattern):
    assert len(CODE) > 50
    # The command that readers are shown for checking a fingerprint runs on their machine; the one client; and the pipe
    # between a process and its own forked child.
    known = {"posts/records/verify_command.py", "posts/outgoing/fetcher.py", "posts/importing/own_pipe.py"}
    assert _uses(pattern, [path for path in CODE if str(path.relative_to(ROOT)) not in known]) == {}


QUESTIONS = [
    "'", '"', "';--", "' OR '1'='1", "1) OR (1=1", "\\", "%", "\x00", "a\x00b", "%s", "%(a)s", "{0}", "$$",
    "1; DROP TABLE posts_post", "(", "pk__gt", "é" * 300, "9" * 40, "-1", "٣", "None",
]  # fmt: skip
PARAMETERS = ["q", "p", "o", "e", "all", "status", "place", "difficulty", "_connector", "pk__gt", "title__regex",
              "author__password", "_to_field", "_popup"]  # fmt: skip


LISTS = ["post", "revision", "importissue", "importbatch", "auditentry"]


def ask_list(client, superuser, name, pairs):
    make_post()
    client.force_login(superuser)
    address = reverse(f"admin:posts_{name}_changelist")
    for parameter, question in pairs:
        response = client.get(f"{address}?{parameter}={quote(question)}")
        assert response.status_code in (200, 302, 400), (parameter, question)


@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTS)
def test_no_question_to_a_list_breaks_it_or_becomes_sql(client, superuser, name):
    """Each question meets each parameter in one of the lists, and each list all questions and all parameters."""
    pairs = list(product(PARAMETERS, QUESTIONS))
    ask_list(client, superuser, name, pairs[LISTS.index(name) :: len(LISTS)])


@pytest.mark.torture
@pytest.mark.django_db
@pytest.mark.parametrize("name", LISTS)
def test_no_question_at_all_to_a_list_breaks_it(client, superuser, name):
    ask_list(client, superuser, name, product(PARAMETERS, QUESTIONS))


@pytest.mark.django_db
def test_a_question_to_a_public_address_changes_neither_its_answer_nor_its_queries():
    client, post = Client(), make_post(released=True)
    for address in ["/", "/feed/", "/sitemap.xml", post.get_absolute_url(), f"/posts/{post.slug}.json"]:
        # What is kept for a minute is counted now, and what this transaction changed is read once more.
        for _ in range(2):
            client.get(address)
        with CaptureQueriesContext(connection) as plain:
            status = client.get(address).status_code
        for question in QUESTIONS:
            with CaptureQueriesContext(connection) as asked:
                response = client.get(f"{address}?o={quote(question)}&{quote(question)}={quote(question)}")
            assert response.status_code == status == 200, (address, question)
            assert len(asked) == len(plain)


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_word_in_a_path_breaks_an_address(db, question):
    client = Client()
    word = quote(question, safe="")
    for address in (f"/posts/{word}/", f"/posts/{word}.json", f"/{word}"):
        assert client.get(address).status_code in (301, 400, 404), address


@pytest.mark.django_db
def test_no_word_beside_an_act_breaks_it(client, superuser):
    client.force_login(superuser)
    post = make_post(released=True)
    for act, words in [
        ("clear-flag", {"flag": "²", "why": "a\x00b"}),
        ("restore", {"number": "²", "why": "a\x00b"}),
        ("restore", {"number": "٣", "why": "a\x00b"}),
        ("withdraw", {"why": "a\x00b"}),
        ("release", {"expected_result": "a\x00b", "rollback_note": "a\x00b"}),
    ]:
        response = client.post(reverse("admin:posts_post_act", args=[post.pk, act]), words)
        assert response.status_code in (302, 422), act
