"""The site as a WSGI application, for gunicorn and its like."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

# Web processes must not wait long for a lock; commands (imports, migrations) may. See settings.DATABASES.
os.environ.setdefault("ALPHANODE_PROCESS", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")

try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    sys.stderr.write(f"AlphaNode can't start: {error}\n")
    # gunicorn takes 3 for "starting again won't help"; any other status makes it try for ever.
    sys.exit(3)
