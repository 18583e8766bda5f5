"""Stores what each web process counted, every minute, from a thread: no request writes."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError, connections, transaction

import posts
from posts.measures import RouteMeasures, measures
from posts.models import Deployment, RequestFigure
from posts.outages import outage_of

logger = logging.getLogger("posts.monitoring")

STORE_SECONDS = 60


class Recorder:
    """The thread of one process. It begins with the first request, because a server may fork after it has loaded us."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._has_begun = False

    def observe(self, route: str, status: int, ms: float, is_cached: bool) -> None:
        """Begin the thread of this process, once."""
        if self._has_begun:
            return
        with self._lock:
            if not self._has_begun:
                self._has_begun = True
                threading.Thread(target=self._run, name="figures", daemon=True).start()

    def _run(self) -> None:
        _try(note_version)
        pause = threading.Event()
        while not pause.wait(STORE_SECONDS):
            _try(store_figures)


def _try(task: Callable[[], object]) -> None:
    """Call `task`; during an outage its counts are lost, and the log says already what is wrong."""
    try:
        task()
    except (DatabaseError, InterfaceError) as error:
        if outage_of(error) is None:
            logger.exception("figures could not be stored")
    finally:
        connections.close_all()


def begin() -> None:
    """Let this process store what it counts."""
    measures.observers.append(Recorder().observe)


def store_figures(now: datetime | None = None) -> int:
    """Store what this process has counted since the last call; return the number of rows."""
    taken = measures.take()
    minute = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
    rows = [_row(route, counted, minute) for route, counted in taken.items()]
    RequestFigure.objects.bulk_create(rows)
    return len(rows)


def _row(route: str, counted: RouteMeasures, minute: datetime) -> RequestFigure:
    return RequestFigure(
        seconds=RequestFigure.MINUTE, began_at=minute, version=posts.__version__, route=route[:100], **vars(counted)
    )


@transaction.atomic
def note_version(version: str = posts.__version__) -> Deployment | None:
    """Note that a version began to serve the site, if it is not the last one noted; return the new Deployment.

    A roll-back is noted too. While two versions serve side by side, each process that starts may note its own.
    """
    newest = list(Deployment.objects.order_by("-pk")[:1])
    if newest and newest[0].version == version:
        return None
    return Deployment.objects.create(version=version)
