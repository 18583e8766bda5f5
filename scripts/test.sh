#!/bin/sh
# Runs all tests on SQLite, then on PostgreSQL, and says at the end what ran on which.
# Usage: [MARKER=torture] scripts/test.sh PYTHON [ARGUMENT of pytest…]    (MARKER: only the tests that carry it)
set -u
python=$1
shift
if [ -n "${MARKER:-}" ]; then set -- -m "$MARKER" "$@"; fi
cd "$(dirname "$0")/.."
TEST_SUMMARY=$(mktemp)
export TEST_SUMMARY
trap 'rm -f "$TEST_SUMMARY"' EXIT
failed=0

echo "Tests on SQLite"
"$python" -m pytest -q "$@" || failed=1
echo "Tests on PostgreSQL"
sh scripts/with_postgres.sh "$python" -m pytest -q "$@" || failed=1

echo "What ran on which:"
cat "$TEST_SUMMARY"
for engine in SQLite PostgreSQL; do
    grep -q "^$engine" "$TEST_SUMMARY" || { echo "$engine: nothing, the tests did not start"; failed=1; }
done
exit $failed
