"""Search over listed live texts: one function for both engines."""

from posts.search.index import forget_orphans, forget_texts, index_texts, scrub_index
from posts.search.query_parser import MAX_LENGTH
from posts.search.search import CAP, Hits, other_spelling, search_posts

__all__ = [
    "CAP",
    "MAX_LENGTH",
    "Hits",
    "forget_orphans",
    "forget_texts",
    "index_texts",
    "other_spelling",
    "scrub_index",
    "search_posts",
]
