"""What follows from what other hosts do to a text: a link dies, a picture changes, or either is as it was again.

Posts that name the link are ranked again. A live post comes back for a confirmation, with the reason. When the reason
is gone before anybody has answered, the post leaves the queue again.
"""

from collections.abc import Callable

from django.conf import settings
from django.db.models import Q

from posts.content_checks.link_states import stored_links
from posts.db.keyset import in_chunks
from posts.models import ApprovedPicture, LinkAddress, LinkOccurrence, Post, Review, Revision
from posts.operations.frame import changing, operation
from posts.operations.review import repeats_live
from posts.review_queue.ranking import rank_posts

CHUNK = 200
ASKED, CHANGED, ANSWERED = "dead link found", "changed picture found", "no dead link or changed picture any more"


def tell_posts(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Tell the posts of each link that died or came back since the last run; return the number of those links.

    Pending posts are ranked again. Live, approved ones that link to a dead page are put into the review queue, and
    taken off it when the page is back. If stopped, the next run tells the posts of that link again, which changes
    nothing a second time.
    """
    count = 0
    for links in in_chunks(LinkAddress.objects.filter(is_told=False), size=CHUNK):
        for link in links:
            _tell_posts_of(link, on_checkpoint)
            count += 1
            LinkAddress.objects.filter(pk=link.pk, died_at=link.died_at).update(is_told=True)
    return count


def _tell_posts_of(link: LinkAddress, on_checkpoint: Callable[[], object]) -> None:
    posts = LinkOccurrence.objects.filter(address=link).values_list("post_id")
    for rows in in_chunks(posts, size=CHUNK, key="post_id"):
        ids = [post for (post,) in rows]
        rank_posts(ids)
        # Those that this would change: the others keep out of a transaction each.
        concerned = Post.objects.filter(~Q(live_approval=None), pk__in=ids, withdrawn_at=None)
        for pk in concerned.filter(awaits_review=link.died_at is None).values_list("pk", flat=True):
            ask_about_page(Post(pk=pk))
        on_checkpoint()


@operation
def ask_about_page(post: Post) -> bool:
    """Put a live post into the review queue if other hosts changed what its readers get since the approval.

    That is a link that died, or, where readers get pictures from other hosts, a picture that changed. If nothing of the
    kind is left, take the post off the queue again. Return whether it was put there.

    The page stays as it is, and open to search engines. A reviewer confirms the text, or somebody edits it. Nothing
    happens while a newer text is proposed: its own findings name the link.
    """
    with changing(post, by=None) as change:
        post = change.post
        approval = post.live_approval
        if post.withdrawn_at or approval is None or not repeats_live(post):
            return False
        # Only this asks about a text that is approved and on the page already.
        if post.awaits_review and post.head_revision.status != Revision.Status.APPROVED:
            return False
        dead, changed = _dead_since(post, approval), _changed_pictures(approval)
        if post.awaits_review == bool(dead or changed):
            return False
        post.awaits_review = bool(dead or changed)
        if not post.awaits_review:
            change.note(ANSWERED, revision=post.live_revision)
            return False
        named = dead or changed
        more = f" and {len(named) - 1} more" if len(named) > 1 else ""
        change.note(ASKED if dead else CHANGED, revision=post.live_revision, detail=f"{named[0][:300]}{more}")
        return True


def _dead_since(post: Post, approval: Review) -> list[str]:
    links = stored_links(post.released_revision.snapshot)
    return [link.address for link in links if link.died_at and link.died_at > approval.created_at]


def _changed_pictures(approval: Review) -> list[str]:
    """Return the addresses of the changed pictures that readers get; with copies they still get the approved ones."""
    if settings.IMAGES != "watch":
        return []
    changed = ApprovedPicture.objects.filter(approval=approval, changed_at__isnull=False)
    return list(changed.order_by("place").values_list("address", flat=True))
