"""Intervals of shares, and of the difference of two shares."""

import math
from typing import NamedTuple

# The normal quantile for two-sided 95 %.
TWO_SIDED_95 = 1.959963984540054


class Interval(NamedTuple):
    """A lower and an upper limit."""

    low: float
    high: float


def wilson_interval(part: int, whole: int, z: float = TWO_SIDED_95) -> Interval:
    """Return the score interval for the share of `part` in `whole`, within 0 and 1. whole: at least 1.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    share, square = part / whole, z**2
    middle = share + square / (2 * whole)
    width = z * math.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    low, high = ((middle + sign * width) / (1 + square / whole) for sign in (-1, 1))
    return Interval(max(0.0, low), min(1.0, high))


def newcombe_interval(part: int, whole: int, other_part: int, other_whole: int, z: float = TWO_SIDED_95) -> Interval:
    """Return the interval for the difference of two shares, part / whole - other_part / other_whole.

    It joins the score intervals of both. Source: R. G. Newcombe, "Interval estimation for the difference between
    independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    share, other_share = part / whole, other_part / other_whole
    own, other = wilson_interval(part, whole, z), wilson_interval(other_part, other_whole, z)
    difference = share - other_share
    return Interval(
        difference - math.hypot(share - own.low, other.high - other_share),
        difference + math.hypot(own.high - share, other_share - other.low),
    )
