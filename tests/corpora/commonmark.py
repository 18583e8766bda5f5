"""The examples of the CommonMark specification: our HTML and theirs, both through the sanitizer."""

import re
from html import escape, unescape
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from posts.rendering.markdown import render_text
from posts.rendering.sanitizer import sanitize
from tests.corpora.tally import Tally

FENCE = "`" * 32
_WITH_HTML = MarkdownIt("commonmark")
_BARE = re.compile(r'<a href="(?:https?|mailto):[^"]*" rel="[^"]*">((?:https?://|www\.|[\w.+-]+@)[^<]*)</a>')
_TABLES = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def examples(text):
    """Return [(Markdown, HTML)] of a specification; an arrow stands for a tab."""
    lines, found = iter(text.split("\n")), []
    for line in lines:
        if line == f"{FENCE} example":
            parts = [[], []]
            side = 0
            for inner in lines:
                if inner == FENCE:
                    break
                if inner == "." and not side:
                    side = 1
                else:
                    parts[side].append(inner)
            found.append(tuple("".join(f"{one}\n" for one in part).replace("→", "\t") for part in parts))
    return found


def ours(markdown):
    """Return our HTML without what we add on purpose: ids, links to headings, the frame and the colours of code."""
    html = str(render_text({"body": markdown}).html) if markdown.strip() else ""
    html = re.sub(r' id="s-[^"]*"', "", html)
    html = re.sub(r'<a class="permalink"[^>]*></a>', "", html)
    html = re.sub(r"<span[^>]*>|</span>", "", html).replace(' class="bare"', "")
    html = re.sub(r'<div class="code" dir="ltr">(?:<div class="code__head">[^<]*</div>)?<pre[^>]*>', "<pre>", html)
    html = html.replace("</code></pre></div>", "</code></pre>")
    return _even(html)


def theirs(html):
    """Return their HTML as this site would show it: headings without gaps from h2 down, images as links."""
    above = []

    def outlined(tag):
        if not tag[1]:
            written = int(tag[2])
            above[:] = [*(level for level in above if level < written), written]
        return f"<{tag[1]}h{min(6, 1 + len(above))}>"

    html = re.sub(r"<(/?)h([1-6])>", outlined, html)
    html = re.sub(r'<code class="language-[^"]*">', "<code>", html)
    return _even(sanitize(re.sub(r"<img [^>]*>", _as_link, html)))


def _as_link(tag):
    found = dict(re.findall(r'(\w+)="([^"]*)"', tag[0]))
    words = unescape(found.get("alt") or found.get("src", ""))
    title = unescape(found.get("title", ""))
    # A picture that is not shown has no tooltip: its title stands behind it.
    behind = f" ({escape(title)})" if title and title != words else ""
    return f'<a href="{found.get("src", "")}">{escape(words)}</a>{behind}'


def _even(html):
    """Return HTML without white space between blocks, with quotes as text."""
    html = re.sub(r"\s*(</?(?:p|h[1-6]|ul|ol|li|blockquote|pre|hr|table|thead|tbody|tr|td|th)\b[^>]*>)\s*", r"\1", html)
    return html.replace("&quot;", '"').replace("&#x27;", "'").replace("&#39;", "'").strip()


class _Words(HTMLParser):
    """The words that a browser shows, without white space."""

    def __init__(self, html):
        super().__init__()
        self.words, self._hidden = "", 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag):
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data):
        self.words += "" if self._hidden else "".join(data.split())


_DECLARED = re.compile(r"<(?:script|style|textarea|\?|!\[CDATA\[|!DOCTYPE|!ELEMENT)", re.IGNORECASE)
_SHOWN_TAG = re.compile(r"""</?[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*>?""")
_SIGNS = re.compile(r"```c?|[*_`]")


_AS_TEXT = "HTML: a tag that is unknown, has no end or would do something is shown as text"


def reason_of_html(markdown, html):
    """Return why an example with HTML is shown otherwise, if a reader gets the same words; else ""."""
    wanted, shown = _Words(html).words, _Words(ours(markdown)).words
    if wanted == shown:
        return "HTML: the words are the same; a tag that only styles, or makes a box, a cell or a list, is left out"
    if _DECLARED.search(markdown):
        # What a browser would run or hide is shown to the last character.
        return "HTML: scripts, styles and declarations are shown as code or text" if _keeps(shown, markdown) else ""
    without_tags = _Words(_SHOWN_TAG.sub("", shown).replace("<", "&lt;")).words
    if re.search(r"<[A-Za-z][^<>]*(?:<|$|\n)", markdown) and re.sub("[>*]", "", shown) == re.sub(
        r"[>*\s]", "", markdown
    ):
        return _AS_TEXT
    if (
        wanted.replace("<", "") == without_tags.replace("<", "")
        or _Words(_SHOWN_TAG.sub("", html)).words == without_tags
    ):
        return _AS_TEXT
    if _SIGNS.sub("", wanted) == _SIGNS.sub("", _SHOWN_TAG.sub("", shown)):
        return "HTML: Markdown between tags is read, as in MDX"
    if _Words(unescape(html)).words == shown:
        return "HTML: what is indented between tags is no code"
    return ""


def _keeps(shown, markdown):
    """Return whether a text is shown with every character, but the marks of Markdown outside of HTML."""
    return _SIGNS.sub("", shown) in (_SIGNS.sub("", "".join(markdown.split())), "")


def reason(markdown, html):
    """Return why an example is shown otherwise here, or "" when nothing explains it."""
    tokens = _WITH_HTML.parse(markdown)
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
    if kinds & {"html_block", "html_inline"}:
        return reason_of_html(markdown, html)
    if [token.type for token in _TABLES.parse(markdown)] != [token.type for token in tokens]:
        return "tables and strikethrough are on"
    if _BARE.sub(r"\1", ours(markdown)) == _BARE.sub(r"\1", theirs(html)):
        return "bare addresses are links"
    if "<img" in html and re.search(r"<a [^>]*>[^<]*<img|\btitle=|alt=\"[^\"]*&", html):
        return "an image in a link gives it its words, and has a link of its own"
    return ""


def run(paths):
    """Render every example; what is not equal has to have a reason."""
    tally = Tally("CommonMark: examples of the specification")
    found = [example for path in paths for example in examples(path.read_text(encoding="utf-8"))]
    equal, reasons = 0, {}
    for number, (markdown, html) in enumerate(found, 1):
        if ours(markdown) == theirs(html):
            equal += 1
        elif why := reason(markdown, html):
            reasons.setdefault(why, []).append(number)
        else:
            tally.expect(False, f"example {number}: {markdown!r} gives {ours(markdown)!r}, not {theirs(html)!r}")
    tally.count("examples", len(found))
    tally.count("equal", equal)
    for why, numbers in sorted(reasons.items()):
        tally.count(f"otherwise on purpose, {why}", len(numbers))
        tally.lines.append("    " + " ".join(map(str, numbers)))
    return tally
