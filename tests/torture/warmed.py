"""What a process does before it is forked for many commands: it sets Django up without a database."""

import django
from django.core.management import load_command_class

django.setup()
for name in ("import_posts", "roll_back_import"):
    load_command_class("posts", name)
