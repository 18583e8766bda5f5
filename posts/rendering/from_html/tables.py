"""Rows and cells of HTML tables."""

from posts.rendering.from_html.tree import BLOCKS, Element, Node

MAX_COLUMNS = 50


def rows_of(table: Element) -> tuple[list[list[Element]], list[Element]]:
    """Return ([[cell, …], …], [caption, …]) of a table; content outside of cells is a cell of its own."""
    rows, captions = [], []
    for child in table.children:
        if isinstance(child, str):
            if child.strip():
                rows.append([Element("td", {}, [child])])
        elif child.tag == "caption":
            captions.append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            inner, more = rows_of(child)
            rows += inner
            captions += more
        elif child.tag == "tr":
            rows.append([_cell(node) for node in child.children if isinstance(node, Element) or node.strip()])
        elif child.tag not in ("colgroup", "col"):
            rows.append([_cell(child)])
    return [row for row in rows if row], captions


def as_wide_as_shown(row: list[Element]) -> list[Element]:
    """Return the cells of a row, with empty ones behind each that spans several columns."""
    return [part for cell in row for part in (cell, *(Element("td") for _ in range(columns_of(cell) - 1)))]


def columns_of(cell: Element) -> int:
    """Return the number of columns that a cell spans."""
    span = cell.attributes.get("colspan", "").strip()
    return min(max(1, int(span)), MAX_COLUMNS) if span.isascii() and span.isdigit() and len(span) < 5 else 1


def _cell(node: Node) -> Element:
    if isinstance(node, Element) and node.tag in ("td", "th"):
        return node
    return Element("td", {}, [node], isinstance(node, Element) and (node.tag in BLOCKS or node.has_block))


def is_more_than_a_line(cell: Element) -> bool:
    """Return whether a cell holds what a Markdown cell can't."""
    if not cell.has_block:
        return False
    return any(node.tag in BLOCKS and node.tag not in ("p", "div", "center") for node in cell.walk()) or (
        sum(node.tag == "p" for node in cell.walk()) > 1
    )
