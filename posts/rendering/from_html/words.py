"""Words of HTML elements."""

import re
from collections.abc import Sequence

from posts.rendering.from_html.tree import BLOCKS, Element, Node

_SPACES = re.compile(r"[^\S\u00a0\u2007\u202f]+")
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


def one_line(text: str) -> str:
    """Return `text` on one line, with single spaces. Non-breaking spaces stay: they were set on purpose."""
    return _SPACES.sub(" ", text).strip()
