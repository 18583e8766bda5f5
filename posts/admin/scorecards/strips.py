"""A share with its interval as numbers for an inline SVG: places are attributes in per cent, colours CSS classes."""

from dataclasses import dataclass

from posts.review_queue.intervals import Interval


@dataclass(frozen=True)
class Strip:
    """A line with a point: its beginning, its width and the point, in per cent of the width of the drawing."""

    begin: float
    width: float
    point: float


def share_strip(value: float, interval: Interval) -> Strip:
    """Return the strip of a share on an axis from 0 to 100 %."""
    return _strip(value, interval)


def difference_strip(value: float, interval: Interval) -> Strip:
    """Return the strip of a difference of two shares on an axis from -100 to 100 percentage points."""
    return _strip((value + 1) / 2, Interval(*((limit + 1) / 2 for limit in interval)))


def _strip(value: float, interval: Interval) -> Strip:
    begin, end, point = (round(100 * number, 1) for number in (*interval, value))
    return Strip(begin, round(end - begin, 1), point)
