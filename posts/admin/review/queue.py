"""The review queue in the admin: pending posts in order, claims, assignments, and bulk actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypedDict

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone

from posts.admin.lists import number_in
from posts.admin.pages import AdminAction, AdminPage
from posts.admin.review.decisions import review_address, undoable_decisions
from posts.admin.trail import Step, queue_trail
from posts.content_checks import registered_checks
from posts.content_checks.registry import Check
from posts.jobs.backend import enqueue_once
from posts.models import (
    BulkRow,
    BulkRun,
    CheckWeight,
    DeskPreference,
    Notification,
    Post,
    QueueEntry,
    QueueFigure,
    Review,
    Revision,
)
from posts.models.review_limit import limits_of
from posts.operations import (
    Refused,
    begin_bulk,
    carry_out,
    claim_post,
    confirm_bulk,
    counts_of_rows,
    forget_view,
    look_at_rows,
    save_view,
    switch_keys,
    unclaim,
)
from posts.operations.assign import reviewers
from posts.operations.bulk import right_for
from posts.operations.edit_parts import edit_of
from posts.operations.queue_tasks import carry_out_bulk, prepare_bulk
from posts.operations.review import without_individual_review
from posts.operations.saved_views import keys_are_on
from posts.operations.undo import undo_decision
from posts.review_queue import weights
from posts.review_queue.check_weights import LEAST, MEMORY, MIN_DECISIONS, MOST, USUAL
from posts.review_queue.counts import capped_counts, said_count, short_count
from posts.review_queue.order import ORDER, STATES, QueueView
from posts.review_queue.ranking import BATCHES, GENERATORS, STACKS
from posts.review_queue.rows import reasons_of_entry, rows_of
from posts.review_queue.weights import WEIGHTS

PAGE = 50
# The worker handles larger numbers of posts, so that nobody waits for a page.
AT_ONCE = 100
BULK_ROWS = 200
DAYS = (1, 3, 6, 14, 30)
LONG_WAIT = 14
VIEWS = (
    ("All pending", QueueView()),
    ("Assigned to me", QueueView(whose="me")),
    (f"Waiting {LONG_WAIT} days", QueueView(days=LONG_WAIT)),
    ("Reader reports", QueueView(reason=weights.REPORTS)),
    ("Changed since approval", QueueView(reason=weights.CHANGED)),
    ("Needs a second decision", QueueView(reason=weights.PART)),
    ("Near-duplicates", QueueView(reason=weights.TWIN)),
    ("Unknown origin", QueueView(reason=weights.ORIGIN)),
)
WHOSE = (("me", "Mine"), ("nobody", "Unassigned"), ("held", "Being reviewed"))


class QueueAction(AdminAction):
    """An action from the queue, which leads back to it."""

    permissions = ("review_post",)

    def next_address(self, subject: Any) -> str:
        """Return the page of the queue that had the form."""
        query = QueryDict(self.request.POST.get("back", "")).urlencode()
        return reverse("admin:queue") + (f"?{query}" if query else "")


class _Select(TypedDict):
    """A select of the filter. options: (value, words)."""

    name: str
    label: str
    options: list[tuple[str, str]]
    chosen: str


class QueuePage(AdminPage):
    """One page of the queue: an index scan from where the last page ended."""

    http_method_names = ["get", "head"]
    title = "Review queue"
    template = "queue/queue"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        request, person, now = self.request, self.person, timezone.now()
        view = QueueView.from_query(request.GET)
        matching = view.entries(by=person, now=now)
        entries, has_more, is_back = self._entries(matching)
        saved = [(own.name, QueueView.from_query(own.query), own.pk) for own in person.saved_views.all()]
        shown = [*((name, kept, None) for name, kept in VIEWS), *saved]
        count, keys_off, in_bulk, unread, *counts = capped_counts(
            [
                view.countable(by=person, now=now),
                DeskPreference.objects.filter(person=person, keys_off=True),
                Post.objects.approved_in_bulk(),
                Notification.objects.unread_by(person),
                *(kept.countable(by=person, now=now) for _, kept, _ in shown),
            ]
        )
        # The header says the same number as the first view.
        request.nav_counts = {"queue": counts[0], "my_work": unread}  # type: ignore[attr-defined]  # a request takes any attribute
        filters = self._filters(view)
        rows = rows_of(entries, by=person, now=now)
        for row in rows:
            row.entry.address = review_address(row.entry.pk, view)  # type: ignore[attr-defined]  # for the template
        takes_all = bool(request.GET.get("all")) and bool(rows)
        return self.render(
            trail=[],
            view=view,
            query=view.query(),
            here=request.GET.urlencode(),
            rows=rows,
            views=[
                {"name": name, "query": kept.query(), "count": short_count(number), "is_here": kept == view, "pk": pk}
                for (name, kept, pk), number in zip(shown, counts, strict=True)
            ],
            in_bulk=short_count(in_bulk),
            is_named=any(kept == view for _, kept, _ in shown),
            filters=filters,
            matching_count=said_count(count),
            takes_all=takes_all,
            relaxed=self._relaxed(view, filters, now) if not rows else [],
            next_place=ORDER.cursor_of(entries[-1]) if rows and (has_more or is_back) else None,
            previous_place=ORDER.cursor_of(entries[0]) if rows and self._has_previous(is_back, has_more) else None,
            undoable=undoable_decisions(person, now=now)[:1],
            keys_on=not keys_off,
            may_decide=person.has_perm("posts.review_post"),
            may_flag=person.has_perm("posts.flag_post"),
            limits=limits_of(person).words,
            act_buttons=[
                (act.value, label) for act, label in BUTTONS.items() if person.has_perm(f"posts.{right_for(act)}")
            ],
        )

    def _entries(self, matching: QuerySet[QueueEntry]) -> tuple[list[QueueEntry], bool, bool]:
        """Return (one page of entries, whether more follow in this direction, whether it went back)."""
        back, forth = (ORDER.parse(self.request.GET.get(name, "")) for name in ("before", "after"))
        walk = ORDER.before(matching, back) if back else ORDER.after(matching, forth)
        walk = walk.select_related("post", "held_by", "assigned_to").only(
            *(field.name for field in walk.model._meta.concrete_fields),
            "post__title", "post__held", "held_by__username", "held_by__first_name", "held_by__is_active",
            "assigned_to__username", "assigned_to__first_name",
        )  # fmt: skip
        found = list(walk[: PAGE + 1])
        entries, has_more = found[:PAGE], len(found) > PAGE
        return (entries[::-1] if back else entries), has_more, bool(back)

    def _has_previous(self, is_back: bool, has_more: bool) -> bool:
        return has_more if is_back else "after" in self.request.GET

    def _filters(self, view: QueueView) -> list[_Select]:
        """Return the selects of the filter with their choices, the chosen ones marked."""
        figures: dict[str, list[tuple[str, str]]] = {STACKS: [], GENERATORS: [], BATCHES: []}
        for kind, name in QueueFigure.objects.filter(kind__in=figures).order_by("-count").values_list("kind", "name"):
            figures[kind].append((name, f"#{name}" if kind == BATCHES else name))
        people = [(str(person.pk), person.get_username()) for person in reviewers()[:100]]
        choices: list[tuple[str, str, list[tuple[str, str]]]] = [
            ("reason", "Reason", [(code, WEIGHTS[code].label) for code in weights.CODES]),
            ("state", "State", [(key, label) for key, (label, _) in STATES.items()]),
            ("stack", "Stack", sorted(figures[STACKS], key=lambda choice: choice[1].casefold())),
            ("generator", "Generator", sorted(figures[GENERATORS])),
            ("batch", "Import", sorted(figures[BATCHES], key=lambda choice: -int(choice[0]))),
            ("days", "Waiting", [(str(days), f"{days} day{'s' if days > 1 else ''} or more") for days in DAYS]),
            ("whose", "Reviewer", [*WHOSE, *people]),
        ]
        filters: list[_Select] = []
        for name, label, options in choices:
            chosen = str(getattr(view, name) or "")
            if chosen and chosen not in dict(options):
                options = [(chosen, chosen), *options]
            filters.append({"name": name, "label": label, "options": options, "chosen": chosen})
        return filters

    def _relaxed(self, view: QueueView, filters: list[_Select], now: datetime) -> list[dict[str, str]]:
        """Return what would be there without one of the filters: [(filter in words, query, count)]."""
        set_filters = [item for item in filters if item["chosen"]]
        views = [view.without(item["name"]) for item in set_filters]
        counts = capped_counts([less.countable(by=self.person, now=now) for less in views])
        return [
            {"words": dict(item["options"])[item["chosen"]], "query": less.query(), "count": said_count(count)}
            for item, less, count in zip(set_filters, views, counts, strict=True)
            if count
        ]


class RiskScorePage(AdminPage):
    """The table of weights, from the code that ranks."""

    http_method_names = ["get", "head"]
    title = "How the risk score works"
    template = "queue/risk_score"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        return self.render(
            trail=queue_trail(self.title),
            weights=[WEIGHTS[code] for code in weights.CODES],
            checks=checks_and_decisions(),
            least=f"{LEAST / USUAL:g}",
            most=f"{MOST / USUAL:g}",
            min_decisions=MIN_DECISIONS,
            days=MEMORY.days,
        )


@dataclass(frozen=True)
class CheckRow:
    """A check with what its findings led to. share: in percent, None without decisions."""

    check: Check
    decided: int
    turned_down: int
    weight: float

    @property
    def share(self) -> int | None:
        return round(100 * self.turned_down / self.decided) if self.decided else None


def checks_and_decisions() -> list[CheckRow]:
    """Return a CheckRow for each registered check, the heaviest first."""
    counted = CheckWeight.objects.in_bulk()
    rows = [
        CheckRow(check, row.decided, row.turned_down, row.tenths / USUAL)
        if (row := counted.get(check.id))
        else CheckRow(check, 0, 0, 1.0)
        for check in registered_checks().values()
    ]
    return sorted(rows, key=lambda row: -row.weight)


class Claim(QueueAction):
    """Claim a post, take it over or unclaim it."""

    def find(self) -> Post:
        """Return the post of the pressed button, and remember what to do with it."""
        self.claim, _, number = self.request.POST.get("claim", "").partition(":")
        post = Post.objects.filter(pk=number_in(number) or 0).only("pk").first()
        if post is None or self.claim not in ("claim", "take-over", "let-go"):
            raise Http404("No post has this number.")
        return post

    def act(self, post: Post) -> str:
        if self.claim == "let-go":
            unclaim(post, by=self.person)
            return ""
        entry = claim_post(post, by=self.person, take_over=self.claim == "take-over")
        return f"You have claimed “{entry.post.title}” until {timezone.localtime(entry.held_until):%H:%M}."


class Views(QueueAction):
    """Save a filter under a name, or delete one."""

    permissions = ("view_post",)

    def act(self, subject: None) -> str:
        sent, person = self.request.POST, self.person
        if forget := number_in(sent.get("forget", "")):
            forget_view(forget, by=person)
        else:
            save_view(sent.get("name", ""), QueueView.from_query(sent.get("view", "")), by=person)
        return ""


class KeysPage(AdminPage):
    """What each key does, and the switch that is stored with the account."""

    title = "Keyboard shortcuts"
    template = "queue/keys"

    def page(self, subject: None, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        return self.render(trail=queue_trail(self.title), keys_on=keys_are_on(self.person))

    def act(self, subject: None) -> str:
        off = self.request.POST.get("keys") == "off"
        switch_keys(by=self.person, off=off)
        return f"Keyboard shortcuts are {'off' if off else 'on'} for your account."


class Undo(QueueAction):
    """Undo one's own decision."""

    def find(self) -> Review:
        decision = Review.objects.filter(pk=number_in(self.request.POST.get("review", "")) or 0).first()
        if decision is None:
            raise Http404("No decision has this number.")
        return decision

    def act(self, decision: Review) -> str:
        despite_rollback = "despite_rollback" in self.request.POST
        undone = undo_decision(decision, by=self.person, despite_rollback=despite_rollback)
        return f"Undone: {undone.revision.version} is pending review again."

    def next_address(self, decision: Review) -> str:
        """Return the dashboard, if the button stood there, or the queue."""
        return reverse("admin:index") if self.request.POST.get("to") == "desk" else super().next_address(decision)


# The order of the buttons is the same everywhere.
BUTTONS = {
    BulkRun.Act.APPROVE: "Approve…",
    BulkRun.Act.EDITS: "Request changes…",
    BulkRun.Act.REJECT: "Reject…",
    BulkRun.Act.FLAG: "Flag…",
    BulkRun.Act.ASSIGN: "Assign…",
}


class BeginBulk(QueueAction):
    """Leads from selected rows, or all that a filter matches, to the preview of a bulk action."""

    permissions = ("view_post",)

    def act(self, subject: None) -> HttpResponse:
        sent, person = self.request.POST, self.person
        view = QueueView.from_query(sent.get("view", ""))
        matching = view.entries(by=person) if sent.get("all") else None
        choices = []
        for choice in sent.getlist("choice"):
            number, _, fingerprint = choice.partition(":")
            if number_in(number) and len(fingerprint) == 64:
                choices.append((int(number), fingerprint))
        if matching is None and not choices:
            raise Refused("Select rows first, or select all matching posts.")
        run = begin_bulk(self.action, by=person, entries=matching, choices=choices, query=view.query())
        return HttpResponseRedirect(begun(run, by=person))


def begun(run: BulkRun, *, by: User) -> str:
    """Have what each row of a run gets found out, now or in the background; return the address of its page."""
    if run.rows.count() > AT_ONCE:
        enqueue_once(prepare_bulk, key=str(run.pk), by=by, run_id=run.pk)
    else:
        look_at_rows(run)
    return reverse("admin:queue_bulk", args=[run.pk])


class BulkForm(forms.Form):
    """What a run needs besides its posts; each action uses some of it."""

    reason_code = forms.ChoiceField(label="Reason", choices=Review.ReasonCode.choices, required=False)
    comment = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    assignee: "forms.ModelChoiceField[User]" = forms.ModelChoiceField(
        None, label="Assign to", required=False, empty_label="Nobody"
    )

    TAKES: ClassVar[dict[str, list[str]]] = {
        BulkRun.Act.APPROVE: ["comment"],
        BulkRun.Act.EDITS: ["reason_code", "comment"],
        BulkRun.Act.REJECT: ["reason_code", "comment"],
        BulkRun.Act.FLAG: ["comment"],
        BulkRun.Act.ASSIGN: ["assignee"],
        **{act: ["comment"] for act in BulkRun.EDITS_PARTS},
    }

    def __init__(self, *args: Any, act: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["assignee"].queryset = reviewers()  # type: ignore[attr-defined]  # of its class
        if act == BulkRun.Act.FLAG:
            self.fields["comment"].label = "What should the reviewer check?"
        elif act in BulkRun.EDITS_PARTS:
            self.fields["comment"].label = "Why (shown in the history)"
        for name in set(self.fields) - set(self.TAKES[act]):
            del self.fields[name]


def _say_what_rows_are(rows: Sequence[BulkRow]) -> None:
    """Give each BulkRow its chosen version and, if it is pending, its risk score and reasons."""
    texts = Revision.objects.filter(post__in={row.post_id for row in rows}).order_by("number")
    versions = {(post, fingerprint): version for post, fingerprint, version in texts.filter(
        fingerprint__in={row.fingerprint for row in rows}
    ).values_list("post_id", "fingerprint", "version")}  # fmt: skip
    entries = QueueEntry.objects.in_bulk([row.post_id for row in rows])
    for row in rows:
        entry = entries.get(row.post_id)
        row.version = versions.get((row.post_id, row.fingerprint), "–")  # type: ignore[attr-defined]  # for the template
        row.entry = entry  # type: ignore[attr-defined]  # for the template
        row.reasons = reasons_of_entry(entry) if entry else []  # type: ignore[attr-defined]  # for the template


class BulkPage(AdminPage):
    """One run: a preview of each outcome, then the outcomes."""

    template = "queue/bulk"
    form: BulkForm | None = None

    def find(self, run_id: int) -> BulkRun:
        run = BulkRun.objects.select_related("made_by", "assignee").filter(pk=run_id).first()
        if run is None:
            raise Http404("No bulk action has this number.")
        return run

    def act(self, run: BulkRun) -> HttpResponse:
        form = self.form = BulkForm(self.request.POST, act=run.act)
        if not form.is_valid():
            return self.page(run, status=422)
        run = confirm_bulk(run, by=self.person, **form.cleaned_data)
        if run.rows.filter(outcome=BulkRow.Outcome.PASSES)[: AT_ONCE + 1].count() > AT_ONCE:
            enqueue_once(carry_out_bulk, key=str(run.pk), by=self.person, run_id=run.pk)
        else:
            carry_out(run)
        return HttpResponseRedirect(self.next_address(run))

    def refused(self, run: BulkRun, refusal: Refused, status: int) -> HttpResponse:
        """Return the page again, with the reasons in its form."""
        if self.form:
            self.form.add_error(None, str(refusal))
        return self.page(run, status=status)

    def page(self, run: BulkRun, *, status: int = 200) -> HttpResponse:
        """Return the page."""
        # A run that the version before began has none.
        counts = run.counts or counts_of_rows(run)
        count = {outcome: counts["outcomes"].get(outcome.value, 0) for outcome in BulkRow.Outcome}
        after_row = number_in(self.request.GET.get("after", "")) or 0
        rows = list(run.rows.filter(pk__gt=after_row).select_related("post").only(
            "run", "outcome", "said", "fingerprint", "post", "post__title")[: BULK_ROWS + 1])  # fmt: skip
        _say_what_rows_are(rows)
        title, back = run.title(sum(count.values())), _list_of(run)
        return self.render(
            status=status,
            title=title,
            trail=[back, Step(title)],
            back=back,
            run=run,
            button=run.title(count[BulkRow.Outcome.PASSES]),
            total=sum(count.values()),
            passes=count[BulkRow.Outcome.PASSES],
            will_refuse=count[BulkRow.Outcome.WILL_REFUSE],
            open_count=count[BulkRow.Outcome.OPEN],
            done=count[BulkRow.Outcome.DONE],
            refused=count[BulkRow.Outcome.REFUSED],
            grouped_obstacles=counts["obstacles"],
            rows=rows[:BULK_ROWS],
            next_row=rows[BULK_ROWS - 1].pk if len(rows) > BULK_ROWS else None,
            form=self.form or BulkForm(act=run.act),
            is_mine=run.made_by_id == self.person.pk,
            readers_change=run.act == BulkRun.Act.APPROVE,
            edit=edit_of(run.act, run.options).says if run.act in BulkRun.EDITS_PARTS else "",
            confirms=without_individual_review(count[BulkRow.Outcome.PASSES] + count[BulkRow.Outcome.DONE]),
        )


def _list_of(run: BulkRun) -> Step:
    """Return the step to the list from which a run came."""
    images = "imagesource", "Images"
    lists = {
        BulkRun.Act.LICENCE: images,
        BulkRun.Act.HOST: images,
        BulkRun.Act.POINT: ("checklistitem", "Checklist items"),
        BulkRun.Act.ADDRESS: ("linkaddress", "Links"),
    }
    kind, title = lists.get(BulkRun.Act(run.act), ("", "Review queue"))
    address = reverse(f"admin:posts_{kind}_changelist" if kind else "admin:queue")
    return Step(title, f"{address}?{run.query}" if run.query else address)


PAGES = [
    ("queue/", QueuePage, "queue"),
    ("queue/risk-score/", RiskScorePage, "queue_risk_score"),
    ("queue/claim/", Claim, "queue_claim"),
    ("queue/views/", Views, "queue_views"),
    ("queue/keys/", KeysPage, "queue_keys"),
    ("queue/undo/", Undo, "queue_undo"),
    ("queue/bulk/", BeginBulk, "queue_bulk_begin"),
    ("queue/bulk/<int:run_id>/", BulkPage, "queue_bulk"),
]
