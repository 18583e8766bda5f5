"""The review queue: which posts wait for a person, in which order, and why."""
