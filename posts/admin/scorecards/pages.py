"""The pages of the scorecards, and the same numbers as CSV and JSON, for everybody who may see generators."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from posts.admin.pages import AdminPage
from posts.admin.scorecards.strips import Strip, difference_strip, share_strip
from posts.admin.trail import Step, step
from posts.export.csv import csv_lines
from posts.models import Review
from posts.review_queue.intervals import Interval
from posts.review_queue.scorecards import LEAST, SHOWN, By, Card, Comparison, Share, card_of, cards, counted_at

TITLES = {
    By.GENERATOR: "Generators",
    By.MODEL: "Models",
    By.PROMPT: "Prompt versions",
    By.SCENARIO: "Scenarios",
    By.STACK: "Stacks",
}
FEW = f"fewer than {LEAST}"
# What each number is, in the order of the table. docs/scorecards.md says the same at length.
CAME_IN = "Posts that came in by an import with a text of this generator."
APPROVED = "Posts whose first individual decision approved them, of those decided; the interval is Wilson's, 95 %."
IN_BULK = "Posts decided in bulk only. Nobody answered the guideline, so no rate counts them."
REVOKED = "Posts whose first approval was revoked later by a roll-back. They stay in the rate."
EDITED = "Approved posts that people changed before the first approval, of all that were approved individually."
WORDS = "Words removed and added in title, intro, body and summary before the approval, as a mean of edited posts."
REPORTED = "Released posts that a reader reported after their first release."
MINUTES = "Mean time with the text open before an individual decision; a decision counts an hour at most."
UNDONE = "Decisions that were undone count nowhere."
DEFINITIONS = (
    ("Came in", CAME_IN),
    ("Approved", APPROVED),
    ("Only in bulk", IN_BULK),
    ("Revoked", REVOKED),
    ("Edited", EDITED),
    ("Changed words", WORDS),
    ("Reported", REPORTED),
    ("Minutes", MINUTES),
)
REASON_CODES = [code for code in Review.ReasonCode.values if code] + [""]


def percent(number: float) -> str:
    """Return 0.615 as “61.5 %”."""
    return f"{100 * number:.1f} %"


def limits(interval: Interval) -> str:
    """Return an interval of shares in words."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"


def points(number: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{100 * number:+.1f}".replace("-", "−")


def card_address(card: Card, other: Card | None = None) -> str:
    """Return the address of the page of a card, beside another one."""
    query = {"by": card.by.value, "key": card.key} | ({"other": other.key} if other else {})
    return f"{reverse('admin:scorecards_card')}?{urlencode(query)}"


@dataclass(frozen=True)
class ShareRow:
    """A share as the list and the chart show it. words: “61.5 %”, or why it is hidden."""

    share: Share

    @property
    def words(self) -> str:
        return FEW if self.share.value is None else percent(self.share.value)

    @property
    def limits(self) -> str:
        return limits(self.share.interval) if self.share.interval else ""

    @property
    def of(self) -> str:
        return f"{self.share.part:,} of {self.share.whole:,}"

    @property
    def strip(self) -> Strip | None:
        if self.share.value is None or self.share.interval is None:
            return None
        return share_strip(self.share.value, self.share.interval)


@dataclass(frozen=True)
class CardRow:
    """A card in the list and the chart."""

    card: Card

    @property
    def address(self) -> str:
        return card_address(self.card)

    @property
    def approval(self) -> ShareRow:
        return ShareRow(self.card.approval)

    @property
    def editing(self) -> ShareRow:
        return ShareRow(self.card.editing)

    @property
    def reporting(self) -> ShareRow:
        return ShareRow(self.card.reporting)

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.card.counts)

    @property
    def words(self) -> str:
        return mean_words(self.card.words)

    @property
    def minutes(self) -> str:
        return mean_words(self.card.minutes)


def mean_words(mean: float | None) -> str:
    """Return a mean in words."""
    return FEW if mean is None else f"{mean:,.1f}"


@dataclass(frozen=True)
class Figure:
    """One line of a card: its name, what it is, its value in one or two cards, and their difference in words."""

    name: str
    definition: str
    values: Sequence[str]
    difference: str = ""


def _generators() -> Step:
    return step("Generators", "posts_generator_changelist")


class ScorecardPage(AdminPage):
    """What all addresses of scorecards share: who may see them, and what they are about."""

    http_method_names = ["get", "head"]
    permissions = ("view_generator",)
    title = "Scorecards"

    @property
    def by(self) -> By:
        """What the scorecards are about; Http404 for anything else."""
        try:
            return By(self.request.GET.get("by", By.GENERATOR.value))
        except ValueError:
            raise Http404("No scorecards are about this.") from None

    def card(self, name: str) -> Card:
        """Return the card that a parameter of the address names; Http404 if there is none."""
        key = self.request.GET.get(name)
        card = None if key is None or "\x00" in key else card_of(self.by, key)
        if card is None:
            raise Http404("No scorecard has this name.")
        return card


class ListPage(ScorecardPage):
    """The scorecards with most posts."""

    template = "scorecards/list"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        rows = [CardRow(card) for card in cards(self.by)]
        return self.render(
            trail=[_generators(), Step(self.title)],
            by=self.by.value,
            kinds=[(by.value, title) for by, title in TITLES.items()],
            kind=TITLES[self.by],
            rows=rows,
            charted=[row for row in rows if row.approval.strip],
            is_capped=len(rows) == SHOWN,
            shown=SHOWN,
            least=LEAST,
            definitions=DEFINITIONS,
            undone=UNDONE,
            counted_at=counted_at(),
        )


class CardPage(ScorecardPage):
    """One scorecard, or two side by side."""

    template = "scorecards/card"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        card = self.card("key")
        other = self.card("other") if self.request.GET.get("other") is not None else None
        others = [one for one in cards(self.by) if one.key != card.key]
        compared = [card, other] if other else [card]
        title = f"{card.name} and {other.name}" if other else card.name
        above = Step(self.title, f"{reverse('admin:scorecards')}?by={self.by}")
        return self.render(
            title=title,
            trail=[_generators(), above, Step(title)],
            by=self.by.value,
            card=card,
            other=other,
            others=others,
            figures=figures(compared),
            reasons=reason_rows(compared),
            rows=[CardRow(one) for one in compared],
            differences=_difference_rows(Comparison(card, other)) if other else [],
            least=LEAST,
            undone=UNDONE,
            counted_at=counted_at(),
            json_address=f"{reverse('admin:scorecards_json')}?{self.request.GET.urlencode()}",
        )


def figures(compared: Sequence[Card]) -> list[Figure]:
    """Return the lines of one card, or of two with their differences."""
    return [
        _number("Came in", CAME_IN, compared, "came_in"),
        _share("Approved", APPROVED, compared, lambda card: card.approval),
        _number("Only in bulk", IN_BULK, compared, "in_bulk"),
        _number("Revoked", REVOKED, compared, "revoked"),
        _share("Edited", EDITED, compared, lambda card: card.editing),
        _mean("Changed words", WORDS, [card.words for card in compared]),
        _share("Reported", REPORTED, compared, lambda card: card.reporting),
        _number("Reports", "All reports of readers about these posts.", compared, "reports"),
        _mean("Minutes", MINUTES, [card.minutes for card in compared]),
    ]


def _number(name: str, definition: str, compared: Sequence[Card], column: str) -> Figure:
    return Figure(name, definition, [f"{card.count(column):,}" for card in compared])


def _share(name: str, definition: str, compared: Sequence[Card], of: Callable[[Card], Share]) -> Figure:
    rows = [ShareRow(of(card)) for card in compared]
    values = [f"{row.words} ({row.limits}), {row.of}" if row.limits else f"{row.words}: {row.of}" for row in rows]
    return Figure(name, definition, values, _difference([row.share for row in rows]))


def _difference(shares: Sequence[Share]) -> str:
    if len(shares) < 2:
        return ""
    found = shares[0].less(shares[1])
    if found is None:
        return FEW
    difference, interval = found
    return f"{points(difference)} points ({points(interval.low)} to {points(interval.high)})"


def _mean(name: str, definition: str, means: Sequence[float | None]) -> Figure:
    difference = ""
    if len(means) == 2:
        one, other = means
        difference = FEW if one is None or other is None else f"{one - other:+,.1f}".replace("-", "−")
    return Figure(name, definition, [mean_words(mean) for mean in means], difference)


def reason_rows(compared: Sequence[Card]) -> list[tuple[str, list[int]]]:
    """Return [(words of a reason, posts in each card)] of the reasons that occur."""
    found = [dict(card.reason_rows) for card in compared]
    names = list(dict.fromkeys(name for reasons in found for name in reasons))
    return [(name, [reasons.get(name, 0) for reasons in found]) for name in names]


def _difference_rows(comparison: Comparison) -> list[tuple[str, str, Strip]]:
    """Return [(what differs, the difference in words, its strip)] of the shares that are shown."""
    names = {"approval": "Approved", "edited": "Edited", "reported": "Reported"}
    return [
        (names[name], f"{points(found[0])} points ({points(found[1].low)} to {points(found[1].high)})",
         difference_strip(*found))
        for name, found in comparison.differences.items() if found
    ]  # fmt: skip


class ScorecardsCSV(ScorecardPage):
    """The list as CSV."""

    def page(self, subject: None, *, status: int = 200) -> HttpResponseBase:
        """Return the file."""
        header = ["by", "key", "name", "came_in", "in_bulk_only", "revoked"]
        for name in ("approval", "edited", "reported"):
            header += [f"{name}_part", f"{name}_of", f"{name}_share", f"{name}_low", f"{name}_high"]
        header += ["changed_words", "changed_words_per_edited_post", "reports"]
        header += ["decisions_with_time", "minutes_per_decision"]
        header += [f"reason_{code or 'none'}" for code in REASON_CODES]
        lines = csv_lines(header, _csv_rows(cards(self.by)))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="scorecards-{self.by}.csv"'
        return response


def _csv_rows(found: Sequence[Card]) -> Iterator[list[Any]]:
    for card in found:
        row: list[Any] = [card.by.value, card.key, card.name]
        row += [card.count(column) for column in ("came_in", "in_bulk", "revoked")]
        for share in card.shares.values():
            row += [share.part, share.whole, share.value, *(share.interval or (None, None))]
        row += [card.count("changed_words"), card.words, card.count("reports"), card.count("timed"), card.minutes]
        yield row + [card.reasons.get(code, 0) for code in REASON_CODES]


class ScorecardsJSON(ScorecardPage):
    """The list as JSON, or one card, or two with their difference."""

    def page(self, subject: None, *, status: int = 200) -> HttpResponseBase:
        """Return the answer."""
        content: dict[str, Any] = {"counted_at": counted_at(), "hidden_below": LEAST}
        if "key" not in self.request.GET:
            content["cards"] = [card.as_json() for card in cards(self.by)]
        elif "other" not in self.request.GET:
            content["card"] = self.card("key").as_json()
        else:
            content |= Comparison(self.card("key"), self.card("other")).as_json()
        return JsonResponse(content, json_dumps_params={"ensure_ascii": False})


PAGES = [
    ("scorecards/", ListPage, "scorecards"),
    ("scorecards/card/", CardPage, "scorecards_card"),
    ("scorecards/csv/", ScorecardsCSV, "scorecards_csv"),
    ("scorecards/json/", ScorecardsJSON, "scorecards_json"),
]
