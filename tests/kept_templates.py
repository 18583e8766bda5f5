"""Keeps migrated databases from one run of the tests to the next: to migrate takes longer than most files of tests."""

import contextlib
import fcntl
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "var" / "migrated"

# All that decides what `migrate` leaves: migrations, the triggers that it puts in place at its end, the models whose
# content types and rights it notes, the apps of the site, and the versions of Django and Python.
DECIDING = (
    "posts/migrations", "posts/db", "posts/models", "posts/apps.py", "alphanode/settings.py", "tests/settings.py",
    "requirements.txt",
)  # fmt: skip


@dataclass
class Template:
    """What is kept of a migrated database; None where nothing is yet."""

    content: bytes | None


def digest(root: Path = ROOT) -> str:
    """Return a name for the state of all that decides what `migrate` leaves."""
    found = hashlib.blake2b(sys.version.encode(), digest_size=16)
    for name in DECIDING:
        for file in sorted((root / name).rglob("*.py")) or [root / name]:
            content = file.read_bytes()
            found.update(f"\0{file.relative_to(root)}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


@contextlib.contextmanager
def kept_template(engine: str, folder: Path = FOLDER, state: str = "") -> Iterator[Template]:
    """Yield the template of an engine in the state of the code, and keep the content that it is given.

    One run at a time gets here. The file is replaced as a whole, and those of other states go with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{engine}-{state or digest()}"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        template = Template(file.read_bytes() if file.exists() else None)
        is_new = template.content is None
        yield template
        if is_new and template.content is not None:
            part = folder / "part"
            part.write_bytes(template.content)
            for old in folder.glob(f"{engine}-*"):
                old.unlink()
            part.replace(file)
