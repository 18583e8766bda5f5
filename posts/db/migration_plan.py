"""Which migrations run with an upgrade, and which only after it.

A migration whose class has `is_post_deployment = True` takes away what the previous version needs. It is the last one
of its version. `manage.py migrate` leaves it out until it is run with `--post-deployment`; nothing waits for it.
"""

from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import AddField, AlterField, Migration, RemoveField, SeparateDatabaseAndState
from django.db.migrations.executor import MigrationExecutor

from posts.db.short_locks import with_short_locks

Plan = list[tuple[Migration, bool]]


class NeedsPostDeployment(Exception):
    """A migration of this version needs a post-deployment one of an earlier version, which has not run."""


class PatientExecutor(MigrationExecutor):
    """Django's executor; readers wait for a migration as short as can be.

    Django computes each statement when it is its turn, while the locks of those before it are held. On PostgreSQL this
    executor computes them all, then carries them out at once, and begins anew if it would have to wait.
    """

    def apply_migration(self, state: Any, migration: Migration, fake: bool = False, fake_initial: bool = False) -> Any:
        """Apply a migration; return the state after it."""
        if fake or fake_initial or self.connection.vendor != "postgresql" or not is_all_sql(migration):
            # A try that fails leaves its state half changed.
            return with_short_locks(
                self.connection,
                lambda: super(PatientExecutor, self).apply_migration(state.clone(), migration, fake, fake_initial),
            )
        if self.progress_callback:
            self.progress_callback("apply_start", migration, fake)
        with self.connection.schema_editor(collect_sql=True) as editor:
            state = migration.apply(state, editor, collect_sql=True)
        statements = [line for line in editor.collected_sql if not line.startswith("--")]

        def carry_out() -> None:
            with transaction.atomic(using=self.connection.alias), self.connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                self.record_migration(migration)  # type: ignore[call-arg, arg-type]  # the stubs have an older form

        with_short_locks(self.connection, carry_out)
        if self.progress_callback:
            self.progress_callback("apply_success", migration, fake)
        return state


class UpgradeExecutor(PatientExecutor):
    """Without post-deployment migrations."""

    def migration_plan(self, targets: Any, clean_start: bool = False) -> Plan:
        """Return the plan; NeedsPostDeployment if a migration in it depends on one that is left out."""
        plan: Plan = super().migration_plan(targets, clean_start)
        # A plan from the start is only used to compute states, and a new database has no previous version.
        if clean_start or not any(app == "posts" for app, _ in self.loader.applied_migrations):
            return plan
        later = {(migration.app_label, migration.name) for migration, back in plan if not back and is_later(migration)}
        kept = [step for step in plan if (step[0].app_label, step[0].name) not in later]
        for migration, _ in kept:
            for app, name in later.intersection(migration.dependencies):
                raise NeedsPostDeployment(
                    f"{migration.app_label}.{migration.name} needs {app}.{name}, a post-deployment migration of an "
                    "earlier version. Stop the site and its workers, then run: manage.py migrate --post-deployment"
                )
        return kept


def is_all_sql(migration: Migration) -> bool:
    """Return whether all statements of a migration are known before the first of them is carried out."""
    written = set()
    for operation in migration.operations:
        if not operation.reduces_to_sql or isinstance(operation, SeparateDatabaseAndState):
            return False
        if isinstance(operation, AddField | AlterField | RemoveField):
            field = operation.model_name.lower(), operation.name.lower()
            # Django looks in the database for the constraints of a field that it alters.
            if field in written:
                return False
            written.add(field)
    return migration.atomic


def is_later(migration: Migration) -> bool:
    """Return whether a migration runs only after the previous version has ended."""
    return getattr(migration, "is_post_deployment", False)


def missing_migrations(connection: BaseDatabaseWrapper) -> Plan:
    """Return what this version needs and the database lacks."""
    executor = UpgradeExecutor(connection)
    return executor.migration_plan(executor.loader.graph.leaf_nodes())


def post_deployment_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of the post-deployment migrations that the database lacks."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan if is_later(migration)]
