"""The common items of two sequences at a bounded cost. Texts are hostile, and no comparison may hang."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Sequence

# The steps of one whole comparison: about a second on a small machine, far more than any normal pair of texts needs.
MAX_STEPS = 3_000_000
MAX_EDITS = 1_000
# (index in the older sequence, index in the newer one) of each common item, in order.
Pairs = list[tuple[int, int]]


class Budget:
    """The steps that one comparison may still use. `ran_out`: something is shown whole because they ran out."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.steps = steps
        self.ran_out = False

    def take(self, steps: int) -> bool:
        """Use `steps` and return True; if fewer are left, use none and return False."""
        if steps > self.steps:
            self.ran_out = True
            return False
        self.steps -= steps
        return True


def kept_pairs(
    old: Sequence[Hashable], new: Sequence[Hashable], budget: Budget, max_edits: int = MAX_EDITS
) -> Pairs | None:
    """Return [(i, j)] of the items that a shortest edit script keeps, in order; None over `max_edits`.

    Source: E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986 (the greedy forward search), after
    the common prefix and suffix are removed.
    """
    start, old_end, new_end = 0, len(old), len(new)
    while start < old_end and start < new_end and old[start] == new[start]:
        start += 1
    while old_end > start and new_end > start and old[old_end - 1] == new[new_end - 1]:
        old_end, new_end = old_end - 1, new_end - 1
    middle = _myers(old[start:old_end], new[start:new_end], budget, max_edits)
    if middle is None:
        return None
    tail = len(old) - old_end
    return [
        *((index, index) for index in range(start)),
        *((start + i, start + j) for i, j in middle),
        *((old_end + index, new_end + index) for index in range(tail)),
    ]


def _myers(old: Sequence[Hashable], new: Sequence[Hashable], budget: Budget, max_edits: int) -> Pairs | None:
    length, width = len(old), len(new)
    if not length or not width:
        return []
    max_edits = min(max_edits, length + width)
    reached = [0] * (2 * max_edits + 3)
    middle = max_edits + 1
    trail = []
    for edits in range(max_edits + 1):
        trail.append(reached[middle - edits - 1 : middle + edits + 2])
        steps = 2 * edits + 1
        for diagonal in range(-edits, edits + 1, 2):
            if diagonal == -edits or (
                diagonal != edits and reached[middle + diagonal - 1] < reached[middle + diagonal + 1]
            ):
                x = reached[middle + diagonal + 1]
            else:
                x = reached[middle + diagonal - 1] + 1
            y = x - diagonal
            begun = x
            while x < length and y < width and old[x] == new[y]:
                x, y = x + 1, y + 1
            steps += x - begun
            reached[middle + diagonal] = x
            if x >= length and y >= width:
                return _walk_back(trail, length, width)
        if not budget.take(steps):
            return None
    budget.ran_out = True
    return None


def _walk_back(trail: list[list[int]], x: int, y: int) -> Pairs:
    pairs = []
    for edits in range(len(trail) - 1, -1, -1):
        reached, middle = trail[edits], edits + 1
        diagonal = x - y
        if diagonal == -edits or (
            diagonal != edits and reached[middle + diagonal - 1] < reached[middle + diagonal + 1]
        ):
            before = diagonal + 1
        else:
            before = diagonal - 1
        before_x = reached[middle + before] if edits else 0
        before_y = before_x - before if edits else 0
        while x > before_x and y > before_y:
            x, y = x - 1, y - 1
            pairs.append((x, y))
        x, y = before_x, before_y
    pairs.reverse()
    return pairs


def anchored_pairs(old: Sequence[Hashable], new: Sequence[Hashable], budget: Budget) -> Pairs:
    """Return [(i, j)] of equal items in order, for long sequences, anchored at items unique on both sides.

    kept_pairs() compares what is between two anchors; if that costs too much, nothing between them is kept. Source:
    the patience diff of B. Cohen, 2003: unique items, then their longest increasing run.
    """
    pairs, last = [], (-1, -1)
    for i, j in [*_unique_run(old, new), (len(old), len(new))]:
        inner = kept_pairs(old[last[0] + 1 : i], new[last[1] + 1 : j], budget) or ()
        pairs += [(last[0] + 1 + a, last[1] + 1 + b) for a, b in inner]
        if i < len(old):
            pairs.append((i, j))
        last = (i, j)
    return pairs


def _unique_run(old: Sequence[Hashable], new: Sequence[Hashable]) -> Pairs:
    count_old, count_new = Counter(old), Counter(new)
    place = {item: j for j, item in enumerate(new) if count_new[item] == 1}
    common = [(i, place[item]) for i, item in enumerate(old) if count_old[item] == 1 and item in place]
    return [common[index] for index in longest_increasing([j for _, j in common])]


def longest_increasing(numbers: Sequence[int]) -> list[int]:
    """Return the indexes of a longest strictly increasing run of `numbers`.

    Source: M. L. Fredman, "On computing the length of longest increasing subsequences", 1975 (patience sorting).
    """
    tails: list[int] = []
    ends: list[int] = []
    before: list[int | None] = []
    for index, number in enumerate(numbers):
        place = bisect_left(tails, number)
        before.append(ends[place - 1] if place else None)
        if place == len(tails):
            tails.append(number)
            ends.append(index)
        else:
            tails[place], ends[place] = number, index
    run: list[int] = []
    at = ends[-1] if ends else None
    while at is not None:
        run.append(at)
        at = before[at]
    return run[::-1]


def heaviest_pairs(weights: list[list[float]], least: float) -> list[tuple[int, int]]:
    """Return the pairs (row, column) with the largest sum of weights, both numbers rising from pair to pair.

    Only weights of `least` or more make a pair. Source: S. B. Needleman and C. D. Wunsch, "A General Method Applicable
    to the Search for Similarities in the Amino Acid Sequence of Two Proteins", 1970, with gaps that cost nothing.
    """
    rows, columns = len(weights), len(weights[0])
    # The best sum for the part that begins at a row and a column.
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            weight = weights[row][column]
            together = weight + best[row + 1][column + 1] if weight >= least else 0
            best[row][column] = max(together, best[row + 1][column], best[row][column + 1])
    pairs, row, column = [], 0, 0
    while row < rows and column < columns:
        weight = weights[row][column]
        if weight >= least and best[row][column] == weight + best[row + 1][column + 1]:
            pairs.append((row, column))
            row, column = row + 1, column + 1
        elif best[row][column] == best[row + 1][column]:
            row += 1
        else:
            column += 1
    return pairs
