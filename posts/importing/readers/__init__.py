"""Readers turn a source into rows. One module per format; READERS names them for `--format`."""

from posts.importing.readers.jsonl import read_json_lines

READERS = {"jsonl": read_json_lines}
