"""The page Operations: answers to four questions, charts, the slowest pages, deployments."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpResponse
from django.utils import timezone

import posts
from posts.admin.dashboard.day_chart import line_step
from posts.admin.pages import AdminPage
from posts.admin.trail import dashboard_trail
from posts.models import Deployment
from posts.monitoring.figures import Figures, figures_by_time
from posts.monitoring.questions import answers
from posts.operations.deployments import mark_deployment

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 190, 60, 16, 34
DEPLOYMENTS_SHOWN = 10


@dataclass(frozen=True)
class Point:
    """A bar of a chart, in pixels from the top left corner."""

    at: datetime
    figures: Figures
    x: float
    y: float
    width: float
    height: float
    has_errors: bool


@dataclass(frozen=True)
class TimeChart:
    """How long 95 of 100 pages for readers took, over some time."""

    key: str
    title: str
    points: list[Point]
    lines: list[tuple[int, float]]
    form: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - BOTTOM

    @property
    def is_empty(self) -> bool:
        return not any(point.figures.requests for point in self.points)


def time_chart(key: str, title: str, rows: list[tuple[datetime, Figures]], *, form: str) -> TimeChart:
    """Return the chart of [(begin, Figures)]. form: of the times, as the template filter `date` takes it."""
    step = line_step(max(1, *(round(figures.p95 or 0) for _, figures in rows)))
    room, column = HEIGHT - BOTTOM - TOP, (WIDTH - LEFT) / len(rows)
    points = []
    for number, (at, figures) in enumerate(rows):
        height = min(room, round((figures.p95 or 0) * room / (3 * step), 1))
        x = round(LEFT + column * number + column * 0.15, 1)
        y, width = round(HEIGHT - BOTTOM - height, 1), round(column * 0.7, 1)
        points.append(Point(at, figures, x, y, width, height, figures.errors > 0))
    lines = [(number * step, round(HEIGHT - BOTTOM - number * room / 3, 1)) for number in range(4)]
    return TimeChart(key, title, points, lines, form)


class OperationsPage(AdminPage):
    """The four questions, charts, the slowest pages and the deployments."""

    permissions = ("view_job",)
    template = "operations"
    title = "Operations"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        now = timezone.now()
        hour, today = (
            now.replace(minute=0, second=0, microsecond=0),
            now.replace(hour=0, minute=0, second=0, microsecond=0),
        )
        one_hour, one_day = timedelta(hours=1), timedelta(days=1)
        day = figures_by_time(hour - 23 * one_hour, hour + one_hour, step=one_hour)
        fortnight = figures_by_time(today - 13 * one_day, today + one_day, step=one_day)
        return self.render(
            status=status,
            trail=dashboard_trail(self.title),
            found=answers(now),
            charts=[
                time_chart("day", "The last 24 hours", day, form="H:i"),
                time_chart("fortnight", "The last 14 days", fortnight, form="j M"),
            ],
            deployments=list(Deployment.objects.select_related("noted_by")[:DEPLOYMENTS_SHOWN]),
            running=posts.__version__,
            may_note=self.person.has_perm("posts.run_job"),
            said=self.request.POST,
        )

    def _note(self, subject: None) -> str:
        form = self.request.POST
        deployment = mark_deployment(
            version=form.get("version", ""),
            owner=form.get("owner", ""),
            expected_result=form.get("expected_result", ""),
            rollback_note=form.get("rollback_note", ""),
            by=self.person,
        )
        return f"Noted for {deployment}."

    actions = {"note": _note}


PAGES = [("operations/", OperationsPage, "operations")]
