"""The site as a WSGI application, for gunicorn and its like."""

import os

# Web processes must not wait long for a lock; commands (imports, migrations) may. See settings.DATABASES.
os.environ.setdefault("ALPHANODE_PROCESS", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
