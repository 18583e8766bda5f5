"""The images of two records: which moved, and whether file, words, credit or licence changed."""

from collections.abc import Callable
from typing import Any

from posts.diff.sequences import Budget, longest_increasing
from posts.diff.texts import ADDED, KEPT, REMOVED, Label, Row, TextChange, whole, word_segments
from posts.diff.values import compare_values, dumped
from posts.records.schema import RecordDict
from posts.rendering.blocks import Block, plain_block

_SAID = {"url": "other image file", "alt": "alt text", "source": "image source", "licence": "licence"}


def compare_images(old: list[RecordDict], new: list[RecordDict], budget: Budget) -> TextChange:
    """Return the TextChange between two `image_sources` lists; each image is a row with its caption as text."""
    partners = image_partners(old, new)
    in_order = sorted(partners.items())
    run = longest_increasing([i for _, i in in_order])
    stays = {in_order[index][0] for index in run}
    gone = [i for i in range(len(old)) if i not in partners.values()]
    rows = []
    for j, image in enumerate(new):
        before = partners.get(j)
        block = image_block(image, j)
        if before is None:
            rows.append(Row("added", None, block, whole(block, ADDED)))
            continue
        old_block = image_block(old[before], before)
        labels, segments = _labels(old[before], image, budget), whole(block, KEPT)
        if image.get("caption", "") != old[before].get("caption", ""):
            segments = tuple(word_segments(old_block.text, block.text, budget))
        if j not in stays:
            says = f"moved from {before + 1} to {j + 1}"
            labels = (Label("moved", says), *labels)
        rows.append(Row("changed" if labels else "equal", old_block, block, segments, labels))
    rows += [Row("removed", block, None, whole(block, REMOVED)) for block in (image_block(old[i], i) for i in gone)]
    return TextChange("image_sources", "Images", rows)


def image_block(image: RecordDict, index: int) -> Block:
    """Return an image as a Block with its caption as text. index: its place in the list, from 0."""
    caption = image.get("caption", "")
    return plain_block(caption, kind="image", setting=f"image {index + 1}", place=index + 1, placed=image["url"])


def image_partners(old: list[RecordDict], new: list[RecordDict]) -> dict[int, int]:
    """Return {index in new: index in old}: the same object, else file, else caption, else position."""
    partners: dict[int, int] = {}
    free = dict(enumerate(old))
    keys: list[Callable[[RecordDict, int], Any]] = [
        lambda image, index: dumped(image),
        lambda image, index: image["url"],
        lambda image, index: image.get("caption") or None,
        lambda image, index: index,
    ]
    for key in keys:
        places: dict[Any, list[int]] = {}
        for i, image in free.items():
            places.setdefault(key(image, i), []).append(i)
        for j, image in enumerate(new):
            if j not in partners and key(image, j) is not None and places.get(key(image, j)):
                partners[j] = places[key(image, j)].pop(0)
                del free[partners[j]]
    return partners


def _labels(old: RecordDict, new: RecordDict, budget: Budget) -> tuple[Label, ...]:
    labels = []
    for change in compare_values(old, new, budget):
        name = change.pointer.removeprefix("/")
        if name == "caption":
            labels.append(Label("caption", "caption"))
        else:
            labels.append(Label("image" if name == "url" else "field", _SAID.get(name, name), segments=change.segments))
    return tuple(labels)
