"""Bare addresses, definition lists and formulas in Markdown.

Sources: https://github.github.com/gfm/#autolinks-extension-, https://python-markdown.github.io/extensions/
definition_lists/ and https://docs.github.com/en/get-started/writing-on-github (mathematical expressions).
"""

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# A longer one stays text.
MAX_ADDRESS = 2000
_DOMAIN = r"[\w-]++(?:\.[\w-]++)++"
_ADDRESS = re.compile(rf"(?:{_DOMAIN}|localhost)(?::\d{{1,5}})?(?:[/?#][^\s<]{{0,{MAX_ADDRESS}}}+)?")
_WWW = re.compile(rf"(?<![\w/.@:-])www\.{_DOMAIN}(?:[/?#][^\s<]{{0,{MAX_ADDRESS}}}+)?")
_MAIL = re.compile(rf"(?<![\w.+@/:-])[\w.+-]{{1,64}}@({_DOMAIN})(?![\w@])")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_SCHEME = re.compile(r"(?<![\w])(https?)$", re.IGNORECASE)
_ENTITY_AT_END = re.compile(r"&[A-Za-z0-9]+;$")
_DEFINITION = re.compile(r":[ \t]+(?=\S)")
# What distinguishes a formula from two prices: TeX's own characters between the dollars.
_IS_FORMULA = re.compile(r"[\\^_={}]|^[A-Za-z]$|[A-Za-z]\(|[+*/<>|]")
# What no escaped bracket of a sentence has around it.
_IS_TEX = re.compile(r"\\[A-Za-z]|\^|_\{|(?<![^\W_])[A-Za-z]_\w(?!\w)|^[A-Za-z]$")
_BRACKETS = {"\\(": "\\)", "\\\\(": "\\\\)", "\\[": "\\]", "\\\\[": "\\\\]"}
MAX_FORMULA = 2000


def add_extras(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules of this module."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("fence", "formula_block", _formula_block, ends)
    parser.block.ruler.before("paragraph", "definitions", _definitions)
    parser.inline.ruler.before("escape", "formula", _formula)
    parser.inline.ruler.before("escape", "formula_in_brackets", _formula_in_brackets)
    parser.inline.ruler.before("escape", "address", _address)
    parser.core.ruler.after("text_join", "names_of_hosts", _link_names)


# Addresses


def _without_end(text: str) -> str:
    """Return an address without what belongs to the sentence around it, as GFM has it."""
    while text:
        if text[-1] in "?!.,:*_~'\"" or (text[-1] == ")" and text.count(")") > text.count("(")):
            text = text[:-1]
        elif text[-1] == ";" and (entity := _ENTITY_AT_END.search(text)):
            text = text[: entity.start()]
        else:
            break
    return text


def _is_domain(host: str) -> bool:
    """Return whether a name may be a domain: no underscore in its last two parts."""
    return "_" not in "".join(host.split(".")[-2:])


def _address(state: StateInline, silent: bool) -> bool:
    """Make a link of `https://…` in a text. The parser halts at its colon, when the scheme is read already."""
    if state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    scheme = _SCHEME.search(state.pending[-len("xhttps") :])
    found = _ADDRESS.match(state.src, state.pos + 3, state.posMax) if scheme else None
    if not scheme or not found or len(found[0]) > MAX_ADDRESS:
        return False
    rest = _without_end(found[0]).rstrip("\\")
    # Converters from HTML escape what could be emphasis; within an address it is none.
    plain = _ESCAPED.sub(r"\1", rest)
    url = f"{scheme[1]}://{plain}"
    if not rest or not _is_domain(re.split("[/?#:]", rest, maxsplit=1)[0]) or not state.md.validateLink(url):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[1])]
        _push_link(state, state.md.normalizeLink(url), url)
    state.pos += 3 + len(rest)
    return True


def _push_link(state: StateInline, address: str, words: str) -> None:
    opened = state.push("link_open", "a", 1)
    opened.attrs, opened.markup, opened.info = {"href": address}, "linkify", "auto"
    state.push("text", "", 0).content = words
    closed = state.push("link_close", "a", -1)
    closed.markup, closed.info = "linkify", "auto"


def _link_names(state: StateCore) -> None:
    """Make links of `www.…` and of mail addresses, in the texts that stand in no link."""
    for token in state.tokens:
        if token.type != "inline" or not token.children or not ("www." in token.content or "@" in token.content):
            continue
        made: list[Token] = []
        depth = 0
        for child in token.children:
            depth += child.nesting if child.type in ("link_open", "link_close") else 0
            if child.type == "text" and not depth and not child.meta.get("is_tag"):
                made += _linked(child)
            else:
                made.append(child)
        token.children = made


def _linked(text: Token) -> list[Token]:
    """Return the tokens of a text with its names of hosts and mail addresses as links."""
    found = [(at.start(), at.start() + len(words), f"http://{words}") for at in _WWW.finditer(text.content)
             if (words := _without_end(at[0])) and _is_domain(re.split("[/?#]", words, maxsplit=1)[0])]  # fmt: skip
    inside = {place for begin, end, _ in found for place in range(begin, end)}
    found += [
        (at.start(), at.end(), f"mailto:{at[0]}")
        for at in _MAIL.finditer(text.content)
        if "_" not in at[1] and at[1][-1] not in "-_" and at.start() not in inside
    ]
    made, last = [], 0
    for begin, end, address in sorted(found):
        if begin > last:
            made.append(Token("text", "", 0, content=text.content[last:begin]))
        made += [
            Token("link_open", "a", 1, {"href": address}, markup="linkify", info="auto"),
            Token("text", "", 0, content=text.content[begin:end]),
            Token("link_close", "a", -1, markup="linkify", info="auto"),
        ]
        last = end
    if not made:
        return [text]
    return [*made, Token("text", "", 0, content=text.content[last:])] if last < len(text.content) else made


# Formulas


def _formula(state: StateInline, silent: bool) -> bool:
    """Read `$…$`, `$$…$$` and `` $`…`$ `` as a formula: no character between them is Markdown."""
    source, begin = state.src, state.pos
    if source[begin] != "$" or (begin and (source[begin - 1] in "\\$" or source[begin - 1].isalnum())):
        return False
    opening = next(mark for mark in ("$$", "$`", "$") if source.startswith(mark, begin))
    closing = opening[::-1]
    first = begin + len(opening)
    close = source.find(closing, first, min(state.posMax, first + MAX_FORMULA))
    if close <= first:
        return False
    formula = source[first:close]
    if opening == "$":
        behind = source[close + 1 : close + 2]
        # Variables may also be between dollars: $HOME/$USER, ${host}:${port}.
        if formula != formula.strip() or formula[0] == "{" or behind.isalnum() or behind in ("{", "_", "$"):
            return False
        if not _IS_FORMULA.search(formula):
            return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.markup = formula.strip(), opening
    state.pos = close + len(closing)
    return True


def _formula_in_brackets(state: StateInline, silent: bool) -> bool:
    r"""Read `\(…\)` and `\\(…\\)` around TeX as a formula. Around anything else they are escaped brackets."""
    source, begin = state.src, state.pos
    if source[begin] != "\\":
        return False
    opening = next((mark for mark in _BRACKETS if source.startswith(mark, begin)), "")
    if not opening:
        return False
    first = begin + len(opening)
    close = source.find(_BRACKETS[opening], first, min(state.posMax, first + MAX_FORMULA))
    if close < 0 or not _IS_TEX.search(formula := source[first:close].strip()):
        return False
    # Square brackets may be those of words about code.
    if opening[-1] == "[" and not re.search(r"\\[A-Za-z]{2}|\^|_\{", formula):
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.markup = formula, opening
    state.pos = close + len(opening)
    return True


def _formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    r"""Read lines between `$$` and `$$`, or between `\[` and `\]` on lines of their own, as a formula."""
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if state.is_code_block(start):
        return False
    if line.startswith("$$"):
        opening = closing = "$$"
    elif (opening := line.rstrip()) in ("\\[", "\\\\["):
        closing = _BRACKETS[opening]
    else:
        return False
    for number in range(start, min(end, start + 100)):
        text = state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()
        text = text[len(opening) :] if number == start else text
        if number > start and (state.sCount[number] < state.blkIndent or state.isEmpty(number)):
            return False
        if text.endswith(closing):
            break
        if number == start and closing in text:
            # More text follows the formula, so it is inline.
            return False
    else:
        return False
    if silent:
        return True
    token = state.push("formula_block", "", 0)
    lines = state.getLines(start, number + 1, state.blkIndent, False).strip()
    token.content, token.map = lines[len(opening) : -len(closing)].strip(), [start, number + 1]
    state.line = number + 1
    return True


# Definitions


def _definitions(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read terms, each on a line, with definitions below that begin with a colon."""
    if silent or state.is_code_block(start) or start + 1 >= end:
        return False
    after = _definition_below(state, start, end)
    if after is None:
        return False
    opened = state.push("dl_open", "dl", 1)
    number: int | None = start
    line = after
    while number is not None and after is not None:
        _push_term(state, number)
        line = after
        while line < end and _definition_at(state, line):
            line = _push_definition(state, line, end)
        number, after = None, None
        following = line
        while following < end and state.isEmpty(following):
            following += 1
        if following < end and state.sCount[following] == state.blkIndent and not _definition_at(state, following):
            after = _definition_below(state, following, end)
            number = following if after is not None else None
    state.push("dl_close", "dl", -1)
    opened.map = [start, line]
    state.line = line
    return True


def _definition_below(state: StateBlock, term: int, end: int) -> int | None:
    """Return the line of the definition below a term, perhaps behind one blank line; None if there is none."""
    if state.isEmpty(term) or state.sCount[term] - state.blkIndent >= 4:
        return None
    for line in (term + 1, term + 2):
        if line < end and _definition_at(state, line):
            return line
        if line >= end or not state.isEmpty(line):
            return None
    return None


def _definition_at(state: StateBlock, line: int) -> bool:
    begin = state.bMarks[line] + state.tShift[line]
    return (
        0 <= state.sCount[line] - state.blkIndent < 4
        and _DEFINITION.match(state.src, begin, state.eMarks[line]) is not None
    )


def _push_term(state: StateBlock, line: int) -> None:
    state.push("dt_open", "dt", 1).map = [line, line + 1]
    inline = state.push("inline", "", 0)
    inline.content = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip()
    inline.map, inline.children = [line, line + 1], []
    state.push("dt_close", "dt", -1)


def _push_definition(state: StateBlock, start: int, end: int) -> int:
    """Add a definition with the lines below that belong to it; return the line behind them."""
    marks, shift, count = state.bMarks[start], state.tShift[start], state.sCount[start]
    indent, parent = state.blkIndent, state.parentType
    opening = _DEFINITION.match(state.src, marks + shift, state.eMarks[start])
    width = opening.end() - marks - shift if opening else 2
    state.push("dd_open", "dd", 1).map = [start, start + 1]
    state.bMarks[start], state.tShift[start], state.sCount[start] = marks + shift + width, 0, count + width
    state.blkIndent, state.parentType = count + 2, "list"
    last = start + 1
    while last < end and (state.isEmpty(last) or state.sCount[last] >= count + 2 or _goes_on(state, last)):
        last += 1
    state.sCount[start] = max(state.sCount[start], state.blkIndent)
    old_end, state.lineMax = state.lineMax, last
    state.md.block.tokenize(state, start, last)
    state.lineMax = old_end
    state.bMarks[start], state.tShift[start], state.sCount[start] = marks, shift, count
    state.blkIndent, state.parentType = indent, parent
    state.push("dd_close", "dd", -1)
    while last > start + 1 and state.isEmpty(last - 1):
        last -= 1
    return last


def _goes_on(state: StateBlock, line: int) -> bool:
    """Return whether a line that is not indented goes on with the paragraph above it."""
    return (
        not state.isEmpty(line - 1)
        and not _definition_at(state, line)
        and state.sCount[line] >= state.blkIndent
        and (line + 1 >= state.lineMax or not _definition_at(state, line + 1))
    )
