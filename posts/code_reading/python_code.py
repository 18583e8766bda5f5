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
_NEWER_STRING = re.compile(r"""\b(?:[rR]?[tT]|[tT]?[rR]?)["']|\b[rR]?[fF][rR]?["']""")
_EXCEPT_LIST = re.compile(r"^[ \t]*except\*?[ \t]+[\w.]+(?:[ \t]*,[ \t]*[\w.]+)+[ \t]*:", re.MULTILINE)


def read_python(code: str) -> tuple[str, Fault | None]:
    """Return ("parsed" or "fragment", None), or ("", Fault)."""
    if sessions.has_python_prompt(code):
        return _session(code)
    code = textwrap.dedent(code)
    fault = parsed(code)
    if fault is None:
        return "parsed", None
    if _is_newer(code):
        return "parsed", None
    if any(parsed(whole) is None for whole in _made_whole(code)):
        return "fragment", None
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


def _is_newer(code: str) -> bool:
    """Return whether code is sound for a newer Python than the one that runs here."""
    try:
        tree = grammars.tree_of("python", _EXCEPT_LIST.sub(_with_brackets, code))
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
    without = "\n".join("pass" if _PLACEHOLDER.fullmatch(line.strip()) else line for line in code.splitlines())
    for attempt in dict.fromkeys([_PLACEHOLDER.sub("None", without), *completed(code)]):
        yield attempt
        yield f"{attempt.rstrip()}\n    pass"
        yield "async def fragment():\n" + textwrap.indent(attempt, "    ") + "\n    pass"
        yield f"f(\n{attempt}\n)"
        yield f"{{\n{attempt}\n}}"
        yield "\n".join(_parts_dedented(attempt))
        # Top-level await, with a body that is left out.
        yield f"async def fragment():\n{textwrap.indent(_with_bodies(attempt), '    ')}\n    pass"


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
            if len(follows) - len(follows.lstrip()) <= indent:
                made.append(" " * (indent + 4) + "pass")
    return "\n".join(made)


def _parts_dedented(code: str) -> list[str]:
    """Return the parts between blank lines, each moved to the margin if it stands to its right as a whole."""
    return [textwrap.dedent(part) for part in re.split(r"\n[ \t]*\n", code)]
