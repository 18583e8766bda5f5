"""What people do to a post that changes what readers see of it. Each function does one such thing."""

from posts.importing.index_switch import switch_batch_index
from posts.models import Post
from posts.operations import change_slug, flag_post, record_revision, withdraw_post
from tests.factories import approve, person


def flagged(post):
    flag_post(post, by=person("Staff"), note="Look.")


def withdrawn(post):
    withdraw_post(post, by=person("Staff"))


def renamed(post):
    change_slug(post, "elsewhere", by=person())


def closed(post):
    switch_batch_index(post.last_batch, is_open=False, by=person("Staff"))


def rewritten(post):
    record = Post.objects.get(pk=post.pk).working_record() | {"title": "Another title"}
    record_revision(post, record, by=person("Editors"))
    approve(Post.objects.get(pk=post.pk))
