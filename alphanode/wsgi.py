"""The site as a WSGI application, for granian (deploy/serve.py), gunicorn and similar servers."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from alphanode import collector

collector.rest()
# Web processes must not wait long for a lock; commands (imports, migrations) may. See settings.DATABASES.
os.environ.setdefault("ALPHANODE_PROCESS", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alphanode.settings")

try:
    of_django = get_wsgi_application()
    # Without the list of hashed names every page would be an error.
    if not settings.DEBUG and not (settings.STATIC_ROOT / "staticfiles.json").exists():
        raise ImproperlyConfigured(
            f"the files of {settings.STATIC_URL} are not in {settings.STATIC_ROOT}."
            " First run: manage.py collectstatic --noinput"
        )
    # Imported here, as below: they need the apps to be ready.
    from posts.db.pooler import check_way_to_database

    check_way_to_database(settings.DATABASES["default"], pooler=settings.DATABASE_POOLER)
    from posts.monitoring.watch import watch

    watch()
    # Imported here: its change log is a model, which needs the apps to be ready.
    from alphanode.with_page_cache import with_page_cache

    application = with_page_cache(of_django)
    collector.resume()
except ImproperlyConfigured as error:
    sys.stderr.write(f"AlphaNode can't start: {error}\n")
    # For gunicorn and deploy/serve.py 3 means that starting again won't help.
    sys.exit(3)
