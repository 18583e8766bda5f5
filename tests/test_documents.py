"""Everything that the documents name exists: links, commands, options, settings, files."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "posts/README.md", ROOT / "bench/README.md"])
OURS = sorted(name for name, app in get_commands().items() if app == "posts")
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def code_in(text: str) -> list[str]:
    """Return the code of a document: what stands between backticks, and each line of an indented or fenced block."""
    fenced = re.findall(r"^\s*```[^\n]*\n(.*?)^\s*```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^\s*```.*?^\s*```$", "", text, flags=re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"(?:^|\n\n)((?:    .*(?:\n|$))+)", prose)
    spans = [re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", prose)]
    return [*spans, *(line for block in (*fenced, *blocks) for line in block.splitlines())]


def anchors_of(path: Path) -> set[str]:
    """Return the ids that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)) for heading in headings)
    return {heading.lower().replace(" ", "-") for heading in words}


def options_of(command: str) -> set[str]:
    """Return the options that a command of any installed app takes."""
    parser = load_command_class(get_commands()[command], command).create_parser("manage.py", command)
    return {option for action in parser._actions for option in action.option_strings}


@every_document
def test_every_link_leads_to_a_file_and_a_heading(document):
    text = re.sub(r"^```.*?^```$|(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", document.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.is_relative_to(ROOT) and path.exists(), target
        if anchor:
            assert anchor in anchors_of(path), target


@every_document
def test_every_command_named_exists_and_takes_the_options_named(document):
    for code in code_in(document.read_text()):
        for command, arguments in re.findall(r"manage\.py ([a-z_]+)([^|>#]*)", code):
            assert command in get_commands(), code
            assert set(re.findall(r"(?<!\S)--[a-z][a-z-]*", arguments)) <= options_of(command), code
        if re.fullmatch(r"make [a-z-]+.*", code.strip()):
            target = code.split()[1]
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), code


@every_document
def test_every_option_named_alone_is_one_of_a_command_or_of_a_script(document):
    scripts = "".join(path.read_text() for path in [*ROOT.glob("bench/*.py"), ROOT / "tests/mutations.py"])
    known = {*re.findall(r'"(--[a-z-]+)"', scripts), *(option for command in OURS for option in options_of(command))}
    for code in code_in(document.read_text()):
        if code.startswith(("--", "… ARGS=")):
            assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)) <= known, code


def test_the_page_of_commands_lists_every_command_with_its_own_options():
    rows = re.findall(r"^\| `([a-z_]+)[^`]*` \| (.+) \|$", (ROOT / "docs/commands.md").read_text(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == OURS
    for name, text in rows:
        assert set(re.findall(r"`(--[a-z-]+)", text)) <= options_of(name), name


def test_the_table_of_settings_has_every_setting_with_its_default():
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    rows = re.findall(r"^\| `([A-Z_]+)` \| .+ \| (.+) \|$", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(example)
    for name, default in rows:
        if default.startswith("`https://`"):
            continue  # follows from another setting
        code = re.fullmatch(r"`(.+)`", default)
        assert example[name] == (code[1] if code else ""), name


@every_document
def test_every_file_named_exists(document):
    for code in code_in(document.read_text()):
        for path in re.findall(
            r"(?<![\w/.-])(?:posts|alphanode|tests|bench|scripts|docs|templates|static)/[\w./-]+", code
        ):
            # "tests/test_queue*.py" is a pattern, and "posts.jsonl" does not exist yet.
            assert (ROOT / path).exists() or any(ROOT.glob(f"{path}*")) or "posts/<" in code, f"{path} in {code}"


def test_the_page_of_the_product_names_its_packages_and_the_files_where_things_are_decided():
    text = (ROOT / "posts/README.md").read_text()
    packages = {path.parent.name for path in ROOT.glob("posts/*/__init__.py")} - {"migrations", "templatetags"}
    table, _, files = text.partition("## Where is it decided")
    assert {
        name for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE) for name in re.findall(r"\w+", row)
    } == packages
    named = re.findall(r"`([\w./]+)`", files.partition("\nTests")[0])
    assert len(named) > 15 and all((ROOT / "posts" / name).exists() for name in named)


def test_the_index_leads_to_every_document():
    index = (ROOT / "docs/README.md").read_text()
    targets = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", index)}
    expected = {*ROOT.glob("docs/*.md")} - {ROOT / "docs/README.md"}
    assert expected <= targets
    decisions = (ROOT / "docs/decisions/README.md").read_text()
    assert all(path.name in decisions for path in (ROOT / "docs/decisions").glob("0*.md"))


def test_the_readme_fits_on_two_screens():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 110
