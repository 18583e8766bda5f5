"""The base of all our commands: words of records, files and requests never control the terminal."""

from django.core.management.base import BaseCommand as DjangoCommand
from django.core.management.base import OutputWrapper

from posts.rendering.control_characters import terminal_text


class _Output(OutputWrapper):
    def write(self, msg="", style_func=None, ending=None):
        super().write(terminal_text(str(msg)), style_func, ending)


class BaseCommand(DjangoCommand):
    """A Django command that escapes what a terminal would obey, in errors too.

    Files and pipes get data unchanged, through sys.stdout.buffer.
    """

    @property
    def stdout(self):
        return self._stdout

    @stdout.setter
    def stdout(self, output):
        self._stdout = _Output(output._out)

    @property
    def stderr(self):
        return self._stderr

    @stderr.setter
    def stderr(self, output):
        self._stderr = _Output(output._out)
