"""The buttons beside findings about links: one press, one revision in the name of the person."""

from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from posts.admin.lookup import find_post
from posts.admin.pages import AdminAction
from posts.models import Post
from posts.operations.fix_links import fix_links


class FixLinks(AdminAction):
    """Mend the fault `kind` in the links of the proposed text with this `fingerprint`."""

    permissions = ("change_post",)

    def find(self, pk: int) -> Post:
        return find_post(pk)

    def act(self, post: Post) -> str:
        typed = self.request.POST
        revision = fix_links(post, typed.get("kind", ""), fingerprint=typed.get("fingerprint", ""), by=self.person)
        return f"Saved as {revision.version}: {revision.why}"

    def next_address(self, post: Post) -> str:
        """Return the page that the person came from."""
        address = self.request.POST.get("next", "")
        if url_has_allowed_host_and_scheme(address, allowed_hosts=None):
            return address
        return reverse("admin:posts_post_change", args=[post.pk])
