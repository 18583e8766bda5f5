from typing import ClassVar

from django.http import HttpResponse

from posts.admin.dashboard.dashboard import dashboard_context
from posts.admin.pages import AdminPage


class DashboardPage(AdminPage):
    """The first page of the admin: for everybody who may sign in."""

    http_method_names = ["get", "head"]
    permissions: ClassVar[tuple[str, ...]] = ()
    template = "index"
    title = "Dashboard"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        return self.render(status=status, trail=[], **dashboard_context(self.request))
