"""Markdown to safe HTML: the only door. Admin, import and pages all render through render_text().

markdown-it-py (CommonMark 0.31, tables, strikethrough; raw HTML stays text) → Pygments classes → nh3. Figures and
the checklist go in afterwards, between the sanitized pieces: no body text can forge one.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

import nh3
from django.conf import settings
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from posts.images import DRAWN_HOSTS, drawn_image, host_of, is_allowed_image_url
from posts.plates import plate_svg, tint_of

# Raise it when the same text would come out as other HTML: stored articles are kept under it.
RENDERER_VERSION = 5
# Beyond any of these a text is shown as it was written: laid out, it would lose its inner levels or take minutes.
MAX_DEPTH = 200
MAX_TEXT = 1024 * 1024
# Each bracket may be the beginning of a link and is looked at with all that follow it on its level.
MAX_BRACKETS = 10_000
# The parser halts at each sign that might mean something and asks all its rules there: a million signs take a quarter
# of a minute. A mebibyte of prose, its ends of lines among them, has half as many as this.
MAX_SIGNS = 200_000
# A long address defined once and used at every turn multiplies the text.
MAX_REFERENCED = 8 * MAX_TEXT
# The patterns of Pygments take time by the square of the code; what is longer is shown without colours.
MAX_COLOURED = 4000
MAX_COLOURED_OF_TEXT = 20_000
# Pygments' names of the languages whose patterns stay within that; others take minutes for a page of line ends.
COLOURED = frozenset(
    """
    ABNF|Ada|ApacheConf|Awk|Bash|Bash Session|Batchfile|C|C#|C++|Clojure|CMake|COBOL|CoffeeScript|Common Lisp|Crystal|
    CSS|CUDA|Cypher|D|Dart|Delphi|Diff|Django/Jinja|Docker|EBNF|Elixir|Elm|Erlang|F#|Fish|Fortran|GAS|GLSL|Go|GraphQL|
    Graphviz|Groovy|Haskell|HTML|HTML+Django/Jinja|HTTP|INI|Java|JavaScript|JSON|JSON5|JSON-LD|Jsonnet|JSX|Julia|
    Kotlin|Kusto|LessCss|LLVM|Lua|Makefile|Markdown|Matlab|MySQL|NASM|Nginx configuration file|Nimrod|Nix|Objective-C|
    OCaml|Perl|PHP|PL/pgSQL|PostgreSQL SQL dialect|PowerShell|Prolog|PromQL|Properties|Protocol Buffer|Puppet|Python|
    Python console session|Python Traceback|Racket|Rego|reStructuredText|RobotFramework|Ruby|Rust|S|Sass|Scala|Scheme|
    SCSS|Smalltalk|Solidity|SPARQL|SQL|sqlite3con|Swift|Systemd|Tcl|Terraform|TeX|TOML|Transact-SQL|TSX|Turtle|
    TypeScript|VB.net|VimL|Vue|WebAssembly|XML|XSLT|YAML|Zig
    """.replace("\n    ", "")
    .strip()
    .split("|")
)

TAGS = {
    "a", "blockquote", "br", "code", "div", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "span": {"class"},
    "div": {"class", "dir", "tabindex", "role", "aria-label"},
    "p": {"class"},
    "pre": {"tabindex", "role", "aria-label"},
    "ol": {"start"},
    "th": {"class"},
    "td": {"class"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
_CLEANER = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow ugc noopener",
    strip_comments=True,
)
# The desk shows a text with its changes marked, through the same door: two tags more, the signs' and labels' classes.
_MARKED_CLEANER = nh3.Cleaner(
    tags=TAGS | {"ins", "del"},
    attributes={
        **ATTRIBUTES,
        **{tag: {"class"} for tag in ("ins", "del", "li", "table", "tr")},
        "div": {"class", "id"},
    },
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow ugc noopener",
    strip_comments=True,
)
_EMPTY_LINK = re.compile(r'<a((?: title="[^"]*")?) rel="nofollow ugc noopener">')
_PLACED_IMAGE = re.compile(r"image:([1-9][0-9]{0,2})")
_FORMATTER = HtmlFormatter(nowrap=True)


class TextTooCostly(ValueError):
    """The text would take minutes or gigabytes to set, or lose words: it is shown as it was written instead."""


@dataclass(frozen=True)
class Heading:
    """An entry of the contents: level 2–6, the id on the page (prefixed), and its words."""

    level: int
    id: str
    text: str


@dataclass(frozen=True)
class RenderedText:
    """The article as HTML, and its headings in order."""

    html: SafeString
    contents: list = field(default_factory=list)


def _code_block(code, info, env):
    """A block of code with its head: `info` is the line after the fence, a language and perhaps a file's name.

    It has classes for colours where those cost little.
    """
    language, _, file_name = info.strip().partition(" ")
    language, file_name = language.lower()[:40], file_name.strip()[:120]
    body, name = escape(code), language
    if language and (lexer := _lexer(language)):
        name = lexer.name
        env["coloured"] = env.get("coloured", 0) + len(code)
        if len(code) <= MAX_COLOURED and env["coloured"] <= MAX_COLOURED_OF_TEXT:
            body = highlight(code, lexer, _FORMATTER)
    head = "".join(
        f'<span class="code__{part}">{escape(words)}</span>'
        for part, words in (("language", name), ("file", file_name))
        if words
    )
    head = f'<div class="code__head">{head}</div>' if head else ""
    label = escape(" ".join(part for part in ("Code", name, file_name) if part))
    return (
        f'<div class="code" dir="ltr">{head}<pre tabindex="0" role="group" aria-label="{label}">'
        f"<code>{body}</code></pre></div>"
    )


@lru_cache(maxsize=200)
def _lexer(language):
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return None
    return lexer if lexer.name in COLOURED else None


def _markdown():
    # Two levels more than are allowed: the parser drops without a word what nests deeper than its own limit.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_DEPTH + 2}).enable(["table", "strikethrough"])
    parser.core.ruler.before("inline", "cost", _refuse_costly)

    def code(renderer, tokens, index, options, env):
        return _code_block(tokens[index].content, tokens[index].info, env)

    def image(renderer, tokens, index, options, env):
        return _inline_image(tokens[index], env)

    def align(renderer, tokens, index, options, env):
        # markdown-it writes style="text-align:…", which the policy of the page forbids.
        style = tokens[index].attrGet("style") or ""
        tokens[index].attrs = {"class": "number"} if "right" in style else {}
        return renderer.renderToken(tokens, index, options, env)

    def table(renderer, tokens, index, options, env):
        # A wide table scrolls in a box of its own, which the keyboard must reach.
        return '<div class="table" tabindex="0" role="group" aria-label="Table"><table>'

    def table_end(renderer, tokens, index, options, env):
        return "</table></div>"

    parser.add_render_rule("table_open", table)
    parser.add_render_rule("table_close", table_end)
    parser.add_render_rule("fence", code)
    parser.add_render_rule("code_block", code)
    parser.add_render_rule("image", image)
    parser.add_render_rule("th_open", align)
    parser.add_render_rule("td_open", align)
    return parser


def _refuse_costly(state):
    """Between the blocks and their inner text: refuse what would nest, search or grow beyond all measure."""
    if any(token.level > MAX_DEPTH for token in state.tokens):
        raise TextTooCostly(f"it nests deeper than {MAX_DEPTH} levels")
    inline = [token.content for token in state.tokens if token.type == "inline"]
    brackets = sum(text.count("[") for text in inline)
    if brackets > MAX_BRACKETS:
        raise TextTooCostly(f"it has more than {MAX_BRACKETS:,} opening brackets")
    if sum(map(len, inline)) > MAX_SIGNS and _signs(inline) > MAX_SIGNS:
        raise TextTooCostly(f"it has more than {MAX_SIGNS:,} signs that might mean something in Markdown")
    references = state.env.get("references", {}).values()
    longest = max((len(reference["href"]) + len(reference["title"]) for reference in references), default=0)
    if brackets * longest > MAX_REFERENCED:
        raise TextTooCostly("it repeats a long address too often")


def _signs(texts):
    """How often the parser would halt within these texts."""
    return sum(len(_MARKDOWN.inline.terminator_re.findall(text)) for text in texts)


def _inline_image(token, env):
    """An image inside running text: never loaded here; its words and its address stay."""
    url = str(token.attrGet("src") or "")
    # The description as plain words, as CommonMark has it: links and emphasis in it are none here.
    words = _MARKDOWN.renderer.renderInlineAsText(token.children or [], _MARKDOWN.options, env)
    if match := _PLACED_IMAGE.fullmatch(url):
        number = int(match[1])
        if number <= len(env["images"]):
            words = words or env["images"][number - 1].get("caption", "")
            return f"<em>(Image {number}{': ' if words else ''}{escape(words)})</em>"
        return f"<em>(Image {number} does not exist{': ' if words else ''}{escape(words)})</em>"
    return f'<a href="{escape(url)}">{escape(words or url)}</a>'


_MARKDOWN = _markdown()


def markdown_tokens(text, env=None):
    """The block tokens of a Markdown text, as markdown-it gives them. env: what the renderer is to know later.

    Raises TextTooCostly for a text that can't be laid out.
    """
    if len(text) > MAX_TEXT:
        raise TextTooCostly(f"it is longer than {MAX_TEXT:,} characters")
    return _MARKDOWN.parse(text, {"images": ()} if env is None else env)


class _Flow:
    """Collects sanitized pieces and the figures and checklist between them."""

    def __init__(self, record, image_hosts):
        self.images = record.get("image_sources", [])
        self.checklist = record.get("checklist", [])
        self.hosts = image_hosts
        self.env = {"images": self.images}
        self.parts, self.figures, self.placed = [], [], set()
        self.contents, self.ids = [], {}
        self.checklist_placed = False

    def add_markdown(self, text, *, lede=False):
        try:
            tokens = markdown_tokens(text, self.env)
        except TextTooCostly as refusal:
            self._close_figures()
            self.parts.append(as_written_html(text, str(refusal)))
            return
        self._set_headings(tokens)
        piece, index = [], 0
        while index < len(tokens):
            placement = self._placement(tokens, index)
            if placement is None:
                token = tokens[index]
                if lede and token.type == "paragraph_open" and token.level == 0:
                    token.attrSet("class", "lede")
                    lede = False
                piece.append(token)
                index += 1
                continue
            self._add_sanitized(piece)
            piece = []
            for number in placement:
                self._add_placed(number)
            index += 3
        self._add_sanitized(piece)

    def _placement(self, tokens, index):
        """The image numbers (or "checklist") that a paragraph of its own places, else None."""
        token = tokens[index]
        if token.type != "paragraph_open" or token.level:
            return None
        children = [
            child
            for child in tokens[index + 1].children
            if child.type != "softbreak" and not (child.type == "text" and not child.content.strip())
        ]
        if len(children) == 1 and children[0].type == "text" and children[0].content.strip() == "[checklist]":
            return None if self.checklist_placed else ["checklist"]
        numbers = []
        for child in children:
            match = _PLACED_IMAGE.fullmatch(str(child.attrGet("src") or "")) if child.type == "image" else None
            if match is None or int(match[1]) > len(self.images) or int(match[1]) in self.placed:
                return None
            numbers.append(int(match[1]))
        return numbers or None

    def _add_placed(self, number):
        if number == "checklist":
            self._close_figures()
            self.checklist_placed = True
            self.parts.append(checklist_html(self.checklist))
        elif number not in self.placed:
            self.placed.add(number)
            self.figures.append(figure_html(self.images[number - 1], number, self.hosts))

    def _add_sanitized(self, tokens):
        if not tokens:
            return
        self._close_figures()
        self.parts.append(sanitize(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, self.env)))

    def _close_figures(self):
        if self.figures:
            self.parts.append(
                format_html('<div class="figures">{}</div>', format_html_join("", "{}", _rows(self.figures)))
            )
            self.figures = []

    def _set_headings(self, tokens):
        """Headings begin at h2, below the page's title, and get ids that no body can choose freely.

        They go down one level at a time: a text that jumps would leave holes in the outline of the page.
        """
        above = []
        for index, token in enumerate(tokens):
            if token.type == "heading_open":
                written = int(token.tag[1])
                above = [*(level for level in above if level < written), written]
                level = min(6, 1 + len(above))
                words = _plain(tokens[index + 1])
                identifier = self._free_id(words)
                token.tag = f"h{level}"
                token.attrSet("id", identifier)
                self.contents.append(Heading(level, identifier, words))
            elif token.type == "heading_close":
                token.tag = f"h{min(6, 1 + len(above))}"

    def _free_id(self, words):
        base = "s-" + (re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60].strip("-") or "section")
        # From the last number on: thousands of headings of one name must not try every number each.
        count = self.ids.get(base, 0) + 1
        identifier = base if count == 1 else f"{base}-{count}"
        while identifier in self.ids:
            count += 1
            identifier = f"{base}-{count}"
        self.ids[base] = count
        self.ids.setdefault(identifier, 1)
        return identifier

    def finish(self):
        """What the body did not place follows it."""
        for number in range(1, len(self.images) + 1):
            self._add_placed(number)
        self._close_figures()
        if self.checklist and not self.checklist_placed:
            identifier = self._free_id("Checklist")
            self.contents.append(Heading(2, identifier, "Checklist"))
            self.parts.append(format_html('<h2 id="{}">Checklist</h2>{}', identifier, checklist_html(self.checklist)))
        return format_html_join("\n", "{}", _rows(self.parts))


def _rows(parts):
    return ((part,) for part in parts)


def _plain(inline):
    return "".join(child.content for child in inline.children if child.type in ("text", "code_inline")).strip()


def sanitize(html):
    """HTML with nothing left but the tags, attributes and address schemes that an article may have."""
    return mark_safe(_without_empty_links(_CLEANER.clean(html)))  # noqa: S308 (this is the door)


def _without_empty_links(html):
    """A link whose address was not allowed leads nowhere: it says nothing about how it would lead there either."""
    return _EMPTY_LINK.sub(r"<a\1>", html)


def sanitize_marked(html):
    """Like sanitize(), for a text with changes marked: `ins`, `del` and the numbered frames around blocks stay."""
    return mark_safe(_without_empty_links(_MARKED_CLEANER.clean(html)))  # noqa: S308 (this is the door)


def as_written_html(text, reason):
    """A text that can't be laid out, every character of it as it was written, under a line that says why."""
    return format_html(
        '<p class="text-note">Shown as it was written: {}.</p><pre class="as-written">{}</pre>', reason, text
    )


def checklist_html(items):
    """The checklist as rows with empty boxes: a reader has done none of it."""
    return format_html('<ul class="checklist">{}</ul>', format_html_join("", '<li dir="auto">{}</li>', _rows(items)))


def figure_html(image, number, hosts):
    """A figure with its frame reserved: plate, caption on the plate, picture over both; then caption and credit.

    image: an image of a record; number: its place among them, from 1; hosts: those that pictures may come from.
    """
    url, caption = image["url"], image.get("caption", "")
    alt = image.get("alt") or caption or f"Image {number}"
    is_allowed = is_allowed_image_url(url, hosts)
    if is_allowed and host_of(url) in DRAWN_HOSTS:
        frame = _drawn_frame(drawn_image(url), caption, alt)
    elif is_allowed:
        frame = format_html(
            '<div class="figure__frame">{}<span class="figure__notch" aria-hidden="true">{}</span>'
            '<img src="{}" alt="{}" width="1200" height="630" loading="lazy" decoding="async" '
            'referrerpolicy="no-referrer"></div>',
            plate_svg(caption or url),
            caption or alt,
            url,
            alt,
        )
    else:
        # Nothing is drawn for a host that the site does not know: caption and link are all there is.
        frame = format_html('<span class="hidden-text">{}</span>', alt) if alt != caption else ""
    return format_html(
        '<figure class="figure tint-{}{}" id="image-{}">{}<figcaption dir="auto"><b class="figure__number">{}</b> '
        "<span>{}{}</span></figcaption></figure>",
        tint_of(caption or url),
        "" if is_allowed else " figure--elsewhere",
        number,
        frame,
        number,
        f"{caption.rstrip('.')}. " if caption else "",
        _credit(image, is_allowed),
    )


def _drawn_frame(drawn, caption, alt):
    """The frame of a picture that only shows words: they are set here, in the colours that the address asks for."""
    # An address often cuts its words off; the caption then has them whole.
    words = caption if caption.lower().startswith(drawn.words.lower()) else drawn.words
    colours = format_html(' fill="{}" color="{}"', drawn.ground, drawn.ink) if drawn.ground else ""
    return format_html(
        '<div class="figure__frame"><span class="hidden-text">{}</span>'
        '<svg class="drawn{}"{} viewBox="0 0 1200 630" aria-hidden="true" focusable="false">'
        '<rect width="1200" height="630"/><foreignObject x="60" y="60" width="900" height="520">'
        '<div class="drawn__words" dir="auto"><span>{}</span></div></foreignObject></svg></div>',
        alt,
        "" if drawn.ground else " drawn--plain",
        colours,
        words or alt,
    )


def _credit(image, is_allowed):
    source = image.get("source") or "not stated"
    licence = image.get("licence")
    return format_html(
        'Image source: <a href="{}" rel="nofollow ugc noopener">{}</a>{}{}',
        image["url"],
        source,
        f", {licence}" if licence else "",
        "" if is_allowed else ". The picture stays there: this site does not load any from that host",
    )


def render_text(record, *, image_hosts=None):
    """The RenderedText of a record dict: intro, body, figures and checklist where they are placed, the rest after.

    image_hosts: the hosts that pictures may be loaded from. A text that would cost too much to set (over MAX_DEPTH,
    MAX_TEXT, MAX_BRACKETS, MAX_SIGNS or MAX_REFERENCED) stands as it was written.
    """
    flow = _Flow(record, tuple(settings.IMAGE_HOSTS if image_hosts is None else image_hosts))
    if intro := record.get("intro"):
        flow.add_markdown(intro, lede=True)
    flow.add_markdown(record["body"])
    return RenderedText(html=flow.finish(), contents=flow.contents)
