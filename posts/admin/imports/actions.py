"""What people do with a whole import: start, rehearse, stop, open, declare, roll back, lift a hold."""

from django.http import Http404
from django.http.response import HttpResponseBase

from posts.admin.imports.page import ImportPage
from posts.admin.imports.trail import batch_address, batch_trail
from posts.admin.lists import number_in, typed_text
from posts.admin.pages import AdminAction
from posts.importing.declare_origin import declare_origin
from posts.importing.generators import assign_generator
from posts.importing.index_switch import switch_batch_index
from posts.importing.rollback import plan_rollback
from posts.importing.tasks import (
    begin,
    begin_following,
    begin_following_generator,
    begin_lifting,
    rehearse_import,
    run_import,
    run_rollback,
)
from posts.models import Generator, HoldReason, ImportBatch, Origin
from posts.operations import Refused
from posts.operations.lift_hold import plan_lift

State = ImportBatch.State


# A page looks at so many posts of an import, unless it is asked to count all.
MOST_LOOKED_AT = 5_000


class RollbackPage(ImportPage):
    """What rolling an import back would do, in numbers: of the first posts, or on demand of all."""

    permissions = ("view_importbatch", "import_posts")
    template = "posts/importbatch/roll_back"

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        plan = plan_rollback(batch, most=None if "all" in self.request.GET else MOST_LOOKED_AT)
        title, posts = f"Roll back import {batch.pk}", plan.withdraws + plan.sets_back
        trail = batch_trail(batch, "Roll back")
        return self.render(title=title, trail=trail, batch=batch, plan=plan, posts=posts, most=MOST_LOOKED_AT)


class HoldPage(ImportPage):
    """What lifting a reason would do, in numbers."""

    permissions = ("view_importbatch", "import_posts")
    template = "posts/importbatch/hold"

    def page(self, batch: ImportBatch, *, status: int = 200) -> HttpResponseBase:
        """Return the page."""
        if self.kwargs["reason"] not in HoldReason.values:
            raise Http404("Unknown reason.")
        reason = HoldReason(self.kwargs["reason"])
        title, plan = f"Lift a hold of import {batch.pk}", plan_lift(batch, reason)
        trail = batch_trail(batch, "Lift a hold")
        return self.render(title=title, trail=trail, batch=batch, reason=reason, plan=plan)


class ImportActions(AdminAction):
    """Start, rehearse, stop, close, open or roll back an import."""

    permissions = ("view_importbatch", "import_posts")
    find = ImportPage.find

    @property
    def action(self) -> str:
        return str(self.kwargs["act"])

    def next_address(self, batch: ImportBatch) -> str:
        """Return the page of the import."""
        return batch_address(batch)

    def _start(self, batch: ImportBatch) -> str:
        if batch.state not in (State.WAITING, State.STOPPED) or not batch.source_path:
            raise Refused(f"Import {batch.pk} can't be started: {batch.get_state_display().lower()}.")
        ImportBatch.objects.filter(pk=batch.pk).update(stop_requested=False)
        begin(run_import, batch, by=self.person)
        return f"Import {batch.pk} starts when a worker is free."

    def _rehearse(self, batch: ImportBatch) -> str:
        if batch.state not in (State.WAITING, State.STOPPED) or not batch.source_path:
            raise Refused(f"Import {batch.pk} can't be rehearsed: {batch.get_state_display().lower()}.")
        ImportBatch.objects.filter(pk=batch.pk).update(rehearsal={})
        begin(rehearse_import, batch, by=self.person)
        return "The rehearsal starts when a worker is free. It writes nothing."

    def _stop(self, batch: ImportBatch) -> str:
        ImportBatch.objects.filter(pk=batch.pk, state=State.RUNNING).update(stop_requested=True)
        return f"Import {batch.pk} stops after this chunk. You can continue it later."

    def _switch(self, batch: ImportBatch) -> str:
        is_open = self.request.POST.get("index") == "open"
        begin_following(switch_batch_index(batch, is_open=is_open, by=self.person), by=self.person)
        return f"For search engines, import {batch.pk} is {'open for approved posts' if is_open else 'closed'}."

    def _declare(self, batch: ImportBatch) -> str:
        origin = self.request.POST.get("origin", "")
        if origin not in Origin.values:
            raise Refused("Choose who wrote the posts of this import.")
        batch = declare_origin(batch, origin, by=self.person)
        begin_following(batch, by=self.person)
        return f"Saved. Who wrote the posts of import {batch.pk}: {batch.get_origin_display().lower()}."

    def _assign(self, batch: ImportBatch) -> str:
        number = number_in(self.request.POST.get("generator", ""))
        generator = Generator.objects.filter(pk=number, is_described=True).first() if number is not None else None
        if generator is None:
            raise Refused("Choose a generator from the list.")
        batch = assign_generator(batch, generator, by=self.person)
        begin_following_generator(generator, by=self.person)
        return f"Saved. Import {batch.pk} belongs to {generator}; a worker updates its posts."

    def _roll_back(self, batch: ImportBatch) -> str:
        if batch.state not in (State.STOPPED, State.FINISHED, State.ROLLING_BACK):
            raise Refused(f"Import {batch.pk} can't be rolled back: {batch.get_state_display().lower()}.")
        why = typed_text(self.request, "why")
        begin(run_rollback, batch, by=self.person, by_id=self.person.pk, why=why)
        return f"The roll-back of import {batch.pk} starts when a worker is free."

    def _lift(self, batch: ImportBatch) -> str:
        reason = self.request.POST.get("reason", "")
        if reason not in HoldReason.values:
            raise Refused("Choose a reason to lift.")
        begin_lifting(batch, reason, by=self.person, why=typed_text(self.request, "why"))
        return f"“{HoldReason(reason).label}” of import {batch.pk} is lifted when a worker is free."

    actions = {
        "start": _start,
        "lift": _lift,
        "rehearse": _rehearse,
        "stop": _stop,
        "switch": _switch,
        "declare-origin": _declare,
        "assign": _assign,
        "roll-back": _roll_back,
    }
