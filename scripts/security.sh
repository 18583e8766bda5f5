#!/bin/sh
# Look for holes: bandit over the code, advisories about the locked packages, secrets in the tree.
# Usage: scripts/security.sh PYTHON
set -eu
python=$1
cd "$(dirname "$0")/.."
tools=$PWD/.venv/security
lock=$(cksum < scripts/security.txt)
if [ "$(cat "$tools/complete" 2>/dev/null)" != "$lock" ]; then
    echo "Installing bandit and pip-audit"
    rm -rf "$tools"
    "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
        --target "$tools" -r scripts/security.txt
    echo "$lock" > "$tools/complete"
fi
# Ruff has the same rules with an exception and its reason beside the line; bandit shows that none was forgotten.
PYTHONPATH=$tools "$python" -m bandit --quiet --recursive --severity-level medium --configfile pyproject.toml \
    posts alphanode scripts
exec env TOOLS="$tools" "$python" scripts/security.py
