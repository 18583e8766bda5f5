"""The one table of risk reasons and their points. A page of the admin shows it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Weight:
    """One risk reason.

    each: points for one. most: the maximum. least: the minimum, if points depend on more than a count. The words are
    for reviewers.
    """

    code: str
    label: str
    each: int
    most: int
    counts: str
    why: str
    least: int | None = None

    def points(self, count: float = 1) -> int:
        """Return the points for `count`, a whole number from 0 to `most`."""
        return min(self.most, max(0, round(self.each * count)))

    @property
    def table_points(self) -> str:
        """The points as the table shows them: "40", "30 to 60", or "15 each, 45 at most"."""
        if self.least is not None:
            return f"{self.least} to {self.most}"
        return str(self.each) if self.each == self.most else f"{self.each} {self.counts}, {self.most} at most"


(
    SOURCE, FLAG, ORIGIN, TWIN, CHECK, CODE, PACKAGES, CLAIMS, IMAGES, LINKS, PICTURES, ADVICE, REPORTS, GENERATOR,
    CHANGED, PART, WAITING,
) = CODES = (
    "source", "flag", "origin", "twin", "check", "code", "packages", "claims", "images", "links", "pictures", "advice",
    "reports", "generator", "changed", "part", "waiting",
)  # fmt: skip

# A near-duplicate is worth the first at the lowest similarity that counts, and the second if the texts are equal.
TWIN_LEAST, TWIN_MOST = 30, 60

WEIGHTS = {
    weight.code: weight
    for weight in (
        Weight(SOURCE, "Source asks for human review", 50, 50, "", "The record itself asks for human review."),
        Weight(FLAG, "Flagged", 50, 50, "", "A person or a check flagged it, and the flag is open."),
        Weight(
            ORIGIN,
            "Hash or generator unknown",
            40,
            40,
            "",
            "The import names no generator, or its hash is missing or does not match the text.",
        ),
        Weight(
            TWIN,
            "Near-duplicate",
            TWIN_MOST,
            TWIN_MOST,
            "",
            f"{TWIN_LEAST} if four fifths of the text appear in an earlier post, {TWIN_MOST} if all of it does.",
            least=TWIN_LEAST,
        ),
        Weight(CHECK, "Required check fails", 20, 80, "each", "The post can't be approved while the check fails."),
        Weight(CODE, "Code does not parse", 15, 45, "each", "A code block is not valid in its language."),
        Weight(
            PACKAGES,
            "Unknown package",
            20,
            40,
            "each",
            "Readers are told to install a package that is in no list. Attackers register such names.",
        ),
        Weight(
            CLAIMS,
            "Claims contradict the text",
            15,
            45,
            "each",
            "The record says something about the text that is not true.",
        ),
        Weight(
            IMAGES, "Image without source or licence", 10, 40, "each", "It is not known whether the image may be shown."
        ),
        Weight(
            LINKS, "Dead link", 10, 30, "each", "A page that the text links to has not answered for days, or is gone."
        ),
        Weight(
            PICTURES,
            "Picture changed",
            15,
            45,
            "each",
            "Another host shows readers a picture that is no longer the approved one.",
        ),
        Weight(ADVICE, "Other advice", 5, 30, "for each check", "Other checks found something to look at."),
        Weight(REPORTS, "Reader report", 15, 60, "each", "A reader reported a problem."),
        Weight(
            GENERATOR,
            "Generator often rejected",
            1,
            100,
            "for each percent",
            "In the last 90 days reviewers rejected posts of this generator, or requested changes, clearly more often "
            "than for other posts. The points are the difference in percent. Both sides need eight decisions or more.",
        ),
        Weight(
            CHANGED,
            "Changed since approval",
            40,
            40,
            "",
            "Readers see an approved revision, and this one would replace it.",
        ),
        Weight(
            PART,
            "Needs a second decision",
            30,
            30,
            "",
            "A reviewer who wrote part of it has approved it. Another reviewer must decide about their changes.",
        ),
        Weight(WAITING, "Waiting", 1, 30, "a day", "Every post moves up in time, so that none waits for ever."),
    )
}
