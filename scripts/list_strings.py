"""Print every string that a person can see, as file:line and text.

    python scripts/list_strings.py [part of a path …]

Python files give the literals that read as words (f-strings with their holes as {…}) and the short names of models and
forms; docstrings, SQL, keys and the made-up articles are left out. Templates give their text and the attributes that
are shown, scripts their literals, the Makefile and shell scripts their help and echo lines, .env.example its comments.
"""

import ast
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = (
    "posts/migrations/",
    "posts/synthesis/article.py",
)
# Short strings, often of one word, are shown when they are given by one of these names.
SHOWN_KEYWORDS = {
    "verbose_name", "verbose_name_plural", "help_text", "label", "description", "short_description", "empty_label",
    "title", "message", "error_message", "prog", "epilog", "help", "metavar", "placeholder", "heading", "detail",
    "site_header", "site_title", "index_title", "empty_value_display", "words", "hint", "save_as_continue",
}  # fmt: skip
SHOWN_BASES = {"TextChoices", "IntegerChoices", "Choices"}
FIELD_CALL = re.compile(r"Field$|^(ForeignKey|display|action)$")
SHOWN_ATTRIBUTES = {"title", "aria-label", "alt", "placeholder", "aria-description", "content", "data-label"}
WORDS = re.compile(r"[A-Za-z“][a-z’']* +[A-Za-z0-9{“]|[A-Za-z)”}]+ [a-z]")
SENTENCE = re.compile(r"^[A-Z][a-z’' ,-]+[.:!?…]?$")
SQL = re.compile(
    r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|WITH|BEGIN|COMMIT|SET|PRAGMA|LOCK|NOTIFY|LISTEN)\s"
)
TEMPLATE_COMMENT = re.compile(r"{% comment %}.*?{% endcomment %}|{#.*?#}", re.DOTALL)
TEMPLATE_TAG = re.compile(r"{%.*?%}", re.DOTALL)
HTML_TAG = re.compile(r"</?[a-z][^<>]*>")
DATE_FORMAT = re.compile(r"^[djDlmMnFYyHiGgaAsTeNwz ,.:-]+$")


class Shown(NamedTuple):
    """One string that a person can see."""

    path: str
    line: int
    text: str


def shown_strings(only: list[str] | None = None) -> Iterator[Shown]:
    """Yield the strings of the whole project, or of the files whose path contains one of `only`."""
    for path in sorted(_files()):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(LEFT_OUT) or (only and not any(part in name for part in only)):
            continue
        source = path.read_text(encoding="utf-8")
        for line, text in _READERS[path.suffix or path.name](source):
            text = " ".join(text.split())
            if text:
                yield Shown(name, line, text)


def _files() -> Iterator[Path]:
    for folder, pattern in (
        ("posts", "**/*.py"), ("alphanode", "**/*.py"), ("templates", "**/*.html"), ("templates", "**/*.txt"),
        ("static/js", "**/*.js"), ("scripts", "*.py"), ("scripts", "*.sh"), ("bench", "*.py"),
        (".", "Makefile"), (".", ".env.example"), (".", "manage.py"),
    ):  # fmt: skip
        yield from (ROOT / folder).glob(pattern)


def _of_python(source: str) -> Iterator[tuple[int, str]]:
    finder = _PythonStrings()
    finder.visit(ast.parse(source))
    return iter(sorted(finder.found))


class _PythonStrings(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []
        self.shown = False

    def visit(self, node: ast.AST) -> None:
        """Look at the node with the shortness of its strings in mind."""
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                body.pop(0)  # the docstring
        super().visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Show every string of a class of choices."""
        choices = any(getattr(base, "attr", getattr(base, "id", "")) in SHOWN_BASES for base in node.bases)
        self._within(node, choices)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Leave the shown class behind; `__str__` shows its strings."""
        self._within(node, node.name == "__str__")

    def visit_keyword(self, node: ast.keyword) -> None:
        """Show what is given by a name that is shown."""
        self._within(node, self.shown or node.arg in SHOWN_KEYWORDS)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Show what gets a name that is shown."""
        names = {getattr(target, "attr", getattr(target, "id", "")) for target in node.targets}
        self._within(node, self.shown or bool(names & SHOWN_KEYWORDS))

    def visit_Call(self, node: ast.Call) -> None:
        """Show the first argument of a field, which is its name."""
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if FIELD_CALL.search(name) and node.args:
            self._within(node.args[0], True)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Take a string that is shown or that reads as words."""
        if isinstance(node.value, str):
            self._take(node, node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Take an f-string as one text with its holes, then look into the holes."""
        parts = [
            part.value if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"
            for part in node.values
        ]
        if any(isinstance(part, ast.Constant) and re.search("[A-Za-z]", part.value) for part in node.values):
            self._take(node, "".join(parts))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def _within(self, node: ast.AST, shown: bool) -> None:
        before, self.shown = self.shown, shown
        if isinstance(node, ast.Constant | ast.JoinedStr):
            self.visit(node)
        else:
            self.generic_visit(node)
        self.shown = before

    def _take(self, node: ast.expr, text: str) -> None:
        text = HTML_TAG.sub(" ", text)
        words = WORDS.search(text) or SENTENCE.search(text)
        hidden = SQL.search(text) or DATE_FORMAT.search(text)
        if (self.shown or words) and not hidden and (node.lineno, text) not in self.found:
            self.found.append((node.lineno, text))


def _of_template(source: str) -> Iterator[tuple[int, str]]:
    # Removed parts keep their line ends, so that line numbers stay right. A tag inside a sentence shows as "|".
    source = TEMPLATE_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), source)
    # A literal inside a tag ({{ x|default:"none yet" }}, {% include … with title="…" %}) is shown as well.
    for tag in re.finditer(r"{[{%](.*?)[%}]}", source, re.DOTALL):
        for literal in re.finditer(r'"([^"]*)"|\'([^\']*)\'', tag[1]):
            text = literal[1] or literal[2] or ""
            if (WORDS.search(text) or SENTENCE.search(text)) and not DATE_FORMAT.search(text):
                yield source.count("\n", 0, tag.start()) + 1, text
    page = _Page()
    page.feed(TEMPLATE_TAG.sub(lambda found: "|" + "\n" * found[0].count("\n"), source))
    page.close()
    yield from page.found


class _Page(HTMLParser):
    """The text and the shown attributes of a template whose tags are gone."""

    INLINE = {
        "a",
        "b",
        "strong",
        "em",
        "i",
        "span",
        "kbd",
        "code",
        "time",
        "abbr",
        "cite",
        "small",
        "data",
        "var",
        "samp",
    }

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[int, str]] = []
        self.text: list[str] = []
        self.line = 0
        self.skipped = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the attributes that are shown, and end the text before a block."""
        if tag not in self.INLINE:
            self._end()
        if tag in ("script", "style"):
            self.skipped = tag
        given = dict(attrs)
        for name, value in attrs:
            shown = name in SHOWN_ATTRIBUTES or (name == "value" and given.get("type") in ("submit", "button", "reset"))
            if shown and value and re.search("[A-Za-z]", re.sub(r"{{.*?}}", "", value)):
                self.found.append((self.getpos()[0], value))

    def handle_endtag(self, tag: str) -> None:
        """End the text of a block."""
        self.skipped = "" if tag == self.skipped else self.skipped
        if tag not in self.INLINE:
            self._end()

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        if not self.skipped:
            if not "".join(self.text).strip(" |\n"):
                before = data[: len(data) - len(data.lstrip(" |\n"))]
                self.line = self.getpos()[0] + before.count("\n")
            self.text.append(data)

    def close(self) -> None:
        """End the last text."""
        super().close()
        self._end()

    def _end(self) -> None:
        text = "".join(self.text)
        self.text = []
        if re.search("[A-Za-z]", re.sub(r"{{.*?}}", "", text)):
            self.found.append((self.line, re.sub(r"\s*\|[|\s]*", " | ", text).strip(" |")))


def _of_script(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        code = re.sub(r"(^|\s)//.*", "", line)
        for literal in re.finditer(r'"([^"]*)"|\'([^\']*)\'|`([^`]*)`', code):
            text = literal[1] or literal[2] or literal[3] or ""
            if WORDS.search(text) or SENTENCE.search(text):
                yield number, text


def _of_shell(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        for said in re.finditer(r'^[a-z-]+:.*?## (.+)|(?:echo|printf) +["\']([^"\']+)["\']', line):
            yield number, said[1] or said[2]


def _of_settings(source: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        if line.startswith("#"):
            yield number, line.lstrip("# ")


_READERS = {
    ".py": _of_python, ".html": _of_template, ".txt": _of_template, ".js": _of_script, ".sh": _of_shell,
    "Makefile": _of_shell, ".example": _of_settings,
}  # fmt: skip


if __name__ == "__main__":
    for path, line, text in shown_strings(sys.argv[1:]):
        print(f"{path}:{line}: {text}")
