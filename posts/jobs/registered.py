"""Every module that registers background jobs; a worker knows the jobs that are named here and no others."""

from posts.importing import background
from posts.jobs import housekeeping, lists, neighbours, queue, releases, texts

__all__ = ["background", "housekeeping", "lists", "neighbours", "queue", "releases", "texts"]
