"""The info string of a code fence in the ways of many tools: its language and its file name."""

import re
from dataclasses import dataclass

from posts.rendering.code_languages import language_names

MAX_READ, MAX_LANGUAGE, MAX_FILE = 2000, 40, 120
_FILE_KEYS = ("title", "file", "filename", "file_name", "name", "path", "label", "caption")
_OPTIONS = ("linenums", "hl_lines", "linenostart", "meta", "theme")
# Words after a language that are options for a tool.
_SWITCHES = frozenset(
    """copy diff editable ignore linenos linenums live lineno nocopy nolinenos nonumber nowrap norun numberlines
    numbers runnable showlinenumbers should_panic no_run compile_fail test twoslash wrap""".split()
)
_LANGUAGE = re.compile(r"[^\s,{}()\[\]=:\"'/]+")
_PAIR = re.compile(r"""([\w.@-]{1,40})\s{0,3}[=:]\s{0,3}(?:"([^"]*)"|'([^']*)'|(\{[^{}]*\}|\[[^\[\]]*\]|[^\s,{}]+))""")
_ASIDE = re.compile(r"""\{[^{}]*\}|"[^"]*"|'[^']*'""")
_CLASS = re.compile(r"\{\s*:?\s*\.?([^\s{}.,=#]+)")
# MyST and Sphinx: the language is the argument of a directive.
_DIRECTIVE = re.compile(r"\{(?:code-block|code-cell|code|sourcecode|literalinclude)\}\s*")
_GROUP = re.compile(r"\[([^\[\]]{1,120})\]")
_FILE = re.compile(r"[^\s{}=]*[./][^\s{}=]*\w")
_FILES = ("dockerfile", "makefile", "jenkinsfile", "caddyfile", "procfile", "gemfile", "rakefile", "vagrantfile")


@dataclass(frozen=True)
class CodeHead:
    """The head of a code block.

    language: as written, in lower case. lexer: Pygments' name for it, or "". name: what readers see.
    """

    language: str = ""
    lexer: str = ""
    name: str = ""
    file_name: str = ""


def read_code_head(info: str) -> CodeHead:
    """Return the CodeHead of an info string: `js title="a.js" {1,3}`, `rust,should_panic`, `{.python}`, `go a.go`."""
    info = (
        _DIRECTIVE.sub("", info.strip()[:MAX_READ], count=1)
        if info.lstrip().startswith("{")
        else info.strip()[:MAX_READ]
    )
    if info.startswith("["):
        # The name of a tab alone.
        found, language, rest = None, "", info
    elif info.startswith("{"):
        found = _CLASS.match(info)
        language = found[1] if found else ""
        # In {.python .numberLines} the other classes are not file names.
        rest = re.sub(r"\s[.#][\w-]+", " ", info[found.end() :].rstrip("}")) if found else ""
        if rest.startswith("="):
            # A block of attributes alone, such as {file="a.js"}.
            language, rest = "", info.strip("{}")
    else:
        found = _LANGUAGE.match(info)
        if not found:
            # No known tool writes such a line: it is shown unchanged.
            language, _, rest = info.partition(" ")
            language = language[:MAX_LANGUAGE]
            return CodeHead(language, "", language, rest[:MAX_FILE])
        language, rest = found[0], info[found.end() :]
        if rest.startswith("=") and language.lower() in (*_FILE_KEYS, *_OPTIONS):
            # Attributes alone, such as title="a.js".
            language, rest = "", f" {info}"
    language = re.sub("^lang(?:uage)?-|(?<=^diff)-.*", "", language.lower())[:MAX_LANGUAGE]
    pairs = {match[1].lower(): next(filter(None, match.groups()[1:]), "") for match in _PAIR.finditer(rest)}
    file_name = next((pairs[key] for key in _FILE_KEYS if pairs.get(key)), "") or _file_in(rest)
    lexer, name = language_names(language) if language else ("", "")
    return CodeHead(language, lexer, name, " ".join(file_name.split())[:MAX_FILE])


def _file_in(rest: str) -> str:
    """Return the file name among words that are not attributes; without any attribute, all words are the name."""
    group = _GROUP.search(rest)
    if group and re.search("[A-Za-z]", group[1]):
        # VitePress names the tab of a group like this.
        return group[1]
    plain = _ASIDE.sub(" ", _PAIR.sub(" ", rest))
    words = [word for word in re.split(r"[\s,;]+", plain.lstrip(":,")) if word and word.lower() not in _SWITCHES]
    if plain.strip() == rest.strip() and not rest.startswith(","):
        return " ".join(words)
    return next((word for word in words if _FILE.fullmatch(word) or word.lower() in _FILES), "")
