"""The manifest of a backup: what is in it, so that a copy can be compared with what was copied."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from django.apps import apps

FILE = "manifest.json"
PICTURES = "pictures"
# The file of the database, by engine.
DATABASES = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}
FORMAT = 1
_PICTURE = re.compile(r"([0-9a-f]{2})/([0-9a-f]{62})\.[a-z0-9]{1,8}")
_TABLE = re.compile(r"[a-z0-9_]+")
_CHUNK = 5_000
_BLOCK = 1 << 20

# From a statement in SQL to its rows.
Ask = Callable[[str], list[tuple[Any, ...]]]


class BackupError(Exception):
    """A backup can't be written or restored; the text says why, for the operator."""


@dataclass(frozen=True)
class Facts:
    """What a database holds: the rows of each table, its migrations, and a digest of all fingerprints in order."""

    rows: dict[str, int]
    migrations: list[str]
    fingerprints: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. taken_at: the moment of the database, ISO 8601. missing: pictures that had no whole file."""

    version: str
    engine: str
    taken_at: str
    database: str
    database_bytes: int
    database_sha256: str
    facts: Facts
    pictures: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write the manifest into the folder of its backup."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the manifest of a backup, or raise BackupError."""
        try:
            content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BackupError(f"{folder} is not a whole backup: it has no {FILE}.") from None
        except (OSError, ValueError) as error:
            raise BackupError(f"{folder / FILE} can't be read: {error}") from None
        try:
            if content["format"] != FORMAT:
                raise BackupError(f"This version reads backups of format {FORMAT}, not {content['format']}.")
            manifest = cls(**content | {"facts": Facts(**content["facts"])})
        except (KeyError, TypeError) as error:
            raise BackupError(f"{folder / FILE} is not the manifest of a backup: {error}") from None
        is_safe = manifest.database in DATABASES.values() and all(map(_TABLE.fullmatch, manifest.facts.rows))
        if not is_safe or not all(map(picture_digest, manifest.pictures)):
            raise BackupError(f"{folder / FILE} has names that no backup has.")
        return manifest


def our_tables() -> set[str]:
    """Return the names of all tables of this version."""
    return {model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed}


def facts_of(ask: Ask, tables: Iterable[str]) -> Facts:
    """Return the Facts of a database, with the rows of some tables."""
    migrations = [f"{app}.{name}" for app, name in ask("SELECT app, name FROM django_migrations ORDER BY app, name")]
    # The names are those of our own tables, or were checked when they were read.
    rows = {table: int(ask(f'SELECT COUNT(*) FROM "{table}"')[0][0]) for table in tables}  # noqa: S608
    digest, last = hashlib.sha256(), 0
    while found := ask(
        f"SELECT id, fingerprint FROM posts_revision WHERE id > {last} ORDER BY id LIMIT {_CHUNK}"  # noqa: S608
    ):
        for number, fingerprint in found:
            digest.update(f"{number} {fingerprint}\n".encode())
        last = int(found[-1][0])
    return Facts(rows, migrations, digest.hexdigest())


def picture_digest(name: str) -> str:
    """Return the digest of the content that the file name of a picture promises; "" for any other name."""
    match = _PICTURE.fullmatch(name)
    return match[1] + match[2] if match else ""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
