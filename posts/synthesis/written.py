"""The written articles of the demo: one file each, with the fields of the record as TOML and the text below them.

They are not made from seeds, and each sentence stands in one of them only. Their pictures are static files of the site.
"""

import tomllib
from pathlib import Path

from posts.records.schema import RecordDict
from posts.rendering.images import own_picture_address

ARTICLES = Path(__file__).parent / "articles"
FENCE = "+++\n"
CREDIT = {"source": "drawn for this article", "licence": "MIT Licence, as AlphaNode"}


def written_records() -> list[RecordDict]:
    """Return the records of all written articles, in the order of their files' names."""
    return [_record(path) for path in sorted(ARTICLES.glob("*.md"))]


def _record(path: Path) -> RecordDict:
    _, head, text = path.read_text(encoding="utf-8").split(FENCE, 2)
    fields = tomllib.loads(head)
    intro, heading, sections = text.strip().partition("\n\n## ")
    images = [
        {**CREDIT, "url": own_picture_address(f"articles/{image.pop('picture')}"), **image}
        for image in fields.get("image_sources", ())
    ]
    return {
        "source_id": f"written-{path.stem}",
        "slug": path.stem,
        "language": "en",
        **fields,
        "intro": intro,
        "body": (heading + sections).strip(),
        "flags": {"has_images": int(bool(images))},
        "image_sources": images,
    }
