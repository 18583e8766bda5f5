"""Code blocks: what parses, what is a fragment, what is broken, and what no parser has read."""

import json
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import reverse

from posts.code_reading import client, grammars, sql
from posts.code_reading.client import read_blocks
from posts.code_reading.languages import LANGUAGES
from posts.code_reading.reading import MAX_CODE, read_block
from posts.code_reading.reading_process import MEMORY, SIZE
from posts.content_checks import results
from posts.content_checks.stored import Stored, block_results_of, check_revisions
from tests.factories import RecordFactory, make_post

pytestmark = [pytest.mark.once]

# {language: (sound, a fragment, broken, the line of the fault)}
EXAMPLES = {
    "bash": ("for f in *; do\n  echo \"$f\"\ndone", "curl -H <token> …", "if true; then\n  ls\n", 2),
    "console": ("$ cat > a <<EOF\nit's\nEOF\n$ ls\nanswer (", "answer: (", "$ echo 'a\n$ ls", 1),
    "javascript": ("import a from 'b';\nconst x = () => a;", "{\n  a: 1,\n  ...\n}", "f(1, {\n  a: 1;\n", 1),
    "jsx": ("const a = <p>it's</p>;", "<p>\n  words\n</p>\n<p />", "const a = <p>{b</p>;", 1),
    "typescript": ("interface A { b: string }", "b: string;\nc?: number;", "interface A {\n  b: string", 1),
    "tsx": ("const a = <p>{b as string}</p>;", "<A<B> c={1} />\n…", "const a = <p>{b</p>;", 1),
    "go": ("package p\n\nfunc f() int { return 1 }", "Name string\nAge  int", "func f() {\n  x := (1\n}", 2),
    "rust": ("fn f() -> u8 { 1 }", "name: String,\nage: u8,", "fn f() -> u8 {\n  let x = (1;\n}", 2),
    "java": ("class A { int b; }", "int b() {\n  return 1;\n}", "class A {\n  int b() { return 1 }\n}", 2),
    "c": ("int main(void) { return 0; }", "{ .a = 1, .b = 2 }", "int main(void) {\n  return (0;\n}", 2),
    "cpp": ("class A { public: int b() { return 1; } };", "private:\n  int b_;", "int main() {\n  return (0;\n}", 2),
    "csharp": ("class A { int B => 1; }", "public int B { get; set; }\n...", "class A {\n  int B( { return 1; }\n}", 2),
    "ruby": ("class A\n  def b = 1\nend", "a: 1,\nb: 2", "def a\n  [1, 2\nend", 2),
    "php": ("<?php\nfunction a() { return 1; }", "public function a() {}", "function a( {\n  return 1;\n}", 1),
    "hcl": ("resource \"a\" \"b\" {\n  c = 1\n}", "{\n  c = 1\n}", "resource \"a\" \"b\" {\n  c = \n}", 2),
    "html": ("<p>a</p>", "<td>a</td>\n…", "<p class=\"a>\n<b>c</b>\n</p>", 1),
    "css": ("a { color: red; }", "color: red;\nmargin: 0;", "a {\n  color: 'red;\n}", 2),
    "kotlin": ("fun a(): Int = 1", "override fun a() {\n  ...\n}", "fun a(): Int {\n  return (1\n}", 2),
    "swift": ("func a() -> Int { 1 }", "case a\ncase b", "func a() -> Int {\n  return (1\n}", 2),
    "scala": ("object A { def b = 1 }", "case Some(x) => x", "object A {\n  def b = (1\n}", 2),
    "lua": ("local a = { b = 1 }", "a = 1,\nb = 2", "local a = {\n  b = (1\n}", 2),
    "elixir": ("defmodule A do\n  def b, do: 1\nend", "a: 1,\nb: 2", "defmodule A do\n  def b, do: (1\nend", 2),
    "dart": ("int a() => 1;", "return a();", "int a() {\n  return (1;\n}", 2),
    "powershell": ("Get-Item -Path 'a' | Select-Object b", "a = 1\nb = 2", "if ($a) {\n  Get-Item (1\n}", 2),
    "make": ("a: b\n\techo c", "…\na: b\n\techo c", "ifeq (a,b\nc\n", 1),
    "python": ("def f():\n    return 1", "def f():\n    …", "def f(:\n    pass", 1),
    "sql": ("SELECT a FROM b WHERE c = 1;", "WHERE a = 1\nORDER BY b", "SELECT a\nFORM b\nWHERE c = 1", 2),
    "json": ('{"a": 1}', '"a": 1,\n...', '{"a": 1\n"b": 2}', 2),
    "jsonc": ("{\n  // why\n  a: 'b',\n}", "{ ... }", '{"a": 1\n"b": 2}', 2),
    "yaml": ("a: 1\nb:\n  - c", "a: <name>\n…\nb: {{ c }}", "a: [1, 2\nb: 3", 2),
    "toml": ('[a]\nb = "c"', "a = <number>", "a = 1\nb = ", 2),
    "xml": ("<a><b/></a>", "<a/>\n<b/>", "<a>\n  <b>\n</a>", 3),
    "dockerfile": ("FROM a AS b\nRUN ls \\\n  -l", "FROM a\n...\nRUN ls", "FROM a\nRUN\n", 2),
    "nginx": ("server {\n  listen 80;\n}", "location / {\n  ...\n}", "server {\n  listen 80\n}", 2),
    "systemd": ("[Unit]\nAfter=a", "[Unit]\n…, more: \n", "[Unit\nAfter=a", 1),
    "dotenv": ("A=1\nexport B='c'", "A=1\n...", "A=1\nB 2", 2),
    "jinja": ("{% if a %}b{% endif %}", "{% if a %}\n…\n{% endif %}", "{% for a in b %}\nc\n{% endif %}", 3),
    "gotmpl": ("{{ if .A }}b{{ end }}", "{{ range .A }}\n…\n{{ end }}", "{{ if .A }}\nb\n", 1),
    "erb": ("<% if a %><b><%= c %></b><% end %>", "<% x.each do %>\n…\n<% end %>", "<p>\n<%= link_to(a %>\n</p>", 2),
    "vue": ("<template><p>{{ a }}</p></template>", "<p>\n  …\n</p>", "<script>\nconst a = (1;\n</script>", 2),
    "proto": ("message A {\n  string b = 1;\n}", "string b = 1;\n...", "message A {\n  string b = 1\n}", 2),
    "graphql": ("type A { b: Int! }", "a(id: 1) {\n  b\n}", "type A {\n  b Int\n}", 2),
    "http": ("GET / HTTP/1.1\nContent-Type: a/json\n\n{}", "GET /", "GET /\nContent-Type: a/json\n\n{\n1}", 5),
    "regex": ("^(a|b)+$", "^(a|…)$", "^(a|b$", 1),
    "diff": ("@@ -1 +1 @@\n-a\n+b", "@@ -1,2 +1 @@\n a\n...", "@@ -1,1 +1,1 @@\n a\n-b\n", 1),
}  # fmt: skip
# In these the grammar takes a part for a whole.
NO_FRAGMENT = {
    "bash", "tsx", "java", "cpp", "hcl", "html", "css", "dart", "powershell", "gotmpl", "jinja", "erb", "vue", "diff",
    "dotenv", "systemd", "make", "proto", "regex",
}  # fmt: skip


@pytest.mark.parametrize("language", EXAMPLES)
def test_each_language_is_read_whole_or_as_a_fragment_and_its_faults_are_found(language):
    sound, fragment, broken, line = EXAMPLES[language]
    whole = read_block(language, sound)
    assert (whole.state, whole.message) == ("parsed", "")
    assert read_block(language, fragment).state in (
        ("parsed", "fragment") if language in NO_FRAGMENT else ("fragment",)
    )
    fault = read_block(language, broken)
    assert (fault.state, fault.line) == ("broken", line), fault
    assert fault.message and fault.language == whole.language


def test_every_grammar_has_an_example():
    shown = {read_block(language, sound).language for language, (sound, *_) in EXAMPLES.items()}
    others = {"Markdown", "Astro", "INI"}
    assert {language.name for language in LANGUAGES.values()} - shown == others - shown


@pytest.mark.parametrize(
    ("language", "code", "message"),
    [
        ("go", "func f() {\n  x := 1\n", "“{” is never closed; “}” expected"),
        ("javascript", "f(1, 2", "“(” is never closed; “)” expected"),
        ("c", "int a\nint b;", "“;” expected"),
        ("json", '{"a" 1}', "Expecting ':' delimiter"),
        ("sql", "SELEC a FROM b", "“SELECT” expected, not “SELEC”"),
        ("sql", "SELECT a FROM", "table name expected"),
        ("dockerfile", "FORM a", "an instruction such as RUN or COPY expected, not “FORM”"),
    ],
)
def test_a_fault_says_what_was_expected(language, code, message):
    assert message in read_block(language, code).message


@pytest.mark.parametrize(
    ("language", "code", "state"),
    [
        ("bash", "$ pip install x\nCollecting x (1.0\n$ python -m x", "parsed"),
        ("console", "root@host:/# ls\na  b\nroot@host:/# cat 'a", "broken"),
        ("console", "# apt-get update\nGet:1 http://x (1", "parsed"),
        ("", "$ ls -l\ntotal (", "parsed"),
        ("", "x = = 1", "unread"),
        ("python", ">>> x = (1,\n...      2)\n>>> x\n(1, 2", "parsed"),
        ("python", ">>> x = (1,\n", "broken"),
        ("irb", "irb> a = [1]\n=> [1", "parsed"),
        ("powershell", "PS C:\\> Get-Item a\n\n    Directory: (", "parsed"),
        ("sql", "db=# SELECT a FROM b;\n  a\n-----\n (1\n(1 row)\n", "fragment"),
        ("yaml", "---\na: 1\n---\n\nWords: with: colons", "parsed"),
        ("toml", "+++\na = 1\n+++\n\nWords", "parsed"),
        ("python", "type A[T] = list[T]\nf'{x['a']}'", "parsed"),
        ("python", "print 'a'", "broken"),
        ("js", "// app.js\nconst a = /* the value */;\n", "fragment"),
        ("rust", "# use std::fmt;\nfn f() {}", "fragment"),
        ("go", "if err != nil {", "fragment"),
        ("text", "anything (", "parsed"),
        ("php", "<p>\n  Words\n</p>", "parsed"),
        ("markdown", "# any *text", "parsed"),
        ("markdown", "---\na: [1\n---\nText", "broken"),
    ],
)
def test_sessions_omissions_and_parts_of_code_are_understood(language, code, state):
    assert read_block(language, code).state == state


HOSTILE = {
    "deep brackets": ("js", "[" * 49_000),
    "deep calls": ("python", "(" * 49_000),
    "a long expression": ("python", "-" * 49_000 + "1"),
    "unary": ("c", "*" * 49_000),
    "generics": ("java", "x<" * 20_000),
    "here documents": ("ruby", "<<A," * 12_000),
    "tags": ("html", "<a>" * 16_000),
    "subqueries": ("sql", "select " * 7_000),
    "substitutions": ("bash", "$(" * 20_000),
    "tags of a template": ("erb", "<%" * 24_000),
    "prompts": ("console", "a@" * 24_000),
    "dots": ("js", "..." * 16_000),
    "NUL": ("go", "a\0b"),
    "a surrogate": ("js", "a\ud800b"),
    "one line of a megabyte": ("css", "a" * 1_000_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_gets_a_result_and_the_next_block_its_own(name):
    reading, after = read_blocks([HOSTILE[name], ("json", "[1]")])
    assert reading.state in ("parsed", "fragment", "broken", "unread")
    assert reading.message or reading.state in ("parsed", "fragment")
    assert after.state == "parsed"


def test_code_that_takes_a_parser_too_long_or_too_much_memory_is_given_up(monkeypatch):
    (reading,) = read_blocks([("java", "x<" * 20_000)])
    # The parser asks for more and more memory: on a fast machine it meets that limit first.
    assert (reading.state, reading.language) == ("unread", "Java")
    assert reading.message in ("the parser took too long", "the parser failed")
    monkeypatch.setattr(client, "SECONDS_FOR_TEXT", -1)
    assert read_blocks([("json", "[1]")])[0].message == "the text took too long"


def test_code_that_is_too_long_is_not_read():
    (reading,) = read_blocks([("js", "x" * (MAX_CODE + 1))])
    assert (reading.state, reading.message) == ("unread", "longer than 50,000 characters")


def test_a_parser_that_ends_its_process_takes_no_other_block_with_it(monkeypatch):
    read_blocks([("json", "[1]")])
    client._process._child.send_signal(signal.SIGKILL)
    client._process._child.wait()
    first, second = read_blocks([("json", "[1]"), ("json", "[1]")])
    assert (first.state, first.message, second.state) == ("unread", "the parser failed", "parsed")


def test_the_process_sees_no_setting_of_the_site_and_has_limits(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "unseen")
    process = client._Process()
    try:
        assert process.ask("json", "[1]")[0].state == "parsed"
        number = process._child.pid
        assert b"unseen" not in Path(f"/proc/{number}/environ").read_bytes()
        assert resource.prlimit(number, resource.RLIMIT_AS) == (MEMORY, MEMORY)
        assert resource.prlimit(number, resource.RLIMIT_FSIZE) == (0, 0)
    finally:
        process.end()


def test_the_process_imports_neither_django_nor_the_models():
    script = (
        "import sys, posts.code_reading.reading_process\n"
        "print([name for name in sys.modules if name.startswith(('django', 'posts.')) and 'code_reading' not in name])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_the_process_ends_when_nobody_asks_any_more():
    question = json.dumps(["json", "[1]"]).encode()
    ended = subprocess.run(
        [sys.executable, "-m", "posts.code_reading.reading_process"],
        input=SIZE.pack(len(question)) + question, capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(ended.stdout[SIZE.size :])["state"] == "parsed"


def test_a_missing_parser_is_said_for_each_language(monkeypatch):
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    grammars.parser_of.cache_clear()
    sql._sqlglot.cache_clear()
    try:
        for language, name in (("go", "Go"), ("sql", "SQL")):
            reading = read_block(language, "SELECT 1")
            assert (reading.state, reading.language, reading.message) == ("unread", name, "no parser is installed")
        assert read_block("python", "x = 1").state == "parsed"
    finally:
        grammars.parser_of.cache_clear()


def test_every_optional_parser_is_used_and_none_is_missing_in_the_requirements():
    listed = set(
        re.findall(
            r"^(tree-sitter-[\w-]+|sqlglot|graphql-core)~=", Path("requirements-checks.in").read_text(), re.MULTILINE
        )
    )
    used = {grammar for language in LANGUAGES.values() for grammar in language.grammars} | {"python"}
    packages = {"tsx": "typescript", "php_only": "php"}
    assert listed == {f"tree-sitter-{packages.get(one, one).replace('_', '-')}" for one in used} | {
        "sqlglot",
        "graphql-core",
    }


BODY = (
    "Words.\n\n```go\nfunc f() {\n  x := (1\n}\n```\n\n```js\nconst a = 1;\n```\n\n```cobol\nMOVE.\n```\n\n"
    "```ruby\na: 1,\n...\n```"
)


def test_the_check_names_the_block_the_line_and_what_was_expected():
    found, unread = results(RecordFactory(body=BODY))
    (finding,) = [finding for finding in found if finding.check == "code-syntax"]
    assert finding.message.startswith(
        "Code block 1 is not valid Go: “(” is never closed; “)” expected (line 2, column 8"
    )
    assert finding.pointer == "/body" and finding.pointer.line == 5
    assert "1 of 4 code blocks not checked (cobol: no parser for this language)." in {gap.message for gap in unread}


@pytest.mark.django_db
def test_the_review_screen_counts_the_blocks_and_its_frame_shows_each_result(client, reviewer):
    post = make_post(body=BODY)
    client.force_login(reviewer)
    screen, frame = reverse("admin:review", args=[post.pk]), reverse("admin:review_code", args=[post.head_revision_id])
    assert "Code blocks:" not in client.get(screen).content.decode()
    assert "Not checked yet." in client.get(frame).content.decode()
    check_revisions([post.head_revision_id])
    assert [block.state for block in block_results_of(Stored.of(post.head_revision))] == [
        "broken",
        "parsed",
        "unread",
        "fragment",
    ]
    page = client.get(screen).content.decode()
    assert "Code blocks: 1 broken, 1 not checked, 1 read as fragments, 1 parsed." in page and frame in page
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(frame).content.decode()))
    assert "1. Go broken Body, line 3 Line 2, column 8: “(” is never closed; “)” expected" in shown
    assert "3. cobol not checked Body, line 13 No parser for this language" in shown
    marked = re.findall(r"<mark[^>]*>(.*?)</mark>", client.get(frame).content.decode(), re.DOTALL)
    assert len(marked) == 1 and "x := (1" in marked[0]
    assert client.get(f"/admin/review/code/{2**63}/").status_code == 404


@pytest.mark.django_db
def test_the_frame_escapes_code_and_says_that_a_text_has_none(client, reviewer):
    client.force_login(reviewer)
    for body, words in (
        ("```html\n<script>alert(1)</script>\n```", "&lt;script&gt;alert"),
        ("Words.", "no code blocks"),
    ):
        post = make_post(body=body)
        check_revisions([post.head_revision_id])
        page = client.get(reverse("admin:review_code", args=[post.head_revision_id])).content.decode()
        assert words in page and "<script>alert" not in page
