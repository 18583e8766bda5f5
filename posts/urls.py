from django.urls import path, register_converter

from posts import feeds, lists, reports, search_page, sitemaps, views


class KindsConverter:
    """The word of a kind of terms: stacks, tools…"""

    regex = "|".join(lists.KINDS)

    def to_python(self, value):
        return value

    def to_url(self, value):
        return value


register_converter(KindsConverter, "kinds")

app_name = "posts"
urlpatterns = [
    path("", views.home, name="home"),
    path("posts/<slug:slug>/", views.detail, name="detail"),
    path("posts/<slug:slug>.json", views.record, name="record"),
    path("posts/<slug:slug>/report/", reports.report, name="report"),
    path("articles/", lists.articles, name="articles"),
    path("feed/", feeds.feed, name="feed"),
    path("sitemap.xml", sitemaps.sitemap, name="sitemap"),
    path("robots.txt", views.robots, name="robots"),
    path("search/", search_page.search, name="search"),
    path("how-this-site-is-made/", views.how, name="how"),
    path("<kinds:kinds>/", lists.kind, name="kind"),
    path("<kinds:kinds>/<slug:slug>/", lists.facet, name="facet"),
]
