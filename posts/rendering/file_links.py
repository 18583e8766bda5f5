"""Links from a text to other files of its source, as site generators and Obsidian write them.

Rules for markdown-it, what a text links to, and the links of a finished page, of which the database knows the posts.
Sources: https://gohugo.io/shortcodes/ref/, https://jekyllrb.com/docs/liquid/tags/#links,
https://www.getzola.org/documentation/content/linking/, https://help.obsidian.md/links and
https://www.11ty.dev/docs/filters/url/.

A link by `ref`, `link` or `post_url` becomes a link whose address begins with `@`. A wiki link stays text until the
page knows its post: `x[[1]]` is R, not a link.
"""

import html as html_entities
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.common.utils import normalizeReference
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

MARKDOWN_ENDINGS = (".md", ".markdown", ".mdown", ".mkd", ".mkdn", ".mdwn", ".mdx")
MAX_ADDRESS = 500
# How links that lead to no post are counted in the report of an import.
TO_FILES = "links to other files lead to no post here and are shown as their words"
WIKI_LINKS = "wiki links lead to no post here and are shown as text"
RELATIVE = "links with relative addresses lead to no post here and stayed as they were"
_FRAGMENT = r"(#[^\s()<>\"']{0,200})?"
# Templates that stand for the address of a page: (pattern, what begins the address).
_BASE = r"(?:\{\{[^{}]{1,60}\}\})?"
_BASE_ADDRESS = r"(?:site\.baseurl|site\.url|site\.github\.url|baseurl|base_url)"
_AS_ADDRESS = r"(?:relative_url|absolute_url|url|prepend:\s*site\.(?:base)?url)"
_TEMPLATES = tuple(
    (re.compile(pattern + _FRAGMENT), prefix)
    for pattern, prefix in (
        (
            r"""\{\{[<%]-?\s*(?:rel)?ref\s+(?:path\s*=\s*)?["'`]?([^"'`\s<>%{}]{1,300})["'`]?[^<>{}]{0,200}?[%>]\}\}""",
            "@ref:",
        ),
        (_BASE + r"\{%-?\s*post_url\s+([^\s%{}]{1,300})\s*-?%\}", "@post:"),
        (_BASE + r"\{%-?\s*link\s+([^\s%{}]{1,300})\s*-?%\}", "@link:"),
        (rf"""\{{\{{-?\s*["']([^"'\s{{}}]{{1,300}})["']\s*\|\s*{_AS_ADDRESS}[^{{}}]{{0,100}}\}}\}}""", ""),
        (rf"\{{\{{-?\s*{_BASE_ADDRESS}\s*-?\}}\}}(/[^\s()<>{{}}#]{{0,300}})", ""),
    )
)
# A template that stands for an address that only its site knows.
_UNKNOWN = re.compile(r"\{\{(?![<%])[^{}\n]{1,100}\}\}[^\s()<>{}]{0,300}")
_TITLE = re.compile(r"""\s*(?:"([^"\n]{0,300})"|'([^'\n]{0,300})')?\s*\)""")
_DEFINITION = re.compile(r"\[([^\[\]\n]{1,200})\]:[ \t]+(?=\{)")
_REST_OF_DEFINITION = re.compile(r"""[ \t]*(?:"([^"\n]{0,300})"|'([^'\n]{0,300})')?[ \t]*$""")
_WIKI = re.compile(r"\[\[(?![\s\[])([^\[\]\n|]{1,200})(?:\|([^\[\]\n]{1,300}))?\]\]")
_IS_ELSEWHERE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|#|\?|$")
# An ending of MARKDOWN_ENDINGS, also with its dot as an entity, a template that stands for a file, or a wiki link.
_MAY_NAME_A_FILE = re.compile(r"\.m(?:d|arkdown|kd)|&|\{[{%]|\[\[", re.IGNORECASE)
# The links and wiki links of a page as markdown.py writes them.
_ON_PAGE = re.compile(
    r'<a href="([^"]*)"((?: title="[^"]*")?)(?: class="bare")? rel="nofollow ugc noopener">(.*?)</a>'
    r'|<span class="wiki-link">(\[\[[^<]*\]\])</span>',
    re.DOTALL,
)


def add_file_links(parser: MarkdownIt) -> None:
    """Give a MarkdownIt the rules of this module."""
    parser.block.ruler.before("reference", "template_definition", _template_definition)
    parser.inline.ruler.before("link", "wiki_link", _wiki_link)
    parser.inline.ruler.before("link", "template_link", _template_link)


def is_markdown_file(address: str) -> bool:
    """Return whether an address names a Markdown file."""
    return re.split("[?#]", address)[0].lower().endswith(MARKDOWN_ENDINGS)


def is_file_link(address: str) -> bool:
    """Return whether an address means a file of the source, and nothing on the web."""
    if address.startswith(("@", "[[")):
        return True
    return not _IS_ELSEWHERE.match(address) and is_markdown_file(address)


def may_link_to_files(text: str) -> bool:
    """Return whether is_file_link() may hold for a link of a text; False spares reading the text."""
    return _MAY_NAME_A_FILE.search(text) is not None


def leads_elsewhere(address: str) -> bool:
    """Return whether an address is whole, or within its own page."""
    return _IS_ELSEWHERE.match(address) is not None


def _address_of(text: str, begin: int, end: int) -> tuple[str, int] | None:
    """Return (address, position behind it) of a template at `begin` that stands for a page."""
    if text[begin : begin + 2] not in ("{{", "{%"):
        return None
    for pattern, prefix in _TEMPLATES:
        if found := pattern.match(text, begin, end):
            return f"{prefix}{found[1]}{found[2] or ''}", found.end()
    return None


def _template_link(state: StateInline, silent: bool) -> bool:
    """Read `[words]({{< ref "x.md" >}})` and the like as a link; with another template, as its words alone."""
    if state.src[state.pos] != "[" or state.linkLevel:
        return False
    begin = state.pos
    # Look for the end of the words only where a template may follow them.
    if state.src.find("]({", begin, state.posMax) < 0:
        return False
    close = state.md.helpers.parseLinkLabel(state, begin, True)
    if close < 0 or state.src[close + 1 : close + 3] != "({":
        return False
    found = _address_of(state.src, close + 2, state.posMax)
    unknown = None if found else _UNKNOWN.match(state.src, close + 2, state.posMax)
    behind = found[1] if found else unknown.end() if unknown else -1
    rest = _TITLE.match(state.src, behind, state.posMax) if behind >= 0 else None
    if not rest:
        return False
    if not silent:
        if found:
            opened = state.push("link_open", "a", 1)
            opened.attrs = {"href": state.md.normalizeLink(found[0])}
            if title := rest[1] or rest[2]:
                opened.attrs["title"] = title
        last, state.pos, state.posMax = state.posMax, begin + 1, close
        state.linkLevel += 1
        state.md.inline.tokenize(state)
        state.linkLevel -= 1
        state.posMax = last
        if found:
            state.push("link_close", "a", -1)
        else:
            state.push("left_out", "", 0).content = unknown[0] if unknown else ""
    state.pos = rest.end()
    return True


def _template_definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `[label]: {% link x.md %}` as the definition of a link."""
    begin, last = state.bMarks[start] + state.tShift[start], state.eMarks[start]
    opening = _DEFINITION.match(state.src, begin, last)
    if not opening or state.is_code_block(start) or silent:
        return False
    found = _address_of(state.src, opening.end(), last)
    rest = _REST_OF_DEFINITION.match(state.src, found[1], last) if found else None
    if not found or not rest:
        return False
    known = state.env.setdefault("references", {})
    link = {"title": rest[1] or rest[2] or "", "href": state.md.normalizeLink(found[0]), "map": [start, start + 1]}
    known.setdefault(normalizeReference(opening[1]), link)
    state.line = start + 1
    return True


def _wiki_link(state: StateInline, silent: bool) -> bool:
    """Read `[[note]]`, `[[folder/note#part|words]]` as a link to a note. `![[x]]` embeds it, and stays text."""
    if not state.src.startswith("[[", state.pos) or state.linkLevel:
        return False
    found = _WIKI.match(state.src, state.pos, state.posMax)
    # What follows in round or square brackets makes it a link of Markdown, whose words are in brackets.
    if not found or state.src[found.end() : found.end() + 1] in ("(", "["):
        return False
    if state.pos and state.src[state.pos - 1] == "!":
        return False
    if normalizeReference(found[0][2:-2]) in state.env.get("references", ()):
        return False
    if not silent:
        token = state.push("wiki_link", "", 0)
        token.content = found[0]
        token.meta = {"address": f"[[{found[1].strip()}"}
    state.pos = found.end()
    return True


def wiki_link_html(token: Token, env: Mapping[str, Any]) -> str:
    """Return a wiki link as the text that it is, or as a link within its article."""
    address = token.meta["address"]
    if address.startswith("[[#") and "targets" in env and (identifier := env["targets"].find(address[3:])):
        return f'<a href="#{identifier}">{escape(_words_of_wiki(token.content))}</a>'
    return f'<span class="wiki-link">{escape(token.content)}</span>'


def _words_of_wiki(written: str) -> str:
    name, _, words = written[2:-2].partition("|")
    return words.strip() or name.strip().lstrip("#").replace("#", " > ")


def kind_of(address: str) -> str:
    """Return what a report says of a link without a post; "" for one to the web."""
    if address.startswith("[["):
        return "" if address.startswith("[[#") or address.lower() == "[[toc" else WIKI_LINKS
    if is_file_link(address):
        return TO_FILES
    return "" if leads_elsewhere(address) else RELATIVE


def written(address: str) -> str:
    """Return an address as its author knows it."""
    if address.startswith("[["):
        return f"{address}]]"
    return re.sub("^@(?:ref|post|link):", "", unquote(address))


def addresses_in(tokens: list[Token]) -> Iterator[str]:
    """Yield the address of each link of block tokens that may lead to another post: all but those in the text."""
    for token in tokens:
        for child in token.children or ():
            if child.type == "wiki_link":
                yield child.meta["address"]
            elif child.type == "link_open":
                address = str(child.attrGet("href") or "")
                if not address.startswith(("#", "?")) and 0 < len(address) <= MAX_ADDRESS:
                    yield address


def lead_on(html: str, targets: Mapping[str, str]) -> str:
    """Return the HTML of an article whose links to other files of its source lead to their posts.

    targets: {address in the text: address here}, of the posts that readers see. Other links to files keep their words
    alone; every other link stays as it is.
    """
    return _ON_PAGE.sub(_on_page(targets), html)


def _on_page(targets: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    def replaced(found: re.Match[str]) -> str:
        if found[4] is not None:
            written = html_entities.unescape(found[4])
            name = written[2:-2].partition("|")[0].strip()
            target = targets.get(f"[[{name}")
            return f'<a href="{escape(target)}">{escape(_words_of_wiki(written))}</a>' if target else found[4]
        address = html_entities.unescape(found[1])
        if target := targets.get(address):
            return f'<a href="{escape(target)}"{found[2]}>{found[3]}</a>'
        return found[3] if is_file_link(address) else found[0]

    return replaced
