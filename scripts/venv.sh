#!/bin/sh
# Makes .venv with the locked packages of one requirements file and stamps it; a half-made one is thrown away.
# Usage: scripts/venv.sh PYTHON REQUIREMENTS
set -eu
python=$1
requirements=$2
cd "$(dirname "$0")/.."

version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3] if sys.version_info >= (3, 11) else "")') || {
    echo "“$python” does not run. Name a Python 3.11 or newer: make PYTHON=python3.12 …" >&2
    exit 1
}
[ -n "$version" ] || { echo "“$python” is older than Python 3.11. Name a newer one: make PYTHON=python3.12 …" >&2; exit 1; }
stamp="$version $(cat requirements.txt "$requirements" | cksum)"
have=$(cat .venv/stamp-"$(basename "$requirements")" 2>/dev/null || true)
[ "$have" = "$stamp" ] && exit 0

if [ "$(cat .venv/python-version 2>/dev/null || true)" != "$version" ]; then
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
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
echo "$stamp" > .venv/stamp-"$(basename "$requirements")"
