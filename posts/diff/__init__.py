"""Everything that differs between two texts of a post: words, links, images, code, format, order, record."""

from posts.diff.comparison import Comparison, changes_since_import, compare_records, default_pair

__all__ = ["Comparison", "changes_since_import", "compare_records", "default_pair"]
