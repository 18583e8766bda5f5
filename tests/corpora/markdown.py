"""Sites of Markdown files with front matter: what comes in is compared with an independent count."""

import html
import json
import re
from datetime import date, datetime

import yaml

from posts.importing.pipeline import import_source
from posts.importing.sources import open_source
from posts.models import Post
from posts.models.import_batch import COUNTS
from posts.rendering.markdown import render_text
from tests.corpora.tally import Tally

_HEAD = re.compile(r"\A---[ \t]*\n(.*?\n)?---[ \t]*\n(.*)\Z", re.DOTALL)
_ADDRESS = re.compile(r"(?:\]\(|\]:)\s*(?:\{\{.*?\}\}|\{%.*?%\})+", re.DOTALL)
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
# Where a key may go instead of staying what it is.
_FIELDS = {"title": "title", "description": "summary", "author": "authors", "authors": "authors", "tags": "tags",
           "category": "topic", "categories": "topic"}  # fmt: skip


def run(paths):
    """Import every site twice and compare with what PyYAML and Python find in its files."""
    tally = Tally("Markdown: folders of posts with front matter")
    counts = dict.fromkeys(["files", "posts", "section pages and other files, skipped", "keys of front matter kept",
                            "days right", "pieces of template syntax that stand in the page"], 0)  # fmt: skip
    totals = dict.fromkeys(["keys", "days", "templates"], 0)
    for root in paths:
        if root.is_dir():
            _try_site(root, tally, counts, totals)
    slugs = list(Post.objects.values_list("slug", flat=True))
    tally.expect(len(slugs) == len(set(slugs)), "two posts have one address")
    tally.count("files", counts["files"])
    tally.count("posts", counts["posts"])
    tally.count("section pages and other files, skipped", counts["section pages and other files, skipped"])
    tally.count("keys of front matter kept", counts["keys of front matter kept"], of=totals["keys"])
    tally.count("days right", counts["days right"], of=totals["days"])
    tally.count("distinct addresses", len(set(slugs)), of=counts["posts"])
    name = "pieces of template syntax that stand in the page"
    tally.count(name, counts[name], of=totals["templates"])
    return tally


def _try_site(root, tally, counts, totals):
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    texts = [path for path in files if path.suffix in (".md", ".markdown") and path.stem != "_index"]
    batch = _import(root)
    outcome = {name: getattr(batch, name) for name in COUNTS}
    expected = dict.fromkeys(COUNTS, 0) | {"created": len(texts), "skipped": len(files) - len(texts)}
    tally.expect(outcome == expected, f"{root.name}: {outcome}, and not {expected}")
    again = _import(root)
    tally.expect(
        again.unchanged == len(texts) and not again.created + again.updated, f"{root.name}: again {again.created}"
    )
    kinds = [sum(numbers.values()) for numbers in batch.breakdown["kinds"].values()]
    tally.expect(sum(kinds) == batch.rows == len(files), f"{root.name}: {sum(kinds)} by kind, {len(files)} files")
    counts["files"] += len(files)
    counts["posts"] += batch.created
    counts["section pages and other files, skipped"] += batch.skipped
    for path in texts:
        name = f"{root.name}:{path.relative_to(root).as_posix()}"
        post = Post.objects.select_related("head_revision").filter(source_id=name).first()
        if tally.expect(post is not None, f"{name}: not there"):
            tally.outcomes[name] = [post.slug, post.head_revision.fingerprint]
            _try_post(name, path, post.head_revision.snapshot, tally, counts, totals)


def _import(root):
    with open_source(str(root)) as source:
        return import_source(source, format="markdown")


def _try_post(name, path, record, tally, counts, totals):
    head, body = _HEAD.match(path.read_text(encoding="utf-8")).groups()
    typed, words = yaml.safe_load(head), yaml.load(head, Loader=yaml.BaseLoader)  # noqa: S506 (builds texts alone)
    for key, value in typed.items():
        totals["keys"] += 1
        is_kept = _is_kept(key, value, words[key], record)
        counts["keys of front matter kept"] += is_kept
        tally.expect(is_kept, f"{name}: {key}: {value!r}, and {json.dumps(record.get('payload'))[:200]}")
    written = re.search(r"\d{4}-\d{2}-\d{2}", words.get("date", "") or path.name or path.parent.name)
    totals["days"] += 1
    is_right = record.get("published_on") == written[0]
    counts["days right"] += is_right
    tally.expect(is_right, f"{name}: {record.get('published_on')}, and not {written[0]}")
    page = html.unescape(re.sub(r"<[^>]*>", "", str(render_text(record).html)))
    pieces = _TEMPLATE.findall(body)
    # A template that is the address of a link leads to its post.
    addresses = " ".join(found[0] for found in _ADDRESS.finditer(body))
    shown = f"{' '.join(page.split())} {' '.join(addresses.split())}"
    missing = [piece for piece in pieces if " ".join(piece.split()) not in shown]
    totals["templates"] += len(pieces)
    counts["pieces of template syntax that stand in the page"] += len(pieces) - len(missing)
    tally.expect(not missing, f"{name}: {missing}")
    tally.expect(all(piece in record["body"] for piece in pieces), f"{name}: template syntax left the text")


def _is_kept(key, value, words, record):
    """Return whether the record keeps a key: under payload with its type (a date as text), or in its field."""
    payload = record.get("payload", {})
    if key in payload:
        expected = words if isinstance(value, date | datetime) else value
        return type(payload[key]) is type(expected) and payload[key] == expected
    if key == "date":
        return words == record.get("published_on")
    field = record.get(_FIELDS.get(key, key))
    items = words if isinstance(words, list) else [words]
    held = field if isinstance(field, list) else [field]
    if key in ("category", "categories"):
        held = [*held, *record.get("tags", [])]
    return all(" ".join(item.split()) in [" ".join(str(one).split()) for one in held] for item in items)
