"""Sources made to exhaust a machine, at full size, each in a process with measured time and memory.

One import is watched for network connections; that needs strace.
"""

import io
import os
import resource
import shutil
import subprocess
import tarfile
import time
import zipfile

import pytest

from tests.markdown_sources import GOOD, folder_of
from tests.test_markdown_reader import BOMB

pytestmark = pytest.mark.torture

SECONDS, MEGABYTES = 10, 200


class _Zeros(io.RawIOBase):
    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return b"\0" * size


def _zip(path, extra):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in [*GOOD.items(), *extra]:
            archive.writestr(name, text)


def _tar(path, extra):
    with tarfile.open(path, "w:gz") as archive:
        for name, size in extra:
            info = tarfile.TarInfo(name)
            info.size = size
            archive.addfile(info, _Zeros(size))
        for name, text in GOOD.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


def _folder(path):
    heads = {
        "aliases": BOMB,
        "lists": "a: " + "[" * 60_000,
        "key": "k" * 100_000 + ": 1",
    }
    files = {f"{name}.md": f"---\n{head}\n---\nText." for name, head in heads.items()}
    files["parts.md"] = "+++\n" + ".".join(["a"] * 50_000) + " = 1\n+++\nText."
    folder_of(path, {**GOOD, **files})
    with open(path / "line.md", "w") as file:
        for _ in range(100):
            file.write("x" * (1 << 20))
    os.mkfifo(path / "pipe.md")
    os.symlink(path, path / "loop")


def _texts(path):
    """Yield the texts that cost the parsers of Markdown most; all of them come in as text."""
    bodies = {
        "brackets": "[" * 50_000,
        "quotes": ">" * 20_000 + " a",
        "emphasis": "*a _b " * 30_000,
        "lists": "".join("  " * depth + "- a\n" for depth in range(1000)),
        "ticks": "".join("e" + "`" * count for count in range(1400)),
        "spans": "[a](b) " + "`a``b " * 150_000,
        "pictures": "![a](b)" * 100_000,
        "links": "[a" * 300_000 + "](b)",
        "tags": "<b " * 330_000,
    }
    folder_of(path, {**GOOD, **{f"{name}.md": f"---\nurl: /x/\n---\n{body}" for name, body in bodies.items()}})


# What makes the source, how it ends, posts that come in.
SOURCES = {
    "zeros.zip": (lambda path: _zip(path, [("zeros.md", b"\0" * 200_000_000)]), 1, len(GOOD)),
    "many.zip": (lambda path: _zip(path, [(f"{number}.md", "") for number in range(100_000)]), 66, 0),
    "zeros.tar.gz": (lambda path: _tar(path, [("zeros.md", 200_000_000)]), 1, len(GOOD)),
    "zeros2.tar.gz": (lambda path: _tar(path, [("zeros.png", 2_000_000_000)]), 66, 0),
    "many.tar.gz": (lambda path: _tar(path, [(f"{number}.md", 0) for number in range(100_000)]), 66, 0),
    "heads": (_folder, 1, len(GOOD)),
    "texts": (_texts, 0, len(GOOD) + 9),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_made_to_fill_a_machine_costs_neither_time_nor_memory(name, sites, tmp_path):
    make, status, created = SOURCES[name]
    make(tmp_path / name)
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("site: https://old.example.org\n")
    site = sites.new()
    memory = tmp_path / "memory"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    done = site.run(
        "import_posts", tmp_path / name, "--format", "markdown", "--mapping", mapping, driver=["--memory", str(memory)]
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{name}: {time.monotonic() - began:.1f} s, {after.ru_utime - before.ru_utime:.1f} s of the processor, "
          f"{memory.read_text()} MB")  # fmt: skip
    assert done.returncode == status, done.stderr
    assert site.ask("SELECT count(*) FROM posts_post") == [(created,)]
    assert int(memory.read_text()) < MEGABYTES and after.ru_utime - before.ru_utime < SECONDS


def test_an_import_makes_no_connection_but_that_to_its_database(sites, tmp_path):
    assert shutil.which("strace"), "strace is missing. On Debian and Ubuntu: apt-get install strace"
    site = sites.new()
    if not site.is_sqlite:
        pytest.skip("the database is reached by a connection; the test runs on SQLite")
    text = (
        "---\nimage: https://placehold.co/1.png\n---\n![a](https://placehold.co/2.png) <img src=https://placehold.co/3>"
        '\n\n{% remote_include https://example.org/ %} {{ getJSON "https://example.org" }}\n'
    )
    trace = tmp_path / "trace"
    command = ["import_posts", folder_of(tmp_path / "site", {"a.md": text}), "--format", "markdown"]
    strace = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=connect"]
    assert site.run(*command, before=strace).returncode == 0
    assert site.ask("SELECT count(*) FROM posts_post") == [(1,)]
    assert trace.read_text() == ""
    # The trace sees a connection where there is one.
    python = ["python3", "-c", "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"]
    subprocess.run([*strace, *python], check=True)
    assert "connect(" in trace.read_text()
