"""Folders and archives of Markdown files for tests, and their import."""

import io
import os
import tarfile
import zipfile

from posts.importing.mapping import Mapping
from posts.importing.pipeline import import_source
from posts.importing.sources import open_source
from posts.models.import_batch import COUNTS

GOOD = {f"good/{number}.md": f"---\ntitle: Good {number}\n---\nText {number}.\n" for number in range(1, 5)}


def folder_of(root, files):
    """Write {path: text or bytes} below `root`; return the folder."""
    for path, content in files.items():
        place = os.path.join(root, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
    return str(root)


def zip_of(path, files):
    """Write a zip of {name or ZipInfo: text or bytes}, or of pairs; return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)
    return str(path)


def tar_of(path, files, *, mode="w:gz"):
    """Write a tar archive of {name or TarInfo: text or bytes}; return its path."""
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            content = content.encode() if isinstance(content, str) else content
            if info.isreg():
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return str(path)


def import_markdown(path, *, mapping=None, **options):
    """Import a folder or archive; return the batch. mapping: the text of a mapping file."""
    mapping = Mapping.read(mapping) if mapping else None
    with open_source(str(path)) as source:
        return import_source(source, format="markdown", mapping=mapping, **options)


def outcomes(batch):
    """Return {count: rows} of a batch without zeros."""
    return {count: getattr(batch, count) for count in COUNTS if getattr(batch, count)}
