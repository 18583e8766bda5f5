#!/bin/sh
# Migrates, fills an empty site with demo posts, and serves it. Usage: scripts/run.sh PORT
set -eu
cd "$(dirname "$0")/.."
port=$1
export DEBUG="${DEBUG:-on}"
if ! .venv/bin/python - "$port" <<'CHECK'
import socket, sys
try:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", int(sys.argv[1])))
except (OSError, ValueError, OverflowError):
    sys.exit(1)
CHECK
then
    echo "Port $port is taken or no port. Choose another: make run PORT=8001" >&2
    exit 1
fi
export SITE_URL="${SITE_URL:-http://127.0.0.1:$port}"
.venv/bin/python manage.py migrate --verbosity 0
.venv/bin/python manage.py demo
echo "AlphaNode runs at $SITE_URL/ (the desk: $SITE_URL/admin/). Ctrl-C ends it."
exec .venv/bin/python manage.py runserver --noreload --skip-checks "127.0.0.1:$port"
