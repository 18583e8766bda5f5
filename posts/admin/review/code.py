"""Every code block of a text with what reading it said, at the block, for the frame of the review screen."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse

from posts.admin.lists import number_in
from posts.admin.review.screen import FramedPage
from posts.content_checks.code import BlockResult
from posts.content_checks.stored import Stored, block_results_of
from posts.models import Revision
from posts.rendering.blocks import Block, blocks_of

# A page of more blocks would be too long to read, and to send.
SHOWN = 200
LABELS = {"parsed": "parsed", "fragment": "read as a fragment", "broken": "broken", "unread": "not checked"}


@dataclass(frozen=True)
class ShownBlock:
    """A code block with its result. lines: [(number, text, whether the fault is there)]."""

    result: BlockResult
    label: str
    field: str
    lines: list[tuple[int, str, bool]]


class CodePage(FramedPage):
    """The code blocks of a revision, each with its result."""

    template = "review/code"

    def get(self, request: HttpRequest, revision_id: int) -> HttpResponse:
        revision = Revision.objects.filter(pk=number_in(revision_id) or 0).first()
        if revision is None:
            raise Http404("No revision has this number.")
        results = block_results_of(Stored.of(revision))
        blocks = _shown(revision, results or [])
        return self.render(
            revision=revision, is_read=results is not None, blocks=blocks[:SHOWN], left_out=max(0, len(blocks) - SHOWN)
        )


def _shown(revision: Revision, results: list[BlockResult]) -> list[ShownBlock]:
    texts = [(field, block) for field in ("intro", "body") for block in blocks_of(revision.snapshot.get(field, ""))[0]]
    blocks = [(field, block) for field, block in texts if block.is_code]
    # Results of another version of the parser would stand at the wrong blocks.
    if len(blocks) != len(results):
        return []
    return [
        ShownBlock(result, LABELS[result.state], field, _lines(block, result.at))
        for (field, block), result in zip(blocks, results, strict=True)
    ]


def _lines(block: Block, fault: int) -> list[tuple[int, str, bool]]:
    lines = block.text.rstrip("\n").split("\n")
    return [(number, line, number == fault) for number, line in enumerate(lines, 1)]


PAGES = [("review/code/<int:revision_id>/", CodePage, "review_code")]
