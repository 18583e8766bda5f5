"""The four questions of operators, each with an answer in a sentence."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from posts.jobs.overview import jobs_overview, living_workers
from posts.models import ImportBatch, OutgoingMessage
from posts.monitoring.deployments import Comparison, last_comparison
from posts.monitoring.figures import Figures, figures_by_route, is_desk, total
from posts.monitoring.readiness import readiness

# The thresholds, which the page shows.
MOST_ERRORS = 0.01
SLOW_MS = {"readers": 500, "admin": 1000}
LEAST_REQUESTS = 20
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHOWN_ROUTES = 10


@dataclass(frozen=True)
class Answer:
    """The answer to one question. is_fine: None if it is not known. points: what is wrong; to_do: what helps."""

    question: str
    sentence: str
    is_fine: bool | None
    threshold: str
    points: list[str] = field(default_factory=list)
    to_do: str = ""


@dataclass(frozen=True)
class Answers:
    """All answers, and the figures behind them."""

    answers: list[Answer]
    routes: list[tuple[str, Figures]]
    comparison: Comparison | None


def answers(now: datetime | None = None) -> Answers:
    """Return the answers to the four questions. The number of queries is fixed."""
    now = now or timezone.now()
    by_route = figures_by_route(now - HOUR, now + timedelta(minutes=1))
    comparison = last_comparison(now)
    slowest = sorted(by_route.items(), key=lambda item: item[1].p95 or 0, reverse=True)
    return Answers(
        [_is_up(by_route.values()), _is_slow(by_route), _jobs_fail(now), _deployment(comparison)],
        [(route or "no page", figures) for route, figures in slowest[:SHOWN_ROUTES]],
        comparison,
    )


def _is_up(figures: Iterable[Figures]) -> Answer:
    state, workers, hour = readiness(), living_workers(), total(figures)
    points = [f"{name.replace('_', ' ').capitalize()}: {words}." for name, words in state.problems.items()]
    if not workers:
        points.append("No worker is running, so no background job starts.")
    if hour.requests >= LEAST_REQUESTS and hour.error_share > MOST_ERRORS:
        points.append(f"{hour.error_share:.1%} of the requests of the last hour ended with an error.")
    served = f"{hour.requests:,} requests in the last hour, {hour.errors:,} of them with an error"
    return Answer(
        "Is the site up?",
        f"{'No, see below' if points else 'Yes'}. There were {served}.",
        not points,
        f"It is up if every check of /readyz passes, a worker runs, and at most {MOST_ERRORS:.0%} of requests fail.",
        points,
        "Ask /readyz, look at the log, and start a worker with manage.py run_worker.",
    )


def _is_slow(by_route: dict[str, Figures]) -> Answer:
    def part(belongs: Callable[[str], bool]) -> Figures:
        return total(figures for route, figures in by_route.items() if belongs(route))

    readers, desk = part(lambda route: not is_desk(route)), part(is_desk)
    points, said = [], []
    for name, figures, words in (("readers", readers, "pages for readers"), ("admin", desk, "pages of the admin")):
        if figures.requests < LEAST_REQUESTS or figures.p95 is None:
            continue
        said.append(f"95 of 100 {words} took at most {figures.p95:.0f} ms")
        if figures.p95 > SLOW_MS[name]:
            points.append(f"95 of 100 {words} took up to {figures.p95:.0f} ms.")
    limits = f"{SLOW_MS['readers']} ms for readers and {SLOW_MS['admin']:,} ms in the admin"
    threshold = f"It is slow if one of twenty pages takes longer than {limits}."
    if not said:
        words = f"Not known: there were fewer than {LEAST_REQUESTS} requests in the last hour."
        return Answer("Is it slow?", words, None, threshold)
    return Answer(
        "Is it slow?",
        f"{'Yes' if points else 'No'}. In the last hour {' and '.join(said)}.",
        not points,
        threshold,
        points,
        "The table names the slowest pages. The log has a line for each slow statement (SLOW_QUERY_MS).",
    )


def _jobs_fail(now: datetime) -> Answer:
    points = []
    for shown in jobs_overview():
        label = shown.definition.label
        if shown.has_failed:
            points.append(f"“{label}” failed: {shown.job.last_failure}")
        elif shown.is_overdue:
            points.append(f"“{label}” is overdue.")
    stopped = ImportBatch.objects.filter(state=ImportBatch.State.STOPPED, attempt_at__gt=now - DAY).count()
    if stopped:
        points.append(f"{stopped:,} import{'' if stopped == 1 else 's'} stopped before the end in the last 24 hours.")
    parked = OutgoingMessage.objects.filter(parked_at__gt=now - DAY).count()
    if parked:
        points.append(f"{parked:,} message{' was' if parked == 1 else 's were'} given up in the last 24 hours.")
    count = len(points)
    return Answer(
        "Do jobs fail?",
        f"Yes: {count} problem{'' if count == 1 else 's'}."
        if points
        else "No. Every job ran in time, and its last run succeeded.",
        not points,
        "A job fails if its last attempt failed, or if it has not succeeded for two of its periods.",
        points,
        "The page of jobs says why, and starts a job again.",
    )


def _deployment(comparison: Comparison | None) -> Answer:
    question = "Did the last deployment change anything?"
    threshold = "A figure changed if chance hardly explains the difference; durations by a quarter and 5 ms or more."
    if comparison is None:
        return Answer(
            question, "Not known: no deployment is noted yet. The next start of the site notes one.", None, threshold
        )
    last = comparison.deployment
    began = f"{last.version} began on {last.began_at:%-d %B %Y at %H:%M}"
    if comparison.says_nothing:
        return Answer(question, f"Not known. {began}. {comparison.says_nothing}", None, threshold)
    points = [change.sentence for change in [*comparison.worse, *comparison.better]]
    if comparison.worse:
        sentence = f"Yes, for the worse. {began}."
    elif comparison.better:
        sentence = f"Yes, for the better. {began}."
    else:
        sentence = f"No. {began}, and nothing differs from the time before it."
    note = f" The note says how: {last.rollback_note}" if last.rollback_note else ""
    return Answer(question, sentence, not comparison.worse, threshold, points, f"You can roll it back.{note}")
