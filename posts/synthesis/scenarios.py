"""The circumstances in which a generated post looks at its problem."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """tail: ends a title. setting: opens the article. limit: what the circumstances forbid. proof: when it is done."""

    tail: str
    setting: tuple
    limit: tuple
    proof: tuple


SCENARIOS = (
    Scenario(
        "in a team of three",
        ("Three people look after {stack} here, and one of them is always on holiday.",
         "The team is three people, so whatever is built has to be understood by the two who did not build it."),
        ("Nothing may need a specialist at night: the one who is awake has to be enough.",
         "A tool that wants its own machine is out of the question; there is nobody to look after it."),
        ("It is done when the person who did not write it has run it once, from the page alone.",
         "The test of the change is the week in which its author is away."),
    ),
    Scenario(
        "before the busiest week of the year",
        ("The busiest week begins in a month, and it is four times a usual one.",
         "Traffic will quadruple for six days, and the date is not for us to choose."),
        ("From Friday on only changes that can be switched off are allowed.",
         "There is time for one change of this size, so it has to be the right one."),
        ("It is done when the replayed traffic of last year, four times as fast, leaves the error budget alone.",
         "The figure to reach is last year's peak with half of last year's machines busy."),
    ),
    Scenario(
        "after a night on call",
        ("At ten past three the pager rang, and the first twenty minutes went into finding out what to look at.",
         "The report of the night is two pages; the change that it asks for is this one."),
        ("The change should make the next such night shorter, also if it happens for another reason.",
         "Nobody is to blame, and nothing in this page is about a person."),
        ("It is done when the same failure, made on purpose on a Tuesday morning, is understood in five minutes.",
         "We replay the night in staging, and the alert has to name the right thing."),
    ),
    Scenario(
        "with an inherited schema",
        ("The schema is eleven years old, has three ways to say “deleted”, and earns the money.",
         "Most of the tables were there before anybody who works here now."),
        ("Other programs read these tables, and not all of them are known.",
         "Nothing may be renamed this year; adding is allowed."),
        ("It is done when the old reports give the same numbers to the cent.",
         "A month of both ways side by side, without a difference, is the proof that we ask for."),
    ),
    Scenario(
        "under audit",
        ("Once a year somebody from outside asks who changed what, and wants to see it and not to hear it.",
         "The auditors are friendly and believe nothing that has no date."),
        ("Every step has to leave a trace that its author can't edit.",
         "Data of real people stays where it is: all trials run on made-up {nouns}."),
        ("It is done when a stranger can follow one {noun} from its creation to its end with the trace alone.",
         "We pick ten {nouns} by lot and explain each of their changes."),
    ),
    Scenario(
        "on one small machine",
        ("All of this runs on one machine with two processors and four gigabytes, and it is enough.",
         "The budget is one small server, and the aim is to leave it at that."),
        ("Memory is what is short: whatever grows with the number of {nouns} is out.",
         "A second machine would double the price, so the first one has to be used well."),
        ("It is done when the peak stays under half of the memory for a week.",
         "The machine has to survive its own backup while visitors are on it."),
    ),
    Scenario(
        "across two regions",
        ("The site runs in two regions with ninety milliseconds between them.",
         "Visitors are sent to the nearer of two regions, and their data lives in one of them."),
        ("Whatever asks the other region twice for one page is too slow already.",
         "When the line between the regions is gone, each has to go on with what it has."),
        ("It is done when one region can be switched off at noon without a lost {noun}.",
         "The figure to watch is the slowest tenth in the far region."),
    ),
    Scenario(
        "during a slow migration",
        ("Half of the system has moved, and the other half will follow when it follows.",
         "For a year two systems will share the work, and this page is about living with that."),
        ("Both sides have to understand what the other one writes, in both directions.",
         "No step may need all teams on one evening."),
        ("It is done when nobody can tell from outside which side has answered.",
         "Each step is proven by a comparison that runs every night and is read every morning."),
    ),
    Scenario(
        "with a nightly window of one hour",
        ("Between two and three nobody needs the system, and everything that is heavy wants to happen then.",
         "There is one quiet hour a day, and five jobs have discovered it."),
        ("What has not ended by three has to stop by itself and go on tomorrow.",
         "The window does not grow with the data, and the data doubles every two years."),
        ("It is done when a run that was stopped at three goes on the next night and ends with the same rows.",
         "The job has to be through in forty minutes with twice the {nouns} of today."),
    ),
    Scenario(
        "for a public interface",
        ("Four hundred programs that we have never seen call this interface.",
         "The people who use the interface are developers elsewhere, and we hear of them when something breaks."),
        ("A field that is out in the open can't be taken back; it can only be answered for.",
         "Clients are updated once a year, if somebody remembers."),
        ("It is done when the examples of the documentation run in our tests, word for word.",
         "The recorded requests of last month have to get the same answers, byte by byte."),
    ),
    Scenario(
        "without taking the site down",
        ("There is no hour in which nobody is on the site, so there is no hour for maintenance.",
         "The last planned standstill was four years ago, and nobody wants to plan the next one."),
        ("Every step has to be small enough to happen between two requests.",
         "Old and new version will always run side by side for some minutes."),
        ("It is done when the change goes out at noon and the graph of errors does not show where.",
         "A script asks for pages all through the change, and may not see one failure."),
    ),
    Scenario(
        "when the provider has a bad day",
        ("The provider promises 99.9 per cent, which is forty-three minutes of a month for surprises.",
         "Twice this year a whole zone was gone, and once only a part of the disks."),
        ("What is kept in one place is kept in no place on such a day.",
         "Nothing on the way to an answer may ask something that is not needed for it."),
        ("It is done when one zone is switched off in a rehearsal and the site shows older data with a note.",
         "We take the disk away in staging, and want to read one clear line about it."),
    ),
    Scenario(
        "in a first version",
        ("This is about the first version of something, when every habit is still cheap.",
         "There are few {nouns} so far, and there is the wish for two million."),
        ("Whatever is hard to change later has to be right now; the rest may be simple.",
         "No framework of our own: the first version should be readable in an afternoon."),
        ("It is done when it works with a thousand times the {nouns} on the machine of today.",
         "A new colleague reads it in an afternoon and finds the one place to change."),
    ),
)  # fmt: skip
