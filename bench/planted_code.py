"""Plants defects in code: each makes it invalid in its language, whatever a parser says.

A bracket or quotation mark is taken out where Pygments sees one, outside of strings and comments; a keyword is
misspelt where nothing but that keyword can stand. Defects that might leave valid code are not planted.
"""

import random
import re

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Literal, Operator, Punctuation, String

from posts.code_reading.sessions import has_shell_prompt
from posts.code_reading.shell_words import without_answers

LEXERS = {
    "Python": "python", "JavaScript": "javascript", "TypeScript": "typescript", "Go": "go", "Rust": "rust",
    "Java": "java", "C#": "csharp", "C++": "cpp", "Ruby": "ruby", "PHP": "php", "Bash": "bash", "SQL": "sql",
    "YAML": "yaml", "JSON": "json", "TOML": "toml", "CSS": "css", "HCL": "terraform", "Dockerfile": "docker",
}  # fmt: skip
# In these a bracket may also be an argument, or a word of text.
_FEW_BRACKETS = {"Bash": "", "YAML": "", "TOML": "[]", "Dockerfile": ""}
_FUNCTION, _CONST = (r"\bfunction (?=\w+ ?\()", "functoin "), (r"^( *)const (?=\w)", r"\1cosnt ")
# {language: [(what stands there, what is planted)]}
_MISSPELT = {
    "Python": [
        (r"^( *)def (?=\w+\()", r"\1dfe "),
        (r"^( *)class (?=\w)", r"\1clas "),
        (r"^( *)import (?=\w)", r"\1imprt "),
        (r"^( *)return (?=\w)", r"\1retrun "),
        (r"^( *)for (?=\w+ in )", r"\1fro "),
    ],
    "JavaScript": [_FUNCTION, _CONST, (r"^( *)import (?=[{\w])", r"\1imprt ")],
    "TypeScript": [_FUNCTION, _CONST, (r"^( *)interface (?=\w)", r"\1interfce ")],
    "Go": [(r"^func (?=\w)", "fnuc "), (r"^package (?=\w)", "pakcage "), (r"^type (?=\w)", "tpye ")],
    "Rust": [(r"^( *)fn (?=\w)", r"\1nf "), (r"^( *)let (?=\w)", r"\1elt "), (r"^( *)struct (?=\w)", r"\1strcut ")],
    "Java": [(r"^( *(?:public |final )*)class (?=\w+ \{)", r"\1clas "), (r"^import (?=\w)", "imprt ")],
    "C#": [(r"^( *public )class (?=\w+ *:)", r"\1clas ")],
    "Ruby": [(r"^( +)end$", r"\1")],
    "PHP": [_FUNCTION, (r"^(use) (?=\w+\\)", "ues ")],
    "Bash": [(r"^( *)fi$", r"\1"), (r"^( *)done\b", r"\1"), (r"(;|^) *then$", r"\1"), (r"; do$", "")],
    "SQL": [
        (r"^SELECT\b", "SELEC"),
        (r"^CREATE\b", "CRATE"),
        (r"^FROM\b", "FORM"),
        (r"^INSERT\b", "INSRT"),
        (r"\bVALUES ?\(", "VALES ("),
    ],
    "Dockerfile": [(r"^FROM\b", "FORM"), (r"^RUN\b", "RNU"), (r"^COPY\b", "COYP")],
}
_COLON = {
    "Python": r"^( *(?:def|class|if|for|while|with|try|else)\b.*):$",
    "YAML": r"(?<=\w\n)([\w-]+): (?=[\w/.-]+$)",
}
_SEPARATOR = {
    "JSON": (r",$", ""),
    "Java": (r"(?<=\));(?=\n *[\w.]+\()", ""),
    "C#": (r"(?<=\));(?=\n *var )", ""),
    "PHP": (r"(?<=\));(?=\n *\$)", ""),
    "TOML": (r"^([\w.-]+) = ", r"\1 "),
    "HCL": (r'^( +\w+) += (?=")', r"\1 "),
    "CSS": (r"^( *[\w-]+): (?=[^;{]+;$)", r"\1 "),
}


def planted(language: str, code: str, chance: random.Random) -> tuple[str, str] | None:
    """Return (kind of defect, code with it), or None if no defect fits."""
    kinds = [_bracket, _quote, _misspelt, _colon, _separator, _indentation]
    chance.shuffle(kinds)
    for plant in kinds:
        made = plant(language, code, chance)
        if made is not None and made != code:
            return plant.__name__.lstrip("_"), made
    return None


def _tokens(language: str, code: str):
    options = {"startinline": True} if language == "PHP" and "<?" not in code else {}
    return get_lexer_by_name(LEXERS[language], **options).get_tokens_unprocessed(code)


def _bracket(language: str, code: str, chance: random.Random) -> str | None:
    wanted = _FEW_BRACKETS.get(language, "()[]{}")
    places = []
    for at, kind, text in _tokens(language, code):
        if kind in Punctuation or kind in Operator:
            places += [at + number for number, character in enumerate(text) if character in wanted]
    marks = [code[place] for place in places]
    # Where the brackets do not match before, taking one out may mend the code.
    if not places or any(marks.count(one) != marks.count(other) for one, other in ("()", "[]", "{}")):
        return None
    at = chance.choice(places)
    return code[:at] + code[at + 1 :]


def _quote(language: str, code: str, chance: random.Random) -> str | None:
    # A string of several lines would only end elsewhere.
    if language in ("YAML", "Dockerfile") or any(mark in code for mark in ('"""', "'''", "<<", "`")):
        return None
    if language == "Bash":
        return _shell_quote(code, chance)
    tokens = list(_tokens(language, code))
    comments = [(at, at + len(text)) for at, kind, text in tokens if kind in Comment]
    marks = '"' if language in ("Rust", "Go", "Java", "C#", "C++") else "\"'"
    places = []
    for line in re.finditer(r".+", code):
        # One string on the line, with one kind of mark, and no comment.
        found = re.fullmatch(r"[^\"'`#/<>$\\]*([\"'])[\w .,:=@-]+\1[^\"'`#/<>$\\]*", line[0])
        if found and found[1] in marks and not any(low <= line.start(0) < high for low, high in comments):
            places.append(line.start() + found.start(1))
    if not places or not any(kind in String or kind in Literal for _, kind, _ in tokens):
        return None
    at = chance.choice(places)
    return code[:at] + code[at + 1 :]


def _shell_quote(code: str, chance: random.Random) -> str | None:
    """Take out a quotation mark of something typed: in what programs answer it would be no defect."""
    lines = code.split("\n")
    if any(line.count(mark) % 2 for line in lines for mark in "\"'") or without_answers(code) != code:
        return None
    if has_shell_prompt(code) or any(mark in code for mark in ("{{", "`", '\\"')):
        return None
    places = [
        (number, found.start(1))
        for number, line in enumerate(lines)
        if re.match(r"[ \t]*(?:[a-z][\w./-]*|\[+)[ \t]", line)
        for found in re.finditer(r"[^\"'#]*?([\"'])[^\"']*\1", line)
        if "'" not in line or '"' not in line
    ]
    if not places:
        return None
    number, at = chance.choice(places)
    lines[number] = lines[number][:at] + lines[number][at + 1 :]
    return "\n".join(lines)


def _one_of(pattern: str, by: str, code: str, chance: random.Random) -> str | None:
    found = list(re.finditer(pattern, code, re.MULTILINE))
    if not found:
        return None
    match = chance.choice(found)
    return code[: match.start()] + match.expand(by) + code[match.end() :]


def _misspelt(language: str, code: str, chance: random.Random) -> str | None:
    choices = [pair for pair in _MISSPELT.get(language, []) if re.search(pair[0], code, re.MULTILINE)]
    if not choices or '"""' in code or "`" in code:
        return None
    return _one_of(*chance.choice(choices), code, chance)


def _colon(language: str, code: str, chance: random.Random) -> str | None:
    if language not in _COLON or (language == "YAML" and re.search(r"[|>][-+]?$", code, re.MULTILINE)):
        return None
    return _one_of(_COLON[language], r"\1" if language == "Python" else r"\1 ", code, chance)


def _separator(language: str, code: str, chance: random.Random) -> str | None:
    pair = _SEPARATOR.get(language)
    if language == "JSON" and not re.search(r",\n\s*[\"{\[\d]", code):
        return None
    return _one_of(*pair, code, chance) if pair else None


def _indentation(language: str, code: str, chance: random.Random) -> str | None:
    if language not in ("Python", "YAML") or '"""' in code or re.search(r"[|>][-+]?$|[(\[{,\\]$", code, re.MULTILINE):
        return None
    if language == "YAML":
        # A key to the right of the one before it, which has a value.
        return _one_of(r"^(\w+: \S.*\n)(?=\w+: \S)", r"\1  ", code, chance)
    # A statement to the right of the one before it.
    return _one_of(r"^( +)(\w[^:\n]*\n)\1(?=\w+(?:\(|\.| = ))", r"\1\2\1   ", code, chance)
