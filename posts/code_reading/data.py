"""JSON, YAML, TOML and XML: read by Python's own parsers and libyaml, nothing is built of them."""

import json
import re
import textwrap
import tomllib
from xml.parsers import expat

import yaml

from posts.code_reading.omissions import (
    completed,
    has_template,
    without_dots_lines,
    without_placeholders,
    without_templates,
)
from posts.code_reading.results import MAX_MESSAGE, Fault, NotReadable

# Nobody writes data with deeper brackets or longer keys; parsers take too long for them.
MAX_NESTING = 100
FRONT_MATTER = re.compile(r"\A\s*(?:---|\+\+\+)[ \t]*\n(.*?)\n(?:---|\+\+\+)[ \t]*(?:\n|\Z)", re.DOTALL)
HTTP_HEAD = re.compile(
    r"\s*(?:HTTP/\d(?:\.\d)? \d{3}\b[^\n]*|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|QUERY) \S+[^\n]*)\n"
    r"(?:[\w-]{1,60}:[^\n]*\n|[ \t]+[?&\w][^\n]*\n)*(?:[ \t]*\n|\Z)"
)
_JSON_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])')
_BARE_KEY = re.compile(r'"(?:[^"\\\n]|\\.)*"|(?<=[{,\n])(\s*)([A-Za-z_$][\w$-]*)(\s*:)')
_SINGLE_QUOTED = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'((?:[^'\\\n\"]|\\.)*)'")


def read_data(language: str, code: str) -> tuple[str, Fault | None]:
    """Return ("parsed" or "fragment", None), or ("", Fault), of JSON, YAML, TOML or XML.

    Raises NotReadable, ValueError, RecursionError or MemoryError.
    """
    if is_too_deep(code) or (language == "TOML" and _has_long_key(code)):
        raise NotReadable("nested too deeply")
    if language in ("YAML", "TOML") and (front := FRONT_MATTER.match(code)):
        # The head of a file; what follows is its text.
        code = "\n" + front[1]
    parse = {"JSON": _json, "JSON with comments": _json5, "YAML": _yaml, "TOML": _toml, "XML": _xml}[language]
    fault = parse(code)
    if fault is None:
        return "parsed", None
    bare = without_dots_lines(code)
    for attempt in dict.fromkeys(_attempts(language, code, bare)):
        whole = [attempt, *_made_whole(language, attempt)]
        if any(parse(one) is None for one in whole if one != code):
            return "fragment", None
    return "", parse(bare) or fault


def _attempts(language: str, code: str, bare: str) -> list[str]:
    """Return code with what stands for something left out in several ways. bare: without its lines of dots."""
    attempts = [bare, _without_dots(bare)]
    if language == "JSON" and bare != code:
        # The comma before what is left out.
        attempts.append(_TRAILING_COMMA.sub(_kept_string, bare))
    if has_template(code):
        filled = without_templates(bare)
        attempts += [filled, without_templates(bare, '"x"'), without_placeholders(filled)]
    if language == "JSON":
        attempts += [_JSON_COMMENT.sub(_kept_string, attempt) for attempt in attempts]
    if language in ("YAML", "TOML", "JSON", "JSON with comments"):
        attempts += [without_placeholders(bare), without_placeholders(bare, '"x"')]
    if language == "JSON" and (head := HTTP_HEAD.match(code)):
        attempts.append("\n" * head[0].count("\n") + code[head.end() :])
    attempts += [attempt for attempt in completed(code) if language != "JSON"]
    return attempts


def _without_dots(code: str) -> str:
    """Return code without dots that stand for more of the same: `[1, 2, ...]`, `{ ... }`."""
    code = re.sub(r",?[ \t]*(?<![\w.\"'])(?:\.{3}|…)(?![\w.])(?=\s*[\]}])", "", code)
    return re.sub(r"(?<![\w.\"'])(?:\.{3}|…)(?![\w.])(?=[ \t]*(?:,|$))", '"x"', code, flags=re.MULTILINE)


def _made_whole(language: str, code: str) -> list[str]:
    if language.startswith("JSON"):
        inner = code.strip().rstrip(",")
        return [f"{{{inner}}}", f"[{inner}]"]
    if language == "XML":
        return [f"<x>{code}</x>"]
    if language == "YAML":
        apart = _documents_apart(code)
        return [apart] if all(_is_collection(part) for part in apart.split("\n---\n")) else []
    return []


def _documents_apart(code: str) -> str:
    """Return YAML with a mark between parts that begin at the margin after a blank line or a comment.

    Authors show several files, or several ways to write one key, in one block.
    """
    return re.sub(r"\n(?:[ \t]*\n)+(?=[^\s-])", lambda found: "\n" * (found[0].count("\n") - 1) + "---\n", code)


def _is_collection(part: str) -> bool:
    """Return whether a part of YAML looks like keys or items, not like words that lost their colon."""
    lines = (line.strip() for line in part.splitlines())
    first = next((line for line in lines if line and not line.startswith(("#", "---", "%"))), "")
    return not first or bool(re.match(r"-(?: |$)|[\[{]|[^\s:][^:]{0,200}:(?: |$)|\S{1,200}:(?: |$)", first))


def is_too_deep(code: str) -> bool:
    """Return whether brackets are nested deeper than anybody writes them."""
    depth = 0
    for character in re.findall(r"[\[\](){}]", code):
        depth += 1 if character in "[({" else -1
        if depth > MAX_NESTING:
            return True
    return False


def _has_long_key(code: str) -> bool:
    """Return whether a line has more dots than any key of TOML needs.

    For each table of a key the parser visits all tables before it.
    """
    return any(line.count(".") > MAX_NESTING for line in code.splitlines())


def _json(code: str) -> Fault | None:
    inner = code.strip().rstrip(",")
    for attempt in (code, f"{{{inner}}}", f"[{inner}]"):
        try:
            # Numbers of any length stay text: only the syntax matters.
            json.loads(attempt, parse_int=str, parse_float=str)
        except json.JSONDecodeError as error:
            if attempt is code:
                fault = Fault(error.msg[:MAX_MESSAGE], error.lineno, error.colno)
        else:
            return None
    return None if _is_several(code) else fault


def _is_several(code: str) -> bool:
    """Return whether code is several values of JSON one after the other: JSON Lines, or examples."""
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    at, count = 0, 0
    code = code.strip()
    try:
        while at < len(code):
            if code[at] not in '{["':
                return False
            _, at = decoder.raw_decode(code, at)
            count += 1
            while at < len(code) and code[at].isspace():
                at += 1
    except ValueError:
        return False
    return count > 1


def _kept_string(found: re.Match[str]) -> str:
    """Return a string as it is, and the line ends of anything else."""
    return found[0] if found[0].startswith('"') else "\n" * found[0].count("\n")


def _json5(code: str) -> Fault | None:
    """Return the Fault of JSON with comments, commas at the end, bare keys and single quotes."""

    def quoted(found: re.Match[str]) -> str:
        return found[0] if found[2] is None else f'{found[1]}"{found[2]}"{found[3]}'

    plain = _SINGLE_QUOTED.sub(lambda found: found[0] if found[1] is None else f'"{found[1]}"', code)
    plain = _TRAILING_COMMA.sub(_kept_string, _JSON_COMMENT.sub(_kept_string, plain))
    return _json(_BARE_KEY.sub(quoted, plain))


def _yaml(code: str) -> Fault | None:
    code = textwrap.dedent(code)
    try:
        # Only libyaml's events: no object is built, no tag followed, no alias expanded.
        for _ in yaml.parse(code, Loader=yaml.CSafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = (error.problem or "it cannot be read")[:MAX_MESSAGE]
        # The mark may be past the end of the code; then the last line is the place to look.
        return (
            Fault(message, min(mark.line, code.rstrip().count("\n")) + 1, mark.column + 1) if mark else Fault(message)
        )
    except yaml.YAMLError as error:
        return Fault(str(error).splitlines()[0][:MAX_MESSAGE])
    return None


def _toml(code: str) -> Fault | None:
    try:
        tomllib.loads(code)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r"at line (\d+), column (\d+)", message)
        line, column = (int(place[1]), int(place[2])) if place else (code.count("\n") + 1, 0)
        return Fault(message.partition(" (at")[0][:MAX_MESSAGE], line, column)
    return None


def _xml(code: str) -> Fault | None:
    if "<!ENTITY" in code:
        raise NotReadable("it declares entities")
    parser = expat.ParserCreate()
    try:
        parser.Parse(code.strip().encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        if "unbound prefix" in str(error):
            return None
        return Fault(expat.errors.messages[error.code], error.lineno, error.offset + 1)
    return None
