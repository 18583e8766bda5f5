"""Readers turn a source into rows. Each format has a module; READERS names them for `--format`.

To add a format, write a subclass of `base.Reader` in its own module and add a line here; docs/importing.md has an
example. The pipeline does the rest: chunks, checkpoints, identities, addresses, conflicts, counts.
"""

from posts.importing.readers.jsonl import JsonLinesReader
from posts.importing.readers.markdown import MarkdownReader
from posts.importing.readers.wxr import WxrReader

READERS = {reader.format: reader for reader in (JsonLinesReader, WxrReader, MarkdownReader)}
