from django.conf import settings
from django.contrib import admin


class AlphaNodeAdminSite(admin.AdminSite):
    """Django's admin as AlphaNode's desk."""

    site_header = site_title = settings.SITE_NAME
    index_title = "Desk"
    enable_nav_sidebar = False
