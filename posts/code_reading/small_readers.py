"""Small readers of our own: nginx, INI, units of systemd, dotenv, Dockerfile, templates, diffs."""

import json
import re
from collections.abc import Callable

from posts.code_reading.interfaces import read_proto
from posts.code_reading.results import Fault, NotReadable

_DOCKER = frozenset(
    """ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME
    WORKDIR""".split()
)
_LISTS = ("CMD", "ENTRYPOINT", "SHELL", "VOLUME")
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)(\w{1,60})\1")
_NGINX_TOKEN = re.compile(
    r"""#[^\n]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{};]|\$\{\w{1,80}\}|(?:[^\s{};"'\\$]|\\.|\$(?!\{))+|\s+|.""",
    re.DOTALL,
)
_INI_SECTION = re.compile(r"\[[^\[\]\n]{1,200}\]|\[\[?[^\n]{1,200}\]?\]")
_INI_KEY = re.compile(r"[^=\s\[#;][^=:\n]{0,200}?[ \t]*[=:]")
_ENV_KEY = re.compile(r"(?:export[ \t]+)?[A-Za-z_][\w.-]{0,200}[ \t]*=(.*)")


def read_dockerfile(code: str) -> Fault | None:
    """Return the Fault of a Dockerfile, or None. Also parts of one are sound."""
    begun, ends_at = False, ""
    for number, line in enumerate(code.split("\n"), 1):
        words = line.strip()
        if ends_at:
            ends_at = "" if words == ends_at else ends_at
            continue
        if not words or words.startswith("#"):
            continue
        if not begun:
            name, _, rest = words.partition(" ")
            if name.upper() not in _DOCKER:
                return Fault(f"an instruction such as RUN or COPY expected, not “{name[:30]}”", number, 1)
            fault = _instruction(name.upper(), rest.strip())
            if fault:
                return Fault(fault, number, len(name) + 2)
        begun = words.endswith(("\\", "`"))
        if here := _HEREDOC.search(words):
            ends_at = here[2]
    return Fault(f"the lines of “{ends_at}” never end", code.count("\n") + 1, 1) if ends_at else None


def _instruction(name: str, rest: str) -> str:
    """Return what is wrong with the arguments of an instruction, or ""."""
    if not rest:
        return f"{name} needs an argument"
    if rest.endswith("\\"):
        return ""
    words = [word for word in rest.split() if not word.startswith("--")]
    if name == "FROM" and len(words) != 1 and (len(words) != 3 or words[1].upper() != "AS"):
        return "FROM needs an image, perhaps with AS and a name"
    if name in _LISTS and rest.startswith("["):
        if not rest.endswith("]"):
            return f"“]” expected at the end of {name}"
        if '"' in rest and not _is_list(rest):
            return f'a list in JSON expected after {name}, such as ["a", "b"]'
    if name in ("COPY", "ADD") and not rest.startswith(("[", "<<")) and len(words) < 2:
        return f"{name} needs a source and a target"
    if name == "EXPOSE" and not re.match(r"[\d$\"'{}-]", rest):
        return "EXPOSE needs the number of a port"
    return _unclosed(rest) if name in ("ENV", "LABEL") else ""


def _is_list(words: str) -> bool:
    # A variable stands for any text.
    try:
        return isinstance(json.loads(re.sub(r"\$\{?\w+\}?", "x", words)), list)
    except (ValueError, RecursionError):
        return False


def _unclosed(words: str) -> str:
    """Return what is wrong if a quotation mark at the beginning of a value has no partner."""
    for mark in "\"'":
        if re.search(f"[= ]{mark}", f" {words}") and len(re.findall(rf"(?<!\\){mark}", words)) % 2:
            return f"{mark} is never closed"
    return ""


def read_nginx(code: str) -> Fault | None:
    """Return the Fault of a configuration of nginx, or None. Also parts of one are sound."""
    line, depth, words, begun_at = 1, 0, 0, 1
    for found in _NGINX_TOKEN.finditer(code):
        part = found[0]
        if part in ('"', "'"):
            return Fault(f"“{part}” is never closed", line, 1)
        if part == "{" or part == ";":
            if not words:
                return Fault(f"a directive expected before “{part}”", line, 1)
            depth += part == "{"
            words = 0
        elif part == "}":
            if words:
                return Fault("“;” expected at the end of a directive", begun_at, 1)
            depth -= 1
            if depth < 0:
                return Fault("“}” closes nothing", line, 1)
        elif not part.isspace() and not part.startswith("#"):
            if (
                words
                and part.isidentifier()
                and code[: found.start()].rstrip(" \t").endswith("\n")
                and _is_directive(part)
            ):
                return Fault("“;” expected at the end of a directive", begun_at, 1)
            begun_at = begun_at if words else line
            words += 1
        line += part.count("\n")
    if words:
        return Fault("“;” expected at the end of a directive", begun_at, 1)
    return Fault("a “{” is never closed; “}” expected", line, 1) if depth else None


def _is_directive(word: str) -> bool:
    return word.startswith(("proxy_", "ssl_", "add_", "fastcgi_", "client_", "access_", "error_")) or word in (
        "server", "location", "listen", "root", "index", "return", "try_files", "include", "upstream", "server_name"
    )  # fmt: skip


def read_ini(code: str) -> Fault | None:
    """Return the Fault of an INI file or of a unit of systemd, or None."""
    goes_on = False
    if not re.search(r"^[ \t]*\[|[=:]", code, re.MULTILINE):
        raise NotReadable("it has neither a section nor a key with “=”")
    for number, line in enumerate(code.split("\n"), 1):
        words = line.strip()
        if goes_on or not words or words.startswith(("#", ";", "!")) or (line[0] in " \t" and number > 1):
            goes_on = words.endswith("\\")
            continue
        goes_on = words.endswith("\\")
        if words.startswith("["):
            if not _INI_SECTION.match(re.sub(r"\s[#;].*$", "", words)):
                return Fault("“]” expected at the end of a section", number, len(line))
        elif not _INI_KEY.match(words) and not re.fullmatch(r"[\w.@/*-]+(?:[ \t]*[#;].*)?", words):
            return Fault("a section or a key with “=” expected", number, 1)
    return None


def read_dotenv(code: str) -> Fault | None:
    """Return the Fault of lines of variables, or None."""
    quote = ""
    for number, line in enumerate(code.split("\n"), 1):
        words = line.strip()
        if quote:
            quote = "" if words.count(quote) % 2 else quote
            continue
        if not words or words.startswith("#"):
            continue
        found = _ENV_KEY.match(words)
        if not found:
            return Fault("a line such as NAME=value expected", number, 1)
        value = found[1].strip()
        if value[:1] in ("'", '"') and value.count(value[0]) % 2:
            quote = value[0]
            begun = number
    return Fault(f"{quote} is never closed", begun, 1) if quote else None


_TAG = {
    "jinja": re.compile(r"\{%[-+]?\s*(\w+)([^%]*(?:%(?!\})[^%]*)*?)[-+]?%\}|(\{%|\{\{)|(%\}|\}\})"),
    "go": re.compile(
        r"\{\{-?\s*(?:/\*.*?\*/\s*-?\}\}|(\w*)((?:\"(?:[^\"\\]|\\.)*\"|`[^`]*`|[^}\"`]|\}(?!\}))*)\}\})|(\{\{)|(\}\})",
        re.DOTALL,
    ),
}
_JINJA_BLOCKS = frozenset(
    """autoescape block blocktrans blocktranslate call case capture comment embed filter for form_theme if ifchanged
    macro paginate raw sandbox spaceless tablerow tags trans unless verbatim while with""".split()
)
_GO_BLOCKS = frozenset(["block", "define", "if", "range", "with"])


def read_jinja(code: str) -> Fault | None:
    """Return the Fault of a template of Jinja, Twig, Django or Liquid: what it begins and ends."""
    outputs = re.sub(
        r"\{\{(?:\"[^\"]*\"|'[^']*'|[^}\"']|\}(?!\}))*\}\}|\{#.*?#\}",
        lambda found: "\n" * found[0].count("\n"),
        code,
        flags=re.DOTALL,
    )
    open_tags: list[tuple[str, int]] = []
    for found in _TAG["jinja"].finditer(outputs):
        line = outputs.count("\n", 0, found.start()) + 1
        name = found[1]
        if found[3]:
            return Fault(f"“{found[3]}” is never closed", line, 1)
        if found[4]:
            continue
        if name in ("set",) and "=" not in found[2]:
            open_tags.append((name, line))
        elif name in ("trans", "block") and (
            re.search(r"""['"]""", found[2]) or (name == "block" and len(found[2].split()) > 1)
        ):
            continue
        elif name in _JINJA_BLOCKS:
            open_tags.append((name, line))
        elif name.startswith("end"):
            if not open_tags:
                return Fault(f"“{name}” ends nothing", line, 1)
            opened, _ = open_tags.pop()
            if name not in ("end", f"end{opened}"):
                return Fault(f"“end{opened}” expected, not “{name}”", line, 1)
    if open_tags:
        return Fault(f"“{open_tags[-1][0]}” is never ended", open_tags[-1][1], 1)
    return None


def read_go_template(code: str) -> Fault | None:
    """Return the Fault of a template of Go: what it begins and ends."""
    open_tags: list[tuple[str, int]] = []
    for found in _TAG["go"].finditer(code):
        line = code.count("\n", 0, found.start()) + 1
        if found[3] or found[4]:
            mark = found[3] or found[4]
            if found[3]:
                return Fault(f"“{mark}” is never closed", line, 1)
            continue
        name = found[1] or ""
        if name in _GO_BLOCKS:
            open_tags.append((name, line))
        elif name == "end":
            if not open_tags:
                return Fault("“end” ends nothing", line, 1)
            open_tags.pop()
    if open_tags:
        return Fault(f"“{open_tags[-1][0]}” is never ended", open_tags[-1][1], 1)
    return None


def read_diff(code: str) -> Fault | None:
    """Return the Fault of a diff whose hunks have other lengths than they say, or None."""
    lines = code.rstrip("\n").split("\n")
    at = 0
    while at < len(lines):
        found = re.match(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", lines[at])
        at += 1
        if not found:
            continue
        begun, old, new = at, int(found[1] or 1), int(found[2] or 1)
        while at < len(lines) and (old > 0 or new > 0):
            sign = lines[at][:1]
            if sign not in ("", " ", "+", "-", "\\"):
                return None
            old -= sign in ("", " ", "-")
            new -= sign in ("", " ", "+")
            at += 1
        follows = lines[at] if at < len(lines) else ""
        if old < 0 or new < 0 or re.match(r"\+(?!\+\+ )|-(?!-- )", follows):
            return Fault("the part has another length than its first line says", begun, 1)
    return None


READERS: dict[str, Callable[[str], Fault | None]] = {
    "Dockerfile": read_dockerfile,
    "nginx": read_nginx,
    "INI": read_ini,
    ".env": read_dotenv,
    "Jinja": read_jinja,
    "Go template": read_go_template,
    "Diff": read_diff,
    "Protocol Buffers": read_proto,
}
