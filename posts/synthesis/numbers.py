"""The numbers of one generated post: drawn once, so that a figure that is named twice is the same."""

from functools import cache

from posts.synthesis.chance import Chance
from posts.synthesis.vocabulary import Metric, Problem, Scenario, Stack, capital, filled

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
)  # fmt: skip
FIRST_SHARES = ("1", "2", "5", "10")

Slots = dict[str, str]
# (name, before, after, change), each as a text with its unit; the main one first.
Row = tuple[str, str, str, str]


def numbers_of(
    stack: Stack, problem: Problem, scenario: Scenario, noun: str, chance: Chance
) -> tuple[Slots, tuple[Row, ...]]:
    """Return what fills the slots of the texts, and the figures before and after the change."""
    volume = chance.between(40, 400) * chance.pick((100, 1000))
    rows = volume * 365 * chance.between(2, 6)
    weekday = chance.below(5)
    slots = {
        **_of_stack(stack),
        **_of_noun(noun),
        "phrase": problem.phrase,
        "Phrase": capital(problem.phrase),
        "tail": scenario.tail,
        "action": problem.action,
        "volume": f"{volume:,}",
        "rows": _millions(rows),
        "machines": str(chance.between(2, 9)),
        "workers": str(chance.between(4, 12)),
        "found": str(chance.between(2, 6)),
        "days": str(chance.between(4, 14)),
        "weeks": str(chance.between(3, 9)),
        "share": chance.pick(FIRST_SHARES),
        "weekday": WEEKDAYS[weekday],
        "outday": WEEKDAYS[(weekday + chance.between(1, 4)) % 5],
        "month": chance.pick(MONTHS),
    }
    figures = tuple(_row(metric, {"volume": volume, "rows": rows}, slots, chance) for metric in problem.metrics)
    metric, before, after, change = figures[0]
    slots |= {"metric": metric, "Metric": capital(metric), "before": before, "after": after, "drop": change[1:]}
    return slots, figures


@cache
def _of_stack(stack: Stack) -> Slots:
    plain = {"stack": stack.name, "short": stack.short, "unit": stack.unit, "place": stack.place}
    return plain | {key.capitalize(): capital(text) for key, text in plain.items()}


@cache
def _of_noun(noun: str) -> Slots:
    plain = {"noun": noun, "nouns": f"{noun}s", "a_noun": f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"}
    return plain | {key.capitalize(): capital(text) for key, text in plain.items()}


def _row(metric: Metric, bases: dict[str, int], slots: Slots, chance: Chance) -> Row:
    before = chance.between(*metric.before)
    if metric.base:
        before = before * bases[metric.base] // 1000
    before = _two_digits(before)
    after = metric.then
    if after is None:
        after = max(1, _two_digits(before * chance.between(*metric.left) // 100))
    name = filled(metric.name, slots)
    return name, _with_unit(before, metric.unit), _with_unit(after, metric.unit), change_in_percent(before, after)


def _with_unit(number: int, unit: str) -> str:
    if unit == "days" and number == 1:
        return "1 day"
    return f"{number:,}{'' if unit in ('', '%') else ' '}{unit}"


def change_in_percent(before: int, after: int) -> str:
    """Return the change as a text such as “−93%”: whole per cents, with a decimal digit where they would say 100."""
    tenths = abs(before - after) * 1000 // before
    size = f"{tenths // 10}.{tenths % 10}" if 990 < tenths < 1000 else str((tenths + 5) // 10)
    return f"{'−' if after < before else '+'}{size}%"


def _two_digits(number: int) -> int:
    """Return `number` with two digits that count, as people write measurements."""
    if number < 100:
        return number
    unit: int = 10 ** (len(str(number)) - 2)
    return (number + unit // 2) // unit * unit


def _millions(number: int) -> str:
    tenths = number // 100_000
    return f"{tenths // 10} million" if tenths >= 100 else f"{tenths // 10}.{tenths % 10} million"
