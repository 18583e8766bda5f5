"""Checks for code blocks that do not parse. Nothing is executed: the texts only go through parsers."""

import ast
import json
import re
import textwrap
import threading
import tomllib
import warnings
from collections.abc import Iterator

import yaml

from posts.content_checks.registry import Told, Unread, check
from posts.content_checks.text import CheckedText, Spot

# Longer code is not parsed, because parsers take too long.
MAX_CODE = 50_000
NAMES_SHOWN = 8
# Nobody writes code with deeper brackets.
MAX_NESTING = 100

_LANGUAGES = {"python": "Python", "py": "Python", "python3": "Python", "json": "JSON", "yaml": "YAML", "yml": "YAML",
              "toml": "TOML", "pycon": "Python session", "doctest": "Python session"}  # fmt: skip
# Language names for blocks without a syntax.
_NO_CODE = {"text", "txt", "plain", "plaintext"}
_PROMPT = re.compile(r"^(>>>|\.\.\.)(?: |$)")
# No pattern here may match the same white space in two ways: on long runs that takes minutes.
_SHELL_PROMPT = re.compile(r"^[ \t]*(?:\$|#|%|❯) \S", re.MULTILINE)
# Omissions that authors mark: a line of dots, or "<your-key>".
_OMISSION = re.compile(r"^\s*(?:(?:#|//|--)\s*)?(?:\.{3}|…)\s*(?:,\s*)?$")
_PLACEHOLDER = re.compile(r"<[a-z][a-z0-9 _-]*>", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}")
_TEMPLATE_LINE = re.compile(r"^[ \t-]*(?:\{\{[^{}]*\}\}|\{%[^{}]*%\})[ \t]*$", re.MULTILINE)
_warnings_lock = threading.Lock()
# (line or None, the parser's message), or None for valid code.
_Problem = tuple[int | None, str] | None


@check("code-syntax", "advises", inputs=["intro", "body"])
def code_syntax(text: CheckedText) -> Iterator[Told]:
    """Yield the Python, JSON, YAML and TOML blocks that their parser refuses."""
    number = 0
    unread: dict[str, list[int]] = {}
    for field, block in text.blocks:
        if not block.is_code:
            continue
        number += 1
        language = block.language.lower()
        try:
            problem = _problem_of(block.text, language)
        except NotRead as reason:
            unread.setdefault(str(reason), []).append(number)
            continue
        if problem:
            line, says = problem
            yield (
                f"Code block {number} is not valid {_LANGUAGES[language]}: {says}"
                f"{f' (line {line} of it)' if line else ''}. Fix it, or set its language to text.",
                # The block begins with the line that opens it.
                Spot(f"/{field}", block.line + (line or 0)),
            )
    if unread:
        count = sum(map(len, unread.values()))
        names = ", ".join(list(unread)[:NAMES_SHOWN]) + (", …" if len(unread) > NAMES_SHOWN else "")
        yield Unread(f"{count} of {number} code block{'' if number == 1 else 's'} not checked ({names}).")


class NotRead(Exception):
    """No parser read this code. The message is its language, and the reason if a parser exists."""


def _problem_of(code: str, language: str) -> _Problem:
    """Return syntax_problem() for a block, by the name of its language."""
    if not code.strip() or language in _NO_CODE:
        return None
    if language not in _LANGUAGES:
        raise NotRead(language[:30] or "no language named")
    if len(code) > MAX_CODE:
        raise NotRead(f"{language}: longer than {MAX_CODE:,} characters")
    if _is_too_deep(code) or (language == "toml" and _has_long_key(code)):
        raise NotRead(f"{language}: nested too deeply")
    try:
        return syntax_problem(_LANGUAGES[language], code)
    except (ValueError, RecursionError, MemoryError):
        raise NotRead(f"{language}: the parser failed") from None


def syntax_problem(name: str, code: str) -> _Problem:
    """Return (line or None, the parser's message) if `code` is not valid `name`, else None.

    name: Python, JSON, YAML or TOML. Fragments pass: indented blocks, `return` outside of a function, JSON pairs
    without braces, sessions with prompts (by their typed lines), templates (with any word in their place) and lines
    of dots. Raises ValueError, RecursionError or MemoryError if the parser does.
    """
    if not code.strip():
        return None
    problem = _problem(name, code)
    if problem and _TEMPLATE.search(code):
        # A template is replaced by what it may become: any word.
        filled = _TEMPLATE.sub("x", _TEMPLATE_LINE.sub("", code))
        return problem if _problem(name, filled) else None
    return problem


def _problem(name: str, code: str) -> _Problem:
    if name.startswith("Python"):
        return _python(code)
    without = "".join(line for line in code.splitlines(keepends=True) if not _OMISSION.match(line))
    if name == "JSON":
        return _json(without)
    return (_yaml if name == "YAML" else _toml)(without)


def _is_too_deep(code: str) -> bool:
    depth = 0
    for character in re.findall(r"[\[\](){}]", code):
        depth += 1 if character in "[({" else -1
        if depth > MAX_NESTING:
            return True
    return False


def _has_long_key(code: str) -> bool:
    """Return whether a line has more dots than any key of TOML needs.

    For each table of a key the parser visits all tables before it.
    """
    return any(line.count(".") > MAX_NESTING for line in code.splitlines())


def _python(code: str) -> _Problem:
    lines = code.splitlines()
    if any(line.lstrip().startswith(">>>") for line in lines):
        return next((problem for part in _typed_statements(lines) if (problem := _parsed(part))), None)
    if _is_shell_session(lines):
        return None
    code = textwrap.dedent(code)
    problem = _parsed(code)
    if problem and any(_parsed(whole) is None for whole in _made_whole(code)):
        return None
    return problem


def _typed_statements(lines: list[str]) -> list[str]:
    """Return what was typed in a session with >>> and ..., without what was answered."""
    statements: list[str] = []
    for line in map(str.lstrip, lines):
        if _PROMPT.match(line):
            if line.startswith(">>>") or not statements:
                statements.append(line[4:])
            else:
                statements[-1] += f"\n{line[4:]}"
    return statements


def _is_shell_session(lines: list[str]) -> bool:
    """Return whether every line is a prompt of a shell, but for comments."""
    typed = [line for line in lines if line.strip() and not line.startswith("#")]
    return bool(typed) and all(map(_SHELL_PROMPT.match, typed))


def _made_whole(code: str) -> Iterator[str]:
    """Yield code with what a fragment may lack: a word in place of dots, a block, a function around it.

    The first line of the fragment may be indented less than the rest.
    """
    without = "\n".join("pass" if _PLACEHOLDER.fullmatch(line.strip()) else line for line in code.splitlines())
    without = _PLACEHOLDER.sub("None", without)
    yield without
    yield f"{without.rstrip()}\n    pass"
    yield "async def fragment():\n" + textwrap.indent(without, "    ") + "\n    pass"


def _parsed(code: str) -> _Problem:
    """Return the first SyntaxError of Python code as (line, message), or None."""
    try:
        with _warnings_lock, warnings.catch_warnings():
            # An invalid escape in a checked text is not a warning about this program.
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        return error.lineno, (error.msg or "invalid syntax").rstrip(".")[:120]
    return None


def _json(code: str) -> _Problem:
    for attempt in (code, f"{{{code.strip().rstrip(',')}}}", f"[{code.strip().rstrip(',')}]"):
        try:
            # Numbers of any length stay text: only the syntax matters.
            json.loads(attempt, parse_int=str, parse_float=str)
        except json.JSONDecodeError as error:
            if attempt is code:
                problem = error.lineno, error.msg[:120]
        else:
            return None
    # One object a line is JSON Lines under another name.
    lines = [line for line in code.splitlines() if line.strip()]
    if len(lines) > 1 and all(_json_line(line) for line in lines):
        return None
    return problem


def _json_line(line: str) -> bool:
    try:
        json.loads(line, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _yaml(code: str) -> _Problem:
    try:
        # Only libyaml's events: no object is built, no tag followed, no alias expanded.
        for _ in yaml.parse(textwrap.dedent(code), Loader=yaml.CSafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The mark may be past the end of the code; then the last line is the place to look.
        return min(mark.line, code.rstrip().count("\n")) + 1 if mark else None, (error.problem or "it cannot be read")[
            :120
        ]
    except yaml.YAMLError as error:
        return None, str(error).splitlines()[0][:120]
    return None


def _toml(code: str) -> _Problem:
    try:
        tomllib.loads(code)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        return int(line[1]) if line else code.count("\n") + 1, str(error).partition(" (at")[0][:120]
    return None
