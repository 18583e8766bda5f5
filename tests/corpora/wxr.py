"""WordPress exports: what comes in is compared with counts by Python's own XML and HTML parsers."""

import io
import json
import re
import unicodedata
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

from django.db import connection

from posts.importing.mapping import Mapping
from posts.importing.pipeline import import_posts
from posts.importing.sources import SourceUnreadable
from posts.models import Post
from posts.rendering.markdown import render_text
from tests.corpora.tally import Tally

CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
PUBLIC, NO_POSTS = ("publish",), ("trash", "auto-draft", "inherit")
_INLINE = set(
    "a b i em strong span code sup sub u s del ins small big font abbr acronym tt q cite mark kbd var".split()
)
# The editor adds these around an image instead of markup: they are not words of the article.
_CAPTION_TAG = re.compile(r"\[/?(?:wp_)?caption[^\]]*\]")
MIN_WORDS = 0.98
_READ = "not well-formed, read as WordPress would"
_REFUSED = "not well-formed, refused with the line and column that ElementTree names"
_LITERAL = re.compile(rb"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_BARE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")


def run(paths):
    """Import every export twice, and once with other white space."""
    tally = Tally("WordPress: exports")
    counts = Counter()
    for path in paths:
        _try_export(path, tally, counts)
    for what in ("exports", _READ, _REFUSED, "items"):
        tally.count(what, counts[what])
    tally.count("posts and pages that came in", counts["in"], of=counts["posts"])
    tally.count("without words and images, skipped", counts["empty"])
    tally.count("not public, held", counts["held"], of=counts["not public"])
    tally.count("words that stand on the page", counts["words kept"], of=counts["words"])
    tally.count("comments counted", counts["comments"])
    tally.count("addresses of their authors looked for in every table", counts["addresses"])
    tally.count("found", counts["found"])
    for what in ("second import", "with other white space"):
        tally.count(f"{what}: created or updated", counts[what])
    return tally


def _try_export(path, tally, counts):
    name, raw = path.name, path.read_bytes()
    counts["exports"] += 1
    try:
        tree = ElementTree.fromstring(raw)  # noqa: S314 (expat of this Python stops what expands without end)
    except ElementTree.ParseError as error:
        if (tree := _mended(raw)) is None:
            _try_broken(name, raw, error.position, tally, counts)
            return
        counts[_READ] += 1
    items = [_Item(element) for element in tree.iter("item")]
    # Many of these were made up for tests and claim to be of one site.
    mapping = Mapping.from_dict({"site": f"https://{path.stem}.example/"})
    batch = import_posts(io.BytesIO(raw), name=name, format="wxr", mapping=mapping)
    kinds = {kind: sum(numbers.values()) for kind, numbers in batch.breakdown["kinds"].items()}
    expected = Counter(item.kind for item in items)
    tally.expect(kinds == expected, f"{name}: {kinds}, and not {dict(expected)}")
    tally.expect(batch.rows == len(items), f"{name}: {batch.rows} rows of {len(items)} items")
    comments = sum(len(item.all("comment")) for item in items)
    tally.expect(batch.breakdown["left_out"].get("comments", 0) == comments, f"{name}: not {comments} comments")
    posts = [item for item in items if item.type in ("post", "page") and item.status not in NO_POSTS]
    counts["items"] += len(items)
    counts["posts"] += len(posts)
    counts["comments"] += comments
    tally.outcomes[name] = [kinds, batch.skip_reasons]
    for item in posts:
        _try_post(name, item, batch, tally, counts)
    _try_addresses(name, items, tally, counts)
    for what, again in (("second import", raw), ("with other white space", _respaced(tree))):
        batch = import_posts(io.BytesIO(again), name=f"{name}, again", format="wxr", mapping=mapping)
        tally.expect(not batch.created + batch.updated, f"{name}: {what}: {batch.created} new, {batch.updated} changed")
        counts[what] += batch.created + batch.updated


def _mended(raw):
    """Return the tree of an export whose only mistakes are bare “&”, as WordPress writes them; else None."""
    parts = [part if part.startswith(b"<![CDATA[") else _BARE.sub(b"&amp;", part) for part in _LITERAL.split(raw)]
    try:
        return ElementTree.fromstring(b"".join(parts))  # noqa: S314 (as above)
    except ElementTree.ParseError:
        return None


def _try_broken(name, raw, position, tally, counts):
    before = Post.objects.count()
    line, column = position
    try:
        import_posts(io.BytesIO(raw), name=name, format="wxr")
    except SourceUnreadable as refusal:
        is_named = f"line {line:,}, column {column:,}" in str(refusal)
        counts[_REFUSED] += is_named
        tally.expect(is_named, f"{name}: {refusal}, and not line {line}, column {column}")
    else:
        tally.expect(False, f"{name}: taken, though it is not well-formed")
    tally.expect(Post.objects.count() == before, f"{name}: something of it came in")


def _try_post(name, item, batch, tally, counts):
    posts = Post.objects.filter(first_batch=batch)
    if number := item.text("post_id"):
        post = posts.filter(source_id__endswith=f":{number}").first()
    else:
        post = posts.filter(title=item.element.findtext("title")).first()
    source = _words(_CAPTION_TAG.sub(" ", item.content))
    where = f"{name}, post {number or item.element.findtext('title')}"
    if post is None:
        counts["empty"] += not source
        tally.expect(not source, f"{where}: not there, and it has {sum(source.values())} words")
        return
    counts["in"] += 1
    if item.status not in PUBLIC or item.text("post_password"):
        counts["not public"] += 1
        counts["held"] += post.held
        tally.expect(post.held, f"{where}: {item.kind}, and not held")
    else:
        tally.expect(not post.held, f"{where}: held, and it was public")
    record = post.working_record()
    kept = source & _words(str(render_text(record).html))
    total, here = sum(source.values()), sum(kept.values())
    counts["words"] += total
    counts["words kept"] += here
    missing = dict((source - kept).most_common(8))
    tally.expect(here >= MIN_WORDS * total, f"{where}: {here} of {total} words; missing {missing}")
    tally.outcomes[where] = [post.slug, post.held, post.import_fingerprint]


def _try_addresses(name, items, tally, counts):
    addresses = {
        comment.findtext(f"{item.space}{field}") or ""
        for item in items
        for comment in item.all("comment")
        for field in ("comment_author_email", "comment_author_IP")
    }
    texts = " ".join(item.content for item in items)
    addresses = {address for address in addresses if address and address not in texts}
    stored = _everything_stored()
    found = [address for address in addresses if address in stored]
    counts["addresses"] += len(addresses)
    counts["found"] += len(found)
    tally.expect(not found, f"{name}: stored: {found}")


def _everything_stored():
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            parts += [json.dumps(row, default=str, ensure_ascii=False) for row in cursor.fetchall()]
    return "\n".join(parts)


def _respaced(tree):
    """Return the same export with other white space and other prefixes."""
    for element in tree.iter():
        element.tail = (element.tail or "") + "\n\n\t "
        if element.tag == CONTENT and element.text:
            element.text = "\n\n" + element.text.replace("</p>\n", "</p>\n\n\n").replace("\n\n", "\n \n") + "\n  "
    return ElementTree.tostring(tree)


class _Item:
    """An item as ElementTree sees it."""

    def __init__(self, element):
        self.element = element
        self.space = next((child.tag.rpartition("}")[0] + "}" for child in element if _is_wordpress(child.tag)), "")
        self.type, self.status = self.text("post_type") or "post", self.text("status") or "publish"
        self.content = element.findtext(CONTENT) or ""
        self.kind = f"{self.type}, {self.status}" + (", password" if self.text("post_password") else "")

    def text(self, name):
        return (self.element.findtext(f"{self.space}{name}") or "").strip()

    def all(self, name):
        return self.element.findall(f"{self.space}{name}")


def _is_wordpress(tag):
    return "wordpress.org/export/" in tag and "excerpt" not in tag


class _Page(HTMLParser):
    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.parts, self.hidden = [], 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.hidden += tag in ("script", "style")
        self.parts.append("" if tag in _INLINE else " ")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")
        self.parts.append("" if tag in _INLINE else " ")

    def handle_data(self, text):
        if not self.hidden:
            self.parts.append(text)


def _words(page):
    """Return the words that a browser shows of a page, each with its count."""
    text = unicodedata.normalize("NFKC", "".join(_Page(page).parts)).lower()
    return Counter(re.findall(r"\w+", text))
