import unicodedata

from django.urls import path, register_converter

from posts.outages import PREVIEW_PATH
from posts.public import cards, feeds, lists, preview, reports, search, sitemaps, uploads, views
from posts.public.api.views import url_patterns as url_patterns_of_api
from posts.rendering.images import UPLOADED_NAME, UPLOADS_PATH
from posts.reverse import SLUG


class KindsConverter:
    """The plural word of a kind of terms: stacks, tools and so on."""

    regex = "|".join(lists.KINDS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class LettersConverter:
    """A slug with letters of any script, as Django's own converter has those of English."""

    regex = SLUG

    def to_python(self, value: str) -> str:
        # Some programs send é as two characters.
        return unicodedata.normalize("NFC", value)

    def to_url(self, value: str) -> str:
        return value


class UploadConverter:
    """The name of an uploaded picture."""

    regex = UPLOADED_NAME

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(UploadConverter, "upload")
register_converter(KindsConverter, "kinds")
register_converter(LettersConverter, "letters")

app_name = "posts"
urlpatterns = [
    path("", views.home, name="home"),
    path("posts/<letters:slug>/", views.detail, name="detail"),
    path("posts/<letters:slug>.json", views.record, name="record"),
    path("posts/<letters:slug>.png", cards.card, name="card"),
    path("posts/<letters:slug>/report/", reports.report, name="report"),
    path(f"{PREVIEW_PATH.removeprefix('/')}<str:token>/", preview.preview, name="preview"),
    path("card.png", cards.site_card, name="site-card"),
    path(f"{UPLOADS_PATH[1:]}<upload:name>", uploads.picture, name="upload"),
    path("logo.png", cards.logo, name="logo"),
    path("articles/", lists.articles, name="articles"),
    path("feed/", feeds.feed, name="feed"),
    path("feed.json", feeds.json_feed, name="json-feed"),
    path("rss.xml", feeds.rss, name="rss"),
    path("rss/", feeds.to_rss, name="feed-from-rss"),
    path("feed/rss/", feeds.to_rss, name="feed-from-feed-rss"),
    path("atom.xml", feeds.to_atom, name="feed-from-atom-xml"),
    path("index.xml", feeds.to_atom, name="feed-from-index-xml"),
    path("sitemap.xml", sitemaps.index, name="sitemap"),
    path("sitemaps/pages.xml", sitemaps.pages, name="sitemap-pages"),
    path("sitemaps/lists-<int:number>.xml", sitemaps.facets, name="sitemap-lists"),
    path("sitemaps/articles-<int:number>.xml", sitemaps.articles, name="sitemap-articles"),
    path("robots.txt", views.robots, name="robots"),
    path("search/", search.search, name="search"),
    path("how-this-site-is-made/", views.how, name="how"),
    path("<kinds:kinds>/", lists.kind, name="kind"),
    path(".well-known/security.txt", views.security_txt, name="security-txt"),
    *url_patterns_of_api(),
    path("<kinds:kinds>/<letters:slug>/", lists.facet, name="facet"),
    path("<kinds:kinds>/<letters:slug>/feed/", feeds.facet_feed, name="facet-feed"),
    path("<kinds:kinds>/<letters:slug>/feed.json", feeds.facet_json_feed, name="facet-json-feed"),
]
