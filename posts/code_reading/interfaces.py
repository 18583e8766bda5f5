"""Small readers of proto, GraphQL, messages of HTTP and regular expressions."""

import re
from functools import lru_cache
from typing import Any

from posts.code_reading.data import HTTP_HEAD, read_data
from posts.code_reading.omissions import completed
from posts.code_reading.results import MAX_MESSAGE, Fault, NotReadable

_PROTO_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[{};]|\n|[^\s{};\"'/]+|.", re.DOTALL
)
_NAME = r"\.?[A-Za-z_][\w.]*"
_OPTIONS = r"(?: ?\[.*\])?"
# Statements of proto without the semicolon, with one space between words.
_PROTO_STATEMENT = re.compile(
    rf"(?:syntax|edition) ?= ?[\"'].*[\"']|package {_NAME}|import (?:public |weak )?[\"'].*[\"']"
    rf"|option (?:\(?{_NAME}\)?(?:\.\w+)*) ?=.*|(?:reserved|extensions) .+"
    rf"|(?:repeated |optional |required )?(?:map ?< ?\w+ ?, ?{_NAME} ?>|{_NAME}) \w+ ?= ?"
    rf"(?:\d+|0x[\da-fA-F]+){_OPTIONS}"
    rf"|\w+ ?= ?-?(?:\d+|0x[\da-fA-F]+){_OPTIONS}"
    rf"|rpc \w+ ?\( ?(?:stream )?{_NAME} ?\) ?returns ?\( ?(?:stream )?{_NAME} ?\)|"
)
_PROTO_BLOCK = re.compile(
    rf"(?:(?:message|enum|service|oneof) \w+|extend {_NAME}|(?:repeated |optional |required )?group \w+ ?= ?\d+"
    rf"|rpc \w+ ?\( ?(?:stream )?{_NAME} ?\) ?returns ?\( ?(?:stream )?{_NAME} ?\))"
)
_SHOWN = 40


class _Proto:
    """What was read of Protocol Buffers so far: the words of a statement, and the blocks that are open."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.begun = 1
        # The value of an option may be a text with brackets of its own.
        self.in_value = 0
        self.opened: list[int] = []

    def take(self, mark: str, line: int) -> Fault | None:
        """Read one word or mark; return the Fault if it can't stand here."""
        is_value = mark == "{" and "=" in self.words and self.words[0] == "option"
        if self.in_value or is_value:
            self.in_value += {"{": 1, "}": -1}.get(mark, 0)
            return None
        if mark not in ("{", "}", ";"):
            self.begun = self.begun if self.words else line
            self.words.append(mark)
            return None
        statement, self.words = " ".join(self.words), []
        if mark == "}":
            return self._close(statement, line)
        form = _PROTO_BLOCK if mark == "{" else _PROTO_STATEMENT
        if not form.fullmatch(statement):
            wanted = "message, enum or service and a name" if mark == "{" else "a field such as “string name = 1”"
            return Fault(_told(wanted, statement), self.begun, 1)
        if mark == "{":
            self.opened.append(line)
        return None

    def _close(self, statement: str, line: int) -> Fault | None:
        if statement:
            return Fault("“;” expected", self.begun, 1)
        if not self.opened:
            return Fault("“}” closes nothing", line, 1)
        self.opened.pop()
        return None


def read_proto(code: str) -> Fault | None:
    """Return the Fault of Protocol Buffers, or None. Also parts of a file are sound."""
    reader, line = _Proto(), 1
    for found in _PROTO_TOKEN.finditer(code):
        mark = found[0]
        if not mark.isspace() and not mark.startswith(("//", "/*")) and (fault := reader.take(mark, line)):
            return fault
        line += mark.count("\n")
    if reader.words:
        return Fault("“;” expected", reader.begun, 1)
    return Fault("“{” is never closed; “}” expected", reader.opened[-1], 1) if reader.opened else None


def _told(wanted: str, statement: str) -> str:
    return f"{wanted} expected, not “{statement[:_SHOWN]}”" if statement else f"{wanted} expected"


@lru_cache(maxsize=1)
def _graphql() -> Any:
    try:
        import graphql
    except ImportError:
        raise NotReadable("no parser is installed") from None
    return graphql


def read_graphql(code: str) -> tuple[str, Fault | None]:
    """Return the result of GraphQL: operations or a schema, or what stands inside of one."""
    if (fault := _graphql_fault(code)) is None:
        return "parsed", None
    for attempt in (code, *completed(code), re.sub(r"\.{3}(?=\s*[}\n])|…", "x", code)):
        for before, after in (("", ""), ("{\n", "\n}"), ("type T {\n", "\n}"), ("input I {\n", "\n}"), ("", " { x }")):
            if before == "{\n" and _GRAPHQL_WORD.match(attempt):
                continue
            # What lacks a bracket must not get one.
            if _graphql_fault(before + attempt + after) is None and attempt.count("{") == attempt.count("}"):
                return "fragment", None
    return "", fault


# What begins a definition, so that it is not taken for the name of a field.
_GRAPHQL_WORD = re.compile(
    r"\s*(?:type|interface|enum|input|union|scalar|schema|extend|directive|query|mutation|subscription|fragment)\s+[\w@{]"
)


def _graphql_fault(code: str) -> Fault | None:
    graphql = _graphql()
    try:
        graphql.parse(code, no_location=True, max_tokens=20_000)
    except graphql.GraphQLSyntaxError as error:
        place = error.locations[0] if error.locations else None
        message = error.message.removeprefix("Syntax Error: ").rstrip(".")[:MAX_MESSAGE]
        return Fault(message, place.line if place else 0, place.column if place else 0)
    return None


_REQUEST_LINE = re.compile(
    r"[ \t]*(?:HTTP/\d|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|QUERY|CONNECT|TRACE)\b|[\w-]+:)"
)


def read_http(code: str) -> tuple[str, Fault | None]:
    """Return the result of a request or an answer of HTTP: its lines, and a body in JSON."""
    body = re.sub(r"^###[^\n]*$", "", code, flags=re.MULTILINE).strip("\n")
    if not _REQUEST_LINE.match(body):
        return "", Fault("a line such as “GET /path HTTP/1.1” or “HTTP/1.1 200 OK” expected", 1, 1)
    head = HTTP_HEAD.match(body)
    content = body[head.end() :] if head else ""
    is_json = re.search(r"^content-type:.*\bjson\b", head[0] if head else "", re.IGNORECASE | re.MULTILINE)
    # A second message in the block, or a template of a tool, is not read.
    if (
        not is_json
        or not content.lstrip().startswith(("{", "["))
        or re.search(r"^(?:HTTP/|[A-Z]+ [/h])", content, re.M)
    ):
        return "fragment", None
    state, fault = read_data("JSON", content)
    lines = code.count("\n", 0, code.find(content)) if fault else 0
    return state, fault and Fault(fault.message, fault.line + lines, fault.column)


_DELIMITED = re.compile(r"\A/(.+)/[a-z]*\Z", re.DOTALL)
# What other engines have, and this one calls otherwise or not at all; none of it changes what is in pairs.
_FOREIGN = re.compile(
    r"\\[zhHRKNXAG]|\(\*[A-Z_]+(?::\w+)?\)|\\[cx]\{[^}]*\}|\\u\{[\da-fA-F]+\}|\[\[?:\^?\w+:\]|\[[.=].[.=]\]"
)
_MAX_PATTERN = 2_000


def read_regex(code: str) -> tuple[str, Fault | None]:
    """Return the result of regular expressions: one in the block, or one on each line."""
    whole = code.strip()
    fault = _regex_fault(whole)
    if fault is None:
        return "parsed", None
    lines = code.split("\n")
    faults = [(number, _regex_fault(re.sub(r"[ \t]+#.*$", "", line).strip())) for number, line in enumerate(lines, 1)]
    wrong = [(number, found) for number, found in faults if found]
    if len(lines) > 1 and not wrong:
        return "parsed", None
    if _regex_fault(whole, is_verbose=True) is None:
        return "parsed", None
    if any(_regex_fault(attempt.strip()) is None for attempt in completed(whole)):
        return "fragment", None
    number, found = wrong[0] if wrong else (1, fault)
    return "", Fault(found.message, number, found.column)


def _regex_fault(pattern: str, *, is_verbose: bool = False) -> Fault | None:
    # Imported here: it takes 3 MB, and only this process needs it that reads code.
    import regex

    if len(pattern) > _MAX_PATTERN:
        raise NotReadable(f"longer than {_MAX_PATTERN:,} characters")
    if delimited := _DELIMITED.match(pattern):
        pattern = delimited[1].replace("\\/", "/")
    try:
        regex.compile(_FOREIGN.sub("x", pattern), regex.VERSION0 | (regex.VERBOSE if is_verbose else 0))
    except regex.error as error:
        return Fault(error.msg[:MAX_MESSAGE], error.lineno or 1, error.colno or 0)
    return None
