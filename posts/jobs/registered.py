"""Every module that registers background jobs; a worker knows the jobs that are named here and no others."""

from posts.jobs import housekeeping, releases, texts

__all__ = ["housekeeping", "releases", "texts"]
