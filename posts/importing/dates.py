"""Dates as people and programs write them, read as the local day that was meant.

ISO 8601 with or without time and zone, RFC 2822, English month names, numbers with slashes or dots, seconds or
milliseconds since 1970. A text that is not a day, or could be two, is refused and never guessed.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
                "november", "december")  # fmt: skip
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T\s](.*))?", re.IGNORECASE | re.DOTALL)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T\s](.*))?", re.IGNORECASE | re.DOTALL)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:[T\s,](.*))?", re.DOTALL)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
# The time of day that `date` and Ruby print before the year, with the zone as a name or number.
_CLOCK_BEFORE_YEAR = r"(?:(\d\d:\d\d:\d\d(?:\s+(?:[a-z]{1,5}|[+-]\d{2,4}))?)\s+)?"
_DAY_MONTH = re.compile(
    _WEEKDAY
    + r"(\d{1,2})(?:st|nd|rd|th)?[\s.-]+(?:of\s+)?([a-z]{3,9})\.?,?[\s-]+"
    + _CLOCK_BEFORE_YEAR
    + r"(\d{4})(?:[\s,](.*))?",
    re.IGNORECASE | re.DOTALL,
)
_MONTH_DAY = re.compile(
    _WEEKDAY + r"([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+" + _CLOCK_BEFORE_YEAR + r"(\d{4})(?:[\s,](.*))?",
    re.IGNORECASE | re.DOTALL,
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap]\.?m\.?)?", re.IGNORECASE)
_ZONE = re.compile(r"([+-])(\d{1,2}):?(\d{2})?(?!\d)")
# Offset from UTC in hours for the zones that RFC 2822 and common programs name.
_ZONE_NAMES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "CET": 1,
               "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9}  # fmt: skip
# Eleventy's words for “ask git or the file system”.
_TO_FIND_OUT = ("last modified", "created", "git last modified", "git created")


class UnreadableDate(ValueError):
    """The text is not a day, or could be two."""


def read_date(text: str, *, order: str = "") -> tuple[str, datetime] | tuple[None, None]:
    """Return (day, moment): the local day as "YYYY-MM-DD", and an aware datetime.

    UTC if no zone is given, midnight if no time is. (None, None) for a template or a placeholder word. order:
    "day-first" or "month-first", for 02/03/2021. Raises UnreadableDate.
    """
    # A note in Obsidian may link to its day.
    text = text.strip().removeprefix("[[").removesuffix("]]").strip()
    if text.lower() in _TO_FIND_OUT or "{{" in text or "{%" in text or "<%" in text:
        return None, None
    if re.fullmatch(r"\d{10}|\d{13}", text):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(text[:10]))
        return moment.date().isoformat(), moment
    if match := _YEAR_FIRST.fullmatch(text):
        return _dated(text, match[1], match[3], match[4], match[5])
    if match := _COMPACT.fullmatch(text):
        return _dated(text, *match.groups())
    if match := _DAY_MONTH.fullmatch(text):
        return _dated(text, match[4], _month(text, match[2]), match[1], match[3] or match[5])
    if match := _MONTH_DAY.fullmatch(text):
        return _dated(text, match[4], _month(text, match[1]), match[2], match[3] or match[5])
    if match := _YEAR_LAST.fullmatch(text):
        first, second = int(match[1]), int(match[3])
        if match[2] == ".":
            order = "day-first"
        elif first > 12 or second > 12 or first == second:
            order = "day-first" if first > 12 else "month-first"
        if not order:
            raise UnreadableDate(
                f"“{text}” could be two different dates. Set “dates: day-first” or “dates: month-first” in a mapping "
                f"file."
            )
        day, month = (first, second) if order == "day-first" else (second, first)
        return _dated(text, match[4], month, day, match[5])
    raise UnreadableDate(f"“{text[:60]}” is not a valid date. Write it as YYYY-MM-DD.")


def _month(text: str, name: str) -> int:
    name = name.lower()
    if name in _FULL_MONTHS or name == "sept" or name in _MONTHS:
        return _MONTHS.index(name[:3]) + 1
    raise UnreadableDate(f"“{text[:60]}” has no valid month. Write the date as YYYY-MM-DD.")


def _dated(text: str, year: str, month: int | str, day: int | str, rest: str | None) -> tuple[str, datetime]:
    try:
        moment = datetime(int(year), int(month), int(day), tzinfo=UTC)
        if rest and (clock := _CLOCK.search(rest)):
            hour = int(clock[1])
            if clock[4]:
                hour = hour % 12 + (12 if clock[4][0] in "pP" else 0)
            moment = moment.replace(hour=hour, minute=int(clock[2]), second=min(int(clock[3] or 0), 59))
            if zone := _ZONE.search(rest, clock.end()):
                offset = timedelta(hours=int(zone[2]), minutes=int(zone[3] or 0))
                moment = moment.replace(tzinfo=timezone(-offset if zone[1] == "-" else offset))
            elif name := next((name for name in re.findall("[A-Z]+", rest[clock.end() :]) if name in _ZONE_NAMES), ""):
                moment = moment.replace(tzinfo=timezone(timedelta(hours=_ZONE_NAMES[name])))
    except ValueError:
        raise UnreadableDate(f"“{text[:60]}” is not an existing date or time. Write it as YYYY-MM-DD.") from None
    return date(int(year), int(month), int(day)).isoformat(), moment
