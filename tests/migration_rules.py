"""Refuse migrations that the previous version of the site can't run on: `make lint` calls it.

A linter that reads SQL sees a table that SQLite makes anew as a hundred changes; this one asks the operations. Before
its release, a version may only add. What takes away goes into a post-deployment migration (posts.db.migration_plan).
Run it as python -m tests.migration_rules.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from django.db.migrations import Migration, operations
from django.db.migrations.state import ProjectState
from django.db.models import CASCADE, SET_NULL, Field
from django.db.models.fields import NOT_PROVIDED

# {migration: {part of a finding: why the previous version works on all the same}}. A release empties it, because only
# what came since is looked at.
EXCEPTIONS: dict[str, dict[str, str]] = {}

TAKES_AWAY = (
    operations.RemoveField,
    operations.DeleteModel,
    operations.RenameField,
    operations.RenameModel,
    operations.AlterModelTable,
    operations.AlterUniqueTogether,
    operations.RenameIndex,
)
# Words of SQL that take something away or forbid what was allowed.
HARMFUL_SQL = re.compile(r"\b(DROP\s+(TABLE|COLUMN|TYPE|VIEW)|RENAME|SET\s+NOT\s+NULL|TRUNCATE)\b", re.IGNORECASE)
OWN_IMPORTS = re.compile(r"^\s*(?:from|import)\s+((?:posts|alphanode)\b(?!\.models\.fields\b)[\w.]*)", re.MULTILINE)


BASE = Path(__file__).parent.parent / "deploy" / "rehearsal-base"


def base() -> dict[str, str]:
    """Return what deploy/rehearsal-base says: the last release, its last migration, and the commits of releases."""
    lines = (line.partition("=") for line in BASE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in lines}


def faults_of(
    migration: Migration, before: ProjectState, source: str = "", made: set[str] | None = None
) -> Iterator[str]:
    """Yield what the previous version, or an operator, would suffer from.

    before: the state that the migration starts from; made: the models that the previous version does not know, to which
    those of this migration are added.
    """
    for name in OWN_IMPORTS.findall(source):
        yield f"imports {name}, which will change; copy what it needs"
    state = before.clone()
    made = set() if made is None else made
    for operation in migration.operations:
        if not getattr(migration, "is_post_deployment", False):
            yield from _faults_of_operation(operation, state, made, migration.app_label)
        if isinstance(operation, operations.RunPython | operations.RunSQL) and not operation.reversible:
            yield "can't be taken back: give it a reverse"
        operation.state_forwards(migration.app_label, state)
        if isinstance(operation, operations.CreateModel):
            made.add(operation.name_lower)


def _faults_of_operation(operation, state: ProjectState, made: set[str], app: str) -> Iterator[str]:
    model = (getattr(operation, "model_name", "") or "").lower()
    if isinstance(operation, TAKES_AWAY):
        yield f"{operation.describe()}: the previous version still uses it"
    elif isinstance(operation, operations.CreateModel):
        for name, field in operation.fields:
            yield from _faults_of_reference(f"{operation.name}.{name}", field, made)
    elif isinstance(operation, operations.RunSQL):
        statements = operation.sql if isinstance(operation.sql, list | tuple) else [operation.sql]
        if found := HARMFUL_SQL.search(" ".join(str(statement) for statement in statements)):
            yield f"“{found[0]}” in SQL: the previous version still uses it"
    elif model in made:
        return
    elif isinstance(operation, operations.AddField):
        field = operation.field
        if not field.null and not field.many_to_many and field.db_default is NOT_PROVIDED:
            yield f"{model}.{operation.name} has no db_default: the previous version can't insert rows"
        if field.unique:
            yield f"{model}.{operation.name} is unique: the previous version writes its default twice"
        yield from _faults_of_reference(f"{model}.{operation.name}", field, made)
    elif isinstance(operation, operations.AlterField):
        old = state.models[app, model].fields[operation.name]
        yield from _faults_of_alteration(f"{model}.{operation.name}", old, operation.field)
    elif isinstance(operation, operations.AddConstraint):
        yield f"{operation.describe()}: the previous version may write rows that it refuses"


def _faults_of_alteration(name: str, old: Field, new: Field) -> Iterator[str]:
    if old.null and not new.null:
        yield f"{name} becomes NOT NULL: the previous version may write NULL"
    if not old.unique and new.unique:
        yield f"{name} becomes unique: the previous version may write a value twice"
    if type(old) is not type(new) and old.get_internal_type() != new.get_internal_type():
        yield f"{name} changes its type"
    if new.max_length is not None and (old.max_length is None or new.max_length < old.max_length):
        yield f"{name} becomes shorter: the previous version may write longer values"
    if old.db_default is not NOT_PROVIDED and new.db_default is NOT_PROVIDED and not new.null:
        yield f"{name} loses its db_default: the previous version can't insert rows"
    if old.db_column != new.db_column:
        yield f"{name} changes its column"


def _faults_of_reference(name: str, field: Field, made: set[str]) -> Iterator[str]:
    """Yield a fault of a reference that the database does not follow, where the previous version deletes its target."""
    remote = field.remote_field
    if remote is None or field.many_to_many or not field.db_constraint:
        return
    target = remote.model if isinstance(remote.model, str) else remote.model._meta.label
    if target.rpartition(".")[2].lower() in made:
        return
    if remote.on_delete not in (CASCADE, SET_NULL):
        yield f"{name} refuses the deletion of {target}: the previous version does not know why"


def findings() -> list[str]:
    """Return a line for each fault of a migration since the last release, without those that have a reason."""
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None)
    first = int(base()["migration"][:4])
    lines = []
    unused = {(name, part) for name, parts in EXCEPTIONS.items() for part in parts}
    new = [key for key in sorted(loader.disk_migrations) if key[0] == "posts" and int(key[1][:4]) > first]
    state = loader.project_state(new[0], at_end=False) if new else ProjectState()
    made: set[str] = set()
    for app, name in new:
        migration, before = loader.disk_migrations[app, name], state
        state = migration.mutate_state(state)
        source = Path(sys.modules[type(migration).__module__].__file__ or "").read_text(encoding="utf-8")
        for fault in faults_of(migration, before, source, made):
            excused = {(name, part) for part in EXCEPTIONS.get(name, {}) if part in fault}
            unused -= excused
            if not excused:
                lines.append(f"posts/migrations/{name}.py: {fault}")
    lines += [f"{name}: no fault has “{part}” any more; delete the exception" for name, part in sorted(unused)]
    return lines


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")
    import django

    django.setup()
    lines = findings()
    print("\n".join(lines))
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
