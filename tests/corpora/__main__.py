"""Try the collections of a folder: python -m tests.corpora FOLDER. See tests/corpora/__init__.py for their forms."""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

SETS = {
    "json": "json/*.base64.json",
    "naughty": "*naughty*.json",
    "commonmark": "*commonmark*.txt",
    "xss": "*xss*.json",
    "markdown": "markdown/*",
    "wxr": "wxr/*.xml",
    "field": "field/*",
}
# What the database has no part in is tried once.
ON_BOTH_ENGINES = ("json", "naughty", "markdown", "wxr", "field")
OWN_CASES = Path(__file__).parents[1] / "field"


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.corpora", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--engine-only", action="store_true", help="only the sets that are tried on both engines")
    parser.add_argument("--outcomes", type=Path, help="write what became of each text there, for --compare")
    parser.add_argument("--compare", nargs=2, type=Path, help="compare two files of --outcomes, try nothing")
    parser.add_argument("--payloads", type=int, default=500, help="how many XSS payloads (all of them: 0)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of payloads")
    return parser.parse_args()


def compare(first, second):
    """Print how many outcomes differ between two engines; return whether none does."""
    one, other = (json.loads(path.read_text()) if path.exists() else {} for path in (first, second))
    if not one or not other:
        print("Both engines: nothing to compare")
        return not one and not other
    differing = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    print(f"Both engines: {len(one):,} outcomes compared\n  differing: {len(differing)}")
    for name in differing[:12]:
        print(f"    {name}: {one.get(name)!r:.150} / {other.get(name)!r:.150}")
    return not differing


def main():
    options = arguments()
    if options.compare:
        return compare(*options.compare)
    found = {name: sorted(options.folder.glob(pattern)) for name, pattern in SETS.items() if name in options.only}
    if "field" in found:
        # Our own cases are tried whatever the folder holds.
        others = [path for path in found["field"] if path.parent.resolve() != OWN_CASES]
        found["field"] = [*sorted(OWN_CASES.iterdir()), *others]
    missing = [name for name, paths in found.items() if not paths]
    if len(missing) == len(found):
        print(f"{options.folder} holds none of: {', '.join(SETS[name] for name in found)}", file=sys.stderr)
        return False
    if not options.engine_only and options.folder.resolve() != OWN_CASES.parent:
        for name in missing:
            print(f"missing: {SETS[name]}")
    chosen = [name for name, paths in found.items() if paths and (name in ON_BOTH_ENGINES or not options.engine_only)]
    return run(chosen, found, options)


def run(chosen, found, options):
    """Try the chosen sets on a database that is made for them; return whether everything held."""
    import django

    django.setup()
    from django.conf import settings
    from django.core import management
    from django.db import connection
    from django.test.utils import setup_databases, setup_test_environment, teardown_databases

    from tests.corpora import commonmark, field, json_rows, markdown, naughty_strings, wxr, xss
    from tests.emptied import mend_emptied_databases

    mend_emptied_databases()
    settings.LOGGING_CONFIG = None
    import logging

    logging.disable(logging.CRITICAL)
    settings.WHITENOISE_MAX_AGE = 3600
    setup_test_environment(debug=False)
    with tempfile.TemporaryDirectory() as folder:
        if connection.vendor == "sqlite":
            settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"{folder}/corpora.sqlite3"
        made = setup_databases(verbosity=0, interactive=False)
        try:
            all_held, outcomes = True, {}
            for name in chosen:
                management.call_command("flush", interactive=False, verbosity=0)
                started = time.monotonic()
                if name == "xss":
                    tally = xss.run(found[name], options)
                else:
                    modules = {
                        "json": json_rows,
                        "naughty": naughty_strings,
                        "commonmark": commonmark,
                        "markdown": markdown,
                        "wxr": wxr,
                        "field": field,
                    }
                    tally = modules[name].run(found[name])
                tally.name += f" ({connection.display_name}, {time.monotonic() - started:.0f} s)"
                all_held &= tally.report()
                outcomes |= {f"{name}: {what}": outcome for what, outcome in tally.outcomes.items()}
        finally:
            teardown_databases(made, verbosity=0)
    if options.outcomes:
        options.outcomes.write_text(json.dumps(outcomes))
    return all_held


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
