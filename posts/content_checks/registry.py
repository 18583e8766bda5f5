"""The registered checks, and how a text goes through all of them.

A new check goes into the module of its subject; a new module also into the imports of `__init__.py`.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from urllib.parse import urlencode

from posts.content_checks.text import CheckedText, Spot
from posts.content_checks.time_limit import OutOfTime, run_limited
from posts.links.faults import FIXES
from posts.records.schema import RecordDict

logger = logging.getLogger("posts.content_checks")

LEVELS = ("stops", "advises")
# What a check costs: a few milliseconds anywhere, or so much that only the background runs it.
INSTANT, BACKGROUND = COSTS = ("instant", "background")
# The input of a check that may read anything of the record.
WHOLE_RECORD = "record"
# Raise it when what all checks read changes (text.py, the parser); a change of one check raises that check's version.
CHECKS_VERSION = 8
# The most findings of one check that are shown.
MAX_TOLD = 20
# The most characters of a place that are kept with a finding.
MAX_WORDS = 200
# All checks of EXTRA_CHECKS together have so many seconds for a text: a person waits for them, and a decision holds the
# lock of the post. Ours need no limit, because what they read is bounded.
SECONDS = 5
FAILED = "Not checked: the check failed. The error is in the site log."
TOO_LONG = "Not checked: the check took too long."
NOT_YET = "Not checked yet. A background job does it."
EARLIER = "Found by an earlier version of this check. A background job checks the text again."
YOURSELF = "This check can prevent an approval. Check this yourself before you approve."


@dataclass(frozen=True)
class Finding:
    """One finding. `stops`: it prevents an approval while it exists; otherwise it is advice.

    pointer: the JSON Pointer of the place. count: the number of things it is about ("Images 1, 2 and 5": 3). rule: the
    name of the rule of the house style. line, words: where in a text of several lines, from 1, and what stands there; 0
    and "" if unknown.
    """

    check: str
    message: str
    stops: bool
    pointer: str = ""
    count: int = 1
    rule: str = ""
    line: int = 0
    words: str = ""

    @property
    def place(self) -> str:
        """The field that it is about ("flags.has_images"), or "" if the message names the place."""
        parts = [part for part in self.pointer.split("/")[1:] if not part.isdecimal()]
        return "" if parts[:1] == ["image_sources"] else ".".join(parts)

    @property
    def fix(self) -> str:
        """What the button says that mends what was found; "" if nothing but a person can."""
        return FIXES.get(self.check, "")

    @property
    def source_query(self) -> str:
        """The query of a link to its words in the source of intro or body; "" if it is about no place there."""
        field = self.pointer.removeprefix("/")
        if field not in ("intro", "body") or not self.line:
            return ""
        return urlencode({"field": field, "line": self.line, "words": self.words})


@dataclass(frozen=True)
class Unread:
    """What a check did not read, and how much of it. It is neither a fault of the text nor a pass.

    failed: the check raised an error, took too long or has not run yet, so it may find something another time.
    """

    message: str
    check: str = ""
    failed: bool = False


# What the function of a check yields: (message, JSON Pointer[, count[, rule of the house style]]), or what it left out.
Told = tuple[str, str] | tuple[str, str, int] | tuple[str, str, int, str] | Unread
CheckFunction = Callable[[CheckedText], Iterable[Told]]
Results = tuple[list[Finding], list[Unread]]


@dataclass(frozen=True)
class Check:
    """A registered check, with what `check` says of it.

    is_ours: part of AlphaNode, whose checks read a bounded part of a text. Others get a time limit.
    """

    id: str
    level: str
    function: CheckFunction
    is_ours: bool = False
    version: int = 1
    inputs: tuple[str, ...] = (WHOLE_RECORD,)
    cost: str = INSTANT
    while_typing: CheckFunction | None = None

    @property
    def stops(self) -> bool:
        """Whether its findings prevent an approval."""
        return self.level == "stops"

    @property
    def is_instant(self) -> bool:
        """Whether a request may run it."""
        return self.cost == INSTANT

    def key(self, states: Mapping[str, str]) -> str:
        """Return sixteen hex digits for all that its findings depend on besides the text.

        states: {name of an input outside the text: its state}.
        """
        outside = [f"{name}:{states[name]}" for name in self.inputs if name in states]
        parts = [str(CHECKS_VERSION), self.id, str(self.version), self.level, *outside]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def not_run(self, message: str = NOT_YET) -> Unread:
        """Return what stands in place of its findings while it has not run."""
        return Unread(f"{message} {YOURSELF}" if self.stops else message, self.id, failed=self.stops)

    def results(self, text: CheckedText, seconds: float = SECONDS) -> Results:
        """Return ([Finding], [Unread]) of a CheckedText.

        At most MAX_TOLD findings, and one that says how many more there are. If the function raises or takes longer
        than `seconds`, the error is logged and its findings so far are kept.
        """
        found: list[Finding] = []
        unread: list[Unread] = []
        try:
            if self.is_ours:
                self._read(text, found, unread)
            else:
                # A copy: a check that is given up may still run and must not change what the next one sees.
                run_limited(self.id, partial(self._read, copy(text), found, unread), seconds)
        except OutOfTime:
            # The function may still be running.
            found, unread = list(found), list(unread)
            logger.error("The check %s took too long and was left out.", self.id)
            unread.append(self._failure(TOO_LONG))
        except Exception:
            # A failing check must not break the review screen or the other checks.
            logger.exception("The check %s failed.", self.id)
            unread.append(self._failure(FAILED))
        if len(found) > MAX_TOLD:
            left = sum(finding.count for finding in found[MAX_TOLD:])
            more = Finding(self.id, f"And {left:,} more of this kind.", self.stops, "", left)
            found = [*found[:MAX_TOLD], more]
        return found, unread

    def _read(self, text: CheckedText, found: list[Finding], unread: list[Unread]) -> None:
        """Add what the function says of a text to `found` and `unread`."""
        text.blocks_were_asked_for = text.passages_were_asked_for = False
        for said in self.function(text):
            if isinstance(said, Unread):
                unread.append(replace(said, check=self.id))
                continue
            found.append(self._finding(*said))
        if text.left_out:
            unread.append(Unread(f"Not read: {' and '.join(text.left_out)}. Too long or too complex.", self.id))

    def _finding(self, message: str, pointer: str, count: int = 1, rule: str = "") -> Finding:
        spot = Spot.of(pointer)
        return Finding(self.id, message, self.stops, pointer, count, rule, spot.line, spot.words[:MAX_WORDS])

    def _failure(self, message: str) -> Unread:
        return Unread(f"{message} {YOURSELF}" if self.stops else message, self.id, failed=True)


_checks: dict[str, Check] = {}
# What findings depend on besides the text: {name: a function that returns its state as a text}.
_outside: dict[str, Callable[[], str]] = {}


def outside_input(name: str, state: Callable[[], str]) -> None:
    """Declare something beside the text that checks may depend on, such as a setting or a table.

    state: returns a text that differs whenever a check may find something else because of it. It runs for every page
    with findings, so it must be as cheap as one indexed query.
    """
    if name in _outside:
        raise ValueError(f"Two inputs are named {name}.")
    _outside[name] = state


def check(
    name: str,
    level: str,
    *,
    version: int = 1,
    inputs: Collection[str] = (WHOLE_RECORD,),
    cost: str = INSTANT,
    while_typing: CheckFunction | None = None,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function CheckedText → iterable of (message, JSON Pointer[, count]) as the check `name`.

    level: "stops" (findings prevent an approval) or "advises".

    version: a number to raise when the check finds something else in the same text. A background job then computes
    its stored findings again, and only those.

    inputs: the fields of the record that it reads, and names declared by outside_input().

    cost: "instant" for a few milliseconds; a request may run it, for a text that the background has not read.
    "background" for what takes longer; only jobs and commands run it.

    while_typing: an instant function that finds a part of the same, for the editor.

    The message says what to do. The function yields an Unread for what it had to leave out; missing blocks of an
    unparsed text are noted without it. It executes nothing of the text, and its running time grows no faster than the
    text. One of EXTRA_CHECKS runs on a thread of its own and is stopped when its time is over (time_limit.py).
    """
    if level not in LEVELS:
        raise ValueError(f"The check {name} has the level “{level}”; it must be stops or advises.")
    if cost not in COSTS:
        raise ValueError(f"The check {name} has the cost “{cost}”; it must be instant or background.")
    if isinstance(inputs, str) or not inputs:
        raise ValueError(f"The check {name} needs a list of inputs.")

    def registered(function: CheckFunction) -> CheckFunction:
        if name in _checks:
            raise ValueError(f"Two checks are named {name}.")
        is_ours = function.__module__.startswith("posts.content_checks.")
        _checks[name] = Check(name, level, function, is_ours, version, tuple(inputs), cost, while_typing)
        return function

    return registered


def registered_checks() -> dict[str, Check]:
    """Return {id: Check} in the order in which findings are shown."""
    return dict(_checks)


def results(record: RecordDict) -> Results:
    """Return ([Finding], [Unread]) of a record dict: findings that prevent an approval first, then by check.

    It runs every check, so only jobs and commands call it.
    """
    return in_order(*results_of_checks(record, _checks.values()))


def instant_results(record: RecordDict) -> Results:
    """Return the results of the checks that a request may run, and an Unread for each of the others."""
    found, unread = results_of_checks(record, [check for check in _checks.values() if check.is_instant])
    return in_order(found, [*unread, *(check.not_run() for check in _checks.values() if not check.is_instant)])


def in_order(found: Iterable[Finding], unread: Iterable[Unread]) -> Results:
    """Return results in the order of screens: what prevents an approval first, then by check."""
    places = {name: number for number, name in enumerate(_checks)}
    return (
        sorted(found, key=lambda finding: (not finding.stops, places[finding.check])),
        sorted(unread, key=lambda gap: places[gap.check]),
    )


def results_of_checks(record: RecordDict, checks: Iterable[Check], text: CheckedText | None = None) -> Results:
    """Return the results of `checks` alone, in their order. text: the record as a CheckedText, if there is one."""
    text = text or CheckedText(record)
    found: list[Finding] = []
    unread: list[Unread] = []
    seconds: float = SECONDS
    for check in checks:
        begun = monotonic()
        findings, gaps = check.results(text, seconds)
        if not check.is_ours:
            seconds -= monotonic() - begun
        found += findings
        unread += gaps
    return found, unread


def findings_while_typing(text: CheckedText) -> list[Finding]:
    """Return the findings of the instant checks of AlphaNode, blocking issues first.

    Those of EXTRA_CHECKS may take seconds: too long for an answer at every pause in typing.
    """
    # What they depend on beside the text is read by whoever asks for their keys.
    check_keys()
    ours = [check for check in _checks.values() if check.is_ours]
    checks = [check for check in ours if check.is_instant]
    checks += [replace(check, function=check.while_typing) for check in ours if check.while_typing]
    found = [finding for check in checks for finding in check.results(text)[0]]
    return sorted(found, key=lambda finding: not finding.stops)


def findings(record: RecordDict) -> list[Finding]:
    """Return every Finding in a record dict, in the order of results()."""
    return results(record)[0]


def stopping_findings(record: RecordDict) -> list[Finding]:
    """Return the findings in a record dict that prevent an approval."""
    return results_of_checks(record, [check for check in _checks.values() if check.stops])[0]


def failed_required(unread: Iterable[Unread]) -> list[str]:
    """Return the ids of the checks among these [Unread] that were not completed and can prevent an approval."""
    return [gap.check for gap in unread if gap.failed and gap.check in _checks and _checks[gap.check].stops]


def check_keys() -> dict[str, str]:
    """Return {id of a check: its key}."""
    states = {name: state() for name, state in _outside.items()}
    return {check.id: check.key(states) for check in _checks.values()}


def checks_key(keys: Mapping[str, str] | None = None) -> str:
    """Return sixteen hex digits for the keys of all checks. keys: check_keys(), if known already."""
    parts = [f"{name}:{key}" for name, key in (keys or check_keys()).items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
