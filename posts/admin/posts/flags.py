"""Flags and reader reports in the admin: raise, clear and answer them on one page of the post."""

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from posts.admin.lookup import find_post
from posts.admin.posts.releases import row_of
from posts.admin.records import ReadOnlyAdmin
from posts.models import ReaderReport, Review, ReviewFlag
from posts.models.four_eyes import eyes_on, missing_decision
from posts.operations import PageMoved, Refused, answer_report, clear_flag, confirm_live, flag_post
from posts.operations.review import asks_for_confirmation, confirm_obstacles

CLOSED_SHOWN = 20


class FlagReasonForm(forms.Form):
    """Why a person should look, as a code and in words; both have a default, so that one click is enough."""

    reason = forms.ChoiceField(
        choices=[(reason.value, reason.label) for reason in ReviewFlag.BY_PEOPLE], required=False
    )
    note = forms.CharField(
        label="What should the reviewer check?", required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


def page_urls(admin_site):
    """Return the addresses of this module, for AdminSite.get_urls."""
    view = admin_site.admin_view(FlagView.as_view(admin_site=admin_site))
    return [path("posts/post/<int:pk>/flag/", view, name="posts_post_flag")]


class FlagView(View):
    """The flags and reports of one post, with all actions on them. The reader's page links here."""

    admin_site = None
    http_method_names = ["get", "head", "post"]

    def dispatch(self, request, *args, **kwargs):
        """Allow the page to people who may see posts and flags; operations check who may act."""
        if not request.user.has_perms(["posts.view_post", "posts.view_reviewflag"]):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request, pk):
        return self.page(request, find_post(pk))

    def post(self, request, pk):
        post = find_post(pk)
        act = self.ACTIONS.get(request.POST.get("act") or "flag")
        if act is None:
            raise Http404("Unknown action.")
        try:
            message = act(self, request, post)
        except Refused as refusal:
            for obstacle in refusal.obstacles:
                messages.error(request, obstacle)
            return self.page(request, find_post(pk), status=409 if isinstance(refusal, PageMoved) else 422)
        messages.success(request, message)
        return HttpResponseRedirect(self._back(request, post))

    def page(self, request, post, *, status=200):
        """Render the page, with what was typed if an action was refused."""
        user = request.user
        flags = list(post.review_flags.select_related("raised_by", "cleared_by")[:CLOSED_SHOWN])
        open_flags = [flag for flag in flags if flag.cleared_at is None]
        reports = list(post.reader_reports.select_related("answered_by")[:CLOSED_SHOWN])
        live = post.live_revision
        is_asked = asks_for_confirmation(post)
        context = {
            **self.admin_site.each_context(request),
            "opts": ReviewFlag._meta,
            "title": f"Flags of {post.title}",
            "post": post,
            "form": FlagReasonForm(request.POST if status != 200 and not request.POST.get("act") else None),
            "typed": request.POST if status != 200 else {},
            "open_flags": open_flags,
            "closed_flags": [flag for flag in flags if flag.cleared_at],
            "open_reports": [report for report in reports if report.answered_at is None],
            "answered_reports": [report for report in reports if report.answered_at],
            "index_obstacles": post.index_obstacles,
            "may_flag": user.has_perm("posts.flag_post"),
            "can_confirm": is_asked and user.has_perm("posts.review_post"),
            "confirm_obstacles": confirm_obstacles(
                post,
                by=user,
                ticks=live.snapshot.get("checklist", ()),
                flags_seen=[flag.pk for flag in open_flags],
                own_text_reason="asked for below",
            )
            if is_asked
            else [],
            "checklist": live.snapshot.get("checklist", ()) if is_asked else (),
            "flags_seen": ",".join(str(flag.pk) for flag in open_flags),
        }
        return TemplateResponse(request, "admin/posts/release/flags.html", context, status=status)

    def _back(self, request, post):
        address = request.POST.get("next", "")
        if url_has_allowed_host_and_scheme(address, allowed_hosts=None):
            return address
        if "quick" in request.POST:
            return reverse("admin:posts_post_changelist")
        return reverse("admin:posts_post_flag", args=[post.pk])

    def _flag(self, request, post):
        form = FlagReasonForm({} if "quick" in request.POST else request.POST)
        if not form.is_valid():
            raise Refused(*(error for errors in form.errors.values() for error in errors))
        reason = form.cleaned_data["reason"] or ReviewFlag.Reason.STAFF
        flag_post(post, by=request.user, reason=reason, note=form.cleaned_data["note"])
        return f"Flagged: {post.title}. Search engines stay away until a person answers."

    def _clear(self, request, post):
        flag = row_of(post.review_flags, request.POST.get("flag"), "This flag belongs to another post.")
        clear_flag(flag, by=request.user, note=request.POST.get("why", ""))
        return "The flag is cleared."

    def _answer(self, request, post):
        report = row_of(post.reader_reports, request.POST.get("report"), "This report belongs to another post.")
        answer_report(report, by=request.user, answer=request.POST.get("why", ""))
        return "The report is answered."

    def _confirm(self, request, post):
        seen = [int(part) for part in request.POST.get("flags_seen", "").split(",") if part.isdecimal()]
        review = confirm_live(
            post,
            by=request.user,
            fingerprint=request.POST.get("fingerprint", ""),
            ticks=request.POST.getlist("ticks"),
            flags_seen=seen,
            comment=request.POST.get("comment", ""),
            own_text_reason=request.POST.get("own_text_reason", ""),
        )
        if review.outcome == Review.Outcome.APPROVED_IN_PART:
            missing = missing_decision(eyes_on(post, review.revision))
            return f"{review.revision.version} is approved in part. {missing}"
        return f"Confirmed: {review.revision.version} stays as it is, and every flag is answered."

    ACTIONS = {"flag": _flag, "clear": _clear, "answer": _answer, "confirm": _confirm}


@admin.register(ReviewFlag)
class ReviewFlagAdmin(ReadOnlyAdmin):
    list_display = ["reason", "note", "post_link", "raised_by", "raised_at", "cleared_at", "cleared_by"]
    list_filter = ["reason", ("cleared_at", admin.EmptyFieldListFilter)]
    list_select_related = ["post", "raised_by", "cleared_by"]
    ordering = ["-pk"]
    deferred = ("post__body", "post__intro")


@admin.register(ReaderReport)
class ReaderReportAdmin(ReadOnlyAdmin):
    list_display = ["reason", "note", "post_link", "made_at", "answered_at", "answered_by", "answer"]
    list_filter = ["reason", ("answered_at", admin.EmptyFieldListFilter)]
    list_select_related = ["post", "answered_by"]
    ordering = ["-pk"]
    deferred = ("post__body", "post__intro")
