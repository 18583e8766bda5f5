"""Which tags of a text are markup: those of a short list, opened and closed in pairs. Every other tag stays text."""

import html
import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from posts.rendering.html_code import CODE
from posts.rendering.left_out_tags import ALONE, APART, EMBEDS, NEUTRAL, is_component, runs, tags_with_more

# Tag pairs that keep their meaning, or that Markdown has markup for.
_PAIRS = {
    **{tag: tag for tag in ("kbd", "sub", "sup", "mark", "abbr")},
    **dict.fromkeys(["b", "strong"], "strong"),
    **dict.fromkeys(["i", "em", "cite", "dfn", "var"], "em"),
    **dict.fromkeys(["s", "strike", "del"], "s"),
    "a": "a",
}
# Browsers need no end of these.
_WITHOUT_END = frozenset("dd dt li option p td th tr".split())
# Tags that, without a partner in their paragraph, have one in another, or none by mistake; no browser shows them. Bare
# ones that begin an element are text: authors name elements in this way.
_ENDS_ALONE = frozenset(_PAIRS) | frozenset(CODE) | (NEUTRAL - frozenset("body head html main".split()))
_FOLDS = frozenset(("details", "summary"))
# What may begin in one paragraph and end in another.
_OVER_BLOCKS = frozenset("a b del em i mark s strike strong".split())
MAX_PAIRS_OVER_BLOCKS = 20_000
MAX_PAIRS_DEEP = 20
_LEADS = re.compile(r"https?://|[#/]")
_END_OF_LINK = {"name": "a", "closes": True, "attributes": ""}
_LATER = ("data-src", "data-lazy-src", "data-original")
MAX_TITLE = 300
MAX_ID = 200
_ATTRIBUTES = re.compile(r"""([A-Za-z_:@][\w:.@-]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'=<>`]++))?""")


def pair_over_blocks(lines: list[list[Token]], parser: MarkdownIt) -> None:
    """Close what a tag at the beginning of a line opens, and a tag in a later paragraph ends, in each one between.

    So `<del>` on a line of its own strikes out the paragraphs below it, up to `</del>`.
    """
    waiting: dict[str, tuple[int, Token]] = {}
    made = 0
    for number, children in enumerate(lines):
        if all(child.type != "tag" for child in children):
            continue
        for tag in _tags_without_partner(children, parser):
            name = tag.meta["name"]
            if not tag.meta["closes"]:
                waiting.setdefault(name, (number, tag))
            elif name in waiting:
                first, opening = waiting.pop(name)
                made += number - first
                if number > first and made <= MAX_PAIRS_OVER_BLOCKS:
                    _pair_between(lines[first : number + 1], opening, tag)


def _tags_without_partner(children: list[Token], parser: MarkdownIt) -> list[Token]:
    """Return the tags outside of Markdown's own pairs that end something, then those that begin a line, unpaired.

    The first of each name that ends something, and the last elements that begin, are enough to find partners.
    """
    endings: dict[str, Token] = {}
    begun: dict[str, Token] = {}
    depth = 0
    for place, child in enumerate(children):
        if child.type != "tag":
            depth += child.nesting
        elif depth or child.meta["name"] not in _OVER_BLOCKS or child.content.endswith("/>"):
            continue
        elif child.meta["closes"]:
            name = child.meta["name"]
            if not begun.pop(name, None):
                endings.setdefault(name, child)
        elif not runs(child.meta["attributes"], child.content) and (
            child.meta["name"] != "a" or _target(child, parser)
        ):
            child.meta["begins"] = not place or children[place - 1].type in ("softbreak", "hardbreak", "tag")
            begun.setdefault(child.meta["name"], child)
    return [*endings.values(), *(tag for tag in begun.values() if tag.meta["begins"])]


def _pair_between(lines: list[list[Token]], opening: Token, closing: Token) -> None:
    """Give each text between two tags both of them; at an end without words, the tag is left out."""
    for children in lines:
        first, last = 0, len(children)
        if children is lines[0]:
            first = _place_of(children, opening)
            del children[first]
            last -= 1
        if children is lines[-1]:
            last = _place_of(children, closing)
            del children[last]
        if any(child.type not in ("softbreak", "hardbreak", "comment", "left_out") for child in children[first:last]):
            children[first:last] = [_copy(opening), *children[first:last], _copy(closing)]
        elif children is lines[0] or children is lines[-1]:
            children.insert(first, _left_out(opening if children is lines[0] else closing))


def _place_of(children: list[Token], token: Token) -> int:
    return next(place for place, child in enumerate(children) if child is token)


def _copy(tag: Token) -> Token:
    return Token("tag", "", 0, content=tag.content, meta=dict(tag.meta))


def without_links_in_links(children: list[Token]) -> list[Token]:
    """Return children without the links that bare addresses became between `<a href>` and `</a>`."""
    made, closings = [], 0
    for child in reversed(children):
        if child.type == "tag" and child.meta["name"] == "a":
            closings = closings + 1 if child.meta["closes"] else max(0, closings - 1)
        if not (closings and child.markup == "linkify" and child.type in ("link_open", "link_close")):
            made.append(child)
    # Without its first tag, the last one closes nothing.
    return made[::-1] if not closings else children


def paired(children: list[Token], state: StateCore) -> list[Token]:
    """Return children with allowed tags as paired tokens; every other tag stays text."""
    parser = state.md
    open_tags: list[tuple[str, int]] = []
    closings: dict[int, int] = {}
    for number, child in enumerate(children):
        is_tag = child.type == "tag"
        if is_tag and not _has_meaning(child):
            continue
        if child.nesting > 0 or (is_tag and not child.meta["closes"]):
            _open(child, number, open_tags, parser)
        elif child.nesting < 0 or is_tag:
            opening = _close(child, open_tags)
            if is_tag and opening is not None:
                closings[opening] = number
        elif child.type == "note_mark":
            _unlink(open_tags)
    # A link that nobody closed ends with its paragraph, as browsers have it.
    for name, number in open_tags:
        if name == "a" and _LEADS.match(_target(children[number], parser) or ""):
            closings[number] = len(children)
            children = [*children, Token("tag", "", 0, content="</a>", meta=_END_OF_LINK)]
            break
    return _as_tokens(children, closings, state)


def _has_meaning(tag: Token) -> bool:
    """Return whether a pair of these tags is no text: it has markup here, or is left out."""
    if tag.content.endswith("/>"):
        return False
    return tag.meta["name"] in _PAIRS or tag.meta["name"] in NEUTRAL or is_component(tag.content)


def _open(child: Token, number: int, open_tags: list[tuple[str, int]], parser: MarkdownIt) -> None:
    """Note a tag, or the beginning of a Markdown pair (without a name), as open."""
    if child.type == "link_open":
        _unlink(open_tags)
    if child.type != "tag":
        open_tags.append(("", number))
    elif len(open_tags) < MAX_PAIRS_DEEP and _may_open(child, open_tags, parser):
        open_tags.append((child.meta["name"], number))


def _close(child: Token, open_tags: list[tuple[str, int]]) -> int | None:
    """Take what a tag or the end of a Markdown pair closes off `open_tags`; return its number, or None."""
    wanted = child.meta["name"] if child.type == "tag" else ""
    for place in range(len(open_tags) - 1, -1, -1):
        name, opening = open_tags[place]
        if name == wanted:
            del open_tags[place:]
            return opening
        if not name:
            # A tag can't close anything outside of its Markdown pair.
            break
    return None


def _names(open_tags: list[tuple[str, int]]) -> list[str]:
    return [name for name, _ in open_tags]


def _unlink(open_tags: list[tuple[str, int]]) -> None:
    """Forget open links, since a link can't contain a link; an outer one stays text."""
    # No tag opens behind so many; Markdown's own pairs may be thousands.
    open_tags[:MAX_PAIRS_DEEP] = [pair for pair in open_tags[:MAX_PAIRS_DEEP] if pair[0] != "a"]


def _may_open(tag: Token, open_tags: list[tuple[str, int]], parser: MarkdownIt) -> bool:
    if runs(tag.meta["attributes"], tag.content):
        return False
    if tag.meta["name"] != "a":
        return True
    if "a" in _names(open_tags):
        return False
    return _target(tag, parser) is not None or bool(_anchor_of(tag)) or _has_no_address(tag)


def _has_no_address(tag: Token) -> bool:
    """Return whether a link is of a template, or none."""
    return "{" in (address := attributes_of(tag).get("href", "").strip()) or not address


def attributes_of(tag: Token) -> dict[str, str]:
    """Return {name: value} of the attributes of a tag token; the first of each name counts."""
    return attributes_in(tag.meta["attributes"])


def attributes_in(text: str) -> dict[str, str]:
    """Return the same for attributes as written."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTES.finditer(text):
        value = match[2] or ""
        found.setdefault(match[1].lower(), html.unescape(value[1:-1] if value[:1] in ("'", '"') else value))
    return found


def _target(tag: Token, parser: MarkdownIt) -> str | None:
    """Return the address of an `a` if Markdown accepts it."""
    address = attributes_of(tag).get("href", "").strip()
    address = parser.normalizeLink(address) if address and "{" not in address else ""
    return address if address and parser.validateLink(address) else None


def _anchor_of(tag: Token) -> str:
    values = attributes_of(tag)
    return "" if "href" in values else values.get("id") or values.get("name") or ""


def _as_tokens(children: list[Token], closings: dict[int, int], state: StateCore) -> list[Token]:
    made: list[Token] = []
    parser = state.md
    ends = {closing: opening for opening, closing in closings.items()}
    # A tag that only ends such an element belongs to it, though Markdown's own pairs stand between them.
    begun = {
        child.meta["name"]
        for number, child in enumerate(children)
        if child.type == "tag" and not child.meta["closes"] and number not in closings
    }
    for number, child in enumerate(children):
        if child.type != "tag":
            made.append(child)
        elif number in closings:
            made += _opened(child, parser)
        elif number in ends:
            opened = _opened(children[ends[number]], parser)[-1]
            if child.meta["name"] == "q":
                made.append(Token("text", "", 0, content="”"))
                continue
            closed = opened.type.replace("_open", "_close")
            made.append(Token(closed, opened.tag, -1) if opened.nesting else _left_out(child))
        elif _is_of_block(child, children, number) or _is_markup(child, begun, state):
            made.append(_left_out(child))
        else:
            made += _alone(child, parser)
    return made


def _is_of_block(tag: Token, children: list[Token], number: int) -> bool:
    """Return whether a tag without a partner in its paragraph has it in another one: it begins or ends a line."""
    if tag.meta["name"] not in APART or runs(tag.meta["attributes"], tag.content):
        return False
    before = children[number - 1].type if number else "softbreak"
    after = children[number + 1].type if number + 1 < len(children) else "softbreak"
    ends = ("softbreak", "hardbreak", "tag")
    return before in ends or (tag.meta["closes"] and after in ends)


def _is_markup(tag: Token, begun: set[str], state: StateCore) -> bool:
    """Return whether a tag without a partner in its paragraph is markup all the same, and not the name of an element.

    It is if it needs no partner, ends an element, or has attributes; so is a component or a fold that has them
    elsewhere. begun: the names of the elements of its paragraph that nothing ends.
    """
    name, attributes = tag.meta["name"], tag.meta["attributes"].strip()
    if runs(tag.meta["attributes"], tag.content) or tag.content.endswith("/>") or (tag.meta["closes"] and attributes):
        return False
    if name in _WITHOUT_END:
        return True
    if tag.meta["closes"] and name in begun and name not in _FOLDS:
        return False
    if name in _FOLDS or is_component(tag.content):
        return bool(tag.meta["closes"] or attributes) or name in tags_with_more(state.src, state.env)
    if name == "a":
        return bool(tag.meta["closes"])
    return name in _ENDS_ALONE and bool(tag.meta["closes"] or attributes)


def _left_out(tag: Token) -> Token:
    """Return a tag as one that is left out. A word of one cell does not touch that of the next."""
    return Token("left_out", "", 0, content=tag.content, meta={"is_apart": tag.meta["name"] in APART})


def _opened(child: Token, parser: MarkdownIt) -> list[Token]:
    """Return the tokens for the first tag of a pair; the last one says what the other tag becomes."""
    if child.meta["name"] == "q":
        return [Token("text", "", 0, content="“")]
    tag = _PAIRS.get(child.meta["name"], "") if not is_component(child.content) else ""
    values = attributes_of(child)
    anchor = values.get("id") or (values.get("name") if tag == "a" else "") or ""
    place = [Token("anchor", "span", 0, meta={"id": anchor[:MAX_ID]})] if anchor else []
    if not tag or (tag == "a" and _target(child, parser) is None):
        return [*place, _left_out(child)]
    if tag == "a":
        token = Token("link_open", "a", 1, attrs={"href": _target(child, parser) or ""})
    else:
        token = Token(f"{tag}_open", tag, 1)
    title = " ".join(values.get("title", "").split())[:MAX_TITLE]
    if title and tag in ("a", "abbr"):
        token.attrSet("title", title)
    return [*place, token]


def _alone(child: Token, parser: MarkdownIt) -> list[Token]:
    """Return the tokens for a tag without a partner: what it means, or the text that it is."""
    name = child.meta["name"]
    if not runs(child.meta["attributes"], child.content):
        if name == "br":
            return [Token("hardbreak", "br", 0)]
        if name == "img" and (picture := _picture(child, parser)):
            return [picture]
        if name in EMBEDS:
            return _embedded(child, parser)
        if child.content.endswith("/>") and is_component(child.content):
            return _opened(child, parser)
        if name in ALONE or (child.content.endswith("/>") and (name in _PAIRS or name in NEUTRAL)):
            return _opened(child, parser)[:1] if name in NEUTRAL else [_left_out(child)]
    return [_text_of(child)]


def _text_of(tag: Token) -> Token:
    return Token("text", "", 0, content=tag.content)


def _embedded(child: Token, parser: MarkdownIt) -> list[Token]:
    """Return a link to what a tag would embed from another place."""
    values = attributes_of(child)
    address = parser.normalizeLink(values.get("src", "").strip())
    if child.meta["closes"]:
        return [_left_out(child)]
    if not re.match(r"https?://[^/]", address) or not parser.validateLink(address):
        return [_text_of(child)]
    words = " ".join(values.get("title", "").split())[:MAX_TITLE] or address
    return [
        Token("link_open", "a", 1, attrs={"href": address}),
        Token("text", "", 0, content=words),
        Token("link_close", "a", -1),
        _left_out(child),
    ]


def _picture(child: Token, parser: MarkdownIt) -> Token | None:
    """Return an `img` as a Markdown image token, if its address is one on the web or of the same site."""
    values = attributes_of(child)
    address = values.get("src", "").strip()
    if not address or address.startswith("data:"):
        # A script loads it later; what is there before is grey.
        address = next(filter(None, (values.get(name, "").strip() for name in _LATER)), address)
    address = "" if "{" in address else parser.normalizeLink(address)
    words = " ".join(values.get("alt", "").split())
    if not re.match(r"https?://[^/]|(?![a-zA-Z][a-zA-Z0-9+.-]*:)[^\s]", address) or not parser.validateLink(address):
        return Token("text", "", 0, content=words) if "{" in values.get("src", "") and words else None
    token = Token("image", "img", 0, attrs={"src": address, "alt": ""}, content=words)
    token.children = [Token("text", "", 0, content=words)] if words else []
    if title := " ".join(values.get("title", "").split())[:MAX_TITLE]:
        token.attrSet("title", title)
    return token
