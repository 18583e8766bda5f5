"""What differs between two texts of a post, whole: words, links, images, code, format, order, and the record."""

from posts.diff.comparison import Comparison, changes_since_import, compare_records, default_pair

__all__ = ["Comparison", "changes_since_import", "compare_records", "default_pair"]
