import datetime

from django.conf import settings
from django.http import HttpResponse
from django.utils.feedgenerator import Atom1Feed

from alphanode.page_cache import mark_page
from posts.models import Post
from posts.page_versions import LISTS
from posts.views import public

FEED_POSTS = 30


@public
def feed(request):
    """The newest listed posts as Atom (RFC 4287)."""
    posts = Post.objects.listed().with_texts().newest_first()[:FEED_POSTS]
    feed = SiteFeed(
        title=settings.SITE_NAME,
        link=f"{settings.SITE_URL}/",
        feed_url=f"{settings.SITE_URL}{request.path}",
        description="Technical articles written by a machine and approved by people.",
        language="en",
    )
    for post in posts:
        record = post.live_revision.snapshot
        feed.add_item(
            title=record["title"],
            link=f"{settings.SITE_URL}{post.get_absolute_url()}",
            description=record.get("summary", ""),
            unique_id=f"{settings.SITE_URL}/posts/{post.pk}",
            pubdate=post.first_published_at,
            updateddate=post.last_published_at,
            author_name=settings.SITE_NAME,
        )
    response = HttpResponse(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")
    return as_machine_file(response)


class SiteFeed(Atom1Feed):
    def latest_post_date(self):
        """The feed's own date; a feed without posts is as old as time, so that its bytes don't change by the second."""
        dates = [item["updateddate"] for item in self.items]
        return max(dates, default=datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))


def as_machine_file(response):
    """A file that programs read: nothing in it runs, caches keep it for minutes, other sites may show it."""
    response.page_kind = "machine"
    return mark_page(response, keys=[LISTS])
