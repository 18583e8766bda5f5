"""The history of a post: its revisions, releases and audit trail. The form of the post loads it when it is opened."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db.models import Model
from django.http import HttpResponse

from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.posts.parts import last_entries
from posts.admin.trail import post_trail
from posts.models import Post, Revision
from posts.operations.release import active_approval
from posts.operations.rolled_back import ROLLED_BACK_STATES, rolled_back_warning

HISTORY_LENGTH = 20


class HistoryPage(AdminPage):
    """The history of one post, with a button to restore each earlier revision."""

    http_method_names = ["get", "head"]
    template = "posts/post/history"
    model: ClassVar[type[Model] | None] = Post

    def find(self, object_id: str) -> Post:
        return find_post(object_id)

    def page(self, subject: Any, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        post: Post = subject
        revisions = list(post.revisions.select_related("author", "batch").defer("snapshot")[:HISTORY_LENGTH])
        _warn_of_rolled_back(post, revisions)
        releases = post.releases.select_related("revision", "before", "owner", "made_by")
        return self.render(
            status=status,
            title=f"History of {post.title}",
            trail=post_trail(post, "History"),
            post=post,
            revisions=revisions,
            releases=list(releases.defer("revision__snapshot", "before__snapshot")[:HISTORY_LENGTH]),
            audit=last_entries(post),
            may_restore=self.person.has_perm("posts.restore_post"),
        )


def _warn_of_rolled_back(post: Post, revisions: Iterable[Revision]) -> None:
    """Give each of `revisions` the warning that restoring it must confirm; most posts have none."""
    has_any = post.revisions.filter(batch__state__in=ROLLED_BACK_STATES).exists()
    for revision in revisions:
        warning = rolled_back_warning(revision, active_approval(revision)) if has_any else ""
        revision.warning = warning  # type: ignore[attr-defined]  # for the template
