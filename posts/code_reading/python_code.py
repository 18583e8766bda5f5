"""Python: Python's own parser, and tree-sitter's for what is newer than the Python that runs here."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

from posts.code_reading import grammars, sessions
from posts.code_reading.omissions import completed
from posts.code_reading.results import MAX_MESSAGE, Fault, NotReadable

_PLACEHOLDER = re.compile(r"<[a-z][a-z0-9 _-]*>", re.IGNORECASE)
# What Python 3.12 and later read that an older one may not.
_NEWER = frozenset(["type_alias_statement", "type_parameter"])
# What no version of Python allows, though the grammar does: in f-strings, and in how lines begin.
_WRONG_IN_EACH = (
    "invalid conversion character", "empty expression not allowed", "unexpected indent", "unindent does not match",
    "expected an indented block",
)  # fmt: skip
# Of Python 3.14: several exceptions without brackets. A second name in small letters is Python 2.
_EXCEPT_LIST = re.compile(
    r"^[ \t]*except\*?[ \t]+[\w.]+(?:[ \t]*,[ \t]*(?:[\w.]+\.)?[A-Z][\w]*|[ \t]*,[ \t]*[a-z]\w*\.[\w.]+)+[ \t]*:",
    re.MULTILINE,
)
# The default of a parameter for a type, which the grammar does not know yet.
_TYPE_DEFAULT = re.compile(
    r"^([ \t]*(?:async def|def|class|type)[ \t]+\w+\[[^\]=\n]*?)[ \t]*=[ \t]*[\w.]+(?:\[[^\]\n]*\])?(?=[,\]])",
    re.MULTILINE,
)
_PYTHON_2 = re.compile(
    r"^[ \t]*(?:print[ \t]+(?![=(.,:)\]])\S|print[ \t]*>>|exec[ \t]+[\"'\w]|except[ \t]+[\w.]+[ \t]*,[ \t]*\w+[ \t]*:"
    r"|except[ \t]*\([^)\n]*\)[ \t]*,[ \t]*\w+[ \t]*:|raise[ \t]+[\w.]+[ \t]*,)"
    r"|[\w)]\s*<>\s*[\w(\"']|\bur[\"']|(?<![\w.])0[0-7]+[lL]?\b"
    r"|(?<![\w.])\d+[lL]\b",
    re.MULTILINE,
)
# A line of IPython or a notebook that is none of Python's.
_MAGIC = re.compile(r"^[ \t]*(?:%{1,2}[a-z]\w*|!{1,2}[a-z./])[^\n]*$|^[ \t]*[\w.]+\?{1,2}[ \t]*$", re.MULTILINE)
_NOTEBOOK = re.compile(r"^[ \t]*In[ \t]?\[[\d ]*\]:[ \t]?", re.MULTILINE)
_SIGNATURE = re.compile(
    r"\s*(?:@[\w.]+(?:\([^\n]*\))?\s*\n\s*)*(?:async )?def \w+(?:\[[^\]\n]*\])?\([^:]*(?::[^:]*)*\)(?: -> [^\n:]+)?\s*"
)
_PART = re.compile(r"\s*(elif|else|except|finally|case)\b")


def read_python(code: str) -> tuple[str, Fault | None]:
    """Return ("parsed" or "fragment", None), or ("", Fault)."""
    if sessions.has_python_prompt(code):
        return _session(code)
    code = textwrap.dedent(code)
    fault = parsed(code)
    if fault is None:
        return "parsed", None
    if _is_newer(code, fault.message):
        return "parsed", None
    if any(parsed(whole) is None for whole in _made_whole(code)):
        return "fragment", None
    if _PYTHON_2.search(code):
        return "", Fault(f"this is Python 2 ({fault.message})"[:MAX_MESSAGE], fault.line, fault.column)
    return "", fault


def _session(code: str) -> tuple[str, Fault | None]:
    for first, statement in sessions.typed_in_python(code):
        fault = parsed(statement)
        if fault and not any(parsed(whole) is None for whole in _made_whole(statement)):
            return "", Fault(fault.message, first + max(0, fault.line - 1), fault.column + 4)
    return "parsed", None


def parsed(code: str) -> Fault | None:
    """Return the first SyntaxError of Python code as a Fault, or None."""
    try:
        with warnings.catch_warnings():
            # An invalid escape in a checked text is not a warning about this program.
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        message = (error.msg or "invalid syntax").rstrip(".")[:MAX_MESSAGE]
        return Fault(message, error.lineno or 0, error.offset or 0)
    return None


def _is_newer(code: str, message: str) -> bool:
    """Return whether code is sound for a newer Python than the one that runs here. message: what this one says."""
    if any(words in message for words in _WRONG_IN_EACH):
        return False
    try:
        tree = grammars.tree_of("python", _TYPE_DEFAULT.sub(r"\1", _EXCEPT_LIST.sub(_with_brackets, code)))
    except NotReadable:
        return False
    if tree.root_node.has_error:
        return False
    # The grammar also reads Python 2 and much that no Python reads, so something new must be there.
    kinds = {node.type for node in grammars.nodes_of(tree.root_node)}
    if kinds & {"print_statement", "exec_statement"}:
        return False
    return bool(kinds & _NEWER or "interpolation" in kinds or _EXCEPT_LIST.search(code))


def _with_brackets(found: re.Match[str]) -> str:
    return re.sub(r"(except\*?[ \t]+)(.*):$", r"\1(\2):", found[0])


def _made_whole(code: str) -> Iterator[str]:
    """Yield code with what a fragment may lack: a word in place of dots, a block, a function around it.

    The first line of the fragment may be indented less than the rest.
    """
    code = _NOTEBOOK.sub(
        "", re.sub(r"^[ \t]*Out[ \t]?\[[\d ]*\]:[^\n]*$", "", _MAGIC.sub("", code), flags=re.MULTILINE)
    )
    without = "\n".join("pass" if _PLACEHOLDER.fullmatch(line.strip()) else line for line in code.splitlines())
    for attempt in dict.fromkeys([_PLACEHOLDER.sub("None", without), *completed(code)]):
        yield attempt
        yield f"{attempt.rstrip()}\n    pass"
        yield "async def fragment():\n" + textwrap.indent(attempt, "    ") + "\n    pass"
        yield f"f(\n{attempt}\n)"
        yield f"{{\n{attempt}\n}}"
        if part := _PART.match(attempt):
            yield _behind(part[1], attempt)
        if _SIGNATURE.fullmatch(attempt):
            yield f"{attempt.rstrip()}:\n    pass"
        yield "\n".join(_parts_dedented(attempt))
        # Top-level await, with a body that is left out.
        yield f"async def fragment():\n{textwrap.indent(_with_bodies(attempt), '    ')}\n    pass"


def _behind(word: str, code: str) -> str:
    """Return code that begins with a later part of a statement behind the beginning of one."""
    if word == "case":
        return "match x:\n" + textwrap.indent(code, "    ")
    return ("try:\n    pass\n" if word in ("except", "finally") else "if x:\n    pass\n") + code


def _with_bodies(code: str) -> str:
    """Return code with `pass` below each header that has no body."""
    lines = code.split("\n")
    made: list[str] = []
    for number, line in enumerate(lines):
        made.append(line)
        if re.match(
            r"[ \t]*(?:async )?(?:def|class|if|for|while|with|try|else|elif|except|finally)\b.*:[ \t]*(?:#.*)?$", line
        ):
            follows = next(
                (other for other in lines[number + 1 :] if other.strip() and not other.strip().startswith("#")), ""
            )
            indent = len(line) - len(line.lstrip())
            # Another statement in its place is a body that lost its indentation.
            is_left_out = not follows or re.match(
                r"[ \t]*(?:async |def |class |@|elif\b|else\b|except\b|finally\b)", follows
            )
            if len(follows) - len(follows.lstrip()) <= indent and is_left_out:
                made.append(" " * (indent + 4) + "pass")
    return "\n".join(made)


def _parts_dedented(code: str) -> list[str]:
    """Return the parts between blank lines, each moved to the margin if it stands to its right as a whole."""
    return [textwrap.dedent(part) for part in re.split(r"\n[ \t]*\n", code)]
