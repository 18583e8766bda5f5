"""Code as authors write it: what is sound, what they leave out, and what is broken, one line for each kind."""

import pytest

from posts.code_reading.reading import read_block

pytestmark = [pytest.mark.once]

# [(language, code)]
SOUND_OR_FRAGMENTS = [
    # Data
    ("json", '{\n  // why\n  "a": 1\n}'),
    ("json", '{\n  "a": 1,\n  ...\n}'),
    ("json", '"scripts": {\n  // why\n  "a": "b"\n}'),
    ("json", '{"a": "<your key>", "b": <number>}'),
    ("json", 'HTTP/1.1 200 OK\nContent-Type: application/json\n\n{"a": 1}'),
    ("yaml", "a: 1\n---\nb: [1, 2]"),
    ("yaml", "name: {{ .Release.Name }}\nspec:\n  {{- if .Values.a }}\n  b: {{ .Values.b | quote }}\n  {{- end }}"),
    ("yaml", "key: !Ref Foo\non: ${{ secrets.K }}"),
    ("toml", '[a]\nname = "<name>"\nversion = <version>'),
    ("ini", "# no key\nforge soft nofile 10000"),
    # Shells
    ("bash", "kubectl get svc\n\nNAME        TYPE        CLUSTER-IP\nit's-one    ClusterIP   10.0.0.1 (x"),
    ("bash", "2022-09-01 12:26:43 it's here (x\n2022-09-01 12:26:44 done"),
    ("bash", "New-Item -Type File -Path $PROFILE -Force | Where-Object { $_.Length -gt 1MB }"),
    ("bash", "CREATE TABLE t (a int);\nSELECT a FROM t;"),
    ("bash", "case $1 in\n if) echo done ;;\n for|do) x ;;\nesac"),
    ("bash", "for ((i=0; i<3; i++)); do echo if; done"),
    ("bash", "cat <<EOF\nif it's so\nEOF\necho then"),
    ("powershell", "Get-ChildItem -Path C:\\ | Where-Object { $_.Length -gt 1MB }"),
    ("powershell", "$x=$(Get-Content -raw $env:USERPROFILE\\.a\\ca.crt)"),
    # Databases
    ("sql", "SELECT TOP 5 * FROM [dbo].[x]"),
    ("sql", "SELECT * FROM `x` LIMIT 5, 10"),
    ("sql", "CREATE TABLE [a] (\n  [b] int NOT NULL,\n)"),
    ("sql", "LISTEN x; NOTIFY x, 'y';"),
    ("sql", "SELECT * FROM t FINAL PREWHERE a = 1"),
    ("sql", "INSERT INTO t (a, b)"),
    ("sql", "a int NOT NULL,\nb text"),
    ("sql", "... WHERE a = 1"),
    # Files of tools
    ("dockerfile", 'FROM a AS b\nRUN <<EOF\nit\'s\nEOF\nCMD ["a", "b"]'),
    ("proto", 'syntax = "proto3";\nservice S { rpc X (A) returns (stream A); }\nenum E { A = 0; }'),
    (
        "proto",
        "message A {\n  map<string, B> c = 1 [deprecated = true];\n  oneof d { int32 e = 2; }\n  reserved 4, 5;\n}",
    ),
    ("graphql", "query Q($id: ID!) { user(id: $id) { ...F } }\nfragment F on User { id }"),
    ("graphql", "user(id: 1) {\n  name\n}"),
    ("http", "POST /v1/x HTTP/1.1\nHost: a.b\n\na=b"),
    ("regex", "(?<year>\\d{4})-(?P<month>\\d\\d)"),
    ("regex", "/^a\\/b$/gi"),
    # Python: newer than the one that runs here, parts, notebooks
    ("python", "type X[T] = list[T]"),
    ("python", "def f[T = int](x: T) -> T: ..."),
    ("python", 'x = f"{a["b"]}"'),
    ("python", "try:\n    pass\nexcept* ValueError:\n    pass"),
    ("python", "try:\n    a()\nexcept ValueError, TypeError:\n    pass"),
    ("python", "match x:\n    case {'a': 1}:\n        pass"),
    ("python", "elif x:\n    pass"),
    ("python", "def f(a: int) -> int"),
    ("python", "In [1]: import x\nOut[1]: 3"),
    ("python", "%timeit x\n!pip install y\nx = 1"),
    # Pages and scripts
    ("css", "@container (width > 1px) { a { b: c } }\n@layer a, b;"),
    ("html", "<ul>\n<li>a\n<li>b\n</ul>"),
    ("html", "{% if x %}<p>{% endif %}"),
    ("js", "a();\nb(); // [!code --]\nc(); // [!code ++]"),
    ("php", "$a->assertJson(array $data, $strict = false);"),
    ("php", "$a->body() : string;\n$a->ok() : bool;"),
    ("php", "if (/** What decides it */) {\n}"),
    ("php", "php artisan queue:work"),
    ("rust", "&i32\n&'a i32"),
    ("csharp", "class A\n{\n    int B;\n\n    . . .\n}"),
    ("java", "A a = // what you have\nB b = a.b();"),
    ("ruby", "    a\n  end\nend"),
]
BROKEN = [
    ("json", '{\n  "a": 1,\n}'),
    ("json", "{'a': 1}"),
    ("json", '{"a": True}'),
    ("yaml", "a: 1\n---\nb: [1\n"),
    ("yaml", "a:\n\tb: 1"),
    ("toml", "a: 1"),
    ("ini", "[Unit]\nDescription x y"),
    ("bash", "for i in 1 2 3\n echo $i\ndone"),
    ("bash", "if [ -f x ]\n  echo 1\nfi"),
    ("bash", "ls\ndone"),
    ("bash", "while true; do\n  case a in\n  b) c ;;\n  esac\n"),
    ("bash", "echo it's"),
    ("powershell", "if ($a -eq 1 { x }"),
    ("sql", "SELECT a FROM"),
    ("sql", "SELECT a b c FROM t"),
    ("sql", "SELECT * FORM t"),
    ("sql", "SELECT a, FROM t"),
    ("sql", "SELECT * FROM t WHERE"),
    ("sql", "SELECT * FROM t GROUP a"),
    ("sql", "UPDATE t SEET a = 1"),
    ("sql", "CREATE TABLE t (a int,, b int)"),
    ("sql", "CREATE TABLE t (\n  a int\n  b int\n)"),
    ("dockerfile", 'FROM a\nCMD ["b" "c"]'),
    ("dockerfile", "FROM a\nRUN <<EOF\nls"),
    ("proto", "message A {\n  string b = 1;\n"),
    ("proto", "message A {\n  string b 1;\n}"),
    ("graphql", "query {\n  user(id: 1) {\n    name\n  }\n"),
    ("http", "POST /x HTTP/1.1\nContent-Type: application/json\n\n{\n  a: 1\n}"),
    ("http", "posts something"),
    ("regex", "[a-z"),
    ("regex", "*a"),
    ("python", "def f():\nreturn 1"),
    ("python", "print(f'{x!z}')"),
    ("python", "type X list[int]"),
    ("python", "for a in b:\n    c = f'{a}'\n       d()"),
    ("css", "a { color red; }"),
    ("html", "<a href='x'>y</b>"),
    ("jsx", "<div><span></div>"),
    ("js", "try { a() }"),
    ("go", "if x == 1\n{\n}"),
    ("go", "if x {\n}\nelse {\n}"),
    ("ruby", "if a\n  b\nend\nend"),
    ("ruby", "clas A\nend"),
]


@pytest.mark.parametrize(("language", "code"), SOUND_OR_FRAGMENTS)
def test_code_that_authors_write_so_is_not_called_broken(language, code):
    assert read_block(language, code).state in ("parsed", "fragment", "unread"), read_block(language, code)


@pytest.mark.parametrize(("language", "code"), BROKEN)
def test_broken_code_is_found(language, code):
    reading = read_block(language, code)
    assert reading.state == "broken" and reading.message


@pytest.mark.parametrize(
    "code",
    ["print 'a'", "exec 'a'", "try:\n    a()\nexcept ValueError, e:\n    b()", "raise E, 'a'", "if a <> b:\n    c()"],
)
def test_python_2_is_called_so(code):
    assert "this is Python 2" in read_block("python", code).message


def test_what_a_shell_adds_to_sh_is_not_called_broken():
    assert read_block("zsh", "print -l **/*(.)").state == "unread"
    assert read_block("zsh", "echo 'a").state == "broken"
