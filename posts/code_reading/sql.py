"""SQL in the dialects of several engines: accepted if one parser accepts it in one dialect."""

import difflib
import logging
import re
import textwrap
from functools import lru_cache
from typing import Any

from posts.code_reading.omissions import completed
from posts.code_reading.results import MAX_MESSAGE, Fault, NotReadable

_DIALECTS = ("postgres", "mysql", "tsql", None)
# Tried only where a word of theirs stands, because each dialect takes time and accepts something that others don't.
_RARE_DIALECTS = {
    "clickhouse": re.compile(r"\b(?:PREWHERE|\w*MergeTree|ARRAY JOIN|FINAL|LIMIT \d+ BY)\b", re.IGNORECASE),
    "oracle": re.compile(r"\b(?:ROWNUM|SYSDATE|NVL|DUAL|CONNECT BY|VARCHAR2|MINUS)\b", re.IGNORECASE),
    "bigquery": re.compile(r"\bUNNEST\b|\bSTRUCT<|\bSAFE_CAST\b|\bARRAY<", re.IGNORECASE),
    "snowflake": re.compile(r"\bFLATTEN\b|\bVARIANT\b|\bQUALIFY\b", re.IGNORECASE),
    "sqlite": re.compile(r"\bAUTOINCREMENT\b|\bWITHOUT ROWID\b|\bSTRICT\b|\bGLOB\b", re.IGNORECASE),
}
_PROMPT = re.compile(
    r"^[ \t]*(?:[\w-]{1,40}[=(\"'-][#>]|[\w@:.-]{0,40}(?:mysql|sqlite|MariaDB(?: \[[^\]\n]{0,30}\])?)>|\w{1,30}=[#>*]"
    r"|->|[\w.@:/-]{1,40}[=>]>)[ \t]?"
)
_META = re.compile(r"^[ \t]*(?:\\[a-zA-Z!?]|\.\w+|go[ \t]*$|delimiter\b)[^\n]*$", re.IGNORECASE)
_RULE = re.compile(r"^[ \t]*[|+]?-{3,}[-+| ]*$|^[ \t]*\+[-=+]{3,}$|^-\[ RECORD|^(?:\s*=+){2,}\s*$")
_ANSWER = re.compile(
    r"^[ \t]*(?:\(\d+ rows?\)|(?:ERROR|NOTICE|DETAIL|HINT|WARNING|INFO|LOG|LINE \d+)\b:?.*|Time: .*|Query OK.*"
    r"|\d+ rows? in set.*|[ \t]+\^|(?:CREATE|ALTER|DROP) [A-Z ]{3,30}|(?:INSERT|UPDATE|DELETE|COPY)(?: \d+){1,2}"
    r"|BEGIN|COMMIT|SET)[ \t]*$"
)
_WRAPS = (
    ("SELECT * FROM t\n", ""),
    ("SELECT\n", ""),
    ("CREATE TABLE t (\n", "\n)"),
    ("SELECT * FROM t WHERE\n", ""),
    ("ALTER TABLE t\n", ""),
    ("WITH\n", "\nSELECT 1"),
    ("SELECT\n", "\nFROM t"),
    ("SELECT * FROM (\n", "\n) AS x"),
    ("", "\nSELECT 1"),
)
# What begins like this is a statement, and no part of one.
_BEGUN = re.compile(
    r"\s*(?:--[^\n]*\s*)*(?:SELECT|INSERT\s+INTO|UPDATE\s+\S+\s+\w+|DELETE\b|CREATE|ALTER|DROP|MERGE\s+INTO|TRUNCATE)\b",
    re.IGNORECASE,
)
# Names in brackets: of SQL Server, whose newer words and blocks the parser does not know.
_TRANSACT = re.compile(r"\[[\w\"]")
# An insert whose rows are shown elsewhere.
_WITHOUT_ROWS = re.compile(r"\s*INSERT\s+INTO\s+[\w.\"`\[\]]+\s*(?:\([^()]*\))?\s*;?\s*", re.IGNORECASE)
# sqlglot does not know these.
_SIGNALS = re.compile(
    r"^[ \t]*(?:LISTEN|UNLISTEN|NOTIFY)[ \t]+[\w*\"]+(?:[ \t]*,[ \t]*'[^'\n]*')?[ \t]*;?", re.I | re.M
)
_COMMAS = re.compile(r",\s*(,|\)|\bFROM\b|\bWHERE\b|;)", re.IGNORECASE)
_STATEMENTS = frozenset(
    """alter altersession analyze attach block cache command comment commit copy create ddl dml declare delete describe
    detach drop except execute grant ifblock insert intersect kill loaddata merge pragma query refresh revoke
    rollback select semicolon set show storedprocedure subquery transaction truncatetable uncache union update
    use values""".split()
)
_COMMANDS = frozenset(
    """alter analyze begin call checkpoint close cluster comment commit copy create deallocate declare delete desc
    describe discard do drop end exec execute explain fetch flush grant handler import insert install kill
    listen load lock merge move notify optimize prepare print purge raise reassign refresh reindex release
    rename repair replace reset revoke rollback savepoint security select set show start table truncate unlisten
    unlock update use vacuum values with""".split()
)


@lru_cache(maxsize=1)
def _sqlglot() -> Any:
    try:
        import sqlglot
    except ImportError:
        raise NotReadable("no parser is installed") from None
    # It warns of statements that it only keeps as text.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    return sqlglot


def read_sql(code: str) -> tuple[str, Fault | None]:
    """Return ("parsed" or "fragment", None), or ("", Fault)."""
    code = textwrap.dedent(code)
    typed = without_answers(code)
    if not typed.strip():
        return "fragment", None
    state = "parsed" if typed == code else "fragment"
    if _is_sound(typed):
        return state, None
    if misspelt := _misspelt(typed):
        return "", misspelt
    versions = [typed, *completed(typed)]
    for version in versions:
        if _is_sound(version) or all(map(_is_part, _statements(version))):
            return "fragment", None
    return "", _fault(typed)


def without_answers(code: str) -> str:
    """Return SQL without the prompts, commands and answers of its shell; with as many lines."""
    lines = code.split("\n")
    kept: list[str] = []
    answers = False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if _RULE.match(line) or (
            _RULE.match(following)
            and ("|" in line or re.fullmatch(r"[ \t]*[\w?. ]+[ \t]*", line))
            and not line.rstrip().endswith((";", ","))
        ):
            answers = True
        found = _PROMPT.match(line)
        if found and not answers:
            line = line[found.end() :]
        elif not line.strip():
            answers = False
        if answers or _META.match(line) or _ANSWER.match(line):
            kept.append("")
            if _ANSWER.match(line) and line.lstrip().startswith("("):
                answers = False
        else:
            kept.append(line)
    return "\n".join(kept)


def _statements(code: str) -> list[str]:
    """Return the statements of SQL, split where a line ends in a semicolon, and at blank lines after complete ones."""
    parts = re.split(r";[ \t]*(?:--[^\n]*)?(?:\n|\Z)|\n[ \t]*\n(?=\S)", code)
    return [part for part in parts if part.strip()][:60]


_CLAUSES = frozenset(
    """add and as case cross else except from full group having if inner intersect into join left limit natural offset
    on or order outer partition primary returning right then union using when where window""".split()
)
_FIRST_WORD = re.compile(r"^[ \t]*([A-Z]{4,12})(?=[ \t]+[^\s=.,]|[ \t]{2})", re.MULTILINE)


def _misspelt(code: str) -> Fault | None:
    """Return the Fault of a first word of a line that is nearly a keyword, in the case of keywords."""
    keywords = {word.upper() for word in _COMMANDS | _CLAUSES}
    plain = _TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]) if len(found[0]) > 1 else found[0], code)
    for found in _FIRST_WORD.finditer(plain):
        word = found[1]
        if word in keywords:
            continue
        near = difflib.get_close_matches(
            word, [one for one in keywords if sorted(one) == sorted(word) or len(one) != len(word)], 1, 0.75
        )
        if near and (sorted(near[0]) == sorted(word) or difflib.SequenceMatcher(None, word, near[0]).ratio() >= 0.88):
            return _at(code, found.start(1), f"“{near[0]}” expected, not “{word}”")
    return None


def _is_part(code: str) -> bool:
    if _BEGUN.match(code) and not _TRANSACT.search(code):
        return _is_sound(code) or _WITHOUT_ROWS.fullmatch(code) is not None
    return _is_sound(code) or any(_is_sound(before + code.rstrip().rstrip(",;") + after) for before, after in _WRAPS)


def _is_sound(code: str) -> bool:
    if _balance(code) is not None or _comma(code) is not None:
        return False
    code = _SIGNALS.sub("", code)
    dialects = [*_DIALECTS, *(name for name, words in _RARE_DIALECTS.items() if words.search(code))]
    return any(_parses(code, dialect) for dialect in dialects)


def _parses(code: str, dialect: str | None) -> bool:
    sqlglot = _sqlglot()
    try:
        trees = sqlglot.parse(code, dialect=dialect)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return False
    return all(tree is None or _is_statement(tree) for tree in trees)


def _is_statement(tree: Any) -> bool:
    """Return whether a tree is a statement: unknown words would make an expression or a bare command."""
    name = type(tree).__name__
    if name == "Command":
        return str(tree.this).split()[0].lower() in _COMMANDS
    return name.lower() in _STATEMENTS


_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|\$(\w{0,30})\$.*?\$\1\$|[eEnNbBxX]?'(?:[^'\\]|''|\\.)*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\[\]]*\]|[()\[\]'\"`]",
    re.DOTALL,
)


def _balance(code: str) -> Fault | None:
    """Return the Fault of a bracket or quotation mark without a partner."""
    opened: list[int] = []
    for found in _TOKEN.finditer(code):
        mark = found[0]
        if mark == "(":
            opened.append(found.start())
        elif mark == ")":
            if not opened:
                return _at(code, found.start(), "“)” closes nothing")
            opened.pop()
        elif mark in ("[", "]"):
            return _at(code, found.start(), f"“{mark}” has no partner")
        elif mark in ("'", '"', "`"):
            return _at(code, found.start(), f"{mark} is never closed")
    return _at(code, opened[-1], "“(” is never closed; “)” expected") if opened else None


def _comma(code: str) -> Fault | None:
    """Return the Fault of a comma with nothing behind it, which sqlglot accepts."""
    plain = _TOKEN.sub(lambda found: _blank(found[0]) if len(found[0]) > 1 else found[0], code)
    found = _COMMAS.search(plain)
    if found and found[1] == ")" and _TRANSACT.search(code):
        return None
    return _at(code, found.start(), f"something expected between “,” and “{found[1]}”") if found else None


def _blank(words: str) -> str:
    """Return a word of as many characters, and as many lines, as a string or a name in quotation marks."""
    return re.sub(r"[^\n]", "x", words) if words[0] not in "-/" else re.sub(r"[^\n]", " ", words)


def _at(code: str, at: int, message: str) -> Fault:
    return Fault(message, code.count("\n", 0, at) + 1, at - code.rfind("\n", 0, at))


def _fault(code: str) -> Fault:
    if fault := _balance(code) or _comma(code):
        return fault
    sqlglot = _sqlglot()
    try:
        trees = sqlglot.parse(code, dialect="postgres")
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        message = re.sub(r"\s+", " ", str(first.get("description") or "it does not parse")).rstrip(".")
        # The rest names objects of the parser.
        message = re.sub(r"^Expected (.+?) but got <.*", r"\1 expected", message)
        message = re.sub(r"^Required keyword: .*", "an expression expected", message)
        return Fault(message[:MAX_MESSAGE], first.get("line") or 0, first.get("col") or 0)
    except (sqlglot.errors.SqlglotError, RecursionError):
        return Fault("it does not parse")
    wrong = next((tree for tree in trees if tree is not None and not _is_statement(tree)), None)
    word = code.split()[0] if wrong is not None and code.split() else ""
    return Fault(f"a statement such as SELECT expected, not “{word[:30]}”" if word else "it does not parse", 1, 1)
