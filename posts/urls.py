from django.urls import path

from posts import feeds, reports, sitemaps, views

app_name = "posts"
urlpatterns = [
    path("", views.home, name="home"),
    path("posts/<slug:slug>/", views.detail, name="detail"),
    path("posts/<slug:slug>.json", views.record, name="record"),
    path("posts/<slug:slug>/report/", reports.report, name="report"),
    path("feed/", feeds.feed, name="feed"),
    path("sitemap.xml", sitemaps.sitemap, name="sitemap"),
    path("robots.txt", views.robots, name="robots"),
]
