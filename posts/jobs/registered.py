"""Every module that registers background jobs; a worker knows the jobs that are named here and no others."""

from posts.importing import background
from posts.jobs import articles, housekeeping, lists, neighbours, queue, releases, texts

__all__ = ["articles", "background", "housekeeping", "lists", "neighbours", "queue", "releases", "texts"]
