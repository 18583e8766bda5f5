"""The base of all our commands: words of records, files and requests never control the terminal."""

from collections.abc import Callable
from typing import TextIO, cast

from django.core.management.base import BaseCommand as DjangoCommand
from django.core.management.base import CommandError, OutputWrapper

from posts.models import ImportBatch
from posts.rendering.control_characters import terminal_text


def import_with(number: int) -> ImportBatch:
    """Return the import with this number, or raise CommandError."""
    batch = ImportBatch.objects.filter(pk=number).first()
    if batch is None:
        raise CommandError("No import has this number.")
    return batch


class _Output(OutputWrapper):
    def write(  # type: ignore[override]  # as Django's differs from a stream's
        self, msg: object = "", style_func: Callable[[str], str] | None = None, ending: str | None = None
    ) -> None:
        super().write(terminal_text(str(msg)), style_func, ending)


class BaseCommand(DjangoCommand):
    """A Django command that escapes what a terminal would obey, in errors too.

    Files and pipes get data unchanged, through sys.stdout.buffer.
    """

    @property
    def stdout(self) -> OutputWrapper:
        return self._stdout

    @stdout.setter
    def stdout(self, output: OutputWrapper) -> None:
        self._stdout = _Output(cast(TextIO, output._out))

    @property
    def stderr(self) -> OutputWrapper:
        return self._stderr

    @stderr.setter
    def stderr(self, output: OutputWrapper) -> None:
        self._stderr = _Output(cast(TextIO, output._out))
