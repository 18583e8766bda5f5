"""The page Storage: how large each table is, how long rows are kept, and which would go today."""

from django.http import HttpResponse
from django.utils import timezone

from posts.admin.pages import AdminPage
from posts.admin.trail import Step, step
from posts.monitoring.storage import MOST_COUNTED, storage


class StoragePage(AdminPage):
    """All tables with their sizes."""

    permissions = ("view_job",)
    template = "storage"
    title = "Storage"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        return self.render(
            status=status,
            trail=[step("Operations", "operations"), Step(self.title)],
            found=storage(timezone.now()),
            most=MOST_COUNTED,
        )


PAGES = [("operations/storage/", StoragePage, "storage")]
