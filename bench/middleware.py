"""Measure what each middleware adds to a public GET, in process: microseconds of processor time.

Usage: python bench/middleware.py [--rounds N] 2>/dev/null

Handlers with one middleware more each, from the outermost on, answer the same request in alternating turns; a row is
what the handler of this middleware takes above the one before it. The view sends 8 KB. The least of all rounds counts.
"""

import argparse
import tempfile
from functools import partial

from goals import note
from in_process import batch, get, use_settings

BATCH = 100


def handler_with(names):
    """Return Django as a WSGI application with these middlewares."""
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    settings.MIDDLEWARE = names
    return WSGIHandler()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        use_settings(DATABASE_URL=f"sqlite:///{folder}/empty.sqlite3", STATIC_ROOT=f"{folder}/static")
        import django
        from django.conf import settings
        from django.core.management import call_command

        django.setup()
        call_command("collectstatic", interactive=False, verbosity=0)
        names = list(settings.MIDDLEWARE)
        handlers = [handler_with(names[:at]) for at in range(len(names) + 1)]
        least = [float("inf")] * len(handlers)
        for _ in range(arguments.rounds):
            for at, handler in enumerate(handlers):
                cpu, *_ = batch(partial(get, handler, "/bench/trivial/"), BATCH)
                least[at] = min(least[at], cpu * 1000)
    print(f"{'no middleware':45}{least[0]:8.1f} µs")
    for name, before, after in zip(names, least, least[1:], strict=False):
        print(f"{name.removeprefix('django.').rpartition('.')[2]:45}{after - before:+8.1f}")
    figure = f"{least[-1] - least[0]:.0f} µs"
    # What Django takes for the view alone is the limit of the same run.
    note("all middleware", figure, ratio=(least[-1] - least[0]) / least[0], limit="x no middleware", most=1.7)
    print(f"{'all':45}{least[-1]:8.1f}   {least[-1] / least[0]:.1f} times the handler without any")


if __name__ == "__main__":
    main()
