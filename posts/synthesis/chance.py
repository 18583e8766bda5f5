"""Chance that is the same on every machine and with every version of Python."""

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def _mixed(state):
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


class Chance:
    """A stream of draws from a seed: SplitMix64.

    Source: Steele, Lea, Flood, “Fast splittable pseudorandom number generators”, OOPSLA 2014. `stream` separates
    several streams of one seed: what one of them draws doesn't move the others.
    """

    __slots__ = ("_state",)

    def __init__(self, seed, stream=0):
        self._state = _mixed((seed * _GOLDEN + _mixed(stream + 1)) & _MASK)

    def below(self, limit):
        """A whole number from 0 to limit - 1. The bias is limit / 2⁶⁴: nothing, for the limits here."""
        self._state = (self._state + _GOLDEN) & _MASK
        return (_mixed(self._state) * limit) >> 64

    def between(self, low, high):
        """A whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def one_in(self, times):
        return self.below(times) == 0

    def pick(self, items):
        return items[self.below(len(items))]

    def some(self, items, count):
        """`count` different items in an order of chance (fewer, if there are not as many)."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(min(count, len(left)))]
