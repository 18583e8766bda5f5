from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """Add the site's own name and address to every template."""
    return {"site_name": settings.SITE_NAME, "site_url": settings.SITE_URL, "site_contact": settings.SITE_CONTACT}
