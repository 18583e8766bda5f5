"""Who wrote a text, in words and in the terms of the IPTC.

Pages, JSON, feeds and the API all take it from here. No key of a record changes it, except that it can name a generator
that people here have described as a machine (posts.models.origin).
"""

from collections.abc import Iterable
from typing import NamedTuple

from posts.models import Origin, Post, Revision
from posts.models.origin import MACHINES
from posts.records.schema import RecordDict

# A text without an import was typed in this site's editor.
TYPED = "this_site"
WRITERS = (*Origin.values, TYPED)

# https://cv.iptc.org/newscodes/digitalsourcetype/: how media were made.
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# (origin, whether people edited it here): (the sentence, the IPTC term or "" if none is true).
_TABLE = {
    (Origin.TRAINED_MODEL, False): ("Written by a machine (a trained model).", "trainedAlgorithmicMedia"),
    (Origin.TRAINED_MODEL, True): (
        "Written by a machine (a trained model) and edited by people.",
        "compositeWithTrainedAlgorithmicMedia",
    ),
    (Origin.FIXED_ALGORITHM, False): ("Written by a machine (a fixed algorithm).", "algorithmicMedia"),
    (Origin.FIXED_ALGORITHM, True): ("Written by a machine (a fixed algorithm) and edited by people.", "humanEdits"),
    (Origin.PEOPLE, False): ("Written by people.", "digitalCreation"),
    (Origin.PEOPLE, True): ("Written by people and edited on this site.", "digitalCreation"),
    (Origin.NOT_STATED, False): ("Imported; who wrote it is not stated.", ""),
    (Origin.NOT_STATED, True): ("Imported and edited by people; who wrote it is not stated.", ""),
    (TYPED, False): ("Written in this site's editor.", "digitalCreation"),
    (TYPED, True): ("Written by a person in this site's editor.", "digitalCreation"),
}
LABELS = dict(Origin.choices) | {TYPED: "People, in this site's editor"}
SOURCE_TYPES = tuple(sorted({_SOURCE_TYPES + term for _, term in _TABLE.values() if term}))


class Writing(NamedTuple):
    """Who wrote a text (one of WRITERS), and whether a person changed it on this site."""

    origin: str
    is_edited: bool

    @property
    def sentence(self) -> str:
        """A sentence for readers that says who wrote the text."""
        return _TABLE[self.origin, self.is_edited][0]

    @property
    def source_type(self) -> str:
        """The address of the IPTC term, or "" if nobody stated how the text was made."""
        term = _TABLE[self.origin, self.is_edited][1]
        return _SOURCE_TYPES + term if term else ""

    @property
    def is_by_machine(self) -> bool:
        return self.origin in MACHINES

    @property
    def is_by_people(self) -> bool:
        return self.origin in (Origin.PEOPLE, TYPED)


def writing_of(post: Post, revision: Revision) -> Writing:
    """Return the Writing of `revision`.

    Needs a query, unless `post` was read with_writing() and `revision` is the one at its address.
    """
    written = getattr(post, "written", None)
    if written is None or revision.pk != (post.live_revision_id or post.head_revision_id):
        written = Revision.objects.filter(pk=revision.pk).written().get()
    return writing_from(written)


def writing_from(written: str) -> Writing:
    """Return the Writing from a text of RevisionQuerySet.written()."""
    origin = written.removesuffix(Revision.EDITED)
    return Writing(origin or TYPED, written != origin)


def shown_authors(writing: Writing, record: RecordDict) -> list[str]:
    """Return the names shown as authors: those of the record, or none if a machine wrote the text."""
    return [] if writing.is_by_machine else list(dict.fromkeys(record.get("authors", ())))


def site_claim(origins: Iterable[str]) -> str:
    """Return what home page and feeds say of all articles, from the origins (WRITERS) that they have."""
    origins = set(origins)
    if origins and origins <= MACHINES:
        return "written by machines and reviewed by"
    if origins and origins <= {Origin.PEOPLE, TYPED}:
        return "written and reviewed by"
    return "reviewed by"
