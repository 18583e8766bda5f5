"""What a process does before it is forked for many commands: Django is set up, and no database is open."""

import django
from django.core.management import load_command_class

django.setup()
for name in ("import_posts", "roll_back_import"):
    load_command_class("posts", name)
