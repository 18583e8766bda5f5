"""Read the paired templates of generators that say what Markdown can say: hints, folds and highlighted code.

`{{< hint info >}}` … `{{< /hint >}}` (Hugo), `{% hint style="info" %}` … `{% endhint %}` (GitBook, Hexo) and
`{% highlight ruby %}` … `{% endhighlight %}` (Jekyll). Sources: https://gohugo.io/content-management/shortcodes/,
https://jekyllrb.com/docs/liquid/tags/#code-snippet-highlighting, https://hexo.io/docs/tag-plugins and
https://gitbook.com/docs/creating-content/blocks/hint. All others stay text, which a finding names.
"""

import re

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from posts.rendering.block_ends import closing_line, line_of
from posts.rendering.markdown_boxes import KINDS, MAX_BOXES_DEEP, begin_box, end_box, fill_box

_CODE = ("highlight", "codeblock", "code-toggle", "code")
_FOLDS = ("details", "expand", "spoiler")
_BOXES = frozenset(("hint", "alert", "callout", "admonition", "notice", "box", *KINDS)) - {"summary", "quote", "cite"}
# What themes call the look of a box, besides the words that are kinds themselves.
_LOOKS = {"primary": "note", "secondary": "note", "default": "note", "light": "note", "blue": "note", "green": "tip",
          "orange": "warning", "yellow": "warning", "red": "danger"}  # fmt: skip
_OPENING = re.compile(
    r"(?:\{\{([<%])[-\s]{0,3}([a-z-]{1,20})((?:[ \t][^\n]{0,300}?)?)[ \t]*[%>]\}\}"
    r"|\{%-?[ \t]{0,9}([a-z]{1,20})((?:[ \t][^\n]{0,300}?)?)[ \t]*-?%\})[ \t]*$"
)
_RAW = re.compile(r"\{%-?[ \t]{0,9}(end)?raw[ \t]{0,9}-?%\}")
_FIGURE = re.compile(r"\{\{[<%][-\s]{0,3}(?:figure|img|image)[ \t]([^{}\n]{1,1000}?)/?[ \t]*[%>]\}\}")
_NAMED = re.compile(r"""\b(src|alt|caption|title)[ \t]*=[ \t]*(?:"([^"]*)"|'([^']*)')""")
_WITH_ID = re.compile(
    r"""\{\{[<%][-\s]{0,3}([\w-]{1,60})[ \t][^{}\n]{0,300}?\bid="([^"\s<>]{1,100})"[^{}\n]{0,300}\}\}"""
)
_TITLE = re.compile(r"""\b(?:title|header|heading|summary|caption)[ \t]*[=:][ \t]*(?:"([^"]*)"|'([^']*)')""")
_QUOTED = re.compile(r"""(?:^|[ \t])(?:"([^"]*)"|'([^']*)')""")
_LANGUAGE = re.compile(r"""(?:^|[ \t]|lang:)["']?([A-Za-z][\w+#-]{0,39})""")
_FILE = re.compile(r"""\bfile(?:name)?=["']?([^\s"'<>%]{1,120})""")
_LANGUAGE_OF_OTHERS = re.compile(r"""\blang(?:uage)?[:=]["']?([\w+#-]{1,40})""")


def add_shortcodes(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rule of this module."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.core.ruler.after("normalize", "raw_marks", _look_for_raw_marks)
    parser.block.ruler.before("fence", "shortcode", _shortcode, ends)
    parser.block.ruler.before("fence", "raw_mark", _raw_line, ends)
    parser.inline.ruler.before("link", "raw_mark", _raw_mark)
    parser.inline.ruler.before("link", "place_of_shortcode", _place)
    parser.inline.ruler.before("place_of_shortcode", "figure_of_shortcode", _figure)


def _look_for_raw_marks(state: StateCore) -> None:
    """Note whether the text has both marks. One alone means nothing, and stays text."""
    state.env["has_raw_marks"] = {found[1] or "" for found in _RAW.finditer(state.src)} == {"", "end"}


def _raw_mark(state: StateInline, silent: bool) -> bool:
    """Read `{% raw %}` and `{% endraw %}`, which only tell a generator to leave alone what is between them."""
    if not state.env["has_raw_marks"] or not state.src.startswith("{%", state.pos):
        return False
    if not (found := _RAW.match(state.src, state.pos, state.posMax)):
        return False
    if not silent:
        state.push("left_out", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _figure(state: StateInline, silent: bool) -> bool:
    """Read `{{< figure src="chart.png" alt="A chart" caption="Growth" >}}` of Hugo as an image."""
    if not state.src.startswith("{{", state.pos) or not (found := _FIGURE.match(state.src, state.pos, state.posMax)):
        return False
    values = {name: one or other for name, one, other in _NAMED.findall(found[1])}
    address = state.md.normalizeLink(values.get("src", ""))
    if not address or not state.md.validateLink(address):
        return False
    if not silent:
        caption = values.get("caption") or values.get("title", "")
        words = values.get("alt") or caption
        token = state.push("image", "img", 0)
        token.attrs, token.content = {"src": address, "alt": ""}, words
        token.children = [Token("text", "", 0, content=words)] if words else []
        if caption:
            token.attrSet("title", caption)
    state.pos = found.end()
    return True


def _place(state: StateInline, silent: bool) -> bool:
    """Read a template with an id as text, and as a place to link to: `{{% def id="tls" %}}` is `tls` or `def-tls`."""
    if not state.src.startswith("{{", state.pos) or not (found := _WITH_ID.match(state.src, state.pos, state.posMax)):
        return False
    if not silent:
        state.push("anchor", "span", 0).meta = {"id": found[2], "also": f"{found[1]}-{found[2]}"}
        state.pending += found[0]
    state.pos = found.end()
    return True


def _raw_line(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    line = line_of(state, start).rstrip()
    if state.is_code_block(start) or not state.env["has_raw_marks"] or not _RAW.fullmatch(line):
        return False
    if not silent:
        token = state.push("left_out", "", 0)
        token.content, token.map = line, [start, start + 1]
        state.line = start + 1
    return True


def _shortcode(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    line = line_of(state, start)
    if line[:2] not in ("{{", "{%") or state.is_code_block(start) or not (found := _OPENING.match(line)):
        return False
    name, words = (found[2], found[3]) if found[2] else (found[4], found[5])
    is_box = (name in _BOXES or name in _FOLDS) and state.env.get("boxes", 0) < MAX_BOXES_DEEP
    if name not in _CODE and not is_box:
        return False
    last = _closing(state, start, end, name, is_liquid=found[4] is not None)
    if last is None or silent:
        return last is not None
    if name in _CODE:
        _add_code(state, start, last, name, words)
    else:
        _add_box(state, start, last, name, words)
    state.line = last + 1
    return True


def _closing(state: StateBlock, start: int, end: int, name: str, *, is_liquid: bool) -> int | None:
    """Return the line that closes the template, or None; those of its name within it have their own."""
    if is_liquid:
        pattern = rf"\{{%-?[ \t]{{0,9}}(end)?{name}\b"
    else:
        pattern = rf"\{{\{{[<%][-\s]{{0,3}}(/?)[ \t]{{0,9}}{name}\b(?![^\n]*/[%>]\}}\}})"
    mark, depth = re.compile(pattern), 0

    def closes(text: str, is_first: bool) -> bool:
        nonlocal depth
        if found := mark.match(text):
            depth += -1 if found[1] else 1
        return not depth

    return closing_line(state, start, end, closes, pattern)


def _add_code(state: StateBlock, start: int, last: int, name: str, words: str) -> None:
    token = state.push("fence", "code", 0)
    token.map, token.markup = [start, last + 1], "{"
    found = _LANGUAGE.match(words) if name == "highlight" else _LANGUAGE_OF_OTHERS.search(words)
    token.info = found[1] if found else ""
    if file := _FILE.search(words):
        token.info = f'{token.info} title="{file[1]}"'
    token.content = state.getLines(start + 1, last, state.sCount[start], True)


def _add_box(state: StateBlock, start: int, last: int, name: str, words: str) -> None:
    title = _TITLE.search(words)
    folds = name in _FOLDS
    named = _QUOTED.search(words) if folds else None
    kinds = [word for word in re.findall(r"[a-z]+", words.lower()) if word in KINDS or word in _LOOKS]
    own = "hint" if name == "hint" else "note"
    kind = name if name in KINDS and name != "hint" and not folds else next(iter(kinds), own)
    look = KINDS.get(kind) or _LOOKS[kind]
    default = "Details" if folds else (kind if kind in KINDS else look).capitalize()
    said = next((part for found in (title, named) if found for part in found.groups() if part), default)
    begin_box(state, start, said, look, folds=folds)
    fill_box(state, start + 1, last)
    token = state.push("left_out", "", 0)
    token.content, token.map = line_of(state, last).strip(), [last, last + 1]
    end_box(state, folds=folds)
