from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """What search knows of a text: the stems of its words, and the primary keys of its terms."""

    title: list[str]
    terms: list[str]
    summary: list[str]
    body: list[str]
    facets: list[int]
