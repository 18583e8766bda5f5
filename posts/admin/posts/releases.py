"""The releases of a post: release, plan, roll back, and record results. Every change is an operation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from posts.admin.choices import ZoneField
from posts.admin.csv_lists import CSVList
from posts.admin.lists import MAX_ID, badge
from posts.admin.lookup import find_post
from posts.admin.pages import AdminPage
from posts.admin.records import ReadOnlyAdmin
from posts.admin.review.state import closed_after, nothing_to_release
from posts.admin.trail import post_trail
from posts.models import Post, Release, Revision, ScheduledRelease
from posts.models.review_limit import outside_words
from posts.operations import (
    Refused,
    cancel_schedule,
    note_observed_result,
    release_revision,
    roll_back,
    schedule_release,
    withdraw_post,
)
from posts.operations.frame import operating
from posts.operations.release import active_approval, releasable_revision, release_obstacles, rollback_targets
from posts.operations.rolled_back import rolled_back_warning
from posts.operations.schedule import Plan, moment_in_zone

LOG_LENGTH = 50
Kind, Plans = Release.Kind, ScheduledRelease.State
# The badge of each kind of release, and of each state of a plan.
KIND_STATES: dict[str, str] = {
    Kind.RELEASED: "done", Kind.ROLLED_BACK: "undone", Kind.WITHDRAWN: "refused", Kind.UNDONE: "undone",
}  # fmt: skip
PLAN_STATES: dict[str, str] = {
    Plans.WAITING: "waiting", Plans.DONE: "done", Plans.REFUSED: "refused", Plans.CANCELLED: "undone",
}  # fmt: skip
WITHDRAW, RELEASE = ScheduledRelease.Kind.WITHDRAW, ScheduledRelease.Kind.RELEASE


def zone_of(user: User) -> str:
    """Return the time zone of this person's last plan; by default the site's own."""
    last = ScheduledRelease.objects.filter(made_by=user).order_by("-pk").values_list("zone", flat=True).first()
    return last or settings.TIME_ZONE


def _words(help_text: str) -> forms.CharField:
    return forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text=help_text)


def _day(label: str) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


def _time(label: str) -> forms.TimeField:
    return forms.TimeField(label=label, required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))


class MomentForm(forms.Form):
    """A day, a time and their zone."""

    zone = ZoneField(label="Time zone")

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.user = user
        self.fields["zone"].initial = zone_of(user)

    def moment(self, prefix: str = "") -> datetime:
        """Return the typed aware datetime; Refused if half of it is missing or no clock ever shows it."""
        day, time = self.cleaned_data[f"{prefix}day"], self.cleaned_data[f"{prefix}time"]
        if day is None or time is None:
            raise Refused("Enter a date and a time.")
        return moment_in_zone(day, time, self.cleaned_data["zone"])


class ReleaseForm(MomentForm):
    """A release, now or planned, with its owner and expected result."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    live = forms.IntegerField(widget=forms.HiddenInput)
    was_withdrawn = forms.BooleanField(required=False, widget=forms.HiddenInput)
    owner = forms.ModelChoiceField(
        get_user_model().objects.none(), empty_label=None, help_text="the person who checks the result"
    )
    expected_result = _words("what will be true if this goes well; shown in the log")
    rollback_note = _words("what to do if it does not go well, and when")
    when = forms.ChoiceField(choices=[("now", "Now"), ("date", "On a date")], initial="now", widget=forms.RadioSelect)
    day, time = _day("Day"), _time("Time")
    take_down = forms.BooleanField(label="Withdraw it again on a date", required=False)
    down_day, down_time = _day("Date of the withdrawal"), _time("Time of the withdrawal")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        people = get_user_model().objects.with_perm(
            "posts.release_post", backend="django.contrib.auth.backends.ModelBackend"
        )
        self.fields["owner"].queryset = people.order_by("username")  # type: ignore[attr-defined]  # of its class
        self.fields["owner"].initial = self.user.pk


class TakeDownForm(MomentForm):
    """A planned withdrawal of the live text."""

    day, time = _day("Day"), _time("Time")
    why = forms.CharField(required=False, max_length=500, help_text="for the log")


class ReleasesPage(AdminPage):
    """The releases of one post; each action is a POST to the same address that names the action."""

    permissions = ("view_post", "view_release")
    template = "posts/release/page"
    model = Release

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        # Bound forms of a refused action by name, so that nothing typed is lost.
        self.typed: dict[str, forms.Form] = {}

    def find(self, pk: int) -> Post:
        return find_post(pk)

    def page(self, post: Post, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        request, user, typed = self.request, self.person, self.typed
        revision = releasable_revision(post)
        approval = active_approval(revision) if revision else None
        targets = rollback_targets(post) if post.is_live else []
        target = _chosen(targets, request.GET.get("to") or request.POST.get("to"))
        target_approval = active_approval(target) if target else None
        last = post.releases.filter(revision=post.live_revision).select_related("owner").first()
        outside = outside_words(user, post)
        return self.render(
            status=status,
            title=f"Releases of {post.title}",
            trail=post_trail(post, "Releases"),
            post=post,
            revision=revision,
            approval=approval,
            obstacles=release_obstacles(post, revision) if revision else [],
            nothing_because=None if revision else nothing_to_release(post),
            form=typed.get("release") or (_release_form(post, revision, user) if revision else None),
            take_down=typed.get("take_down") or TakeDownForm(user=user, auto_id="down_%s"),
            after_release=closed_after(post, approval) if approval else [],
            release_warning=rolled_back_warning(revision, approval) if revision else "",
            target=target,
            target_approval=target_approval,
            after_roll_back=closed_after(post, target_approval, keeps_hold=True) if target and target_approval else [],
            back_warning=rolled_back_warning(target, target_approval) if target else "",
            rollback_note=last.rollback_note if last else "",
            last_release=last,
            why=request.POST.get("why", ""),
            index_obstacles=post.index_obstacles,
            plans=list(post.scheduled_releases.filter(state="waiting").select_related("revision", "owner")),
            log=release_log(post, targets),
            may_release=user.has_perm("posts.release_post") and not outside,
            outside=outside,
            may_withdraw=user.has_perm("posts.withdraw_post"),
        )

    def _release(self, post: Post) -> str:
        form = self.typed["release"] = ReleaseForm(self.request.POST, user=self.person)
        data = _checked(form)
        revision = post.revisions.filter(pk=data["revision"]).first() if data["revision"] <= MAX_ID else None
        if revision is None:
            raise Refused("This revision belongs to another post.")
        words = {name: data[name] for name in ("owner", "expected_result", "rollback_note")}
        words["ends_withdrawal"] = data["was_withdrawn"]
        words["despite_rollback"] = "despite_rollback" in self.request.POST
        # Both or neither: a text must not be released if its withdrawal can't be planned.
        with operating():
            if data["when"] == "now":
                if data["day"] or data["time"]:
                    raise Refused("You entered a date or a time, but chose “Now”. Choose “On a date”, or clear both.")
                release = release_revision(revision, by=self.person, expected_live_id=data["live"], **words)
                said = f"Released. Readers see {release.version} now."
            else:
                due_at = form.moment()
                plan = schedule_release(
                    post,
                    Plan(kind=RELEASE, revision=revision, due_at=due_at, zone=data["zone"], **words),
                    by=self.person,
                )
                said = f"Planned: {plan}."
            if data["take_down"]:
                plan = self._plan_withdrawal(post, form, prefix="down_")
                said += f" Planned: {plan}."
        return said

    def _take_down(self, post: Post) -> str:
        form = self.typed["take_down"] = TakeDownForm(self.request.POST, user=self.person, auto_id="down_%s")
        data = _checked(form)
        return f"Planned: {self._plan_withdrawal(post, form, why=data['why'])}."

    def _plan_withdrawal(self, post: Post, form: MomentForm, *, prefix: str = "", why: str = "") -> ScheduledRelease:
        return schedule_release(
            post,
            Plan(kind=WITHDRAW, due_at=form.moment(prefix), zone=form.cleaned_data["zone"], why=why),
            by=self.person,
        )

    def _cancel(self, post: Post) -> str:
        plan = row_of(post.scheduled_releases, self.request.POST.get("plan"), "This plan belongs to another post.")
        return f"Cancelled: {cancel_schedule(plan, by=self.person)}."

    def _roll_back(self, post: Post) -> str:
        to = row_of(post.revisions, self.request.POST.get("to"), "This revision belongs to another post.")
        live = self.request.POST.get("live", "")
        release = roll_back(
            post,
            by=self.person,
            to=to,
            why=self.request.POST.get("why", ""),
            despite_rollback="despite_rollback" in self.request.POST,
            expected_live_id=int(live) if live.isdecimal() and len(live) < 19 else 0,
        )
        return f"Rolled back. Readers see {release.version} now. The working copy stays as it is."

    def _withdraw(self, post: Post) -> str:
        withdraw_post(post, by=self.person, why=self.request.POST.get("why", ""))
        return "Withdrawn. The page answers 410 until a release."

    def _observe(self, post: Post) -> str:
        release = row_of(post.releases, self.request.POST.get("release"), "This release belongs to another post.")
        note_observed_result(release, by=self.person, observed_result=self.request.POST.get("observed_result", ""))
        return "The observed result is saved."

    actions = {
        "release": _release,
        "take-down": _take_down,
        "cancel": _cancel,
        "roll-back": _roll_back,
        "withdraw": _withdraw,
        "observe": _observe,
    }


PAGES = [("posts/post/<int:pk>/releases/", ReleasesPage, "posts_post_releases")]


def _checked(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        raise Refused(
            *(
                f"{form.fields[name].label or name.replace('_', ' ').capitalize()}: {error}"
                for name, errors in form.errors.items()
                for error in errors
            )
        )
    return form.cleaned_data


def row_of(rows: Any, pk: str | None, refusal: str) -> Any:
    """Return the row of this post that a form names, or raise Refused."""
    pk = pk or ""
    row = rows.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
    if row is None:
        raise Refused(refusal)
    return row


def _chosen(targets: Sequence[Revision], pk: str | None) -> Revision | None:
    """Return the text to roll back to: the one chosen from the log, else the one before."""
    return next((text for text in targets if str(text.pk) == pk), targets[0] if targets else None)


def _release_form(post: Post, revision: Revision, user: User) -> ReleaseForm:
    return ReleaseForm(
        user=user,
        initial={
            "revision": revision.pk,
            "live": post.live_revision_id or 0,
            "was_withdrawn": bool(post.withdrawn_at),
            "expected_result": settings.RELEASE_EXPECTED_RESULT,
            "rollback_note": settings.RELEASE_ROLLBACK_NOTE,
        },
    )


def release_log(post: Post, targets: Sequence[Revision]) -> list[dict[str, Any]]:
    """Return releases, roll-backs and plans without a release, newest first: a list of dicts.

    targets: the texts to which readers could be rolled back.
    """
    releases = post.releases.select_related("revision", "before", "owner", "made_by", "plan").order_by("-pk")
    releases = releases.defer("revision__snapshot", "before__snapshot")[:LOG_LENGTH]
    plans = post.scheduled_releases.filter(state__in=["refused", "cancelled"])
    plans = plans.select_related("revision", "owner", "made_by", "settled_by").defer("revision__snapshot")[:LOG_LENGTH]
    reachable = {text.pk for text in targets}
    rows: list[dict[str, Any]] = []
    live_seen = False
    for release in releases:
        is_live = post.is_live and release.revision_id == post.live_revision_id and not live_seen
        live_seen = live_seen or is_live
        rows.append(
            {
                "at": release.made_at,
                "release": release,
                "was_planned": hasattr(release, "plan"),
                "is_live": is_live,
                "can_go_back": release.revision_id in reachable,
            }
        )
    rows += [{"at": plan.settled_at, "plan": plan} for plan in plans]
    return sorted(rows, key=lambda row: row["at"], reverse=True)[:LOG_LENGTH]


@admin.register(Release)
class ReleaseAdmin(CSVList, ReadOnlyAdmin):
    list_display = ["made_at", "what", "post_link", "version", "owner", "expected_result", "rollback_note",
                    "observed_result", "made_by"]  # fmt: skip
    fields = ["what", "post_link", "version", "before", "owner", "expected_result", "rollback_note", "observed_result",
              "why", "made_by", "made_at"]  # fmt: skip
    readonly_fields = ["what", "post_link", "version"]
    list_filter = ["kind"]
    list_select_related = ["post", "revision", "owner", "made_by"]
    ordering = ["-pk"]
    deferred = ("revision__snapshot",)
    csv_columns = (
        ("When (UTC)", "made_at"),
        ("Who", "made_by__username"),
        ("What", "kind"),
        ("Source id", "post__source_id"),
        ("Version", "revision__version"),
        ("Instead of", "before__version"),
        ("Fingerprint", "revision__fingerprint"),
        ("Owner", "owner__username"),
        ("Expected result", "expected_result"),
        ("Rollback note", "rollback_note"),
        ("Observed result", "observed_result"),
        ("Why", "why"),
    )

    @admin.display(description="What")
    def what(self, release: Release) -> SafeString:
        return badge(KIND_STATES[release.kind], release.get_kind_display())

    @admin.display(description="Version")
    def version(self, release: Release) -> str:
        return release.version


@admin.register(ScheduledRelease)
class ScheduledReleaseAdmin(ReadOnlyAdmin):
    list_display = ["planned_for", "kind", "post_link", "version", "state_shown", "refusal", "owner", "made_by"]
    fields = ["kind", "post_link", "version", "planned_for", "state_shown", "refusal", "owner", "expected_result",
              "rollback_note", "why", "made_by", "made_at", "settled_by", "settled_at"]  # fmt: skip
    readonly_fields = ["post_link", "version", "planned_for", "state_shown"]
    list_filter = ["state", "kind"]
    list_select_related = ["post", "revision", "owner", "made_by"]
    ordering = ["-pk"]
    deferred = ("revision__snapshot",)

    @admin.display(description="State")
    def state_shown(self, plan: ScheduledRelease) -> SafeString:
        return badge(PLAN_STATES[plan.state], plan.get_state_display())

    @admin.display(description="Planned for")
    def planned_for(self, plan: ScheduledRelease) -> str:
        return plan.moment

    @admin.display(description="Version")
    def version(self, plan: ScheduledRelease) -> str:
        return plan.revision.version if plan.revision else "–"
