"""The review queue and the review screen."""
