"""The review queue in the admin: pending posts in order, claims, assignments, and bulk actions."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views import View

from posts.admin.lists import number_in
from posts.admin.review.decisions import review_address, undoable_decisions
from posts.jobs.backend import enqueue_once
from posts.models import BulkRow, BulkRun, DeskPreference, Post, QueueEntry, QueueFigure, Review, Revision
from posts.operations import (
    Refused,
    begin_bulk,
    carry_out,
    claim_post,
    confirm_bulk,
    forget_view,
    look_at_rows,
    save_view,
    switch_keys,
    unclaim,
)
from posts.operations.assign import reviewers
from posts.operations.bulk import right_for
from posts.operations.queue_tasks import carry_out_bulk, prepare_bulk
from posts.operations.saved_views import keys_are_on
from posts.operations.undo import undo_decision
from posts.review_queue import weights
from posts.review_queue.counts import capped_counts, said_count, short_count
from posts.review_queue.order import ORDER, STATES, QueueView
from posts.review_queue.ranking import BATCHES, GENERATORS, STACKS
from posts.review_queue.rows import reasons_of_entry, rows_of
from posts.review_queue.weights import WEIGHTS

PAGE = 50
# More posts than that are looked at and decided in the background: a page must not take longer than people wait.
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
    ("Second decision missing", QueueView(reason=weights.PART)),
    ("Near-duplicates", QueueView(reason=weights.TWIN)),
    ("Unknown origin", QueueView(reason=weights.ORIGIN)),
)
WHOSE = (("me", "Mine"), ("nobody", "Unassigned"), ("held", "Being reviewed"))


def page_urls(site):
    """Return the addresses of this module, for AdminSite.get_urls."""
    pages = [
        ("queue/", QueuePage, "queue"),
        ("queue/risk-score/", RiskScorePage, "queue_risk_score"),
        ("queue/claim/", Claim, "queue_claim"),
        ("queue/views/", Views, "queue_views"),
        ("queue/keys/", KeysPage, "queue_keys"),
        ("queue/undo/", Undo, "queue_undo"),
        ("queue/bulk/", BeginBulk, "queue_bulk_begin"),
        ("queue/bulk/<int:run_id>/", BulkPage, "queue_bulk"),
    ]
    return [
        path(route, site.admin_view(page.as_view(admin_site=site)), name=name) for route, page, name in pages
    ]  # fmt: skip


class DeskView(View):
    """An admin page for everybody who may see posts."""

    admin_site = None
    title = ""
    right = "view_post"

    def dispatch(self, request, *args, **kwargs):
        """Check the right to see the page; operations check their own rights again."""
        if not request.user.has_perm(f"posts.{self.right}"):
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def page(self, template, **context):
        """Return an answer that shows `template` in the frame of the admin."""
        frame = {**self.admin_site.each_context(self.request), "title": self.title}
        return TemplateResponse(self.request, f"admin/queue/{template}.html", {**frame, **context})

    def back(self):
        """Return a redirect to the page of the queue that had the form."""
        query = QueryDict(self.request.POST.get("back", "")).urlencode()
        return HttpResponseRedirect(reverse("admin:queue") + (f"?{query}" if query else ""))

    def say(self, message, level=messages.SUCCESS):
        """Show `message` above the next page."""
        messages.add_message(self.request, level, message)


class QueuePage(DeskView):
    """One page of the queue: an index scan from where the last page ended."""

    http_method_names = ["get", "head"]
    title = "Review queue"

    def get(self, request):
        person, now = request.user, timezone.now()
        view = QueueView.from_query(request.GET)
        matching = view.entries(by=person, now=now)
        entries, has_more, is_back = self._entries(matching)
        saved = [(own.name, QueueView.from_query(own.query), own.pk) for own in person.saved_views.all()]
        shown = [*((name, kept, None) for name, kept in VIEWS), *saved]
        keys_off = DeskPreference.objects.filter(person=person, keys_off=True)
        count, keys_off, in_bulk, *counts = capped_counts(
            [
                view.countable(by=person, now=now),
                keys_off,
                Post.objects.approved_in_bulk(),
                *(kept.countable(by=person, now=now) for _, kept, _ in shown),
            ]
        )
        # The header says the same number as the first view.
        request.waiting_count = counts[0]
        filters = self._filters(view)
        rows = rows_of(entries, by=person, now=now)
        for row in rows:
            row.entry.address = review_address(row.entry.pk, view)
        takes_all = bool(request.GET.get("all")) and bool(rows)
        return self.page(
            "queue",
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
            act_buttons=[
                (act.value, label) for act, label in ACTIONS.items() if person.has_perm(f"posts.{right_for(act)}")
            ],
        )

    def _entries(self, matching):
        """Return (one page of entries, whether more follow in this direction, whether it went back)."""
        back, forth = (ORDER.parse(self.request.GET.get(name, "")) for name in ("before", "after"))
        walk = ORDER.before(matching, back) if back else ORDER.after(matching, forth)
        walk = walk.select_related("post", "held_by", "assigned_to").only(
            *(field.name for field in walk.model._meta.concrete_fields),
            "post__title", "held_by__username", "held_by__first_name", "held_by__is_active",
            "assigned_to__username", "assigned_to__first_name",
        )  # fmt: skip
        found = list(walk[: PAGE + 1])
        entries, has_more = found[:PAGE], len(found) > PAGE
        return (entries[::-1] if back else entries), has_more, bool(back)

    def _has_previous(self, is_back: bool, has_more: bool) -> bool:
        return has_more if is_back else "after" in self.request.GET

    def _filters(self, view):
        """Return the selects of the filter with their choices, the chosen ones marked."""
        figures = {STACKS: [], GENERATORS: [], BATCHES: []}
        for kind, name in QueueFigure.objects.filter(kind__in=figures).order_by("-count").values_list("kind", "name"):
            figures[kind].append((name, f"#{name}" if kind == BATCHES else name))
        people = [(str(person.pk), person.get_username()) for person in reviewers()[:100]]
        choices = [
            ("reason", "Reason", [(code, WEIGHTS[code].label) for code in weights.CODES]),
            ("state", "State", [(key, label) for key, (label, _) in STATES.items()]),
            ("stack", "Stack", sorted(figures[STACKS], key=lambda choice: choice[1].casefold())),
            ("generator", "Generator", sorted(figures[GENERATORS])),
            ("batch", "Import", sorted(figures[BATCHES], key=lambda choice: -int(choice[0]))),
            ("days", "Waiting", [(str(days), f"{days} day{'s' if days > 1 else ''} or more") for days in DAYS]),
            ("whose", "Reviewer", [*WHOSE, *people]),
        ]
        filters = []
        for name, label, options in choices:
            chosen = str(getattr(view, name) or "")
            if chosen and chosen not in dict(options):
                options = [(chosen, chosen), *options]
            filters.append({"name": name, "label": label, "options": options, "chosen": chosen})
        return filters

    def _relaxed(self, view, filters, now):
        """Return what would be there without one of the filters: [(filter in words, query, count)]."""
        set_filters = [item for item in filters if item["chosen"]]
        views = [view.without(item["name"]) for item in set_filters]
        counts = capped_counts([less.countable(by=self.request.user, now=now) for less in views])
        return [
            {"words": dict(item["options"])[item["chosen"]], "query": less.query(), "count": said_count(count)}
            for item, less, count in zip(set_filters, views, counts, strict=True)
            if count
        ]


class RiskScorePage(DeskView):
    """The table of weights, from the code that ranks."""

    http_method_names = ["get", "head"]
    title = "How the risk score works"

    def get(self, request):
        return self.page("risk_score", weights=[WEIGHTS[code] for code in weights.CODES])


class Claim(DeskView):
    """Claim a post, take it over or unclaim it. POST only: following a link never claims anything."""

    http_method_names = ["post"]
    right = "review_post"

    def post(self, request):
        act, _, number = request.POST.get("claim", "").partition(":")
        post = Post.objects.filter(pk=number_in(number) or 0).only("pk").first()
        if post is None or act not in ("claim", "take-over", "let-go"):
            raise Http404("No post has this number.")
        try:
            if act == "let-go":
                unclaim(post, by=request.user)
            else:
                entry = claim_post(post, by=request.user, take_over=act == "take-over")
                until = timezone.localtime(entry.held_until)
                self.say(f"You have claimed “{entry.post.title}” until {until:%H:%M}.")
        except Refused as refusal:
            self.say(str(refusal), messages.WARNING)
        return self.back()


class Views(DeskView):
    """Save a filter under a name, or delete one."""

    http_method_names = ["post"]

    def post(self, request):
        try:
            if forget := number_in(request.POST.get("forget", "")):
                forget_view(forget, by=request.user)
            else:
                save_view(
                    request.POST.get("name", ""), QueueView.from_query(request.POST.get("view", "")), by=request.user
                )
        except Refused as refusal:
            self.say(str(refusal), messages.WARNING)
        return self.back()


class KeysPage(DeskView):
    """What each key does, and the switch that is stored with the account."""

    http_method_names = ["get", "head", "post"]
    title = "Keyboard shortcuts"

    def get(self, request):
        return self.page("keys", keys_on=keys_are_on(request.user))

    def post(self, request):
        off = request.POST.get("keys") == "off"
        switch_keys(by=request.user, off=off)
        self.say(
            "Keyboard shortcuts are off for your account." if off else "Keyboard shortcuts are on for your account."
        )
        return HttpResponseRedirect(reverse("admin:queue_keys"))


class Undo(DeskView):
    """Undo one's own decision."""

    http_method_names = ["post"]
    right = "review_post"

    def post(self, request):
        decision = Review.objects.filter(pk=number_in(request.POST.get("review", "")) or 0).first()
        if decision is None:
            raise Http404("No decision has this number.")
        try:
            undone = undo_decision(decision, by=request.user, despite_rollback="despite_rollback" in request.POST)
            self.say(f"Undone: {undone.revision.version} is pending review again.")
        except Refused as refusal:
            self.say(str(refusal), messages.WARNING)
        if request.POST.get("to") == "desk":
            return HttpResponseRedirect(reverse("admin:index"))
        return self.back()


# The order of the buttons is the same everywhere.
ACTIONS = {
    BulkRun.Act.APPROVE: "Approve…",
    BulkRun.Act.EDITS: "Request changes…",
    BulkRun.Act.REJECT: "Reject…",
    BulkRun.Act.FLAG: "Flag…",
    BulkRun.Act.ASSIGN: "Assign…",
}


class BeginBulk(DeskView):
    """Leads from selected rows, or all that a filter matches, to the preview of a bulk action."""

    http_method_names = ["post"]

    def post(self, request):
        act = request.POST.get("act", "")
        view = QueueView.from_query(request.POST.get("view", ""))
        matching = view.entries(by=request.user) if request.POST.get("all") else None
        choices = []
        for choice in request.POST.getlist("choice"):
            number, _, fingerprint = choice.partition(":")
            if number_in(number) and len(fingerprint) == 64:
                choices.append((int(number), fingerprint))
        if matching is None and not choices:
            self.say("Select rows first, or select all matching posts.", messages.WARNING)
            return self.back()
        try:
            run = begin_bulk(act, by=request.user, entries=matching, choices=choices, query=view.query())
        except Refused as refusal:
            self.say(str(refusal), messages.WARNING)
            return self.back()
        if run.rows.count() > AT_ONCE:
            enqueue_once(prepare_bulk, key=str(run.pk), by=request.user, run_id=run.pk)
        else:
            look_at_rows(run)
        return HttpResponseRedirect(reverse("admin:queue_bulk", args=[run.pk]))


class BulkForm(forms.Form):
    """What a run needs besides its posts; each action uses some of it."""

    reason_code = forms.ChoiceField(label="Reason", choices=Review.ReasonCode.choices, required=False)
    comment = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    assignee = forms.ModelChoiceField(None, label="Assign to", required=False, empty_label="Nobody")

    TAKES = {
        BulkRun.Act.APPROVE: ["comment"],
        BulkRun.Act.EDITS: ["reason_code", "comment"],
        BulkRun.Act.REJECT: ["reason_code", "comment"],
        BulkRun.Act.FLAG: ["comment"],
        BulkRun.Act.ASSIGN: ["assignee"],
    }

    def __init__(self, *args, act, **options):
        super().__init__(*args, **options)
        self.fields["assignee"].queryset = reviewers()
        if act == BulkRun.Act.FLAG:
            self.fields["comment"].label = "What should the reviewer check?"
        for name in set(self.fields) - set(self.TAKES[act]):
            del self.fields[name]


def _say_what_rows_are(rows):
    """Give each BulkRow its chosen version and, if it is pending, its risk score and reasons."""
    texts = Revision.objects.filter(post__in={row.post_id for row in rows}).order_by("number")
    versions = {(post, fingerprint): version for post, fingerprint, version in texts.filter(
        fingerprint__in={row.fingerprint for row in rows}
    ).values_list("post_id", "fingerprint", "version")}  # fmt: skip
    entries = QueueEntry.objects.in_bulk([row.post_id for row in rows])
    for row in rows:
        row.version = versions.get((row.post_id, row.fingerprint), "–")
        row.entry = entries.get(row.post_id)
        row.reasons = reasons_of_entry(row.entry) if row.entry else []


class BulkPage(DeskView):
    """One run: a preview of each outcome, then the outcomes."""

    http_method_names = ["get", "head", "post"]

    def get(self, request, run_id):
        return self._shown(self._run(run_id))

    def post(self, request, run_id):
        run = self._run(run_id)
        form = BulkForm(request.POST, act=run.act)
        if not form.is_valid():
            return self._shown(run, form, status=422)
        try:
            run = confirm_bulk(run, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            return self._shown(run, form, status=422)
        if run.rows.filter(outcome=BulkRow.Outcome.PASSES)[: AT_ONCE + 1].count() > AT_ONCE:
            enqueue_once(carry_out_bulk, key=str(run.pk), by=request.user, run_id=run.pk)
        else:
            carry_out(run)
        return HttpResponseRedirect(reverse("admin:queue_bulk", args=[run.pk]))

    def _run(self, run_id):
        run = BulkRun.objects.select_related("made_by", "assignee").filter(pk=run_id).first()
        if run is None:
            raise Http404("No bulk action has this number.")
        return run

    def _shown(self, run, form=None, status=200):
        counts = dict(run.rows.order_by().values_list("outcome").annotate(Count("pk")))
        count = {outcome: counts.get(outcome.value, 0) for outcome in BulkRow.Outcome}
        refused = run.rows.exclude(obstacle="").order_by().values_list("obstacle").annotate(count=Count("pk"))
        after_row = number_in(self.request.GET.get("after", "")) or 0
        rows = list(run.rows.filter(pk__gt=after_row).select_related("post").only(
            "outcome", "said", "fingerprint", "post__title")[: BULK_ROWS + 1])  # fmt: skip
        _say_what_rows_are(rows)
        self.title = run.title(sum(count.values()))
        response = self.page(
            "bulk",
            run=run,
            button=run.title(count[BulkRow.Outcome.PASSES]),
            total=sum(count.values()),
            passes=count[BulkRow.Outcome.PASSES],
            will_refuse=count[BulkRow.Outcome.WILL_REFUSE],
            open_count=count[BulkRow.Outcome.OPEN],
            done=count[BulkRow.Outcome.DONE],
            refused=count[BulkRow.Outcome.REFUSED],
            grouped_obstacles=refused.order_by("-count", "obstacle")[:20],
            rows=rows[:BULK_ROWS],
            next_row=rows[BULK_ROWS - 1].pk if len(rows) > BULK_ROWS else None,
            form=form or BulkForm(act=run.act),
            is_mine=run.made_by_id == self.request.user.pk,
            readers_change=run.act == BulkRun.Act.APPROVE,
        )
        response.status_code = status
        return response
