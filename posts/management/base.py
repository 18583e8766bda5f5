"""The beginning of every command of ours: words of records, files and requests are shown on a terminal, and obeyed by
none."""

from django.core.management.base import BaseCommand as DjangoCommand
from django.core.management.base import OutputWrapper

from posts.rendering.control_characters import terminal_text


class _Output(OutputWrapper):
    def write(self, msg="", style_func=None, ending=None):
        super().write(terminal_text(str(msg)), style_func, ending)


class BaseCommand(DjangoCommand):
    """A command of Django that writes out what a terminal would take for a command, in errors as well. Files and pipes
    get data as they are, through sys.stdout.buffer."""

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
