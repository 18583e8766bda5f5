"""What belongs together in a shell: `if` and `fi`, `for` and `done`; and which lines are answers of programs.

The grammar of tree-sitter takes some of these words for names of programs when their partner is missing.
"""

import re

from posts.code_reading.results import Fault

_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)(\w{1,40})\1")
# Strings, comments and what else may contain words that are none of the shell's. `$(` and `)` stay.
_QUIET = re.compile(
    r"\\.|'[^']*'|\"(?:[^\"\\]|\\.)*\"|\$\{[^{}\n]*\}|\$?\(\([^\n]*?\)\)|\[\[[^\n]*?\]\]|(?:(?<=\s)|^)#[^\n]*",
    re.DOTALL | re.MULTILINE,
)
_WORD = re.compile(r"\n|;;&?|;&|;|&&|\|\||[|&]|\$\(|[()`]|[^\s;|&()`]+")
# {what begins: what may follow next, in its order}
_NEXT = {
    "if": ("then",), "elif": ("then",), "then": ("elif", "else", "fi"), "else": ("fi",),
    "while": ("do",), "until": ("do",), "for": ("do",), "select": ("do",), "do": ("done",),
    "case": ("esac",),
}  # fmt: skip
_WORDS = frozenset("if then elif else fi for while until select do done case esac".split())
_BREAKS = frozenset(["\n", ";", "&&", "||", "|", "&", "(", "$(", "`", ";;", ";&", ";;&"])
_ENDS = frozenset(["fi", "done", "esac"])


def structure_fault(code: str) -> Fault | None:
    """Return the Fault of a word of the shell whose partner is missing, or None."""
    plain = _QUIET.sub(lambda found: _blank(found[0]), _without_heredocs(code))
    opened: list[tuple[str, int]] = []
    line, begins = 1, True
    for found in _WORD.finditer(plain):
        word = found[0]
        if word == "\n":
            line += 1
        if word in _BREAKS:
            begins = True
            continue
        if word == ")" or word in ("{", "}", "!", "time"):
            begins = True
            continue
        waits = opened[-1][0] if opened else ""
        if begins and word in _WORDS and not (waits == "case" and word != "esac" and _is_pattern(plain, found.end())):
            fault = _take(opened, word, line)
            if fault:
                return fault
            begins = word not in ("for", "select", "case")
        elif waits in ("for", "select") and word == "do":
            # for name do, for (( … )) do
            opened[-1] = "do", opened[-1][1]
            begins = True
        else:
            begins = False
    if not opened:
        return None
    word, begun = opened[-1]
    return Fault(f"“{_NEXT[word][-1]}” expected after “{word}”", begun, 1)


def _take(opened: list[tuple[str, int]], word: str, line: int) -> Fault | None:
    """Let a word begin, continue or end what is open; return the Fault if it can't."""
    waits = opened[-1][0] if opened else ""
    if word in ("if", "for", "while", "until", "select", "case"):
        opened.append((word, line))
        return None
    if word not in _NEXT.get(waits, ()):
        if not waits:
            return Fault(f"“{word}” has no beginning", line, 1)
        return Fault(f"“{_NEXT[waits][-1]}” expected before “{word}”", line, 1)
    begun = opened.pop()[1]
    if word not in _ENDS:
        opened.append((word, begun))
    return None


def _is_pattern(code: str, at: int) -> bool:
    """Return whether the word before is a pattern of `case`."""
    return bool(re.match(r"[ \t]*[|)]", code[at:]))


def _blank(words: str) -> str:
    if words.startswith("#"):
        return ""
    # A word that is none of the shell's, on as many lines.
    return "x" + "\n" * words.count("\n") if not words.startswith("\\\n") else " \n"


def _without_heredocs(code: str) -> str:
    """Return code with blank lines in place of the texts of here documents."""
    made: list[str] = []
    ends_at = ""
    for line in code.split("\n"):
        if ends_at:
            ends_at = "" if line.strip() == ends_at else ends_at
            made.append("")
            continue
        made.append(line)
        if here := _HEREDOC.search(line):
            ends_at = here[2]
    return "\n".join(made)


# What programs write, and nobody types: heads of tables, lines of logs, times, marks of success, what curl says.
_ANSWER = re.compile(
    r"[ \t]*(?:"
    r"[A-Z][A-Z_%()/-]+(?:[ \t][A-Z()/-]+)?(?:(?:[ \t]{2,}|\t)[A-Z][A-Z_%()/-]*(?:[ \t][A-Z()/-]+)?)+[ \t]*$"
    r"|\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|\[?\d\d:\d\d:\d\d\b|(?:time|level|ts)=\S+[ \t]\w+="
    r"|[\w.-]{1,60}[ \t]*\|[ \t]|={2,}[ \t]|[*<>] \S|[✅✔✓✗❌ℹ⚠🚀📦─│┌└├]"
    r"|(?:INFO|DEBUG|WARN(?:ING)?|ERROR|FATAL|TRACE|Error|Warning)\b[: \]]"
    r"|(?:Successfully|Collecting|Downloading|Requirement already|Compiling|Finished|Running `|added \d+ packages)\b"
    r"|[+|][-=+]{5,}|-{5,}|\+-"
    r")"
)


def without_answers(code: str) -> str:
    """Return code without what programs answered, where nothing else is said of prompts; with as many lines.

    An answer goes on to the next blank line.
    """
    made: list[str] = []
    is_answer = False
    for line in code.split("\n"):
        if _ANSWER.match(line):
            is_answer = True
        elif not line.strip():
            is_answer = False
        made.append("" if is_answer else line)
    return "\n".join(made)
