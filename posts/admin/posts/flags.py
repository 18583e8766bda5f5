"""Flags and reader reports in the admin: raise, clear and answer them on one page of the post."""

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString

from posts.admin.lists import IsSetFilter, badge
from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.posts.releases import row_of
from posts.admin.records import ReadOnlyAdmin
from posts.admin.review.answers import answers_in, points_shown
from posts.admin.trail import post_trail
from posts.models import Post, ReaderReport, Review, ReviewFlag
from posts.models.four_eyes import eyes_on, missing_decision
from posts.models.review_limit import outside_words
from posts.operations import Decision, Refused, answer_report, clear_flag, confirm_live, flag_post
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


class FlagPage(AdminPage):
    """The flags and reports of one post, with all actions on them. The reader's page links here."""

    permissions = ("view_post", "view_reviewflag")
    template = "posts/release/flags"
    model = ReviewFlag

    def find(self, pk: int) -> Post:
        return find_post(pk)

    @property
    def action(self) -> str:
        return super().action or "flag"

    def page(self, post: Post, *, status: int = 200) -> HttpResponse:
        """Return the page, with what was typed if an action was refused."""
        request, user = self.request, self.person
        flags = list(post.review_flags.select_related("raised_by", "cleared_by")[:CLOSED_SHOWN])
        open_flags = [flag for flag in flags if flag.cleared_at is None]
        reports = list(post.reader_reports.select_related("answered_by")[:CLOSED_SHOWN])
        is_asked = asks_for_confirmation(post)
        outside = outside_words(user, post)
        came_back = answers_in(request.POST) if request.POST.get("act") == "confirm" else None
        live = post.released_revision.snapshot if is_asked else {}
        return self.render(
            status=status,
            title=f"Flags of {post.title}",
            trail=post_trail(post, "Flags and reports"),
            post=post,
            form=FlagReasonForm(request.POST if status != 200 and not request.POST.get("act") else None),
            typed=request.POST if status != 200 else {},
            open_flags=open_flags,
            closed_flags=[flag for flag in flags if flag.cleared_at],
            open_reports=[report for report in reports if report.answered_at is None],
            answered_reports=[report for report in reports if report.answered_at],
            index_obstacles=post.index_obstacles,
            may_flag=user.has_perm("posts.flag_post"),
            can_confirm=is_asked and user.has_perm("posts.review_post") and not outside,
            outside=outside,
            confirm_obstacles=confirm_obstacles(
                post,
                Decision(
                    Review.Outcome.APPROVED,
                    flags_seen=[flag.pk for flag in open_flags],
                    own_text_reason="requested below",
                ),
                by=user,
            )
            if is_asked
            else [],
            own_checklist=live.get("checklist", ()),
            asked=points_shown(live, came_back) if is_asked else None,
            flags_seen=",".join(str(flag.pk) for flag in open_flags),
        )

    def next_address(self, post: Post) -> str:
        """Return the page that the person came from, or the one of the flags."""
        address = self.request.POST.get("next", "")
        if url_has_allowed_host_and_scheme(address, allowed_hosts=None):
            return address
        if "quick" in self.request.POST:
            return reverse("admin:posts_post_changelist")
        return super().next_address(post)

    def _flag(self, post: Post) -> str:
        form = FlagReasonForm({} if "quick" in self.request.POST else self.request.POST)
        if not form.is_valid():
            raise Refused(*(str(error) for errors in form.errors.values() for error in errors))
        reason = form.cleaned_data["reason"] or ReviewFlag.Reason.STAFF
        flag_post(post, by=self.person, reason=reason, note=form.cleaned_data["note"])
        return f"Flagged: {post.title}. The post stays closed to search engines until a person answers the flag."

    def _clear(self, post: Post) -> str:
        flag = row_of(post.review_flags, self.request.POST.get("flag"), "This flag belongs to another post.")
        clear_flag(flag, by=self.person, note=self.request.POST.get("why", ""))
        return "The flag is cleared."

    def _answer(self, post: Post) -> str:
        report = row_of(post.reader_reports, self.request.POST.get("report"), "This report belongs to another post.")
        answer_report(report, by=self.person, answer=self.request.POST.get("why", ""))
        return "The answer is saved."

    def _confirm(self, post: Post) -> str:
        seen = [int(part) for part in self.request.POST.get("flags_seen", "").split(",") if part.isdecimal()]
        decision = Decision(
            Review.Outcome.APPROVED,
            fingerprint=self.request.POST.get("fingerprint", ""),
            answers=answers_in(self.request.POST),
            flags_seen=seen,
            comment=self.request.POST.get("comment", ""),
            own_text_reason=self.request.POST.get("own_text_reason", ""),
        )
        review = confirm_live(post, decision, by=self.person)
        if review.outcome == Review.Outcome.APPROVED_IN_PART:
            missing = missing_decision(eyes_on(post, review.revision))
            return f"{review.revision.version} is approved in part. {missing}"
        return f"Confirmed. {review.revision.version} stays as it is, and every flag is answered."

    actions = {"flag": _flag, "clear": _clear, "answer": _answer, "confirm": _confirm}


PAGES = [("posts/post/<int:pk>/flag/", FlagPage, "posts_post_flag")]


class ClearedFilter(IsSetFilter):
    parameter_name = "cleared"
    column = "cleared_at"
    words = ("open", "cleared")


class AnsweredFilter(IsSetFilter):
    parameter_name = "answered"
    column = "answered_at"
    words = ("open", "answered")


@admin.register(ReviewFlag)
class ReviewFlagAdmin(ReadOnlyAdmin):
    list_display = ["reason", "state", "note", "post_link", "raised_by", "raised_at", "cleared_at", "cleared_by"]
    list_filter = [ClearedFilter, "reason"]
    fields = ["reason", "state", "post_link", "note", "rule", "fingerprint", "raised_by", "batch", "raised_at",
              "cleared_at", "cleared_by", "clear_note"]  # fmt: skip
    readonly_fields = ["state", "post_link"]
    list_select_related = ["post", "raised_by", "cleared_by"]
    ordering = ["-pk"]

    @admin.display(description="State")
    def state(self, flag: ReviewFlag) -> SafeString:
        return badge("done", "cleared") if flag.cleared_at else badge("open", "open")


@admin.register(ReaderReport)
class ReaderReportAdmin(ReadOnlyAdmin):
    list_display = ["reason", "state", "note", "post_link", "made_at", "answered_by", "answer"]
    list_filter = [AnsweredFilter, "reason"]
    fields = ["reason", "state", "post_link", "note", "fingerprint", "made_at", "answered_at", "answered_by", "answer"]
    readonly_fields = ["state", "post_link"]
    list_select_related = ["post", "answered_by"]
    ordering = ["-pk"]

    @admin.display(description="State")
    def state(self, report: ReaderReport) -> SafeString:
        return badge("done", "answered") if report.answered_at else badge("open", "open")
