"""What the pages of the admin share, apart from Django's lists: permissions, actions, refusals and the frame."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views import View

from posts.admin.people import person_of
from posts.admin.trail import Step
from posts.errors import GuidelineMoved, HeadMoved, PageMoved, Refused


def render(
    request: HttpRequest,
    template: str,
    *,
    title: str,
    model: type[Model] | None = None,
    trail: Sequence[Step] | None = None,
    status: int = 200,
    **context: Any,
) -> TemplateResponse:
    """Return an answer that shows a template of templates/admin/ in the frame of the admin.

    trail: the pages above it (posts.admin.trail); None: by what the page is about.
    """
    frame = admin.site.each_context(request) | {
        "title": title,
        "opts": model and model._meta,
        "trail": trail,
    }
    return TemplateResponse(request, f"admin/{template}.html", frame | context, status=status)


class AdminPage(View):
    """A page about one thing, with all actions on it.

    GET shows the page. POST names an action: it says what it did on the page after, or the page comes back with the
    reasons why not, as 409 if something changed meanwhile and as 422 otherwise.
    """

    # Codenames of what it takes to see the page. Operations check again who may act.
    permissions: ClassVar[tuple[str, ...]] = ("view_post",)
    template: ClassVar[str]
    model: ClassVar[type[Model] | None] = None
    title = ""
    # By the value of `act`: functions of the page and what it is about; they return a message ("": none) or an answer.
    actions: ClassVar[Mapping[str, Callable[[Any, Any], str | HttpResponse]]] = {}

    @classmethod
    def view(cls) -> Callable[..., HttpResponseBase]:
        """Return the view for an address: people who are not signed in are asked to."""
        return admin.site.admin_view(cls.as_view())

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse people who may not see the page."""
        if not self.may_see():
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def may_see(self) -> bool:
        """Return whether the person may see the page."""
        return self.request.user.has_perms([f"posts.{codename}" for codename in self.permissions])

    @property
    def person(self) -> User:
        """The account of the person."""
        return person_of(self.request)

    def find(self, *args: Any, **address: Any) -> Any:
        """Return what the page is about, or raise Http404."""
        return None

    def get(self, request: HttpRequest, *args: Any, **address: Any) -> HttpResponseBase:
        return self.page(self.find(**address))

    def post(self, request: HttpRequest, *args: Any, **address: Any) -> HttpResponseBase:
        subject = self.find(**address)
        try:
            answer = self.act(subject)
        except Refused as refusal:
            status = 409 if isinstance(refusal, HeadMoved | PageMoved | GuidelineMoved) else 422
            return self.refused(self.find(**address), refusal, status)
        if isinstance(answer, HttpResponseBase):
            return answer
        if answer:
            messages.success(request, answer)
        return HttpResponseRedirect(self.next_address(subject))

    @property
    def action(self) -> str:
        """The name of the action."""
        return self.request.POST.get("act", "")

    def act(self, subject: Any) -> str | HttpResponse:
        """Carry out the action; return what to say or a whole answer. Raise Refused, and Http404 for an unknown one."""
        if self.action not in self.actions:
            raise Http404("Unknown action.")
        return self.actions[self.action](self, subject)

    def refused(self, subject: Any, refusal: Refused, status: int) -> HttpResponseBase:
        """Return the page again, with the reasons of a refusal."""
        for obstacle in refusal.obstacles:
            messages.error(self.request, obstacle)
        return self.page(subject, status=status)

    def next_address(self, subject: Any) -> str:
        """Return where to go after an action: by default to the same page."""
        return self.request.path

    def page(self, subject: Any, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        return self.render(status=status)

    def render(self, *, status: int = 200, **context: Any) -> TemplateResponse:
        """Return an answer with the template of the page."""
        context = {"title": self.title, **context}
        return render(self.request, self.template, model=self.model, status=status, **context)


class AdminAction(AdminPage):
    """An address that only acts, by POST alone: a link that is merely followed changes nothing."""

    http_method_names = ["post"]

    def refused(self, subject: Any, refusal: Refused, status: int) -> HttpResponseBase:
        """Say on the next page why not."""
        messages.warning(self.request, str(refusal))
        return HttpResponseRedirect(self.next_address(subject))


def page_paths(pages: Iterable[tuple[str, type[AdminPage], str]]) -> list[URLPattern]:
    """Return the addresses of pages given as (route, page, name), for get_urls."""
    return [path(route, page.view(), name=name) for route, page, name in pages]
