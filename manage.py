#!/usr/bin/env python
"""Django's command line for AlphaNode."""

import os
import sys

from alphanode import collector

if __name__ == "__main__":
    collector.rest()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")
    if sys.argv[1:2] == ["runserver"]:
        os.environ.setdefault("ALPHANODE_PROCESS", "web")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import BaseCommand, ManagementUtility
    from django.db import Error

    class Commands(ManagementUtility):
        """Django's command line, with the garbage collector at work as soon as a command is loaded."""

        def fetch_command(self, subcommand: str) -> BaseCommand:
            """Return the command, ready to run."""
            command = super().fetch_command(subcommand)
            collector.resume()
            return command

    try:
        Commands(sys.argv).execute()
    except ImproperlyConfigured as error:
        sys.exit(f"AlphaNode can't start: {error}")
    except Error as error:
        from posts.db.pooler import pooler_words
        from posts.outages import first_line, outage_of

        if words := pooler_words(error):
            sys.exit(f"AlphaNode can't start: {words}")
        if outage := outage_of(error):
            sys.stderr.write(f"Stopped: {outage.log} ({first_line(error)}). Try again later.\n")
            # EX_IOERR of sysexits.h, as imports end with it.
            sys.exit(74)
        # SQLite may find it on opening already, before any check of ours can look.
        if "malformed" not in str(error) and "not a database" not in str(error):
            raise
        sys.exit(f"AlphaNode can't start: the database file is damaged ({error}). Restore it from a backup.")
