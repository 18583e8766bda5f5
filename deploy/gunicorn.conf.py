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
# Each worker is replaced after so many requests, not all at the same moment, so that no leak grows for ever.
max_requests = 20_000
max_requests_jitter = 2_000
# The site doesn't use the control socket, and anybody who can write to it controls the server.
control_socket_disable = True
# The site writes a line for each request itself. Gunicorn's own lines have the same form.
accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "posts.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": [], "level": "INFO", "propagate": False},
    },
}
