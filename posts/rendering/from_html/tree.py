"""Parses any HTML to a small tree, in linear time: what sites stored over twenty years is rarely valid.

It follows the tokenizer and the implied end tags of the HTML standard
(https://html.spec.whatwg.org/multipage/parsing.html), with one difference: what can't be read as a tag stays text, so
that no words are lost. Nothing here is trusted or shown: only posts.rendering.markdown makes HTML for pages.
"""

import html
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

# Deeper elements are kept at the deepest level.
MAX_DEPTH = 100
# How often the text may be searched for the ends of tags that have none.
MAX_WASTED = 8

VOID = frozenset("area base br col embed frame hr img input keygen link meta param source track wbr".split())
BLOCKS = frozenset(
    """address article aside audio blockquote body button caption center col colgroup dd details dialog dir div dl dt
    embed fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html iframe legend li main
    menu nav object ol optgroup option p pre search section select summary table tbody td textarea tfoot th thead tr ul
    video""".split()
)
# Their text is not HTML; browsers show it only for `textarea` and `title`.
_RAW = frozenset("script style iframe noembed noframes xmp textarea title template".split())
_SHOWN_RAW = frozenset("textarea xmp".split())

_TAG_START = re.compile(r"</?[a-zA-Z][^\s/><]*")
_ATTRIBUTE = re.compile(r"""[\s/]*+([^\s/>=<"'][^\s/>=<]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>"'<]*+))?""")
_TAG_END = re.compile(r"[\s/]*+>")
# A new tag of the key closes an open one of these, searched no further up than one of the third.
_ENDS = {
    **dict.fromkeys(BLOCKS - {"button", "option", "optgroup", "select"}, ({"p"}, {"td", "th", "li", "dd", "button"})),
    "li": ({"li"}, {"ul", "ol", "menu", "dir"}),
    "dt": ({"dt", "dd"}, {"dl"}),
    "dd": ({"dt", "dd"}, {"dl"}),
    "tr": ({"tr"}, {"table"}),
    "td": ({"td", "th"}, {"tr", "table"}),
    "th": ({"td", "th"}, {"tr", "table"}),
    "thead": ({"thead", "tbody", "tfoot"}, {"table"}),
    "tbody": ({"thead", "tbody", "tfoot"}, {"table"}),
    "tfoot": ({"thead", "tbody", "tfoot"}, {"table"}),
    "option": ({"option"}, {"select"}),
}


@dataclass(slots=True, eq=False)
class Element:
    """A tag with its attributes (the first of each name) and its content: text and other elements."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)
    has_block: bool = False  # whether it contains an element of BLOCKS

    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    def walk(self) -> Iterator["Element"]:
        """Yield every element in it, in document order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            if element is not self:
                yield element
            waiting += [child for child in reversed(element.children) if isinstance(child, Element)]

    def text(self) -> str:
        """Return its text unchanged; a line break is a line end."""
        return "".join(map(_text_of, self.children))


Node = str | Element
# ("text", words, {}), ("start", tag, attributes) or ("end", tag, {}).
_Token = tuple[str, str, dict[str, str]]


def _text_of(node: Node) -> str:
    if isinstance(node, str):
        return node
    return "\n" if node.tag == "br" else node.text()


def parse_html(text: str) -> Element:
    """Return the root Element (tag "") of an HTML text, without comments, scripts and styles, entities decoded."""
    root = Element("")
    stack = [root]
    for kind, name, attributes in _tokens(text):
        if kind == "text":
            stack[-1].children.append(name)
        elif kind == "end":
            _close(stack, {name}, {"td", "th"} if name == "p" else set())
        else:
            if name in _ENDS:
                _close(stack, *_ENDS[name])
            element = Element(name, attributes)
            stack[-1].children.append(element)
            if name in BLOCKS:
                for ancestor in reversed(stack):
                    if ancestor.has_block:
                        break
                    ancestor.has_block = True
            if name not in VOID and len(stack) <= MAX_DEPTH:
                stack.append(element)
    return root


def _close(stack: list[Element], names: AbstractSet[str], until: AbstractSet[str]) -> None:
    for index in range(len(stack) - 1, 0, -1):
        if stack[index].tag in names:
            del stack[index:]
            return
        if stack[index].tag in until:
            return


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens of an HTML text, in document order."""
    place, size, wasted = 0, len(text), 0
    while place < size:
        found = text.find("<", place)
        if found < 0:
            found = size
        if found > place:
            yield "text", html.unescape(text[place:found]), {}
            place = found
            continue
        if text.startswith(("<!", "<?"), place):
            end = _end_of_unshown(text, place)
            if end < 0:
                # Unclosed, it would hide the rest in a browser; the words are kept.
                yield "text", html.unescape(text[place:].replace("<!--", "")), {}
                return
            place = end
            continue
        tag, attributes, end = _tag(text, place)
        if not tag:
            # Quotes can be arranged so that every "<" is read far ahead in vain.
            wasted += end - place
            if wasted > MAX_WASTED * size:
                yield "text", html.unescape(text[place:]), {}
                return
            yield "text", "<", {}
            place += 1
        elif tag[0] == "/":
            yield "end", tag[1:], {}
            place = end
        else:
            yield "start", tag, attributes
            place = end
            if tag in _RAW:
                raw, place = _raw(text, tag, place)
                if tag in _SHOWN_RAW:
                    yield "text", html.unescape(raw), {}
                yield "end", tag, {}


def _end_of_unshown(text: str, place: int) -> int:
    """Return where the comment or declaration at `place` ends; -1 if it has no end."""
    sign, end = ("-->", text.find("-->", place + 4)) if text.startswith("<!--", place) else (">", text.find(">", place))
    return end + len(sign) if end >= 0 else -1


def _tag(text: str, place: int) -> tuple[str, dict[str, str], int]:
    """Return (name, attributes, end) of the tag at `place`; an empty name if it is not a tag."""
    start = _TAG_START.match(text, place)
    if not start:
        return "", {}, place
    attributes: dict[str, str] = {}
    place = start.end()
    while True:
        if end := _TAG_END.match(text, place):
            return start[0][1:].lower(), attributes, end.end()
        match = _ATTRIBUTE.match(text, place)
        if not match:
            return "", {}, place
        value = match[2] or ""
        if value[:1] in ("'", '"'):
            value = value[1:-1]
        attributes.setdefault(match[1].lower(), html.unescape(value))
        place = match.end()


def _raw(text: str, tag: str, place: int) -> tuple[str, int]:
    end = re.compile(rf"</{tag}(?=[\s/>])[^<>]*+>", re.IGNORECASE).search(text, place)
    if not end:
        return text[place:], len(text)
    return text[place : end.start()], end.end()
