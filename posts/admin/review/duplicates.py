"""Near-duplicates: two posts side by side, keeping one of them, and the list of all clusters."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpResponse

from posts.admin.lists import number_in, status_badge
from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.review.state import review_state
from posts.admin.trail import queue_trail, step
from posts.diff import compare_records
from posts.models import Post, TextTwin
from posts.operations import Refused, keep_both, keep_post
from posts.operations.keep import Seen, keep_obstacles, rejects, right_to_end
from posts.operations.release import active_approval, releasable_revision
from posts.operations.rolled_back import rolled_back_warning
from posts.public.redirects import kept_instead
from posts.related.clusters import clusters

EARLIER, LATER = "Earlier post", "Later post"


@dataclass(frozen=True)
class Side:
    """One of the two posts as the page shows it, and what keeping it would do.

    obstacles: why it can't be kept. leads_to: the post to which its address leads, if another one was kept.
    back_warning: what a person must confirm before it comes back.
    """

    name: str
    post: Post
    badge: str
    state: str
    readers: str
    keeping: str
    obstacles: list[str]
    may_keep: bool
    may_return: bool
    leads_to: Post | None
    back_warning: str


class ClustersPage(AdminPage):
    """Posts that repeat one another, the newest first."""

    http_method_names = ["get", "head"]
    template = "queue/clusters"
    title = "Near-duplicates"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        found, following = clusters(before=number_in(self.request.GET.get("before", "")))
        return self.render(
            trail=queue_trail(self.title),
            clusters=found,
            following=following,
            is_first="before" not in self.request.GET,
        )


class PairPage(AdminPage):
    """Two posts side by side with their differences, and what a person does about them."""

    permissions = ("view_post", "view_revision")
    template = "queue/pair"

    def find(self, one: int, other: int) -> tuple[Post, Post]:
        """Return the two posts of the address, the earlier one first."""
        if one == other:
            raise Http404("A post is no near-duplicate of itself.")
        return find_post(min(one, other)), find_post(max(one, other))

    def page(self, posts: tuple[Post, Post], *, status: int = 200) -> HttpResponse:
        earlier, later = posts
        title = "Compare near-duplicates"
        similarity = TextTwin.objects.filter(post=earlier, twin=later).values_list("similarity", flat=True).first()
        sides = [_side(EARLIER, earlier, later, by=self.person), _side(LATER, later, earlier, by=self.person)]
        return self.render(
            status=status,
            title=title,
            trail=queue_trail(title, step("Near-duplicates", "queue_clusters")),
            percent=round(similarity * 100) if similarity else None,
            sides=sides,
            seen=[(post.pk, Seen.of(post)) for post in posts],
            comparison=compare_records(earlier.head.snapshot, later.head.snapshot),
            left=EARLIER,
            right=LATER,
        )

    def keep(self, posts: tuple[Post, Post]) -> str:
        """Keep the chosen post."""
        kept, other = self._chosen(posts)
        seen = {post.pk: self._seen(post) for post in posts}
        keep_post(kept, other, by=self.person, seen_kept=seen[kept.pk], seen_other=seen[other.pk])
        kept, other = find_post(kept.pk), find_post(other.pk)
        ended = "withdrawn" if other.withdrawn_at else "rejected"
        return f"“{other.title}” is {ended}. {_leads(kept)}"

    def both(self, posts: tuple[Post, Post]) -> str:
        """Bring the chosen post back."""
        post, _ = self._chosen(posts)
        post = keep_both(post, by=self.person, despite_rollback="despite_rollback" in self.request.POST)
        return f"“{post.title}” is back. Its address is its own again."

    actions = {"keep": keep, "both": both}

    def _chosen(self, posts: tuple[Post, Post]) -> tuple[Post, Post]:
        """Return the post that the pressed button is about, and the other one."""
        number = number_in(self.request.POST.get("post", ""))
        if number not in {post.pk for post in posts}:
            raise Refused("Choose one of the two posts.")
        earlier, later = posts
        return (earlier, later) if number == earlier.pk else (later, earlier)

    def _seen(self, post: Post) -> Seen:
        sent = self.request.POST
        return Seen(sent.get(f"text-{post.pk}", ""), number_in(sent.get(f"live-{post.pk}", "")) or 0)


def _side(name: str, post: Post, other: Post, *, by: User) -> Side:
    obstacles = keep_obstacles(post, other, by=by)
    is_replaced = post.replaced_by_id is not None
    text = post.live_revision or releasable_revision(post) if is_replaced else None
    return Side(
        name=name,
        post=post,
        badge=status_badge(post.head),
        state=review_state(post),
        readers=_readers(post),
        keeping=_keeping(post, other),
        obstacles=obstacles,
        may_keep=by.has_perm(f"posts.{right_to_end(other)}"),
        may_return=is_replaced and by.has_perms(_rights_to_return(post)),
        leads_to=kept_instead(post) if post.visible_revision is None else None,
        back_warning=rolled_back_warning(text, active_approval(text)) if text else "",
    )


def _rights_to_return(post: Post) -> list[str]:
    return ["posts.release_post"] if post.withdrawn_at else ["posts.submit_post", "posts.review_post"]


def _readers(post: Post) -> str:
    if post.withdrawn_at:
        return "The page is withdrawn."
    if post.visible_revision is None:
        return "Readers see no page."
    if post.is_live and post.live_revision_id == post.head_revision_id:
        # review_state() says so.
        return ""
    listed = "" if post.is_live else ", unlisted and marked as not approved"
    return f"Readers see {post.visible_revision.version}{listed}."


def _keeping(post: Post, other: Post) -> str:
    ended = "rejected" if rejects(other) else "withdrawn"
    return f"The other post is {ended}. {_leads(post)} Nothing is decided about this post."


def _leads(kept: Post) -> str:
    if kept.visible_revision is not None:
        return f"Its address redirects to “{kept.title}”."
    return f"Its address will redirect to “{kept.title}” as soon as readers see that post."


PAGES: list[tuple[str, Any, str]] = [
    ("queue/near-duplicates/", ClustersPage, "queue_clusters"),
    ("queue/near-duplicates/<int:one>/<int:other>/", PairPage, "queue_pair"),
]
