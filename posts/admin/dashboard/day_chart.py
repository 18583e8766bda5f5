"""A bar chart by day, as numbers for an inline SVG: sizes are attributes, colours are CSS classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 720, 220
LEFT, TOP, BOTTOM = 52, 26, 46
BAR, GAP = 15, 2
STEPS = (1, 2, 4, 5, 10)


@dataclass(frozen=True)
class Bar:
    """A bar, in pixels from the top left corner of the chart."""

    x: float
    y: float
    width: float
    height: float
    is_second: bool


@dataclass(frozen=True)
class Day:
    """A day with its new and reviewed posts, and the positions of its bars and number."""

    date: date
    came_in: int
    decided: int
    bars: list[Bar]
    middle: float

    @property
    def is_weekend(self) -> bool:
        return self.date.weekday() >= 5


@dataclass(frozen=True)
class DayChart:
    """The chart: its days, its grid lines with numbers, and the label of its highest bar."""

    days: list[Day]
    lines: list[tuple[int, float]]
    peak: str
    peak_x: float
    peak_y: float
    peak_anchor: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - BOTTOM

    @property
    def came_in(self) -> int:
        return sum(day.came_in for day in self.days)

    @property
    def decided(self) -> int:
        return sum(day.decided for day in self.days)


def line_step(most: int) -> int:
    """Return the distance between grid lines, so that three of them reach over `most`: 1, 2, 4 or 5 with zeros."""
    size = 1
    while True:
        for step in STEPS:
            if step * size * 3 >= most:
                return step * size
        size *= 10


def day_chart(came_in: Mapping[date, tuple[int, int | None]], decided: Mapping[date, int]) -> DayChart:
    """Return the DayChart of {date: (count, batch or None)} and {date: count} with the same days in order."""
    most = max(1, *(count for count, _ in came_in.values()), *decided.values())
    step = line_step(most)
    base, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    scale, column = room / (3 * step), (WIDTH - LEFT) / len(came_in)
    days, peak = [], ("", 0.0, 0.0, "middle")
    for number, (day, (count, batch)) in enumerate(came_in.items()):
        middle = LEFT + column * (number + 0.5)
        bars = []
        for is_second, value in enumerate((count, decided[day])):
            x = middle - BAR - GAP / 2 if not is_second else middle + GAP / 2
            bars.append(Bar(round(x, 1), round(base - value * scale, 1), BAR, round(value * scale, 1), bool(is_second)))
        days.append(Day(day, count, decided[day], bars, round(middle, 1)))
        if most > 1 and count == most:
            words = f"{count:,} · import #{batch}" if batch else f"{count:,}"
            anchor = "start" if number < 2 else "end" if number > len(came_in) - 3 else "middle"
            peak = (words, round(middle, 1), round(base - count * scale - 8, 1), anchor)
    lines = [(number * step, round(base - number * step * scale, 1)) for number in range(4)]
    return DayChart(days, lines, *peak)
