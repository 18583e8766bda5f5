"""The registered checks, and how a text goes through all of them.

A new check goes into the module of its subject; a new module also into the imports of `__init__.py`.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

from posts.content_checks.text import CheckedText
from posts.content_checks.time_limit import OutOfTime, run_limited
from posts.records.schema import RecordDict
from posts.rendering.images import picture_rules

logger = logging.getLogger("posts.content_checks")

SEVERITIES = ("stops", "advises")
# Raise it when one of our checks changes its result for the same text; stored findings are then computed again.
CHECKS_VERSION = 7
# The most findings of one check that are shown.
MAX_TOLD = 20
# All checks of EXTRA_CHECKS together have so many seconds for a text: a person waits for them, and a decision holds the
# lock of the post. Ours need no limit, because what they read is bounded.
SECONDS = 5
FAILED = "Not checked: the check failed. The error is in the site log."
TOO_LONG = "Not checked: the check took too long."
YOURSELF = "This check can prevent an approval. Check this yourself before you approve."


@dataclass(frozen=True)
class Finding:
    """One finding. `stops`: it prevents an approval while it exists; otherwise it is advice.

    pointer: the JSON Pointer of the place. count: the number of things it is about ("Images 1, 2 and 5": 3).
    """

    check: str
    message: str
    stops: bool
    pointer: str = ""
    count: int = 1

    @property
    def place(self) -> str:
        """The field that it is about ("flags.has_images"), or "" if the message names the place."""
        parts = [part for part in self.pointer.split("/")[1:] if not part.isdecimal()]
        return "" if parts[:1] == ["image_sources"] else ".".join(parts)


@dataclass(frozen=True)
class Unread:
    """What a check did not read, and how much of it. It is neither a fault of the text nor a pass.

    failed: the check raised an error or took too long, so it may find something another time.
    """

    message: str
    check: str = ""
    failed: bool = False


# What the function of a check yields: (message, JSON Pointer[, count]), or what it left out.
Told = tuple[str, str] | tuple[str, str, int] | Unread
CheckFunction = Callable[[CheckedText], Iterable[Told]]
Results = tuple[list[Finding], list[Unread]]


@dataclass(frozen=True)
class Check:
    """A registered check: its id, whether it prevents an approval, and the function.

    is_ours: part of AlphaNode, whose checks read a bounded part of a text. Others get a time limit.
    """

    id: str
    severity: str
    function: CheckFunction
    is_ours: bool = False

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
            more = Finding(self.id, f"And {left:,} more of this kind.", self.severity == "stops", "", left)
            found = [*found[:MAX_TOLD], more]
        return found, unread

    def _read(self, text: CheckedText, found: list[Finding], unread: list[Unread]) -> None:
        """Add what the function says of a text to `found` and `unread`."""
        text.blocks_were_asked_for = text.passages_were_asked_for = False
        for said in self.function(text):
            if isinstance(said, Unread):
                unread.append(replace(said, check=self.id))
                continue
            message, pointer, count = (*said, 1)[:3]
            found.append(Finding(self.id, message, self.severity == "stops", pointer, count))
        if text.left_out:
            unread.append(Unread(f"Not read: {' and '.join(text.left_out)}. Too long or too complex.", self.id))

    def _failure(self, message: str) -> Unread:
        return Unread(f"{message} {YOURSELF}" if self.severity == "stops" else message, self.id, failed=True)


_checks: dict[str, Check] = {}


def check(name: str, severity: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function CheckedText → iterable of (message, JSON Pointer[, count]) as the check `name`.

    severity: "stops" (findings prevent an approval) or "advises". The message says what to do. The function yields an
    Unread for what it had to leave out; missing blocks of an unparsed text are noted without it. It executes nothing
    of the text, and its running time grows no faster than the text. One of EXTRA_CHECKS runs
    on a thread of its own and is stopped when its time is over (time_limit.py).
    """
    if severity not in SEVERITIES:
        raise ValueError(f"The check {name} has the severity “{severity}”; it must be stops or advises.")

    def registered(function: CheckFunction) -> CheckFunction:
        if name in _checks:
            raise ValueError(f"Two checks are named {name}.")
        _checks[name] = Check(name, severity, function, is_ours=function.__module__.startswith("posts.content_checks."))
        return function

    return registered


def registered_checks() -> dict[str, Check]:
    """Return {id: Check} in the order in which findings are shown."""
    return dict(_checks)


def results(record: RecordDict) -> Results:
    """Return ([Finding], [Unread]) of a record dict: findings that prevent an approval first, then by check."""
    found, unread = _results_of_checks(record, _checks.values())
    return sorted(found, key=lambda finding: not finding.stops), unread


def _results_of_checks(record: RecordDict, checks: Iterable[Check]) -> Results:
    text = CheckedText(record)
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
    """Return the findings of the checks of AlphaNode, blocking issues first.

    Those of EXTRA_CHECKS may take seconds: too long for an answer at every pause in typing.
    """
    found = [finding for check in _checks.values() if check.is_ours for finding in check.results(text)[0]]
    return sorted(found, key=lambda finding: not finding.stops)


def findings(record: RecordDict) -> list[Finding]:
    """Return every Finding in a record dict, in the order of results()."""
    return results(record)[0]


def stopping_results(record: RecordDict) -> Results:
    """Return ([Finding], [Unread]) of the checks that can prevent an approval."""
    return _results_of_checks(record, [check for check in _checks.values() if check.severity == "stops"])


def failed_required(unread: Iterable[Unread]) -> list[str]:
    """Return the ids of the checks among these [Unread] that failed or took too long and can prevent an approval."""
    return [gap.check for gap in unread if gap.failed and _checks[gap.check].severity == "stops"]


def stopping_findings(record: RecordDict) -> list[Finding]:
    """Return the findings that prevent an approval."""
    return stopping_results(record)[0]


def checks_key() -> str:
    """Return sixteen hex digits for all that findings depend on besides the text: version, checks, allowed pictures."""
    parts = [str(CHECKS_VERSION), *(f"{check.id}:{check.severity}" for check in _checks.values())]
    return hashlib.sha256("\n".join([*parts, picture_rules()]).encode()).hexdigest()[:16]
