"""Configuration of gunicorn: gunicorn -c deploy/gunicorn.conf.py alphanode.wsgi.

WEB_WORKERS, WEB_THREADS and WEB_BIND change what machines differ in.
"""

import os

wsgi_app = "alphanode.wsgi"
bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_WORKERS", "3"))
threads = int(os.environ.get("WEB_THREADS", "4"))
worker_class = "gthread"
# A worker that hangs is replaced; no page takes so long.
timeout = 60
graceful_timeout = 30
keepalive = 5
# A worker begins anew from time to time, each at another moment, so that no leak grows for ever.
max_requests = 20_000
max_requests_jitter = 2_000
# Nothing of ours uses it, and whoever may write to it controls the server.
no_control_socket = True
# The site writes a line for each request itself. Gunicorn's own lines have the same form.
accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "posts.logs.json_formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": [], "level": "INFO", "propagate": False},
    },
}
