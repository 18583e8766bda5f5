"""Reads one block of code by the name of its language."""

import re
import textwrap
from dataclasses import replace

from posts.code_reading import grammars, sessions
from posts.code_reading.balance import has_open_string
from posts.code_reading.data import FRONT_MATTER, read_data
from posts.code_reading.fragments import read_code
from posts.code_reading.interfaces import read_graphql, read_http, read_regex
from posts.code_reading.languages import BY_NAME, LANGUAGES, PLAIN, Language
from posts.code_reading.names import names_in
from posts.code_reading.omissions import completed, without_dots_lines
from posts.code_reading.python_code import read_python
from posts.code_reading.results import MAX_MESSAGE, Fault, NotReadable, Reading
from posts.code_reading.shell_words import structure_fault, without_answers
from posts.code_reading.small_readers import READERS
from posts.code_reading.sql import read_sql

# Longer code is not parsed, because parsers take too long.
MAX_CODE = 50_000
_DATA = frozenset(["JSON", "JSON with comments", "YAML", "TOML", "XML"])
# Of these only whole lines are left out.
_AS_WRITTEN = ("Jinja", "Go template", "Diff")
# The names of languages that need no parser beside Python's own.
READ_BY_PYTHON = frozenset(
    name for name, key in BY_NAME.items() if key == "python" or LANGUAGES[key].name in ("JSON", "YAML", "TOML")
)
_COMMAND = re.compile(
    r"[ \t]*(?:\$ )?(?:sudo )?(?:php|composer|npm|npx|yarn|pnpm|node|docker|python[\d.]*|pip[\d.]*"
    r"|pipx|uv|poetry|conda|pytest|django-admin|flask|export|cd|mkdir|source|curl|git) [\w./-]"
)
_CMDLET = re.compile(
    r"(?:^|[\s({|;])(?:Add|Clear|Connect|ConvertTo|Disable|Enable|Export|Get|Import|Install|Invoke|New|Register|Remove|Restart"
    r"|Select|Set|Start|Stop|Test|Uninstall|Update|Where|Write)-[A-Z]\w+"
)
_SQL_TYPED = re.compile(
    r"\s*(?:SELECT\s.*\bFROM|CREATE (?:OR REPLACE )?(?:TABLE|INDEX|FUNCTION|VIEW|DATABASE|USER)|INSERT INTO|ALTER TABLE"
    r"|DROP TABLE|UPDATE \w+ SET)\b",
    re.IGNORECASE,
)
# Shells whose languages only begin like that of sh.
_OTHER_SHELLS = frozenset(["zsh", "ksh", "csh", "tcsh", "fish"])
_SCRIPT = re.compile(r"(<script\b[^>]*>)(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_ERB = re.compile(r"<%(%|#|[-=|]*)(.*?)-?%>", re.DOTALL)


def named_language(written: str) -> str:
    """Return the name of a language as people know it; `written` if it is none of ours."""
    key = _key_of(written)
    return LANGUAGES[key].name if key else written[:30]


def _key_of(written: str) -> str:
    name = written.lower()
    return BY_NAME.get(name) or BY_NAME.get(re.sub(r"[#:,{].*$", "", name)) or ""


def read_block(written: str, code: str) -> Reading:
    """Return the Reading of code whose fence names its language as `written`; "" if it names none."""
    reading = _parsed_block(written, code)
    is_read = len(code) <= MAX_CODE
    return replace(reading, names=names_in(reading.language, code)) if is_read else reading


def _parsed_block(written: str, code: str) -> Reading:
    if written.lower() in PLAIN or not code.strip():
        return Reading("parsed", "Text")
    key = _key_of(written) or ("" if written else _guessed(code))
    if not key:
        return Reading("unread", written[:30], "no parser for this language" if written else "no language named")
    language = LANGUAGES[key]
    try:
        if len(code) > MAX_CODE:
            raise NotReadable(f"longer than {MAX_CODE:,} characters")
        # No parser reads NUL, and it stands for nothing.
        code = code.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
        state, fault = _read(key, language, code)
    except NotReadable as reason:
        return Reading("unread", language.name, str(reason))
    except (ValueError, RecursionError, MemoryError):
        return Reading("unread", language.name, "the parser failed")
    is_open = fault and ("never closed" in fault.message or sessions.open_quote_in(code))
    if fault and written.lower() in _OTHER_SHELLS and not is_open:
        return Reading("unread", written, "no parser for what this shell adds to sh")
    if fault:
        return Reading("broken", language.name, fault.message[:MAX_MESSAGE], fault.line, fault.column)
    return Reading("parsed" if state == "parsed" else "fragment", language.name)


def _guessed(code: str) -> str:
    """Return the language of a block that names none, if what it begins with leaves no doubt; else ""."""
    if sessions.has_python_prompt(code):
        return "python"
    return "console" if sessions.has_shell_prompt(code) else ""


def _read(key: str, language: Language, code: str) -> tuple[str, Fault | None]:
    if language.name in _DATA:
        return read_data(language.name, code)
    if key == "python":
        if _is_shell_session(code):
            return _shell(sessions.typed_in_shell(code))
        state, fault = read_python(code)
        return _shell(code) if fault and _is_typed_commands(code) else (state, fault)
    if key == "sql":
        return read_sql(code)
    if key in ("bash", "console"):
        return _typed_in_shell(key, code)
    if key == "markdown":
        return _markdown(code)
    if language.name in READERS:
        return _small(language.name, code)
    special = {
        "erb": _erb,
        "vue": _vue,
        "html": _vue,
        "astro": _astro,
        "powershell": _powershell,
        "ruby": _ruby,
        "php": _php,
        "go": _go,
        "javascript": _script,
        "graphql": read_graphql,
        "http": read_http,
        "regex": read_regex,
        "css": _css,
    }
    if key in special:
        return special[key](code)
    return read_code(language, code)


def _is_shell_session(code: str) -> bool:
    """Return whether every line is a prompt of a shell, but for comments."""
    typed = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    return bool(typed) and all(re.match(r"[ \t]*(?:\$|%|❯) \S", line) for line in typed)


def _is_typed_commands(code: str) -> bool:
    """Return whether every line begins with a program that one types in a shell."""
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    return all(_COMMAND.match(line) for line in lines)


def _typed_in_shell(key: str, code: str) -> tuple[str, Fault | None]:
    if sessions.has_powershell_prompt(code):
        return read_code(LANGUAGES["powershell"], sessions.typed_in_powershell(code))
    if sessions.has_shell_prompt(code):
        return _shell(sessions.typed_in_shell(code))
    if key == "console" and (typed := sessions.typed_as_root(code)):
        return _shell(typed)
    state, fault = _shell(code)
    if fault and (typed := without_answers(code)) != code and (not typed.strip() or _shell(typed)[1] is None):
        return "fragment", None
    if fault and _elsewhere_typed(code):
        return "fragment", None
    if fault and key == "console":
        # Answers of programs without a prompt before what was typed.
        typed = sessions.typed_in_shell(code)
        return _shell(typed) if typed.strip() else ("fragment", None)
    return state, fault


def _shell(code: str) -> tuple[str, Fault | None]:
    state, fault = read_code(LANGUAGES["bash"], code)
    if state == "fragment" and (line := sessions.open_quote_in(code)):
        return "", Fault("a quotation mark is never closed", line, 1)
    if state and (missing := structure_fault(code)):
        return "", missing
    return state, fault


def _elsewhere_typed(code: str) -> bool:
    """Return whether what a shell can't read is sound for PowerShell or a database, whose shells look alike."""
    if _CMDLET.search(code):
        return _powershell(code)[1] is None
    return bool(_SQL_TYPED.match(code)) and read_sql(code)[1] is None


def _small(name: str, code: str) -> tuple[str, Fault | None]:
    reader = READERS[name]
    code = textwrap.dedent(code)
    fault = reader(code)
    if fault is None:
        return "parsed", None
    # What stands for a template would hide the faults of one.
    attempts = [without_dots_lines(code)] if name in _AS_WRITTEN else completed(code)
    if any(reader(attempt) is None for attempt in attempts):
        return "fragment", None
    return "", fault


def _markdown(code: str) -> tuple[str, Fault | None]:
    """Return the result of Markdown: any text is Markdown, only its front matter can be broken."""
    found = FRONT_MATTER.match(code)
    if not found:
        return "parsed", None
    state, fault = read_data("TOML" if code.startswith("+++") else "YAML", found[1])
    return state, Fault(fault.message, fault.line + 1, fault.column) if fault and fault.line else fault


_GO_BRACE = re.compile(
    r"^[ \t]*(?:if|for|switch|select|func|\} ?else)\b[^\n{]*[^\s{,(&|]\n[ \t]*\{[ \t]*$|^[ \t]*\}[ \t]*\n\s*else\b",
    re.MULTILINE,
)


def _go(code: str) -> tuple[str, Fault | None]:
    state, fault = read_code(LANGUAGES["go"], code)
    # The grammar takes what the compiler refuses, because a line end is a semicolon there.
    if not fault and (found := _GO_BRACE.search(re.sub(r"`[^`]*`|/\*.*?\*/", _line_ends, code, flags=re.DOTALL))):
        line = code.count("\n", 0, found.end()) + 1
        return "", Fault("“{” and “else” must stand on the line of what they belong to", line, 1)
    return state, fault


_TRY_ALONE = re.compile(r"\btry\s*\{[^{}]*\}(?!\s*(?:catch|finally|//|/\*|\.\.\.|…))")


def _script(code: str) -> tuple[str, Fault | None]:
    if sessions.has_shell_prompt(code):
        return _shell(sessions.typed_in_shell(code))
    state, fault = read_code(LANGUAGES["javascript"], code)
    if state == "parsed" and (found := _TRY_ALONE.search(code)) and "`" not in code:
        return "", Fault("catch or finally expected", code.count("\n", 0, found.end()) + 1, 1)
    if fault and _is_typed_commands(code):
        return _shell(code)
    if not fault and code.lstrip().startswith("<") and "{" not in code and (wrong := _mismatched_tag(code)):
        return "", wrong
    return state, fault


# The types of a signature that is shown as a call: `$a->b(array $c): bool;`
_PHP_TYPE = re.compile(r"(?<=[(,])(\s*)\??[\w\\|]+[ \t]+(?=[&.]*\$\w)")
_PHP_RESULT = re.compile(r"\)[ \t]*:[ \t]*\??[\w\\|<>, ]+;")
_BLADE = re.compile(
    r"^[ \t]*@(?:php|endphp|setup|endsetup|task|endtask|story|endstory|servers|finished|success)\b[^\n]*$", re.MULTILINE
)


def _php(code: str) -> tuple[str, Fault | None]:
    state, fault = _php_only(code)
    if fault is None:
        return state, fault
    if _is_typed_commands(code):
        return _shell(code)
    called = _PHP_RESULT.sub(");", _PHP_TYPE.sub(r"\1", code))
    for attempt in (called, _BLADE.sub("", code)):
        if attempt != code and _php_only(attempt)[1] is None:
            return "fragment", None
    return state, fault


def _php_only(code: str) -> tuple[str, Fault | None]:
    code = re.sub(r"\A(\s*)<\?php\b", r"\1     ", code)
    # Beside its tags the other grammar takes any text for HTML.
    has_html = "<?" in code or "?>" in code or code.lstrip().startswith("<")
    grammar = "php" if has_html else "php_only"
    return read_code(replace(LANGUAGES["php"], grammars=(grammar,)), code)


def _css(code: str) -> tuple[str, Fault | None]:
    for number, line in enumerate(re.sub(r"/\*.*?\*/", _line_ends, code, flags=re.DOTALL).split("\n"), 1):
        # The grammar accepts a string without its end.
        if has_open_string("CSS", line) and not line.rstrip().endswith("\\"):
            return "", Fault("a quotation mark is never closed", number, len(line))
    return read_code(LANGUAGES["css"], code)


def _line_ends(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _ruby(code: str) -> tuple[str, Fault | None]:
    if sessions.has_ruby_prompt(code):
        return read_code(LANGUAGES["ruby"], sessions.typed_in_ruby(code))
    state, fault = read_code(LANGUAGES["ruby"], code)
    if state == "parsed" and (line := _stray_end(code)):
        return "", Fault("“end” closes nothing", line, 1)
    without = sessions.without_ruby_answers(code)
    if fault and without != code:
        return read_code(LANGUAGES["ruby"], without)
    return state, fault


# Arguments without quotation marks that the grammar does not know: paths, lists of words, `--`.
_POWERSHELL_WORD = re.compile(
    r"(\"(?:[^\"`]|`.)*\"|'[^']*')"
    r"|[ \t]+(?:--(?![\w-])|\.{3}|[\w.:$~-]*\\[\w.:\\$*-]*|(?:[\w.-]+, ?)+[\w.-]+|\.[/\\]\S+)(?=[\s;|)}]|$)"
    r"|(?<=\w)\\[\w.\\-]+"
)


_POWERSHELL_SIZE = re.compile(r"(?<![\w.])(\d+)[KMGTP]B\b", re.IGNORECASE)


def _stray_end(code: str) -> int:
    """Return the line of an `end` that closes nothing, which the grammar takes for a name; 0 if there is none."""
    lines = [line for line in code.split("\n") if line.strip()]
    # The beginning was cut off.
    if not lines or len(lines[0]) - len(lines[0].lstrip()) > len(lines[-1]) - len(lines[-1].lstrip()):
        return 0
    for node in grammars.nodes_of(grammars.tree_of("ruby", code).root_node):
        if node.type == "identifier" and node.text == b"end":
            return node.start_point[0] + 1
    return 0


def _powershell(code: str) -> tuple[str, Fault | None]:
    if sessions.has_shell_prompt(code):
        return _shell(sessions.typed_in_shell(code))
    if sessions.has_powershell_prompt(code):
        code = sessions.typed_in_powershell(code)
    state, fault = read_code(LANGUAGES["powershell"], code)
    if fault:
        plain = _POWERSHELL_WORD.sub(lambda found: found[1] or " x", _POWERSHELL_SIZE.sub(r"\1", code))
        if plain != code and read_code(LANGUAGES["powershell"], plain)[1] is None:
            return "fragment", None
    return state, fault


def _erb(code: str) -> tuple[str, Fault | None]:
    """Return the result of the Ruby in a template; the rest may be any text."""
    if "<%" not in code:
        return read_code(LANGUAGES["html"], code)
    made, at = [], 0
    for found in _ERB.finditer(code):
        made.append("\n" * code.count("\n", at, found.start()))
        if "#" in found[1] or "%" in found[1]:
            made.append("\n" * found[0].count("\n"))
        else:
            made.append(f" {found[2]};")
        at = found.end()
    return read_code(LANGUAGES["ruby"], "".join(made))


def _vue(code: str) -> tuple[str, Fault | None]:
    """Return the result of HTML with its scripts."""
    for found in _SCRIPT.finditer(code):
        kind = re.search(r"type=[\"']?([^\"'\s>]+)", found[1])
        if kind and not re.search(r"module|javascript|babel|jsx", kind[1]):
            continue
        state, fault = read_code(LANGUAGES["typescript" if "ts" in found[1] else "javascript"], found[2])
        if fault:
            return state, Fault(fault.message, fault.line + code.count("\n", 0, found.start(2)), fault.column)
    without = _SCRIPT.sub(lambda found: f"{found[1]}{chr(10) * found[2].count(chr(10))}</script>", code)
    state, fault = read_code(LANGUAGES["html"], without)
    if not fault and not _TEMPLATED.search(code) and (wrong := _mismatched_tag(without)):
        return "", wrong
    return state, fault


_TEMPLATED = re.compile(r"\{[{%#<]|<[%?]|^\s*@\w+|\{/?[#:@/]", re.MULTILINE)
_TAG = re.compile(r"<!--.*?-->|<(/?)([A-Za-z][\w:.-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.DOTALL)
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# Their end may be left out.
_OPTIONAL = frozenset("html head body p li dt dd option optgroup thead tbody tfoot tr td th colgroup rt rp".split())


def _mismatched_tag(code: str) -> Fault | None:
    """Return the Fault of an end tag that closes none of the elements that are open, while others are."""
    opened: list[str] = []
    for found in _TAG.finditer(code):
        name = (found[2] or "").lower()
        if not name or name in _VOID or (found[3] or "").rstrip().endswith("/"):
            continue
        if not found[1]:
            opened.append(name)
            continue
        while opened and opened[-1] != name and opened[-1] in _OPTIONAL:
            opened.pop()
        if not opened:
            # The beginning was cut off.
            continue
        if opened[-1] != name:
            return Fault(f"“</{opened[-1]}>” expected, not “</{name}>”", code.count("\n", 0, found.start()) + 1, 1)
        opened.pop()
    return None


def _astro(code: str) -> tuple[str, Fault | None]:
    """Return the result of the script at the head of a component of Astro. Its template is left out."""
    found = re.match(r"\s*---[^\n]*\n(.*?)\n?---", code, re.DOTALL)
    if not found:
        raise NotReadable("no parser for the template of Astro")
    state, fault = read_code(LANGUAGES["typescript"], found[1])
    lines = code[: found.start(1)].count("\n")
    return ("fragment", None) if fault is None else (state, Fault(fault.message, fault.line + lines, fault.column))
