"""Every command of docs/operations.md runs as it is written there, in the order of the document, on a new site.

Each is a process, and the first of them migrates, so this takes a minute. What systemd, gunicorn, nginx and containers
do is in tests/test_deploy.py and tests/test_containers.py.
"""

import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.page_processes import ROOT
from tests.test_settings import PRODUCTION

pytestmark = [pytest.mark.torture, pytest.mark.once]
TODAY = "2026-11-28"


def commands():
    """Return the arguments of manage.py of every indented command, in order."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = re.findall(r"^ {4,}(?:\.venv/bin/python )?manage\.py (.+)$", text, re.MULTILINE)
    return [shlex.split(line.partition("#")[0].replace("$(date +%F)", TODAY)) for line in lines]


def test_the_document_has_the_commands_of_every_stage():
    named = [command[0] for command in commands()]
    for name in (
        "migrate",
        "collectstatic",
        "check",
        "mark_deployment",
        "backup",
        "restore",
        "audit_indexing",
        "run_worker",
    ):
        assert name in named
    assert named.index("migrate") < named.index("backup") < named.index("restore")


def test_every_command_ends_well_in_the_order_of_the_document(tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONUTF8": "1", **PRODUCTION}
    environment |= {
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "SETUP_PASSWORD": "seven grey herons wade",
        **{name: str(tmp_path / name) for name in ("STATIC_ROOT", "MEDIA_ROOT", "IMPORT_UPLOAD_DIR", "METRICS_DIR")},
    }

    def run(arguments, **changes):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment | changes,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (arguments, done.stdout[-2000:], done.stderr[-2000:])

    run(["migrate", "--verbosity", "0"])
    run(["setup_site", "--name", "ada"])
    for arguments in commands():
        arguments = [part.replace("/backups", str(tmp_path)) for part in arguments]
        if arguments[0] == "run_worker":
            arguments = ["run_worker", "--until-idle"]
        changes = {}
        if arguments[0] == "restore":
            # Into an empty database, as the document says.
            changes["DATABASE_URL"] = f"sqlite:///{tmp_path}/restored.sqlite3"
        run(arguments, **changes)
