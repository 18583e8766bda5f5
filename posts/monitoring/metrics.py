"""The metrics of the site in the text format of Prometheus.

Requests are counted by each process in files that all processes of a server share. Everything else is asked of the
database when Prometheus asks us, so it is the same whichever process answers.
https://prometheus.github.io/client_python/multiprocess/
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connection, connections
from django.db.models import Count, Min
from django.utils import timezone

import posts
from posts.jobs.overview import jobs_overview, living_workers
from posts.listing.site_stats import STATES, site_stats
from posts.measures import REFUSED, measures
from posts.models import Deployment, ImportBatch, OutgoingMessage, QueueEntry, ScheduledRelease
from posts.monitoring import queries

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def choose_folder(parent: Path) -> Path:
    """Let the processes of this server share a folder below `parent`; remove those of servers that have ended.

    Must be called before prometheus_client is imported: it reads the environment then.
    """
    # Workers of one server have the same parent process. Its start keeps apart two that had the same number.
    number = os.getppid()
    folder = parent / f"{number}-{_start_of(number)}"
    folder.mkdir(parents=True, exist_ok=True)
    for other in parent.iterdir():
        of_process, _, start = other.name.partition("-")
        if of_process.isdigit() and _start_of(int(of_process)) != start:
            shutil.rmtree(other, ignore_errors=True)
    os.environ.setdefault(FOLDER, str(folder))
    return folder


def _start_of(process: int) -> str:
    """Return when a process began, in ticks since the start of the machine; "" for none (proc(5), field 22)."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def family_of(route: str) -> str:
    """Return the label of a route: all pages of the admin share one, so that the series stay few."""
    return "admin" if route.startswith("admin:") else route.removeprefix("posts:") or "none"


def begin_metrics(folder: Path) -> None:
    """Count the requests of this process for Prometheus, in files below `folder`."""
    choose_folder(folder)
    from prometheus_client import Counter, Histogram

    answered = Counter("alphanode_requests", "Requests, by page and status.", ["route", "status"])
    seconds = Histogram("alphanode_request_seconds", "Duration of requests.", ["route"], buckets=BUCKETS)
    answers = Counter("alphanode_page_cache", "Public pages answered, by who answered.", ["answer"])
    refusals = Counter("alphanode_refusals", "Actions that a rule refused.", ["route"])

    def observe(route: str, status: int, ms: float, is_cached: bool) -> None:
        family = family_of(route)
        answered.labels(family, str(status)).inc()
        seconds.labels(family).observe(ms / 1000)
        if family != "admin":
            answers.labels("cache" if is_cached else "django").inc()
        if status in REFUSED:
            refusals.labels(route.removeprefix("admin:")).inc()

    measures.observers.append(observe)
    queries.count_for_prometheus()


def metrics_text() -> bytes:
    """Return all metrics: of the processes of this server, and of the database."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    if os.environ.get(FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = REGISTRY
    text = generate_latest(registry)
    of_site = CollectorRegistry()
    of_site.register(SiteCollector())
    return text + generate_latest(of_site)


class SiteCollector:
    """What the database knows, asked when Prometheus asks. The number of queries is fixed."""

    def collect(self) -> "Iterator[Metric]":
        """Yield the metrics."""
        from prometheus_client.core import GaugeMetricFamily

        def gauge(name: str, words: str, values: dict[tuple[str, ...], float], *labels: str) -> "Metric":
            family = GaugeMetricFamily(f"alphanode_{name}", words, labels=labels)
            for of, value in values.items():
                family.add_metric(list(of), value)
            return family

        stats = site_stats()
        yield gauge("posts", "Posts by state.", {(state,): getattr(stats, state) for state in STATES}, "state")
        yield gauge("indexable_posts", "Posts that search engines may index.", {(): stats.listed})
        yield gauge("queue_length", "Posts pending review.", {(): stats.waiting + stats.newer_waiting})
        oldest = QueueEntry.objects.aggregate(oldest=Min("waiting_since"))["oldest"]
        age = (timezone.now() - oldest).total_seconds() if oldest else 0
        yield gauge("queue_oldest_seconds", "How long the oldest post has been pending.", {(): age})
        yield from self._jobs(gauge)
        yield gauge("imports", "Imports by state.", _by(ImportBatch.objects, "state"), "state")
        yield gauge(
            "plans", "Planned releases and withdrawals by state.", _by(ScheduledRelease.objects, "state"), "state"
        )
        yield gauge(
            "outgoing_messages", "Messages still to be sent.", _by(OutgoingMessage.objects.waiting(), "kind"), "kind"
        )
        parked = OutgoingMessage.objects.filter(parked_at__isnull=False)
        yield gauge("outgoing_messages_given_up", "Messages that were given up.", _by(parked, "kind"), "kind")
        newest = Deployment.objects.first()
        version = newest.version if newest else posts.__version__
        began = newest.began_at.timestamp() if newest else 0
        yield gauge("deployment_timestamp_seconds", "When the last deployment began.", {(version,): began}, "version")
        yield gauge("build_info", "The version of this process.", {(posts.__version__,): 1}, "version")
        yield gauge("database_pool", "Connections of this process.", _pool(), "state")

    def _jobs(self, gauge: Any) -> "Iterator[Metric]":
        jobs = jobs_overview()
        waits = {
            (shown.definition.name,): (shown.now - shown.due_at).total_seconds()
            for shown in jobs
            if shown.due_at is not None and shown.due_at < shown.now
        }
        states = {
            (shown.definition.name, state): getattr(shown, state) for shown in jobs for state in ("waiting", "running")
        }
        yield gauge("workers", "Workers that reported within a minute.", {(): len(living_workers())})
        yield gauge("jobs", "Runs of jobs by state.", states, "job", "state")
        yield gauge("job_wait_seconds", "How long a run has waited for a worker.", waits, "job")
        yield gauge("job_failed", "1 if the last attempt failed.", _flags(jobs, "has_failed"), "job")
        yield gauge("job_overdue", "1 if a run did not happen in time.", _flags(jobs, "is_overdue"), "job")


def _flags(jobs: Any, name: str) -> dict[tuple[str, ...], float]:
    return {(shown.definition.name,): float(getattr(shown, name)) for shown in jobs}


def _by(rows: Any, field: str) -> dict[tuple[str, ...], float]:
    counted = rows.order_by().values_list(field).annotate(Count("pk"))
    return {(str(value),): count for value, count in counted}


def _pool() -> dict[tuple[str, ...], float]:
    pool = getattr(connections[connection.alias], "pool", None)
    if pool is None:
        return {}
    stats = pool.get_stats()
    return {(name,): stats.get(f"pool_{name}", 0) for name in ("size", "available")} | {
        ("waiting",): stats.get("requests_waiting", 0)
    }
