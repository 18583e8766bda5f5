"""What reading one block of code says."""

from dataclasses import dataclass
from typing import Literal

State = Literal["parsed", "fragment", "broken", "unread"]
# The most characters of a message.
MAX_MESSAGE = 160


@dataclass(frozen=True)
class Fault:
    """Where code stops making sense. line, column: from 1; 0 if the parser does not say."""

    message: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Reading:
    """The result of one block.

    state: parsed as written, parsed as a fragment, broken, or unread. language: its name as people know it.
    message: what is wrong and was expected, or why the block was not read. names: the packages that it imports or
    installs, as (registry, name).
    """

    state: State
    language: str = ""
    message: str = ""
    line: int = 0
    column: int = 0
    names: tuple[tuple[str, str], ...] = ()


class NotReadable(Exception):
    """No parser can read this code. The message says why, for a reviewer."""
