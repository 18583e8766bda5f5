"""Escaping of the pieces of a page, which are joined to one text at the end."""

from typing import Any

from markupsafe import escape


def escaped(value: Any) -> str:
    """Return a value as a piece of HTML: markup as it is, everything else escaped.

    A page has three hundred pieces. Most have nothing to escape, and none needs a wrapper that says it is safe.
    """
    if type(value) is str:
        is_plain = not ("<" in value or "&" in value or ">" in value or '"' in value or "'" in value)
        return value if is_plain else escape(value)
    if hasattr(value, "__html__"):
        html: str = value.__html__()
        return html
    return escape(value)
