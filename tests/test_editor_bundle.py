"""The built editor in static/editor/ belongs to the sources in editor/, without npm."""

import gzip
import hashlib
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "editor"
BUILT = ROOT / "static" / "editor"
MOST_BYTES, MOST_BYTES_SENT = 450 * 1024, 150 * 1024


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_the_built_editor_is_that_of_its_sources_and_of_the_lock_file():
    files = [SOURCES / name for name in ("build.js", "package-lock.json", "package.json")]
    files += (SOURCES / "src").iterdir()
    lines = sorted(f"{file.relative_to(SOURCES).as_posix()} {sha256(file.read_bytes())}\n" for file in files)
    banner, code = (BUILT / "editor.js").read_bytes().split(b"\n", 1)
    says = "editor/ has changed: run make editor, and commit static/editor/."
    assert f"sources {sha256(''.join(lines).encode())} ".encode() in banner, says
    assert f"code {sha256(code)} ".encode() in banner, "static/editor/editor.js was edited. Run make editor."


def test_every_package_of_the_editor_is_locked_by_a_hash_and_each_that_readers_get_has_its_licence():
    locked = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    packages = {path.removeprefix("node_modules/"): package for path, package in locked.items() if path}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    named = re.findall(r"^(\S+) (\d[\d.]*) \((\S+)\)$", (BUILT / "LICENSES.txt").read_text(), re.MULTILINE)
    assert {"@codemirror/view", "@lezer/markdown", "style-mod"} <= {name for name, _, _ in named}
    for name, version, licence in named:
        assert (version, licence) == (packages[name]["version"], "MIT"), name


def test_the_editor_stays_small():
    code = (BUILT / "editor.js").read_bytes()
    assert len(code) < MOST_BYTES
    assert len(gzip.compress(code)) < MOST_BYTES_SENT
