#!/usr/bin/env python
"""Django's command line for AlphaNode."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")
    if sys.argv[1:2] == ["runserver"]:
        os.environ.setdefault("ALPHANODE_PROCESS", "web")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"AlphaNode can't start: {error}")
    except DatabaseError as error:
        # SQLite may find it on opening already, before any check of ours can look.
        if "malformed" not in str(error) and "not a database" not in str(error):
            raise
        sys.exit(f"AlphaNode can't start: the database file is damaged ({error}). Restore it from a backup.")
