"""What follows when a link dies: posts that name it are ranked again, and live ones come back for a confirmation."""

from collections.abc import Callable

from django.db.models import Q

from posts.content_checks.link_states import stored_links
from posts.db.keyset import in_chunks
from posts.models import LinkAddress, LinkOccurrence, Post
from posts.operations.frame import changing, operation
from posts.operations.review import repeats_live
from posts.review_queue.ranking import rank_posts

CHUNK = 200
ASKED = "dead link found"


def tell_posts(*, on_checkpoint: Callable[[], object] = lambda: None) -> int:
    """Tell the posts of each link that died or came back since the last run; return the number of those links.

    Pending posts are ranked again. Live, approved ones that link to a dead page are put into the review queue. If
    stopped, the next run tells the posts of that link again, which changes nothing a second time.
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
        if link.died_at:
            quiet = Post.objects.filter(pk__in=ids, withdrawn_at=None, awaits_review=False)
            for pk in quiet.filter(~Q(live_approval=None)).values_list("pk", flat=True):
                ask_about_dead_links(Post(pk=pk))
        on_checkpoint()


@operation
def ask_about_dead_links(post: Post) -> bool:
    """Put a live post into the review queue because a link of its text died since the approval; return whether.

    Its page stays as it is, and open to search engines. A reviewer confirms the text, or somebody edits it. Nothing
    happens while a newer text is proposed: its own findings name the link.
    """
    with changing(post, by=None) as change:
        post = change.post
        approval = post.live_approval
        if post.awaits_review or post.withdrawn_at or approval is None or not repeats_live(post):
            return False
        links = stored_links(post.released_revision.snapshot)
        dead = [link.address for link in links if link.died_at and link.died_at > approval.created_at]
        if not dead:
            return False
        post.awaits_review = True
        named = dead[0][:300] if len(dead) == 1 else f"{dead[0][:300]} and {len(dead) - 1} more"
        change.note(ASKED, revision=post.live_revision, detail=named)
        return True
