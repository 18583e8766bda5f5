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

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"AlphaNode can't start: {error}")
