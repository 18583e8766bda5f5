"""The languages that can be read: their names behind a fence, their grammars, and what a fragment of each may lack."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """A language.

    grammars: those of tree-sitter that are tried, in order. wraps: (what stands before, what stands after) a fragment,
    on lines of their own, so that a fault keeps its line.
    """

    name: str
    grammars: tuple[str, ...] = ()
    wraps: tuple[tuple[str, str], ...] = ()


MARKUP = "<>\n"
# Each pair ends or begins with a line end where that matters; the lines before the fragment are counted off.
_SCRIPT = (
    ("async function* f() {\n", "\n}"),
    ("({\n", "\n})"),
    ("class C {\n", "\n}"),
    ("x = [\n", "\n]"),
    ("(\n", "\n)"),
    ("f(\n", "\n)"),
    (MARKUP, "\n</>"),
    ("switch (x) {\n", "\n}"),
    ("x\n", ""),
    ("class C {\nx = ", "\n}"),
)
_TYPED = (
    *_SCRIPT,
    ("interface I {\n", "\n}"),
    ("type T =\n", ""),
    ("enum E {\n", "\n}"),
    ("declare module M {\n", "\n}"),
    ("", " {}"),
    ("class C {\n", " {} }"),
)
_C = (
    ("void f() {\n", "\n}"),
    ("struct S {\n", "\n};"),
    ("x = {\n", "\n};"),
    ("void f() { x =\n", "; }"),
    ("void f() { switch (x) {\n", "\n} }"),
    ("", ";"),
    ("", " {}"),
)

LANGUAGES = {
    "bash": Language("Bash", ("bash",), (("case x in\n", "\nesac"), ("x=(\n", "\n)"))),
    "javascript": Language("JavaScript", ("javascript", "tsx", "typescript"), _SCRIPT),
    "typescript": Language("TypeScript", ("typescript", "tsx"), _TYPED),
    "tsx": Language("TSX", ("tsx", "typescript"), _TYPED),
    "go": Language(
        "Go",
        ("go",),
        (
            ("func f() {\n", "\n}"),
            ("type T struct {\n", "\n}"),
            ("type T interface {\n", "\n}"),
            ("var x =\n", ""),
            ("var x = T{\n", "\n}"),
            ("func f() { switch x {\n", "\n} }"),
            ("func f() { f(\n", "\n) }"),
            ("", " {}"),
        ),
    ),
    "rust": Language(
        "Rust",
        ("rust",),
        (
            ("fn f() {\n", "\n}"),
            ("impl T {\n", "\n}"),
            ("struct S {\n", "\n}"),
            ("trait T {\n", "\n}"),
            ("enum E {\n", "\n}"),
            ("fn f() { match x {\n", "\n} }"),
            ("fn f() { let x =\n", "; }"),
            ("fn f() { f(\n", "\n) }"),
            ("type T =\n", ";"),
            ("type T<'a> =\n", ";"),
            ("fn f() { x\n", "; }"),
            ("", " struct S;"),
            ("", " {}"),
            ("", ";"),
        ),
    ),
    "java": Language(
        "Java",
        ("java",),
        (
            ("class C {\n", "\n}"),
            ("class C { void f() {\n", "\n} }"),
            ("class C { Object x =\n", "; }"),
            ("class C { void f() { f(\n", "\n); } }"),
            ("class C { void f() { x\n", "; } }"),
            ("class C { void f() { switch (x) {\n", "\n} } }"),
            ("", " class C {}"),
            ("class C {\n", " void f(); }"),
            ("class C {\n", " {} }"),
        ),
    ),
    "c": Language("C", ("c", "cpp"), _C),
    "cpp": Language("C++", ("cpp", "c"), (*_C, ("class C { public:\n", "\n};"), ("template <class T>\n", ""))),
    "csharp": Language(
        "C#",
        ("c_sharp",),
        (
            ("class C {\n", "\n}"),
            ("class C { async void F() {\n", "\n} }"),
            ("var x =\n", ";"),
            ("F(\n", "\n);"),
            ("x\n", ";"),
            ("var x = new X {\n", "\n};"),
            ("switch (x) {\n", "\n}"),
            ("enum E {\n", "\n}"),
            ("", " class C {}"),
            ("class C {\n", " void F(); }"),
            ("class C {\n", " {} }"),
            ("", ";"),
        ),
    ),
    "ruby": Language(
        "Ruby", ("ruby",), (("f(\n", "\n)"), ("x = {\n", "\n}"), ("x = [\n", "\n]"), ("x\n", ""), ("case x\n", "\nend"))
    ),
    "php": Language(
        "PHP",
        ("php_only", "php"),
        (
            ("class C {\n", "\n}"),
            ("return [\n", "\n];"),
            ("$x\n", ";"),
            ("f(\n", "\n);"),
            ("interface I {\n", "\n}"),
            ("$x = match (true) {\n", "\n};"),
            ("switch ($x) {\n", "\n}"),
            ("", ";"),
            ("", " class C {}"),
            ("class C {\n", " function f() {} }"),
            ("class C {\n", " {} }"),
            ("", " {}"),
            ("$x =\n", ";"),
        ),
    ),
    "hcl": Language("HCL", ("hcl",), (("x {\n", "\n}"), ("x = {\n", "\n}"), ("x = [\n", "\n]"), ("x =\n", ""))),
    "html": Language("HTML", ("html",), (("<table><tr>\n", "\n</tr></table>"), ("<x ", ">"))),
    "vue": Language("Vue", ("html",), (("<x ", ">"),)),
    "css": Language("CSS", ("css",), (("a {\n", "\n}"), ("a { x:\n", "; }"), ("", " {}"), ("", ";"), ("a {\n", ";}"))),
    "kotlin": Language(
        "Kotlin",
        ("kotlin",),
        (("fun f() {\n", "\n}"), ("class C {\n", "\n}"), ("val x =\n", ""), ("val x = f(\n", "\n)"), ("", " class C")),
    ),
    "swift": Language(
        "Swift",
        ("swift",),
        (("func f() {\n", "\n}"), ("class C {\n", "\n}"), ("let x =\n", ""), ("enum E {\n", "\n}")),
    ),
    "scala": Language("Scala", ("scala",), (("object O {\n", "\n}"), ("val x = {\n", "\n}"), ("val x = f(\n", "\n)"))),
    "lua": Language(
        "Lua", ("lua",), (("x = {\n", "\n}"), ("function f()\n", "\nend"), ("return\n", ""), ("f(\n", "\n)"))
    ),
    "elixir": Language("Elixir", ("elixir",), (("f(\n", "\n)"), ("[\n", "\n]"), ("%{\n", "\n}"), ("x\n", ""))),
    "dart": Language(
        "Dart",
        ("dart",),
        (("void f() async {\n", "\n}"), ("class C {\n", "\n}"), ("var x =\n", ";"), ("var x = f(\n", "\n);")),
    ),
    "powershell": Language("PowerShell", ("powershell",), (("@{\n", "\n}"),)),
    "make": Language("Make", ("make",)),
    "python": Language("Python"),
    "sql": Language("SQL"),
    "json": Language("JSON"),
    "jsonc": Language("JSON with comments"),
    "yaml": Language("YAML"),
    "toml": Language("TOML"),
    "xml": Language("XML"),
    "docker": Language("Dockerfile"),
    "nginx": Language("nginx"),
    "ini": Language("INI"),
    "dotenv": Language(".env"),
    "jinja": Language("Jinja"),
    "gotmpl": Language("Go template"),
    "erb": Language("ERB", ("ruby",)),
    "diff": Language("Diff"),
    "proto": Language("Protocol Buffers"),
    "graphql": Language("GraphQL"),
    "http": Language("HTTP"),
    "regex": Language("Regular expression"),
    "console": Language("Console", ("bash",)),
    "markdown": Language("Markdown"),
    "astro": Language("Astro", ("typescript", "tsx")),
}

_NAMES = {
    "bash": "sh shell zsh ksh dash shellscript shell-script",
    "console": "shell-session sh-session shellsession bash-session terminal term cli dotnetcli azurecli azcli",
    "javascript": "js jsx mjs cjs node nodejs ecmascript es6",
    "typescript": "ts mts cts",
    "go": "golang",
    "rust": "rs",
    "c": "h",
    "cpp": "c++ cc cxx hpp",
    "csharp": "c# cs c-sharp c_sharp",
    "ruby": "rb irb gemfile rakefile vagrantfile",
    "php": "php7 php8",
    "hcl": "terraform tf opentofu tfvars",
    "html": "htm xhtml",
    "vue": "vue-html svelte-html",
    "kotlin": "kt kts",
    "elixir": "ex exs",
    "powershell": "ps ps1 pwsh posh",
    "make": "makefile mf",
    "python": "py python3 py3 pycon doctest python-repl",
    "sql": "postgresql postgres pgsql mysql sqlite psql plpgsql tsql mariadb clickhouse",
    "json": "geojson webmanifest",
    "jsonc": "json5 jsonl ndjson hujson",
    "yaml": "yml",
    "xml": "svg xsd xsl pom plist csproj xaml",
    "docker": "dockerfile containerfile",
    "nginx": "nginxconf",
    "ini": "cfg systemd desktop editorconfig gitconfig properties service unit",
    "dotenv": "env",
    "jinja": "jinja2 j2 twig django liquid html+jinja html+django html+twig njk nunjucks django/jinja",
    "gotmpl": "go-html-template go-text-template gohtml gotemplate helm",
    "erb": "html+erb rhtml ejs",
    "diff": "patch udiff",
    "proto": "protobuf proto3 proto2",
    "graphql": "gql graphqls",
    "http": "https rest",
    "regex": "regexp re pcre",
    "markdown": "md mkd gfm",
}
BY_NAME = {name: key for key, names in _NAMES.items() for name in [key, *names.split()]} | {
    key: key for key in LANGUAGES
}
# Names of what has no syntax.
PLAIN = frozenset(
    """text txt plain plaintext none nocode output raw log tree ascii nohighlight no-highlight ignorelang goat stdout
    stderr result response""".split()
)
