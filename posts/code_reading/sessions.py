"""What was typed in a session, without what was answered: shells, Python, Ruby, PowerShell, databases."""

import re
from collections.abc import Callable

# No pattern here may match the same white space in two ways.
_SHELL = re.compile(
    r"^[ \t]*(?:\([\w.-]{1,30}\)[ \t]?)?"
    r"(?:[\w.-]{1,30}@[\w.-]{1,60}(?::|[ ])?[^\s$#%>]{0,60}[ \t]?[$#%]|\[[^\]\n]{1,60}\][$#]|[$%❯➜]"
    r"|bash-\d\.\d[$#]|~[$%])"
    r"[ \t]+(?=\S)"
)
# The prompt of root; elsewhere it begins a comment.
_ROOT = re.compile(r"^# (?=[a-z./])")
_SURE_SHELL = re.compile(r"^[ \t]*(?:[$❯➜%]|[\w.-]{1,30}@[\w.-]{1,60}\S{0,60}[ \t]?[$#%])[ \t]+\S", re.MULTILINE)
_POWERSHELL = re.compile(r"^>[ \t](?=\S)|^[ \t]*PS(?:[ \t]?[A-Z]:[^>\n]{0,80}|[ \t][^>\n]{0,40})?>[ \t]?")
_DOS = re.compile(r"^[ \t]*[A-Z]:\\[^>\n]{0,80}>[ \t]?")
_PYTHON = re.compile(r"^(>>>|\.\.\.)(?: |$)")
_RUBY = re.compile(
    r"^[ \t]*(?:irb(?:\([^)\n]{0,40}\))?(?::\d{1,4}:\d{1,3})?[>*]|[\w-]{1,30}\([\w-]{1,30}\)[>*]"
    r"|pry\([^)\n]{0,30}\)>|>>|\?>)(?: |$)"
)
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)(\w{1,40})\1")


def has_shell_prompt(code: str) -> bool:
    """Return whether a line begins with the prompt of a shell."""
    return bool(_SURE_SHELL.search(code))


def has_powershell_prompt(code: str) -> bool:
    """Return whether a line begins with the prompt of PowerShell or of the command line of Windows."""
    return any(_POWERSHELL.match(line) or _DOS.match(line) for line in code.splitlines())


def has_python_prompt(code: str) -> bool:
    """Return whether a line begins with >>>."""
    return any(line.lstrip().startswith(">>>") for line in code.splitlines())


def has_ruby_prompt(code: str) -> bool:
    """Return whether a line begins with the prompt of irb."""
    return any(_RUBY.match(line) for line in code.splitlines())


def typed_in_python(code: str) -> list[tuple[int, str]]:
    """Return [(first line from 1, statement)] of a session with >>> and ... ."""
    statements: list[tuple[int, str]] = []
    for number, line in enumerate(map(str.lstrip, code.splitlines()), 1):
        if _PYTHON.match(line):
            if line.startswith(">>>") or not statements:
                statements.append((number, line[4:]))
            else:
                first, before = statements[-1]
                statements[-1] = first, f"{before}\n{line[4:]}"
    return statements


def typed_in_ruby(code: str) -> str:
    """Return the typed lines of a session of irb, and blank lines for the others."""
    return "\n".join(line[found.end() :] if (found := _RUBY.match(line)) else "" for line in code.splitlines())


_RUBY_ANSWER = re.compile(r"^[ \t]*=>[^\n]*$", re.MULTILINE)
_RUBY_OBJECT = re.compile(
    r"#?<[A-Z]\w*(?:::\w+)*:?0x\w+(?:[^<>\n]|<[^<>\n]*>)*>|#<[A-Z](?:[^<>\n]|<(?:[^<>\n]|<[^<>\n]*>)*>)*>"
)


def without_ruby_answers(code: str) -> str:
    """Return Ruby without lines such as `=> 2`, and a word for each `#<Object …>`."""
    return _RUBY_OBJECT.sub("x", _RUBY_ANSWER.sub("", code))


def typed_in_powershell(code: str) -> str:
    """Return the typed lines of a session with PS>, and blank lines for the others."""
    return _typed(code, lambda line: _POWERSHELL.match(line) or _DOS.match(line), "`")


def typed_as_root(code: str) -> str:
    """Return the typed lines of a session that begins with the prompt #, or "" if it does not."""
    if not _ROOT.match(code.lstrip()):
        return ""
    return _typed(code, _ROOT.match, "\\")


def typed_in_shell(code: str) -> str:
    """Return the typed lines of a session with $, and blank lines for the others.

    What continues a line belongs to it: after a backslash, behind `> `, in a here document, in an open quotation.
    """
    return _typed(code, _SHELL.match, "\\")


def _typed(code: str, prompt: Callable[[str], re.Match[str] | None], continues: str) -> str:
    typed: list[str] = []
    goes_on, ends_at, quote = False, "", ""
    for line in code.splitlines():
        found = prompt(line)
        if ends_at:
            typed.append(re.sub(r"^> ?", "", line))
            if line.strip() == ends_at or line.strip() == f"> {ends_at}":
                ends_at = ""
            continue
        if found and not quote:
            line = line[found.end() :]
        elif goes_on or quote:
            line = re.sub(r"^> ?", "", line)
        else:
            typed.append("")
            continue
        typed.append(line)
        goes_on = line.rstrip().endswith((continues, "|", "&&", "||")) and not line.lstrip().startswith("#")
        if here := _HEREDOC.search(line):
            ends_at = here[2]
        quote = _open_quote(line, quote)
    return "\n".join(typed)


def open_quote_in(code: str) -> int:
    """Return the line, from 1, of a quotation mark of a shell that is never closed; 0 if there is none."""
    quote, begun, ends_at = "", 0, ""
    for number, line in enumerate(code.split("\n"), 1):
        if ends_at:
            ends_at = "" if line.strip() == ends_at else ends_at
            continue
        before = quote
        quote = _open_quote(line, quote)
        begun = number if quote and not before else begun
        if not before and (here := _HEREDOC.search(line)):
            ends_at = here[2]
    return begun if quote else 0


def _open_quote(line: str, quote: str) -> str:
    """Return the quotation mark that is still open at the end of a line of a shell, or ""."""
    skips, before = False, " "
    for character in line:
        if skips:
            skips = False
        elif character == "\\" and quote != "'":
            skips = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and before in " \t":
            break
        before = character
    return quote
