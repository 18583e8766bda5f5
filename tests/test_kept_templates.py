"""What a run keeps of a migrated database serves later runs exactly as long as nothing decides otherwise."""

import ast
import shutil

import pytest

from tests.kept_templates import DECIDING, ROOT, digest, kept_template


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the code, as far as it matters."""
    for name in ("posts", "alphanode", "tests/settings.py", "requirements.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["posts/migrations/0001_initial.py", "posts/migrations/0099_new.py", "posts/db/page_triggers.py",
     "posts/models/review.py", "requirements.txt"],
)  # fmt: skip
def test_a_change_of_what_migrating_leaves_calls_for_a_new_template(copy, name):
    before = digest(copy)
    with open(copy / name, "a", encoding="utf-8") as file:
        file.write("\n# Changed.\n")
    assert digest(copy) != before


def test_a_change_elsewhere_does_not(copy):
    before = digest(copy)
    (copy / "posts" / "public" / "views.py").write_text("")
    assert digest(copy) == before


def test_all_that_migrations_and_triggers_import_of_ours_decides_too():
    imported = set()
    for file in [*(ROOT / "posts" / "migrations").glob("*.py"), ROOT / "posts" / "db" / "page_triggers.py"]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    ours = {name.replace(".", "/") for name in imported if name.startswith(("posts", "alphanode", "tests"))}
    assert ours and not {name for name in ours if not name.startswith(DECIDING)}


def test_a_template_is_made_once_and_replaces_the_one_before(tmp_path):
    made = []
    for engine, state in [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2"), ("a", "2"), ("b", "1"), ("a", "1")]:
        with kept_template(engine, tmp_path, state) as template:
            if template.content is None:
                made.append(engine + state)
                template.content = (engine + state).encode()
            assert template.content == (engine + state).encode()
    assert made == ["a1", "b1", "a2", "a1"]
    assert sorted(file.name for file in tmp_path.iterdir() if file.name != "lock") == ["a-1", "b-1"]


def test_a_migration_that_fails_keeps_nothing(tmp_path):
    with pytest.raises(AssertionError), kept_template("a", tmp_path, "1"):
        raise AssertionError("the migration failed")
    with kept_template("a", tmp_path, "1") as template:
        assert template.content is None
