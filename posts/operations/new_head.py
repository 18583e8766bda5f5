"""What saving a text means: the columns of its revision and those of its post, for one post and for sets alike."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from posts.models import Post, Revision
from posts.operations.transitions import first_status
from posts.records.schema import CANONICAL_VERSION

# Whether a text is pending review as soon as it is saved. What a person types waits until somebody submits it.
AWAITS_REVIEW = {"save": False, "import": True, "restore": True}


def is_text_of_page(post: Post, fingerprint: str) -> bool:
    """Return whether a text with `fingerprint` is word for word what readers of `post` see and a person approved."""
    if not post.is_live or post.live_approval_id is None or post.live_revision is None:
        return False
    return post.live_revision.fingerprint == fingerprint


@dataclass(frozen=True, slots=True)
class NewHead:
    """A text that becomes the head of its post.

    step: how it comes about, one of AWAITS_REVIEW. before: the head until now, None for a new post. batch_id: the
    import that brought it. suggested_by_id: whose suggestion the author accepted. is_approved: it is_text_of_page(),
    so that nobody has to decide about it again.
    """

    step: str
    snapshot: Any
    fingerprint: str
    version: str
    before: Revision | None
    author_id: int | None
    batch_id: int | None = None
    suggested_by_id: int | None = None
    why: str = ""
    canonical_version: int = CANONICAL_VERSION
    is_approved: bool = False

    def revision_columns(self, post_id: int) -> dict[str, Any]:
        """Return the columns of its Revision, without `id` and `created_at`."""
        return {
            "post_id": post_id,
            "number": self.before.number + 1 if self.before else 1,
            "version": self.version,
            "snapshot": self.snapshot,
            "fingerprint": self.fingerprint,
            "canonical_version": self.canonical_version,
            "status": first_status("repeat the live text" if self.is_approved else self.step).value,
            "author_id": self.author_id,
            "batch_id": self.batch_id,
            "suggested_by_id": self.suggested_by_id,
            "why": self.why,
        }

    def post_columns(self, revision_id: int, *, last_batch_id: int | None, at: datetime) -> dict[str, Any]:
        """Return the columns of its Post that don't come from the record.

        last_batch_id: the import to which the post belongs from now on, None if to none.
        """
        return {
            "head_revision_id": revision_id,
            "awaits_review": AWAITS_REVIEW[self.step] and not self.is_approved,
            "last_batch_id": last_batch_id,
            "changed_at": at,
        }
