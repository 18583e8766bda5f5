#!/bin/sh
# Make .venv with the locked packages of one requirements file and stamp it; replace an incomplete one.
# Usage: scripts/venv.sh PYTHON REQUIREMENTS
set -eu
python=$1
requirements=$2
cd "$(dirname "$0")/.."
# These variables would install packages outside of the virtual environment.
unset PIP_USER PIP_TARGET PIP_PREFIX PYTHONHOME

version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])') || {
    echo "“$python” does not run. Name a Python 3.11 or newer: make PYTHON=python3.12 …" >&2
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "“$python” is Python $version; AlphaNode needs 3.11 or newer. Name one: make PYTHON=python3.12 …" >&2
    exit 1
}
stamp="$version $(cat requirements.txt "$requirements" | cksum)"
stamp_file=.venv/stamp-$(basename "$requirements")
if [ "$(cat "$stamp_file" 2>/dev/null)" = "$stamp" ] && .venv/bin/python -c '' 2>/dev/null; then exit 0; fi

# The version is written last, so a venv without it was not finished.
if [ "$(cat .venv/python-version 2>/dev/null)" != "$version" ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    echo "Making a virtual environment for Python $version in .venv"
    rm -rf .venv
    "$python" -m venv .venv || {
        rm -rf .venv
        echo "This Python can't make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 1
    }
    echo "$version" > .venv/python-version
fi
echo "Installing the locked packages of $requirements"
rm -f "$stamp_file"
if ! { command -v uv >/dev/null && uv pip install --quiet --python .venv/bin/python --require-hashes -r "$requirements"; }
then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r "$requirements"
fi
echo "$stamp" > "$stamp_file"
