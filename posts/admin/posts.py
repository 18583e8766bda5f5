"""Posts on the desk: the list, the form, the decisions. Every change goes through an operation."""

import json

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html

from posts.admin.forms import (
    AddressForm,
    ChecklistFormSet,
    DecisionForm,
    FlagForm,
    ImageFormSet,
    PostForm,
    WhyForm,
    checklist_initial,
    image_initial,
)
from posts.checks import findings
from posts.models import Post, Review, Revision
from posts.operations import (
    HeadMoved,
    NotAllowed,
    Refused,
    approval_obstacles,
    change_slug,
    clear_flag,
    create_post,
    decide,
    flag_post,
    record_revision,
    release_revision,
    restore_revision,
    roll_back,
    submit_revision,
    withdraw_post,
)
from posts.operations.record_revision import next_version
from posts.operations.release import release_obstacles, rollback_target
from posts.records import RecordRefused, validate_record
from posts.views import article_context

MAX_ID = 2**63 - 1
COUNT_LIMIT = 2000
SIGNS = {
    Revision.Status.DRAFTED: "○",
    Revision.Status.IN_REVIEW: "◐",
    Revision.Status.CHANGES_REQUESTED: "↺",
    Revision.Status.APPROVED: "✓",
    Revision.Status.REJECTED: "✕",
    Revision.Status.SUPERSEDED: "·",
}


def status_badge(revision):
    """The review state as a sign and a word in a box; never as a colour alone."""
    return format_html(
        '<span class="badge badge--{}"><span aria-hidden="true">{}</span> {}</span>',
        revision.status.replace("_", "-"),
        SIGNS[revision.status],
        revision.get_status_display(),
    )


class CappedPaginator(Paginator):
    """Counts COUNT_LIMIT rows at the most: a COUNT over a million rows on every visit helps nobody."""

    @cached_property
    def count(self):
        """How many rows there are, COUNT_LIMIT if there are more."""
        return self.object_list[:COUNT_LIMIT].count()


class SaneLookups:
    """An address may narrow a list by any column of its own, but not by a pattern: a broken one is an error of the
    database, a clever one keeps it busy for minutes."""

    def lookup_allowed(self, lookup, value, request):
        """False for patterns, which Django then answers with 400."""
        return not lookup.endswith(("__regex", "__iregex")) and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request, extra_context=None):
        """Refuses a NUL in the address with 400: PostgreSQL takes none, not even to look for."""
        if "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address holds a NUL character.")
        return super().changelist_view(request, extra_context)


class StatusFilter(admin.SimpleListFilter):
    title = "review of the proposed text"
    parameter_name = "status"

    def lookups(self, request, model_admin):
        return Revision.Status.choices

    def queryset(self, request, queryset):
        return queryset.filter(head_revision__status=self.value()) if self.value() else queryset


class PlaceFilter(admin.SimpleListFilter):
    title = "where it stands"
    parameter_name = "place"
    PLACES = {
        "waiting": ("waits for a person", lambda posts: posts.waiting()),
        "flagged": ("flagged", lambda posts: posts.filter(needs_human_review=True)),
        "live": ("live", lambda posts: posts.filter(live_revision__isnull=False, withdrawn_at=None)),
        "open": ("open to search engines", lambda posts: posts.indexable()),
        "withdrawn": ("withdrawn", lambda posts: posts.filter(withdrawn_at__isnull=False)),
    }

    def lookups(self, request, model_admin):
        return [(key, label) for key, (label, _) in self.PLACES.items()]

    def queryset(self, request, queryset):
        return self.PLACES[self.value()][1](queryset) if self.value() in self.PLACES else queryset


@admin.register(Post)
class PostAdmin(SaneLookups, admin.ModelAdmin):
    list_display = ["post", "review", "readers_see", "search_engines", "open_flags", "changed", "batch"]
    list_display_links = None
    list_filter = [PlaceFilter, StatusFilter, "difficulty"]
    list_per_page = 50
    list_select_related = ["head_revision__author", "live_revision", "live_approval", "last_batch"]
    show_full_result_count = False
    paginator = CappedPaginator
    ordering = ["-changed_at", "-pk"]
    sortable_by = []
    search_fields = ["title_key"]
    search_help_text = "Beginning of the title; or the whole slug, source id or reference"
    actions = ["flag_selected", "submit_selected", "withdraw_selected"]
    change_form_template = "admin/posts/post/change_form.html"

    def has_delete_permission(self, request, obj=None):
        """History only grows: nothing is deleted from the desk."""
        return False

    def get_queryset(self, request):
        """Without the texts that no column of the list shows."""
        posts = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == "posts_post_changelist":
            texts = ("intro", "body", "summary", "ai_brief", "payload", "notes", "extra", "ai_outline", "entities")
            posts = posts.defer(*texts, "head_revision__snapshot", "live_revision__snapshot")
        return posts

    def get_search_results(self, request, queryset, search_term):
        """Each form of the question walks an index: the title's beginning, or one of the identities as a whole."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        for field in ("slug", "source_id", "reference"):
            found = queryset.filter(**{field: term})
            if found.exists():
                return found, False
        return queryset.filter(title_key__startswith=term.casefold()[:100]), False

    @admin.display(description="Post")
    def post(self, post):
        return format_html(
            '<a class="row-title" href="{}" dir="auto">{}</a><span class="quiet">{}</span>',
            reverse("admin:posts_post_change", args=[post.pk]),
            post.title,
            post.reference or post.source_id,
        )

    @admin.display(description="Review")
    def review(self, post):
        return format_html(
            '{}<span class="quiet">{}{}</span>',
            status_badge(post.head_revision),
            post.head_revision.version,
            " · waits" if post.awaits_review else "",
        )

    @admin.display(description="Readers see")
    def readers_see(self, post):
        if post.withdrawn_at:
            return "withdrawn"
        if post.live_revision_id:
            return post.live_revision.version
        return f"{post.head_revision.version} · unlisted" if post.visible_revision else "nothing yet"

    @admin.display(description="Search engines")
    def search_engines(self, post):
        if not (obstacles := post.index_obstacles):
            return format_html('<span class="open-state"><span aria-hidden="true">{}</span> open</span>', "◉")
        return format_html('<span aria-hidden="true">⊘</span> closed<span class="quiet">{}</span>', obstacles[0])

    @admin.display(description="Flag", boolean=False)
    def open_flags(self, post):
        return "open" if post.needs_human_review else "–"

    @admin.display(description="Changed")
    def changed(self, post):
        author = post.head_revision.author
        moment = timezone.localtime(post.changed_at)
        return format_html('{}<span class="quiet">{}</span>', f"{moment:%d %b %Y %H:%M}", author or "import")

    @admin.display(description="Import")
    def batch(self, post):
        if not post.last_batch_id:
            return "–"
        address = reverse("admin:posts_importbatch_change", args=[post.last_batch_id])
        return format_html('<a href="{}">#{}</a>', address, post.last_batch_id)

    # Actions above the list

    def _has(self, request, codename):
        return request.user.has_perm(f"posts.{codename}")

    def has_flag_permission(self, request):
        return self._has(request, "flag_post")

    def has_submit_permission(self, request):
        return self._has(request, "submit_post")

    def has_withdraw_permission(self, request):
        return self._has(request, "withdraw_post")

    @admin.action(description="Flag for a person", permissions=["flag"])
    def flag_selected(self, request, queryset):
        self._each(
            request, queryset, "Flagged", lambda post: flag_post(post, by=request.user, note="Flagged in a list.")
        )

    @admin.action(description="Submit for review", permissions=["submit"])
    def submit_selected(self, request, queryset):
        self._each(request, queryset, "Submitted", lambda post: submit_revision(post, by=request.user))

    @admin.action(description="Withdraw", permissions=["withdraw"])
    def withdraw_selected(self, request, queryset):
        self._each(request, queryset, "Withdrawn", lambda post: withdraw_post(post, by=request.user))

    def _each(self, request, queryset, done, operation):
        """Run an operation on every row; say how many it took and, by name, which it refused and why."""
        count = 0
        for post in queryset.order_by("pk"):
            try:
                operation(post)
                count += 1
            except Refused as refusal:
                self.message_user(request, f"{post.title}: {refusal}", messages.WARNING)
        self.message_user(request, f"{done}: {count}.")

    # Addresses of one post

    def get_urls(self):
        """Adds the preview and one address for each act on a post."""
        own = [
            path("<path:object_id>/preview/", self._view(self.preview_view), name="posts_post_preview"),
            path("<path:object_id>/do/<slug:act>/", self._view(self.act_view), name="posts_post_act"),
        ]
        return own + super().get_urls()

    def _view(self, view):
        return self.admin_site.admin_view(view)

    def _find(self, request, object_id):
        """The post of an address; 404 for whatever is no number of one."""
        text = str(object_id)
        if not (text.isascii() and text.isdigit() and int(text) <= MAX_ID):
            raise Http404("No post has this number.")
        posts = Post.objects.with_texts().select_related("first_batch", "head_revision__author")
        post = posts.filter(pk=int(text)).first()
        if post is None:
            raise Http404("No post has this number.")
        return post

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """The form of one post: everything that is typed becomes one record, and one operation takes it or not."""
        post = self._find(request, object_id) if object_id is not None else None
        if post is None and not self.has_add_permission(request):
            raise PermissionDenied
        if post is not None and not self.has_view_permission(request, post):
            raise PermissionDenied
        if request.method != "POST":
            return self.render_post(request, post)
        if post is not None and not self.has_change_permission(request, post):
            raise PermissionDenied
        forms = self._forms(post, request.POST)
        form, images, checklist = forms
        if not all([form.is_valid(), images.is_valid(), checklist.is_valid()]):
            return self.render_post(request, post, forms=forms, status=422)
        record = form.record(post.working_record() if post else {}, images, checklist)
        try:
            if post is None:
                post = create_post(record, by=request.user, why=form.cleaned_data["why"])
                message = f"Saved as {post.head_revision.version}. Readers see nothing before its release."
            else:
                revision = record_revision(
                    post,
                    record,
                    by=request.user,
                    expected_head_id=form.cleaned_data["head"] or 0,
                    bump=form.cleaned_data["bump"],
                    why=form.cleaned_data["why"],
                )
                message = self._saved_message(post, revision)
            if "_submit" in request.POST:
                post = Post.objects.with_texts().get(pk=post.pk)
                if not post.awaits_review:
                    submit_revision(post, by=request.user)
                message += " It waits for review now."
        except RecordRefused as refusal:
            form.add_problems(refusal.problems, images, checklist)
            return self.render_post(request, post, forms=forms, status=422)
        except HeadMoved as moved:
            return self.render_conflict(request, moved.post, record)
        except Refused as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
            return HttpResponseRedirect(self._address(post))
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(self._address(post))

    def _saved_message(self, post, revision):
        live = f"Readers still see {post.live_revision.version}." if post.is_live else ""
        if revision is None:
            approved = post.head_revision.status == Revision.Status.APPROVED
            return f"Nothing changed: still {post.head_revision.version}{', its approval stays' if approved else ''}."
        return f"Saved as {revision.version}. {live}".strip()

    def _address(self, post):
        return reverse("admin:posts_post_change", args=[post.pk])

    def _forms(self, post, data=None):
        record = post.working_record() if post else {}
        initial = {**record, "head": post.head_revision_id if post else None, "bump": "patch"}
        return (
            PostForm(data, initial=initial),
            ImageFormSet(data, initial=image_initial(record), prefix="images"),
            ChecklistFormSet(data, initial=checklist_initial(record), prefix="checklist"),
        )

    def render_post(self, request, post, *, forms=None, panel=None, status=200):
        """The page of one post: its form, what stands in the way, what this person may do with it."""
        form, images, checklist = forms or self._forms(post)
        may_edit = self.has_change_permission(request, post) if post else self.has_add_permission(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": post.title if post else "Add post",
            "post": post,
            "form": form,
            "images": images,
            "checklist": checklist,
            "may_edit": may_edit,
            "error_count": sum(len(part.errors) if part.is_bound else 0 for part in (form,))
            + sum(len(row.errors) for part in (images, checklist) if part.is_bound for row in part.forms),
            **(self._desk_context(request, post, panel or {}) if post else {}),
        }
        return TemplateResponse(request, self.change_form_template, context, status=status)

    def _desk_context(self, request, post, panel):
        user = request.user
        flags = list(post.review_flags.filter(cleared_at=None).select_related("raised_by"))
        head = post.head_revision
        target = rollback_target(post) if post.is_live else None
        decision = panel.get("decide") or DecisionForm(
            post=post,
            initial={
                "fingerprint": head.fingerprint,
                "flags_seen": ",".join(str(flag.pk) for flag in flags),
                **self._release_words(),
            },
        )
        may = {
            name: user.has_perm(f"posts.{codename}")
            for name, codename in {
                "decide": "review_post",
                "release": "release_post",
                "withdraw": "withdraw_post",
                "flag": "flag_post",
                "restore": "restore_post",
                "submit": "submit_post",
                "address": "change_slug",
            }.items()
        }
        is_open = head.status in Revision.UNDECIDED or (flags and post.is_live and head.pk == post.live_revision_id)
        return {
            "head_badge": status_badge(head),
            "flags": flags,
            "findings": findings(head.snapshot),
            "index_obstacles": post.index_obstacles,
            "obstacles": approval_obstacles(
                post,
                by=user,
                ticks=head.snapshot.get("checklist", ()),
                flags_seen=[flag.pk for flag in flags],
                own_text_reason="asked for below",
            )
            if is_open
            else [],
            "can_decide": may["decide"] and is_open,
            "can_submit": may["submit"]
            and not post.awaits_review
            and head.status not in (Revision.Status.APPROVED, Revision.Status.SUPERSEDED),
            "can_release": may["release"] and not release_obstacles(post, head),
            "rollback_to": target if may["release"] else None,
            "may": may,
            "decision": decision,
            "flag_form": panel.get("flag") or FlagForm(prefix="flag"),
            "why_form": WhyForm(),
            "address_form": panel.get("address") or AddressForm(initial={"slug": post.slug}),
            "next_versions": [(bump, next_version(head.version, bump)) for bump in ("patch", "minor", "major")],
            "revisions": list(post.revisions.select_related("author", "batch").defer("snapshot")[:20]),
            "releases": list(
                post.releases.select_related("revision", "owner", "made_by").defer("revision__snapshot")[:10]
            ),
            "claims": [
                ("Version", post.claimed_revision.get("version")),
                ("Status", post.claimed_revision.get("status")),
                ("Last reviewed", post.claimed_revision.get("last_reviewed")),
                ("Hash", post.claimed_hash),
                ("View count", post.view_count),
                *((name.replace("_", " ").capitalize(), value) for name, value in post.flags.items()),
                *((f"Score: {name}", value) for name, value in post.score.items()),
            ],
        }

    @staticmethod
    def _release_words():
        return {
            "expected_result": settings.RELEASE_EXPECTED_RESULT,
            "rollback_note": settings.RELEASE_ROLLBACK_NOTE,
        }

    def render_conflict(self, request, post, record):
        """409: somebody saved meanwhile. Both texts side by side; what was typed can be saved on top or copied."""
        post = self._find(request, post.pk)
        theirs = post.working_record()
        try:
            mine = validate_record({**record, "source_id": post.source_id}).to_dict()
        except RecordRefused:
            mine = record
        keys = [key for key in {**theirs, **mine} if theirs.get(key) != mine.get(key)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{post.head_revision.author or 'An import'} saved this post while you were editing",
            "post": post,
            "differences": [(key.replace("_", " "), _shown(theirs.get(key)), _shown(mine.get(key))) for key in keys],
            "typed": [
                (name, value)
                for name in request.POST
                if name not in ("csrfmiddlewaretoken", "head", "_save", "_submit")
                for value in request.POST.getlist(name)
            ],
            "mine": json.dumps(mine, ensure_ascii=False, indent=2),
        }
        return TemplateResponse(request, "admin/posts/post/conflict.html", context, status=409)

    def preview_view(self, request, object_id):
        """The proposed text as readers would see it; never kept by a cache, never indexed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        post = self._find(request, object_id)
        context = article_context(post, post.head_revision, is_preview=True)
        response = TemplateResponse(request, "posts/detail.html", context)
        response.page_kind = "preview"
        return response

    def act_view(self, request, object_id, act):
        """One act on a post, by POST only. A refusal shows the page again with what was typed and why it is refused."""
        if act not in self.ACTS:
            raise Http404("There is no such act.")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        post = self._find(request, object_id)
        panel = {}
        try:
            message = self.ACTS[act](self, request, post, panel)
        except NotAllowed:
            raise
        except HeadMoved as moved:
            self.message_user(request, str(moved), messages.ERROR)
            return self.render_post(request, self._find(request, object_id), panel=panel, status=409)
        except Refused as refusal:
            for obstacle in refusal.obstacles:
                self.message_user(request, obstacle, messages.ERROR)
            return self.render_post(request, self._find(request, object_id), panel=panel, status=422)
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(self._address(post))

    def _decide(self, request, post, panel):
        form = panel["decide"] = DecisionForm(request.POST, post=post)
        if not form.is_valid():
            # A tick for a point that is no longer there: the text is another one than the form's.
            if "ticks" in form.errors:
                raise HeadMoved(post)
            raise Refused(*(error for errors in form.errors.values() for error in errors))
        data = form.cleaned_data
        outcome = request.POST.get("outcome", "")
        if outcome not in (*Review.Outcome.values, "approved_later"):
            raise Refused("Choose what you decide.")
        review = decide(
            post,
            by=request.user,
            outcome="approved" if outcome == "approved_later" else outcome,
            fingerprint=data["fingerprint"],
            ticks=data.get("ticks", ()),
            flags_seen=data["flags_seen"],
            reason_code=data["reason_code"],
            comment=data["comment"],
            own_text_reason=data["own_text_reason"],
            release=outcome != "approved_later",
            expected_result=data["expected_result"],
            rollback_note=data["rollback_note"],
        )
        version = review.revision.version
        post = self._find(request, post.pk)
        if outcome == "approved":
            state = "open" if post.is_indexable else f"closed ({', '.join(post.index_obstacles)})"
            return f"Approved. Readers see {version} now; search engines: {state}."
        if outcome == "approved_later":
            return f"Approved. Readers see {version} when it is released."
        live = f"Readers keep {post.live_revision.version}." if post.is_live else "Readers see no approved text."
        return f"{review.get_outcome_display()}: {version}. {live}"

    def _flag(self, request, post, panel):
        form = panel["flag"] = FlagForm(request.POST, prefix="flag")
        if not form.is_valid():
            raise Refused("Say what a person should look at.")
        flag_post(post, by=request.user, note=form.cleaned_data["note"])
        return "Flagged. Search engines stay away until a person answers."

    def _clear_flag(self, request, post, panel):
        pk = request.POST.get("flag", "")
        flag = post.review_flags.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
        if flag is None:
            raise Refused("This flag is no flag of this post.")
        clear_flag(flag, by=request.user, note=_why(request))
        return "The flag is cleared."

    def _roll_back(self, request, post, panel):
        release = roll_back(post, by=request.user, why=_why(request))
        return f"Rolled back: readers see {release.revision.version} now. The working copy stays as it is."

    def _withdraw(self, request, post, panel):
        withdraw_post(post, by=request.user, why=_why(request))
        return "Withdrawn: the page answers 410 until a release."

    def _release(self, request, post, panel):
        words = {name: _typed(request, name)[:5000] for name in ("expected_result", "rollback_note")}
        release = release_revision(post.head_revision, by=request.user, **words)
        return f"Released: readers see {release.revision.version} now."

    def _restore(self, request, post, panel):
        number = request.POST.get("number", "")
        revision = (
            post.revisions.filter(number=int(number)).first() if number.isdecimal() and len(number) < 10 else None
        )
        if revision is None:
            raise Refused("This text is no text of this post.")
        restored = restore_revision(revision, by=request.user, why=_why(request))
        return f"Restored {revision.version} as {restored.version}. Readers' pages stay as they are."

    def _submit(self, request, post, panel):
        return f"{submit_revision(post, by=request.user).version} waits for review now."

    def _change_address(self, request, post, panel):
        form = panel["address"] = AddressForm(request.POST)
        if not form.is_valid():
            raise Refused("Write the new address.")
        post = change_slug(post, form.cleaned_data["slug"], by=request.user)
        return f"The address is {post.get_absolute_url()} now; the old one leads there."

    ACTS = {
        "decide": _decide,
        "flag": _flag,
        "clear-flag": _clear_flag,
        "roll-back": _roll_back,
        "withdraw": _withdraw,
        "release": _release,
        "restore": _restore,
        "submit": _submit,
        "change-address": _change_address,
    }


def _typed(request, name):
    """A text that came with a form, without the NUL characters that PostgreSQL takes in no text."""
    return request.POST.get(name, "").replace("\x00", "").strip()


def _why(request):
    return _typed(request, "why")[:500]


def _shown(value):
    """A value of a record as lines of text, for reading side by side."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2) if value else "–"
