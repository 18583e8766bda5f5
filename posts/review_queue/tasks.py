"""The job of the scorecards."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.registry import job
from posts.review_queue.scoring import score_new


@job("score generators", label="Update the scorecards", every=timedelta(minutes=5))
def score_generators() -> None:
    """Score the posts that something happened to since the last run."""
    score_new(on_checkpoint=stop_if_asked)
