from django.conf import settings
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse

from posts.feeds import as_machine_file
from posts.models import Post
from posts.views import public

MAX_URLS = 50_000


@public
def sitemap(request):
    """The listed posts for search engines, newest first, as many as one file may hold (sitemaps.org)."""
    rows = Post.objects.listed().newest_first().values_list("slug", "last_published_at")[:MAX_URLS]
    entries = ((settings.SITE_URL + reverse("posts:detail", args=[slug]), changed) for slug, changed in rows.iterator())
    body = render_to_string("posts/sitemap.xml", {"entries": entries, "site_url": settings.SITE_URL})
    return as_machine_file(HttpResponse(body, content_type="application/xml; charset=utf-8"))
