#!/bin/sh
# Start PgBouncer before the PostgreSQL of DATABASE_URL (a server of scripts/with_postgres.sh), run a command behind it,
# and stop it. The command gets the settings that docs/scaling.md describes.
# Usage: scripts/with_postgres.sh scripts/with_pooler.sh COMMAND [ARGUMENT…]
# POOLER_CONFIG adds lines to the configuration, in place of the same ones below.
set -eu
server=/${DATABASE_URL#*@//}
server=${server%/*}
pgbouncer=$(PATH=$PATH:/usr/sbin command -v pgbouncer) || {
    echo "PgBouncer is missing. On Debian and Ubuntu: apt-get install pgbouncer" >&2
    exit 1
}
psql=$(dirname "$(cut -d' ' -f1 "$server/data/postmaster.opts" | tr -d \")")/psql
base=$(mktemp -d /tmp/alphanode-pool.XXXXXX)
chmod 755 "$base"
pooler=
stop() {
    if [ -n "$pooler" ]; then kill "$pooler" 2>/dev/null || true; wait "$pooler" 2>/dev/null || true; fi
    rm -rf "$base"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The role of web processes has the limits that the pooler would not pass on.
"$psql" -q -v ON_ERROR_STOP=1 -h "$server" -U alphanode -d postgres <<SQL
DO \$\$ BEGIN
    PERFORM FROM pg_roles WHERE rolname = 'alphanode_web';
    IF NOT FOUND THEN CREATE ROLE alphanode_web LOGIN IN ROLE alphanode; END IF;
END \$\$;
ALTER ROLE alphanode_web SET statement_timeout = '4s';
ALTER ROLE alphanode_web SET lock_timeout = '2s';
ALTER ROLE alphanode_web SET idle_in_transaction_session_timeout = '15s';
SQL
echo '"alphanode" ""
"alphanode_web" ""' > "$base/users"
# Few connections, so that many clients share them. The last one counts of a setting that is said twice.
cat > "$base/pgbouncer.ini" <<CONF
[databases]
* = host=$server
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = $base
auth_type = trust
auth_file = $base/users
admin_users = alphanode
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
server_login_retry = 1
logfile = $base/log
pidfile = $base/pid
${POOLER_CONFIG:-}
CONF
as=
if [ "$(id -u)" = 0 ]; then
    # It refuses to run as root.
    user=nobody
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    chown -R "$user" "$base"
    as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
(cd /tmp && exec $as "$pgbouncer" -q "$base/pgbouncer.ini" 2>"$base/errors") &
pooler=$!
tries=0
until [ -S "$base/.s.PGSQL.5432" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 "$pooler" 2>/dev/null; then cat "$base/errors" "$base/log" >&2; exit 1; fi
    sleep 0.05
done
name=${DATABASE_URL##*/}
DATABASE_POOLER=transaction DATABASE_DIRECT_URL=$DATABASE_URL DATABASE_URL="postgres://alphanode_web@/$base/$name" "$@"
