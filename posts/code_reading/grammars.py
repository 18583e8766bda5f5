"""Parsers of tree-sitter, as far as their packages are installed, and where their trees are broken.

Each grammar is a package of its own (requirements-checks.in). None is needed to run the site.
"""

import importlib
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from posts.code_reading.results import Fault, NotReadable

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree

# {grammar: (module, function)}
_MODULES = {
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "php": ("tree_sitter_php", "language_php"),
    "php_only": ("tree_sitter_php", "language_php_only"),
}
_CLOSES = {")": "(", "]": "[", "}": "{"}
_OPENS = {"(": ")", "[": "]", "{": "}", "#{": "}", "${": "}", "$(": ")", "((": "))", "[[": "]]"}
# So many expected words still help a person.
_MAX_EXPECTED = 4
_SHOWN = 30


@cache
def parser_of(grammar: str) -> "Parser":
    """Return the parser of a grammar; raise NotReadable if its package is not installed."""
    module, function = _MODULES.get(grammar, (f"tree_sitter_{grammar}", "language"))
    try:
        import tree_sitter

        found = importlib.import_module(module)
    except ImportError:
        raise NotReadable("no parser is installed") from None
    with warnings.catch_warnings():
        # Older grammars give their address as a number.
        warnings.simplefilter("ignore", DeprecationWarning)
        return tree_sitter.Parser(tree_sitter.Language(getattr(found, function)()))


def installed() -> list[str]:
    """Return the installed packages of parsers with their versions."""
    return sorted(
        f"{package.name} {package.version}"
        for package in distributions()
        if package.name.startswith(("tree-sitter", "tree_sitter")) or package.name in ("sqlglot", "graphql-core")
    )


def tree_of(grammar: str, code: str) -> "Tree":
    """Return the tree of code."""
    # Some grammars want an end of the last line.
    return parser_of(grammar).parse(code.encode("utf-8", "replace") + b"\n")


def is_sound(grammar: str, code: str) -> bool:
    """Return whether a grammar accepts code without a fault."""
    return not tree_of(grammar, code).root_node.has_error


def nodes_of(root: "Node") -> Iterator["Node"]:
    """Yield the nodes of a tree in the order of the text, without recursion."""
    cursor = root.walk()
    while True:
        if cursor.node is not None:
            yield cursor.node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def fault_in(grammar: str, code: str) -> Fault | None:
    """Return the first Fault of code, or None if the grammar accepts it."""
    root = tree_of(grammar, code).root_node
    if not root.has_error:
        return None
    return _unbalanced(root) or _missing(root) or _unexpected(grammar, root)


def _fault(message: str, node: "Node", *, at_end: bool = False) -> Fault:
    row, column = node.end_point if at_end else node.start_point
    return Fault(message, row + 1, column + 1)


def _unbalanced(root: "Node") -> Fault | None:
    """Return the Fault of a bracket without a partner. In strings and comments no bracket is a leaf."""
    open_ones: list[Node] = []
    for node in nodes_of(root):
        if node.child_count or node.is_missing or node.is_named:
            continue
        if node.type in _OPENS:
            open_ones.append(node)
        elif node.type in _CLOSES or node.type in ("))", "]]"):
            if not open_ones:
                return _fault(f"“{node.type}” closes nothing", node)
            opened = open_ones.pop()
            if _OPENS[opened.type] != node.type:
                # The one that opened last is open if the closing one belongs to another; else the closing one is wrong.
                if any(_OPENS[other.type] == node.type for other in open_ones):
                    return _never_closed(opened)
                return _fault(f"“{_OPENS[opened.type]}” expected, not “{node.type}”", node)
    return _never_closed(open_ones[-1]) if open_ones else None


def _never_closed(node: "Node") -> Fault:
    return _fault(f"“{node.type}” is never closed; “{_OPENS[node.type]}” expected", node)


def _missing(root: "Node") -> Fault | None:
    for node in nodes_of(root):
        if node.is_missing:
            before = _leaf_before(root, node)
            return _fault(f"{_word(node.type)} expected", before or node, at_end=before is not None)
        if node.is_error:
            return None
    return None


def _unexpected(grammar: str, root: "Node") -> Fault:
    """Return the Fault of the first part that the grammar could not place."""
    error = next((node for node in nodes_of(root) if node.is_error), root)
    leaf = error
    before = None
    for node in nodes_of(error):
        if not node.child_count:
            leaf = node
            break
    before = _leaf_before(root, leaf)
    text = (leaf.text or b"").decode("utf-8", "replace").split("\n")[0][:_SHOWN]
    expected = _expected(grammar, before) if before else []
    message = f"“{text}” can’t stand here" if text.strip() else "the code can’t end here"
    if expected:
        message += f"; {' or '.join(map(_word, expected))} expected"
    return _fault(message, leaf)


def _leaf_before(root: "Node", wanted: "Node") -> "Node | None":
    last = None
    for node in nodes_of(root):
        if node == wanted or node.start_byte > wanted.start_byte:
            break
        if not node.child_count and not node.is_missing and node.end_byte <= wanted.start_byte:
            last = node
    return last


def _expected(grammar: str, before: "Node") -> list[str]:
    language = parser_of(grammar).language
    iterator = language.lookahead_iterator(before.next_parse_state) if language else None
    if iterator is None:
        return []
    names = sorted({name for name in iterator.names() if not name.startswith(("_", "ERROR", "end", "comment"))})
    return names if len(names) <= _MAX_EXPECTED else []


def _word(name: str) -> str:
    return f"“{name}”" if not name.isidentifier() or len(name) < 3 else name.replace("_", " ")
