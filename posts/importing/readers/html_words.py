"""Words of HTML elements."""

from collections.abc import Sequence

from posts.importing.readers.html_tree import BLOCKS, Element, Node

HIDDEN = frozenset("audio base head link meta object param source track video iframe embed".split())


def spaced_text(element: Element) -> str:
    parts = []
    for child in element.children:
        if isinstance(child, str):
            parts.append(child)
        elif child.tag not in HIDDEN:
            space = " " if child.tag in BLOCKS or child.tag == "br" else ""
            parts += [space, spaced_text(child), space]
    return "".join(parts)


def has_words(nodes: Sequence[Node]) -> bool:
    """Return whether these nodes contain any words."""
    return any((node if isinstance(node, str) else spaced_text(node)).strip() for node in nodes)
