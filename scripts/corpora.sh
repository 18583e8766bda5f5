#!/bin/sh
# Try small cases, and a folder of texts that other people collected, on SQLite and on PostgreSQL. Compare both and print
# counts. Usage: scripts/corpora.sh PYTHON FOLDER [OPTION of tests.corpora…]; FOLDER may be empty.
set -u
python=$1
folder=$2
shift 2
# A relative folder is meant from where make was called, which is the project's folder.
cd "$(dirname "$0")/.."
if [ -z "$folder" ]; then
    echo "No folder was given, so only the project's own cases are tried. To try other texts too:"
    echo "make corpora CORPORA=FOLDER. tests/corpora/__init__.py describes the files."
    folder=tests
fi
outcomes=$(mktemp -d)
trap 'rm -rf "$outcomes"' EXIT
failed=0
"$python" -m tests.corpora "$folder" --outcomes "$outcomes/sqlite.json" "$@" || failed=1
sh scripts/with_postgres.sh "$python" -m tests.corpora "$folder" --outcomes "$outcomes/postgresql.json" \
    --engine-only "$@" || failed=1
"$python" -m tests.corpora "$folder" --compare "$outcomes/sqlite.json" "$outcomes/postgresql.json" || failed=1
exit $failed
