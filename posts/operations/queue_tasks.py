"""Jobs of the review queue: its order, and bulk actions on more posts than a request can handle."""

from datetime import timedelta

from posts.jobs.control import stop_if_asked
from posts.jobs.helpers import ask_for_help
from posts.jobs.registry import job
from posts.models import BulkRun
from posts.operations.bulk import carry_out, look_at_rows
from posts.review_queue.counts import note_waiting_at_midnight
from posts.review_queue.days import count_days
from posts.review_queue.ranking import NEW_NEAR_DUPLICATES, READ_TEXTS, rank_queue, rank_read_texts, weigh_and_rank
from posts.review_queue.style_stats import count_style_findings


@job(
    "rank new texts",
    label="Rank new revisions",
    every=timedelta(seconds=15),
    walks=(READ_TEXTS.name, NEW_NEAR_DUPLICATES.name),
)
def rank_new_texts() -> None:
    """Complete the reasons of texts that were checked since the last run."""
    rank_read_texts(on_checkpoint=stop_if_asked, on_more=lambda: ask_for_help(rank_new_texts))


@job("look over the queue", label="Update the review queue", every=timedelta(minutes=10))
def look_over_queue() -> None:
    """Count waiting days and decisions about each generator, and correct everything else in the queue."""
    rank_queue(on_checkpoint=stop_if_asked)


@job("weigh checks", label="Count what findings led to", every=timedelta(hours=1))
def weigh_checks_by_decisions() -> None:
    """Count what the findings of each check and rule of the house style led to, and rank the queue by it."""
    weigh_and_rank(on_checkpoint=stop_if_asked)
    count_style_findings(on_checkpoint=stop_if_asked)


@job("look at posts for a bulk act", label="Prepare a bulk action")
def prepare_bulk(run_id: int) -> None:
    """Find out what each post of a BulkRun would get."""
    look_at_rows(BulkRun.objects.select_related("made_by").get(pk=run_id), on_checkpoint=stop_if_asked)


@job("bulk act", label="Run a bulk action")
def carry_out_bulk(run_id: int) -> None:
    """Carry out a BulkRun that a person has confirmed, post by post."""
    run = BulkRun.objects.select_related("made_by", "assignee").get(pk=run_id)
    carry_out(run, on_checkpoint=stop_if_asked)


@job("note the backlog", label="Record the backlog", every=timedelta(minutes=1))
def note_the_backlog() -> None:
    """Store how many posts were pending review when the day began."""
    note_waiting_at_midnight()


@job("count days", label="Count new posts and decisions by day", every=timedelta(minutes=1))
def count_days_for_pages() -> None:
    """Count what came in and was decided, so that no page counts the rows of two weeks."""
    count_days()
