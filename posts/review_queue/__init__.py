"""The review queue: which posts are pending review, in which order, and why."""
