"""The syntax of site generators that a page shows as text, by kinds: `{{< tabs >}}`, `<Card>`, `{% raw %}`."""

import re
from collections import Counter
from collections.abc import Iterable

from markdown_it.token import Token

_HTML = (
    "a|abbr|address|article|aside|audio|b|base|big|blockquote|body|br|button|canvas|caption|center|cite|code|col|"
    "colgroup|dd|del|details|dfn|dialog|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|frame|h[1-6]|head|"
    "header|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|map|mark|meta|nav|noscript|object|ol|option|p|"
    "param|picture|pre|progress|s|samp|script|section|select|slot|small|source|span|strike|strong|style|sub|summary|sup|"
    "svg|table|tbody|td|template|textarea|tfoot|th|thead|time|tr|track|tt|u|ul|var|video|wbr"
)
# (pattern, how its kind is written with the name that the pattern found). No pattern reads further than 300 characters,
# and another opening ends the first one, so that a long run of openings is read once.
_KINDS = tuple(
    (re.compile(pattern, re.IGNORECASE if kind == "<{0}>" and "[A-Z]" not in pattern else 0), kind)
    for pattern, kind in (
        (r"\{\{([<%])[-\s]{0,9}/?\s{0,9}([\w/.-]{1,60})(?:(?!\{\{|\}\})[^\0]){0,300}\}\}", "{{{{{0} {1} {2}}}}}"),
        (r"\{%[-\s]{0,9}(\w{1,60})(?:(?!\{%|%\})[^\0]){0,300}%\}", "{{% {0} %}}"),
        (r"\{\{(?![<%])[-\s{]{0,9}([\w$.]{0,60})(?:(?!\{\{|\}\})[^\0]){0,300}\}\}", "{{{{ {0} }}}}"),
        (r"<%(?:(?!<%|%>)[^\0]){0,300}%>", "<% %>"),
        (rf"</?({_HTML}|[a-z][a-z0-9]*(?:-[a-z0-9]+)+)(?=[\s/>])[^<>]{{0,500}}>", "<{0}>"),
        (r"(?<![\w>])</?([A-Z][A-Za-z0-9.]{1,60})(?=[\s/>])(?!>>)[^<>]{0,300}/?>", "<{0}>"),
        (r"(?:^|(?<=\n)) {0,3}:::+[ \t]{0,9}\{?([\w-]{1,60})", ":::{0}"),
        (r"(?:^|(?<=\n))(import|export)[ \t](?:[\w{*]|default)[^\n]{0,200}?(?:from[ \t]|=)", "{0} …"),
        (r"!\[\[[^\[\]\n]{1,200}\]\]", "![[…]]"),
        (r"--8<--", "--8<--"),
        (r"\{\*[ \t](?:(?!\{\*|\*\})[^\0]){0,300}\*\}", "{{* … *}}"),
        (r"(?:^|(?<=\n))\[{1,2}(?:toc|TOC)\]{1,2}(?=$|\n)", "[toc]"),
        (r"\{:?[ \t]{0,3}[.#:][\w-][^{}\n]{0,200}\}", "{{: … }}"),
    )
)
_RAW = re.compile(r"<(?:script|style|textarea)[\s>]", re.IGNORECASE)
_CLOSE = {"<": ">", "%": "%"}


def shown_syntax(text: str) -> Counter[str]:
    """Return how often each kind of syntax is in a text that readers see."""
    found: Counter[str] = Counter()
    if not re.search(r"[{<:\[]|--8|(?:im|ex)port", text):
        return found
    for pattern, kind in _KINDS:
        for match in pattern.finditer(text):
            name = [part or "" for part in match.groups()]
            # A shortcode ends with the sign that it begins with.
            found[kind.format(*name, *(_CLOSE.get(part, "") for part in name[:1]))] += 1
        # What one kind is made of is no other kind.
        text = pattern.sub(" ", text)
    return found


def syntax_of_tokens(tokens: Iterable[Token]) -> Counter[str]:
    """Return the same for block tokens, without their code."""
    found: Counter[str] = Counter()
    for token in tokens:
        if token.type == "fence" and token.markup == "<" and _RAW.match(token.content):
            found += shown_syntax(token.content.partition("\n")[0][:300])
        elif token.children:
            found += shown_syntax(
                "".join(
                    "\n"
                    if child.type in ("softbreak", "hardbreak")
                    else " "
                    if child.type == "code_inline"
                    else child.content
                    for child in token.children
                    if child.type not in ("comment", "image", "formula", "left_out")
                )
            )
    return found


def said(found: Counter[str], limit: int = 6) -> str:
    """Return counts in words: “2 × {{< tabs >}}, 1 × <Card>”."""
    shown = [f"{count:,} × {kind}" for kind, count in found.most_common(limit)]
    more = len(found) - limit
    return ", ".join(shown) + (f" and {more} more kinds" if more > 0 else "")
