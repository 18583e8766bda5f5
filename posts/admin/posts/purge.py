"""The page on which a superuser purges a post."""

from django.http import HttpResponse
from django.urls import reverse

from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.trail import post_trail
from posts.errors import NotAllowed, Refused, require_superuser
from posts.models import Post
from posts.operations.purge import purge_counts, purge_obstacles, purge_post


class PurgePost(AdminPage):
    """Purges a post, after a superuser gave a reason and typed its source id."""

    template = "posts/post/purge"
    model = Post
    title = "Purge a post"

    def may_see(self) -> bool:
        """Return whether the person is a superuser."""
        try:
            require_superuser(self.person)
        except (NotAllowed, Refused):
            return False
        return True

    def find(self, pk: int) -> Post:
        return find_post(pk)

    def page(self, subject: Post, *, status: int = 200) -> HttpResponse:
        """Return the page: what goes, and the form."""
        return self.render(
            status=status,
            trail=post_trail(subject, "Purge"),
            post=subject,
            obstacles=purge_obstacles(subject),
            counts=purge_counts(subject),
            why=self.request.POST.get("why", ""),
        )

    def purge(self, subject: Post) -> str | HttpResponse:
        """Purge the post."""
        if self.request.POST.get("source_id", "").strip() != subject.source_id:
            raise Refused("Type the source id of the post to confirm.")
        purge_post(subject, by=self.person, why=self.request.POST.get("why", ""))
        return "The post is purged. Delete it from backups and import files too."

    actions = {"purge": purge}

    def next_address(self, subject: Post) -> str:
        """Return to the list of posts."""
        return reverse("admin:posts_post_changelist")


PAGES = [("posts/post/<int:pk>/purge/", PurgePost, "posts_post_purge")]
