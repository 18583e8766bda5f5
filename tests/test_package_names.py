"""Names of packages in code, compared with lists that an operator loaded."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from posts.code_reading.names import names_compared, names_in
from posts.content_checks import findings, results
from posts.content_checks.package_names import lend_package_names
from posts.content_checks.scan import check_again, scan_new_texts
from posts.content_checks.stored import results_of
from posts.models import PackageList, PackageName, QueueEntry
from posts.review_queue.ranking import rank_queue
from posts.synthesis.plants import REAL_PACKAGES, found_by, synthesize_planted
from tests.factories import RecordFactory, make_post

pytestmark = [pytest.mark.django_db]


def load(tmp_path, registry, *names, dated="2026-11-01"):
    """Load a list as an operator does; return what the command says."""
    path, said = tmp_path / f"{registry}.txt", StringIO()
    path.write_text("\n".join(names))
    call_command("load_package_names", registry, str(path), f"--dated={dated}", stdout=said)
    return said.getvalue()


def told_of(*blocks):
    """Return the names that the check tells of a text with these (language, code)."""
    body = "\n\n".join(["Words.", *(f"```{language}\n{code}\n```" for language, code in blocks)])
    found = [finding for finding in findings(RecordFactory(body=body)) if finding.check == "package-names"]
    return [finding.message.split("“")[1].partition("”")[0] for finding in found]


@pytest.mark.once
@pytest.mark.parametrize(
    ("language", "code", "named"),
    [
        ("Python", "import os, requestz.api\nfrom yaml import x\nfrom . import y", ["import requestz", "import yaml"]),
        ("Python", ">>> import flask\n>>> flask.x", ["import flask"]),
        ("Python", "from myapp import models\nimport utils", []),
        ("JavaScript", "import a from 'left-pad';\nimport './b';\nconst c = require('@x/y/z');", ["left-pad", "@x/y"]),
        ("TypeScript", "import fs from 'fs';\nimport p from 'node:path';\nimport q from '@/q';", []),
        ("JavaScript", "import {\n  a,\n} from 'left-pad';", ["left-pad"]),
        ("Go", 'import (\n\t"fmt"\n\tx "github.com/a/b/c"\n)', ["github.com/a/b/c"]),
        ("Rust", "use std::fmt;\nuse serde_json::x;\nmod own;\nuse own::y;", ["serde_json"]),
        ("JSON", '{"dependencies": {"left-pad": "^1", "own": "file:x"}}', ["left-pad"]),
        ("Bash", "$ pip install -r a.txt requests[security]>=2 ./own 'flask<3'", ["requests", "flask"]),
        ("Bash", "sudo python3 -m pip install --index-url x superauth", ["superauth"]),
        ("Bash", "npm i -D @a/b@1.2 && yarn add c", ["@a/b", "c"]),
        ("Dockerfile", "RUN cargo install ripgrep \\\n  --version 1", ["ripgrep"]),
        ("Bash", "go install golang.org/x/tools/gopls@latest", ["golang.org/x/tools/gopls"]),
        ("Bash", "gem install rails", ["rails"]),
        ("Bash", "npm install\npip install $NAME <package>\necho pip install", []),
    ],
)
def test_imports_and_install_commands_name_packages(language, code, named):
    assert [name for _, name in names_in(language, code)] == named


@pytest.mark.once
@pytest.mark.parametrize(
    ("registry", "name", "form"),
    [
        ("pypi", "import yaml", "pyyaml"),
        ("pypi", "import cv2", "opencv-python"),
        ("pypi", "import PIL", "pillow"),
        ("pypi", "import telegram", "python-telegram-bot"),
        ("pypi", "Flask_SQLAlchemy", "flask-sqlalchemy"),
        ("go", "github.com/A/b/c", "github.com/a/b"),
        ("crates", "serde_json", "serde-json"),
    ],
)
def test_a_name_is_compared_in_the_forms_of_its_registry(registry, name, form):
    assert form in names_compared(registry, name)


def test_a_package_that_is_in_no_list_is_a_finding_with_the_date_of_the_list(tmp_path):
    load(tmp_path, "pypi", "requests", "PyYAML")
    record = RecordFactory(body="Words.\n\n```bash\npip install requests requestz-toolbelt-pro\n```")
    (finding,) = [finding for finding in findings(record) if finding.check == "package-names"]
    assert finding.message.startswith(
        "Code block 1 names “requestz-toolbelt-pro”: no package of this name in the list of 2026-11-01 (PyPI)."
    )
    assert (finding.pointer, finding.pointer.line, finding.stops) == ("/body", 3, False)


def test_what_the_reader_or_the_language_has_is_no_finding(tmp_path):
    load(tmp_path, "pypi", "requests", "pyyaml")
    load(tmp_path, "npm", "left-pad")
    own = ("python", "# billing.py\nimport billing")
    assert told_of(("python", "import os, yaml, requests\nfrom .x import y"), own, ("js", "import './a'")) == []
    assert told_of(("python", "import invented_thing"), ("js", "require('lefft-pad')")) == [
        "invented_thing",
        "lefft-pad",
    ]


def test_a_name_is_told_once_however_often_a_text_has_it(tmp_path):
    load(tmp_path, "pypi", "requests")
    assert told_of(*[("bash", "pip install invented-thing")] * 3) == ["invented-thing"]
    both = [("python", "import invented_thing"), ("bash", "pip install Invented-Thing")]
    assert told_of(*both) == ["invented_thing"]


def test_without_a_list_the_check_says_that_nothing_was_compared(tmp_path):
    record = RecordFactory(body="Words.\n\n```bash\npip install invented-thing\n```\n\n```js\nrequire('x-y')\n```")
    load(tmp_path, "npm", "x-y")
    found, unread = results(record)
    assert "package-names" not in {finding.check for finding in found}
    (gap,) = [gap for gap in unread if gap.check == "package-names"]
    assert gap.message == "Names of packages not compared: no list of PyPI is loaded."


def test_a_new_list_replaces_the_old_one_and_texts_are_compared_again(tmp_path):
    load(tmp_path, "pypi", "requests")
    post = make_post(body="Words.\n\n```bash\npip install invented-thing\n```")
    scan_new_texts()
    assert "package-names" in {finding.check for finding in results_of(post.head_revision)[0]}
    load(tmp_path, "pypi", "requests", "invented-thing", dated="2026-11-08")
    check_again()
    assert "package-names" not in {finding.check for finding in results_of(post.head_revision)[0]}
    assert PackageList.objects.get().dated.isoformat() == "2026-11-08" and PackageName.objects.count() == 2


def test_a_list_is_read_in_sets_with_its_comments_and_columns_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("posts.content_checks.package_names.CHUNK", 2)
    said = load(tmp_path, "pypi", "# names", "Flask\t1.0\twords", '"requests",2', "", "flask", "a" * 301, "b.c")
    assert "3 names of PyPI, dated 2026-11-01." in said
    assert sorted(PackageName.objects.values_list("name", flat=True)) == ["b-c", "flask", "requests"]
    load(tmp_path, "pypi", "d", "e", "f")
    assert PackageName.objects.count() == 3


def test_a_list_that_was_not_loaded_to_its_end_is_not_used(tmp_path, monkeypatch):
    load(tmp_path, "pypi", "requests")

    def broken():
        yield "flask"
        raise OSError(5, "Input/output error")

    from posts.content_checks.package_names import load_package_names

    with pytest.raises(OSError, match="Input"):
        load_package_names("pypi", broken(), dated=PackageList.objects.get().dated)
    assert told_of(("bash", "pip install requests flask")) == ["flask"]
    load(tmp_path, "pypi", "requests", "flask")
    assert PackageList.objects.count() == 1


def test_a_file_that_is_missing_is_refused_with_a_reason():
    with pytest.raises(CommandError, match=r"can’t be read: No such file"):
        call_command("load_package_names", "pypi", "/nowhere/names.txt")


def test_planted_inventions_are_found_with_the_lent_lists_and_what_exists_is_not():
    lend_package_names(REAL_PACKAGES)
    for seed in range(1, 12):
        record, plant = synthesize_planted(seed, {"packages": 1.0})
        found = [finding for finding in findings(record) if finding.check == found_by(plant) == "package-names"]
        assert len(found) == 1 and found[0].message.split("“")[1].partition("”")[0] in record["body"].split()[-2]


def test_a_list_that_an_operator_loaded_is_not_replaced_by_a_lent_one(tmp_path):
    load(tmp_path, "pypi", "superauth")
    lend_package_names(REAL_PACKAGES)
    assert list(PackageName.objects.filter(list__registry="pypi").values_list("name", flat=True)) == ["superauth"]


def test_an_unknown_package_moves_a_post_up_in_the_queue(tmp_path):
    load(tmp_path, "pypi", "requests")
    post = make_post(body="Words.\n\n```bash\npip install superauth\n```")
    scan_new_texts()
    rank_queue()
    reasons = {reason["code"]: reason["points"] for reason in QueueEntry.objects.get(pk=post.pk).reasons}
    assert reasons["packages"] == 20
