#!/bin/sh
# Runs all tests on SQLite, then on PostgreSQL those whose result may depend on the engine, and says at the end what ran on
# which. (With MARKER, and with `make test-postgres`, everything runs on PostgreSQL.)
# Usage: [MARKER=torture] scripts/test.sh PYTHON [ARGUMENT of pytest…]    (MARKER: only the tests that carry it)
set -u
python=$1
shift
second=--second-engine
if [ -n "${MARKER:-}" ]; then set -- -m "$MARKER" "$@" && second=; fi
cd "$(dirname "$0")/.."
TEST_SUMMARY=$(mktemp)
export TEST_SUMMARY
trap 'rm -f "$TEST_SUMMARY"' EXIT
failed=0

echo "Tests on SQLite"
"$python" -m pytest -q "$@" || failed=1
echo "Tests on PostgreSQL"
# 5: no test of those that ARGS name depends on the engine.
sh scripts/with_postgres.sh "$python" -m pytest -q $second "$@" || [ $? = 5 ] || failed=1

echo "What ran on which:"
cat "$TEST_SUMMARY"
for engine in SQLite PostgreSQL; do
    grep -q "^$engine" "$TEST_SUMMARY" || { echo "$engine: nothing, the tests did not start"; failed=1; }
done
exit $failed
