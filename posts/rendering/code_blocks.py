"""Blocks of code: their head and their colours."""

from functools import lru_cache
from typing import Any

from django.utils.html import escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from posts.rendering.code_heads import read_code_head

# The cost of Pygments' patterns grows with the square of the code; longer code has no colours.
MAX_COLOURED = 4000
MAX_COLOURED_OF_TEXT = 20_000
# Pygments' names of the languages whose patterns stay within this; others take minutes for a page of line ends.
COLOURED = frozenset(
    """
    ABNF|Ada|ApacheConf|Awk|Bash|Bash Session|Batchfile|C|C#|C++|Clojure|CMake|COBOL|CoffeeScript|Common Lisp|Crystal|
    CSS|CUDA|Cypher|D|Dart|Delphi|Diff|Django/Jinja|Docker|EBNF|Elixir|Elm|Erlang|F#|Fish|Fortran|GAS|GLSL|Go|GraphQL|
    Graphviz|Groovy|Haskell|HTML|HTML+Django/Jinja|HTTP|INI|Java|JavaScript|JSON|JSON5|JSON-LD|Jsonnet|JSX|Julia|
    Kotlin|Kusto|LessCss|LLVM|Lua|Makefile|Markdown|Matlab|MySQL|NASM|Nginx configuration file|Nimrod|Nix|Objective-C|
    OCaml|Perl|PHP|PL/pgSQL|PostgreSQL SQL dialect|PowerShell|Prolog|PromQL|Properties|Protocol Buffer|Puppet|Python|
    Python console session|Python Traceback|Racket|Rego|reStructuredText|RobotFramework|Ruby|Rust|S|Sass|Scala|Scheme|
    SCSS|Smalltalk|Solidity|SPARQL|SQL|sqlite3con|Swift|Systemd|Tcl|Terraform|TeX|TOML|Transact-SQL|TSX|Turtle|
    TypeScript|VB.net|VimL|Vue|WebAssembly|XML|XSLT|YAML|Zig
    """.replace("\n    ", "")
    .strip()
    .split("|")
)
_FORMATTER = HtmlFormatter(nowrap=True)


def code_block(code: str, info: str, env: dict[str, Any]) -> str:
    """Return a block of code with its head; `info` is the fence's info string.

    Code is coloured only where that is cheap.
    """
    code_head = read_code_head(info)
    file_name = code_head.file_name
    body, name = escape(code), code_head.name
    if code_head.lexer and (lexer := _lexer(code_head.lexer)):
        env["coloured"] = env.get("coloured", 0) + len(code)
        if len(code) <= MAX_COLOURED and env["coloured"] <= MAX_COLOURED_OF_TEXT:
            body = highlight(code, lexer, _FORMATTER)
    head = "".join(
        f'<span class="code__{part}">{escape(words)}</span>'
        for part, words in (("language", name), ("file", file_name))
        if words
    )
    head = f'<div class="code__head">{head}</div>' if head else ""
    label = escape(" ".join(part for part in ("Code", name, file_name) if part))
    return (
        f'<div class="code" dir="ltr">{head}<pre tabindex="0" role="group" aria-label="{label}">'
        f"<code>{body}</code></pre></div>"
    )


@lru_cache(maxsize=200)
def _lexer(language: str) -> Lexer | None:
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None
    return lexer if lexer.name in COLOURED else None
